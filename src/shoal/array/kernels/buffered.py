"""Programs run on one tile after the other, with memory that is used again.

The arrays between the steps lie in a few pieces of memory that belong to the thread and outlive the
block: fresh memory costs a page fault for every 4 kB, which is as much as one function of the
elements.  Two steps share a piece where nobody reads the first one's result any more.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from shoal.array.kernels.cast import cast_block
from shoal.array.kernels.patterns import choose_block
from shoal.array.kernels.totals import Total
from shoal.array.program import Program
from shoal.graph.task import Ref

__all__ = ["Buffered", "Scratch", "is_by_elements"]

MOST_KEPT = 8
"""Pieces of memory that a thread keeps for the next block."""

LINE_BYTES = 64
"""Of the cache."""

BY_ELEMENTS = (
    *(np.angle, np.clip, np.fix, np.i0, np.imag, np.isclose, np.iscomplex, np.isneginf),
    *(np.isposinf, np.isreal, np.nan_to_num, np.real, np.sinc, np.where),
    *(cast_block, choose_block),
)
"""Functions, other than ufuncs, that know nothing of a block but its elements one by one."""


NUMBERS = (int, float, complex)
"""Types of constants that take on the type of what they meet."""


def is_by_elements(func: Any) -> bool:
    """Whether parts of a block, broadcast, may be given to a function instead of the block.

    Parameters
    ----------
    func
        A function of elements; somebody's own may look at the block as a whole.

    Examples
    --------
    >>> is_by_elements(np.add), is_by_elements(np.ma.masked_invalid)
    (True, False)
    """
    return isinstance(func, np.ufunc) or any(func is known for known in BY_ELEMENTS)


class Scratch:
    """Memory for one block at a time, taken from what the thread keeps, and given back.

    Parameters
    ----------
    limit_bytes
        How large one piece is.  What is larger is made, and forgotten.

    Examples
    --------
    >>> with Scratch(1024) as scratch:
    ...     scratch.take((2, 3), np.dtype(float)).shape
    (2, 3)
    """

    _kept = threading.local()

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.taken: list[Any] = []
        self.used = 0

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()

    def give_back(self) -> None:
        """Leave all pieces to whoever comes next in this thread."""
        pieces = self._pieces()
        pieces += self.taken[: max(0, MOST_KEPT - len(pieces))]
        self.taken = []
        self.used = 0

    def rewind(self) -> None:
        """Take the same pieces once more: what lies in them is no longer needed."""
        self.used = 0

    def _pieces(self) -> list[Any]:
        pieces: list[Any] = self._kept.__dict__.setdefault("pieces", [])
        return pieces

    def take(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """An array whose elements are whatever they are.

        Parameters
        ----------
        shape, dtype
            As of `numpy.empty`.
        """
        size = math.prod(shape) * dtype.itemsize
        if size > self.limit_bytes or dtype.hasobject:
            return np.empty(shape, dtype)
        if self.used == len(self.taken):
            pieces = self._pieces()
            # Of another size only where tests set one.
            fits = pieces and pieces[-1].nbytes >= size
            self.taken.append(pieces.pop() if fits else _aligned(self.limit_bytes))
        piece = self.taken[self.used]
        self.used += 1
        return piece[:size].view(dtype).reshape(shape)


def _aligned(size: int) -> Any:
    """Memory that begins with a line of the cache: programs are a tenth slower where operands of
    vector instructions lie in two."""
    piece = np.empty(size + LINE_BYTES, np.uint8)
    start = -piece.ctypes.data % LINE_BYTES
    return piece[start : start + size]


class Buffered:
    """A program as a function of tiles.

    Parameters
    ----------
    program
        The program; all its functions are by elements, and no argument is a list.
    inputs
        What the tiles are parts of.
    limit_bytes
        How large a piece of memory is that holds the result of a step.
    finish
        Takes the program's result on a tile, and returns nothing that shares memory with it.  A
        `Total` is bound to the memory in which that result lies.

    Attributes
    ----------
    is_plain
        Whether all steps make plain NumPy arrays.
    itemsize
        Bytes of the largest element among inputs and results of steps.

    Examples
    --------
    >>> from shoal.array.program import Step
    >>> x = np.arange(4.0)
    >>> add, double = Step(np.add, (Ref(0), 1)), Step(np.multiply, (Ref(1), 2))
    >>> run = Buffered(Program(1, (add, double)), [x], 1024)
    >>> run([x[:2]]).tolist(), run.into([x[2:]], np.empty(2)).tolist()
    ([2.0, 4.0], [6.0, 8.0])
    >>> run.close()
    """

    def __init__(
        self,
        program: Program,
        inputs: Sequence[Any],
        limit_bytes: int,
        finish: Callable[[Any], Any] | None = None,
    ) -> None:
        self.steps = [(step.func, step.args, dict(step.kwargs)) for step in program.steps]
        self.count = len(inputs)
        self.finish = finish
        self.scratch = Scratch(limit_bytes)
        self.bound: dict[tuple[Any, ...], tuple[list[Any], list[Any]]] = {}
        self.dtypes: list[Any] = []
        values = [part[(slice(0, 1),) * part.ndim] for part in inputs]
        with np.errstate(all="ignore"):
            for i, (func, args, kwargs) in enumerate(self.steps):
                given = [values[arg.position] if type(arg) is Ref else arg for arg in args]
                values.append(func(*given, **kwargs))
                self.dtypes.append(values[-1].dtype if isinstance(func, np.ufunc) else None)
                self.steps[i] = (func, _as_arrays(func, args, kwargs, given), kwargs)
        self.is_plain = all(type(value) is np.ndarray for value in values)
        self.itemsize = max(getattr(value, "itemsize", 1) for value in values)
        self.values: list[Any] = [None] * (len(values) + (finish is not None))

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """What becomes of one tile: a buffer that the next tile overwrites, if nothing finishes it.

        Parameters
        ----------
        inputs
            Parts of the inputs.
        """
        shapes = tuple([part.shape for part in inputs])
        fills, calls = self.bound.get(shapes) or self._bound(shapes)
        # Nothing but these calls lets go of the interpreter's lock: what else is done for a tile,
        # other threads may wait for.
        for args, i, source in fills:
            args[i] = inputs[source]
        values = self.values
        for func, args, holes, place in calls:
            for i, source in holes:
                args[i] = values[source]
            values[place] = func(*args)
        return values[-1] if calls else inputs[-1]

    def into(self, inputs: Sequence[Any], out: Any) -> Any:
        """Write the program's result on one tile where it belongs; there is nothing to finish it.

        Parameters
        ----------
        inputs
            Parts of the inputs.
        out
            Where.
        """
        shapes = tuple([part.shape for part in inputs])
        _, calls = self.bound.get(shapes) or self._bound(shapes)
        own = self.dtypes[-1] if self.dtypes else None
        if own is not None and own == out.dtype:
            # The last step writes there itself.
            args = calls[-1][1]
            buffer, args[-1] = args[-1], out
            self(inputs)
            args[-1] = buffer
        else:
            out[...] = self(inputs)
        return out

    def forget(self) -> None:
        """Let go of the parts of the last tile."""
        self.values = [None] * len(self.values)
        for fills, calls in self.bound.values():
            for args, i, _ in fills:
                args[i] = None
            for _, args, holes, _ in calls:
                for i, _ in holes:
                    args[i] = None

    def close(self) -> None:
        """Leave the memory to whoever comes next in this thread."""
        self.bound = {}
        self.scratch.give_back()

    def _bound(self, shapes: tuple[Any, ...]) -> tuple[list[Any], list[Any]]:
        """What is filled in for each tile of a shape, and the calls.

        What lies in a buffer is an argument once and for all, and so is the buffer that a ufunc
        writes to, its last one.  Inputs are filled in before the calls: ``(arguments, which, which
        input)``.  A call is a function, its arguments, those of them that steps return which make
        their own, ``(which, which value)``, and the place of its result.
        """
        buffers = self._placed(shapes)
        fills: list[Any] = []
        calls: list[Any] = []
        known = [*[None] * self.count, *buffers]
        for (func, args, kwargs), target in zip(self.steps, buffers, strict=True):
            places = [(i, arg.position) for i, arg in enumerate(args) if type(arg) is Ref]
            filled = [known[arg.position] if type(arg) is Ref else arg for arg in args]
            fills += [(filled, i, place) for i, place in places if place < self.count]
            made = [(i, place) for i, place in places if place >= self.count]
            holes = [(i, place) for i, place in made if known[place] is None]
            if target is not None:
                filled.append(target)
            call = partial(func, **kwargs) if kwargs else func
            calls.append((call, filled, holes, self.count + len(calls)))
        if self.finish is not None:
            self._bind_finish(known, fills, calls)
        self.bound[shapes] = fills, calls
        return fills, calls

    def _bind_finish(self, known: list[Any], fills: list[Any], calls: list[Any]) -> None:
        last = len(known) - 1
        if isinstance(self.finish, Total) and known[last] is not None:
            calls.append((self.finish.bind(known[last]), [], [], last + 1))
            return
        args: list[Any] = [known[last]]
        if last < self.count:
            fills.append((args, 0, last))
        holes = [(0, last)] if known[last] is None and last >= self.count else []
        calls.append((self.finish, args, holes, last + 1))

    def _placed(self, given: Sequence[tuple[int, ...]]) -> list[Any]:
        """For each step the array to write to: one whose value nobody reads again, if possible;
        None where the step makes its own.

        What a function that is no ufunc returns may be a view of what it was given, which therefore
        stays alive as long.
        """
        # Tiles of another shape, as the last ones of a row or a column, lie in the same memory.
        self.scratch.rewind()
        shapes = list(given)
        for _, args, _ in self.steps:
            shapes.append(_broadcast(args, shapes))
        until = self._last_read(len(given))
        free: list[Any] = []
        out: list[Any] = []
        for i, (dtype, shape) in enumerate(zip(self.dtypes, shapes[len(given) :], strict=True)):
            if dtype is None:
                out.append(None)
                continue
            free += [out[j] for j in range(i) if until[j] == i and out[j] is not None]
            fits = [k for k, one in enumerate(free) if (one.shape, one.dtype) == (shape, dtype)]
            out.append(free.pop(fits[0]) if fits else self.scratch.take(shape, dtype))
        return out

    def _last_read(self, count: int) -> list[int]:
        """For each step the last one that reads its result, or what may be a view of it."""
        last = list(range(len(self.steps)))
        for i in reversed(range(len(self.steps))):
            until = i if self.dtypes[i] is not None else last[i]
            for arg in self.steps[i][1]:
                if type(arg) is Ref and arg.position >= count:
                    place = arg.position - count
                    last[place] = max(last[place], until)
        return last


def _broadcast(args: Sequence[Any], shapes: Sequence[Any]) -> tuple[int, ...]:
    """The shape of a step's result."""
    return np.broadcast_shapes(
        *[shapes[arg.position] if type(arg) is Ref else np.shape(arg) for arg in args]
    )


def _as_arrays(
    func: Any, args: Sequence[Any], kwargs: dict[str, Any], given: Sequence[Any]
) -> tuple[Any, ...]:
    """The arguments of a ufunc, with numbers as arrays of the types that it takes them in.

    It does that itself at each call, with the interpreter's lock, and for three times as long as
    the rest of the call takes.
    """
    if not isinstance(func, np.ufunc) or kwargs or func.nin != len(args):
        return tuple(args)
    told = [type(arg) if type(arg) in NUMBERS else np.asarray(arg).dtype for arg in given]
    try:
        taken = func.resolve_dtypes((*told, *[None] * func.nout))
        with np.errstate(all="raise"):
            return tuple(
                [
                    np.array(arg, dtype) if isinstance(arg, (*NUMBERS, np.number)) else arg
                    for arg, dtype in zip(args, taken, strict=False)
                ]
            )
    except (TypeError, ValueError, OverflowError, FloatingPointError):
        return tuple(args)
