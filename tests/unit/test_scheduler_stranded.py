"""Work that waits for workers which are gone: clients are warned, or the tasks fail in time."""

from __future__ import annotations

from typing import Any

import pytest

from shoal.distributed.core.effects import Send
from shoal.distributed.core.scheduler import (
    Scheduler,
    Settings,
    closed,
    connected,
    drain,
    due,
    received,
    tick,
)
from shoal.distributed.core.scheduler.table import Table
from shoal.distributed.core.scheduler.transitions import ERRED, RELEASED, Checked
from shoal.distributed.core.scheduler.validate import validate
from shoal.distributed.protocol import (
    Call,
    Code,
    Finished,
    Goodbye,
    Hello,
    Listed,
    Options,
    Register,
    Retry,
    Run,
    Submit,
    Subscribe,
    Topic,
)

ME, A, B, NANNY = 1, 2, 3, 4


@pytest.fixture
def state() -> Scheduler:
    return begin()


def begin(**settings: Any) -> Scheduler:
    state = Scheduler(Settings(**settings), table=Table(Checked))
    connected(state, ME, "client", 0.0)
    received(state, ME, Hello("me", {}), (), 0.0)
    received(state, ME, Subscribe("warn"), (), 0.0)
    for party, name in ((A, "a"), (B, "b")):
        register(state, party, name, 0.0)
    drain(state, 0.0)
    return state


def register(state: Scheduler, party: int, name: str, now: float) -> None:
    connected(state, party, "worker", now)
    told = Register(name, f"inproc://{name}-{party}", 1, 0, {}, {}, "host", party)
    received(state, party, told, (), now)


def submit(state: Scheduler, key: str, workers: list[str] | None = None) -> None:
    options = [Options([0], workers=workers)] if workers else []
    m = Submit([Listed([key])], [Code(b"f", b"f")], [0], [b""], [()], [], [0], [0], options=options)
    received(state, ME, m, (), 0.0)


def said(state: Scheduler, kind: type, now: float) -> list[Any]:
    validate(state)
    return [e.message for e in drain(state, now) if type(e) is Send and type(e.message) is kind]


def warnings(state: Scheduler, now: float) -> list[str]:
    return [topic.events[0][1]["text"] for topic in said(state, Topic, now)]


def passing(state: Scheduler, now: float, end: float) -> list[Any]:
    """Time passes, as the shell lets it; what the client is told meanwhile."""
    found = []
    while (next_ := due(state)) is not None and next_ <= end:
        now = max(now, next_)
        tick(state, now)
        found += said(state, Finished, now)
    return found


def test_the_last_worker_dies_while_work_waits(state: Scheduler) -> None:
    received(state, B, Goodbye("enough"), (), 1.0)
    submit(state, "x")
    assert len(said(state, Run, 1.0)) == 1
    closed(state, A, "killed by signal 9", 2.0)
    assert warnings(state, 2.0) == []  # its connection alone may be lost
    assert due(state) == 4.0
    tick(state, 4.0)
    [text] = warnings(state, 4.0)
    assert "worker a at inproc://a-2 is gone (killed by signal 9), and has no nanny" in text
    assert "No worker is left, and 1 tasks wait" in text and "cluster.scale" in text
    received(state, ME, Call(7, "scheduler.explain", {"key": "x"}), (), 4.0)
    [answer] = [e.message for e in drain(state, 4.0)]
    assert "worker a at inproc://a-2 is gone" in answer.value["why"]
    tick(state, 9.0)
    assert warnings(state, 9.0) == []  # once
    register(state, 9, "c", 10.0)
    assert len(said(state, Run, 10.0)) == 1


def test_a_worker_that_is_back_in_a_moment_is_not_missed(state: Scheduler) -> None:
    received(state, B, Goodbye("enough"), (), 1.0)
    submit(state, "x")
    closed(state, A, "", 2.0)
    register(state, 9, "a", 2.5)
    tick(state, 4.0)
    assert warnings(state, 4.0) == [] and not state.down


def test_nobody_is_warned_of_a_worker_that_nothing_waits_for(state: Scheduler) -> None:
    submit(state, "x")
    closed(state, A, "", 2.0)
    tick(state, 4.0)  # b goes on without it
    assert warnings(state, 4.0) == []
    closed(state, B, "", 5.0)
    received(state, ME, Call(0, "scheduler.identity", {}), (), 5.0)
    tick(state, 7.0)
    [text] = warnings(state, 7.0)
    assert text.startswith("worker b ")


