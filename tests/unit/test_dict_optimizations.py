"""Dict graphs made smaller give the same results, with fewer tasks."""

from __future__ import annotations

import functools
import itertools
import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import shoal
from shoal.graph.dicts import get_deps
from shoal.graph.rewrites import (
    MOST_NESTED,
    cull,
    functions_of,
    fuse,
    fuse_linear,
    inline,
    inline_functions,
)
from shoal.graph.task import Task, TaskRef


def inc(x):
    return x + 1


def add(x, y):
    return x + y


def f(*args):
    return args


CHAIN = {"w": (inc, "x"), "x": (inc, "y"), "y": (add, "a", "b"), "a": 1, "b": 2}


def test_cull_keeps_what_is_needed() -> None:
    graph = {"x": 1, "y": (inc, "x"), "z": (inc, "x"), "out": (add, "y", 10)}
    culled, dependencies = cull(graph, "out")
    assert culled == {"x": 1, "y": (inc, "x"), "out": (add, "y", 10)}
    assert dependencies == {"x": [], "y": ["x"], "out": ["y"]}
    assert cull(graph, [["out"], ["z"]])[0] == graph
    with pytest.raises(KeyError, match="nowhere"):
        cull(graph, "nowhere")


def test_fuse_linear_makes_chains_one_task() -> None:
    fused, dependencies = fuse_linear(CHAIN, rename_keys=False)
    assert fused == {"w": (inc, (inc, (add, "a", "b"))), "a": 1, "b": 2}
    assert dependencies == {"w": {"a", "b"}, "a": set(), "b": set()}


def test_fuse_linear_names_a_chain_after_its_tasks() -> None:
    graph = {**CHAIN, "v": (inc, "y")}
    fused, _ = fuse_linear(graph)
    assert fused["x-w"] == (inc, (inc, "y"))
    assert fused["w"] == "x-w"


def test_fuse_linear_keeps_wanted_keys() -> None:
    fused, _ = fuse_linear(CHAIN, keys=["x"], rename_keys=False)
    assert fused["w"] == (inc, "x")
    assert fused["x"] == (inc, (add, "a", "b"))


def test_other_tasks_read_the_renamed_task() -> None:
    graph = {"a": (inc, 1), "b": (inc, "a"), "c": (inc, "b"), "d": (inc, "b")}
    fused, _ = fuse_linear(graph)
    assert fused["c"] == (inc, "a-b")
    assert shoal.get(fused, ["c", "d"]) == (4, 4)


def tree(depth):
    graph = {"a": 1}
    level = [f"x{i}" for i in range(2**depth)]
    graph |= dict.fromkeys(level, (f, "a"))
    count = 0
    while len(level) > 1:
        above = []
        for left, right in zip(level[::2], level[1::2], strict=True):
            count += 1
            graph[f"y{count}"] = (f, left, right)
            above.append(f"y{count}")
        level = above
    return graph, level[0]


@pytest.mark.parametrize(("width", "left"), [(1.9, 8), (2, 4 + 1), (2.9, 4 + 1), (3, 2), (4, 2)])
def test_fuse_takes_in_trees_as_wide_as_allowed(width, left) -> None:
    graph, top = tree(2)
    fused, _ = fuse(graph, [top], ave_width=width, rename_keys=False)
    assert len(fused) == {8: len(graph), 5: 1 + 3, 2: 2}[left]
    assert shoal.get(fused, top) == shoal.get(graph, top)


def test_fuse_counts_a_refused_tree() -> None:
    # The top is narrow, but what it stands on is not.
    graph, top = tree(4)
    fused, _ = fuse(graph, [top], ave_width=3, rename_keys=False)
    assert fused[top][1] in fused


def test_inputs_of_its_own_count_as_width() -> None:
    graph = {
        "a1": 1,
        "a2": 2,
        "b1": (f, "a1"),
        "b2": (f, "a1", "a2"),
        "b3": (f, "a2"),
        "c1": (f, "b1", "b2"),
        "c2": (f, "b2", "b3"),
    }
    assert fuse(graph, ave_width=1)[0] == graph
    fused, _ = fuse(graph, ave_width=2, rename_keys=False)
    assert fused["c1"] == (f, (f, "a1"), "b2")


def test_a_result_used_twice_in_one_task_is_computed_once() -> None:
    calls = []

    def once(x):
        calls.append(x)
        return x + 1

    graph = {"a": (once, 1), "b": (add, "a", "a"), "c": (inc, "b")}
    for fused, _ in (fuse(graph, ["c"]), fuse_linear(graph, ["c"])):
        calls.clear()
        assert shoal.get(fused, "c") == 5
        assert calls == [1]


def test_what_may_be_large_keeps_its_place() -> None:
    np = pytest.importorskip("numpy")
    graph = {"x": np.arange(5), "y": (inc, "x")}
    assert set(fuse(graph, "y")[0]) == {"x", "y"}


