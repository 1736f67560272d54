"""Tasks that may run anywhere, in line for whoever has room.

An *entry* is the priority of a task, whose low bits are its row; some are stale.  All entries stand
in one line, in order, and workers take from its head.

While there are many for each worker, one that takes some is kept a *region*: those that come next.
What a graph makes of neighbours is made where they are then, so fewer results cross between
workers, and fewer messages are about a single task: of a tree on a thousand workers half as many.
A region is only a promise.  It is made of short tasks with small results, so that the order in
which all is begun hardly changes; and as soon as anything speaks against it (something comes that
is to run sooner, a worker is idle and has nothing else, one leaves or is full, the tasks turn out
to be long), all regions go back into the line.
"""

from __future__ import annotations

from heapq import heappush

__all__ = ["Line", "Sources"]


class Line:
    """Entries in order, of which the first have been taken.

    Parameters
    ----------
    entries
        Ascending.
    after
        The entry that came behind them; -1 if none did.

    Examples
    --------
    >>> line = Line([3, 5, 8], 9)
    >>> line.take(2)
    >>> line.next(5), line.behind(1), len(line)
    ([8], 9, 1)
    """

    __slots__ = ("after", "entries", "head")

    def __init__(self, entries: list[int], after: int = -1) -> None:
        self.entries = entries
        self.after = after
        self.head = 0
        """What stands before it has been taken."""

    def __len__(self) -> int:
        return len(self.entries) - self.head

    def next(self, count: int) -> list[int]:
        """The first ``count`` entries, or as many as there are."""
        return self.entries[self.head : self.head + count]

    def behind(self, count: int) -> int:
        """The entry that follows on the first ``count``; -1 if none does."""
        at = self.head + count
        return self.entries[at] if at < len(self.entries) else self.after

    def take(self, count: int) -> None:
        """The first ``count`` entries are gone; now and then their places go, too."""
        self.head = head = self.head + count
        if head > 1000 and head > len(self.entries) >> 1:
            del self.entries[:head]
            self.head = 0


class Sources:
    """All lines.

    Parameters
    ----------
    many
        Where so many entries come at once, regions may be made of them.

    Examples
    --------
    >>> sources = Sources(64)
    >>> sources.add([*range(100)])
    >>> sources.keep(7, 10)
    >>> sources.line_of(7).next(2), sources.line_of(8).next(2), len(sources)
    ([0, 1], [10, 11], 100)
    >>> sources.add([5])
    >>> sources.line_of(7).next(2), sources.late, len(sources)
    ([0, 1], [5], 101)
    """

    __slots__ = ("is_new", "late", "line", "many", "owed", "regions", "reserved", "until")

    def __init__(self, many: int) -> None:
        self.many = many
        self.line = Line([])
        self.late: list[int] = []
        """Heap of those that came when `line` was longer, and had gone further, than they."""
        self.regions: dict[int, Line] = {}
        """By worker: what is kept for it."""
        self.reserved = 0
        """How many entries that is."""
        self.owed = 0
        """By how much the last region is smaller than it should be."""
        self.until = -1
        """The last entry that was ever in a region."""
        self.is_new = False
        """Nothing has spoken against regions of what is in line."""

    def __len__(self) -> int:
        return len(self.line) + len(self.late) + self.reserved

    @property
    def common(self) -> int:
        """How many entries are kept for nobody."""
        return len(self.line) + len(self.late)

    def line_of(self, worker: int) -> Line:
        """Where a worker takes from: its region, or what all have in common."""
        return self.regions.get(worker, self.line)

    def first(self, worker: int) -> int:
        """The entry that is next for a worker, of those in its line; -1 if none is."""
        line = self.regions.get(worker, self.line)
        return line.entries[line.head] if len(line.entries) > line.head else -1

    def add(self, entries: list[int]) -> None:
        """More entries, ascending.

        Graphs come in the order in which they are to run, so nearly always the new ones belong
        behind all others: appending keeps the line sorted, and what is taken from its head costs
        no heap.
        """
        if self.regions and entries[0] < self.until:
            self.share()
        line = self.line
        there = line.entries
        if not there or there[-1] <= entries[0]:
            there += entries
        elif len(entries) > 64 and len(entries) > len(line) // 8:
            there += entries
            del there[: line.head]
            line.head = 0
            there.sort()
        else:
            for entry in entries:
                heappush(self.late, entry)
        if len(entries) >= self.many:
            self.is_new = True

    def take(self, worker: int, count: int) -> None:
        """A worker has taken the first entries of its line."""
        region = self.regions.get(worker)
        if region is None:
            self.line.take(count)
            return
        region.head += count
        self.reserved -= count
        if region.head == len(region.entries):
            del self.regions[worker]

    def keep(self, worker: int, count: int) -> None:
        """The next entries are kept for a worker, which has none yet."""
        line = self.line
        found = line.next(count)
        self.regions[worker] = Line(found, line.behind(len(found)))
        self.reserved += len(found)
        self.until = max(self.until, found[-1])
        line.take(len(found))

    def share(self) -> None:
        """What was kept for workers is there for all, and none of what is in line is kept again."""
        self.is_new = False
        if self.regions:
            line = self.line
            rest = [*line.entries[line.head :]]
            for region in self.regions.values():
                rest += region.entries[region.head :]
            rest.sort()
            self.line = Line(rest)
            self.regions = {}
            self.reserved = 0
