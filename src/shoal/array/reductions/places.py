"""Where the extreme elements are, and which are the largest."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from shoal.array.chunks import has_unknown
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.documented import documented
from shoal.array.grid import block_offsets
from shoal.array.kernels.places import (
    arg_aggregate,
    arg_chunk,
    arg_combine,
    top_aggregate,
    top_chunk,
    top_combine,
)
from shoal.array.meta import meta_from_array
from shoal.array.nodes.reduction import Reduction
from shoal.array.reductions.engine import fan_in, normalize_axes
from shoal.expr.annotate import current_annotations
from shoal.graph.layers import Each

__all__ = ["argmax", "argmin", "argtopk", "nanargmax", "nanargmin", "topk"]


def _arg(
    a: Any, func: Any, axis: Any, keepdims: bool, split_every: Any, out: Any, skip_nan: bool
) -> Array:
    a = asanyarray(a)
    name = f"nan{func.__name__}" if skip_nan else func.__name__
    if axis is not None and not isinstance(axis, int | np.integer):
        raise TypeError(f"axis of {name} must be None or an int, got {axis!r}")
    # As in NumPy, which lets a value without axes have one here.
    axes = () if not a.ndim and axis in (0, -1) else normalize_axes(axis, a.ndim)
    if any(len(a.chunks[i]) > 1 and has_unknown((a.chunks[i],)) for i in axes) or (
        axis is None and has_unknown(a.chunks)
    ):
        raise ValueError(
            f"Arg-reductions do not work with arrays of unknown chunksizes: {name} along axes "
            f"{axes} of chunks {a.chunks} needs to know where blocks begin; call "
            "compute_chunk_sizes() first"
        )
    if any(a.shape[i] == 0 for i in axes):
        raise ValueError(f"attempt to get {name} of an empty sequence: the shape is {a.shape}")
    told = {"func": func, "skip_nan": skip_nan}
    if skip_nan and a.dtype.kind not in "fcO":
        told["skip_nan"] = False
    chunk = partial(arg_chunk, shape=a.shape if len(axes) > 1 else (), **told)
    combine, aggregate = partial(arg_combine, **told), partial(arg_aggregate, **told)
    return _placed(a, chunk, combine, aggregate, axes, keepdims, split_every, 1, np.intp, name, out)


def _placed(
    a: Array,
    chunk: Any,
    combine: Any,
    aggregate: Any,
    axes: tuple[int, ...],
    keepdims: bool,
    split_every: Any,
    size: int,
    dtype: Any,
    name: str,
    out: Any,
) -> Array:
    """A reduction whose first function is told where each block begins."""
    offsets = [
        chunks if len(chunks) > 1 and not has_unknown((chunks,)) else (0,) * len(chunks)
        for chunks in a.chunks
    ]
    node = Reduction(
        (a._node, Each(block_offsets(offsets))),
        chunk,
        combine,
        aggregate,
        axes,
        bool(keepdims),
        fan_in(split_every, axes, a.chunks),
        False,
        size,
        meta_from_array(_plain(a._meta), a.ndim if keepdims else a.ndim - len(axes), dtype),
        name,
        annotations=current_annotations(),
    )
    result = Array(node)
    if out is None:
        return result
    if out.shape != result.shape:
        raise ValueError(f"out= has shape {out.shape}, and the result {result.shape}")
    out._node = node
    return out  # type: ignore[no-any-return]


def _plain(meta: Any) -> Any:
    """Places have no mask."""
    return np.empty(meta.shape) if isinstance(meta, np.ma.MaskedArray) else meta


def topk(a: Any, k: Any, axis: int = -1, split_every: Any = None) -> Array:
    """The ``k`` largest elements along an axis, largest first; the smallest for a negative ``k``.

    Parameters
    ----------
    a
        An array.
    k
        How many; all where there are fewer.
    axis
        An int.
    split_every
        How many partial results a task takes in.

    Examples
    --------
    >>> import shoal.array as da
    >>> topk(da.asarray([5, 1, 3, 6], chunks=2), 2).compute()
    array([6, 5])
    >>> topk(da.asarray([5, 1, 3, 6], chunks=2), -2).compute()
    array([1, 3])
    """
    a = asanyarray(a)
    return _extremes(a, k, axis, split_every, "value", a.dtype, "topk")


def argtopk(a: Any, k: Any, axis: int = -1, split_every: Any = None) -> Array:
    """Where the ``k`` largest elements are along an axis; the smallest for a negative ``k``.

    Parameters
    ----------
    a, k, axis, split_every
        As for `topk`.

    Examples
    --------
    >>> import shoal.array as da
    >>> argtopk(da.asarray([5, 1, 3, 6], chunks=2), 2).compute()
    array([3, 0])
    """
    return _extremes(asanyarray(a), k, axis, split_every, "place", np.intp, "argtopk")


def _extremes(
    a: Array, k: Any, axis: int, split_every: Any, part: str, dtype: Any, name: str
) -> Array:
    if not isinstance(k, int | np.integer) or k == 0:
        raise ValueError(f"k of {name} must be an int other than 0, got {k!r}")
    axes = normalize_axes(axis, a.ndim)
    length = a.shape[axes[0]]
    size = abs(int(k)) if length != length else min(abs(int(k)), length)
    chunk, combine = (partial(f, k=int(k)) for f in (top_chunk, top_combine))
    aggregate = partial(top_aggregate, k=int(k), part=part)
    return _placed(a, chunk, combine, aggregate, axes, True, split_every, size, dtype, name, None)


PARAMETERS = """\
a, keepdims, split_every, out
    As for `sum`.
axis
    An int; None for the place in the flattened array.  The lengths of blocks along it must be
    known."""


def _place(func: Any, skip_nan: bool, claim: str, result: str) -> Callable[..., Array]:
    """Where an extreme element is, the first of equal ones."""

    def place(
        a: Any,
        axis: int | None = None,
        keepdims: bool = False,
        split_every: Any = None,
        out: Array | None = None,
    ) -> Array:
        return _arg(a, func, axis, keepdims, split_every, out, skip_nan)

    name = f"nan{func.__name__}" if skip_nan else func.__name__
    example = f"da.{name}(da.asarray([3.0, 1, 2], chunks=2)).compute()"
    told = f"{claim}, the first of equal ones; see `numpy.{name}`"
    return documented(place, name, told, PARAMETERS, example, result)


argmin = _place(np.argmin, False, "Where the smallest element is", "np.int64(1)")
argmax = _place(np.argmax, False, "Where the largest element is", "np.int64(0)")
nanargmin = _place(np.argmin, True, "Where the smallest element but nan is", "np.int64(1)")
nanargmax = _place(np.argmax, True, "Where the largest element but nan is", "np.int64(0)")
