"""Elements in other places: parts of an array, its axes in another order, arrays side by side.

Where whole blocks are selected or put side by side there is nothing to do for a task: the result's
name stands for blocks that are there (`shoal.graph.layers.Graph.name_blocks`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from shoal.array.chunks import AxisChunks, Chunks
from shoal.array.grid import PerAxis, block_shapes
from shoal.array.kernels.layout import broadcast_block, permute_block, take_region
from shoal.array.meta import with_ndim
from shoal.array.nodes.base import ArrayNode
from shoal.array.program import call_of
from shoal.expr.lower import Lowering
from shoal.graph.layers import Blocks, Each
from shoal.graph.task import Ref

__all__ = ["BroadcastTo", "Concatenate", "Permute", "Slice", "cut_axis"]


class Slice(ArrayNode):
    """A part of an array: ``x[2:5, 3]``.

    Parameters
    ----------
    source
        The array.
    index
        An entry for each axis: a slice with start and stop that lie within the axis (stop None
        for a negative step that goes to the beginning), or an int, not negative, whose axis goes.

    Examples
    --------
    >>> import numpy as np
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> x = HeldBlocks((np.ones(2), np.ones(3)), ((2, 3),), np.ones(0))
    >>> Slice(x, (slice(1, 4, 1),)).chunks
    ((1, 2),)
    """

    __slots__ = ()
    fields = ("source", "index")
    prefix = "getitem"

    def cuts(self) -> list[list[tuple[int, Any]]]:
        """For each axis of the source the blocks read, each with the part of it."""
        pairs = zip(self.source.chunks, self.index, strict=True)
        return [cut_axis(blocks, entry) for blocks, entry in pairs]

    def schema(self) -> tuple[Chunks, Any]:
        """What is left of each block."""
        chunks = []
        for blocks, entry, cuts in zip(self.source.chunks, self.index, self.cuts(), strict=True):
            if isinstance(entry, slice):
                chunks.append(tuple([part_length(blocks[b], part) for b, part in cuts]))
        return tuple(chunks), with_ndim(self.source.meta, len(chunks))

    def place(self, lowering: Lowering) -> None:
        """A name for the blocks that are read; and a layer, unless they are read whole."""
        source, cuts = self.source, self.cuts()
        numbers = lowering.numbers(source)
        strides = [math.prod(source.shape[axis + 1 :]) for axis in range(source.ndim)]
        offsets = [[b * step for b, _ in axis] for axis, step in zip(cuts, strides, strict=True)]
        picked = [numbers[sum(place)] for place in itertools.product(*offsets)]
        if all(isinstance(entry, slice) for entry in self.index) and self._whole(cuts):
            lowering.graph.name_blocks(self.name, picked)
            return
        lowering.graph.name_blocks(f"{self.name}-of", picked)
        grid = tuple(map(len, cuts))
        kept = iter(range(len(self.shape)))
        axes = tuple([next(kept) if isinstance(e, slice) else None for e in self.index])
        parts = PerAxis([[part for _, part in axis] for axis in cuts])
        lowering.add_grid(self, take_region, [Blocks(f"{self.name}-of", grid, axes), Each(parts)])

    def _whole(self, cuts: Sequence[Any]) -> bool:
        return all(
            part.step == 1 and part.start == 0 and part.stop in (None, blocks[b])
            for blocks, axis in zip(self.source.chunks, cuts, strict=True)
            for b, part in axis
        )

    def label(self) -> str:
        """The index as people write it."""
        return f"Slice[{', '.join(map(_shown, self.index))}]"


def _shown(entry: Any) -> str:
    if not isinstance(entry, slice):
        return str(entry)
    start, stop = ["" if n is None else str(n) for n in (entry.start, entry.stop)]
    return f"{start}:{stop}" if entry.step == 1 else f"{start}:{stop}:{entry.step}"


def cut_axis(blocks: AxisChunks, entry: Any) -> list[tuple[int, Any]]:
    """The blocks of an axis that an index reads, each with the part of it that is read.

    Parameters
    ----------
    blocks
        Lengths.  Where some are nan, only the whole axis can be read.
    entry
        A slice or an int, as `Slice` has them.

    Examples
    --------
    >>> cut_axis((3, 3), slice(1, 6, 2))
    [(0, slice(1, 3, 2)), (1, slice(0, 3, 2))]
    >>> cut_axis((3, 3), slice(4, 1, -1))
    [(1, slice(1, None, -1)), (0, slice(2, 1, -1))]
    >>> cut_axis((3, 3), 4)
    [(1, 1)]
    """
    if not isinstance(entry, slice):
        return [_cut_int(blocks, entry)]
    is_whole = entry.step == 1 and entry.start == 0 and entry.stop == sum(blocks)
    if is_whole or (entry.step == 1 and any(n != n for n in blocks)):
        # Empty blocks stay: whether an axis is taken whole or left alone, it is cut as before.
        return [(i, slice(0, None if n != n else n, 1)) for i, n in enumerate(blocks)]
    if entry.step < 0:
        return _cut_backwards(blocks, entry)
    out: list[tuple[int, Any]] = []
    begin, at = 0, entry.start
    for i, length in enumerate(blocks):
        stop = min(entry.stop, begin + length)
        if at < stop:
            out.append((i, slice(at - begin, stop - begin, entry.step)))
            at += -(-(stop - at) // entry.step) * entry.step
        begin += length
    return out or [(0, slice(0, 0, 1))]


def _cut_int(blocks: AxisChunks, at: int) -> tuple[int, int]:
    for i, length in enumerate(blocks):
        if at < length:
            return i, at
        at -= length
    raise IndexError(f"index {at} is out of bounds")


def _cut_backwards(blocks: AxisChunks, entry: slice) -> list[tuple[int, Any]]:
    out: list[tuple[int, Any]] = []
    last = -1 if entry.stop is None else entry.stop
    begin, at = sum(blocks), entry.start
    for i in reversed(range(len(blocks))):
        begin -= blocks[i]
        if at >= begin and at > last:
            end = max(last, begin - 1) - begin
            out.append((i, slice(at - begin, None if end < 0 else end, entry.step)))
            at += -(-(at - max(last, begin - 1)) // -entry.step) * entry.step
    return out or [(0, slice(0, 0, 1))]


def part_length(length: int, part: slice) -> int:
    """How many elements of a block a slice takes; nan of a block of unknown length.

    >>> part_length(5, slice(4, None, -2))
    3
    """
    return length if length != length else len(range(*part.indices(length)))


class Permute(ArrayNode):
    """The axes in another order, with new ones of length 1, or without some of length 1.

    Transposing, ``expand_dims`` and ``squeeze`` are all this.

    Parameters
    ----------
    source
        The array.
    axes
        For each axis of the result one of the source, or None for a new one.  Axes of the source
        that are not named have length 1.

    Examples
    --------
    >>> import numpy as np
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> x = HeldBlocks((np.ones((2, 3)),), ((2,), (3,)), np.ones((0, 0)))
    >>> Permute(x, (1, None, 0)).chunks
    ((3,), (1,), (2,))
    """

    __slots__ = ()
    fields = ("source", "axes")
    prefix = "transpose"

    def schema(self) -> tuple[Chunks, Any]:
        """Those of the source."""
        chunks = self.source.chunks
        out = tuple([(1,) if axis is None else chunks[axis] for axis in self.axes])
        return out, with_ndim(self.source.meta, len(out))

    def place(self, lowering: Lowering) -> None:
        """One layer."""
        places = {axis: i for i, axis in enumerate(self.axes) if axis is not None}
        axes = tuple([places.get(axis) for axis in range(self.source.ndim)])
        func = call_of(permute_block, (Ref(0), self.axes))
        lowering.add_grid(self, func, [Blocks(self.source.name, self.source.shape, axes)])

    def label(self) -> str:
        """The axes."""
        return f"Permute{self.axes}"


class BroadcastTo(ArrayNode):
    """An array repeated along axes of length 1, and new ones on the left.

    Parameters
    ----------
    source
        The array.
    given
        Chunks of the result; those of the source where it is not repeated.

    Examples
    --------
    >>> import numpy as np
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> x = HeldBlocks((np.ones(1),), ((1,),), np.ones(0))
    >>> BroadcastTo(x, ((2, 2), (3,))).array_shape
    (4, 3)
    """

    __slots__ = ()
    fields = ("source", "given")
    prefix = "broadcast_to"

    def schema(self) -> tuple[Chunks, Any]:
        """As given."""
        return self.given, with_ndim(self.source.meta, len(self.given))

    def place(self, lowering: Lowering) -> None:
        """One layer; each task is told its block's shape."""
        source, shift = self.source, len(self.given) - self.source.ndim
        axes = tuple(
            i + shift if len(blocks) == len(self.given[i + shift]) else None
            for i, blocks in enumerate(source.chunks)
        )
        shapes = Each(block_shapes(self.given))
        lowering.add_grid(self, broadcast_block, [Blocks(source.name, source.shape, axes), shapes])

    def label(self) -> str:
        """To what."""
        return f"BroadcastTo{self.array_shape}"


