"""What a worker knows, as objects, for tasks, plugins and functions that run there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from shoal.distributed.core.worker.table import LONG, NAMES, READY, TO_RUN, Task
from shoal.distributed.core.worker.table import Worker as Core

__all__ = ["Held", "SchedulerPlace", "WorkerState", "WorkerTask"]


@dataclass(frozen=True)
class SchedulerPlace:
    """Where a scheduler is.

    Parameters
    ----------
    address
        As other processes know it.

    Examples
    --------
    >>> SchedulerPlace("tcp://127.0.0.1:8786").address
    'tcp://127.0.0.1:8786'
    """

    address: str


class Held(Mapping[Any, Any]):
    """The results that a worker has in memory, by key.

    Parameters
    ----------
    worker
        The worker.

    Examples
    --------
    >>> Held.__name__
    'Held'
    """

    def __init__(self, worker: Any) -> None:
        self._worker = worker

    def _ids(self) -> dict[Any, int]:
        values, rows = self._worker.store.values, list(self._worker.core.tasks.values())
        return {row.key: row.id for row in rows if row.id in values}

    def __getitem__(self, key: Any) -> Any:
        return self._worker.store.get(self._ids()[key])

    def __iter__(self) -> Iterator[Any]:
        return iter(self._ids())

    def __len__(self) -> int:
        return len(self._ids())


@dataclass(frozen=True)
class WorkerTask:
    """A task on a worker, as it was when it was asked for.

    Parameters
    ----------
    key
        Its key.
    state
        ``"waiting"``, ``"ready"``, ``"memory"``, ...: see `core.worker.table`.
    nbytes
        Size of the result.
    priority
        Lower runs first.
    exception
        What it raised, for plugins that watch tasks.

    Examples
    --------
    >>> WorkerTask("x", "ready", 0, 0).state
    'ready'
    """

    key: Any
    state: str
    nbytes: int
    priority: int
    exception: BaseException | None = None

    @property
    def traceback(self) -> TracebackType | None:
        """Where it was raised."""
        return None if self.exception is None else self.exception.__traceback__


class WorkerState:
    """What a worker knows of its tasks.

    Parameters
    ----------
    core
        Its state machine.
    failures
        Tasks that failed lately, and why; where plugins watch tasks.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> state = WorkerState(Core(Settings("a", "inproc://a", 1)))
    >>> state.tasks, state.nthreads
    ({}, 1)
    """

    def __init__(self, core: Core, failures: Mapping[Any, BaseException] | None = None) -> None:
        self._core = core
        self._failures = failures or {}

    def _rows(self) -> list[Task]:
        return list(self._core.tasks.values())

    @property
    def tasks(self) -> dict[Any, WorkerTask]:
        """The tasks and results that it knows, by key."""
        failed = list(self._failures.items())
        return {key: WorkerTask(key, "error", 0, 0, error) for key, error in failed} | {
            row.key: WorkerTask(row.key, NAMES[row.state], row.nbytes, row.priority)
            for row in self._rows()
        }

    @property
    def nthreads(self) -> int:
        """How many tasks it may run at once."""
        return self._core.settings.nthreads

    @property
    def executing_count(self) -> int:
        """How many tasks its threads are running."""
        return self._core.executing

    @property
    def ready_count(self) -> int:
        """How many have been handed to its threads and have not ended."""
        return sum(row.state == READY for row in self._rows())

    @property
    def long_running(self) -> set[Any]:
        """Keys of those that have given up their slots."""
        return {row.key for row in self._rows() if row.state == LONG}

    @property
    def all_running_tasks(self) -> set[Any]:
        """Keys of those that it was given and that have not ended."""
        return {row.key for row in self._rows() if row.state in TO_RUN}
