"""Where a ready task is to run: in the common queue, or in the queue of the worker that suits it.

A task without inputs may run anywhere, so it stands in one heap for all.  A task with inputs
queues at a worker that holds some: the one where bytes to move (over the measured bandwidth) and
work that stands before it cost least.  Nothing is final: all queues are here, in the scheduler,
so an idle worker takes from another's queue without a word to it (`stealing`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heappush
from typing import Any

import msgspec

from shoal.distributed.core.scheduler.records import Worker
from shoal.distributed.core.scheduler.state import Scheduler, holders
from shoal.distributed.core.scheduler.table import (
    CHOOSY,
    HAS_INPUTS,
    MANY,
    MASK,
    NOBODY,
    picker,
    put,
)
from shoal.distributed.core.scheduler.transitions import READY

__all__ = ["place_ready"]

MANY_SOURCES = 16
"""So many rows may be the sources of a graph, which are placed all at once."""

ANYWHERE = bytes(flags for flags in range(256) if not flags & (CHOOSY | HAS_INPUTS))
"""Flags of tasks that stand in the common queue."""

AT_MOST = 16
"""Workers among which one is chosen for a task that may not run everywhere."""


def place_ready(state: Scheduler, rows: Sequence[int]) -> None:
    """Rows whose inputs are all there become READY and stand in a queue.

    Parameters
    ----------
    state
        The scheduler's.
    rows
        WAITING or SENT before.

    Examples
    --------
    >>> place_ready(Scheduler(), [])
    """
    table, workers = state.table, state.workers
    flags, states, place, deps = table.flags, table.states, table.place, table.deps
    if len(rows) >= MANY_SOURCES and not bytes(picker(rows)(flags)).translate(None, ANYWHERE):
        put(states, rows, bytes([READY]) * len(rows))
        put(place, rows, [NOBODY] * len(rows))
        state.sources.add(sorted(picker(rows)(table.priorities)))
        return
    sources: list[int] = []
    here: dict[int, list[int]] = {}
    between: list[int] = []
    for row in rows:
        states[row] = READY
        flag = flags[row]
        if flag & CHOOSY:
            place_choosy(state, row)
            continue
        if not flag & HAS_INPUTS:
            place[row] = NOBODY
            sources.append(row)
            continue
        needs = deps[row]
        at = place[needs[0] & MASK]
        for number in needs:
            if place[number & MASK] != at:
                at = MANY
                break
        if at < 0:
            between.append(row)
        elif at in here:
            here[at].append(row)
        else:
            here[at] = [row]
    for at, mine in here.items():
        queue_here(state, workers[at], mine)
    for row in between:
        queue_nearest(state, row)
    if sources:
        state.sources.add(sorted(picker(sources)(table.priorities)))


def queue_here(state: Scheduler, worker: Worker, rows: list[int]) -> None:
    """READY rows, all of whose inputs are at a worker, stand in its queue."""
    if worker.status != "running":
        for row in rows:
            place_choosy(state, row)
        return
    table, number, queue = state.table, worker.number, worker.queue
    place, costs = table.place, table.costs
    of, backlog = picker(rows), worker.backlog
    for row, kind in zip(rows, of(table.prefixes)):
        place[row] = number
        costs[row] = cost = kind.seconds
        backlog += cost
    if len(queue) <= len(rows):
        queue += of(table.priorities)
        queue.sort()
    else:
        for priority in of(table.priorities):
            heappush(queue, priority)
    state.active += len(rows)
    worker.queued += len(rows)
    worker.backlog = backlog
    state.touched[number] = worker
    if backlog > state.settings.steal_s:
        state.laden[number] = worker


def queue_nearest(state: Scheduler, row: int) -> None:
    """A READY row with inputs in several places stands in the queue of the best of them."""
    worker = nearest(state, row)
    if worker is None:
        place_choosy(state, row)
    else:
        state.active += 1
        enqueue(state, row, worker)


def holders_of_inputs(state: Scheduler, row: int) -> list[Worker]:
    """The running workers that hold at least one input."""
    found: dict[int, None] = {}
    for number in state.table.deps[row]:
        for holder in holders(state, number & MASK):
            found[holder] = None
    return [w for n in found if (w := state.workers[n]).status == "running"]


def nearest(state: Scheduler, row: int) -> Worker | None:
    """The running worker with inputs of a row where it would be done first."""
    table, workers, replicas = state.table, state.workers, state.replicas
    place, nbytes = table.place, table.nbytes
    needs = table.deps[row]
    if len(needs) == 2 and row not in state.parts:
        one, other = needs[0] & MASK, needs[1] & MASK
        here, there = place[one], place[other]
        if here >= 0 and there >= 0:
            first, second = workers[here], workers[there]
            if first.status == second.status == "running":
                moved = (nbytes[other] - nbytes[one]) / state.bandwidth
                moved += (first.backlog + first.occupancy) / first.threads
                return (
                    first
                    if moved <= (second.backlog + second.occupancy) / second.threads
                    else second
                )
    savings: dict[int, float] = {}
    settings_latency = state.settings.latency_s
    bandwidth = state.bandwidth
    whole = row not in state.parts
    for number in table.deps[row]:
        dep = number & MASK
        # What it saves that the input is there already.
        if whole:
            saved = nbytes[dep] / bandwidth + settings_latency
        else:
            saved = nbytes[dep] / table.kept[dep] / bandwidth
        at = place[dep]
        for holder in (at,) if at >= 0 else replicas[dep]:
            savings[holder] = savings.get(holder, 0.0) + saved
    best, best_cost = None, 0.0
    for holder, saved in savings.items():
        worker = workers[holder]
        if worker.status == "running":
            cost = (worker.backlog + worker.occupancy) / worker.threads - saved
            if best is None or cost < best_cost:
                best, best_cost = worker, cost
    return best


def move_cost(state: Scheduler, row: int, worker: Worker) -> float:
    """Seconds that it takes to bring a row's inputs to a worker."""
    table = state.table
    size = moves = 0
    whole = row not in state.parts
    for number in table.deps[row]:
        dep = number & MASK
        at = table.place[dep]
        if at != worker.number and (at != MANY or worker.number not in state.replicas[dep]):
            size += table.nbytes[dep] if whole else table.nbytes[dep] // table.kept[dep]
            moves += whole
    return size / state.bandwidth + moves * state.settings.latency_s


