"""Reductions of one block that pass over nan, quietly: what all blocks have in common is said at
the end only."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from shoal.array.kernels.reduce import emptied, sums_of

__all__ = ["nanmax_chunk", "nanmean_chunk", "nanmin_chunk"]


def nanmax_chunk(block: Any, axis: Any, keepdims: bool) -> Any:
    """The largest elements that are not nan.

    Parameters
    ----------
    block
        An array.
    axis, keepdims
        As of the reduction.

    Examples
    --------
    >>> nanmax_chunk(np.array([1, np.nan]), (0,), False)
    np.float64(1.0)
    """
    return _extreme(np.fmax, np.nanmax, block, axis, keepdims)


def nanmin_chunk(block: Any, axis: Any, keepdims: bool) -> Any:
    """The smallest elements that are not nan.

    Parameters
    ----------
    block
        An array.
    axis, keepdims
        As of the reduction.

    Examples
    --------
    >>> nanmin_chunk(np.array([1, np.nan]), (0,), False)
    np.float64(1.0)
    """
    return _extreme(np.fmin, np.nanmin, block, axis, keepdims)


def _extreme(ufunc: Any, func: Any, block: Any, axis: Any, keepdims: bool) -> Any:
    if any(block.shape[i] == 0 for i in axis):
        # An empty block has no say.
        return emptied(block, axis)
    if type(block) is np.ndarray:
        return ufunc.reduce(block, axis=axis, keepdims=keepdims)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return func(block, axis=axis, keepdims=keepdims)


def nanmean_chunk(block: Any, axis: Any, keepdims: bool, dtype: Any = None) -> dict[str, Any]:
    """Sums and counts of the elements that are not nan.

    Parameters
    ----------
    block
        An array.
    axis, keepdims, dtype
        As of the reduction.

    Examples
    --------
    >>> nanmean_chunk(np.array([1, np.nan]), (0,), True)["n"]
    array([1])
    """
    n = np.sum(~_isnan(block), axis=axis, keepdims=keepdims)
    total = np.nansum(block, axis=axis, keepdims=keepdims, dtype=sums_of(dtype))
    return {"n": n, "total": total}


def _isnan(block: Any) -> Any:
    return block != block if block.dtype == object else np.isnan(block)
