"""Programs run on one tile after the other, with memory that is used again.

The arrays between the steps lie in a few pieces of memory that belong to the thread and outlive the
block: fresh memory costs a page fault for every 4 kB, which is as much as one function of the
elements.  Two steps share a piece where nobody reads the first one's result any more.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from shoal.array.kernels.cast import cast_block
from shoal.array.kernels.patterns import choose_block
from shoal.array.program import Program
from shoal.graph.task import Ref

__all__ = ["Buffered", "Scratch", "is_by_elements"]

MOST_KEPT = 8
"""Pieces of memory that a thread keeps for the next block."""

BY_ELEMENTS = (
    *(np.angle, np.clip, np.fix, np.i0, np.imag, np.isclose, np.iscomplex, np.isneginf),
    *(np.isposinf, np.isreal, np.nan_to_num, np.real, np.sinc, np.where),
    *(cast_block, choose_block),
)
"""Functions, other than ufuncs, that know nothing of a block but its elements one by one."""


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

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()

    def give_back(self) -> None:
        """Leave all pieces to whoever comes next in this thread."""
        pieces = self._pieces()
        pieces += self.taken[: max(0, MOST_KEPT - len(pieces))]
        self.taken = []

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
        pieces = self._pieces()
        # Of another size only where tests set one.
        fits = pieces and pieces[-1].nbytes >= size
        piece = pieces.pop() if fits else np.empty(self.limit_bytes, np.uint8)
        self.taken.append(piece)
        return piece[:size].view(dtype).reshape(shape)


class Buffered:
    """A program as a function of tiles.

    Parameters
    ----------
    program
        The program; all its functions are by elements, and no argument is a list.
    inputs
        What the tiles are parts of.

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
    >>> run = Buffered(Program(1, (add, double)), [x])
    >>> with Scratch(1024) as scratch:
    ...     run([x[:2]], scratch).tolist(), run([x[2:]], scratch, np.empty(2)).tolist()
    ([2.0, 4.0], [6.0, 8.0])
    """

    def __init__(self, program: Program, inputs: Sequence[Any]) -> None:
        self.steps = [(step.func, step.args, dict(step.kwargs)) for step in program.steps]
        self.calls: list[tuple[Any, list[Any], list[tuple[int, int]], dict[str, Any]]] = []
        self.own: Any = None
        self.shapes: list[tuple[int, ...]] = []
        self.dtypes: list[Any] = []
        values = [part[(slice(0, 1),) * part.ndim] for part in inputs]
        with np.errstate(all="ignore"):
            for func, args, kwargs in self.steps:
                given = [values[arg.position] if type(arg) is Ref else arg for arg in args]
                values.append(func(*given, **kwargs))
                self.dtypes.append(values[-1].dtype if isinstance(func, np.ufunc) else None)
        self.is_plain = all(type(value) is np.ndarray for value in values)
        self.itemsize = max(getattr(value, "itemsize", 1) for value in values)

    def __call__(self, inputs: Sequence[Any], scratch: Scratch, out: Any = None) -> Any:
        """The program's result on one tile.

        Parameters
        ----------
        inputs
            Parts of the inputs.
        scratch
            Memory for what is between the steps.
        out
            Where the result goes; None for a buffer that the next tile overwrites.
        """
        shapes = [part.shape for part in inputs]
        if shapes != self.shapes:
            # Tiles of another shape, as the last ones of a row or a column, lie in the same memory.
            scratch.give_back()
            buffers = self._placed(shapes, scratch)
            self.calls = self._bound(len(shapes), buffers)
            self.own = buffers[-1] if buffers else None
            self.shapes = shapes
        if self.calls and self.own is not None:
            # The last step writes where it is told, if there is a place of its type.
            fits = out is not None and out.dtype == self.own.dtype
            self.calls[-1][3]["out"] = out if fits else self.own
        values = list(inputs)
        for func, args, holes, kwargs in self.calls:
            for i, place in holes:
                args[i] = values[place]
            values.append(func(*args, **kwargs))
        if out is not None and values[-1] is not out:
            out[...] = values[-1]
        return values[-1]

    def _bound(self, count: int, buffers: Sequence[Any]) -> list[Any]:
        """The calls for tiles of a shape: functions, arguments with holes, and keywords.

        What lies in a buffer is an argument once and for all; inputs, and what steps return that
        make their own, are filled in: ``(which argument, which value)``.
        """
        calls: list[Any] = []
        known = [*[None] * count, *buffers]
        for (func, args, kwargs), target in zip(self.steps, buffers, strict=True):
            places = [(i, arg.position) for i, arg in enumerate(args) if type(arg) is Ref]
            filled = [known[arg.position] if type(arg) is Ref else arg for arg in args]
            holes = [(i, place) for i, place in places if known[place] is None]
            told = kwargs if target is None else {**kwargs, "out": target}
            calls.append((func, filled, holes, told))
        return calls

    def _placed(self, given: Sequence[tuple[int, ...]], scratch: Scratch) -> list[Any]:
        """For each step the array to write to: one whose value nobody reads again, if possible;
        None where the step makes its own.

        What a function that is no ufunc returns may be a view of what it was given, which therefore
        stays alive as long.
        """
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
            out.append(free.pop(fits[0]) if fits else scratch.take(shape, dtype))
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
