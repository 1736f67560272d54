"""Second copies of slow runs: the first report wins, the run's number fences the other."""

from __future__ import annotations

from shoal.distributed.core.scheduler.runs import leave_slot
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.core.scheduler.table import AWAY

__all__ = ["stop_twin"]


def stop_twin(state: Scheduler, row: int, ended: bool = False) -> None:
    """The second copy of a row is not needed, or has ended without a result.

    Examples
    --------
    >>> state = Scheduler()
    >>> stop_twin(state, 5)
    >>> state.outgoing
    {}
    """
    twin = state.twins.pop(row, None)
    if twin is None:
        return
    place, run = twin
    worker = state.workers[place]
    leave_slot(state, worker, row)
    worker.nbytes -= state.table.nbytes[row]
    if not ended:
        number = state.table.numbers[row]
        worker.zombies[run] = number
        worker.stops.setdefault("another run of it was faster", []).append((number, run))
        state.outgoing[place] = worker


def swap_twin(state: Scheduler, row: int) -> None:
    """The second copy becomes the current run, and the first the second."""
    table = state.table
    place, run = state.twins[row]
    if table.flags[row] & AWAY:
        # It was the first one that had given up its slot; of second ones that is not counted.
        table.flags[row] &= ~AWAY
        state.workers[table.place[row]].seceded -= 1
    state.twins[row] = (table.place[row], table.runs[row])
    table.place[row], table.runs[row] = place, run