def test_task_objects_are_left_alone() -> None:
    graph = {"a": (inc, 1), "b": Task("b", inc, TaskRef("a")), "c": (inc, "b")}
    assert fuse(graph, ["c"])[0] == graph
    assert inline_functions(graph, ["c"], [inc])["b"] is graph["b"]
    assert shoal.get(inline_functions(graph, ["c"], [inc]), "c") == 4


def test_settings_decide() -> None:
    graph = {"a": (f, 1), "b1": (f, "a"), "b2": (f, "a"), "c": (f, "b1", "b2")}
    with shoal.config.set({"optimization.fuse.active": False}):
        assert fuse(graph, ["c"], dependencies={"c": ["b"]}) == (graph, {"c": ["b"]})
    with shoal.config.set({"optimization.fuse.ave-width": 2}):
        assert len(fuse(graph, ["c"], rename_keys=False)[0]) == 2
    assert len(fuse(graph, ["c"])[0]) == 4


def test_names_stay_short() -> None:
    keys = [f"{letter * 80}-1" for letter in "abcdef"]
    graph = {keys[0]: (inc, 1)}
    graph |= {new: (inc, old) for old, new in itertools.pairwise(keys)}
    for fused, _ in (fuse(graph), fuse_linear(graph)):
        assert all(len(key) < 150 for key in fused)
        assert shoal.get(fused, keys[-1]) == 7


@pytest.mark.parametrize("how", [fuse, fuse_linear])
def test_long_chains_are_not_nested_too_deep(how) -> None:
    count = 20 * MOST_NESTED
    graph = {f"x-{i}": (inc, f"x-{i - 1}" if i else -1) for i in range(count)}
    fused, _ = how(graph, [f"x-{count - 1}"], rename_keys=False)
    assert len(fused) == 20
    assert shoal.get(fused, f"x-{count - 1}") == count - 1
    fast = inline_functions(graph, [f"x-{count - 1}"], [inc])
    assert len(fast) < 40
    assert shoal.get(fast, f"x-{count - 1}") == count - 1


def test_inline() -> None:
    graph = {"x": 1, "y": (inc, "x"), "z": (add, "x", "y")}
    assert inline(graph) == {"x": 1, "y": (inc, 1), "z": (add, 1, "y")}
    assert inline(graph, "y")["z"] == (add, 1, (inc, 1))
    assert inline(graph, ["y"], inline_constants=False)["z"] == (add, "x", (inc, "x"))
    aliases = {"a": 1, "b": "a", "c": "b", "d": ["a", "b", "c"], "e": (add, (len, "d"), "a")}
    assert inline(aliases, "d")["e"] == (add, (len, [1, 1, 1]), 1)


def test_inline_functions() -> None:
    graph = {"out": (add, "i", "d"), "i": (inc, "x"), "d": (abs, "x"), "x": 1}
    assert inline_functions(graph, [], [inc]) == {
        "out": (add, (inc, "x"), "d"),
        "d": (abs, "x"),
        "x": 1,
    }
    assert inline_functions(graph, ["i", "out"], [inc]) == graph


def test_inline_functions_that_have_no_hash() -> None:
    class NoHash:
        __hash__ = None

        def __call__(self, x):
            return x

    function = NoHash()
    graph = {"a": 1, "b": (inc, "a"), "c": (function, "b"), "d": (inc, "c")}
    assert inline_functions(graph, [], {inc})["c"] == (function, (inc, "a"))


def test_functions_of() -> None:
    assert functions_of((inc, (add, [[(abs, 1)]], 2))) == {inc, add, abs}
    assert functions_of((functools.partial(add, 1), 2)) == {add}
    assert functions_of(inc) == set()


@st.composite
def graphs(draw):
    graph = {"k-0": 0}
    for i in range(1, draw(st.integers(1, 12))):
        some = draw(st.lists(st.sampled_from(sorted(graph)), min_size=1, max_size=3))
        kinds = [i, (f, *some, i), (f, [*some, (operator.add, i, 1)]), some[0]]
        graph[f"k-{i}"] = draw(st.sampled_from(kinds))
    wanted = draw(st.lists(st.sampled_from(sorted(graph)), min_size=1, max_size=3))
    return graph, wanted


@given(graphs(), st.sampled_from([1, 2, 3.5]), st.booleans())
def test_results_stay_the_same(case, width, rename) -> None:
    graph, wanted = case
    expected = shoal.get(graph, wanted)
    rewritten = [
        cull(graph, wanted)[0],
        fuse(graph, wanted, ave_width=width, rename_keys=rename)[0],
        fuse_linear(graph, wanted, rename_keys=rename)[0],
        inline(graph, list(graph)[::2]),
        inline_functions(graph, wanted, [f]),
    ]
    for new in rewritten:
        assert shoal.get(new, wanted) == expected


@given(graphs())
def test_dependencies_are_told(case) -> None:
    graph, wanted = case
    for how in (fuse, fuse_linear):
        fused, dependencies = how(graph, wanted)
        assert dependencies == get_deps(fused)[0]
