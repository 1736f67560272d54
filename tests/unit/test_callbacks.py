"""Callbacks are told everything, once, in order; and nothing when nobody listens."""

from __future__ import annotations

from typing import Any

import pytest

import shoal
from shoal.local.callbacks import Callback, add_callbacks


def inc(x: int) -> int:
    return x + 1


GRAPH = {"a": 1, "b": (inc, "a"), "c": (inc, "b"), "unused": (inc, "a")}


class Recorder(Callback):
    """Writes down every event."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def _start(self, graph: Any) -> None:
        self.events.append(("start", sorted(graph)))

    def _start_state(self, graph: Any, state: Any) -> None:
        self.events.append(("start_state", {k: sorted(state[k]) for k in ("ready", "waiting")}))

    def _pretask(self, key: Any, graph: Any, state: Any) -> None:
        self.events.append(("pretask", key, sorted(state["running"])))

    def _posttask(self, key: Any, result: Any, graph: Any, state: Any, worker: Any) -> None:
        self.events.append(("posttask", key, result, sorted(state["finished"])))

    def _finish(self, graph: Any, state: Any, errored: bool) -> None:
        self.events.append(("finish", errored, dict(state["cache"])))


@pytest.mark.parametrize("get", [shoal.get, shoal.threaded.get])
def test_every_event_in_order(get: Any) -> None:
    recorder = Recorder()
    with recorder:
        assert get(GRAPH, "c") == 3
    assert recorder.events == [
        ("start", ["a", "b", "c"]),
        ("start_state", {"ready": ["b"], "waiting": ["c"]}),
        ("pretask", "b", ["b"]),
        ("posttask", "b", 2, ["b"]),
        ("pretask", "c", ["c"]),
        ("posttask", "c", 3, ["b", "c"]),
        ("finish", False, {"c": 3}),
    ]
    get(GRAPH, "c")
    assert len(recorder.events) == 7


@pytest.mark.parametrize("get", [shoal.get, shoal.threaded.get])
def test_an_error_ends_with_finish(get: Any) -> None:
    recorder = Recorder()
    with pytest.raises(ZeroDivisionError), recorder:
        get({"a": (lambda: 1 / 0,)}, "a")
    assert [event[0] for event in recorder.events] == ["start", "start_state", "pretask", "finish"]
    assert recorder.events[-1][1] is True


def test_register_and_unregister() -> None:
    recorder = Recorder()
    recorder.register()
    try:
        shoal.get(GRAPH, "b")
    finally:
        recorder.unregister()
    assert len(recorder.events) == 5
    with pytest.raises(KeyError):
        recorder.unregister()


def test_as_argument_and_twice_is_once() -> None:
    recorder = Recorder()
    with add_callbacks(recorder), recorder:
        shoal.get(GRAPH, "b", callbacks=[recorder])
        assert shoal.delayed(inc)(1).compute(callbacks=recorder) == 2
    assert [event[0] for event in recorder.events].count("start") == 2


def test_a_task_replaced_by_a_value_is_not_run() -> None:
    def known(graph: Any) -> None:
        graph["b"] = 10

    recorder = Recorder()
    assert shoal.get(GRAPH, "c", callbacks=[Callback(start=known), recorder]) == 11
    assert ("pretask", "b", ["b"]) not in recorder.events


def test_a_running_graph_can_only_be_given_values() -> None:
    def bad(graph: Any) -> None:
        graph["b"] = shoal.Task("b", inc, 1)

    with pytest.raises(TypeError, match="only a value can stand in for task 'b'"):
        shoal.get(GRAPH, "c", callbacks=[Callback(start=bad)])
    with pytest.raises(TypeError, match="task 'b' of a running graph cannot be removed"):
        shoal.get(GRAPH, "c", callbacks=[Callback(start=lambda graph: graph.pop("b"))])


@pytest.mark.parametrize("bad", [5, (None, None)])
def test_what_is_no_callback_is_refused(bad: Any) -> None:
    with pytest.raises(TypeError, match="callback"):
        shoal.get(GRAPH, "c", callbacks=[bad])


def test_a_finish_that_fails_hides_neither_the_error_nor_the_others() -> None:
    def bad(*_: Any) -> None:
        raise KeyError("callback")

    recorder = Recorder()
    with pytest.raises(ZeroDivisionError):
        shoal.get({"a": (lambda: 1 / 0,)}, "a", callbacks=[Callback(finish=bad), recorder])
    assert recorder.events[-1][0] == "finish"
    with pytest.raises(KeyError, match="callback"):
        shoal.get(GRAPH, "c", callbacks=[Callback(finish=bad), recorder])
    assert recorder.events[-1][:2] == ("finish", False)


@pytest.mark.parametrize("get", [shoal.get, shoal.threaded.get])
def test_who_hears_of_a_run_does_not_hear_of_those_inside_of_it(get: Any) -> None:
    outer: list[Any] = []
    inner: list[Any] = []

    def compute_more() -> Any:
        return get({"inner": (abs, -2)}, "inner", callbacks=[hear_inner])

    hear_inner = Callback(posttask=lambda key, *rest: inner.append(key))
    with Callback(posttask=lambda key, *rest: outer.append(key)):
        assert get({"outer": (compute_more,)}, "outer") == 2
        assert (outer, inner) == (["outer"], ["inner"])
        assert get({"next": (abs, -3)}, "next") == 3
    assert (outer, inner) == (["outer", "next"], ["inner"])
