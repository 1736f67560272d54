"""Rows of frames that meet by their labels, where partitions alone do not tell how."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from shoal.dataframe.kernels import labels
from shoal.dataframe.kernels.levels import levels_of
from shoal.dataframe.nodes.base import ALL_COLUMNS, Apply, Columns, FrameNode, PartitionWise
from shoal.dataframe.nodes.homeward import Homeward
from shoal.dataframe.nodes.moves import Join, Ranged, SetIndex, Shuffle, Sort, common_dtype
from shoal.dataframe.nodes.partitions import (
    Head,
    Repartition,
    RepartitionDivisions,
    Select,
    Tail,
)
from shoal.dataframe.nodes.reduce import Reduce
from shoal.dataframe.nodes.rowwise import (
    Assign,
    Attribute,
    Column,
    Filter,
    MapPartitions,
    Method,
    Operator,
    Project,
    Rename,
    ResetIndex,
)
from shoal.dataframe.nodes.sources import FromMap, FromPandas, Source

__all__ = ["Matched", "labels_differ", "never_same", "order_lost", "same_labels"]

SOME_ROWS = frozenset(["dropna", "drop_duplicates", "head", "tail", "query", "filter", "drop"])
"""Methods that leave out rows, and change no label."""

MOVES = (Head, Ranged, Repartition, RepartitionDivisions, Select, Shuffle, Tail)
"""Nodes whose rows are rows of the source, each once at most."""


class Matched(PartitionWise):
    """A frame's partitions as they meet those of another one that has the same labels there.

    Parameters
    ----------
    source, other
        Frames or series; rows of a label are in partitions of the same number.
    same
        A node: whether the indexes of the whole frames are equal.
    how, what
        As of `shoal.dataframe.kernels.labels.matched`.

    Examples
    --------
    >>> Matched.fields
    ('source', 'other', 'same', 'how', 'what')
    """

    __slots__ = ()
    fields = ("source", "other", "same", "how", "what")
    prefix = "matched"

    def call(self) -> Apply:
        """Pair them."""
        args = (self.source, self.other, self.same, self.how, self.what)
        return Apply(labels.matched, args, title=f"matched {self.how}")

    def infer_meta(self) -> Any:
        """The source's."""
        return self.source.meta

    def infer_divisions(self) -> tuple[Any, ...]:
        """The source's."""
        known: tuple[Any, ...] = self.source.divisions
        return known

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """The wanted ones, and the other frame's labels."""
        yield self.source, wanted if self.source.ndim == 2 else ALL_COLUMNS
        yield self.other, frozenset() if self.other.ndim == 2 else ALL_COLUMNS
        yield self.same, ALL_COLUMNS


def same_labels(one: FrameNode, other: FrameNode) -> FrameNode:
    """Whether two frames have equal indexes, however they are cut: a scalar.

    Parameters
    ----------
    one, other
        Frames or series.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=2)
    >>> same_labels(df.expr, df.repartition(npartitions=1).expr).ndim
    0
    """
    sides = [_levels(frame.meta.index) for frame in (one, other)]
    if len(sides[0]) != len(sides[1]):
        return never_same()
    dtypes = tuple([common_dtype(a, b) for a, b in zip(*sides, strict=True)])
    prints = [
        Reduce((Attribute(frame, "index"),), labels.LabelPrint(dtypes), (0, 0), None, 1)
        for frame in (one, other)
    ]
    return MapPartitions(_equal, tuple(prints), (), True, None, "same-labels")


def _levels(index: pd.Index) -> list[Any]:
    return [level.dtype for level in levels_of(index)]


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other)


def _never() -> bool:
    return False


def never_same() -> FrameNode:
    """What `same_labels` gives, of frames that cannot have equal indexes.

    Examples
    --------
    >>> never_same().ndim
    0
    """
    return MapPartitions(_never, (), (), False, (None, None), "same-labels")


def order_lost(node: FrameNode) -> bool:
    """Whether rows of one label may stand in another order than pandas has them.

    Parameters
    ----------
    node
        A frame or series.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=2)
    >>> order_lost(df.expr), order_lost(df.shuffle("x").expr)
    (False, True)
    """
    waiting, seen = [node], set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, Shuffle | Join):
            return True
        if one.name not in seen and not isinstance(one, Homeward | Reduce | Sort | SetIndex):
            seen.add(one.name)
            waiting += one.frames
    return False


def labels_differ(node: FrameNode, everywhere: bool) -> bool | None:
    """Whether no label occurs twice; None where that is not known without computing anything.

    Parameters
    ----------
    node
        A frame or series.
    everywhere
        Whether labels of different partitions count, too.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=2)
    >>> labels_differ(df[df.x > 1].expr, True), labels_differ(df.reset_index().expr, True)
    (True, None)
    """
    waiting, seen = [node], set()
    while waiting:
        one = waiting.pop()
        if one.name in seen:
            continue
        seen.add(one.name)
        if isinstance(one, FromPandas):
            index = one.data if one.is_index else one.data.index
            if not index.is_unique:
                return False
        elif not everywhere and _numbers_rows(one):
            continue
        else:
            sources = _whose_labels(one, everywhere)
            if not sources:
                return None
            waiting += sources
    return True


def _numbers_rows(node: Any) -> bool:
    """Whether a node gives the rows of each partition numbers as labels."""
    if isinstance(node, Join):
        return not node.direct and not node.on_index and type(node.meta.index) is pd.RangeIndex
    if isinstance(node, ResetIndex):
        return True
    if not isinstance(node, Source) or not isinstance(node.meta.index, pd.RangeIndex):
        return False
    return not isinstance(node, FromMap) or type(node.func).__module__.startswith("shoal.")


def _whose_labels(node: Any, everywhere: bool) -> list[FrameNode]:
    """The frames of which a node has all or some rows, with their labels; empty: it is unclear."""
    if isinstance(node, MOVES):
        moved = isinstance(node, Repartition | Shuffle)
        return [] if moved and not everywhere else [node.source]
    if isinstance(node, Filter | Project | Column | Rename | Assign):
        return [node.source]
    if isinstance(node, Operator) or (
        isinstance(node, Method) and (node.keeps_rows or node.method in SOME_ROWS)
    ):
        tall = [one for one in node.frames if one.npartitions == node.npartitions and one.ndim]
        return tall if node.keeps_labels else []
    return [node.source] if isinstance(node, Matched) else []
