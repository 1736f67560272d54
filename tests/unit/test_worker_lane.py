"""Places of threads: given up, waited for, handed over, and not lost on the way."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from shoal.distributed.core.worker.table import READY, Code, Task
from shoal.distributed.node.lane import Lane, Surroundings, current_slot
from shoal.distributed.node.store import Store
from shoal.distributed.protocol import Options

WAIT_S = 60


def task(number: int, job: Any) -> Task:
    code = Code(b"", b"", (job, ()))
    return Task(number, number, 1, f"x{number}", code, b"", (), number, False, READY)


def test_a_task_that_is_cancelled_while_it_waits_for_a_slot_takes_none_along() -> None:
    ended = threading.Semaphore(0)
    shared = Surroundings(Store(), ended.release)
    lane = Lane("default", 1, shared)
    away, may_rejoin, waits, busy, go_on = (threading.Event() for _ in range(5))

    def leaves() -> None:
        slot = current_slot()
        lane.secede(slot)
        away.set()
        may_rejoin.wait(WAIT_S)
        waits.set()
        lane.rejoin(slot)

    def works() -> None:
        busy.set()
        go_on.wait(WAIT_S)

    jobs = {1: leaves, 2: works, 3: lambda: 5, 4: lambda: 6}
    lane.put([task(1, jobs[1])])
    assert away.wait(WAIT_S)
    lane.put([task(2, jobs[2])])
    assert busy.wait(WAIT_S)
    may_rejoin.set()
    assert waits.wait(WAIT_S)
    while not lane.rejoining:
        threading.Event().wait(0.001)
    lane.withdraw(1, True)
    lane.put([task(3, jobs[3])])
    go_on.set()
    for _ in range(2):
        assert ended.acquire(timeout=WAIT_S)
    lane.put([task(4, jobs[4])])
    assert ended.acquire(timeout=WAIT_S)
    assert [completion[0].id for completion in shared.done] == [2, 3, 4]
    assert not lane.rejoining and not lane.seceded
    lane.close()


def test_a_task_that_has_begun_has_its_slot_again_while_no_other_may_begin() -> None:
    ended = threading.Semaphore(0)
    shared = Surroundings(Store(), ended.release)
    lane = Lane("default", 1, shared)
    away, may_rejoin = threading.Event(), threading.Event()

    def leaves() -> None:
        slot = current_slot()
        lane.secede(slot)
        away.set()
        may_rejoin.wait(WAIT_S)
        lane.rejoin(slot)

    jobs = {1: leaves, 2: lambda: 5}
    lane.put([task(1, jobs[1])])
    assert away.wait(WAIT_S)
    lane.put([task(2, jobs[2])])
    assert ended.acquire(timeout=WAIT_S)
    while not lane.parked:
        threading.Event().wait(0.001)
    lane.pause(True)
    may_rejoin.set()
    assert ended.acquire(timeout=WAIT_S)
    assert [completion[0].id for completion in shared.done] == [2, 1]
    lane.close()


def test_a_cancel_that_comes_late_leaves_the_next_task_of_the_thread_alone() -> None:
    ended = threading.Semaphore(0)
    shared = Surroundings(Store(), ended.release)
    lane = Lane("default", 1, shared)
    slots, busy, go_on = [], threading.Event(), threading.Event()

    def works() -> None:
        busy.set()
        go_on.wait(WAIT_S)

    jobs = {1: lambda: slots.append(current_slot()), 2: works, 3: lambda: 5}
    rows = [task(n, job) for n, job in jobs.items()]
    lane.put(rows[:2])
    assert busy.wait(WAIT_S)
    # The loop has seen the first task run in this thread, just before it ended.
    lane._abandon(slots[0], rows[0])
    go_on.set()
    lane.put(rows[2:])
    while len(shared.done) < 3:
        assert ended.acquire(timeout=WAIT_S)
    assert [completion[:2] for completion in shared.done] == [(row, "") for row in rows]
    lane.close()


@pytest.fixture
def nervous() -> Iterator[None]:
    """Threads take turns every few instructions."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def computes() -> None:
    sum(i for i in range(30))


def steps_aside() -> None:
    slot = current_slot()
    if slot.lane.secede(slot):
        computes()
        slot.lane.rejoin(slot)


