"""Copies of results on purpose: several for safety or speed, moves to even out memory.

A copy is asked for by `Fetch`; the worker reports it as ``added``.  What is asked for once is not
asked for again until it was reported or the worker is gone.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from shoal.distributed.core.scheduler.records import Worker
from shoal.distributed.core.scheduler.state import Scheduler, holders
from shoal.distributed.core.scheduler.table import MANY, MASK, NOTED, PINNED
from shoal.distributed.core.scheduler.transitions import MEMORY

__all__: list[str] = []


def copy_to_emptiest(state: Scheduler, rows: list[int], there: list[Worker]) -> dict[int, int]:
    """Have each result fetched by the one of some workers with the fewest bytes: which, by row.

    Examples
    --------
    >>> copy_to_emptiest(Scheduler(), [], [])
    {}
    """
    if not there:
        return {}
    targets = {}
    heap = [(w.nbytes, w.number) for w in there]
    heapify(heap)
    for row in rows:
        load, number = heappop(heap)
        fetch(state, state.workers[number], row)
        targets[row] = number
        heappush(heap, (load + state.table.nbytes[row], number))
    return targets


def fetch(state: Scheduler, worker: Worker, row: int) -> None:
    """Have a worker fetch a copy."""
    worker.copies.append(row)
    state.outgoing[worker.number] = worker


def replicate(state: Scheduler, rows: list[int], count: int | None, workers: list[Worker]) -> int:
    """Have each result on so many of the workers; how many copies were asked for.

    Examples
    --------
    >>> replicate(Scheduler(), [], None, [])
    0
    """
    there = [w for w in workers if w.status == "running"]
    asked = 0
    for row in rows:
        if state.table.states[row] != MEMORY or state.table.flags[row] & PINNED:
            continue
        where = set(holders(state, row))
        wanted = len(there) if count is None else min(count, len(there))
        have = sum(w.number in where for w in there)
        others = sorted((w for w in there if w.number not in where), key=lambda w: w.nbytes)
        for worker in others[: max(0, wanted - have)]:
            fetch(state, worker, row)
            asked += 1
        if count is not None and have > wanted:
            reduce_replicas(state, row, wanted)
    return asked


def reduce_replicas(state: Scheduler, row: int, count: int) -> None:
    """Let go of copies beyond ``count``: those on the fullest workers."""
    table = state.table
    if table.place[row] != MANY:
        return
    where = sorted(state.replicas[row], key=lambda n: (state.workers[n].nbytes, n))
    for number in where[max(1, count) :]:
        drop_copy(state, row, state.workers[number])


def drop_copy(state: Scheduler, row: int, worker: Worker) -> None:
    """One of several workers lets go of its copy of a result."""
    table = state.table
    worker.drops.append(table.numbers[row])
    worker.nbytes -= table.nbytes[row]
    worker.held -= 1
    state.dropping[worker.number] = worker
    others = state.replicas[row]
    others.remove(worker.number)
    if len(others) == 1:
        [table.place[row]] = state.replicas.pop(row)


def relieve(state: Scheduler, worker: Worker, excess: float) -> int:
    """A worker is short of memory: it lets go of copies that others have as well; how many.

    Not of those that tasks need which it was given, or which stand in its queue.  The largest go
    first, until so many bytes are free: then nothing has to be written to its disk.

    Examples
    --------
    >>> relieve.__name__
    'relieve'
    """
    table, number = state.table, worker.number
    spare = [row for row, where in state.replicas.items() if number in where]
    if not spare:
        return 0
    here = [*worker.sent, *(priority & MASK for priority in worker.queue + worker.blocked)]
    needed = {dep & MASK for row in here for dep in table.deps[row]}
    needed.update(state.moves)
    for leaving in state.retiring.values():
        needed.update(leaving.moving)
    spare = sorted(
        (row for row in spare if row not in needed and not table.flags[row] & PINNED),
        key=lambda row: (-table.nbytes[row], row),
    )
    dropped = 0
    for row in spare:
        if excess <= 0:
            break
        drop_copy(state, row, worker)
        excess -= table.nbytes[row]
        dropped += 1
    if worker.number in state.full and worker.nbytes < state.settings.target * worker.limit:
        del state.full[worker.number]
        state.touched[worker.number] = worker
    return dropped


def rebalance(state: Scheduler, rows: list[int], workers: list[Worker]) -> int:
    """Move results from workers above the mean to those below it; how many moves were begun.

    A move is a copy, and a note (`Scheduler.moves`) that the first holder is to let go once it is
    there.

    Examples
    --------
    >>> rebalance(Scheduler(), [], [])
    0
    """
    table = state.table
    there = [w for w in workers if w.status == "running"]
    if len(there) < 2:
        return 0
    mean = sum(w.nbytes for w in there) / len(there)
    load = {w.number: w.nbytes for w in there}
    by_size = sorted(
        (r for r in rows if table.states[r] == MEMORY and table.place[r] in load),
        key=lambda r: (-table.nbytes[r], r),
    )
    moves = 0
    for row in by_size:
        size, source = table.nbytes[row], table.place[row]
        target = min(load, key=lambda n: (load[n], n))
        if table.flags[row] & PINNED or not size:
            continue
        if load[source] - size / 2 > mean and load[target] + size / 2 < mean:
            load[source] -= size
            load[target] += size
            fetch(state, state.workers[target], row)
            state.moves[row] = (table.numbers[row], source)
            table.flags[row] |= NOTED
            moves += 1
    return moves
