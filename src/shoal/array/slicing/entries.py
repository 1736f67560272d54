"""What an index says, read once: an entry for each axis, and the new axes.

People write ints, slices, lists, arrays and masks of any kind.  Here they become slices with
bounds, ints and arrays of ints that are not negative, `Array` for what is not known yet, and None
for a new axis.  A mask of several axes is as many arrays of ints.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from shoal.array.collection import Array

__all__ = ["expand_index", "is_whole", "normalize_entry", "read_index", "width"]

BOOLS: tuple[type, ...] = (bool, np.bool_)
"""These are ints to Python, and masks to NumPy."""


def read_index(index: Any, shape: tuple[Any, ...]) -> list[Any]:
    """The entries of an index, normalized.

    Parameters
    ----------
    index
        As people write it.
    shape
        Of the array.

    Returns
    -------
    list
        For each axis an int, a slice, an array of ints or an `Array`; None for new axes.  An
        `Array` of bools stands for as many axes as it has.

    Raises
    ------
    IndexError
        Too many entries, something out of bounds, a mask of another length, or what is no index.

    Examples
    --------
    >>> read_index(([False, True], None), (2, 3))
    [array([1]), None, slice(0, 3, 1)]
    """
    entries = expand_index(index, len(shape))
    out: list[Any] = []
    axis = 0
    for entry in entries:
        if entry is None:
            out.append(None)
        elif _is_mask(entry):
            if not isinstance(entry, Array):
                out += _places(entry, shape, axis)
            else:
                _check_mask(entry, shape, axis)
                out.append(entry)
            axis += entry.ndim
        else:
            out.append(normalize_entry(entry, shape[axis], axis))
            axis += 1
    return out


def expand_index(index: Any, ndim: int) -> list[Any]:
    """An entry for each axis, and None for new ones.

    Parameters
    ----------
    index
        As people write it.
    ndim
        How many axes the array has.

    Examples
    --------
    >>> expand_index((Ellipsis, 3), 2), expand_index(None, 1)
    ([slice(None, None, None), 3], [None, slice(None, None, None)])
    """
    entries = [_as_entry(e) for e in (index if isinstance(index, tuple) else (index,))]
    given = sum([width(entry) for entry in entries])
    if given > ndim:
        raise IndexError(
            f"too many indices for array: it has {ndim} axes, and the index is for {given}"
        )
    rest = [slice(None)] * (ndim - given)
    dots = [i for i, entry in enumerate(entries) if entry is Ellipsis]
    if len(dots) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    if dots:
        return [*entries[: dots[0]], *rest, *entries[dots[0] + 1 :]]
    return entries + rest


def width(entry: Any) -> int:
    """How many axes an entry is for.

    Parameters
    ----------
    entry
        Of `expand_index`, or an ellipsis.

    Examples
    --------
    >>> width(3), width(None), width(np.ones((2, 2), bool))
    (1, 0, 2)
    """
    if entry is None or entry is Ellipsis:
        return 0
    return int(entry.ndim) if _is_mask(entry) else 1


def _is_mask(entry: Any) -> bool:
    return isinstance(entry, np.ndarray | Array) and entry.dtype.kind == "b"


def _as_entry(entry: Any) -> Any:
    """An entry, with lists and all kinds of arrays as NumPy's or as `Array`."""
    if entry is None or entry is Ellipsis or isinstance(entry, slice | Array):
        return entry
    if isinstance(entry, BOOLS):
        return np.asarray(entry)
    if isinstance(entry, Integral | np.integer):
        return int(entry)
    if hasattr(entry, "to_dask_array"):
        return entry.to_dask_array()
    if hasattr(entry, "__shoal_node__") and not isinstance(entry, Array):
        raise IndexError(_wrong(entry))
    if hasattr(entry, "__index__") and not hasattr(entry, "shape"):
        return entry.__index__()
    if isinstance(entry, str | bytes | dict | set) or callable(entry):
        raise IndexError(_wrong(entry))
    return _as_array(entry)


def _as_array(entry: Any) -> Any:
    try:
        array = np.asarray(entry)
    except (TypeError, ValueError) as error:
        raise IndexError(f"{_wrong(entry)} ({error})") from None
    if array.dtype.kind == "f" and not array.size and not isinstance(entry, np.ndarray):
        array = array.astype(np.intp)
    if array.dtype.kind == "f" and array.size and bool((array == np.floor(array)).all()):
        # Whole floats: programs write x[np.arange(3.0)] for Dask.
        array = array.astype(np.intp)
    if array.dtype.kind not in "iub":
        raise IndexError(_wrong(entry))
    return int(array) if array.ndim == 0 and array.dtype.kind != "b" else array