def test_what_may_run_on_the_lost_worker_only(state: Scheduler) -> None:
    submit(state, "x", ["a"])
    closed(state, A, "", 2.0)
    tick(state, 4.0)
    [text] = warnings(state, 4.0)
    assert "1 tasks may run nowhere else ('x')" in text and "allow_other_workers" in text


def test_several_that_die_together_are_one_warning(state: Scheduler) -> None:
    submit(state, "x")
    closed(state, A, "", 2.0)
    closed(state, B, "", 2.1)
    tick(state, 4.0)
    [text] = warnings(state, 4.0)
    assert text.startswith("worker a ") and "so is 1 more" in text


def test_a_nanny_starts_it_again(state: Scheduler) -> None:
    connected(state, NANNY, "nanny", 0.0)
    received(state, NANNY, Call(0, "nanny.hello", {"name": "a"}), (), 0.0)
    received(state, B, Goodbye("enough"), (), 1.0)
    submit(state, "x")
    closed(state, A, "", 2.0)
    for now in (4.0, 6.0, 8.0):
        tick(state, now)
        assert warnings(state, now) == []


def test_tasks_that_no_worker_may_run_fail_in_time() -> None:
    state = begin(no_workers_s=10.0, silence_s=1000.0)
    submit(state, "x", ["nobody"])
    submit(state, "y")
    assert due(state) is not None
    tick(state, 1.0)
    tick(state, 10.0)
    assert said(state, Finished, 10.0) == []
    tick(state, 11.0)
    [ended] = said(state, Finished, 11.0)
    assert ended.failed == ["x"]
    [(kind, key, _, data)] = ended.reasons
    assert (kind, key) == ("unrunnable", "x")
    assert b"'x' could not run for 10 s: no worker that is there" in data and b"nobody" in data


def test_tasks_fail_where_no_worker_comes_in_time() -> None:
    state = begin(no_workers_s=10.0, silence_s=1000.0)
    for party in (A, B):
        received(state, party, Goodbye("enough"), (), 1.0)
    submit(state, "x")
    assert passing(state, 1.0, 6.0) == []
    register(state, 9, "c", 6.0)
    assert len(said(state, Run, 6.0)) == 1
    assert passing(state, 6.0, 20.0) == []
    received(state, 9, Goodbye("enough"), (), 20.0)
    assert passing(state, 20.0, 29.9) == []  # it has waited for less than ten seconds since
    [ended] = passing(state, 29.9, 33.0)
    assert ended.failed == ["x"] and b"no worker is there" in ended.reasons[0][3]


def test_what_nobody_needs_when_another_has_failed_does_not_fail() -> None:
    state = begin(no_workers_s=3.0)
    for party in (A, B):
        received(state, party, Goodbye("enough"), (), 0.0)
    m = Submit(
        [Listed(["a", "b", "sum"])],
        [Code(b"f", b"f")],
        [0, 0, 0],
        [b"", b"", b""],
        [(), (), (0, 1)],
        [],
        [0, 1, 2],
        [2],
    )
    received(state, ME, m, (), 0.0)
    [told] = passing(state, 0.0, 20.0)
    assert (told.failed, told.reasons[0][:2]) == (["sum"], ("unrunnable", "a"))
    assert [*state.table.states[:3]] == [ERRED, RELEASED, ERRED]
    register(state, 9, "c", 30.0)
    received(state, ME, Retry(["sum"]), (), 30.0)
    [run] = said(state, Run, 30.0)
    assert "a" in run.keys


def test_a_name_that_no_worker_has_is_told_once() -> None:
    state = begin(silence_s=0.0)
    submit(state, "x", ["5"])
    submit(state, "y", ["a"])
    submit(state, "z", ["host"])
    drain(state, 1.0)
    assert due(state) is not None
    tick(state, 10.0)
    [text] = warnings(state, 10.0)
    assert "'x' may run on '5' only, and no worker has that name" in text
    assert "there are a, b" in text
    submit(state, "x2", ["5"])
    tick(state, 20.0)
    assert warnings(state, 20.0) == []


def test_a_worker_that_comes_in_time_is_no_stranger() -> None:
    state = begin(silence_s=0.0)
    submit(state, "x", ["5"])
    register(state, NANNY, "5", 1.0)
    drain(state, 1.0)
    tick(state, 10.0)
    assert warnings(state, 10.0) == []
