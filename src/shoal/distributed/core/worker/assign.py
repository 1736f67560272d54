"""Tasks come, wait for their inputs, become ready, and end.

Every way out of the table goes through `forget`, every result that appears through `arrive`, so
the counts that stand in other rows are kept in two places and no more.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Any

from shoal.distributed.core.worker.effects import Forget, Learn, Withdraw
from shoal.distributed.core.worker.table import (
    ASKED,
    DISK,
    GONE,
    HELD,
    HELD_BACK,
    IN_MEMORY,
    LOADING,
    LONG,
    MEMORY,
    READY,
    SPILLING,
    TO_RUN,
    WAITING,
    WANTED,
    WHOLE,
    PeerState,
    Task,
    Worker,
    part_number,
)
from shoal.distributed.protocol import CancelRuns, Drop, GiveBack, Key, Peer, Run

__all__ = ["arrive", "assign", "cancel", "drop", "fail", "finish", "forget", "give_back"]


# --- tasks come -------------------------------------------------------------------------------


def assign(w: Worker, message: Run, buffers: list[Any], now: float) -> None:
    """The scheduler wants tasks run.

    Parameters
    ----------
    w
        The worker.
    message, buffers
        As received.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> assign(w, Run([7], [1], ["x"], [0], [b""], [()], [0], [True]), [], 0.0)
    >>> [task.id for task in w.ready]
    [7]
    """
    if message.drops:
        let_go_of(w, message.drops)
    meet(w, message.peers)
    if message.new_codes:
        w.effects.append(Learn(message.new_codes))
    tasks, ready = w.tasks, w.ready
    plain = not (message.options or message.traces or message.big or message.parts)
    rows = []
    for id, run, key, code, args, deps, priority, inline in zip(
        message.ids,
        message.runs,
        message.keys,
        message.codes,
        message.args,
        message.deps,
        message.priorities,
        message.inline,
    ):
        if id in tasks and is_done(w, id, run, key):
            # Positions count where there are options.
            rows.append(tasks[id])
            continue
        row = tasks[id] = Task(id, run, key, code, args, deps, priority, inline, WAITING)
        if plain and not deps:
            # The hot path: nothing to wait for and nothing to mind.
            row.state = READY
            ready.append(row)
        else:
            rows.append(row)
    if not plain:
        adorn(message, rows, buffers)
    sources = dict(zip(message.remote, zip(message.where, message.nbytes)))
    for position, part in message.parts:
        read_parts(w, rows[position], part, sources)
    for row in rows:
        if row.state == WAITING:
            expect(w, row, sources)


def read_parts(w: Worker, row: Task, part: int, sources: dict[int, Any]) -> None:
    """A task reads one part of its inputs: of those that are elsewhere no more is fetched."""
    row.part = part
    if row.state == WAITING:
        row.deps = tuple(
            [
                dep if dep not in sources or is_held(w, dep) else part_number(dep, part)
                for dep in row.deps
            ]
        )


def is_held(w: Worker, id: int) -> bool:
    """Whether a result is here."""
    row = w.tasks.get(id)
    return row is not None and row.state in HELD


def adorn(message: Run, rows: list[Task], buffers: list[Any]) -> None:
    """What only some tasks have."""
    for position, options in message.options:
        rows[position].options = options
    for trace, positions in message.traces:
        for position in positions:
            rows[position].trace = trace
    for position, first, count in message.big:
        rows[position].buffers = tuple(buffers[first : first + count])


def is_done(w: Worker, id: int, run: int, key: Key) -> bool:
    """Whether a task that is given need not run, because its result is here.

    A run of the same task that has not ended is given up: the new one counts.
    """
    old = w.tasks[id]
    if old.state not in HELD:
        stop(w, old)
        return False
    old.run, old.key, old.doomed = run, key, False
    w.columns.ended.append((old, "", old.nbytes, "", 0.0, 0.0, None))
    return True


def meet(w: Worker, peers: Iterable[Peer]) -> None:
    """Remember other workers."""
    for peer in peers:
        known = w.peers.get(peer.number)
        if known is None or known.address != peer.address:
            w.peers[peer.number] = PeerState(peer.number, peer.address, peer.name)


def expect(w: Worker, row: Task, sources: dict[int, tuple[list[int], int]]) -> None:
    """A new task: see what it has to wait for."""
    tasks = w.tasks
    for dep in row.deps:
        need = tasks.get(dep)
        if need is None:
            if dep & WHOLE not in sources:
                # The scheduler thinks that it is here.
                w.columns.missing.append((dep, w.number))
                w.columns.returned.append((row.id, row.run))
                row.deps = row.deps[: row.deps.index(dep)]
                forget(w, row)
                return
            need = want(w, dep, *sources[dep & WHOLE], row.priority)
            need.doomed = dep > WHOLE
        elif need.state not in IN_MEMORY:
            prompt(w, need, sources.get(dep & WHOLE), row.priority)
        need.users += 1
        if need.state not in IN_MEMORY:
            row.missing += 1
            if need.dependents is None:
                need.dependents = [row.id]
            else:
                need.dependents.append(row.id)
    if not row.missing:
        make_ready(w, row)


def want(w: Worker, id: int, where: list[int], nbytes: int, priority: int) -> Task:
    """A result that is to be fetched: its row."""
    row = Task(id, 0, "", -1, b"", (), priority, False, WANTED, nbytes, holders=list(where))
    w.tasks[id] = row
    heappush(w.wanted, (priority, id))
    return row


def prompt(w: Worker, need: Task, source: tuple[list[int], int] | None, priority: int) -> None:
    """Another task waits for something that is not in memory yet."""
    if need.state == DISK:
        heappush(w.to_load, (priority, need.id))
    elif need.state in (WANTED, ASKED):
        if source is not None and need.holders is not None:
            need.holders += [number for number in source[0] if number not in need.holders]
        if need.state == WANTED and priority < need.priority:
            need.priority = priority
            heappush(w.wanted, (priority, need.id))


# --- resources --------------------------------------------------------------------------------


def make_ready(w: Worker, row: Task) -> None:
    """All inputs are here; resources may not be."""
    options = row.options
    if options is not None and options.resources and not take(w, options.resources):
        row.state = HELD_BACK
        heappush(w.held_back, (row.priority, row.id))
        return
    row.state = READY
    w.ready.append(row)


def take(w: Worker, wanted: dict[str, float]) -> bool:
    """Take resources, if there are enough of all."""
    free = w.free_resources
    if any(free.get(name, 0.0) < amount for name, amount in wanted.items()):
        return False
    for name, amount in wanted.items():
        free[name] -= amount
    return True


def give(w: Worker, row: Task) -> None:
    """Put back what a run had taken; tasks that waited for it may go on."""
    assert row.options is not None and row.options.resources is not None
    for name, amount in row.options.resources.items():
        w.free_resources[name] += amount
    waiting, w.held_back = w.held_back, []
    while waiting:
        _, id = heappop(waiting)
        other = w.tasks.get(id)
        if other is not None and other.state == HELD_BACK:
            make_ready(w, other)


# --- results appear ---------------------------------------------------------------------------


def arrive(w: Worker, row: Task, nbytes: int) -> None:
    """A result is in memory now.

    Parameters
    ----------
    w
        The worker.
    row
        Its row.
    nbytes
        Its size.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> row = want(w, 5, [2], 100, 0)
    >>> arrive(w, row, 120)
    >>> w.managed, row.state == MEMORY
    (120, True)
    """
    row.state = MEMORY
    row.nbytes = nbytes
    row.holders = None
    w.managed += nbytes
    if nbytes >= w.settings.spillable_bytes and not is_pinned(row):
        w.spillable[row.id] = None
    if row.dependents is not None:
        waiting, row.dependents = row.dependents, None
        for id in waiting:
            task = w.tasks[id]
            task.missing -= 1
            if not task.missing:
                make_ready(w, task)
    if row.doomed and not row.users:
        let_go(w, row)


def is_pinned(row: Task) -> bool:
    """Whether a result has to stay in memory."""
    return row.options is not None and (row.options.pinned or row.options.actor)


def finish(w: Worker, completions: list[Any]) -> None:
    """Runs have ended, well or not.

    Parameters
    ----------
    w
        The worker.
    completions
        See `machine.finished`.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> assign(w, Run([7], [1], ["x"], [0], [b""], [()], [0], [True]), [], 0.0)
    >>> finish(w, [(w.ready.pop(), "", 28, "int", 0.1, 0.0, None, 1)])
    >>> w.managed
    28
    """
    tasks, ended = w.tasks, w.columns.ended
    least = w.settings.spillable_bytes
    stale: list[int] = []
    for completion in completions:
        row: Task = completion[0]
        if tasks.get(row.id) is not row:
            stale.append(row.id)
            continue
        state = row.state
        if state == READY:
            w.active -= 1
        if completion[1]:
            if completion[1] != "returned":
                w.columns.tried.append((row.id, completion[5], completion[4]))
            fail(w, row, completion[1], completion[6], completion[4])
            continue
        ended.append(completion)
        nbytes = completion[2]
        if row.deps or row.options is not None or row.dependents or row.doomed or nbytes >= least:
            leave_run(w, row)
            arrive(w, row, nbytes)
        else:
            row.state = MEMORY
            row.nbytes = nbytes
            w.managed += nbytes
        row.args = b""
    for id in stale:
        if id not in tasks or tasks[id].state not in HELD:
            w.free.append(id)


def leave_run(w: Worker, row: Task) -> None:
    """A run is over: what it held is free."""
    release_inputs(w, row)
    if row.options is not None:
        if row.options.resources and row.state in (READY, LONG):
            give(w, row)
        w.timed.pop(row.id, None)
    row.buffers = ()


def fail(w: Worker, row: Task, kind: str, data: bytes, seconds: float) -> None:
    """A run has ended without a result.

    Parameters
    ----------
    w
        The worker.
    row
        The task; it leaves the table.
    kind, data, seconds
        As in `Report.failed`; kind ``"returned"``: it could not be begun here.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> assign(w, Run([7], [1], ["x"], [0], [b""], [()], [0], [True]), [], 0.0)
    >>> fail(w, w.ready.pop(), "raised", b"...", 0.1)
    >>> w.columns.failed, w.tasks
    ([(7, 1, 'raised', b'...', 0.1)], {})
    """
    if kind == "returned":
        w.columns.returned.append((row.id, row.run))
    else:
        w.columns.failed.append((row.id, row.run, kind, data, seconds))
    forget(w, row)


# --- tasks and results go ---------------------------------------------------------------------


def release_inputs(w: Worker, row: Task) -> None:
    """A task needs its inputs no more."""
    for dep in row.deps:
        need = w.tasks.get(dep)
        if need is None:
            continue
        need.users -= 1
        unwanted = need.doomed or (need.state in (WANTED, ASKED) and not need.keep)
        if unwanted and not need.users:
            let_go(w, need)
    row.deps = ()


def forget(w: Worker, row: Task) -> None:
    """Take a row out of the table, whatever its state, with all that other rows know of it.

    Parameters
    ----------
    w
        The worker.
    row
        The row.  Tasks that wait for it are returned to the scheduler.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> forget(w, want(w, 5, [2], 100, 0))
    >>> w.tasks
    {}
    """
    if w.tasks.get(row.id) is row:
        del w.tasks[row.id]
    state = row.state
    if state in TO_RUN:
        if state == WAITING and row.missing:
            for dep in row.deps:
                need = w.tasks.get(dep)
                if need is not None and need.dependents and row.id in need.dependents:
                    need.dependents.remove(row.id)
        leave_run(w, row)
    elif state in HELD:
        forget_bytes(w, row)
        w.free.append(row.id)
    row.state = GONE
    if row.dependents:
        waiting, row.dependents = row.dependents, None
        for id in waiting:
            # One that waits for two of those that go is gone with the first.
            if id in w.tasks:
                back_out(w, w.tasks[id])


def forget_bytes(w: Worker, row: Task) -> None:
    """A result is no longer counted where it is."""
    if row.state in IN_MEMORY:
        w.managed -= row.nbytes
        w.spillable.pop(row.id, None)
        if row.state == SPILLING:
            w.spilling -= row.nbytes
    else:
        w.spilled -= row.nbytes
        if row.state == LOADING:
            w.loading -= row.nbytes


def back_out(w: Worker, task: Task) -> None:
    """An input of a waiting task cannot be had: the scheduler plans it anew."""
    if task.state == WAITING:
        w.columns.returned.append((task.id, task.run))
        forget(w, task)


def let_go(w: Worker, row: Task) -> None:
    """A result that the scheduler dropped, and that nothing here needs."""
    if row.users:
        row.doomed = True
        return
    forget(w, row)


def drop(w: Worker, message: Drop) -> None:
    """The scheduler has no more use for results and functions.

    Parameters
    ----------
    w
        The worker.
    message
        As received.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> arrive(w, want(w, 5, [2], 100, 0), 100)
    >>> drop(w, Drop([5]))
    >>> w.free
    [5]
    """
    let_go_of(w, message.ids)
    if message.codes:
        w.effects.append(Forget(message.codes))


def let_go_of(w: Worker, ids: list[int]) -> None:
    """The scheduler has no more use for results."""
    tasks, free = w.tasks, w.free
    for id in ids:
        row = tasks.get(id)
        if row is None:
            continue
        if row.state == MEMORY and not row.users:
            # The hot path of `forget`.
            del tasks[id]
            w.managed -= row.nbytes
            if row.nbytes >= w.settings.spillable_bytes:
                w.spillable.pop(id, None)
            row.state = GONE
            free.append(id)
        elif row.state in TO_RUN:
            stop(w, row)
        else:
            let_go(w, row)


def stop(w: Worker, row: Task) -> None:
    """Nobody wants a task: whatever it is doing, its slot is free."""
    state = row.state
    if state in (READY, LONG) and not unready(w, row):
        w.effects.append(Withdraw(row.id, row.run, True))
        w.active -= state == READY
    forget(w, row)


def unready(w: Worker, row: Task) -> bool:
    """Whether a ready task had not been handed to the shell; it is not any more."""
    for position, other in enumerate(w.ready):
        if other is row:
            del w.ready[position]
            return True
    return False


def cancel(w: Worker, message: CancelRuns) -> None:
    """Nobody wants these runs any more.

    Parameters
    ----------
    w
        The worker.
    message
        As received.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> assign(w, Run([7], [1], ["x"], [0], [b""], [()], [0], [True]), [], 0.0)
    >>> cancel(w, CancelRuns([7], [1]))
    >>> w.columns.returned, w.tasks
    ([(7, 1)], {})
    """
    for id, run in zip(message.ids, message.runs):
        row = w.tasks.get(id)
        if row is not None and row.run == run and row.state in TO_RUN:
            stop(w, row)
            w.columns.returned.append((id, run))


def give_back(w: Worker, message: GiveBack) -> None:
    """The scheduler has a better place for these, if they have not begun.

    Parameters
    ----------
    w
        The worker.
    message
        As received.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> assign(w, Run([7], [1], ["x"], [0], [b""], [()], [0], [True]), [], 0.0)
    >>> give_back(w, GiveBack([7], [1]))
    >>> w.columns.returned, w.tasks
    ([(7, 1)], {})
    """
    for id, run in zip(message.ids, message.runs):
        row = w.tasks.get(id)
        if row is None or row.run != run or row.state not in TO_RUN:
            continue
        if row.state == READY and not unready(w, row):
            w.effects.append(Withdraw(id, run, False))
        elif row.state != LONG:
            forget(w, row)
            w.columns.returned.append((id, run))
