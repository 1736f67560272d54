"""Layers and the plans made of them."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from shoal.graph.assemble import assemble
from shoal.graph.layers import (
    ALL,
    Blocks,
    Const,
    Each,
    Gather,
    Graph,
    GridLayer,
    TableLayer,
    Window,
)
from shoal.local.sync import run_sync


def data(name: str, shape: tuple[int, ...]) -> GridLayer:
    size = 1
    for length in shape:
        size *= length
    return GridLayer(name, None, shape, (Each([f"{name}{i}" for i in range(size)]),))


def join(*parts: Any, sep: str = "+") -> str:
    return sep.join(p if isinstance(p, str) else f"[{' '.join(p)}]" for p in parts)


def results(graph: Graph, name: str, blocks: Any = None) -> list[Any]:
    numbers = graph.numbers(name)
    wanted = numbers if blocks is None else [numbers[b] for b in blocks]
    return run_sync(assemble(graph, wanted))


@pytest.fixture
def graph() -> Graph:
    graph = Graph()
    graph.add(data("x", (2, 3)))
    return graph


def test_elementwise(graph: Graph) -> None:
    graph.add(GridLayer("y", str.upper, (2, 3), (Blocks("x", (2, 3), (0, 1)),)))
    assert results(graph, "y") == ["X0", "X1", "X2", "X3", "X4", "X5"]


def test_elementwise_with_itself_transposed() -> None:
    graph = Graph()
    graph.add(data("x", (2, 2)))
    inputs = (Blocks("x", (2, 2), (0, 1)), Blocks("x", (2, 2), (1, 0)))
    graph.add(GridLayer("y", join, (2, 2), inputs))
    assert results(graph, "y") == ["x0+x0", "x1+x2", "x2+x1", "x3+x3"]
    plan = assemble(graph, graph.numbers("y"))
    # On the diagonal one block is both arguments, and one dependency.
    assert sorted(map(len, plan.deps)) == [0, 0, 0, 0, 1, 1, 2, 2]


def test_broadcast_along_an_axis(graph: Graph) -> None:
    graph.add(data("row", (1, 3)))
    inputs = (Blocks("x", (2, 3), (0, 1)), Blocks("row", (1, 3), (None, 1)))
    graph.add(GridLayer("y", join, (2, 3), inputs))
    assert results(graph, "y")[3:] == ["x3+row0", "x4+row1", "x5+row2"]


def test_contraction(graph: Graph) -> None:
    graph.add(GridLayer("y", join, (2,), (Blocks("x", (2, 3), (0, ALL)),)))
    assert results(graph, "y") == ["[x0 x1 x2]", "[x3 x4 x5]"]


def test_windows_of_a_tree(graph: Graph) -> None:
    inputs = (Blocks("x", (2, 3), (Window(0, 2), Window(1, 2))),)
    graph.add(GridLayer("y", join, (1, 2), inputs))
    assert results(graph, "y") == ["[x0 x1 x3 x4]", "[x2 x5]"]


def test_gather_values_constants_and_keywords(graph: Graph) -> None:
    inputs = (Gather("x", [(0, 5), (3,)]), Each(["a", "b"]), Const("c"))
    graph.add(GridLayer("y", join, (2,), inputs, {"sep": "-"}))
    assert results(graph, "y") == ["[x0 x5]-a-c", "[x3]-b-c"]


def test_tasks_that_are_told_the_same_share_what_says_so() -> None:
    graph = Graph()
    graph.add(data("x", (10,)))
    few = [(4,), (4,), (2,)]
    few[1] = few[0]
    graph.add(
        GridLayer(
            "y",
            lambda parts, n: (*parts, n),
            (3,),
            (Blocks("x", (10,), (Window(0, 4),)), Each(few)),
        )
    )
    plan = assemble(graph, graph.numbers("y"))
    assert run_sync(plan) == [
        ("x0", "x1", "x2", "x3", (4,)),
        ("x4", "x5", "x6", "x7", (4,)),
        ("x8", "x9", (2,)),
    ]
    assert plan.args[-3] is plan.args[-2] is not plan.args[-1]


def test_values_only() -> None:
    graph = Graph()
    graph.add(GridLayer("y", join, (2,), (Each(["a", "b"]), Each(["c", "d"]))))
    assert results(graph, "y") == ["a+c", "b+d"]


def test_no_inputs_at_all() -> None:
    graph = Graph()
    graph.add(GridLayer("y", list, (2,), ()))
    assert results(graph, "y") == [[], []]


def test_a_grid_without_axes_has_the_name_as_key(graph: Graph) -> None:
    graph.add(GridLayer("y", join, (), (Blocks("x", (2, 3), (ALL, ALL)),)))
    plan = assemble(graph, graph.numbers("y"))
    assert run_sync(plan) == ["[x0 x1 x2 x3 x4 x5]"]
    assert plan.keys[plan.wanted[0]] == "y"


def test_names_for_blocks_that_are_there(graph: Graph) -> None:
    graph.add(data("z", (2,)))
    graph.name_blocks("both", [*graph.numbers("z"), graph.numbers("x")[4]])
    graph.add(GridLayer("y", str.upper, (3,), (Blocks("both", (3,), (0,)),)))
    assert results(graph, "y") == ["Z0", "Z1", "X4"]
    assert results(graph, "both") == ["z0", "z1", "x4"]
    assert results(graph, "y", [1]) == ["Z1"]


@pytest.mark.parametrize("block", range(6))
def test_culling_keeps_what_one_block_needs(graph: Graph, block: int) -> None:
    graph.add(data("unused", (4,)))
    graph.add(GridLayer("y", str.upper, (2, 3), (Blocks("x", (2, 3), (0, 1)),)))
    graph.add(GridLayer("z", str.lower, (2, 3), (Blocks("y", (2, 3), (0, 1)),)))
    plan = assemble(graph, [graph.numbers("z")[block]])
    assert len(plan) == 3
    index = divmod(block, 3)
    assert [plan.keys[i] for i in range(3)] == [("x", *index), ("y", *index), ("z", *index)]
    assert run_sync(plan) == [f"x{block}"]


def test_culling_through_tables_and_grids(graph: Graph) -> None:
    x = graph.numbers("x")
    table = TableLayer(
        ["t0", "t1", "t2"],
        [str.upper, str.upper, join],
        [None, None, None],
        [(x[0],), (x[5],), (6, 7)],
    )
    assert graph.add(table) == 6
    graph.name_blocks("t", [6, 8])
    graph.add(GridLayer("y", str.lower, (2,), (Blocks("t", (2,), (0,)),)))
    assert results(graph, "y") == ["x0", "x0+x5"]
    plan = assemble(graph, [graph.numbers("y")[0]])
    assert [plan.keys[i] for i in range(len(plan))] == [("x", 0, 0), "t0", ("y", 0)]


def test_layers_without_tasks_do_no_harm(graph: Graph) -> None:
    graph.add(GridLayer("none", str.upper, (0,), (Blocks("nothing", (0,), (0,)),)))
    graph.add(GridLayer("y", str.upper, (2, 3), (Blocks("x", (2, 3), (0, 1)),)))
    assert results(graph, "none") == []
    assert results(graph, "y")[0] == "X0"


def test_annotations_reach_the_plan(graph: Graph) -> None:
    inputs = (Blocks("x", (2, 3), (0, 1)),)
    graph.add(GridLayer("y", str.upper, (2, 3), inputs, annotations={"priority": 1}))
    plan = assemble(graph, graph.numbers("y"))
    ((ids, said),) = plan.annotations
    assert said == {"priority": 1}
    assert [plan.keys[i] for i in ids] == [("y", i, j) for i in range(2) for j in range(3)]


def test_two_layers_of_one_name_are_refused(graph: Graph) -> None:
    with pytest.raises(ValueError, match="has a layer 'x' already"):
        graph.add(data("x", (1,)))


def test_a_layer_is_small_on_the_wire() -> None:
    layer = GridLayer("y", str.upper, (1000, 1000), (Blocks("x", (1000, 1000), (1, 0)),))
    assert len(pickle.dumps(layer)) < 400


def test_key_and_flat_are_inverse() -> None:
    layer = data("x", (3, 4, 5))
    assert [layer.flat(layer.key(i)) for i in range(60)] == list(range(60))