class Concatenate(ArrayNode):
    """Arrays one after the other along an axis.

    Parameters
    ----------
    parts
        Nodes of one dtype, whose chunks agree along all other axes; a tuple.
    axis
        Not negative.

    Examples
    --------
    >>> import numpy as np
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> x = HeldBlocks((np.ones(2),), ((2,),), np.ones(0))
    >>> Concatenate((x, x), 0).chunks
    ((2, 2),)
    """

    __slots__ = ()
    fields = ("parts", "axis")
    prefix = "concatenate"

    def schema(self) -> tuple[Chunks, Any]:
        """Those of the parts, joined."""
        chunks = list(self.parts[0].chunks)
        joined = itertools.chain.from_iterable(part.chunks[self.axis] for part in self.parts)
        chunks[self.axis] = tuple(joined)
        metas = [part.meta for part in self.parts]
        return tuple(chunks), max(metas, key=lambda m: getattr(m, "__array_priority__", 0))

    def place(self, lowering: Lowering) -> None:
        """A name for blocks that are there already."""
        runs = [math.prod(part.shape[self.axis :]) for part in self.parts]
        numbers = [lowering.numbers(part) for part in self.parts]
        out: list[int] = []
        for i in range(math.prod(self.shape[: self.axis])):
            for run, own in zip(runs, numbers, strict=True):
                out += own[i * run : (i + 1) * run]
        lowering.graph.name_blocks(self.name, out)

    def label(self) -> str:
        """How many, along which axis."""
        return f"Concatenate({len(self.parts)} arrays, axis={self.axis})"
