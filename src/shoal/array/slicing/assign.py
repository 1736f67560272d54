"""``x[...] = value``: the array stands for another expression afterwards.

The value is cut so that each block that is touched finds what it needs in one block of the value.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.array.arrangement import transpose
from shoal.array.blocks import blockwise_told
from shoal.array.chunks import has_unknown
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.elementwise import elemwise
from shoal.array.kernels.assign import assign_chosen, where_assign
from shoal.array.nodes.assign import Assign, touched
from shoal.array.nodes.selection import grouped
from shoal.array.rechunking import rechunk_node
from shoal.array.slicing.basic import getitem, take_node
from shoal.array.slicing.entries import is_whole, read_index
from shoal.collection import is_collection
from shoal.expr.annotate import current_annotations

__all__ = ["setitem"]


def setitem(x: Array, index: Any, value: Any) -> None:
    """Replace elements: ``x[index] = value``.

    Parameters
    ----------
    x
        The array, which stands for the result afterwards.  Arrays made of it before do not change.
    index
        Ints, slices, and one list, array or mask; or a mask of the array's shape.  An array of
        shoal's that is no such mask is computed, unless it is a mask and ``value`` has no axis
        along it.
    value
        Broadcasts to the elements; `numpy.ma.masked` masks them.  One of unknown length, as
        ``y[mask]`` is, has a block for each of the mask's.

    Raises
    ------
    ValueError
        The value does not fit; nan becomes an int; the array's shape is not known.
    IndexError
        The index does not fit.
    NotImplementedError
        More than one array in the index.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.arange(6, chunks=3)
    >>> x[1::2] = -1
    >>> x[x == 4] = 40
    >>> x.compute()
    array([ 0, -1,  2, -1, 40, -1])
    """
    value = _as_value(x, value)
    mask = _whole_mask(x, index)
    if mask is not None:
        x._node = _where(x, mask, value)._node
        return
    if isinstance(index, str):
        raise NotImplementedError(
            f"fields cannot be replaced: x[{index!r}] = ...; use map_blocks with a function that "
            "does it to each block"
        )
    _refuse_bool(index)
    if isinstance(value, Array) and has_unknown(value.chunks):
        raise ValueError(
            f"the value's shape is {value.shape}; call compute_chunk_sizes() on it first"
        )
    if has_unknown(x.chunks):
        raise ValueError(
            "Arrays chunk sizes are unknown: elements of an array of shape "
            f"{x.shape} cannot be found by place; call compute_chunk_sizes() on it first"
        )
    entries = _known(read_index(index, x.shape), x, value)
    value = _as_kept(value, entries)
    entries = [entry for entry in entries if entry is not None]
    given = [isinstance(entry, np.ndarray) for entry in entries]
    if sum(given) > 1:
        raise NotImplementedError(
            "one list, array or mask may stand in the index of an assignment, got "
            f"{sum(given)}: {index!r}; use a mask of the array's shape"
        )
    if any(e.ndim > 1 for e in entries if isinstance(e, np.ndarray)):
        raise IndexError(f"an index of an assignment must have one axis, got {index!r}")
    lazy = [i for i, entry in enumerate(entries) if isinstance(entry, Array)]
    if lazy:
        x._node = _by_mask(x, entries, lazy[0], value)._node
        return
    x._node = _assigned(x, entries, value)


def _as_kept(value: Any, entries: list[Any]) -> Any:
    """A value whose last axes are those of the array that an index keeps, in the array's order.

    An index has axes of its own where it says None, and the axis of a list comes first where it is
    not beside the ints of the index.
    """
    own = [entry for entry in entries if not isinstance(entry, int)]
    if not isinstance(value, Array) or not (
        any(entry is None for entry in entries) or _is_apart(entries)
    ):
        return value
    order = list(range(len(own)))
    if _is_apart(entries):
        order.sort(key=lambda i: not isinstance(own[i], np.ndarray))
    value = value[(None,) * max(0, len(own) - value.ndim)]
    lead = value.ndim - len(own)
    is_new = [False] * lead + [own[i] is None for i in order]
    if any(new and n != 1 for new, n in zip(is_new, value.shape, strict=True)):
        raise ValueError(
            f"shape mismatch: value array of shape {value.shape} has another length than 1 where "
            "the index has None"
        )
    kept = [i for i in order if own[i] is not None]
    value = value[tuple([0 if new else slice(None) for new in is_new])]
    places = sorted(range(len(kept)), key=kept.__getitem__)
    return transpose(value, (*range(lead), *[lead + place for place in places]))


def _is_apart(entries: list[Any]) -> bool:
    """Whether something stands between a list and the ints of an index."""
    places = [i for i, entry in enumerate(entries) if isinstance(entry, int | np.ndarray)]
    has_list = any(isinstance(entry, np.ndarray) for entry in entries)
    return has_list and len(places) <= places[-1] - places[0]


def _refuse_bool(index: Any) -> None:
    parts = index if isinstance(index, tuple) else (index,)
    for part in parts:
        if isinstance(part, bool | np.bool_) or (
            getattr(part, "dtype", None) == np.dtype(bool) and part.ndim == 0
        ):
            raise NotImplementedError(
                f"an index of one bool is not supported in assignments, got {part!r}; use "
                "x[...] = value, or leave it out"
            )


def _as_value(x: Array, value: Any) -> Any:
    """A value as a constant without axes, or as an `Array`."""
    if value is np.ma.masked:
        return np.ma.array(np.zeros((), x.dtype), mask=True)
    if not isinstance(value, Array) and not is_collection(value) and np.ndim(value) == 0:
        if x.dtype.kind in "iu" and isinstance(value, float | np.floating):
            int(value)  # raises in Python's words for nan and infinity
        return value
    return asanyarray(value)


def _whole_mask(x: Array, index: Any) -> Any:
    """The index, where it is a mask of ours of the whole array's shape."""
    if isinstance(index, tuple) and len(index) == 1:
        (index,) = index
    if not isinstance(index, Array) or index.dtype.kind != "b" or index.ndim != x.ndim:
        return None
    return index


