"""Reductions that are made of others."""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.array.arrangement import broadcast_to, expand_dims, transpose
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.creation import diagonal
from shoal.array.elementwise import elemwise
from shoal.array.reductions.engine import normalize_axes
from shoal.array.reductions.simple import max as max_of
from shoal.array.reductions.simple import mean
from shoal.array.reductions.simple import min as min_of
from shoal.array.reductions.simple import sum as sum_of

__all__ = ["average", "count_nonzero", "ptp", "trace"]


def count_nonzero(a: Any, axis: Any = None, keepdims: bool = False) -> Array:
    """How many elements are not zero; see `numpy.count_nonzero`.

    Parameters
    ----------
    a, axis, keepdims
        As for `sum`.

    Examples
    --------
    >>> import shoal.array as da
    >>> count_nonzero(da.arange(5, chunks=2)).compute()
    np.int64(4)
    """
    return sum_of(elemwise(is_nonzero, asanyarray(a)), axis, np.intp, keepdims)


def is_nonzero(block: Any) -> Any:
    """Where elements are not zero.

    >>> is_nonzero(np.array([0, 2]))
    array([False,  True])
    """
    if isinstance(block, np.ma.MaskedArray):
        # What is masked does not count, as in NumPy.
        block = block.filled(0)
    if block.dtype.kind in "SU":
        return block != np.zeros((), block.dtype)
    return block.astype(bool)


def ptp(a: Any, axis: Any = None, keepdims: bool = False) -> Array:
    """The largest less the smallest element; see `numpy.ptp`.

    Parameters
    ----------
    a, axis, keepdims
        As for `sum`.

    Examples
    --------
    >>> import shoal.array as da
    >>> ptp(da.arange(5, chunks=2)).compute()
    np.int64(4)
    """
    a = asanyarray(a)
    return max_of(a, axis, keepdims) - min_of(a, axis, keepdims)  # type: ignore[no-any-return]


def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Array:
    """The sum along a diagonal; see `numpy.trace`.

    Parameters
    ----------
    a
        An array.
    offset, axis1, axis2
        Which diagonal, as `numpy.trace` has them.
    dtype
        Of the result.

    Examples
    --------
    >>> import shoal.array as da
    >>> trace(da.ones((3, 3), chunks=2)).compute()
    np.float64(3.0)
    """
    return sum_of(diagonal(a, offset, axis1, axis2), -1, dtype)


def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, keepdims: bool = False
) -> Any:
    """The weighted mean; see `numpy.average`.

    Parameters
    ----------
    a, axis, keepdims
        As for `sum`.
    weights
        Of the shape of ``a``, or of one axis.
    returned
        Whether to return the sum of the weights too.

    Raises
    ------
    TypeError, ValueError
        The weights do not fit.

    Examples
    --------
    >>> import shoal.array as da
    >>> average(da.arange(3, chunks=2), weights=[3, 1, 0]).compute()
    np.float64(0.25)
    """
    a = asanyarray(a)
    if weights is None:
        out = mean(a, axis, keepdims=keepdims)
        total = broadcast_to(
            asanyarray(np.asarray(a.size / max(out.size, 1), out.dtype)), out.shape
        )
        return (out, total) if returned else out
    given = fitted_weights(asanyarray(weights), a, axis)
    dtype = np.result_type(a.dtype, given.dtype, "f8" if a.dtype.kind in "biu" else a.dtype)
    total = sum_of(given, axis, dtype, keepdims)
    out = sum_of(a * given, axis, dtype, keepdims) / total
    return (out, broadcast_to(total, out.shape)) if returned else out


def fitted_weights(weights: Array, a: Array, axis: Any) -> Array:
    """Weights of the array's shape.

    >>> import shoal.array as da
    >>> fitted_weights(da.ones(2), da.ones((2, 3)), 0).shape
    (2, 3)
    """
    if weights.shape == a.shape:
        return weights
    if axis is None:
        raise TypeError(
            f"Axis must be specified when shapes of a and weights differ: {a.shape} and "
            f"{weights.shape}"
        )
    axes = normalize_axes(axis, a.ndim)
    if weights.shape != tuple([a.shape[i] for i in axes]):
        raise ValueError(
            "Shape of weights must be consistent with shape of a along specified axis: weights "
            f"have {weights.shape}, and a {a.shape} with axis={axis!r}"
        )
    if isinstance(axis, tuple | list):
        weights = transpose(weights, tuple(np.argsort([i % a.ndim for i in axis])))
    other = tuple([i for i in range(a.ndim) if i not in axes])
    if not other:
        return weights
    wide = expand_dims(weights, other)
    chunks = tuple([a.chunks[i] if i in other else wide.chunks[i] for i in range(a.ndim)])
    return broadcast_to(wide, a.shape, chunks=chunks)
