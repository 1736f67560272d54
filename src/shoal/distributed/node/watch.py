"""How a worker's process is doing: its memory, its CPU, and which task took how much.

The process is looked at every fifth of a second, and more often when memory is short.  What it has
grown by since a task began, and results that came meanwhile do not explain, counts as that task's
peak, shared out evenly when several run.  That is no measurement of a task, but it finds the one
that takes a gigabyte, and tells how much room the next one of its kind should have.
"""

from __future__ import annotations

import logging
import math
import time
from typing import Any

from shoal.distributed.core.worker.memory import stays_full
from shoal.distributed.core.worker.table import Task
from shoal.distributed.node.headroom import NOTABLE_BYTES, Headroom
from shoal.distributed.node.lane import Slot, digest_of
from shoal.distributed.node.limits import process_bytes

__all__ = ["Complaints", "Watch"]

log = logging.getLogger("distributed.worker")

MUCH_BYTES = 32 << 20
"""A peak below this is not worth reporting."""

MORE = 1.25
"""Nor is one that is not this much more than what was reported."""

STUCK_S = 5.0
"""When to say that a cancelled task could not be interrupted, or that memory stays full."""


class Watch:
    """Looks at this process now and then.

    Examples
    --------
    >>> watch = Watch()
    >>> watch.look([], Headroom(), 0)
    >>> watch.process > 0, watch.cpu >= 0
    (True, True)
    """

    def __init__(self) -> None:
        self.process = process_bytes()
        self.cpu = 0.0
        self.peaks: dict[int, tuple[Task, int]] = {}
        """Of tasks that took much, by id: the row, and bytes."""
        self._at = time.monotonic()
        self._used = time.process_time()

    def look(self, slots: list[Slot], room: Headroom, managed: int) -> None:
        """Look once.

        Parameters
        ----------
        slots
            The execution threads that run a task.
        room
            Told what was seen.
        managed
            Bytes of the results that are held.
        """
        before, self.process = self.process, process_bytes()
        process = self.process
        now, used = time.monotonic(), time.process_time()
        if now - self._at > 0.05:
            self.cpu = 100 * (used - self._used) / (now - self._at)
            self._at, self._used = now, used
        share = max(1, len(slots))
        for slot in slots:
            row = slot.row
            if row is None:
                continue
            if slot.rss_of is not row:
                # It began since the last look, and may have grown already.
                slot.rss_of, slot.rss, slot.told = row, min(before, process), MUCH_BYTES
                slot.managed = managed
                room.met(digest_of(row))
            grown = (process - slot.rss - max(0, managed - slot.managed)) // share
            if grown > NOTABLE_BYTES:
                room.grew(digest_of(row), grown)
            if grown > MORE * slot.told:
                slot.told = grown
                self.peaks[row.id] = row, grown
        room.looked(process, share)

    def take_peaks(self) -> list[tuple[Task, int]]:
        """Peaks since the last time: rows of tasks, and bytes."""
        found, self.peaks = list(self.peaks.values()), {}
        return found


class Complaints:
    """Says what a person has to see to: tasks that cannot be interrupted, memory that stays full.

    Parameters
    ----------
    worker
        Whose.

    Examples
    --------
    >>> Complaints(None).full_since is None
    True
    """

    def __init__(self, worker: Any) -> None:
        self.worker = worker
        self.full_since: float | None = None

    def look(self, now: float) -> None:
        """Look again; each thing is said once.

        Parameters
        ----------
        now
            The loop's time.
        """
        worker = self.worker
        for key in (key for lane in worker.lanes.values() for key in lane.stuck(STUCK_S)):
            log.warning(
                "worker %s: task %r was cancelled and still runs: it is inside of code that is not "
                "Python, which cannot be interrupted, or catches what interrupts it; its slot is "
                "free, its memory is not",
                worker.name,
                key,
            )
        text = stays_full(worker.core)
        if not text:
            self.full_since = None
        elif self.full_since is None:
            self.full_since = now
        elif now - self.full_since > STUCK_S:
            self.full_since = math.inf
            log.warning("%s", text)
            # Clients wait for tasks that nobody begins.
            worker.log_event("warn", {"text": text})
