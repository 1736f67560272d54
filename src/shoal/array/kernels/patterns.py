"""Blocks of matrices and sequences that follow from the place of the block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = [
    "choose_block",
    "eye_block",
    "function_block",
    "linspace_block",
    "ramp_block",
    "tri_block",
    "udf_block",
]


def eye_block(offset: Sequence[int], shape: Sequence[int], k: int, dtype: Any) -> Any:
    """A block of a matrix with ones on a diagonal.

    Parameters
    ----------
    offset, shape
        Of the block.
    k
        Which diagonal.
    dtype
        Of the elements.

    Examples
    --------
    >>> eye_block((2, 1), (2, 2), 0, int)
    array([[0, 1],
           [0, 0]])
    """
    return np.eye(shape[0], shape[1], k=k + offset[0] - offset[1], dtype=dtype)


def tri_block(offset: Sequence[int], shape: Sequence[int], k: int, dtype: Any) -> Any:
    """A block of a matrix with ones at and below a diagonal.

    Parameters
    ----------
    offset, shape
        Of the block.
    k
        Which diagonal.
    dtype
        Of the elements.

    Examples
    --------
    >>> tri_block((0, 1), (2, 2), 0, int)
    array([[0, 0],
           [1, 0]])
    """
    return np.tri(shape[0], shape[1], k=k + offset[0] - offset[1], dtype=dtype)


def choose_block(mask: Any, block: Any, other: Any) -> Any:
    """Elements of a block where a mask says so, and others elsewhere, of the block's type.

    Parameters
    ----------
    mask, block, other
        They are broadcast.

    Examples
    --------
    >>> choose_block(np.array([True, False]), np.array([1, 2], "i2"), 0)
    array([1, 0], dtype=int16)
    """
    return np.where(mask, block, np.asarray(other).astype(block.dtype))


def linspace_block(
    offset: Sequence[int],
    shape: Sequence[int],
    ends: tuple[Any, Any],
    parts: tuple[int, int],
    dtype: Any,
) -> Any:
    """A part of numbers at equal distances between two ends.

    Parameters
    ----------
    offset, shape
        Of the block.
    ends
        The first, and the last or the one after it.
    parts
        Into how many parts the distance is cut; and which element is the last end itself, -1 for
        none.
    dtype
        Of the elements.

    Examples
    --------
    >>> linspace_block((2,), (3,), (0.0, 1.0), (4, 4), float)
    array([0.5 , 0.75, 1.  ])
    """
    (start, stop), (count, last) = ends, parts
    out = np.arange(offset[0], offset[0] + shape[0], dtype=float)
    delta = stop - start
    step = delta / count if count else np.nan
    out = out * step if step or not count else out / count * delta
    out = out + start
    if not count:
        out = np.full(shape[0], start)
    if 0 <= last - offset[0] < shape[0]:
        out[last - offset[0]] = stop
    if np.issubdtype(dtype, np.integer):
        np.floor(out, out=out)
    return out.astype(dtype)


def function_block(
    offset: Sequence[int],
    shape: Sequence[int],
    func: Callable[..., Any],
    dtype: Any,
    kwargs: Sequence[tuple[str, Any]],
    out: Any,
) -> Any:
    """What a function of the coordinates gives in a block.

    Parameters
    ----------
    offset, shape
        Of the block.
    func
        Called with an array of coordinates for each axis, and ``kwargs``.
    dtype
        Of the coordinates.
    kwargs
        ``(name, value)`` pairs.
    out
        The dtype of the result.

    Examples
    --------
    >>> function_block((2,), (3,), abs, float, (), float)
    array([2., 3., 4.])
    """
    grid = np.indices(shape, dtype=dtype)
    places = [
        axis + np.asarray(begin).astype(dtype) for axis, begin in zip(grid, offset, strict=True)
    ]
    found = np.asanyarray(func(*places, **dict(kwargs)))
    return np.broadcast_to(found, shape).astype(out, copy=False)


def ramp_block(edge: Any, end: Any, width: int, axis: int, after: bool) -> Any:
    """Numbers that go from an edge to an end value, as `numpy.pad` adds them.

    Parameters
    ----------
    edge
        A block of length 1 along the axis.
    end
        The value.
    width
        How many.
    axis
        Along which.
    after
        Whether they come after the edge.

    Examples
    --------
    >>> ramp_block(np.array([4]), 0, 2, 0, True)
    array([2, 0])
    """
    flat = edge.squeeze(axis) if edge.size else edge.sum(axis)
    out = np.linspace(end, flat, width, endpoint=False, dtype=edge.dtype, axis=axis)
    return np.flip(out, axis) if after else out


def udf_block(
    block: Any, func: Callable[..., Any], width: tuple[int, int], axis: int, kwargs: Any
) -> Any:
    """A padded block whose lines along an axis a user's function fills in.

    Parameters
    ----------
    block
        Whole along the axis.
    func
        ``func(line, width, axis, kwargs)``, as `numpy.pad` takes it; changes the line, or gives it.
    width
        How many were added on both sides.
    axis
        Along which.
    kwargs
        For the function, ``(name, value)`` pairs.

    Examples
    --------
    >>> def ends(line, width, axis, kwargs):
    ...     line[: width[0]] = 7
    >>> udf_block(np.zeros(3), ends, (1, 0), 0, ())
    array([7., 0., 0.])
    """
    out = block.copy()

    def fill(line: Any) -> Any:
        found = func(line, width, axis, dict(kwargs))
        return line if found is None else found

    return np.apply_along_axis(fill, axis, out) if out.size else out
