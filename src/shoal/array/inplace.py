"""Results written where they belong: the array that a person gets is filled by the tasks.

Blocks that are kept until the end and put together then are in memory twice, and one thread
copies them all.  Where the tasks run in this process each block goes to its place as soon as it is
made, by the thread that made it, and is let go of.
"""

from __future__ import annotations

import collections
import itertools
import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from shoal.array.chunks import Chunks
from shoal.array.kernels.assemble import assemble
from shoal.graph.naming import funcname
from shoal.graph.plan import Plan

__all__ = ["Target", "write_in_place"]

LEAST_BYTES = 2**18
"""Of a block on average; a smaller one is put into its place as quickly by whoever asked."""


class Target:
    """An array that is filled block by block.

    Parameters
    ----------
    chunks, dtype
        Its own.

    Examples
    --------
    >>> target = Target(((1, 2),), np.dtype(int))
    >>> target.put(1, np.array([5, 6])) is not None, target.put(0, np.array([0.5]))
    (True, None)
    >>> target.finish([np.array([4]), target.put(1, np.array([5, 6]))])
    array([4, 5, 6])
    """

    def __init__(self, chunks: Chunks, dtype: Any) -> None:
        self.chunks = chunks
        self.dtype = dtype
        self.lock = threading.Lock()
        self.array: Any = None
        self.filled: set[int] = set()
        self.shape = tuple(map(sum, chunks))
        self.grid = tuple(map(len, chunks))
        self.ends = [[0, *itertools.accumulate(axis)] for axis in chunks]

    def place(self, number: int) -> tuple[slice, ...]:
        """Where a block stands.

        Parameters
        ----------
        number
            Its place in C order.
        """
        index = np.unravel_index(number, self.grid)
        return tuple(
            [slice(ends[i], ends[i + 1]) for ends, i in zip(self.ends, index, strict=True)]
        )

    def put(self, number: int, block: Any) -> Any:
        """Write a block; the view that it is now, or None where it does not fit.

        Parameters
        ----------
        number
            Its place in C order.
        block
            What a task returned.
        """
        place = self.place(number)
        shape = tuple([span.stop - span.start for span in place])
        if type(block) is not np.ndarray or block.dtype != self.dtype or block.shape != shape:
            return None
        with self.lock:
            if self.array is None:
                self.array = np.empty(self.shape, self.dtype)
        view = self.array[place]
        view[...] = block
        self.filled.add(number)
        return view

    def finish(self, blocks: Sequence[Any]) -> Any:
        """The whole array.

        Parameters
        ----------
        blocks
            In C order; those that are filled in are not looked at, if the others fit.
        """
        for number, block in enumerate(blocks):
            if number not in self.filled and self.put(number, block) is None:
                return assemble(blocks, self.grid)
        return self.array


class Placed:
    """A function whose result is written to its place.

    Parameters
    ----------
    func
        Makes a block.
    target, number
        Where it goes.

    Examples
    --------
    >>> target = Target(((1, 1),), np.dtype(float))
    >>> Placed(np.sqrt, target, 0)(np.array([4.0])), target.array[0]
    (array([2.]), np.float64(2.0))
    """

    __slots__ = ("func", "number", "target")

    def __init__(self, func: Callable[..., Any], target: Target, number: int) -> None:
        self.func = func
        self.target = target
        self.number = number

    @property
    def __name__(self) -> str:
        return funcname(self.func)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        block = self.func(*args, **kwargs)
        view = self.target.put(self.number, block)
        return block if view is None else view


def write_in_place(
    plan: Plan, wanted: Sequence[int], chunks: Chunks, meta: Any, is_alone: bool
) -> Target | None:
    """Let the tasks of a plan write an array's blocks to their places.

    Parameters
    ----------
    plan
        What will run in this process; changed.
    wanted
        The tasks that make the blocks, in C order.
    chunks, meta
        Of the array.
    is_alone
        Whether nothing else is asked for.  Otherwise a block that others read stays as it is: what
        they make of it may be a view, and somebody may write to the array.

    Returns
    -------
    Target or None
        What gives the array in the end; None where blocks are small, of another kind, or unknown.

    Examples
    --------
    >>> import shoal
    >>> import shoal.array as da
    >>> x = da.ones(100_000, chunks=50_000) + 1
    >>> plan = shoal.collection.make_plan(x)
    >>> write_in_place(plan, plan.wanted, x.chunks, x._meta, True).shape
    (100000,)
    """
    size = math.prod(map(sum, chunks))
    blocks = math.prod(map(len, chunks))
    if type(meta) is not np.ndarray or meta.dtype.hasobject or size != size:
        return None
    if len(wanted) != blocks or blocks < 2:
        return None
    if size * meta.dtype.itemsize < LEAST_BYTES * blocks:
        return None
    target = Target(chunks, meta.dtype)
    times = collections.Counter(plan.wanted)
    for number, i in enumerate(wanted):
        if plan.funcs[i] is not None and times[i] == 1 and (is_alone or not plan.dependents[i]):
            plan.funcs[i] = Placed(plan.funcs[i], target, number)
    return target
