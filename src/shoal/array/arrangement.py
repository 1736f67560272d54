"""Axes in another order, arrays side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from shoal.array.chunks import common_blockdim, normalize_chunks
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.nodes.layout import BroadcastTo, Concatenate, Permute
from shoal.array.rechunking import rechunk_node
from shoal.array.reductions.engine import normalize_axes

__all__ = ["broadcast_to", "concatenate", "expand_dims", "squeeze", "stack", "transpose"]


def transpose(a: Any, axes: Any = None) -> Array:
    """The axes in another order; see `numpy.transpose`.

    Parameters
    ----------
    a
        An array.
    axes
        A permutation; reversed by default.

    Raises
    ------
    ValueError
        ``axes`` is no permutation of the array's axes.

    Examples
    --------
    >>> import shoal.array as da
    >>> transpose(da.ones((2, 3), chunks=2)).shape
    (3, 2)
    """
    a = asanyarray(a)
    order = tuple(reversed(range(a.ndim))) if axes is None else tuple(axes)
    if len(order) != a.ndim:
        raise ValueError(f"axes don't match array: {order} for an array of {a.ndim} axes")
    order = tuple([int(axis) + a.ndim if axis < 0 else int(axis) for axis in order])
    if sorted(order) != list(range(a.ndim)):
        raise ValueError(f"axes must name each axis once, got {axes!r} for {a.ndim} axes")
    return a if order == tuple(range(a.ndim)) else Array(Permute(a._node, order))


def expand_dims(a: Any, axis: Any) -> Array:
    """New axes of length 1; see `numpy.expand_dims`.

    Parameters
    ----------
    a
        An array.
    axis
        Where they are in the result: an int or several.

    Examples
    --------
    >>> import shoal.array as da
    >>> expand_dims(da.ones(3, chunks=2), 0).shape
    (1, 3)
    """
    a = asanyarray(a)
    given = (axis,) if isinstance(axis, int | np.integer) else tuple(axis)
    new = normalize_axes(given, a.ndim + len(given))
    old = iter(range(a.ndim))
    axes = [None if i in new else next(old) for i in range(a.ndim + len(new))]
    return Array(Permute(a._node, tuple(axes)))


def squeeze(a: Any, axis: Any = None) -> Array:
    """Without axes of length 1; see `numpy.squeeze`.

    Parameters
    ----------
    a
        An array.
    axis
        Which; all of length 1 by default.

    Raises
    ------
    ValueError
        An axis has another length.

    Examples
    --------
    >>> import shoal.array as da
    >>> squeeze(da.ones((1, 3), chunks=2)).shape
    (3,)
    """
    a = asanyarray(a)
    gone = (
        [i for i, n in enumerate(a.shape) if n == 1]
        if axis is None
        else normalize_axes(axis, a.ndim)
    )
    if any(a.shape[i] != 1 for i in gone):
        raise ValueError(
            f"cannot squeeze axes {tuple(gone)} of shape {a.shape}: not all have length 1"
        )
    if not gone:
        return a  # type: ignore[no-any-return]
    # An axis of length 1 may have empty blocks beside the one that goes.
    node = rechunk_node(a._node, tuple([(1,) if i in gone else c for i, c in enumerate(a.chunks)]))
    return Array(Permute(node, tuple([i for i in range(a.ndim) if i not in gone])))


def broadcast_to(x: Any, shape: Any, chunks: Any = None, meta: Any = None) -> Array:
    """An array repeated to a shape; see `numpy.broadcast_to`.

    Parameters
    ----------
    x
        An array.
    shape
        Of the result.
    chunks
        Along axes that are repeated; one block by default.
    meta
        Of the result.

    Raises
    ------
    ValueError
        The shapes do not fit, or the chunks are not those of ``x`` where it is not repeated.

    Examples
    --------
    >>> import shoal.array as da
    >>> broadcast_to(da.arange(2, chunks=1), (3, 2)).compute()
    array([[0, 1],
           [0, 1],
           [0, 1]])
    """
    x = asanyarray(x)
    shape = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    if x.shape == shape and (
        chunks is None or normalize_chunks(chunks, shape, dtype=x.dtype) == x.chunks
    ):
        return x  # type: ignore[no-any-return]
    shift = len(shape) - x.ndim
    if shift < 0 or any(
        old not in (1, new) and old == old for old, new in zip(x.shape, shape[shift:], strict=True)
    ):
        raise ValueError(f"cannot broadcast an array of shape {x.shape} to {shape}")
    own = [
        blocks if sum(blocks) != 1 else (n,)
        for blocks, n in zip(x.chunks, shape[shift:], strict=True)
    ]
    given = (*[(n,) for n in shape[:shift]], *own)
    if chunks is not None:
        given = normalize_chunks(chunks, shape, dtype=x.dtype)
        for old, new in zip(x.chunks, given[shift:], strict=True):
            if sum(old) != 1 and old != new:
                raise ValueError(
                    f"cannot broadcast chunks {x.chunks} to chunks {given}: where the array is "
                    "not repeated they must be equal; rechunk it first"
                )
    one = [(1,) if sum(blocks) == 1 else blocks for blocks in x.chunks]
    return Array(BroadcastTo(rechunk_node(x._node, tuple(one)), given))


def concatenate(
    seq: Sequence[Any], axis: int | None = 0, allow_unknown_chunksizes: bool = False
) -> Array:
    """Arrays one after the other; see `numpy.concatenate`.

    Parameters
    ----------
    seq
        Arrays.
    axis
        Along which; None for the flattened arrays.
    allow_unknown_chunksizes
        Whether to trust that arrays fit whose shapes are not known.

    Raises
    ------
    ValueError
        There are no arrays, or their other axes differ.

    Examples
    --------
    >>> import shoal.array as da
    >>> concatenate([da.zeros(2, chunks=2), da.ones(1, chunks=1)]).compute()
    array([0., 0., 1.])
    """
    arrays = [asanyarray(a) for a in seq]
    if not arrays:
        raise ValueError("need at least one array to concatenate")
    if axis is None:
        arrays, axis = [a.ravel() for a in arrays], 0
    ndim = arrays[0].ndim
    if any(a.ndim != ndim for a in arrays):
        raise ValueError(f"arrays to concatenate differ in axes: {[a.shape for a in arrays]}")
    (along,) = normalize_axes(axis, ndim)
    dtype = np.result_type(*[a._meta for a in arrays])
    filled = [a for a in arrays if a.shape[along] != 0] or arrays[:1]
    if len(filled) == 1:
        only: Array = filled[0].astype(dtype)
        return only
    nodes = [a.astype(dtype)._node for a in filled]
    return Array(Concatenate(tuple(_side_by_side(nodes, along, allow_unknown_chunksizes)), along))


def _side_by_side(nodes: list[Any], along: int, trust: bool) -> list[Any]:
    """The same blocks along all other axes."""
    shapes = [node.array_shape for node in nodes]
    common = list(nodes[0].chunks)
    for axis in range(len(common)):
        if axis == along:
            continue
        lengths = {shape[axis] for shape in shapes}
        unknown = any(n != n for n in lengths)
        if unknown and not trust:
            raise ValueError(
                f"axis {axis} of arrays to concatenate has an unknown length (nan), their shapes "
                f"are {shapes}; call compute_chunk_sizes(), or pass allow_unknown_chunksizes=True "
                "if they fit"
            )
        if not unknown and len(lengths) > 1:
            raise ValueError(
                "all the input array dimensions except for the concatenation axis must match "
                f"exactly. Shapes of the arrays, along axis {along}: {shapes}"
            )
        common[axis] = common[axis] if unknown else common_blockdim([n.chunks[axis] for n in nodes])
    return [
        rechunk_node(
            n, tuple([n.chunks[i] if i == along or c != c else c for i, c in enumerate(common)])
        )
        for n in nodes
    ]


def stack(seq: Sequence[Any], axis: int = 0, allow_unknown_chunksizes: bool = False) -> Array:
    """Arrays one after the other along a new axis; see `numpy.stack`.

    Parameters
    ----------
    seq
        Arrays of one shape.
    axis
        Where the new axis is in the result.
    allow_unknown_chunksizes
        Whether to trust that arrays fit whose shapes are not known.

    Raises
    ------
    ValueError
        The shapes differ, or there are no arrays.

    Examples
    --------
    >>> import shoal.array as da
    >>> stack([da.zeros(2, chunks=2), da.ones(2, chunks=2)]).compute()
    array([[0., 0.],
           [1., 1.]])
    """
    arrays = [_as_part(a, allow_unknown_chunksizes) for a in seq]
    if not arrays:
        raise ValueError("need at least one array to stack")
    first = arrays[0].shape
    other = next((i for i, a in enumerate(arrays) if str(a.shape) != str(first)), None)
    if other is not None and not allow_unknown_chunksizes:
        raise ValueError(
            f"Stacked arrays must have the same shape. The first array had shape {first}, while "
            f"array {other + 1} has shape {arrays[other].shape}."
        )
    (along,) = normalize_axes(axis, arrays[0].ndim + 1)
    parts = [expand_dims(a, along) for a in arrays]
    return concatenate(parts, along, allow_unknown_chunksizes)


def _as_part(a: Any, trust: bool) -> Array:
    return stack(a, 0, trust) if isinstance(a, list | tuple) else asanyarray(a)
