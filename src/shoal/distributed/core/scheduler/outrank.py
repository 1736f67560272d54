"""What a user wants sooner overtakes what was sent ahead.

A worker holds a few tasks more than it runs, and its threads take them by priority.  When a user
submits something of a higher priority than those, it would wait in the scheduler until they are
done.  So it is sent as well, a task for each thread at most, although there is no room: the
threads take it first.
"""

from __future__ import annotations

from shoal.distributed.core.scheduler.dispatch import take
from shoal.distributed.core.scheduler.records import Worker
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.core.scheduler.submit import USER
from shoal.distributed.core.scheduler.table import BITS

__all__ = ["outrank"]


def outrank(state: Scheduler, now: float) -> None:
    """Send what users want sooner to workers that have enough of what is wanted later.

    Parameters
    ----------
    state
        The scheduler's.
    now
        The time.

    Examples
    --------
    >>> outrank(Scheduler(), 0.0)
    """
    if not len(state.table):
        state.is_ranked = False
    least = state.settings.steal_s
    for worker in state.workers.values():
        if worker.status != "running" or worker.occupancy < least * worker.threads:
            continue  # it comes to all that it has in a moment
        for _ in range(worker.threads):
            if not is_outranked(state, worker):
                break
            count = len(worker.sent)
            take(state, worker, 1, 0.0, 1, now)
            if len(worker.sent) == count:
                break


def is_outranked(state: Scheduler, worker: Worker) -> bool:
    """Whether something ready is to run before something that waits at a worker for a thread."""
    used = len(worker.sent) - worker.seceded
    if not worker.threads < used < worker.threads * (2 + state.settings.spare):
        return False
    sources = state.sources
    heads = [line[0] for line in (worker.queue, sources.late) if line]
    heads += sources.line_of(worker.number).next(1)
    if not heads:
        return False
    priorities = state.table.priorities
    worst = max([priorities[row] for row in worker.sent])
    return min(heads) >> BITS + USER < worst >> BITS + USER
