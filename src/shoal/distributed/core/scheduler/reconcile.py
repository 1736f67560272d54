"""A worker that was here before, or with a scheduler before, says what it holds and runs."""

from __future__ import annotations

from itertools import compress

from shoal.distributed.core.effects import Send
from shoal.distributed.core.scheduler.holdings import add_copy
from shoal.distributed.core.scheduler.names import find
from shoal.distributed.core.scheduler.needs import leave
from shoal.distributed.core.scheduler.records import Worker
from shoal.distributed.core.scheduler.scatter import is_expected
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.core.scheduler.table import DATA, HAS_INPUTS
from shoal.distributed.core.scheduler.transitions import (
    MEMORY,
    PUT,
    READY,
    SENT,
    WAITING,
)
from shoal.distributed.protocol import Reconcile, Register

__all__: list[str] = []

WANTED = frozenset([MEMORY, WAITING, READY, SENT, PUT])
"""States of tasks whose results are of use."""


def reconcile(state: Scheduler, worker: Worker, m: Register) -> None:
    """Decide what a worker keeps and goes on with; keys say which tasks are meant.

    Results are kept where the task is known and its result is there or needed; of several that
    were put under one key, one, and rather that of the number that the key has now, if it was this
    scheduler that gave it.  A run goes on where its task is ready and runs nowhere else; it gets a
    new number, so that what was said of the old one is stale.

    Examples
    --------
    See `tests/unit/test_scheduler_reconcile.py`.

    >>> reconcile.__name__
    'reconcile'
    """
    table = state.table
    states = table.states
    answer = Reconcile([], [])
    state.effects.append(Send(worker.party, answer))
    rows = [find(state.names, key) for _, _, key, _ in m.held]
    numbers = [table.numbers[row] if row >= 0 else -1 for row in rows]
    is_ours = m.scheduler == state.identity
    same = [is_ours and old == number for (old, *_), number in zip(m.held, numbers)]
    taken = set(compress(numbers, same))
    for position, ((*_, size), row, number) in enumerate(zip(m.held, rows, numbers)):
        is_one = same[position] or number not in taken
        if row >= 0 and is_one and states[row] in WANTED and not is_expected(state, row):
            taken.add(number)
            answer.keep.append((position, number))
            add_copy(state, worker, number, size)
    for position, (_, _, key, _) in enumerate(m.running):
        row = find(state.names, key)
        if row >= 0 and states[row] == READY and not table.flags[row] & DATA:
            answer.go_on.append((position, table.numbers[row], adopt(state, worker, row)))


def adopt(state: Scheduler, worker: Worker, row: int) -> int:
    """A READY row runs on a worker already: the number of the run."""
    table = state.table
    leave(state, row)
    run = state.next_run
    state.next_run += 1
    prefix = table.prefixes[row]
    table.states[row] = SENT
    table.place[row] = worker.number
    table.runs[row] = run
    table.costs[row] = prefix.seconds
    table.nbytes[row] = prefix.nbytes
    worker.sent[row] = worker.since
    worker.occupancy += prefix.seconds
    worker.nbytes += prefix.nbytes
    if table.flags[row] & HAS_INPUTS:
        state.active += 1
    options = table.options[row]
    if options is not None and options.resources:
        for name, much in options.resources.items():
            worker.free[name] = worker.free.get(name, 0) - much
    return run
