"""Dict graphs at the edge."""

from __future__ import annotations

from operator import add
from typing import Any

import pytest

import shoal
from shoal.errors import CycleError, GraphError, InvalidKeyError, MissingKeyError
from shoal.graph.legacy import flatten_keys, nest_results, plan_from_dict


def inc(x: int) -> int:
    return x + 1


def test_only_what_is_wanted_is_planned() -> None:
    plan = plan_from_dict({"a": 1, "b": (inc, "a"), "c": (inc, "b"), "d": (inc, "a")}, ["c"])
    assert [plan.keys[i] for i in range(len(plan))] == ["a", "b", "c"]
    assert plan.deps == [(), (0,), (1,)]


@pytest.mark.parametrize(
    ("graph", "key", "result"),
    [
        ({"x": 1}, "x", 1),
        ({"x": 1, "y": "x"}, "y", 1),
        ({("x", 0): 1, "y": ("x", 0)}, "y", 1),
        ({"x": 1, "y": (inc, "x")}, "y", 2),
        ({"x": 1, "y": (inc, (inc, "x"))}, "y", 3),
        ({"x": 1, "y": (sum, ["x", "x", (inc, "x")])}, "y", 4),
        ({"x": 1, "y": ["x", (inc, "x"), [5, "x"]]}, "y", [1, 2, [5, 1]]),
        ({"x": 1, "y": (dict, [["k", "x"]])}, "y", {"k": 1}),
        ({"x": 1, "y": (list, {"x"})}, "y", [1]),
        ({"x": 1, "y": (dict.get, {"k": "x"}, "k")}, "y", "x"),
        ({"x": 1, "y": (dict.get, {"k": shoal.TaskRef("x")}, "k")}, "y", 1),
        ({0: 10, 1: 20, "y": (dict, {"axis": 0, 1: "one"})}, "y", {"axis": 0, 1: "one"}),
        ({"x": 1, "y": (add, "x", "x")}, "y", 2),
        ({"x": 1, "y": (add, "x", 10)}, "y", 11),
        ({"x": 1, "y": (type, "x")}, "y", int),
        ({"x": (lambda: 5,)}, "x", 5),
        ({"x": "not a key", "y": (str.upper, "x")}, "y", "NOT A KEY"),
        ({"x": ("tuple", "x of data")}, "x", ("tuple", "x of data")),
        ({1: 5, "y": (inc, 1)}, "y", 6),
        ({1: 1, "x": "x", "y": [1, "x"]}, "y", [1, "x"]),
        ({1.5: 5, "y": (inc, 1.5)}, "y", 6),
        ({b"k": 5, "y": (inc, b"k")}, "y", 6),
        ({"f": (lambda: inc,), "y": (lambda f, x: f(x), "f", 2)}, "y", 3),
    ],
)
def test_the_rules_of_dict_graphs(graph: Any, key: Any, result: Any) -> None:
    assert shoal.get(graph, key) == result


def test_keys_may_be_nested() -> None:
    graph = {"x": 1, "y": (inc, "x")}
    assert shoal.get(graph, [["x"], [], ["y", "x"]]) == ((1,), (), (2, 1))


def test_flat_and_nested_keys_are_inverse() -> None:
    keys = ["a", ["b", [("c", 0), []]], "d"]
    assert nest_results(keys, flatten_keys(keys)) == ("a", ("b", (("c", 0), ())), "d")


def test_numpy_arrays_among_arguments() -> None:
    np = pytest.importorskip("numpy")
    graph = {"x": np.arange(3), "y": (np.add, "x", np.ones(3)), "z": (tuple, ["y", (np.ones(2),)])}
    assert shoal.get(graph, "y").tolist() == [1.0, 2.0, 3.0]
    assert shoal.get(graph, "z")[0].tolist() == [1.0, 2.0, 3.0]


def test_a_foreign_task_object_is_called_with_its_dependencies() -> None:
    class Theirs:
        dependencies = frozenset(["x"])

        def __call__(self, values: dict[str, int]) -> int:
            return values["x"] * 10

    assert shoal.get({"x": 2, "y": Theirs(), "z": (inc, Theirs())}, ["y", "z"]) == (20, 21)


@pytest.mark.parametrize(
    ("graph", "path"),
    [
        ({"a": (inc, "a")}, "'a' -> 'a'"),
        ({"a": (inc, "b"), "b": (inc, "a")}, "'a' -> 'b' -> 'a'"),
        ({"a": "b", "b": (inc, "a")}, "'a' -> 'b' -> 'a'"),
        ({"a": "b", "b": "a"}, "'a' -> 'b' -> 'a'"),
        ({"a": (inc, "b"), "b": [["c"]], "c": (inc, (inc, "b"))}, "'b' -> 'c' -> 'b'"),
    ],
)
def test_a_cycle_is_shown(graph: Any, path: str) -> None:
    with pytest.raises(CycleError, match=f"the graph has a cycle: {path};"):
        shoal.get(graph, "a")


def test_a_diamond_is_no_cycle() -> None:
    graph = {"a": 1, "b": (inc, "a"), "c": (inc, "a"), "d": (add, "b", "c"), "e": (add, "d", "b")}
    assert shoal.get(graph, "e") == 6


def test_a_long_cycle_is_shown_by_its_ends() -> None:
    graph = {i: (inc, (i + 1) % 1000) for i in range(1000)}
    with pytest.raises(CycleError, match=r"0 -> 1 -> 2 -> 3 -> 4 -> \.\.\. -> .* -> 999 -> 0"):
        shoal.get(graph, 0)


def test_a_missing_key_is_named_with_the_path_to_it() -> None:
    graph = {"a": (inc, "b"), "b": shoal.Task("b", inc, shoal.TaskRef("nowhere"))}
    with pytest.raises(MissingKeyError, match="no task computes 'nowhere', needed by 'a' -> 'b'"):
        shoal.get(graph, "a")
    with pytest.raises(KeyError, match="asked for as a result"):
        shoal.get(graph, "c")


@pytest.mark.parametrize("key", [{}, [["x", set()]], ("x", [])])
def test_what_cannot_be_a_key_is_refused(key: Any) -> None:
    with pytest.raises(InvalidKeyError, match="a key must be hashable, got"):
        shoal.get({"x": 1}, key)


def test_lists_nested_very_deep() -> None:
    keys: Any = "x"
    inner: Any = 1
    for _ in range(5_000):
        keys, inner = [keys], [inner]
    assert flatten_keys(keys) == ["x"]
    found = shoal.get({"x": (abs, -1)}, keys)
    for _ in range(5_000):
        (found,) = found
    assert found == 1
    with pytest.raises(GraphError, match="the arguments of task 'y' are nested too deep"):
        shoal.get({"y": (len, inner)}, "y")
    assert shoal.get({"y": (len, "x"), "x": shoal.Data("x", inner)}, "y") == 1
