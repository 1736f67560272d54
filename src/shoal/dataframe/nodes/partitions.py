"""Nodes about partitions: some of them, all of them after others, cut anew."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from shoal.dataframe.kernels import cuts, rows
from shoal.dataframe.kernels.reductions import concat_rows
from shoal.dataframe.nodes.base import (
    ALL_COLUMNS,
    Apply,
    Columns,
    FrameNode,
    Logical,
    Part,
    PartitionWise,
    columns_of,
)
from shoal.dataframe.nodes.rowwise import MapPartitions
from shoal.expr.lower import Lowering
from shoal.graph.layers import Each, Gather, Input
from shoal.graph.token import tokenize

__all__ = [
    "Concat",
    "Disjoint",
    "Head",
    "Pieces",
    "Repartition",
    "RepartitionDivisions",
    "Select",
    "Tail",
    "limited",
]


class _Passing(FrameNode):
    """A node that changes no column."""

    __slots__ = ()

    @cached_property
    def row_key(self) -> str:
        """The same for all that is done to the same rows."""
        return f"{self.frames[0].row_key}-{type(self).__name__}-{tokenize(self.operands[1:])}"

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """The wanted ones."""
        for frame in self.frames:
            yield frame, wanted if frame.ndim == 2 else ALL_COLUMNS


class Select(_Passing):
    """Some of the partitions; the others are not computed.

    Parameters
    ----------
    source
        The frame.
    blocks
        Numbers of the partitions, a tuple, in ascending order where divisions are to be known.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> Select(from_dict({"x": [1, 2]}, npartitions=2).expr, (1,)).divisions
    (1, 1)
    """

    __slots__ = ()
    fields = ("source", "blocks")
    prefix = "partitions"

    def infer_divisions(self) -> tuple[Any, ...]:
        """Known for neighbours only."""
        old, blocks = self.source.divisions, self.blocks
        neighbours = all(b == a + 1 for a, b in itertools.pairwise(blocks))
        if not self.source.known_divisions or not blocks or not neighbours:
            return (None,) * (len(blocks) + 1)
        return tuple(old[blocks[0] : blocks[-1] + 2])

    def place(self, lowering: Lowering) -> None:
        """A name for blocks that are there already."""
        numbers = lowering.numbers(self.source)
        lowering.graph.name_blocks(self.name, [numbers[block] for block in self.blocks])


class Head(Logical, _Passing):
    """The first rows of the first partitions.

    Parameters
    ----------
    source
        The frame.
    n
        How many rows.
    count
        How many partitions are looked at.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> Head(from_dict({"x": [1, 2]}, npartitions=2).expr, 1, 1).npartitions
    1
    """

    __slots__ = ()
    fields = ("source", "n", "count")
    prefix = "head"

    def infer_divisions(self) -> tuple[Any, ...]:
        """One partition."""
        old = self.source.divisions
        return (old[0], old[min(self.count, len(old) - 1)])

    def physical(self) -> FrameNode:
        """Of each partition, and again of those together."""
        blocks = tuple(range(min(self.count, self.source.npartitions)))
        some = self.source
        if isinstance(some, Repartition):
            # What is put together only to be looked at is looked at as it is.
            blocks = tuple(itertools.chain.from_iterable([some.groups[i] for i in blocks]))
            some = some.source
        if len(blocks) < some.npartitions:
            some = Select(some, blocks)
        return limited(some, rows.first_rows, (self.n,), "head", self.divisions)


class Tail(Logical, _Passing):
    """The last rows of the last partitions.

    Parameters
    ----------
    source
        The frame.
    n
        How many rows.
    count
        How many partitions are looked at.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> Tail(from_dict({"x": [1, 2]}, npartitions=2).expr, 1, 1).npartitions
    1
    """

    __slots__ = ()
    fields = ("source", "n", "count")
    prefix = "tail"

    def infer_divisions(self) -> tuple[Any, ...]:
        """One partition."""
        old = self.source.divisions
        return (old[max(len(old) - 1 - self.count, 0)], old[-1])

    def physical(self) -> FrameNode:
        """Of each partition, and again of those together."""
        count = self.source.npartitions
        some = self.source
        if self.count < count:
            some = Select(some, tuple(range(count - self.count, count)))
        return limited(some, rows.last_rows, (self.n,), "tail", self.divisions)


def limited(
    source: FrameNode, func: Any, args: tuple[Any, ...], title: str, divisions: Any
) -> FrameNode:
    """Some rows of each partition, and the same of those together.

    Parameters
    ----------
    source
        The frame.
    func, args
        ``func(partition, *args)`` gives the rows.
    title
        For people.
    divisions
        Of the result, which has one partition.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=2)
    >>> limited(df.expr, rows.first_rows, (1,), "head", (0, 1)).npartitions
    1
    """
    if source.npartitions == 1:
        return MapPartitions(func, (source, *args), (), source.meta, divisions, title)
    each = MapPartitions(func, (source, *args), (), source.meta, None, title)
    one = Repartition(each, ((*range(source.npartitions),),), divisions)
    return MapPartitions(func, (one, *args), (), source.meta, None, title)


class Repartition(_Passing):
    """Neighbouring partitions put together.

    Parameters
    ----------
    source
        The frame.
    groups
        For each new partition the numbers of the old ones, a tuple of tuples.
    given_divisions
        Of the result.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=2)
    >>> Repartition(df.expr, ((0, 1),), (0, 1)).npartitions
    1
    """

    __slots__ = ()
    fields = ("source", "groups", "given_divisions")
    prefix = "repartition"

    def infer_divisions(self) -> tuple[Any, ...]:
        """The given ones."""
        return tuple(self.given_divisions)

    def place(self, lowering: Lowering) -> None:
        """A task for each new partition."""
        inputs: list[Input] = [Gather(self.source.name, self.groups)]
        lowering.add_grid(self, concat_rows, inputs)

    def label(self) -> str:
        """From how many to how many."""
        return f"Repartition({self.source.npartitions} to {self.npartitions})"


class RepartitionDivisions(_Passing):
    """Partitions cut anew at given bounds; the old bounds must be known.

    Parameters
    ----------
    source
        The frame.
    given_divisions
        The new bounds, which begin and end where the old ones do or further out.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2, 3, 4]}, npartitions=2)
    >>> RepartitionDivisions(df.expr, (0, 1, 2, 3)).npartitions
    3
    """

    __slots__ = ()
    fields = ("source", "given_divisions")
    prefix = "repartition-divisions"

    def infer_divisions(self) -> tuple[Any, ...]:
        """The given ones."""
        return tuple(self.given_divisions)

    def place(self, lowering: Lowering) -> None:
        """A task for each new partition reads the old ones that overlap with it."""
        old, new = self.source.divisions, self.given_divisions
        blocks, limits = cuts.overlaps(old, new)
        meta = [self.meta] * len(limits)
        inputs: list[Input] = [Gather(self.source.name, blocks), Each(limits), Each(meta)]
        lowering.add_grid(self, cuts.concat_between, inputs)

    def label(self) -> str:
        """From how many to how many."""
        return f"RepartitionDivisions({self.source.npartitions} to {self.npartitions})"


class Disjoint(_Passing):
    """Sorted partitions, of which some end with the label that the next begins with.

    Divisions say in which one partition a label is: rows of equal labels come into the same one.

    Parameters
    ----------
    source
        The frame; its divisions need not be known.
    ends
        The least and the largest label of each partition, a tuple of pairs.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2, 3, 4]}, npartitions=2)
    >>> Disjoint(df.expr, ((0, 1), (1, 2))).divisions
    (0, 1, 2)
    """

    __slots__ = ()
    fields = ("source", "ends")
    prefix = "disjoint"

    def infer_divisions(self) -> tuple[Any, ...]:
        """The different labels that partitions begin with, and the last label."""
        return (*dict.fromkeys(first for first, _ in self.ends), self.ends[-1][1])

    def place(self, lowering: Lowering) -> None:
        """A task for each new partition reads the old ones that have rows of it."""
        blocks, limits = cuts.meetings(self.ends, self.divisions)
        meta = [self.meta] * len(limits)
        inputs: list[Input] = [Gather(self.source.name, blocks), Each(limits), Each(meta)]
        lowering.add_grid(self, cuts.concat_between, inputs)

    def label(self) -> str:
        """From how many to how many."""
        return f"Disjoint({self.source.npartitions} to {self.npartitions})"


class Concat(FrameNode):
    """Frames one below the other.

    Parameters
    ----------
    parts
        The frames, a tuple.
    given_meta
        Of the result: pandas' own opinion.
    join
        "outer" or "inner": which columns.
    given_divisions
        Of the result.

    Examples
    --------
    >>> from shoal.dataframe import concat, from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=2)
    >>> concat([df, df]).npartitions
    4
    """

    __slots__ = ()
    fields = ("parts", "given_meta", "join", "given_divisions")
    prefix = "concat"
    narrow_sources = True  # or a column that one part keeps would be missing in another

    def infer_meta(self) -> Any:
        """The given one, with the columns that are still there."""
        meta = self.given_meta
        if meta.ndim < 2:
            return meta
        here = {name for part in self.parts for name in columns_of(part)}
        return meta if here >= set(meta.columns) else meta[[c for c in meta.columns if c in here]]

    def infer_divisions(self) -> tuple[Any, ...]:
        """The given ones."""
        return tuple(self.given_divisions)

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """The wanted columns of each part."""
        for frame in self.frames:
            yield frame, wanted if frame.ndim == 2 else ALL_COLUMNS

    def place(self, lowering: Lowering) -> None:
        """A name for blocks where they fit as they are; else a task for each part that does not."""
        numbers: list[int] = []
        for i, part in enumerate(self.parts):
            named = part.meta.index.names == self.meta.index.names
            if named and cuts.same_schema(part.meta, self.meta):
                numbers += lowering.numbers(part)
                continue
            name = f"{self.name}-{i}"
            inputs = [Gather(part.name, [(b,) for b in range(part.size)])]
            fit: list[Input] = [*inputs, Each([self.meta] * part.size)]
            lowering.add_grid(self, cuts.fit_schema, fit, name=name, shape=part.shape)
            numbers += lowering.graph.numbers(name)
        lowering.graph.name_blocks(self.name, numbers)

    def label(self) -> str:
        """How many frames."""
        return f"Concat({len(self.parts)} frames)"


class Pieces(PartitionWise):
    """A piece of each partition.

    Parameters
    ----------
    source
        The frame.
    pieces
        ``(i, n)`` for each partition: piece ``i`` of ``n`` equal ones.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> Pieces(from_dict({"x": [1, 2]}, npartitions=1).expr, ((1, 2),)).npartitions
    1
    """

    __slots__ = ()
    fields = ("source", "pieces")
    prefix = "repartition"
    has_parts = True
    passes_columns = True

    @property
    def parts(self) -> Any:
        """Which pieces."""
        return self.pieces

    def infer_meta(self) -> Any:
        """The source's."""
        return self.source.meta

    def call(self) -> Apply:
        """Cut it out."""
        return Apply(cuts.cut_piece, (self.source, Part()), title="piece")
