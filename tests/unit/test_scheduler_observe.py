"""What observers are told: histories that are bounded, counts that are true, cursors."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.distributed.core.effects import Send
from shoal.distributed.core.scheduler import Scheduler, Settings, connected, drain, received
from shoal.distributed.core.scheduler.methods.feed import RUNS, feed
from shoal.distributed.core.scheduler.observe import SAMPLES, Census, Ring, Samples
from shoal.distributed.core.scheduler.transitions import STATES
from shoal.distributed.protocol import (
    Answer,
    Beat,
    Call,
    Code,
    Hello,
    Listed,
    Options,
    Register,
    Release,
    Report,
    Run,
    Submit,
)

ME, A = 1, 10


@pytest.fixture
def state() -> Scheduler:
    state = Scheduler(Settings(silence_s=0.0, drop_delay_s=0.0))
    connected(state, ME, "client", 0.0)
    received(state, ME, Hello("me", {}), (), 0.0)
    connected(state, A, "worker", 0.0)
    received(state, A, Register("a", "inproc://a", 1, 1000, {}, {}, "host", 1), (), 0.0)
    drain(state, 0.0)
    return state


def submit(state: Scheduler, name: str, count: int, retries: int = 0) -> list[str]:
    keys = [f"{name}-{i:032x}" for i in range(count)]
    options = [Options(retries=retries)] if retries else []
    m = Submit(
        [Listed(keys)],
        [Code(name.encode(), b"code")],
        [0] * count,
        [b""] * count,
        [()] * count,
        [],
        list(range(count)),
        list(range(count)),
        options=options,
    )
    received(state, ME, m, (), 1.0)
    return keys


def run(state: Scheduler, ends: bool = True, most: int = 10**9) -> int:
    """Have the worker run what it was sent, until there is no more; how many tasks."""
    done = 0
    while done < most:
        runs = [e.message for e in drain(state, 1.0) if type(e) is Send and type(e.message) is Run]
        if not runs:
            break
        for m in runs:
            n = len(m.ids)
            done += n
            if ends:
                told = Report(
                    m.ids, m.runs, [28] * n, [0] * n, [0.1] * n, [None] * n, ["int"], [5.0] * n
                )
            else:
                failed = [(i, r, "raised", b"", 0.1) for i, r in zip(m.ids, m.runs)]
                told = Report([], [], [], [], [], [], [], failed=failed)
            received(state, A, told, (), 2.0)
    return done


def ask(state: Scheduler, **args: Any) -> Any:
    return feed(state, state.parties[ME], 1, args, 3.0)


def kinds(state: Scheduler) -> dict[str, list[Any]]:
    return {row[0]: row for row in ask(state)["kinds"]}


def test_kinds_are_counted(state: Scheduler) -> None:
    submit(state, "inc", 7)
    assert kinds(state)["inc"][1] == {"ready": 7}
    run(state)
    row = kinds(state)["inc"]
    assert row[1] == {"memory": 7} and row[2] == 7 and abs(row[6] - 0.7) < 1e-9


def test_what_was_let_go_still_counts_until_the_next_job(state: Scheduler) -> None:
    keys = submit(state, "inc", 7)
    run(state)
    received(state, ME, Release(keys), (), 2.0)
    assert kinds(state)["inc"][1:3] == [{}, 7]
    submit(state, "inc", 2)
    assert kinds(state)["inc"][1:3] == [{"ready": 2}, 0]
    run(state)
    row = kinds(state)["inc"]
    assert row[2] == 2 and row[8] == 9


def test_cursors_give_what_is_new(state: Scheduler) -> None:
    submit(state, "inc", 5)
    run(state)
    count, reports, sums = ask(state)["stream"]
    assert sum(len(r[1]) for r in reports) == 5 and not sums
    assert reports[0][0] == "inproc://a" and reports[0][2][0] == "inc"
    assert ask(state, stream=count)["stream"] == [count, [], []]
    submit(state, "dec", 3)
    run(state)
    _, reports, _ = ask(state, stream=count)["stream"]
    assert sum(len(r[1]) for r in reports) == 3


def test_many_runs_are_summed_up(state: Scheduler) -> None:
    submit(state, "inc", 3 * RUNS)
    run(state)
    _, reports, sums = ask(state)["stream"]
    told = sum(len(r[1]) for r in reports)
    assert told <= RUNS
    assert told + sum(s[6] for s in sums) == 3 * RUNS
    assert abs(sum(s[4] for s in sums) - 0.1 * (3 * RUNS - told)) < 1e-6
    assert sum(len(r[1]) for r in ask(state, runs=10**6)["stream"][1]) == 3 * RUNS


def test_failures_and_tries(state: Scheduler) -> None:
    submit(state, "bad", 1, retries=2)
    run(state, ends=False)
    count, entries = ask(state)["failures"]
    assert count == 3
    assert [(e[2], e[3], e[4], e[6], e[7]) for e in entries] == [
        ("bad", "inproc://a", "raised", tries, tries < 2) for tries in range(3)
    ]
    assert ask(state, failures=2)["failures"][1] == entries[2:]


def test_transfers_are_remembered(state: Scheduler) -> None:
    told = Report([], [], [], [], [], [], [], transfers=[(0, 1_000_000, 0.5), (99, 5, 0.1)])
    received(state, A, told, (), 2.0)
    count, entries = ask(state)["flows"]
    moved = [("inproc://a", 1_000_000, 0.5), ("", 5, 0.1)]
    assert (count, entries) == (1, [(2.0, "inproc://a", moved)])


def test_samples_once_a_second(state: Scheduler) -> None:
    for i in range(20):
        beat = Beat("running", 10, 5, 100 + i, 50.0, 1, 0, 0, metrics={"gil": 0.5})
        received(state, A, beat, (), 10.0 + 0.5 * i)
    history = ask(state, history=True)["history"]
    rows = history["workers"][0]
    assert len(rows) == 10 and rows[1] == (1.0, 102.0, 10.0, 5.0, 50.0, 1.0, 0.0, 0.5)
    assert len(history["total"]) == 10


def test_a_task_is_found_by_what_people_type(state: Scheduler) -> None:
    submit(state, "inc", 2)

    def find(text: str) -> Any:
        received(state, ME, Call(7, "scheduler.find", {"text": text}), (), 3.0)
        return next(
            e.message.value
            for e in drain(state, 3.0)
            if type(e) is Send and type(e.message) is Answer
        )

    assert find(f" inc-{1:032x} ")["key"] == f"inc-{1:032x}"
    assert find("inc-000")["state"] in ("ready", "sent")
    assert find("('x', 0)")["state"] == "forgotten"
    assert find("(")["state"] == "forgotten"


def test_a_token_is_new_once(state: Scheduler) -> None:
    def use(token: str) -> Any:
        received(state, ME, Call(7, "dashboard.use", {"token": token}), (), 3.0)
        return next(e.message.value for e in drain(state, 3.0) if type(e) is Send)

    assert [use("a"), use("b"), use("a")] == [True, True, False]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=6), st.integers(1, 20), st.data())
def test_a_census_ends_in_the_truth(counts: list[int], size: int, data: Any) -> None:
    """However the table changes between looks, a full round counts every row as it is."""
    state = Scheduler(Settings(silence_s=0.0))
    connected(state, ME, "client", 0.0)
    received(state, ME, Hello("me", {}), (), 0.0)
    census = Census(size)
    known: list[list[str]] = []
    for i, count in enumerate(counts):
        known.append(submit(state, f"kind{i}", count))
        if data.draw(st.booleans()):
            received(state, ME, Release(known.pop(0)), (), 1.0)
        census.look(state.table, 1)
    for _ in range(2 * -(-len(state.table.states) // size)):
        census.look(state.table, 1)
    table = state.table
    truth = Counter(
        (kind.name, STATES[at])
        for kind, at in zip(table.prefixes, table.states)
        if kind is not None
    )
    found = Counter(
        {(k.name, STATES[at]): n for (k, at), n in census.tasks.items() if k is not None}
    )
    assert found == truth


@given(st.lists(st.integers(), max_size=40), st.integers(0, 45))
def test_a_ring_gives_what_came_since(values: list[int], cursor: int) -> None:
    ring: Ring[int] = Ring(10)
    for value in values:
        ring.add(value)
    kept = values[-10:]
    new = values[cursor:] if cursor <= len(values) else values
    assert ring.since(cursor) == (new if len(new) < 10 else kept)


def test_samples_are_bounded() -> None:
    samples = Samples()
    for i in range(SAMPLES + 50):
        samples.add((float(i), 1, 2, 3, 4, 5, 6, 7))
    rows = samples.rows()
    assert len(rows) == SAMPLES and rows[0][0] == 50.0 and rows[-1][0] == SAMPLES + 49
    assert len(samples.rows(SAMPLES + 40)) == 10
    assert len(samples.column) == SAMPLES * 8


def test_a_kind_for_each_task_is_not_told(state: Scheduler) -> None:
    """Keys that people make up have no prefix in common: the answer stays small all the same."""
    count = 12_000
    keys: list[Any] = [f"k{i}x" for i in range(count)]
    m = Submit(
        [Listed(keys)],
        [Code(b"%d" % i, b"") for i in range(count)],
        list(range(count)),
        [b""] * count,
        [()] * count,
        [],
        list(range(count)),
        list(range(count)),
    )
    received(state, ME, m, (), 1.0)
    assert len(state.prefixes) >= count
    rows = ask(state)["kinds"]
    assert len(rows) <= 500
    assert sum(sum(row[1].values()) for row in rows) == count
    assert sum(row[0] == "(others)" for row in rows) == 1
