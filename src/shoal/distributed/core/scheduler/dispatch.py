"""Giving work to workers, at the end of every batch of events.

A worker has *room* while it has an idle thread, or fewer spare tasks than one a thread, or less
work ahead than `Settings.ahead_s` for each thread.  It takes the better of its own queue and the common
one, by priority.  First every worker with an idle thread gets a task, and only then are spares handed
out; each worker gets its share of the common queue at most, so that four tasks run on four workers.

Sources are held back by bytes: a worker whose results, and those that it is expected to make, exceed the
target share of its limit takes nothing from the common queue while tasks with inputs are ready or
running anywhere, because their ends free memory.  When there are none it gets sources all the same:
the computation needs more memory than the target, and has to use it.
"""

from __future__ import annotations

from heapq import heappop

from shoal.distributed.core.scheduler.records import Worker
from shoal.distributed.core.scheduler.runs import begin_choosy
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.core.scheduler.table import ALONE, BITS, MASK, NOBODY
from shoal.distributed.core.scheduler.transitions import READY, SENT

__all__ = ["fill_workers", "take"]


def fill_workers(state: Scheduler, now: float) -> None:
    """Give ready tasks to workers with room.

    Examples
    --------
    >>> fill_workers(Scheduler(), 0.0)
    """
    touched = state.touched
    if not touched and not (state.common and state.roomy):
        return
    state.touched = {}
    if state.full and not state.active:
        # Nothing that could free memory is left to wait for.
        touched.update(state.full)
        state.full = {}
    busy = [w for w in touched.values() if w.status == "running"]
    for worker in busy:
        idle = worker.threads - len(worker.sent) - len(worker.zombies) + worker.seceded
        if idle > 0:
            take(state, worker, idle, idle, now)
    if state.common:
        share_out(state, touched, now)
    share = 1 + len(state.common) // (len(busy) + len(state.roomy)) if state.common else 0
    for worker in busy:
        if worker.queue or share:
            ahead(state, worker, share, now)
        else:
            note_room(state, worker)
    if state.common and state.roomy:
        for worker in list(state.roomy.values()):
            if not state.common:
                break
            ahead(state, worker, share, now)


def share_out(state: Scheduler, touched: dict[int, Worker], now: float) -> None:
    """Workers with idle threads that nothing has happened to take from the common queue in turns."""
    roomy = state.roomy
    for worker in list(roomy.values()):
        if not state.common:
            break
        idle = worker.threads - len(worker.sent) - len(worker.zombies) + worker.seceded
        if idle > 0 and worker.number not in touched:
            # To the end of the line: the next lone task goes to another worker.
            del roomy[worker.number]
            roomy[worker.number] = worker
            take(state, worker, 1 if len(state.common) < len(roomy) else idle, idle, now)


def ahead(state: Scheduler, worker: Worker, share: int, now: float) -> None:
    """Spare tasks for a worker, so that it does not have to wait for us."""
    settings = state.settings
    slots = worker.threads * (1 + settings.spare)
    limit = settings.ahead_s * worker.threads
    used = len(worker.sent) + len(worker.zombies) - worker.seceded
    if used < slots:
        take(state, worker, slots - used, share, now)
        used = len(worker.sent) + len(worker.zombies) - worker.seceded
    if used >= slots and worker.occupancy < limit and used < settings.most:
        mean = worker.occupancy / used
        count = settings.most - used
        if mean > 0:
            count = min(count, 1 + int((limit - worker.occupancy) / mean))
        take(state, worker, count, max(0, share), now)
    note_room(state, worker)


def note_room(state: Scheduler, worker: Worker) -> None:
    """Remember a worker that can take more than there was for it."""
    used = len(worker.sent) + len(worker.zombies) - worker.seceded
    number = worker.number
    if number in state.full or worker.status != "running":
        state.roomy.pop(number, None)
    elif used < worker.threads * (1 + state.settings.spare) or (
        worker.occupancy < state.settings.ahead_s * worker.threads and used < state.settings.most
    ):
        if number not in state.roomy:
            state.roomy[number] = worker
    elif number in state.roomy:
        del state.roomy[number]


def take(state: Scheduler, worker: Worker, most: int, most_common: int, now: float) -> int:
    """Send up to ``most`` tasks, of these up to ``most_common`` from the common queue."""
    table = state.table
    states, place, priorities, flags = table.states, table.place, table.priorities, table.flags
    queue, common, number = worker.queue, state.common, worker.number
    runs, costs, nbytes, prefixes = table.runs, table.costs, table.nbytes, table.prefixes
    options, batch, sent = table.options, worker.batch, worker.sent
    run = state.next_run
    first_run = run
    occupancy, grow = worker.occupancy, 0
    while most > 0 and worker.solo < 0:
        if queue and (not common or most_common <= 0 or queue[0] < common[0]):
            priority = heappop(queue)
            row = priority & MASK
            if states[row] != READY or place[row] != number or priorities[row] != priority:
                continue
            cost = costs[row]
            if (flags[row] & ALONE or options[row] is not None) and not begin_choosy(
                state, worker, row, run, now
            ):
                worker.blocked.append(priority)
                continue
            worker.queued -= 1
            worker.backlog = worker.backlog - cost if worker.queued else 0.0
        elif common and most_common > 0:
            priority = common[0]
            row = priority & MASK
            if states[row] != READY or place[row] != NOBODY or priorities[row] != priority:
                heappop(common)
                continue
            if worker.limit and holds_back(state, worker, grow):
                most_common = 0
                continue
            heappop(common)
            cost = costs[row] = prefixes[row].seconds
            if (flags[row] & ALONE or options[row] is not None) and not begin_choosy(
                state, worker, row, run, now
            ):
                # It waits here for its turn: a task that runs alone.
                place[row] = number
                worker.queued += 1
                worker.backlog += cost
                worker.blocked.append(priority)
                continue
            most_common -= 1
        else:
            break
        size = prefixes[row].nbytes
        nbytes[row] = size
        grow += size
        occupancy += cost
        states[row] = SENT
        place[row] = number
        runs[row] = run
        run += 1
        sent[row] = now
        batch.append(row)
        most -= 1
    if run > first_run:
        state.next_run = run
        state.virtual = max(state.virtual, (priorities[batch[-1]] >> BITS) & ((1 << 50) - 1))
        worker.nbytes += grow
        worker.occupancy = occupancy
        state.outgoing[number] = worker
    return run - first_run


def holds_back(state: Scheduler, worker: Worker, grow: int) -> bool:
    """Whether a worker gets no source now, because of its memory."""
    if worker.nbytes + grow < state.settings.target * worker.limit or not state.active:
        return False
    state.full[worker.number] = worker
    state.roomy.pop(worker.number, None)
    return True
