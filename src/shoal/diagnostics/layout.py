"""Where the nodes and edges of a directed graph stand in a picture.

The method is the layered one of Sugiyama, Tagawa and Toda ("Methods for visual understanding of
hierarchical system structures", IEEE Trans. SMC 11, 1981), in four steps that are a function
each: edges that close a cycle are turned round; every node gets a *rank*, one more than that of
its highest source; nodes of a rank are *ordered* by the barycentre of their neighbours, to and
fro, as long as edges cross less; and *places* within the ranks are found by least squares: each
node wants to stand at the mean of its neighbours and keeps its distance to the next.  That
problem, a rank at a time, is isotonic regression, which pooling adjacent violators solves exactly
in linear time (Barlow, Bartholomew, Bremner, Brunk: "Statistical inference under order
restrictions", 1972), so no linear program is needed.

An edge over several ranks passes a *bend* on each.  The edges of one node share theirs: they
leave as one trunk and part where they have to.

Everything here is geometry in two directions: *along* the edges, and *across* them.
"""

from __future__ import annotations

import dataclasses
import math
from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence

__all__ = ["Layout", "layout"]

SWEEPS = 24
"""How often the order is improved in each direction, at most."""

PATIENCE = 5
"""How many sweeps without improvement end the search."""

PLACINGS = 24
"""How often the places are improved in each direction."""

MOST_BENDS = 20_000
"""A graph with more of them has to be drawn another way."""


@dataclasses.dataclass
class Layout:
    """Places of nodes and edges.

    Parameters
    ----------
    across, along
        The centre of each node.
    segments
        ``(start, end, from node, to node)`` of the pieces of the edges: points, and the nodes
        they touch (-1: a bend).
    width, length
        Of the whole, across and along.

    Examples
    --------
    >>> layout([(10, 10), (10, 10)], [(0, 1)]).length
    60.0
    """

    across: list[float]
    along: list[float]
    segments: list[tuple[tuple[float, float], tuple[float, float], int, int]]
    width: float = 0.0
    length: float = 0.0


def layout(
    sizes: Sequence[tuple[float, float]],
    edges: Sequence[tuple[int, int]],
    gap: float = 16.0,
    rank_gap: float = 40.0,
    most_width: float = 1600.0,
) -> Layout:
    """Place the nodes of a graph.

    Parameters
    ----------
    sizes
        ``(across, along)`` of each node.
    edges
        ``(source, target)``; targets stand further along.
    gap
        Room between two nodes of a rank.
    rank_gap
        Room between two ranks.
    most_width
        Parts of the graph that are not connected stand side by side up to this width, and then
        in further rows.

    Returns
    -------
    Layout

    Raises
    ------
    ValueError
        The edges are too many and too long to be drawn one by one.

    Examples
    --------
    >>> found = layout([(10, 10)] * 3, [(0, 2), (1, 2)])
    >>> found.across, found.along
    ([5.0, 31.0, 18.0], [5.0, 5.0, 55.0])
    """
    out = Layout([0.0] * len(sizes), [0.0] * len(sizes), [])
    parts = [
        (members, _part(members, sizes, edges_in, gap, rank_gap))
        for members, edges_in in components(len(sizes), edges)
    ]
    limit = max([most_width, *(part.width for _, part in parts)])
    x = y = row_length = 0.0
    for members, part in parts:
        if x and x + part.width > limit:
            x, y, row_length = 0.0, y + row_length + rank_gap, 0.0
        for i, node in enumerate(members):
            out.across[node] = part.across[i] + x
            out.along[node] = part.along[i] + y
        for (a, b), (c, d), source, target in part.segments:
            ends = [members[node] if node >= 0 else -1 for node in (source, target)]
            out.segments.append(((a + x, b + y), (c + x, d + y), ends[0], ends[1]))
        out.width = max(out.width, x + part.width)
        out.length = max(out.length, y + part.length)
        x += part.width + 2 * gap
        row_length = max(row_length, part.length)
    return out


