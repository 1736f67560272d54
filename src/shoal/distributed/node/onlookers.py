"""Plugins of a worker that watch its tasks: ``transition(key, start, finish)``.

Execution threads take and end tasks without a word to anybody, which is why a task costs so little.
What the loop hears of in any case (what it hands to the threads, what has ended, what has come from
other workers, what is let go) is enough to say where a task has been, in order, a moment later.
Users' code takes its time, so it runs in a thread beside the loop, one call after the other.

A worker without such plugins looks at one dictionary a batch, and does nothing else.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from shoal.distributed.core.worker.table import Task
from shoal.distributed.node.serve import Offload
from shoal.distributed.protocol import Key
from shoal.serialize.exceptions import load_exception

__all__ = ["Failures", "Onlookers"]

log = logging.getLogger("distributed.worker")

Watcher: TypeAlias = Callable[..., Any]

ENDS = {"": "memory", "returned": "released", "rescheduled": "rescheduled"}
"""What a run leads to, by its kind in a completion; any other kind is an error."""

MOST_FAILED = 100
"""Tasks that failed and are still known, for plugins that look at why."""


class Failures(dict[Any, BaseException]):
    """The exceptions of the tasks that failed last, by key.

    Examples
    --------
    >>> failures = Failures()
    >>> for number in range(200):
    ...     failures.note(number, ValueError(number))
    >>> len(failures), min(failures)
    (100, 100)
    """

    def note(self, key: Key, error: BaseException) -> None:
        """Remember one; the oldest is forgotten.

        Parameters
        ----------
        key, error
            The task, and what it raised.
        """
        self.pop(key, None)
        self[key] = error
        while len(self) > MOST_FAILED:
            del self[next(iter(self))]


class Onlookers:
    """Tells those who watch a worker's tasks what became of them; its methods are the loop's.

    Parameters
    ----------
    watchers
        By name of a plugin its method ``transition``; changed by others.
    beside
        Calls in a thread of its own, in order.

    Examples
    --------
    >>> class Now:
    ...     def put(self, call, *args):
    ...         call(*args)
    >>> onlookers = Onlookers({"mine": lambda *change, **more: print(change)}, Now())
    >>> task = Task(1, 7, 1, "x", None, b"", (), 0, False, 0)
    >>> onlookers.handed([task])
    ('x', 'waiting', 'ready')
    >>> onlookers.ended([(task, "", 28, "int", 0.1, 0.0, None, 5)])
    ('x', 'ready', 'executing')
    ('x', 'executing', 'memory')
    >>> onlookers.freed([1])
    ('x', 'memory', 'released')
    """

    def __init__(self, watchers: Mapping[str, Watcher], beside: Offload | Any = None) -> None:
        self.watchers = watchers
        self.failures = Failures()
        self._beside = beside or Offload("shoal-onlookers")
        self._held: dict[int, Key] = {}

    def handed(self, rows: Iterable[Task]) -> None:
        """The threads have been given tasks.

        Parameters
        ----------
        rows
            Of the worker's table.
        """
        self._tell([(row.key, "waiting", "ready") for row in rows], {})

    def ended(self, completions: Iterable[Any]) -> None:
        """Runs have ended.

        Parameters
        ----------
        completions
            As for `core.worker.machine.finished`.
        """
        changes = []
        failed: dict[Key, bytes] = {}
        for row, kind, _, _, _, _, data, *_ in completions:
            finish = ENDS.get(kind, "error")
            if kind == "returned":
                changes.append((row.key, "ready", finish))
                continue
            changes.append((row.key, "ready", "executing"))
            changes.append((row.key, "executing", finish))
            if finish == "memory":
                self._held[row.id] = row.key
            elif finish == "error":
                failed[row.key] = data
        self._tell(changes, failed)

    def came(self, ids: Iterable[int], tasks: Mapping[int, Task]) -> None:
        """Results of other workers are here.

        Parameters
        ----------
        ids
            Of their rows.
        tasks
            The worker's table.
        """
        keys = {id: tasks[id].key for id in ids if id in tasks}
        self._held.update(keys)
        self._tell([(key, "flight", "memory") for key in keys.values()], {})

    def freed(self, ids: Iterable[int]) -> None:
        """Results are let go; of those that came before anybody watched nobody is told.

        Parameters
        ----------
        ids
            Of their rows, or of rows that are unknown.
        """
        if not self._held:
            return
        keys = [self._held.pop(id) for id in ids if id in self._held]
        self._tell([(key, "memory", "released") for key in keys], {})

    def close(self) -> None:
        """End the thread when all has been told."""
        self._beside.close()

    def _tell(self, changes: list[tuple[Key, str, str]], failed: dict[Key, bytes]) -> None:
        if changes:
            self._beside.put(self._call, changes, failed)

    def _call(self, changes: list[tuple[Key, str, str]], failed: dict[Key, bytes]) -> None:
        for key, start, finish in changes:
            if finish == "error":
                self.failures.note(key, _rebuilt(failed[key]))
            elif finish == "memory":
                self.failures.pop(key, None)  # it was tried again
            for name, watcher in list(self.watchers.items()):
                try:
                    watcher(key, start, finish)
                except Exception:
                    log.exception("the worker plugin %r failed in transition", name)


def _rebuilt(data: bytes) -> BaseException:
    """What a task raised, or what is wrong with it."""
    try:
        return load_exception(pickle.loads(data))
    except Exception as error:
        return error
