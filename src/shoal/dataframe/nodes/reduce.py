"""Reductions: partial results a partition, combined in a tree.

What is computed stands in a *reducer* (`shoal.dataframe.kernels.reductions.Reducer` and its like
for groups), an object with three functions: ``partial(*blocks)``, ``combine(partials)`` and
``final(partials)``.  `Reduce` is the logical node; `Partial`, which joins the stage that reads the
data, and `Tree` are how it is done.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from shoal.dataframe.kernels.distinct import PairSplit
from shoal.dataframe.kernels.reductions import Reducer
from shoal.dataframe.nodes.base import (
    ALL_COLUMNS,
    Apply,
    Columns,
    FrameNode,
    Logical,
    PartitionWise,
    columns_of,
)
from shoal.dataframe.nodes.ordered import SortedExchange
from shoal.expr.lower import Lowering
from shoal.graph.layers import ALL, Blocks, Window
from shoal.serialize.parts import Pieces, keep
from shoal.types import Parts

__all__ = ["FALLBACKS", "Exchange", "Partial", "Reduce", "Tree", "fall_back"]

UNKNOWN = (None, None)

SPLIT_EVERY = 8
"""How many partial results one task combines, unless told otherwise."""


FALLBACKS: dict[int, str] = {}
"""By identity of a reducer: why the columnar kernel does not compute it."""


def fall_back(reducer: Any, reason: str) -> None:
    """Note for `explain` why a reduction is left to pandas.

    Parameters
    ----------
    reducer
        Of the reduction.
    reason
        In a few words.

    Examples
    --------
    >>> class Some: ...
    >>> fall_back(some := Some(), "reduction of what is no file")
    >>> FALLBACKS[id(some)]
    'reduction of what is no file'
    """
    if id(reducer) not in FALLBACKS:
        weakref.finalize(reducer, FALLBACKS.pop, id(reducer), None)
    FALLBACKS[id(reducer)] = reason


class Reduce(Logical):
    """A frame, series or index reduced to one value or one partition.

    Parameters
    ----------
    args
        What is reduced, then more arguments of the reducer's ``partial``; a tuple.
    reducer
        Says how.
    given_meta
        Of the result.
    split_every
        How many partial results a task combines; False: all of them.
    split_out
        How many partitions the result has, where it has rows with keys.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2]}, npartitions=2).x.sum().expr.label()
    'Reduce(sum)'
    """

    __slots__ = ()
    fields = ("args", "reducer", "given_meta", "split_every", "split_out")

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """The reducer's name."""
        title: str = operands[1].title
        return title

    def infer_meta(self) -> Any:
        """The given one."""
        return self.given_meta

    def infer_divisions(self) -> tuple[Any, ...]:
        """Unknown."""
        return (None,) * (int(self.split_out) + 1)

    @cached_property
    def _chosen_by(self) -> frozenset[Any] | None:
        """By which columns rows are chosen, which are the result as they are; None: none are."""
        told = getattr(self.reducer, "chosen_by", None)
        return told if told is not None and self.frames[0].ndim == 2 else None

    @property
    def narrow_sources(self) -> bool:  # type: ignore[override]
        """Where rows are put together, so that the result has the columns that it says."""
        return self._chosen_by is not None

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """What the reducer reads."""
        first, *rest = self.frames
        if self._chosen_by is not None:
            yield first, ALL_COLUMNS if wanted is None else wanted | self._chosen_by
        else:
            yield first, self.reducer.columns if first.ndim == 2 else ALL_COLUMNS
        for frame in rest:
            yield frame, ALL_COLUMNS

    def narrowed(self, wanted: frozenset[Any]) -> FrameNode:
        """Fewer aggregations of groups, and rows without what they are not chosen by."""
        if self._chosen_by is not None:
            left = self.given_meta.columns.isin(list(wanted | self._chosen_by))
            return self if left.all() else self.replace(given_meta=self.given_meta.loc[:, left])
        less = getattr(self.reducer, "narrowed", None)
        reducer = self.reducer if less is None else less(wanted)
        if reducer is self.reducer:
            return self
        gone = set(self.reducer.labels) - set(reducer.labels)
        kept = [label not in gone for label in self.given_meta.columns]
        return self.replace(reducer=reducer, given_meta=self.given_meta.loc[:, kept])

    def physical(self) -> FrameNode:
        """Partial results and a tree, or as many exchanges as there are partitions to come."""
        partial = Partial(self.args, self.reducer, annotations=self.annotations)
        told: Any = {"annotations": self.annotations}
        if self.split_out > 1 and getattr(self.reducer, "sort", False):
            args = (partial, self.reducer.final, self.split_out, self.given_meta, self.divisions)
            return SortedExchange(*args, **told)
        if self.split_out > 1:
            count, join = self.split_out, self.reducer.final
            pairs = isinstance(self.reducer, Reducer)
            split = PairSplit(self.reducer, count) if pairs else self.reducer.split(count)
            return Exchange(
                partial, split, join, count, self.given_meta, self.divisions, None, **told
            )
        return Tree(partial, self.reducer, self.given_meta, self.split_every, **told)

    def label(self) -> str:
        """What is computed."""
        return f"Reduce({self.reducer.title})"


