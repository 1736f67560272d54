"""Who needs what: beginning to need a result, ceasing to, and forgetting.

Two counts and a mark on each row decide (`transitions`): `waiters`, `kept` and `owner`.  Everything
here walks with a stack of its own, since graphs may be deep.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

from shoal.distributed.core.scheduler.names import forget_names, key_of
from shoal.distributed.core.scheduler.records import Client, Code, Worker
from shoal.distributed.core.scheduler.runs import end_run
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.core.scheduler.table import (
    DATA,
    HAS_INPUTS,
    MANY,
    MASK,
    NO_CODE,
    NOBODY,
    NOTED,
    picker,
)
from shoal.distributed.core.scheduler.transitions import (
    ERRED,
    FORGOTTEN,
    MEMORY,
    PUT,
    READY,
    RELEASED,
    SENT,
    WAITING,
)

__all__ = ["want"]

PENDING = frozenset([WAITING, READY, SENT])

MADE = bytes(flags for flags in range(256) if not flags & DATA)
"""All flags of what tasks have made."""

FIRST = attrgetter("start")

FEW = 16
"""Rows that are not worth counting what they have in common."""


def want(state: Scheduler, client: Client, row: int) -> bool:
    """A client wants a row; False if it did so before.

    Examples
    --------
    >>> from shoal.distributed.core.scheduler.names import name_keys
    >>> state, client = Scheduler(), Client(0, "me", 1)
    >>> [row] = name_keys(state.names, state.table, ["x"])[0]
    >>> want(state, client, row), want(state, client, row)
    (True, False)
    """
    owners = state.table.owner
    owner = owners[row]
    if owner == client.number:
        return False
    if owner == NOBODY:
        owners[row] = client.number
    elif owner == MANY:
        others = state.shared[row]
        if client.number in others:
            return False
        others[client.number] = None
    else:
        owners[row] = MANY
        state.shared[row] = {owner: None, client.number: None}
    client.wants += 1
    return True


def unwant(state: Scheduler, client: Client, row: int) -> bool:
    """A client wants a row no more; True if nobody does now.  `let_go` comes after."""
    owners = state.table.owner
    owner = owners[row]
    if owner == client.number:
        owners[row] = NOBODY
        client.wants -= 1
        return True
    if owner == MANY and client.number in state.shared[row]:
        others = state.shared[row]
        del others[client.number]
        client.wants -= 1
        if len(others) == 1:
            owners[row] = next(iter(others))
            del state.shared[row]
    return False


def need(state: Scheduler, rows: Iterable[int]) -> list[int]:
    """RELEASED rows are needed: they wait, and so does what they lack; returns those that need not.

    A row may have become ERRED instead, where an input has: `failures` looks after that, so what is
    returned holds those too.
    """
    table = state.table
    states, deps, waiters = table.states, table.deps, table.waiters
    stack = [row for row in rows if states[row] == RELEASED]
    ready = []
    while stack:
        row = stack.pop()
        if states[row] != RELEASED:
            continue
        states[row] = WAITING
        missing = 0
        for number in deps[row]:
            dep = number & MASK
            waiters[dep] += 1
            if states[dep] != MEMORY:
                missing += 1
                if states[dep] == RELEASED:
                    stack.append(dep)
        table.missing[row] = missing
        if not missing or any(states[n & MASK] == ERRED for n in deps[row]):
            ready.append(row)
    ready.reverse()
    return ready


def pend(state: Scheduler, row: int) -> bool:
    """A row that was READY or SENT lacks inputs perhaps: it waits for them; True if it does not."""
    table = state.table
    lost = [n & MASK for n in table.deps[row] if table.states[n & MASK] != MEMORY]
    table.missing[row] = len(lost)
    return not lost


def leave(state: Scheduler, row: int) -> None:
    """A READY or SENT row is no longer that: take it out of the counts."""
    table = state.table
    if table.flags[row] & HAS_INPUTS:
        state.active -= 1
    if table.states[row] == READY:
        place = table.place[row]
        if place >= 0:
            worker = state.workers[place]
            worker.queued -= 1
            worker.backlog = worker.backlog - table.costs[row] if worker.queued else 0.0
        else:
            state.unplaced.pop(row, None)
    table.place[row] = NOBODY


def drop_result(state: Scheduler, row: int) -> None:
    """Nobody needs a result: its holders are told, and the row is RELEASED."""
    table = state.table
    number, size = table.numbers[row], table.nbytes[row]
    place = table.place[row]
    for holder in (place,) if place >= 0 else state.replicas.pop(row, ()):
        worker = state.workers[holder]
        worker.drops.append(number)
        worker.nbytes -= size
        worker.held -= 1
        state.dropping[holder] = worker
        if holder in state.full and worker.nbytes < state.settings.target * worker.limit:
            del state.full[holder]
            state.touched[holder] = worker
    table.place[row] = NOBODY
    table.states[row] = RELEASED


def let_go(state: Scheduler, rows: Iterable[int], reason: str = "") -> None:
    """Look again at rows that somebody has ceased to need; drop, cancel and forget what may be.

    Rows that are still needed stay as they are.
    """
    while rows:
        gone = drop_unneeded(state, rows, reason)
        if not gone:
            return
        rows = forget(state, gone)


def drop_unneeded(state: Scheduler, rows: Iterable[int], reason: str) -> list[int]:
    """Drop results and cancel tasks that nobody needs; what can be forgotten is returned."""
    table = state.table
    states, waiters, kept, owner = table.states, table.waiters, table.kept, table.owner
    deps, flags = table.deps, table.flags
    stack = list(rows)
    if len(stack) > 1 and are_results(state, stack):
        drop_results(state, stack)
        return [row for row in stack if not kept[row]]
    gone = []
    while stack:
        row = stack.pop()
        now = states[row]
        if owner[row] != NOBODY or not now:
            continue
        if not waiters[row]:
            if now == MEMORY:
                drop_result(state, row)
            elif now in PENDING:
                stop_needing(state, row, reason)
                for number in deps[row]:
                    dep = number & MASK
                    waiters[dep] -= 1
                    if not waiters[dep]:
                        stack.append(dep)
            elif now == PUT:
                states[row] = RELEASED
        if not kept[row]:
            gone.append(row)
        elif flags[row] & DATA and states[row] == RELEASED:
            forgo_data(state, row)
    return gone


def are_results(state: Scheduler, rows: list[int]) -> bool:
    """Whether all rows are results that nobody needs, and none of their holders is full."""
    table, of = state.table, picker(rows)
    return (
        of(table.states).count(MEMORY) == len(rows)
        and of(table.owner).count(NOBODY) == len(rows)
        and not any(of(table.waiters))
        and not bytes(of(table.flags)).translate(None, MADE)
        and len(set(rows)) == len(rows)
        and (not state.full or state.full.keys().isdisjoint(of(table.place)))
        and (not state.full or MANY not in of(table.place))
    )


def drop_results(state: Scheduler, rows: list[int]) -> None:
    """As `drop_result`, for many rows."""
    table, workers, dropping = state.table, state.workers, state.dropping
    states, place, numbers, nbytes = table.states, table.place, table.numbers, table.nbytes
    for row in rows:
        at = place[row]
        for holder in (at,) if at >= 0 else state.replicas.pop(row):
            worker = dropping[holder] = workers[holder]
            worker.drops.append(numbers[row])
            worker.nbytes -= nbytes[row]
            worker.held -= 1
        place[row] = NOBODY
        states[row] = RELEASED


def drop_here(state: Scheduler, worker: Worker, rows: list[int]) -> None:
    """As `drop_result`, for rows that only this worker holds."""
    states, place = state.table.states, state.table.place
    for row in rows:
        place[row] = NOBODY
        states[row] = RELEASED
    tell_drops(state, worker, rows)
    if worker.number in state.full and worker.nbytes < state.settings.target * worker.limit:
        del state.full[worker.number]
        state.touched[worker.number] = worker


def tell_drops(state: Scheduler, worker: Worker, rows: list[int]) -> None:
    """A worker is to let go of results."""
    table, of = state.table, picker(rows)
    worker.drops += of(table.numbers)
    worker.nbytes -= sum(of(table.nbytes))
    worker.held -= len(rows)
    state.dropping[worker.number] = worker


def forgo_data(state: Scheduler, row: int) -> None:
    """Data is let go that something was made of: if that is lost, it cannot be made again."""
    table = state.table
    key = key_of(table, row)
    text = (
        f"the data {key!r} was let go when nothing waited for it, and what was computed from it "
        "has been lost since; keep a future of the data, or scatter it again"
    )
    state.reasons[row] = ("lost", key, "", text.encode())
    table.flags[row] |= NOTED
    table.states[row] = ERRED


def stop_needing(state: Scheduler, row: int, reason: str) -> None:
    """A WAITING, READY or SENT row becomes RELEASED; the caller counts down its inputs' waiters."""
    table = state.table
    now = table.states[row]
    if now == SENT:
        unsend(state, row, reason or "nobody needs it any more")
    elif now == READY:
        leave(state, row)
    table.states[row] = RELEASED


