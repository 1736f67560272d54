"""``x[...]``: one step for each kind of entry of an index.

Slices and ints are one `Slice`.  Then come arrays of ints, a `Take` along one axis or `Points` of
several, or an array that is not known yet; new axes and the order that NumPy gives to the axes of
arrays are one `Permute`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from shoal.array.blocks import blockwise
from shoal.array.chunks import has_unknown
from shoal.array.collection import Array
from shoal.array.elementwise import elemwise
from shoal.array.kernels.select import field_block, mask_block, where_block
from shoal.array.meta import with_ndim
from shoal.array.nodes.base import Wrapped
from shoal.array.nodes.layout import Permute, Slice
from shoal.array.nodes.selection import Points, Take, TakeLazy
from shoal.array.rechunking import reshape
from shoal.array.slicing.entries import expand_index, is_whole, read_index, unknown_error, width
from shoal.seams import stands_for_dask

__all__ = ["getitem", "points_node", "take_node"]


def getitem(x: Array, index: Any) -> Array:
    """A part of an array.

    Parameters
    ----------
    x
        The array.
    index
        As NumPy takes it: ints, slices, ``None``, ``...``, lists, arrays and masks, also of
        shoal's; a field's name, or several, of an array of records.

    Raises
    ------
    IndexError
        Too many entries, an int out of bounds, a mask of another length.
    ValueError
        Elements of an axis of unknown length are asked for by place.

    Notes
    -----
    What a mask of shoal's selects has blocks of unknown length (nan), until
    `Array.compute_chunk_sizes` finds them out.

    Arrays and ints in one index mean what they mean to NumPy, except while ``dask`` means shoal:
    then ints come first, one array selects along its own axis, and a second one is an error that
    libraries wait for (`_axis_by_axis`).

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.arange(10, chunks=4)
    >>> x[2:9:3].compute(), x[[7, -1, 0]].compute(), x[x > 7].compute()
    (array([2, 5, 8]), array([7, 9, 0]), array([8, 9]))
    """
    if isinstance(index, str) or _is_names(index):
        return _fields(x, index)
    if isinstance(index, Array) and index.dtype.kind == "b" and not index.ndim:
        # The array, or nothing, along a new axis.
        return getitem(getitem(x, None), getitem(index, None))
    if isinstance(index, tuple) and stands_for_dask():
        steps = _axis_by_axis(index, x.ndim)
        if steps is not None:
            return getitem(getitem(x, steps[0]), steps[1])
    entries = read_index(index, x.shape)
    lazy = [i for i, entry in enumerate(entries) if isinstance(entry, Array)]
    if not lazy:
        return Array(_selected(x._node, entries))
    if len(entries) == 1 and entries[0].dtype.kind == "b" and x.ndim > 1:
        return _where_all(x, entries[0])
    return _by_unknown(x, entries, lazy)


def _axis_by_axis(index: tuple[Any, ...], ndim: int) -> tuple[tuple[Any, ...], ...] | None:
    """An index as Dask reads it, in two steps: all but the array in it, and the array; None where
    one step is the same.

    >>> _axis_by_axis((0, [2, 1]), 2)
    ((0, slice(None, None, None)), (array([2, 1]),))
    >>> _axis_by_axis(([0, 1], [0, 1]), 2)
    Traceback (most recent call last):
    ...
    NotImplementedError: Don't yet support nd fancy indexing: 2 lists or arrays in one index; ...
    """
    entries = expand_index(index, ndim)
    arrays = [i for i, e in enumerate(entries) if isinstance(e, np.ndarray | Array) and e.ndim]
    if len(arrays) > 1:
        raise NotImplementedError(
            f"Don't yet support nd fancy indexing: {len(arrays)} lists or arrays in one index; "
            "x.vindex[...] selects points, and one index after the other selects along axes"
        )
    ints = [i for i, e in enumerate(entries) if isinstance(e, int) or getattr(e, "ndim", 1) == 0]
    if not arrays or not ints:
        return None
    (at,) = arrays
    whole = (slice(None),) * width(entries[at])
    before = (slice(None),) * (at - sum(i < at for i in ints))
    return (*entries[:at], *whole, *entries[at + 1 :]), (*before, entries[at])


def _is_names(index: Any) -> bool:
    if not isinstance(index, list) or not index:
        return False
    return all(isinstance(name, str) for name in index)


def _fields(x: Array, index: Any) -> Array:
    names = x.dtype.names or ()
    missing = [name for name in ([index] if isinstance(index, str) else index) if name not in names]
    if missing:
        raise IndexError(
            f"no field {missing[0]!r} in an array of {x.dtype}; the index of an array of shoal's "
            f"is made of ints, slices, arrays and field names, of which this has {list(names)}"
        )
    dtype = np.empty(0, x.dtype)[index].dtype
    inner = np.empty((1,) * x.ndim, x.dtype)[index].shape[x.ndim :]
    labels = tuple(range(x.ndim + len(inner)))
    fresh = dict(zip(labels[x.ndim :], inner, strict=True))
    return blockwise(
        field_block,
        labels,
        x,
        labels[: x.ndim],
        index,
        None,
        new_axes=fresh,
        dtype=dtype.base,
        token="getitem",
    )


def _selected(node: Any, entries: list[Any]) -> Any:
    """A node with slices, ints, arrays of ints and new axes taken."""
    own = [entry for entry in entries if entry is not None]
    parts = [slice(0, None, 1) if isinstance(e, np.ndarray) else e for e in own]
    parts = [
        slice(0, n, 1) if isinstance(e, np.ndarray) else part
        for e, part, n in zip(own, parts, node.array_shape, strict=True)
    ]
    if not all(map(is_whole, parts, node.array_shape)):
        node = Slice(node, tuple(parts))
    kept = [entry for entry in own if not isinstance(entry, int)]
    arrays = {i: entry for i, entry in enumerate(kept) if isinstance(entry, np.ndarray)}
    order: list[Any]
    if not arrays:
        places = iter(range(len(kept)))
        order = [None if e is None else next(places) for e in entries if not isinstance(e, int)]
    else:
        node, order = _with_arrays(node, arrays, entries)
    return node if order == list(range(node.ndim)) else Permute(node, tuple(order))


def _with_arrays(node: Any, arrays: dict[int, Any], entries: list[Any]) -> tuple[Any, list[Any]]:
    """A node with arrays of ints taken, and where NumPy has its axes."""
    if len(arrays) == 1 and next(iter(arrays.values())).ndim == 1:
        ((axis, index),) = arrays.items()
        node, first, count = take_node(node, axis, index), axis, 1
        rest = iter([i for i in range(node.ndim) if i != axis])
    else:
        node = points_node(node, arrays)
        first, count = 0, next(iter(_broadcast(arrays.values()))).ndim
        rest = iter(range(count, node.ndim))
    points = list(range(first, first + count))
    return node, _order(entries, points, rest)


def _order(entries: list[Any], points: list[int], rest: Iterator[int]) -> list[Any]:
    """The axes of the result, where NumPy has them: those of the points, others and new ones."""
    advanced = [i for i, e in enumerate(entries) if isinstance(e, int | np.ndarray | Array)]
    if advanced[-1] - advanced[0] + 1 > len(advanced):
        # Not side by side: NumPy puts their axes in front.
        return points + [None if e is None else next(rest) for e in _others(entries)]
    order: list[Any] = []
    for i, entry in enumerate(entries):
        if i == advanced[0]:
            order += points
        if i not in advanced:
            order.append(None if entry is None else next(rest))
    return order


def _at_points(x: Array, entries: list[Any]) -> Array:
    """What several arrays of ints select together, some of which are not known yet: elements of
    the array with their axes joined into one."""
    arrays = [e for e in entries if isinstance(e, np.ndarray | Array)]
    if any(e.dtype.kind == "b" for e in arrays):
        raise NotImplementedError(
            "a mask of shoal's may stand in an index beside ints and slices, and not beside other "
            "arrays; index in several steps, or compute it"
        )
    own = [entry for entry in entries if entry is not None]
    basic = [
        slice(0, n, 1) if isinstance(e, np.ndarray | Array) else e
        for e, n in zip(own, x.shape, strict=True)
    ]
    x = Array(_selected(x._node, basic))
    kept = [entry for entry in own if not isinstance(entry, int)]
    axes = [i for i, entry in enumerate(kept) if isinstance(entry, np.ndarray | Array)]
    others = [i for i in range(x.ndim) if i not in axes]
    if has_unknown([x.chunks[i] for i in axes]):
        raise ValueError(unknown_error("arrays", axes[0]))
    lengths = tuple([x.shape[i] for i in axes])
    flat = reshape(
        Array(Permute(x._node, (*axes, *others))),
        (math.prod(lengths), *[x.shape[i] for i in others]),
    )
    places = elemwise(flat_places, *arrays, dtype=np.dtype(np.intp), lengths=lengths)
    found = Array(TakeLazy(flat._node, reshape(places, (-1,))._node, 0))
    found = reshape(found, (*places.shape, *flat.shape[1:]))
    rest = iter(range(places.ndim, found.ndim))
    order = _order(entries, list(range(places.ndim)), rest)
    return Array(Permute(found._node, tuple(order)))


def flat_places(*indices: Any, lengths: tuple[int, ...]) -> Any:
    """Indices along several axes as places along all of them joined.

    Parameters
    ----------
    *indices
        Arrays of ints, broadcast.
    lengths
        Of the axes.

    Raises
    ------
    IndexError
        One is out of bounds.

    Examples
    --------
    >>> flat_places(np.array([0, -1]), np.array([2, 0]), lengths=(2, 3))
    array([2, 3])
    """
    total: Any = 0
    for axis, (index, length) in enumerate(zip(indices, lengths, strict=True)):
        outside = (index < -length) | (index >= length)
        if np.any(outside):
            wrong = np.asarray(index)[outside].flat[0]
            raise IndexError(
                f"index {wrong} is out of bounds for array number {axis} of the index, whose axis "
                f"has length {length}"
            )
        total = total * length + np.where(index < 0, index + length, index)
    return np.asarray(total, np.intp)


def _others(entries: list[Any]) -> list[Any]:
    return [entry for entry in entries if entry is None or isinstance(entry, slice)]


def take_node(node: Any, axis: int, index: Any) -> Any:
    """Elements along an axis, in blocks as long as the longest of the axis.

    Parameters
    ----------
    node
        The array.
    axis
        Which.
    index
        An array of ints, one axis, none negative.

    Examples
    --------
    >>> import shoal.array as da
    >>> take_node(da.arange(5, chunks=2)._node, 0, np.array([4, 0, 3])).chunks
    ((2, 1),)
    """
    blocks = node.chunks[axis]
    if any(n != n for n in blocks):
        raise ValueError(unknown_error("an array", axis))
    size = max(*blocks, 1)
    full, rest = divmod(len(index), size)
    sizes = (size,) * full + ((rest,) if rest else ())
    return Take(node, axis, index, sizes or (0,))


def points_node(node: Any, arrays: dict[int, Any]) -> Any:
    """Elements at points; the points' axes come first, and there are as many of them in a block
    as there are in the largest block of the axes.

    Parameters
    ----------
    node
        The array.
    arrays
        By axis an array of ints, none negative; they are broadcast.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.ones((4, 4), chunks=2)._node
    >>> points_node(x, {0: np.array([1, 2]), 1: np.array([3])}).chunks
    ((2,),)
    """
    axes = tuple(arrays)
    if has_unknown([node.chunks[axis] for axis in axes]):
        raise ValueError(unknown_error("arrays", axes[0]))
    places = _broadcast(arrays.values())
    most = math.prod(max(node.chunks[axis]) for axis in axes)
    shape = places[0].shape
    size = max(most // max(math.prod(shape[1:]), 1), 1)
    full, rest = divmod(shape[0], size)
    sizes = (size,) * full + ((rest,) if rest else ())
    return Points(node, axes, tuple(map(np.ascontiguousarray, places)), sizes or (0,))


def _broadcast(arrays: Any) -> list[Any]:
    arrays = list(arrays)
    try:
        return list(np.broadcast_arrays(*arrays))
    except ValueError:
        shapes = " ".join(str(a.shape) for a in arrays)
        raise IndexError(
            f"shape mismatch: indexing arrays could not be broadcast together with shapes {shapes}"
        ) from None


def _by_unknown(x: Array, entries: list[Any], lazy: list[int]) -> Array:
    """What an array of shoal's selects along an axis, after all that is known."""
    known = [i for i, entry in enumerate(entries) if isinstance(entry, np.ndarray)]
    if len(lazy) > 1 or known:
        return _at_points(x, entries)
    at = lazy[0]
    index = entries[at]
    if index.dtype.kind == "b" and index.ndim > 1:
        before = sum(e is not None for e in entries[:at])
        x, index = _flattened(x, index, before)
        entries = [*entries[:at], index, *entries[at + 1 :]]
    axis = sum(not isinstance(entry, int) for entry in entries[:at])
    basic = [slice(0, None, 1) if i == at else entry for i, entry in enumerate(entries)]
    own = sum(entry is not None for entry in entries[:at])
    basic[at] = slice(0, None if x.shape[own] != x.shape[own] else x.shape[own], 1)
    x = Array(_selected(x._node, basic))
    if index.dtype.kind == "b":
        return _masked(x, index, axis)
    if has_unknown((x.chunks[axis],)):
        raise ValueError(unknown_error("an array", axis))
    if index.ndim == 1:
        return Array(TakeLazy(x._node, index._node, axis))
    if index.ndim == 0:
        taken = Array(TakeLazy(x._node, index[None]._node, axis))
        return getitem(taken, (*(slice(None),) * axis, 0))
    flat = Array(TakeLazy(x._node, index.ravel()._node, axis))
    shape = (*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])
    return reshape(flat, shape)


