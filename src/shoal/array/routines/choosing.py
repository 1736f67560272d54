"""Elements chosen by conditions, and questions about elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from shoal.array.arrangement import broadcast_to, stack
from shoal.array.blocks import blockwise
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.creation.ranges import arange
from shoal.array.elementwise import elemwise
from shoal.array.kernels.choose import (
    is_null_block,
    isin_block,
    not_null_block,
    piecewise_block,
    places_block,
    ravel_block,
    search_block,
    select_block,
    unravel_block,
)
from shoal.array.rechunking import ravel
from shoal.array.reductions import all as all_of
from shoal.array.routines.products import contract
from shoal.array.statistics.averages import is_nonzero

__all__ = [
    "allclose",
    "argwhere",
    "digitize",
    "flatnonzero",
    "isclose",
    "isin",
    "isnull",
    "nonzero",
    "notnull",
    "piecewise",
    "ravel_multi_index",
    "searchsorted",
    "select",
    "unravel_index",
    "where",
]


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """Elements of one array where a condition holds, and of another elsewhere; see `numpy.where`.

    Parameters
    ----------
    condition
        An array.
    x, y
        Arrays or scalars; without them the result is `nonzero` of the condition.

    Examples
    --------
    >>> import shoal.array as da
    >>> where(da.arange(4, chunks=2) > 1, 1, 0).compute()
    array([0, 0, 1, 1])
    """
    if (x is None) != (y is None):
        raise ValueError("either both or neither of x and y should be given")
    if x is None:
        return nonzero(condition)
    if np.isscalar(condition) or isinstance(condition, np.bool_):
        dtype = np.result_type(*[v if np.isscalar(v) else asanyarray(v).dtype for v in (x, y)])
        x, y = asanyarray(x), asanyarray(y)
        shape = np.broadcast_shapes(x.shape, y.shape)
        chosen = x if condition else y
        return (chosen if chosen.shape == shape else broadcast_to(chosen, shape)).astype(dtype)
    operands = [v if np.isscalar(v) else asanyarray(v) for v in (x, y)]
    return elemwise(np.where, asanyarray(condition), *operands)


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Array:
    """Elements of the first array whose condition holds; see `numpy.select`.

    Parameters
    ----------
    condlist
        Arrays of bool.
    choicelist
        An array for each.
    default
        Where no condition holds.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.arange(4, chunks=2)
    >>> select([x < 1, x > 2], [x + 10, x + 20], 5).compute()
    array([10,  5,  5, 23])
    """
    if len(condlist) != len(choicelist):
        raise ValueError(
            "list of cases must be same length as list of conditions: got "
            f"{len(choicelist)} and {len(condlist)}"
        )
    if not condlist:
        raise ValueError("select with an empty condition list is not possible")
    conditions = [asanyarray(c) for c in condlist]
    choices = [asanyarray(c) for c in choicelist]
    dtype = np.result_type(*[c.dtype for c in choices], default)
    return elemwise(select_block, *conditions, *choices, dtype=dtype, default=default)


def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Array:
    """A function of elements by conditions; see `numpy.piecewise`.

    Parameters
    ----------
    x
        An array.
    condlist
        Arrays of bool.
    funclist
        A function or a scalar for each, and one more for all other elements.
    *args, **kw
        The functions'.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.asarray([-2.0, 3.0], chunks=1)
    >>> piecewise(x, [x < 0, x >= 0], [np.negative, 0]).compute()
    array([2., 0.])
    """
    x = asanyarray(x)
    if isinstance(condlist, Array) or not isinstance(condlist, list | tuple):
        condlist = [condlist]
    return elemwise(
        piecewise_block,
        x,
        *map(asanyarray, condlist),
        dtype=x.dtype,
        functions=tuple(funclist),
        args=args,
        named=tuple(kw.items()),
    )


def digitize(a: Any, bins: Any, right: bool = False) -> Array:
    """Which bin each element is in; see `numpy.digitize`.

    Parameters
    ----------
    a
        An array.
    bins
        Edges in memory, monotonic.
    right
        Whether a bin has its right edge.

    Examples
    --------
    >>> import shoal.array as da
    >>> digitize(da.arange(4, chunks=2), [1, 3]).compute()
    array([0, 1, 1, 2])
    """
    bins = np.asarray(bins.compute() if isinstance(bins, Array) else bins)
    return elemwise(np.digitize, asanyarray(a), dtype=np.dtype(np.intp), bins=bins, right=right)


def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Array:
    """Where elements would go in a sorted array; see `numpy.searchsorted`.

    Parameters
    ----------
    a
        Sorted, of one axis.
    v
        What to look for.
    side
        "left" or "right" of equal elements.
    sorter
        The order in which ``a`` is sorted, where it is not.

    Examples
    --------
    >>> import shoal.array as da
    >>> searchsorted(da.arange(6, chunks=2), da.asarray([3, 9])).compute()
    array([3, 6])
    """
    a, v = asanyarray(a), asanyarray(v)
    if a.ndim != 1:
        raise ValueError(f"Input array a must be one dimensional, its shape is {a.shape}")
    if sorter is not None:
        a = a[asanyarray(sorter)]
    labels = tuple(range(1, v.ndim + 1))
    func = _Told(search_block, side=side)
    return contract(func, labels, [a, (0,), v, labels], np.dtype(np.intp), name="searchsorted")


class _Told:
    """A function with keyword arguments that its token knows."""

    def __init__(self, func: Any, **kwargs: Any) -> None:
        self.func = func
        self.kwargs = kwargs

    @property
    def __name__(self) -> str:
        return str(self.func.__name__)

    def __call__(self, *args: Any) -> Any:
        return self.func(*args, **self.kwargs)

    def __shoal_tokenize__(self) -> Any:
        return self.func, self.kwargs


def isclose(
    a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Array:
    """Where elements are nearly equal; see `numpy.isclose`.

    Parameters
    ----------
    a, b
        Arrays.
    rtol, atol, equal_nan
        As NumPy has them.

    Examples
    --------
    >>> import shoal.array as da
    >>> isclose(da.ones(2, chunks=1), [1, 2]).compute()
    array([ True, False])
    """
    told: dict[str, Any] = {"rtol": rtol, "atol": atol, "equal_nan": equal_nan}
    return elemwise(np.isclose, asanyarray(a), asanyarray(b), dtype=np.dtype(bool), **told)


def allclose(
    arr1: Any, arr2: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Array:
    """Whether all elements are nearly equal; see `numpy.allclose`.

    Parameters
    ----------
    arr1, arr2, rtol, atol, equal_nan
        As for `isclose`.

    Examples
    --------
    >>> import shoal.array as da
    >>> bool(allclose(da.ones(2, chunks=1), [1, 1 + 1e-9]))
    True
    """
    return all_of(isclose(arr1, arr2, rtol, atol, equal_nan))


def isin(
    element: Any,
    test_elements: Any,
    assume_unique: bool = False,
    invert: bool = False,
    *,
    kind: str | None = None,
) -> Array:
    """Which elements are among others; see `numpy.isin`.

    Parameters
    ----------
    element, test_elements
        Arrays.
    assume_unique, kind
        As NumPy has them.
    invert
        Whether to say which are not.

    Examples
    --------
    >>> import shoal.array as da
    >>> isin(da.arange(4, chunks=2), [1, 3]).compute()
    array([False,  True, False,  True])
    """
    element, tests = asanyarray(element), ravel(asanyarray(test_elements))
    labels = tuple(range(1, element.ndim + 1))
    func = _Told(isin_block, assume_unique=assume_unique, kind=kind)
    pairs = [element, labels, tests, (0,)]
    out = contract(func, labels, pairs, np.dtype(bool), np.logical_or, "isin")
    return np.logical_not(out) if invert else out  # type: ignore[return-value]


def isnull(values: Any) -> Array:
    """Where elements are missing: nan, NaT or None; see `pandas.isnull`.

    Parameters
    ----------
    values
        An array.

    Examples
    --------
    >>> import shoal.array as da
    >>> isnull(da.asarray([1, np.nan])).compute()
    array([False,  True])
    """
    return elemwise(is_null_block, asanyarray(values), dtype=np.dtype(bool))


def notnull(values: Any) -> Array:
    """Where elements are not missing; see `pandas.notnull`.

    Parameters
    ----------
    values
        An array.

    Examples
    --------
    >>> import shoal.array as da
    >>> notnull(da.asarray([1, np.nan])).compute()
    array([ True, False])
    """
    return elemwise(not_null_block, asanyarray(values), dtype=np.dtype(bool))


def flatnonzero(a: Any) -> Array:
    """Places in the flattened array of what is not zero; see `numpy.flatnonzero`.

    Parameters
    ----------
    a
        An array.

    Examples
    --------
    >>> import shoal.array as da
    >>> flatnonzero(da.asarray([0, 3, 4], chunks=2)).compute()
    array([1, 2])
    """
    mask = elemwise(is_nonzero, asanyarray(a), dtype=np.dtype(bool)).ravel()
    numbers = arange(mask.size, chunks=(mask.chunks[0],), dtype=np.intp)
    return blockwise(
        places_block,
        "i",
        mask,
        "i",
        numbers,
        "i",
        adjust_chunks={"i": lambda n: np.nan},
        meta=np.empty(0, np.intp),
        token="flatnonzero",
    )


def nonzero(a: Any) -> tuple[Array, ...]:
    """Indices of what is not zero, an array for each axis; see `numpy.nonzero`.

    Parameters
    ----------
    a
        An array.

    Examples
    --------
    >>> import shoal.array as da
    >>> [i.compute() for i in nonzero(da.asarray([[0, 3], [4, 0]], chunks=1))]
    [array([0, 1]), array([1, 0])]
    """
    a = asanyarray(a)
    if not a.ndim:
        raise ValueError("Calling nonzero on 0d arrays is not allowed; use atleast_1d(a).nonzero()")
    return unravel_index(flatnonzero(a), a.shape)


def argwhere(a: Any) -> Array:
    """Indices of what is not zero, a row for each; see `numpy.argwhere`.

    Parameters
    ----------
    a
        An array.

    Examples
    --------
    >>> import shoal.array as da
    >>> argwhere(da.asarray([[0, 3], [4, 0]], chunks=1)).compute()
    array([[0, 1],
           [1, 0]])
    """
    a = asanyarray(a)
    if not a.ndim:
        return flatnonzero(a)[:, None][:, :0]  # type: ignore[no-any-return]
    return stack(nonzero(a), axis=1, allow_unknown_chunksizes=True)


def unravel_index(indices: Any, shape: Any, order: str = "C") -> tuple[Array, ...]:
    """Places of the flattened array as indices, an array for each axis; see `numpy.unravel_index`.

    Parameters
    ----------
    indices
        An array of ints.
    shape
        Of the array.
    order
        "C" or "F".

    Examples
    --------
    >>> import shoal.array as da
    >>> [i.compute() for i in unravel_index(da.asarray([5]), (2, 3))]
    [array([1]), array([2])]
    """
    indices = asanyarray(indices)
    shape = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    told = {"shape": shape, "order": order}
    kind = np.dtype(np.intp)
    return tuple(
        [elemwise(unravel_block, indices, dtype=kind, axis=i, **told) for i in range(len(shape))]
    )


def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> Array:
    """Indices as places of the flattened array; see `numpy.ravel_multi_index`.

    Parameters
    ----------
    multi_index
        An array of ints for each axis.
    dims
        The shape.
    mode, order
        As NumPy has them.

    Examples
    --------
    >>> import shoal.array as da
    >>> ravel_multi_index((da.asarray([1]), da.asarray([2])), (2, 3)).compute()
    array([5])
    """
    parts = [asanyarray(part) for part in multi_index]
    if len(parts) != len(tuple(dims)):
        raise ValueError(
            "parameter multi_index must be a sequence of length "
            f"{len(tuple(dims))}, got {len(parts)}"
        )
    told = {"dims": tuple(dims), "mode": mode, "order": order}
    return elemwise(ravel_block, *parts, dtype=np.dtype(np.intp), **told)
