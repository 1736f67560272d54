"""Missing elements filled with the last before them."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["fill_before", "last_valid", "push_block"]


def push_block(block: Any, n: int | None, axis: int) -> Any:
    """A block with nan filled with the last value before it along an axis.

    Parameters
    ----------
    block
        An array.
    n
        How many nan in a row are filled; None for all.
    axis
        Along which.

    Examples
    --------
    >>> push_block(np.array([np.nan, 1, np.nan, np.nan]), 1, 0)
    array([nan,  1.,  1., nan])
    """
    if not block.size:
        return block
    shape = [1] * block.ndim
    shape[axis] = -1
    places = np.arange(block.shape[axis]).reshape(shape)
    last = np.maximum.accumulate(np.where(np.isnan(block), -1, places), axis=axis)
    out = np.take_along_axis(block, np.maximum(last, 0), axis)
    far = last < 0 if n is None else (last < 0) | (places - last > n)
    return np.where(far, np.nan, out).astype(block.dtype)


def last_valid(block: Any, axis: int) -> Any:
    """The last element along an axis that is not nan, nan where there is none.

    Parameters
    ----------
    block
        An array.
    axis
        Along which; it stays, with length 1.

    Examples
    --------
    >>> last_valid(np.array([1, 2, np.nan]), 0)
    array([2.])
    """
    return push_block(block, None, axis)[(*(slice(None),) * axis, slice(-1, None))]


def fill_before(block: Any, before: Any, axis: int) -> Any:
    """A block pushed, with the nan at its beginning filled with the last value of those before it.

    Parameters
    ----------
    block
        An array.
    before
        That value, with length 1 along the axis.
    axis
        Along which.

    Examples
    --------
    >>> fill_before(np.array([np.nan, 2, np.nan]), np.array([7.0]), 0)
    array([7., 2., 2.])
    """
    pushed = push_block(block, None, axis)
    return np.where(np.isnan(pushed), before, pushed)
