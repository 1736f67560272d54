"""From a call such as ``rng.normal(x, 2, size=5, chunks=2)`` to an expression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from shoal.array.chunks import normalize_chunks
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.kernels.draw import Stream
from shoal.array.nodes.draw import Draw
from shoal.array.rechunking import rechunk_node
from shoal.expr.annotate import current_annotations
from shoal.graph.task import Ref

__all__ = ["draw"]

OF_VECTORS = frozenset(
    ["multinomial", "multivariate_hypergeometric", "dirichlet", "multivariate_normal"]
)
"""Distributions whose parameters are vectors, and which add an axis to the size."""


def draw(
    stream: Stream,
    method: str,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    size: Any,
    chunks: Any,
) -> Array:
    """Random numbers of a distribution.

    Parameters
    ----------
    stream
        Where they come from.
    method
        Of the generator.
    args
        The distribution's parameters: scalars, and arrays, which are broadcast.
    kwargs
        Other arguments of the method.
    size
        The shape; None for that of the parameters.
    chunks
        As `normalize_chunks` takes them.

    Raises
    ------
    ValueError
        The parameters do not broadcast with the size, or are not those of the distribution.

    Examples
    --------
    >>> stream = Stream(np.random.Generator, np.random.PCG64, 5, (0,), 4)
    >>> draw(stream, "normal", (0.0, 1.0), {}, 5, 2).chunks
    ((2, 2, 1),)
    """
    told = tuple(sorted((name, value) for name, value in kwargs.items()))
    if method in OF_VECTORS:
        args = tuple([np.asarray(arg) if np.ndim(arg) else arg for arg in args])
        return _of_vectors(stream, method, args, told, _shape(size, ()), chunks)
    arrays = [asanyarray(arg) for arg in args if _has_axes(arg)]
    shape = _broadcast(arrays, _shape(size, ()), method)
    metas = [a._meta for a in arrays]
    kind, _ = sample(stream, method, _with(args, metas), told, (0,) * len(shape))
    given = normalize_chunks(chunks, shape, dtype=kind.dtype)
    nodes = [rechunk_node(a._node, _fitting(a, given)) for a in arrays]
    refs = [Ref(i) for i in range(len(nodes))]
    return _array(stream, method, _with(args, refs), told, nodes, given, 0, kind)


def _has_axes(arg: Any) -> bool:
    return isinstance(arg, Array) or (
        (hasattr(arg, "__array__") or isinstance(arg, list | tuple)) and (np.ndim(arg) > 0)
    )


def _with(args: tuple[Any, ...], values: list[Any]) -> tuple[Any, ...]:
    """Arguments with the arrays among them replaced."""
    left = iter(values)
    return tuple([next(left) if _has_axes(arg) else arg for arg in args])


def _shape(size: Any, default: tuple[int, ...]) -> tuple[int, ...]:
    if size is None:
        return default
    return (int(size),) if isinstance(size, int | np.integer) else tuple(map(int, size))


def _broadcast(arrays: list[Array], size: tuple[int, ...], method: str) -> tuple[int, ...]:
    """The size, as large as the parameters make it; NumPy wants it to be so large already."""
    shapes = [a.shape for a in arrays]
    try:
        return np.broadcast_shapes(size, *shapes)
    except ValueError:
        raise ValueError(
            f"Output size {size} is not compatible with broadcast dimensions of inputs: the "
            f"parameters of {method} have shapes {shapes}"
        ) from None


def _fitting(array: Array, given: Any) -> Any:
    pairs = zip(array.chunks, given[len(given) - array.ndim :], strict=True)
    return tuple([own if sum(own) == 1 == len(own) else new for own, new in pairs])


def sample(
    stream: Stream, method: str, args: tuple[Any, ...], kwargs: Any, size: tuple[int, ...]
) -> tuple[Any, tuple[int, ...]]:
    """The meta of a distribution, and the shape that it adds to the size.

    >>> stream = Stream(np.random.Generator, np.random.PCG64, 5, (0,), 4)
    >>> sample(stream, "multinomial", (3, [0.5, 0.5]), (), (0,))[1]
    (2,)
    """
    found = np.asanyarray(getattr(stream.of_block(0), method)(*args, size=size, **dict(kwargs)))
    return found[(slice(0, 0),) * found.ndim], found.shape[len(size) :]


def _of_vectors(
    stream: Stream, method: str, args: Any, kwargs: Any, shape: tuple[int, ...], chunks: Any
) -> Array:
    kind, inner = sample(stream, method, args, kwargs, (0,) * len(shape))
    given = normalize_chunks(chunks, shape, dtype=kind.dtype)
    all_chunks = (*given, *[(n,) for n in inner])
    return _array(stream, method, args, kwargs, [], all_chunks, len(inner), kind)


def _array(
    stream: Stream,
    method: str,
    args: tuple[Any, ...],
    kwargs: Any,
    nodes: list[Any],
    given: Any,
    inner: int,
    kind: Any,
    whole: bool = False,
) -> Array:
    wholes = (whole,) * len(nodes)
    node = Draw(
        *(stream, method, args, kwargs, tuple(nodes), wholes, given, inner, kind),
        annotations=current_annotations(),
    )
    return Array(node)


def draw_choice(
    stream: Stream,
    a: Any,
    size: Any,
    replace: bool,
    p: Any,
    kwargs: Mapping[str, Any],
    chunks: Any,
) -> Array:
    """Elements of an array, or of ``arange(a)``, chosen at random.

    >>> stream = Stream(np.random.Generator, np.random.PCG64, 5, (0,), 4)
    >>> draw_choice(stream, 1, 3, True, None, {}, 2).compute()
    array([0, 0, 0])
    """
    shape = _shape(size, ())
    nodes: list[Any] = []
    a, count, dtype = _population(a, nodes)
    if p is not None:
        if not isinstance(p, Array):
            p = np.asarray(p)
            if p.ndim == 1 and not np.isclose(p.sum(), 1, rtol=1e-7, atol=0):
                raise ValueError(f"probabilities do not sum to 1: {p.sum()}")
        if p.ndim != 1:
            raise ValueError(f"p must be one dimensional, its shape is {p.shape}")
        if len(p) != count:
            raise ValueError(f"a and p must have the same size, they have {count} and {len(p)}")
        p = _whole(p, nodes) if isinstance(p, Array) else p
    given = normalize_chunks(chunks, shape, dtype=dtype)
    if not replace and any(len(blocks) > 1 for blocks in given):
        raise NotImplementedError(
            "replace=False is not implemented for a result of several blocks: they are drawn "
            "independently of each other; pass chunks=-1, or use permutation"
        )
    kind = np.empty((0,) * len(shape), dtype)
    told = tuple(sorted({**kwargs, "replace": replace}.items()))
    return _array(stream, "choice", (a, p), told, nodes, given, 0, kind, whole=True)


def _population(a: Any, nodes: list[Any]) -> tuple[Any, int, Any]:
    if isinstance(a, int | np.integer):
        if a <= 0:
            raise ValueError(f"a must be greater than 0, got {a}")
        return a, int(a), np.dtype(np.int64)
    if not isinstance(a, Array):
        a = np.asarray(a)
    if a.ndim != 1:
        raise ValueError(f"a must be one dimensional, its shape is {a.shape}")
    if not len(a):
        raise ValueError("a must not be empty")
    count, dtype = len(a), a.dtype
    return (_whole(a, nodes) if isinstance(a, Array) else a), count, dtype


def _whole(array: Array, nodes: list[Any]) -> Ref:
    nodes.append(rechunk_node(array._node, ((len(array),),)))
    return Ref(len(nodes) - 1)