@pytest.mark.parametrize("job", [computes, steps_aside])
@pytest.mark.parametrize("size", [1, 2])
def test_cancelling_at_any_moment_costs_no_thread(nervous: None, size: int, job: Any) -> None:
    """An exception for a thread that has ended would end the new one that has got its number.

    And one for a thread that starts another would end that one, or keep it from being woken.
    """
    ended = threading.Semaphore(0)
    shared = Surroundings(Store(), ended.release)
    lane = Lane("default", size, shared)
    chance = random.Random(size)
    code = Code(b"", b"", (job, ()))
    for first in range(0, 4_000, 40):
        rows = [
            Task(n, n, 1, "x", code, b"", (), n, False, READY) for n in range(first, first + 40)
        ]
        lane.put(rows)
        cancelled = {chance.choice(rows).id for _ in range(8)}
        for number in cancelled:
            lane.withdraw(number, True)
        missing = {row.id for row in rows} - cancelled
        while missing:
            assert ended.acquire(timeout=WAIT_S), (missing, lane.running)
            while shared.done:
                missing.discard(shared.done.popleft()[0].id)
    while lane.doomed or lane.running:
        threading.Event().wait(0.001)
    lane.close()


def test_nothing_is_raised_in_the_middle_of_an_import(tmp_path: Any, monkeypatch: Any) -> None:
    """The interpreter's import lock would be taken for ever."""
    begun, go_on, imported = threading.Event(), threading.Event(), []
    state = SimpleNamespace(begun=begun, go_on=go_on)
    monkeypatch.setitem(sys.modules, "state_of_a_slow_import", state)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "a_slow_import.py").write_text(
        "from state_of_a_slow_import import begun, go_on\nbegun.set()\ngo_on.wait()\nvalue = 5\n"
    )

    def imports() -> None:
        import a_slow_import

        imported.append(a_slow_import.value)
        while True:
            computes()

    shared = Surroundings(Store(), lambda: None)
    lane = Lane("default", 1, shared)
    jobs = {1: imports}
    lane.put([task(1, jobs[1])])
    assert begun.wait(WAIT_S)
    lane.withdraw(1, True)
    assert lane.stuck(0.0) == ["x1"] and not imported
    go_on.set()
    # Again and again, as a worker looks how it is doing.
    while lane.doomed:
        lane.stuck(WAIT_S)
        threading.Event().wait(0.001)
    assert imported == [5] and not shared.done
    lane.close()


def test_a_task_that_gets_no_slot_goes_on_beside_the_others() -> None:
    """The task in the slot may wait for what the other one holds."""
    ended = threading.Semaphore(0)
    shared = Surroundings(Store(), ended.release)
    lane = Lane("default", 1, shared)
    held, away = threading.Event(), threading.Event()
    came = []

    def holds() -> None:
        slot = current_slot()
        came.append(lane.secede(slot))
        away.set()
        assert busy.wait(WAIT_S)
        came.append(lane.rejoin(slot, patience_s=0.0))
        # Once more: it has no slot to lend.
        came.append(lane.secede(slot))
        came.append(lane.rejoin(slot, patience_s=0.0))
        held.set()

    def wants() -> None:
        busy.set()
        came.append(held.wait(WAIT_S))

    busy = threading.Event()
    jobs = {1: holds, 2: wants, 3: lambda: 5}
    lane.put([task(1, jobs[1])])
    assert away.wait(WAIT_S)
    lane.put([task(2, jobs[2])])
    for _ in range(2):
        assert ended.acquire(timeout=WAIT_S)
    lane.put([task(3, jobs[3])])
    assert ended.acquire(timeout=WAIT_S)
    assert came == [True, False, False, False, True]
    assert not lane.seceded and not lane.rejoining
    # What ran beside the other has told its end before its thread has gone.
    while lane.running or lane._threads > 1:
        threading.Event().wait(0.001)
    lane.close()


def test_an_actor_of_a_run_that_nobody_wants_is_not_kept() -> None:
    ended, made, threads = threading.Semaphore(0), list[int](), list[threading.Thread]()
    shared = Surroundings(Store(), ended.release)
    shared.actor = lambda row, actor: made.append(row.id)
    lane = Lane("default", 1, shared)
    given_up = threading.Event()

    def works() -> object:
        threads.append(threading.current_thread())
        del lane.running[current_slot()]  # cancelled just before it ends by itself
        given_up.set()
        return object()

    jobs = {1: works, 2: object}
    rows = [task(1, jobs[1]), task(2, jobs[2])]
    for row in rows:
        row.options = Options([row.id], actor=True)
    lane.put(rows[:1])
    assert given_up.wait(WAIT_S)
    threads[0].join(WAIT_S)
    assert not threads[0].is_alive() and made == []
    lane.close()
    other = Lane("default", 1, shared)
    other.put(rows[1:])
    assert ended.acquire(timeout=WAIT_S)
    assert made == [2]
    other.close()
