"""What the functions of matrices have in common: what they take, and stacks of matrices.

A stack has its matrices in the last two axes; they become one block each, and blocks of them are
worked on side by side.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.gufuncs import apply_gufunc
from shoal.array.meta import meta_from_array

__all__ = ["adjoint", "conjugate", "factored_kind", "matrix", "of_stacks"]


def matrix(a: Any, name: str, square: bool = False, stacks: bool = False) -> Array:
    """An argument as a matrix, or a stack of them.

    Parameters
    ----------
    a
        An array.
    name
        Of the function, for the error.
    square
        Whether it must be square.
    stacks
        Whether it may have more axes.

    Raises
    ------
    ValueError
        It has other axes, or is not square.

    Examples
    --------
    >>> import shoal.array as da
    >>> matrix(da.ones((2, 3)), "inv", square=True)
    Traceback (most recent call last):
    ...
    numpy.linalg.LinAlgError: inv takes a square matrix, got shape (2, 3)
    """
    a = asanyarray(a)
    if a.ndim < 2 or (a.ndim > 2 and not stacks):
        raise np.linalg.LinAlgError(
            f"Array must be 2D: {name} takes a matrix, an array of two axes; got shape {a.shape}"
        )
    m, n = a.shape[-2:]
    if square and m != n and m == m and n == n:
        raise np.linalg.LinAlgError(f"{name} takes a square matrix, got shape {a.shape}")
    return a  # type: ignore[no-any-return]


def conjugate(a: Array) -> Array:
    """The complex conjugate; an array that is real as it is, where NumPy would copy it.

    Parameters
    ----------
    a
        An array.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.ones(2)
    >>> conjugate(x) is x
    True
    """
    return np.conj(a) if a.dtype.kind in "cO" else a  # type: ignore[return-value]


def adjoint(a: Array) -> Array:
    """The conjugate of the transpose.

    Parameters
    ----------
    a
        A matrix.

    Examples
    --------
    >>> import shoal.array as da
    >>> adjoint(1j * da.ones((1, 2))).compute()
    array([[0.-1.j],
           [0.-1.j]])
    """
    return conjugate(a.T)


def factored_kind(*arrays: Array) -> Any:
    """The dtype that NumPy factors some arrays as.

    Parameters
    ----------
    *arrays
        The arrays.

    Examples
    --------
    >>> import shoal.array as da
    >>> factored_kind(da.ones(1, dtype=int))
    dtype('float64')
    """
    return np.linalg.qr(np.ones((1, 1), np.result_type(*[a.dtype for a in arrays])))[1].dtype


def of_stacks(func: Any, signature: str, *arrays: Any, sizes: Any = None, **kwargs: Any) -> Any:
    """A function of NumPy's for each matrix of a stack.

    Parameters
    ----------
    func
        ``func(*blocks, **kwargs)``.
    signature
        As for `apply_gufunc`.
    *arrays
        Stacks; their other axes are broadcast.
    sizes
        Lengths of axes that no array has.
    **kwargs
        The function's.

    Examples
    --------
    >>> import shoal.array as da
    >>> of_stacks(np.linalg.det, "(m,m)->()", 2 * da.eye(2)).compute().round(6)
    np.float64(4.0)
    """
    given = [asanyarray(a) for a in arrays]
    samples = [np.ones((1,) * a.ndim, a.dtype) for a in given]
    out = func(*samples, **kwargs)
    several = isinstance(out, tuple)
    parts = [np.asarray(part) for part in (out if several else (out,))]
    metas = [meta_from_array(None, part.ndim, part.dtype) for part in parts]
    return apply_gufunc(
        func,
        signature,
        *given,
        output_sizes=sizes,
        allow_rechunk=True,
        meta=tuple(metas) if several else metas[0],
        **kwargs,
    )
