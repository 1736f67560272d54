"""Fused elementwise programs, run over tiles of a block that fit the cache.

NumPy runs one function over whole arrays: a chain of five on a block of 100 MB moves a gigabyte
through memory.  Here the block is cut into tiles, every step runs on one tile while it is in the
cache, and the arrays in between are a few buffers that are used again for the next tile.  A
reduction at the end takes each tile as it comes, so the result of the chain is never written.

The steps are the same calls that NumPy would make, on parts: elementwise results are equal to
the bit.  A reduction adds up in another order, as it does over other blocks.  The engine "numexpr"
runs the whole program in one call where it knows all the functions; its results differ from
NumPy's by rounding in the last places (1e-12 relative in double precision).  The engine "numba"
compiles loops over the whole block for programs that it knows, with the reduction inside.

Blocks that are not plain NumPy arrays, or small, take the straight way: one step after the other.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from shoal.array.kernels.assemble import assemble, nested
from shoal.array.kernels.layout import permute_block
from shoal.array.kernels.numba_engine import compile_elements, compile_fold
from shoal.array.kernels.numexpr_engine import compile_program
from shoal.array.program import Program
from shoal.graph.naming import funcname
from shoal.graph.task import Nest, Ref, fill

__all__ = ["Fold", "Tiled", "tile_shape"]

TILE_BYTES = 1024 * 1024
"""Of one buffer.  Smaller ones stay nearer to the core (a quarter of this is best on one thread),
but each call gives up and takes the interpreter's lock: two threads then wait for each other."""

ALIAS_BYTES = 4096
"""Elements that lie a multiple of this apart share a few places in the cache, and drive each other
out: a column of an array whose rows are so long does not fit the cache, however short it is."""

NUMEXPR_BYTES = 4 * 1024 * 1024
"""numexpr cuts what it is given into blocks of its own; larger pieces cost it fewer calls."""


class Fold:
    """A reduction that takes tiles as they come.

    Parameters
    ----------
    chunk
        ``chunk(tile) -> partial``, axes kept.
    combine
        ``combine(partials) -> partial``.
    axes
        Which are reduced.
    concatenate
        Whether ``combine`` takes one array, or lists within lists.

    Examples
    --------
    >>> from shoal.array.program import Step
    >>> keep = Program(1, (Step(np.sum, (Ref(0),), (("axis", (0,)), ("keepdims", True))),))
    >>> Fold(keep, keep, (0,), True).of_grid([np.ones(2), np.ones(3)], (2,))
    array([5.])
    """

    __slots__ = ("axes", "chunk", "combine", "concatenate")

    def __init__(
        self,
        chunk: Callable[..., Any],
        combine: Callable[..., Any],
        axes: tuple[int, ...],
        concatenate: bool,
    ) -> None:
        self.chunk = chunk
        self.combine = combine
        self.axes = axes
        self.concatenate = concatenate

    def of_grid(self, tiles: Sequence[Any], grid: tuple[int, ...]) -> Any:
        """The partial result of a grid of tiles.

        Parameters
        ----------
        tiles
            In C order.
        grid
            How many there are along each axis.
        """
        return self.joined([self.chunk(tile) for tile in tiles], grid)

    def joined(self, partials: Sequence[Any], grid: tuple[int, ...]) -> Any:
        """One partial result of those of a grid of tiles.

        Parameters
        ----------
        partials
            In C order.
        grid
            How many there are along each axis.
        """
        if len(partials) == 1:
            return partials[0]
        kept = [range(1 if axis in self.axes else n) for axis, n in enumerate(grid)]
        reduced = [range(n if axis in self.axes else 1) for axis, n in enumerate(grid)]
        counts = [grid[axis] for axis in self.axes]
        inner = [len(r) for r in reduced]
        steps = [math.prod(grid[axis + 1 :]) for axis in range(len(grid))]
        out = []
        for place in itertools.product(*kept):
            base = sum(map(int.__mul__, place, steps))
            group = [
                partials[base + sum(map(int.__mul__, at, steps))]
                for at in itertools.product(*reduced)
            ]
            if len(group) == 1:
                out.append(group[0])
            elif self.concatenate:
                out.append(self.combine(assemble(group, inner)))
            else:
                out.append(self.combine(nested(group, counts)))
        return _side_by_side(out, [len(k) for k in kept])

    def __reduce__(self) -> tuple[Any, ...]:
        return Fold, (self.chunk, self.combine, self.axes, self.concatenate)


def _side_by_side(partials: list[Any], grid: list[int]) -> Any:
    """Partial results of neighbours as one; those of several parts part by part."""
    if len(partials) == 1:
        return partials[0]
    if isinstance(partials[0], dict):
        return {name: assemble([part[name] for part in partials], grid) for name in partials[0]}
    return assemble(partials, grid)


