"""Tasks that fail, those that depend on them, and trying again."""

from __future__ import annotations

from collections.abc import Iterable

from shoal.distributed.core.scheduler.locate import settled
from shoal.distributed.core.scheduler.needs import leave, let_go, need, unsend
from shoal.distributed.core.scheduler.state import Reason, Scheduler
from shoal.distributed.core.scheduler.table import ALONE, DATA, MASK, NOBODY, NOTED
from shoal.distributed.core.scheduler.tell import tell_failed
from shoal.distributed.core.scheduler.transitions import (
    ERRED,
    READY,
    RELEASED,
    SENT,
    WAITING,
)

__all__: list[str] = []

PENDING = frozenset([WAITING, READY, SENT])


def fail(state: Scheduler, row: int, reason: Reason) -> None:
    """A row fails, and everything that waits for it; whoever wants these is told.

    A row in MEMORY must have been dropped before.

    Examples
    --------
    See `tests/unit/test_scheduler_failures.py`.

    >>> fail.__name__
    'fail'
    """
    table = state.table
    states, waiters, numbers = table.states, table.waiters, table.numbers
    state.observed.fail(reason, table.prefixes[row].name, state.tries.get(row, 0), False)
    idle = []
    stack = [row]
    while stack:
        row = stack.pop()
        was = states[row]
        if was == SENT:
            unsend(state, row, reason[0])
        elif was == READY:
            leave(state, row)
        states[row] = ERRED
        state.reasons[row] = reason
        table.flags[row] |= NOTED
        table.prefixes[row].erred += 1
        if was in PENDING:
            for number in table.deps[row]:
                dep = number & MASK
                waiters[dep] -= 1
                if not waiters[dep]:
                    idle.append(dep)
        tell_failed(state, row)
        if state.locating:
            settled(state, row)
        known = table.dependents[row]
        for number in known if type(known) is list else () if known is None else (known,):
            dependent = number & MASK
            if states[dependent] in PENDING and numbers[dependent] == number:
                stack.append(dependent)
        if table.owner[row] == NOBODY and not table.kept[row]:
            idle.append(row)
    let_go(state, idle)


def fail_if_input_failed(state: Scheduler, row: int) -> bool:
    """A WAITING row with an ERRED input fails as that did; True if it has."""
    table = state.table
    if table.states[row] == WAITING:
        for number in table.deps[row]:
            if table.states[number & MASK] == ERRED:
                fail(state, row, state.reasons[number & MASK])
                return True
    return table.states[row] != WAITING


def require(state: Scheduler, rows: Iterable[int]) -> list[int]:
    """RELEASED rows are needed again: those that may run are returned, the doomed have failed."""
    ready = [row for row in need(state, rows) if not fail_if_input_failed(state, row)]
    return [row for row in ready if state.table.states[row] == WAITING]


def retry(state: Scheduler, rows: Iterable[int]) -> list[int]:
    """Try ERRED rows again, and the failed ones that they depend on; what may run is returned."""
    table = state.table
    states = table.states
    stack = list(rows)
    again = []
    while stack:
        row = stack.pop()
        if states[row] != ERRED or table.flags[row] & DATA:
            continue
        del state.reasons[row]
        state.tries.pop(row, None)
        state.deaths.pop(row, None)
        state.spoiled.pop(row, None)
        table.flags[row] &= ~ALONE
        states[row] = RELEASED
        again.append(row)
        stack += [n & MASK for n in table.deps[row]]
    needed = [row for row in again if table.owner[row] != NOBODY or table.waiters[row]]
    return require(state, needed)
