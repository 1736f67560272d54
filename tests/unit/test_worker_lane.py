"""Places of threads: given up, waited for, handed over, and not lost on the way."""

from __future__ import annotations

import threading

from shoal.distributed.core.worker.table import READY, Task
from shoal.distributed.node.functions import Functions
from shoal.distributed.node.lane import Lane, Surroundings, current_slot
from shoal.distributed.node.store import Store

WAIT_S = 60


def task(number: int) -> Task:
    return Task(number, 1, f"x{number}", number, b"", (), number, False, READY)


def test_a_task_that_is_cancelled_while_it_waits_for_a_slot_takes_none_along() -> None:
    ended = threading.Semaphore(0)
    shared = Surroundings(Store(), Functions(), ended.release)
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
    shared.functions.ready.update({n: (job, ()) for n, job in jobs.items()})
    lane.put([task(1)])
    assert away.wait(WAIT_S)
    lane.put([task(2)])
    assert busy.wait(WAIT_S)
    may_rejoin.set()
    assert waits.wait(WAIT_S)
    while not lane.rejoining:
        threading.Event().wait(0.001)
    lane.withdraw(1, 1, True)
    lane.put([task(3)])
    go_on.set()
    for _ in range(2):
        assert ended.acquire(timeout=WAIT_S)
    lane.put([task(4)])
    assert ended.acquire(timeout=WAIT_S)
    assert [completion[0].id for completion in shared.done] == [2, 3, 4]
    assert not lane.rejoining and not lane.seceded
    lane.close()
