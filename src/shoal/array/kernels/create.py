"""Blocks made from nothing, or read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from shoal.graph.naming import funcname

__all__ = ["Reading", "arange_block", "full_block", "read_region"]


def full_block(shape: tuple[int, ...], value: Any, meta: Any) -> Any:
    """A block of one value.

    Parameters
    ----------
    shape
        Of the block.
    value
        A scalar, or an array that broadcasts to the shape.
    meta
        Says the kind and dtype.

    Examples
    --------
    >>> full_block((2,), 1, np.empty(0, int))
    array([1, 1])
    """
    if type(meta) is np.ndarray:
        if isinstance(value, int | float) and value == 0 and not np.signbit(value):
            # The system hands out zeroed pages without writing them.
            return np.zeros(shape, meta.dtype)
        return np.full(shape, value, meta.dtype)
    return np.full_like(meta, value, shape=shape)


def arange_block(
    offset: Sequence[int], shape: Sequence[int], start: Any, step: Any, meta: Any
) -> Any:
    """A part of an arithmetic sequence.

    Parameters
    ----------
    offset
        Which element of the sequence comes first.
    shape
        How many.
    start, step
        Of the whole sequence.
    meta
        Says the kind and dtype.

    Examples
    --------
    >>> arange_block((2,), (3,), 10, 5, np.empty(0, int))
    array([20, 25, 30])
    """
    first, length = start + offset[0] * step, shape[0]
    if meta.dtype.kind in "iu" and isinstance(first, int) and isinstance(step, int):
        # What comes after the last element may be more than the type holds.
        out = np.arange(length, dtype=meta.dtype, like=_like(meta))
        return (
            out * meta.dtype.type(step) + meta.dtype.type(first)
            if step > 0
            else _down(out, first, step)
        )
    stop = start + (offset[0] + length) * step
    out = np.arange(first, stop, step, dtype=meta.dtype, like=_like(meta))
    # Rounding may have added an element to a sequence of floats, or lost one.
    return out[:length] if len(out) >= length else _padded(out, first, step, length)


def _down(places: Any, first: int, step: int) -> Any:
    """Downwards, also in types that have no negative numbers."""
    kind = places.dtype.type
    return kind(first) - places * kind(-step)


def _like(meta: Any) -> Any:
    return None if type(meta) is np.ndarray else meta


def _padded(out: Any, first: Any, step: Any, length: int) -> Any:
    return (first + np.arange(length) * step).astype(out.dtype)


def read_region(reader: Any, region: tuple[slice, ...], asarray: bool, lock: Any) -> Any:
    """A part of something that is sliced like an array.

    Parameters
    ----------
    reader
        Has ``__getitem__``.
    region
        Slices.
    asarray
        Whether to make it a NumPy array, whatever comes back.
    lock
        Held while reading; None for none.

    Examples
    --------
    >>> read_region(np.arange(5), (slice(1, 3),), True, None)
    array([1, 2])
    """
    if not lock:
        part = reader[region]
        return _as_promised(np.asarray(part) if asarray else part, reader, region)
    # Not ``with``: what takes part in programs as a lock may have these two only.
    lock.acquire()
    try:
        part = reader[region]
        # Inside of the lock: some readers do the reading here.
        return _as_promised(np.asarray(part) if asarray else part, reader, region)
    finally:
        lock.release()


def _as_promised(part: Any, reader: Any, region: tuple[slice, ...]) -> Any:
    """A part, which must have the shape that the region of it has."""
    wanted = tuple([len(range(s.start, s.stop, s.step or 1)) for s in region])
    shape = getattr(part, "shape", None)
    if type(shape) is tuple and shape != wanted:
        raise ValueError(
            f"a {type(reader).__name__} that told the shape {getattr(reader, 'shape', None)} gave "
            f"a part of shape {shape} for {region}, where {wanted} was to be expected; correct its "
            "shape, or wrap it"
        )
    return part


class Reading:
    """A function of blocks, some of which it reads itself.

    Parameters
    ----------
    readers
        For each argument a function of what the task is told, which gives the block; or None.
    func
        What gets the blocks.

    Examples
    --------
    >>> Reading((abs, None), pow)(-2, 3)
    8
    """

    __slots__ = ("func", "readers")

    def __init__(self, readers: tuple[Any, ...], func: Callable[..., Any]) -> None:
        self.readers = readers
        self.func = func

    @property
    def __name__(self) -> str:
        names = [funcname(reader) for reader in self.readers if reader is not None]
        return "-".join([*names, funcname(self.func)])

    def __call__(self, *inputs: Any) -> Any:
        return self.func(
            *[
                item if read is None else read(item)
                for item, read in zip(inputs, self.readers, strict=True)
            ]
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return Reading, (self.readers, self.func)
