"""Blocks with some elements replaced."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["assign_block", "assign_chosen", "where_assign"]


def assign_block(block: Any, index: tuple[Any, ...], value: Any) -> Any:
    """A copy of a block with some elements replaced.

    Parameters
    ----------
    block
        An array.
    index
        Slices, ints, and one array of ints at most: which elements.
    value
        Broadcasts to them; its axes are those of the index that are no ints.

    Raises
    ------
    ValueError
        nan or infinity becomes an element of an array of ints.

    Examples
    --------
    >>> assign_block(np.zeros(3), (slice(0, 2),), 5)
    array([5., 5., 0.])
    """
    if isinstance(value, np.ma.MaskedArray) and not isinstance(block, np.ma.MaskedArray):
        block = np.ma.asanyarray(block)
    out = np.array(block) if isinstance(block, np.generic) else block.copy()
    if isinstance(value, np.ndarray) and not value.ndim and not isinstance(out, np.ndarray):
        value = value[()]  # sparse arrays take no array without axes
    arrays = [i for i, entry in enumerate(index) if isinstance(entry, np.ndarray)]
    if arrays and any(isinstance(entry, int) for entry in index):
        # NumPy would move the axes of the array to the front; ints first, then the array.
        target = out[tuple([slice(None) if isinstance(e, np.ndarray) else e for e in index])]
        rest = tuple(
            [e if isinstance(e, np.ndarray) else slice(None) for e in index if not _is_int(e)]
        )
        target[rest] = value
    else:
        out[index] = value
    return out


def _is_int(entry: Any) -> bool:
    return isinstance(entry, int)


def where_assign(block: Any, mask: Any, value: Any) -> Any:
    """A copy of a block with the elements replaced where a mask says so.

    Parameters
    ----------
    block
        An array.
    mask, value
        Broadcast to it.

    Examples
    --------
    >>> where_assign(np.arange(3), np.array([True, False, True]), 7)
    array([7, 1, 7])
    """
    if isinstance(value, np.ma.MaskedArray) and not isinstance(block, np.ma.MaskedArray):
        block = np.ma.asanyarray(block)
    out = np.array(block) if isinstance(block, np.generic) else block.copy()
    where = np.broadcast_to(np.asarray(mask), out.shape)
    if np.ndim(value):
        out[where] = np.broadcast_to(value, out.shape, subok=True)[where]
    else:
        out[where] = value
    return out


def assign_chosen(block: Any, mask: Any, value: Any, place: int) -> Any:
    """A copy of a block with the elements that a mask chooses replaced, one after the other.

    Parameters
    ----------
    block
        An array of one axis.
    mask
        Of its length.
    value
        As many elements as the mask chooses.
    place
        Which block it is, for the error.

    Raises
    ------
    ValueError
        The mask chooses another number of elements.

    Examples
    --------
    >>> assign_chosen(np.arange(3), np.array([True, False, True]), np.array([7, 8]), 0)
    array([7, 1, 8])
    """
    chosen = np.asarray(mask)
    count = int(np.count_nonzero(chosen))
    if len(value) != count:
        raise ValueError(
            f"the mask chooses {count} elements of block {place}, and block {place} of the value "
            f"has {len(value)}; a value of unknown length must be cut as the mask is, like "
            "y[mask] with y in the mask's blocks, or call compute_chunk_sizes() on it"
        )
    if isinstance(value, np.ma.MaskedArray) and not isinstance(block, np.ma.MaskedArray):
        block = np.ma.asanyarray(block)
    out = block.copy()
    out[chosen] = value
    return out
