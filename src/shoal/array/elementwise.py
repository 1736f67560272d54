"""Elementwise functions of arrays: operands brought to the same blocks, and one node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from shoal.array.chunks import AxisChunks, Chunks, blocks_beside, common_blockdim, has_unknown
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.kernels.cast import cast_block
from shoal.array.nodes.base import ArrayNode
from shoal.array.nodes.elementwise import Elementwise
from shoal.array.rechunking import rechunk_node, warn_of_growth
from shoal.duck import is_arraylike
from shoal.expr.annotate import current_annotations

__all__ = ["align", "astype", "elemwise"]


SURE = (ArrayNode, np.generic, np.ndarray, bool, float, complex, str, bytes, type(None))
"""Operands that do not make a function fail by what they are, as far as dtypes can tell."""


def elemwise(
    func: Callable[..., Any],
    *args: Any,
    out: Any = None,
    where: Any = True,
    dtype: Any = None,
    name: str | None = None,
    **kwargs: Any,
) -> Array:
    """Apply a function element by element, with broadcasting.

    Parameters
    ----------
    func
        Of the blocks, such as a ufunc; gives an array of their broadcast shape.
    *args
        Arrays of any kind, and scalars.
    out
        An array of shoal's that becomes the result.
    where
        Where to compute; elsewhere the elements are those of ``out``.
    dtype
        Of the result, and a keyword argument of a ufunc.  Default: found out with the metas.
    name
        Of the result; made from the operands by default.
    **kwargs
        The function's, the same for all blocks.

    Raises
    ------
    ValueError
        The shapes do not fit.

    Examples
    --------
    >>> import shoal.array as da
    >>> elemwise(np.hypot, da.ones(3, chunks=2) * 3, 4).compute()
    array([5., 5., 5.])
    """
    out = _single_output(out)
    if dtype is not None and isinstance(func, np.ufunc) and not _has_loop(func, np.dtype(dtype)):
        result = elemwise(func, *args, where=where, name=name, **kwargs)
        return _into(out, astype(result, dtype, casting="same_kind"))
    operands = [operand_of(arg) for arg in args]
    if where is not True:
        operands += [operand_of(where), operand_of(np.nan if out is None else out)]
        func = _Where(func)
    if not any(isinstance(op, ArrayNode) for op in operands):
        raise TypeError(f"elemwise takes at least one array, got {args!r}")
    if dtype is not None:
        dtype = np.dtype(dtype)
        if isinstance(func, np.ufunc):
            kwargs["dtype"] = dtype
    told = tuple(sorted(kwargs.items()))
    annotations = current_annotations()
    node = Elementwise(
        func, tuple(align(operands)), told, dtype, name=name, annotations=annotations
    )
    if not all(isinstance(op, SURE) and type(op) is not int for op in operands):
        # A number that the type cannot hold, or an object that NumPy does not know: an error now.
        node.meta  # noqa: B018
    return _into(out, Array(node))


def _has_loop(func: np.ufunc, dtype: Any) -> bool:
    """Whether a ufunc can be told to give a type; if not, its result is cast.

    >>> _has_loop(np.add, np.dtype(int)), _has_loop(np.isnan, np.dtype(int))
    (True, False)
    """
    ends = [np.dtype(signature.partition("->")[2][0]) for signature in func.types]
    return not ends or dtype in ends or dtype.kind in "mM"


def operand_of(arg: Any) -> Any:
    """An argument as an operand: a node where it has axes, else a constant."""
    if isinstance(arg, Array):
        return arg._node
    if isinstance(arg, list | tuple):
        arg = np.asarray(arg)
    if is_arraylike(arg):
        return (
            arg
            if arg.ndim == 0 and isinstance(arg, np.ndarray | np.generic)
            else asanyarray(arg)._node
        )
    if hasattr(arg, "__shoal_node__") or hasattr(arg, "__dask_graph__"):
        return asanyarray(arg)._node
    return arg


def align(operands: Sequence[Any]) -> list[Any]:
    """Bring the arrays among some operands to blocks that fit each other.

    Parameters
    ----------
    operands
        Nodes, and constants, which stay.

    Raises
    ------
    ValueError
        The shapes do not fit.

    Examples
    --------
    >>> import shoal.array as da
    >>> x, y = da.ones(5, chunks=5)._node, da.ones(5, chunks=2)._node
    >>> [node.chunks for node in align([x, y])]
    [((2, 2, 1),), ((2, 2, 1),)]
    """
    nodes = [op for op in operands if isinstance(op, ArrayNode)]
    if all(node.chunks == nodes[0].chunks for node in nodes):
        return list(operands)
    ndim = max(node.ndim for node in nodes)
    try:
        along = [
            [n.chunks[axis - ndim] for n in nodes if n.ndim + axis >= ndim] for axis in range(ndim)
        ]
        common = [_same_lengths(axis, common_blockdim(axis)) for axis in along]
    except ValueError as error:
        shapes = " ".join(str(node.array_shape) for node in nodes)
        raise ValueError(
            f"operands could not be broadcast together with shapes {shapes}: {error}"
        ) from None
    fitted = [_fitted(op, tuple(common)) if isinstance(op, ArrayNode) else op for op in operands]
    warn_of_growth(
        [node.chunks for node in nodes],
        [node.chunks for node in fitted if isinstance(node, ArrayNode)],
    )
    return fitted


def _same_lengths(own: list[AxisChunks], common: AxisChunks) -> AxisChunks:
    """The common blocks, if it is known that operands have equal lengths or 1: a block that turns
    out to have one element would be repeated."""
    known = [sum(blocks) for blocks in own if not has_unknown((blocks,)) and sum(blocks) != 1]
    if known and has_unknown(own):
        raise ValueError(
            f"one array has an unknown length (nan) where another has {known[0]}; call "
            "compute_chunk_sizes() on it first"
        )
    return common


def _fitted(node: ArrayNode, common: Chunks) -> ArrayNode:
    own = common[len(common) - node.ndim :]
    return rechunk_node(node, tuple(map(blocks_beside, node.chunks, own)))


def _single_output(out: Any) -> Any:
    if isinstance(out, tuple):
        if len(out) != 1:
            raise NotImplementedError(f"one array can be given as out=, got {len(out)}")
        out = out[0]
    if out is not None and not isinstance(out, Array):
        raise NotImplementedError(
            f"out= must be an array of shoal's, which then stands for the result, got "
            f"{type(out).__name__}"
        )
    return out


def _into(out: Array | None, result: Array) -> Array:
    """``out`` as the result."""
    if out is None:
        return result
    if out.shape != result.shape:
        raise ValueError(
            f"out= has shape {out.shape}, and the result {result.shape}; they must be equal"
        )
    out._node = result._node
    return out


class _Where:
    """A function that is computed in some places; the last two arguments say where, and what is
    in the others."""

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func

    @property
    def __name__(self) -> str:
        return str(getattr(self.func, "__name__", "where"))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        *own, where, out = args
        shape = np.broadcast_shapes(*[np.shape(arg) for arg in args])
        values = self.func(*own, **kwargs)
        result = np.empty(shape, dtype=values.dtype)
        result[...] = out
        np.copyto(result, values, where=where)
        return result

    def __shoal_tokenize__(self) -> Any:
        return "where", self.func


def astype(a: Array, dtype: Any, **kwargs: Any) -> Array:
    """The same elements as another type.

    Parameters
    ----------
    a
        The array.
    dtype
        Of the result.
    **kwargs
        ``casting``, ``copy`` and ``order``, as `numpy.ndarray.astype` takes them; blocks are in C
        order.

    Raises
    ------
    TypeError
        The types cannot be cast so.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.ones(2, chunks=1).astype(int).compute()
    array([1, 1])
    """
    extra = set(kwargs) - {"casting", "copy", "order"}
    if extra:
        raise TypeError(f"astype takes casting, copy and order, got {sorted(extra)}")
    dtype = np.dtype(dtype)
    if dtype == a.dtype:
        return a
    casting = kwargs.get("casting", "unsafe")
    if not np.can_cast(a.dtype, dtype, casting=casting):
        raise TypeError(f"cannot cast array from {a.dtype!r} to {dtype!r} with casting {casting!r}")
    return Array(Elementwise(cast_block, (a._node, dtype, casting), (), dtype))
