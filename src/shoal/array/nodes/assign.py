"""Arrays with some elements replaced: what ``x[...] = value`` makes of ``x``."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from shoal.array.chunks import Chunks
from shoal.array.grid import PerAxis
from shoal.array.kernels.assign import assign_block
from shoal.array.meta import infer_meta
from shoal.array.nodes.base import ArrayNode
from shoal.array.nodes.layout import cut_axis
from shoal.array.nodes.selection import grouped
from shoal.array.program import call_of
from shoal.expr.lower import Lowering
from shoal.expr.node import Node
from shoal.graph.layers import Blocks, Each, Input, strides
from shoal.graph.task import Ref

__all__ = ["Assign", "touched"]


def touched(blocks: Sequence[int], entry: Any) -> list[tuple[int, Any]]:
    """The blocks of an axis in which elements are replaced, each with which of its elements.

    Parameters
    ----------
    blocks
        Lengths.
    entry
        A slice with a positive step, an int, or an array of ints.

    Examples
    --------
    >>> touched((3, 3), np.array([4, 0, 5]))
    [(0, array([0])), (1, array([1, 2]))]
    """
    if isinstance(entry, np.ndarray):
        return [(block, places) for block, (_, places) in grouped(tuple(blocks), entry)]
    return cut_axis(tuple(blocks), entry)


class Assign(ArrayNode):
    """An array with some elements replaced; blocks without such elements stay what they are.

    Parameters
    ----------
    source
        The array.
    index
        For each axis a slice with a positive step, an int, or an array of ints (at most one).
    value
        A constant without axes; or a node with an axis for each entry that is no int: of length 1
        and so broadcast, or with a block for each block of the source that is touched.

    Examples
    --------
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> x = HeldBlocks((np.ones(2), np.ones(3)), ((2, 3),), np.ones(0))
    >>> Assign(x, (slice(0, 1, 1),), 5).chunks
    ((2, 3),)
    """

    __slots__ = ()
    fields = ("source", "index", "value")
    prefix = "setitem"

    def schema(self) -> tuple[Chunks, Any]:
        """Those of the source; masked where what comes in is masked."""
        meta, value = self.source.meta, self.value
        kind = value.meta if isinstance(value, Node) else value
        if isinstance(kind, np.ma.MaskedArray) and not isinstance(meta, np.ma.MaskedArray):
            meta = infer_meta(np.ma.asanyarray, [meta])
        return self.source.chunks, meta

    def place(self, lowering: Lowering) -> None:
        """A layer for the blocks that are touched, and a name for these and the others."""
        source = self.source
        pairs = zip(source.chunks, self.index, strict=True)
        cuts = [touched(blocks, entry) for blocks, entry in pairs]
        grid = tuple(map(len, cuts))
        numbers = list(lowering.numbers(source))
        steps = strides(source.shape)
        offsets = [[b * n for b, _ in axis] for axis, n in zip(cuts, steps, strict=True)]
        places = [sum(choice) for choice in itertools.product(*offsets)]
        lowering.graph.name_blocks(f"{self.name}-of", [numbers[i] for i in places])
        name = f"{self.name}-part"
        inputs: list[Input] = [
            Blocks(f"{self.name}-of", grid, tuple(range(len(grid)))),
            Each(PerAxis([[part for _, part in axis] for axis in cuts])),
        ]
        value: Any = self.value
        if isinstance(value, Node):
            inputs.append(Blocks(value.name, value.shape, self._axes(grid)))
            value = Ref(2)
        func = call_of(assign_block, (Ref(0), Ref(1), value), (), len(inputs))
        lowering.add_grid(self, func, inputs, name=name, shape=grid)
        start = lowering.graph.numbers(name)
        for i, place in enumerate(places):
            numbers[place] = start[i]
        lowering.graph.name_blocks(self.name, numbers)

    def _axes(self, grid: tuple[int, ...]) -> tuple[int | None, ...]:
        """Which axis of the touched blocks is each of the value's."""
        kept = [axis for axis, entry in enumerate(self.index) if not isinstance(entry, int)]
        shape = self.value.shape
        return tuple(
            [axis if n == grid[axis] else None for axis, n in zip(kept, shape, strict=True)]
        )

    def label(self) -> str:
        """How many axes are named."""
        value = "" if isinstance(self.value, Node) else f" = {self.value!r}"
        return f"Assign({len(self.index)} axes{value})"
