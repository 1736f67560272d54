"""Workers that others cannot reach although the scheduler can: what they make, nobody gets.

A network may be cut between two workers alone, in both directions or in one.  The one that waits
says so (`Report.unreached`).  What it waits for is computed again (`holdings`), and the worker
that was silent gets no work for a while, or it might be computed there again.  Of two that
accuse each other the first is believed, and somebody always works.
"""

from __future__ import annotations

from shoal.distributed.core.effects import Log
from shoal.distributed.core.scheduler.records import Worker
from shoal.distributed.core.scheduler.retire import empty_queue
from shoal.distributed.core.scheduler.state import Scheduler, set_status

__all__: list[str] = []


def avoid(state: Scheduler, accuser: Worker, number: int, now: float) -> None:
    """A worker could not reach another one, which gets no work for a while.

    Examples
    --------
    See `tests/unit/test_scheduler_faults.py`.

    >>> avoid.__name__
    'avoid'
    """
    worker = state.workers.get(number)
    if worker is None or worker.status != "running" or accuser.status != "running":
        return
    state.unreached[number] = now + state.settings.unreached_s
    set_status(state, worker, "unreached")
    state.roomy.pop(number, None)
    state.full.pop(number, None)
    empty_queue(state, worker)
    text = (
        f"worker {worker.name} at {worker.address} was not reached by {accuser.name}; it gets no "
        f"work for {state.settings.unreached_s:g} s: is there a firewall between them?"
    )
    state.effects.append(Log("warning", text))


def stop_avoiding(state: Scheduler, number: int) -> None:
    """Some time has passed: perhaps it can be reached again.

    Examples
    --------
    >>> stop_avoiding(Scheduler(), 1)
    """
    state.unreached.pop(number, None)
    worker = state.workers.get(number)
    if worker is not None and worker.status == "unreached":
        set_status(state, worker, "running")
        state.touched[number] = worker
