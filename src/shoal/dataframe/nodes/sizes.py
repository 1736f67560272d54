"""How large a frame can be at most, as far as that is known without computing anything.

Sources know: what is in memory, and what the footers of files say.  What selects rows or columns
makes nothing larger.  Of everything else nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from shoal.dataframe.nodes.base import FrameNode, PartitionWise, columns_of
from shoal.dataframe.nodes.estimates import estimate
from shoal.dataframe.nodes.partitions import Repartition
from shoal.dataframe.nodes.rowwise import Column, Filter, Project
from shoal.dataframe.nodes.sources import FromPandas

__all__ = ["is_small_column", "most_bytes"]

SMALL_BYTES = 32 << 20
"""So large a column may be to be put together in one task."""


def most_bytes(node: FrameNode) -> int | None:
    """A bound on what all partitions take together; None: unknown.

    Parameters
    ----------
    node
        A frame.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2], "y": [3, 4]}, npartitions=2)
    >>> most_bytes(df[df.x > 1][["x"]].expr), most_bytes(df.cumsum().expr)
    (16, None)
    """
    names: set[Any] | None = None
    while isinstance(node, Filter | Project | Column | Repartition):
        if isinstance(node, Project):
            names = set(node.columns) if names is None else names & set(node.columns)
        elif isinstance(node, Column):
            names = {node.column}
        node = node.frames[0]
    if not isinstance(node, PartitionWise):
        return None
    wanted = columns_of(node) if names is None else names
    if isinstance(node, FromPandas):
        return held_bytes(node.data, wanted)
    scan = getattr(node, "scan", None)
    found = scan() if scan is not None else None
    if found is None or isinstance(found, str):
        return None
    return sum(int(one.size_bytes) for name, one in found.columns.items() if name in wanted)


def is_small_column(node: FrameNode) -> bool:
    """Whether a column of numbers or times is surely small, and nothing has to be read for it.

    Parameters
    ----------
    node
        A series.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2], "s": ["a", "b"]}, npartitions=2)
    >>> is_small_column((df.x * 2).expr), is_small_column(df.s.expr)
    (True, False)
    """
    dtype = node.meta.dtype
    if isinstance(dtype, pd.CategoricalDtype) or getattr(dtype, "kind", "") not in "iufmM":
        return False
    waiting, seen = [node], set()
    while waiting:
        one = waiting.pop()
        if one.name not in seen:
            seen.add(one.name)
            waiting += one.frames
            if not one.frames and not isinstance(one, FromPandas):
                return False
    rows = estimate(node)
    return rows is not None and rows.rows * getattr(dtype, "itemsize", 8) <= SMALL_BYTES


def held_bytes(data: Any, names: Iterable[Any]) -> int:
    """What columns of a pandas object take."""
    if getattr(data, "ndim", 0) < 2:
        return int(data.nbytes)
    used = data.memory_usage(index=False)
    return int(used[[name for name in used.index if name in set(names)]].sum())
