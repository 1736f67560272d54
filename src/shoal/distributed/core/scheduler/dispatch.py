"""Giving work to workers, at the end of every batch of events.

A worker has *room* while it has an idle thread, or fewer spare tasks than one a thread, or less
work ahead than `Settings.ahead_s` for each thread (more, if that was not enough: `adapt`).  It
takes the better of its own queue and the common one, by priority.  First every worker with an
idle thread gets a task, and only then are spares handed out; each worker gets its share of the
common queue at most, so that four tasks run on four workers.

With the tasks that a worker is given go those that lack nothing else (`followers`), as far as that
takes no more time than it has ahead: a subtree or a chain is one message and one report.  And
sources are cut where the part of the graph is complete that they lead to (`whole`); those that
follow are kept for the same worker (`sources`).

Sources are held back by bytes: a worker whose results, and those that it is expected to make,
exceed the target share of its limit takes nothing from the common queue while tasks with inputs
are ready or running anywhere, because their ends free memory.  When there are none it gets
sources all the same: the computation needs more memory than the target, and has to use it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from heapq import heappop, heappush
from math import ceil

from shoal.distributed.core.scheduler.along import (
    UNUSUAL,
    USUAL,
    border,
    followers,
    stretch,
    whole,
    window,
)
from shoal.distributed.core.scheduler.records import Prefix, Worker
from shoal.distributed.core.scheduler.runs import begin_choosy
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.core.scheduler.table import ALONE, BITS, MASK, NOBODY, picker
from shoal.distributed.core.scheduler.transitions import READY, SENT

__all__: list[str] = []

RANK = (1 << 50) - 1

INFINITE = float("inf")

LEAST_S = 1e-6
"""Tasks are not thought to take less."""

CRUMBS = 0.125
"""So much of what a worker has ahead is not worth a message."""

PART = 8
"""Regions of fewer sources than this part of `Settings.region` are not worth it."""


def fill_workers(state: Scheduler, now: float) -> None:
    """Give ready tasks to workers with room.

    Examples
    --------
    >>> fill_workers(Scheduler(), 0.0)
    """
    if state.hold_until >= 0:
        return
    touched = state.touched
    sources = state.sources
    left = len(sources)
    if not touched and not (left and state.roomy):
        return
    state.touched = {}
    if state.full and not state.active:
        # Nothing that could free memory is left to wait for.
        touched.update(state.full)
        state.full = {}
    state.least_ahead_s = serve_all(state)
    state.region = region(state) if left and sources.is_new else 0
    busy = [w for w in touched.values() if w.status == "running"]
    dry = [not worker.sent for worker in busy]
    if left and (state.roomy or len(busy) > 1):
        left = give_everyone_one(state, busy, touched, now)
    share = 1 + left // max(1, len(busy) + len(state.roomy)) if left else 0
    state.plenty = seconds_left(state, left) if left else 0.0
    for worker, was_dry in zip(busy, dry):
        if worker.queue or share:
            ahead(state, worker, share, now)
            adapt(state, worker, was_dry)
        else:
            note_room(state, worker)
    if sources.regions and not sources.common and any(map(is_idle, busy)):
        sources.share()
    if left and state.roomy:
        for worker in list(state.roomy.values()):
            if not sources.common:
                break
            ahead(state, worker, share, now)


def is_idle(worker: Worker) -> bool:
    """Whether a worker has a thread, and nothing for it."""
    return len(worker.sent) + len(worker.zombies) < worker.threads + worker.seceded


def region(state: Scheduler) -> int:
    """How many sources are kept for a worker that takes some; 0 where that would be none or few.

    Where durations are known they are what takes a tenth of a second, and makes little of its
    memory.
    """
    guessed = state.guessed
    if guessed is not None and guessed.ended:
        # Regions were made when nothing was known yet.
        state.guessed = None
        if at_most(state, guessed) < state.settings.region:
            state.sources.share()
            return 0
    table, line = state.table, state.sources.line
    if not len(line) or not state.workers:
        return 0
    first = line.entries[line.head] & MASK
    kind, count = table.prefixes[first], len(line) // len(state.workers)
    if kind is None or table.dependents[first] is None:
        return 0
    if not kind.ended:
        state.guessed = kind
    count = min(count, at_most(state, kind))
    return count if count > state.settings.region // PART else 0


def at_most(state: Scheduler, kind: Prefix) -> int:
    """How many tasks of a kind may be kept for a worker."""
    settings = state.settings
    if not kind.ended:
        return settings.region
    # One worker's limit stands for all: looking at a thousand would cost more than it tells.
    worker = next(iter(state.workers.values()), None)
    limit = worker.limit if worker is not None else 0
    room = settings.region_share * limit if limit else INFINITE
    return int(min(settings.region_s / max(kind.seconds, LEAST_S), room / max(kind.nbytes, 1)))


def serve_all(state: Scheduler) -> float:
    """Seconds of work that workers have ahead at least: what it takes us to answer each of them.

    Where there are many workers they would wait for us otherwise, and messages would be small.
    """
    settings = state.settings
    answer_s = settings.message_s * len(state.workers)
    return max(settings.ahead_s, min(settings.most_ahead_s, answer_s))


def seconds_left(state: Scheduler, left: int) -> float:
    """What the common queue has for each worker, about, if it takes as long as its first task."""
    line = state.sources.line
    if not len(line):
        line = next(iter(state.sources.regions.values()), line)
    if not len(line) or not state.workers:
        return 0.0
    kind = state.table.prefixes[line.entries[line.head] & MASK]
    return left * kind.seconds / len(state.workers) if kind is not None else 0.0


def give_everyone_one(
    state: Scheduler, busy: list[Worker], touched: dict[int, Worker], now: float
) -> int:
    """A task for every idle thread, before anybody gets spares; how many sources are left."""
    for worker in busy:
        idle = worker.threads - len(worker.sent) - len(worker.zombies) + worker.seceded
        if idle > 0:
            take(state, worker, idle, 0.0, idle, now)
    left = state.sources.common
    if left and state.roomy:
        share_out(state, touched, left, now)
    return len(state.sources)


def share_out(state: Scheduler, touched: dict[int, Worker], left: int, now: float) -> None:
    """Other workers with idle threads take from the common queue, in turns.

    Where there is enough for all, each gets its spares at once: what stands together in the order
    comes to one worker, and in one message.
    """
    roomy, spare = state.roomy, state.settings.spare
    slots = (1 + spare) * sum([w.threads for w in roomy.values()])
    spare = spare if left >= slots else 0
    for worker in list(roomy.values()):
        idle = worker.threads - len(worker.sent) - len(worker.zombies) + worker.seceded
        if idle > 0 and worker.number not in touched:
            # To the end of the line: the next lone task goes to another worker.
            del roomy[worker.number]
            roomy[worker.number] = worker
            count = 1 if left < len(roomy) else idle + spare * worker.threads
            take(state, worker, count, 0.0, count, now)
            left -= count
            if left <= 0:
                break


def ahead(state: Scheduler, worker: Worker, share: int, now: float) -> None:
    """Spare tasks for a worker, so that it does not have to wait for us."""
    used = len(worker.sent) + len(worker.zombies) - worker.seceded
    if has_room(state, worker, used):
        slots = worker.threads * (1 + state.settings.spare)
        take(state, worker, slots - used, window(state, worker), share, now)
    note_room(state, worker)


def has_room(state: Scheduler, worker: Worker, used: int) -> bool:
    """Whether a worker is to be given more, of whose slots so many are used.

    Half of what it has ahead must be done: else, where several reports are under way, each would be
    answered with a message of a few tasks for ever (in TCP, the `silly window syndrome
    <https://www.rfc-editor.org/rfc/rfc813>`_).
    """
    return used < worker.threads * (1 + state.settings.spare) or (
        worker.occupancy <= 0.5 * window(state, worker) and used < state.settings.most
    )


def adapt(state: Scheduler, worker: Worker, dry: bool) -> None:
    """A worker that had run dry while there was more to do is given more ahead the next time.

    So it is never idle for the time that messages are under way, wherever it is; and the busier we
    are ourselves, the more of the work a message carries.
    """
    settings = state.settings
    if not dry:
        worker.ahead_s = max(settings.ahead_s, 0.9 * worker.ahead_s)
    elif worker.occupancy >= worker.threads * worker.ahead_s:
        worker.ahead_s = min(settings.most_ahead_s, 2 * worker.ahead_s)


def note_room(state: Scheduler, worker: Worker) -> None:
    """Remember a worker that can take more than there was for it."""
    used = len(worker.sent) + len(worker.zombies) - worker.seceded
    number, roomy = worker.number, state.roomy
    if number not in state.full and worker.status == "running" and has_room(state, worker, used):
        if number not in roomy:
            roomy[number] = worker
    else:
        roomy.pop(number, None)


def take(
    state: Scheduler, worker: Worker, most: int, limit: float, shares: int, now: float
) -> None:
    """Send ``most`` tasks, or as many as keep the worker busy for ``limit`` seconds of its threads.

    Up to ``shares`` of them come from the common queue.
    """
    left, room = state.settings.most, room_for_sources(state, worker) if shares > 0 else 0.0
    if state.region and shares > 0:
        keep_region(state, worker)
    while worker.solo < 0 and (most > 0 or (left > 0 and worker.occupancy < limit)):
        if room <= 0 < shares:
            shares = hold_back(state, worker) if len(state.sources) else 0
        seconds, nbytes = usual(state, worker, shares)
        count = max(most, min(left, ceil((limit - worker.occupancy) / seconds)))
        few = shares if room == INFINITE else min(shares, 1 + int(room / nbytes))
        if few > 0 and (found := stretch(state, worker, min(count, few), most, limit)):
            line, sources, costs = found
            state.active += len(line) - sources
            grow = give(state, worker, line, line[0], now, costs)
            most, left = most - len(line), left - len(line)
            shares, room = shares - sources, room - grow
            continue
        least = most
        urgent = come_first(state, worker, count, limit) if few > 0 and worker.queue else []
        offer = urgent or best(state, worker, count, few, least)
        if not offer:
            return
        rows = plain(state, worker, offer, most, limit)
        after: list[int] = []
        if rows is None:
            rows = pick(state, worker, offer, most, limit, now)
        else:
            after = followers(state, worker, rows)
        if rows:
            sources, grow = send(state, worker, rows, after, now)
            most, left = most - len(rows), left - len(rows) - len(after)
            shares, room = shares - sources, room - grow
        is_last = len(offer) < count and few >= shares and (most <= 0 or len(offer) < least)
        if is_last and not urgent:
            return


def keep_region(state: Scheduler, worker: Worker) -> None:
    """Keep what comes next for a worker that has no region, up to where most of it is complete."""
    sources, line = state.sources, state.sources.line
    if sources.is_new and worker.number not in sources.regions and len(line) >= state.region:
        size = max(1, state.region + sources.owed)
        count = border(line, size)
        sources.owed = size - count
        sources.keep(worker.number, count)


def usual(state: Scheduler, worker: Worker, shares: int) -> tuple[float, int]:
    """About how long the tasks take that a worker may get next, and the bytes that one makes."""
    prefixes, seconds, nbytes = state.table.prefixes, 0.0, 1
    if worker.queue and (kind := prefixes[worker.queue[0] & MASK]) is not None:
        seconds = kind.seconds
    if shares > 0 and (entry := state.sources.first(worker.number)) >= 0:
        kind = prefixes[entry & MASK]
        if kind is not None:
            seconds, nbytes = max(seconds, kind.seconds), max(kind.nbytes, 1)
    return max(seconds, LEAST_S), nbytes


def best(state: Scheduler, worker: Worker, count: int, shares: int, least: int) -> list[int]:
    """The first ``count`` entries of a worker's queue and the common one, ascending; taken out.

    Up to ``shares`` come from the common queue, or a few less (`whole`).  Some may be stale.
    """
    queue, late, line = worker.queue, state.sources.late, state.sources.line_of(worker.number)
    own = smallest(queue, count) if queue else []
    bulk = line.next(min(count, shares)) if shares > 0 else []
    if len(bulk) > max(2, least):
        bulk = whole(line, bulk, least)
    others = smallest(late, min(count, shares)) if late and shares > 0 else []
    if not bulk and not others:
        return own
    sources = sorted(bulk + others)[:shares] if others else bulk
    offer = sorted(own + sources)[:count] if own else sources[:count]
    last = min(offer[-1], sources[-1])
    state.sources.take(worker.number, bisect_right(bulk, last))
    for priority in others[bisect_right(others, last) :]:
        heappush(late, priority)
    for priority in own[bisect_right(own, offer[-1]) :]:
        heappush(queue, priority)
    return offer


def come_first(state: Scheduler, worker: Worker, count: int, limit: float) -> list[int]:
    """Entries of a worker's queue that come before all sources; taken out.

    They go alone, so that what comes after them can be a stretch.  Where the queue holds little,
    all of it goes, in the same message: its threads take what comes first all the same.
    """
    first = state.sources.first(worker.number)
    if first < 0 or state.sources.late:
        return []
    queue = worker.queue
    if len(queue) <= count and worker.backlog <= CRUMBS * limit:
        first = max(queue) + 1
    found: list[int] = []
    while queue and queue[0] < first and len(found) < count:
        found.append(heappop(queue))
    return found


def smallest(heap: list[int], count: int) -> list[int]:
    """The first ``count`` entries of a heap, ascending; taken out."""
    if len(heap) <= count:
        entries = sorted(heap)
        heap.clear()
        return entries
    return [heappop(heap) for _ in range(count)]


def plain(
    state: Scheduler, worker: Worker, offer: list[int], most: int, limit: float
) -> list[int] | None:
    """The rows of an offer that the worker gets, if nothing in it is stale or has conditions.

    That is nearly always so, and seen column by column for all of them at once.
    """
    table = state.table
    rows = [priority & MASK for priority in offer]
    count, of = len(rows), picker(rows)
    places = of(table.place)
    if (
        of(table.states).count(READY) < count
        or places.count(worker.number) + places.count(NOBODY) < count
        or [*of(table.priorities)] != offer
        or bytes(of(table.flags)).translate(None, USUAL)
        or (count > 1 and len(set(rows)) < count)
        or (state.unplaced and not state.unplaced.keys().isdisjoint(rows))
    ):
        return None
    if count > most:
        fit = fitting(of(table.prefixes), most, limit - worker.occupancy)
        give_back(state, worker, offer[fit:])
        del rows[fit:]
    return rows


def fitting(kinds: Sequence[Prefix], most: int, lack: float) -> int:
    """How many tasks of these kinds, in order, are ``most``, or take the seconds that lack."""
    count, kind = len(kinds), kinds[0]
    if kinds.count(kind) == count:
        return min(count, max(most, ceil(lack / max(kind.seconds, LEAST_S))))
    for i, kind in enumerate(kinds):
        if i >= most and lack <= 0:
            return i
        lack -= kind.seconds
    return count


def pick(
    state: Scheduler, worker: Worker, offer: list[int], most: int, limit: float, now: float
) -> list[int]:
    """The rows of an offer that begin now, looked at one by one."""
    table = state.table
    rows: dict[int, None] = {}
    occupancy = worker.occupancy
    for i, priority in enumerate(offer):
        if worker.solo >= 0 or (len(rows) >= most and occupancy >= limit):
            give_back(state, worker, offer[i:])
            break
        row = priority & MASK
        if row in rows or not is_valid(state, worker, priority):
            continue
        flags = table.flags[row]
        if flags & UNUSUAL and (
            (flags & ALONE and rows)
            or not begin_choosy(state, worker, row, state.next_run + len(rows), now)
        ):
            wait_here(state, worker, row)
            continue
        rows[row] = None
        occupancy += table.prefixes[row].seconds
    return list(rows)


def is_valid(state: Scheduler, worker: Worker, priority: int) -> bool:
    """Whether an entry of a queue still is that of a task which a worker may be given."""
    table, row = state.table, priority & MASK
    if table.states[row] != READY or table.priorities[row] != priority:
        return False
    # An unplaced one has an entry of its last life, when it had the same priority.
    return table.place[row] == worker.number or (
        table.place[row] == NOBODY and row not in state.unplaced
    )


def give_back(state: Scheduler, worker: Worker, offer: list[int]) -> None:
    """Entries that were taken out of the queues, and are not needed now."""
    place = state.table.place
    for priority in offer:
        at = place[priority & MASK]
        if at == worker.number:
            heappush(worker.queue, priority)
        elif at == NOBODY:
            heappush(state.sources.late, priority)


def send(
    state: Scheduler, worker: Worker, rows: list[int], after: list[int], now: float
) -> tuple[int, int]:
    """The worker gets READY rows, and others that wait for them there.

    Returned are how many came from the common queue, and what bytes all may make.
    """
    table, number = state.table, worker.number
    of = picker(rows)
    places = of(table.place)
    own = places.count(number)
    if own:
        worker.queued -= own
        waited = sum([cost for cost, at in zip(of(table.costs), places) if at == number])
        worker.backlog = worker.backlog - waited if worker.queued else 0.0
        worker.seeking += rows
    state.active += len(after)
    return len(rows) - own, give(state, worker, rows + after, rows[-1], now)


def give(
    state: Scheduler,
    worker: Worker,
    rows: Sequence[int],
    last: int,
    now: float,
    costs: list[float] | None = None,
) -> int:
    """Rows are SENT, and ``last`` is the last of them in order; what bytes they may make."""
    table, count, run, number = state.table, len(rows), state.next_run, worker.number
    kinds = picker(rows)(table.prefixes)
    sizes = [kind.nbytes for kind in kinds]
    if costs is None:
        costs = [kind.seconds for kind in kinds]
    states, place, runs = table.states, table.place, table.runs
    if type(rows) is range:
        here = slice(rows.start, rows.stop)
        states[here] = bytes([SENT]) * count
        place[here] = [number] * count
        runs[here] = range(run, run + count)
        table.nbytes[here] = sizes
        table.costs[here] = costs
    else:
        nbytes, taken = table.nbytes, table.costs
        for i, (row, size, cost) in enumerate(zip(rows, sizes, costs), run):
            states[row] = SENT
            place[row] = number
            runs[row] = i
            nbytes[row] = size
            taken[row] = cost
    state.next_run = run + count
    grow: int = sum(sizes)
    given = dict.fromkeys(rows, now)
    if worker.sent:
        worker.sent.update(given)
    else:
        worker.sent = given
    worker.batch.append(rows)
    worker.nbytes += grow
    worker.occupancy += sum(costs)
    state.virtual = max(state.virtual, (table.priorities[last] >> BITS) & RANK)
    state.outgoing[number] = worker
    return grow


def wait_here(state: Scheduler, worker: Worker, row: int) -> None:
    """A task whose conditions are not met now waits for them at this worker."""
    table = state.table
    if table.place[row] == NOBODY:
        table.place[row] = worker.number
        table.costs[row] = cost = table.prefixes[row].seconds
        worker.queued += 1
        worker.backlog += cost
    worker.blocked.append(table.priorities[row])


def room_for_sources(state: Scheduler, worker: Worker) -> float:
    """Bytes that results of sources may add to a worker's before it gets no more of them."""
    if not worker.limit or not state.active:
        return INFINITE
    return state.settings.target * worker.limit - worker.nbytes


def hold_back(state: Scheduler, worker: Worker) -> int:
    """A worker gets no source now, because of its memory: how many it may take."""
    if worker.number in state.sources.regions:
        state.sources.share()
    state.full[worker.number] = worker
    state.roomy.pop(worker.number, None)
    return 0
