"""Arrays repeated: ``tile`` and ``repeat``."""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.array.arrangement import concatenate
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.reductions.engine import normalize_axes
from shoal.array.slicing import getitem

__all__ = ["repeat", "tile"]


def tile(A: Any, reps: Any) -> Array:
    """An array repeated as a whole; see `numpy.tile`.

    Parameters
    ----------
    A
        An array.
    reps
        How often along each axis: an int or several.

    Raises
    ------
    ValueError
        A negative number.

    Examples
    --------
    >>> tile([1, 2], 2).compute()
    array([1, 2, 1, 2])
    """
    A = asanyarray(A)
    times = (reps,) if isinstance(reps, int | np.integer) else tuple(reps)
    if any(n < 0 for n in times):
        raise ValueError(f"reps must not be negative, got {reps}")
    ndim = max(A.ndim, len(times))
    times = (1,) * (ndim - len(times)) + times
    out: Array = A if A.ndim == ndim else getitem(A, (None,) * (ndim - A.ndim))
    for axis, n in enumerate(times):
        if n == 0:
            out = getitem(out, (*(slice(None),) * axis, slice(0, 0)))
        elif n > 1:
            out = concatenate([out] * n, axis)
    return out


def repeat(a: Any, repeats: Any, axis: int | None = None) -> Array:
    """Each element several times; see `numpy.repeat`.

    Parameters
    ----------
    a
        An array.
    repeats
        How often: an int, or an int for each place along the axis.
    axis
        Along which; None for the elements in C order.

    Raises
    ------
    ValueError
        A negative number, or as many as the axis has not.

    Examples
    --------
    >>> import shoal.array as da
    >>> repeat(da.arange(3, chunks=2), 2).compute()
    array([0, 0, 1, 1, 2, 2])
    """
    a = asanyarray(a)
    if axis is None:
        a, axis = a.ravel(), 0
    (along,) = normalize_axes(axis, a.ndim)
    places = np.repeat(np.arange(a.shape[along]), np.asarray(repeats))
    return getitem(a, (*(slice(None),) * along, places))
