"""Tasks that wait for workers which may never come: somebody is told, or they fail.

A worker whose nanny looks after it comes back, or the nanny says that it does not.  One without a
nanny that dies may only have lost its connection.  When it is not back in a moment, and tasks wait
for it, clients are warned: which worker, why, what waits, and what to do about it.  And where the
user has said how long tasks may wait for a worker that may run them (``Settings.no_workers_s``),
they fail after that.  Clients are also warned of tasks that only workers of some name may run, if
nobody has that name.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from shoal.distributed.core.scheduler.explain import why_ready
from shoal.distributed.core.scheduler.failures import fail
from shoal.distributed.core.scheduler.names import key_of
from shoal.distributed.core.scheduler.records import Worker
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.core.scheduler.transitions import READY, WAITING

__all__ = ["due", "fail_unrunnable", "find_served", "look", "miss", "stranded"]

KNOWN = 100
"""Workers of which it is kept why they are down."""

LOOKS = 4
"""How often tasks are looked at in the time that they may wait for a worker."""


def miss(state: Scheduler, worker: Worker, reason: str, now: float) -> None:
    """A worker has died that nobody is known to start again.

    Parameters
    ----------
    state, worker
        Which.
    reason
        Why, as far as is known.
    now
        The time.

    Examples
    --------
    See `tests/unit/test_scheduler_stranded.py`.

    >>> miss.__name__
    'miss'
    """
    while len(state.down) >= KNOWN:
        del state.down[next(iter(state.down))]
    state.down[worker.name] = (
        f"worker {worker.name} at {worker.address} is gone ({reason}), and has no nanny that would "
        "start it again"
    )
    if state.missed_due < 0:
        state.missed_due = now + state.settings.missed_s
    state.missed.append(worker.name)


def look(state: Scheduler) -> str:
    """What clients are to be warned of: workers that are waited for, and are gone or unknown.

    Parameters
    ----------
    state
        The scheduler's.

    Returns
    -------
    str
        "" when nothing waits for them.

    Examples
    --------
    >>> look(Scheduler())
    ''
    """
    names = [name for name in state.missed if name in state.down]
    state.missed, state.missed_due = [], -1.0
    said = stranded(state, names) if names else ""
    rest = len(names) - 1
    more = f"; so {'is' if rest == 1 else 'are'} {rest} more" if rest else ""
    return f"{state.down[names[0]]}{more}. {said}" if said else unknown(state)


def unknown(state: Scheduler) -> str:
    """What waits for workers that nobody knows, in words, once for each name; "" if nothing does.

    Parameters
    ----------
    state
        The scheduler's.

    Examples
    --------
    >>> unknown(Scheduler())
    ''
    """
    table, workers = state.table, state.workers.values()
    known = {name for w in workers for name in (w.name, w.address, w.host)} | state.down.keys()
    if not workers or len(state.strangers) >= KNOWN:
        return ""
    for row in state.unplaced:
        wanted = (options.workers or ()) if (options := table.options[row]) is not None else ()
        if wanted and known.isdisjoint(wanted) and not state.strangers.keys() >= set(wanted):
            state.strangers |= dict.fromkeys(wanted)
            names = ", ".join(sorted(w.name for w in workers)[:10])
            asked = " or ".join(map(repr, wanted[:3]))
            return (
                f"{key_of(table, row)!r} may run on {asked} only, and no worker has that name, "
                f"address or host (there are {names}): it waits until one has"
            )
    return ""


def stranded(state: Scheduler, names: Collection[Any]) -> str:
    """What waits for workers that are gone, in words, and what to do about it; "" if nothing does.

    Parameters
    ----------
    state
        The scheduler's.
    names
        The workers'.

    Examples
    --------
    >>> stranded(Scheduler(), ["a"])
    ''
    """
    table, gone = state.table, set(names)
    if all(worker.name in gone for worker in state.workers.values()):
        count = sum(now in (WAITING, READY) for now in table.states)
        text = (
            f"No worker is left, and {count:,} tasks wait until there is one: start workers "
            "(cluster.scale, `shoal worker`), or cancel the futures"
        )
        return text if count else ""
    keys = [
        key_of(table, row)
        for row in state.unplaced
        if (options := table.options[row]) is not None and gone.intersection(options.workers or ())
    ]
    if not keys:
        return ""
    some = ", ".join(map(repr, keys[:3])) + (", ..." if len(keys) > 3 else "")
    return (
        f"{len(keys):,} tasks may run nowhere else ({some}): start a worker of that name, or "
        "submit them anew with other workers= or with allow_other_workers=True"
    )


def fail_unrunnable(state: Scheduler, now: float) -> None:
    """Tasks fail that no worker was there for, for longer than they are to wait.

    Parameters
    ----------
    state
        The scheduler's.
    now
        The time.

    Examples
    --------
    >>> fail_unrunnable(Scheduler(), 0.0)
    """
    table, patience_s = state.table, state.settings.no_workers_s
    if state.workers:
        rows = list(state.unplaced)
    else:
        rows = [row for row, what in enumerate(table.states) if what == READY]
    waiting = {row: state.unrunnable.get(table.numbers[row], now) for row in rows}
    for row, since in waiting.items():
        # One that failed may have been all that another one was needed with.
        if now - since >= patience_s and table.states[row] == READY:
            key = key_of(table, row)
            text = f"{key!r} could not run for {patience_s:g} s: {why_ready(state, row, now)}"
            fail(state, row, ("unrunnable", key, "", text.encode()))
    left = {row: since for row, since in waiting.items() if table.states[row] == READY}
    state.unrunnable = {table.numbers[row]: since for row, since in left.items()}
    first = min(left.values(), default=now)
    state.unrunnable_due = min(first + patience_s, now + patience_s / LOOKS)


def find_served(state: Scheduler) -> None:
    """A worker has come: tasks that it may run do not wait for one any more.

    Parameters
    ----------
    state
        The scheduler's.

    Examples
    --------
    >>> find_served(Scheduler())
    """
    numbers = [state.table.numbers[row] for row in state.unplaced]
    known = state.unrunnable
    state.unrunnable = {number: known[number] for number in numbers if number in known}


def due(state: Scheduler) -> list[float]:
    """When `look` and `fail_unrunnable` are to be called.

    Parameters
    ----------
    state
        The scheduler's.

    Examples
    --------
    >>> due(Scheduler())
    []
    """
    times = [state.missed_due] if state.missed_due >= 0 else []
    if (
        state.settings.no_workers_s > 0
        and len(state.table)
        and (state.unplaced or not state.workers)
    ):
        times.append(state.unrunnable_due)
    return times
