"""Random graphs: every way of running them gives what plain Python gives."""

from __future__ import annotations

import math
from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
from shoal.graph import tiles
from shoal.graph.assemble import assemble
from shoal.graph.cull import prune
from shoal.graph.layers import ALL, Blocks, Const, Each, Graph, GridLayer, Window
from shoal.graph.legacy import plan_from_dict
from shoal.local.sync import run_sync
from shoal.local.threads import run_threads


def combine(*args: Any, **kwargs: Any) -> Any:
    return repr((args, sorted(kwargs.items())))


@st.composite
def dict_graphs(draw: st.DrawFn) -> dict[Any, Any]:
    """A random dict graph, its keys in random order, with nested arguments."""
    n = draw(st.integers(1, 25))
    graph: dict[Any, Any] = {}
    for i in range(n):
        arg: Any = st.sampled_from([("k", j) for j in range(i)]) if i else st.integers(100, 105)
        leaf = st.one_of(arg, st.integers(200, 203), st.just("text"))
        nested = st.recursive(
            leaf, lambda s: st.lists(s, max_size=3) | st.tuples(s, s), max_leaves=4
        )
        args = draw(st.lists(nested, max_size=3))
        kind = draw(st.sampled_from(["call", "call", "call", "list", "alias"]))
        if kind == "list":
            graph["k", i] = args
        elif kind == "alias":
            graph["k", i] = draw(leaf)
        else:
            graph["k", i] = (combine, *args)
    keys = draw(st.permutations(list(graph)))
    return {key: graph[key] for key in keys}


def evaluate(graph: dict[Any, Any], value: Any) -> Any:
    """What a value of a dict graph means, by the shortest program there is."""
    if isinstance(value, list):
        return [evaluate(graph, item) for item in value]
    try:
        if value in graph:
            return evaluate(graph, graph[value])
    except TypeError:
        pass
    if isinstance(value, tuple) and value and callable(value[0]):
        return value[0](*[evaluate(graph, item) for item in value[1:]])
    if isinstance(value, tuple):
        return tuple([evaluate(graph, item) for item in value])
    return value


@given(dict_graphs(), st.data())
@settings(max_examples=150, deadline=None)
def test_executors_agree_with_plain_python(graph: dict[Any, Any], data: st.DataObject) -> None:
    keys = data.draw(st.lists(st.sampled_from(list(graph)), max_size=4))
    expected = [evaluate(graph, key) for key in keys]
    plan = plan_from_dict(graph, keys)
    assert sorted(plan.order) == list(range(len(plan)))
    done: set[int] = set()
    for i in plan.order:
        assert done.issuperset(plan.deps[i])
        done.add(i)
    assert run_sync(plan) == expected
    assert run_threads(plan, num_workers=3) == expected
    assert prune(plan) is plan