class Partial(PartitionWise):
    """The partial result of each partition.

    Parameters
    ----------
    args
        Of the reducer's ``partial``, a tuple.
    reducer
        Says how.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from shoal.dataframe.kernels.reductions import Reducer
    >>> Partial((from_dict({"x": [1]}, npartitions=1).x.expr,), Reducer("sum")).label()
    'partial sum'
    """

    __slots__ = ()
    fields = ("args", "reducer")

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """The reducer's name."""
        return f"{operands[1].title}-partial"

    def call(self) -> Apply:
        """The reducer's first function."""
        return Apply(self.reducer.partial, self.args, title=f"partial {self.reducer.title}")

    def infer_meta(self) -> Any:
        """Nothing that anybody needs to know."""
        return None

    def infer_divisions(self) -> tuple[Any, ...]:
        """Unknown."""
        return (None,) * len(super().infer_divisions())

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """What the reducer reads."""
        first, *rest = self.frames
        yield first, self.reducer.columns if first.ndim == 2 else ALL_COLUMNS
        for frame in rest:
            yield frame, ALL_COLUMNS


class Tree(FrameNode):
    """Partial results combined, a few at a time.

    Parameters
    ----------
    source
        Its blocks are partial results.
    reducer
        Says how.
    given_meta
        Of the result.
    split_every
        How many a task combines; False: all of them, None: the default.

    Examples
    --------
    >>> Tree.fields
    ('source', 'reducer', 'given_meta', 'split_every')
    """

    __slots__ = ()
    fields = ("source", "reducer", "given_meta", "split_every")

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """The reducer's name."""
        title: str = operands[1].title
        return title

    def infer_meta(self) -> Any:
        """The given one."""
        return self.given_meta

    def infer_divisions(self) -> tuple[Any, ...]:
        """One partition."""
        return UNKNOWN

    def place(self, lowering: Lowering) -> None:
        """A layer for each level; the last has one task."""
        name, count, level = self.source.name, self.source.size, 0
        every = SPLIT_EVERY if self.split_every is None else self.split_every
        while every and count > every:
            part = Blocks(name, (count,), (Window(0, every),))
            count = -(-count // every)
            name, level = f"{self.name}-{level}", level + 1
            lowering.add_grid(self, self.reducer.combine, [part], name=name, shape=(count,))
        lowering.add_grid(self, self.reducer.final, [Blocks(name, (count,), (ALL,))])

    def label(self) -> str:
        """What is computed, and how wide the tree is."""
        return f"Tree({self.reducer.title}, split_every={self.split_every or SPLIT_EVERY})"


class Exchange(FrameNode):
    """Every partition cut into pieces, and the pieces put together to new partitions.

    Parameters
    ----------
    source
        The partitions.
    split
        ``split(block) -> list of pieces``, as many as there will be partitions; None: the blocks
        are in pieces already.
    join
        ``join(pieces) -> partition``.
    count
        How many partitions there will be.
    given_meta, given_divisions, known
        Of the result; ``known`` is its partitioning.  Without a meta it has that of the source.

    Examples
    --------
    >>> Exchange.fields[:3]
    ('source', 'split', 'join')
    """

    __slots__ = ()
    fields = ("source", "split", "join", "count", "given_meta", "given_divisions", "known")
    prefix = "exchange"

    def infer_meta(self) -> Any:
        """The given one, or the source's."""
        return self.source.meta if self.given_meta is None else self.given_meta

    def infer_ndim(self) -> int:
        """The source's, where its meta is."""
        ndim: int = self.source.ndim if self.given_meta is None else super().infer_ndim()
        return ndim

    def infer_names(self) -> tuple[Any, ...]:
        """The source's, where its meta is."""
        return columns_of(self.source) if self.given_meta is None else super().infer_names()

    def infer_divisions(self) -> tuple[Any, ...]:
        """The given ones."""
        return tuple(self.given_divisions)

    @property
    def partitioning(self) -> Any:
        """The given one."""
        return self.known

    def place(self, lowering: Lowering) -> None:
        """A task that splits for each old partition, and one that joins for each new one."""
        count = self.source.size
        split = self.source.name
        if self.split is not None:
            split = f"{self.name}-split"
            blocks = Blocks(self.source.name, (count,), (0,))
            lowering.add_grid(self, Split(self.split), [blocks], name=split, shape=(count,))
        lowering.add_grid(self, self.join, [Blocks(split, (count,), (ALL,), parts=True)])

    def label(self) -> str:
        """From how many to how many."""
        return f"Exchange({self.source.size} to {self.count})"


class Split:
    """Makes the list of pieces that a function cuts a block into the `Parts` of a result.

    Parameters
    ----------
    cut
        ``cut(block) -> list of pieces``.

    Examples
    --------
    >>> Split(list)("abc").part(1)
    'b'
    """

    __slots__ = ("cut",)

    def __init__(self, cut: Callable[[Any], Any]) -> None:
        self.cut = cut

    def __call__(self, block: Any) -> Parts:
        """Cut a block."""
        pieces = self.cut(block)
        return keep(pieces if isinstance(pieces, Parts) else Pieces(pieces))

    def __reduce__(self) -> Any:
        return Split, (self.cut,)
