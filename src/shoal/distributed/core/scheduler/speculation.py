"""Second copies of stragglers, where the user said that a task may run twice.

When an idle worker is there and a run takes ``Settings.speculate`` times as long as others of its
kind (and at least a tenth of a second), a second run is started on the idle worker.  The first
report wins, and the other run is cancelled; its number tells late reports apart (`twins`).
What runs alone, since workers died while it ran, has no second run beside what others do.
"""

from __future__ import annotations

from shoal.distributed.core.scheduler.records import Worker
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.core.scheduler.stealing import may_move
from shoal.distributed.core.scheduler.table import ALONE, NOTED

__all__: list[str] = []

LEAST_S = 0.1
"""Runs shorter than this are left alone, and looked for no more often."""


def speculate(state: Scheduler, now: float) -> None:
    """Start second copies of stragglers on idle workers.

    Examples
    --------
    >>> speculate(Scheduler(), 0.0)
    """
    if now < state.looked_at + LEAST_S:
        return
    state.looked_at = now
    idle = [w for w in state.roomy.values() if len(w.sent) < w.threads and w.status == "running"]
    if not idle:
        return
    table = state.table
    for worker in list(state.workers.values()):
        for row, since in list(worker.sent.items()):
            options = table.options[row]
            if options is None or not options.speculative or options.resources:
                continue
            if table.flags[row] & ALONE:
                continue
            slow = max(LEAST_S, state.settings.speculate * table.prefixes[row].seconds)
            others = [w for w in idle if w is not worker and may_move(state, row, w)]
            if now - since < slow or row in state.twins or not others:
                continue
            start_twin(state, row, others[0], now)
            idle.remove(others[0])


def start_twin(state: Scheduler, row: int, worker: Worker, now: float) -> None:
    """Run a row that is SENT elsewhere on a second worker as well."""
    table = state.table
    run = state.next_run
    state.next_run += 1
    state.twins[row] = (worker.number, run)
    table.flags[row] |= NOTED
    worker.sent[row] = now
    worker.occupancy += table.costs[row]
    worker.nbytes += table.nbytes[row]
    worker.batch.append((row,))
    worker.seeking.append(row)
    state.outgoing[worker.number] = worker
