"""What arrays are, which needs no computing, and whether they are equal, lazily."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.creation.constant import full
from shoal.array.elementwise import elemwise
from shoal.array.reductions.simple import all as all_of

__all__ = [
    "array_equal",
    "array_equiv",
    "around",
    "can_cast",
    "common_type",
    "copy",
    "iscomplexobj",
    "isrealobj",
    "ndim",
    "result_type",
    "round",
    "shape",
    "size",
]


def shape(array: Any) -> tuple[int, ...]:
    """The length of each axis; see `numpy.shape`.

    Parameters
    ----------
    array
        An array.

    Examples
    --------
    >>> shape([1, 2])
    (2,)
    """
    return asanyarray(array).shape


def ndim(a: Any) -> int:
    """How many axes; see `numpy.ndim`.

    Parameters
    ----------
    a
        An array.

    Examples
    --------
    >>> ndim([1, 2])
    1
    """
    return asanyarray(a).ndim


def result_type(*args: Any) -> Any:
    """The dtype of what elementwise functions make of some arrays; see `numpy.result_type`.

    Parameters
    ----------
    *args
        Arrays, scalars and dtypes.

    Examples
    --------
    >>> import shoal.array as da
    >>> result_type(da.ones(2, dtype="f4"), 3)
    dtype('float32')
    """
    return np.result_type(*[a.dtype if isinstance(a, Array) else a for a in args])


def iscomplexobj(x: Any) -> bool:
    """Whether the dtype is complex; see `numpy.iscomplexobj`.

    Parameters
    ----------
    x
        An array.

    Examples
    --------
    >>> iscomplexobj([1j])
    True
    """
    return bool(asanyarray(x).dtype.kind == "c")


def around(x: Any, decimals: int = 0) -> Array:
    """Elements rounded; see `numpy.around`.

    Parameters
    ----------
    x
        An array.
    decimals
        To how many places.

    Examples
    --------
    >>> import shoal.array as da
    >>> around(da.asarray([1.26, 2.5]), 1).compute()
    array([1.3, 2.5])
    """
    return elemwise(np.round, asanyarray(x), decimals=decimals)


def round(a: Any, decimals: int = 0) -> Array:
    """Elements rounded; see `numpy.round`.

    Parameters
    ----------
    a, decimals
        As for `around`.

    Examples
    --------
    >>> import shoal.array as da
    >>> round(da.asarray([1.26, 2.5]), 1).compute()
    array([1.3, 2.5])
    """
    return around(a, decimals)


def size(a: Any, axis: Any = None) -> int:
    """How many elements; see `numpy.size`.

    Parameters
    ----------
    a
        An array.
    axis
        Along which: an int or several; None for all.

    Examples
    --------
    >>> size([[1, 2, 3]]), size([[1, 2, 3]], 0)
    (3, 1)
    """
    lengths = asanyarray(a).shape
    axes = range(len(lengths)) if axis is None else np.atleast_1d(axis).tolist()
    return math.prod(lengths[i] for i in axes)


def isrealobj(x: Any) -> bool:
    """Whether the dtype is not complex; see `numpy.isrealobj`.

    Parameters
    ----------
    x
        An array.

    Examples
    --------
    >>> isrealobj([1j])
    False
    """
    return not iscomplexobj(x)


def copy(a: Any, order: str = "K", subok: bool = False) -> Array:
    """Another array of the same elements; see `numpy.copy`.

    Parameters
    ----------
    a
        An array.
    order, subok
        Accepted: blocks are as they are.

    Examples
    --------
    >>> copy([1, 2]).compute()
    array([1, 2])
    """
    return asanyarray(a).copy()


def can_cast(from_: Any, to: Any, casting: str = "safe") -> bool:
    """Whether one dtype can become another; see `numpy.can_cast`.

    Parameters
    ----------
    from_
        A dtype or an array.
    to
        A dtype.
    casting
        As NumPy has it.

    Examples
    --------
    >>> import shoal.array as da
    >>> can_cast(da.ones(2), "f4"), can_cast("i4", "f8")
    (False, True)
    """
    source = from_.dtype if isinstance(from_, Array) else from_
    return np.can_cast(source, to, casting=casting)  # type: ignore[arg-type]


def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Array:
    """Whether two arrays have one shape and equal elements; see `numpy.array_equal`.

    Parameters
    ----------
    a1, a2
        Arrays.
    equal_nan
        Whether nan is equal to nan.

    Returns
    -------
    Array without axes

    Examples
    --------
    >>> import shoal.array as da
    >>> bool(array_equal(da.ones(3, chunks=2), [1, 1, 1]))
    True
    """
    a1, a2 = asanyarray(a1), asanyarray(a2)
    known = [n == n == m == m for n, m in zip(a1.shape, a2.shape, strict=False)]
    if a1.ndim != a2.ndim or any(
        k and n != m for k, n, m in zip(known, a1.shape, a2.shape, strict=True)
    ):
        return full((), False, dtype=bool)
    same = a1 == a2
    if equal_nan:
        same = same | ((a1 != a1) & (a2 != a2))
    return all_of(same)


def array_equiv(a1: Any, a2: Any) -> Array:
    """Whether two arrays broadcast to equal elements; see `numpy.array_equiv`.

    Parameters
    ----------
    a1, a2
        Arrays.

    Returns
    -------
    Array without axes

    Examples
    --------
    >>> import shoal.array as da
    >>> bool(array_equiv(da.ones((2, 3), chunks=2), [1, 1, 1]))
    True
    """
    a1, a2 = asanyarray(a1), asanyarray(a2)
    try:
        np.broadcast_shapes(a1.shape, a2.shape)
    except ValueError:
        return full((), False, dtype=bool)
    return all_of(a1 == a2)


def common_type(*arrays: Any) -> Any:
    """The inexact type that some arrays have in common; see `numpy.common_type`.

    Parameters
    ----------
    *arrays
        Arrays of numbers.

    Examples
    --------
    >>> import shoal.array as da
    >>> common_type(da.ones(2, dtype="f4"), da.arange(2))
    <class 'numpy.float64'>
    """
    return np.common_type(*[np.empty(0, asanyarray(a).dtype) for a in arrays])