class Tiled:
    """A program as the function of a task.

    Parameters
    ----------
    program
        What is done to the elements.
    views
        For each input how it is seen: None as it is, or axes as `permute_block` takes them.
    engine
        "numpy", "numexpr" or "numba".
    fold
        A reduction to end with.

    Examples
    --------
    >>> from shoal.array.program import Step
    >>> run = Tiled(
    ...     Program(2, (Step(np.add, (Ref(0), Ref(1))),)), (None, (1, 0)), "numpy", None
    ... )
    >>> run(np.arange(4).reshape(2, 2), np.arange(4).reshape(2, 2))
    array([[0, 3],
           [3, 6]])
    """

    __slots__ = ("engine", "fold", "program", "views")

    def __init__(
        self,
        program: Program,
        views: tuple[tuple[int | None, ...] | None, ...],
        engine: str,
        fold: Fold | None,
    ) -> None:
        self.program = program
        self.views = views
        self.engine = engine
        self.fold = fold

    @property
    def __name__(self) -> str:
        parts = [self.program.__name__, funcname(self.fold.chunk) if self.fold else ""]
        return "-".join(filter(None, parts))

    def __call__(self, *blocks: Any) -> Any:
        inputs = [
            block if axes is None else permute_block(block, axes)
            for block, axes in zip(blocks, self.views, strict=True)
        ]
        if all(type(block) is np.ndarray and block.dtype != object for block in inputs):
            compiled = self._compiled(inputs) if self.engine == "numba" else None
            if compiled is not None:
                return compiled(inputs)
            shape = np.broadcast_shapes(*[block.shape for block in inputs])
            done, result = self._tile_by_tile(inputs, shape)
            if done:
                return result
        result = self.program(*inputs)
        return self.fold.chunk(result) if self.fold else result

    def _compiled(self, inputs: list[Any]) -> Callable[..., Any] | None:
        if self.fold is None:
            return compile_elements(self.program, inputs)
        return compile_fold(self.program, inputs, self.fold)

    def _tile_by_tile(self, inputs: list[Any], shape: tuple[int, ...]) -> tuple[bool, Any]:
        itemsize = max(block.dtype.itemsize for block in inputs)
        run = compile_program(self.program, inputs) if self.engine == "numexpr" else None
        size = (NUMEXPR_BYTES if run else TILE_BYTES) // itemsize
        tile = tile_shape(shape, size, any(map(_is_across, inputs)))
        grid = tuple([-(-n // t) for n, t in zip(shape, tile, strict=True)])
        if math.prod(grid) <= 1 and run is None:
            return False, None
        run = run or Buffered(self.program)
        if self.fold:
            parts = [self.fold.chunk(run(part)) for part, _ in _tiles(inputs, shape, tile)]
            if len(parts) > 1 and not isinstance(parts[0], np.ndarray | dict):
                # Somebody's own kind of partial result: it may not come in parts of a block.
                return False, None
            return True, self.fold.joined(parts, grid)
        out = None
        for part, place in _tiles(inputs, shape, tile):
            if out is None:
                first = run(part)
                out = np.empty(shape, first.dtype)
                out[place] = first
            else:
                run(part, out[place])
        return out is not None, out

    def __reduce__(self) -> tuple[Any, ...]:
        return Tiled, (self.program, self.views, self.engine, self.fold)


def tile_shape(shape: tuple[int, ...], size: int, across: bool = False) -> tuple[int, ...]:
    """The shape of a tile: as long as possible along the last axes, which lie together in memory.

    Parameters
    ----------
    shape
        Of the block.
    size
        How many elements a tile may have.
    across
        Whether an input lies the other way round: then tiles are squares, in which both ways have
        neighbours that share cache lines.

    Examples
    --------
    >>> tile_shape((100, 100), 1000), tile_shape((10, 10_000), 1000)
    ((10, 100), (1, 1000))
    >>> tile_shape((100, 100), 1000, True)
    (31, 31)
    """
    if across and len(shape) > 1:
        edge = math.isqrt(size)
        rest = [1] * (len(shape) - 2)
        return (*rest, *[max(1, min(n, edge)) for n in shape[-2:]])
    out = []
    for length in reversed(shape):
        part = max(1, min(length, size))
        out.append(part)
        size //= part
    return tuple(reversed(out))


def _is_across(block: Any) -> bool:
    """Whether neighbours along the last axis lie further apart than along the one before."""
    return block.ndim > 1 and 1 not in block.shape[-2:] and block.strides[-1] > block.strides[-2]


def _tiles(inputs: Sequence[Any], shape: tuple[int, ...], tile: tuple[int, ...]) -> Any:
    """The inputs' parts for each tile in C order, and where it stands."""
    ndim = len(shape)
    spans = [
        [slice(a, min(a + t, n)) for a in range(0, n, t)] for n, t in zip(shape, tile, strict=True)
    ]
    # Along the axes in which it is repeated, the same part of an input serves all tiles.
    moving = [
        [axis for axis in range(ndim - block.ndim, ndim) if block.shape[axis - ndim] != 1]
        for block in inputs
    ]
    apart = [_is_across(block) and block.strides[-1] % ALIAS_BYTES == 0 for block in inputs]
    for place in itertools.product(*spans):
        parts = []
        for block, axes, copied in zip(inputs, moving, apart, strict=True):
            index = [slice(None)] * block.ndim
            for axis in axes:
                index[axis - ndim] = place[axis]
            part = block[tuple(index)]
            # As it lies in memory, but with shorter rows.
            parts.append(part.swapaxes(-1, -2).copy().swapaxes(-1, -2) if copied else part)
        yield parts, place


class Buffered:
    """Runs a program on one tile after the other, with the first tile's arrays as buffers.

    Parameters
    ----------
    program
        The program.

    Examples
    --------
    >>> from shoal.array.program import Step
    >>> run = Buffered(Program(1, (Step(np.add, (Ref(0), 1)), Step(np.multiply, (Ref(1), 2)))))
    >>> run([np.ones(2)]), run([np.zeros(2)], np.empty(2))
    (array([4., 4.]), array([2., 2.]))
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.calls: list[tuple[Any, tuple[Any, ...], dict[str, Any], bool]] = []
        self.buffers: list[Any] = []
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, inputs: Sequence[Any], out: Any = None) -> Any:
        """The program's result on one tile.

        Parameters
        ----------
        inputs
            Parts of the inputs.
        out
            Where the result goes; None for a buffer that the next tile overwrites.
        """
        shapes = [part.shape for part in inputs]
        if not self.calls:
            return self._first(inputs, shapes)
        buffers = self.buffers if shapes == self.shapes else [None] * len(self.buffers)
        values = list(inputs)
        last = len(self.calls) - 1
        for i, (func, args, kwargs, simple) in enumerate(self.calls):
            given = [_filled(arg, values) for arg in args]
            told = {k: fill(v, values) for k, v in kwargs.items()} if kwargs else kwargs
            target = out if i == last and out is not None else buffers[i]
            if simple and target is not None and target.dtype == self.buffers[i].dtype:
                values.append(func(*given, out=target, **told))
            else:
                values.append(func(*given, **told))
        if out is not None and values[-1] is not out:
            out[...] = values[-1]
        return values[-1]

    def _first(self, inputs: Sequence[Any], shapes: list[tuple[int, ...]]) -> Any:
        """The first tile: as NumPy does it; what it makes is what the others write to."""
        values = list(inputs)
        for step in self.program.steps:
            given = [_filled(arg, values) for arg in step.args]
            told = {name: fill(value, values) for name, value in step.kwargs}
            result = step.func(*given, **told)
            simple = isinstance(step.func, np.ufunc) and type(result) is np.ndarray
            self.calls.append((step.func, step.args, dict(step.kwargs), simple))
            values.append(result)
        made = values[len(inputs) :]
        self.buffers = _shared(self.calls, made, len(inputs))
        self.shapes = shapes
        # The last buffer is handed out: the caller copies it, or is done with it, before the next.
        return values[-1]


def _filled(arg: Any, values: Sequence[Any]) -> Any:
    return values[arg.position] if type(arg) is Ref else fill(arg, values)


def _refs(arg: Any) -> list[int]:
    if type(arg) is Ref:
        return [arg.position]
    if type(arg) is Nest:
        return [place for part in arg.items for place in _refs(part)]
    return []


def _shared(calls: Sequence[Any], made: Sequence[Any], count: int) -> list[Any]:
    """For each step the array to write to: one whose value nobody reads again, where there is one.

    What a function that is no ufunc returns may be a view of what it was given, which therefore
    stays alive as long.
    """
    last = list(range(len(calls)))
    for i in reversed(range(len(calls))):
        _, args, kwargs, simple = calls[i]
        until = i if simple else last[i]
        for arg in (*args, *kwargs.values()):
            for place in _refs(arg):
                if place >= count:
                    last[place - count] = max(last[place - count], until)
    free: list[Any] = []
    out: list[Any] = []
    for i, result in enumerate(made):
        free += [out[j] for j in range(i) if last[j] == i and calls[j][3] and calls[i][3]]
        chosen = result
        if calls[i][3]:
            for k, buffer in enumerate(free):
                if buffer.shape == result.shape and buffer.dtype == result.dtype:
                    chosen = free.pop(k)
                    break
        out.append(chosen)
    return out
