"""Norms of vectors and matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.array.arrangement import expand_dims
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.linalg.matrices import of_stacks
from shoal.array.linalg.singular import svd
from shoal.array.reductions import max as max_of
from shoal.array.reductions import min as min_of
from shoal.array.reductions import sum as sum_of
from shoal.array.reductions.engine import normalize_axes
from shoal.array.routines.moving import moveaxis

__all__ = ["matrix_norm", "norm", "vector_norm"]


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Array:
    """The norm of vectors or matrices; see `numpy.linalg.norm`.

    Parameters
    ----------
    x
        An array.
    ord
        Which norm, as NumPy has them.
    axis, keepdims
        As for `sum`; one axis for vectors, two for matrices.

    Raises
    ------
    ValueError
        No such norm is known.

    Examples
    --------
    >>> import shoal.array as da
    >>> norm(da.asarray([3.0, 4.0], chunks=1)).compute()
    np.float64(5.0)
    """
    x = asanyarray(x)
    if axis is None and ord is not None and x.ndim not in (1, 2):
        raise ValueError("Improper number of dimensions to norm.")
    axes = normalize_axes(axis, x.ndim)
    if x.dtype.kind not in "fc":
        x = x.astype(float)
    size = abs(x)
    if ord is None or (ord == "fro" and len(axes) == 2) or (ord == 2 and len(axes) == 1):
        return np.sqrt(sum_of(size**2, axes, keepdims=keepdims))  # type: ignore[return-value]
    if len(axes) == 1:
        return _vector_norm(size, ord, axes, keepdims)
    if len(axes) != 2:
        raise ValueError(f"Improper number of dimensions to norm: {len(axes)}")
    row, column = axes if axis is None else [int(i) % x.ndim for i in axis]
    if ord in (1, -1, np.inf, -np.inf):
        first, then = (row, column) if abs(ord) == 1 else (column, row)
        sums = sum_of(size, first, keepdims=True)
        out = (_largest if ord > 0 else min_of)(sums, (then,), keepdims=True)
    elif ord in (2, -2, "nuc"):
        pick: Any = {2: _largest, -2: min_of, "nuc": sum_of}[ord]
        found = pick(_singular_values(x, row, column), (-1,))
        return expand_dims(found, tuple(sorted((row, column)))) if keepdims else found
    else:
        raise ValueError(f"Invalid norm order {ord!r} for matrices of an array of {x.ndim} axes")
    return out if keepdims else out.squeeze(axis=(row, column))


def _singular_values(x: Array, row: int, column: int) -> Array:
    """Those of the matrices in two axes, along the last axis."""
    if x.ndim == 2:
        values: Array = svd(x, coerce_signs=False)[1]
        return values
    stacks = moveaxis(x, (row, column), (-2, -1))
    told: Any = {"sizes": {"k": min(stacks.shape[-2:])}, "compute_uv": False}
    made: Array = of_stacks(np.linalg.svd, "(m,n)->(k)", stacks, **told)
    return made


def _largest(size: Array, axes: tuple[int, ...], keepdims: bool = False) -> Array:
    """The greatest of numbers that are not negative; of none it is 0, as their sum."""
    if any(size.shape[i] == 0 for i in axes):
        return sum_of(size, axes, keepdims=keepdims)
    return max_of(size, axes, keepdims)


def _vector_norm(size: Array, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Array:
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order {ord!r} for vectors")
    if ord == np.inf:
        return _largest(size, axes, keepdims)
    if ord == -np.inf:
        return min_of(size, axes, keepdims)
    if ord == 0:
        return sum_of((size != 0).astype(size.dtype), axes, keepdims=keepdims)
    if ord == 1:
        return sum_of(size, axes, keepdims=keepdims)
    return sum_of(size**ord, axes, keepdims=keepdims) ** (1.0 / ord)  # type: ignore[no-any-return]


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Array:
    """The norm of vectors; see `numpy.linalg.vector_norm`.

    Parameters
    ----------
    x
        An array.
    axis
        Along which the vectors are: an int or several; all by default.
    keepdims
        As for `sum`.
    ord
        A number, or inf or -inf.

    Examples
    --------
    >>> import shoal.array as da
    >>> vector_norm(da.asarray([[3.0], [4.0]], chunks=1)).compute()
    np.float64(5.0)
    """
    x = asanyarray(x)
    if x.dtype.kind not in "fc":
        x = x.astype(float)
    axes = normalize_axes(axis, x.ndim)
    if ord == 2:
        return np.sqrt(sum_of(abs(x) ** 2, axes, keepdims=keepdims))  # type: ignore[return-value]
    return _vector_norm(abs(x), ord, axes, keepdims)


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Array:
    """The norm of the matrices in the last two axes; see `numpy.linalg.matrix_norm`.

    Parameters
    ----------
    x
        Of two axes or more.
    keepdims
        As for `sum`.
    ord
        As for `norm`.

    Examples
    --------
    >>> import shoal.array as da
    >>> matrix_norm(da.ones((2, 2), chunks=1)).compute()
    np.float64(2.0)
    """
    x = asanyarray(x)
    if x.ndim < 2:
        raise ValueError(f"matrix_norm takes two axes or more, got shape {x.shape}")
    return norm(x, "fro" if ord is None else ord, (-2, -1), keepdims)
