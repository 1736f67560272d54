"""`delayed`: what it builds, how it is named, and what it refuses."""

from __future__ import annotations

import copy
import dataclasses
import operator
import pickle
import subprocess
import sys
from collections import namedtuple
from typing import Any

import cloudpickle
import pytest

import shoal
from shoal.delayed import Delayed, DelayedAttr, DelayedLeaf, delayed

Point = namedtuple("Point", ["x", "y"])


@dataclasses.dataclass
class Pair:
    left: Any
    right: Any = 0


def inc(x: int) -> int:
    return x + 1


def collect(*args: Any, **kwargs: Any) -> Any:
    return args, kwargs


def test_a_call_of_a_call() -> None:
    x = delayed(inc)(1)
    assert type(x) is Delayed
    assert delayed(inc)(x).compute() == 3


def test_as_decorators() -> None:
    @delayed
    def plain(x: int) -> int:
        return x + 1

    @delayed(pure=True)
    def pure(x: int) -> int:
        return x + 1

    @delayed(nout=2)
    def both(x: int) -> tuple[int, int]:
        return x, x + 1

    low, high = both(pure(plain(1)))
    assert (low + high).compute() == 7
    assert plain.__name__ == "plain"
    assert isinstance(plain, DelayedLeaf)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ([delayed(1), [delayed(2)]], [1, [2]]),
        ((delayed(1), 2), (1, 2)),
        ({"k": delayed(1), delayed("l"): 2}, {"k": 1, "l": 2}),
        ({delayed(1), 2}, {1, 2}),
        (slice(delayed(1), None), slice(1, None)),
        (Point(delayed(1), delayed(2)), Point(1, 2)),
        (Pair(delayed(1)), Pair(1)),
        (iter([delayed(1), 2]), [1, 2]),
        (iter((delayed(1), 2)), [1, 2]),
    ],
)
def test_lazy_objects_are_found_in_containers(argument: Any, value: Any) -> None:
    pickled = cloudpickle.dumps(argument) if not hasattr(argument, "__next__") else None
    assert delayed(collect)(argument).compute() == ((value,), {})
    if pickled is not None:
        again = pickle.loads(pickled)
        assert delayed(collect)(k=again).compute() == ((), {"k": value})
        assert delayed(again).compute() == value


def test_traverse_false_leaves_containers_alone() -> None:
    x = delayed([delayed(1)], traverse=False)
    (inner,) = x.compute()
    assert isinstance(inner, Delayed)


def test_the_same_argument_twice() -> None:
    x = delayed(inc)(1)
    assert delayed(collect)(x, x, k=x).compute() == ((2, 2), {"k": 2})


def test_operators() -> None:
    x, y = delayed(7), delayed(2)
    operations = [
        "add",
        "sub",
        "mul",
        "truediv",
        "floordiv",
        "mod",
        "pow",
        "lshift",
        "rshift",
        "and_",
        "or_",
        "xor",
    ]
    for name in [*operations, "eq", "ne", "lt", "le", "gt", "ge"]:
        op = getattr(operator, name)
        assert op(x, y).compute() == op(x, 2).compute() == op(7, y).compute() == op(7, 2), name
    for name in ("neg", "pos", "abs", "invert"):
        assert getattr(operator, name)(x).compute() == getattr(operator, name)(7)
    assert divmod(x, 2).compute() == divmod(9, y).compute()[:0] + (3, 1)
    assert delayed({"k": [1, 2]})["k"][y - 1].compute() == 2


def test_matrix_product() -> None:
    np = pytest.importorskip("numpy")
    x = delayed(np.eye(2))
    assert (x @ [1, 2]).compute().tolist() == [1, 2]


def test_attributes_and_methods() -> None:
    x = delayed(3 + 4j)
    assert x.imag.compute() == 4
    assert isinstance(x.imag, DelayedAttr)
    assert x.conjugate().compute() == 3 - 4j
    assert delayed([1, 1, 2]).count(delayed(1)).compute() == 2
    assert delayed("a,b").split(sep=",").compute() == ["a", "b"]
    with pytest.raises(AttributeError, match="no attribute '_private'"):
        x._private
    with pytest.raises(AttributeError, match="'complex' object has no attribute 'nothing'"):
        x.nothing.compute()
    with pytest.warns(UserWarning, match="it is 'visualize'"):
        x.visualise


