"""Reductions whose partial results are what the function itself gives, and the mean."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.kernels.reduce import mean_aggregate, mean_chunk, mean_combine
from shoal.array.reductions.engine import reduction

__all__ = ["all", "any", "max", "mean", "min", "prod", "sum"]


def _result_dtype(func: Any, a: Array, dtype: Any) -> Any:
    if dtype is not None:
        return np.dtype(dtype)
    return func(np.ones((1,), dtype=a.dtype)).dtype if a.dtype != object else a.dtype


def sum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    split_every: Any = None,
    out: Array | None = None,
) -> Array:
    """The sum of the elements; see `numpy.sum`.

    Parameters
    ----------
    a
        An array.
    axis, dtype, keepdims, out
        As NumPy has them.
    split_every
        How many partial results a task takes in.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.sum(da.ones((2, 3), chunks=1), axis=0).compute()
    array([2., 2., 2.])
    """
    a = asanyarray(a)
    dtype = _result_dtype(np.sum, a, dtype)
    return reduction(
        a, np.sum, np.sum, axis, keepdims, dtype=dtype, split_every=split_every, out=out
    )


def prod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    split_every: Any = None,
    out: Array | None = None,
) -> Array:
    """The product of the elements; see `numpy.prod`.

    Parameters
    ----------
    a, axis, dtype, keepdims, split_every, out
        As for `sum`.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.prod(da.arange(1, 5, chunks=2)).compute()
    np.int64(24)
    """
    a = asanyarray(a)
    dtype = _result_dtype(np.prod, a, dtype)
    return reduction(
        a, np.prod, np.prod, axis, keepdims, dtype=dtype, split_every=split_every, out=out
    )


def max(
    a: Any,
    axis: Any = None,
    keepdims: bool = False,
    split_every: Any = None,
    out: Array | None = None,
) -> Array:
    """The largest element; see `numpy.max`.

    Parameters
    ----------
    a, axis, keepdims, split_every, out
        As for `sum`.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.max(da.arange(5, chunks=2)).compute()
    np.int64(4)
    """
    return _extreme(a, np.max, axis, keepdims, split_every, out)


def min(
    a: Any,
    axis: Any = None,
    keepdims: bool = False,
    split_every: Any = None,
    out: Array | None = None,
) -> Array:
    """The smallest element; see `numpy.min`.

    Parameters
    ----------
    a, axis, keepdims, split_every, out
        As for `sum`.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.min(da.arange(5, chunks=2)).compute()
    np.int64(0)
    """
    return _extreme(a, np.min, axis, keepdims, split_every, out)


def _extreme(a: Any, func: Any, axis: Any, keepdims: Any, split_every: Any, out: Any) -> Array:
    a = asanyarray(a)
    axes = range(a.ndim) if axis is None else np.atleast_1d(axis)
    if builtins.any(a.shape[i] == 0 for i in axes):
        raise ValueError(
            f"zero-size array to reduction operation {func.__name__} which has no identity: the "
            f"shape is {a.shape}"
        )
    return reduction(
        a, func, func, axis, keepdims, dtype=a.dtype, meta=a._meta, split_every=split_every, out=out
    )


def any(
    a: Any,
    axis: Any = None,
    keepdims: bool = False,
    split_every: Any = None,
    out: Array | None = None,
) -> Array:
    """Whether an element is true; see `numpy.any`.

    Parameters
    ----------
    a, axis, keepdims, split_every, out
        As for `sum`.

    Examples
    --------
    >>> import shoal.array as da
    >>> bool(da.any(da.arange(5, chunks=2) > 3))
    True
    """
    return reduction(
        asanyarray(a), np.any, np.any, axis, keepdims, dtype=bool, split_every=split_every, out=out
    )


def all(
    a: Any,
    axis: Any = None,
    keepdims: bool = False,
    split_every: Any = None,
    out: Array | None = None,
) -> Array:
    """Whether all elements are true; see `numpy.all`.

    Parameters
    ----------
    a, axis, keepdims, split_every, out
        As for `sum`.

    Examples
    --------
    >>> import shoal.array as da
    >>> bool(da.all(da.arange(5, chunks=2) > 3))
    False
    """
    return reduction(
        asanyarray(a), np.all, np.all, axis, keepdims, dtype=bool, split_every=split_every, out=out
    )


def mean(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    split_every: Any = None,
    out: Array | None = None,
) -> Array:
    """The mean of the elements; see `numpy.mean`.

    Parameters
    ----------
    a, axis, dtype, keepdims, split_every, out
        As for `sum`.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.mean(da.arange(5, chunks=2)).compute()
    np.float64(2.0)
    """
    a = asanyarray(a)
    if dtype is None:
        dtype = a.dtype if a.dtype == object else np.mean(np.ones(1, dtype=a.dtype)).dtype
    return reduction(
        a,
        mean_chunk,
        mean_aggregate,
        axis,
        keepdims,
        mean_combine,
        name="mean",
        concatenate=False,
        meta=a._meta,
        dtype=np.dtype(dtype),
        split_every=split_every,
        out=out,
    )
