"""The order of regular graphs, worked out for tiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from shoal.graph import assemble as assembly
from shoal.graph import tiles
from shoal.graph.assemble import assemble
from shoal.graph.layers import (
    ALL,
    Blocks,
    Const,
    Gather,
    Graph,
    GridLayer,
    TableLayer,
    Window,
)
from shoal.graph.order import order, peak_live
from shoal.graph.plan import Plan
from shoal.graph.tiles import order_by_tiles


@pytest.fixture(autouse=True)
def small_graphs_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "LEAST_TASKS", 0)


def source(graph: Graph, name: str, *shape: int) -> None:
    graph.add(GridLayer(name, int, shape, (Const(1),)))


def map_blocks(graph: Graph, name: str, shape: tuple[int, ...], *inputs: Any) -> None:
    read = [Blocks(of, tuple(shape[axis] for axis in axes), axes) for of, axes in inputs]
    graph.add(GridLayer(name, max, shape, tuple(read)))


def tree(graph: Graph, name: str, of: str, shape: tuple[int, ...], axes: set[int], fan: int) -> str:
    """A reduction of a grid along some axes; the name of its last level."""
    for level in range(100):
        out = tuple(-(-n // fan) if a in axes else n for a, n in enumerate(shape))
        read = tuple(Window(a, fan) if a in axes else a for a in range(len(shape)))
        here = f"{name}-{level}"
        graph.add(GridLayer(here, max, out, (Blocks(of, shape, read),)))
        of, shape = here, out
        if all(out[axis] == 1 for axis in axes):
            return here
    raise AssertionError


def tiled(graph: Graph, name: str) -> tuple[Plan, Sequence[int]]:
    """The plan of a layer and its order by tiles, which is that of the plan."""
    plan = assemble(graph, graph.numbers(name))
    found = order_by_tiles(graph, graph.starts, plan.deps, plan.wanted)
    assert found is not None
    assert list(plan.order) == list(found)
    assert_valid(plan, found)
    return plan, found


def assert_valid(plan: Plan, sequence: Sequence[int]) -> None:
    assert sorted(sequence) == list(range(len(plan)))
    place = {task: at for at, task in enumerate(sequence)}
    assert all(place[j] < place[i] for i, needs in enumerate(plan.deps) for j in needs)


def peaks(plan: Plan, found: Sequence[int]) -> tuple[int, int]:
    return peak_live(plan.deps, found), peak_live(plan.deps, order(plan.deps, None, plan.wanted))


@pytest.mark.parametrize("n", [40, 50])
def test_a_sum_with_its_own_transpose(n: int) -> None:
    graph = Graph()
    source(graph, "x", n, n)
    map_blocks(graph, "z", (n, n), ("x", (0, 1)), ("x", (1, 0)))
    plan, found = tiled(graph, "z")
    assert peak_live(plan.deps, found) == 3


def test_a_transpose_and_a_tree() -> None:
    graph = Graph()
    source(graph, "x", 100, 100)
    map_blocks(graph, "y", (100, 100), ("x", (0, 1)))
    map_blocks(graph, "t", (100, 100), ("y", (1, 0)))
    map_blocks(graph, "z", (100, 100), ("y", (0, 1)), ("t", (0, 1)))
    plan, found = tiled(graph, tree(graph, "sum", "z", (100, 100), {0, 1}, 4))
    ours, exact = peaks(plan, found)
    assert ours <= exact


@pytest.mark.parametrize("axes", [{0}, {1}, {0, 1}])
def test_trees(axes: set[int]) -> None:
    graph = Graph()
    source(graph, "x", 60, 70)
    map_blocks(graph, "y", (60, 70), ("x", (0, 1)))
    plan, found = tiled(graph, tree(graph, "sum", "y", (60, 70), axes, 4))
    ours, exact = peaks(plan, found)
    assert ours <= exact


def test_the_mean_of_the_columns_taken_off() -> None:
    graph = Graph()
    source(graph, "x", 100, 60)
    mean = tree(graph, "mean", "x", (100, 60), {0}, 4)
    graph.add(GridLayer("flat", max, (60,), (Blocks(mean, (1, 60), (None, 0)),)))
    map_blocks(graph, "y", (100, 60), ("x", (0, 1)), ("flat", (1,)))
    plan, found = tiled(graph, tree(graph, "std", "y", (100, 60), {0, 1}, 4))
    ours, exact = peaks(plan, found)
    assert ours <= 1.1 * exact


def test_windows_of_several_sizes_along_one_axis() -> None:
    graph = Graph()
    source(graph, "x", 100, 60)
    mean = tree(graph, "mean", "x", (100, 60), {0}, 8)
    graph.add(GridLayer("flat", max, (60,), (Blocks(mean, (1, 60), (None, 0)),)))
    map_blocks(graph, "y", (100, 60), ("x", (0, 1)), ("flat", (1,)))
    plan, found = tiled(graph, tree(graph, "std", "y", (100, 60), {0, 1}, 3))
    ours, exact = peaks(plan, found)
    assert ours <= 1.2 * exact


def test_three_axes_and_a_product() -> None:
    graph = Graph()
    source(graph, "a", 12, 16)
    source(graph, "b", 16, 10)
    map_blocks(graph, "dot", (12, 10, 16), ("a", (0, 2)), ("b", (2, 1)))
    plan, _ = tiled(graph, tree(graph, "sum", "dot", (12, 10, 16), {2}, 4))
    assert len(plan) == 12 * 16 + 16 * 10 + 12 * 10 * 16 + 12 * 10 * 4 + 12 * 10


def test_contraction_in_one_step() -> None:
    graph = Graph()
    source(graph, "x", 40, 50)
    graph.add(GridLayer("sum", max, (40,), (Blocks("x", (40, 50), (0, ALL)),)))
    tiled(graph, "sum")


def test_names_of_whole_layers_are_seen_through() -> None:
    graph = Graph()
    source(graph, "x", 40, 50)
    graph.name_blocks("same", graph.numbers("x"))
    map_blocks(graph, "y", (40, 50), ("same", (0, 1)))
    plan, found = tiled(graph, "y")
    assert peak_live(plan.deps, found) == 2


def test_a_few_tasks_of_another_kind_come_first() -> None:
    graph = Graph()
    graph.add(TableLayer(["one", "two"], [int, abs], [("1",), None], [(), (0,)]))
    graph.name_blocks("scalar", [1])
    source(graph, "x", 40, 50)
    inputs = Blocks("x", (40, 50), (0, 1)), Blocks("scalar", (1,), (None,))
    graph.add(GridLayer("y", max, (40, 50), inputs))
    _, found = tiled(graph, "y")
    assert list(found[:2]) == [0, 1]


def not_tiled(graph: Graph, name: str) -> None:
    plan = assemble(graph, graph.numbers(name))
    assert order_by_tiles(graph, graph.starts, plan.deps, plan.wanted) is None
    assert_valid(plan, plan.order)


def test_gathers_are_left_to_the_walk() -> None:
    graph = Graph()
    source(graph, "x", 50)
    pairs = [(i, (i + 7) % 50) for i in range(50)]
    graph.add(GridLayer("y", max, (50,), (Gather("x", pairs),)))
    not_tiled(graph, "y")


def test_windows_that_disagree_are_left_to_the_walk() -> None:
    graph = Graph()
    source(graph, "x", 600)
    left = tree(graph, "by three", "x", (600,), {0}, 3)
    right = tree(graph, "by two", "x", (600,), {0}, 2)
    map_blocks(graph, "y", (1,), (left, (0,)), (right, (0,)))
    not_tiled(graph, "y")


def test_a_segment_that_is_most_of_the_graph_is_left_to_the_walk() -> None:
    graph = Graph()
    source(graph, "x", 8, 8)
    map_blocks(graph, "y", (8, 8), ("x", (0, 1)))
    not_tiled(graph, "y")


def test_parts_of_layers_are_left_to_the_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(assembly, "order_by_tiles", lambda *args: asked.append(args))
    graph = Graph()
    source(graph, "x", 40, 50)
    map_blocks(graph, "y", (40, 50), ("x", (0, 1)))
    assert_valid(plan := assemble(graph, graph.numbers("y")[:500]), plan.order)
    assert not asked
