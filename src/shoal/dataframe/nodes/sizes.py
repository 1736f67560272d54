"""How large a frame can be at most, as far as that is known without computing anything.

Sources know: what is in memory, and what the footers of files say.  What selects rows or columns
makes nothing larger.  Of everything else nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shoal.dataframe.nodes.base import FrameNode, PartitionWise, columns_of
from shoal.dataframe.nodes.partitions import Repartition
from shoal.dataframe.nodes.rowwise import Column, Filter, Project
from shoal.dataframe.nodes.sources import FromPandas

__all__ = ["most_bytes"]


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


def held_bytes(data: Any, names: Iterable[Any]) -> int:
    """What columns of a pandas object take."""
    if getattr(data, "ndim", 0) < 2:
        return int(data.nbytes)
    used = data.memory_usage(index=False)
    return int(used[[name for name in used.index if name in set(names)]].sum())
