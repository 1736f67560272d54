"""A task begins when there is room for what it is expected to take, or nothing can make any."""

from __future__ import annotations

import threading

import pytest

from shoal.distributed.core.worker import machine
from shoal.distributed.core.worker.effects import Nudge, Pause, Spill
from shoal.distributed.core.worker.table import READY, Code, Settings, Task, Worker
from shoal.distributed.net.shared import POOL, Pool, idle_bytes, share, shared_bytes
from shoal.distributed.node.headroom import Headroom
from shoal.distributed.node.lane import Lane, Slot, Surroundings
from shoal.distributed.node.store import Store
from shoal.distributed.node.watch import Watch
from shoal.distributed.protocol import ROW_BITS, Run
from shoal.serialize.pickles import dumps

WAIT_S = 60
MAKE = Code(b"make", b"", (lambda size: bytes(size), None))
MIB = 1 << 20


@pytest.fixture
def executor():
    """A lane of one thread; what it asks for is made into bytes of a pretended process."""
    process = [0]
    shared = Surroundings(Store(), lambda: None)
    shared.room = Headroom(lambda: process[0])
    lane = Lane("default", 1, shared)
    asked = []
    seen = threading.Semaphore(0)
    shared.short = lambda lacking: (asked.append(lacking), seen.release())
    ended = threading.Semaphore(0)
    shared.poke = ended.release
    yield lane, process, asked, seen, ended
    lane.close()


def task(number: int, size: int) -> Task:
    args = bytes(dumps((size,)).head)
    return Task(number, number, 1, f"x{number}", MAKE, args, (), number, False, READY)


def test_a_task_that_would_take_too_much_waits_until_the_loop_says_go_on(executor):
    lane, process, asked, seen, ended = executor
    room = lane.shared.room
    room.ceiling = 10 * MIB
    room.looked(0, 1)
    lane.put([task(1, 4 * MIB)])
    assert ended.acquire(timeout=WAIT_S)
    process[0] = 8 * MIB  # its result, and something else
    room.looked(8 * MIB, 1)
    lane.put([task(2, 4 * MIB)])
    assert seen.acquire(timeout=WAIT_S)
    assert len(asked) == 1 and 2 * MIB <= asked[0] < 2 * MIB + 100
    assert lane.paused and 2 in lane.queued
    process[0] = 5 * MIB
    lane.pause(False)
    assert ended.acquire(timeout=WAIT_S)
    assert [row[0].id for row in lane.shared.done] == [1, 2]


def test_a_nudged_task_begins_without_room(executor):
    lane, process, _, seen, ended = executor
    lane.shared.room.ceiling = process[0] = 10 * MIB
    lane.shared.room.looked(11 * MIB, 1)
    process[0] = 11 * MIB
    lane.put([task(1, 8)])
    assert seen.acquire(timeout=WAIT_S)
    lane.nudge()
    assert ended.acquire(timeout=WAIT_S)
    assert not lane.queued


def worker(**more) -> Worker:
    w = Worker(Settings("a", "inproc://a", 1, memory_limit=1000, spillable_bytes=1, **more))
    machine.connected(w, 1, "scheduler", 0.0)
    machine.drain(w, 0.0)
    return w


def run(w: Worker, *ids: int) -> list[Task]:
    count = len(ids)
    columns = [list(ids), [1] * count, [f"x{i}" for i in ids], [-1] * count, [b""] * count]
    machine.received(
        w, 1, Run(*columns, [()] * count, [id << ROW_BITS for id in ids], [False] * count), [], 0.0
    )
    return [row for effect in machine.drain(w, 0.0) for row in getattr(effect, "tasks", [])]


def test_results_go_to_disk_until_the_next_task_fits():
    w = worker()
    rows = run(w, *range(1, 6))
    machine.finished(w, [(row, "", 100, "", 0.0, 0.0, None) for row in rows[:4]], 0.0)
    machine.drain(w, 0.0)
    machine.measured(w, 650, 0.0, 0, 0.0)
    machine.short(w, 100, 0.0)
    effects = machine.drain(w, 0.0)
    assert Pause(True) in effects
    assert [e.ids for e in effects if isinstance(e, Spill)] == [[rows[0].id]]
    machine.spilled(w, rows[0].id, 0.0)
    assert Pause(False) in machine.drain(w, 0.0)
    assert not w.floor


def test_when_nothing_can_make_room_tasks_are_let_through_one_by_one():
    w = worker()
    run(w, 1, 2)
    machine.measured(w, 700, 0.0, 0, 0.0)
    machine.short(w, 200, 0.0)
    assert [e for e in machine.drain(w, 0.0) if isinstance(e, (Pause, Nudge))] == [
        Pause(True),
        Nudge(),
    ]


def test_nothing_waits_for_room_that_no_task_asks_for_any_more():
    w = worker()
    rows = run(w, 1)
    machine.measured(w, 700, 0.0, 1, 0.0)
    machine.short(w, 200, 0.0)
    machine.finished(w, [(rows[0], "raised", 0, "", 0.0, 0.0, b"")], 0.0)
    machine.measured(w, 700, 0.0, 0, 0.0)
    machine.drain(w, 0.0)
    assert not w.paused


def test_what_a_task_takes_on_its_way_is_room_that_the_next_one_needs(executor, monkeypatch):
    lane, process, *_ = executor
    room = lane.shared.room
    room.ceiling = 10 * MIB
    monkeypatch.setattr("shoal.distributed.node.watch.process_bytes", lambda: process[0])
    watch, slot = Watch(), Slot(lane)
    slot.row = task(1, 0)
    watch.look([slot], room, 0)
    process[0] = 7 * MIB
    watch.look([slot], room, 4 * MIB)  # of which results that came explain four
    process[0] = 8 * MIB
    assert room.lacking(b"make", []) == MIB and room.lacking(b"other", []) == 0
    # Others of its kind take less: that is believed bit by bit.
    for number in range(2, 30):
        slot.row = task(number, 0)
        watch.look([slot], room, 0)
    assert room.lacking(b"make", []) == 0


def test_shared_memory_counts_as_soon_as_it_waits_for_another_use():
    POOL.clear()  # memory that tests before have left would be used again
    before = shared_bytes()
    (view,) = share([bytes(4 * MIB)])
    assert shared_bytes() - before >= 4 * MIB
    del view
    assert shared_bytes() - before >= 4 * MIB


def test_memory_that_somebody_else_uses_is_not_unused():
    pool = Pool()
    segment, _ = pool.make([bytes(1000)])
    assert pool.unused_bytes == 0
    del segment
    assert pool.unused_bytes == 4096
    pool.clear()


def test_memory_that_waits_for_another_use_goes_before_a_task_waits():
    views = share([bytes(MIB)])
    del views
    assert idle_bytes() >= MIB
    room = Headroom(lambda: 8 * MIB + idle_bytes())
    room.ceiling = 8 * MIB
    assert room.lacking(1, []) == 0
    assert idle_bytes() == 0
