"""Fused elementwise programs, run over tiles of a block that fit the cache.

NumPy runs one function over whole arrays: a chain of five on a block of 100 MB moves a gigabyte
through memory.  Here the block is cut into tiles, every step runs on one tile while it is in the
cache, and the arrays in between are a few buffers that are used again for the next tile.  A
reduction at the end takes each tile as it comes, so the result of the chain is never written.

The steps are the same calls that NumPy would make, on parts: elementwise results are equal to
the bit.  A reduction adds up in another order, as it does over other blocks.  The engine "numexpr"
runs the whole program in one call where it knows all the functions, and makes sums of linear
combinations from other sums (`linear`); its results differ from
NumPy's by rounding in the last places (1e-12 relative in double precision).  The engine "numba"
compiles loops over the whole block for programs that it knows, with the reduction inside.

Blocks that are not plain NumPy arrays, or small, take the straight way: one step after the other.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from shoal.array.kernels.assemble import assemble, nested
from shoal.array.kernels.buffered import Buffered, Scratch, is_by_elements
from shoal.array.kernels.cuts import Cuts
from shoal.array.kernels.layout import permute_block
from shoal.array.kernels.linear import LinearSum
from shoal.array.kernels.numba_engine import compile_elements, compile_fold
from shoal.array.kernels.numexpr_engine import compile_program
from shoal.array.kernels.rows import AlongAxes, first_along, slabs
from shoal.array.kernels.totals import Total
from shoal.array.program import Program, Step
from shoal.graph.naming import funcname
from shoal.graph.task import Nest, Ref

__all__ = ["Fold", "Ready", "Tiled"]

TILE_BYTES = 2 * 1024 * 1024
"""Of one buffer.  Smaller ones stay nearer to the core, but each call costs half a microsecond,
and gives up and takes the interpreter's lock: two threads then wait for each other."""

MOST_KINDS = 32
"""Kinds of blocks of which a thread knows how they are cut."""

REDUCES: dict[Any, Any] = {np.sum: np.add, np.prod: np.multiply}
"""Whose ``reduce`` these functions of NumPy's call in the end, after they have asked what they were
given."""


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
        func, told = _called(steps[0])
        return partial(REDUCES[func].reduce if func in REDUCES else func, **told)

    def total(self, ndim: int, is_quick: bool) -> Total | None:
        """The reduction as one of all elements by a ufunc, if that is what it is.

        Parameters
        ----------
        ndim
            Of the tiles.
        is_quick
            As of `Total`.
        """
        if len(self.axes) < ndim or not self.concatenate:
            return None
        steps = [step for call in (self.chunk, self.combine) for step in getattr(call, "steps", ())]
        if len(steps) != 2 or any(len(step.args) != 1 for step in steps):
            return None
        (first, told), (second, _) = map(_called, steps)
        if first is not second or first not in REDUCES or set(told) - {"axis", "keepdims", "dtype"}:
            return None
        return Total(REDUCES[first], told.get("dtype"), is_quick)

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


