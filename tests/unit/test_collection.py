"""compute, persist, optimize: finding collections, choosing executors, foreign collections."""

from __future__ import annotations

import operator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

import shoal
import shoal.threaded
from shoal import delayed
from shoal.collection import choose_scheduler, get_scheduler, make_plan, unpack_collections
from shoal.expr.node import Held, Node


def inc(x: int) -> int:
    return x + 1


class Theirs:
    """A collection of another library: two blocks, summed at the end."""

    def __init__(self, name: str, graph: dict[Any, Any], optimized: bool = False) -> None:
        self.name, self.graph, self.optimized = name, graph, optimized

    def __dask_graph__(self) -> Any:
        return self.graph

    def __dask_keys__(self) -> Any:
        return [[(self.name, 0)], [(self.name, 1)]]

    @staticmethod
    def __dask_optimize__(graph: Any, keys: Any) -> Any:
        return {**graph, "optimized": 1}

    def __dask_postcompute__(self) -> Any:
        return lambda blocks, sign: sign * sum(b for row in blocks for b in row), (-1,)

    def __dask_postpersist__(self) -> Any:
        return lambda graph, name: Theirs(name, graph), (self.name,)

    __dask_scheduler__ = staticmethod(shoal.threaded.get)


def theirs() -> Theirs:
    return Theirs("t", {("t", 0): (inc, 1), ("t", 1): (inc, ("t", 0)), "other": (1 / 1,)})


@dataclass
class Record:
    value: Any
    rest: Any = field(default_factory=list)


def test_results_stand_where_the_collections_stood() -> None:
    x, y = delayed(inc)(1), delayed(inc)(2)
    given = (x, [y, {"k": (x, "text")}], Record(y, [x]), 5, {"a": {x}})
    assert shoal.compute(*given) == (2, [3, {"k": (2, "text")}], Record(3, [2]), 5, {"a": {2}})


def test_arguments_without_collections_come_back_as_they_are() -> None:
    argument = [1, 2]
    assert shoal.compute(argument)[0] is argument
    assert shoal.persist(argument)[0] is argument
    assert shoal.optimize(argument)[0] is argument


def test_traverse_false() -> None:
    x = delayed(1)
    (first, (second,)) = shoal.compute(x, [x], traverse=False)
    assert first == 1
    assert second is x


def test_what_is_shared_runs_once() -> None:
    ran: list[int] = []
    x = delayed(lambda: ran.append(1) or 1)()
    assert shoal.compute(x + 1, x + 2, [x]) == (2, 3, [1])
    assert ran == [1]


def test_the_same_collection_is_found_once() -> None:
    x = delayed(1)
    found, repack = unpack_collections(x, [x, x])
    assert len(found) == 1
    assert repack(["r"]) == ("r", ["r", "r"])


def test_a_foreign_collection() -> None:
    t = theirs()
    assert shoal.is_collection(t)
    assert not shoal.is_collection(Theirs)
    assert not shoal.is_collection(Theirs("t", None))  # type: ignore[arg-type]
    assert shoal.compute(t, delayed(inc)(1)) == (-5, 2)
    assert delayed(operator.add)(t, 1).compute() == -4
    (kept,) = shoal.persist(t)
    assert sorted(kept.graph.values()) == [2, 3]
    (optimized,) = shoal.optimize(t)
    assert "optimized" in optimized.graph
    assert shoal.compute(optimized) == (-5,)


def test_foreign_collections_share_their_graph() -> None:
    ran: list[int] = []
    shared = {"s": (lambda: ran.append(1) or 1,)}
    a = Theirs("a", {**shared, ("a", 0): (inc, "s"), ("a", 1): 0})
    b = Theirs("b", {**shared, ("b", 0): (inc, "s"), ("b", 1): 0})
    assert shoal.compute(a, b) == (-2, -2)
    assert ran == [1]


def test_a_foreign_task_in_several_calls_runs_once() -> None:
    ran: list[int] = []
    shared = {"s": (lambda: ran.append(1) or 1,)}
    a = Theirs("a", {**shared, ("a", 0): (inc, "s"), ("a", 1): 0})
    b = Theirs("b", {**shared, ("b", 0): (inc, "s"), ("b", 1): 0})
    calls = [delayed(operator.add)(a, 1), delayed(operator.add)(b, 2), delayed(inc)(a)]
    assert shoal.compute(*calls, a) == (-1, 0, -1, -2)
    assert ran == [1]


def test_schedulers_by_name() -> None:
    x = delayed(inc)(1)
    for name in ("sync", "synchronous", "single-threaded", "threads", "threading", "THREADS"):
        assert x.compute(scheduler=name) == 2
        with shoal.config.set(scheduler=name):
            assert x.compute() == 2


def test_schedulers_of_other_kinds() -> None:
    x = delayed(inc)(1) + 1
    assert x.compute(scheduler=shoal.get) == 3
    assert x.compute(scheduler=shoal.threaded.get) == 3
    with ThreadPoolExecutor(2) as pool:
        assert x.compute(scheduler=pool) == 3

    def mine(graph: Any, keys: Any, **options: Any) -> Any:
        assert options == {"colour": "red"}
        return shoal.get(graph, keys)

    assert x.compute(scheduler=mine, colour="red") == 3

    class Client:
        get = staticmethod(mine)

    assert x.compute(scheduler=Client(), colour="red") == 3