def components(
    count: int, edges: Sequence[tuple[int, int]]
) -> list[tuple[list[int], list[tuple[int, int]]]]:
    """The connected parts of a graph, each with its edges in numbers of its own.

    Parameters
    ----------
    count
        Nodes.
    edges
        Pairs of them.

    Examples
    --------
    >>> components(3, [(0, 2)])
    [([0, 2], [(0, 1)]), ([1], [])]
    """
    leader = list(range(count))

    def find(node: int) -> int:
        while leader[node] != node:
            leader[node] = node = leader[leader[node]]
        return node

    for a, b in edges:
        first, second = sorted((find(a), find(b)))
        leader[second] = first
    members: dict[int, list[int]] = {}
    inner = [0] * count
    for node in range(count):
        own = members.setdefault(find(node), [])
        inner[node] = len(own)
        own.append(node)
    of_part: dict[int, list[tuple[int, int]]] = {head: [] for head in members}
    for a, b in edges:
        of_part[find(a)].append((inner[a], inner[b]))
    return [(nodes, of_part[head]) for head, nodes in members.items()]


def _part(
    members: Sequence[int],
    sizes: Sequence[tuple[float, float]],
    edges: Sequence[tuple[int, int]],
    gap: float,
    rank_gap: float,
) -> Layout:
    """The layout of one connected part."""
    own = [sizes[node] for node in members]
    graph = _Ranked([a for a, _ in own], _acyclic(len(own), edges), edges)
    graph.order()
    graph.place(gap)
    tops, length = _rank_places(graph, [b for _, b in own], rank_gap)
    left = min(graph.at[i] - graph.size[i] / 2 for i in range(len(graph.at)))
    right = max(graph.at[i] + graph.size[i] / 2 for i in range(len(graph.at)))
    across = [graph.at[i] - left for i in range(len(graph.at))]
    along = [tops[rank] for rank in graph.rank]
    real = len(own)
    segments = []
    for a, b, forwards in graph.pieces():
        ends = [(across[i], along[i]) for i in (a, b)]
        names = [i if i < real else -1 for i in (a, b)]
        if not forwards:
            ends, names = ends[::-1], names[::-1]
        segments.append((ends[0], ends[1], names[0], names[1]))
    return Layout(across[:real], along[:real], segments, right - left, length)


def _rank_places(
    graph: _Ranked, lengths: Sequence[float], rank_gap: float
) -> tuple[list[float], float]:
    """Where the middle of each rank is along, and the length of the whole."""
    thick = [0.0] * len(graph.ranks)
    for node, length in enumerate(lengths):
        thick[graph.rank[node]] = max(thick[graph.rank[node]], length)
    places, at = [], 0.0
    for rank, size in enumerate(thick):
        places.append(at + size / 2)
        # Where many edges run far to the side, they need room to do so.
        at += size + rank_gap * _steepness(graph, rank)
    return places, at - rank_gap * _steepness(graph, len(thick) - 1)


def _steepness(graph: _Ranked, rank: int) -> float:
    """By how much the room after a rank is stretched, from 1 to 2.5."""
    if rank + 1 >= len(graph.ranks):
        return 1.0
    farthest = max(
        (abs(graph.at[a] - graph.at[b]) for a in graph.ranks[rank] for b in graph.after[a]),
        default=0.0,
    )
    return min(2.5, 1.0 + max(0.0, farthest - 150.0) / 500.0)


