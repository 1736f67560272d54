"""Functions along axes, and of groups of neighbours."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from shoal.array.arrangement import expand_dims
from shoal.array.blocks import blockwise
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.rechunking import ravel
from shoal.array.reductions.engine import normalize_axes
from shoal.array.whole import one_block

__all__ = [
    "aligned_coarsen_chunks",
    "apply_along_axis",
    "apply_over_axes",
    "coarsen",
    "take_along_axis",
]


def apply_along_axis(
    func1d: Callable[..., Any],
    axis: int,
    arr: Any,
    *args: Any,
    dtype: Any = None,
    shape: Any = None,
    **kwargs: Any,
) -> Array:
    """A function of every row along an axis; see `numpy.apply_along_axis`.

    Parameters
    ----------
    func1d
        ``func1d(row, *args, **kwargs)``.
    axis
        An int.
    arr
        An array.
    *args, **kwargs
        The function's; lazy values in them are computed.
    dtype, shape
        Of what the function returns; it is called with a row of a single one to find out.

    Examples
    --------
    >>> import shoal.array as da
    >>> apply_along_axis(np.sum, 0, da.ones((4, 2), chunks=2)).compute()
    array([4., 4.])
    """
    arr = asanyarray(arr)
    (axis,) = normalize_axes(int(axis), arr.ndim)
    if shape is None or dtype is None:
        sample = np.array(func1d(np.ones((1,), dtype=arr.dtype), *args, **kwargs))
        shape = sample.shape if shape is None else shape
        dtype = sample.dtype if dtype is None else dtype
    arr = arr.rechunk({axis: -1})
    labels = list(range(arr.ndim))
    new = list(range(arr.ndim, arr.ndim + len(shape)))
    return blockwise(
        partial(_along_block, func1d, axis),
        (*labels[:axis], *new, *labels[axis + 1 :]),
        arr,
        labels,
        new_axes=dict(zip(new, shape, strict=True)),
        concatenate=True,
        token="apply-along-axis",
        meta=np.empty((0,) * (arr.ndim - 1 + len(shape)), dtype),
        func_args=list(args),
        func_kwargs=kwargs,
    )


def _along_block(func: Any, axis: int, block: Any, func_args: Any, func_kwargs: Any) -> Any:
    """Of every row of a block.

    >>> _along_block(np.sum, 0, np.ones((2, 2)), [], {})
    array([2., 2.])
    """
    return np.apply_along_axis(func, axis, block, *func_args, **func_kwargs)


def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Array:
    """A function along one axis after the other; see `numpy.apply_over_axes`.

    Parameters
    ----------
    func
        ``func(a, axis)``; its result has as many axes, or one less.
    a
        An array.
    axes
        An int or several.

    Raises
    ------
    ValueError
        The function's result has another number of axes.

    Examples
    --------
    >>> import shoal.array as da
    >>> apply_over_axes(da.sum, da.ones((2, 3)), [0, 1]).compute()
    array([[6.]])
    """
    a = asanyarray(a)
    for axis in np.atleast_1d(axes).tolist():
        out = func(a, axis)
        if out.ndim == a.ndim - 1:
            out = expand_dims(out, axis % a.ndim)
        if out.ndim != a.ndim:
            raise ValueError(
                "function is not returning an array of the correct shape: it must have "
                f"{a.ndim} or {a.ndim - 1} axes, got {out.ndim}"
            )
        a = out
    return a  # type: ignore[no-any-return]


def aligned_coarsen_chunks(chunks: Any, multiple: int) -> tuple[int, ...]:
    """Blocks of an axis moved so that each but the last is a multiple.

    Parameters
    ----------
    chunks
        Lengths of the blocks of one axis.
    multiple
        Of what.

    Examples
    --------
    >>> aligned_coarsen_chunks((5, 5, 3), 4)
    (4, 4, 4, 1)
    """
    ends = np.cumsum(chunks)
    cuts = sorted({int(round(end / multiple) * multiple) for end in ends[:-1]})
    total = int(ends[-1]) if len(ends) else 0
    whole = total // multiple * multiple
    edges = [0, *[cut for cut in cuts if 0 < cut < whole], whole]
    out = [b - a for a, b in itertools.pairwise(edges) if b > a]
    return (*out, total - whole) if total > whole else tuple(out)


def coarsen(
    reduction: Callable[..., Any],
    x: Any,
    axes: Mapping[int, int],
    trim_excess: bool = False,
    **kwargs: Any,
) -> Array:
    """Reduce groups of neighbours of a fixed size.

    Parameters
    ----------
    reduction
        Such as `numpy.mean`: ``reduction(block, axis=axes, **kwargs)``.
    x
        An array.
    axes
        By axis how many neighbours are a group.
    trim_excess
        Whether to leave out what is too little for a group at the end of an axis.
    **kwargs
        The reduction's.

    Raises
    ------
    ValueError
        Lengths are no multiples, and nothing is to be left out.

    Examples
    --------
    >>> import shoal.array as da
    >>> coarsen(np.sum, da.arange(6, chunks=4), {0: 2}).compute()
    array([1, 5, 9])
    """
    x = asanyarray(x)
    sizes = {int(axis) % x.ndim: int(size) for axis, size in axes.items()}
    if not trim_excess and any(x.shape[i] % n for i, n in sizes.items()):
        raise ValueError(
            f"Coarsening factors {sizes} do not align with array dimensions {x.shape}; pass "
            "trim_excess=True to leave out the rest"
        )
    if getattr(reduction, "__module__", "").startswith("shoal."):
        reduction = getattr(np, reduction.__name__)
    cut = tuple([slice(0, n // sizes.get(i, 1) * sizes.get(i, 1)) for i, n in enumerate(x.shape)])
    x = x[cut]
    x = x.rechunk({i: aligned_coarsen_chunks(x.chunks[i], n) or -1 for i, n in sizes.items()})
    labels = tuple(range(x.ndim))
    told = partial(
        coarsen_block,
        reduction=reduction,
        sizes=tuple([sizes.get(i, 1) for i in labels]),
        kwargs=tuple(kwargs.items()),
    )
    sample = coarsen_block(
        np.ones(tuple([sizes.get(i, 1) for i in labels]), x.dtype), **told.keywords
    )
    return blockwise(
        told,
        labels,
        x,
        labels,
        adjust_chunks={i: _Divided(n) for i, n in sizes.items()},
        token="coarsen",
        meta=np.empty((0,) * x.ndim, sample.dtype),
    )


class _Divided:
    """Lengths divided by a number."""

    def __init__(self, by: int) -> None:
        self.by = by

    def __call__(self, n: int) -> int:
        return n // self.by


def coarsen_block(block: Any, reduction: Any, sizes: tuple[int, ...], kwargs: Any) -> Any:
    """Groups of neighbours of a block, reduced.

    >>> coarsen_block(np.arange(4), np.sum, (2,), ())
    array([1, 5])
    """
    shape = [
        n for length, size in zip(block.shape, sizes, strict=True) for n in (length // size, size)
    ]
    axes = tuple(range(1, 2 * block.ndim, 2))
    return reduction(block.reshape(shape), axis=axes, **dict(kwargs))


def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Array:
    """Elements along an axis at places that differ by row; see `numpy.take_along_axis`.

    Parameters
    ----------
    arr
        An array; the axis becomes one block.
    indices
        Places, an array of ints with as many axes; the others are broadcast.
    axis
        Along which; None for the flattened array.

    Raises
    ------
    IndexError
        The places are no ints, or, when computed, lie outside.
    ValueError
        The numbers of axes differ.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.asarray([[3, 1, 2], [4, 6, 5]], chunks=2)
    >>> take_along_axis(x, da.argsort(x), 1).compute()
    array([[1, 2, 3],
           [4, 5, 6]])
    """
    arr, indices = asanyarray(arr), asanyarray(indices)
    if indices.dtype.kind not in "iu":
        raise IndexError(f"`indices` must be an integer array, it is of {indices.dtype}")
    if axis is None:
        arr, axis = ravel(arr), 0
    if arr.ndim != indices.ndim:
        raise ValueError(
            "`indices` and `arr` must have the same number of dimensions, their shapes are "
            f"{indices.shape} and {arr.shape}"
        )
    (axis,) = normalize_axes(axis, arr.ndim)
    out = tuple(range(arr.ndim))
    own = tuple([arr.ndim if i == axis else i for i in out])
    return blockwise(
        partial(_take_block, axis=axis),
        out,
        *(one_block(arr, (axis,)), own, indices, out),
        concatenate=True,
        token="take_along_axis",
        meta=arr._meta,
    )


def _take_block(block: Any, indices: Any, axis: int) -> Any:
    """Elements of a block with a whole axis.

    >>> _take_block(np.array([5, 6]), np.array([1, 1, 0]), 0)
    array([6, 6, 5])
    """
    return np.take_along_axis(block, indices, axis)