def _called(step: Step) -> tuple[Any, dict[str, Any]]:
    """A step's function without its arguments, and what it is told by name."""
    func: Any = step.func
    told = dict(step.kwargs)
    if isinstance(func, partial) and not func.args:
        return func.func, {**func.keywords, **told}
    return func, told


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

    __slots__ = ("along", "engine", "fold", "is_plain", "program", "rest", "views")

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
        split = first_along(program)
        if split is None:
            self.along: AlongAxes | None = None
        else:
            self.along, rest = split
            self.rest = Tiled(rest, (None,), engine, fold)

    @property
    def __name__(self) -> str:
        parts = [self.program.__name__, funcname(self.fold.chunk) if self.fold else ""]
        return "-".join(filter(None, parts))

    def __call__(self, *blocks: Any) -> Any:
        inputs = [
            block if axes is None else permute_block(block, axes)
            for block, axes in zip(blocks, self.views, strict=True)
        ]
        if self.along is not None:
            return self._slab_by_slab(self.along, *inputs)
        if self.is_plain and all(type(b) is np.ndarray for b in inputs):
            compiled = self._compiled(inputs)
            if compiled is not None:
                return compiled(inputs)
            ready = Ready.of(self)
            way = ready.way(inputs)
            result = None if way is None else self._tile_by_tile(inputs, way)
            ready.leave()
            if way is not None:
                return result
        result = self.program(*inputs)
        return self.fold.chunk(result) if self.fold else result

    def _slab_by_slab(self, along: AlongAxes, block: Any) -> Any:
        """What looks along axes gets as many rows at once as fit the cache with its result."""
        if type(block) is not np.ndarray:
            return self.rest(along(block))
        places = list(slabs(block, along.axes, TILE_BYTES // 2))
        if len(places) == 1:
            return self.rest(along(block))
        if self.fold:
            grid = [1] * block.ndim
            grid[len(places[0]) - 1] = len(places)
            return self.fold.joined([self.rest(along(block[at])) for at in places], tuple(grid))
        first = self.rest(along(block[places[0]]))
        out = np.empty(block.shape, first.dtype)
        out[places[0]] = first
        for at in places[1:]:
            out[at] = self.rest(along(block[at]))
        return out

    def _compiled(self, inputs: list[Any]) -> Callable[..., Any] | None:
        if self.engine != "numba" or any(block.dtype.hasobject for block in inputs):
            return None
        if self.fold is None:
            return compile_elements(self.program, inputs)
        return compile_fold(self.program, inputs, self.fold)

    def _tile_by_tile(self, inputs: list[Any], way: Way) -> Any:
        run, cuts, total = way.run, way.cuts, way.total
        summed = way.summed(inputs)
        if summed is not None:
            return summed
        with Scratch(TILE_BYTES) as near:
            tiles = cuts.parts(inputs, near)
            if total is not None:
                return total.joined([run(parts) for parts, _ in tiles], len(cuts.shape))
            if self.fold:
                return self.fold.joined([run(parts) for parts, _ in tiles], cuts.grid)
            parts, place = next(tiles)
            first = run(parts)
            out = np.empty(cuts.shape, first.dtype)
            out[place] = first
            for parts, place in tiles:
                run.into(parts, out[place])
        return out.reshape(np.broadcast_shapes(*[block.shape for block in inputs]))

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


@dataclass(slots=True)
class Way:
    """How blocks of one kind are computed.

    Parameters
    ----------
    run
        The program as a function of tiles.
    cuts
        The tiles.
    total
        What totals them, if anything does.
    sums
        What may make the same total of other sums.

    Examples
    --------
    >>> Way(None, Cuts(Program(1, ()), [np.ones(4)], True, 2), None, None).summed([]) is None
    True
    """

    run: Any
    cuts: Cuts
    total: Total | None
    sums: LinearSum | None

    def summed(self, inputs: Sequence[Any]) -> Any:
        """The total by other sums; None where there are none, or they are not exact enough.

        Parameters
        ----------
        inputs
            The blocks.
        """
        if self.sums is None:
            return None
        total = self.sums.total(parts for parts, _ in self.cuts.parts(inputs, None))
        return None if total is None else np.full((1,) * len(self.cuts.shape), total)


class Ready:
    """What a thread keeps of the program that it ran last, for the next block of its kind.

    Between two blocks the interpreter works with a cold cache: what takes 40 us in a loop takes 200
    there, as long as a tile, and other threads may wait for it.

    Parameters
    ----------
    owner
        A `Tiled`.

    Examples
    --------
    >>> ready = Ready.of(Tiled(Program(1, ()), (None,), "numpy", None))
    >>> ready.way([np.ones(2)]) is None
    True
    >>> ready.leave()
    """

    __slots__ = ("known", "owner", "runs")

    _of_thread = threading.local()

    def __init__(self, owner: Tiled) -> None:
        self.owner = owner
        self.runs: dict[Any, Any] = {}
        self.known: dict[Any, Way | None] = {}

    @classmethod
    def of(cls, owner: Tiled) -> Ready:
        """The thread's own; nobody else takes it until it is left, and after an error nobody does.

        Parameters
        ----------
        owner
            Whose program it is to run.
        """
        last: Ready | None = cls._of_thread.__dict__.pop("last", None)
        if last is not None and last.owner is owner:
            return last
        for run in last.in_use() if last is not None else ():
            run.close()
        return Ready(owner)

    def in_use(self) -> list[Any]:
        """What has memory of the thread's."""
        return [run for run in self.runs.values() if run is not None]

    def leave(self) -> None:
        """Keep it for the next block, without any of this one."""
        for run in self.in_use():
            run.forget()
        self._of_thread.last = self

    def way(self, inputs: Sequence[Any]) -> Way | None:
        """How blocks like these are computed; None for those that are not cut.

        Parameters
        ----------
        inputs
            Plain blocks.
        """
        kind = (TILE_BYTES, *[(b.dtype, b.shape, b.strides) for b in inputs])
        if kind not in self.known:
            if len(self.known) >= MOST_KINDS:
                self.known.clear()
            self.known[kind] = self._made(inputs)
        return self.known[kind]

    def _made(self, inputs: Sequence[Any]) -> Way | None:
        owner, fold = self.owner, self.owner.fold
        if any(block.dtype.hasobject for block in inputs):
            return None
        ndim = max((block.ndim for block in inputs), default=0)
        as_row = fold is None or len(fold.axes) == ndim
        total = fold.total(ndim, owner.engine == "numexpr") if fold and as_row else None
        run = self._run(inputs, total)
        cuts = Cuts(owner.program, inputs, as_row, TILE_BYTES // run.itemsize)
        if total is not None and cuts.rows is None and ndim > 1:
            total, run = None, self._run(inputs, None)
        if math.prod(cuts.grid) <= 1 or not run.is_plain:
            return None
        return Way(run, cuts, total, self._sums(inputs, total, cuts))

    def _sums(self, inputs: Sequence[Any], total: Total | None, cuts: Cuts) -> LinearSum | None:
        size = math.prod(cuts.shape)
        if total is None or not all(
            total.is_quick_sum(block.dtype) and block.size == size and block.flags.c_contiguous
            for block in inputs
        ):
            return None
        kind = (TILE_BYTES, LinearSum)
        if kind not in self.runs:
            self.runs[kind] = LinearSum.of(self.owner.program, inputs, TILE_BYTES)
        sums: LinearSum | None = self.runs[kind]
        return sums

    def _run(self, inputs: Sequence[Any], total: Total | None) -> Any:
        """Blocks of other shapes share the memory of their tiles."""
        owner = self.owner
        kind = (TILE_BYTES, total is None, *[(block.dtype, block.ndim) for block in inputs])
        if kind not in self.runs:
            finish = None if owner.fold is None else total or owner.fold.chunk_of_one()
            run = None
            if owner.engine == "numexpr":
                run = compile_program(owner.program, inputs, TILE_BYTES, finish)
            self.runs[kind] = run or Buffered(owner.program, inputs, TILE_BYTES, finish)
        return self.runs[kind]
