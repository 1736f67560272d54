"""Giving work to workers, at the end of every batch of events.

A worker has *room* while it has an idle thread, or fewer spare tasks than one a thread, or less
work ahead than `Settings.ahead_s` for each thread.  It takes the better of its own queue and the
common one, by priority.  First every worker with an idle thread gets a task, and only then are
spares handed out; each worker gets its share of the common queue at most, so that four tasks run
on four workers.

Sources are held back by bytes: a worker whose results, and those that it is expected to make,
exceed the target share of its limit takes nothing from the common queue while tasks with inputs
are ready or running anywhere, because their ends free memory.  When there are none it gets
sources all the same: the computation needs more memory than the target, and has to use it.
"""

from __future__ import annotations

from heapq import heappop

from shoal.distributed.core.scheduler.records import Worker
from shoal.distributed.core.scheduler.runs import begin_choosy
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.core.scheduler.table import ALONE, BITS, CHOOSY, MASK, NOBODY, picker
from shoal.distributed.core.scheduler.transitions import READY, SENT

__all__: list[str] = []

END = 1 << 200
"""After every priority."""

RANK = (1 << 50) - 1

INFINITE = float("inf")

UNUSUAL = ALONE | CHOOSY
"""Flags of tasks that may not begin just anywhere."""


def fill_workers(state: Scheduler, now: float) -> None:
    """Give ready tasks to workers with room.

    Examples
    --------
    >>> fill_workers(Scheduler(), 0.0)
    """
    if state.hold_until >= 0:
        return
    touched = state.touched
    left = len(state.bulk) - state.head + len(state.common)
    if not touched and not (left and state.roomy):
        return
    state.touched = {}
    if state.full and not state.active:
        # Nothing that could free memory is left to wait for.
        touched.update(state.full)
        state.full = {}
    busy = [w for w in touched.values() if w.status == "running"]
    if left and (state.roomy or len(busy) > 1):
        left = give_everyone_one(state, busy, touched, now)
    share = 1 + left // max(1, len(busy) + len(state.roomy)) if left else 0
    for worker in busy:
        if worker.queue or share:
            ahead(state, worker, share, now)
        else:
            note_room(state, worker)
    if left and state.roomy:
        for worker in list(state.roomy.values()):
            if not sources_left(state):
                break
            ahead(state, worker, share, now)


def give_everyone_one(
    state: Scheduler, busy: list[Worker], touched: dict[int, Worker], now: float
) -> int:
    """A task for every idle thread, before anybody gets spares; how many sources are left."""
    for worker in busy:
        idle = worker.threads - len(worker.sent) - len(worker.zombies) + worker.seceded
        if idle > 0:
            take(state, worker, idle, 0.0, idle, now)
    left = sources_left(state)
    if left and state.roomy:
        share_out(state, touched, left, now)
        left = sources_left(state)
    return left


def share_out(state: Scheduler, touched: dict[int, Worker], left: int, now: float) -> None:
    """Other workers with idle threads take from the common queue, in turns."""
    roomy = state.roomy
    for worker in list(roomy.values()):
        idle = worker.threads - len(worker.sent) - len(worker.zombies) + worker.seceded
        if idle > 0 and worker.number not in touched:
            # To the end of the line: the next lone task goes to another worker.
            del roomy[worker.number]
            roomy[worker.number] = worker
            count = 1 if left < len(roomy) else idle
            take(state, worker, count, 0.0, count, now)
            left -= count
            if left <= 0:
                break


def ahead(state: Scheduler, worker: Worker, share: int, now: float) -> None:
    """Spare tasks for a worker, so that it does not have to wait for us."""
    settings, threads = state.settings, worker.threads
    slots, limit = threads * (1 + settings.spare), settings.ahead_s * threads
    used = len(worker.sent) + len(worker.zombies) - worker.seceded
    if used < slots or (worker.occupancy < limit and used < settings.most):
        take(state, worker, slots - used, limit, share, now)
        used = len(worker.sent) + len(worker.zombies) - worker.seceded
    if used >= slots and (worker.occupancy >= limit or used >= settings.most):
        state.roomy.pop(worker.number, None)
    else:
        note_room(state, worker)


def note_room(state: Scheduler, worker: Worker) -> None:
    """Remember a worker that can take more than there was for it."""
    used = len(worker.sent) + len(worker.zombies) - worker.seceded
    number, roomy = worker.number, state.roomy
    if number in state.full or worker.status != "running":
        roomy.pop(number, None)
    elif used < worker.threads * (1 + state.settings.spare) or (
        worker.occupancy < state.settings.ahead_s * worker.threads and used < state.settings.most
    ):
        if number not in roomy:
            roomy[number] = worker
    else:
        roomy.pop(number, None)


