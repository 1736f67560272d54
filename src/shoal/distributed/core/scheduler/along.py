"""What goes along: tasks that lack nothing but what a worker is just being given.

A subtree, a chain or a tile of a grid is one message then, and one report.  The rows of a graph
stand in the order in which one worker would come to them (`core.streaming`), so what a few sources
lead to are the rows between them: a *stretch*, looked at and sent as one range of the columns.
Where that does not hold (tasks out of a worker's own queue, rows that were used before), what
depends on each task is looked at (`followers`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Container, Sequence
from itertools import accumulate, chain
from operator import lt, sub

from shoal.distributed.core.scheduler.records import Worker
from shoal.distributed.core.scheduler.sources import Line
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.core.scheduler.table import ALONE, BITS, CHOOSY, MASK, NOBODY, picker
from shoal.distributed.core.scheduler.transitions import READY, WAITING

__all__: list[str] = []

UNUSUAL = ALONE | CHOOSY
"""Flags of tasks that may not begin just anywhere."""

USUAL = bytes(flags for flags in range(256) if not flags & UNUSUAL)
"""All flags without any of those."""

TO_DO = bytes([READY, WAITING])
"""States of tasks that nobody has begun."""


def window(state: Scheduler, worker: Worker) -> float:
    """Seconds of work that a worker has ahead at most, over its threads.

    Where little is left, less than the worker would have else: its share of that, as in `guided
    self-scheduling <https://doi.org/10.1109/TC.1987.5009495>`_, so that all end at the same time.
    """
    least, most = state.least_ahead_s, worker.ahead_s
    if most <= least:
        return least * worker.threads
    share = state.plenty + worker.backlog / worker.threads
    return max(least, min(most, share)) * worker.threads


def stretch(
    state: Scheduler, worker: Worker, few: int, most: int, limit: float
) -> tuple[Sequence[int], int, list[float] | None] | None:
    """The next rows of the worker's line with all that they lead to, and how many are sources.

    Also what each may take, where that is known by now.  They are taken out of the line.  None
    where it has not come to such a place.

    Parameters
    ----------
    few
        Sources that the worker gets at most.
    most
        How many it gets at once, however long they take.
    limit
        Seconds that it may have ahead.  What goes along may take a window more.
    """
    table, line = state.table, state.sources.line_of(worker.number)
    sources = line.next(few)
    if not sources or state.sources.late or state.unplaced:
        return None
    if worker.queue and worker.queue[0] < sources[-1]:
        sources = sources[: bisect_left(sources, worker.queue[0])]
        if len(sources) < (few + 1) // 2:
            return None
    rows = [priority & MASK for priority in sources]
    first, many = rows[0], len(sources)
    behind = line.behind(many)
    after = behind & MASK if behind >= 0 else len(table.states)
    # Rows that were used before need not be in order: what lies between two of them may be in line
    # behind a third one.
    if after <= rows[-1] or not all(map(lt, rows, rows[1:])):
        return None
    size = length(state, first, min(after, first + state.settings.most))
    costs = [kind.seconds for kind in table.prefixes[first : first + size]]
    spare = max(0.0, window(state, worker) - worker.occupancy)
    budget = spare + max(limit - worker.occupancy, sum(costs[:most]))
    # Crumbs of a region would be one message more.
    if sum(costs) > (1.25 * budget if many == len(line) else budget):
        size = bisect_right([*accumulate(costs)], budget)
    many = bisect_left(rows, first + size)
    if many < max(1, min(most, len(sources))):
        return None
    if many > max(2, most):
        many = len(whole(line, sources[:many], most))
    if many < len(rows):
        size = min(size, rows[many] - first)
    if not are_ready(state, rows[:many], sources[:many], first, size):
        return None
    state.sources.take(worker.number, many)
    found = closed(state, worker, range(first, first + size))
    return found, many, costs[: len(found)] if type(found) is range else None


def length(state: Scheduler, first: int, end: int) -> int:
    """How many rows from the first on are to do, and may be done anywhere."""
    states, flags = state.table.states[first:end], state.table.flags[first:end]
    to_do = len(states) - len(states.lstrip(TO_DO))
    return min(to_do, len(flags) - len(flags.lstrip(USUAL)))


def are_ready(state: Scheduler, rows: list[int], entries: list[int], first: int, size: int) -> bool:
    """Whether these entries of the common queue are true, and the only READY rows of a stretch."""
    table, count, of = state.table, len(rows), picker(rows)
    return (
        of(table.states).count(READY) == table.states[first : first + size].count(READY) == count
        and of(table.place).count(NOBODY) == count
        and [*of(table.priorities)] == entries
    )


def closed(state: Scheduler, worker: Worker, rows: range) -> Sequence[int]:
    """Those of a stretch that need nothing but each other, and what the worker has."""
    table, first = state.table, rows.start
    deps = table.deps[first : rows.stop]
    needs = [*chain.from_iterable(deps)]
    low, high = table.numbers[first], table.numbers[rows[-1]]
    if not needs:
        return rows
    place, number = table.place, worker.number
    if low >> BITS == high >> BITS:
        if low <= min(needs) and max(needs) <= high:
            return rows
        places = [place[need & MASK] for need in needs if not low <= need <= high]
        if places.count(number) == len(places):
            return rows
    here: dict[int, None] = {}
    for row, mine in enumerate(deps, first):
        if all_here(mine, here, place, number):
            here[row] = None
    found = [*here]
    return range(first, found[-1] + 1) if found[-1] - first < len(found) else found


def whole(line: Line, sources: list[int], least: int) -> list[int]:
    """The first of these sources, at least half of them, up to where most of what they begin ends.

    The tasks that a few sources lead to stand right behind them in the table.  So where two
    sources are furthest apart, the largest part of the graph is complete, and whoever gets the
    sources before that place can run all of it, with nothing to fetch.
    """
    if len(sources) < 2 or len(sources) == len(line):
        return sources
    behind = line.behind(len(sources))
    half = max(least, (len(sources) + 1) // 2)
    first, last = sources[half - 1] & MASK, behind & MASK
    if last - first == len(sources) - half + 1:
        return sources  # nothing stands between any two
    rows = [entry & MASK for entry in sources[half - 1 :]]
    rows.append(last)
    gaps = [*map(sub, rows[1:], rows)]
    gaps.reverse()
    return sources[: len(sources) - gaps.index(max(gaps))]


def border(line: Line, size: int) -> int:
    """About so many of the next sources, up to where most of what they begin ends (`whole`)."""
    least, most = size - size // 4, size + size // 4
    if len(line) <= most:
        return len(line)
    rows = [entry & MASK for entry in line.next(most + 1)[least - 1 :]]
    gaps = [*map(sub, rows[1:], rows)]
    largest, middle = max(gaps), size - least
    after, before = gaps[middle:], gaps[:middle]
    before.reverse()
    if largest not in after:
        return size - 1 - before.index(largest)
    up = after.index(largest)
    return size - 1 - before.index(largest) if largest in before[:up] else size + up


def followers(state: Scheduler, worker: Worker, rows: list[int]) -> list[int]:
    """Tasks that lack nothing but these rows: they go along, and run when those have ended there.

    So a subtree or a chain is one message, and one report.  Only where all else that they need is
    on the same worker; and they take no more time than a worker has ahead anyway, so that little
    has to come back when something else is better after all.  If one of the rows does not end well
    the worker gives back what waited for it.
    """
    table, number = state.table, worker.number
    users = picker(rows)(table.dependents)
    if not any(users):
        return []
    states, missing, numbers, place = table.states, table.missing, table.numbers, table.place
    prefixes, flags, deps = table.prefixes, table.flags, table.deps
    room = window(state, worker) - worker.occupancy
    found: list[int] = []
    lack: dict[int, int] = {}
    known, here = [*users], {*rows}
    for some in known:  # it grows
        for dependent in some if type(some) is list else (some,) if some is not None else ():
            row = dependent & MASK
            if states[row] != WAITING or numbers[row] != dependent:
                continue
            left = missing[row]
            if left > 1:
                left = lack[row] = lack.get(row, left) - 1
                if left:
                    continue
            if flags[row] & UNUSUAL or not all_here(deps[row], here, place, number):
                continue
            room -= prefixes[row].seconds
            if room < 0.0:
                return found
            here.add(row)
            found.append(row)
            known.append(table.dependents[row])
    return found


def all_here(needs: tuple[int, ...], here: Container[int], place: list[int], number: int) -> bool:
    """Whether inputs are among some rows, or on a worker already."""
    for need in needs:
        dep = need & MASK
        if dep not in here and place[dep] != number:
            return False
    return True
