"""Dict graphs as data, and names."""

from __future__ import annotations

import functools
from collections import namedtuple
from unittest.mock import MagicMock, Mock

import pytest

import shoal
from shoal.errors import CycleError, InvalidKeyError
from shoal.graph import dicts
from shoal.graph.functions import M, Method, has_keyword, takes_multiple_arguments
from shoal.graph.naming import (
    clone_key,
    funcname,
    get_name_from_key,
    given_name,
    key_split,
    typename,
)
from shoal.graph.task import Alias, Data, Task, TaskRef
from shoal.local.failure import describe_func


def inc(x):
    return x + 1


def test_what_is_a_key() -> None:
    assert dicts.iskey(("x", (1, 2.0), b"y"))
    assert not dicts.iskey(("x", object()))
    assert not dicts.iskey([1])
    dicts.validate_key(("x", 1))
    with pytest.raises(InvalidKeyError, match=r"Unexpected key type.*list"):
        dicts.validate_key(["x", 1])
    with pytest.raises(TypeError, match="unexpected key type at index=1"):
        dicts.validate_key((2, int))


def test_what_is_a_task() -> None:
    point = namedtuple("point", "x y")
    assert dicts.istask((inc, 1))
    assert not dicts.istask(point(inc, 1))
    assert not dicts.istask([inc, 1])


def test_get_dependencies() -> None:
    graph = {"x": 1, "y": 2, "z": ["x", [(inc, "y")]], "t": Task("t", inc, TaskRef("x"))}
    assert dicts.get_dependencies(graph, "z") == {"x", "y"}
    assert dicts.get_dependencies(graph, "z", as_list=True) == ["x", "y"]
    assert dicts.get_dependencies(graph, task=(inc, "x")) == {"x"}
    assert dicts.get_dependencies(graph, "t") == {"x"}
    assert dicts.get_dependencies({"foo": None}, task=None) == set()
    with pytest.raises(ValueError, match="key or a task"):
        dicts.get_dependencies(graph)


def test_toposort_and_cycles() -> None:
    chain = {f"x{i}": (inc, f"x{i + 1}") for i in range(50_000)} | {"x50000": 1}
    assert dicts.toposort(chain) == list(chain)[::-1]
    loop = {"a": (inc, "b"), "b": (inc, "c"), "c": (inc, "a"), "d": (inc, "a")}
    assert dicts.getcycle(loop, "d") == ["a", "b", "c", "a"]
    assert not dicts.isdag(loop, ["d"])
    with pytest.raises(CycleError, match="'a' -> 'b' -> 'c' -> 'a'"):
        dicts.toposort(loop)


def test_subs_and_replace_keys() -> None:
    class Odd:
        def __eq__(self, other):
            raise AssertionError("compared")

        __hash__ = None

    odd = Odd()
    assert dicts.subs((sum, [1, "x"], odd), "x", 2)[1] == [1, 2]
    new = {"x": "a", ("y", 0): ("b", 0)}
    assert dicts.replace_keys({"k": ["x", {"x"}]}, new) == {"k": ["a", {"a"}]}
    task = dicts.replace_keys(Task("x", inc, [TaskRef(("y", 0)), "x"]), new)
    assert (task.key, task.args) == ("a", ([TaskRef(("b", 0)), "x"],))
    alias = dicts.replace_keys(Alias("z", "x"), new)
    assert (alias.key, alias.target) == ("z", "a")
    assert dicts.replace_keys(Data("x", "x"), new).value == "x"


def test_quote_protects() -> None:
    for value in [(inc, 1), ["x", (inc, 1)], {"x": 1}, {"x"}, "plain", 5]:
        assert shoal.get({"x": 1, "y": dicts.quote(value)}, "y") in (value, 5, "plain")
    assert shoal.get({"x": 1, "y": dicts.quote([(inc, "x")])}, "y") == [(inc, "x")]


def test_order_of_dict() -> None:
    places = dicts.order_of_dict({"b": (inc, "a"), "a": 1, "d": (inc, "c"), "c": 1})
    assert sorted(places.values()) == [0, 1, 2, 3]
    assert places["a"] < places["b"]


@pytest.mark.parametrize(
    ("key", "prefix"),
    [
        ("x", "x"),
        ("x-1-2", "x"),
        (("x-2", 1), "x"),
        ("('x', 1)", "x"),
        ("sum-aggregate-cbb1eca3bafafbb3e8b2419c4eebb387", "sum-aggregate"),
        ("x-abcdefab", "x"),
        ("ae05086432ca935f6eba409a8ecd4896", "data"),
        ("<module.Class object at 0xdaf372>", "Class"),
        (b"hello-world-1", "hello-world"),
        (None, "Other"),
        ((), "Other"),
    ],
)
def test_key_split(key, prefix) -> None:
    assert key_split(key) == prefix


def test_clone_key() -> None:
    key = ("sum-1-2", 0, (1,))
    new = clone_key(key, 1)
    assert new != key
    assert new == clone_key(key, 1) != clone_key(key, 2)
    assert clone_key(new, 1) != new
    assert (key_split(new), new[1:]) == ("sum", key[1:])
    for bad in (1, (), (1, "x")):
        with pytest.raises(TypeError, match="got"):
            clone_key(bad, 1)
        with pytest.raises(TypeError, match="got"):
            get_name_from_key(bad)


def test_names_of_functions() -> None:
    np = pytest.importorskip("numpy")

    def a_name_that_is_so_long_that_nobody_would_want_to_read_it_in_a_key(x):
        return x

    assert funcname(functools.partial(inc)) == "inc"
    assert funcname(functools.partial(functools.partial(inc))) == "inc"
    assert funcname(M.upper) == "upper"
    assert funcname(lambda: 0) == "lambda"
    assert funcname(np.vectorize(inc)) == "vectorize_inc"
    assert len(funcname(a_name_that_is_so_long_that_nobody_would_want_to_read_it_in_a_key)) == 50
    assert typename(shoal.Task, short=True) == "shoal.Task"


class Odd:
    """Its attribute that a partial's function would have fails."""

    @property
    def func(self):
        raise RuntimeError

    def __call__(self):
        raise ValueError("from within")


@pytest.mark.parametrize("make", [Mock, MagicMock, Odd])
def test_what_wraps_functions_without_end_has_a_name(make) -> None:
    """A mock has every attribute, and each of them is a mock."""
    named = make()
    assert funcname(named) == given_name(named) == describe_func(named) == make.__name__
    if make is not Odd:
        named.side_effect = ValueError("from within")
    with pytest.raises(ValueError, match="from within") as caught:
        shoal.delayed(named)().compute(scheduler="sync")
    assert f"({make.__name__}) failed" in caught.value.__notes__[0]


def test_methods_and_signatures() -> None:
    assert M.upper("x") == "X"
    assert M.upper == Method("upper")
    assert not hasattr(M, "__wrapped__")
    assert has_keyword(functools.partial(int, base=2), "x") is False
    assert takes_multiple_arguments(lambda a, b: a)
    assert not takes_multiple_arguments(str.upper)


def test_calls_inside_calls_run_also_without_references() -> None:
    assert shoal.get({"x": (inc, (inc, 1))}, "x") == 3
    assert shoal.get({"x": (sum, [1, (inc, 1)])}, "x") == 3
