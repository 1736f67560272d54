"""Where the tiles of blocks lie, worked out once for all of the same types, shapes and strides."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from shoal.array.kernels.buffered import Scratch
from shoal.array.program import Program

__all__ = ["Cuts", "in_one_row", "tile_shape"]

ALIAS_BYTES = 4096
"""Elements that lie a multiple of this apart share a few places in the cache, and drive each other
out: a column of an array whose rows are so long does not fit the cache, however short it is."""


class Cuts:
    """Tiles of blocks of one kind.

    Parameters
    ----------
    program
        What will be done to them.
    inputs
        Blocks of that kind.
    as_row
        Whether blocks without gaps may be seen as one row.
    size
        How many elements a tile may have.

    Attributes
    ----------
    shape
        Of the broadcast inputs as they are cut.
    grid
        How many tiles there are along each axis.

    Examples
    --------
    >>> x = np.arange(6).reshape(2, 3)
    >>> cuts = Cuts(Program(1, ()), [x], True, 4)
    >>> cuts.grid, [parts[0].tolist() for parts, _ in cuts.parts([x], None)]
    ((1, 2), [[[0, 1, 2, 3]], [[4, 5]]])
    """

    __slots__ = ("copied", "grid", "places", "rows", "shape")

    def __init__(self, program: Program, inputs: Sequence[Any], as_row: bool, size: int) -> None:
        self.shape = np.broadcast_shapes(*[block.shape for block in inputs])
        self.rows = in_one_row(inputs, self.shape) if as_row else None
        if self.rows is not None:
            self.shape = (*[1] * (len(self.shape) - 1), math.prod(self.shape))
            inputs = self._seen(inputs)
        tile = tile_shape(self.shape, size, any(map(_is_across, inputs)))
        self.grid = tuple([-(-n // t) for n, t in zip(self.shape, tile, strict=True)])
        self.copied = [
            math.prod(tile) if _is_worth_copying(block, program, i) else 0
            for i, block in enumerate(inputs)
        ]
        self.places = list(_places(inputs, self.shape, tile))

    def _seen(self, inputs: Sequence[Any]) -> Sequence[Any]:
        if self.rows is None:
            return inputs
        return [block.reshape(row) for block, row in zip(inputs, self.rows, strict=True)]

    def parts(self, inputs: Sequence[Any], near: Scratch | None) -> Iterator[tuple[list[Any], Any]]:
        """The inputs' parts for each tile in C order, and where it stands in the result.

        Parameters
        ----------
        inputs
            The blocks.
        near
            Where parts are copied to that are read more than once; None to take them as they lie.
        """
        inputs = self._seen(inputs)
        if near is None or not any(self.copied):
            for place, indices in self.places:
                yield [b[i] for b, i in zip(inputs, indices, strict=True)], place
            return
        memory = [
            near.take((size,), block.dtype) if size else None
            for block, size in zip(inputs, self.copied, strict=True)
        ]
        for place, indices in self.places:
            parts = [b[i] for b, i in zip(inputs, indices, strict=True)]
            yield (
                [p if m is None else _copied(p, m) for p, m in zip(parts, memory, strict=True)],
                place,
            )


def in_one_row(inputs: Sequence[Any], shape: tuple[int, ...]) -> list[tuple[int, ...]] | None:
    """The shapes of blocks that lie in memory as they are counted, as one row; None for others.

    With a single axis to walk along, NumPy adds up twice as fast as with two.

    Parameters
    ----------
    inputs
        Blocks.
    shape
        What they are broadcast to.

    Examples
    --------
    >>> in_one_row([np.ones((2, 3)), np.ones((1, 1))], (2, 3))
    [(1, 6), (1, 1)]
    >>> in_one_row([np.ones((2, 3)).T], (3, 2)) is None
    True
    """
    if len(shape) < 2:
        return None
    is_row = [block.shape == shape and block.flags.c_contiguous for block in inputs]
    if any(b.size > 1 and not is_one for b, is_one in zip(inputs, is_row, strict=True)):
        return None
    flat = (*[1] * (len(shape) - 1), math.prod(shape))
    return [flat if block.shape == shape else block.shape for block in inputs]


def tile_shape(shape: tuple[int, ...], size: int, across: bool = False) -> tuple[int, ...]:
    """The shape of a tile: as long as possible along the last axes, which lie together in memory.

    Parameters
    ----------
    shape
        Of the block.
    size
        How many elements a tile may have.
    across
        Whether an input lies the other way round: then tiles are squares, in which both ways have
        neighbours that share cache lines.

    Examples
    --------
    >>> tile_shape((100, 100), 1000), tile_shape((10, 10_000), 1000)
    ((10, 100), (1, 1000))
    >>> tile_shape((100, 100), 1000, True)
    (31, 31)
    """
    if across and len(shape) > 1:
        edge = math.isqrt(size)
        rest = [1] * (len(shape) - 2)
        return (*rest, *[max(1, min(n, edge)) for n in shape[-2:]])
    out = []
    for length in reversed(shape):
        part = max(1, min(length, size))
        out.append(part)
        size //= part
    return tuple(reversed(out))


def _places(
    inputs: Sequence[Any], shape: tuple[int, ...], tile: tuple[int, ...]
) -> Iterator[tuple[Any, list[Any]]]:
    """Where each tile stands in the result, and in each input."""
    ndim = len(shape)
    spans = [
        [slice(a, min(a + t, n)) for a in range(0, n, t)] for n, t in zip(shape, tile, strict=True)
    ]
    # Along the axes in which it is repeated, the same part of an input serves all tiles.
    repeated = [
        [i for i in range(block.ndim) if block.shape[i] != shape[ndim - block.ndim + i]]
        for block in inputs
    ]
    for place in itertools.product(*spans):
        indices = []
        for block, axes in zip(inputs, repeated, strict=True):
            index = place[ndim - block.ndim :]
            if axes:
                index = tuple([slice(None) if i in axes else s for i, s in enumerate(index)])
            indices.append(index)
        yield place, indices


def _is_across(block: Any) -> bool:
    """Whether neighbours along the last axis lie further apart than along the one before."""
    return block.ndim > 1 and 1 not in block.shape[-2:] and block.strides[-1] > block.strides[-2]


def _copied(part: Any, memory: Any) -> Any:
    """A part of a block as it lies, but with no gaps."""
    across = _is_across(part)
    source = part.swapaxes(-1, -2) if across else part
    out = memory[: part.size].reshape(source.shape)
    np.copyto(out, source)
    return out.swapaxes(-1, -2) if across else out


def _is_worth_copying(block: Any, program: Program, place: int) -> bool:
    """Whether parts of an input are better read once, into memory without gaps.

    What is read twice is: parts of one array of many blocks lie in rows far apart, and come slower
    even from the cache.  What lies across is where its columns share places in the cache.
    """
    if _is_across(block):
        return bool(block.strides[-1] % ALIAS_BYTES == 0)
    if block.ndim < 2 or block.size < 2 or block.flags.c_contiguous:
        return False
    return program.reads(place) > 1
