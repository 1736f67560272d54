"""Workers and tasks in words that people, and other programs, read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shoal.distributed.core.scheduler.names import find
from shoal.distributed.core.scheduler.records import Worker
from shoal.distributed.core.scheduler.state import Scheduler

__all__ = ["describe_worker", "rows_of", "some_workers"]


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
        "nanny": worker.nanny or None,
        "nthreads": worker.threads,
        "memory_limit": worker.limit,
        "resources": dict(worker.resources),
        "status": worker.status,
        "last_seen": worker.heard,
        "started": worker.since,
        "versions": worker.told.versions,
        "held": worker.held,
        "nbytes": worker.nbytes,
        "processing": len(worker.sent),
        "queued": worker.queued,
        "occupancy": worker.occupancy + worker.backlog,
        "metrics": worker.metrics,
    }


def some_workers(state: Scheduler, named: Iterable[str] | None) -> list[Worker]:
    """Workers by address, name or host; all for None.

    Parameters
    ----------
    state
        The scheduler's.
    named
        Names; those of nobody are passed over.

    Examples
    --------
    >>> some_workers(Scheduler(), ["a"])
    []
    """
    if named is None:
        return list(state.workers.values())
    wanted = {str(name) for name in named}
    return [w for w in state.workers.values() if not wanted.isdisjoint((w.address, w.name, w.host))]


def rows_of(state: Scheduler, keys: Iterable[Any] | None) -> list[int]:
    """Rows of the keys that are known; all rows for None.

    Parameters
    ----------
    state
        The scheduler's.
    keys
        Keys, as msgpack may give them (lists for tuples).

    Examples
    --------
    >>> rows_of(Scheduler(), None)
    []
    """
    if keys is None:
        return [row for row, now in enumerate(state.table.states) if now]
    found = (find(state.names, tuple(k) if isinstance(k, list) else k) for k in keys)
    return [row for row in found if row >= 0]
