"""Guesses of how many rows a node has, and how many values a column of it: for choosing plans.

`shoal.dataframe.nodes.estimates` tells what is certain; here, what is likely.  Footers of Parquet
files and frames in memory say how many rows there are and between which bounds their numbers lie.
From there on the usual assumptions hold: values are spread evenly between the bounds, columns are
independent of each other, and the keys of the smaller side of a join are among those of the
larger one (Selinger et al., Access path selection in a relational database, SIGMOD 1979).  A guess
decides how a result is computed, never what it is.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.columnar.region import Columnar
from shoal.dataframe.columnar.scan import footer_of
from shoal.dataframe.kernels.filters import parts_of
from shoal.dataframe.kernels.groups import GroupReducer
from shoal.dataframe.kernels.reductions import SPLIT_BY, Reducer
from shoal.dataframe.kernels.rows import first_rows, last_rows
from shoal.dataframe.nodes.base import FrameNode, columns_of
from shoal.dataframe.nodes.estimates import GROWING, SAME_ROWS, estimate
from shoal.dataframe.nodes.moves import Join, Merge
from shoal.dataframe.nodes.ordered import SortedExchange
from shoal.dataframe.nodes.partitions import Concat, Select
from shoal.dataframe.nodes.reduce import Partial, Reduce, Tree
from shoal.dataframe.nodes.rowwise import (
    Assign,
    Column,
    Filter,
    MapPartitions,
    Method,
    Operator,
    Rename,
)
from shoal.dataframe.nodes.sources import FromPandas
from shoal.dataframe.nodes.stage import Stage
from shoal.dataframe.nodes.undecided import Undecided

__all__ = ["Guesses", "joined_rows", "same_rows"]

EQUAL = 0.1
"""Of rows equal a value, where nothing is known of the column."""

SOME = 1 / 3
"""Of rows meet a condition of which nothing is known."""

LEAST = 1e-4
"""No condition is taken to leave less."""

ENDS: weakref.WeakKeyDictionary[FromPandas, dict[Any, tuple[float, float] | None]] = (
    weakref.WeakKeyDictionary()
)
"""Of columns in memory, which are looked through once."""

COMPARED = frozenset(["lt", "le", "gt", "ge", "eq", "ne"])
SYMBOLS = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}
MIRRORED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}


def joined_rows(left: float, right: float, distinct: list[tuple[float, float]]) -> float:
    """How many rows an inner join has.

    Parameters
    ----------
    left, right
        Rows of its sides.
    distinct
        Of each pair of keys: how many values there are on each side.

    Examples
    --------
    >>> joined_rows(1000, 10, [(10, 10)])
    1000.0
    """
    # The most selective pair counts fully, others less and less: keys are seldom independent.
    rows, power = left * right, 1.0
    for values in sorted((max(pair) for pair in distinct), reverse=True):
        rows /= max(values, 1) ** power
        power /= 2
    return max(rows, 1.0)


class Guesses:
    """Guesses about nodes, each made once.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": range(100)}, npartitions=1)
    >>> Guesses().rows(df.expr), round(Guesses().rows(df[df.x < 25].expr))
    (100.0, 25)
    """

    def __init__(self) -> None:
        self._rows: dict[str, float | None] = {}

    def rows(self, node: Any) -> float | None:
        """How many rows; None where nothing is known.

        Parameters
        ----------
        node
            A frame or a series.
        """
        # Not by recursion: a chain may have thousands of operations.
        chain = []
        while node.name not in self._rows:
            chain.append(node.name)
            same = same_rows(node)
            if same is None:
                self._rows[node.name] = self._count(node)
                break
            node = same
        rows = self._rows[node.name]
        self._rows.update(dict.fromkeys(chain, rows))
        return rows

    def _count(self, node: Any) -> float | None:
        if isinstance(node, FromPandas):
            return float(len(node.data))
        if hasattr(node, "count_rows"):
            return self._count_read(node)
        if isinstance(node, Filter):
            before = self.rows(node.source)
            return None if before is None else max(before * self.share(node.predicate), 1.0)
        if isinstance(node, Reduce | Partial):
            return self._reduced(node)
        if isinstance(node, Join | Merge):
            return self._joined(node)
        if isinstance(node, Concat):
            parts = [self.rows(part) for part in node.frames]
            known = [rows for rows in parts if rows is not None]
            return sum(known) if len(known) == len(parts) else None
        if isinstance(node, Select):
            before = self.rows(node.source)
            return None if before is None else before * node.npartitions / node.source.npartitions
        if isinstance(node, MapPartitions) and node.func in (first_rows, last_rows):
            before, most = self.rows(node.frames[0]), float(node.args[1] * node.npartitions)
            return most if before is None else min(before, most)
        found = estimate(node)
        return None if found is None else float(found.rows)

    def _count_read(self, node: Any) -> float | None:
        count: int | None = node.count_rows(with_filters=True)
        if count is None:
            return None
        share = 1.0
        for groups in parts_of(node.filters):
            none = 1.0
            for group in groups:
                none *= 1 - math.prod(self._meets(node, *triple) for triple in group)
            share *= max(1 - none, LEAST)
        return max(count * share, 1.0)

    def _meets(self, node: Any, name: Any, op: str, value: Any) -> float:
        """The share of rows that meet a filter of a reader."""
        if op in ("in", "not in"):
            found = min(len(value) * self._compared(node, name, "eq", None), 1.0)
            return found if op == "in" else 1 - found
        if op in ("is", "is not"):
            return EQUAL if op == "is" else 1.0
        return self._compared(node, name, SYMBOLS[op], value)

    def _reduced(self, node: Any) -> float | None:
        """Rows of a reduction: as many as there are groups, at most as there were rows."""
        reducer, source = node.reducer, node.args[0]
        before = self.rows(source)
        if isinstance(reducer, GroupReducer):
            if before is None:
                return None
            counts = [self.distinct(source, name) for name in reducer.by if name is not None]
            groups = math.prod(counts) if None not in reducer.by else before
            return max(min(groups, before), 1.0)
        name = getattr(reducer, "name", None)
        if not isinstance(reducer, Reducer) or before is None:
            return None
        if name in ("nlargest", "nsmallest"):
            return min(before, float(dict(reducer.options).get("n", before)))
        if name in SPLIT_BY:
            return before
        # One value of each column.
        return float(len(columns_of(source))) if source.ndim == 2 else None

    def _joined(self, node: Any) -> float | None:
        left, right = self.rows(node.left), self.rows(node.right)
        if left is None or right is None:
            return None
        how = node.how if isinstance(node, Join) else dict(node.options)["how"]
        if how in ("leftsemi", "leftanti", "left_anti"):
            return left
        if how == "right_anti":
            return right
        if how != "inner" or None in (node.left_on, node.right_on):
            return max(left, right)
        keys = zip(node.left_on, node.right_on, strict=True)
        pairs = [(self.distinct(node.left, a), self.distinct(node.right, b)) for a, b in keys]
        return joined_rows(left, right, pairs)

    # ----------------------------------------------------------------------------- values

    def distinct(self, node: Any, name: Any) -> float:
        """How many values a column has; as many as there are rows, where nothing is known.

        Parameters
        ----------
        node
            A frame of which the number of rows is known.
        name
            Of the column.
        """
        rows = self.rows(node) or 1.0
        ends = self.ends(node, name)
        if ends is None:
            return rows
        dtype = node.dtypes.get(name) if node.ndim == 2 else node.meta.dtype
        if dtype is None or dtype.kind not in "iub":
            return rows
        return max(min(rows, ends[1] - ends[0] + 1), 1.0)

    def ends(self, node: Any, name: Any) -> tuple[float, float] | None:
        """The least and the largest value of a column, as numbers, before anything is filtered.

        Parameters
        ----------
        node
            A frame.
        name
            Of the column.
        """
        while True:
            if isinstance(node, FromPandas):
                known = ENDS.setdefault(node, {})
                if name not in known:
                    known[name] = _ends_of(node.data, name)
                return known[name]
            if hasattr(node, "dataset") and hasattr(node, "count_rows"):
                return _ends_in_files(node.dataset, name)
            if isinstance(node, Rename):
                back = {new: old for old, new in node.pairs}
                name = back.get(name, name)
            if isinstance(node, Assign) and name in node.names:
                return None
            if isinstance(node, Stage):
                node = node.body.root
                continue
            if isinstance(node, Join | Merge):
                node = node.left if name in columns_of(node.left) else node.right
                continue
            if isinstance(node, Reduce | Partial):
                if name not in getattr(node.reducer, "by", ()):
                    return None
                node = node.args[0]
                continue
            if not node.frames or node.ndim != 2 or node.frames[0].ndim not in (1, 2):
                return None
            node = node.frames[0]

    def share(self, predicate: Any) -> float:
        """Which share of the rows meets a condition.

        Parameters
        ----------
        predicate
            A boolean series.
        """
        found = SOME
        if isinstance(predicate, Operator):
            found = self._share_of_operator(predicate)
        elif isinstance(predicate, Method):
            found = self._share_of_method(predicate)
        return min(max(found, LEAST), 1.0)

    def _share_of_operator(self, node: Operator) -> float:
        op = node.op.strip("_")
        shares = [self.share(arg) for arg in node.args if isinstance(arg, FrameNode)]
        if op == "and" and len(shares) == 2:
            return shares[0] * shares[1]
        if op == "or" and len(shares) == 2:
            return 1 - (1 - shares[0]) * (1 - shares[1])
        if op in ("inv", "invert", "not") and shares:
            return 1 - shares[0]
        if op not in COMPARED or len(node.args) != 2:
            return SOME
        one, other = node.args
        if not isinstance(one, Column):
            one, other, op = other, one, MIRRORED.get(op, op)
        if not isinstance(one, Column) or isinstance(other, FrameNode):
            return EQUAL if op == "eq" else SOME
        return self._compared(one.source, one.column, op, other)

    def _share_of_method(self, node: Method) -> float:
        kind = node.method
        if kind in ("notna", "notnull"):
            return 1.0
        column = node.args[0] if node.args else None
        values: Any = node.args[1] if len(node.args) > 1 else None
        if kind == "isin" and isinstance(column, Column) and hasattr(values, "__len__"):
            return len(values) * self._compared(column.source, column.column, "eq", None)
        if kind == "between" and isinstance(column, Column) and len(node.args) > 2:
            low = self._compared(column.source, column.column, "ge", node.args[1])
            high = self._compared(column.source, column.column, "le", node.args[2])
            return max(low + high - 1, LEAST)
        return EQUAL if kind.startswith("str.") or kind in ("isna", "isnull") else SOME

    def _compared(self, node: Any, name: Any, op: str, value: Any) -> float:
        """The share of rows whose column compares so with a value."""
        ends = self.ends(node, name)
        if op in ("eq", "ne"):
            dtype = node.dtypes.get(name) if node.ndim == 2 else None
            whole = ends is not None and dtype is not None and dtype.kind in "iub"
            equal = 1 / (ends[1] - ends[0] + 1) if whole and ends is not None else EQUAL
            return equal if op == "eq" else 1 - equal
        at = _number(value)
        if ends is None or at is None or op not in COMPARED:
            return SOME
        width = ends[1] - ends[0]
        below = min(max((at - ends[0]) / width, 0.0), 1.0) if width > 0 else SOME
        return below if op in ("lt", "le") else 1 - below


def same_rows(node: Any) -> Any:
    """The source whose rows, or about as many, a node has; None where there is none.

    Parameters
    ----------
    node
        Of a logical or a physical expression.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": range(100)}, npartitions=1)
    >>> same_rows((df + 1).expr) is df.expr
    True
    """
    if isinstance(node, Stage):
        return node.body.root
    if isinstance(node, Columnar):
        return node.region.root
    if isinstance(node, Undecided | Tree | SortedExchange):
        return node.source
    if isinstance(node, SAME_ROWS) or getattr(node, "keeps_rows", False):
        return node.frames[0] if node.frames else None
    if isinstance(node, Method) and node.method not in GROWING:
        return node.frames[0] if node.frames else None
    if isinstance(node, MapPartitions) and len(node.frames) == 1 and _is_ours(node.func):
        return node.frames[0]
    return None


def _is_ours(func: Callable[..., Any]) -> bool:
    module: str = getattr(func, "__module__", "") or ""
    limits = func in (first_rows, last_rows)
    return module.startswith("shoal.dataframe.kernels.rows") and not limits


def _number(value: Any) -> float | None:
    """A number or a moment as a float; None for anything else."""
    try:
        if isinstance(value, int | float | np.integer | np.floating):
            return None if value != value else float(value)
        moment = pd.Timestamp(value)
        return None if pd.isna(moment) else moment.timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def _ends_of(data: Any, name: Any) -> tuple[float, float] | None:
    """Of a column in memory."""
    column = data[name] if getattr(data, "ndim", 1) == 2 and name in data.columns else None
    if column is None or column.dtype.kind not in "iufM" or not len(column):
        return None
    low, high = _number(column.min()), _number(column.max())
    return None if low is None or high is None else (low, high)


def _ends_in_files(data: Any, name: Any) -> tuple[float, float] | None:
    """Of a column, from the footers of files on this machine."""
    found: list[tuple[float, float]] = []
    marks: Mapping[str, str] = data.marks
    for path, mark in marks.items():
        try:
            column = footer_of(path, mark).columns.get(name)
        except OSError:
            return None
        ends = None if column is None else column.ends
        if ends is None:
            return None
        pair = _number(ends[0]), _number(ends[1])
        if pair[0] is None or pair[1] is None:
            return None
        found.append((pair[0], pair[1]))
    if not found:
        return None
    return min(low for low, _ in found), max(high for _, high in found)
