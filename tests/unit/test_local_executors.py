"""The executors that run in this process: order, release, errors, interruption, nesting."""

from __future__ import annotations

import functools
import gc
import threading
import traceback
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from multiprocessing.pool import ThreadPool
from typing import Any

import pytest

import shoal
from shoal.graph.legacy import plan_from_dict
from shoal.graph.plan import Plan
from shoal.local import threads
from shoal.local.sync import run_sync
from shoal.local.threads import run_threads

Run = Callable[..., list[Any]]


class Thing:
    """Something whose life can be watched."""


def inc(x: int) -> int:
    return x + 1


@pytest.fixture(params=["sync", "threads", "one thread"])
def run(request: pytest.FixtureRequest) -> Run:
    runs: dict[str, Run] = {
        "sync": run_sync,
        "threads": lambda plan, **kw: run_threads(plan, num_workers=4, **kw),
        "one thread": lambda plan, **kw: run_threads(plan, num_workers=1, **kw),
    }
    return runs[request.param]


def test_results_come_in_the_order_asked_for(run: Run) -> None:
    plan = plan_from_dict({"a": 1, "b": (inc, "a"), "c": (inc, "b")}, ["c", "a", "c"])
    assert run(plan) == [3, 1, 3]


def test_an_empty_plan(run: Run) -> None:
    assert run(plan_from_dict({}, [])) == []


def test_a_chain_of_a_hundred_thousand(run: Run) -> None:
    graph: dict[Any, Any] = {("c", 0): 0}
    graph |= {("c", i): (inc, ("c", i - 1)) for i in range(1, 100_000)}
    assert run(plan_from_dict(graph, [("c", 99_999)])) == [99_999]


def test_a_result_is_let_go_after_its_last_use(run: Run) -> None:
    alive: list[int] = []
    made: list[weakref.ref[Thing]] = []

    def make() -> Thing:
        thing = Thing()
        made.append(weakref.ref(thing))
        return thing

    def use(thing: Thing) -> int:
        return 1

    def look(*_: int) -> None:
        alive.append(sum(ref() is not None for ref in made))

    graph = {
        "thing": (make,),
        "use": (use, "thing"),
        "again": shoal.Task("again", use, thing=shoal.TaskRef("thing")),
        "look": (look, "use", "again"),
    }
    run(plan_from_dict(graph, ["look"]))
    assert alive == [0]
    assert [ref() for ref in made] == [None]


def test_nothing_is_kept_after_the_run(run: Run) -> None:
    thing = Thing()
    ref = weakref.ref(thing)
    plan = plan_from_dict({"x": (lambda t: [t], shoal.Data("t", thing)), "y": (len, "x")}, ["y"])
    assert run(plan) == [1]
    del thing, plan
    gc.collect()
    assert ref() is None


def boom(*_: Any) -> None:
    raise ValueError("boom")


def test_the_users_exception_comes_with_their_traceback_and_the_task(run: Run) -> None:
    graph = {"a": 1, "b": (boom, "a"), "c": (inc, "b")}
    with pytest.raises(ValueError, match="boom") as caught:
        run(plan_from_dict(graph, ["c"]))
    assert caught.value.__notes__ == ["shoal: task 'b' (boom) failed"]
    assert caught.value.__context__ is None


def test_frames_of_the_library_are_cut(run: Run) -> None:
    get = shoal.get
    with pytest.raises(ValueError, match="boom") as caught:
        get({"b": (boom,)}, "b")
    frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert frames[-1] == "boom"
    assert len(frames) <= 4


def test_an_exception_that_takes_no_notes_is_raised_all_the_same(run: Run) -> None:
    class Stubborn(Exception):
        def add_note(self, note: str) -> None:
            raise TypeError("no notes")

    def fail() -> None:
        raise Stubborn("yes")

    with pytest.raises(Stubborn, match="yes"):
        run(plan_from_dict({"x": (fail,)}, ["x"]))


def test_nothing_runs_after_an_error() -> None:
    ran: list[int] = []
    graph: dict[Any, Any] = {("later", i): (ran.append, i) for i in range(100)}
    graph["bad"] = (boom,)
    graph["all"] = (boom, "bad", *graph)
    with pytest.raises(ValueError, match="boom"):
        run_sync(plan_from_dict(graph, ["bad", "all"]))
    assert len(ran) <= 100


def test_an_error_waits_for_running_tasks() -> None:
    started, failed = threading.Event(), threading.Event()
    ended: list[str] = []

    def other() -> None:
        started.set()
        assert failed.wait(60)
        ended.append("other")

    def fail() -> None:
        assert started.wait(60)
        failed.set()
        raise ValueError("boom")

    plan = plan_from_dict({"other": (other,), "fail": (fail,)}, ["other", "fail"])
    with pytest.raises(ValueError, match="boom"):
        run_threads(plan, num_workers=2)
    assert ended == ["other"]


def test_an_error_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "GRACE_S", 0.01)
    started, free = threading.Event(), threading.Event()

    def stuck() -> None:
        started.set()
        free.wait(60)

    def fail() -> None:
        assert started.wait(60)
        raise ValueError("boom")

    plan = plan_from_dict({"stuck": (stuck,), "fail": (fail,)}, ["stuck", "fail"])
    with pytest.raises(ValueError, match="boom") as caught:
        run_threads(plan, num_workers=2)
    free.set()
    assert "1 task(s) were still running 0.01 s after this error" in caught.value.__notes__[0]


def test_many_failures_at_once_end() -> None:
    meet = threading.Barrier(4)

    def fail() -> None:
        meet.wait(60)
        raise ValueError("boom")

    for _ in range(200):
        plan = plan_from_dict({f"f{i}": (fail,) for i in range(4)}, [f"f{i}" for i in range(4)])
        with pytest.raises(ValueError, match="boom"):
            run_threads(plan, num_workers=4)


