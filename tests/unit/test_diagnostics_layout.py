"""The layout: nothing overlaps, edges go one way, and few of them cross."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.diagnostics import layout as module
from shoal.diagnostics.layout import Layout, components, isotonic, layout

Edges = list[tuple[int, int]]


def crossings(found: Layout) -> int:
    """How often straight pieces of edges between the same ranks cross."""
    pieces = [(a, b) for a, b, _, _ in found.segments]
    return sum(
        1
        for i, ((x0, y0), (x1, y1)) in enumerate(pieces)
        for (u0, v0), (u1, v1) in pieces[:i]
        if (y0, y1) == (v0, v1) and (x0 - u0) * (x1 - u1) < -1e-6
    )


@st.composite
def dags(draw: Any) -> tuple[list[tuple[float, float]], Edges]:
    n = draw(st.integers(1, 25))
    pairs = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))
    edges = {(min(p), max(p)) for p in draw(st.lists(pairs, max_size=50)) if p[0] != p[1]}
    sizes = st.tuples(st.floats(5, 80), st.floats(5, 40))
    return draw(st.lists(sizes, min_size=n, max_size=n)), sorted(edges)


@given(dags())
def test_nothing_overlaps_and_edges_go_forwards(graph: Any) -> None:
    sizes, edges = graph
    found = layout(sizes, edges, gap=10.0, rank_gap=20.0)
    boxes = [
        (x - w / 2, x + w / 2, y - h / 2, y + h / 2)
        for x, y, (w, h) in zip(found.across, found.along, sizes, strict=True)
    ]
    for i, (left, right, low, high) in enumerate(boxes):
        assert left >= -0.01
        assert low >= -0.01
        assert right <= found.width + 0.01
        assert high <= found.length + 0.01
        for other in boxes[:i]:
            apart = right < other[0] or other[1] < left or high < other[2] or other[3] < low
            assert apart
    for a, b in edges:
        assert boxes[a][3] < boxes[b][2]


@given(dags())
def test_every_edge_is_a_path_of_pieces(graph: Any) -> None:
    sizes, edges = graph
    found = layout(sizes, edges)
    after: dict[Any, list[Any]] = {}
    for start, end, source, target in found.segments:
        after.setdefault(source if source >= 0 else start, []).append(
            target if target >= 0 else end
        )
    reached: set[tuple[int, int]] = set()
    for node in range(len(sizes)):
        stack = list(after.get(node, ()))
        while stack:
            point = stack.pop()
            if isinstance(point, int):
                reached.add((node, point))
            else:
                stack += after[point]
    assert reached == set(edges)


def test_trees_and_chains_do_not_cross() -> None:
    tree = [(i, 16 + i // 2) for i in range(30)]
    found = layout([(20, 10)] * 31, tree)
    assert crossings(found) == 0
    # A parent stands above the middle between its children, or nearly so.
    for parent in range(16, 31):
        children = [found.across[a] for a, b in tree if b == parent]
        middle, apart = sum(children) / 2, children[1] - children[0]
        assert abs(found.across[parent] - middle) < apart / 4


def test_an_edge_past_a_chain_does_not_cross_it() -> None:
    edges = [(0, 1), (1, 2), (2, 3), (0, 3), (4, 5), (5, 2)]
    assert crossings(layout([(20, 10)] * 6, edges)) == 0


def test_a_chain_is_straight() -> None:
    found = layout([(20 + i % 7, 10) for i in range(50)], [(i, i + 1) for i in range(49)])
    assert max(found.across) - min(found.across) < 0.5


def test_cycles_and_loops_are_drawn() -> None:
    found = layout([(10, 10)] * 4, [(0, 1), (1, 2), (2, 0), (2, 3), (3, 3)])
    pairs = {(a, b) for _, _, a, b in found.segments if a >= 0 and b >= 0}
    assert {(0, 1), (1, 2), (2, 3)} <= pairs
    assert len(set(found.along)) == 4


def test_parts_stand_side_by_side_and_then_in_rows() -> None:
    found = layout([(100, 10)] * 40, [], most_width=500)
    assert found.width <= 500
    assert len(set(found.along)) > 5
    assert components(4, [(1, 3)]) == [([0], []), ([1, 3], [(0, 1)]), ([2], [])]


def test_too_many_bends_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BENDS", 10)
    edges = [(i, i + 1) for i in range(20)] + [(0, 20)]
    with pytest.raises(ValueError, match="too many long edges"):
        layout([(10, 10)] * 21, edges)


def test_no_nodes() -> None:
    found = layout([], [])
    assert (found.width, found.length) == (0, 0)


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(0.1, 10)), min_size=1, max_size=30))
def test_isotonic_regression(pairs: list[tuple[float, float]]) -> None:
    wishes, weights = zip(*pairs, strict=True)
    found = isotonic(wishes, weights)
    assert all(a <= b + 1e-9 for a, b in pairwise(found))
    # The mean of each level is that of its wishes: the condition of optimality.
    for level in set(found):
        inside = [i for i, value in enumerate(found) if value == level]
        total = sum(weights[i] for i in inside)
        mean = sum(wishes[i] * weights[i] for i in inside) / total
        assert level == pytest.approx(mean, abs=1e-6)
