"""Opportunistic caching: what is kept, what is dropped, what is not computed again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from operator import add
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.diagnostics import Cache, Callback
from shoal.diagnostics.cache import Store
from shoal.graph.legacy import plan_from_dict
from shoal.graph.task import Data, Task
from shoal.local.sync import run_sync
from shoal.local.threads import run_threads

EXECUTORS = [run_sync, run_threads]


def run(graph: dict[str, Any], key: str, executor: Any = run_sync) -> Any:
    return executor(plan_from_dict(graph, [key]))[0]


@pytest.fixture(autouse=True)
def nobody_listens() -> Iterator[None]:
    yield
    assert not Callback.active


class Clock:
    """Time that tasks move on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_kept_result_is_not_computed_again(executor: Any) -> None:
    calls: list[int] = []

    def inc(x: int) -> int:
        calls.append(x)
        return x + 1

    cache = Cache(10_000)
    with cache:
        assert run({"x": (inc, 1)}, "x", executor) == 2
    assert cache.cache.data["x"] == 2
    assert not cache.starttimes
    assert not cache.durations
    with cache:
        assert run({"x": (inc, 1), "y": (inc, 2), "z": (add, "x", "y")}, "z", executor) == 5
    assert calls == [1, 2]
    assert run({"x": (inc, 1)}, "x", executor) == 2
    assert calls == [1, 2, 1]


def test_what_only_a_kept_result_needed_is_not_run() -> None:
    calls: list[str] = []
    graph = {"x": (calls.append, "X"), "y": (lambda x: calls.append("y") or 7, "x")}
    with Cache(10_000) as cache:
        run(graph, "y")
        del cache.cache.data["x"]
        assert run(graph, "y") == 7
    assert calls == ["X", "y"]


@pytest.mark.parametrize("result", [Task("t", abs, -1), Data("d", 1), (abs, -1), None])
def test_a_result_that_looks_like_a_task_stays_a_result(result: Any) -> None:
    with Cache(10_000):
        for _ in range(2):
            assert run({"x": (lambda: result,)}, "x") is result


def test_nothing_left_behind_by_an_error() -> None:
    with pytest.raises(ZeroDivisionError), Cache(10_000) as cache:
        run({"x": (abs, -1), "y": (lambda x: x / 0, "x")}, "y")
    assert not cache.starttimes
    assert not cache.durations
    assert cache.cache.data == {"x": 1}


def test_cost_holds_what_the_result_was_made_from() -> None:
    clock = Clock()
    offered: dict[Any, float] = {}

    class Watched(Store):
        def put(self, key: Any, value: Any, cost: float, nbytes: int | None = None) -> None:
            offered[key] = cost

    def work(seconds: float, *args: Any) -> None:
        clock.now += seconds

    graph = {"x": (work, 5.0), "w": (work, 2.0), "y": (work, 1.0, "x", "w")}
    with Cache(Watched(1000), clock=clock):
        run(graph, "y")
    assert offered == {"x": 5.0, "w": 2.0, "y": 6.0}


def test_a_nested_computation_has_books_of_its_own() -> None:
    with Cache(10_000) as cache:
        assert run({"x": (lambda: run({"x": (abs, -5)}, "x") + 1,)}, "x") == 6
        assert run({"x": (abs, 0)}, "x") == 6
    assert not cache.starttimes


def test_a_foreign_store_is_offered_seconds_a_byte() -> None:
    class Foreign:
        def __init__(self) -> None:
            self.data: dict[Any, Any] = {}
            self.calls: list[Any] = []

        def put(self, key: Any, value: Any, cost: float, nbytes: int) -> None:
            self.data[key] = value
            self.calls.append((key, cost, nbytes))

        def get(self, key: Any, default: Any = None) -> Any:
            return self.data.get(key, default)

    store = Foreign()
    clock = Clock()

    def work() -> int:
        clock.now += 3.0
        return 1

    with Cache(store, clock=clock):
        assert [run({"x": (work,)}, "x") for _ in range(2)] == [1, 1]
    ((key, cost, nbytes),) = store.calls
    assert (key, clock.now) == ("x", 3.0)
    assert cost == pytest.approx(3.0 / nbytes / 1e9)


