"""From plans and calls to `Submit`: what travels, and that a worker can run it."""

from __future__ import annotations

import functools
import operator
import pickle
from typing import Any

import pytest

import shoal
import shoal.bag as db
from shoal.collection import make_plan
from shoal.distributed.client.encode import (
    Codes,
    Encoded,
    announced,
    encode_plan,
    options_of,
    split_arguments,
    unstream,
)
from shoal.distributed.client.keys import token_of_call, wire_key
from shoal.distributed.protocol import Grid, Listed, Options
from shoal.graph.fuse import fuse
from shoal.graph.legacy import plan_from_dict
from shoal.graph.task import Template, call_task


class FakeFuture:
    """Stands for a key, as `Future` does."""

    def __init__(self, key: Any) -> None:
        self.key = key

    def __shoal_wire_key__(self) -> Any:
        return self.key

    def __shoal_tokenize__(self) -> Any:
        return self.key


def run(encoded: Encoded, known: dict[Any, Any] | None = None) -> list[Any]:
    """Do what scheduler and workers do with a message; the wanted results."""
    m = encoded.message
    codes = [pickle.loads(code.data) for code in m.codes]
    big = {task: encoded.buffers[first : first + n] for task, first, n in m.big}
    results: list[Any] = []
    outside = [(known or {})[key] for key in m.externals]
    for task, code in enumerate(m.code):
        inputs = [(results + outside_after(results, m, outside))[i] for i in m.deps[task]]
        args = pickle.loads(m.args[task], buffers=big.get(task, ())) if m.args[task] else None
        if code < 0:
            results.append(args)
            continue
        func, *shared = codes[code]
        if args is None and shared:
            args = shared[0]
        results.append(call_task(func, args, inputs))
    return [results[i] for i in m.wanted]


def outside_after(results: list[Any], message: Any, outside: list[Any]) -> list[Any]:
    return [None] * (len(message.code) - len(results)) + outside


def inc(x: int) -> int:
    return x + 1


def test_a_dict_graph_runs() -> None:
    graph = {"a": 1, "b": (inc, "a"), "c": (max, "b", 7), "d": (sum, ["a", "b", "c"])}
    encoded = encode_plan(plan_from_dict(graph, ["d", "b"]), Codes())
    assert encoded.keys == ["d", "b"]
    assert run(encoded) == [10, 2]


def test_collections_run_fused_or_not() -> None:
    plan = make_plan(db.from_sequence(range(10), npartitions=3).map(inc).sum())
    for some in (plan, fuse(plan)):
        assert run(encode_plan(some, Codes())) == [55]


def test_whole_layers_are_named_by_their_shape() -> None:
    plan = make_plan(db.from_sequence(range(10), npartitions=5).map(inc))
    (name,) = encode_plan(plan, Codes()).message.names
    assert isinstance(name, Grid)
    assert (name.shape, name.flats) == ((5,), None)


def test_a_function_travels_once() -> None:
    plan = make_plan(*[shoal.delayed(inc)(i) for i in range(100)])
    message = encode_plan(plan, Codes()).message
    assert len(message.codes) == 1
    assert message.code == [0] * 100


def test_futures_become_externals_wherever_they_are() -> None:
    future = FakeFuture("f")
    graph: dict[Any, Any] = {
        "held": future,
        "a": (inc, "held"),
        "b": (operator.add, "a", future),
        "c": (sum, [future, "b", 1]),
    }
    encoded = encode_plan(plan_from_dict(graph, ["c", "held"]), Codes())
    assert encoded.message.externals == ["f"]
    assert encoded.keys == ["c", "f"]
    assert run(encoded, {"f": 10}) == [10 + 21 + 1]


def test_arguments_of_a_call() -> None:
    one, two = FakeFuture("one"), FakeFuture("two")
    assert split_arguments((1, "x"), {}) == ((1, "x"), [])
    assert split_arguments((one, two), {}) == (None, ["one", "two"])
    template, needs = split_arguments((1, [one, {"k": two}], one), {"key": two})
    assert needs == ["one", "two"]
    assert isinstance(template, Template)
    assert template.fill(["ONE", "TWO"]) == ((1, ["ONE", {"k": "TWO"}], "ONE"), {"key": "TWO"})


def test_large_buffers_travel_beside() -> None:
    np = pytest.importorskip("numpy")
    array = np.arange(100_000)
    plan = make_plan(shoal.delayed(np.sum)(shoal.delayed(array)))
    encoded = encode_plan(plan, Codes())
    assert sum(map(len, encoded.message.args)) < 2_000
    assert encoded.nbytes > array.nbytes
    assert run(encoded) == [array.sum()]


