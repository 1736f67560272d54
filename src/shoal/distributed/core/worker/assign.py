"""Tasks come, wait for their inputs, become ready, and end.

Every way out of the table goes through `forget`, every result that appears through `arrive`, so
the counts that stand in other rows are kept in two places and no more.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Any

from shoal.distributed.core.worker.effects import Withdraw
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
    PART,
    READY,
    SPILLING,
    TO_RUN,
    WAITING,
    WANTED,
    WHOLE,
    Code,
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
    >>> assign(w, Run([7], [1], ["x"], [-1], [b""], [()], [0], [True]), [], 0.0)
    >>> [task.number for task in w.ready]
    [7]
    """
    if message.drops:
        let_go_of(w, message.drops)
    meet(w, message.peers)
    numbering = w.numbering
    codes, known, tasks, ready = numbering.codes, numbering.rows, w.tasks, w.ready
    for number, digest, data in message.new_codes:
        codes[number] = new = Code(digest, data)
        numbering.code_numbers[new] = number
    plain = not (message.options or message.traces or message.big or message.parts)
    rows: list[Task] = []
    needs: list[tuple[int, ...]] = []
    id = w.last_id
    for number, run, key, code, args, deps, priority, inline in zip(
        message.ids,
        message.runs,
        message.spelled(),
        message.codes,
        message.args,
        message.deps,
        message.ranks(),
        message.inline,
    ):
        if number in known and is_done(w, known[number], run, key):
            # Positions count where there are options.
            rows.append(known[number])
            needs.append(())
            continue
        id += 1
        row = tasks[id] = known[number] = Task(
            id, number, run, key, codes[code], args, (), priority, inline, WAITING
        )
        if plain and not deps:
            # The hot path: nothing to wait for and nothing to mind.
            row.state = READY
            ready.append(row)
        else:
            rows.append(row)
            needs.append(deps)
    w.last_id = id
    if not plain:
        adorn(message, rows, buffers)
    sources = dict(zip(message.remote, zip(message.where, message.nbytes)))
    for position, part in message.parts:
        rows[position].part = part
        needs[position] = parts_of(w, needs[position], part, sources)
    for row, deps in zip(rows, needs):
        if row.state == WAITING:
            expect(w, row, deps, sources)


def parts_of(
    w: Worker, deps: tuple[int, ...], part: int, sources: dict[int, Any]
) -> tuple[int, ...]:
    """A task reads one part of its inputs: of those that are elsewhere no more is fetched."""
    return tuple(
        [dep if dep not in sources or is_held(w, dep) else part_number(dep, part) for dep in deps]
    )


def is_held(w: Worker, number: int) -> bool:
    """Whether a result is here."""
    row = w.numbering.rows.get(number)
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


def is_done(w: Worker, old: Task, run: int, key: Key) -> bool:
    """Whether a task that is given need not run, because its result is here.

    A run of the same task that has not ended is given up: the new one counts.
    """
    if old.state not in HELD:
        stop(w, old)
        return False
    old.run, old.key, old.doomed = run, key, False
    w.numbering.columns.ended.append((old, "", old.nbytes, "", 0.0, 0.0, None))
    return True


def meet(w: Worker, peers: Iterable[Peer]) -> None:
    """Remember other workers."""
    known = w.numbering.peers
    for peer in peers:
        if peer.number not in known:
            known[peer.number] = PeerState(peer.number, peer.address, peer.name)


def expect(
    w: Worker, row: Task, deps: Iterable[int], sources: dict[int, tuple[list[int], int]]
) -> None:
    """A new task: see what it has to wait for."""
    known, columns = w.numbering.rows, w.numbering.columns
    ids: list[int] = []
    for dep in deps:
        need = known.get(dep)
        if need is None:
            if dep & WHOLE not in sources:
                # The scheduler thinks that it is here.
                columns.missing.append((dep, w.numbering.number))
                columns.returned.append(row)
                row.deps = tuple(ids)
                forget(w, row)
                return
            need = want(w, dep, *sources[dep & WHOLE], row.priority)
            need.doomed = dep > WHOLE
        elif need.state not in IN_MEMORY:
            prompt(w, need, sources.get(dep & WHOLE), row.priority)
        need.users += 1
        ids.append(need.id)
        if need.state not in IN_MEMORY:
            row.missing += 1
            if need.dependents is None:
                need.dependents = [row.id]
            else:
                need.dependents.append(row.id)
    row.deps = tuple(ids)
    if not row.missing:
        make_ready(w, row)


