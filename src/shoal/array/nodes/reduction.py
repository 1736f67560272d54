"""Reductions: partial results of each block, brought together in a tree."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from shoal.array.chunks import Chunks
from shoal.array.grid import PerAxis
from shoal.array.kernels.assemble import assemble, nested
from shoal.array.meta import with_ndim
from shoal.array.nodes.base import ArrayNode
from shoal.array.nodes.elementwise import aligned_blocks
from shoal.array.program import Program, Step
from shoal.expr.lower import Lowering
from shoal.graph.layers import Blocks, Each, Input, Window
from shoal.graph.naming import funcname
from shoal.graph.task import Ref

__all__ = ["Partials", "Reduction"]


class Reduction(ArrayNode):
    """An array reduced along some axes, which go or stay with a length of 1 (``output_size``).

    Parameters
    ----------
    inputs
        The array, and whatever else the first function gets of each block: nodes broadcast to the
        array, and `Each`.  A tuple.
    chunk
        ``chunk(block, ..., axis=axes, keepdims=True) -> partial``.
    combine
        ``combine(partials, axis=axes, keepdims=True) -> partial``.
    aggregate
        ``aggregate(partials, axis=axes, keepdims=keepdims) -> block of the result``.
    axes
        Which are reduced; sorted, a tuple.
    keepdims
        Whether they stay.
    fan_in
        For each of them how many partials a task takes in, a tuple.
    concatenate
        Whether partials are one array for ``combine`` and ``aggregate``, or lists within lists.
    output_size
        The length of a reduced axis of the result, where it stays.
    kind
        The meta of the result.
    title
        Names the tasks.

    Examples
    --------
    >>> import numpy as np
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> x = HeldBlocks((np.ones(2), np.ones(3)), ((2, 3),), np.ones(0))
    >>> kind = np.empty(())
    >>> Reduction((x,), np.sum, np.sum, np.sum, (0,), False, (4,), True, 1, kind, "sum").chunks
    ()
    """

    __slots__ = ()
    fields = (
        *("inputs", "chunk", "combine", "aggregate", "axes", "keepdims"),
        *("fan_in", "concatenate", "output_size", "kind", "title"),
    )

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """As given, and that it is the last level."""
        return f"{operands[-1]}-aggregate"

    @property
    def grid(self) -> tuple[int, ...]:
        """Blocks along each axis of what is reduced."""
        return tuple(map(len, self.before))

    @property
    def before(self) -> Chunks:
        """Chunks of what is reduced."""
        chunks: Chunks = self.inputs[0].chunks
        return chunks

    def schema(self) -> tuple[Chunks, Any]:
        """Those of the array along the other axes."""
        chunks = []
        for axis, blocks in enumerate(self.before):
            if axis not in self.axes:
                chunks.append(blocks)
            elif self.keepdims:
                chunks.append((self.output_size,))
        return tuple(chunks), with_ndim(self.kind, len(chunks))

    def place(self, lowering: Lowering) -> None:
        """A layer of partials, and one for each level of the tree; a single one for one block."""
        grid = self.grid
        chunk, inputs = self._first()
        last = self._call(self.aggregate, keepdims=self.keepdims)
        if all(grid[axis] == 1 for axis in self.axes):
            both = _After(chunk, self._folded(last, None))
            lowering.add_grid(self, both, self._outer(inputs))
            return
        name = f"{self.name}-chunk"
        lowering.add_grid(self, chunk, inputs, name=name, shape=grid)
        level = 0
        while any(grid[a] > n for a, n in zip(self.axes, self.fan_in, strict=True)):
            part, counts, shape = self._window(name, grid)
            name, level = f"{self.name}-combine-{level}", level + 1
            func = self._folded(self._call(self.combine, keepdims=True), counts)
            given: list[Input] = [part] if counts is None else [part, Each(counts)]
            lowering.add_grid(self, func, given, name=name, shape=shape)
            grid = shape
        counts = tuple([grid[axis] for axis in self.axes])
        axes = [i if i not in self.axes else "all" for i in range(len(grid))]
        part = self._outer([Blocks(name, grid, tuple(axes))])[0]
        lowering.add_grid(self, self._folded(last, counts), [part])

    def _first(self) -> tuple[Callable[..., Any], list[Input]]:
        """What makes a partial result, and of which blocks."""
        return self._call(self.chunk, keepdims=True), [self._input(item) for item in self.inputs]

    def _call(self, func: Callable[..., Any], keepdims: bool) -> Callable[..., Any]:
        kwargs = (("axis", self.axes), ("keepdims", keepdims))
        count = len(self.inputs) if func is self.chunk else 1
        return Program(count, (Step(func, tuple(map(Ref, range(count))), kwargs),))

    def _folded(self, func: Callable[..., Any], counts: Any) -> Callable[..., Any]:
        return Partials(func, self.axes, len(self.before), bool(self.concatenate), counts)

    def _input(self, item: Any) -> Input:
        return item if isinstance(item, Each) else aligned_blocks(item, self.before)

    def _outer(self, inputs: Sequence[Any]) -> list[Any]:
        """Inputs of tasks whose grid is that of the result."""
        if self.keepdims:
            return list(inputs)
        places = {
            a: i for i, a in enumerate(a for a in range(len(self.before)) if a not in self.axes)
        }
        return [
            part
            if isinstance(part, Each)
            else Blocks(
                part.source,
                part.shape,
                tuple([places.get(a) if isinstance(a, int) else a for a in part.axes]),
            )
            for part in inputs
        ]

    def _window(self, name: str, grid: tuple[int, ...]) -> tuple[Blocks, Any, tuple[int, ...]]:
        """The partials that a task of one level reads, how many along each reduced axis, and the
        grid of these tasks."""
        axes: list[Any] = list(range(len(grid)))
        shape = list(grid)
        counts: list[list[int]] = [[1] * n for n in grid]
        for axis, most in zip(self.axes, self.fan_in, strict=True):
            axes[axis] = Window(axis, most)
            shape[axis] = -(-grid[axis] // most)
            counts[axis] = [min(most, grid[axis] - i) for i in range(0, grid[axis], most)]
        told = None if len(self.axes) == 1 else PerAxis(counts)
        return Blocks(name, grid, tuple(axes)), told, tuple(shape)

    def label(self) -> str:
        """What, along which axes."""
        return f"Reduction({self.title}, axes={self.axes}, fan_in={self.fan_in})"


class Partials:
    """A function of partial results that come as a list of blocks.

    Parameters
    ----------
    func
        Called with one array, or with lists within lists.
    axes
        Along which the blocks lie.
    ndim
        How many axes a block has.
    concatenate
        Whether to make them one array.
    counts
        How many lie along each of ``axes``; a `PerAxis` when that differs and the task is told;
        None for one block that is no list, or any number of them along a single axis.

    Examples
    --------
    >>> import numpy as np
    >>> Partials(np.sum, (0,), 1, True, (2,))([np.ones(1), np.ones(1)])
    np.float64(2.0)
    """

    __slots__ = ("axes", "concatenate", "counts", "func", "ndim")

    def __init__(
        self,
        func: Callable[..., Any],
        axes: tuple[int, ...],
        ndim: int,
        concatenate: bool,
        counts: Any,
    ) -> None:
        self.func = func
        self.axes = axes
        self.ndim = ndim
        self.concatenate = concatenate
        self.counts = None if isinstance(counts, PerAxis) else counts

    @property
    def __name__(self) -> str:
        return funcname(self.func)

    def __call__(self, blocks: Any, told: Sequence[int] | None = None) -> Any:
        if not isinstance(blocks, list):
            blocks = [blocks]
        counts = self.counts
        if told is not None:
            counts = [told[axis] for axis in self.axes]
        elif counts is None:
            counts = [len(blocks)] + [1] * (len(self.axes) - 1)
        if not self.concatenate:
            return self.func(nested(blocks, counts))
        grid = [1] * self.ndim
        for axis, count in zip(self.axes, counts, strict=True):
            grid[axis] = count
        assert math.prod(grid) == len(blocks)
        return self.func(assemble(blocks, grid))

    def __reduce__(self) -> tuple[Any, ...]:
        return Partials, (self.func, self.axes, self.ndim, self.concatenate, self.counts)


class _After:
    """One function after another."""

    __slots__ = ("first", "then")

    def __init__(self, first: Callable[..., Any], then: Callable[..., Any]) -> None:
        self.first = first
        self.then = then

    @property
    def __name__(self) -> str:
        return f"{funcname(self.first)}-{funcname(self.then)}"

    def __call__(self, *inputs: Any) -> Any:
        return self.then(self.first(*inputs))

    def __reduce__(self) -> tuple[Any, ...]:
        return _After, (self.first, self.then)