def _where(x: Array, mask: Array, value: Any) -> Array:
    for axis, (own, other) in enumerate(zip(x.shape, mask.shape, strict=True)):
        if own == own and other == other and own != other:
            raise IndexError(
                f"boolean index did not match indexed array along axis {axis}: the array has "
                f"length {own} there, and the mask {other}"
            )
    if isinstance(value, Array) and value.ndim == 1 and has_unknown(value.chunks):
        return _block_by_block(x, mask, value)
    if isinstance(value, Array) and value.ndim and value.shape != (1,) * value.ndim:
        fits = x.ndim == 1 or value.shape == x.shape
        if x.ndim > 1 or not fits or value.shape[0] == x.shape[0]:
            raise ValueError(
                "boolean index assignment takes a value without axes: how many elements a mask "
                f"of shoal's selects is not known, and the value has shape {value.shape}; use "
                "where(mask, value, x) for a value of the array's shape, or compute the mask"
            )
        return Array(_assigned(x, read_index(mask.compute(), x.shape), value))
    if isinstance(value, Array) and value.ndim:
        value = value.reshape(())
    return elemwise(where_assign, x, mask, value, dtype=x.dtype)


def _block_by_block(x: Array, mask: Array, value: Array) -> Array:
    """Elements replaced by a value that was cut as the mask is, such as ``y[mask]``.

    How long its blocks are, is seen when they are there.
    """
    chosen = mask if mask.ndim == 1 else mask.ravel()
    if value.numblocks != chosen.numblocks or has_unknown(mask.chunks):
        raise ValueError(
            f"the value's shape is {value.shape}, in {value.npartitions} blocks, and the mask has "
            f"{chosen.npartitions}: what belongs together is not known; call "
            "compute_chunk_sizes() on the value first"
        )
    flat = (x if x.ndim == 1 else x.ravel()).rechunk(chosen.chunks)
    done = blockwise_told(
        assign_chosen,
        "i",
        (flat, "i", chosen, "i", value, "i"),
        {},
        caller="x[mask] = value",
        title="setitem",
        dtype=x.dtype,
        adjust_chunks={"i": flat.chunks[0]},
        new_axes={},
        align_arrays=False,
        meta=x._meta.ravel(),
        told={"place": lambda *_: range(value.npartitions)},
    )
    return done if x.ndim == 1 else done.reshape(x.shape)


def _known(entries: list[Any], x: Array, value: Any) -> list[Any]:
    """Entries with arrays of ours computed, but for a mask that a scalar is assigned by."""
    out: list[Any] = []
    for entry in entries:
        scalar_mask = (
            getattr(value, "ndim", 0) == 0
            and getattr(entry, "ndim", 0) == 1
            and entry.dtype.kind == "b"
        )
        if not isinstance(entry, Array) or scalar_mask:
            out.append(entry)
        else:
            axis = sum(e is not None for e in out)
            out += read_index(entry.compute(), x.shape[axis : axis + max(entry.ndim, 1)])[
                : max(entry.ndim, 1)
            ]
    return out


