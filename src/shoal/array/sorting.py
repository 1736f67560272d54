"""Elements in order.  Each is NumPy's function of whole axes, so the axis becomes one block."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from shoal.array.arrangement import stack
from shoal.array.blocks import blockwise
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.elementwise import elemwise
from shoal.array.meta import meta_from_array
from shoal.array.rechunking import ravel
from shoal.array.reductions.engine import normalize_axes
from shoal.array.whole import along_axis, one_block

__all__ = ["argpartition", "argsort", "lexsort", "partition", "sort", "sort_complex"]


def _prepared(a: Any, axis: int | None) -> tuple[Array, int]:
    a = asanyarray(a)
    if axis is None:
        return ravel(a), 0
    return a, normalize_axes(axis, a.ndim)[0]


def sort(
    a: Any,
    axis: int | None = -1,
    kind: str | None = None,
    order: Any = None,
    *,
    descending: bool = False,
    stable: bool | None = None,
) -> Array:
    """A sorted copy; see `numpy.sort`.

    Parameters
    ----------
    a
        An array.
    axis
        Along which; None for the flattened array.  It becomes one block.
    kind, order, stable
        As NumPy has them.
    descending
        Whether the largest is first.

    Examples
    --------
    >>> import shoal.array as da
    >>> sort(da.asarray([3, 1, 2], chunks=2)).compute()
    array([1, 2, 3])
    """
    own, along = _prepared(a, axis)
    return along_axis(
        _sort_block, own, along, kind=kind, order=order, stable=stable, descending=descending
    )


def _sort_block(block: Any, axis: int, descending: bool, **kwargs: Any) -> Any:
    """A block, sorted.

    >>> _sort_block(np.array([1, 3, 2]), 0, True)
    array([3, 2, 1])
    """
    out = np.sort(block, axis=axis, **kwargs)
    return np.flip(out, axis) if descending else out


_sort_block.__name__ = "sort"


def argsort(
    a: Any,
    axis: int | None = -1,
    kind: str | None = None,
    order: Any = None,
    *,
    descending: bool = False,
    stable: bool | None = None,
) -> Array:
    """Where the elements of a sorted copy come from; see `numpy.argsort`.

    Parameters
    ----------
    a, axis, kind, order, descending, stable
        As for `sort`.

    Examples
    --------
    >>> import shoal.array as da
    >>> argsort(da.asarray([3, 1, 2], chunks=2)).compute()
    array([1, 2, 0])
    """
    own, along = _prepared(a, axis)
    told = {"kind": kind, "order": order, "stable": stable, "descending": descending}
    return along_axis(_argsort_block, own, along, np.intp, **told)


def _argsort_block(block: Any, axis: int, descending: bool, **kwargs: Any) -> Any:
    """Places of a block's elements in order; equal ones keep theirs also where it is descending.

    >>> _argsort_block(np.array([1, 3, 3]), 0, True, stable=True)
    array([1, 2, 0])
    """
    if not descending:
        return np.argsort(block, axis=axis, **kwargs)
    back = np.flip(np.argsort(np.flip(block, axis), axis=axis, **kwargs), axis)
    return block.shape[axis] - 1 - back


_argsort_block.__name__ = "argsort"


def partition(a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect") -> Array:
    """With the ``kth`` element where sorting would put it, smaller ones before; see
    `numpy.partition`.

    Parameters
    ----------
    a
        An array.
    kth
        An int or several.
    axis
        Along which; None for the flattened array.
    kind
        As NumPy has it.

    Examples
    --------
    >>> import shoal.array as da
    >>> partition(da.asarray([3, 1, 2], chunks=2), 1).compute()
    array([1, 2, 3])
    """
    own, along = _prepared(a, axis)
    return along_axis(np.partition, own, along, kth=kth, kind=kind)


def argpartition(a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect") -> Array:
    """Where the elements of `partition` come from; see `numpy.argpartition`.

    Parameters
    ----------
    a, kth, axis, kind
        As for `partition`.

    Examples
    --------
    >>> import shoal.array as da
    >>> argpartition(da.asarray([3, 1, 2], chunks=2), 1).compute()
    array([1, 2, 0])
    """
    own, along = _prepared(a, axis)
    return along_axis(np.argpartition, own, along, np.intp, kth=kth, kind=kind)


def lexsort(keys: Any, axis: int = -1) -> Array:
    """The order by several keys, the last one first; see `numpy.lexsort`.

    Parameters
    ----------
    keys
        Arrays of one shape, or an array whose first axis they are.
    axis
        Along which, of the keys.

    Examples
    --------
    >>> import shoal.array as da
    >>> lexsort((da.asarray([1, 0, 2]), da.asarray([1, 1, 0]))).compute()
    array([2, 1, 0])
    """
    given = keys if isinstance(keys, Sequence) else [keys[i] for i in range(len(keys))]
    key = stack([asanyarray(k) for k in given], axis=-1)
    (along,) = normalize_axes(axis, key.ndim - 1)
    labels = tuple(range(key.ndim))
    return blockwise(
        partial(_lexsort_block, axis=along),
        labels[:-1],
        one_block(key, (along, key.ndim - 1)),
        labels,
        concatenate=True,
        token="lexsort",
        meta=meta_from_array(None, key.ndim - 1, np.intp),
    )


def _lexsort_block(block: Any, axis: int) -> Any:
    """The order by the keys along the last axis.

    >>> _lexsort_block(np.array([[1, 1], [0, 1]]), 0)
    array([1, 0])
    """
    return np.lexsort(np.moveaxis(block, -1, 0), axis=axis)


def sort_complex(a: Any) -> Array:
    """A sorted copy of complex numbers; see `numpy.sort_complex`.

    Parameters
    ----------
    a
        An array.

    Examples
    --------
    >>> import shoal.array as da
    >>> sort_complex(da.asarray([2, 1])).compute()
    array([1.+0.j, 2.+0.j])
    """
    own = sort(a)
    if own.dtype.kind == "c":
        return own
    small = own.dtype.kind in "iu" and own.dtype.itemsize < 4
    return elemwise(np.positive, own.astype(np.complex64 if small else np.complex128))
