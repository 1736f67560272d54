"""Singular values: exact, by way of QR, and the largest ones, by way of random projections."""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.linalg.factors import qr as factor
from shoal.array.linalg.factors import tsqr
from shoal.array.linalg.matrices import adjoint, factored_kind, matrix, of_stacks
from shoal.array.linalg.results import SVDResult
from shoal.array.linalg.tall import svd_of_small, svd_of_tall
from shoal.array.random import default_rng
from shoal.array.routines.products import matmul

__all__ = ["compression_level", "compression_matrix", "svd", "svd_compressed", "svd_flip"]


def svd(a: Any, coerce_signs: bool = True, full_matrices: bool = False) -> SVDResult:
    """The singular value decomposition; see `numpy.linalg.svd`.

    Parameters
    ----------
    a
        A matrix in any blocks, whose smaller side squared one task can hold; or a stack.
    coerce_signs
        Whether signs are set as `svd_flip` does, so that results do not depend on how the matrix
        is cut.
    full_matrices
        Whether ``U`` and ``Vh`` are square; not so by default, unlike NumPy's.

    Examples
    --------
    >>> import shoal.array as da
    >>> u, s, v = svd(da.ones((4, 2), chunks=(2, 2)))
    >>> s.compute().round(6)
    array([2.828427, 0.      ])
    """
    a = matrix(a, "svd", stacks=True)
    m, n = a.shape[-2:]
    if full_matrices or a.ndim > 2:
        sizes = {"k": min(m, n), "p": m if full_matrices else min(m, n)}
        sizes["q"] = n if full_matrices else min(m, n)
        signature = "(m,n)->(m,p),(k),(q,n)"
        told = {"sizes": sizes, "full_matrices": full_matrices}
        return SVDResult(*of_stacks(np.linalg.svd, signature, a, **told))
    if len(a.chunks[1]) > 1 and (len(a.chunks[0]) == 1 or m < n):
        v, s, u = _tall(a.T)
        u, v = u.T, v.T
    else:
        u, s, v = _tall(a)
    if coerce_signs:
        u, v = svd_flip(u, v)
    return SVDResult(u, s, v)


def _tall(a: Array) -> tuple[Array, Array, Array]:
    if len(a.chunks[1]) == 1:
        return svd_of_tall(a)
    q, r = factor(a)
    u, s, v = svd_of_small(r)
    return matmul(q, u), s, v


def svd_flip(u: Any, v: Any, u_based_decision: bool = False) -> tuple[Any, Any]:
    """Singular vectors whose signs are determined: the sum of each is not negative.

    Parameters
    ----------
    u
        Left ones, as columns.
    v
        Right ones, as rows.
    u_based_decision
        Whether the sums of the left ones decide; else those of the right ones.

    Examples
    --------
    >>> u, v = svd_flip(np.array([[1.0]]), np.array([[-2.0]]))
    >>> u, v
    (array([[-1.]]), array([[2.]]))
    """
    sums = np.sum(u, axis=0, keepdims=True) if u_based_decision else np.sum(v, 1, keepdims=True).T
    ones = u.dtype.type(1)
    signs = np.where(sums >= 0, ones, -ones) if u.dtype.kind != "c" else _phase(sums, ones)
    return u * signs, v * (signs.T if u.dtype.kind != "c" else np.conj(signs.T))


def _phase(sums: Any, one: Any) -> Any:
    """Numbers of absolute value 1 that turn some sums to positive ones; NumPy's sign but for 0."""
    signs = np.conj(np.sign(sums))
    return np.conj(signs + (signs == 0) * one)


def compression_level(n: int, q: int, n_oversamples: int = 10, min_subspace_size: int = 20) -> int:
    """How many random vectors `svd_compressed` takes.

    Parameters
    ----------
    n
        The smaller side of the matrix.
    q
        How many singular values are asked for.
    n_oversamples
        How many vectors more.
    min_subspace_size
        How many at least.

    Examples
    --------
    >>> compression_level(100, 5), compression_level(10, 5)
    (20, 10)
    """
    return min(max(min_subspace_size, q + n_oversamples), n)


def compression_matrix(
    data: Any,
    q: int,
    iterator: str = "power",
    n_power_iter: int = 0,
    n_oversamples: int = 10,
    seed: Any = None,
    compute: bool = False,
) -> Array:
    """Rows that span most of what a matrix maps to (Halko, Martinsson and Tropp 2011).

    Parameters
    ----------
    data
        A matrix.
    q
        How many singular values are asked for.
    iterator
        "power", or "QR", which is more exact and takes more tasks.
    n_power_iter
        How often the matrix and its transpose are applied, for values that fall slowly.
    n_oversamples
        How many vectors more than ``q``.
    seed
        An int, or a generator of `shoal.array.random`.
    compute
        Whether to compute after each application, so that no graph holds them all.

    Raises
    ------
    ValueError
        The iterator is not known.

    Examples
    --------
    >>> import shoal.array as da
    >>> compression_matrix(da.ones((100, 50), chunks=25), 1, seed=5).shape
    (20, 100)
    """
    data = matrix(data, "compression_matrix")
    if iterator not in ("power", "QR"):
        raise ValueError(f"Iterator {iterator!r} not valid, must be one of ['power', 'QR']")
    m, n = data.shape
    level = compression_level(min(m, n), q, n_oversamples)
    rng: Any = seed if hasattr(seed, "standard_normal") else default_rng(seed)
    vectors = rng.standard_normal(size=(n, level), chunks=(data.chunks[1], (level,)))
    image = _kept(matmul(data, vectors.astype(factored_kind(data), copy=False)), compute)
    for _ in range(n_power_iter):
        if iterator == "QR":
            image = tsqr(matmul(adjoint(data), tsqr(image)[0]))[0]
        else:
            image = matmul(adjoint(data), image)
        image = _kept(matmul(data, image), compute)
    return adjoint(tsqr(image)[0])


def _kept(a: Array, compute: bool) -> Array:
    out: Array = a.persist() if compute else a
    return out


def svd_compressed(
    a: Any,
    k: int,
    iterator: str = "power",
    n_power_iter: int = 0,
    n_oversamples: int = 10,
    seed: Any = None,
    compute: bool = False,
    coerce_signs: bool = True,
) -> SVDResult:
    """The largest singular values and their vectors, nearly (Halko, Martinsson and Tropp 2011).

    Parameters
    ----------
    a
        A matrix in any blocks.
    k
        How many.
    iterator, n_power_iter, n_oversamples, seed, compute
        As for `compression_matrix`.
    coerce_signs
        As for `svd`.

    Examples
    --------
    >>> import shoal.array as da
    >>> u, s, v = svd_compressed(da.ones((100, 100), chunks=50), 1, seed=5)
    >>> s.compute().round(6)
    array([100.])
    """
    a = matrix(a, "svd_compressed")
    told = (iterator, n_power_iter, n_oversamples, seed, compute)
    compression = _kept(compression_matrix(a, k, *told), compute)
    v, s, u = _tall(adjoint(matmul(compression, a).rechunk({0: -1})))
    left: Any = matmul(adjoint(compression), adjoint(u))[:, :k]
    right: Any = adjoint(v)[:k]
    if coerce_signs:
        left, right = svd_flip(left, right)
    return SVDResult(left, s[:k], right)
