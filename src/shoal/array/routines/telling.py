"""What arrays are: nothing is computed."""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.elementwise import elemwise

__all__ = ["around", "iscomplexobj", "ndim", "result_type", "round", "shape"]


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
    return elemwise(np.around, asanyarray(x), decimals=decimals)


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
