"""Arrays cut into several."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.reductions.engine import normalize_axes

__all__ = ["array_split", "dsplit", "hsplit", "split", "unstack", "vsplit"]


def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """Parts of an array along an axis, of nearly equal lengths; see `numpy.array_split`.

    Parameters
    ----------
    ary
        An array.
    indices_or_sections
        How many parts, or where parts begin.
    axis
        Along which.

    Raises
    ------
    ValueError
        Fewer than one part is asked for, or the length of the axis is not known.

    Examples
    --------
    >>> import shoal.array as da
    >>> [part.compute() for part in array_split(da.arange(3, chunks=2), 2)]
    [array([0, 1]), array([2])]
    """
    ary = asanyarray(ary)
    (axis,) = normalize_axes(axis, ary.ndim)
    length = ary.shape[axis]
    if length != length:
        raise ValueError(
            f"an array of shape {ary.shape} cannot be split along axis {axis}, whose length is "
            "not known; call compute_chunk_sizes() first"
        )
    if np.ndim(indices_or_sections):
        cuts = [0, *[int(i) for i in indices_or_sections], length]
    else:
        count = int(indices_or_sections)
        if count < 1:
            raise ValueError(f"number sections must be larger than 0, got {count}")
        each, more = divmod(length, count)
        cuts = [i * each + min(i, more) for i in range(count + 1)]
    whole = (slice(None),) * axis
    return [ary[(*whole, slice(a, b))] for a, b in itertools.pairwise(cuts)]


def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """Parts of an array along an axis, of equal lengths; see `numpy.split`.

    Parameters
    ----------
    ary, indices_or_sections, axis
        As for `array_split`.

    Raises
    ------
    ValueError
        The length is no multiple of the number of parts.

    Examples
    --------
    >>> import shoal.array as da
    >>> [part.compute() for part in split(da.arange(4, chunks=3), 2)]
    [array([0, 1]), array([2, 3])]
    """
    ary = asanyarray(ary)
    length = ary.shape[normalize_axes(axis, ary.ndim)[0]]
    if not np.ndim(indices_or_sections) and length % int(indices_or_sections):
        raise ValueError(
            f"array split does not result in an equal division: {length} elements into "
            f"{indices_or_sections}; array_split cuts unequal parts"
        )
    return array_split(ary, indices_or_sections, axis)


def vsplit(ary: Any, indices_or_sections: Any) -> list[Array]:
    """Parts of an array along its first axis; see `numpy.vsplit`.

    Parameters
    ----------
    ary
        Of two axes or more.
    indices_or_sections
        As for `split`.

    Examples
    --------
    >>> import shoal.array as da
    >>> [part.shape for part in vsplit(da.ones((4, 2)), 2)]
    [(2, 2), (2, 2)]
    """
    return _split_along(ary, indices_or_sections, 0, 2, "vsplit")


def hsplit(ary: Any, indices_or_sections: Any) -> list[Array]:
    """Parts of an array along its second axis, the only one where it has one; see `numpy.hsplit`.

    Parameters
    ----------
    ary
        Of one axis or more.
    indices_or_sections
        As for `split`.

    Examples
    --------
    >>> import shoal.array as da
    >>> [part.shape for part in hsplit(da.ones((4, 2)), 2)]
    [(4, 1), (4, 1)]
    """
    return _split_along(ary, indices_or_sections, 1 if np.ndim(ary) > 1 else 0, 1, "hsplit")


def dsplit(ary: Any, indices_or_sections: Any) -> list[Array]:
    """Parts of an array along its third axis; see `numpy.dsplit`.

    Parameters
    ----------
    ary
        Of three axes or more.
    indices_or_sections
        As for `split`.

    Examples
    --------
    >>> import shoal.array as da
    >>> [part.shape for part in dsplit(da.ones((4, 2, 2)), 2)]
    [(4, 2, 1), (4, 2, 1)]
    """
    return _split_along(ary, indices_or_sections, 2, 3, "dsplit")


def _split_along(ary: Any, where: Any, axis: int, ndim: int, name: str) -> list[Array]:
    ary = asanyarray(ary)
    if ary.ndim < ndim:
        raise ValueError(
            f"{name} only works on arrays of {ndim} or more dimensions, the shape is {ary.shape}"
        )
    return split(ary, where, axis)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Array, ...]:
    """The parts of an array along an axis, without it; see `numpy.unstack`.

    Parameters
    ----------
    x
        Of one axis or more.
    axis
        Along which.

    Raises
    ------
    ValueError
        It has no axes.

    Examples
    --------
    >>> import shoal.array as da
    >>> [part.compute() for part in unstack(da.asarray([[1, 2], [3, 4]]))]
    [array([1, 2]), array([3, 4])]
    """
    x = asanyarray(x)
    if not x.ndim:
        raise ValueError("Input array must be at least 1-d, it has no axes")
    (axis,) = normalize_axes(axis, x.ndim)
    whole = (slice(None),) * axis
    return tuple([x[(*whole, i)] for i in range(x.shape[axis])])
