"""What each block of an array is told about itself: shape, offset, region, index.

All of them are a value for each axis that depends on the block's place along that axis only
(`PerAxis`), worked out when it is asked for, so a million blocks need no list.  They stand in
layers as `shoal.graph.layers.Each`, where a block is known by its flat index.  Two more functions
say what becomes of axes, and of blocks, in another shape.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from shoal.array.chunks import AxisChunks
from shoal.graph.layers import unravel

__all__ = [
    "Crossed",
    "PerAxis",
    "axis_groups",
    "block_indices",
    "block_offsets",
    "block_regions",
    "block_shapes",
    "run_lengths",
]


class PerAxis(Sequence[Any]):
    """For each block of a grid a tuple, with a value for each axis.

    Parameters
    ----------
    axes
        For each axis of the grid the value of each place along it.

    Examples
    --------
    >>> list(PerAxis([(1, 2), "ab"]))
    [(1, 'a'), (1, 'b'), (2, 'a'), (2, 'b')]
    """

    __slots__ = ("axes", "grid")

    def __init__(self, axes: Iterable[Sequence[Any]]) -> None:
        self.axes = tuple(axes)
        self.grid = tuple(map(len, self.axes))

    def __len__(self) -> int:
        return math.prod(self.grid)

    def __getitem__(self, block: Any) -> Any:
        index = unravel(block, self.grid)
        return tuple([axis[i] for axis, i in zip(self.axes, index, strict=True)])

    def __iter__(self) -> Any:
        rows = itertools.product(*self.axes)
        if self.axes and all(axis and type(axis[0]) is int for axis in self.axes):
            # Regular blocks have the same shape: equal tuples are one object.
            first, second = itertools.tee(rows)
            known: dict[Any, Any] = {}
            return map(known.setdefault, first, second)
        return rows

    def __shoal_tokenize__(self) -> Any:
        return "PerAxis", [tuple(axis) for axis in self.axes]

    def __reduce__(self) -> tuple[Any, ...]:
        return PerAxis, (self.axes,)


class Crossed(Sequence[Any]):
    """For each block the combinations of what there is along each axis.

    Parameters
    ----------
    per_axis
        For each block a tuple, with a sequence for each axis.
    make
        Makes one thing of a combination.

    Examples
    --------
    >>> Crossed(PerAxis([[(0, 10)], [(1, 2)]]), sum)[0]
    [1, 2, 11, 12]
    """

    __slots__ = ("make", "per_axis")

    def __init__(self, per_axis: PerAxis, make: Any) -> None:
        self.per_axis = per_axis
        self.make = make

    def __len__(self) -> int:
        return len(self.per_axis)

    def __getitem__(self, block: Any) -> Any:
        return [self.make(choice) for choice in itertools.product(*self.per_axis[block])]

    def __iter__(self) -> Iterator[Any]:
        for choices in self.per_axis:
            yield [self.make(choice) for choice in itertools.product(*choices)]

    def __reduce__(self) -> tuple[Any, ...]:
        return Crossed, (self.per_axis, self.make)


def starts_of(blocks: Sequence[int]) -> list[int]:
    """Where each block of an axis begins; nothing follows from nan but nan.

    >>> starts_of((2, 3, 4))
    [0, 2, 5]
    """
    return [0, *itertools.accumulate(blocks)][: len(blocks)]


def block_shapes(chunks: Sequence[Sequence[int]]) -> PerAxis:
    """The shape of each block.

    Parameters
    ----------
    chunks
        Normalized.

    Examples
    --------
    >>> list(block_shapes(((2, 1), (3,))))
    [(2, 3), (1, 3)]
    """
    return PerAxis(chunks)


def block_offsets(chunks: Sequence[Sequence[int]]) -> PerAxis:
    """Where each block begins in the array.

    Parameters
    ----------
    chunks
        Normalized.

    Examples
    --------
    >>> list(block_offsets(((2, 1), (3,))))
    [(0, 0), (2, 0)]
    """
    return PerAxis(map(starts_of, chunks))


def block_regions(chunks: Sequence[Sequence[int]]) -> PerAxis:
    """The part of the array that each block is, as slices.

    Parameters
    ----------
    chunks
        Normalized.

    Examples
    --------
    >>> block_regions(((2, 1),))[1]
    (slice(2, 3, None),)
    """
    axes = []
    for blocks in chunks:
        starts = starts_of(blocks)
        axes.append([slice(a, a + n) for a, n in zip(starts, blocks, strict=True)])
    return PerAxis(axes)


def block_indices(chunks: Sequence[Sequence[int]]) -> PerAxis:
    """The index of each block in the grid.

    Parameters
    ----------
    chunks
        Normalized.

    Examples
    --------
    >>> list(block_indices(((2, 1), (3,))))
    [(0, 0), (1, 0)]
    """
    return PerAxis([range(len(blocks)) for blocks in chunks])


def axis_groups(old: Sequence[int], new: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """The axes of two shapes of one size that belong together; those of length 1 belong to none.

    Parameters
    ----------
    old, new
        The shapes, without zeros.

    Examples
    --------
    >>> axis_groups((4, 6, 1, 5), (24, 5))
    [([0, 1], [0]), ([3], [1])]
    """
    left = [i for i, n in enumerate(old) if n != 1]
    right = [i for i, n in enumerate(new) if n != 1]
    out = []
    while left:
        a, b = [left.pop(0)], [right.pop(0)]
        m, n = old[a[0]], new[b[0]]
        while m != n:
            if m < n:
                a.append(left.pop(0))
                m *= old[a[-1]]
            else:
                b.append(right.pop(0))
                n *= new[b[-1]]
        out.append((a, b))
    return out


def run_lengths(chunks: Sequence[AxisChunks]) -> AxisChunks:
    """How many elements the blocks of some axes have, in C order.

    Parameters
    ----------
    chunks
        Of the axes.

    Examples
    --------
    >>> run_lengths([(1, 1), (2, 1), (5,)])
    (10, 5, 10, 5)
    """
    return tuple([math.prod(shape) for shape in block_shapes(chunks)])
