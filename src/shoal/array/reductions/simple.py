"""Reductions whose partial results are what the function itself gives, and the mean.

They are made by family, each a line that says what it is, so they cannot differ in anything else.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.documented import documented
from shoal.array.kernels.reduce import (
    max_chunk,
    mean_aggregate,
    mean_chunk,
    mean_combine,
    min_chunk,
)
from shoal.array.reductions.engine import dense_partials, reduced_axes, reduction

__all__ = ["all", "any", "max", "mean", "min", "prod", "sum"]

WITH_DTYPE = """\
a
    An array.
axis, dtype, keepdims, out
    As NumPy has them.
split_every
    How many partial results a task takes in."""

WITHOUT_DTYPE = """\
a, axis, keepdims, split_every, out
    As for `sum`."""


def _result_dtype(func: Any, a: Array, dtype: Any) -> Any:
    if dtype is not None:
        return np.dtype(dtype)
    return func(np.ones((1,), dtype=a.dtype)).dtype if a.dtype != object else a.dtype


def _total(func: Any, claim: str, example: str, result: str) -> Callable[..., Array]:
    """A reduction with a dtype."""

    def total(
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        keepdims: bool = False,
        split_every: Any = None,
        out: Array | None = None,
    ) -> Array:
        a = asanyarray(a)
        told = {"dtype": _result_dtype(func, a, dtype), "split_every": split_every, "out": out}
        return reduction(a, func, func, axis, keepdims, **told)

    name = func.__name__
    return documented(total, name, f"{claim}; see `numpy.{name}`", WITH_DTYPE, example, result)


sum = _total(
    np.sum,
    "The sum of the elements",
    "da.sum(da.ones((2, 3), chunks=1), axis=0).compute()",
    "array([2., 2., 2.])",
)
prod = _total(
    np.prod,
    "The product of the elements",
    "da.prod(da.arange(1, 5, chunks=2)).compute()",
    "np.int64(24)",
)


def _truth(func: Any, claim: str, example: str, result: str) -> Callable[..., Array]:
    """A reduction of truth values."""

    def truth(
        a: Any,
        axis: Any = None,
        keepdims: bool = False,
        split_every: Any = None,
        out: Array | None = None,
    ) -> Array:
        told: Any = {"dtype": bool, "split_every": split_every, "out": out}
        return reduction(asanyarray(a), func, func, axis, keepdims, **told)

    name = func.__name__
    return documented(truth, name, f"{claim}; see `numpy.{name}`", WITHOUT_DTYPE, example, result)


any = _truth(
    np.any,
    "Whether an element is true",
    "bool(da.any(da.arange(5, chunks=2) > 3))",
    "True",
)
all = _truth(
    np.all,
    "Whether all elements are true",
    "bool(da.all(da.arange(5, chunks=2) > 3))",
    "False",
)


def extreme(
    a: Array, func: Any, chunk: Any, axis: Any, keepdims: Any, split_every: Any, out: Any, name: str
) -> Array:
    """The extreme elements, by a function and what a block that may be empty leaves of it."""
    axes = reduced_axes(axis, a.ndim)
    if builtins.any(a.shape[i] == 0 for i in axes):
        raise ValueError(
            f"zero-size array to reduction operation {name} which has no identity: the shape is "
            f"{a.shape}"
        )
    if chunk in (max_chunk, min_chunk) and builtins.all(n > 0 for i in axes for n in a.chunks[i]):
        # No block is empty, so NumPy's own function will do, which takes part in fused programs.
        chunk = func
    meta = a._meta
    if name.startswith("nan"):
        chunk, meta = dense_partials(a, chunk)
    told = {"dtype": a.dtype, "meta": meta, "split_every": split_every, "out": out}
    return reduction(a, chunk, func, axis, keepdims, chunk, name=name, **told)


def _extreme(func: Any, chunk: Any, claim: str, example: str, result: str) -> Callable[..., Array]:
    """A reduction to an element, which there must be."""
    name = func.__name__

    def one(
        a: Any,
        axis: Any = None,
        keepdims: bool = False,
        split_every: Any = None,
        out: Array | None = None,
    ) -> Array:
        return extreme(asanyarray(a), func, chunk, axis, keepdims, split_every, out, name)

    return documented(one, name, f"{claim}; see `numpy.{name}`", WITHOUT_DTYPE, example, result)


max = _extreme(
    np.max,
    max_chunk,
    "The largest element",
    "da.max(da.arange(5, chunks=2)).compute()",
    "np.int64(4)",
)
min = _extreme(
    np.min,
    min_chunk,
    "The smallest element",
    "da.min(da.arange(5, chunks=2)).compute()",
    "np.int64(0)",
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
    return averaged(a, mean_chunk, axis, dtype, keepdims, split_every, out, "mean")


def averaged(
    a: Array,
    chunk: Any,
    axis: Any,
    dtype: Any,
    keepdims: Any,
    split_every: Any,
    out: Any,
    name: str,
) -> Array:
    """The mean of what a function of blocks counts."""
    told = {"dtype": np.dtype(dtype), "split_every": split_every, "out": out, "name": name}
    chunk, meta = dense_partials(a, chunk)
    parts = (chunk, mean_aggregate, axis, keepdims, mean_combine)
    return reduction(a, *parts, concatenate=False, meta=meta, **told)
