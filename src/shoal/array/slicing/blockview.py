"""Blocks of an array, by their place in the grid: ``x.blocks[0, ::2]``."""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.nodes.selection import PickBlocks

__all__ = ["BlockView"]


class BlockView:
    """The grid of an array's blocks; indexing it gives an array of the blocks chosen.

    Parameters
    ----------
    array
        The array.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.arange(8, chunks=2)
    >>> x.blocks.shape, x.blocks[::2].compute()
    ((4,), array([0, 1, 4, 5]))
    """

    __slots__ = ("_array",)

    def __init__(self, array: Array) -> None:
        self._array = array

    def __getitem__(self, index: Any) -> Array:
        entries = list(index) if isinstance(index, tuple) else [index]
        if any(entry is None for entry in entries):
            raise ValueError("Slicing with np.newaxis or None is not supported: blocks have places")
        if sum(isinstance(entry, list | np.ndarray) for entry in entries) > 1:
            raise ValueError(f"Can only slice with a single list, got {index!r}")
        ndim = self._array.ndim
        dots = [i for i, entry in enumerate(entries) if entry is Ellipsis]
        if len(entries) - len(dots) > ndim:
            raise IndexError(f"too many indices: {index!r} for a grid of shape {self.shape}")
        if len(dots) > 1:
            raise IndexError("an index can only have a single ellipsis ('...')")
        at = dots[0] if dots else len(entries)
        rest = [slice(None)] * (ndim - len(entries) + len(dots))
        entries = [*entries[:at], *rest, *entries[at + 1 :]]
        pairs = enumerate(zip(entries, self.shape, strict=True))
        picks = tuple([_picked(entry, length, axis) for axis, (entry, length) in pairs])
        return Array(PickBlocks(self._array._node, picks))

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, BlockView) and other._array is self._array

    def __hash__(self) -> int:
        return hash(("blocks", self._array.name))

    @property
    def shape(self) -> tuple[int, ...]:
        """How many blocks there are along each axis."""
        return self._array.numblocks

    @property
    def size(self) -> int:
        """How many blocks there are."""
        return math.prod(self.shape)

    def ravel(self) -> list[Array]:
        """Each block as an array of its own, in C order.

        Examples
        --------
        >>> import shoal.array as da
        >>> [block.shape for block in da.ones(3, chunks=2).blocks.ravel()]
        [(2,), (1,)]
        """
        return [self[index] for index in np.ndindex(*self.shape)]


def _picked(entry: Any, length: int, axis: int) -> tuple[int, ...]:
    """The blocks along an axis that an entry names; an int is a list of one."""
    places = np.arange(length)
    if isinstance(entry, Integral):
        entry = [int(entry)]
    try:
        return tuple(np.atleast_1d(places[entry]).tolist())
    except IndexError as error:
        raise IndexError(f"blocks along axis {axis}: {error}") from None


def blocks_of(array: Array) -> BlockView:
    """The blocks of an array, to be indexed.

    Parameters
    ----------
    array
        The array.

    Examples
    --------
    >>> import shoal.array as da
    >>> blocks_of(da.ones(4, chunks=2))[1].shape
    (2,)
    """
    return BlockView(array)