def take(
    state: Scheduler, worker: Worker, most: int, limit: float, shares: int, now: float
) -> None:
    """Send ``most`` tasks, or as many as keep the worker busy for ``limit`` seconds of its threads.

    Up to ``shares`` of them come from the common queue.
    """
    if worker.solo >= 0:
        return
    rows = choose(state, worker, most, limit, shares, now)
    if not rows:
        return
    table, number, run, grow = state.table, worker.number, state.next_run, 0
    place, runs, nbytes = table.place, table.runs, table.nbytes
    for row, kind in zip(rows, picker(rows)(table.prefixes)):
        size = nbytes[row] = kind.nbytes
        grow += size
        place[row] = number
        runs[row] = run
        run += 1
    worker.sent.update(dict.fromkeys(rows, now))
    worker.batch += rows
    worker.nbytes += grow
    state.next_run = run
    state.virtual = max(state.virtual, (table.priorities[rows[-1]] >> BITS) & RANK)
    state.outgoing[number] = worker


def choose(
    state: Scheduler, worker: Worker, most: int, limit: float, shares: int, now: float
) -> list[int]:
    """The tasks that a worker gets, in order; they are SENT, and no longer in a queue."""
    table = state.table
    states, place, priorities, flags = table.states, table.place, table.priorities, table.flags
    costs, prefixes, unplaced = table.costs, table.prefixes, state.unplaced
    queue, common, bulk, head = worker.queue, state.common, state.bulk, state.head
    number, end, occupancy = worker.number, len(bulk), worker.occupancy
    room = room_for_sources(state, worker) if shares > 0 else 0.0
    if room <= 0 < shares and (head < end or common):
        shares = hold_back(state, worker)
    source = END
    if shares > 0:
        source = min(bulk[head] if head < end else END, common[0] if common else END)
    fewest, bounded, grow, own, waited = most - state.settings.most, room < INFINITE, 0, 0, 0.0
    rows: list[int] = []
    while most > 0 or (occupancy < limit and most > fewest):
        if queue and queue[0] < source:
            priority, where = heappop(queue), number
        elif source < END:
            priority, where = source, NOBODY
            if common and common[0] == source:
                heappop(common)
            else:
                head += 1
            source = bulk[head] if head < end else END
            if common and common[0] < source:
                source = common[0]
        else:
            break
        row = priority & MASK
        if states[row] != READY or place[row] != where or priorities[row] != priority:
            continue
        if where == NOBODY:
            if unplaced and row in unplaced:
                # An entry of the row's last life, which had the same priority.
                continue
            costs[row] = prefixes[row].seconds
        cost = costs[row]
        if flags[row] & UNUSUAL:
            if not begin_choosy(state, worker, row, state.next_run + len(rows), now):
                wait_here(worker, place, row, priority, cost)
                continue
            if worker.solo >= 0:
                most, limit = 1, 0.0
        states[row] = SENT
        rows.append(row)
        occupancy += cost
        most -= 1
        if where == number:
            own += 1
            waited += cost
        else:
            shares -= 1
            if shares <= 0:
                source = END
        if bounded:
            grow += prefixes[row].nbytes
            if grow > room and source < END:
                shares, source = hold_back(state, worker), END
    if head > state.head:
        forget_taken(state, head)
    worker.occupancy = occupancy
    worker.queued -= own
    worker.backlog = worker.backlog - waited if worker.queued else 0.0
    return rows


def forget_taken(state: Scheduler, head: int) -> None:
    """Sources in front of ``head`` have been taken; now and then their entries go."""
    state.head = head
    if head > 1000 and head > len(state.bulk) >> 1:
        del state.bulk[:head]
        state.head = 0


def wait_here(worker: Worker, place: list[int], row: int, priority: int, cost: float) -> None:
    """A task whose conditions are not met now waits for them at this worker."""
    if place[row] == NOBODY:
        place[row] = worker.number
        worker.queued += 1
        worker.backlog += cost
    worker.blocked.append(priority)


def room_for_sources(state: Scheduler, worker: Worker) -> float:
    """Bytes that results of sources may add to a worker's before it gets no more of them."""
    if not worker.limit or not state.active:
        return INFINITE
    return state.settings.target * worker.limit - worker.nbytes


def hold_back(state: Scheduler, worker: Worker) -> int:
    """A worker gets no source now, because of its memory: how many it may take."""
    state.full[worker.number] = worker
    state.roomy.pop(worker.number, None)
    return 0


def sources_left(state: Scheduler) -> int:
    """How many tasks stand in the common queue, at most."""
    return len(state.bulk) - state.head + len(state.common)
