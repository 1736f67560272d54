"""Arrays of one axis as sets: what two have in common and not, and the standard's ``unique_*``."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from shoal.array.arrangement import concatenate
from shoal.array.blocks import blockwise
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.rechunking import ravel
from shoal.array.routines.choosing import isin
from shoal.array.routines.counting import unique
from shoal.array.sorting import sort
from shoal.array.whole import one_block

__all__ = [
    "UniqueAll",
    "UniqueCounts",
    "UniqueInverse",
    "intersect1d",
    "setdiff1d",
    "setxor1d",
    "unique_all",
    "unique_counts",
    "unique_inverse",
    "unique_values",
]


def intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Array:
    """The different elements that both arrays have, sorted; see `numpy.intersect1d`.

    Parameters
    ----------
    ar1, ar2
        Arrays.
    assume_unique
        Whether the elements of each are known to differ.

    Examples
    --------
    >>> import shoal.array as da
    >>> intersect1d(da.asarray([3, 1, 3]), [3, 2]).compute()
    array([3])
    """
    first = sort(ravel(asanyarray(ar1))) if assume_unique else unique(ar1)
    return first[isin(first, ar2)]  # type: ignore[no-any-return]


def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Array:
    """The different elements of one array that another lacks; see `numpy.setdiff1d`.

    Parameters
    ----------
    ar1, ar2, assume_unique
        As for `intersect1d`; with ``assume_unique`` the order is that of ``ar1``.

    Examples
    --------
    >>> import shoal.array as da
    >>> setdiff1d(da.asarray([3, 1, 3]), [3, 2]).compute()
    array([1])
    """
    first = ravel(asanyarray(ar1)) if assume_unique else unique(ar1)
    return first[isin(first, ar2, invert=True)]  # type: ignore[no-any-return]


def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Array:
    """The different elements that one of two arrays has and the other lacks; see
    `numpy.setxor1d`.

    Parameters
    ----------
    ar1, ar2, assume_unique
        As for `intersect1d`.

    Examples
    --------
    >>> import shoal.array as da
    >>> setxor1d(da.asarray([3, 1, 3]), [3, 2]).compute()
    array([1, 2])
    """
    parts = setdiff1d(ar1, ar2, assume_unique), setdiff1d(ar2, ar1, assume_unique)
    return sort(concatenate(parts, 0, True))


class UniqueAll(NamedTuple):
    """What `unique_all` gives.

    Examples
    --------
    >>> UniqueAll._fields
    ('values', 'indices', 'inverse_indices', 'counts')
    """

    values: Any
    """The different elements."""
    indices: Any
    """Where each is first in the flattened array."""
    inverse_indices: Any
    """Which of them each element is, of the array's shape."""
    counts: Any
    """How often each occurs."""


class UniqueCounts(NamedTuple):
    """What `unique_counts` gives.

    Examples
    --------
    >>> UniqueCounts._fields
    ('values', 'counts')
    """

    values: Any
    """The different elements."""
    counts: Any
    """How often each occurs."""


class UniqueInverse(NamedTuple):
    """What `unique_inverse` gives.

    Examples
    --------
    >>> UniqueInverse._fields
    ('values', 'inverse_indices')
    """

    values: Any
    """The different elements."""
    inverse_indices: Any
    """Which of them each element is, of the array's shape."""


def _named(kind: Any, x: Any) -> Any:
    """Numbers with nan become one block: nan is not equal to nan here, and is in `unique`."""
    x = asanyarray(x)
    if x.dtype.kind not in "fc":
        told = dict(zip(UniqueAll._fields, unique(x, True, True, True), strict=True))
        return kind(*[told[field] for field in kind._fields])
    name = {"UniqueAll": "unique_all", "UniqueCounts": "unique_counts"}
    func = getattr(np, name.get(kind.__name__, "unique_inverse"))
    flat = one_block(ravel(x), (0,))
    parts = []
    for which, field in enumerate(kind._fields):
        length = {"i": x.size if field == "inverse_indices" else np.nan}
        dtype = x.dtype if field == "values" else np.intp
        part = blockwise(
            *(partial(_part, func=func, which=which), "i", flat, "i"),
            adjust_chunks=length,
            token=func.__name__,
            meta=np.empty(0, dtype),
        )
        parts.append(part.reshape(x.shape) if field == "inverse_indices" else part)
    return kind(*parts)


def _part(block: Any, func: Any, which: int) -> Any:
    """One of several results.

    >>> _part(np.array([2, 2]), np.unique_counts, 1)
    array([2])
    """
    return func(block)[which]


def unique_all(x: Any, /) -> UniqueAll:
    """The different elements, where and how often they are; see `numpy.unique_all`.

    Parameters
    ----------
    x
        An array; of floats it becomes one block.

    Examples
    --------
    >>> import shoal.array as da
    >>> [part.compute().tolist() for part in unique_all(da.asarray([3, 1, 3], chunks=2))]
    [[1, 3], [1, 0], [1, 0, 1], [1, 2]]
    """
    found: UniqueAll = _named(UniqueAll, x)
    return found


def unique_counts(x: Any, /) -> UniqueCounts:
    """The different elements, and how often they occur; see `numpy.unique_counts`.

    Parameters
    ----------
    x
        An array; of floats it becomes one block.

    Examples
    --------
    >>> import shoal.array as da
    >>> [part.compute().tolist() for part in unique_counts(da.asarray([3, 1, 3], chunks=2))]
    [[1, 3], [1, 2]]
    """
    found: UniqueCounts = _named(UniqueCounts, x)
    return found


def unique_inverse(x: Any, /) -> UniqueInverse:
    """The different elements, and which of them each element is; see `numpy.unique_inverse`.

    Parameters
    ----------
    x
        An array; of floats it becomes one block.

    Examples
    --------
    >>> import shoal.array as da
    >>> [part.compute().tolist() for part in unique_inverse(da.asarray([3, 1, 3], chunks=2))]
    [[1, 3], [1, 0, 1]]
    """
    found: UniqueInverse = _named(UniqueInverse, x)
    return found


def unique_values(x: Any, /) -> Array:
    """The different elements; see `numpy.unique_values`.

    Parameters
    ----------
    x
        An array.

    Examples
    --------
    >>> import shoal.array as da
    >>> unique_values(da.asarray([3, 1, 3], chunks=2)).compute()
    array([1, 3])
    """
    flat = ravel(asanyarray(x))
    if flat.dtype.kind in "fc":
        # The tree of `unique` takes nan for equal to nan, the standard does not.
        whole = one_block(flat, (0,))
        told: Any = {"adjust_chunks": {"i": np.nan}, "meta": np.empty(0, flat.dtype)}
        return blockwise(_values, "i", whole, "i", token="unique_values", **told)
    return unique(flat)  # type: ignore[no-any-return]


def _values(block: Any) -> Any:
    """The different elements of a block, sorted.

    >>> _values(np.array([2.0, 1.0, 2.0]))
    array([1., 2.])
    """
    return np.unique(block, equal_nan=False)
