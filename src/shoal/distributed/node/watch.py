"""How a worker's process is doing: its memory, its CPU, and which task took how much.

The process is looked at every fifth of a second.  What it has grown by since a task began counts
as that task's peak, shared out evenly when several run.  That is no measurement of a task, but
it finds the one that takes a gigabyte.
"""

from __future__ import annotations

import time

from shoal.distributed.node.headroom import Headroom
from shoal.distributed.node.lane import Slot
from shoal.distributed.node.limits import process_bytes

__all__ = ["Watch"]

MUCH_BYTES = 32 << 20
"""A peak below this is not worth reporting."""

MORE = 1.25
"""Nor is one that is not this much more than what was reported."""


class Watch:
    """Looks at this process now and then.

    Examples
    --------
    >>> watch = Watch()
    >>> watch.look([], Headroom())
    >>> watch.process > 0, watch.cpu >= 0
    (True, True)
    """

    def __init__(self) -> None:
        self.process = process_bytes()
        self.cpu = 0.0
        self.peaks: dict[int, int] = {}
        """Bytes by number of the task, of those that took much."""
        self._at = time.monotonic()
        self._used = time.process_time()

    def look(self, slots: list[Slot], room: Headroom) -> None:
        """Look once.

        Parameters
        ----------
        slots
            The execution threads that run a task.
        room
            Told what was seen.
        """
        self.process = process = process_bytes()
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
                slot.rss_of, slot.rss, slot.told = row, process, MUCH_BYTES
            grown = (process - slot.rss) // share
            if grown > MORE * slot.told:
                self.peaks[row.id] = slot.told = grown
        room.looked(process, share)

    def take_peaks(self) -> list[tuple[int, int]]:
        """Peaks since the last time, by number of the task."""
        found, self.peaks = list(self.peaks.items()), {}
        return found
