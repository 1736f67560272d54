"""Variance, standard deviation and higher central moments."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.kernels.moments import moment_aggregate, moment_chunk, moment_combine
from shoal.array.reductions.engine import reduction

__all__ = ["moment", "nanstd", "nanvar", "std", "var"]


def _moment(
    a: Any,
    order: int,
    axis: Any,
    dtype: Any,
    keepdims: bool,
    ddof: float,
    split_every: Any,
    out: Any,
    *,
    skip_nan: bool = False,
    root: bool = False,
    name: str = "moment",
) -> Array:
    a = asanyarray(a)
    if dtype is None:
        dtype = getattr(np.var(np.ones(1, dtype=a.dtype)), "dtype", object)
        if order > 2 and a.dtype.kind == "c":
            dtype = a.dtype
    dtype = np.dtype(dtype)
    skip_nan = skip_nan and a.dtype.kind in "fc"
    return reduction(
        a,
        partial(moment_chunk, order=order, skip_nan=skip_nan),
        partial(moment_aggregate, order=order, ddof=ddof, root=root),
        axis,
        keepdims,
        partial(moment_combine, order=order),
        name=name,
        concatenate=False,
        meta=a._meta,
        dtype=dtype,
        split_every=split_every,
        out=out,
    )


def moment(
    a: Any,
    order: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    ddof: float = 0,
    split_every: Any = None,
    out: Array | None = None,
) -> Array:
    """A central moment: the mean of a power of the differences from the mean.

    Parameters
    ----------
    a
        An array.
    order
        The power, an int from 0.
    axis, dtype, keepdims, split_every, out
        As for `sum`.
    ddof
        What to take off the count by which the sum is divided.

    Raises
    ------
    ValueError
        ``order`` is no int, or negative.

    Examples
    --------
    >>> import shoal.array as da
    >>> moment(da.arange(4, chunks=2), 2).compute()
    np.float64(1.25)
    """
    if not isinstance(order, int | np.integer) or order < 0:
        raise ValueError(f"order of a moment must be an int from 0, got {order!r}")
    if order < 2:
        value = 1.0 - order
        kept = _moment(a, 2, axis, dtype, keepdims, ddof, split_every, None)
        result = kept * 0 + kept.dtype.type(value)
        if out is None:
            return result  # type: ignore[no-any-return]
        out._node = result._node
        return out
    return _moment(a, int(order), axis, dtype, keepdims, ddof, split_every, out)


def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    ddof: float = 0,
    split_every: Any = None,
    out: Array | None = None,
) -> Array:
    """The variance of the elements; see `numpy.var`.

    Parameters
    ----------
    a, axis, dtype, keepdims, split_every, out
        As for `sum`.
    ddof
        What to take off the count by which the sum of squares is divided.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.var(da.arange(4, chunks=2)).compute()
    np.float64(1.25)
    """
    return _moment(a, 2, axis, dtype, keepdims, ddof, split_every, out, name="var")


def std(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    ddof: float = 0,
    split_every: Any = None,
    out: Array | None = None,
) -> Array:
    """The standard deviation of the elements; see `numpy.std`.

    Parameters
    ----------
    a, axis, dtype, keepdims, split_every, out
        As for `sum`.
    ddof
        What to take off the count by which the sum of squares is divided.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.std(da.arange(4, chunks=2)).compute()
    np.float64(1.118033988749895)
    """
    return _moment(a, 2, axis, dtype, keepdims, ddof, split_every, out, root=True, name="std")


def nanvar(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    ddof: float = 0,
    split_every: Any = None,
    out: Array | None = None,
) -> Array:
    """The variance of the elements that are not nan; see `numpy.nanvar`.

    Parameters
    ----------
    a, axis, dtype, keepdims, split_every, out
        As for `sum`.
    ddof
        What to take off the count by which the sum of squares is divided.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.nanvar(da.arange(4, chunks=2)).compute()
    np.float64(1.25)
    """
    return _moment(
        a, 2, axis, dtype, keepdims, ddof, split_every, out, skip_nan=True, name="nanvar"
    )


def nanstd(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    ddof: float = 0,
    split_every: Any = None,
    out: Array | None = None,
) -> Array:
    """The standard deviation of the elements that are not nan; see `numpy.nanstd`.

    Parameters
    ----------
    a, axis, dtype, keepdims, split_every, out
        As for `sum`.
    ddof
        What to take off the count by which the sum of squares is divided.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.nanstd(da.arange(4, chunks=2)).compute()
    np.float64(1.118033988749895)
    """
    return _moment(
        a, 2, axis, dtype, keepdims, ddof, split_every, out, skip_nan=True, root=True, name="nanstd"
    )
