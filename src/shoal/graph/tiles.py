"""The order of large graphs of regular layers: worked out for tiles, repeated for blocks.

`shoal.graph.order` looks at every task, and takes a microsecond or two for each.  A graph of grids
that read each other by axes says the same thing a million times; here it is said once:

1. *Tiles.*  The axes of all layers that are the same axis, or a window of it, get one tile length,
   so that a tile of a layer reads tiles of its sources.  Lengths are products of the windows, so
   that a tile holds whole groups of a tree reduction; an axis along which something is broadcast is
   cut no wider than its first window, because all of it stays alive until it is read again.
2. *Segments.*  Tiles that correspond one to one (elementwise, transposed, the reduction of a tile)
   run together.  All other edges are cut, and what lies behind a cut is a later *level*; levels
   are properties of layers, so nothing is asked of tiles to find them.  Tiles that are mixed by
   several such edges, as ``x[i, j]`` and ``x[j, i]`` are by ``x + x.T``, are one segment.
3. The order *inside* of a segment comes from `order` on its tasks, once for each form of segment:
   those at the border are smaller, those on a diagonal are halves.
4. The order *of* the segments comes from `order` on the graph of segments, which is some dozen
   times smaller than that of tasks.

The result is as good as what `order` finds, up to what the borders of tiles keep alive, and costs
hundredths of a microsecond a task.  Where the graph is not of that kind the answer is None.

Rejected: cutting the graph by what `order` finds for tiles (a tile is then loaded as a whole before
anything is made of it); sorting tasks by the first reader's position (vectorises well, but demand
alone, without rule 2 of `order`, holds half of ``x`` for ``x + x.T``).
"""

from __future__ import annotations

import itertools
import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from operator import add
from typing import Any

from shoal.graph.layers import (
    AxisMap,
    Blocks,
    Const,
    Each,
    Gather,
    Graph,
    GridLayer,
    TableLayer,
    Window,
    strides,
    sums,
)
from shoal.graph.order import order

__all__ = ["order_by_tiles"]

LEAST_TASKS = 50_000
"""Smaller graphs are looked at task by task."""

TILE = 64
"""How many blocks of the largest layer a tile should hold at least."""

MOST_LOOSE = 64
MOST_SEGMENT = 8
"""What is not regular may be one in so many tasks, and a segment too."""

Axis = tuple[int, int]
"""Position of a layer, and one of its axes."""


@dataclass(slots=True)
class _Edge:
    """One layer reads another: ``axes`` as `Blocks` has them, of blocks and then of tiles.

    ``ragged``: windows do not fit the source's tiles, so ``axes`` remain those of blocks.
    """

    source: int
    target: int
    axes: tuple[AxisMap, ...]
    one_to_one: bool = False
    ragged: bool = False


