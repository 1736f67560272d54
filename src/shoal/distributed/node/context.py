"""What a task can learn of where it runs: its worker, its own key, a client; and how to step aside.

A thread that runs a task has a `Slot`; a coroutine that is a task has it in a context variable.
Threads that a task starts itself know nothing of it.

While a task waits for other tasks it gives up its slot (`waiting`), so tasks that submit tasks
cannot fill a worker with waiting: whoever waits inside of a task does it through here.
"""

from __future__ import annotations

import os
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from shoal.distributed.core.worker.table import Task
from shoal.distributed.node.lane import Slot, current_slot
from shoal.errors import ClusterError

if TYPE_CHECKING:
    from shoal.distributed.node.worker import Worker

__all__ = [
    "current_task",
    "find_worker",
    "get_worker",
    "rejoin",
    "secede",
    "slot_here",
    "thread_state",
    "waiting",
]

coroutine_slot: ContextVar[Slot | None] = ContextVar("shoal_slot", default=None)
"""Of the coroutine that runs as a task."""

outside: ContextVar[Any] = ContextVar("shoal_worker", default=None)
"""The worker whose code runs outside of a task: plugins, preloads, functions of `Client.run`."""

os.register_at_fork(after_in_child=lambda: (coroutine_slot.set(None), outside.set(None)))


def slot_here() -> Slot | None:
    """The slot of the task that calls, or None outside of tasks.

    Examples
    --------
    >>> slot_here() is None
    True
    """
    return current_slot() or coroutine_slot.get()


def current_task() -> Task | None:
    """The task that calls, or None outside of tasks.

    Examples
    --------
    >>> current_task() is None
    True
    """
    slot = slot_here()
    return slot.row if slot is not None else None


class _ThreadState:
    """What libraries look at to learn whether they run inside of a task."""

    @property
    def execution_state(self) -> dict[str, Any]:
        """The worker and the key of the task that calls; missing outside of tasks."""
        task = current_task()
        if task is None:
            raise AttributeError("no task runs here, so there is no execution_state")
        return {"worker": find_worker(), "key": task.key}


thread_state = _ThreadState()


def find_worker() -> Any:
    """The worker that the calling code runs on, or None.

    Examples
    --------
    >>> find_worker() is None
    True
    """
    slot = slot_here()
    if slot is not None:
        return slot.lane.shared.owner
    return outside.get()


def get_worker() -> Worker:
    """The worker that the calling task runs on.

    Raises
    ------
    ValueError
        The caller is no task.

    Examples
    --------
    >>> get_worker()
    Traceback (most recent call last):
    ...
    ValueError: get_worker() works inside of tasks only; this code does not run on a worker
    """
    worker = find_worker()
    if worker is None:
        raise ValueError(
            "get_worker() works inside of tasks only; this code does not run on a worker"
        )
    return worker  # type: ignore[no-any-return]


def secede() -> None:
    """Give up the calling task's slot: the worker begins another task, and this one runs on.

    Raises
    ------
    ClusterError
        The caller is no task.

    Examples
    --------
    >>> secede()
    Traceback (most recent call last):
    ...
    shoal.errors.ClusterError: secede() works inside of tasks only
    """
    slot = slot_here()
    if slot is None or slot.row is None:
        raise ClusterError("secede() works inside of tasks only")
    row = slot.row
    if slot.lane.secede(slot):
        slot.lane.shared.owner.told_seceded(row)


def rejoin(patience_s: float | None = None) -> None:
    """Wait for a slot again, after `secede`.

    Parameters
    ----------
    patience_s
        Go on without one after so long; None: wait as long as it takes.

    Raises
    ------
    ClusterError
        The caller is no task.

    Examples
    --------
    >>> rejoin()
    Traceback (most recent call last):
    ...
    shoal.errors.ClusterError: rejoin() works inside of tasks only
    """
    slot = slot_here()
    if slot is None or slot.row is None:
        raise ClusterError("rejoin() works inside of tasks only")
    row = slot.row
    if slot.lane.rejoin(slot, patience_s):
        slot.lane.shared.owner.told_rejoined(row)


PATIENCE_S = 1.0
"""How long a task that lent its slot, while it waited for something, waits for one in turn."""


class waiting:
    """Give up the slot while the calling task waits for something; nothing outside of tasks.

    Afterwards the task wants a slot again, but not at any price: a task that runs in the slot may
    wait for something that this one holds, such as a lock of `threading`.  So after a while it goes
    on without, beside as many tasks as the worker has threads.

    Parameters
    ----------
    patience_s
        How long that is.

    Examples
    --------
    >>> with waiting():
    ...     pass
    """

    __slots__ = ("_gave_up", "_patience_s")

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s

    def __enter__(self) -> None:
        slot = slot_here()
        self._gave_up = slot is not None and slot.row is not None and slot not in slot.lane.seceded
        if self._gave_up:
            secede()

    def __exit__(self, *_: object) -> None:
        if self._gave_up:
            rejoin(self._patience_s)
