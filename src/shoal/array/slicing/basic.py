"""``x[...]``: what an index means, and slices, ints and new axes.

An index is read once into an entry for each axis of the array, and the new axes.  Slices and ints
are one `Slice`, new axes one `Permute`.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.nodes.layout import Permute, Slice

__all__ = ["getitem", "normalize_entry"]

BOOLS: tuple[type, ...] = (bool, np.bool_)
"""These are ints to Python, and masks to NumPy."""


def getitem(x: Array, index: Any) -> Array:
    """A part of an array.

    Parameters
    ----------
    x
        The array.
    index
        Ints, slices, ``None`` and ``...``, as NumPy takes them.

    Raises
    ------
    IndexError
        Too many entries, or an int out of bounds.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.arange(10, chunks=4)[2:9:3].compute()
    array([2, 5, 8])
    """
    entries = expand_index(index, x.ndim)
    own = [entry for entry in entries if entry is not None]
    pairs = zip(own, x.shape, range(x.ndim), strict=True)
    parts = tuple([normalize_entry(entry, length, axis) for entry, length, axis in pairs])
    node = x._node
    if any(not _is_all(part, n) for part, n in zip(parts, x.shape, strict=True)):
        node = Slice(node, parts)
    kept = [entry is None for entry in entries if entry is None or isinstance(entry, slice)]
    if any(kept):
        places = iter(range(len(kept)))
        node = Permute(node, tuple([None if new else next(places) for new in kept]))
    return Array(node)


def expand_index(index: Any, ndim: int) -> list[Any]:
    """An entry for each axis, and None for new ones.

    >>> expand_index((Ellipsis, 3), 2), expand_index(None, 1)
    ([slice(None, None, None), 3], [None, slice(None, None, None)])
    """
    entries = list(index) if isinstance(index, tuple) else [index]
    given = sum(1 for entry in entries if entry is not None and entry is not Ellipsis)
    if given > ndim:
        raise IndexError(f"too many indices for an array of {ndim} axes: {given}")
    rest = [slice(None)] * (ndim - given)
    dots = [i for i, entry in enumerate(entries) if entry is Ellipsis]
    if len(dots) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    if dots:
        return [*entries[: dots[0]], *rest, *entries[dots[0] + 1 :]]
    return entries + rest


def normalize_entry(entry: Any, length: int, axis: int) -> Any:
    """A slice within the axis, with a step, or an int that is not negative.

    Parameters
    ----------
    entry
        As people write it.
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
    if isinstance(entry, Integral | np.integer) and not isinstance(entry, BOOLS):
        if length != length:
            raise ValueError(_unknown(entry, axis))
        place = int(entry)
        if not -length <= place < length:
            raise IndexError(f"index {place} is out of bounds for axis {axis} with length {length}")
        return place % length
    raise NotImplementedError(
        f"an index of type {type(entry).__name__} is not supported: {entry!r}"
    )


def _normalize_slice(entry: slice, length: int, axis: int) -> slice:
    if length != length:
        if entry.start in (None, 0) and entry.stop is None and entry.step in (None, 1):
            return slice(0, None, 1)
        raise ValueError(_unknown(entry, axis))
    start, stop, step = entry.indices(int(length))
    if step > 0:
        return slice(start, max(start, stop), step) if start < stop else slice(0, 0, 1)
    if start <= stop:
        return slice(0, 0, 1)
    return slice(start, None if stop < 0 else stop, step)


def _unknown(entry: Any, axis: int) -> str:
    return (
        f"cannot take {entry!r} along axis {axis}, whose blocks have unknown lengths (nan); call "
        "compute_chunk_sizes() on the array first"
    )


def _is_all(part: Any, length: int) -> bool:
    if not isinstance(part, slice):
        return False
    return (part.stop is None and part.step == 1) or part == slice(0, length, 1)
