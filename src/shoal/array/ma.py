"""Masked arrays: `numpy.ma` by blocks, which are `numpy.ma.MaskedArray`.

Functions that make masks are written here.  `ELEMENTWISE` are NumPy's, which mask what has no value
(the root of a negative number); `SAME` are functions of `shoal.array` itself, which give masked
blocks their due.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.documented import documented
from shoal.array.elementwise import elemwise
from shoal.array.kernels.masked import (
    filled_block,
    getdata_block,
    getmask_block,
    masked_block,
    set_fill_block,
    weights_block,
    where_block,
)
from shoal.array.mapping import map_blocks
from shoal.array.reductions.simple import all as all_of
from shoal.array.reductions.simple import mean
from shoal.array.reductions.simple import sum as sum_of
from shoal.array.refused import reason_of
from shoal.array.statistics.averages import fitted_weights

__all__ = [
    "allequal",
    "average",
    "count",
    "count_masked",
    "filled",
    "fix_invalid",
    "getdata",
    "getmask",
    "getmaskarray",
    "masked_all",
    "masked_all_like",
    "masked_array",
    "masked_equal",
    "masked_greater",
    "masked_greater_equal",
    "masked_inside",
    "masked_invalid",
    "masked_less",
    "masked_less_equal",
    "masked_not_equal",
    "masked_object",
    "masked_outside",
    "masked_values",
    "masked_where",
    "set_fill_value",
]

ELEMENTWISE = (
    "abs absolute add angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh around "
    "bitwise_and bitwise_or bitwise_xor ceil conjugate cos cosh divide equal exp fabs floor "
    "floor_divide fmod greater greater_equal hypot left_shift less less_equal log log10 log2 "
    "empty_like logical_and logical_not logical_or logical_xor maximum minimum mod multiply "
    "negative not_equal ones_like power remainder right_shift round round_ sin sinh sqrt "
    "subtract tan tanh true_divide where zeros_like"
)
"""NumPy's functions of elements."""

SAME = (
    "all allclose amax amin any append arange argmax argmin asarray atleast_1d atleast_2d "
    "atleast_3d choose clip column_stack compress concatenate copy cumprod cumsum diag diagflat "
    "diagonal diff dot dstack ediff1d empty expand_dims fromfunction hsplit hstack "
    "identity indices max mean min ndim nonzero ones outer prod ptp ravel repeat reshape "
    "resize row_stack shape size squeeze stack std sum swapaxes take transpose var vstack zeros"
)
"""Functions of `shoal.array`."""

RENAMED = {
    "alltrue": "all",
    "array": "asarray",
    "outerproduct": "outer",
    "product": "prod",
    "sometrue": "any",
}
"""The same under other names."""

NUMPYS = (
    "MaskError MaskType MaskedArray bool_ common_fill_value default_fill_value isMA isMaskedArray "
    "isarray is_mask is_masked make_mask make_mask_none mask_or masked masked_singleton "
    "maximum_fill_value minimum_fill_value nomask"
)
"""Names that are NumPy's own: types, constants, and functions of these and of masks in memory."""

_elementwise = frozenset(ELEMENTWISE.split())
_same = {**{name: name for name in SAME.split()}, **RENAMED}
_numpys = frozenset(NUMPYS.split())


