"""Medians and quantiles along axes: exact, of whole axes.

The axes become one block each, so the memory that a task needs grows with their length; other axes
are cut finer in return (``chunks="auto"``).  For an estimate of a long one-dimensional array see
`percentile`.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.kernels.order import quantile_block
from shoal.array.mapping import map_blocks
from shoal.array.meta import infer_dtype
from shoal.array.reductions.engine import normalize_axes

__all__ = ["median", "nanmedian", "nanquantile", "quantile"]


def _whole(a: Array, axes: tuple[int, ...]) -> Array:
    """The array with one block along some axes."""
    if all(len(a.chunks[i]) == 1 for i in axes):
        return a
    chunks = {i: -1 if i in axes else "auto" for i in range(a.ndim)}
    if a.dtype.hasobject or any(n != n for n in a.shape):
        chunks = dict.fromkeys(axes, -1)
    return a.rechunk(chunks)  # type: ignore[no-any-return]


def _along(
    a: Any,
    func: Any,
    axis: Any,
    keepdims: bool,
    name: str,
    q: Any = None,
    out: Any = None,
    **kwargs: Any,
) -> Array:
    a = asanyarray(a)
    axes = normalize_axes(axis, a.ndim)
    a = _whole(a, axes)
    kept = tuple([(1,) if i in axes else c for i, c in enumerate(a.chunks)])
    q_shape = () if q is None else np.shape(q)
    given = () if q is None else (q,)
    dtype = infer_dtype(func, [a._meta, *given], {"axis": axes, "keepdims": True, **kwargs}, name)
    call = partial(quantile_block, func=func, axis=axes, given=given, kwargs=tuple(kwargs.items()))
    call.__name__ = name  # type: ignore[attr-defined]
    new = tuple([(n,) for n in q_shape])
    result = map_blocks(
        call,
        a,
        dtype=dtype,
        chunks=new + kept,
        new_axis=tuple(range(len(new))) or None,
        meta=np.empty((0,) * (a.ndim + len(new)), dtype),
    )
    if not keepdims:
        result = result.squeeze(axis=tuple([i + len(new) for i in axes])) if axes else result
    if out is None:
        return result
    if out.shape != result.shape:
        raise ValueError(f"out= has shape {out.shape}, and the result {result.shape}")
    out._node = result._node
    return out  # type: ignore[no-any-return]


def median(a: Any, axis: Any = None, keepdims: bool = False, out: Array | None = None) -> Array:
    """The median; see `numpy.median`.

    Parameters
    ----------
    a, axis, keepdims, out
        As for `sum`.  The axes become one block each.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.median(da.arange(4, chunks=2), axis=0).compute()
    np.float64(1.5)
    """
    return _along(a, np.median, axis, keepdims, "median", out=out)


def nanmedian(a: Any, axis: Any = None, keepdims: bool = False, out: Array | None = None) -> Array:
    """The median of the elements that are not nan; see `numpy.nanmedian`.

    Parameters
    ----------
    a, axis, keepdims, out
        As for `sum`.  The axes become one block each.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.nanmedian(da.arange(4, chunks=2), axis=0).compute()
    np.float64(1.5)
    """
    return _along(a, np.nanmedian, axis, keepdims, "nanmedian", out=out)


def quantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Array | None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
    interpolation: str | None = None,
) -> Array:
    """Quantiles, exact; see `numpy.quantile`.

    Parameters
    ----------
    a, axis, keepdims, out
        As for `sum`.  The axes become one block each.
    q
        Between 0 and 1: a number, or several, which are the first axis of the result.
    overwrite_input
        Accepted; nothing is overwritten.
    method, weights
        As NumPy has them.
    interpolation
        Another name of ``method``.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.quantile(da.arange(5, chunks=2), [0.5, 0.75], axis=0).compute()
    array([2., 3.])
    """
    return _quantile(a, q, axis, np.quantile, keepdims, interpolation or method, weights, out)


def nanquantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Array | None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
    interpolation: str | None = None,
) -> Array:
    """Quantiles of the elements that are not nan, exact; see `numpy.nanquantile`.

    Parameters
    ----------
    a, axis, keepdims, out
        As for `sum`.  The axes become one block each.
    q
        Between 0 and 1: a number, or several, which are the first axis of the result.
    overwrite_input
        Accepted; nothing is overwritten.
    method, weights
        As NumPy has them.
    interpolation
        Another name of ``method``.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.nanquantile(da.arange(5, chunks=2), [0.5, 0.75], axis=0).compute()
    array([2., 3.])
    """
    return _quantile(a, q, axis, np.nanquantile, keepdims, interpolation or method, weights, out)


def _quantile(
    a: Any, q: Any, axis: Any, func: Any, keepdims: bool, method: str, weights: Any, out: Any
) -> Array:
    q = np.asarray(q)
    if q.size and not (np.all(q >= 0) and np.all(q <= 1)):
        raise ValueError(f"Quantiles must be in the range [0, 1], got {q}")
    more: dict[str, Any] = {"method": method}
    a = asanyarray(a)
    if weights is not None:
        return _weighted(a, q, axis, func, keepdims, method, weights, out)
    return _along(a, func, axis, keepdims, func.__name__, q=q[()], out=out, **more)


def _weighted(
    a: Array, q: Any, axis: Any, func: Any, keepdims: bool, method: str, weights: Any, out: Any
) -> Array:
    """With weights, of which a block is needed for each block: the function gets both stacked."""
    axes = normalize_axes(axis, a.ndim)
    given = np.asarray(weights.compute() if isinstance(weights, Array) else weights)
    if given.shape == a.shape:
        if len(axes) < a.ndim:
            raise NotImplementedError(
                f"weights of the whole array's shape {a.shape} need axis=None, got {axis!r}; pass "
                "weights for the elements along the axis"
            )
    elif given.shape != tuple([a.shape[i] for i in axes]):
        raise ValueError(
            f"weights have shape {given.shape}, and the array along the axes {axes} has "
            f"{tuple([a.shape[i] for i in axes])}"
        )
    elements = math.prod(given.shape)
    return _along(
        a,
        func,
        axis,
        keepdims,
        func.__name__,
        q=q[()],
        out=out,
        method=method,
        weights=given if elements else None,
    )
