"""Workers that leave in order: what only they hold is copied elsewhere before they are told to go.

A retiring worker gets no more work: what is queued at it goes elsewhere, what it was sent and has
not begun is asked back, what runs ends.  Then each result that only retiring workers hold is
fetched by the emptiest of the others.  When nothing is left it is told `Goodbye`, or stays
without work (``close=False``).

Workers that were started together are old together.  Where all would go at once, and come back,
they go in turn: the first one's results are kept by those that wait until it is back.
"""

from __future__ import annotations

from shoal.distributed.core.effects import Log, Send
from shoal.distributed.core.scheduler.names import key_of
from shoal.distributed.core.scheduler.needs import leave
from shoal.distributed.core.scheduler.placement import place_ready
from shoal.distributed.core.scheduler.records import Worker
from shoal.distributed.core.scheduler.replicas import copy_to_emptiest
from shoal.distributed.core.scheduler.state import Scheduler, holders, set_status
from shoal.distributed.core.scheduler.table import PINNED
from shoal.distributed.core.scheduler.transitions import MEMORY, READY, WAITING
from shoal.distributed.protocol import Goodbye

__all__: list[str] = []


def begin_retiring(state: Scheduler, worker: Worker, closes: bool, returns: bool = False) -> None:
    """A worker is to leave, perhaps to be started again, or to stay without work.

    Examples
    --------
    See `tests/unit/test_scheduler_retire.py`.

    >>> begin_retiring.__name__
    'begin_retiring'
    """
    set_status(state, worker, "retiring")
    worker.closes = closes
    worker.returns = closes and returns
    state.retiring[worker.number] = worker
    state.roomy.pop(worker.number, None)
    state.full.pop(worker.number, None)
    empty_queue(state, worker)
    ask_back(state, worker, list(worker.sent))


def empty_queue(state: Scheduler, worker: Worker) -> None:
    """What is queued at a worker that takes no work goes elsewhere."""
    table = state.table
    rows = [p & ((1 << 26) - 1) for p in sorted(worker.queue + worker.blocked)]
    rows = [r for r in rows if table.states[r] == READY and table.place[r] == worker.number]
    rows = list(dict.fromkeys(rows))
    worker.queue.clear()
    worker.blocked.clear()
    for row in rows:
        leave(state, row)
        table.states[row] = WAITING
    place_ready(state, rows)


def ask_back(state: Scheduler, worker: Worker, rows: list[int]) -> None:
    """Tasks that a worker has been sent are wanted back, where it has not begun them."""
    table = state.table
    if worker.wanted_back:
        # One that had begun ends there, and is not given back.
        under_way = {table.runs[row] for row in worker.sent}
        worker.wanted_back = {run: None for run in worker.wanted_back if run in under_way}
    for row in rows:
        run = table.runs[row]
        if run not in worker.wanted_back and row not in state.twins:
            worker.wanted_back[run] = None
            worker.gives.append((table.numbers[row], run))
            state.outgoing[worker.number] = worker


def go_on_retiring(state: Scheduler) -> None:
    """See which retiring workers may go, and begin the copies that they wait for.

    Examples
    --------
    >>> go_on_retiring(Scheduler())
    """
    if not state.retiring:
        return
    staying = whose_turn_is_later(state)
    for worker in list(state.retiring.values()):
        if worker.status != "retiring" or worker.sent or worker.zombies:
            continue
        if worker.number in staying:
            continue
        waiting = {
            row: target
            for row, target in worker.moving.items()
            if target in state.workers and is_unique(state, worker, row, staying)
        }
        if not waiting:
            table = state.table
            mine = [
                row
                for row, place in enumerate(table.place)
                if (table.states[row] == MEMORY and place < 0) or place == worker.number
            ]
            mine = [row for row in mine if is_unique(state, worker, row, staying)]
            there = [w for w in state.workers.values() if w.status == "running"]
            waiting = copy_to_emptiest(state, mine, there or list(staying.values()))
            if len(waiting) < len(mine):
                keys = [key_of(table, row) for row in mine][:3]
                text = f"{worker.name} goes with {len(mine)} results, such as {keys}"
                state.effects.append(Log("warning", f"{text}; no other worker can take them"))
        worker.moving = waiting
        if not waiting:
            set_status(state, worker, "retired")
            del state.retiring[worker.number]
            state.workers_moved = True
            if worker.returns:
                state.returning[worker.name] = None
            if worker.closes:
                set_status(state, worker, "closing")
                state.effects.append(Send(worker.party, Goodbye("it was retired")))


def whose_turn_is_later(state: Scheduler) -> dict[int, Worker]:
    """Those that stay, with what they hold, until another worker runs again; by number.

    None where one runs, and none that nobody would come back for.
    """
    if any(w.status == "running" for w in state.workers.values()):
        return {}
    leaving = [w for w in state.retiring.values() if w.returns and w.status == "retiring"]
    leaving.sort(key=lambda w: (w.nbytes, w.number))
    return {w.number: w for w in leaving[0 if state.returning else 1 :]}


def is_unique(state: Scheduler, worker: Worker, row: int, staying: dict[int, Worker]) -> bool:
    """Whether only workers that are leaving now hold a result."""
    table = state.table
    if table.states[row] != MEMORY or table.flags[row] & PINNED:
        return False
    where = holders(state, row)
    return worker.number in where and all(
        state.workers[n].status not in ("running", "paused") and n not in staying for n in where
    )


def actors_at(state: Scheduler) -> dict[int, int]:
    """One row of an actor for each worker that has some, by the worker's number."""
    table = state.table
    found: dict[int, int] = {}
    for row, flags in enumerate(table.flags):
        if flags & PINNED and table.states[row] == MEMORY:
            for number in holders(state, row):
                found.setdefault(number, row)
    return found


def spare_workers(state: Scheduler, count: int | None) -> list[Worker]:
    """The workers that can best be spared: idle ones, those that hold least first."""
    there = [w for w in state.workers.values() if w.status == "running"]
    there.sort(key=lambda w: (len(w.sent) + w.queued, w.nbytes, w.number))
    if count is None:
        return [w for w in there if not w.sent and not w.queued]
    return there[:count]
