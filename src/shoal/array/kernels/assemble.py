"""Blocks put together: the arrays that people get, and what contractions and trees hand on.

Plain NumPy blocks are copied once, into an array made for all of them.  Other kinds are
concatenated along one axis after the other, by a function that `concatenate_lookup` knows for
their type.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from shoal.dispatch import Dispatch

__all__ = ["assemble", "concatenate_lookup", "concatenate_nested", "nested"]

concatenate_lookup = Dispatch("concatenate")
"""``concatenate(list of blocks, axis=)``, by the type of the blocks."""


@concatenate_lookup.register(object)
def _concatenate(blocks: Sequence[Any], axis: int = 0) -> Any:
    return np.concatenate(blocks, axis=axis)


@concatenate_lookup.register(np.ma.MaskedArray)
def _concatenate_masked(blocks: Sequence[Any], axis: int = 0) -> Any:
    out = np.ma.concatenate(blocks, axis=axis)  # type: ignore[no-untyped-call]
    fills = [block.fill_value for block in blocks if isinstance(block, np.ma.MaskedArray)]
    if fills and all(np.array_equal(fill, fills[0]) for fill in fills):
        out.fill_value = fills[0]
    return out


@concatenate_lookup.register_lazy("scipy")
def _register_scipy() -> None:
    sparse = sys.modules["scipy.sparse"]  # there: a block is one of its types
    concatenate_lookup.register((sparse.spmatrix, sparse.sparray), _concatenate_scipy)


def _concatenate_scipy(blocks: Sequence[Any], axis: int = 0) -> Any:
    stack = sys.modules["scipy.sparse"]
    return stack.vstack(blocks) if axis == 0 else stack.hstack(blocks)


def nested(blocks: Sequence[Any], grid: Sequence[int]) -> Any:
    """Blocks in C order as lists within lists.

    Parameters
    ----------
    blocks
        As many as the grid has places.
    grid
        The shape; a grid without axes has one block, which is returned.

    Examples
    --------
    >>> nested("abcd", (2, 2))
    [['a', 'b'], ['c', 'd']]
    """
    out = list(blocks)
    for length in reversed(grid[1:]):
        out = [out[i : i + length] for i in range(0, len(out), length)] if length else []
    return out if grid else out[0]


def assemble(blocks: Sequence[Any], grid: Sequence[int]) -> Any:
    """The array that blocks are the parts of.

    Parameters
    ----------
    blocks
        In C order.
    grid
        How many there are along each axis.

    Returns
    -------
    The only block itself; else a new array.

    Examples
    --------
    >>> assemble([np.array([1]), np.array([2, 3])], (2,))
    array([1, 2, 3])
    """
    if len(blocks) == 1:
        return blocks[0]
    if all(type(block) is np.ndarray for block in blocks) and blocks:
        out = _into_one(blocks, grid)
        if out is not None:
            return out
    arrays = [b if hasattr(b, "shape") else np.asanyarray(b) for b in blocks]
    if grid and arrays and all(array.ndim == 0 for array in arrays):
        # A function that was called for what it does, and gave None or numbers.
        return np.array([array[()] for array in arrays]).reshape(grid)
    return _one_axis_after_the_other(arrays, grid)


def concatenate_nested(arrays: Any, axes: Sequence[int] | None = None) -> Any:
    """The array that blocks in lists within lists are the parts of.

    Parameters
    ----------
    arrays
        A block, or a list of what has one level less.
    axes
        The axis along which each level is concatenated, the outer ones first; the axes in order by
        default.  Of a level without an axis the first part is taken.

    Examples
    --------
    >>> x = np.array([[1, 2]])
    >>> concatenate_nested([[x, x]]).shape, concatenate_nested([[x, x]], axes=[1, 0]).shape
    ((1, 4), (2, 2))
    """
    if isinstance(arrays, Iterator):
        arrays = list(arrays)
    if not isinstance(arrays, list | tuple):
        return arrays
    if axes is None:
        deep, axes = arrays, []
        while isinstance(deep, list | tuple):
            deep, axes = deep[0], [*axes, len(axes)]
    if not axes:
        return arrays[0]
    parts = [concatenate_nested(part, axes[1:]) for part in arrays]
    join = concatenate_lookup.dispatch(
        type(max(parts, key=lambda part: getattr(part, "__array_priority__", 0)))
    )
    return join(parts, axis=axes[0])


def _into_one(blocks: Sequence[Any], grid: Sequence[int]) -> Any:
    """A new array with every block at its place; None where their shapes do not fit."""
    ndim = len(grid)
    if any(block.ndim != ndim for block in blocks):
        return None
    cut = [axis for axis in range(ndim) if grid[axis] > 1]
    if len(cut) == 1 and blocks[0].dtype.names is None:
        # Of records it would take away the gaps that fields left out have left.
        return np.concatenate(blocks, axis=cut[0])
    steps = [math.prod(grid[axis + 1 :]) for axis in range(ndim)]
    lengths = [
        [blocks[i * steps[axis]].shape[axis] for i in range(grid[axis])] for axis in range(ndim)
    ]
    if any(
        block.shape != shape
        for block, shape in zip(blocks, itertools.product(*lengths), strict=True)
    ):
        return None
    dtype = blocks[0].dtype
    if any(block.dtype != dtype for block in blocks):
        dtype = np.result_type(*{block.dtype for block in blocks})
    ends = [[0, *itertools.accumulate(axis)] for axis in lengths]
    spans = [[slice(a, b) for a, b in itertools.pairwise(axis)] for axis in ends]
    out = np.empty([axis[-1] for axis in ends], dtype=dtype)
    for block, place in zip(blocks, itertools.product(*spans), strict=True):
        out[place] = block
    return out


def _one_axis_after_the_other(blocks: list[Any], grid: Sequence[int]) -> Any:
    join = concatenate_lookup.dispatch(
        type(max(blocks, key=lambda block: getattr(block, "__array_priority__", 0)))
    )
    for axis in reversed(range(len(grid))):
        length = grid[axis]
        blocks = [join(blocks[i : i + length], axis=axis) for i in range(0, len(blocks), length)]
    return blocks[0]