def test_calling_a_lazy_function() -> None:
    def make(n: int) -> Any:
        return lambda x, y=0: x * n + y

    assert delayed(make)(3)(delayed(2), y=1).compute() == 7


def test_as_a_method() -> None:
    class Thing:
        factor = 3

        @delayed
        def times(self, x: int) -> int:
            return self.factor * x

    assert Thing().times(2).compute() == 6
    assert isinstance(Thing.times, DelayedLeaf)


def test_unpacking_needs_a_length() -> None:
    pair = delayed(lambda: (1, 2), nout=2)()
    assert len(pair) == 2
    low, high = pair
    assert shoal.compute(low, high) == (1, 2)
    unknown = delayed(lambda: (1, 2))()
    with pytest.raises(TypeError, match=r"say how many results there are with .*nout="):
        _low, _high = unknown
    with pytest.raises(TypeError, match="nout="):
        len(unknown)
    assert list(delayed(lambda: (), nout=0)()) == []


@pytest.mark.parametrize("nout", [-1, 1.5, "2", True])
def test_bad_nout(nout: Any) -> None:
    with pytest.raises(
        ValueError, match=f"nout must be None or an int of at least 0, got {nout!r}"
    ):
        delayed(inc, nout=nout)


def test_there_is_no_value_yet() -> None:
    x = delayed(1)
    with pytest.raises(TypeError, match=r"call \.compute\(\) first"):
        bool(x)
    with pytest.raises(TypeError, match="immutable: no item"):
        x["k"] = 1
    with pytest.raises(TypeError, match="immutable: attribute 'name'"):
        x.name = 1


def test_keys() -> None:
    f = delayed(inc)
    assert f(1).key != f(1).key
    assert str(f(1).key).startswith("inc-")
    assert f(1, pure=True).key == f(1, pure=True).key != f(2, pure=True).key
    pure = delayed(inc, pure=True)
    assert pure(1).key == pure(1).key == f(1, pure=True).key
    assert f(1, dask_key_name="mine").key == "mine"
    assert f(1, dask_key_name=("mine", 0)).key == ("mine", 0)
    assert f(1, dask_key_name=5).key == 5
    assert delayed(1, name="one").key == "one"
    assert delayed([1], pure=True).key == delayed([1], pure=True).key
    assert str(delayed(lambda x: x)(1).key).startswith("lambda-")
    assert (delayed(1, name="one") + 1).key == (delayed(1, name="one") + 1).key
    with shoal.config.set({"delayed-pure": True}):
        assert delayed(inc)(1).key == delayed(inc)(1).key


def test_pure_calls_of_iterators_differ() -> None:
    total = delayed(sum, pure=True)
    assert shoal.compute(total(iter([1, 2])), total(iter([30]))) == (3, 30)
    assert delayed(iter([1]), pure=True).key != delayed(iter([2]), pure=True).key


def test_copies_are_the_same_task() -> None:
    ran: list[int] = []
    x = delayed(ran.append)(1)
    again = pickle.loads(cloudpickle.dumps(delayed(abs)(-1)))
    assert again.key.startswith("abs-")
    shoal.compute(x, copy.copy(x), Delayed(x.key, x.dask))
    assert ran == [1]


def test_numbers_as_names_are_not_ours() -> None:
    x = delayed(abs)(-7)
    for number in (float(x._call[0]), complex(x._call[0])):
        assert shoal.compute(x, delayed(99, name=number)) == (7, 99)


def test_equal_keys_run_once() -> None:
    ran = []
    f = delayed(ran.append)
    shoal.compute(f(1, dask_key_name="a"), f(1, dask_key_name="a"))
    assert ran == [1]


