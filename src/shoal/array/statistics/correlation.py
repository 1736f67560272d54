"""Covariance and correlation."""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.array.arrangement import concatenate, squeeze
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.creation import diag
from shoal.array.reductions.simple import mean
from shoal.array.reductions.simple import sum as sum_of
from shoal.array.routines.products import dot

__all__ = ["corrcoef", "cov"]


def _rows(m: Any, rowvar: bool) -> Array:
    m = asanyarray(m)
    if m.ndim > 2:
        raise ValueError(f"an array has more than 2 dimensions: {m.shape}")
    if m.ndim < 2:
        return m[(None,) * (2 - m.ndim)]  # type: ignore[no-any-return]
    return m if rowvar else m.T  # type: ignore[no-any-return]


def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Array:
    """The covariance matrix; see `numpy.cov`.

    Parameters
    ----------
    m
        A row for each variable.
    y
        More variables.
    rowvar
        False where columns are variables.
    bias, ddof
        What to take off the count, as NumPy has it.
    fweights, aweights
        Weights of the observations: counts, or importance.
    dtype
        Of the result.

    Examples
    --------
    >>> import shoal.array as da
    >>> cov(da.asarray([[0.0, 1, 2], [2, 1, 0]])).compute()
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    if ddof is not None and ddof != int(ddof):
        raise ValueError(f"ddof must be integer, got {ddof!r}")
    x = _rows(m, rowvar)
    if y is not None:
        x = concatenate([x, _rows(y, rowvar)], axis=0)
    x = x.astype(dtype or np.result_type(x.dtype, np.float64))
    off = (0 if bias else 1) if ddof is None else ddof
    weights = _weights(fweights, aweights, x.shape[1])
    if weights is None:
        x = x - mean(x, axis=1, keepdims=True)
        return squeeze(dot(x, np.conj(x.T)) / np.float64(max(x.shape[1] - off, 0)))
    total = sum_of(weights)
    x = x - (sum_of(x * weights, axis=1) / total)[:, None]
    if off == 0:
        factor = total
    elif aweights is None:
        factor = total - off
    else:
        factor = total - off * sum_of(weights * asanyarray(aweights)) / total
    return squeeze(dot(x, np.conj((x * weights).T)) / factor)


def _weights(fweights: Any, aweights: Any, count: int) -> Any:
    out: Any = None
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is None:
            continue
        given = asanyarray(given)
        if given.ndim != 1 or given.shape[0] != count:
            raise RuntimeError(
                f"incompatible numbers of samples and {name}: {count} and shape {given.shape}"
            )
        if name == "fweights" and given.dtype.kind not in "iu":
            raise TypeError(f"fweights must be integer, got {given.dtype}")
        out = given if out is None else out * given
    return out


def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Array:
    """The correlation matrix; see `numpy.corrcoef`.

    Parameters
    ----------
    x, y, rowvar
        As for `cov`.

    Examples
    --------
    >>> import shoal.array as da
    >>> corrcoef(da.asarray([[0.0, 1, 2], [2, 1, 0]])).compute()
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    c = cov(x, y, bool(rowvar))
    if not c.ndim:
        return c / c  # type: ignore[no-any-return]
    deviation = np.sqrt(diag(c).real if c.dtype.kind == "c" else diag(c))
    return c / deviation[:, None] / deviation[None, :]  # type: ignore[no-any-return]
