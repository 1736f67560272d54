"""Differences of neighbours."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from shoal.array.arrangement import broadcast_to, concatenate
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.rechunking import ravel
from shoal.array.reductions.engine import normalize_axes

__all__ = ["diff", "ediff1d", "gradient"]


def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Array:
    """Differences of neighbours along an axis; see `numpy.diff`.

    Parameters
    ----------
    a
        An array.
    n
        How many times.
    axis
        An int.
    prepend, append
        What to put before and after first.

    Examples
    --------
    >>> import shoal.array as da
    >>> diff(da.asarray([1, 4, 9], chunks=2)).compute()
    array([3, 5])
    """
    a = asanyarray(a)
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n}")
    if not a.ndim:
        raise ValueError("diff requires input that is at least one dimensional")
    if n == 0:
        return a  # type: ignore[no-any-return]
    (axis,) = normalize_axes(operator.index(axis), a.ndim)
    parts = [_edge(prepend, a, axis), a, _edge(append, a, axis)]
    if prepend is not None or append is not None:
        a = concatenate([part for part in parts if part is not None], axis)
    whole = (slice(None),) * axis
    for _ in range(n):
        op = np.not_equal if a.dtype == bool else np.subtract
        a = op(a[(*whole, slice(1, None))], a[(*whole, slice(None, -1))])
    return a  # type: ignore[no-any-return]


def _edge(value: Any, a: Array, axis: int) -> Array | None:
    if value is None:
        return None
    value = asanyarray(value)
    if value.ndim:
        return value  # type: ignore[no-any-return]
    return broadcast_to(value, (*a.shape[:axis], 1, *a.shape[axis + 1 :]))


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Array:
    """Differences of neighbours of the flattened array; see `numpy.ediff1d`.

    Parameters
    ----------
    ary
        An array.
    to_end, to_begin
        What comes after and before the differences.

    Examples
    --------
    >>> import shoal.array as da
    >>> ediff1d(da.asarray([1, 4, 9], chunks=2), to_begin=0).compute()
    array([0, 3, 5])
    """
    flat = ravel(asanyarray(ary))
    parts = [flat[1:] - flat[:-1]]
    if to_begin is not None:
        parts.insert(0, ravel(asanyarray(to_begin)).astype(flat.dtype))
    if to_end is not None:
        parts.append(ravel(asanyarray(to_end)).astype(flat.dtype))
    return concatenate(parts)


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Slopes by central differences, and one-sided ones at the edges; see `numpy.gradient`.

    Parameters
    ----------
    f
        An array.
    *varargs
        Distances of neighbours or coordinates: none, one for all axes, or one for each.
    axis
        Along which axes; all by default.
    edge_order
        1 or 2.

    Returns
    -------
    Array, or a list of them for several axes

    Raises
    ------
    ValueError, TypeError
        As `numpy.gradient` raises them.

    Examples
    --------
    >>> import shoal.array as da
    >>> gradient(da.asarray([1.0, 4, 9], chunks=2)).compute()
    array([3., 4., 5.])
    """
    f = asanyarray(f)
    axes = normalize_axes(axis, f.ndim)
    if axis is not None and not isinstance(axis, int | np.integer):
        axes = tuple([int(i) % f.ndim for i in axis])
    if len(varargs) not in (0, 1, len(axes)):
        raise TypeError(
            f"Spacing must either be a single scalar, or a scalar / 1d-array per axis: got "
            f"{len(varargs)} for {len(axes)} axes"
        )
    if edge_order not in (1, 2):
        raise ValueError("'edge_order' greater than 2 not supported")
    spacings = list(varargs) * len(axes) if len(varargs) == 1 else list(varargs)
    spacings = spacings or [1.0] * len(axes)
    if f.dtype.kind in "mM":
        raise NotImplementedError(f"gradient of {f.dtype} is not supported; cast to a number first")
    if f.dtype.kind not in "fc":
        f = f.astype(float)
    out = [_slope(f, h, i, edge_order) for h, i in zip(spacings, axes, strict=True)]
    return out[0] if len(out) == 1 and (axis is None or np.ndim(axis) == 0) else out


def _slope(f: Array, spacing: Any, axis: int, edge_order: int) -> Array:
    n = f.shape[axis]
    if n < edge_order + 1:
        raise ValueError(
            "Shape of array too small to calculate a numerical gradient, at least (edge_order + 1) "
            f"elements are required: axis {axis} has {n}"
        )
    h = np.asarray(spacing.compute() if isinstance(spacing, Array) else spacing)
    if h.ndim > 1 or (h.ndim == 1 and len(h) != n):
        raise ValueError(
            f"when 1d, distances must match the length of the corresponding dimension: axis {axis} "
            f"has {n}, and the coordinates shape {h.shape}"
        )
    steps = np.full(n - 1, h) if h.ndim == 0 else np.diff(h)
    if (steps == steps[0]).all():
        steps = np.full(n - 1, steps[0])
    steps = steps.astype(f.real.dtype if f.dtype.kind == "c" else f.dtype, copy=False)
    shape = [1] * f.ndim
    shape[axis] = -1

    def at(start: int | None, stop: int | None) -> Any:
        return f[(*((slice(None),) * axis), slice(start, stop))]

    if (steps == steps[0]).all():
        middle = (at(2, None) - at(None, -2)) / (2 * steps[0])
    else:
        a, b = steps[:-1].reshape(shape), steps[1:].reshape(shape)
        middle = (
            -b / (a * (a + b)) * at(None, -2)
            + (b - a) / (a * b) * at(1, -1)
            + a / (b * (a + b)) * at(2, None)
        )
    if edge_order == 1:
        first = (at(1, 2) - at(0, 1)) / steps[0]
        last = (at(n - 1, n) - at(n - 2, n - 1)) / steps[-1]
    else:
        first, last = _second_order(at, steps, n)
    parts = [first, middle, last] if n > 2 else [first, last]
    return concatenate(parts, axis).rechunk({axis: f.chunks[axis]})  # type: ignore[no-any-return]


def _second_order(at: Any, steps: Any, n: int) -> tuple[Any, Any]:
    """Slopes at both ends from three elements each."""
    a, b = steps[0], steps[1]
    first = (
        -(2 * a + b) / (a * (a + b)) * at(0, 1)
        + (a + b) / (a * b) * at(1, 2)
        - a / (b * (a + b)) * at(2, 3)
    )
    a, b = steps[-2], steps[-1]
    last = (
        b / (a * (a + b)) * at(n - 3, n - 2)
        - (a + b) / (a * b) * at(n - 2, n - 1)
        + (2 * b + a) / (b * (a + b)) * at(n - 1, n)
    )
    return first, last