def _acyclic(count: int, edges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The edges, those that close a cycle turned round; none from a node to itself."""
    targets: list[list[int]] = [[] for _ in range(count)]
    for a, b in edges:
        if a != b:
            targets[a].append(b)
    state = [0] * count
    back: set[tuple[int, int]] = set()
    for root in range(count):
        stack = [(root, iter(targets[root]))] if not state[root] else []
        state[root] = state[root] or 1
        while stack:
            node, rest = stack[-1]
            for target in rest:
                if state[target] == 1:
                    back.add((node, target))
                elif not state[target]:
                    state[target] = 1
                    stack.append((target, iter(targets[target])))
                    break
            else:
                state[node] = 2
                stack.pop()
    return [(b, a) if (a, b) in back else (a, b) for a, b in edges if a != b]


class _Ranked:
    """A graph whose edges all go from one rank to the next, bends included.

    Parameters
    ----------
    sizes
        Of the nodes, across.
    edges
        Without cycles.
    given
        The edges as the caller has them, to know which were turned round.
    """

    def __init__(
        self,
        sizes: Sequence[float],
        edges: Sequence[tuple[int, int]],
        given: Sequence[tuple[int, int]],
    ) -> None:
        self.size = list(sizes)
        self.real = len(sizes)
        self.rank = _longest_paths(self.real, edges)
        self.after: list[list[int]] = [[] for _ in sizes]
        self.before: list[list[int]] = [[] for _ in sizes]
        self.given = set(given)
        self._bends(edges)
        self.ranks: list[list[int]] = [[] for _ in range(max(self.rank) + 1)]
        for node, rank in enumerate(self.rank):
            self.ranks[rank].append(node)
        self.at = [0.0] * len(self.size)

    def _bends(self, edges: Sequence[tuple[int, int]]) -> None:
        """Connect neighbouring ranks; longer edges over bends, shared by those of one node."""
        trunks: dict[int, list[int]] = {}
        for a, b in dict.fromkeys(edges):
            trunk = trunks.setdefault(a, [a])
            while self.rank[b] - self.rank[a] > len(trunk):
                trunk.append(self._bend(trunk[-1]))
            self._connect(trunk[self.rank[b] - self.rank[a] - 1], b)

    def _bend(self, last: int) -> int:
        bend = len(self.size)
        if bend - self.real > MOST_BENDS:
            raise ValueError(f"the graph has too many long edges to be drawn: {MOST_BENDS:,} bends")
        self.size.append(2.0)
        self.rank.append(self.rank[last] + 1)
        self.after.append([])
        self.before.append([])
        self._connect(last, bend)
        return bend

    def _connect(self, a: int, b: int) -> None:
        self.after[a].append(b)
        self.before[b].append(a)

    def pieces(self) -> list[tuple[int, int, bool]]:
        """``(node, next node, whether the edge goes that way)`` of all pieces of edges."""
        origin = list(range(len(self.size)))
        for bend in range(self.real, len(self.size)):
            origin[bend] = origin[self.before[bend][0]]
        return [
            (a, b, b >= self.real or (origin[a], b) in self.given)
            for a, targets in enumerate(self.after)
            for b in targets
        ]

    # -- order

    def order(self) -> None:
        """Order the nodes within ranks so that few edges cross.

        The search ends in the next best valley, so it starts from several places.
        """
        best, least = self.ranks, self.crossings()
        for start in self._starts():
            if not least:
                break
            self.ranks = start
            found, crossings = self._improve()
            if crossings < least:
                best, least = found, crossings
        self.ranks = best

    def _starts(self) -> list[list[list[int]]]:
        """Orders to begin with: as given, bends first, as a walk from the results meets them."""
        bends_first = [sorted(rank, key=lambda node: node < self.real) for rank in self.ranks]
        met: dict[int, None] = {}
        stack = [node for rank in self.ranks for node in rank if not self.after[node]][::-1]
        while stack:
            node = stack.pop()
            if node not in met:
                met[node] = None
                stack += reversed(self.before[node])
        place = {node: i for i, node in enumerate(met)}
        walked = [sorted(rank, key=place.__getitem__) for rank in self.ranks]
        return [[list(rank) for rank in self.ranks], bends_first, walked]

    def _improve(self) -> tuple[list[list[int]], int]:
        """The best order that sweeps from the present one come to, and its crossings."""
        best = [list(rank) for rank in self.ranks]
        least = self.crossings()
        stale = 0
        for sweep in range(2 * SWEEPS):
            if not least or stale > PATIENCE:
                break
            self._sweep(down=sweep % 2 == 0)
            found = self.crossings()
            stale += 1
            if found < least:
                best, least, stale = [list(rank) for rank in self.ranks], found, 0
        return best, least

    def _sweep(self, *, down: bool) -> None:
        place = [0] * len(self.size)
        for rank in self.ranks:
            for i, node in enumerate(rank):
                place[node] = i
        neighbours = self.before if down else self.after
        for rank in self.ranks if down else reversed(self.ranks):
            means = {
                node: sum(place[n] for n in near) / len(near) if near else float(place[node])
                for node in rank
                for near in (neighbours[node],)
            }
            rank.sort(key=means.__getitem__)
            for i, node in enumerate(rank):
                place[node] = i

    def crossings(self) -> int:
        """How many pairs of edges between neighbouring ranks cross."""
        place = [0] * len(self.size)
        for rank in self.ranks:
            for i, node in enumerate(rank):
                place[node] = i
        total = 0
        for rank in self.ranks[:-1]:
            seen: list[int] = []
            for node in rank:
                ends = sorted([place[target] for target in self.after[node]])
                for end in ends:
                    total += len(seen) - bisect_right(seen, end)
                for end in ends:
                    insort(seen, end)
        return total

    # -- places

    def place(self, gap: float) -> None:
        """Find the places across: near the neighbours, and not too near to each other."""
        apart = [self._distances(rank, gap) for rank in self.ranks]
        for rank, distances in zip(self.ranks, apart, strict=True):
            for node, offset in zip(rank, distances, strict=True):
                self.at[node] = offset - distances[-1] / 2
        down, up = range(len(self.ranks)), range(len(self.ranks) - 1, -1, -1)
        both = [a + b for a, b in zip(self.before, self.after, strict=True)]
        for turn in range(PLACINGS):
            # First by one side only, which carries a change through all ranks at once.
            apart_only = turn < PLACINGS // 3
            self._settle(apart, down, self.before if apart_only else both)
            self._settle(apart, up, self.after if apart_only else both)

    def _distances(self, rank: Sequence[int], gap: float) -> list[float]:
        """How far from the first node of a rank each has to be at least."""
        out, at = [], 0.0
        for i, node in enumerate(rank):
            if i:
                at += (self.size[rank[i - 1]] + self.size[node]) / 2
                bends = (rank[i - 1] >= self.real) + (node >= self.real)
                at += gap * (1.0, 0.8, 0.5)[bends]
            out.append(at)
        return out

    def _settle(
        self,
        apart: Sequence[Sequence[float]],
        ranks: Iterable[int],
        near: Sequence[Sequence[int]],
    ) -> None:
        """Move the nodes of each rank as near to their neighbours as their distances allow."""
        for r in ranks:
            rank, offsets = self.ranks[r], apart[r]
            wishes, weights = [], []
            for node, offset in zip(rank, offsets, strict=True):
                others = near[node]
                pull = [self._pull(node, other) for other in others]
                weight = sum(pull)
                wish = self.at[node]
                if weight:
                    wish = sum(p * self.at[o] for p, o in zip(pull, others, strict=True)) / weight
                wishes.append(wish - offset)
                weights.append(weight or 0.01)
            placed = isotonic(wishes, weights)
            for node, offset, start in zip(rank, offsets, placed, strict=True):
                self.at[node] = start + offset

    def _pull(self, a: int, b: int) -> float:
        """How much ``b`` draws ``a``: more if they are bends, or their edge is one of few."""
        bends = (a >= self.real) + (b >= self.real)
        if bends:
            return (3.0, 8.0)[bends - 1]
        one_way, other_way = self.before[a], self.after[a]
        if self.rank[a] > self.rank[b]:
            weight = 4.0 / (len(self.after[b]) * len(one_way)) ** 2
        else:
            one_way, other_way = other_way, one_way
            weight = 4.0 / (len(one_way) * len(self.before[b])) ** 2
        # Above several and below one, a node stands in the middle of the several.
        return weight / 10 if len(one_way) == 1 and len(other_way) > 1 else weight


def _longest_paths(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The rank of each node: as low as its sources allow; a source as high as it can."""
    after: list[list[int]] = [[] for _ in range(count)]
    missing = [0] * count
    for a, b in edges:
        after[a].append(b)
        missing[b] += 1
    first = [node for node in range(count) if not missing[node]]
    rank = [0] * count
    ready = list(first)
    for node in ready:
        for target in after[node]:
            rank[target] = max(rank[target], rank[node] + 1)
            missing[target] -= 1
            if not missing[target]:
                ready.append(target)
    for node in first:
        if after[node]:
            rank[node] = min(rank[target] for target in after[node]) - 1
    lowest = min(rank, default=0)
    return [r - lowest for r in rank]


def isotonic(wishes: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The non-decreasing numbers that are nearest to some wishes, in weighted least squares.

    Parameters
    ----------
    wishes
        Any numbers.
    weights
        How much each counts, above 0.

    Examples
    --------
    >>> isotonic([1.0, 3.0, 2.0, 5.0], [1.0] * 4)
    [1.0, 2.5, 2.5, 5.0]
    """
    blocks: list[tuple[float, float, int]] = []
    for wish, weight in zip(wishes, weights, strict=True):
        mean, total, count = wish, weight, 1
        while blocks and blocks[-1][0] > mean:
            other, other_total, other_count = blocks.pop()
            mean = (mean * total + other * other_total) / (total + other_total)
            total += other_total
            count += other_count
        blocks.append((mean, total, count))
    out: list[float] = []
    for mean, _, count in blocks:
        out += [mean] * count
    assert not any(map(math.isnan, out))
    return out