def _wrong(entry: Any) -> str:
    return (
        "only integers, slices (`:`), ellipsis (`...`), newaxis (`None`) and integer or boolean "
        f"arrays are valid indices, got {type(entry).__name__}: {entry!r}"
    )


def _check_mask(mask: Any, shape: tuple[Any, ...], axis: int) -> None:
    for i, (own, length) in enumerate(zip(mask.shape, shape[axis:], strict=False)):
        if own == own and length == length and own != length:
            raise IndexError(
                f"boolean index did not match indexed array along axis {axis + i}: the array has "
                f"length {length} there, and the mask {own}"
            )


def _places(mask: Any, shape: tuple[Any, ...], axis: int) -> list[Any]:
    for i in range(mask.ndim):
        if shape[axis + i] != shape[axis + i]:
            raise ValueError(unknown_error("a mask", axis + i))
    _check_mask(mask, shape, axis)
    if mask.ndim == 0:
        raise NotImplementedError(
            "an index of True or False is not supported; use x[None] or x[None][:0]"
        )
    return list(np.nonzero(mask))


def normalize_entry(entry: Any, length: int, axis: int) -> Any:
    """A slice within the axis, with a step, or ints that are not negative.

    Parameters
    ----------
    entry
        A slice, an int, an array of ints, or an `Array` of ints, which stays.
    length
        Of the axis.
    axis
        Which it is, for errors.

    Examples
    --------
    >>> normalize_entry(slice(-3, None), 10, 0), normalize_entry(-1, 10, 0)
    (slice(7, 10, 1), 9)
    >>> normalize_entry(slice(None, None, -2), 10, 0)
    slice(9, None, -2)
    """
    if isinstance(entry, slice):
        return _normalize_slice(entry, length, axis)
    if isinstance(entry, Array):
        if entry.dtype.kind not in "iu":
            raise IndexError(
                f"arrays used as indices must be of integer or boolean type, got {entry.dtype}"
            )
        return entry
    if length != length:
        raise ValueError(unknown_error(repr(entry), axis))
    if isinstance(entry, int):
        if not -length <= entry < length:
            raise IndexError(f"index {entry} is out of bounds for axis {axis} with length {length}")
        return entry % length
    places = entry.astype(np.int64, copy=False)
    outside = (places < -length) | (places >= length)
    if outside.any():
        raise IndexError(
            f"index {places[outside][0]} is out of bounds for axis {axis} with length {length}"
        )
    return np.where(places < 0, places + length, places)


def _normalize_slice(entry: slice, length: int, axis: int) -> slice:
    for part in (entry.start, entry.stop, entry.step):
        if part is not None and not hasattr(part, "__index__"):
            raise TypeError(
                "slice indices must be integers or None or have an __index__ method, got "
                f"{part!r} in {entry!r}"
            )
    if length != length:
        if entry.start in (None, 0) and entry.stop is None and entry.step in (None, 1):
            return slice(0, None, 1)
        raise ValueError(unknown_error(repr(entry), axis))
    start, stop, step = entry.indices(int(length))
    if step > 0:
        return slice(start, max(start, stop), step) if start < stop else slice(0, 0, 1)
    if start <= stop:
        return slice(0, 0, 1)
    return slice(start, None if stop < 0 else stop, step)


def unknown_error(what: str, axis: int) -> str:
    """The message where an axis of unknown length is indexed by place.

    >>> unknown_error("3", 0).split(":")[0]
    'Array chunk size or shape is unknown'
    """
    return (
        f"Array chunk size or shape is unknown: cannot take {what} along axis {axis}, whose "
        "blocks have unknown lengths (nan); call compute_chunk_sizes() on the array first"
    )


def is_whole(part: Any, length: int) -> bool:
    """Whether an entry takes an axis as it is.

    Parameters
    ----------
    part
        Normalized.
    length
        Of the axis.

    Examples
    --------
    >>> is_whole(slice(0, 3, 1), 3), is_whole(slice(0, 3, 1), 4)
    (True, False)
    """
    if not isinstance(part, slice):
        return False
    return (part.stop is None and part.step == 1) or part == slice(0, length, 1)