@st.composite
def layered(draw: st.DrawFn) -> tuple[Graph, list[str]]:
    """A random stack of grid layers."""
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple))
    graph = Graph()
    size = 1
    for length in shape:
        size *= length
    graph.add(GridLayer("l0", None, shape, (Each([f"v{i}" for i in range(size)]),)))
    names = ["l0"]
    for level in range(1, draw(st.integers(1, 4))):
        source, length = names[-1], len(shape)
        kind = draw(st.sampled_from(["same", "transpose", "tree", "contract"]))
        axes: tuple[Any, ...]
        if kind == "tree":
            axes = tuple([Window(axis, 2) for axis in range(length)])
            new = tuple([-(-n // 2) for n in shape])
        elif kind == "contract":
            axes = (*range(length - 1), ALL)
            new = shape[:-1]
        else:
            order = draw(st.permutations(range(length))) if kind == "transpose" else range(length)
            axes = tuple(order)
            new = tuple([shape[list(axes).index(axis)] for axis in range(length)])
        name = f"l{level}"
        graph.add(GridLayer(name, combine, new, (Blocks(source, shape, axes),)))
        names.append(name)
        shape = new
        if not shape:
            break
    return graph, names


@given(layered(), st.data())
@settings(max_examples=100, deadline=None)
def test_culled_layers_give_the_same_blocks(made: Any, data: st.DataObject) -> None:
    graph, names = made
    numbers = graph.numbers(names[-1])
    whole = run_sync(assemble(graph, numbers))
    chosen = data.draw(st.lists(st.sampled_from(range(len(numbers))), max_size=3))
    part = assemble(graph, [numbers[i] for i in chosen])
    assert run_sync(part) == [whole[i] for i in chosen]
    assert len(part) <= graph.size
    keys = [part.keys[i] for i in range(len(part))]
    assert len(set(keys)) == len(keys)


@given(st.integers(0, 60), st.integers(1, 5))
@settings(deadline=None)
def test_delayed_trees(n: int, width: int) -> None:
    level = [shoal.delayed(i) for i in range(n)]
    while len(level) > 1:
        groups = [level[i : i + width + 1] for i in range(0, len(level), width + 1)]
        level = [shoal.delayed(sum)(group) for group in groups]
    expected = sum(range(n))
    assert (level[0].compute(scheduler="sync") if level else 0) == expected


@st.composite
def index_maps(draw: st.DrawFn) -> tuple[tuple[int, ...], Blocks]:
    """A grid, and blocks by axes that it may read."""
    grid = tuple(draw(st.lists(st.integers(1, 5), max_size=3)))
    axes: list[Any] = []
    shape: list[int] = []
    for _ in range(draw(st.integers(0, 3))):
        axis = draw(st.integers(0, len(grid) - 1)) if grid else None
        kind = draw(st.sampled_from(["same", "window", "all", "first"] if grid else ["all"]))
        if kind == "same" and axis is not None:
            axes.append(axis)
            shape.append(grid[axis])
        elif kind == "window" and axis is not None:
            size = draw(st.integers(1, 4))
            axes.append(Window(axis, size))
            shape.append((grid[axis] - 1) * size + draw(st.integers(1, size)))
        else:
            axes.append(ALL if kind == "all" else None)
            shape.append(draw(st.integers(1, 4)))
    return grid, Blocks("x", tuple(shape), tuple(axes))


@given(index_maps())
def test_whole_grids_read_what_single_tasks_read(case: tuple[tuple[int, ...], Blocks]) -> None:
    grid, blocks = case
    names = [f"block {i}" for i in range(math.prod(blocks.shape))]
    single = [blocks.rows(grid, [task])[0] for task in range(math.prod(grid))]
    called = [tuple([names[i] for i in row]) if blocks.many else names[row] for row in single]
    assert list(blocks.whole(grid, names)) == called


@given(index_maps(), st.data())
def test_plans_of_whole_grids_and_of_parts(
    case: tuple[tuple[int, ...], Blocks], data: st.DataObject
) -> None:
    grid, blocks = case
    graph = Graph()
    graph.add(GridLayer("x", None, blocks.shape, (Each(range(math.prod(blocks.shape))),)))
    inputs = (blocks, Const("and"), blocks) if data.draw(st.booleans()) else (Const(1), blocks)
    kwargs = {"by": 1} if data.draw(st.booleans()) else None
    graph.add(GridLayer("y", combine, grid, inputs, kwargs))
    numbers = graph.numbers("y")
    together = run_sync(assemble(graph, numbers))
    assert together == [run_sync(assemble(graph, [number]))[0] for number in numbers]


@st.composite
def regular_graphs(draw: st.DrawFn) -> Graph:
    """Grids that read each other in every way by axes; the last one is to be computed."""
    graph = Graph()
    shapes: dict[str, tuple[int, ...]] = {}

    def add(shape: tuple[int, ...], *inputs: Any) -> None:
        name = f"x{len(shapes)}"
        graph.add(GridLayer(name, combine, shape, inputs or (Const(1),)))
        shapes[name] = shape

    def read(name: str, axes: tuple[Any, ...]) -> Blocks:
        return Blocks(name, shapes[name], axes)

    lengths = st.integers(1, 24)
    add((draw(lengths), draw(lengths)))
    for _ in range(draw(st.integers(1, 8))):
        of = draw(st.sampled_from(list(shapes)))
        shape = shapes[of]
        same = tuple(range(len(shape)))
        kind = draw(st.sampled_from(["map", "with", "turn", "tree", "all", "spread", "new"]))
        other = [name for name, s in shapes.items() if s == shape and name != of]
        square = len(shape) == 2 and shape[0] == shape[1]
        if kind == "new":
            add(shape)
        elif kind == "with" and other:
            turned = same[::-1] if square and draw(st.booleans()) else same
            add(shape, read(of, same), read(draw(st.sampled_from(other)), turned))
        elif kind == "turn" and square:
            add(shape, read(of, (0, 1)), read(of, (1, 0)))
        elif kind == "turn" and len(shape) == 2:
            add(shape[::-1], read(of, (1, 0)))
        elif kind == "tree" and shape:
            fan, axes = draw(st.integers(2, 4)), draw(st.sets(st.sampled_from(same), min_size=1))
            out = tuple(-(-n // fan) if axis in axes else n for axis, n in enumerate(shape))
            add(out, read(of, tuple(Window(a, fan) if a in axes else a for a in same)))
        elif kind == "all" and len(shape) > 1:
            add(shape[:1], read(of, (0, ALL)))
        elif kind == "spread" and len(shape) == 1:
            add((draw(lengths), *shape), read(of, (1,)))
        else:
            add(shape, read(of, same))
    return graph


@given(regular_graphs())
@settings(max_examples=200)
def test_order_by_tiles_is_an_order(graph: Graph) -> None:
    # All that nobody reads is wanted, so that nothing is left out.
    wanted = list(range(graph.size))
    plan = assemble(graph, wanted)
    with mock.patch.multiple(tiles, LEAST_TASKS=0, MOST_SEGMENT=1, TILE=8):
        found = tiles.order_by_tiles(graph, graph.starts, plan.deps, plan.wanted)
    if found is None:
        return
    place = {task: at for at, task in enumerate(found)}
    assert len(place) == len(found) == len(plan)
    assert all(place[j] < place[i] for i, needs in enumerate(plan.deps) for j in needs)