@dataclass(slots=True)
class _Tiles:
    """A layer cut into tiles, numbered in C order."""

    shape: tuple[int, ...]
    first: int
    tile: tuple[int, ...] = ()
    grid: tuple[int, ...] = ()
    level: int = 0
    reads: list[_Edge] = field(default_factory=list)
    read_by: list[_Edge] = field(default_factory=list)
    segments: list[int] = field(default_factory=list)
    """Of each tile."""
    outside: bool = False
    """Whether other segments, or the user, want the results."""

    @property
    def count(self) -> int:
        return math.prod(self.grid)

    def bases(self) -> list[int]:
        """The id of each tile's first task."""
        steps = [t * s for t, s in zip(self.tile, strides(self.shape), strict=True)]
        starts = [range(0, n * s, s) for n, s in zip(self.grid, steps, strict=True)]
        return [self.first + at for at in sums(starts)]

    def forms(self) -> list[int]:
        """For each tile, which of its axes end early: bits."""
        bits = []
        for axis, (length, tile, n) in enumerate(
            zip(self.shape, self.tile, self.grid, strict=True)
        ):
            bits.append([0] * (n - 1) + [(length % tile > 0) << axis])
        return sums(bits)

    def inside(self, form: int) -> list[int]:
        """The ids of a tile's tasks, less the first's."""
        lengths = [
            length % tile if form >> axis & 1 else tile
            for axis, (length, tile) in enumerate(zip(self.shape, self.tile, strict=True))
        ]
        steps = strides(self.shape)
        return sums([range(0, n * s, s) for n, s in zip(lengths, steps, strict=True)])

    def tile_of_blocks(self) -> list[int]:
        """For each block its tile."""
        steps = zip(self.shape, self.tile, strides(self.grid), strict=True)
        return sums([[i // tile * step for i in range(n)] for n, tile, step in steps])

    def column(self, edge: _Edge, source: _Tiles, values: Sequence[int]) -> Sequence[Any]:
        """For each tile what belongs to the tile, or the tiles, that it reads."""
        if not edge.ragged:
            return Blocks("", source.grid, edge.axes).whole(self.grid, values)
        spread = list(map(values.__getitem__, source.tile_of_blocks()))
        rows = Blocks("", source.shape, edge.axes).whole(self.shape, spread)
        found: list[set[int]] = [set() for _ in range(self.count)]
        for tile, row in zip(self.tile_of_blocks(), rows, strict=True):
            found[tile].update(row)
        return list(map(tuple, found))


@dataclass(slots=True)
class _Group:
    """Layers whose tiles run together, and how their tiles correspond.

    ``maps[k][t]`` is the tile of member ``k`` that goes with tile ``t`` of the first member.
    ``mixes`` are the other correspondences, each a permutation of the first member's tiles.
    """

    members: list[_Tiles]
    maps: list[Sequence[int]]
    mixes: list[Sequence[int]]
    segments: list[tuple[int, ...]] = field(default_factory=list)
    """The tiles of the first member in each segment."""


def order_by_tiles(
    graph: Graph,
    firsts: Sequence[int],
    deps: Sequence[tuple[int, ...]],
    wanted: Collection[int] = (),
) -> Sequence[int] | None:
    """The order in which the tasks of a plan should run, if its layers are regular.

    Parameters
    ----------
    graph
        Layers; the plan has all of their tasks.
    firsts
        The id of each layer's first task.
    deps, wanted
        As `order` takes them.

    Returns
    -------
    array of int, or None
        None for small graphs and where too little of the graph is regular.

    Examples
    --------
    >>> from shoal.graph.layers import Const
    >>> graph = Graph()
    >>> _ = graph.add(GridLayer("x", abs, (50_000,), (Const(1),)))
    >>> _ = graph.add(GridLayer("y", abs, (50_000,), (Blocks("x", (50_000,), (0,)),)))
    >>> deps = [()] * 50_000 + list(zip(range(50_000)))
    >>> list(order_by_tiles(graph, [0, 50_000], deps)[:4])
    [0, 50000, 1, 50001]
    """
    if len(deps) < LEAST_TASKS:
        return None
    found = _read_layers(graph, firsts, len(deps))
    if found is None:
        return None
    layers, loose = found
    if not _cut(layers):
        return None
    _set_levels(layers)
    _mark_outside(layers, sorted(wanted))
    groups = _groups(layers)
    _find_segments(groups)
    out = array("q", loose)
    if not _emit(groups, order(_segment_graph(groups, layers)), deps, out):
        return None
    assert len(out) == len(deps)
    return out


# ------------------------------------------------------------------------------------ the layers


def _read_layers(
    graph: Graph, firsts: Sequence[int], n: int
) -> tuple[list[_Tiles], list[int]] | None:
    """The regular layers, and the ids of all other tasks; these may be few and read no grids."""
    layers: list[_Tiles] = []
    places: dict[int, int] = {}
    """Where in ``layers`` a layer of the graph is."""
    loose: list[int] = []
    for k, layer in enumerate(graph.layers):
        reads = _edges(graph, layer, places, len(layers))
        if reads is None:
            loose += range(firsts[k], firsts[k] + layer.size)
            if MOST_LOOSE * len(loose) > n or _reads_any(graph, layer, places):
                return None
            continue
        places[k] = len(layers)
        layers.append(_Tiles(layer.shape, firsts[k], reads=reads))  # type: ignore[union-attr]
        for edge in reads:
            layers[edge.source].read_by.append(edge)
    return (layers, loose) if layers else None


def _edges(
    graph: Graph, layer: GridLayer | TableLayer, places: dict[int, int], here: int
) -> list[_Edge] | None:
    """What a layer reads of regular layers; None if that is not by axes."""
    if isinstance(layer, TableLayer):
        return None
    edges = []
    for part in layer.inputs:
        if isinstance(part, Each | Const):
            continue
        found = _layers_behind(graph, part.source)
        if found.isdisjoint(places):
            continue
        if isinstance(part, Gather) or len(found) > 1:
            return None
        (k,) = found
        source = graph.layers[k]
        assert isinstance(source, GridLayer)
        whole = range(graph.starts[k], graph.starts[k] + source.size)
        if part.shape != source.shape or graph.numbers(part.source) != whole:
            return None
        if not all(map(_fits, part.axes, part.shape, itertools.repeat(layer.shape))):
            return None
        edges.append(_Edge(places[k], here, part.axes))
    return edges


def _layers_behind(graph: Graph, name: str) -> set[int]:
    """The layers that have the blocks of a name."""
    numbers = graph.numbers(name)
    if isinstance(numbers, range) and len(numbers) > 1:
        numbers = (numbers[0], numbers[-1])
    return {bisect_right(graph.starts, number) - 1 for number in numbers}


def _fits(axis: AxisMap, length: int, shape: tuple[int, ...]) -> bool:
    """Whether an axis of the source is as long as the tasks' own says."""
    if isinstance(axis, Window):
        return shape[axis.axis] == -(-length // axis.size)
    return not isinstance(axis, int) or shape[axis] == length


def _reads_any(graph: Graph, layer: GridLayer | TableLayer, places: dict[int, int]) -> bool:
    """Whether a layer that is not regular reads one that is."""
    if isinstance(layer, TableLayer):
        numbers = set(itertools.chain.from_iterable(layer.deps))
        read = {bisect_right(graph.starts, number) - 1 for number in numbers}
    else:
        names = [part.source for part in layer.inputs if isinstance(part, Blocks | Gather)]
        read = set().union(*[_layers_behind(graph, name) for name in names])
    return not read.isdisjoint(places)


# ------------------------------------------------------------------------------------ tiles


def _cut(layers: list[_Tiles]) -> bool:
    """Set the tiles of all layers; False if their axes do not agree."""
    scales = _scales(layers)
    if scales is None:
        return False
    lengths = _tile_lengths(layers, scales)
    for k, layer in enumerate(layers):
        tile = []
        for axis in range(len(layer.shape)):
            root, scale = scales[k, axis]
            # Where neither fits into the other, each block is a tile, and some edge is ragged.
            tile.append(1 if lengths[root] % scale else lengths[root] // scale)
        layer.tile = tuple(tile)
        layer.grid = tuple([-(-n // t) for n, t in zip(layer.shape, tile, strict=True)])
        for edge in layer.reads:
            source = layers[edge.source]
            edge.ragged = any(map(_is_ragged, edge.axes, source.tile, itertools.repeat(layer.tile)))
            if edge.ragged:
                continue
            edge.axes = tuple(
                [
                    _tile_axis(axis, length, layer.tile) if n > 1 else None
                    for axis, length, n in zip(edge.axes, source.tile, source.grid, strict=True)
                ]
            )
            edge.one_to_one = _is_one_to_one(edge.axes, source.grid, layer.grid)
    return True


def _is_ragged(axis: AxisMap, source: int, target: tuple[int, ...]) -> bool:
    """Whether a tile reads parts of tiles."""
    return isinstance(axis, Window) and axis.size * target[axis.axis] % source > 0


def _tile_axis(axis: AxisMap, source: int, target: tuple[int, ...]) -> AxisMap:
    """An axis map of tiles from that of blocks."""
    if not isinstance(axis, Window):
        return axis
    size = axis.size * target[axis.axis] // source
    return Window(axis.axis, size) if size > 1 else axis.axis


def _is_one_to_one(
    axes: tuple[AxisMap, ...], source: tuple[int, ...], target: tuple[int, ...]
) -> bool:
    """Whether each tile reads one tile, which no other one reads."""
    moving = [axis for axis, n in zip(axes, source, strict=True) if n > 1]
    return all(isinstance(axis, int) for axis in moving) and sorted(moving) == [  # type: ignore[type-var]
        axis for axis, n in enumerate(target) if n > 1
    ]


def _scales(layers: list[_Tiles]) -> dict[Axis, tuple[Axis, int]] | None:
    """For each axis which axes are the same, and how many blocks of the finest are one of it.

    None if two ways lead to different answers.
    """
    root: dict[Axis, Axis] = {}
    scale: dict[Axis, Fraction] = {}
    members: dict[Axis, list[Axis]] = {}
    for k, layer in enumerate(layers):
        for axis in range(len(layer.shape)):
            root[k, axis], scale[k, axis], members[k, axis] = (k, axis), Fraction(1), [(k, axis)]
    for edge in itertools.chain.from_iterable(layer.reads for layer in layers):
        for number, along in enumerate(edge.axes):
            if along is None or isinstance(along, str):
                continue
            own, size = (along.axis, along.size) if isinstance(along, Window) else (along, 1)
            here, there = (edge.source, number), (edge.target, own)
            factor = scale[here] * size / scale[there]
            if root[here] == root[there]:
                if factor != 1:
                    return None
                continue
            for member in members.pop(root[there]):
                root[member] = root[here]
                scale[member] *= factor
                members[root[here]].append(member)
    finest = {key: min(map(scale.__getitem__, some)) for key, some in members.items()}
    ratios = {key: scale[key] / finest[root[key]] for key in root}
    if any(ratio.denominator > 1 for ratio in ratios.values()):
        return None
    return {key: (root[key], int(ratio)) for key, ratio in ratios.items()}


def _is_broadcast(axes: tuple[AxisMap, ...], shape: tuple[int, ...]) -> bool:
    """Whether many tasks along some axis read the same block."""
    plain = {axis for axis in axes if isinstance(axis, int)}
    return 0 < len(plain) == len(axes) < len(shape)


def _tile_lengths(layers: list[_Tiles], scales: dict[Axis, tuple[Axis, int]]) -> dict[Axis, int]:
    """How many of the finest blocks a tile has along each axis that is not the same as another."""
    steps: dict[Axis, set[int]] = {}
    for key, scale in scales.values():
        steps.setdefault(key, set()).add(scale)
    windows = {key for key, some in steps.items() if len(some) > 1}
    spread = {
        scales[edge.source, axis][0]
        for edge in itertools.chain.from_iterable(layer.reads for layer in layers)
        if _is_broadcast(edge.axes, layers[edge.target].shape)
        for axis in range(len(layers[edge.source].shape))
    }
    largest = max(range(len(layers)), key=lambda k: math.prod(layers[k].shape))
    axes = [scales[largest, axis][0] for axis in range(len(layers[largest].shape))]

    def next_length(key: Axis, now: int) -> int:
        above = [scale for scale in steps[key] if scale > now and not scale % now]
        return min(above, default=2 * now)

    lengths = {key: next_length(key, 1) if key in windows else 1 for key in steps}
    size = dict(zip(axes, layers[largest].shape, strict=True))
    for free in (windows - spread, set(steps) - spread if not windows else set(), set(steps)):
        while math.prod(map(lengths.__getitem__, axes)) < TILE:
            grow = [key for key in axes if key in free and lengths[key] < size[key]]
            if not grow:
                break
            key = min(grow, key=lengths.__getitem__)
            lengths[key] = next_length(key, lengths[key])
    return lengths


# ------------------------------------------------------------------------------------ segments


def _set_levels(layers: list[_Tiles]) -> None:
    """How many cuts lie before each layer; as late as its readers allow."""
    for layer in layers:
        layer.level = max(
            [layers[edge.source].level + (not edge.one_to_one) for edge in layer.reads], default=0
        )
    for layer in reversed(layers):
        if layer.read_by:
            layer.level = min(
                layers[edge.target].level - (not edge.one_to_one) for edge in layer.read_by
            )
    for layer in layers:
        for edge in layer.reads:
            edge.one_to_one &= layers[edge.source].level == layer.level


def _mark_outside(layers: list[_Tiles], wanted: list[int]) -> None:
    """Which layers' results outlive their segments."""
    for layer in layers:
        stop = layer.first + math.prod(layer.shape)
        own = bisect_left(wanted, layer.first) < bisect_left(wanted, stop)
        cut = any(not edge.one_to_one for edge in layer.read_by)
        # Like `order`: a result that nobody reads counts as let go of.
        layer.outside = cut or (own and bool(layer.read_by))


def _groups(layers: list[_Tiles]) -> list[_Group]:
    """Layers that read each other's tiles one to one, those of earlier levels first."""
    seen: set[int] = set()
    groups = []
    for k in sorted(range(len(layers)), key=lambda k: layers[k].level):
        if k in seen:
            continue
        maps: dict[int, Sequence[int]] = {k: range(layers[k].count)}
        mixes = []
        stack = [k]
        while stack:
            here = stack.pop()
            if here in seen:
                continue
            seen.add(here)
            for edge in (*layers[here].reads, *layers[here].read_by):
                if edge.one_to_one:
                    mixes += _follow(layers, edge, maps)
                    stack += (edge.source, edge.target)
        members = sorted(maps)
        groups.append(_Group([layers[m] for m in members], [maps[m] for m in members], mixes))
    return groups


def _follow(
    layers: list[_Tiles], edge: _Edge, maps: dict[int, Sequence[int]]
) -> list[Sequence[int]]:
    """Along an edge of a group: the map of the layer at its other end, or a new mix."""
    source, target = layers[edge.source], layers[edge.target]
    read = target.column(edge, source, range(source.count))
    if edge.target not in maps:
        back = _inverse(read)
        maps[edge.target] = list(map(back.__getitem__, maps[edge.source]))
        return []
    there = list(map(read.__getitem__, maps[edge.target]))
    if edge.source not in maps:
        maps[edge.source] = there
        return []
    back = _inverse(maps[edge.source])
    mix = list(map(back.__getitem__, there))
    return [] if mix == list(range(len(mix))) else [mix]


def _inverse(values: Sequence[int]) -> list[int]:
    """Where each number stands."""
    out = [0] * len(values)
    for at, value in enumerate(values):
        out[value] = at
    return out


def _find_segments(groups: list[_Group]) -> None:
    """Number the segments, those of earlier levels first, and tell each tile its own."""
    at = 0
    for group in groups:
        count = group.members[0].count
        mine = [-1] * count
        for start in range(count):
            if mine[start] >= 0:
                continue
            found = [start]
            mine[start] = at
            for tile in found if group.mixes else ():
                for mix in group.mixes:
                    if mine[mix[tile]] < 0:
                        mine[mix[tile]] = at
                        found.append(mix[tile])
            group.segments.append(tuple(found))
            at += 1
        for layer, tiles in zip(group.members, group.maps, strict=True):
            layer.segments = [0] * count
            for tile, segment in zip(tiles, mine, strict=True):
                layer.segments[tile] = segment


def _segment_graph(groups: list[_Group], layers: list[_Tiles]) -> list[tuple[int, ...]]:
    """Which segments each segment reads."""
    deps: list[tuple[int, ...]] = []
    for group in groups:
        columns: list[list[Any]] = []
        for layer, tiles in zip(group.members, group.maps, strict=True):
            for edge in layer.reads:
                if not edge.one_to_one:
                    source = layers[edge.source]
                    column = layer.column(edge, source, source.segments)
                    columns.append(list(map(column.__getitem__, tiles)))
        if not columns:
            deps += [()] * len(group.segments)
            continue
        for segment in group.segments:
            reads: set[int] = set()
            for tile in segment:
                for column in columns:
                    read = column[tile]
                    if type(read) is int:
                        reads.add(read)
                    else:
                        reads.update(read)
            deps.append(tuple(sorted(reads)))
    return deps


# ------------------------------------------------------------------------------------ the order


def _emit(
    groups: list[_Group],
    sequence: Sequence[int],
    deps: Sequence[tuple[int, ...]],
    out: array[int],
) -> bool:
    """Append the tasks of all segments; False if one of them is too large to be worth it."""
    templates: dict[object, tuple[tuple[int, ...], tuple[int, ...]]] = {}
    bases: list[list[int]] = []
    signatures: list[object] = []
    groups_of: list[_Group] = []
    for number, group in enumerate(groups):
        columns = list(zip(group.members, group.maps, strict=True))
        starts = list(zip(*[map(m.bases().__getitem__, tiles) for m, tiles in columns]))
        forms = list(zip(*[map(m.forms().__getitem__, tiles) for m, tiles in columns]))
        for segment in group.segments:
            bases.append(list(itertools.chain.from_iterable([starts[t] for t in segment])))
            mixed = [segment.index(mix[t]) for mix in group.mixes for t in segment]
            signatures.append((number, tuple([forms[t] for t in segment]), tuple(mixed)))
            groups_of.append(group)
    for i in sequence:
        template = templates.get(signatures[i])
        if template is None:
            template = _template(groups_of[i], signatures[i][1], bases[i], deps)  # type: ignore[index]
            if MOST_SEGMENT * len(template[0]) > len(deps):
                return False
            templates[signatures[i]] = template
        members, places = template
        out.extend(map(add, map(bases[i].__getitem__, members), places))
    return True


def _template(
    group: _Group,
    forms: Sequence[Sequence[int]],
    bases: list[int],
    deps: Sequence[tuple[int, ...]],
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The order inside of a segment: for each task which tile, and how far behind its first."""
    tasks: dict[int, tuple[int, int]] = {}
    kept: list[int] = []
    member = 0
    for some in forms:
        for layer, form in zip(group.members, some, strict=True):
            places = layer.inside(form)
            ids = [bases[member] + place for place in places]
            tasks.update(zip(ids, zip(itertools.repeat(member), places)))
            if layer.outside:
                kept += ids
            member += 1
    ids = sorted(tasks)
    local = {task: i for i, task in enumerate(ids)}
    inner = [tuple([local[j] for j in deps[task] if j in local]) for task in ids]
    sequence = order(inner, None, [local[task] for task in kept])
    found = [tasks[ids[i]] for i in sequence]
    return tuple([m for m, _ in found]), tuple([place for _, place in found])
