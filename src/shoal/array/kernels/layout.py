"""What is done to one block to put its elements elsewhere."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from shoal.array.kernels.assemble import assemble
from shoal.serialize.parts import Pieces, keep
from shoal.types import Parts

__all__ = [
    "broadcast_block",
    "cut_parts",
    "merge_parts",
    "permute_block",
    "reshape_block",
    "take_region",
]


def take_region(block: Any, region: tuple[Any, ...]) -> Any:
    """A part of a block; copied where it is so small that the rest would be kept for nothing.

    Parameters
    ----------
    block
        An array.
    region
        Slices and ints.

    Examples
    --------
    >>> take_region(np.arange(6), (slice(0, 2),)).base is None
    True
    """
    part = block[region]
    base = getattr(part, "base", None)
    if base is not None and 2 * part.nbytes < getattr(base, "nbytes", 0):
        return part.copy()
    return part


def permute_block(block: Any, axes: tuple[int | None, ...]) -> Any:
    """The axes of a block in another order; see `shoal.array.nodes.layout.Permute`.

    Parameters
    ----------
    block
        An array.
    axes
        For each axis of the result one of the block, or None.

    Examples
    --------
    >>> permute_block(np.ones((2, 3)), (1, None, 0)).shape
    (3, 1, 2)
    """
    kept = [axis for axis in axes if axis is not None]
    if len(kept) < block.ndim:
        block = block[tuple([slice(None) if i in kept else 0 for i in range(block.ndim)])]
        order = sorted(kept)
        kept = [order.index(axis) for axis in kept]
    if kept != list(range(len(kept))):
        # SciPy's sparse matrices take no list.
        block = np.transpose(block, tuple(kept))
    if len(kept) < len(axes):
        block = block[tuple([None if axis is None else slice(None) for axis in axes])]
    return block


def broadcast_block(block: Any, shape: tuple[int, ...]) -> Any:
    """A block repeated to a shape, without a copy.

    Parameters
    ----------
    block
        An array.
    shape
        What it becomes.

    Examples
    --------
    >>> broadcast_block(np.ones((1, 2)), (3, 2)).shape
    (3, 2)
    """
    return np.broadcast_to(block, shape, subok=True)


def cut_parts(block: Any, targets: Sequence[Sequence[tuple[int, slice]]]) -> Parts:
    """A block in parts, which may go to a file.

    Parameters
    ----------
    block
        An array.
    targets
        For each axis ``(offset, part)`` pairs; a combination of parts has the number that its
        offsets add up to.

    Examples
    --------
    >>> cut_parts(np.arange(4), [[(0, slice(0, 3)), (7, slice(3, 4))]]).part(7)
    array([3])
    """
    pieces = {}
    for choice in itertools.product(*targets):
        offsets, parts = zip(*choice, strict=True)
        pieces[sum(offsets)] = block[parts]
    return keep(Pieces(pieces))


def merge_parts(parts: Sequence[Any], regions: Sequence[Any], grid: Sequence[int]) -> Any:
    """A new block from parts of old ones.

    Parameters
    ----------
    parts
        Blocks in C order.
    regions
        What to take of each.
    grid
        How many there are along each axis.

    Examples
    --------
    >>> merge_parts([np.arange(3), np.arange(3)], [(slice(2, 3),), (slice(0, 2),)], (2,))
    array([2, 0, 1])
    """
    if len(parts) == 1:
        return take_region(parts[0], regions[0])
    return assemble([block[region] for block, region in zip(parts, regions, strict=True)], grid)


def reshape_block(block: Any, shape: Sequence[int]) -> Any:
    """A block in another shape.

    Parameters
    ----------
    block
        An array.
    shape
        With at most one nan, for a length that is not known.

    Examples
    --------
    >>> reshape_block(np.ones((2, 3)), (6,)).shape
    (6,)
    """
    return block.reshape(tuple([-1 if n != n else n for n in shape]))
