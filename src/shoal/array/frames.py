"""Arrays of the partitions of frames: the other side of ``to_dask_array`` and ``values``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shoal.array.collection import Array
from shoal.array.nodes.base import Wrapped
from shoal.expr.node import Node
from shoal.seams import across

__all__ = ["blocks_of_array", "from_blocks", "to_dask_dataframe"]


def from_blocks(node: Node, lengths: Sequence[float], meta: Any) -> Array:
    """An array of blocks along its first axis.

    Parameters
    ----------
    node
        An expression with a block each.
    lengths
        Rows of each block; NaN where unknown.
    meta
        An array without rows, with the axes and dtype of the blocks.

    Examples
    --------
    >>> import numpy as np
    >>> import shoal.array as da
    >>> from_blocks(da.ones(4, chunks=2)._node, [2, 2], np.ones(0)).sum().compute()
    np.float64(4.0)
    """
    chunks = (tuple(lengths), *[(width,) for width in meta.shape[1:]])
    return Array(Wrapped((node,), chunks, meta[:0]))


def blocks_of_array(array: Array) -> tuple[Any, tuple[float, ...], Any]:
    """The expression of an array with one block for each part of its first axis.

    Parameters
    ----------
    array
        With one axis or two.

    Returns
    -------
    node, lengths, meta

    Examples
    --------
    >>> import shoal.array as da
    >>> blocks_of_array(da.ones((4, 2), chunks=(2, 1)))[1]
    (2, 2)
    """
    if array.ndim not in (1, 2):
        raise ValueError(f"a frame is made of an array with 1 or 2 axes, got {array.ndim}")
    if array.ndim == 2 and len(array.chunks[1]) > 1:
        array = array.rechunk({1: -1})
    return array._node, tuple(array.chunks[0]), array._meta


def to_dask_dataframe(a: Array, columns: Any = None, index: Any = None, meta: Any = None) -> Any:
    """The array as a frame, or as a series where it has one axis.

    Parameters
    ----------
    a
        With one axis or two.
    columns
        Names of the columns, or of the series.
    index
        An index of shoal's; a running number by default.
    meta
        A frame without rows, of the kind that partitions are.

    Examples
    --------
    >>> import shoal.array as da
    >>> list(da.ones((4, 2), chunks=2).to_dask_dataframe(columns=["a", "b"]).columns)
    ['a', 'b']
    """
    return across("array to dataframe", a, columns, index, meta)
