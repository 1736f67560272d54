"""The context of a trace goes with a graph to its workers, once, and is forgotten with it."""

from __future__ import annotations

from typing import Any

from shoal.distributed.core import journal
from shoal.distributed.core import scheduler as core
from shoal.distributed.core.compact import compacted
from shoal.distributed.core.effects import Send
from shoal.distributed.core.scheduler.validate import validate
from shoal.distributed.protocol import Code, Hello, Listed, Register, Release, Run, Submit

TRACE = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
KEYS = [f"x-{n}" for n in range(4)]


def graph(keys: list[Any], trace: dict[str, str]) -> Submit:
    count = len(keys)
    code, order = [Code(b"f" * 16, b"f")], list(range(count))
    return Submit(
        [Listed(keys)],
        code,
        [0] * count,
        [b""] * count,
        [()] * count,
        [],
        order,
        order,
        trace=trace,
    )


def cluster() -> core.Scheduler:
    state = core.Scheduler()
    core.connected(state, 1, "client", 0.0)
    core.received(state, 1, Hello("me", {}), (), 0.0)
    return state


def add_worker(state: core.Scheduler) -> None:
    core.connected(state, 2, "worker", 0.0)
    core.received(state, 2, Register("w", "tcp://w", 8, 0, {}, {}, "h", 1), (), 0.0)


def runs(state: core.Scheduler) -> list[Run]:
    sent = [e.message for e in core.drain(state, 1.0) if type(e) is Send]
    return [message for message in sent if type(message) is Run]


def test_a_context_is_sent_once_for_all_tasks_of_a_graph() -> None:
    state = cluster()
    add_worker(state)
    core.received(state, 1, graph(KEYS, TRACE), (), 0.0)
    core.received(state, 1, graph(["y"], {}), (), 0.0)
    (run,) = runs(state)
    places = [i for i, key in enumerate(run.keys) if key in KEYS]
    assert len(run.keys) == 5 and run.traces == [(TRACE, places)]
    validate(state)
    core.received(state, 1, Release([*KEYS, "y"]), (), 1.0)
    assert state.traces == {}


def test_nothing_is_kept_or_sent_without() -> None:
    state = cluster()
    add_worker(state)
    core.received(state, 1, graph(KEYS, {}), (), 0.0)
    assert state.traces == {} and runs(state)[0].traces == []


def test_a_scheduler_that_was_restarted_knows_the_contexts() -> None:
    state, recorder = cluster(), journal.Recorder()
    core.received(state, 1, graph(KEYS, TRACE), (), 0.0)
    again = core.Scheduler()
    journal.replay(again, compacted(state, recorder, 1.0), 2.0)
    assert list(again.traces.values()) == [TRACE] * 4