def _flattened(x: Array, mask: Array, first: int) -> tuple[Array, Array]:
    """The axes of a mask as one."""
    last = first + mask.ndim
    length = math.prod(mask.shape)
    return x.reshape((*x.shape[:first], length, *x.shape[last:])), mask.ravel()


def _masked(x: Array, mask: Array, axis: int) -> Array:
    """The elements along an axis where a mask of shoal's says so: blocks of unknown length."""
    labels = tuple(range(x.ndim))
    return blockwise(
        mask_block,
        labels,
        x,
        labels,
        mask,
        (axis,),
        axis,
        None,
        adjust_chunks={axis: lambda n: np.nan},
        dtype=x.dtype,
        meta=x._meta,
        token="getitem",
    )


def _where_all(x: Array, mask: Array) -> Array:
    """The elements where a mask of the array's shape says so, in one axis."""
    if has_unknown(x.chunks) or has_unknown(mask.chunks):
        warnings.warn(
            "a mask of the shape of an array of unknown chunks gives its elements block by block, "
            "in another order than NumPy's; call compute_chunk_sizes() on the array first",
            UserWarning,
            stacklevel=4,
        )
        taken = elemwise(where_block, x, mask, dtype=x.dtype)
        chunks = ((np.nan,) * taken.npartitions,)
        return Array(Wrapped((taken._node,), chunks, with_ndim(x._meta, 1)))
    return _masked(x.ravel(), mask.ravel(), 0)
