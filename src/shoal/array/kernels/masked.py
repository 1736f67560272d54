"""Masks of one block."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = [
    "filled_block",
    "getdata_block",
    "getmask_block",
    "masked_block",
    "set_fill_block",
    "weights_block",
    "where_block",
]


def filled_block(block: Any, fill_value: Any) -> Any:
    """The data, with a value in the place of what is masked.

    Parameters
    ----------
    block, fill_value
        As `numpy.ma.filled` takes them.

    Examples
    --------
    >>> filled_block(np.ma.masked_equal([1, 2], 2), 0)
    array([1, 0])
    """
    return np.ma.filled(block, fill_value)


def getdata_block(block: Any) -> Any:
    """The data.

    Parameters
    ----------
    block
        An array.

    Examples
    --------
    >>> getdata_block(np.ma.masked_equal([1, 2], 2))
    array([1, 2])
    """
    return np.ma.getdata(block)


def getmask_block(block: Any) -> Any:
    """Where elements are masked.

    Parameters
    ----------
    block
        An array.

    Examples
    --------
    >>> getmask_block(np.ma.masked_equal([1, 2], 2))
    array([False,  True])
    """
    return np.ma.getmaskarray(block)


def masked_block(data: Any, mask: Any = None, **kwargs: Any) -> Any:
    """A block with a mask.

    Parameters
    ----------
    data
        A block.
    mask
        Of its shape, or one that is broadcast to it; None for no mask.
    **kwargs
        As `numpy.ma.masked_array` takes them.

    Examples
    --------
    >>> masked_block(np.arange(2), np.array([True])).mask
    array([ True,  True])
    """
    if mask is None:
        return np.ma.masked_array(data, **kwargs)
    data, mask = _of_one_shape(data, mask)
    # One value for all elements is no mask that somebody could unmask elements in.
    own = mask if mask.flags.writeable else mask.copy()
    return np.ma.masked_array(data, mask=own, **kwargs)


def _of_one_shape(block: Any, other: Any) -> tuple[Any, Any]:
    """Two blocks, either of which may be a constant, where all its elements are one value."""
    shape = np.broadcast_shapes(np.shape(block), np.shape(other))
    if np.shape(block) != shape:
        block = np.broadcast_to(block, shape, subok=True).copy()
    return block, np.broadcast_to(other, shape, subok=True)


def set_fill_block(block: Any, fill_value: Any) -> Any:
    """A copy of a block with another fill value.

    Parameters
    ----------
    block, fill_value
        As `numpy.ma.set_fill_value` takes them.

    Examples
    --------
    >>> set_fill_block(np.ma.masked_equal([1, 2], 2), 7).fill_value
    np.int64(7)
    """
    if not isinstance(block, np.ma.MaskedArray):
        return block
    out = block.copy()
    np.ma.set_fill_value(out, fill_value)
    return out


def where_block(condition: Any, block: Any) -> Any:
    """A block masked where a condition holds, as well as where it was.

    Parameters
    ----------
    condition
        Broadcasts to the block.
    block
        An array.

    Examples
    --------
    >>> where_block(np.True_, np.arange(2)).mask
    array([ True,  True])
    """
    block, condition = _of_one_shape(block, condition)
    return np.ma.masked_where(condition, block)


def weights_block(block: Any, weights: Any) -> Any:
    """Weights that are masked where a block is.

    Parameters
    ----------
    block
        An array.
    weights
        Broadcast to it.

    Examples
    --------
    >>> weights_block(np.ma.masked_equal([1, 2], 2), np.array([3, 4]))
    masked_array(data=[3, --],
                 mask=[False,  True],
           fill_value=999999)
    """
    weights, block = _of_one_shape(weights, block)
    return np.ma.array(weights, mask=np.ma.getmaskarray(block))
