"""Reductions of the elements that are not nan."""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.kernels.nan import (
    nanmax_chunk,
    nanmean_chunk,
    nanmin_chunk,
)
from shoal.array.kernels.reduce import mean_aggregate, mean_combine
from shoal.array.reductions.engine import normalize_axes, reduction
from shoal.array.reductions.simple import max as max_of
from shoal.array.reductions.simple import mean
from shoal.array.reductions.simple import min as min_of

__all__ = ["nanmax", "nanmean", "nanmin", "nanprod", "nansum"]


def _dtype(func: Any, a: Array, dtype: Any) -> Any:
    if dtype is not None:
        return np.dtype(dtype)
    return a.dtype if a.dtype == object else func(np.ones(1, dtype=a.dtype)).dtype


def nansum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    split_every: Any = None,
    out: Array | None = None,
) -> Array:
    """The sum of the elements that are not nan; see `numpy.nansum`.

    Parameters
    ----------
    a, axis, dtype, keepdims, split_every, out
        As for `sum`.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.nansum(da.asarray([2, np.nan, 3])).compute()
    np.float64(5.0)
    """
    a = asanyarray(a)
    return reduction(
        a,
        np.nansum,
        np.sum,
        axis,
        keepdims,
        dtype=_dtype(np.nansum, a, dtype),
        split_every=split_every,
        out=out,
    )


def nanprod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    split_every: Any = None,
    out: Array | None = None,
) -> Array:
    """The product of the elements that are not nan; see `numpy.nanprod`.

    Parameters
    ----------
    a, axis, dtype, keepdims, split_every, out
        As for `sum`.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.nanprod(da.asarray([2, np.nan, 3])).compute()
    np.float64(6.0)
    """
    a = asanyarray(a)
    return reduction(
        a,
        np.nanprod,
        np.prod,
        axis,
        keepdims,
        dtype=_dtype(np.nanprod, a, dtype),
        split_every=split_every,
        out=out,
    )


def nanmean(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    split_every: Any = None,
    out: Array | None = None,
) -> Array:
    """The mean of the elements that are not nan; see `numpy.nanmean`.

    Parameters
    ----------
    a, axis, dtype, keepdims, split_every, out
        As for `sum`.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.nanmean(da.asarray([2, np.nan, 3])).compute()
    np.float64(2.5)
    """
    a = asanyarray(a)
    if a.dtype.kind not in "fcO":
        return mean(a, axis, dtype, keepdims, split_every, out)
    return reduction(
        a,
        nanmean_chunk,
        mean_aggregate,
        axis,
        keepdims,
        mean_combine,
        name="nanmean",
        concatenate=False,
        meta=a._meta,
        dtype=_dtype(np.nanmean, a, dtype),
        split_every=split_every,
        out=out,
    )


def nanmax(
    a: Any,
    axis: Any = None,
    keepdims: bool = False,
    split_every: Any = None,
    out: Array | None = None,
) -> Array:
    """The largest element that is not nan; see `numpy.nanmax`.

    Where all are nan the result is nan, and NumPy's warning is raised.

    Parameters
    ----------
    a, axis, keepdims, split_every, out
        As for `sum`.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.nanmax(da.asarray([2, np.nan, 3])).compute()
    np.float64(3.0)
    """
    a = asanyarray(a)
    if a.dtype.kind not in "fcO":
        return max_of(a, axis, keepdims, split_every, out)
    if any(a.shape[i] == 0 for i in normalize_axes(axis, a.ndim)):
        raise ValueError(
            f"zero-size array to reduction operation nanmax which has no identity: the shape "
            f"is {a.shape}"
        )
    return reduction(
        a,
        nanmax_chunk,
        np.nanmax,
        axis,
        keepdims,
        nanmax_chunk,
        name="nanmax",
        meta=a._meta,
        dtype=a.dtype,
        split_every=split_every,
        out=out,
    )


def nanmin(
    a: Any,
    axis: Any = None,
    keepdims: bool = False,
    split_every: Any = None,
    out: Array | None = None,
) -> Array:
    """The smallest element that is not nan; see `numpy.nanmin`.

    Where all are nan the result is nan, and NumPy's warning is raised.

    Parameters
    ----------
    a, axis, keepdims, split_every, out
        As for `sum`.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.nanmin(da.asarray([2, np.nan, 3])).compute()
    np.float64(2.0)
    """
    a = asanyarray(a)
    if a.dtype.kind not in "fcO":
        return min_of(a, axis, keepdims, split_every, out)
    if any(a.shape[i] == 0 for i in normalize_axes(axis, a.ndim)):
        raise ValueError(
            f"zero-size array to reduction operation nanmin which has no identity: the shape "
            f"is {a.shape}"
        )
    return reduction(
        a,
        nanmin_chunk,
        np.nanmin,
        axis,
        keepdims,
        nanmin_chunk,
        name="nanmin",
        meta=a._meta,
        dtype=a.dtype,
        split_every=split_every,
        out=out,
    )
