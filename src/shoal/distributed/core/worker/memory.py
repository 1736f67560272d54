"""When to spill, to load and to pause.

Two measures are taken: the results that are held, by their estimated sizes, and the whole process,
as the operating system sees it; between two looks at the process it is taken to have grown as the
results have.  Results above ``target`` go to disk, least recently used first, and so do more when
the process is above ``spill``, for estimates may be wrong.  Above ``pause`` no task begins, until
the process is a good part below it again, so that a worker at the edge does not flicker.  A thread
may find sooner that there is no room for its next task (`short`): then, too, results go to disk
until there is.  When it stays so and nothing runs and nothing can be spilled, tasks are let
through one by one: only they can free what they hold.

Inputs on disk come back in the order of the tasks that need them and only while there is room;
when nothing at all is running they come back without room too, for otherwise nothing would ever
make any.
"""

from __future__ import annotations

from heapq import heappop

from shoal.distributed.core.effects import Log
from shoal.distributed.core.worker.assign import arrive, forget, let_go
from shoal.distributed.core.worker.effects import Evict, Free, Load, Nudge, Pause, Spill
from shoal.distributed.core.worker.table import DISK, HELD, LOADING, MEMORY, SPILLING, Worker

__all__ = [
    "damaged",
    "loaded",
    "measured",
    "no_room",
    "pause",
    "plan",
    "process_bytes",
    "shelved",
    "short",
    "spill_failed",
    "spilled",
    "stays_full",
]

SLACK = 0.05
"""Of the limit: how far below ``pause`` the process must be to go on."""

ROOM = 0.1
"""Of the limit: with less room for tasks and results than this, a worker is of no use."""

REST_S = 5.0
"""How long nothing is spilled after the disk was full."""


def measured(w: Worker, process: int, cpu: float, executing: int, filed: int = 0) -> None:
    """What the operating system says of the process.

    Parameters
    ----------
    w
        The worker.
    process
        Resident bytes.
    cpu
        In percent of one CPU.
    executing
        How many tasks are running.
    filed
        Bytes that results in parts have in files.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1, memory_limit=1000))
    >>> measured(w, 900, 50.0, 1)
    >>> w.effects
    [Log(level='info', text=...), Pause(on=True)]
    """
    w.process, w.cpu, w.executing, w.filed = process, cpu, executing, filed
    w.managed_then = w.managed
    if executing or not w.active:
        # What runs may have freed something; and perhaps nobody asks for room any more.
        w.floor = 0
    consider_pause(w)
    consider_nudge(w)


def consider_nudge(w: Worker) -> None:
    """Let one task through, if nothing else can make room."""
    idle = not w.executing and not w.spilling and not w.loading
    if w.paused and w.active and idle and not any(can_spill(w, id) for id in w.spillable):
        w.effects.append(Nudge())


def short(w: Worker, lacking: int) -> None:
    """A thread found no room for its next task.

    Parameters
    ----------
    w
        The worker.
    lacking
        Bytes that have to go before it may begin.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1, memory_limit=1000))
    >>> measured(w, 700, 50.0, 0)
    >>> short(w, 100)
    >>> w.paused, w.floor
    (True, 600)
    """
    w.floor = max(1, process_bytes(w) - lacking)
    pause(w, True)
    consider_nudge(w)


def consider_pause(w: Worker) -> None:
    """Pause, or go on, as the process's size demands."""
    settings = w.settings
    limit = settings.memory_limit
    if not limit or not settings.pause or not w.process:
        return
    size = process_bytes(w)
    if not w.paused and size > settings.pause * limit:
        text = no_room(w)
        w.effects.append(
            Log("warning", text) if text else Log("info", describe(w, "begins no more tasks"))
        )
        pause(w, True)
    elif w.paused and size < (settings.pause - SLACK) * limit and size <= (w.floor or size):
        w.effects.append(Log("info", describe(w, "goes on")))
        w.floor = 0
        pause(w, False)


def pause(w: Worker, on: bool) -> None:
    """Begin no task, or begin tasks again; the scheduler hears so with the next sign of life.

    Parameters
    ----------
    w
        The worker.
    on
        Whether to pause.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> pause(w, True)
    >>> w.effects
    [Pause(on=True)]
    """
    if w.paused != on:
        w.paused = on
        w.effects.append(Pause(on))


def process_bytes(w: Worker) -> int:
    """What the process takes, as far as is known: it was looked at a moment ago.

    Parameters
    ----------
    w
        The worker.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> measured(w, 700, 50.0, 0)
    >>> process_bytes(w)
    700
    """
    return w.process + w.managed - w.managed_then


