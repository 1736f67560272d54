"""``x.vindex[...]``: elements at points."""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.array.blocks import blockwise
from shoal.array.collection import Array
from shoal.array.nodes.layout import Slice
from shoal.array.slicing.basic import points_node
from shoal.array.slicing.entries import expand_index, is_whole, normalize_entry
from shoal.collection import is_collection

__all__ = ["Vindex"]


class Vindex:
    """Indexing by points: arrays of ints are broadcast, and their axes come first in the result.

    Parameters
    ----------
    array
        The array.

    Examples
    --------
    >>> import numpy as np
    >>> import shoal.array as da
    >>> x = da.arange(6, chunks=4).rechunk(2)
    >>> x.vindex[np.array([[0, 5], [1, 1]])].compute()
    array([[0, 5],
           [1, 1]])
    """

    __slots__ = ("_array",)

    def __init__(self, array: Array) -> None:
        self._array = array

    def __getitem__(self, key: Any) -> Array:
        x = self._array
        entries = list(key) if isinstance(key, tuple) else [key]
        if any(entry is None for entry in entries):
            raise IndexError(f"vindex does not support indexing with None (np.newaxis), got {key}")
        if any(is_collection(entry) for entry in entries):
            return _by_unknown(x, entries)
        entries = expand_index(tuple(entries), x.ndim)
        if any(getattr(entry, "dtype", None) == np.dtype(bool) for entry in entries):
            raise IndexError(
                f"vindex does not support indexing with boolean arrays, got {key}; use x[mask]"
            )
        if all(isinstance(entry, slice) for entry in entries):
            return self._sliced(entries)
        pairs = zip(entries, x.shape, range(x.ndim), strict=True)
        parts = [normalize_entry(entry, length, axis) for entry, length, axis in pairs]
        arrays = {i: np.asarray(e) for i, e in enumerate(parts) if not isinstance(e, slice)}
        whole = zip(parts, x.shape, strict=True)
        slices = [slice(0, n, 1) if i in arrays else e for i, (e, n) in enumerate(whole)]
        node = x._node
        if not all(map(is_whole, slices, x.shape)):
            node = Slice(node, tuple(slices))
        if all(places.ndim == 0 for places in arrays.values()):
            ints = [int(arrays[i]) if i in arrays else slice(0, n, 1) for i, n in _lengths(node)]
            return Array(Slice(node, tuple(ints)))
        return Array(points_node(node, arrays))

    def _sliced(self, entries: list[Any]) -> Array:
        x = self._array
        pairs = zip(entries, x.shape, range(x.ndim), strict=True)
        if all(is_whole(normalize_entry(entry, n, axis), n) for entry, n, axis in pairs):
            return x
        raise IndexError(
            "vindex requires at least one non-slice to vectorize over when the slices are not over "
            f"the entire array (i.e, x[:]), got {entries}. Use normal slicing instead"
        )


def _lengths(node: Any) -> Any:
    return enumerate(node.array_shape)


def _by_unknown(x: Array, entries: list[Any]) -> Array:
    """Points that are an array of ours: only where one block has all elements."""
    if len(entries) == 1 and x.ndim == 1 and x.npartitions == 1:
        index = entries[0]
        labels = tuple(range(1, index.ndim + 1))
        return blockwise(
            _taken, labels, x[None].squeeze(), (0,), index, labels, concatenate=True, dtype=x.dtype
        )
    raise IndexError(
        "vindex does not support indexing with dask objects, but for an array of one axis in one "
        f"block; this has chunks {x.chunks}. Call compute on the indexers first to get an "
        "evaluated array"
    )


def _taken(block: Any, index: Any) -> Any:
    return block[np.asarray(index)]


_taken.__name__ = "vindex"


def vindex_of(array: Array) -> Vindex:
    """Elements at points, to be indexed.

    Parameters
    ----------
    array
        The array.

    Examples
    --------
    >>> import shoal.array as da
    >>> vindex_of(da.arange(4, chunks=4))[[0, 3]].compute()
    array([0, 3])
    """
    return Vindex(array)
