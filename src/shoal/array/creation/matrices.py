"""Diagonals and triangles."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from shoal.array.arrangement import broadcast_to, concatenate, transpose
from shoal.array.chunks import normalize_chunks
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.creation.constant import zeros
from shoal.array.creation.ranges import arange
from shoal.array.device import check_device
from shoal.array.elementwise import elemwise
from shoal.array.kernels.patterns import choose_block, eye_block, tri_block
from shoal.array.meta import meta_from_array
from shoal.array.nodes.selection import Points
from shoal.array.nodes.sources import Generated
from shoal.array.reductions.engine import normalize_axes
from shoal.array.slicing import getitem
from shoal.expr.annotate import current_annotations

__all__ = [
    "diag",
    "diagonal",
    "eye",
    "tri",
    "tril",
    "tril_indices",
    "tril_indices_from",
    "triu",
    "triu_indices",
    "triu_indices_from",
]


def eye(
    N: int,
    chunks: Any = "auto",
    M: int | None = None,
    k: int = 0,
    dtype: Any = float,
    device: Any = None,
) -> Array:
    """Ones on a diagonal; see `numpy.eye`.

    Parameters
    ----------
    N, M
        Rows, and columns; as many by default.
    chunks
        As `normalize_chunks` takes them.
    k
        Which diagonal.
    dtype
        Of the elements.
    device
        "cpu" or None.

    Examples
    --------
    >>> eye(2, chunks=1, dtype=int).compute()
    array([[1, 0],
           [0, 1]])
    """
    check_device(device)
    return _matrix(eye_block, "eye", N, M, k, dtype, chunks, None)


def tri(
    N: int,
    M: int | None = None,
    k: int = 0,
    dtype: Any = float,
    chunks: Any = "auto",
    *,
    like: Any = None,
) -> Array:
    """Ones at and below a diagonal; see `numpy.tri`.

    Parameters
    ----------
    N, M
        Rows, and columns; as many by default.
    k
        Which diagonal.
    dtype
        Of the elements.
    chunks
        As `normalize_chunks` takes them.
    like
        The kind of array that blocks are.

    Examples
    --------
    >>> tri(2, chunks=1, dtype=int).compute()
    array([[1, 0],
           [1, 1]])
    """
    return _matrix(tri_block, "tri", N, M, k, dtype, chunks, like)


def _matrix(
    func: Any, title: str, N: int, M: int | None, k: int, dtype: Any, chunks: Any, like: Any
) -> Array:
    shape = (int(N), int(N if M is None else M))
    dtype = np.dtype(float if dtype is None else dtype)
    given = normalize_chunks(chunks, shape, dtype=dtype)
    kind = meta_from_array(like, 2, dtype)
    told = (("k", int(k)), ("dtype", dtype))
    node = Generated(
        *(func, ("offset", "shape"), told, given, kind, title), annotations=current_annotations()
    )
    return Array(node)


def tril(m: Any, k: int = 0) -> Array:
    """Zeros above a diagonal; see `numpy.tril`.

    Parameters
    ----------
    m
        An array; the last two axes are the matrix's.  One of one axis is every row of a square.
    k
        Which diagonal.

    Raises
    ------
    TypeError
        It has no axes.

    Examples
    --------
    >>> import shoal.array as da
    >>> tril(da.ones((2, 2), chunks=1)).compute()
    array([[1., 0.],
           [1., 1.]])
    """
    m, mask = _matrix_and_below(m, k)
    return elemwise(choose_block, mask, m, 0, dtype=m.dtype)


def triu(m: Any, k: int = 0) -> Array:
    """Zeros below a diagonal; see `numpy.triu`.

    Parameters
    ----------
    m
        An array; the last two axes are the matrix's.  One of one axis is every row of a square.
    k
        Which diagonal.

    Raises
    ------
    TypeError
        It has no axes.

    Examples
    --------
    >>> import shoal.array as da
    >>> triu(da.ones((2, 2), chunks=1)).compute()
    array([[1., 1.],
           [0., 1.]])
    """
    m, mask = _matrix_and_below(m, k - 1)
    return elemwise(choose_block, ~mask, m, 0, dtype=m.dtype)


def _matrix_and_below(m: Any, k: int) -> tuple[Array, Array]:
    """An array, and where its matrices lie on a diagonal or below."""
    m = asanyarray(m)
    if not m.ndim:
        raise TypeError(f"tril and triu need an array of one axis or more, got shape {m.shape}")
    chunks, (rows, columns) = (m.chunks * 2)[-2:], (m.shape * 2)[-2:]
    return m, tri(rows, columns, k=k, dtype=bool, chunks=chunks)


def tril_indices(
    n: int, k: int = 0, m: int | None = None, chunks: Any = "auto"
) -> tuple[Array, Array]:
    """Where a matrix has its lower triangle; see `numpy.tril_indices`.

    Parameters
    ----------
    n, m
        Rows, and columns; as many by default.
    k
        Which diagonal.
    chunks
        Of the matrix.

    Examples
    --------
    >>> rows, columns = tril_indices(2)
    >>> rows.compute(), columns.compute()
    (array([0, 1, 1]), array([0, 0, 1]))
    """
    return _places(tri(n, m, k=k, dtype=bool, chunks=chunks))


def triu_indices(
    n: int, k: int = 0, m: int | None = None, chunks: Any = "auto"
) -> tuple[Array, Array]:
    """Where a matrix has its upper triangle; see `numpy.triu_indices`.

    Parameters
    ----------
    n, m, k, chunks
        As for `tril_indices`.

    Examples
    --------
    >>> triu_indices(2)[1].compute()
    array([0, 1, 1])
    """
    return _places(~tri(n, m, k=k - 1, dtype=bool, chunks=chunks))


def tril_indices_from(arr: Any, k: int = 0) -> tuple[Array, Array]:
    """Where an array has its lower triangle; see `numpy.tril_indices_from`.

    Parameters
    ----------
    arr
        An array of two axes.
    k
        Which diagonal.

    Raises
    ------
    ValueError
        Not two axes.

    Examples
    --------
    >>> import shoal.array as da
    >>> tril_indices_from(da.ones((2, 2)))[0].compute()
    array([0, 1, 1])
    """
    return tril_indices(*_shape_of(arr, k))


def triu_indices_from(arr: Any, k: int = 0) -> tuple[Array, Array]:
    """Where an array has its upper triangle; see `numpy.triu_indices_from`.

    Parameters
    ----------
    arr, k
        As for `tril_indices_from`.

    Examples
    --------
    >>> import shoal.array as da
    >>> triu_indices_from(da.ones((2, 2)))[0].compute()
    array([0, 0, 1])
    """
    return triu_indices(*_shape_of(arr, k))


def _shape_of(arr: Any, k: int) -> tuple[Any, ...]:
    if arr.ndim != 2:
        raise ValueError(f"input array must be 2-d, its shape is {arr.shape}")
    return arr.shape[0], k, arr.shape[1], getattr(arr, "chunks", "auto")


def _places(mask: Array) -> tuple[Array, Array]:
    axes = []
    for axis in range(2):
        line = arange(mask.shape[axis], chunks=(mask.chunks[axis],))
        line = getitem(line, (slice(None), None) if axis == 0 else (None, slice(None)))
        axes.append(getitem(broadcast_to(line, mask.shape, chunks=mask.chunks), mask))
    return axes[0], axes[1]


def diag(v: Any, k: int = 0) -> Array:
    """A matrix with a diagonal, or the diagonal of a matrix; see `numpy.diag`.

    Parameters
    ----------
    v
        An array of one or two axes.
    k
        Which diagonal.

    Raises
    ------
    TypeError
        ``v`` is no array.
    ValueError
        It has neither one nor two axes.

    Examples
    --------
    >>> import shoal.array as da
    >>> diag(da.arange(1, 3, chunks=1)).compute()
    array([[1, 0],
           [0, 2]])
    """
    if not isinstance(v, np.ndarray | Array):
        raise TypeError(f"v must be a dask array or numpy array, got {type(v).__name__}")
    v = asanyarray(v)
    if v.ndim == 2:
        return diagonal(v, k)
    if v.ndim != 1:
        raise ValueError(f"Array must be 1d or 2d only, its shape is {v.shape}")
    if k:
        more = zeros(abs(k), dtype=v.dtype, chunks=-1)
        v = concatenate([v, more] if k > 0 else [more, v])
    mask = eye(len(v), k=k, dtype=bool, chunks=(v.chunks[0], v.chunks[0]))
    return elemwise(choose_block, mask, getitem(v, (slice(None), None)), 0, dtype=v.dtype)


def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """The elements on a diagonal, along a last axis; see `numpy.diagonal`.

    Parameters
    ----------
    a
        An array of two axes or more.
    offset
        Which diagonal.
    axis1, axis2
        The axes of the matrix.

    Raises
    ------
    ValueError
        Fewer than two axes, or twice the same.
    numpy.exceptions.AxisError
        An axis is out of bounds.

    Examples
    --------
    >>> import shoal.array as da
    >>> diagonal(da.arange(6, chunks=6).reshape(2, 3), offset=1).compute()
    array([1, 5])
    """
    a = asanyarray(a)
    if a.ndim < 2:
        raise ValueError(f"diagonal requires an array of at least two dimensions, got {a.shape}")
    (first,), (second,) = normalize_axes(axis1, a.ndim), normalize_axes(axis2, a.ndim)
    if first == second:
        raise ValueError(f"axis1 and axis2 cannot be the same, got {axis1} and {axis2}")
    row, column = max(-offset, 0), max(offset, 0)
    length = max(min(a.shape[first] - row, a.shape[second] - column), 0)
    # A block of the result for each block that the diagonal goes through.
    ends = {end - row for end in itertools.accumulate(a.chunks[first])}
    ends |= {end - column for end in itertools.accumulate(a.chunks[second])}
    bounds = [0, *sorted(end for end in ends if 0 < end < length), length]
    sizes = tuple([n for n in np.diff(bounds).tolist() if n]) or (0,)
    places = np.arange(length)
    axes = (first, second)
    found = Array(Points(a._node, axes, (places + row, places + column), sizes))
    return transpose(found, (*range(1, found.ndim), 0))
