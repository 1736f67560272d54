"""How a process of the cluster is doing, told when somebody asks: CPU, memory, and stacks.

Nothing here runs while nobody asks.  `Stacks` begins to look at the first question, and stops a
while after the last one.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from shoal.distributed.node.limits import resident_bytes
from shoal.distributed.node.profile import add, merge, new_tree
from shoal.distributed.node.profile import lock as looking

__all__ = ["Loads", "Stacks", "busy_seconds", "open_files", "process_vitals"]

INTERVAL_S = 0.02
STRETCH_S = 1.0
KEPT = 600
LEASE_S = 30.0
"""How long after the last question it goes on."""


class Stacks:
    """Where the threads of this process spend their time, while somebody wants to know.

    Parameters
    ----------
    interval_s
        Between looks; 0 for none at all.

    Examples
    --------
    >>> Stacks(0).tree()["count"]
    0
    """

    def __init__(self, interval_s: float = INTERVAL_S) -> None:
        self.interval_s = interval_s
        self._stretches: deque[tuple[float, dict[str, Any]]] = deque(maxlen=KEPT)
        self._until = 0.0
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def tree(
        self,
        start: float | None = None,
        stop: float | None = None,
        without: Iterable[int] = (),
    ) -> dict[str, Any]:
        """What was seen; the first question only begins it.

        Parameters
        ----------
        start, stop
            Seconds since the epoch; default: all that is kept.
        without
            Threads that are not looked at.
        """
        self.look(without)
        first, last = start or 0.0, math.inf if stop is None else stop
        return merge([tree for begun, tree in list(self._stretches) if first <= begun <= last])

    def times(self) -> list[tuple[float, int]]:
        """How many samples there are of each stretch: (when it began, in seconds, count)."""
        return [(begun, tree["count"]) for begun, tree in list(self._stretches)]

    def look(self, without: Iterable[int] = ()) -> None:
        """Look from now on, for a while.

        Parameters
        ----------
        without
            Threads that are not looked at.
        """
        self._without = frozenset(without)
        if not self.interval_s:
            return
        with self._lock:
            self._until = time.monotonic() + LEASE_S
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="shoal-stacks", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        me = threading.get_ident()
        while True:
            with self._lock:
                if time.monotonic() > self._until:
                    self._thread = None
                    return
            time.sleep(self.interval_s)
            now = time.time()
            if not self._stretches or now - self._stretches[-1][0] > STRETCH_S:
                self._stretches.append((now, new_tree()))
            self._sample(me, self._stretches[-1][1])

    def _sample(self, me: int, tree: dict[str, Any]) -> None:
        """Look once.

        No frame may be kept while this thread sleeps: it keeps what its function has, and those
        that called it, such as the futures of a program that has let go of them.
        """
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        with looking:
            frames = sys._current_frames()
            del frames[me]
            for ident, frame in frames.items():
                if ident in self._without:
                    continue
                tree["count"] += 1
                name = f"thread {names.get(ident, ident)};;"
                below = tree["children"].setdefault(name, new_tree(name))
                add(below, frame, hidden=())


def open_files() -> int:
    """How many descriptors this process has open; 0 where that cannot be known.

    Examples
    --------
    >>> open_files() >= 0
    True
    """
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 0


def busy_seconds() -> float:
    """How long this thread has had something to do: its CPU time, and its waiting for a CPU.

    On a busy machine a loop that never sleeps may get half of a CPU, and is no less a bottleneck.
    Where the system does not tell, it is the CPU time alone.

    Examples
    --------
    >>> busy_seconds() > 0
    True
    """
    try:
        with open("/proc/thread-self/schedstat", "rb") as file:
            ran, waited, _ = file.read().split()
    except (OSError, ValueError):
        return time.thread_time()
    return (int(ran) + int(waited)) / 1e9


class Loads:
    """How busy one thread was, looked at once a second while it works, for some minutes.

    Examples
    --------
    >>> loads = Loads()
    >>> loads.note(5.0), loads.note(5.5), loads.note(6.5)
    (None, None, None)
    >>> [now for now, _ in loads.rows]
    [5.0, 6.5]
    """

    def __init__(self) -> None:
        self.rows: deque[tuple[float, float]] = deque(maxlen=KEPT)
        """(time, seconds that it had been busy)."""
        self._due = 0.0

    def note(self, now: float) -> None:
        """Look, if it is time; in the thread.

        Parameters
        ----------
        now
            Seconds.
        """
        if now > self._due:
            self._due = now + STRETCH_S
            self.rows.append((now, busy_seconds()))


def process_vitals() -> dict[str, Any]:
    """CPU seconds, bytes and descriptors of this process, and how busy this thread was.

    Examples
    --------
    >>> sorted(process_vitals())
    ['cpu_s', 'fds', 'loop_s', 'memory', 'pid', 'python', 'threads']
    """
    return {
        "pid": os.getpid(),
        "python": sys.version.split()[0],
        "cpu_s": time.process_time(),
        "loop_s": busy_seconds(),
        "memory": resident_bytes(),
        "fds": open_files(),
        "threads": threading.active_count(),
    }
