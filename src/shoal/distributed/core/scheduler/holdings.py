"""Which worker holds which result: copies come, go, and are lost with their workers."""

from __future__ import annotations

from collections.abc import Sequence

from shoal.distributed.core.scheduler.failures import fail, require
from shoal.distributed.core.scheduler.locate import settled
from shoal.distributed.core.scheduler.names import key_of
from shoal.distributed.core.scheduler.needs import leave, let_go, unsend
from shoal.distributed.core.scheduler.placement import place_elsewhere, place_ready
from shoal.distributed.core.scheduler.records import Worker
from shoal.distributed.core.scheduler.state import Scheduler, clients_of, holders
from shoal.distributed.core.scheduler.table import DATA, MANY, MASK, NOBODY, NOTED, PINNED
from shoal.distributed.core.scheduler.tell import tell_ends, tell_lost
from shoal.distributed.core.scheduler.transitions import (
    FORGOTTEN,
    MEMORY,
    PUT,
    READY,
    RELEASED,
    SENT,
    WAITING,
)

__all__: list[str] = []


def add_copies(
    state: Scheduler, worker: Worker, numbers: Sequence[int], sizes: Sequence[int]
) -> None:
    """A worker holds results that it has fetched, put or made anew.

    Most are inputs of tasks that it has ended, and have one more holder now, or nobody needs them
    since: then it hears of that with what else it can let go of.

    Examples
    --------
    See `tests/unit/test_scheduler_holdings.py`.

    >>> add_copies.__name__
    'add_copies'
    """
    table, me, replicas = state.table, worker.number, state.replicas
    states, known, place, nbytes = table.states, table.numbers, table.place, table.nbytes
    count, unneeded = len(known), (RELEASED, FORGOTTEN)
    for number, size in zip(numbers, sizes):
        row = number & MASK
        if row >= count or known[row] != number or states[row] in unneeded:
            worker.drops.append(number)
            continue
        at = place[row]
        if states[row] != MEMORY or at < 0 or at == me or row in state.moves:
            add_copy(state, worker, number, size)
            continue
        replicas[row] = [at, me]
        place[row] = MANY
        worker.held += 1
        worker.nbytes += nbytes[row]
    if worker.drops:
        state.dropping[me] = worker


def add_copy(state: Scheduler, worker: Worker, number: int, size: int) -> None:
    """A worker holds a result that it did not compute for us just now.

    Examples
    --------
    See `tests/unit/test_scheduler_holdings.py`.

    >>> add_copy.__name__
    'add_copy'
    """
    row = number & MASK
    table = state.table
    now = table.states[row] if row < len(table.numbers) and table.numbers[row] == number else 0
    if now == MEMORY:
        place = table.place[row]
        if place == worker.number or (place == MANY and worker.number in state.replicas[row]):
            return
        if place == MANY:
            state.replicas[row].append(worker.number)
        else:
            state.replicas[row] = [place, worker.number]
            table.place[row] = MANY
        hold(worker, table.nbytes[row])
        if row in state.moves:
            end_move(state, row)
    elif now in (WAITING, READY, SENT, PUT):
        arrive(state, worker, row, size)
    else:
        worker.drops.append(number)
        state.outgoing[worker.number] = worker


def end_move(state: Scheduler, row: int) -> None:
    """A result that was to be moved is on the other worker: the first one lets go of its copy."""
    number, source = state.moves.pop(row)
    if state.table.numbers[row] == number and remove_holder(state, row, source) is False:
        worker = state.workers.get(source)
        if worker is not None:
            worker.drops.append(number)
            state.dropping[source] = worker


def hold(worker: Worker, size: int) -> None:
    """One more result."""
    worker.held += 1
    worker.nbytes += size


def arrive(state: Scheduler, worker: Worker, row: int, size: int) -> None:
    """A result that was to be computed, or put, is on a worker: it need not be computed."""
    table = state.table
    states, waiters = table.states, table.waiters
    was = states[row]
    if was == SENT:
        unsend(state, row, "its result is there")
    elif was == READY:
        leave(state, row)
    elif was == PUT:
        state.puts.pop(row, None)
    table.nbytes[row] = size
    table.place[row] = worker.number
    states[row] = MEMORY
    hold(worker, size)
    for client in clients_of(state, row):
        tell_ends(state, client, (row,))
    ready = []
    known = table.dependents[row]
    for number in known if type(known) is list else () if known is None else (known,):
        dep = number & MASK
        if states[dep] == WAITING and table.numbers[dep] == number:
            table.missing[dep] -= 1
            if not table.missing[dep]:
                ready.append(dep)
    settled(state, row)
    place_ready(state, ready)
    idle = [row]
    if was != PUT:
        for number in table.deps[row]:
            waiters[number & MASK] -= 1
            idle.append(number & MASK)
    let_go(state, idle)


