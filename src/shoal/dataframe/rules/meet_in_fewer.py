"""Rows that go back to where they were meet in as few partitions as they need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.dataframe.nodes.base import FrameNode
from shoal.dataframe.nodes.homeward import Homeward
from shoal.dataframe.nodes.moves import Shuffle
from shoal.dataframe.nodes.rowwise import MapPartitions
from shoal.dataframe.rules.gather_small import fewer_partitions

__all__ = ["meet_in_fewer"]


def meet_in_fewer(node: Any, uses: Mapping[str, int]) -> FrameNode | None:
    """Shuffle rows that are surely small into fewer partitions, where nobody sees how many.

    Parameters
    ----------
    node
        Before: ``Homeward(500) <- MapPartitions <- Shuffle(500) <- source``.
    uses
        Not needed: what others read has as many partitions for them.

    Returns
    -------
    FrameNode or None
        After: ``Homeward(500) <- MapPartitions <- Shuffle(1) <- source``.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": range(100), "y": 1}, npartitions=100)
    >>> meet_in_fewer(df.groupby("y").x.cumsum().expr, {}).source.npartitions
    1
    """
    if not isinstance(node, Homeward):
        return None
    there = node.source
    shuffle = there.frames[0] if isinstance(there, MapPartitions) else None
    if not isinstance(shuffle, Shuffle) or len(there.frames) > 1 or shuffle.in_place:
        return None
    new = fewer_partitions(shuffle.source, shuffle.count)
    if new is None:
        return None
    fewer = shuffle.replace(count=new)
    moved = there.replace(args=(fewer, *there.args[1:]), given_divisions=(None,) * (new + 1))
    changed: FrameNode = node.replace(source=moved)
    return changed


meet_in_fewer.phase = 2  # type: ignore[attr-defined]
