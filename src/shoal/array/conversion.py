"""What is no array yet, as one; and arrays as delayed blocks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.device import check_device
from shoal.array.io.from_array import from_array
from shoal.array.meta import meta_from_array
from shoal.array.nodes.base import Wrapped
from shoal.collection import optimize
from shoal.delayed import Delayed, delayed
from shoal.duck import is_arraylike
from shoal.expr.call import BlockOf, Call

__all__ = ["asanyarray", "asarray", "from_delayed", "to_delayed"]


def asarray(
    a: Any,
    allow_unknown_chunksizes: bool = False,
    dtype: Any = None,
    order: str | None = None,
    *,
    like: Any = None,
    device: Any = None,
    copy: bool | None = None,
    **kwargs: Any,
) -> Array:
    """Make an array of anything that NumPy makes one of.

    Parameters
    ----------
    a
        An array of any kind, nested lists (also of arrays of shoal's), a scalar.
    allow_unknown_chunksizes
        Whether arrays in a list may have unknown shapes.
    dtype, order
        As `numpy.asarray` takes them.
    like
        The kind of array that blocks are made.
    device
        "cpu" or None.
    copy
        True for a copy of an array in memory, so that later changes to it are not seen.
    **kwargs
        More options of `from_array`, such as ``chunks``.

    Examples
    --------
    >>> asarray([[1, 2], [3, 4]]).compute()
    array([[1, 2],
           [3, 4]])
    """
    check_device(device)
    if copy and isinstance(a, np.ndarray):
        a = a.copy()
    return _converted(a, np.asarray, allow_unknown_chunksizes, dtype, order, like, kwargs)


def asanyarray(
    a: Any,
    dtype: Any = None,
    order: str | None = None,
    *,
    like: Any = None,
    inline_array: bool = False,
    **kwargs: Any,
) -> Array:
    """Make an array of anything; subclasses of NumPy's stay what they are.

    Parameters
    ----------
    a, dtype, order, like
        As for `asarray`.
    inline_array, **kwargs
        Options of `from_array`.

    Examples
    --------
    >>> asanyarray(np.ma.masked_array([1, 2], [False, True])).compute()
    masked_array(data=[1, --],
                 mask=[False,  True],
           fill_value=999999)
    """
    return _converted(a, np.asanyarray, False, dtype, order, like, kwargs)


def _converted(
    a: Any, make: Any, allow_unknown: bool, dtype: Any, order: Any, like: Any, kwargs: Any
) -> Array:
    if isinstance(a, Array):
        return a if dtype is None else a.astype(dtype)
    if hasattr(a, "to_dask_array"):
        array: Array = a.to_dask_array()
        return array
    if type(a).__module__.partition(".")[0] == "xarray" and hasattr(a, "data"):
        return _converted(a.data, make, allow_unknown, dtype, order, like, kwargs)
    if isinstance(a, list | tuple) and any(isinstance(x, Array) for x in _flat(a)):
        # Loaded by its name: it is made of this module.
        stacked: Array = Array._stack(a, allow_unknown_chunksizes=allow_unknown)
        return stacked if dtype is None else stacked.astype(dtype)
    if like is not None:
        a = make(a, dtype=dtype, order=order, like=meta_from_array(like))
    elif (
        not is_arraylike(a) and not (hasattr(a, "shape") and hasattr(a, "dtype") and a.shape)
    ) or (dtype is not None and isinstance(a, np.ndarray) and a.dtype != dtype):
        a = make(a, dtype=dtype, order=order)
    kwargs.setdefault("chunks", "auto" if not a.dtype.hasobject else -1)
    out = from_array(a, getitem=kwargs.pop("getitem", None), **kwargs)
    return out if dtype is None else out.astype(dtype)


def _flat(items: Iterable[Any]) -> Iterable[Any]:
    for item in items:
        if isinstance(item, list | tuple):
            yield from _flat(item)
        else:
            yield item


def from_delayed(
    value: Any, shape: Any, dtype: Any = None, meta: Any = None, name: str | None = None
) -> Array:
    """Make an array of one block of a delayed value.

    Parameters
    ----------
    value
        A `Delayed` whose result is an array.
    shape
        Of the result; with nan where it is not known.
    dtype, meta
        At least one of them, for it is not computed to find out.
    name
        Of the array.

    Examples
    --------
    >>> import shoal
    >>> from_delayed(shoal.delayed(np.ones)(3), (3,), dtype=float).compute()
    array([1., 1., 1.])
    """
    if dtype is None and meta is None:
        raise ValueError("from_delayed needs dtype= or meta=: the value is not computed yet")
    if not isinstance(value, Call):
        from_other: Any = value
        if not hasattr(from_other, "__dask_graph__"):
            raise TypeError(f"from_delayed takes a delayed value, got {type(value).__name__}")
        value = Delayed(from_other.key, dict(from_other.__dask_graph__()))
    chunks = tuple([(n,) for n in shape])
    kind = meta_from_array(meta, len(chunks), dtype)
    return Array(Wrapped((value,), chunks, kind, name=name))


def to_delayed(a: Array, optimize_graph: bool = True) -> Any:
    """The blocks of an array as delayed values.

    Parameters
    ----------
    a
        The array.
    optimize_graph
        False to keep the expression as it is.

    Returns
    -------
    numpy.ndarray of Delayed

    Examples
    --------
    >>> import shoal.array as da
    >>> to_delayed(da.ones(4, chunks=2)).shape
    (2,)
    """
    if optimize_graph:
        (a,) = optimize(a)
    node, name = a._node, f"delayed-{a._node.name}"
    out = np.empty(a.numblocks, dtype=object)
    for i, index in enumerate(np.ndindex(*a.numblocks)):
        out[index] = delayed(BlockOf(node, i), name=(name, *index))
    return out