def lose_copy(state: Scheduler, number: int, holder: int) -> None:
    """A worker has not, or has no more, a result that it was thought to hold."""
    row = number & MASK
    table = state.table
    if row >= len(table.numbers) or table.numbers[row] != number or table.states[row] != MEMORY:
        return
    worker = state.workers.get(holder)
    if worker is not None and holder in holders(state, row):
        # Perhaps it has it after all, and only could not be reached from where it was needed.
        worker.drops.append(number)
        state.outgoing[holder] = worker
    if remove_holder(state, row, holder):
        compute_again(state, [row], worker)


def spoil(state: Scheduler, number: int, worker: Worker, why: str) -> None:
    """What a worker has of a result in files cannot be read; once too often, and it is given up.

    A disk that damages what it is given damages it again: to make it anew for ever is no help.
    """
    table = state.table
    row = number & MASK
    if row >= len(table.numbers) or table.numbers[row] != number or table.states[row] != MEMORY:
        return
    seen = state.spoiled.setdefault(row, [])
    seen.append(f"{worker.name} on {worker.host} ({why})")
    table.flags[row] |= NOTED
    if len(seen) <= state.settings.allowed_failures or len(holders(state, row)) > 1:
        lose_copy(state, number, worker.number)
        return
    worker.drops.append(number)
    state.outgoing[worker.number] = worker
    if not remove_holder(state, row, worker.number):
        return
    table.states[row] = RELEASED
    key = key_of(table, row)
    text = (
        f"the result {key!r} was made {len(seen)} times, and each time the file that a worker had "
        f"written it to could not be read: {', '.join(seen)}; it is not made again. Check these "
        "disks, or give workers another one (local_directory)"
    )
    fail(state, row, ("lost", key, worker.address, text.encode()))


def remove_holder(state: Scheduler, row: int, holder: int) -> bool:
    """A worker is no holder of a result any more; True if nobody is now."""
    table = state.table
    place = table.place[row]
    if place == holder:
        table.place[row] = NOBODY
    elif place == MANY and holder in state.replicas[row]:
        rest = state.replicas[row]
        rest.remove(holder)
        if len(rest) == 1:
            table.place[row] = rest[0]
            del state.replicas[row]
    else:
        return False
    worker = state.workers.get(holder)
    if worker is not None:
        worker.held -= 1
        worker.nbytes -= table.nbytes[row]
    return place == holder


def compute_again(state: Scheduler, rows: list[int], avoid: Worker | None = None) -> None:
    """Results that nobody holds any more: those still needed are computed again.

    Not by a worker to be avoided, where another one may: who needs them may not reach it.  READY
    dependents go back to waiting.  SENT ones are left: their worker may have the input already,
    and gives them back if not.
    """
    table = state.table
    states, numbers = table.states, table.numbers
    gone = []
    for row in rows:
        states[row] = RELEASED
        if table.flags[row] & (DATA | PINNED):
            gone.append(row)
            continue
        tell_lost(state, row)
        known = table.dependents[row]
        for number in known if type(known) is list else () if known is None else (known,):
            dep = number & MASK
            if numbers[dep] != number:
                continue
            if states[dep] == READY:
                leave(state, dep)
                states[dep] = WAITING
                table.missing[dep] = 1
            elif states[dep] == WAITING:
                table.missing[dep] += 1
    for row in gone:
        if states[row] == RELEASED and (table.waiters[row] or table.owner[row] != NOBODY):
            lose_data(state, row)
    lost = [row for row in rows if states[row] == RELEASED]
    lost = [row for row in lost if table.waiters[row] or table.owner[row] != NOBODY]
    ready = require(state, lost)
    if avoid is None:
        place_ready(state, ready)
    else:
        for row in ready:
            place_elsewhere(state, row, avoid)
    let_go(state, rows)


def lose_target(state: Scheduler, number: int) -> None:
    """A worker is gone that data was to be put on: what has no other, will not come."""
    for row, (_, where) in list(state.puts.items()):
        if number in where:
            where.remove(number)
            if not where and state.table.states[row] == PUT:
                del state.puts[row]
                lose_data(state, row)


def lose_data(state: Scheduler, row: int) -> None:
    """Data that a client put, or an actor, is gone, and nothing can make it again as it was."""
    table = state.table
    key = key_of(table, row)
    text = (
        f"the data {key!r} was put on workers that are gone, and cannot be computed again; "
        "scatter it again, to more than one worker if workers come and go (broadcast)"
    )
    if table.flags[row] & PINNED:
        text = f"the actor {key!r} is gone with its worker, and its state with it; make it anew"
    fail(state, row, ("lost", key, "", text.encode()))
