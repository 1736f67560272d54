"""What is no array yet, as one; and arrays as delayed blocks."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

from shoal import config
from shoal.array.collection import Array
from shoal.array.device import check_device
from shoal.array.io.from_array import from_array
from shoal.array.meta import meta_from_array
from shoal.array.nodes.base import Wrapped
from shoal.collection import optimize
from shoal.delayed import Delayed, delayed
from shoal.duck import is_arraylike
from shoal.expr.call import BlockOf, Call

__all__ = [
    "asanyarray",
    "asarray",
    "from_delayed",
    "normalize_to_array",
    "to_backend",
    "to_delayed",
]


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
        True for an array of its own, so that later changes of ``a`` are not seen.
    **kwargs
        More options of `from_array`, such as ``chunks``.

    Examples
    --------
    >>> asarray([[1, 2], [3, 4]]).compute()
    array([[1, 2],
           [3, 4]])
    """
    check_device(device)
    if copy and isinstance(a, np.ndarray | Array):
        a = a.copy()
    return _converted(a, np.asarray, allow_unknown_chunksizes, dtype, order, like, kwargs)


def normalize_to_array(x: Any) -> Any:
    """What was computed as an array of NumPy's, also if it is on a graphics card.

    Parameters
    ----------
    x
        An array that is in memory.

    Examples
    --------
    >>> normalize_to_array(np.ones(1))
    array([1.])
    """
    return x.get() if type(x).__module__.partition(".")[0] == "cupy" else x


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
        kind = None if like is None else meta_from_array(like, a.ndim, dtype or a.dtype)
        if kind is not None and type(kind) is not type(a._meta):
            func = partial(_like, make=make, dtype=dtype, order=order, kind=kind)
            made: Array = a.map_blocks(func, meta=kind)
            return made
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
        a = _like(a, make, dtype, order, meta_from_array(like))
    elif (
        not is_arraylike(a) and not (hasattr(a, "shape") and hasattr(a, "dtype") and a.shape)
    ) or (dtype is not None and isinstance(a, np.ndarray) and a.dtype != dtype):
        a = make(a, dtype=dtype, order=order)
    kwargs.setdefault("chunks", "auto" if not a.dtype.hasobject else -1)
    out = from_array(a, getitem=kwargs.pop("getitem", None), **kwargs)
    return out if dtype is None else out.astype(dtype)


def _like(a: Any, make: Any, dtype: Any, order: Any, kind: Any) -> Any:
    if type(kind).__module__.startswith("scipy.sparse"):
        # NumPy does not know them, and they have no order.
        return type(kind)(make(a, dtype=dtype))
    return make(a, dtype=dtype, order=order, like=kind)


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
        A `Delayed`, or a future, whose result is an array.
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
        other: Any = value
        if hasattr(other, "__dask_graph__"):
            value = Delayed(other.key, dict(other.__dask_graph__()))
        elif hasattr(other, "key") and hasattr(other, "client"):
            value = delayed(other)  # a future
        else:
            raise TypeError(
                f"from_delayed takes a delayed value or a future, got {type(value).__name__}"
            )
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


def to_backend(a: Array, backend: str | None = None, **kwargs: Any) -> Array:
    """The array with blocks of another kind: "numpy", the only one that is known.

    Parameters
    ----------
    a
        The array.
    backend
        Its name; that of the setting ``array.backend`` by default.
    **kwargs
        Accepted for programs that pass them.

    Raises
    ------
    ValueError
        It is not known.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.ones(2).to_backend("numpy").compute()
    array([1., 1.])
    """
    name = backend or config.get("array.backend", "numpy") or "numpy"
    if name != "numpy":
        raise ValueError(
            f"No backend dispatch registered for {name!r}; use map_blocks with a function that "
            "makes blocks of that kind"
        )
    if type(a._meta) is np.ndarray:
        return a
    out: Array = a.map_blocks(_to_numpy, meta=np.empty((0,) * a.ndim, a.dtype))
    return out


def _to_numpy(block: Any) -> Any:
    """A block in the memory of the process, without whatever else it has.

    >>> _to_numpy(np.ma.masked_equal([1, 2], 2))
    array([1, 2])
    """
    for name in ("todense", "get"):
        if hasattr(block, name):
            block = getattr(block, name)()
    return np.asarray(block)
