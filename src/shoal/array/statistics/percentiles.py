"""Percentiles: of long one-dimensional arrays from sketches of their blocks.

A block is sorted and leaves at most `SKETCH` order statistics, evenly spaced.  Where no block has
more elements the result is exact; else the rank of what is returned is off by at most half the
spacing in each block, ``n / (2 * SKETCH)``.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from shoal.array.blocks import blockwise
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.kernels.order import merge_sketches, sketch_block
from shoal.array.statistics.quantiles import nanquantile, quantile

__all__ = ["nanpercentile", "percentile"]

SKETCH = 16_384
"""Order statistics that a block leaves."""


def percentile(
    a: Any,
    q: Any,
    method: str = "linear",
    internal_method: str = "default",
    *,
    axis: Any = None,
    keepdims: bool = False,
    **kwargs: Any,
) -> Array:
    """Percentiles; see `numpy.percentile`.

    Of a one-dimensional array they are estimated where blocks have more than 16,384 elements; along
    the axes of others they are exact.

    Parameters
    ----------
    a
        An array.
    q
        From 0 to 100: a number or several.
    method
        As NumPy has it.
    internal_method
        "default" or "dask".
    axis, keepdims
        Of arrays with several axes, as for `quantile`.
    **kwargs
        ``interpolation``: another name of ``method``; ``weights``, as for `quantile`.

    Raises
    ------
    ValueError
        Of the internal method, or percentiles beyond 0 and 100.

    Examples
    --------
    >>> import shoal.array as da
    >>> percentile(da.arange(5, chunks=2), [50, 75]).compute()
    array([2., 3.])
    """
    a = asanyarray(a)
    method = kwargs.pop("interpolation", None) or method
    if internal_method not in ("default", "dask", "tdigest"):
        raise ValueError(
            f"internal_method of percentile must be 'default' or 'dask', got {internal_method!r}"
        )
    q = np.asarray(q)
    if q.size and not (np.all(q >= 0) and np.all(q <= 100)):
        raise ValueError(f"Percentiles must be in the range [0, 100], got {q}")
    if a.ndim != 1 or kwargs.get("weights") is not None or keepdims or axis is not None:
        return quantile(a, q / 100, axis, method=method, keepdims=keepdims, **kwargs)
    dtype = a.dtype
    if dtype.kind in "biuf" and method == "linear":
        dtype = np.percentile(np.ones(1, dtype), 50).dtype
    sketches = blockwise(
        partial(sketch_block, size=SKETCH), "i", a, "i", dtype=object, meta=np.empty(0, object)
    )
    out = "q"[: q.ndim]
    if q.ndim > 1:
        raise ValueError(f"q of percentile must have at most one axis, got shape {q.shape}")
    return blockwise(
        partial(merge_sketches, q=q, method=method, dtype=dtype),
        out,
        sketches,
        "i",
        new_axes=dict(zip(out, q.shape, strict=True)),
        concatenate=False,
        token="percentile",
        meta=np.empty((0,) * q.ndim, dtype),
    )


def nanpercentile(a: Any, q: Any, **kwargs: Any) -> Array:
    """Percentiles of the elements that are not nan, exact; see `numpy.nanpercentile`.

    Parameters
    ----------
    a
        An array.
    q
        From 0 to 100: a number or several.
    **kwargs
        As `nanquantile` takes them.

    Examples
    --------
    >>> import shoal.array as da
    >>> nanpercentile(da.asarray([1, np.nan, 3], chunks=2), 50).compute()
    np.float64(2.0)
    """
    kwargs.pop("internal_method", None)
    return nanquantile(a, np.asarray(q) / 100, **kwargs)
