"""Elements of blocks picked by lists of places, and put together in the order asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from shoal.array.kernels.assemble import concatenate_lookup
from shoal.serialize.parts import Pieces, keep
from shoal.types import Parts

__all__ = [
    "cut_points",
    "field_block",
    "mask_block",
    "merge_found",
    "pick_found",
    "take_parts",
    "take_points",
    "where_block",
]


def take_parts(blocks: Sequence[Any], plan: Sequence[Any], axis: int) -> Any:
    """A block of elements that lie in several blocks along an axis.

    Parameters
    ----------
    blocks
        Those that are read.
    plan
        For each of them ``(targets, places)``: which elements of the result are which of the
        block's.  ``targets`` None: all, in order.
    axis
        Along which.

    Examples
    --------
    >>> take_parts([np.arange(3), np.arange(10, 13)], [([1], [2]), ([0, 2], [0, 1])], 0)
    array([10,  2, 11])
    """
    lead = (slice(None),) * axis
    if len(blocks) == 1:
        return blocks[0][(*lead, plan[0][1])]
    parts = [block[(*lead, places)] for block, (_, places) in zip(blocks, plan, strict=True)]
    if not all(type(part) is np.ndarray for part in parts):
        order = np.argsort(np.concatenate([targets for targets, _ in plan]))
        joined = concatenate_lookup.dispatch(type(parts[0]))(parts, axis=axis)
        return joined[(*lead, order)]
    shape = list(parts[0].shape)
    shape[axis] = sum(part.shape[axis] for part in parts)
    out = np.empty(shape, parts[0].dtype)
    for part, (targets, _) in zip(parts, plan, strict=True):
        out[(*lead, targets)] = part
    return out


def take_points(
    blocks: Sequence[Any], plan: Sequence[Any], axes: Sequence[int], shape: Sequence[int]
) -> Any:
    """A block of elements at points, each of which lies in one of several blocks.

    Parameters
    ----------
    blocks
        Those that are read.
    plan
        For each of them ``(targets, places)``: flat indices in the block of the result, and for
        each of ``axes`` the places of these points; None for a block of nothing but these.
    axes
        Along which points are given; the others are taken whole, and come last.
    shape
        Of the points in the block of the result.

    Examples
    --------
    >>> x = np.arange(4).reshape(2, 2)
    >>> take_points([x], [([0, 1], ([0, 1], [1, 1]))], (0, 1), (2,))
    array([1, 3])
    """
    out: Any = None
    for block, (targets, places) in zip(blocks, plan, strict=True):
        values = block if places is None else _at_points(block, places, axes)
        if out is None:
            out = np.empty_like(values, shape=(int(np.prod(shape)), *values.shape[1:]))
        out[targets] = values
    return out.reshape((*shape, *out.shape[1:]))


def _at_points(block: Any, places: Sequence[Any], axes: Sequence[int]) -> Any:
    """The elements of a block at points, whose axis comes first."""
    rest = [axis for axis in range(block.ndim) if axis not in axes]
    return np.transpose(block, [*axes, *rest])[tuple(places)]


def cut_points(block: Any, told: tuple[int, Any], axes: Sequence[int]) -> Parts:
    """The points of a block for each of their readers.

    Parameters
    ----------
    block
        An array.
    told
        What to add to the numbers of readers, and ``(number, places)`` pairs: for each of ``axes``
        the places of the reader's points.
    axes
        Along which points are given.

    Examples
    --------
    >>> cut_points(np.arange(4).reshape(2, 2), (1, [(6, ([0, 1], [1, 1]))]), (0, 1)).part(7)
    array([1, 3])
    """
    shift, readers = told
    pieces = {shift + number: _at_points(block, places, axes) for number, places in readers}
    return keep(Pieces(pieces))


def mask_block(block: Any, mask: Any, axis: int) -> Any:
    """The elements of a block along an axis where a mask says so.

    Parameters
    ----------
    block
        An array.
    mask
        Of one axis.
    axis
        Of the block.

    Examples
    --------
    >>> mask_block(np.arange(3), np.array([True, False, True]), 0)
    array([0, 2])
    """
    return block[(*(slice(None),) * axis, np.asarray(mask))]


def where_block(block: Any, mask: Any) -> Any:
    """The elements of a block where a mask of its shape says so, along one axis.

    Parameters
    ----------
    block, mask
        Of one shape.

    Examples
    --------
    >>> where_block(np.eye(2), np.eye(2) > 0)
    array([1., 1.])
    """
    return block[np.asarray(mask) if not hasattr(mask, "mask") else mask.filled(False)]


def pick_found(block: Any, index: Any, start: int, total: int, axis: int) -> tuple[Any, Any]:
    """The elements of one block that an index names, and which entries of the index they are.

    Parameters
    ----------
    block
        One of those along an axis.
    index
        Places in the whole axis, also from its end.
    start
        Where in the axis the block begins.
    total
        The length of the axis.
    axis
        Which.

    Examples
    --------
    >>> pick_found(np.arange(5, 8), np.array([0, 6, -1]), 5, 8, 0)
    (array([1, 2]), array([6, 7]))
    """
    places = np.asarray(index).astype(np.int64, copy=False)
    places = np.where(places < 0, places + total, places)
    (which,) = np.nonzero((places >= start) & (places < start + block.shape[axis]))
    return which, block[(*(slice(None),) * axis, places[which] - start)]


def merge_found(found: Sequence[tuple[Any, Any]], index: Any, axis: int, total: int) -> Any:
    """What `pick_found` took of every block along an axis, in the order of the index.

    Parameters
    ----------
    found
        Its results.
    index
        As it got it.
    axis
        Which.
    total
        The length of the axis.

    Raises
    ------
    IndexError
        An entry lies in no block.

    Examples
    --------
    >>> merge_found([(np.array([1]), np.array([5]))], np.array([0, 9]), 0, 8)
    Traceback (most recent call last):
      ...
    IndexError: index 9 is out of bounds for axis 0 with length 8
    """
    order = np.concatenate([which for which, _ in found])
    if len(order) < len(index):
        outside = [i for i in np.asarray(index) if not -total <= i < total]
        raise IndexError(f"index {outside[0]} is out of bounds for axis {axis} with length {total}")
    parts = [values for _, values in found]
    joined = concatenate_lookup.dispatch(type(parts[0]))(parts, axis=axis)
    return joined[(*(slice(None),) * axis, np.argsort(order))]


def field_block(block: Any, field: Any) -> Any:
    """A field of the records of a block, or several.

    Parameters
    ----------
    block
        An array of records.
    field
        Its name, or a list of names.

    Examples
    --------
    >>> field_block(np.zeros(2, [("a", "i4"), ("b", "f8")]), "b")
    array([0., 0.])
    """
    return block[field]
