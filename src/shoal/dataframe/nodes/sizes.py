"""How large a frame can be at most, as far as that is known without computing anything.

Sources know: what is in memory, and what the footers of files say.  What selects rows or columns
makes nothing larger.  Of everything else nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.kernels.places import PLACE, with_places
from shoal.dataframe.nodes.base import FrameNode, columns_of
from shoal.dataframe.nodes.estimates import estimate
from shoal.dataframe.nodes.moves import Shuffle, Sort
from shoal.dataframe.nodes.partitions import Repartition, RepartitionDivisions, Select
from shoal.dataframe.nodes.rowwise import (
    Assign,
    Column,
    Filter,
    MapEach,
    Method,
    Project,
    Rename,
)
from shoal.dataframe.nodes.sources import FromPandas, Given
from shoal.expr.node import Held

__all__ = ["is_small_column", "most_bytes"]

PASSED = (
    *(Assign, Column, Filter, Method, Project, Rename),
    *(Repartition, RepartitionDivisions, Select, Shuffle, Sort),
)
"""What has columns of its first source, and no more rows; `Assign` and `Method` have others too."""

HERE = (pd.DataFrame, pd.Series, pd.Index)

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
    >>> most_bytes(df[df.x > 1][["x"]].expr), most_bytes(df.assign(z=df.x / 2).expr)
    (16, 48)
    >>> most_bytes(df.merge(df, on="x").expr)
    """
    names = set(columns_of(node)) if node.ndim == 2 else {getattr(node, "column", None)}
    made = 0  # bytes of a row of columns that are not the source's
    while isinstance(node, PASSED) or _has_places(node):
        if _has_places(node):
            made += 8 * (PLACE in names)
            names.discard(PLACE)
        elif isinstance(node, Column):
            names = {node.column}
        elif isinstance(node, Rename):
            old = {new: name for name, new in node.pairs}
            names = {old[name] for name in names}
        elif isinstance(node, Assign):
            widths = [_width_bytes(node.dtypes[name]) for name in names.intersection(node.names)]
            if None in widths:
                return None
            made += sum(width for width in widths if width is not None)
            names.difference_update(node.names)
        elif isinstance(node, Method) and node.method != "dropna":
            return None
        node = node.frames[0]
    if isinstance(node, FromPandas):
        return held_bytes(node.data, names) + made * len(node.data)
    if isinstance(node, Given) and isinstance(node.blocks, Held):
        if not all(isinstance(one, HERE) for one in node.blocks.values):
            return None  # they are on a cluster
        return sum(held_bytes(one, names) + made * len(one) for one in node.blocks.values)
    scan = getattr(node, "scan", None)
    found = scan() if scan is not None else None
    if found is None or isinstance(found, str):
        return None
    read = sum(int(one.size_bytes) for name, one in found.columns.items() if name in names)
    return read + made * int(found.rows)


def _has_places(node: FrameNode) -> bool:
    """Whether rows are told where they are."""
    return isinstance(node, MapEach) and node.func is with_places


def _width_bytes(dtype: Any) -> int | None:
    """What a value takes; None where that differs."""
    is_fixed = isinstance(dtype, np.dtype) and dtype.kind != "O"
    return int(dtype.itemsize) if is_fixed else None


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
