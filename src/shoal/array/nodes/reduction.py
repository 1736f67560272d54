"""Reductions: partial results of each block, brought together in a tree.

A `Reduction` without ``aggregate`` stops before the last level: its blocks are partial results,
from which several `Finish` make what they want.
"""

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
from shoal.array.nodes.sources import Inline, inlined_bytes, reading
from shoal.array.program import Program, Step
from shoal.expr.lower import Lowering
from shoal.expr.node import Cost
from shoal.graph.layers import Blocks, Const, Each, Input, Window
from shoal.graph.naming import funcname
from shoal.graph.task import Ref

__all__ = ["Finish", "Partials", "Reduction"]

PARTS_OF_PARTIALS = 3
"""Counts, sums and sums of squares: what is estimated for a partial result."""


class Reduction(ArrayNode):
    """An array reduced along some axes, which go or stay with a length of 1 (``output_size``).

    Parameters
    ----------
    inputs
        The array, and whatever else the first function gets of each block: nodes broadcast to the
        array, and `Each`; or `Inline`.  A tuple.
    chunk
        ``chunk(block, ..., axis=axes, keepdims=True) -> partial``.
    combine
        ``combine(partials, axis=axes, keepdims=True) -> partial``.
    aggregate
        ``aggregate(partials, axis=axes, keepdims=keepdims) -> block of the result``; None for
        partial results as they are before the last level.
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
        """As given, and whether it is the last level."""
        return f"{operands[-1]}-{'partial' if operands[3] is None else 'aggregate'}"

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
        if self.aggregate is None:
            grid = self._last_grid()
            pairs = enumerate(zip(self.before, grid, strict=True))
            ones = tuple([(1,) * n if i in self.axes else own for i, (own, n) in pairs])
            return ones, with_ndim(self.kind, len(grid))
        chunks = []
        for axis, blocks in enumerate(self.before):
            if axis not in self.axes:
                chunks.append(blocks)
            elif self.keepdims:
                chunks.append((self.output_size,))
        return tuple(chunks), with_ndim(self.kind, len(chunks))

    def place(self, lowering: Lowering) -> None:
        """A layer of partials, and one for each level of the tree; a single one for one block."""
        if self.aggregate is None:
            self._place_levels(lowering)
            return
        last = self._call(self.aggregate, keepdims=self.keepdims)
        if all(self.grid[axis] == 1 for axis in self.axes):
            chunk, inputs = self._first()
            both = _After(chunk, self._folded(last, None))
            lowering.add_grid(self, both, self._outer(inputs))
            return
        name, grid = self._place_levels(lowering)
        counts = tuple([grid[axis] for axis in self.axes])
        axes = [i if i not in self.axes else "all" for i in range(len(grid))]
        part = self._outer([Blocks(name, grid, tuple(axes))])[0]
        lowering.add_grid(self, self._folded(last, counts), [part])

    def _place_levels(self, lowering: Lowering) -> tuple[str, tuple[int, ...]]:
        """The layers before the last; the name of the last of them, and its grid."""
        grid, end = self.grid, self._last_grid()
        chunk, inputs = self._first()
        name = self._level_name("chunk", grid == end)
        lowering.add_grid(self, chunk, inputs, name=name, shape=grid)
        level = 0
        while grid != end:
            part, counts, grid = self._window(name, grid)
            name, level = self._level_name(f"combine-{level}", grid == end), level + 1
            func = self._folded(self._call(self.combine, keepdims=True), counts)
            given: list[Input] = [part] if counts is None else [part, Each(counts)]
            lowering.add_grid(self, func, given, name=name, shape=grid)
        return name, grid

    def _level_name(self, level: str, is_last: bool) -> str:
        return self.name if is_last and self.aggregate is None else f"{self.name}-{level}"

    def _last_grid(self) -> tuple[int, ...]:
        """How many partial results there are for the last level."""
        grid = list(self.grid)
        most = dict(zip(self.axes, self.fan_in, strict=True))
        while any(grid[axis] > n for axis, n in most.items()):
            for axis, n in most.items():
                grid[axis] = -(-grid[axis] // n)
        return tuple(grid)

    def _first(self) -> tuple[Callable[..., Any], list[Input]]:
        """What makes a partial result, and of which blocks."""
        given = [self._input(item) for item in self.inputs]
        return reading(self._call(self.chunk, keepdims=True), given)

    def _working_bytes(self) -> float:
        return inlined_bytes(self.inputs)

    def cost(self, layer: str) -> Cost | None:
        """A block of the result; partial results as if they had `PARTS_OF_PARTIALS` parts.

        Parameters
        ----------
        layer
            Its name.
        """
        is_last = layer == self.name and self.aggregate is not None
        is_first = layer.endswith("-chunk") or all(self.grid[axis] == 1 for axis in self.axes)
        longest = [
            1 if axis in self.axes else max(blocks, default=0)
            for axis, blocks in enumerate(self.before)
        ]
        partial = PARTS_OF_PARTIALS * math.prod(longest) * int(self.dtype.itemsize)
        working = self._working_bytes() if is_first else 0
        return Cost(self.block_bytes if is_last else partial, working)

    def _call(self, func: Callable[..., Any], keepdims: bool) -> Callable[..., Any]:
        kwargs = (("axis", self.axes), ("keepdims", keepdims))
        count = len(self.inputs) if func is self.chunk else 1
        return Program(count, (Step(func, tuple(map(Ref, range(count))), kwargs),))

    def _folded(self, func: Callable[..., Any], counts: Any) -> Callable[..., Any]:
        return Partials(func, self.axes, len(self.before), bool(self.concatenate), counts)

    def _input(self, item: Any) -> Any:
        return item if isinstance(item, Each | Inline) else aligned_blocks(item, self.before)

    def _outer(self, inputs: Sequence[Any]) -> list[Any]:
        """Inputs of tasks whose grid is that of the result."""
        if self.keepdims:
            return list(inputs)
        places = {
            a: i for i, a in enumerate(a for a in range(len(self.before)) if a not in self.axes)
        }
        return [
            part
            if isinstance(part, Each | Const)
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
        reads = [f"{item.label()} | " for item in self.inputs if type(item) is Inline]
        return f"Reduction({''.join(reads)}{self.title}, axes={self.axes}, fan_in={self.fan_in})"


class Finish(ArrayNode):
    """The last level of a `Reduction` that has none, which others may read as well.

    Parameters
    ----------
    partials
        A `Reduction` without ``aggregate``.
    aggregate, keepdims, output_size, kind, title
        As of `Reduction`.

    Examples
    --------
    >>> import numpy as np
    >>> import shoal.array as da
    >>> partial = da.ones(6, chunks=2).sum()._node.replace(aggregate=None)
    >>> Finish(partial, np.sum, False, 1, np.empty(()), "sum").chunks
    ()
    """

    __slots__ = ()
    fields = ("partials", "aggregate", "keepdims", "output_size", "kind", "title")

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """As given, and that it is the last level."""
        return f"{operands[-1]}-aggregate"

    def whole(self) -> Reduction:
        """The reduction that it would be if nobody else read the partial results."""
        fields = self.fields[1:]
        reduction: Reduction = self.partials
        return reduction.replace(**{name: getattr(self, name) for name in fields})

    def schema(self) -> tuple[Chunks, Any]:
        """Those of the whole reduction."""
        return self.whole().schema()

    def place(self, lowering: Lowering) -> None:
        """One layer."""
        whole, source = self.whole(), self.partials
        axes = [i if i not in whole.axes else "all" for i in range(source.ndim)]
        counts = tuple([source.shape[axis] for axis in whole.axes])
        last = whole._folded(whole._call(self.aggregate, keepdims=self.keepdims), counts)
        part = whole._outer([Blocks(source.name, source.shape, tuple(axes))])[0]
        lowering.add_grid(self, last, [part])

    def label(self) -> str:
        """What."""
        return f"Finish({self.title})"


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
            counts = ([len(blocks)] + [1] * len(self.axes))[: len(self.axes)]
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
