"""Running totals: each block alone, then what all blocks before it come to.

The totals of the blocks before are brought together one after the other (``sequential``), or in a
tree of twice the logarithm of the number of blocks (Brent and Kung 1982; Blelloch 1990): more
tasks, of which more can run at the same time.
"""

from __future__ import annotations

import math
from typing import Any

from shoal.array.chunks import Chunks
from shoal.array.kernels.places import take_last
from shoal.array.meta import with_ndim
from shoal.array.nodes.base import ArrayNode
from shoal.array.program import call_of
from shoal.expr.lower import Lowering
from shoal.graph.layers import Blocks, strides
from shoal.graph.naming import funcname
from shoal.graph.task import Ref

__all__ = ["Scan"]


class Scan(ArrayNode):
    """A running total along an axis.

    Parameters
    ----------
    source
        The array.
    func
        ``func(block, axis=axis)``: the running totals of a block.
    binop
        ``binop(total, total)``.
    total
        ``total(block, axis=axis, keepdims=True)``; None for the last of the running totals.
    ident
        The total of a block without elements; None where there is none, and no such block.
    axis
        An int.
    tree
        Whether totals are brought together in a tree.
    kind
        The meta.

    Examples
    --------
    >>> import numpy as np
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> x = HeldBlocks((np.ones(2), np.ones(3)), ((2, 3),), np.ones(0))
    >>> Scan(x, np.cumsum, np.add, None, 0, 0, False, x.meta).chunks
    ((2, 3),)
    """

    __slots__ = ()
    fields = ("source", "func", "binop", "total", "ident", "axis", "tree", "kind")

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """The function's name."""
        return funcname(operands[1])

    def schema(self) -> tuple[Chunks, Any]:
        """As the source."""
        return self.source.chunks, with_ndim(self.kind, self.source.ndim)

    def place(self, lowering: Lowering) -> None:
        """A layer of running totals, layers of totals, and one that adds them."""
        grid, axis = self.source.shape, self.axis
        ndim = len(grid)
        own = [Blocks(self.source.name, grid, tuple(range(ndim)))]
        scan = call_of(self.func, (Ref(0),), (("axis", axis),))
        if grid[axis] < 2:
            lowering.add_grid(self, scan, own)
            return
        name = f"{self.name}-block"
        lowering.add_grid(self, scan, own, name=name)
        scanned = list(lowering.graph.numbers(name))
        if self.total is None:
            ends = call_of(take_last, (Ref(0), axis, self.ident))
            inputs = [Blocks(name, grid, own[0].axes)]
        else:
            ends, inputs = call_of(self.total, (Ref(0),), (("axis", axis), ("keepdims", True))), own
        lowering.add_grid(self, ends, inputs, name=f"{self.name}-total")
        totals = _rows(list(lowering.graph.numbers(f"{self.name}-total")), grid, axis)
        before = self._before(totals[:-1], grid, lowering)
        rest = (*grid[:axis], grid[axis] - 1, *grid[axis + 1 :])
        rows = _rows(scanned, grid, axis)
        left, right = f"{self.name}-before", f"{self.name}-after"
        lowering.graph.name_blocks(left, _flat(before, grid, axis))
        lowering.graph.name_blocks(right, _flat(rows[1:], grid, axis))
        pair = [Blocks(part, rest, tuple(range(ndim))) for part in (left, right)]
        lowering.add_grid(self, self.binop, pair, name=f"{self.name}-sum", shape=rest)
        sums = _rows(list(lowering.graph.numbers(f"{self.name}-sum")), rest, axis)
        lowering.graph.name_blocks(self.name, _flat([rows[0], *sums], grid, axis))

    def _before(
        self, totals: list[list[int]], grid: tuple[int, ...], lowering: Lowering
    ) -> list[list[int]]:
        """The numbers of the totals up to each block."""
        rows = list(totals)
        for level, pairs in enumerate(plan(len(rows), self.tree)):
            count = len(pairs)
            shape = (*grid[: self.axis], count, *grid[self.axis + 1 :])
            inputs = []
            for side, which in enumerate(zip(*pairs, strict=True)):
                name = f"{self.name}-{level}-{side}"
                lowering.graph.name_blocks(name, _flat([rows[i] for i in which], shape, self.axis))
                inputs.append(Blocks(name, shape, tuple(range(len(shape)))))
            name = f"{self.name}-level-{level}"
            lowering.add_grid(self, self.binop, inputs, name=name, shape=shape)
            made = _rows(list(lowering.graph.numbers(name)), shape, self.axis)
            for (_, right), numbers in zip(pairs, made, strict=True):
                rows[right] = numbers
        return rows

    def label(self) -> str:
        """The function and the axis."""
        return f"Scan({funcname(self.func)}, axis={self.axis})"


def plan(count: int, tree: bool) -> list[list[tuple[int, int]]]:
    """For each level which totals are added to which, so that each comes to include all before.

    >>> plan(4, False)
    [[(0, 1)], [(1, 2)], [(2, 3)]]
    >>> plan(4, True)
    [[(0, 1), (2, 3)], [(1, 3)], [(1, 2)]]
    """
    if not tree:
        return [[(i, i + 1)] for i in range(count - 1)]
    levels = []
    step = 1
    while step < count:
        levels.append([(i, i + step) for i in range(step - 1, count - step, 2 * step)])
        step *= 2
    while step > 1:
        step //= 2
        levels.append([(i, i + step) for i in range(2 * step - 1, count - step, 2 * step)])
    return [level for level in levels if level]


def _rows(numbers: list[int], grid: tuple[int, ...], axis: int) -> list[list[int]]:
    """The numbers of the blocks at each place along an axis, in C order of the others."""
    step = strides(grid)[axis]
    outer = step * grid[axis]
    return [
        [
            numbers[start + place * step + i]
            for start in range(0, len(numbers), outer)
            for i in range(step)
        ]
        for place in range(grid[axis])
    ]


def _flat(rows: list[list[int]], grid: tuple[int, ...], axis: int) -> list[int]:
    """The opposite of `_rows`."""
    inner = math.prod(grid[axis + 1 :])
    outer = math.prod(grid[:axis])
    return [row[start * inner + i] for start in range(outer) for row in rows for i in range(inner)]
