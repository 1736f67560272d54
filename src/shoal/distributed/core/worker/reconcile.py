"""After a lost connection: what to say to the scheduler, and what its answer changes.

While there is no scheduler, runs that have begun go on and results are kept.  What had not begun
is forgotten at once: the scheduler plans it again, and it would be a matter of milliseconds
anyway.  So what is left when the connection is back are results and runs, which the worker lists;
the scheduler (perhaps another one, that has read its journal) says which of them to keep, under
which numbers.  Everything that it does not speak of goes.
"""

from __future__ import annotations

from typing import Any

from shoal.distributed.core.worker.assign import back_out, forget, stop
from shoal.distributed.core.worker.effects import Free, Rename, Withdraw
from shoal.distributed.core.worker.fetch import close_request
from shoal.distributed.core.worker.table import (
    ASKED,
    HELD,
    HELD_BACK,
    LONG,
    READY,
    WAITING,
    WANTED,
    WHOLE,
    Columns,
    Worker,
)
from shoal.distributed.protocol import Reconcile, Register

__all__ = ["reconcile", "register", "shed"]


def shed(w: Worker) -> None:
    """The scheduler is gone: give up what has not begun.

    Parameters
    ----------
    w
        The worker.

    Examples
    --------
    >>> from shoal.distributed.core.worker.assign import want
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> row = want(w, 5, [2], 100, 0)
    >>> shed(w)
    >>> w.tasks
    {}
    """
    for row in list(w.tasks.values()):
        if row.state in (WAITING, HELD_BACK):
            forget(w, row)
        elif row.state == READY and row in w.ready:
            w.ready.remove(row)
            forget(w, row)
        elif row.state == READY:
            w.effects.append(Withdraw(row.id, row.run, False))
    for row in list(w.tasks.values()):
        if row.state in (WANTED, ASKED):
            forget(w, row)
    # An answer that comes later has old numbers, which may be those of other results by then.
    for number in list(w.requests):
        close_request(w, number)


def register(w: Worker) -> Register:
    """Who the worker is, what it holds and what it runs.

    Parameters
    ----------
    w
        The worker.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> register(Worker(Settings("a", "inproc://a", 2))).nthreads
    2
    """
    s = w.settings
    rows = w.tasks.values()
    w.columns = Columns()
    return Register(
        s.name,
        s.address,
        s.nthreads,
        s.memory_limit,
        s.resources,
        s.versions,
        s.host,
        s.pid,
        s.nanny,
        w.scheduler_id,
        [
            (row.id, row.run, row.key, row.nbytes)
            for row in rows
            if row.state in HELD and row.id <= WHOLE
        ],
        [(row.id, row.run, row.key, row.nbytes) for row in rows if row.state in (READY, LONG)],
    )


def reconcile(w: Worker, message: Reconcile) -> None:
    """The scheduler says what stays.

    Parameters
    ----------
    w
        The worker.
    message
        As received.

    Examples
    --------
    >>> from shoal.distributed.core.worker.assign import arrive, want
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> for id in (5, 6):
    ...     arrive(w, want(w, id, [], 100, 0), 100)
    >>> reconcile(w, Reconcile(keep=[(5, 50)], drop=[6], stop=[], go_on=[]))
    >>> list(w.tasks), w.free, w.effects
    ([50], [], [Free(ids=[6]), Rename(ids={5: 50})])
    """
    new = dict(message.keep)
    runs = {old: (number, run) for old, number, run in message.go_on}
    new.update({old: number for old, (number, _) in runs.items()})
    renumber(w.columns, runs)
    for row in list(w.tasks.values()):
        if row.id in new:
            continue
        if row.state in (READY, LONG):
            stop(w, row)
        elif row.state == WAITING:
            back_out(w, row)
        else:
            row.users = 0
            forget(w, row)
    moved = {old: number for old, number in new.items() if old != number and old in w.tasks}
    rows = list(w.tasks.values())
    for row in rows:
        row.run = runs[row.id][1] if row.id in runs else row.run
        row.id = new[row.id]
        row.deps = tuple([new[dep] for dep in row.deps if dep in new])
    if moved:
        w.tasks = {row.id: row for row in rows}
        w.spillable = {new[id]: None for id in w.spillable}
        w.timed = {new[id]: when for id, when in w.timed.items()}
        if w.free:
            # What goes, goes by its old number, which may be the new one of something else.
            w.effects.append(Free(w.free))
            w.free = []
        w.effects.append(Rename(moved))
    w.to_load = [(priority, new[id]) for priority, id in w.to_load if id in new]


def renumber(columns: Columns, runs: dict[int, tuple[int, int]]) -> None:
    """Runs that ended badly or went elsewhere since the worker registered have new numbers now.

    Of those with which the scheduler does not go on, it wants to hear no more.
    """
    for column in (columns.failed, columns.returned, columns.seceded, columns.rejoined):
        entries: list[Any] = [(*runs[id], *more) for id, _, *more in column if id in runs]
        column[:] = entries
    columns.tried[:] = [(runs[id][0], start, s) for id, start, s in columns.tried if id in runs]
