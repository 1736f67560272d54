"""Variance, standard deviation and higher central moments."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.documented import documented
from shoal.array.kernels.moments import moment_aggregate, moment_chunk, moment_combine
from shoal.array.reductions.engine import dense_partials, reduction

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
    chunk, meta = dense_partials(a, partial(moment_chunk, order=order, skip_nan=skip_nan))
    return reduction(
        a,
        chunk,
        partial(moment_aggregate, order=order, ddof=ddof, root=root),
        axis,
        keepdims,
        partial(moment_combine, order=order),
        name=name,
        concatenate=False,
        meta=meta,
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


PARAMETERS = """\
a, axis, dtype, keepdims, split_every, out
    As for `sum`.
ddof
    What to take off the count by which the sum of squares is divided.
correction
    The array API standard's word for it."""


def _spread(name: str, claim: str, result: str) -> Callable[..., Array]:
    """A variance, or its root."""
    told: Any = {"name": name, "skip_nan": name.startswith("nan"), "root": name.endswith("std")}

    def spread(
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        keepdims: bool = False,
        ddof: float = 0,
        split_every: Any = None,
        out: Array | None = None,
        *,
        correction: float | None = None,
    ) -> Array:
        if correction is not None:
            if ddof:
                raise ValueError(
                    "ddof and correction can't be provided simultaneously: got "
                    f"{ddof} and {correction}"
                )
            ddof = correction
        return _moment(a, 2, axis, dtype, keepdims, ddof, split_every, out, **told)

    example = f"da.{name}(da.arange(4, chunks=2)).compute()"
    return documented(spread, name, f"{claim}; see `numpy.{name}`", PARAMETERS, example, result)


var = _spread("var", "The variance of the elements", "np.float64(1.25)")
std = _spread("std", "The standard deviation of the elements", "np.float64(1.118033988749895)")
nanvar = _spread("nanvar", "The variance of the elements that are not nan", "np.float64(1.25)")
nanstd = _spread(
    "nanstd",
    "The standard deviation of the elements that are not nan",
    "np.float64(1.118033988749895)",
)
