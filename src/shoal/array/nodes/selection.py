"""Elements at listed places: along one axis, at points, and along an axis by an array of ours.

Each block of a result names the blocks of the source that it reads, once each, whatever the order
of the places.  So the graph has as many tasks as the result has blocks.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from shoal.array.chunks import AxisChunks, Chunks
from shoal.array.chunks_plan import LARGE_PIECE_BYTES
from shoal.array.grid import Crossed, PerAxis, starts_of
from shoal.array.kernels.layout import cut_parts
from shoal.array.kernels.select import cut_points, merge_found, pick_found, take_parts, take_points
from shoal.array.meta import with_ndim
from shoal.array.nodes.base import ArrayNode
from shoal.array.nodes.rechunk import MOST_READERS
from shoal.array.program import call_of
from shoal.expr.lower import Lowering
from shoal.expr.node import Cost
from shoal.graph.layers import ALL, Blocks, Each, Gather, Input, strides
from shoal.graph.task import Ref

MOST_READ_BYTES = 128 << 20
"""What a task may be given whole to take a little of each; a small piece costs 5 us."""

__all__ = ["PickBlocks", "Points", "Take", "TakeLazy", "WithChunks", "grouped"]


def grouped(blocks: AxisChunks, index: Any) -> list[tuple[int, tuple[Any, Any]]]:
    """Places along an axis by the block that they lie in.

    Parameters
    ----------
    blocks
        Lengths.
    index
        An array of ints, none negative.

    Returns
    -------
    list of (block, (targets, places))
        Which entries of the index lie in the block, and where in it.

    Examples
    --------
    >>> grouped((3, 3), np.array([4, 0, 5]))
    [(0, (array([1]), array([0]))), (1, (array([0, 2]), array([1, 2])))]
    """
    if not len(index):
        return [(0, (index, index))]
    starts = np.array(starts_of(blocks))
    ends = starts + np.array(blocks)
    where = np.searchsorted(ends, index, side="right")
    order = np.argsort(where, kind="stable")
    found, first = np.unique(where[order], return_index=True)
    out = []
    for block, targets in zip(found.tolist(), np.split(order, first[1:]), strict=True):
        out.append((block, (targets, index[targets] - starts[block])))
    return out


def worth_cutting(reads: int, blocks: int, readers: int, block_bytes: float) -> bool:
    """Whether blocks are better cut, by one task each, than read whole by all their readers.

    Parameters
    ----------
    reads
        How many pairs of a block and a reader there are.
    blocks, readers
        How many of each.
    block_bytes
        Of a block.

    Examples
    --------
    >>> worth_cutting(10_000, 100, 100, 1e6), worth_cutting(100, 100, 100, 1e9)
    (False, False)
    >>> worth_cutting(10_000, 100, 100, 1e7), worth_cutting(250_000, 500, 500, 1e6)
    (True, True)
    """
    piece = block_bytes * blocks / max(reads, 1)
    read = block_bytes * reads / max(readers, 1)
    return reads > MOST_READERS * blocks and (piece >= LARGE_PIECE_BYTES or read > MOST_READ_BYTES)


class Take(ArrayNode):
    """Elements along an axis, in any order: ``x[[5, 0, 3]]``.

    Parameters
    ----------
    source
        The array; the axis has known lengths.
    axis
        Which.
    index
        An array of ints, none negative.
    sizes
        Lengths of the blocks of the result along the axis, a tuple.

    Examples
    --------
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> x = HeldBlocks((np.ones(2), np.ones(3)), ((2, 3),), np.ones(0))
    >>> Take(x, 0, np.array([4, 0]), (2,)).array_shape
    (2,)
    """

    __slots__ = ()
    fields = ("source", "axis", "index", "sizes")
    prefix = "take"

    def schema(self) -> tuple[Chunks, Any]:
        """The sizes along the axis."""
        chunks = list(self.source.chunks)
        chunks[self.axis] = self.sizes
        return tuple(chunks), self.source.meta

    def place(self, lowering: Lowering) -> None:
        """A task reads the blocks in which its elements lie; where these are read by many, each is
        cut first, by one task, into the parts for its readers."""
        source, axis = self.source, self.axis
        ends = [0, *itertools.accumulate(self.sizes)]
        parts = [grouped(source.chunks[axis], self.index[a:b]) for a, b in itertools.pairwise(ends)]
        steps = strides(source.shape)
        offsets: list[Any] = [[(i * step,) for i in range(n)] for n, step in self._grid(steps)]
        offsets[axis] = [tuple([b * steps[axis] for b, _ in part]) for part in parts]
        plans: list[Any] = [[None] * n for n in self.shape]
        plans[axis] = [tuple([plan for _, plan in part]) for part in parts]
        func = call_of(take_parts, (Ref(0), Ref(1), axis), (), 2)
        reads = Crossed(PerAxis(offsets), sum)
        gather = Gather(source.name, reads)
        if self._is_cut(sum(map(len, parts))):
            self._cut(lowering, parts)
            gather = Gather(f"{self.name}-split", reads, parts=True)
            plans[axis] = [tuple([(to, slice(None)) for _, (to, _) in part]) for part in parts]
        lowering.add_grid(self, func, [gather, Each(_Along(PerAxis(plans), axis))])

    def _is_cut(self, reads: int) -> bool:
        """Whether blocks are read by many, and the parts are worth the task that cuts them."""
        source = self.source
        return worth_cutting(reads, source.shape[self.axis], len(self.sizes), source.block_bytes)

    def _cut(self, lowering: Lowering, parts: Sequence[Sequence[tuple[int, Any]]]) -> None:
        """The layer that cuts blocks into the parts that each task reads."""
        source, axis = self.source, self.axis
        cuts: list[list[Any]] = [
            [[(i * step, slice(None))] for i in range(n)]
            for n, step in self._grid(strides(self.shape))
        ]
        step = strides(self.shape)[axis]
        cuts[axis] = [[] for _ in range(source.shape[axis])]
        for reader, part in enumerate(parts):
            for block, (_, places) in part:
                cuts[axis][block].append((reader * step, places))
        own = Blocks(source.name, source.shape, tuple(range(source.ndim)))
        told: list[Input] = [own, Each(PerAxis(cuts))]
        lowering.add_grid(self, cut_parts, told, name=f"{self.name}-split", shape=source.shape)

    def cost(self, layer: str) -> Cost | None:
        """A block; what is cut is in parts.

        Parameters
        ----------
        layer
            Its name.
        """
        if layer.endswith("-split"):
            return Cost(self.source.block_bytes, in_parts=True)
        return Cost(self.block_bytes)

    def _grid(self, steps: list[int]) -> list[tuple[int, int]]:
        return list(zip(self.shape, steps, strict=True))

    def label(self) -> str:
        """How many, along which axis."""
        return f"Take({len(self.index)} of axis {self.axis})"


class _Along(Sequence[Any]):
    """Of a value for each axis, that of one axis."""

    __slots__ = ("axis", "per_axis")

    def __init__(self, per_axis: PerAxis, axis: int) -> None:
        self.per_axis = per_axis
        self.axis = axis

    def __len__(self) -> int:
        return len(self.per_axis)

    def __getitem__(self, block: Any) -> Any:
        return self.per_axis[block][self.axis]

    def __iter__(self) -> Iterator[Any]:
        return (values[self.axis] for values in self.per_axis)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Along, (self.per_axis, self.axis)


class Points(ArrayNode):
    """Elements at points: ``x.vindex[[0, 5], [3, 3]]``.

    Parameters
    ----------
    source
        The array.
    axes
        Along which points are given, a tuple; the others are taken whole, and come last.
    places
        For each of them an array of ints, none negative, all of one shape; a tuple.
    sizes
        Lengths of the blocks along the first axis of that shape, a tuple; the others are whole.

    Examples
    --------
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> x = HeldBlocks((np.ones((2, 2)),), ((2,), (2,)), np.ones((0, 0)))
    >>> Points(x, (0, 1), (np.array([0, 1, 1]), np.array([0, 1, 0])), (3,)).chunks
    ((3,),)
    """

    __slots__ = ()
    fields = ("source", "axes", "places", "sizes")
    prefix = "vindex"

    def _rest(self) -> list[int]:
        return [axis for axis in range(self.source.ndim) if axis not in self.axes]

    def schema(self) -> tuple[Chunks, Any]:
        """The points' shape, then the axes that are taken whole."""
        points = (self.sizes, *[(n,) for n in self.places[0].shape[1:]])
        chunks = (*points, *[self.source.chunks[axis] for axis in self._rest()])
        return chunks, with_ndim(self.source.meta, len(chunks))

    def place(self, lowering: Lowering) -> None:
        """One layer: a task reads the blocks in which its points lie."""
        source, steps = self.source, strides(self.source.shape)
        width = math.prod(self.places[0].shape[1:])
        flat = [places.reshape(-1) for places in self.places]
        ends = [0, *itertools.accumulate(self.sizes)]
        parts = [
            self._parts([f[a * width : b * width] for f in flat], steps)
            for a, b in itertools.pairwise(ends)
        ]
        ones = [[(0,)]] * (self.places[0].ndim - 1)
        rest = [[(i * steps[axis],) for i in range(source.shape[axis])] for axis in self._rest()]
        offsets = PerAxis([[tuple([b for b, _ in part]) for part in parts], *ones, *rest])
        plans: list[Any] = [[None] * n for n in self.shape]
        plans[0] = [tuple([plan for _, plan in part]) for part in parts]
        shapes = PerAxis([*self.chunks[: self.places[0].ndim], *[[0] * len(r) for r in rest]])
        func = call_of(_points, (Ref(0), Ref(1), Ref(2), self.axes, self.places[0].ndim), (), 3)
        gather = Gather(source.name, Crossed(offsets, sum))
        count = math.prod([source.shape[axis] for axis in self.axes])
        if worth_cutting(sum(map(len, parts)), count, len(parts), source.block_bytes):
            self._cut(lowering, parts)
            gather = Gather(f"{self.name}-split", Crossed(offsets, sum), parts=True)
            plans[0] = [tuple([(to, None) for _, (to, _) in part]) for part in parts]
        lowering.add_grid(self, func, [gather, Each(_Along(PerAxis(plans), 0)), Each(shapes)])

    def _cut(self, lowering: Lowering, parts: Sequence[Sequence[tuple[int, Any]]]) -> None:
        """The layer that cuts blocks into the points of each reader."""
        source, rest = self.source, self._rest()
        steps, mine = strides(source.shape), strides(self.shape)
        later = mine[len(self.shape) - len(rest) :]
        found: dict[int, list[tuple[int, Any]]] = {}
        for reader, part in enumerate(parts):
            for block, (_, places) in part:
                found.setdefault(block, []).append((reader * mine[0], places))
        told: list[Any] = []
        for index in itertools.product(*map(range, source.shape)):
            block = sum(index[axis] * steps[axis] for axis in self.axes)
            shift = sum(index[axis] * step for axis, step in zip(rest, later, strict=True))
            told.append((shift, found.get(block, ())))
        func = call_of(cut_points, (Ref(0), Ref(1), self.axes), (), 2)
        own = Blocks(source.name, source.shape, tuple(range(source.ndim)))
        name = f"{self.name}-split"
        lowering.add_grid(self, func, [own, Each(told)], name=name, shape=source.shape)

    def _parts(self, places: list[Any], steps: list[int]) -> list[tuple[int, Any]]:
        """For each block of the source that is read: which points lie in it, and where."""
        if not len(places[0]):
            return [(0, (places[0], places))]
        which = np.zeros(len(places[0]), np.int64)
        local = []
        for axis, own in zip(self.axes, places, strict=True):
            starts = np.array(starts_of(self.source.chunks[axis]))
            block = np.searchsorted(starts + self.source.chunks[axis], own, side="right")
            which += block * steps[axis]
            local.append(own - starts[block])
        order = np.argsort(which, kind="stable")
        found, first = np.unique(which[order], return_index=True)
        groups = zip(found.tolist(), np.split(order, first[1:]), strict=True)
        return [(b, (targets, [own[targets] for own in local])) for b, targets in groups]

    def label(self) -> str:
        """How many, along which axes."""
        return f"Points({self.places[0].size} of axes {self.axes})"


