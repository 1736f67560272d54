"""Indexing by functions: ``take``, ``compress``, ``extract``, ``choose``; and lengths found out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from shoal.array.blocks import blockwise
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.elementwise import elemwise
from shoal.array.nodes.selection import WithChunks
from shoal.array.reductions.engine import normalize_axes
from shoal.array.slicing.basic import getitem
from shoal.collection import compute
from shoal.delayed import delayed

__all__ = ["choose", "compress", "compute_chunk_sizes", "extract", "take", "view"]


def take(a: Any, indices: Any, axis: int | None = 0) -> Array:
    """Elements along an axis; see `numpy.take`.

    Parameters
    ----------
    a
        An array.
    indices
        Ints, of any shape, in any kind of array.
    axis
        Along which; None for the elements in C order.

    Examples
    --------
    >>> import shoal.array as da
    >>> take(da.arange(6, chunks=3), [5, 0]).compute()
    array([5, 0])
    """
    a = asanyarray(a)
    if axis is None:
        a, axis = a.ravel(), 0
    (along,) = normalize_axes(axis, a.ndim)
    if not isinstance(indices, Array):
        # An empty list is one of ints, as in NumPy, where its array is one of floats.
        told = None if isinstance(indices, np.ndarray) or np.size(indices) else np.intp
        indices = np.asarray(indices, told)
        indices = int(indices) if indices.ndim == 0 else indices
    return getitem(a, (*(slice(None),) * along, indices))


def compress(condition: Any, a: Any, axis: int | None = None) -> Array:
    """Slices along an axis where a condition is true; see `numpy.compress`.

    Parameters
    ----------
    condition
        Bools, one axis; may be shorter than the axis.
    a
        An array.
    axis
        Along which; None for the elements in C order.

    Raises
    ------
    ValueError
        ``condition`` has more than one axis.

    Examples
    --------
    >>> import shoal.array as da
    >>> compress([True, False, True], da.arange(6, chunks=3)).compute()
    array([0, 2])
    """
    a = asanyarray(a)
    if not isinstance(condition, Array):
        condition = np.asarray(condition)
    condition = condition.astype(bool)
    if condition.ndim != 1:
        raise ValueError(
            f"Condition must be one dimensional: its shape is {condition.shape}; extract takes a "
            "condition of the array's shape"
        )
    if axis is None:
        a, axis = a.ravel(), 0
    (along,) = normalize_axes(axis, a.ndim)
    lead = (slice(None),) * along
    if len(condition) < a.shape[along]:
        a = getitem(a, (*lead, slice(None, len(condition))))
    return getitem(a, (*lead, condition))


def extract(condition: Any, arr: Any) -> Array:
    """The elements where a condition is true, in C order; see `numpy.extract`.

    Parameters
    ----------
    condition
        Of the array's shape; what is no bool is true unless it is zero.
    arr
        An array.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.arange(6, chunks=3)
    >>> extract(x > 3, x).compute()
    array([4, 5])
    """
    return compress(asanyarray(condition).astype(bool).ravel(), asanyarray(arr).ravel())


def choose(a: Any, choices: Sequence[Any]) -> Array:
    """For each element one of several arrays' elements at its place; see `numpy.choose`.

    Parameters
    ----------
    a
        Ints: which of the arrays.
    choices
        Arrays that broadcast to ``a``.

    Examples
    --------
    >>> import shoal.array as da
    >>> choose(da.from_array([0, 1, 0], chunks=2), [da.ones(3, chunks=2), 5]).compute()
    array([1., 5., 1.])
    """
    return elemwise(_choose, a, *choices)


def _choose(which: Any, *choices: Any) -> Any:
    return np.choose(which, choices)


_choose.__name__ = "choose"


def compute_chunk_sizes(x: Array) -> Array:
    """Find out the lengths of blocks that are not known, which computes the array.

    Parameters
    ----------
    x
        The array, which knows its chunks afterwards.

    Returns
    -------
    Array
        The same one.

    Raises
    ------
    ValueError
        The blocks do not fit into a grid.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.arange(6, chunks=3)
    >>> x[x > 1].compute_chunk_sizes().chunks
    ((1, 3),)
    """
    blocks = x.to_delayed()
    shapes = np.empty(blocks.shape, dtype=object)
    found = compute([delayed(np.shape)(block) for block in blocks.flat])[0]
    shapes.reshape(-1)[:] = found if x.ndim != 1 else [*found]
    chunks = []
    for axis, count in enumerate(x.numblocks):
        first = [(0,) * axis + (i,) + (0,) * (x.ndim - axis - 1) for i in range(count)]
        chunks.append(tuple([int(shapes[place][axis]) for place in first]))
    for place in np.ndindex(*x.numblocks):
        told = tuple([own[i] for own, i in zip(chunks, place, strict=True)])
        if shapes[place] != told:
            raise ValueError(
                f"block {place} of {x.name} has shape {shapes[place]}, and its neighbours have "
                f"lengths {told}: the blocks do not fit into a grid"
            )
    x._node = WithChunks(x._node, tuple(chunks))
    return x


def view(x: Array, dtype: Any = None, order: str = "C") -> Array:
    """The same bytes as elements of another type; see `numpy.ndarray.view`.

    Parameters
    ----------
    x
        The array.
    dtype
        Of the result; that of ``x`` by default.
    order
        "C" to split or join elements along the last axis, "F" along the first.

    Raises
    ------
    ValueError
        The blocks do not hold whole elements, or another order.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.ones(2, chunks=1, dtype="i4").view("i2").compute()
    array([1, 0, 1, 0], dtype=int16)
    """
    dtype = x.dtype if dtype is None else np.dtype(dtype)
    if order not in ("C", "F"):
        raise ValueError(f"order must be 'C' or 'F', got {order!r}")
    mult = x.dtype.itemsize / dtype.itemsize
    axis = x.ndim - 1 if order == "C" else 0
    if not x.ndim or mult == 1:
        return elemwise(view_block, x, dtype, axis, dtype=dtype)
    lengths = [n * mult for n in x.chunks[axis]]
    if any(n != int(n) for n in lengths):
        raise ValueError(
            f"blocks of lengths {x.chunks[axis]} along axis {axis} do not hold whole elements of "
            f"{dtype}; rechunk the array"
        )
    labels = tuple(range(x.ndim))
    chunks = {axis: tuple(map(int, lengths))}
    told = [dtype, None, axis, None]
    return blockwise(view_block, labels, x, labels, *told, adjust_chunks=chunks, dtype=dtype)


def view_block(block: Any, dtype: Any, axis: int) -> Any:
    """The bytes of a block as another type.

    >>> view_block(np.ones(1, "i4"), np.dtype("i2"), 0)
    array([1, 0], dtype=int16)
    """
    if not block.ndim or axis == block.ndim - 1:
        return np.ascontiguousarray(block).view(dtype)
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(block, axis, -1)).view(dtype), -1, axis)


view_block.__name__ = "view"
