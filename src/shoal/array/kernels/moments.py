"""Central moments of blocks, and how those of several blocks become those of all.

A partial result has the count ``n``, the sum ``total``, and in ``M``, along a new last axis, the
sums of the powers 2, 3, ... of the differences from the block's own mean.  They are merged
as Chan, Golub and LeVeque (1979) and Pebay (2008) say: no sum of squares is ever subtracted from
another, so nothing cancels where the mean is large.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from shoal.array.kernels.reduce import count_elements, gathered

__all__ = ["moment_aggregate", "moment_chunk", "moment_combine"]


def _power(difference: Any, exponent: int) -> Any:
    """A power; of complex numbers the squared modulus, as in NumPy's variance."""
    if exponent == 1:
        return difference
    if exponent == 2:
        return (difference * difference.conj()).real if _is_complex(difference) else difference**2
    return difference**exponent


def _is_complex(x: Any) -> bool:
    return getattr(x, "dtype", np.dtype(float)).kind == "c"


def _merged(parts: list[Any]) -> Any:
    """Sums of powers, the last axis."""
    if any(isinstance(part, np.ma.MaskedArray) for part in parts):
        return np.ma.stack(parts, axis=-1)
    return np.stack(parts, axis=-1) if parts else None


def moment_chunk(
    block: Any, axis: Any, keepdims: bool, order: int = 2, skip_nan: bool = False, dtype: Any = None
) -> dict[str, Any]:
    """Count, sum and sums of powers of a block.

    Parameters
    ----------
    block
        An array.
    axis, keepdims, dtype
        As of the reduction.
    order
        The highest power.
    skip_nan
        Whether nan does not count.

    Examples
    --------
    >>> moment_chunk(np.arange(3.0), (0,), True)["M"]
    array([[2.]])
    """
    dtype = _working(block, dtype)
    plain = type(block) is np.ndarray and block.dtype.kind == "f" and block.size and block.ndim
    if plain and order == 2 and not skip_nan and dtype in (None, block.dtype):
        return _squares(block, axis)
    if skip_nan:
        hit = ~np.isnan(block)
        n = np.sum(hit, axis=axis, keepdims=True, dtype=float)
        block = np.where(hit, block, block.dtype.type(0))
        total = np.sum(block, axis=axis, keepdims=True, dtype=dtype)
    else:
        n = count_elements(block, axis, True)
        total = np.sum(block, axis=axis, keepdims=True, dtype=dtype)
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = block - total / n
    if skip_nan:
        difference = np.where(hit, difference, 0)
    M = [
        np.sum(_power(difference, k), axis=axis, keepdims=True, dtype=_real(dtype, k))
        for k in range(2, order + 1)
    ]
    return {"n": n, "total": total, "M": _merged(M)}


def _squares(block: Any, axis: Any) -> dict[str, Any]:
    """The most frequent case, also of tiles: few calls, and no array that is not needed."""
    n = count_elements(block, axis, True)
    total = np.add.reduce(block, axis=axis, keepdims=True)
    difference = block - total / n
    np.square(difference, out=difference)
    return {"n": n, "total": total, "M": np.add.reduce(difference, axis, keepdims=True)[..., None]}


def _working(block: Any, dtype: Any) -> Any:
    """What sums are of: float64, unless the elements say otherwise."""
    if dtype is not None and np.dtype(dtype).kind in "fcO":
        kind = np.dtype(dtype)
        if block.dtype.kind == "c" and kind.kind != "c":
            return np.result_type(kind, np.complex64)
        return np.result_type(kind, np.float32) if kind.kind in "fc" else kind
    return None if block.dtype.kind in "fcO" else np.dtype(float)


def _real(dtype: Any, exponent: int) -> Any:
    if exponent == 2 and dtype is not None and np.dtype(dtype).kind == "c":
        return np.empty(0, dtype).real.dtype
    return dtype


def moment_combine(
    partials: Any, axis: Any, keepdims: bool, order: int = 2, dtype: Any = None, **_: Any
) -> dict[str, Any]:
    """Those of several blocks.

    Parameters
    ----------
    partials
        As `gathered` takes them.
    axis, keepdims, order, dtype
        As of `moment_chunk`.

    Examples
    --------
    >>> parts = [moment_chunk(np.array([x]), (0,), True) for x in (0.0, 2.0)]
    >>> moment_combine(parts, (0,), True)["M"]
    array([[2.]])
    """
    if not isinstance(partials, list):
        return partials  # type: ignore[no-any-return]
    ns = gathered(partials, "n", axis)
    totals = gathered(partials, "total", axis)
    n = np.sum(ns, axis=axis, keepdims=True)
    total = np.sum(totals, axis=axis, keepdims=True)
    if order < 2:
        return {"n": n, "total": total, "M": None}
    Ms = gathered(partials, "M", axis)
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = totals / ns - total / n
        if not isinstance(totals, np.ma.MaskedArray):
            difference = np.where(ns > 0, difference, 0)
    out = []
    for p in range(2, order + 1):
        term = Ms[..., p - 2] + ns * _power(difference, p)
        for k in range(1, p - 1):
            term = term + math.comb(p, k) * Ms[..., p - k - 2] * _power(difference, k)
        out.append(np.sum(term, axis=axis, keepdims=True))
    return {"n": n, "total": total, "M": _merged(out)}


def moment_aggregate(
    partials: Any,
    axis: Any,
    keepdims: bool,
    order: int = 2,
    ddof: float = 0,
    root: bool = False,
    dtype: Any = None,
    **_: Any,
) -> Any:
    """The moment: the sum of powers by the count less ``ddof``.

    Parameters
    ----------
    partials
        As `gathered` takes them.
    axis, keepdims, order, dtype
        As of `moment_chunk`.
    ddof
        What to take off the count.
    root
        Whether to take the square root.

    Examples
    --------
    >>> moment_aggregate(moment_chunk(np.arange(3.0), (0,), True), (0,), False)
    np.float64(0.6666666666666666)
    """
    both = moment_combine(partials, axis, True, order)
    n = both["n"]
    divisor = n - ddof
    with np.errstate(divide="ignore", invalid="ignore"):
        if isinstance(n, np.ndarray):
            divisor = np.where(divisor < 0, np.nan if ddof else divisor, divisor)
        out = both["M"][..., order - 2] / divisor
        if root:
            out = np.sqrt(out)
    if not keepdims:
        out = np.squeeze(out, axis=axis)
    if dtype is None or out.dtype == dtype:
        return out[()] if isinstance(out, np.ndarray) and not out.ndim else out
    return out.astype(dtype)
