"""Coordinates: ``indices``, ``meshgrid`` and functions of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from shoal.array.arrangement import broadcast_to, stack
from shoal.array.chunks import normalize_chunks
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.creation.constant import zeros
from shoal.array.creation.ranges import arange
from shoal.array.kernels.patterns import function_block
from shoal.array.nodes.sources import Generated
from shoal.array.slicing import getitem
from shoal.expr.annotate import current_annotations
from shoal.graph.naming import funcname

__all__ = ["fromfunction", "indices", "meshgrid"]


def indices(dimensions: Any, dtype: Any = int, chunks: Any = "auto") -> Array:
    """The coordinates of a grid; see `numpy.indices`.

    Parameters
    ----------
    dimensions
        The shape of the grid.
    dtype
        Of the elements.
    chunks
        Of the grid; the first axis of the result, one for each of the grid's, has blocks of 1.

    Examples
    --------
    >>> indices((2, 2), chunks=1)[1].compute()
    array([[0, 1],
           [0, 1]])
    """
    shape = tuple(dimensions)
    given = normalize_chunks(chunks, shape, dtype=np.dtype(dtype))
    if len(given) != len(shape):
        raise ValueError(f"chunks {chunks!r} must have an entry for each axis of {shape}")
    if not shape:
        return zeros((0,), dtype=dtype, chunks=-1)
    grid = []
    for axis, (n, blocks) in enumerate(zip(shape, given, strict=True)):
        line = arange(n, dtype=dtype, chunks=(blocks,))
        line = getitem(line, (*(None,) * axis, slice(None), *(None,) * (len(shape) - axis - 1)))
        grid.append(broadcast_to(line, shape, chunks=given))
    return stack(grid)


def meshgrid(
    *xi: Any, sparse: bool = False, indexing: str = "xy", **kwargs: Any
) -> tuple[Array, ...]:
    """Coordinates of a grid from those of its axes; see `numpy.meshgrid`.

    Parameters
    ----------
    *xi
        Arrays of one axis.
    sparse
        Whether axes stay that would be repeated.
    indexing
        "xy", where the first two axes change places, or "ij".
    **kwargs
        ``copy`` is accepted.

    Raises
    ------
    ValueError
        ``indexing`` is another word.

    Examples
    --------
    >>> x, y = meshgrid([1, 2], [3, 4])
    >>> y.compute()
    array([[3, 3],
           [4, 4]])
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"Valid values for `indexing` are 'xy' and 'ij', got {indexing!r}")
    unknown = set(kwargs) - {"copy"}
    if unknown:
        raise TypeError(f"meshgrid() got an unexpected keyword argument {min(unknown)!r}")
    lines = [asanyarray(x).ravel() for x in xi]
    places = list(range(len(lines)))
    if indexing == "xy" and len(lines) > 1:
        places[:2] = [1, 0]
    out = []
    chunks: list[Any] = [None] * len(lines)
    for line, place in zip(lines, places, strict=True):
        chunks[place] = line.chunks[0]
        after = len(lines) - place - 1
        out.append(getitem(line, (*(None,) * place, slice(None), *(None,) * after)))
    if not sparse:
        shape = tuple(map(sum, chunks))
        out = [broadcast_to(x, shape, chunks=tuple(chunks)) for x in out]
    return tuple(out)


def fromfunction(
    func: Callable[..., Any],
    chunks: Any = "auto",
    shape: Any = None,
    dtype: Any = None,
    **kwargs: Any,
) -> Array:
    """What a function gives for the coordinates; see `numpy.fromfunction`.

    Parameters
    ----------
    func
        Called for each block with an array of coordinates for each axis.
    chunks
        As `normalize_chunks` takes them.
    shape
        Of the result.
    dtype
        Of the coordinates; float by default.
    **kwargs
        The function's.

    Examples
    --------
    >>> fromfunction(lambda i, j: i + j, shape=(2, 2), chunks=1, dtype=int).compute()
    array([[0, 1],
           [1, 2]])
    """
    if shape is None:
        raise TypeError("fromfunction needs shape=, the shape of the result")
    shape = tuple(shape)
    told = tuple(sorted(kwargs.items()))
    dtype = np.dtype(float if dtype is None else dtype)
    kind = function_dtype(func, len(shape), dtype, kwargs)
    given = normalize_chunks(chunks, shape, dtype=kind)
    named = (("func", func), ("dtype", dtype), ("kwargs", told), ("out", kind))
    node = Generated(
        *(function_block, ("offset", "shape"), named, given, np.empty((0,) * len(shape), kind)),
        funcname(func),
        annotations=current_annotations(),
    )
    return Array(node)


def function_dtype(func: Callable[..., Any], ndim: int, dtype: Any, kwargs: Any) -> Any:
    """What a function gives for the coordinates of one element.

    >>> function_dtype(lambda i: i / 2, 1, np.dtype(int), {})
    dtype('float64')
    """
    ones = [np.ones((1,) * ndim, dtype)] * ndim
    return np.asanyarray(func(*ones, **kwargs)).dtype
