"""Elements and axes at other places: slices and permutations."""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.array.arrangement import concatenate, transpose
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.rechunking import ravel, reshape
from shoal.array.reductions.engine import normalize_axes

__all__ = [
    "flip",
    "fliplr",
    "flipud",
    "moveaxis",
    "roll",
    "rollaxis",
    "rot90",
    "swapaxes",
]


def flip(m: Any, axis: Any = None) -> Array:
    """The elements in reverse order; see `numpy.flip`.

    Parameters
    ----------
    m
        An array.
    axis
        Along which axes; all by default.

    Examples
    --------
    >>> import shoal.array as da
    >>> flip(da.arange(3, chunks=2)).compute()
    array([2, 1, 0])
    """
    m = asanyarray(m)
    axes = normalize_axes(axis, m.ndim)
    return m[tuple([slice(None, None, -1 if i in axes else None) for i in range(m.ndim)])]  # type: ignore[no-any-return]


def flipud(m: Any) -> Array:
    """The rows in reverse order; see `numpy.flipud`.

    Parameters
    ----------
    m
        An array of one axis or more.

    Examples
    --------
    >>> import shoal.array as da
    >>> flipud(da.arange(3, chunks=2)).compute()
    array([2, 1, 0])
    """
    return flip(m, 0)


def fliplr(m: Any) -> Array:
    """The columns in reverse order; see `numpy.fliplr`.

    Parameters
    ----------
    m
        An array of two axes or more.

    Examples
    --------
    >>> import shoal.array as da
    >>> fliplr(da.asarray([[1, 2]])).compute()
    array([[2, 1]])
    """
    return flip(m, 1)


def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Array:
    """Turned by right angles; see `numpy.rot90`.

    Parameters
    ----------
    m
        An array.
    k
        How many right angles.
    axes
        The plane, from the first towards the second.

    Raises
    ------
    ValueError
        The axes are no two different ones of the array.

    Examples
    --------
    >>> import shoal.array as da
    >>> rot90(da.asarray([[1, 2]])).compute()
    array([[2],
           [1]])
    """
    m = asanyarray(m)
    axes = tuple(axes)
    if len(axes) != 2:
        raise ValueError(f"len(axes) must be 2, got {axes}")
    if any(not -m.ndim <= i < m.ndim for i in axes):
        raise ValueError(f"Axes={axes} out of range for array of ndim={m.ndim}.")
    first, second = (i % m.ndim for i in axes)
    if first == second:
        raise ValueError(f"Axes must be different, got {axes}")
    k %= 4
    if k == 0:
        return m[:]  # type: ignore[no-any-return]
    if k == 2:
        return flip(m, (first, second))
    order = list(range(m.ndim))
    order[first], order[second] = second, first
    if k == 1:
        return transpose(flip(m, second), order)
    return flip(transpose(m, order), second)


def roll(a: Any, shift: Any, axis: Any = None) -> Array:
    """The elements moved along axes, those that fall off at one end in at the other.

    See `numpy.roll`.

    Parameters
    ----------
    a
        An array.
    shift
        By how many places: an int, or one for each axis.
    axis
        Along which; of the flattened array by default.

    Raises
    ------
    TypeError, ValueError
        Shifts and axes do not fit.

    Examples
    --------
    >>> import shoal.array as da
    >>> roll(da.arange(5, chunks=2), 2).compute()
    array([3, 4, 0, 1, 2])
    """
    a = asanyarray(a)
    if axis is None:
        if np.ndim(shift):
            raise TypeError(f"shift must be an int where axis is None, got {shift!r}")
        return reshape(_rolled(ravel(a), int(shift), 0), a.shape)
    shifts, axes = np.broadcast_arrays(shift, axis)
    if shifts.ndim > 1:
        raise ValueError("'shift' and 'axis' should be scalars or 1D sequences")
    for by, along in zip(np.atleast_1d(shifts), np.atleast_1d(axes), strict=True):
        a = _rolled(a, int(by), normalize_axes(int(along), a.ndim)[0])
    return a  # type: ignore[no-any-return]


def _rolled(a: Array, shift: int, axis: int) -> Array:
    length = a.shape[axis]
    if not length or not shift % length:
        return a
    cut = length - shift % length
    whole = (slice(None),) * axis
    return concatenate([a[(*whole, slice(cut, None))], a[(*whole, slice(None, cut))]], axis)


def swapaxes(a: Any, axis1: int, axis2: int) -> Array:
    """Two axes exchanged; see `numpy.swapaxes`.

    Parameters
    ----------
    a
        An array.
    axis1, axis2
        The axes.

    Examples
    --------
    >>> import shoal.array as da
    >>> swapaxes(da.ones((2, 3)), 0, 1).shape
    (3, 2)
    """
    a = asanyarray(a)
    (first,), (second,) = normalize_axes(axis1, a.ndim), normalize_axes(axis2, a.ndim)
    order = list(range(a.ndim))
    order[first], order[second] = second, first
    return transpose(a, order)


def moveaxis(a: Any, source: Any, destination: Any) -> Array:
    """Axes moved to other places; see `numpy.moveaxis`.

    Parameters
    ----------
    a
        An array.
    source
        Where they are: an int or several.
    destination
        Where they go, as many.

    Examples
    --------
    >>> import shoal.array as da
    >>> moveaxis(da.ones((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    a = asanyarray(a)
    sources, targets = (_in_order(axes, a.ndim) for axes in (source, destination))
    if len(sources) != len(targets):
        raise ValueError(
            "`source` and `destination` arguments must have the same number of elements"
        )
    order = [n for n in range(a.ndim) if n not in sources]
    for target, origin in sorted(zip(targets, sources, strict=True)):
        order.insert(target, origin)
    return transpose(a, order)


def _in_order(axes: Any, ndim: int) -> list[int]:
    normalize_axes(axes, ndim)
    return [int(i) % ndim for i in np.atleast_1d(axes)]


def rollaxis(a: Any, axis: int, start: int = 0) -> Array:
    """An axis moved to before another; see `numpy.rollaxis`.

    Parameters
    ----------
    a
        An array.
    axis
        Which.
    start
        Before which.

    Examples
    --------
    >>> import shoal.array as da
    >>> rollaxis(da.ones((2, 3, 4)), 2).shape
    (4, 2, 3)
    """
    a = asanyarray(a)
    (axis,) = normalize_axes(axis, a.ndim)
    if not -a.ndim <= start <= a.ndim:
        raise np.exceptions.AxisError(f"start={start} is out of bounds for {a.ndim} axes")
    start = start + a.ndim if start < 0 else start
    order = [i for i in range(a.ndim) if i != axis]
    order.insert(start - 1 if axis < start else start, axis)
    return transpose(a, order)