@pytest.mark.parametrize("bad", ["thread", 5, object()])
def test_unknown_schedulers_are_explained(bad: Any) -> None:
    with pytest.raises(ValueError, match="scheduler"):
        delayed(1).compute(scheduler=bad)


def test_get_is_gone() -> None:
    with pytest.raises(TypeError, match="use scheduler="):
        shoal.compute(delayed(1), get=shoal.get)


def test_differing_defaults_need_a_decision() -> None:
    class Other(type(delayed(1))):  # type: ignore[misc]
        __slots__ = ()
        __shoal_scheduler__ = "sync"

    assert choose_scheduler(collections=[delayed(1)]) == "threads"
    assert get_scheduler(collections=[delayed(1)]) is shoal.threaded.get
    assert get_scheduler() is None
    with ThreadPoolExecutor(1) as pool:
        assert get_scheduler(scheduler=pool)({"x": (inc, 1)}, "x") == 2
    other = object.__new__(Other)
    with pytest.raises(ValueError, match="different default schedulers"):
        choose_scheduler(collections=[delayed(1), other])


def test_num_workers_and_pool_from_settings_and_arguments() -> None:
    x = delayed(inc)(1)
    assert x.compute(num_workers=1) == 2
    with ThreadPoolExecutor(1) as pool, shoal.config.set(pool=pool):
        assert x.compute() == 2
    with shoal.config.set(pool=3):
        assert x.compute() == 2


def test_optimize_keeps_kind_and_value() -> None:
    x = delayed(inc)(1)
    (y,) = shoal.optimize(x)
    assert y is x


class Numbers(Node):
    """Three blocks of a number."""

    __slots__ = ()
    fields = ("value",)
    prefix = "numbers"

    @property
    def shape(self) -> tuple[int, ...]:
        return (3,)

    def place(self, lowering: Any) -> None:
        lowering.add_data(self.name, [self.value] * 3)


def halve(node: Any, uses: Any) -> Any:
    return Numbers(node.value // 2) if isinstance(node, Numbers) and node.value > 1 else None


Numbers.rules = (halve,)


class Own(shoal.collection.CollectionMixin):
    """A collection that is nothing but a node."""

    __shoal_scheduler__ = "sync"

    def __init__(self, node: Any) -> None:
        self.node = node

    def __shoal_node__(self) -> Any:
        return self.node

    def __shoal_with_node__(self, node: Any) -> Any:
        return Own(node)

    def __shoal_postcompute__(self) -> Any:
        return lambda blocks, scale: [scale * block for block in blocks], (10,)


def test_a_collection_of_nodes() -> None:
    own = Own(Numbers(5))
    assert own.compute() == [10, 10, 10]
    assert own.compute(optimize_graph=False) == [50, 50, 50]
    kept = own.persist().node
    assert type(kept) is Held
    assert (kept.name, kept.values) == (own.node.name, (1, 1, 1))
    assert own.persist().compute() == [10, 10, 10]
    assert shoal.optimize(own)[0].node is Numbers(1)
    assert delayed(sum)(own).compute() == 30


def test_persisting_twice_keeps_both_results() -> None:
    ran: list[int] = []
    x = delayed(lambda: ran.append(1) or len(ran))()
    first, second = x.persist(), x.persist()
    assert shoal.compute(first) + shoal.compute(second) == (1, 2)


def test_schedulers_of_other_libraries_are_known() -> None:
    def theirs(graph: Any, keys: Any, **options: Any) -> Any:
        raise AssertionError("our own executor of that name runs instead")

    theirs.__module__ = "dask.threaded"
    assert delayed(inc)(1).compute(scheduler=theirs) == 2


def test_a_get_that_does_not_know_tasks_is_an_error() -> None:
    def stranger(graph: Any, keys: Any, **options: Any) -> Any:
        return [graph[key] for key in keys]

    with pytest.raises(shoal.errors.ExecutorError, match=r"returned the task .* itself"):
        delayed(inc)(1).compute(scheduler=stranger)


def test_equal_nodes_are_one_task() -> None:
    assert len(make_plan(Own(Numbers(1)), Own(Numbers(1)))) == 3
    assert Numbers(1) is Numbers(1)


def test_lazy_objects_and_nodes_feed_each_other() -> None:
    own = Own(Numbers(1))
    total = delayed(sum)(own)
    both = delayed(operator.add)(total, delayed(sum)(Own(Numbers(1))))
    assert shoal.compute(both, own, total, scheduler="sync") == (60, [10, 10, 10], 30)


def test_rules_that_do_not_end_are_named() -> None:
    def grow(node: Any, uses: Any) -> Any:
        return Numbers(node.value + 1) if isinstance(node, Numbers) else None

    with pytest.raises(shoal.errors.GraphError, match="still rewriting: grow"):
        shoal.expr.rewrite.rewrite([Numbers(1)], [grow])


def test_names_load_when_used() -> None:
    with pytest.raises(AttributeError, match="module 'shoal' has no attribute 'nothing'"):
        shoal.nothing
    assert "compute" in dir(shoal)
