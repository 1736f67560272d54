"""One run of one task on one worker: what it takes while it lasts, and gives back at its end."""

from __future__ import annotations

from heapq import heappush

from shoal.distributed.core.scheduler.records import Worker
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.core.scheduler.table import ALONE, AWAY

__all__ = ["begin_choosy"]


def begin_choosy(state: Scheduler, worker: Worker, row: int, run: int, now: float) -> bool:
    """Whether a task with conditions may begin here now; it has taken its resources then.

    Parameters
    ----------
    state, worker
        Where.
    row, run
        A task with options, or one that runs alone.
    now
        The time.

    Examples
    --------
    >>> begin_choosy.__name__
    'begin_choosy'
    """
    table = state.table
    if table.flags[row] & ALONE:
        # One that has seceded may wait for this one.
        if len(worker.sent) > worker.seceded or worker.zombies:
            return False
        worker.solo = row
    options = table.options[row]
    if options is not None:
        free = worker.free
        needs = options.resources
        if needs:
            if any(free.get(name, 0) < much for name, much in needs.items()):
                worker.solo = -1
                return False
            for name, much in needs.items():
                free[name] -= much
        if options.timeout_s is not None:
            due = now + options.timeout_s + state.settings.timeout_grace_s
            heappush(state.deadlines, (due, row, run))
    return True


def end_run(state: Scheduler, worker: Worker, row: int) -> None:
    """The run of a row on a worker is over, however it ended: its slot and resources are free.

    `leave`, or whoever changes the state, looks after the row.
    """
    table = state.table
    flags = table.flags[row]
    if flags & AWAY:
        table.flags[row] = flags & ~AWAY
        worker.seceded -= 1
    options = table.options[row]
    if options is not None and options.resources:
        for name, much in options.resources.items():
            worker.free[name] += much
        unblock(worker)
    leave_slot(state, worker, row)


def leave_slot(state: Scheduler, worker: Worker, row: int) -> None:
    """A worker has a row no more; what waits for that, or for a worker to itself, may begin."""
    sent = worker.sent
    del sent[row]
    worker.occupancy = worker.occupancy - state.table.costs[row] if sent else 0.0
    if worker.solo == row:
        worker.solo = -1
    if len(sent) <= worker.seceded and worker.blocked:
        unblock(worker)
    state.touched[worker.number] = worker


def unblock(worker: Worker) -> None:
    """What could not begin may begin now: back into the queue."""
    for priority in worker.blocked:
        heappush(worker.queue, priority)
    worker.blocked.clear()
