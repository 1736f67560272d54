"""A record of what happened, bounded and cheap: one entry a message, not one a task.

An entry keeps the list of numbers that the message had, so that recording a thousand tasks costs as
much as recording one.  What a person asks (the story of one key) is searched for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Any

from shoal.distributed.core.scheduler.names import spelled
from shoal.distributed.core.scheduler.records import Prefix

__all__ = ["Story", "Stream"]


class Story:
    """The last events, oldest first.

    Parameters
    ----------
    most
        Numbers of tasks, over all entries, that are kept at most.

    Examples
    --------
    >>> story = Story(100)
    >>> story.add(0.5, "sent", "worker-a", [1, 2])
    >>> story.of(2)
    [(0.5, 'sent', 'worker-a')]
    """

    __slots__ = ("entries", "most", "size")

    def __init__(self, most: int) -> None:
        self.most = most
        self.size = 0
        self.entries: deque[tuple[float, str, str, Sequence[int]]] = deque()

    def add(self, now: float, what: str, whom: str, numbers: Sequence[int]) -> None:
        """Something happened to some tasks."""
        entries = self.entries
        entries.append((now, what, whom, numbers))
        self.size += len(numbers) + 1
        while self.size > self.most:
            self.size -= len(entries.popleft()[3]) + 1

    def of(self, number: int) -> list[tuple[float, str, str]]:
        """What happened to one task."""
        return [(now, what, whom) for now, what, whom, numbers in self.entries if number in numbers]


class Stream:
    """The last runs, with their times: columns of a report each.

    Keys and kinds are spelled out when somebody asks for them.

    Parameters
    ----------
    most
        Runs that are kept at most.

    Examples
    --------
    >>> stream = Stream(100)
    >>> stream.add("worker-a", ["x"], [0], [Prefix("inc", 0.5, 8)], [0.5], [0.1], [8])
    >>> stream.since(0)
    [('worker-a', (['x'], ['inc'], [0.5], [0.1], [8]))]
    """

    __slots__ = ("count", "entries", "most", "size")

    def __init__(self, most: int) -> None:
        self.most = most
        self.size = 0
        self.count = 0
        """Reports that were ever added."""
        self.entries: deque[tuple[str, tuple[Sequence[Any], ...]]] = deque()

    def add(
        self,
        worker: str,
        names: Sequence[Any],
        flats: Sequence[int],
        kinds: Sequence[Prefix],
        starts: list[float],
        seconds: list[float],
        nbytes: list[int],
    ) -> None:
        """Runs have ended; names, flats and kinds are those of the table."""
        self.entries.append((worker, (names, flats, kinds, starts, seconds, nbytes)))
        self.count += 1
        self.size += len(names)
        while self.size > self.most:
            self.size -= len(self.entries.popleft()[1][0])

    def since(
        self, cursor: int, most: int | None = None
    ) -> list[tuple[str, tuple[Sequence[Any], ...]]]:
        """Reports after the first ``cursor`` that were ever added, as far as they are kept.

        Of each its worker, and keys, names of kinds, starts, seconds and bytes; the last ``most``.
        """
        new, there = self.count - cursor, len(self.entries)
        if not 0 <= new < there:
            new = there
        if most is not None:
            new = min(new, most)
        return [
            (worker, (spelled(names, flats), [kind.name for kind in kinds], *times))
            for worker, (names, flats, kinds, *times) in islice(self.entries, there - new, None)
        ]