def describe(w: Worker, what: str) -> str:
    """How the memory stands, in words."""
    limit, size = w.settings.memory_limit, process_bytes(w)
    return (
        f"worker {w.settings.name} {what}: the process takes {size / 2**20:,.0f} MiB, "
        f"{size / limit:.0%} of its limit of {limit / 2**20:,.0f} MiB; results in memory "
        f"{w.managed / 2**20:,.0f} MiB, on disk {w.spilled / 2**20:,.0f} MiB"
    )


def no_room(w: Worker) -> str:
    """What is wrong with the limit if it leaves tasks next to no room; empty if nothing is.

    Parameters
    ----------
    w
        The worker; while it runs tasks there is nothing to say.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1, memory_limit=200 << 20))
    >>> measured(w, 150 << 20, 0.0, 0)
    >>> no_room(w)
    'worker a: without results the process takes 150 MiB ... with a larger memory_limit'
    >>> measured(w, 60 << 20, 0.0, 0)
    >>> no_room(w)
    ''
    """
    settings = w.settings
    limit, size = settings.memory_limit, process_bytes(w) - w.managed
    room = settings.pause * limit - size
    if not limit or not settings.pause or not w.process or w.executing or room >= ROOM * limit:
        return ""
    return (
        f"worker {settings.name}: without results the process takes {size / 2**20:,.0f} MiB of its "
        f"limit of {limit / 2**20:,.0f} MiB, and from {settings.pause:.0%} of that on it begins no "
        f"tasks: {max(0.0, room) / 2**20:,.0f} MiB are left for tasks and results; start it with a "
        "larger memory_limit"
    )


def plan(w: Worker, now: float) -> None:
    """Decide what goes to disk and what comes back.

    Parameters
    ----------
    w
        The worker.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.assign import arrive, want
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1, memory_limit=100_000))
    >>> arrive(w, want(w, 5, [2], 90_000, 0), 90_000)
    >>> plan(w, 0.0)
    >>> w.effects
    [Spill(ids=[1])]
    """
    consider_pause(w)
    if w.spillable and now >= w.disk_full_until:
        excess = excess_bytes(w)
        if excess > 0:
            spill(w, excess)
    if w.to_load:
        load(w)


def excess_bytes(w: Worker) -> float:
    """How much should leave memory."""
    settings = w.settings
    limit = settings.memory_limit
    if not limit:
        return 0
    excess = 0.0
    if settings.target:
        excess = w.managed - w.spilling - settings.target * limit
    size = process_bytes(w) - w.spilling
    if settings.spill and w.process and size > settings.spill * limit:
        excess = max(excess, size - (settings.target or settings.spill) * limit)
    if settings.spill and w.floor:
        # No more than the next task lacks: what goes may be wanted again at once.
        excess = max(excess, size - w.floor)
    return excess


def spill(w: Worker, excess: float) -> None:
    """Choose results to write to disk: those longest unused that no task here needs."""
    chosen = []
    for id in w.spillable:
        if not can_spill(w, id):
            continue
        chosen.append(id)
        excess -= w.tasks[id].nbytes
        if excess <= 0:
            break
    for id in chosen:
        row = w.tasks[id]
        row.state = SPILLING
        w.spilling += row.nbytes
        del w.spillable[id]
    if chosen:
        w.effects.append(Spill(chosen))


def stays_full(w: Worker) -> str:
    """What is wrong where no task begins and nothing is left that could make room; else empty.

    Parameters
    ----------
    w
        The worker.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1, memory_limit=200 << 20))
    >>> measured(w, 170 << 20, 0.0, 0)
    >>> stays_full(w)
    "worker a begins no more tasks: ... nothing runs ... client.restart_workers(['a']) ..."
    """
    busy = w.active or w.executing or w.spilling or w.loading
    if not w.paused or busy or any(can_spill(w, id) for id in w.spillable):
        return ""
    return (
        f"{describe(w, 'begins no more tasks')}. As nothing runs there, tasks have left the rest "
        "behind (caches, global variables, leaks of a library): client.restart_workers"
        f"([{w.settings.name!r}]) starts it anew, lifetime= does so in time; or give it a larger "
        "memory_limit"
    )


def can_spill(w: Worker, id: int) -> bool:
    """Whether a result may leave memory: no task here needs it."""
    row = w.tasks[id]
    return not row.users and row.state == MEMORY