def unsend(state: Scheduler, row: int, reason: str) -> None:
    """Cancel the run of a SENT row, and its twin; the caller sets the state."""
    table = state.table
    twin = state.twins.pop(row, None)
    for place, run in ((table.place[row], table.runs[row]), twin or (NOBODY, 0)):
        if place < 0:
            continue
        worker = state.workers[place]
        end_run(state, worker, row)
        worker.nbytes -= table.nbytes[row]
        worker.zombies[run] = table.numbers[row]
        worker.stops.setdefault(reason, []).append((table.numbers[row], run))
        state.outgoing[place] = worker
    table.runs[row] = 0
    leave(state, row)


def forget(state: Scheduler, rows: list[int]) -> list[int]:
    """Nobody can need these rows again; returned are inputs of theirs that somebody should look at.

    Rows may be named twice.  Inputs whose last dependent goes, go with it.
    """
    table = state.table
    kept, owner, states, deps = table.kept, table.owner, table.states, table.deps
    if state.graphs:
        rows = forget_graphs(state, rows)
    again: list[int] = []
    gone: list[int] = []
    first = len(rows)
    for row in rows:  # it grows
        if not states[row]:
            continue
        states[row] = FORGOTTEN
        gone.append(row)
        for number in deps[row]:
            dep = number & MASK
            left = kept[dep] - 1
            kept[dep] = left
            if not left and owner[dep] == NOBODY:
                if states[dep] == RELEASED:
                    rows.append(dep)
                else:
                    again.append(dep)
    for row in rows[first:] if state.graphs else ():
        graph_of(state, row)
    if gone:
        free(state, gone)
    return again