def want(w: Worker, number: int, where: list[int], nbytes: int, priority: int) -> Task:
    """A result that is to be fetched: its row."""
    w.last_id += 1
    id = w.last_id | PART if number > WHOLE else w.last_id
    holders = list(where)
    row = Task(id, number, 0, "", None, b"", (), priority, False, WANTED, nbytes, holders=holders)
    w.tasks[id] = w.numbering.rows[number] = row
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
    >>> assign(w, Run([7], [1], ["x"], [-1], [b""], [()], [0], [True]), [], 0.0)
    >>> finish(w, [(w.ready.pop(), "", 28, "int", 0.1, 0.0, None, 1)])
    >>> w.managed
    28
    """
    tasks, columns = w.tasks, w.numbering.columns
    ended = columns.ended
    least = w.settings.spillable_bytes
    for completion in completions:
        row: Task = completion[0]
        if row.id not in tasks:
            w.free.append(row.id)
            continue
        state = row.state
        if state == READY:
            w.active -= 1
        if completion[1]:
            if completion[1] != "returned":
                columns.tried.append((row, completion[5], completion[4]))
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
    >>> assign(w, Run([7], [1], ["x"], [-1], [b""], [()], [0], [True]), [], 0.0)
    >>> fail(w, w.ready.pop(), "raised", b"...", 0.1)
    >>> [(row.number, *why) for row, *why in w.numbering.columns.failed], w.tasks
    ([(7, 'raised', b'...', 0.1)], {})
    """
    if kind == "returned":
        w.numbering.columns.returned.append(row)
    else:
        w.numbering.columns.failed.append((row, kind, data, seconds))
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
    w.tasks.pop(row.id, None)
    known = w.numbering.rows
    if known.get(row.number) is row:
        del known[row.number]
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
        w.numbering.columns.returned.append(task)
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
    [1]
    """
    let_go_of(w, message.ids)
    codes, numbers = w.numbering.codes, w.numbering.code_numbers
    for code in message.codes:
        if (known := codes.pop(code, None)) is not None:
            del numbers[known]


def let_go_of(w: Worker, numbers: list[int]) -> None:
    """The scheduler has no more use for results."""
    tasks, known, free = w.tasks, w.numbering.rows, w.free
    for number in numbers:
        row = known.get(number)
        if row is None:
            continue
        if row.state == MEMORY and not row.users:
            # The hot path of `forget`.
            del tasks[row.id], known[number]
            w.managed -= row.nbytes
            if row.nbytes >= w.settings.spillable_bytes:
                w.spillable.pop(row.id, None)
            row.state = GONE
            free.append(row.id)
        elif row.state in TO_RUN:
            stop(w, row)
        else:
            let_go(w, row)


def stop(w: Worker, row: Task) -> None:
    """Nobody wants a task: whatever it is doing, its slot is free."""
    state = row.state
    if state in (READY, LONG) and not unready(w, row):
        w.effects.append(Withdraw(row.id, True))
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
    >>> assign(w, Run([7], [1], ["x"], [-1], [b""], [()], [0], [True]), [], 0.0)
    >>> cancel(w, CancelRuns([7], [1]))
    >>> [row.number for row in w.numbering.columns.returned], w.tasks
    ([7], {})
    """
    for number, run in zip(message.ids, message.runs):
        row = w.numbering.rows.get(number)
        if row is not None and row.run == run and row.state in TO_RUN:
            stop(w, row)
            w.numbering.columns.returned.append(row)


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
    >>> assign(w, Run([7], [1], ["x"], [-1], [b""], [()], [0], [True]), [], 0.0)
    >>> give_back(w, GiveBack([7], [1]))
    >>> [row.number for row in w.numbering.columns.returned], w.tasks
    ([7], {})
    """
    for number, run in zip(message.ids, message.runs):
        row = w.numbering.rows.get(number)
        if row is None or row.run != run or row.state not in TO_RUN:
            continue
        if row.state == READY and not unready(w, row):
            w.effects.append(Withdraw(row.id, False))
        elif row.state != LONG:
            forget(w, row)
            w.numbering.columns.returned.append(row)