@pytest.mark.parametrize(("given_", "bytes_"), [(1000, 1000), (1e3, 1000), ("1 kB", 1000)])
def test_size_as_people_write_it(given_: Any, bytes_: int) -> None:
    cache = Cache(given_, limit=1)
    assert cache.cache.available_bytes == bytes_
    assert cache.cache.limit == 1


def test_wrong_arguments() -> None:
    with pytest.raises(TypeError, match="number of bytes"):
        Cache(object())
    with pytest.raises(TypeError, match="one that is made"):
        Cache(Store(10), limit=1)


# -- the store


def test_store_drops_what_is_worth_least_a_byte() -> None:
    store = Store(100)
    store.put("long", 1, cost=10.0, nbytes=50)
    store.put("small", 2, cost=1.0, nbytes=1)
    store.put("big", 3, cost=5.0, nbytes=49)
    assert set(store.data) == {"long", "small", "big"}
    store.put("new", 4, cost=8.0, nbytes=40)
    assert set(store.data) == {"long", "small", "new"}
    assert store.total_bytes == 91


def test_store_refuses_what_does_not_fit_or_is_worth_too_little() -> None:
    store = Store(100, limit=0.1)
    store.put("large", 1, cost=1000.0, nbytes=101)
    store.put("cheap", 2, cost=0.5, nbytes=10)
    assert not store.data
    store.put("fine", 3, cost=1.0, nbytes=10)
    assert "fine" in store
    assert len(store) == 1


def test_use_raises_worth_and_age_lowers_it() -> None:
    store = Store(10, halflife=1)
    store.put("used", 1, cost=1.0, nbytes=5)
    store.put("unused", 2, cost=1.5, nbytes=5)
    for _ in range(3):
        assert store.get("used") == 1
    store.put("new", 3, cost=1.0, nbytes=5)
    assert set(store.data) == {"used", "new"}
    assert store.get("unused", "gone") == "gone"


def test_worth_keeps_its_order_over_very_many_uses() -> None:
    store = Store(3, halflife=1)
    store.put("dear", 1, cost=1e6, nbytes=1)
    store.put("a", 1, cost=1.0, nbytes=1)
    store.put("b", 1, cost=1.0, nbytes=1)
    for _ in range(3000):
        store.get("dear")
        store.get("b")
    assert len(store._heap) < 200
    store.put("c", 1, cost=1.0, nbytes=1)
    assert set(store.data) == {"dear", "b", "c"}


def test_clear_and_replace() -> None:
    store = Store(100)
    store.put("a", [1], cost=1.0, nbytes=60)
    store.put("a", [2], cost=1.0, nbytes=70)
    assert store.total_bytes == 70
    assert store.get("a") == [2]
    store.clear()
    assert (store.total_bytes, store.data) == (0, {})
    store.put("measured", bytes(20), cost=1.0)
    assert 20 < store.total_bytes < 100


@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.floats(0, 10), st.integers(0, 60), st.booleans()),
        max_size=60,
    )
)
def test_store_never_holds_more_than_it_may(steps: list[tuple[int, float, int, bool]]) -> None:
    store = Store(100, halflife=3)
    for key, cost, nbytes, put in steps:
        if put:
            store.put(key, (key, nbytes), cost, nbytes)
        else:
            store.get(key)
        assert store.total_bytes == sum(size for _, size in store.data.values()) <= 100
        assert store.data.keys() == store._scores.keys() == store._sizes.keys()


def test_threads_share_a_store() -> None:
    store = Store(200)

    def work(number: int) -> None:
        for i in range(500):
            store.put((number, i % 7), i, cost=float(i % 5), nbytes=10)
            store.get((1 - number, i % 7))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.total_bytes == 10 * len(store.data) <= 200
