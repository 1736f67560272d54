"""Aggregations by group, and distinct rows, of which nobody knows how many there will be.

Combining partial results in a tree is best where many partitions have the same groups.  Where
nearly every row is a group of its own, each level of the tree has all of the data again, and the
last task more than a worker has memory.  So some partial results are made first (`SomeFirst`).  If
the groups that they announce are large, results are brought together by ranges of keys, each range
by itself (`OpenGroups`); distinct rows and values are found by pieces of their keys
(`OpenDistinct`).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pandas as pd

from shoal import config
from shoal.dataframe.kernels.distinct import Added, Joined, PairSplit, finished, sketch_pair
from shoal.dataframe.kernels.groupcount import expected_bytes, sketch_groups
from shoal.dataframe.nodes.base import FrameNode
from shoal.dataframe.nodes.firsts import KeepFirst
from shoal.dataframe.nodes.ordered import SortedCounts, SortedExchange
from shoal.dataframe.nodes.partitions import Repartition
from shoal.dataframe.nodes.reduce import Exchange, Partial, Tree
from shoal.dataframe.nodes.undecided import Undecided
from shoal.expr.adapt import note_decision
from shoal.expr.lower import Lowering
from shoal.units import format_bytes, parse_bytes

__all__ = ["OpenDistinct", "OpenGroups", "Patched", "Some", "SomeFirst", "range_bytes"]

MOST_FIRST = 16
"""So many partial results are made first at most."""

TABLE = 4
"""So many times the memory of distinct keys the table takes in which they are looked up."""


def range_bytes() -> int:
    """How large the groups of one task may be.

    Examples
    --------
    >>> range_bytes() == 32 << 20
    True
    """
    return int(parse_bytes(config.get("dataframe.replan.group-limit")))


class Some(FrameNode):
    """Some blocks of a node.

    Parameters
    ----------
    source
        The node.
    places
        Their numbers.
    measure
        ``measure(block)``: what is to be known of each.

    Examples
    --------
    >>> Some.fields
    ('source', 'places', 'measure')
    """

    __slots__ = ()
    fields = ("source", "places", "measure")
    prefix = "some"

    def infer_divisions(self) -> tuple[Any, ...]:
        """Unknown."""
        return (None,) * (len(self.places) + 1)

    def place(self, lowering: Lowering) -> None:
        """Another name for blocks that are there."""
        numbers = lowering.numbers(self.source)
        lowering.graph.name_blocks(self.name, [numbers[i] for i in self.places])


class Patched(FrameNode):
    """A node some blocks of which are there already.

    Parameters
    ----------
    source
        The node.
    places
        The numbers of those blocks.
    held
        They.

    Examples
    --------
    >>> Patched.fields
    ('source', 'places', 'held')
    """

    __slots__ = ()
    fields = ("source", "places", "held")
    prefix = "patched"

    def infer_divisions(self) -> tuple[Any, ...]:
        """Unknown."""
        return (None,) * (int(self.source.size) + 1)

    def place(self, lowering: Lowering) -> None:
        """Another name for blocks of both; nobody makes the others then."""
        numbers = list(lowering.numbers(self.source))
        for place, number in zip(self.places, lowering.numbers(self.held), strict=True):
            numbers[place] = number
        lowering.graph.name_blocks(self.name, numbers)


class SomeFirst(Undecided):
    """A reduction that is planned when the partial results of some partitions have been looked at.

    Those that derive from it have the fields of `Undecided`, and ``resize``: whether there may be
    more than one partition.

    Examples
    --------
    >>> issubclass(SomeFirst, Undecided)
    True
    """

    __slots__ = ()
    pieces: ClassVar[str]

    def label(self) -> str:
        """What may change."""
        return f"{self.source.label()}; open: {self.pieces}"

    def _partial(self) -> Partial:
        node = self.source
        return Partial(node.args, node.reducer, annotations=node.annotations)

    def watched(self) -> tuple[FrameNode, ...]:
        """Some of the partial results, from all over the frame."""
        partial = self._partial()
        count = int(partial.size)
        first = min(MOST_FIRST, max(2, count // 8))
        places = tuple([i * count // first for i in range(first)])
        return (Some(partial, places, self._sketch()),)

    def settled(self, seen: Sequence[Any], fixed: bool) -> FrameNode:
        """A tree, or pieces."""
        [one], [watched] = seen, self.watched()
        partial, node = self._partial(), self.source
        states = Patched(partial, watched.places, one.blocks)
        total = expected_bytes(one.measures, partial.size)
        count = min(-(-total // self._piece_bytes()), int(partial.size))
        text = f"{one.blocks.size} of {partial.size} partitions announce {format_bytes(total)}"
        if count < 2:
            note_decision(self.key, f"{text} of groups: as planned")
            told = {"annotations": node.annotations}
            return Tree(states, node.reducer, node.given_meta, node.split_every, **told)
        note_decision(self.key, f"{text} of groups: in {count} {self.pieces}")
        return self._spread(states, count, self.resize and not fixed)

    def _sketch(self) -> Callable[[Any], Any]:
        """What is measured of a partial result."""
        raise NotImplementedError

    def _piece_bytes(self) -> int:
        """How large a piece should be."""
        return range_bytes()

    def _spread(self, states: FrameNode, count: int, resize: bool) -> FrameNode:
        """The result in so many pieces; put together where ``resize`` is false."""
        raise NotImplementedError


class OpenGroups(SomeFirst):
    """An aggregation by group, in the order of the keys: in a tree, or by ranges of keys.

    Parameters
    ----------
    source
        The aggregation, to one partition.
    key
        Its name, as it was written.
    resize
        Whether there may be more partitions.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"k": [1, 2], "x": [1, 2]}, npartitions=2)
    >>> OpenGroups(df.groupby("k").sum().expr, "key", True).label()
    'Reduce(groupby-sum); open: ranges of keys'
    """

    __slots__ = ()
    fields = ("source", "key", "resize")
    prefix = "open-groups"
    pieces = "ranges of keys"

    def _sketch(self) -> Callable[[Any], Any]:
        return sketch_groups

    def _spread(self, states: FrameNode, count: int, resize: bool) -> FrameNode:
        node = self.source
        told: Any = {"annotations": node.annotations}
        reducer = dataclasses.replace(node.reducer, as_index=True)
        unknown = (None,) * (count + 1)
        ranges = SortedExchange(states, reducer.final, count, node.given_meta, unknown, **told)
        if not node.reducer.as_index:
            # Rows are numbered, and ranges do not know how many are before them.
            numbered = Joined(reducer.title, with_numbers)
            return Tree(ranges, numbered, node.given_meta, False, **told)
        if resize:
            return ranges
        return Repartition(ranges, (tuple(range(count)),), node.divisions)


class OpenDistinct(SomeFirst):
    """Distinct rows or values, counted or not: in a tree, or by pieces of their keys.

    Parameters
    ----------
    source
        The reduction, to one partition.
    key
        Its name, as it was written.
    resize
        Whether there may be more partitions.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"k": [1, 2], "x": [1, 2]}, npartitions=2)
    >>> OpenDistinct(df.k.unique().expr, "key", False).label()
    'Reduce(unique); open: pieces of keys'
    """

    __slots__ = ()
    fields = ("source", "key", "resize")
    prefix = "open-distinct"
    pieces = "pieces of keys"

    def _sketch(self) -> Callable[[Any], Any]:
        return functools.partial(sketch_pair, reducer=self.source.reducer)

    def _piece_bytes(self) -> int:
        return max(range_bytes() // TABLE, 1)

    def _spread(self, states: FrameNode, count: int, resize: bool) -> FrameNode:
        node, reducer = self.source, self.source.reducer
        meta, told = node.given_meta, {"annotations": node.annotations}
        unknown = (None,) * (count + 1)
        if reducer.name == "nunique":
            split = PairSplit(reducer, count)
            counts = Exchange(states, split, reducer.final, count, meta, unknown, None, **told)
            return Tree(counts, Added(reducer.title), meta, node.split_every, **told)
        if reducer.name == "value_counts" and dict(reducer.options).get("sort", True):
            return self._sorted(KeepFirst(states, reducer, count, meta, False, **told), resize)
        firsts = KeepFirst(states, reducer, count, meta, resize, **told)
        if resize:
            return firsts
        return Tree(firsts, Joined(reducer.title, finished, (reducer,)), meta, False, **told)

    def _sorted(self, counts: KeepFirst, resize: bool) -> FrameNode:
        node, options = self.source, dict(counts.reducer.options)
        order = bool(options.get("ascending")), bool(options.get("normalize"))
        told = {"annotations": node.annotations}
        made = SortedCounts(counts, counts.count, *order, node.given_meta, **told)
        if resize:
            return made
        return Repartition(made, (tuple(range(made.count)),), node.divisions)


def with_numbers(rows: pd.DataFrame | pd.Series) -> pd.DataFrame:
    """Groups with their keys as columns, and rows numbered.

    Parameters
    ----------
    rows
        Groups with their keys as index.

    Examples
    --------
    >>> with_numbers(pd.Series([3], index=pd.Index([7], name="k"), name="x")).values.tolist()
    [[7, 3]]
    """
    return rows.reset_index()