def _points(blocks: Any, plan: Any, shape: Any, axes: Any, ndim: int) -> Any:
    return take_points(blocks, plan, axes, shape[:ndim])


_points.__name__ = "vindex"


class TakeLazy(ArrayNode):
    """Elements along an axis that an array of ours names: ``x[i]``.

    Each block of the source is asked for what each block of the index names in it, so no task has
    to hold the whole axis.

    Parameters
    ----------
    source
        The array; the axis has known lengths.
    index
        A node of one axis, of ints; where one lies outside is seen at run time.
    axis
        Which.

    Examples
    --------
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> x = HeldBlocks((np.ones(2), np.ones(3)), ((2, 3),), np.ones(0))
    >>> i = HeldBlocks((np.array([0]),), ((1,),), np.empty(0, int))
    >>> TakeLazy(x, i, 0).chunks
    ((1,),)
    """

    __slots__ = ()
    fields = ("source", "index", "axis")
    prefix = "take"

    def schema(self) -> tuple[Chunks, Any]:
        """The blocks of the index along the axis."""
        chunks = list(self.source.chunks)
        (chunks[self.axis],) = self.index.chunks
        return tuple(chunks), self.source.meta

    def place(self, lowering: Lowering) -> None:
        """A layer with an axis more, for both the blocks along the axis and the index's."""
        source, axis = self.source, self.axis
        grid = (*source.shape[: axis + 1], *self.index.shape, *source.shape[axis + 1 :])
        own = tuple([i if i <= axis else i + 1 for i in range(source.ndim)])
        total = sum(source.chunks[axis])
        starts: list[Any] = [[None] * n for n in grid]
        starts[axis] = starts_of(source.chunks[axis])
        name = f"{self.name}-part"
        lowering.add_grid(
            self,
            call_of(pick_found, (Ref(0), Ref(1), Ref(2), total, axis), (), 3),
            [
                Blocks(source.name, source.shape, own),
                Blocks(self.index.name, self.index.shape, (axis + 1,)),
                Each(_Along(PerAxis(starts), axis)),
            ],
            name=name,
            shape=grid,
        )
        places: list[Any] = list(range(len(grid) - 1))
        places.insert(axis, ALL)
        func = call_of(merge_found, (Ref(0), Ref(1), axis, total), (), 2)
        index = Blocks(self.index.name, self.index.shape, (axis,))
        lowering.add_grid(self, func, [Blocks(name, grid, tuple(places)), index])

    def label(self) -> str:
        """Along which axis."""
        return f"TakeLazy(axis {self.axis})"