def _by_mask(x: Array, entries: list[Any], at: int, value: Any) -> Array:
    """A scalar where a mask along an axis says so, within the part that the others select."""
    if sum(isinstance(entry, np.ndarray | Array) for entry in entries) > 1:
        raise NotImplementedError(
            "one list, array or mask may stand in the index of an assignment beside ints and slices"
        )
    mask = entries[at]
    shaped = mask[(slice(None), *(None,) * (x.ndim - at - 1))]
    if all(
        is_whole(e, n) for i, (e, n) in enumerate(zip(entries, x.shape, strict=True)) if i != at
    ):
        return elemwise(where_assign, x, shaped, value, dtype=x.dtype)
    rest = [slice(0, n, 1) if i == at else e for i, (e, n) in enumerate(zip(entries, x.shape))]
    part = getitem(x, tuple([slice(e, e + 1) if isinstance(e, int) else e for e in rest]))
    done = elemwise(where_assign, part, shaped, value, dtype=x.dtype)
    squeezed = getitem(done, tuple([0 if isinstance(e, int) else slice(None) for e in rest]))
    return Array(_assigned(x, rest, squeezed))


def _assigned(x: Array, entries: list[Any], value: Any) -> Any:
    """The node of an array with a value at the places of an index."""
    shape = [
        len(e) if isinstance(e, np.ndarray) else len(range(*e.indices(n)))
        for e, n in zip(entries, x.shape, strict=True)
        if not isinstance(e, int)
    ]
    if isinstance(value, Array):
        value = _fitted(value, shape, x)
    kept = iter(range(len(shape)))
    index: list[Any] = []
    for entry, blocks in zip(entries, x.chunks, strict=True):
        if not isinstance(entry, int):
            axis = next(kept)
            if isinstance(entry, slice) and entry.step < 0:
                entry = _forwards(entry, sum(blocks))
                value = _reversed(value, axis)
            value = _cut(value, axis, blocks, entry)
        index.append(entry)
    return Assign(x._node, tuple(index), value, annotations=current_annotations())


def _fitted(value: Array, shape: list[int], x: Array) -> Any:
    """The node of a value, with as many axes as the elements have."""
    own = value.shape
    extra = value.ndim - len(shape)
    fits = extra <= 0 or all(n == 1 for n in own[:extra])
    tail = own[max(extra, 0) :]
    fits = fits and all(n in (1, m) for n, m in zip(tail, shape[len(shape) - len(tail) :]))
    if not fits:
        raise ValueError(
            f"shape mismatch: value array of shape {own} could not be broadcast to indexing "
            f"result of shape {tuple(shape)} in an array of shape {x.shape}"
        )
    if extra > 0:
        return value[(0,) * extra]._node
    return value[(None,) * -extra]._node


def _forwards(entry: slice, length: int) -> slice:
    places = range(*entry.indices(length))
    return slice(places[-1], places[0] + 1, -entry.step) if places else slice(0, 0, 1)


def _reversed(value: Any, axis: int) -> Any:
    if not hasattr(value, "array_shape") or value.array_shape[axis] == 1:
        return value
    lead = (slice(None),) * axis
    return getitem(Array(value), (*lead, slice(None, None, -1)))._node


def _cut(value: Any, axis: int, blocks: tuple[int, ...], entry: Any) -> Any:
    """A value with a block for each block of the array that is touched along an axis."""
    if not hasattr(value, "array_shape"):
        return value
    cuts = touched(blocks, entry)
    sizes = tuple(
        [
            len(part) if isinstance(part, np.ndarray) else len(range(*part.indices(blocks[b])))
            for b, part in cuts
        ]
    )
    if value.array_shape[axis] == 1 and sizes != (1,):
        chunks = list(value.chunks)
        chunks[axis] = (1,)
        return rechunk_node(value, tuple(chunks))
    if isinstance(entry, np.ndarray):
        order = np.concatenate([targets for _, (targets, _) in grouped(blocks, entry)])
        if (order != np.arange(len(order))).any():
            value = take_node(value, axis, order)
    chunks = list(value.chunks)
    chunks[axis] = sizes
    return rechunk_node(value, tuple(chunks))
