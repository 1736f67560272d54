"""Linear algebra.

Tall matrices are factored block by block (Demmel, Grigori, Hoemmen and Langou 2012), and wide ones
by their transposes.  Other matrices are factored whole, in one task: the result is right, but the
matrix has to fit the memory of one worker.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from shoal.array.blocks import blockwise
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.kernels.factor import apply_factor, call_whole, part_of_factors, qr_block
from shoal.array.reductions import max as max_of
from shoal.array.reductions import min as min_of
from shoal.array.reductions import sum as sum_of
from shoal.array.reductions.engine import normalize_axes
from shoal.array.routines.products import matmul

__all__ = ["cholesky", "inv", "lstsq", "norm", "qr", "solve", "svd", "tsqr"]


def _matrix(a: Any, name: str, square: bool = False) -> Array:
    a = asanyarray(a)
    if a.ndim != 2:
        raise ValueError(f"{name} takes a matrix, an array of two axes; got shape {a.shape}")
    if square and a.shape[0] != a.shape[1]:
        raise ValueError(f"{name} takes a square matrix, got shape {a.shape}")
    return a  # type: ignore[no-any-return]


def _kind(*arrays: Array) -> Any:
    return np.linalg.qr(np.ones((1, 1), np.result_type(*[a.dtype for a in arrays])))[1].dtype


def _whole(
    func: Any, arrays: list[Array], shape: tuple[int, ...], which: int | None = None, **kwargs: Any
) -> Array:
    """A function of whole arrays, in one task."""
    pairs: list[Any] = []
    labels = iter(range(100))
    for a in arrays:
        pairs += [a.rechunk(-1), tuple([next(labels) for _ in range(a.ndim)])]
    out = tuple([next(labels) for _ in shape])
    return blockwise(
        partial(call_whole, func=func, which=which, kwargs=tuple(kwargs.items())),
        out,
        *pairs,
        new_axes=dict(zip(out, shape, strict=True)),
        concatenate=True,
        token=func.__name__,
        meta=np.empty((0,) * len(shape), _kind(*arrays)),
    )


def tsqr(data: Any, compute_svd: bool = False) -> Any:
    """QR or SVD of a tall matrix whose columns are one block.

    Parameters
    ----------
    data
        The matrix.
    compute_svd
        Whether to return ``u, s, v`` in place of ``q, r``.

    Raises
    ------
    ValueError
        The columns are several blocks.

    Examples
    --------
    >>> import shoal.array as da
    >>> q, r = tsqr(da.ones((4, 1), chunks=(2, 1)))
    >>> abs(r).compute()
    array([[2.]])
    """
    data = _matrix(data, "tsqr")
    if len(data.chunks[1]) > 1:
        raise ValueError(
            "Input must have the following properties: 1. Have two dimensions 2. Have only one "
            f"column of blocks. It has {len(data.chunks[1])}; rechunk it with {{1: -1}}"
        )
    n = data.shape[1]
    meta = np.empty((0, 0), _kind(data))
    heights = tuple([min(rows, n) if rows == rows else n for rows in data.chunks[0]])
    # The blocks of this one are pairs; nobody sees it.
    factors = blockwise(qr_block, "ij", data, "ij", token="qr", meta=meta)
    stacked = blockwise(
        partial(part_of_factors, which=1),
        "ij",
        factors,
        "ij",
        adjust_chunks={"i": heights},
        token="qr-r",
        meta=meta,
    )
    rank = min(sum(heights), n)
    inner = _whole(np.linalg.qr, [stacked], (sum(heights), rank), 0).rechunk({0: heights})
    r = _whole(np.linalg.qr, [stacked], (rank, n), 1)
    q = blockwise(
        apply_factor,
        "ik",
        factors,
        "ij",
        inner,
        "ik",
        align_arrays=False,
        concatenate=True,
        adjust_chunks={"i": data.chunks[0]},
        token="qr-q",
        meta=meta,
    )
    if not compute_svd:
        return q, r
    u, s, v = _svd_whole(r)
    return matmul(q, u), s, v


def _svd_whole(a: Array) -> tuple[Array, Array, Array]:
    m, n = a.shape
    k = min(m, n)
    told = {"full_matrices": False}
    u = _whole(np.linalg.svd, [a], (m, k), 0, **told)
    s = _whole(np.linalg.svd, [a], (k,), 1, **told)
    v = _whole(np.linalg.svd, [a], (k, n), 2, **told)
    return u, s.real.astype(s.real.dtype), v


def qr(a: Any) -> tuple[Array, Array]:
    """The QR factorisation, reduced; see `numpy.linalg.qr`.

    Parameters
    ----------
    a
        A matrix; one with one column of blocks is factored block by block.

    Examples
    --------
    >>> import shoal.array as da
    >>> q, r = qr(da.ones((4, 2), chunks=(2, 2)))
    >>> q.shape, r.shape
    ((4, 2), (2, 2))
    """
    a = _matrix(a, "qr")
    if len(a.chunks[1]) == 1:
        q, r = tsqr(a)
        return q, r
    m, n = a.shape
    return _whole(np.linalg.qr, [a], (m, min(m, n)), 0), _whole(
        np.linalg.qr, [a], (min(m, n), n), 1
    )


def svd(a: Any, coerce_signs: bool = True) -> tuple[Array, Array, Array]:
    """The singular value decomposition, reduced; see `numpy.linalg.svd`.

    Parameters
    ----------
    a
        A matrix.
    coerce_signs
        Whether the sum of each row of ``v`` is made positive, so that results do not depend on how
        the matrix is cut.

    Returns
    -------
    u, s, v

    Examples
    --------
    >>> import shoal.array as da
    >>> u, s, v = svd(da.ones((4, 2), chunks=(2, 2)))
    >>> s.compute().round(6)
    array([2.828427, 0.      ])
    """
    a = _matrix(a, "svd")
    if len(a.chunks[1]) == 1:
        u, s, v = tsqr(a, compute_svd=True)
    elif len(a.chunks[0]) == 1:
        v, s, u = tsqr(a.T, compute_svd=True)
        u, v = u.T, v.T
    else:
        u, s, v = _svd_whole(a)
    if coerce_signs:
        signs = np.sign(sum_of(v, axis=1, keepdims=True))
        signs = signs + (signs == 0)
        u, v = u * np.conj(signs.T), v * signs
    return u, s, v


def cholesky(a: Any, lower: bool = False) -> Array:
    """The Cholesky factor of a positive definite matrix, in one task.

    Parameters
    ----------
    a
        A square matrix.
    lower
        Whether to return the lower factor; the upper one by default.

    Raises
    ------
    numpy.linalg.LinAlgError
        When computed: the matrix is not positive definite.

    Examples
    --------
    >>> import shoal.array as da
    >>> cholesky(4 * da.eye(2)).compute()
    array([[2., 0.],
           [0., 2.]])
    """
    a = _matrix(a, "cholesky", square=True)
    factor = _whole(np.linalg.cholesky, [a], a.shape).rechunk(a.chunks)
    return factor if lower else np.conj(factor.T)  # type: ignore[no-any-return]


def inv(a: Any) -> Array:
    """The inverse, in one task; see `numpy.linalg.inv`.

    Parameters
    ----------
    a
        A square matrix.

    Examples
    --------
    >>> import shoal.array as da
    >>> inv(2 * da.eye(2)).compute()
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    a = _matrix(a, "inv", square=True)
    return _whole(np.linalg.inv, [a], a.shape).rechunk(a.chunks)  # type: ignore[no-any-return]