def graph_of(state: Scheduler, row: int) -> range | None:
    """The graph, in `graphs`, that a row is of which is forgotten; it is no longer there."""
    graphs = state.graphs
    at = bisect_right(graphs, row, key=FIRST) - 1
    return graphs.pop(at) if at >= 0 and row in graphs[at] else None


def forget_graphs(state: Scheduler, rows: list[int]) -> list[int]:
    """Forget graphs as wholes that nobody needs any of; the rows that are left are returned.

    A graph is looked at once, when the first of its rows goes: that is mostly the end of all.
    """
    table = state.table
    while rows:
        graph = next(filter(None, map(partial(graph_of, state), rows)), None)
        if graph is None:
            return rows
        here = slice(graph.start, graph.stop)
        if (
            table.owner[here].count(NOBODY) == len(graph) == table.states[here].count(RELEASED)
            # Nobody but its own tasks needs any.
            and sum(table.kept[here]) == sum(map(len, table.deps[here]))
        ):
            table.states[here] = bytes(len(graph))
            free(state, graph)
            rows = [row for row in rows if row not in graph]
    return rows


def free(state: Scheduler, gone: Sequence[int]) -> None:
    """Rows are FORGOTTEN: nothing more is known of them."""
    table, of = state.table, picker(gone)
    forget_names(state.names, table, gone)
    codes = of(table.codes)
    few = len(gone) < FEW
    for number, uses in ((code, 1) for code in codes) if few else Counter(codes).items():
        if number != NO_CODE:
            code = state.code_of[number]
            code.uses -= uses
            if not code.uses:
                retire_code(state, code)
    if max(of(table.flags)) >= NOTED:
        beside: tuple[dict[int, Any], ...] = (state.reasons, state.big, state.traces, state.parts)
        for other in (*beside, state.tries, state.deaths, state.spoiled, state.moves, state.puts):
            for row in gone if other else ():
                other.pop(row, None)
        for row in gone if state.references else ():
            for group in state.references.pop(row, ()):
                group.holders -= 1
                if not group.holders:
                    state.loose.append(group)
    table.free_all(gone)


def retire_code(state: Scheduler, code: Code) -> None:
    """No row needs a function any more; it is kept for a while: it may come again."""
    idle, settings = state.idle_codes, state.settings
    if code.digest not in idle:
        state.idle_bytes += len(code.data)
    idle[code.digest] = code
    # Large ones are closures over somebody's data, which all workers that ran them have, too.
    while len(idle) > settings.idle_codes or state.idle_bytes > settings.idle_bytes:
        digest, oldest = idle.popitem(last=False)
        state.idle_bytes -= len(oldest.data)
        del state.codes[digest], state.code_of[oldest.number]
        for number in oldest.workers:
            worker = state.workers[number]
            worker.drop_codes.append(oldest.number)
            worker.codes.discard(oldest.number)
            state.outgoing[number] = worker
