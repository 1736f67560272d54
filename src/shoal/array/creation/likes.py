"""Arrays of the shape, blocks and type of another; and `array`."""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.array.chunks import has_unknown
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray, asarray
from shoal.array.creation.constant import empty, full, ones, zeros
from shoal.array.device import check_device
from shoal.array.elementwise import elemwise
from shoal.array.meta import meta_from_array

__all__ = ["array", "empty_like", "full_like", "ones_like", "zeros_like"]


def array(x: Any, dtype: Any = None, ndmin: int | None = None, *, like: Any = None) -> Array:
    """Make an array of anything; see `numpy.array`.

    Parameters
    ----------
    x
        What NumPy makes an array of, or an array of shoal's.
    dtype
        Of the elements.
    ndmin
        How many axes it has at least.
    like
        The kind of array that blocks are.

    Examples
    --------
    >>> array([1, 2], ndmin=2).compute()
    array([[1, 2]])
    """
    out = asarray(x, dtype=dtype, like=like)
    more = (ndmin or 0) - out.ndim
    return out[(None,) * more] if more > 0 else out


def full_like(
    a: Any,
    fill_value: Any,
    order: str = "C",
    dtype: Any = None,
    chunks: Any = None,
    name: str | None = None,
    shape: Any = None,
    device: Any = None,
) -> Array:
    """An array of one value, otherwise like another; see `numpy.full_like`.

    Parameters
    ----------
    a
        The other.
    fill_value
        A scalar.
    order
        "C" or "F"; blocks are in C order.
    dtype, shape
        Those of ``a`` by default.
    chunks
        Those of ``a`` by default; automatic with another shape.
    name
        Of the array.
    device
        "cpu" or None.

    Raises
    ------
    ValueError
        ``fill_value`` has axes.

    Examples
    --------
    >>> full_like(ones(3, chunks=2), 7, dtype=int).compute()
    array([7, 7, 7])
    """
    if np.ndim(fill_value) != 0:
        raise ValueError(
            f"fill_value must be scalar, got {type(fill_value).__name__} of shape "
            f"{np.shape(fill_value)}; use broadcast_to for an array"
        )
    check_device(device)
    return _like(full, a, dtype, chunks, name, shape, fill_value)


def ones_like(
    a: Any,
    dtype: Any = None,
    order: str = "C",
    chunks: Any = None,
    name: str | None = None,
    shape: Any = None,
    device: Any = None,
) -> Array:
    """An array of ones, otherwise like another; see `numpy.ones_like`.

    Parameters
    ----------
    a, dtype, order, chunks, name, shape, device
        As `full_like` takes them.

    Examples
    --------
    >>> ones_like(zeros(3, chunks=2)).compute()
    array([1., 1., 1.])
    """
    check_device(device)
    return _like(ones, a, dtype, chunks, name, shape, 1)


def zeros_like(
    a: Any,
    dtype: Any = None,
    order: str = "C",
    chunks: Any = None,
    name: str | None = None,
    shape: Any = None,
    device: Any = None,
) -> Array:
    """An array of zeros, otherwise like another; see `numpy.zeros_like`.

    Parameters
    ----------
    a, dtype, order, chunks, name, shape, device
        As `full_like` takes them.

    Examples
    --------
    >>> zeros_like(ones(3, chunks=2)).compute()
    array([0., 0., 0.])
    """
    check_device(device)
    return _like(zeros, a, dtype, chunks, name, shape, 0)


def empty_like(
    a: Any,
    dtype: Any = None,
    order: str = "C",
    chunks: Any = None,
    name: str | None = None,
    shape: Any = None,
    device: Any = None,
) -> Array:
    """An array of whatever is in memory, otherwise like another; see `numpy.empty_like`.

    Parameters
    ----------
    a, dtype, order, chunks, name, shape, device
        As `full_like` takes them.

    Examples
    --------
    >>> empty_like(ones((3, 2), chunks=2)).chunks
    ((2, 1), (2,))
    """
    check_device(device)
    return _like(empty, a, dtype, chunks, name, shape, 0)


def _like(
    make: Any, a: Any, dtype: Any, chunks: Any, name: str | None, shape: Any, value: Any
) -> Array:
    a = asanyarray(a)
    dtype = a.dtype if dtype is None else np.dtype(dtype)
    if shape is None and has_unknown(a.chunks):
        # How many elements there are, only the blocks know.
        return elemwise(value_like, a, value, dtype, dtype=dtype, name=name)
    if chunks is None:
        chunks = a.chunks if shape is None else "auto"
    shape = a.shape if shape is None else shape
    ndim = 1 if isinstance(shape, int | np.integer) else len(shape)
    kind = meta_from_array(a._meta, ndim, dtype)
    args = (shape, value) if make is full else (shape,)
    made: Array = make(*args, dtype=dtype, chunks=chunks, name=name, meta=kind)
    return made


def value_like(block: Any, value: Any, dtype: Any) -> Any:
    """A block of one value, of the shape of another.

    >>> value_like(np.ones(2), 7, int)
    array([7, 7])
    """
    return np.full_like(block, value, dtype=dtype)