def test_an_error_keeps_no_other_result_alive(run: Run) -> None:
    thing = Thing()
    ref = weakref.ref(thing)
    graph = {
        "keep": (lambda: [ref()],),
        "bad": shoal.Task("bad", int, "no number"),
        "both": (lambda *_: None, "keep", "bad"),
    }
    with pytest.raises(ValueError, match="invalid literal") as caught:
        run(plan_from_dict(graph, ["both"]))
    del thing
    gc.collect()
    assert ref() is None, caught


def test_computing_in_threads_that_a_task_starts() -> None:
    def task() -> list[int]:
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda i: shoal.delayed(inc)(i).compute(num_workers=2), range(4)))

    plan = plan_from_dict({f"t{i}": (task,) for i in range(4)}, [f"t{i}" for i in range(4)])
    assert run_threads(plan, num_workers=2) == [[1, 2, 3, 4]] * 4


def test_a_pool_that_does_not_run_is_an_error() -> None:
    class Ending(ThreadPoolExecutor):
        """Ends a moment after it was given the plan."""

        def submit(self, *args: Any) -> Any:
            end = functools.partial(self.shutdown, wait=False, cancel_futures=True)
            future = super().submit(*args)
            threading.Timer(0.05, end).start()
            return future

    blocked = threading.Event()
    pool = Ending(1)
    ThreadPoolExecutor.submit(pool, blocked.wait, 60)
    plan = plan_from_dict({"x": (inc, 1)}, ["x"])
    with pytest.raises(RuntimeError, match="the pool cancelled what it was given"):
        run_threads(plan, pool=pool)
    blocked.set()


@pytest.mark.parametrize("bad", [0, -1, "2"])
def test_bad_num_workers(bad: Any) -> None:
    with pytest.raises(ValueError, match="num_workers must be an int of at least 1, got"):
        run_threads(plan_from_dict({"x": (inc, 1)}, ["x"]), num_workers=bad)


def test_keyboard_interrupt_in_a_task_stops_everything(run: Run) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    graph = {"a": (interrupt,), "b": (inc, "a")}
    with pytest.raises(KeyboardInterrupt):
        run(plan_from_dict(graph, ["b"]))
    assert run(plan_from_dict({"x": (inc, 1)}, ["x"])) == [2]


def test_threads_run_at_the_same_time() -> None:
    meet = threading.Barrier(2, timeout=60)
    plan = plan_from_dict(dict.fromkeys(range(2), (meet.wait,)), [0, 1])
    assert sorted(run_threads(plan, num_workers=2)) == [0, 1]


def test_never_more_threads_than_asked_for() -> None:
    lock = threading.Lock()
    running, most = 0, 0

    def task() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.001)
        with lock:
            running -= 1

    plan = plan_from_dict(dict.fromkeys(range(60), (task,)), list(range(60)))
    run_threads(plan, num_workers=3)
    assert 1 <= most <= 3


@pytest.mark.parametrize("make", [ThreadPoolExecutor, ThreadPool])
def test_a_pool_of_somebody_elses(make: Any) -> None:
    pool = make(2)
    try:
        names: list[str] = []
        graph = {i: (lambda: names.append(threading.current_thread().name),) for i in range(10)}
        run_threads(plan_from_dict(graph, list(graph)), pool=pool)
        assert threading.current_thread().name not in names
        assert len(names) == 10
        with pytest.raises(ValueError, match="boom"):
            run_threads(plan_from_dict({"b": (boom,)}, ["b"]), pool=pool)
    finally:
        getattr(pool, "shutdown", getattr(pool, "terminate", None))()


def test_a_pool_that_is_none_is_explained() -> None:
    with pytest.raises(TypeError, match="it has neither submit nor apply_async"):
        run_threads(plan_from_dict({"x": (inc, 1)}, ["x"]), pool="four")


def test_a_task_may_compute(run: Run) -> None:
    def nested(n: int) -> int:
        keys = [f"k{i}" for i in range(n)]
        plan = plan_from_dict({k: (inc, i) for i, k in enumerate(keys)}, keys)
        return sum(run(plan))

    plan = plan_from_dict({("n", i): (nested, 10) for i in range(8)}, [("n", i) for i in range(8)])
    assert run(plan) == [55] * 8


def test_tasks_see_the_context_variables_of_the_caller() -> None:
    place: ContextVar[str] = ContextVar("place", default="nowhere")
    graph = dict.fromkeys(range(20), (place.get,))
    token = place.set("here")
    try:
        for get in (shoal.get, shoal.threaded.get):
            assert set(get(graph, list(graph))) == {"here"}
    finally:
        place.reset(token)
    assert set(shoal.threaded.get(graph, list(graph))) == {"nowhere"}


def test_computing_from_many_threads_at_once() -> None:
    def job(n: int) -> list[Any]:
        keys = [f"k{i}" for i in range(n)]
        return run_threads(plan_from_dict({k: (inc, i) for i, k in enumerate(keys)}, keys))

    with ThreadPoolExecutor(8) as pool:
        for n, result in enumerate(pool.map(job, range(50))):
            assert result == list(range(1, n + 1))


def test_the_order_of_the_plan_is_followed(run: Run) -> None:
    if run is not run_sync:
        run = lambda plan: run_threads(plan, num_workers=1)
    ran: list[int] = []
    keys = [f"k{i}" for i in range(20)]
    plan = plan_from_dict({key: (ran.append, i) for i, key in enumerate(keys)}, keys)
    shuffled = [*range(1, 20, 2), *range(18, -1, -2)]
    run(Plan(plan.funcs, plan.args, plan.deps, plan.keys, plan.wanted, shuffled))
    assert ran == shuffled
