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

import contextlib
import itertools
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from shoal.array.kernels.assemble import assemble, nested
from shoal.array.kernels.buffered import Buffered, Scratch, is_by_elements
from shoal.array.kernels.layout import permute_block
from shoal.array.kernels.numba_engine import compile_elements, compile_fold
from shoal.array.kernels.numexpr_engine import compile_program
from shoal.array.program import Program
from shoal.graph.naming import funcname
from shoal.graph.task import Nest, Ref

__all__ = ["Fold", "Tiled", "tile_shape"]

TILE_BYTES = 1536 * 1024
"""Of one buffer.  Smaller ones stay nearer to the core, but each call costs half a microsecond,
and gives up and takes the interpreter's lock: two threads then wait for each other."""

_kept = threading.local()
"""Each thread's last program, ready to run."""

ALIAS_BYTES = 4096
"""Elements that lie a multiple of this apart share a few places in the cache, and drive each other
out: a column of an array whose rows are so long does not fit the cache, however short it is."""


REDUCES = {np.sum: np.add.reduce, np.prod: np.multiply.reduce}
"""What these functions of NumPy's call in the end, after they have asked what they were given."""


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

    def chunk_of_one(self) -> Callable[..., Any]:
        """``chunk``, without what a program of one step costs on top."""
        steps: Any = getattr(self.chunk, "steps", ())
        if len(steps) != 1 or len(steps[0].args) != 1:
            return self.chunk
        func: Any = steps[0].func
        told = dict(steps[0].kwargs)
        if isinstance(func, partial) and not func.args:
            func, told = func.func, {**func.keywords, **told}
        return partial(REDUCES.get(func, func), **told)

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
        inner = [n if axis in self.axes else 1 for axis, n in enumerate(grid)]
        if len(partials) == math.prod(inner):
            return self._combined(partials, inner)
        kept = [range(n // m) for n, m in zip(grid, inner, strict=True)]
        reduced = [range(m) for m in inner]
        steps = [math.prod(grid[axis + 1 :]) for axis in range(len(grid))]
        out = []
        for place in itertools.product(*kept):
            base = sum(map(int.__mul__, place, steps))
            group = [
                partials[base + sum(map(int.__mul__, at, steps))]
                for at in itertools.product(*reduced)
            ]
            out.append(self._combined(group, inner))
        return _side_by_side(out, [len(k) for k in kept])

    def _combined(self, group: Sequence[Any], inner: Sequence[int]) -> Any:
        """One partial result of those of a grid of tiles along the reduced axes."""
        if len(group) == 1:
            return group[0]
        if self.concatenate:
            return self.combine(assemble(group, inner))
        return self.combine(nested(group, [inner[axis] for axis in self.axes]))

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

    __slots__ = ("engine", "fold", "is_plain", "program", "views")

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
        self.is_plain = _is_plain(program)

    @property
    def __name__(self) -> str:
        parts = [self.program.__name__, funcname(self.fold.chunk) if self.fold else ""]
        return "-".join(filter(None, parts))

    def __call__(self, *blocks: Any) -> Any:
        inputs = [
            block if axes is None else permute_block(block, axes)
            for block, axes in zip(blocks, self.views, strict=True)
        ]
        if self.is_plain and all(type(b) is np.ndarray and b.dtype != object for b in inputs):
            compiled = self._compiled(inputs)
            if compiled is not None:
                return compiled(inputs)
            shape = np.broadcast_shapes(*[block.shape for block in inputs])
            done, result = self._tile_by_tile(inputs, shape)
            if done:
                return result
        result = self.program(*inputs)
        return self.fold.chunk(result) if self.fold else result

    def _compiled(self, inputs: list[Any]) -> Callable[..., Any] | None:
        if self.engine != "numba":
            return None
        if self.fold is None:
            return compile_elements(self.program, inputs)
        return compile_fold(self.program, inputs, self.fold)

    def _tile_by_tile(self, inputs: list[Any], shape: tuple[int, ...]) -> tuple[bool, Any]:
        own = shape
        if self.fold is None or len(self.fold.axes) == len(shape):
            inputs, shape = _in_one_row(inputs, shape)
        with self._runner(inputs) as run:
            tile = tile_shape(shape, TILE_BYTES // run.itemsize, any(map(_is_across, inputs)))
            grid = tuple([-(-n // t) for n, t in zip(shape, tile, strict=True)])
            if math.prod(grid) <= 1 or not run.is_plain:
                return False, None
            with Scratch(TILE_BYTES) as parts_of:
                near = [
                    parts_of.take((math.prod(tile),), block.dtype)
                    if _is_worth_copying(block, self.program, i)
                    else None
                    for i, block in enumerate(inputs)
                ]
                tiles = _tiles(inputs, shape, tile, near)
                if self.fold:
                    return True, self.fold.joined([run(part) for part, _ in tiles], grid)
                out = None
                for part, place in tiles:
                    if out is None:
                        first = run(part)
                        out = np.empty(shape, first.dtype)
                        out[place] = first
                    else:
                        run.into(part, out[place])
        return out is not None, None if out is None else out.reshape(own)

    @contextlib.contextmanager
    def _runner(self, inputs: list[Any]) -> Iterator[Any]:
        """The program as a function of tiles, kept by the thread for the next block of its kind.

        Making it takes as long as half of a tile, and other threads wait for that.
        """
        kind = (TILE_BYTES, [(block.dtype, block.ndim) for block in inputs])
        owner, known, run = _kept.__dict__.pop("last", (None, None, None))
        if owner is not self or known != kind:
            if run is not None:
                run.close()
            finish = None if self.fold is None else self.fold.chunk_of_one()
            run = None
            if self.engine == "numexpr":
                run = compile_program(self.program, inputs, TILE_BYTES, finish)
            run = run or Buffered(self.program, inputs, TILE_BYTES, finish)
        yield run
        # After an error it is not used again.
        run.forget()
        _kept.last = (self, kind, run)

    def __reduce__(self) -> tuple[Any, ...]:
        return Tiled, (self.program, self.views, self.engine, self.fold)


def _is_plain(program: Program) -> bool:
    """Whether all functions know nothing but elements, and all their arguments are told."""
    return all(
        is_by_elements(step.func)
        and all(type(value) not in (Ref, Nest) for _, value in step.kwargs)
        and all(type(arg) is not Nest for arg in step.args)
        for step in program.steps
    )


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


def _in_one_row(inputs: list[Any], shape: tuple[int, ...]) -> tuple[list[Any], tuple[int, ...]]:
    """Blocks that lie in memory as they are counted, as views of one row: with a single axis to
    walk along, NumPy adds up twice as fast as with two."""
    rows = [b for b in inputs if b.shape == shape and b.flags.c_contiguous]
    if len(shape) < 2 or any(b.size > 1 and not any(b is row for row in rows) for b in inputs):
        return inputs, shape
    flat = (*[1] * (len(shape) - 1), math.prod(shape))
    return [b.reshape(flat) if b.shape == shape else b for b in inputs], flat


def _is_across(block: Any) -> bool:
    """Whether neighbours along the last axis lie further apart than along the one before."""
    return block.ndim > 1 and 1 not in block.shape[-2:] and block.strides[-1] > block.strides[-2]


def _tiles(
    inputs: Sequence[Any], shape: tuple[int, ...], tile: tuple[int, ...], near: Sequence[Any]
) -> Any:
    """The inputs' parts for each tile in C order, and where it stands.

    ``near`` has, for each input, memory to copy its parts to, or None.
    """
    ndim = len(shape)
    spans = [
        [slice(a, min(a + t, n)) for a in range(0, n, t)] for n, t in zip(shape, tile, strict=True)
    ]
    # Along the axes in which it is repeated, the same part of an input serves all tiles.
    repeated = [
        [i for i in range(block.ndim) if block.shape[i] != shape[ndim - block.ndim + i]]
        for block in inputs
    ]
    is_plain = not any(repeated) and all(block.ndim == ndim for block in inputs)
    is_plain = is_plain and all(memory is None for memory in near)
    for place in itertools.product(*spans):
        if is_plain:
            yield [block[place] for block in inputs], place
            continue
        parts = []
        for block, axes, memory in zip(inputs, repeated, near, strict=True):
            index = place[ndim - block.ndim :]
            if axes:
                index = tuple([slice(None) if i in axes else s for i, s in enumerate(index)])
            part = block[index]
            parts.append(part if memory is None else _copied(part, memory))
        yield parts, place


def _copied(part: Any, memory: Any) -> Any:
    """A part of a block as it lies, but with no gaps."""
    across = _is_across(part)
    source = part.swapaxes(-1, -2) if across else part
    out = memory[: part.size].reshape(source.shape)
    np.copyto(out, source)
    return out.swapaxes(-1, -2) if across else out


def _is_worth_copying(block: Any, program: Program, place: int) -> bool:
    """Whether parts of an input are better read once, into memory without gaps.

    What is read twice is: parts of one array of many blocks lie in rows far apart, and come slower
    even from the cache.  What lies across is where its columns share places in the cache.
    """
    if _is_across(block):
        return bool(block.strides[-1] % ALIAS_BYTES == 0)
    if block.ndim < 2 or block.size < 2 or block.flags.c_contiguous:
        return False
    return program.reads(place) > 1
