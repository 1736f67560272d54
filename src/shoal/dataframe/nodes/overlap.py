"""A function of each partition with rows of its neighbours around it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import pandas as pd

from shoal.dataframe.kernels.overlap import Overlapped
from shoal.dataframe.nodes.base import FrameNode
from shoal.expr.call import Call
from shoal.expr.lower import Lowering
from shoal.graph.layers import Blocks, Const, Each, Gather, Input

__all__ = ["MapOverlap"]


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

    Examples
    --------
    >>> MapOverlap.fields[:3]
    ('func', 'args', 'names')
    """

    __slots__ = ()
    fields = ("func", "args", "names", "before", "after", "given_meta", "title")
    prefix = "overlap"

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """The given one."""
        title: str = operands[-1]
        return title

    @cached_property
    def row_roots(self) -> frozenset[str]:
        """The first source's: rows stay where they are."""
        roots: frozenset[str] = self.frames[0].row_roots
        return roots

    def infer_meta(self) -> Any:
        """The given one."""
        return self.given_meta

    def infer_divisions(self) -> tuple[Any, ...]:
        """The first source's; unknown where a row becomes several, with more levels."""
        known: tuple[Any, ...] = self.frames[0].divisions
        several = isinstance(getattr(self.given_meta, "index", None), pd.MultiIndex)
        return (None,) * len(known) if several else known

    def place(self, lowering: Lowering) -> None:
        """A task reads its partitions and the neighbours that it needs."""
        first = self.frames[0]
        count = first.size
        reads = [self._reads(first.divisions, i, count) for i in range(count)]
        places = [(i, read.start, count) for i, read in enumerate(reads)]
        rows = [one for one in self.args if isinstance(one, FrameNode) and one.size == count]
        spec = [_slot(one, rows) for one in self.args]
        call = Overlapped(self.func, tuple(spec), self.names, self.before, self.after)
        inputs: list[Input] = [Const(call), Each(places)]
        inputs += [Gather(one.name, reads) for one in rows]
        for i, item in enumerate(spec):
            if item == ("value", None):
                inputs.append(self._whole(i, self.args[i], lowering))
        lowering.add_grid(self, _run, inputs)

    def _whole(self, i: int, item: Any, lowering: Lowering) -> Input:
        """What is given to all partitions as it is."""
        if isinstance(item, Call):
            name = f"{self.name}-{i}"
            lowering.graph.name_blocks(name, lowering.numbers(item))
            return Blocks(name, (1,), (None,))
        return Blocks(item.name, item.shape, (None,) * len(item.shape))

    def _reads(self, divisions: Sequence[Any], i: int, count: int) -> range:
        """The partition and its neighbours: one on each side, or as many as the time reaches."""
        first, last = i - bool(self.before), i + bool(self.after)
        if isinstance(self.before, pd.Timedelta) and divisions[0] is not None:
            while first > 0 and divisions[first] > divisions[i] - self.before:
                first -= 1
        if isinstance(self.after, pd.Timedelta) and divisions[0] is not None:
            while last < count - 1 and divisions[last + 1] < divisions[i + 1] + self.after:
                last += 1
        return range(max(first, 0), min(last + 1, count))

    def label(self) -> str:
        """What is called, and how far it looks."""
        return f"MapOverlap({self.title}, before={self.before}, after={self.after})"


def _slot(item: Any, rows: Sequence[FrameNode]) -> tuple[str, Any]:
    for i, one in enumerate(rows):
        if item is one:
            return "rows", i
    return ("value", None) if isinstance(item, FrameNode | Call) else ("const", item)


def _run(call: Any, place: Any, *inputs: Any) -> Any:
    return call(place, *inputs)
