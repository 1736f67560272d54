"""After a lost connection: what to say to the scheduler, and what its answer changes.

While there is no scheduler, runs that have begun go on and results are kept.  What had not begun
is forgotten at once: the scheduler plans it again, and it would be a matter of milliseconds
anyway.  So what is left when the connection is back are results and runs, which the worker lists;
the scheduler (perhaps another one, that has read its journal) says which of them to keep, under
which numbers.  Everything that it does not speak of goes.

With the connection a `Numbering` begins in which no row has a number.  What happens before the
scheduler has answered is told when it has, of the rows that have got a number then.
"""

from __future__ import annotations

from shoal.distributed.core.effects import Close
from shoal.distributed.core.worker.assign import forget, let_go, stop
from shoal.distributed.core.worker.effects import Renumbered, Withdraw
from shoal.distributed.core.worker.fetch import close_request
from shoal.distributed.core.worker.table import (
    ASKED,
    GONE,
    HELD,
    HELD_BACK,
    LONG,
    PART,
    READY,
    WAITING,
    WANTED,
    Numbering,
    Task,
    Worker,
)
from shoal.distributed.protocol import Key, Reconcile, Register

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
            w.effects.append(Withdraw(row.id, False))
    for row in list(w.tasks.values()):
        if row.state in (WANTED, ASKED):
            forget(w, row)
    for number in list(w.requests):
        close_request(w, number)


def register(w: Worker) -> Register:
    """Who the worker is, what it holds and what it runs; the numbers of the last connection end.

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
    begin_numbering(w)
    rows = w.tasks.values()
    held = [row for row in rows if row.state in HELD and row.id < PART]
    running = [row for row in rows if row.state in (READY, LONG)]
    w.listed = (held, running) if held or running else None
    if running:
        w.effects.append(Renumbered())
    scheduler, numbers = w.before

    def listed(row: Task) -> tuple[int, int, Key, int]:
        return numbers.get(row.id, -1), row.run, row.key, row.nbytes

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
        scheduler,
        [*map(listed, held)],
        [*map(listed, running)],
    )


def begin_numbering(w: Worker) -> None:
    """From now on no number means anything that was said before."""
    numbering = w.numbering
    if numbering.scheduler:
        w.before = numbering.scheduler, {row.id: row.number for row in w.tasks.values()}
    for row in w.tasks.values():
        row.number = -1
    for party in w.peer_of:
        w.effects.append(Close(party, "the scheduler may call others by other numbers"))
        w.roles.pop(party, None)
    w.peer_of = {}
    w.numbering = Numbering()


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
    >>> for number in (5, 6):
    ...     arrive(w, want(w, number, [], 100, 0), 100)
    >>> _ = register(w)
    >>> reconcile(w, Reconcile(keep=[(0, 50)], go_on=[]))
    >>> list(w.numbering.rows), w.free
    ([50], [2])
    """
    numbering = w.numbering
    held, running = w.listed or ([], [])
    w.listed, w.before = None, ("", {})
    numbering.scheduler = w.scheduler_id
    rows = []
    for position, number in message.keep:
        row = held[position]
        row.doomed = False
        rows.append((row, number))
    for position, number, run in message.go_on:
        row = running[position]
        row.run = run
        rows.append((row, number))
    for row, number in rows:
        # Also of one that has ended badly or was given back meanwhile: that is told.
        row.number = number
        if row.state != GONE:
            numbering.rows[number] = row
    unknown = [row for row in w.tasks.values() if row.number < 0]
    for row in unknown:
        if row.state in (READY, LONG):
            stop(w, row)
    for row in unknown:
        if row.state in HELD:
            # Inputs of what goes on stay until that has ended.
            let_go(w, row)
    if running:
        w.effects.append(Renumbered())
