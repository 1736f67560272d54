"""Masked arrays: `numpy.ma` by blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.elementwise import elemwise
from shoal.array.kernels.masked import (
    filled_block,
    getdata_block,
    getmask_block,
    masked_block,
    set_fill_block,
)
from shoal.array.mapping import map_blocks
from shoal.array.reductions.simple import sum as sum_of

__all__ = [
    "count",
    "filled",
    "fix_invalid",
    "getdata",
    "getmaskarray",
    "masked_array",
    "masked_equal",
    "masked_greater",
    "masked_greater_equal",
    "masked_inside",
    "masked_invalid",
    "masked_less",
    "masked_less_equal",
    "masked_not_equal",
    "masked_outside",
    "masked_values",
    "masked_where",
    "set_fill_value",
]


def filled(a: Any, fill_value: Any = None) -> Array:
    """The data, with a value in the place of what is masked; see `numpy.ma.filled`.

    Parameters
    ----------
    a
        An array.
    fill_value
        That of the array by default.

    Examples
    --------
    >>> import shoal.array as da
    >>> filled(masked_equal(da.arange(3, chunks=2), 1), 9).compute()
    array([0, 9, 2])
    """
    return map_blocks(filled_block, asanyarray(a), fill_value=fill_value)


def getdata(a: Any) -> Array:
    """The data, masked or not; see `numpy.ma.getdata`.

    Parameters
    ----------
    a
        An array.

    Examples
    --------
    >>> import shoal.array as da
    >>> getdata(masked_equal(da.arange(3, chunks=2), 1)).compute()
    array([0, 1, 2])
    """
    return map_blocks(getdata_block, asanyarray(a))


def getmaskarray(a: Any) -> Array:
    """Where elements are masked; see `numpy.ma.getmaskarray`.

    Parameters
    ----------
    a
        An array.

    Examples
    --------
    >>> import shoal.array as da
    >>> getmaskarray(masked_equal(da.arange(3, chunks=2), 1)).compute()
    array([False,  True, False])
    """
    return map_blocks(getmask_block, asanyarray(a))


def fix_invalid(a: Any, fill_value: Any = None) -> Array:
    """With nan and inf masked and replaced; see `numpy.ma.fix_invalid`.

    Parameters
    ----------
    a
        An array.
    fill_value
        What replaces them.

    Examples
    --------
    >>> import shoal.array as da
    >>> fix_invalid(da.asarray([1.0, np.nan])).compute().mask
    array([False,  True])
    """
    return map_blocks(np.ma.fix_invalid, asanyarray(a), fill_value=fill_value)


def set_fill_value(a: Array, fill_value: Any) -> None:
    """Set the value that stands for what is masked; see `numpy.ma.set_fill_value`.

    Parameters
    ----------
    a
        An array of shoal's, which is changed.
    fill_value
        The value.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = masked_equal(da.arange(3, chunks=2), 1)
    >>> set_fill_value(x, 7)
    >>> x.compute().fill_value
    np.int64(7)
    """
    a._node = map_blocks(set_fill_block, asanyarray(a), fill_value=fill_value)._node


def masked_array(
    data: Any, mask: Any = np.ma.nomask, fill_value: Any = None, **kwargs: Any
) -> Array:
    """An array with some elements masked; see `numpy.ma.masked_array`.

    Parameters
    ----------
    data
        An array.
    mask
        Of its shape, or a scalar.
    fill_value
        What stands for what is masked.
    **kwargs
        ``dtype`` and others of NumPy's.

    Raises
    ------
    numpy.ma.MaskError
        The shapes differ.

    Examples
    --------
    >>> import shoal.array as da
    >>> masked_array(da.arange(3, chunks=2), [False, True, False]).sum().compute()
    np.int64(2)
    """
    data = asanyarray(data)
    told = dict(kwargs)
    if fill_value is not None:
        if np.ndim(fill_value):
            raise ValueError(f"fill_value must be a scalar, got shape {np.shape(fill_value)}")
        told["fill_value"] = fill_value
    if mask is np.ma.nomask:
        return elemwise(masked_block, data, mask=None, **told)
    mask = asanyarray(mask)
    if mask.size == 1 and mask.shape != data.shape:
        mask = mask.reshape((1,) * data.ndim)
    elif data.shape != mask.shape:
        raise np.ma.MaskError(
            f"Mask and data not compatible: data shape is {data.shape}, and mask shape is "
            f"{mask.shape}."
        )
    return elemwise(masked_block, data, mask, **told)


def masked_where(condition: Any, a: Any) -> Array:
    """Masked where a condition holds; see `numpy.ma.masked_where`.

    Parameters
    ----------
    condition
        An array of bool.
    a
        An array of its shape.

    Raises
    ------
    IndexError
        The shapes differ.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.arange(3, chunks=2)
    >>> masked_where(x > 1, x).sum().compute()
    np.int64(1)
    """
    condition, a = asanyarray(condition), asanyarray(a)
    if condition.shape not in ((), a.shape):
        raise IndexError(
            f"Inconsistent shape between the condition and the input (got {condition.shape} and "
            f"{a.shape})"
        )
    return elemwise(np.ma.masked_where, condition, a)


def masked_invalid(a: Any) -> Array:
    """With nan and inf masked; see `numpy.ma.masked_invalid`.

    Parameters
    ----------
    a
        An array.

    Examples
    --------
    >>> import shoal.array as da
    >>> masked_invalid(da.asarray([1.0, np.nan])).sum().compute()
    np.float64(1.0)
    """
    return elemwise(np.ma.masked_invalid, asanyarray(a))


def count(a: Any, axis: Any = None, keepdims: bool = False, split_every: Any = None) -> Array:
    """How many elements are not masked; see `numpy.ma.count`.

    Parameters
    ----------
    a, axis, keepdims, split_every
        As for `sum`.

    Examples
    --------
    >>> import shoal.array as da
    >>> count(masked_equal(da.arange(3, chunks=2), 1)).compute()
    np.int64(2)
    """
    return sum_of(~getmaskarray(a), axis, np.intp, keepdims, split_every)


def masked_equal(a: Any, value: Any) -> Array:
    """Masked where elements equal a value; see `numpy.ma.masked_equal`.

    Parameters
    ----------
    a
        An array.
    value
        What to compare with.

    Examples
    --------
    >>> import shoal.array as da
    >>> masked_equal(da.asarray([1.0, 2, 3], chunks=2), 2).compute().mask.tolist()
    [False, True, False]
    """
    return elemwise(np.ma.masked_equal, asanyarray(a), value)


def masked_not_equal(a: Any, value: Any) -> Array:
    """Masked where elements do not equal a value; see `numpy.ma.masked_not_equal`.

    Parameters
    ----------
    a
        An array.
    value
        What to compare with.

    Examples
    --------
    >>> import shoal.array as da
    >>> masked_not_equal(da.asarray([1.0, 2, 3], chunks=2), 2).compute().mask.tolist()
    [True, False, True]
    """
    return elemwise(np.ma.masked_not_equal, asanyarray(a), value)


def masked_greater(a: Any, value: Any) -> Array:
    """Masked where elements are greater than a value; see `numpy.ma.masked_greater`.

    Parameters
    ----------
    a
        An array.
    value
        What to compare with.

    Examples
    --------
    >>> import shoal.array as da
    >>> masked_greater(da.asarray([1.0, 2, 3], chunks=2), 2).compute().mask.tolist()
    [False, False, True]
    """
    return elemwise(np.ma.masked_greater, asanyarray(a), value)


def masked_greater_equal(a: Any, value: Any) -> Array:
    """Masked where elements are greater or equal; see `numpy.ma.masked_greater_equal`.

    Parameters
    ----------
    a
        An array.
    value
        What to compare with.

    Examples
    --------
    >>> import shoal.array as da
    >>> masked_greater_equal(da.asarray([1.0, 2, 3], chunks=2), 2).compute().mask.tolist()
    [False, True, True]
    """
    return elemwise(np.ma.masked_greater_equal, asanyarray(a), value)


def masked_less(a: Any, value: Any) -> Array:
    """Masked where elements are less than a value; see `numpy.ma.masked_less`.

    Parameters
    ----------
    a
        An array.
    value
        What to compare with.

    Examples
    --------
    >>> import shoal.array as da
    >>> masked_less(da.asarray([1.0, 2, 3], chunks=2), 2).compute().mask.tolist()
    [True, False, False]
    """
    return elemwise(np.ma.masked_less, asanyarray(a), value)


def masked_less_equal(a: Any, value: Any) -> Array:
    """Masked where elements are less or equal; see `numpy.ma.masked_less_equal`.

    Parameters
    ----------
    a
        An array.
    value
        What to compare with.

    Examples
    --------
    >>> import shoal.array as da
    >>> masked_less_equal(da.asarray([1.0, 2, 3], chunks=2), 2).compute().mask.tolist()
    [True, True, False]
    """
    return elemwise(np.ma.masked_less_equal, asanyarray(a), value)


def masked_inside(a: Any, v1: Any, v2: Any) -> Array:
    """Masked where elements are within an interval; see `numpy.ma.masked_inside`.

    Parameters
    ----------
    a
        An array.
    v1, v2
        What to compare with.

    Examples
    --------
    >>> import shoal.array as da
    >>> masked_inside(da.asarray([1.0, 2, 3], chunks=2), 2, 3).compute().mask.tolist()
    [False, True, True]
    """
    return elemwise(np.ma.masked_inside, asanyarray(a), v1, v2)


def masked_outside(a: Any, v1: Any, v2: Any) -> Array:
    """Masked where elements are outside of an interval; see `numpy.ma.masked_outside`.

    Parameters
    ----------
    a
        An array.
    v1, v2
        What to compare with.

    Examples
    --------
    >>> import shoal.array as da
    >>> masked_outside(da.asarray([1.0, 2, 3], chunks=2), 2, 3).compute().mask.tolist()
    [True, False, False]
    """
    return elemwise(np.ma.masked_outside, asanyarray(a), v1, v2)


def masked_values(
    x: Any, value: Any, rtol: float = 1e-05, atol: float = 1e-08, shrink: bool = True
) -> Array:
    """Masked where elements nearly equal a value; see `numpy.ma.masked_values`.

    Parameters
    ----------
    x
        An array.
    value
        What to compare with.
    rtol, atol, shrink
        As NumPy has them.

    Examples
    --------
    >>> import shoal.array as da
    >>> masked_values(da.asarray([1.0, 2, 3], chunks=2), 2).compute().mask.tolist()
    [False, True, False]
    """
    return elemwise(np.ma.masked_values, asanyarray(x), value, rtol=rtol, atol=atol, shrink=shrink)
