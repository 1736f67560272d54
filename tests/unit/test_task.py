"""Tasks: how arguments with references become templates and back."""

from __future__ import annotations

import dataclasses
import pickle
from collections import namedtuple
from typing import Any

import pytest

from shoal.graph.task import Alias, Data, Task, TaskRef, Template, call_task

Point = namedtuple("Point", ["x", "y"])


@dataclasses.dataclass
class Pair:
    left: Any
    right: Any = None
    derived: Any = dataclasses.field(init=False, default=None)


@dataclasses.dataclass(frozen=True)
class Frozen:
    value: Any


def collect(*args: Any, **kwargs: Any) -> Any:
    return args, kwargs


def run(task: Task, **results: Any) -> Any:
    func, args, deps = task.split()
    return call_task(func, args, [results[key] for key in deps])


def test_references_only_need_no_template() -> None:
    func, args, deps = Task("t", max, TaskRef("a"), TaskRef("b")).split()
    assert (func, args, tuple(deps)) == (max, None, ("a", "b"))


def test_constants_only_stay_a_tuple() -> None:
    constant = [1, 2, {"k": (3,)}]
    _, args, deps = Task("t", collect, constant).split()
    assert type(args) is tuple
    assert args[0] is constant
    assert tuple(deps) == ()


def test_the_same_reference_twice_is_one_dependency() -> None:
    func, args, deps = Task("t", max, TaskRef("a"), TaskRef("a")).split()
    assert tuple(deps) == ("a",)
    assert call_task(func, args, [4]) == 4
    assert isinstance(args, Template)


@pytest.mark.parametrize(
    ("written", "filled"),
    [
        ([TaskRef("a"), 1], [10, 1]),
        ((TaskRef("a"), (TaskRef("b"),)), (10, (20,))),
        ({"k": TaskRef("a"), "l": [TaskRef("b")]}, {"k": 10, "l": [20]}),
        ({TaskRef("a"): 1}, {10: 1}),
        ({TaskRef("a"), 5}, {10, 5}),
        (frozenset([TaskRef("a")]), frozenset([10])),
        (slice(TaskRef("a"), None, TaskRef("b")), slice(10, None, 20)),
        (Point(TaskRef("a"), 2), Point(10, 2)),
        (Frozen(TaskRef("b")), Frozen(20)),
        (Task("inner", max, TaskRef("a"), TaskRef("b")), 20),
        ([Task("inner", dict, k=TaskRef("a"))], [{"k": 10}]),
    ],
)
def test_references_are_found_anywhere(written: Any, filled: Any) -> None:
    args, kwargs = run(Task("t", collect, written, key=written), a=10, b=20)
    assert args == (filled,)
    assert kwargs == {"key": filled}
    assert type(args[0]) is type(filled)


def test_a_dataclass_keeps_fields_that_init_does_not_take() -> None:
    pair = Pair(TaskRef("a"))
    pair.derived = 7
    ((filled,), _) = run(Task("t", collect, pair), a=1)
    assert filled == pair.__class__(1, None) or filled.derived == 7
    assert (filled.left, filled.derived) == (1, 7)
    assert pair.left == TaskRef("a")


def test_containers_without_references_are_not_copied() -> None:
    big = [list(range(10)), {"k": 1}]
    ((seen, _), _) = run(Task("t", collect, big, TaskRef("a")), a=0)
    assert seen is big


def test_data_is_not_looked_into() -> None:
    assert Data("x", [TaskRef("a")]).split() == (None, [TaskRef("a")], ())


def test_alias_of_a_reference() -> None:
    assert Alias("x", TaskRef("a")).target == "a"


def test_a_function_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match="task 't': func must be callable, got int: 5"):
        Task("t", 5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "item",
    [Task("t", max, TaskRef("a"), [TaskRef("b")], key=TaskRef("a")), Alias("x", "y"), Data("x", 1)],
)
def test_tasks_pickle(item: Any) -> None:
    copy = pickle.loads(pickle.dumps(item))
    assert repr(copy) == repr(item)


def test_templates_pickle_and_still_fill() -> None:
    task = Task("t", collect, [TaskRef("a"), Pair(TaskRef("b"))], k=slice(TaskRef("a")))
    _, args, _ = task.split()
    copy = pickle.loads(pickle.dumps(args))
    assert copy.fill([1, 2]) == args.fill([1, 2])
