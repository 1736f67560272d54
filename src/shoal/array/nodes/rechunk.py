"""The same array in other blocks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from shoal.array.chunks import AxisChunks, Chunks
from shoal.array.grid import PerAxis, starts_of
from shoal.array.kernels.layout import merge_parts
from shoal.array.nodes.base import ArrayNode
from shoal.expr.lower import Lowering
from shoal.graph.layers import Each, Gather

__all__ = ["Rechunk", "overlaps"]


class Rechunk(ArrayNode):
    """The same array in other blocks.

    Parameters
    ----------
    source
        The array.
    given
        The new chunks; along an axis with unknown lengths, the old ones.

    Examples
    --------
    >>> import numpy as np
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> x = HeldBlocks((np.ones(4),), ((4,),), np.ones(0))
    >>> Rechunk(x, ((2, 2),)).shape
    (2,)
    """

    __slots__ = ()
    fields = ("source", "given")
    prefix = "rechunk-merge"

    def schema(self) -> tuple[Chunks, Any]:
        """As given."""
        return self.given, self.source.meta

    def place(self, lowering: Lowering) -> None:
        """A task for each new block reads the old ones that it overlaps."""
        pairs = zip(self.source.chunks, self.given, strict=True)
        axes = [overlaps(old, new) for old, new in pairs]
        strides = [math.prod(self.source.shape[i + 1 :]) for i in range(self.ndim)]
        offsets = [
            [tuple([block * step for block, _ in parts]) for parts in axis]
            for axis, step in zip(axes, strides, strict=True)
        ]
        regions = [[tuple([part for _, part in parts]) for parts in axis] for axis in axes]
        counts = [[len(parts) for parts in axis] for axis in axes]
        lowering.add_grid(
            self,
            merge_parts,
            [
                Gather(self.source.name, _Crossed(PerAxis(offsets), sum)),
                Each(_Crossed(PerAxis(regions), tuple)),
                Each(PerAxis(counts)),
            ],
        )

    def label(self) -> str:
        """From how many blocks to how many."""
        return f"Rechunk({self.source.shape} -> {self.shape} blocks)"


class _Crossed(Sequence[Any]):
    """For each block the combinations of what there is along each axis."""

    __slots__ = ("make", "per_axis")

    def __init__(self, per_axis: PerAxis, make: Any) -> None:
        self.per_axis = per_axis
        self.make = make

    def __len__(self) -> int:
        return len(self.per_axis)

    def __getitem__(self, block: Any) -> Any:
        return [self.make(choice) for choice in itertools.product(*self.per_axis[block])]

    def __reduce__(self) -> tuple[Any, ...]:
        return _Crossed, (self.per_axis, self.make)


def overlaps(old: AxisChunks, new: AxisChunks) -> list[list[tuple[int, slice]]]:
    """For each new block of an axis the old ones that it overlaps, each with the part of it.

    Parameters
    ----------
    old, new
        Lengths with the same sum, or the same lengths where some are unknown.

    Examples
    --------
    >>> overlaps((4, 4), (3, 5))
    [[(0, slice(0, 3, None))], [(0, slice(3, 4, None)), (1, slice(0, 4, None))]]
    """
    if any(n != n for n in old):
        return [[(i, slice(None))] for i in range(len(old))]
    starts = starts_of(old)
    out = []
    block, begin = 0, 0
    for length in new:
        end = begin + length
        parts: list[tuple[int, slice]] = []
        while block < len(old) and (starts[block] < end or not parts):
            low, high = max(begin - starts[block], 0), min(end - starts[block], old[block])
            if high > low or (length == 0 and not parts):
                parts.append((block, slice(low, max(low, high))))
            if starts[block] + old[block] > end or length == 0:
                break
            block += 1
        if not parts:
            parts.append((len(old) - 1, slice(0, 0)))
        out.append(parts)
        begin = end
    return out
