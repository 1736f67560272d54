"""Seams between parts that do not import each other: one function of each, by name.

`shoal.bag`, `shoal.array` and `shoal.dataframe` stand side by side.  Where one turns into another,
the function that does it is named here and loaded when it is first called.  So is what makes
collections answer to the names of Dask's protocol, which most processes never need, and what a
worker takes from the client's side.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

__all__ = ["SEAMS", "across", "stands_for_dask"]

SEAMS = {
    "actor to proxy": "shoal.distributed.client.actor:make_proxy",
    "Dask's protocol": "shoal.compat.protocol:spoken",
    "array to blocks": "shoal.array.frames:blocks_of_array",
    "array to dataframe": "shoal.dataframe.io.memory:from_dask_array",
    "awaited collection": "shoal.distributed.client.completed:awaited",
    "bag to dataframe": "shoal.dataframe.io.memory:from_bag",
    "blocks to array": "shoal.array.frames:from_blocks",
    "delayed to bag": "shoal.bag.create:from_delayed",
}
"""The module and the function behind each."""


def across(name: str, *args: Any) -> Any:
    """Call a function on the other side of a seam.

    Parameters
    ----------
    name
        In `SEAMS`.
    *args
        Its arguments.

    Examples
    --------
    >>> import shoal.bag as db
    >>> across("bag to dataframe", db.from_sequence([{"x": 1}]), None, None).columns.tolist()
    ['x']
    """
    module, _, function = SEAMS[name].partition(":")
    return getattr(importlib.import_module(module), function)(*args)


def stands_for_dask() -> bool:
    """Whether ``dask`` means shoal in this process: see `shoal.compat`.

    Examples
    --------
    >>> stands_for_dask()
    False
    """
    dask = sys.modules.get("dask")
    return dask is not None and dask is sys.modules.get("shoal")
