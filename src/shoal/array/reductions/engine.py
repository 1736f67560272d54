"""The engine of reductions: functions of a block, of partial results, and for the end.

How wide the tree is, is decided here: a task takes in as many partials as ``split_every`` says.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from shoal import config
from shoal.array.chunks import Chunks
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.elementwise import align
from shoal.array.meta import infer_meta, meta_from_array
from shoal.array.nodes.reduction import Reduction
from shoal.expr.annotate import current_annotations
from shoal.graph.functions import has_keyword
from shoal.graph.naming import funcname

__all__ = ["reduction", "tree_reduce"]

FAN_IN = {1: 8, 2: 4}
"""How many partials a task takes in along each axis, by the number of axes, unless told.  Powers of
two fit into each other, so that several reductions have the same tiles (`shoal.graph.tiles`)."""


def reduction(
    x: Array,
    chunk: Callable[..., Any],
    aggregate: Callable[..., Any],
    axis: Any = None,
    keepdims: bool = False,
    combine: Callable[..., Any] | None = None,
    name: str | None = None,
    out: Array | None = None,
    concatenate: bool = True,
    output_size: int = 1,
    meta: Any = None,
    dtype: Any = None,
    split_every: Any = None,
    weights: Any = None,
) -> Array:
    """Reduce an array along axes, in a tree.

    Parameters
    ----------
    x
        The array.
    chunk
        ``chunk(block, axis=axes, keepdims=True)``, with ``weights=`` when there are weights; axes
        are a tuple.
    aggregate
        ``aggregate(partials, axis=axes, keepdims=keepdims)``: the result of partial results.
    axis
        An int or several; None for all.
    keepdims
        Whether reduced axes stay, with length 1.
    combine
        ``combine(partials, axis=axes, keepdims=True)``, between the two; ``aggregate`` by default.
    name
        What keys begin with; the name of ``chunk`` by default.
    out
        An array that becomes the result.
    concatenate
        Whether partial results come as one array, or as lists within lists.
    output_size
        The length of a reduced axis that stays.
    meta
        Of the result.
    dtype
        Of the result; passed to ``chunk`` and ``aggregate`` when they take it.
    split_every
        How many partial results a task takes in: an int, or a dict by axis.
    weights
        An array that broadcasts to ``x``; ``chunk`` gets its blocks too.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.arange(6, chunks=2)
    >>> reduction(x, np.max, np.max, dtype=x.dtype).compute()
    np.int64(5)
    """
    axes = (reduced_axes if concatenate else normalize_axes)(axis, x.ndim)
    combine = combine or aggregate
    if dtype is not None:
        chunk, combine, aggregate = (_with_dtype(f, dtype) for f in (chunk, combine, aggregate))
    inputs = [x._node]
    if weights is not None:
        inputs, chunk = _weighted(x, weights, chunk)
    kind = meta if meta is not None else _infer(x, chunk, aggregate, axes, dtype, weights)
    ndim = x.ndim if keepdims else x.ndim - len(axes)
    node = Reduction(
        tuple(inputs),
        chunk,
        combine,
        aggregate,
        axes,
        bool(keepdims),
        fan_in(split_every, axes, inputs[0].chunks),
        bool(concatenate),
        output_size,
        meta_from_array(kind, ndim, dtype),
        name or funcname(chunk),
        annotations=current_annotations(),
    )
    result = Array(node)
    if out is None:
        return result
    if out.shape != result.shape:
        raise ValueError(f"out= has shape {out.shape}, and the result {result.shape}")
    out._node = node
    return out


def tree_reduce(
    x: Array,
    aggregate: Callable[..., Any],
    axis: Any,
    keepdims: bool,
    dtype: Any,
    split_every: Any = None,
    combine: Callable[..., Any] | None = None,
    name: str | None = None,
    concatenate: bool = True,
    reduced_meta: Any = None,
) -> Array:
    """The second half of `reduction`, for arrays whose blocks are partial results already.

    Parameters
    ----------
    x
        The array; its blocks may be of any type.
    aggregate, axis, keepdims, split_every, combine, name, concatenate
        As for `reduction`.
    dtype
        Of the result.
    reduced_meta
        Of the result.

    Examples
    --------
    >>> import shoal.array as da
    >>> tree_reduce(da.arange(6, chunks=2), np.sum, 0, False, int).compute()
    np.int64(15)
    """
    axes = normalize_axes(axis, x.ndim)
    meta = x._meta if reduced_meta is None else reduced_meta
    ndim = x.ndim if keepdims else x.ndim - len(axes)
    node = Reduction(
        (x._node,),
        _as_it_is,
        combine or aggregate,
        aggregate,
        axes,
        bool(keepdims),
        fan_in(split_every, axes, x.chunks),
        bool(concatenate),
        1,
        meta_from_array(meta, ndim, dtype),
        name or funcname(aggregate),
        annotations=current_annotations(),
    )
    return Array(node)


def _as_it_is(block: Any, axis: Any, keepdims: bool) -> Any:
    return block


def reduced_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """`normalize_axes`, but for a number, which NumPy's ufuncs reduce along "its" axis.

    >>> reduced_axes(-1, 0)
    ()
    """
    return () if not ndim and axis in (0, -1) else normalize_axes(axis, ndim)


def normalize_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """Axes as a sorted tuple.

    >>> normalize_axes(None, 2), normalize_axes(-1, 2)
    ((0, 1), (1,))
    """
    if axis is None:
        return tuple(range(ndim))
    given = (axis,) if isinstance(axis, int | np.integer) else tuple(axis)
    axes = []
    for one in given:
        if not -ndim <= one < ndim:
            raise np.exceptions.AxisError(int(one), ndim)
        axes.append(int(one) % ndim)
    if len(set(axes)) < len(axes):
        raise ValueError(f"duplicate value in 'axis': {axis!r}")
    return tuple(sorted(axes))


def fan_in(split_every: Any, axes: tuple[int, ...], chunks: Chunks) -> tuple[int, ...]:
    """How many partials a task takes in along each reduced axis.

    >>> fan_in(16, (0, 1), ((1,) * 9, (1,) * 9)), fan_in({0: 3}, (0, 1), ((1,) * 9, (1,)))
    ((4, 4), (3, 2))
    """
    # Axes of one block leave their share to the others.
    many = builtins.sum(len(chunks[axis]) > 1 for axis in axes) or 1
    split_every = split_every or config.get("split-every", None)
    if split_every is None:
        return (FAN_IN.get(many, 2),) * len(axes)
    if isinstance(split_every, Mapping):
        return tuple([builtins.max(2, split_every.get(axis, 2)) for axis in axes])
    if split_every is False or not isinstance(split_every, int | np.integer):
        raise ValueError(f"split_every must be an int or a dict by axis, got {split_every!r}")
    return (builtins.max(2, round(split_every ** (1 / many))),) * len(axes)


def _with_dtype(func: Callable[..., Any], dtype: Any) -> Callable[..., Any]:
    # NumPy cannot be told the unit of a duration, and gives the right one.
    known = np.dtype(dtype).kind not in "mM"
    return partial(func, dtype=dtype) if known and has_keyword(func, "dtype") else func


def _weighted(x: Array, weights: Any, chunk: Any) -> tuple[list[Any], Callable[..., Any]]:
    given = asanyarray(weights)._node
    return align([x._node, given])[:2], Weighted(chunk)


class Weighted:
    """A function of a block that gets the weights' block as a keyword argument.

    Parameters
    ----------
    func
        ``func(block, weights=..., **kwargs)``.

    Examples
    --------
    >>> Weighted(lambda x, weights: x * weights)(2, 3)
    6
    """

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func

    @property
    def __name__(self) -> str:
        return funcname(self.func)

    def __call__(self, block: Any, weights: Any, **kwargs: Any) -> Any:
        return self.func(block, weights=weights, **kwargs)

    def __shoal_tokenize__(self) -> Any:
        return "weighted", self.func


def dense_partials(a: Array, chunk: Callable[..., Any]) -> tuple[Callable[..., Any], Any]:
    """A function of blocks whose partial results can be computed with, and the result's meta.

    What sparse blocks are reduced to is hardly sparse, and has another fill value for each block,
    so it is made dense.

    Parameters
    ----------
    a
        The array.
    chunk
        The function.

    Examples
    --------
    >>> import shoal.array as da
    >>> dense_partials(da.ones(2), np.nansum)[0] is np.nansum
    True
    """
    if not hasattr(a._meta, "todense"):
        return chunk, a._meta
    return Dense(chunk), np.empty((0,) * a.ndim, a.dtype)


class Dense:
    """A function whose results, or their parts, are made dense.

    Parameters
    ----------
    func
        The function.

    Examples
    --------
    >>> Dense(np.sum)(np.ones(2))
    np.float64(2.0)
    """

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func

    @property
    def __name__(self) -> str:
        return funcname(self.func)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        out = self.func(*args, **kwargs)
        if isinstance(out, dict):
            return {name: _dense(part) for name, part in out.items()}
        return _dense(out)

    def __shoal_tokenize__(self) -> Any:
        return "dense", self.func


def _dense(part: Any) -> Any:
    return part.todense() if hasattr(part, "todense") else part


def _infer(x: Array, chunk: Any, aggregate: Any, axes: Any, dtype: Any, weights: Any) -> Any:
    """What blocks of the result are; NumPy's where the functions do not say."""
    args = [x._meta] if weights is None else [x._meta, x._meta]
    part = infer_meta(chunk, args, {"axis": axes, "keepdims": True})
    out = None
    if hasattr(part, "dtype"):
        out = infer_meta(aggregate, [part], {"axis": axes, "keepdims": False})
    if hasattr(out, "dtype") and hasattr(out, "shape"):
        return np.asarray(out) if isinstance(out, np.generic) else out
    if dtype is None:
        # What needs an element of each block: told by one of them.
        part = infer_meta(
            chunk, [np.ones((1,) * x.ndim, x.dtype)], {"axis": axes, "keepdims": True}
        )
        out = infer_meta(aggregate, [part], {"axis": axes, "keepdims": False})
    return meta_from_array(x._meta, 0, dtype or getattr(out, "dtype", x.dtype))