def load(w: Worker) -> None:
    """Bring back what tasks wait for, while there is room."""
    settings = w.settings
    limit = settings.memory_limit
    room = float("inf")
    if limit and settings.target:
        room = settings.target * limit - w.managed + w.spilling - w.loading
    if limit and settings.spill and w.process:
        room = min(room, settings.spill * limit - process_bytes(w) + w.spilling - w.loading)
    chosen = []
    while w.to_load:
        row = w.tasks.get(w.to_load[0][1])
        if row is None or row.state != DISK or not row.users:
            heappop(w.to_load)
            continue
        busy = w.active or w.loading or w.ready
        if busy and row.nbytes > room:
            break
        room -= row.nbytes
        heappop(w.to_load)
        row.state = LOADING
        w.loading += row.nbytes
        chosen.append(row.id)
    if chosen:
        w.effects.append(Load(chosen))


# --- what became of it ------------------------------------------------------------------------


def spilled(w: Worker, id: int) -> None:
    """A result is on disk, and no longer needed in memory unless a task has come to need it.

    Parameters
    ----------
    w
        The worker.
    id
        Of its row.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> spilled(w, 5)  # dropped meanwhile
    >>> w.effects
    [Free(ids=[5])]
    """
    row = w.tasks.get(id)
    if row is None or row.state != SPILLING:
        w.effects.append(Free([id]))
        return
    w.spilling -= row.nbytes
    if row.users:
        row.state = MEMORY
        w.spillable[id] = None
        return
    w.managed -= row.nbytes
    w.spilled += row.nbytes
    row.state = DISK
    w.effects.append(Evict([id]))


def shelved(w: Worker, id: int, nbytes: int) -> None:
    """A result keeps its data in files of its own from now on, and is as good as in memory.

    It is not spilled again: what it takes is a list of places.

    Parameters
    ----------
    w
        The worker.
    id
        Of its row.
    nbytes
        What it still takes in memory.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> shelved(w, 5, 100)  # dropped meanwhile
    >>> w.effects
    [Free(ids=[5])]
    """
    row = w.tasks.get(id)
    if row is None or row.state != SPILLING:
        w.effects.append(Free([id]))
        return
    w.spilling -= row.nbytes
    w.managed += nbytes - row.nbytes
    row.nbytes = nbytes
    row.state = MEMORY


def damaged(w: Worker, id: int, why: str) -> None:
    """What a result has in files cannot be read: the scheduler is to have it computed again.

    Tasks that have begun may read it as far as they can.  It has no number any more, so that it is
    not taken for the new one.

    Parameters
    ----------
    w
        The worker.
    id
        Of its row.
    why
        For the log.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> damaged(Worker(Settings("a", "inproc://a", 1)), 5, "checksum")  # dropped meanwhile
    """
    row, numbering = w.tasks.get(id), w.numbering
    if row is None or row.state not in HELD or row.number < 0:
        return
    w.effects.append(Log("error", f"result {row.key!r} is lost and computed again: {why}"))
    numbering.columns.gone.append((row.number, why))
    del numbering.rows[row.number]
    row.number = -1
    let_go(w, row)


def spill_failed(w: Worker, ids: list[int], why: str, full: bool, now: float) -> None:
    """Results could not be written and stay in memory.

    Parameters
    ----------
    w
        The worker.
    ids
        Of their rows.
    why
        For the log.
    full
        The disk, or the quota, is full: nothing is spilled for a while.  Else these results cannot
        be written at all.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> spill_failed(w, [5], "no space left on device", True, 10.0)
    >>> w.disk_full_until
    15.0
    """
    for id in ids:
        row = w.tasks.get(id)
        if row is not None and row.state == SPILLING:
            row.state = MEMORY
            w.spilling -= row.nbytes
            if full:
                w.spillable[id] = None
    if full:
        w.disk_full_until = now + REST_S
    w.effects.append(Log("warning", f"worker {w.settings.name} cannot spill: {why}"))


def loaded(w: Worker, id: int, error: str) -> None:
    """A result is back from disk, or lost.

    Parameters
    ----------
    w
        The worker.
    id
        Of its row.
    error
        Why it is lost; empty if it is not.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> loaded(w, 5, "")  # dropped meanwhile
    >>> w.effects
    [Free(ids=[5])]
    """
    row = w.tasks.get(id)
    if row is None or row.state not in (LOADING, DISK):
        w.effects.append(Free([id]))
        return
    if error:
        if row.number >= 0:
            w.numbering.columns.gone.append((row.number, error))
        w.effects.append(Log("error", f"result {row.key!r} is lost and computed again: {error}"))
        forget(w, row)
    elif row.state == LOADING:
        w.spilled -= row.nbytes
        w.loading -= row.nbytes
        arrive(w, row, row.nbytes)