class PickBlocks(ArrayNode):
    """Some of the blocks of an array, whole: ``x.blocks[0, ::2]``.

    Parameters
    ----------
    source
        The array.
    picks
        For each axis the blocks that are taken, in order; a tuple of tuples of int.

    Examples
    --------
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> x = HeldBlocks((np.ones(2), np.ones(3)), ((2, 3),), np.ones(0))
    >>> PickBlocks(x, ((1,),)).chunks
    ((3,),)
    """

    __slots__ = ()
    fields = ("source", "picks")
    prefix = "blocks"

    def schema(self) -> tuple[Chunks, Any]:
        """Those of the blocks."""
        pairs = zip(self.source.chunks, self.picks, strict=True)
        return tuple([tuple([own[i] for i in pick]) for own, pick in pairs]), self.source.meta

    def place(self, lowering: Lowering) -> None:
        """A name for blocks that are there."""
        numbers, steps = lowering.numbers(self.source), strides(self.source.shape)
        pairs = zip(self.picks, steps, strict=True)
        offsets = [[i * step for i in pick] for pick, step in pairs]
        chosen = [numbers[sum(place)] for place in itertools.product(*offsets)]
        lowering.graph.name_blocks(self.name, chosen)

    def label(self) -> str:
        """How many blocks."""
        return f"PickBlocks({self.shape} of {self.source.shape})"


class WithChunks(ArrayNode):
    """The same blocks, whose lengths are known now.

    Parameters
    ----------
    source
        The array.
    given
        Its chunks.

    Examples
    --------
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> x = HeldBlocks((np.ones(2),), ((float("nan"),),), np.ones(0))
    >>> WithChunks(x, ((2,),)).array_shape
    (2,)
    """

    __slots__ = ()
    fields = ("source", "given")
    prefix = "known"

    def schema(self) -> tuple[Chunks, Any]:
        """As given."""
        return self.given, self.source.meta

    def place(self, lowering: Lowering) -> None:
        """A name for the same blocks."""
        lowering.graph.name_blocks(self.name, lowering.numbers(self.source))

    def label(self) -> str:
        """The shape."""
        return f"WithChunks{self.array_shape}"
