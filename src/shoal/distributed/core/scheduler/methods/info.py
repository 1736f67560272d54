"""What is there: the scheduler, its workers, its tasks."""

from __future__ import annotations

from typing import Any

from shoal.distributed.core.scheduler.methods.calls import Method
from shoal.distributed.core.scheduler.records import Party, Worker
from shoal.distributed.core.scheduler.state import Scheduler

__all__ = ["METHODS", "describe_worker"]


def describe_worker(worker: Worker) -> dict[str, Any]:
    """A worker as people see it.

    Parameters
    ----------
    worker
        Which.

    Examples
    --------
    >>> from shoal.distributed.protocol import Register
    >>> worker = Worker(0, 1, Register("a", "inproc://a", 2, 0, {}, {}, "host", 1), 0.0)
    >>> describe_worker(worker)["nthreads"]
    2
    """
    return {
        "type": "Worker",
        "id": worker.name,
        "name": worker.name,
        "number": worker.number,
        "address": worker.address,
        "host": worker.host,
        "pid": worker.pid,
        "nanny": worker.nanny,
        "nthreads": worker.threads,
        "memory_limit": worker.limit,
        "resources": dict(worker.resources),
        "status": worker.status,
        "last_seen": worker.heard,
        "started": worker.since,
        "metrics": worker.metrics,
    }


def scheduler_info(
    state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float
) -> Any:
    """The scheduler, and its workers by address."""
    only = args.get("workers")
    return {
        "type": "Scheduler",
        "id": state.identity,
        "started": state.started,
        "workers": {
            w.address: describe_worker(w)
            for w in state.workers.values()
            if only is None or w.address in only or w.name in only
        },
    }


METHODS: dict[str, Method] = {"scheduler.info": scheduler_info}
