"""Every invariant of the scheduler's state, checked from scratch.

What is counted along the way (waiters, holders, occupancy, queues) is counted anew from the table
and compared.  Tests call this after every event; it takes time in proportion to the table.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from shoal.distributed.core.scheduler.names import Layer, find, key_of
from shoal.distributed.core.scheduler.records import Worker
from shoal.distributed.core.scheduler.state import Scheduler, holders
from shoal.distributed.core.scheduler.table import (
    ALONE,
    AWAY,
    CHOOSY,
    DATA,
    HAS_INPUTS,
    MANY,
    MASK,
    NOBODY,
    NOTED,
    Table,
)
from shoal.distributed.core.scheduler.transitions import (
    ERRED,
    FORGOTTEN,
    MEMORY,
    PUT,
    READY,
    RELEASED,
    SENT,
    STATES,
    WAITING,
)

__all__ = ["validate"]

PENDING = frozenset([WAITING, READY, SENT])


def validate(state: Scheduler) -> None:
    """Raise AssertionError, saying which row or worker is wrong, unless the state is consistent.

    Parameters
    ----------
    state
        The scheduler's, between two events.

    Examples
    --------
    >>> validate(Scheduler())
    """
    rows = [row for row, now in enumerate(state.table.states) if now != FORGOTTEN]
    check_rows(state, rows)
    check_relations(state, rows)
    check_results(state, rows)
    check_owners(state, rows)
    check_names(state, rows)
    check_queues(state, rows)
    check_references(state)
    for worker in state.workers.values():
        check_worker(state, worker)


def check(state: Scheduler, ok: Any, row: int, text: str) -> None:
    """One statement about a row."""
    if not ok:
        now = STATES[state.table.states[row]]
        raise AssertionError(f"{key_of(state.table, row)!r} (row {row}, {now}): {text}")


def check_rows(state: Scheduler, rows: list[int]) -> None:
    """What a state says of the other columns."""
    table = state.table
    beside: tuple[dict[int, Any], ...] = (state.reasons, state.big, state.traces, state.parts)
    beside = (*beside, state.tries, state.references)
    noted = set().union(*beside)
    for row in rows:
        now, place, flags = table.states[row], table.place[row], table.flags[row]
        if now in (SENT, READY):
            there = place in state.workers or (now, place) == (READY, NOBODY)
        elif now == MEMORY:
            there = place in state.workers or place == MANY
        else:
            there = place == NOBODY
        if not there:
            check(state, False, row, f"place {place}")
        check(state, table.prefixes[row] is not None, row, "has no prefix")
        check(state, table.numbers[row] & MASK == row, row, "number does not lead back")
        check(state, (table.runs[row] > 0) == (now == SENT), row, "run")
        check(state, (row in state.reasons) == (now == ERRED), row, "reasons")
        check(state, (place == MANY) == (row in state.replicas), row, "replicas")
        check(state, bool(flags & HAS_INPUTS) == bool(table.deps[row]), row, "HAS_INPUTS")
        check(state, bool(flags & CHOOSY) == (table.options[row] is not None), row, "CHOOSY")
        check(state, flags & NOTED or row not in noted, row, "NOTED")
        if flags & (DATA | AWAY | ALONE):
            check(state, not flags & DATA or now in (PUT, MEMORY, ERRED), row, "data")
            check(state, not flags & AWAY or now == SENT, row, "AWAY")
            check(state, not flags & ALONE or row in state.deaths, row, "ALONE")
    tables: tuple[dict[int, Any], ...] = (state.reasons, state.replicas, state.shared)
    for some in (*tables, state.twins, state.deaths, state.spoiled, state.tries, state.moves):
        for row in some:
            assert table.states[row] != FORGOTTEN, f"row {row} is forgotten and noted"


def check_relations(state: Scheduler, rows: list[int]) -> None:
    """Dependencies and dependents agree, and so do the counts."""
    table: Table = state.table
    numbers, states, dependents = table.numbers, table.states, table.dependents
    waiters, kept = [0] * len(states), [0] * len(states)
    known: dict[int, Any] = {}
    for row in rows:
        missing, mine, now = 0, numbers[row], states[row]
        for number in table.deps[row]:
            dep = number & MASK
            if numbers[dep] != number or states[dep] == FORGOTTEN:
                check(state, False, row, f"needs {number}, forgotten")
            names = known.get(dep)
            if names is None:
                told = dependents[dep]
                names = known[dep] = {told} if isinstance(told, int) else set(told or ())
            if mine not in names:
                check(state, False, row, f"is unknown to its input {key_of(table, dep)!r}")
            kept[dep] += 1
            waiters[dep] += now in PENDING
            missing += states[dep] != MEMORY
        if now == WAITING:
            check(state, table.missing[row] == missing > 0, row, f"{missing} inputs are missing")
        elif now == READY:
            check(state, not missing, row, f"{missing} inputs are missing")
    for row in rows:
        awaited, owned = waiters[row], table.owner[row] != NOBODY
        if table.waiters[row] != awaited or table.kept[row] != kept[row]:
            check(state, False, row, f"{awaited} waiters, {kept[row]} dependents")
        now = states[row]
        check(state, kept[row] or owned, row, "nobody can need it")
        if not awaited and not owned:
            check(state, now in (RELEASED, ERRED), row, "nobody needs its result")
        else:
            check(state, now != RELEASED, row, "somebody needs it")
            check(state, now != ERRED or not awaited, row, "somebody waits for it")


def check_results(state: Scheduler, rows: list[int]) -> None:
    """What workers hold."""
    table = state.table
    held: Counter[int] = Counter()
    nbytes: Counter[int] = Counter()
    for row in rows:
        if table.states[row] == MEMORY:
            where = holders(state, row)
            check(state, len(set(where)) == len(where), row, f"held twice: {where}")
            for number in where:
                check(state, number in state.workers, row, f"held by {number}, which is gone")
                held[number] += 1
                nbytes[number] += table.nbytes[row]
    for number, worker in state.workers.items():
        expected = sum(table.nbytes[row] for row in worker.sent)
        assert worker.held == held[number], (worker.name, worker.held, held[number])
        mine = nbytes[number] + expected
        assert worker.nbytes == mine, f"{worker.name} counts {worker.nbytes} bytes, has {mine}"


def check_references(state: Scheduler) -> None:
    """Keys are kept for those that hold them, and for nobody else."""
    groups = [group for mine in state.references.values() for group in mine]
    holders = Counter(map(id, groups))
    assert all(group.holders == holders[id(group)] > 0 for group in groups), "holders"
    kept = {id(group): group.keys for group in [*groups, *state.loose]}.values()
    counts = Counter(key for keys in kept for key in keys)
    assert counts == state.machines.get("references", Counter()), "references"


def check_owners(state: Scheduler, rows: list[int]) -> None:
    """Who wants what."""
    wants: Counter[int] = Counter()
    for row in rows:
        owner = state.table.owner[row]
        if owner >= 0:
            check(state, owner in state.clients, row, f"wanted by {owner}, which is gone")
            wants[owner] += 1
        check(state, (owner == MANY) == (row in state.shared), row, "shared")
        if owner == MANY:
            check(state, len(state.shared[row]) > 1, row, "shared by one")
            wants.update(list(state.shared[row]))
    for number, client in state.clients.items():
        assert client.wants == wants[number], f"{client.name} wants {wants[number]}"


def check_names(state: Scheduler, rows: list[int]) -> None:
    """Keys lead to rows, and rows to keys."""
    alive: Counter[str] = Counter()
    listed = 0
    for row in rows:
        if find(state.names, key_of(state.table, row)) != row:
            check(state, False, row, "key leads elsewhere")
        name = state.table.names[row]
        if type(name) is Layer:
            alive[name.name] += 1
        else:
            listed += 1
    assert listed == len(state.names.rows)
    assert alive == {name: layer.alive for name, layer in state.names.layers.items()}
    uses = Counter(state.table.codes[row] for row in rows)
    assert state.idle_bytes == sum(len(code.data) for code in state.idle_codes.values())
    assert state.code_of == {code.number: code for code in state.codes.values()}
    for digest, code in state.codes.items():
        assert code.uses == uses[code.number], (digest, code.uses, uses[code.number])
        assert (digest in state.idle_codes) == (not code.uses), digest
        for number in code.workers:
            assert code.number in state.workers[number].codes
    for worker in state.workers.values():
        assert worker.codes <= state.code_of.keys()


def check_queues(state: Scheduler, rows: list[int]) -> None:
    """Every READY row stands in the queue that its place says."""
    table = state.table
    sources = state.sources
    common = set(sources.late) | set(sources.line.next(len(sources.line)))
    for number, region in sources.regions.items():
        entries = region.next(len(region))
        assert entries and entries == sorted(entries) and entries[-1] <= sources.until, number
        assert state.workers[number].status == "running", number
        # Not disjoint: a task that was let go and is wanted again has an entry of its last life.
        common.update(entries)
    active = 0
    queued: Counter[int] = Counter()
    lines: dict[int, set[int]] = {}
    for row in rows:
        now, place = table.states[row], table.place[row]
        if now in (READY, SENT) and table.flags[row] & HAS_INPUTS:
            active += 1
        if now == READY:
            priority = table.priorities[row]
            if place >= 0:
                worker = state.workers[place]
                queued[place] += 1
                there = lines.get(place)
                if there is None:
                    there = lines[place] = {*worker.queue, *worker.blocked}
                check(state, priority in there, row, "not in its queue")
            else:
                check(state, row in state.unplaced or priority in common, row, "in no queue")
    assert state.active == active, f"{active} tasks with inputs, {state.active} counted"
    for row in state.unplaced:
        check(state, table.states[row] == READY, row, "unplaced")
    for number, worker in state.workers.items():
        assert worker.queued == queued[number], (worker.name, worker.queued, queued[number])
    assert sources.line.next(len(common)) == sorted(sources.line.next(len(common)))
    assert sources.reserved == sum(map(len, sources.regions.values()))


def check_worker(state: Scheduler, worker: Worker) -> None:
    """What one worker has been given."""
    table = state.table
    away = 0
    used: Counter[str] = Counter()
    assert worker.solo < 0 or worker.solo in worker.sent, (worker.name, worker.solo)
    for row in worker.sent:
        check(state, table.states[row] == SENT, row, f"sent to {worker.name}")
        twin = state.twins.get(row, (NOBODY, 0))[0] == worker.number
        check(state, table.place[row] == worker.number or twin, row, "runs elsewhere")
        away += bool(table.flags[row] & AWAY) and not twin
        options = table.options[row]
        used.update(options.resources or {} if options is not None else {})
    assert worker.seceded == away, (worker.name, worker.seceded, away)
    for name, much in worker.resources.items():
        left = much - used[name]
        assert abs(worker.free[name] - left) < 1e-9, (worker.name, name, worker.free[name], left)
    occupancy = sum(table.costs[row] for row in worker.sent)
    assert abs(worker.occupancy - occupancy) < 1e-6 + 1e-6 * occupancy, (worker.name, occupancy)
    queued = [
        row
        for p in dict.fromkeys(worker.queue + worker.blocked)
        if table.states[row := p & MASK] == READY
        and table.place[row] == worker.number
        and table.priorities[row] == p
    ]
    backlog = sum(table.costs[row] for row in queued)
    assert abs(worker.backlog - backlog) < 1e-6 + 1e-6 * backlog, (worker.name, worker.backlog)
    assert not worker.blocked or worker.sent or worker.zombies, f"{worker.name} is blocked, idle"
