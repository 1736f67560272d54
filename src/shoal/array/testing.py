"""Comparing arrays in tests: values, and that an array is what it says it is."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.collection import compute, is_collection

__all__ = ["assert_eq"]


def assert_eq(
    a: Any,
    b: Any,
    *,
    check_shape: bool = True,
    check_chunks: bool = True,
    check_dtype: bool = True,
    equal_nan: bool = True,
    scheduler: str = "sync",
    rtol: float = 1e-5,
    atol: float = 1e-8,
    **ignored: Any,
) -> bool:
    """Fail unless two arrays have equal values and are what they say they are.

    Parameters
    ----------
    a, b
        Arrays of shoal's or others; of other collections the result is compared.
    check_shape, check_chunks, check_dtype
        Whether to compare the shape, the lengths of blocks and the dtype that an array of shoal's
        has told with those of what it computes.
    equal_nan
        Whether nan is equal to nan.
    scheduler
        What computes.
    rtol, atol
        Of floats; as those of `numpy.allclose`, which leave room for single precision.
    **ignored
        Options of Dask's that concern its own insides, such as ``check_graph``.

    Returns
    -------
    bool
        True, so that it may stand in an ``assert``.

    Raises
    ------
    AssertionError
        They differ; says where.

    Examples
    --------
    >>> import shoal.array as da
    >>> assert_eq(da.ones(3, chunks=2), np.ones(3))
    True
    """
    x, y = (_computed(v, check_shape, check_chunks, check_dtype, scheduler) for v in (a, b))
    _check(np.shape(x) == np.shape(y), f"shapes differ: {np.shape(x)} and {np.shape(y)}")
    if check_dtype:
        kinds = [getattr(v, "dtype", None) or np.asarray(v).dtype for v in (x, y)]
        _check(kinds[0] == kinds[1], f"dtypes differ: {kinds[0]} and {kinds[1]}")
    if hasattr(x, "todense") or hasattr(y, "todense"):
        x, y = (v.todense() if hasattr(v, "todense") else v for v in (x, y))
    if isinstance(x, np.ma.MaskedArray) or isinstance(y, np.ma.MaskedArray):
        masks = [np.ma.getmaskarray(np.ma.asarray(v)) for v in (x, y)]
        np.testing.assert_array_equal(masks[0], masks[1])
        x, y = (np.ma.filled(np.ma.asarray(v), 0) for v in (x, y))
    x, y = np.asarray(x), np.asarray(y)
    if x.dtype.kind in "fc" and y.dtype.kind in "fc":
        np.testing.assert_allclose(x, y, rtol=rtol, atol=atol, equal_nan=equal_nan)
    else:
        np.testing.assert_array_equal(x, y)
    return True


def _computed(a: Any, shape: bool, chunks: bool, dtype: bool, scheduler: str) -> Any:
    if not isinstance(a, Array):
        return a.compute(scheduler=scheduler) if is_collection(a) else a
    out, blocks = compute(a, list(a.to_delayed().flat), scheduler=scheduler)
    if dtype:
        _check(a.dtype == out.dtype, f"{a!r} computes {out.dtype}")
    if shape:
        told = [n if n != n else int(n) for n in a.shape]
        fits = all(n != n or n == m for n, m in zip(told, np.shape(out), strict=True))
        _check(fits, f"{a!r} computes shape {np.shape(out)}")
    if chunks:
        for told_shape, block in zip(itertools.product(*a.chunks), blocks, strict=True):
            real = np.shape(block)
            fits = all(n != n or n == m for n, m in zip(told_shape, real, strict=True))
            _check(fits, f"a block of {a!r} should have shape {told_shape}, and has {real}")
    return out


def _check(holds: bool, text: str) -> None:
    """An assertion that ``python -O`` does not strip."""
    if not holds:
        raise AssertionError(text)
