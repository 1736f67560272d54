"""Bags and delayed calls as a notebook shows them: their names are text, whatever they are."""

from __future__ import annotations

import shoal
from shoal import bag

NASTY = "<img src=x onerror=alert(1)>"


def test_what_a_notebook_shows() -> None:
    shown = bag.from_sequence(range(10), npartitions=5)._repr_html_()
    assert "<th>Partitions</th><td>5</td>" in shown and "from_sequence" in shown
    named = shoal.delayed(abs)(-1, dask_key_name=NASTY)
    assert named.key == NASTY
    assert "Delayed" in named._repr_html_() and "<img" not in named._repr_html_()
