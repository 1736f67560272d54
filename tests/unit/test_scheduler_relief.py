"""Copies that others have as well are let go by a worker that is short of memory."""

from __future__ import annotations

from shoal.distributed.core.effects import Send
from shoal.distributed.core.scheduler import Scheduler, Settings, connected, drain, received
from shoal.distributed.core.scheduler.table import Table
from shoal.distributed.core.scheduler.transitions import Checked
from shoal.distributed.core.scheduler.validate import validate
from shoal.distributed.protocol import (
    Beat,
    Call,
    Code,
    Drop,
    Hello,
    Listed,
    Options,
    Register,
    Report,
    Run,
    Submit,
)

CLIENT, A, B = 1, 2, 3
LIMIT = 1_000


def start() -> Scheduler:
    state = Scheduler(Settings(drop_delay_s=0.0), table=Table(Checked))
    connected(state, CLIENT, "client", 0.0)
    received(state, CLIENT, Hello("me", {}), (), 0.0)
    for party, name in ((A, "a"), (B, "b")):
        connected(state, party, "worker", 0.0)
        told = Register(name, f"inproc://{name}", 1, LIMIT, {}, {}, "host", 1)
        received(state, party, told, (), 0.0)
    drain(state, 0.0)
    return state


def compute(state: Scheduler, keys: list[str], size: int) -> list[int]:
    """Results on A, with copies on B; their numbers."""
    n = len(keys)
    options = [Options(workers=["inproc://a"])]
    submit = Submit(
        [Listed(list(keys))],
        [Code(b"1", b"one")],
        [0] * n,
        [b""] * n,
        [()] * n,
        [],
        list(range(n)),
        list(range(n)),
        options=options,
    )
    received(state, CLIENT, submit, (), 0.0)
    numbers: list[int] = []
    while runs := [e.message for e in drain(state, 0.0) if type(e.message) is Run]:
        for run in runs:
            count = len(run.ids)
            numbers += run.ids
            report = Report(
                run.ids, run.runs, [size] * count, [0] * count, [0.1] * count, [None] * count, ["x"]
            )
            received(state, A, report, (), 0.0)
    copies = Report([], [], [], [], [], [], [], added=numbers, added_nbytes=[size] * n)
    received(state, B, copies, (), 0.0)
    drain(state, 0.0)
    return numbers


def beat(state: Scheduler, managed: int) -> list[Drop]:
    received(state, B, Beat("running", managed, 0, managed, 0.0, 0, 0, 0), (), 1.0)
    found = [e.message for e in drain(state, 1.0) if type(e) is Send and type(e.message) is Drop]
    validate(state)
    return found


def test_as_many_copies_go_as_are_too_many() -> None:
    state = start()
    numbers = compute(state, ["x", "y", "z"], 300)
    assert beat(state, 500) == []
    assert [drop.ids for drop in beat(state, 900)] == [numbers[:1]]
    assert [drop.ids for drop in beat(state, 601)] == [numbers[1:2]]
    assert len(state.replicas) == 1


def test_copies_stay_where_that_was_stopped() -> None:
    state = start()
    compute(state, ["x"], 300)
    received(state, CLIENT, Call(1, "replicas.manage", {"on": False}), (), 0.0)
    assert beat(state, 900) == []
    received(state, CLIENT, Call(2, "replicas.manage", {"on": True}), (), 0.0)
    assert len(beat(state, 900)) == 1


def test_the_last_copy_stays() -> None:
    state = start()
    compute(state, ["x"], 300)
    assert len(beat(state, 900)) == 1
    assert beat(state, 900) == []


def test_what_a_task_here_needs_stays() -> None:
    state = start()
    numbers = compute(state, ["x", "y"], 400)
    options = [Options(workers=["inproc://b"])]
    submit = Submit(
        [Listed(["sum"])],
        [Code(b"2", b"two")],
        [0],
        [b""],
        [(1,)],
        ["x"],
        [0],
        [0],
        options=options,
    )
    received(state, CLIENT, submit, (), 0.0)
    drain(state, 0.0)
    assert [drop.ids for drop in beat(state, 1_000)] == [numbers[1:]]
    assert beat(state, 1_000) == []
