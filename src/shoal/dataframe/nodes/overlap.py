"""A function of each partition with rows of its neighbours around it.

A partition does not read its neighbours but their *edges*, a few rows each.  An edge that may be
too short, for nobody knows the partition's length yet, is made with the one beyond it: a chain that
costs a small task a partition and reaches as far as is needed, over any number of short or empty
partitions.  Where lengths or divisions say that one partition is enough, the chain is cut there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import pandas as pd

from shoal.dataframe.kernels.overlap import Edge, Overlapped, PerPartition
from shoal.dataframe.nodes.base import Columns, FrameNode
from shoal.dataframe.nodes.rowwise import (
    COLUMN_BY_COLUMN,
    Assign,
    Column,
    Method,
    Operator,
    Project,
    Rename,
    left_of,
    needed_by,
)
from shoal.dataframe.nodes.sources import FromPandas
from shoal.dataframe.nodes.stage import Stage
from shoal.expr.call import Call
from shoal.expr.lower import Lowering
from shoal.graph.layers import Blocks, Const, Each, Gather, Input, TableLayer

__all__ = ["MapOverlap", "known_lengths"]


class MapOverlap(FrameNode):
    """A function of each partition with rows of its neighbours around it.

    Parameters
    ----------
    func
        Called with the frames among the arguments extended, and the others; what it makes of the
        neighbours' rows is cut off.
    args
        Arguments, then the values of keyword arguments, a tuple; the first one is a frame.  All
        frames have the same partitions.
    names
        Of the keyword arguments.
    before, after
        How many rows, or how far in the index (`pandas.Timedelta`).
    given_meta
        Of the result.
    title
        For people.
    given_divisions
        Of the result; None where each row comes from the first frame's row at its place.

    Examples
    --------
    >>> MapOverlap.fields[:3]
    ('func', 'args', 'names')
    """

    __slots__ = ()
    fields = (
        *("func", "args", "names", "before", "after", "given_meta", "title"),
        "given_divisions",
    )
    prefix = "overlap"

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """The given one."""
        title: str = operands[6]
        return title

    @cached_property
    def row_roots(self) -> frozenset[str]:
        """The first source's: rows stay where they are."""
        roots: frozenset[str] = self.frames[0].row_roots
        return roots

    @cached_property
    def row_key(self) -> str:
        """The first source's, where each row comes from the one at its place."""
        known = self.given_divisions is None and self.divisions == self.frames[0].divisions
        return self.frames[0].row_key if known else self.name

    def infer_meta(self) -> Any:
        """The given one, with the columns that are left."""
        return left_of(self)

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """All columns, unless the function leaves them to themselves."""
        return needed_by(self, wanted)

    def infer_divisions(self) -> tuple[Any, ...]:
        """The first source's; unknown where a row becomes several, with more levels."""
        if self.given_divisions is not None:
            return tuple(self.given_divisions)
        known: tuple[Any, ...] = self.frames[0].divisions
        several = isinstance(getattr(self.given_meta, "index", None), pd.MultiIndex)
        return (None,) * len(known) if several else known

    def place(self, lowering: Lowering) -> None:
        """A task reads its partitions and the edges of those beside it."""
        count = self.frames[0].size
        frames = [one for one in self.args if isinstance(one, FrameNode) and one.size == count]
        rows = list(dict.fromkeys(frames))
        spec = [_slot(one, rows) for one in self.args]
        sides = self.before, self.after
        cut = self.given_divisions is None
        call = Overlapped(self.func, tuple(spec), self.names, *sides, cut)
        inputs: list[Input] = [Const(call)]
        for k, one in enumerate(rows):
            inputs += self._around(k, one, lowering)
        for i, (kind, _) in enumerate(spec):
            if kind == "value":
                inputs.append(self._value(i, self.args[i], lowering))
        lowering.add_grid(self, _run, inputs)

    def _around(self, k: int, frame: FrameNode, lowering: Lowering) -> Iterator[Input]:
        """A frame's partition, the edge before it and the edge after it, each in a list."""
        count = frame.size
        lengths = known_lengths(frame)
        yield Gather(frame.name, [(i,) for i in range(count)])
        for reach, last in ((self.before, True), (self.after, False)):
            name = f"{self.name}-{k}-{'tails' if last else 'heads'}"
            if not reach or count < 2:
                yield Each([()] * count)
                continue
            blocks = lowering.numbers(frame)
            keys: list[Any] = []
            deps: list[tuple[int, ...]] = []
            start = lowering.graph.size
            for at, i in enumerate(range(count) if last else range(count - 1, -1, -1)):
                keys.append((name, i))
                alone = not at or self._enough(frame, lengths, i, reach, last)
                deps.append((blocks[i],) if alone else (blocks[i], start + at - 1))
            funcs = [Edge(reach, last)] * count
            lowering.graph.add(TableLayer(keys, funcs, [None] * count, deps))
            numbers = range(start, start + count)
            lowering.graph.name_blocks(name, numbers if last else numbers[::-1])
            beside = [i - 1 if last else i + 1 for i in range(count)]
            yield Gather(name, [(i,) if 0 <= i < count else () for i in beside])

    def _enough(self, frame: FrameNode, lengths: Any, i: int, reach: Any, last: bool) -> bool:
        """Whether a partition surely has all rows that its neighbour looks at."""
        if isinstance(reach, int):
            return lengths is not None and bool(lengths[i] >= reach)
        low, high = frame.divisions[i : i + 2]
        if low is None:
            return False
        # The last partition may begin with the label that the one before ends with.
        return bool(low < high - reach if last else low + reach < high)

    def _value(self, i: int, item: Any, lowering: Lowering) -> Input:
        """What is given to each partition, or to all of them, as it is."""
        if isinstance(item, PerPartition):
            return Each(item.values)
        if isinstance(item, Call):
            name = f"{self.name}-{i}"
            lowering.graph.name_blocks(name, lowering.numbers(item))
            return Blocks(name, (1,), (None,))
        return Blocks(item.name, item.shape, (None,) * len(item.shape))

    def label(self) -> str:
        """What is called, and how far it looks."""
        return f"MapOverlap({self.title}, before={self.before}, after={self.after})"


def _slot(item: Any, rows: Sequence[FrameNode]) -> tuple[str, Any]:
    for i, one in enumerate(rows):
        if item is one:
            return "rows", i
    return ("value", None) if isinstance(item, FrameNode | Call | PerPartition) else ("const", item)


def _run(call: Any, *inputs: Any) -> Any:
    return call(*inputs)


def known_lengths(node: Any) -> list[int] | None:
    """How many rows each partition has; None where that is not known before it is computed.

    Parameters
    ----------
    node
        Of a frame.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2, 3]}, npartitions=2)
    >>> known_lengths((df.x + 1).expr), known_lengths(df[df.x > 1].expr)
    ([2, 1], None)
    """
    if isinstance(node, Stage):
        node = node.body.root
    if isinstance(node, FromPandas):
        return [stop - start for start, stop in pairwise(node.bounds)]
    told = getattr(node, "count_parts", None)
    if told is not None:
        counts: list[int] | None = told()
        return counts
    if not isinstance(node, MapOverlap | Project | Column | Assign | Rename | Operator | Method):
        return None
    if isinstance(node, Method) and node.method not in COLUMN_BY_COLUMN:
        return None
    # Rows of different origin are aligned by their labels, and may become more.
    same = [one for one in node.frames if one.npartitions == node.npartitions]
    if len({one.row_roots for one in same}) != 1:
        return None
    found = [known_lengths(one) for one in same]
    return found[0] if all(one == found[0] for one in found) else None
