"""Blocks written to what is assigned to like an array, and stacks of files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["PlainGetitem", "load_block", "load_stack_block", "store_block"]


def store_block(
    block: Any, place: Sequence[Any], target: Any, whole: Any, lock: Any, mode: str
) -> Any:
    """Write a block.

    Parameters
    ----------
    block
        The array.
    place
        For each of its axes where it goes.
    target
        Has ``__setitem__``, and ``__getitem__`` to be read back.
    whole
        The target's index, in which None stands for the next entry of ``place``; None alone for
        ``place`` itself.
    lock
        Held while writing and reading back; None for none.
    mode
        What comes back: "nothing" (an array without elements), "block", or "load" for what the
        target has then.

    Examples
    --------
    >>> out = np.zeros((2, 4))
    >>> store_block(np.ones(2), (slice(1, 3),), out, (0, None), None, "nothing").size
    0
    >>> out[0]
    array([0., 1., 1., 0.])
    """
    index = _index(place, whole)
    if lock is not None:
        lock.acquire()
    try:
        if block.size:
            target[index] = block
        if mode == "load":
            return np.asanyarray(target[index])
    finally:
        if lock is not None:
            lock.release()
    return block if mode == "block" else np.empty((0,) * block.ndim, block.dtype)


def _index(place: Sequence[Any], whole: Any) -> tuple[Any, ...]:
    """The target's index of a block."""
    if whole is None:
        return tuple(place)
    left = iter(place)
    return tuple([next(left) if entry is None else entry for entry in whole])


def load_block(place: Sequence[Any], target: Any, whole: Any, lock: Any) -> Any:
    """Read a block that was written.

    Parameters
    ----------
    place, target, whole, lock
        As `store_block` takes them.

    Examples
    --------
    >>> load_block((slice(1, 3),), np.arange(4), None, None)
    array([1, 2])
    """
    if lock is not None:
        lock.acquire()
    try:
        return np.asanyarray(target[_index(place, whole)])
    finally:
        if lock is not None:
            lock.release()


class PlainGetitem:
    """A user's ``getitem(reader, index)``, with a lock held and the result made an array.

    Parameters
    ----------
    func
        The function.

    Examples
    --------
    >>> PlainGetitem(lambda x, i: x[i])([1, 2], 0, False, None)
    1
    """

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func

    @property
    def __name__(self) -> str:
        return str(getattr(self.func, "__name__", "getitem"))

    def __call__(self, reader: Any, index: Any, asarray: bool, lock: Any) -> Any:
        if lock:
            lock.acquire()
        try:
            part = self.func(reader, index)
            return np.asarray(part) if asarray else part
        finally:
            if lock:
                lock.release()

    def __shoal_tokenize__(self) -> Any:
        return "getitem", self.func


def load_stack_block(index: Sequence[int], folder: str, axis: int, mmap_mode: Any) -> Any:
    """A file of a stack.

    Parameters
    ----------
    index
        Of the block.
    folder
        Where the files are: ``0.npy``, ``1.npy``, ...
    axis
        Along which they lie.
    mmap_mode
        As `numpy.load` takes it.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> np.save(os.path.join(folder, "0.npy"), np.ones(2))
    >>> load_stack_block((0,), folder, 0, None)
    array([1., 1.])
    """
    return np.load(os.path.join(folder, f"{index[axis]}.npy"), mmap_mode=mmap_mode)
