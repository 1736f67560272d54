"""What a user wants sooner overtakes what was sent ahead to a busy worker."""

from __future__ import annotations

from shoal.distributed.core.effects import Send
from shoal.distributed.core.scheduler import Scheduler, Settings, connected, drain, received
from shoal.distributed.core.scheduler.table import Table
from shoal.distributed.core.scheduler.transitions import Checked
from shoal.distributed.core.scheduler.validate import validate
from shoal.distributed.protocol import Code, Hello, Listed, Options, Register, Run, Submit

CLIENT, A = 1, 2


def start() -> Scheduler:
    state = Scheduler(Settings(drop_delay_s=0.0), table=Table(Checked))
    connected(state, CLIENT, "client", 0.0)
    received(state, CLIENT, Hello("me", {}), (), 0.0)
    connected(state, A, "worker", 0.0)
    received(state, A, Register("a", "inproc://a", 1, 0, {}, {}, "host", 1), (), 0.0)
    drain(state, 0.0)
    return state


def submit(state: Scheduler, keys: list[str], priority: float = 0.0) -> list[str]:
    """The keys that are sent to the worker after it."""
    return [str(key) for run in runs(state, keys, priority) for key in run.keys]


def runs(state: Scheduler, keys: list[str], priority: float) -> list[Run]:
    """What is sent to the worker after it."""
    n = len(keys)
    message = Submit(
        [Listed(list(keys))],
        [Code(b"1", b"one")],
        [0] * n,
        [b""] * n,
        [()] * n,
        [],
        list(range(n)),
        list(range(n)),
        options=[Options(priority=priority)] if priority else [],
    )
    received(state, CLIENT, message, (), 0.0)
    sent = [e.message for e in drain(state, 0.0) if type(e) is Send and type(e.message) is Run]
    validate(state)
    return sent


def test_a_task_of_higher_priority_is_sent_beside_those_sent_ahead() -> None:
    state = start()
    assert submit(state, ["a", "b", "c"]) == ["a", "b"]
    assert submit(state, ["d"]) == []
    assert submit(state, ["high-1", "high-2"], 5) == ["high-1"]  # one for each thread
    assert submit(state, ["higher"], 10) == []


def test_one_of_lower_priority_gives_way_to_usual_ones() -> None:
    state = start()
    assert submit(state, ["low-1", "low-2"], -5) == ["low-1", "low-2"]
    assert submit(state, ["usual"]) == ["usual"]


def test_without_priorities_nobody_overtakes() -> None:
    state = start()
    assert submit(state, ["a", "b"]) == ["a", "b"]
    assert submit(state, ["c"]) == []
    assert not state.is_ranked


def test_workers_compare_tasks_that_were_sent_before_and_after_somebody_wanted_some_sooner() -> (
    None
):
    state = start()
    [before] = runs(state, ["a", "b"], 0)
    [after] = runs(state, ["high"], 1e9)
    assert (before.is_ranked, after.is_ranked) == (False, True)
    assert after.ranks() < before.ranks() == [0, 1]
    assert all(-(1 << 63) <= some < 1 << 63 for some in after.priorities), "an int of msgpack"