def cheapest(state: Scheduler, row: int, candidates: Iterable[Worker]) -> Worker | None:
    """The worker where a row would be done first; the lowest number if several would."""
    best, best_cost = None, 0.0
    for worker in candidates:
        cost = move_cost(state, row, worker) + (worker.backlog + worker.occupancy) / worker.threads
        if best is None or cost < best_cost:
            best, best_cost = worker, cost
    return best


def allowed(state: Scheduler, options: Any) -> list[Worker]:
    """The running workers that a task with options may run on; looked for once for each kind."""
    key: Any = None
    if options is not None:
        named = None if options.workers is None else tuple(options.workers)
        needs = tuple(sorted((options.resources or {}).items()))
        key = (named, needs, options.allow_other_workers)
    found = state.choices.get(key)
    if found is None:
        found = state.choices[key] = find_allowed(state, options)
    return found


def find_allowed(state: Scheduler, options: Any) -> list[Worker]:
    """The running workers that meet conditions, in the order of their numbers."""
    found = [w for w in state.workers.values() if w.status == "running"]
    if options is None:
        return found
    if options.resources:
        found = [
            w
            for w in found
            if all(w.resources.get(name, 0) >= much for name, much in options.resources.items())
        ]
    if options.workers is not None:
        named = set(options.workers)
        some = [w for w in found if not named.isdisjoint((w.address, w.name, w.host))]
        if some or not options.allow_other_workers:
            return some
    return found


def place_choosy(state: Scheduler, row: int) -> None:
    """A READY row that may not run everywhere, or whose inputs are where nothing may run."""
    table = state.table
    options = table.options[row]
    inputs = table.flags[row] & HAS_INPUTS
    if inputs:
        state.active += 1
    free = options is None or (not options.workers and not options.resources)
    if free and not inputs:
        table.place[row] = NOBODY
        state.sources.add([table.priorities[row]])
        return
    worker = None
    candidates = allowed(state, options)
    if candidates:
        near = holders_of_inputs(state, row) if inputs else []
        if options is not None and (options.workers or options.resources):
            near = [w for w in near if w in candidates]
        if len(candidates) > AT_MOST:
            # Looking at a thousand workers for each task would cost more than it gains: those
            # with inputs, or some in turn.
            start = state.next_choice = (state.next_choice + AT_MOST) % len(candidates)
            candidates = near or (candidates * 2)[start : start + AT_MOST]
        worker = cheapest(state, row, candidates)
    if worker is None:
        table.place[row] = NOBODY
        state.unplaced[row] = None
    else:
        enqueue(state, row, worker)


def place_elsewhere(state: Scheduler, row: int, worker: Worker) -> None:
    """A row becomes READY that does not want to run on a worker: another one is better."""
    options = state.table.options[row]
    others = [w for w in allowed(state, options) if w is not worker]
    if not others and options is not None and options.allow_other_workers:
        # It was the one that the user would like best.
        anybody = msgspec.structs.replace(options, workers=None)
        others = [w for w in allowed(state, anybody) if w is not worker]
    best = cheapest(state, row, others)
    if best is None:
        place_ready(state, (row,))
        return
    state.table.states[row] = READY
    if state.table.flags[row] & HAS_INPUTS:
        state.active += 1
    enqueue(state, row, best)


def enqueue(state: Scheduler, row: int, worker: Worker) -> None:
    """A READY row stands in a worker's queue."""
    table = state.table
    table.place[row] = worker.number
    table.costs[row] = cost = table.prefixes[row].seconds
    heappush(worker.queue, table.priorities[row])
    worker.queued += 1
    worker.backlog += cost
    state.touched[worker.number] = worker
    if worker.backlog > state.settings.steal_s:
        state.laden[worker.number] = worker
