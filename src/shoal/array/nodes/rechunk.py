"""The same array in other blocks.

Where every new block reads a few old ones, it reads them as they are.  Where old blocks are read
by many, each is cut by one task into as many parts (`shoal.serialize.parts`), and each new block is
put together from its part of every one: so rows become columns in one step that holds no more in
memory than the setting ``shuffle-memory`` lets it, and moves no more than is needed.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from shoal import config
from shoal.array.chunks import AxisChunks, Chunks, has_unknown
from shoal.array.chunks_plan import plan_rechunk
from shoal.array.grid import Crossed, PerAxis, starts_of
from shoal.array.kernels.assemble import assemble
from shoal.array.kernels.layout import cut_parts, merge_parts
from shoal.array.nodes.base import ArrayNode
from shoal.expr.lower import Lowering
from shoal.expr.node import Cost
from shoal.graph.layers import Blocks, Each, Gather, Input, strides
from shoal.units import parse_bytes

__all__ = ["Rechunk", "RechunkWithin", "overlaps"]

MOST_READERS = 4
"""How many new blocks may read an old one, on average, before it is cut into pieces for them."""


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
    fields: ClassVar[tuple[str, ...]] = ("source", "given")
    prefix = "rechunk-merge"

    def schema(self) -> tuple[Chunks, Any]:
        """As given."""
        return self.given, self.source.meta

    def place(self, lowering: Lowering) -> None:
        """A layer or two for each step of the plan."""
        before, name = self.source.chunks, self.source.name
        plan = self.plan()
        for step, after in enumerate(plan, 1):
            own = self.name if step == len(plan) else f"{self.name}-{step}"
            _place_step(self, lowering, (name, before), (own, after))
            name, before = own, after

    def cost(self, layer: str) -> Cost | None:
        """The largest block of any step; old blocks that are cut are in parts.

        Parameters
        ----------
        layer
            Its name.
        """
        if layer.endswith("-split"):
            return Cost(self.source.block_bytes, in_parts=True)
        longest = [math.prod(map(max, chunks)) for chunks in self.plan() if all(chunks)]
        return Cost(max(longest, default=0) * int(self.dtype.itemsize))

    def limits(self) -> tuple[float, float]:
        """How many pieces a step may have, times the blocks; and bytes of a block in between."""
        limit = parse_bytes(config.get("array.chunk-size"))
        return float(config.get("array.rechunk.threshold")), limit

    def plan(self) -> list[Chunks]:
        """The chunks after each step."""
        given: Chunks = self.given
        if has_unknown(given):
            return [given]
        return plan_rechunk(self.source.chunks, given, self.dtype.itemsize, *self.limits())

    def label(self) -> str:
        """From how many blocks to how many."""
        return f"Rechunk({self.source.shape} -> {self.shape} blocks)"


class RechunkWithin(Rechunk):
    """A `Rechunk` that was told its limits.

    Parameters
    ----------
    source, given
        As `Rechunk` has them.
    told
        ``(threshold, limit_bytes)``, a tuple; None for the setting.

    Examples
    --------
    >>> import numpy as np
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> x = HeldBlocks((np.ones(4),), ((4,),), np.ones(0))
    >>> RechunkWithin(x, ((2, 2),), (8, None)).plan()
    [((2, 2),)]
    """

    __slots__ = ()
    fields = ("source", "given", "told")

    def limits(self) -> tuple[float, float]:
        """As told."""
        threshold, limit = super().limits()
        own_threshold, own_limit = self.told
        return own_threshold or threshold, own_limit or limit


def _place_step(
    node: Any, lowering: Lowering, source: tuple[str, Chunks], target: tuple[str, Chunks]
) -> None:
    """The layers of one step.

    A task for each new block that reads the old ones it overlaps would be all; but where old blocks
    are read by many, each new one would have to hold many whole old ones.  There the old ones are
    cut first, each by one task.
    """
    (name, old), (out, new) = source, target
    axes = [overlaps(a, b) for a, b in zip(old, new, strict=True)]
    grid, shape = tuple(map(len, old)), tuple(map(len, new))
    number = math.prod(sum(len(parts) for parts in axis) for axis in axes)
    steps = strides(grid)
    offsets = [
        [tuple([block * step for block, _ in parts]) for parts in axis]
        for axis, step in zip(axes, steps, strict=True)
    ]
    reads = Crossed(PerAxis(offsets), sum)
    counts = Each(PerAxis([[len(parts) for parts in axis] for axis in axes]))
    if number <= MOST_READERS * math.prod(grid) or number == math.prod(shape):
        regions = [[tuple([part for _, part in parts]) for parts in axis] for axis in axes]
        told: list[Input] = [Gather(name, reads), Each(Crossed(PerAxis(regions), tuple)), counts]
        lowering.add_grid(node, merge_parts, told, name=out, shape=shape)
        return
    cuts = Each(PerAxis(map(_cuts, axes, grid, strides(shape))))
    own = Blocks(name, grid, tuple(range(len(grid))))
    lowering.add_grid(node, cut_parts, [own, cuts], name=f"{out}-split", shape=grid)
    parts = Gather(f"{out}-split", reads, parts=True)
    lowering.add_grid(node, assemble, [parts, counts], name=out, shape=shape)


def _cuts(
    axis: list[list[tuple[int, slice]]], count: int, step: int
) -> list[list[tuple[int, slice]]]:
    """For each old block of an axis where its parts go: so far along in the new blocks' flat order.

    >>> _cuts(overlaps((4, 4), (3, 5)), 2, 10)
    [[(0, slice(0, 3, None)), (10, slice(3, 4, None))], [(10, slice(0, 4, None))]]
    """
    out: list[list[tuple[int, slice]]] = [[] for _ in range(count)]
    for new, parts in enumerate(axis):
        for old, part in parts:
            out[old].append((new * step, part))
    return out


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
