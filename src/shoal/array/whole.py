"""Functions that need whole axes: the axis becomes one block, and the others are cut finer.

The memory that a task needs grows with the length of the axis.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from shoal.array.blocks import blockwise
from shoal.array.chunks import has_unknown
from shoal.array.collection import Array
from shoal.array.meta import meta_from_array

__all__ = ["along_axis", "one_block"]


def one_block(a: Array, axes: tuple[int, ...]) -> Array:
    """The array with one block along some axes.

    Parameters
    ----------
    a
        An array.
    axes
        Which, none negative; the others are cut so that blocks keep a moderate size.

    Examples
    --------
    >>> import shoal.array as da
    >>> one_block(da.ones((4, 4), chunks=2), (0,)).chunks
    ((4,), (4,))
    """
    if all(len(a.chunks[i]) == 1 for i in axes):
        return a
    unknown = [i for i in axes if len(a.chunks[i]) > 1 and has_unknown((a.chunks[i],))]
    if unknown:
        return one_block(_merged(a, unknown), axes)
    chunks: dict[int, Any] = {i: -1 if i in axes else "auto" for i in range(a.ndim)}
    if a.dtype.hasobject or any(n != n for n in a.shape):
        chunks = dict.fromkeys(axes, -1)
    out: Array = a.rechunk(chunks)
    return out


def _merged(a: Array, axes: list[int]) -> Array:
    """With all blocks along axes of unknown length as one: these are contracted, and made anew."""
    labels = tuple(range(a.ndim))
    out = tuple([i + a.ndim if i in axes else i for i in labels])
    new = {i + a.ndim: np.nan for i in axes}
    told: Any = {"new_axes": new, "concatenate": True, "token": "merge", "meta": a._meta}
    return blockwise(_same, out, a, labels, **told)


def _same(block: Any) -> Any:
    """The block itself.

    >>> _same(3)
    3
    """
    return block


def along_axis(
    func: Callable[..., Any],
    a: Array,
    axis: int,
    dtype: Any = None,
    length: int | None = None,
    **kwargs: Any,
) -> Array:
    """A function along one axis, of blocks that have it whole.

    Parameters
    ----------
    func
        ``func(block, axis=axis, **kwargs)``, of NumPy's.
    a
        An array.
    axis
        Which, not negative.
    dtype
        Of the result; that of the array by default.
    length
        Of the axis in the result; as before by default.
    **kwargs
        The function's.

    Examples
    --------
    >>> import shoal.array as da
    >>> along_axis(np.sort, da.asarray([3, 1, 2], chunks=2), 0).compute()
    array([1, 2, 3])
    """
    a = one_block(a, (axis,))
    labels = tuple(range(a.ndim))
    return blockwise(
        partial(func, axis=axis, **kwargs),
        labels,
        a,
        labels,
        adjust_chunks=None if length is None else {axis: length},
        token=func.__name__,
        meta=meta_from_array(a._meta, a.ndim, a.dtype if dtype is None else dtype),
    )
