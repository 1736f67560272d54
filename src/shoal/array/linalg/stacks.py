"""Functions of NumPy's for each matrix of a stack: a table, a function a line.

The matrices are in the last two axes, which become one block each: a task has to hold a matrix as a
whole.  The signature says which axes go in and come out, as `numpy.vectorize` writes it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.creation import diagonal as diagonal_of
from shoal.array.documented import documented
from shoal.array.linalg.matrices import matrix, of_stacks
from shoal.array.linalg.results import EighResult, EigResult, SlogdetResult
from shoal.array.routines.products import dot
from shoal.array.routines.products import outer as outer_of
from shoal.array.routines.vectors import cross as cross_of
from shoal.array.statistics import trace as trace_of

__all__ = [
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "outer",
    "pinv",
    "slogdet",
    "svdvals",
    "trace",
]

PARAMETERS = """\\
a
    A matrix, or a stack of them in the last two axes.
**kwargs
    As NumPy has them."""


def _made(
    name: str,
    signature: str,
    claim: str,
    example: str,
    result: str,
    kind: Any = None,
    complex_: bool = False,
) -> Callable[..., Any]:
    """A function of stacks."""
    func = getattr(np.linalg, name)
    square = signature.startswith("(m,m)")

    def of_matrices(a: Any, **kwargs: Any) -> Any:
        a = matrix(a, name, square=square, stacks=True)
        if complex_:
            # The eigenvalues of some real matrices are complex: blocks must not differ in type.
            a = a.astype(np.result_type(a.dtype, np.complex64))
        sizes = {"k": min(a.shape[-2:])}
        found = of_stacks(func, signature, a, sizes=sizes, **kwargs)
        return found if kind is None else kind(*found)

    told = f"{claim}; see `numpy.linalg.{name}`"
    return documented(of_matrices, name, told, PARAMETERS, example, result)


det = _made(
    *("det", "(m,m)->()", "The determinant"),
    "da.linalg.det(2 * da.eye(2, chunks=1)).compute().round(6)",
    "np.float64(4.0)",
)
slogdet = _made(
    *("slogdet", "(m,m)->(),()", "The sign and the logarithm of the determinant"),
    "da.linalg.slogdet(da.eye(2)).sign.compute()",
    "np.float64(1.0)",
    SlogdetResult,
)
eig = _made(
    *("eig", "(m,m)->(m),(m,m)", "Eigenvalues and eigenvectors, complex"),
    "da.linalg.eig(2 * da.eye(1)).eigenvalues.compute()",
    "array([2.+0.j])",
    EigResult,
    complex_=True,
)
eigvals = _made(
    *("eigvals", "(m,m)->(m)", "Eigenvalues, complex"),
    "da.linalg.eigvals(2 * da.eye(1)).compute()",
    "array([2.+0.j])",
    complex_=True,
)
eigh = _made(
    *("eigh", "(m,m)->(m),(m,m)", "Eigenvalues and eigenvectors of a Hermitian matrix"),
    "da.linalg.eigh(2 * da.eye(2, chunks=1)).eigenvalues.compute()",
    "array([2., 2.])",
    EighResult,
)
eigvalsh = _made(
    *("eigvalsh", "(m,m)->(m)", "Eigenvalues of a Hermitian matrix"),
    "da.linalg.eigvalsh(2 * da.eye(2, chunks=1)).compute()",
    "array([2., 2.])",
)
svdvals = _made(
    *("svdvals", "(m,n)->(k)", "Singular values"),
    "da.linalg.svdvals(2 * da.eye(2, chunks=1)).compute()",
    "array([2., 2.])",
)
cond = _made(
    *("cond", "(m,n)->()", "The condition number"),
    "da.linalg.cond(2 * da.eye(2, chunks=1)).compute()",
    "np.float64(1.0)",
)


def pinv(a: Any, /, *, rtol: Any = None, hermitian: bool = False) -> Array:
    """The pseudo-inverse; see `numpy.linalg.pinv`.

    Parameters
    ----------
    a
        A matrix, or a stack of them.
    rtol
        Singular values below this part of the largest count as zero; a number, or one for each
        matrix.
    hermitian
        Whether the matrices are Hermitian.

    Examples
    --------
    >>> import shoal.array as da
    >>> pinv(2 * da.eye(1)).compute()
    array([[0.5]])
    """
    a = matrix(a, "pinv", stacks=True)
    made: Array = _with_tolerance(_pinv_block, "(m,n)->(n,m)", a, rtol, hermitian)
    return made


def matrix_rank(a: Any, /, *, rtol: Any = None, hermitian: bool = False) -> Array:
    """How many singular values are not zero; see `numpy.linalg.matrix_rank`.

    Parameters
    ----------
    a, rtol, hermitian
        As for `pinv`.

    Examples
    --------
    >>> import shoal.array as da
    >>> matrix_rank(da.ones((3, 2), chunks=1)).compute()
    np.int64(1)
    """
    a = asanyarray(a)
    if a.ndim < 2:
        return (a != 0).any().astype(np.intp)  # type: ignore[no-any-return]
    made: Array = _with_tolerance(_rank_block, "(m,n)->()", a, rtol, hermitian)
    return made


def _with_tolerance(func: Any, signature: str, a: Array, rtol: Any, hermitian: bool) -> Any:
    m, n = a.shape[-2:]
    if rtol is None:
        # NumPy's, which depends on the shape of the whole matrix.
        kind = a.dtype if a.dtype.kind in "fc" else np.dtype(float)
        rtol = np.asarray(max(m, n) * np.finfo(kind).eps if func is _rank_block else 1e-15)
    inputs, _, results = signature.partition("->")
    return of_stacks(func, f"{inputs},()->{results}", a, rtol, hermitian=hermitian)


def _pinv_block(block: Any, rtol: Any, hermitian: bool) -> Any:
    """Pseudo-inverses of a block of matrices.

    >>> _pinv_block(np.array([[2.0]]), 1e-15, False)
    array([[0.5]])
    """
    return np.linalg.pinv(block, rtol, hermitian)


def _rank_block(block: Any, rtol: Any, hermitian: bool) -> Any:
    """Ranks of a block of matrices.

    >>> _rank_block(np.array([[2.0]]), 1e-15, False)
    np.int64(1)
    """
    s = np.linalg.svd(block, compute_uv=False, hermitian=hermitian)
    return np.count_nonzero(
        s > s.max(axis=-1, keepdims=True) * np.asarray(rtol)[..., None], axis=-1
    )


def matrix_power(a: Any, n: int) -> Array:
    """A power of a matrix, or of each of a stack; see `numpy.linalg.matrix_power`.

    Parameters
    ----------
    a
        A square matrix, or a stack of them.
    n
        The exponent, an int.

    Examples
    --------
    >>> import shoal.array as da
    >>> matrix_power(2 * da.eye(2, chunks=1), 3).compute()
    array([[8., 0.],
           [0., 8.]])
    """
    a = matrix(a, "matrix_power", square=True, stacks=True)
    made: Array = of_stacks(np.linalg.matrix_power, "(m,m)->(m,m)", a, n=int(n))
    return made


def multi_dot(arrays: Any) -> Array:
    """The product of several matrices, from left to right; see `numpy.linalg.multi_dot`.

    Parameters
    ----------
    arrays
        Two or more; the first and the last may be vectors.

    Examples
    --------
    >>> import shoal.array as da
    >>> multi_dot([2 * da.eye(2, chunks=1)] * 3).compute()
    array([[8., 0.],
           [0., 8.]])
    """
    given = list(arrays)
    if len(given) < 2:
        raise ValueError(f"Expecting at least two arrays, got {len(given)}")
    out: Array = reduce(dot, given)
    return out


def diagonal(x: Any, /, *, offset: int = 0) -> Array:
    """A diagonal of the last two axes; see `numpy.linalg.diagonal`.

    Parameters
    ----------
    x
        Of two axes or more.
    offset
        Which.

    Examples
    --------
    >>> import shoal.array as da
    >>> diagonal(da.eye(2, chunks=1)).compute()
    array([1., 1.])
    """
    return diagonal_of(x, offset, -2, -1)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Array:
    """The sum of a diagonal of the last two axes; see `numpy.linalg.trace`.

    Parameters
    ----------
    x
        Of two axes or more.
    offset
        Which.
    dtype
        Of the result.

    Examples
    --------
    >>> import shoal.array as da
    >>> trace(da.eye(2, chunks=1)).compute()
    np.float64(2.0)
    """
    return trace_of(x, offset, -2, -1, dtype)


def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Array:
    """The cross product of vectors of three elements; see `numpy.linalg.cross`.

    Parameters
    ----------
    x1, x2
        Arrays.
    axis
        Along which the vectors are.

    Examples
    --------
    >>> import shoal.array as da
    >>> cross(da.asarray([1, 0, 0]), [0, 1, 0]).compute()
    array([0, 0, 1])
    """
    return cross_of(x1, x2, axis=axis)


def outer(x1: Any, x2: Any, /) -> Array:
    """The outer product of two vectors; see `numpy.linalg.outer`.

    Parameters
    ----------
    x1, x2
        Of one axis.

    Examples
    --------
    >>> import shoal.array as da
    >>> outer(da.arange(2), [1, 2]).compute()
    array([[0, 0],
           [1, 2]])
    """
    x1, x2 = asanyarray(x1), asanyarray(x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(
            "Input arrays must be one-dimensional, but they are x1.ndim="
            f"{x1.ndim} and x2.ndim={x2.ndim}."
        )
    return outer_of(x1, x2)