def test_int_keys_do_not_collide_with_numbers_of_our_own() -> None:
    calls = [delayed(inc)(i) for i in range(3)]
    named = [delayed(inc)(10 + i, dask_key_name=i) for i in range(2000)]
    values = shoal.compute(calls, named)
    assert values == ([1, 2, 3], [11 + i for i in range(2000)])


def test_names_of_forked_and_spawned_processes_differ() -> None:
    code = "import shoal; print(shoal.delayed(abs)(1).key)"
    keys = {subprocess.check_output([sys.executable, "-c", code]) for _ in range(2)}
    assert len(keys) == 2


def test_pickling_keeps_keys_and_does_not_recurse() -> None:
    x = delayed(0)
    for _ in range(50_000):
        x = delayed(inc)(x)
    again = pickle.loads(pickle.dumps(x))
    assert again.key == x.key
    assert again.compute() == 50_000
    leaf = pickle.loads(pickle.dumps(delayed(inc, nout=1)))
    assert type(leaf) is DelayedLeaf
    assert len(leaf(1)) == 1


def test_persist_keeps_the_key() -> None:
    ran = []
    x = delayed(lambda: ran.append(1) or 5)()
    kept = x.persist()
    assert kept.key == x.key
    assert (kept + 1).compute() == 6
    assert kept.compute() == 5
    assert len(ran) == 1


def test_from_a_dict_graph() -> None:
    x = Delayed("b", {"a": 1, "b": (inc, "a")})
    assert (x.key, x.compute()) == ("b", 2)
    assert (x + 1).compute() == 3
    low, high = Delayed("p", {"p": (divmod, 7, 2)}, length=2)
    assert shoal.compute(low, high) == (3, 1)
    with pytest.raises(KeyError, match="no task computes 'c'"):
        Delayed("c", {"a": 1})


def test_the_graph_of_a_lazy_object() -> None:
    x = delayed(inc)(delayed(inc)(1))
    graph = x.dask
    assert set(map(str, graph)) >= {x.key}
    assert shoal.get(graph, x.key) == 3


def test_a_hundred_thousand_deep() -> None:
    x = delayed(inc)(0)
    for _ in range(99_999):
        x = delayed(inc)(x)
    assert x.compute(scheduler="sync") == 100_000
    assert x.compute(scheduler="threads") == 100_000


def test_annotations_are_kept() -> None:
    with shoal.annotate(priority=5):
        x = delayed(inc)(1)
    y = delayed(inc)(x)
    plan = shoal.collection.make_plan(y)
    ((ids, said),) = plan.annotations
    assert said == {"priority": 5}
    assert [plan.keys[i] for i in ids] == [x.key]


def test_one_entry_for_all_that_one_block_annotates() -> None:
    with shoal.annotate(priority=5):
        calls = [delayed(inc)(i) for i in range(100)]
    with shoal.annotate(priority=6):
        last = delayed(sum)(calls)
    plan = shoal.collection.make_plan(last)
    assert [(len(ids), said) for ids, said in plan.annotations] == [
        (100, {"priority": 5}),
        (1, {"priority": 6}),
    ]


def test_repr() -> None:
    assert repr(delayed(1, name="one")) == "Delayed('one')"
    assert repr(delayed(inc)(1, dask_key_name="x")) == "Delayed('x')"


def test_purity_of_calls_is_set_when_they_are_made() -> None:
    func, always = delayed(inc), delayed(inc, pure=True)
    values = delayed([1, 2])
    with shoal.config.set({"delayed-pure": True}):
        assert func(1).key == func(1).key
        assert values.index(1).key == values.index(1).key
        assert func(1, pure=False).key != func(1, pure=False).key
    assert func(1).key != func(1).key
    with shoal.config.set({"delayed-pure": False}):
        assert always(1).key == always(1).key


def test_a_wrapped_function_keeps_its_docstring() -> None:
    def documented():
        """What it does."""

    assert delayed(documented).__doc__ == "What it does."
    assert delayed(inc).__doc__ is None
    assert "wrapped by" in DelayedLeaf.__doc__