def __getattr__(name: str) -> Any:
    """A function that is NumPy's by blocks, or one of `shoal.array`.

    Parameters
    ----------
    name
        Of `ELEMENTWISE`, `SAME` or `NUMPYS`.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.ma.sqrt(da.asarray([-1.0, 4.0], chunks=1)).sum().compute()
    np.float64(2.0)
    """
    # Kept nowhere: as names of this module they would hide Python's any and all.
    if name in _elementwise:
        return _by_elements(getattr(np.ma, name.rstrip("_")))
    if name in _same:
        return getattr(sys.modules["shoal.array"], _same[name])
    if name in _numpys:
        return getattr(np.ma, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{reason_of(name, 'ma')}")


class _by_elements:
    """A function of NumPy's as one of arrays."""

    def __init__(self, func: Any) -> None:
        self.func = func
        self.__name__ = func.__name__
        self.__doc__ = func.__doc__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.func is np.ma.where and len(args) == 1:
            return sys.modules["shoal.array"].nonzero(*args)
        return elemwise(self.func, *args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (sys.modules[__name__], self.__name__)


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


def getmask(a: Any) -> Array:
    """Where elements are masked; see `numpy.ma.getmask`, which may say that nothing is.

    Parameters
    ----------
    a
        An array.

    Examples
    --------
    >>> import shoal.array as da
    >>> getmask(da.arange(3, chunks=2)).compute()
    array([False, False, False])
    """
    return getmaskarray(a)


def count_masked(arr: Any, axis: Any = None) -> Array:
    """How many elements are masked; see `numpy.ma.count_masked`.

    Parameters
    ----------
    arr, axis
        As for `sum`.

    Examples
    --------
    >>> import shoal.array as da
    >>> count_masked(masked_equal(da.arange(3, chunks=2), 1)).compute()
    np.int64(1)
    """
    return sum_of(getmaskarray(arr), axis)


def masked_all(shape: Any, dtype: Any = float, chunks: Any = "auto") -> Array:
    """An array of which all is masked; see `numpy.ma.masked_all`.

    Parameters
    ----------
    shape, dtype, chunks
        As for `zeros`.

    Examples
    --------
    >>> int(count(masked_all(3)).compute())
    0
    """
    made = sys.modules["shoal.array"].zeros(shape, dtype=dtype, chunks=chunks)
    return masked_array(made, True)


def masked_all_like(arr: Any) -> Array:
    """An array of which all is masked, otherwise like another; see `numpy.ma.masked_all_like`.

    Parameters
    ----------
    arr
        The other.

    Examples
    --------
    >>> import shoal.array as da
    >>> int(count(masked_all_like(da.ones(3))).compute())
    0
    """
    return masked_array(getdata(arr), True)


def allequal(a: Any, b: Any, fill_value: bool = True) -> Array:
    """Whether all elements are equal; see `numpy.ma.allequal`.

    Parameters
    ----------
    a, b
        Arrays.
    fill_value
        Whether what is masked is taken for equal.

    Examples
    --------
    >>> import shoal.array as da
    >>> bool(allequal(masked_equal(da.arange(3, chunks=2), 1), [0, 5, 2]))
    True
    """
    same = asanyarray(a) == asanyarray(b)
    return all_of(filled(same, bool(fill_value)))


def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, keepdims: bool = False
) -> Any:
    """The weighted mean of what is not masked; see `numpy.ma.average`.

    Parameters
    ----------
    a, axis, weights, returned, keepdims
        As for `shoal.array.average`.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = masked_equal(da.asarray([1.0, 2, 3], chunks=2), 2)
    >>> average(x, weights=[3, 9, 1]).compute()
    np.float64(1.5)
    """
    a = asanyarray(a)
    if weights is None:
        out = mean(a, axis, keepdims=keepdims)
        return (out, count(a, axis, keepdims)) if returned else out
    given = elemwise(weights_block, a, fitted_weights(asanyarray(weights), a, axis))
    total = sum_of(given, axis, keepdims=keepdims)
    out = sum_of(a * given, axis, keepdims=keepdims) / total
    return (out, total) if returned else out


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
    if np.ndim(fill_value):
        raise ValueError(f"fill_value must be a scalar, got shape {np.shape(fill_value)}")
    # An error now, where the type cannot hold it.
    np.ma.set_fill_value(np.ma.zeros(1, dtype=a.dtype), fill_value)
    a._node = map_blocks(set_fill_block, a, fill_value=fill_value, meta=a._meta)._node


def masked_array(
    data: Any,
    mask: Any = np.ma.nomask,
    fill_value: Any = None,
    chunks: Any = "auto",
    **kwargs: Any,
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
    chunks
        Of data in memory.
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
    data = asanyarray(data, chunks=chunks)
    told = dict(kwargs)
    if "dtype" in told:
        data = data.astype(told.pop("dtype"))
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
    return elemwise(where_block, condition, a)


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


def _compared(name: str, claim: str, values: str, seen: str) -> Callable[..., Array]:
    """A function that masks where elements compare in some way with one or two numbers."""
    func = getattr(np.ma, name)

    def masked(a: Any, *value: Any, copy: bool = True) -> Array:
        if name == "masked_equal" and any(map(np.ndim, value)):
            raise ValueError(
                f"masked_equal takes a scalar, got shape {np.shape(value[0])}: it becomes the fill "
                "value; use masked_where(a == value, a)"
            )
        return elemwise(func, asanyarray(a), *value)

    parameters = "a\n    An array.\n*value\n    What to compare with: a number, or an array; two "
    parameters += "for an interval.\ncopy\n    Accepted; the array is never written to."
    example = f"da.ma.{name}(da.asarray([1.0, 2, 3], chunks=2), {values}).compute().mask.tolist()"
    told = f"Masked where elements {claim}; see `numpy.ma.{name}`"
    return documented(masked, name, told, parameters, example, seen)


masked_equal = _compared("masked_equal", "equal a value", "2", "[False, True, False]")
masked_not_equal = _compared("masked_not_equal", "do not equal a value", "2", "[True, False, True]")
masked_greater = _compared(
    "masked_greater", "are greater than a value", "2", "[False, False, True]"
)
masked_greater_equal = _compared(
    "masked_greater_equal", "are greater or equal", "2", "[False, True, True]"
)
masked_less = _compared("masked_less", "are less than a value", "2", "[True, False, False]")
masked_less_equal = _compared("masked_less_equal", "are less or equal", "2", "[True, True, False]")
masked_inside = _compared("masked_inside", "are within an interval", "2, 3", "[False, True, True]")
masked_outside = _compared(
    "masked_outside", "are outside of an interval", "2, 3", "[True, False, False]"
)


def masked_values(
    x: Any, value: Any, rtol: float = 1e-05, atol: float = 1e-08, shrink: bool = True
) -> Array:
    """Masked where elements nearly equal a value; see `numpy.ma.masked_values`.

    Parameters
    ----------
    x
        An array.
    value
        A number.
    rtol, atol, shrink
        As NumPy has them.

    Examples
    --------
    >>> import shoal.array as da
    >>> masked_values(da.asarray([1.0, 2, 3], chunks=2), 2).compute().mask.tolist()
    [False, True, False]
    """
    if np.ndim(value):
        raise ValueError(f"masked_values takes a number, got shape {np.shape(value)}")
    return elemwise(np.ma.masked_values, asanyarray(x), value, rtol=rtol, atol=atol, shrink=shrink)


def masked_object(x: Any, value: Any, shrink: bool = True) -> Array:
    """Masked where objects equal a value; see `numpy.ma.masked_object`.

    Parameters
    ----------
    x
        An array of objects.
    value
        An object.
    shrink
        As NumPy has it.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.asarray(np.array(["a", "b"], dtype=object))
    >>> masked_object(x, "b").compute().mask.tolist()
    [False, True]
    """
    return elemwise(
        np.ma.masked_object, asanyarray(x), value, dtype=np.dtype(object), shrink=shrink
    )