def test_long_streams_travel_beside_too() -> None:
    numbers = list(range(500_000))
    encoded = encode_plan(plan_from_dict({"a": numbers, "b": (len, "a")}, ["b"]), Codes())
    assert sum(map(len, encoded.message.args)) < 2_000
    assert run(encoded) == [500_000]
    assert unstream(pickle.dumps(3)) == 3


def test_annotations_become_options() -> None:
    with shoal.annotate(priority=3, workers="a", retries=2):
        x = shoal.delayed(inc)(1)
    plan = make_plan(shoal.delayed(inc)(x))
    (options,) = encode_plan(plan, Codes()).message.options
    assert options == Options(tasks=[0], priority=3.0, retries=2, workers=["a"])


def test_options_may_be_functions_of_the_key() -> None:
    with shoal.annotate(priority=lambda key: len(str(key))):
        x = shoal.delayed(inc)(1, dask_key_name="four")
    (options,) = encode_plan(make_plan(x), Codes()).message.options
    assert options.priority == 4.0
    assert options_of(workers=None, retries=0) == []


def test_what_is_annotated_stands_above_what_a_call_asks_for_all_of_a_plan() -> None:
    with shoal.annotate(workers="a", retries=2):
        x = shoal.delayed(inc)(1)
    plan = make_plan(shoal.delayed(inc)(x))
    asked = options_of(retries=5, priority=1)
    rest, first = encode_plan(plan, Codes(), options=asked).message.options
    assert (rest.tasks, rest.retries, rest.priority) == (None, 5, 1.0)
    assert first == Options(tasks=[0], priority=1.0, retries=2, workers=["a"])


def test_calls_are_annotated_by_the_block_that_they_stand_in() -> None:
    asked = options_of(retries=5)
    assert announced(["x"], asked) == asked
    with shoal.annotate(retries=2, timeout_s=0.5, priority=lambda key: len(key) - 1):
        rest, one, two = announced(["x", "xyz"], asked)
    assert rest == asked[0]
    assert one == Options(tasks=[0], retries=5, timeout_s=0.5)
    assert two == Options(tasks=[1], retries=5, timeout_s=0.5, priority=2.0)


def test_codes_are_remembered_only_while_their_surroundings_stay() -> None:
    codes = Codes()
    space: dict[str, Any] = {"offset": 1, "__name__": "__main__"}
    exec("def f(x): return x + offset", space)
    first = codes.of(space["f"])[0]
    assert codes.of(space["f"])[0] is first
    space["offset"] = 2
    again = codes.of(space["f"])[0]
    assert again.digest != first.digest
    assert pickle.loads(again.data)[0](1) == 3


def test_what_can_change_inside_is_pickled_each_time() -> None:
    codes = Codes()
    box = [1]
    first = codes.of(functools.partial(max, box))[0]
    box.append(5)
    assert codes.of(functools.partial(max, box))[0].digest != first.digest


def test_keys_of_other_kinds_stay_distinct() -> None:
    keys = [1, "1", 1.5, b"1", ("x", 0), ("x", "0"), ("x", (0,))]
    assert len({wire_key(key) for key in keys}) == len(keys)


def test_names_of_calls() -> None:
    assert token_of_call(b"f", (1, "a")) == token_of_call(b"f", (1, "a"))
    different = [(1,), (1.0,), (True,), ("1",), (b"1",), (None,), ([1],)]
    assert len({token_of_call(b"f", args) for args in different}) == len(different)


def test_names_is_listed_for_tables() -> None:
    encoded = encode_plan(plan_from_dict({"a": (inc, 1)}, ["a"]), Codes())
    assert encoded.message.names == [Listed(["a"])]


@pytest.mark.parametrize(
    "said, kind, told",
    [
        ({"resources": "GPU"}, TypeError, "amounts by name, such as"),
        ({"resources": {"GPU": -1}}, ValueError, "0 or more of a resource; got -1.0 of 'GPU'"),
        ({"resources": {"GPU": float("nan")}}, ValueError, "got nan of 'GPU'"),
        ({"resources": {"GPU": float("inf")}}, ValueError, "got inf of 'GPU'"),
        ({"priority": float("nan")}, ValueError, "higher runs earlier; got nan"),
    ],
)
def test_what_no_scheduler_can_do_is_refused_where_it_is_said(said, kind, told):
    with pytest.raises(kind, match=told):
        options_of(**said)


def test_nothing_of_a_resource_is_no_condition():
    assert options_of(resources={"GPU": 0})[0].resources is None
    assert options_of(resources={"GPU": 0, "MEM": 2})[0].resources == {"MEM": 2.0}


def test_retries_for_ever_are_a_number_that_can_be_sent():
    assert options_of(retries=2**70)[0].retries == 2**31
