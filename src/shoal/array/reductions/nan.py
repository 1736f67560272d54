"""Reductions of the elements that are not nan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.documented import documented
from shoal.array.kernels.nan import nanmax_chunk, nanmean_chunk, nanmin_chunk
from shoal.array.reductions.engine import dense_partials, reduction
from shoal.array.reductions.simple import averaged, extreme, mean
from shoal.array.reductions.simple import max as max_of
from shoal.array.reductions.simple import min as min_of

__all__ = ["nanmax", "nanmean", "nanmin", "nanprod", "nansum"]

WITH_DTYPE = """\
a, axis, dtype, keepdims, split_every, out
    As for `sum`."""

WITHOUT_DTYPE = """\
a, axis, keepdims, split_every, out
    As for `sum`."""


def _dtype(func: Any, a: Array, dtype: Any) -> Any:
    if dtype is not None:
        return np.dtype(dtype)
    return a.dtype if a.dtype == object else func(np.ones(1, dtype=a.dtype)).dtype


def _total(func: Any, whole: Any, claim: str, result: str) -> Callable[..., Array]:
    """A reduction of blocks by a function that passes over nan, and of partials by another."""

    name = func.__name__

    def total(
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        keepdims: bool = False,
        split_every: Any = None,
        out: Array | None = None,
    ) -> Array:
        a = asanyarray(a)
        told = {"dtype": _dtype(func, a, dtype), "split_every": split_every, "out": out}
        chunk, meta = dense_partials(a, func)
        told["meta"] = None if chunk is func else meta
        return reduction(a, chunk, whole, axis, keepdims, name=name, **told)

    example = f"da.{name}(da.asarray([2, np.nan, 3])).compute()"
    return documented(total, name, f"{claim}; see `numpy.{name}`", WITH_DTYPE, example, result)


nansum = _total(np.nansum, np.sum, "The sum of the elements that are not nan", "np.float64(5.0)")
nanprod = _total(
    np.nanprod, np.prod, "The product of the elements that are not nan", "np.float64(6.0)"
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
    dtype = _dtype(np.nanmean, a, dtype)
    return averaged(a, nanmean_chunk, axis, dtype, keepdims, split_every, out, "nanmean")


def _extreme(func: Any, chunk: Any, plain: Any, claim: str, result: str) -> Callable[..., Array]:
    """A reduction to an element; where all are nan it is nan, and NumPy's warning is raised."""
    name = func.__name__

    def one(
        a: Any,
        axis: Any = None,
        keepdims: bool = False,
        split_every: Any = None,
        out: Array | None = None,
    ) -> Array:
        a = asanyarray(a)
        if a.dtype.kind not in "fcO":
            found: Array = plain(a, axis, keepdims, split_every, out)
            return found
        return extreme(a, func, chunk, axis, keepdims, split_every, out, name)

    example = f"da.{name}(da.asarray([2, np.nan, 3])).compute()"
    return documented(one, name, f"{claim}; see `numpy.{name}`", WITHOUT_DTYPE, example, result)


nanmax = _extreme(
    np.nanmax, nanmax_chunk, max_of, "The largest element that is not nan", "np.float64(3.0)"
)
nanmin = _extreme(
    np.nanmin, nanmin_chunk, min_of, "The smallest element that is not nan", "np.float64(2.0)"
)
