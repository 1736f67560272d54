"""Blocks that overlap: each is a range of the source, whatever its neighbours are."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from typing import Any

from shoal.array.chunks import AxisChunks, Chunks
from shoal.array.grid import Crossed, PerAxis, starts_of
from shoal.array.kernels.layout import merge_parts, take_region
from shoal.array.nodes.base import ArrayNode
from shoal.expr.lower import Lowering
from shoal.graph.layers import Blocks, Each, Gather, Input, strides

__all__ = ["CutBlocks", "Windows"]


class Windows(ArrayNode):
    """Blocks that are given ranges of the source along each axis, and may overlap.

    Parameters
    ----------
    source
        The array.
    ranges
        For each axis a tuple of ``(start, stop)``, one a block; None for the blocks as they are.

    Examples
    --------
    >>> import numpy as np
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> x = HeldBlocks((np.ones(4), np.ones(4)), ((4, 4),), np.ones(0))
    >>> Windows(x, (((0, 5), (3, 8)),)).chunks
    ((5, 5),)
    """

    __slots__ = ()
    fields = ("source", "ranges")
    prefix = "overlap"

    def schema(self) -> tuple[Chunks, Any]:
        """The lengths of the ranges."""
        pairs = zip(self.source.chunks, self.ranges, strict=True)
        chunks = [own if spans is None else _lengths(spans) for own, spans in pairs]
        return tuple(chunks), self.source.meta

    def place(self, lowering: Lowering) -> None:
        """One layer: a task reads the blocks that its ranges touch."""
        source = self.source
        pairs = zip(source.chunks, self.ranges, strict=True)
        axes = [_touched(blocks, spans) for blocks, spans in pairs]
        offsets = [
            [tuple([block * step for block, _ in parts]) for parts in axis]
            for axis, step in zip(axes, strides(source.shape), strict=True)
        ]
        regions = [[tuple([part for _, part in parts]) for parts in axis] for axis in axes]
        inputs: list[Input] = [
            Gather(source.name, Crossed(PerAxis(offsets), sum)),
            Each(Crossed(PerAxis(regions), tuple)),
            Each(PerAxis([[len(parts) for parts in axis] for axis in axes])),
        ]
        lowering.add_grid(self, merge_parts, inputs)

    def label(self) -> str:
        """How many blocks."""
        return f"Windows({self.shape} blocks)"


def _lengths(spans: Sequence[tuple[int, int]]) -> AxisChunks:
    return tuple([stop - start for start, stop in spans])


def _touched(blocks: AxisChunks, spans: Any) -> list[list[tuple[int, slice]]]:
    """For each range of an axis the blocks in which it lies, each with the part of it.

    >>> _touched((4, 4), ((0, 5),))
    [[(0, slice(0, 4, None)), (1, slice(0, 1, None))]]
    """
    if spans is None:
        return [[(i, slice(None))] for i in range(len(blocks))]
    starts = starts_of(blocks)
    out = []
    for start, stop in spans:
        block = max(bisect.bisect_right(starts, start) - 1, 0)
        parts: list[Any] = []
        while block < len(blocks) and (starts[block] < stop or not parts):
            low, high = max(start - starts[block], 0), min(stop - starts[block], blocks[block])
            if high > low or stop == start:
                parts.append((block, slice(low, max(high, low))))
            block += 1
        out.append(parts)
    return out


class CutBlocks(ArrayNode):
    """A part of every block.

    Parameters
    ----------
    source
        The array.
    parts
        For each axis a slice for each block along it; a tuple of tuples.

    Examples
    --------
    >>> import numpy as np
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> x = HeldBlocks((np.ones(4), np.ones(4)), ((4, 4),), np.ones(0))
    >>> CutBlocks(x, ((slice(0, 3), slice(1, 4)),)).chunks
    ((3, 3),)
    """

    __slots__ = ()
    fields = ("source", "parts")
    prefix = "trim"

    def schema(self) -> tuple[Chunks, Any]:
        """What is left of each block."""
        pairs = zip(self.source.chunks, self.parts, strict=True)
        chunks = [
            tuple(
                [n if n != n else len(range(*p.indices(n))) for n, p in zip(own, cut, strict=True)]
            )
            for own, cut in pairs
        ]
        return tuple(chunks), self.source.meta

    def place(self, lowering: Lowering) -> None:
        """One layer."""
        own = Blocks(self.source.name, self.shape, tuple(range(len(self.shape))))
        lowering.add_grid(self, take_region, [own, Each(PerAxis(self.parts))])
