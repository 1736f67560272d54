"""Blocks as another type."""

from __future__ import annotations

from typing import Any

__all__ = ["cast_block"]


def cast_block(block: Any, dtype: Any, casting: str) -> Any:
    """A block as another type.

    Parameters
    ----------
    block
        An array, or a scalar of NumPy's.
    dtype, casting
        As `numpy.ndarray.astype` takes them.

    Examples
    --------
    >>> import numpy as np
    >>> cast_block(np.ones(1), np.dtype(int), "unsafe")
    array([1])
    """
    return block.astype(dtype, casting=casting, copy=False)


cast_block.__name__ = "astype"
