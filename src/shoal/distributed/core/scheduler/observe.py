"""What has happened lately, for people who look: bounded, and cheap while nobody does.

What stands in the table needs no history.  What passes is kept here: transfers, failures (also
those that were tried again), and how workers were, once a second.  Histories of tasks are
in `story`.

Rings have a count of all that was ever added.  An observer says up to which it has read (its
*cursor*) and gets what is newer; the scheduler does not know its observers.

`Census` counts tasks by kind and state without a counter on the way of every task: it goes
over the table slice by slice, a few milliseconds at a time, and only when it is asked.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from itertools import islice
from typing import Any, Generic, TypeVar

from shoal.distributed.core.scheduler.names import key_of
from shoal.distributed.core.scheduler.records import Prefix, Worker
from shoal.distributed.core.scheduler.table import MASK, Table
from shoal.distributed.core.scheduler.transitions import MEMORY

__all__ = ["KINDS", "OTHERS", "SAMPLE", "Census", "Observed", "Ring", "Samples"]

T = TypeVar("T")

SAMPLE = ("time", "memory", "managed", "spilled", "cpu", "executing", "queued", "gil")
"""What a sample of a worker has, all as 32-bit floats; times are seconds after `Observed.began`."""

SAMPLES = 600
EVERY_S = 1.0

KINDS = 500
"""Kinds of tasks, times their states, that are told apart in a slice of the table."""

OTHERS = Prefix("(others)", 0.0, 0)

FLOWS = 20_000
FAILURES = 1_000


class Ring(Generic[T]):
    """The last things of a kind, and how many there ever were.

    Parameters
    ----------
    most
        How many are kept.

    Examples
    --------
    >>> ring = Ring(2)
    >>> for thing in "abc":
    ...     ring.add(thing)
    >>> ring.since(0), ring.since(2), ring.since(9)
    (['b', 'c'], ['c'], ['b', 'c'])
    """

    __slots__ = ("count", "entries")

    def __init__(self, most: int) -> None:
        self.count = 0
        self.entries: deque[T] = deque(maxlen=most)

    def add(self, entry: T) -> None:
        """Something new."""
        self.count += 1
        self.entries.append(entry)

    def since(self, cursor: int) -> list[T]:
        """What came after the first ``cursor`` things; a cursor of another ring gets all."""
        new = self.count - cursor
        if new >= len(self.entries) or new < 0:
            return list(self.entries)
        return list(islice(self.entries, len(self.entries) - new, None))


class Samples:
    """How one worker was, in a ring of floats: 19 KB.

    Examples
    --------
    >>> samples = Samples()
    >>> samples.add((1.0, 100, 50, 0, 99.0, 1, 0, 0.5))
    >>> samples.rows()
    [(1.0, 100.0, 50.0, 0.0, 99.0, 1.0, 0.0, 0.5)]
    """

    __slots__ = ("at", "column", "count")

    def __init__(self) -> None:
        self.column = array("f")
        self.count = 0
        self.at = -EVERY_S
        """Time of the last one."""

    def add(self, values: tuple[float, ...]) -> None:
        """One more; the oldest goes."""
        width = len(SAMPLE)
        if self.count < SAMPLES:
            self.column.extend(values)
        else:
            first = self.count % SAMPLES * width
            self.column[first : first + width] = array("f", values)
        self.count += 1
        self.at = values[0]

    def rows(self, since: int = 0) -> list[tuple[float, ...]]:
        """Samples, oldest first, without the first ``since`` of all there ever were."""
        width, kept = len(SAMPLE), min(self.count, SAMPLES)
        first = max(since, self.count - kept)
        places = [i % SAMPLES * width for i in range(first, self.count)]
        return [tuple(self.column[at : at + width]) for at in places]


class Census:
    """Tasks by kind and state, and what results of a kind take.

    Parameters
    ----------
    size
        Rows of a slice.

    Examples
    --------
    >>> census = Census()
    >>> census.look(Table())
    >>> census.tasks, census.complete
    (Counter(), True)
    """

    __slots__ = ("next", "size", "slices")

    def __init__(self, size: int = 8_192) -> None:
        self.size = size
        self.slices: list[Counter[Any]] = []
        self.next = 0

    def look(self, table: Table, slices: int = 2) -> None:
        """Count some slices anew, the ones counted longest ago.

        Parameters
        ----------
        table
            The scheduler's.
        slices
            How many.
        """
        wanted = -(-len(table.states) // self.size)
        del self.slices[wanted:]
        for _ in range(min(slices, wanted)):
            if len(self.slices) < wanted:
                at = len(self.slices)
                self.slices.append(Counter())
            else:
                at = self.next = self.next % wanted
                self.next += 1
            rows = slice(at * self.size, (at + 1) * self.size)
            found: Counter[Any] = Counter(zip(table.prefixes[rows], table.states[rows]))
            self.slices[at] = found if len(found) <= KINDS else few(found)

    @property
    def tasks(self) -> Counter[Any]:
        """How many tasks there are of each (kind, state)."""
        total: Counter[Any] = Counter()
        for part in self.slices:
            total.update(part)
        return total

    @property
    def complete(self) -> bool:
        """Whether all rows were counted in the last look, and not before."""
        return len(self.slices) <= 2


def few(found: Counter[Any]) -> Counter[Any]:
    """Counts of many kinds, as when each task has a kind of its own: the rest is one kind."""
    kept: Counter[Any] = Counter(dict(found.most_common(KINDS // 2)))
    for (kind, at), count in found.items():
        if (kind, at) not in kept:
            kept[OTHERS if kind is not None else None, at] += count
    return kept


class Observed:
    """All histories of one scheduler.

    Examples
    --------
    >>> Observed().failures.count
    0
    """

    __slots__ = (
        "began",
        "census",
        "failures",
        "flows",
        "heard",
        "links",
        "links_at",
        "samples",
        "total",
    )

    def __init__(self) -> None:
        self.began = self.heard = -1.0
        """When the first and the last sign of life of any worker came."""
        self.flows: Ring[tuple[float, str, list[tuple[str, int, float]]]] = Ring(FLOWS)
        """(time, to, [(from, bytes, seconds)]): addresses of workers."""
        self.failures: Ring[tuple[Any, ...]] = Ring(FAILURES)
        """(time, key, kind of task, worker, kind of failure, data, tries, tried again)."""
        self.samples: dict[int, Samples] = {}
        """By number of the worker."""
        self.total = Samples()
        """The sum of all workers."""
        self.census = Census()
        self.links: Counter[tuple[str, str]] = Counter()
        """How often tasks of one kind need tasks of another."""
        self.links_at = 0

    def beat(self, worker: Worker, workers: dict[int, Worker], now: float) -> None:
        """A worker has said how it is.

        Parameters
        ----------
        worker
            Which.
        workers
            All, by number.
        now
            The time.
        """
        self.heard = now
        if self.began < 0:
            self.began = now
        at = now - self.began
        mine = self.samples.get(worker.number)
        if mine is None:
            mine = self.samples[worker.number] = Samples()
        if at - mine.at >= EVERY_S - 0.1:
            mine.add(sample(worker, at))
        if at - self.total.at >= EVERY_S:
            for number in self.samples.keys() - workers.keys():
                del self.samples[number]
            rows = [sample(other, at) for other in workers.values()]
            self.total.add((at, *[sum(column) for column in zip(*rows)][1:]))

    def fail(self, reason: tuple[Any, ...], name: str, tries: int, again: bool) -> None:
        """A run has failed, and perhaps its task with it.

        Parameters
        ----------
        reason
            Kind, key, worker and data, as in `Finished.reasons`.
        name
            Of the kind of task.
        tries
            How often it was tried before.
        again
            Whether it is tried again.
        """
        kind, key, worker, data = reason
        if kind != "cancelled":
            self.failures.add((self.heard, key, name, worker, kind, data, tries, again))

    def link(self, table: Table, count: int = 5_000) -> None:
        """See which kinds of tasks need which, in some rows more."""
        if self.links_at >= len(table.states):
            self.links_at = 0
            for pair in self.links:
                self.links[pair] = 1
        first, self.links_at = self.links_at, self.links_at + count
        prefixes = table.prefixes
        for deps, kind in zip(table.deps[first : first + count], prefixes[first : first + count]):
            if kind is not None:
                for number in deps:
                    source = prefixes[number & MASK]
                    if source is not None:
                        self.links[source.name, kind.name] += 1


def sample(worker: Worker, at: float) -> tuple[float, ...]:
    """How a worker is now."""
    metrics = worker.metrics
    return (
        at,
        metrics.get("memory", 0),
        metrics.get("managed", 0),
        metrics.get("spilled", 0),
        metrics.get("cpu", 0.0),
        metrics.get("executing", 0),
        len(worker.sent) + worker.queued,
        metrics.get("gil", 0.0),
    )


def largest(table: Table, first: int, count: int) -> list[tuple[int, Any, str]]:
    """The largest results in some rows, as (bytes, key, kind), largest first."""
    found = sorted(
        (
            (size, row)
            for row, (size, state) in enumerate(
                zip(table.nbytes[first : first + count], table.states[first : first + count]), first
            )
            if state == MEMORY
        ),
        reverse=True,
    )[:50]
    return [(size, key_of(table, row), table.prefixes[row].name) for size, row in found]