def solve(a: Any, b: Any, assume_a: str = "gen") -> Array:
    """The solution of ``a x = b``, in one task; see `numpy.linalg.solve`.

    Parameters
    ----------
    a
        A square matrix.
    b
        A vector or a matrix.
    assume_a
        "gen", or "pos" for a positive definite matrix.

    Examples
    --------
    >>> import shoal.array as da
    >>> solve(2 * da.eye(2), da.ones(2)).compute()
    array([0.5, 0.5])
    """
    if assume_a not in ("gen", "pos", "sym", "her"):
        raise ValueError(f"{assume_a!r} is not a recognized matrix structure; use 'gen' or 'pos'")
    a, b = _matrix(a, "solve", square=True), asanyarray(b)
    if b.ndim not in (1, 2) or b.shape[0] != a.shape[0]:
        raise ValueError(f"solve: shapes {a.shape} and {b.shape} do not fit")
    return _whole(np.linalg.solve, [a, b], b.shape).rechunk(b.chunks)  # type: ignore[no-any-return]


def lstsq(a: Any, b: Any) -> tuple[Array, Array, Array, Array]:
    """The least squares solution of ``a x = b``; see `numpy.linalg.lstsq`.

    Parameters
    ----------
    a
        A matrix; factored block by block where its columns are one block.
    b
        A vector or a matrix.

    Returns
    -------
    solution, residuals, rank, singular values

    Examples
    --------
    >>> import shoal.array as da
    >>> x, *_ = lstsq(
    ...     da.asarray([[1.0], [1.0]], chunks=1).rechunk((1, 1)), da.asarray([1.0, 3])
    ... )
    >>> x.compute()
    array([2.])
    """
    a, b = _matrix(a, "lstsq"), asanyarray(b)
    q, r = qr(a)
    right = matmul(np.conj(q.T), b)
    x = _whole(np.linalg.lstsq, [r, right], (a.shape[1], *b.shape[1:]), 0, rcond=None)
    rest = b - matmul(a, x)
    residuals = sum_of((rest * np.conj(rest)).real, axis=0, keepdims=b.ndim == 1)
    s = _svd_whole(r)[1]
    rank = sum_of(s > max(a.shape) * np.finfo(s.dtype).eps * max_of(s))
    return x, residuals, rank, s


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Array:
    """The norm of vectors or matrices; see `numpy.linalg.norm`.

    Parameters
    ----------
    x
        An array.
    ord
        Which norm, as NumPy has them.
    axis, keepdims
        As for `sum`; one axis for vectors, two for matrices.

    Raises
    ------
    ValueError
        No such norm is known.

    Examples
    --------
    >>> import shoal.array as da
    >>> norm(da.asarray([3.0, 4.0], chunks=1)).compute()
    np.float64(5.0)
    """
    x = asanyarray(x)
    axes = normalize_axes(axis, x.ndim)
    if x.dtype.kind not in "fc":
        x = x.astype(float)
    size = abs(x)
    if ord is None or (ord == "fro" and len(axes) == 2) or (ord == 2 and len(axes) == 1):
        return np.sqrt(sum_of(size**2, axes, keepdims=keepdims))  # type: ignore[return-value]
    if len(axes) == 1:
        return _vector_norm(size, ord, axes, keepdims)
    if len(axes) != 2:
        raise ValueError(f"Improper number of dimensions to norm: {len(axes)}")
    row, column = axes if axis is None else [int(i) % x.ndim for i in axis]
    if ord in (1, -1, np.inf, -np.inf):
        first, then = (row, column) if abs(ord) == 1 else (column, row)
        sums = sum_of(size, first, keepdims=True)
        out = (max_of if ord > 0 else min_of)(sums, (then,), keepdims=True)
    elif ord in (2, -2, "nuc") and x.ndim == 2:
        s = svd(x, coerce_signs=False)[1][None, :]
        pick: Any = {2: max_of, -2: min_of, "nuc": sum_of}[ord]
        out = pick(s, (0, 1), keepdims=True)
    else:
        raise ValueError(f"Invalid norm order {ord!r} for matrices of an array of {x.ndim} axes")
    return out if keepdims else out.squeeze(axis=(row, column))


def _vector_norm(size: Array, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Array:
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order {ord!r} for vectors")
    if ord == np.inf:
        return max_of(size, axes, keepdims)
    if ord == -np.inf:
        return min_of(size, axes, keepdims)
    if ord == 0:
        return sum_of((size != 0).astype(size.dtype), axes, keepdims=keepdims)
    if ord == 1:
        return sum_of(size, axes, keepdims=keepdims)
    return sum_of(size**ord, axes, keepdims=keepdims) ** (1.0 / ord)  # type: ignore[no-any-return]
