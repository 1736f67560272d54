"""Arrays side by side, with axes made up for, and parts taken out or put in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from shoal.array.arrangement import broadcast_to, concatenate
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.creation.constant import zeros
from shoal.array.elementwise import align
from shoal.array.rechunking import ravel, reshape
from shoal.array.reductions.cumulative import cumsum
from shoal.array.reductions.engine import normalize_axes

__all__ = [
    "append",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "broadcast_arrays",
    "column_stack",
    "delete",
    "dstack",
    "hstack",
    "insert",
    "resize",
    "trim_zeros",
    "vstack",
]


def _each(arys: tuple[Any, ...], make: Any) -> Any:
    out = tuple([make(asanyarray(a)) for a in arys])
    return out[0] if len(out) == 1 else out


def atleast_1d(*arys: Any) -> Any:
    """Arrays with one axis or more; see `numpy.atleast_1d`.

    Parameters
    ----------
    *arys
        Arrays.

    Examples
    --------
    >>> atleast_1d(1).shape
    (1,)
    """
    return _each(arys, lambda a: a[None] if a.ndim == 0 else a)


def atleast_2d(*arys: Any) -> Any:
    """Arrays with two axes or more; see `numpy.atleast_2d`.

    Parameters
    ----------
    *arys
        Arrays.

    Examples
    --------
    >>> atleast_2d([1, 2]).shape
    (1, 2)
    """
    return _each(arys, lambda a: a[(None,) * (2 - a.ndim)] if a.ndim < 2 else a)


def atleast_3d(*arys: Any) -> Any:
    """Arrays with three axes or more; see `numpy.atleast_3d`.

    Parameters
    ----------
    *arys
        Arrays.

    Examples
    --------
    >>> atleast_3d([1, 2]).shape
    (1, 2, 1)
    """
    entries = {
        0: (None, None, None),
        1: (None, slice(None), None),
        2: (slice(None), slice(None), None),
    }
    return _each(arys, lambda a: a[entries[a.ndim]] if a.ndim < 3 else a)


def _parts(tup: Any, make: Any, name: str) -> list[Array]:
    if isinstance(tup, Array) and tup.ndim == 0:
        raise TypeError(f"{name} takes a sequence of arrays, got an array without axes")
    made = make(*tup)
    return list(made) if isinstance(made, tuple) else [made]


def vstack(tup: Sequence[Any], allow_unknown_chunksizes: bool = False) -> Array:
    """Arrays on top of each other; see `numpy.vstack`.

    Parameters
    ----------
    tup
        Arrays.
    allow_unknown_chunksizes
        Whether to trust that arrays fit whose shapes are not known.

    Examples
    --------
    >>> vstack([[1, 2], [3, 4]]).compute()
    array([[1, 2],
           [3, 4]])
    """
    return concatenate(_parts(tup, atleast_2d, "vstack"), 0, allow_unknown_chunksizes)


def hstack(tup: Sequence[Any], allow_unknown_chunksizes: bool = False) -> Array:
    """Arrays side by side; see `numpy.hstack`.

    Parameters
    ----------
    tup
        Arrays.
    allow_unknown_chunksizes
        Whether to trust that arrays fit whose shapes are not known.

    Examples
    --------
    >>> hstack([[1, 2], [3]]).compute()
    array([1, 2, 3])
    """
    parts = _parts(tup, atleast_1d, "hstack")
    return concatenate(parts, 0 if parts[0].ndim == 1 else 1, allow_unknown_chunksizes)


def dstack(tup: Sequence[Any], allow_unknown_chunksizes: bool = False) -> Array:
    """Arrays one behind the other; see `numpy.dstack`.

    Parameters
    ----------
    tup
        Arrays.
    allow_unknown_chunksizes
        Whether to trust that arrays fit whose shapes are not known.

    Examples
    --------
    >>> dstack([[1, 2], [3, 4]]).shape
    (1, 2, 2)
    """
    return concatenate(_parts(tup, atleast_3d, "dstack"), 2, allow_unknown_chunksizes)


def append(arr: Any, values: Any, axis: int | None = None) -> Array:
    """An array with others after it; see `numpy.append`.

    Parameters
    ----------
    arr, values
        Arrays.
    axis
        Along which; flattened by default.

    Examples
    --------
    >>> append([1], [[2, 3]]).compute()
    array([1, 2, 3])
    """
    arr, values = asanyarray(arr), asanyarray(values)
    if axis is None:
        arr, values, axis = ravel(arr), ravel(values), 0
    return concatenate([arr, values], axis)


def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Array, ...]:
    """Arrays brought to one shape and the same blocks; see `numpy.broadcast_arrays`.

    Parameters
    ----------
    *args
        Arrays.
    subok
        Whether blocks stay what they are, if they are a kind of NumPy's arrays.

    Examples
    --------
    >>> [a.shape for a in broadcast_arrays([1, 2], [[3]])]
    [(1, 2), (1, 2)]
    """
    arrays = [asanyarray(a) for a in args]
    if not arrays:
        return ()
    arrays = [Array(node) for node in align([a._node for a in arrays])]
    shape = np.broadcast_shapes(*[a.shape for a in arrays])
    chunks: list[Any] = [(1,)] * len(shape)
    for a in arrays:
        for i, (n, blocks) in enumerate(zip(a.shape, a.chunks, strict=True), len(shape) - a.ndim):
            if n != 1 or shape[i] == 1:
                chunks[i] = blocks
    return tuple([broadcast_to(a, shape, chunks=tuple(chunks)) for a in arrays])


def insert(arr: Any, obj: Any, values: Any, axis: Any) -> Array:
    """Values put in before some places of an axis; see `numpy.insert`.

    Parameters
    ----------
    arr
        An array.
    obj
        The places: an int, a slice or several ints, sorted if not known to be.
    values
        Arrays or scalars that broadcast to what is put in.
    axis
        An int.

    Raises
    ------
    IndexError
        A place beyond the array.

    Examples
    --------
    >>> import shoal.array as da
    >>> insert(da.arange(3, chunks=2), 1, 9, 0).compute()
    array([0, 9, 1, 2])
    """
    arr = asanyarray(arr)
    if axis is None:
        raise TypeError("insert needs an axis; pass axis=0 and ravel() for the flattened array")
    (axis,) = normalize_axes(axis, arr.ndim)
    length = arr.shape[axis]
    single = isinstance(obj, int | np.integer)
    places = np.arange(length)[obj] if isinstance(obj, slice) else np.atleast_1d(np.asarray(obj))
    if places.dtype == bool:
        places = np.flatnonzero(places)
    places = places.astype(np.intp)
    if ((places < -length) | (places > length)).any():
        raise IndexError(
            f"index {obj!r} is out of bounds for axis {axis} with size {length}: places of insert "
            "are from minus the size to the size"
        )
    places = np.where(places < 0, places + length, places)
    given = asanyarray(values)
    if single and given.ndim == arr.ndim:
        count = given.shape[axis]
        places = np.repeat(places, count)
    elif given.ndim and single:
        given = given[(slice(None),) * axis + (None,)] if given.ndim >= axis else given
    order = np.argsort(places, kind="stable")
    shape = (*arr.shape[:axis], len(places), *arr.shape[axis + 1 :])
    chunks = (*arr.chunks[:axis], (len(places),), *arr.chunks[axis + 1 :])
    if given.ndim and not single and given.ndim < arr.ndim:
        given = given[(None,) * (arr.ndim - given.ndim)]
    wide = broadcast_to(given.astype(arr.dtype), shape).rechunk(chunks)
    return _woven(arr, wide, places[order], order, axis)


def _woven(arr: Array, values: Array, places: Any, order: Any, axis: int) -> Array:
    whole = (slice(None),) * axis
    parts, begin, done = [], 0, 0
    for place in np.unique(places):
        count = int(np.sum(places == place))
        parts.append(arr[(*whole, slice(begin, int(place)))])
        parts.append(values[(*whole, order[done : done + count])])
        begin, done = int(place), done + count
    parts.append(arr[(*whole, slice(begin, None))])
    return concatenate([p for p in parts if p.shape[axis]] or parts[:1], axis)


MOST_RUNS = 64
"""What is left in more pieces than these is taken place by place."""


def delete(arr: Any, obj: Any, axis: Any) -> Array:
    """Without some places of an axis; see `numpy.delete`.

    Parameters
    ----------
    arr
        An array.
    obj
        The places: an int, a slice, or several ints.
    axis
        An int.

    Raises
    ------
    IndexError
        A place beyond the array.

    Examples
    --------
    >>> import shoal.array as da
    >>> delete(da.arange(4, chunks=2), [0, 2], 0).compute()
    array([1, 3])
    """
    arr = asanyarray(arr)
    if axis is None:
        arr, axis = ravel(arr), 0
    (axis,) = normalize_axes(axis, arr.ndim)
    length = arr.shape[axis]
    keep = np.ones(length, dtype=bool)
    # An array of no places is one of floats, where nobody says otherwise.
    if isinstance(obj, slice) or np.size(obj):
        keep[obj if isinstance(obj, slice) else np.asarray(obj)] = False
    edges = np.flatnonzero(np.diff(np.concatenate([[False], keep, [False]]).astype(np.int8)))
    whole = (slice(None),) * axis
    runs = edges.reshape(-1, 2).tolist()
    if len(runs) > MOST_RUNS:
        kept: Array = arr[(*whole, np.flatnonzero(keep))]
        return kept
    parts = [arr[(*whole, slice(a, b))] for a, b in runs]
    return concatenate(parts or [arr[(*whole, slice(0, 0))]], axis)


def column_stack(tup: Sequence[Any], allow_unknown_chunksizes: bool = False) -> Array:
    """Arrays of one axis as columns, beside matrices; see `numpy.column_stack`.

    Parameters
    ----------
    tup
        Arrays.
    allow_unknown_chunksizes
        As for `concatenate`.

    Examples
    --------
    >>> column_stack([[1, 2], [3, 4]]).compute()
    array([[1, 3],
           [2, 4]])
    """
    arrays = [asanyarray(a) for a in tup]
    parts = [atleast_2d(a).T if a.ndim < 2 else a for a in arrays]
    return concatenate(parts, 1, allow_unknown_chunksizes)


def resize(a: Any, new_shape: Any) -> Array:
    """An array of another shape, with its elements repeated or cut off; see `numpy.resize`.

    Parameters
    ----------
    a
        An array.
    new_shape
        Of the result.

    Examples
    --------
    >>> resize([1, 2, 3], (2, 2)).compute()
    array([[1, 2],
           [3, 1]])
    """
    flat = ravel(asanyarray(a))
    shape = (int(new_shape),) if np.ndim(new_shape) == 0 else tuple(map(int, new_shape))
    if any(n < 0 for n in shape):
        raise ValueError(f"all elements of `new_shape` must be non-negative, got {shape}")
    size = math.prod(shape)
    if not size or not flat.shape[0]:
        return zeros(shape, dtype=flat.dtype)
    times = -(-size // flat.shape[0])
    return reshape(concatenate([flat] * times)[:size], shape)


def trim_zeros(filt: Any, trim: str = "fb") -> Array:
    """Without zeros at the ends; see `numpy.trim_zeros`.

    Parameters
    ----------
    filt
        Of one axis.
    trim
        "f" for the front, "b" for the back, or both.

    Returns
    -------
    Array of unknown length

    Examples
    --------
    >>> trim_zeros([0, 1, 0, 2, 0]).compute()
    array([1, 0, 2])
    """
    filt = asanyarray(filt)
    if filt.ndim != 1:
        raise ValueError(f"trim_zeros takes an array of one axis, the shape is {filt.shape}")
    kept = filt != 0
    front, back = cumsum(kept) > 0, cumsum(kept[::-1])[::-1] > 0
    sides = {"f": front, "b": back, "fb": front & back, "bf": front & back}
    if trim.lower() not in sides:
        raise ValueError(f"trim must be 'f', 'b' or 'fb', got {trim!r}")
    return filt[sides[trim.lower()]]  # type: ignore[no-any-return]
