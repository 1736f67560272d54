"""Why a task is where it is, in words, and what happened to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from shoal.distributed.core.scheduler.names import find, key_of
from shoal.distributed.core.scheduler.records import Worker
from shoal.distributed.core.scheduler.scatter import is_expected
from shoal.distributed.core.scheduler.state import Scheduler, clients_of, holders
from shoal.distributed.core.scheduler.table import MASK, NOBODY
from shoal.distributed.core.scheduler.transitions import (
    ERRED,
    MEMORY,
    PUT,
    READY,
    RELEASED,
    SENT,
    STATES,
    WAITING,
)
from shoal.distributed.protocol import Key
from shoal.units import format_bytes

__all__ = ["explain", "story"]


def explain(state: Scheduler, key: Key, now: float) -> dict[str, Any]:
    """What is known of a task, and why it is not further.

    Parameters
    ----------
    state
        The scheduler's.
    key
        The task's.
    now
        The time.

    Returns
    -------
    dict
        ``state``, ``why`` (a sentence), and more of what there is: ``worker``, ``where``,
        ``waits_for``, ``nbytes``, ``expected_s``, ``tries``, ``story``.

    Examples
    --------
    >>> explain(Scheduler(), "x", 0.0)["state"]
    'forgotten'
    """
    row = find(state.names, key)
    if row < 0:
        text = "the scheduler does not know this key: nobody wants it, or it was never submitted"
        return {"key": key, "state": "forgotten", "why": text}
    table = state.table
    prefix = table.prefixes[row]
    out: dict[str, Any] = {
        "key": key,
        "state": STATES[table.states[row]],
        "why": WHY[table.states[row]](state, row, now),
        "prefix": prefix.name,
        "expected_s": prefix.seconds,
        "nbytes": table.nbytes[row],
        "type": table.types[row],
        "priority": table.priorities[row] >> 26,
        "clients": [c.name for c in clients_of(state, row)],
        "dependents": table.kept[row],
        "waiting_dependents": table.waiters[row],
        "tries": state.tries.get(row, 0),
        "deaths": state.deaths.get(row, []),
        "story": [[t, what, whom] for t, what, whom in state.story.of(table.numbers[row])],
    }
    if table.states[row] in (WAITING, SENT):
        lacking = lacking_inputs(state, row)
        if lacking:
            out["waits_for"] = [key_of(table, dep) for dep in lacking[:10]]
    if table.states[row] == MEMORY:
        out["where"] = [state.workers[n].address for n in holders(state, row)]
    elif table.states[row] == SENT:
        out["worker"] = state.workers[table.place[row]].address
    return out


def lacking_inputs(state: Scheduler, row: int) -> list[int]:
    """Rows of inputs that are not there yet, in the order in which the task has them."""
    states = state.table.states
    return [n & MASK for n in state.table.deps[row] if states[n & MASK] != MEMORY]


def why_released(state: Scheduler, row: int, now: float) -> str:
    """Nobody needs it."""
    return "nobody needs its result now; what made it is kept, should a dependent's be lost"


def why_waiting(state: Scheduler, row: int, now: float) -> str:
    """Inputs are missing."""
    table = state.table
    lacking = lacking_inputs(state, row)
    counts = Counter(STATES[table.states[dep]] for dep in lacking)
    said = ", ".join(f"{count} {name}" for name, count in counts.items())
    names = ", ".join(repr(key_of(table, dep)) for dep in lacking[:3])
    more = ", ..." if len(lacking) > 3 else ""
    return f"{len(lacking)} of {len(table.deps[row])} inputs are missing ({said}): {names}{more}"


def why_ready(state: Scheduler, row: int, now: float) -> str:
    """It stands in a queue."""
    table = state.table
    options = table.options[row]
    if not state.workers:
        return "; ".join(["no worker is there", *state.down.values()])
    if row in state.unplaced:
        asked = [f"workers={options.workers}"] if options.workers else []
        asked += [f"resources={options.resources}"] if options.resources else []
        wanted = (options.workers or ()) if options else ()
        down = [state.down[name] for name in wanted if name in state.down]
        text = f"no worker that is there and running satisfies {' and '.join(asked) or 'it'}"
        return "; ".join([text, *down, *paused(state)])
    place = table.place[row]
    if place == NOBODY:
        held = f"; {len(state.full)} workers get no sources, to save memory" if state.full else ""
        text = f"it may run anywhere and no worker has room for it yet{held}"
        return "; ".join([text, *paused(state)])
    worker = state.workers[place]
    if table.priorities[row] in worker.blocked:
        if options is not None and options.resources:
            return f"{worker.name} has {worker.free} free, and it needs {options.resources}"
        return f"it is to run alone on {worker.name}, which is busy"
    ahead = worker.backlog + worker.occupancy
    return (
        f"its inputs are on {worker.name}, which has work for about {ahead / worker.threads:.3g} s "
        f"({len(worker.sent)} sent, {worker.queued} queued)"
    )


def paused(state: Scheduler) -> list[str]:
    """What is to be said of workers that begin no tasks: of the first few."""
    found = [worker for worker in state.workers.values() if worker.status == "paused"]
    return [*map(memory_of, found[:3]), *(["..."] if len(found) > 3 else [])]


def memory_of(worker: Worker) -> str:
    """Why a worker is paused, and what to do about it."""
    used, managed = worker.metrics.get("memory", 0), worker.metrics.get("managed", 0)
    if not worker.limit:
        return f"worker {worker.name} was paused by somebody"
    text = (
        f"worker {worker.name} is paused: {format_bytes(used)} of {format_bytes(worker.limit)} are "
        f"used, of which {format_bytes(managed)} by results"
    )
    if managed < used / 2:
        return f"{text}, the rest by the interpreter and what libraries keep; raise memory_limit"
    return f"{text}; let go of results or raise memory_limit"


def why_sent(state: Scheduler, row: int, now: float) -> str:
    """It runs, or is about to."""
    worker = state.workers[state.table.place[row]]
    since = now - worker.sent[row]
    if lacking_inputs(state, row):
        text = why_waiting(state, row, now)
        return f"{text}; it was sent to {worker.name}, which makes them, {since:.3g} s ago"
    before = sum(
        state.table.priorities[other] < state.table.priorities[row] for other in worker.sent
    )
    if worker.status == "paused" and not worker.metrics.get("executing"):
        return f"it was sent to {worker.name} {since:.3g} s ago; {memory_of(worker)}"
    what = "runs" if before < worker.threads else f"is number {before + 1} in line"
    return f"it {what} on {worker.name}, {since:.3g} s after it was sent there"


def why_memory(state: Scheduler, row: int, now: float) -> str:
    """It is done."""
    names = [state.workers[n].name for n in holders(state, row)]
    return f"its result is on {', '.join(names)}"


def why_erred(state: Scheduler, row: int, now: float) -> str:
    """It failed."""
    kind, key, worker, data = state.reasons[row]
    if key != key_of(state.table, row):
        return f"its input {key!r} failed ({kind})"
    said = "" if kind == "raised" else f": {data.decode(errors='replace')}"
    return f"it failed ({kind}) {'on ' + worker if worker else ''}{said}"


def why_put(state: Scheduler, row: int, now: float) -> str:
    """It is on its way."""
    if is_expected(state, row):
        return "its client plans it when sizes are known that other tasks find out"
    return "a client has announced this data and not put it on a worker yet"


WHY = {
    RELEASED: why_released,
    WAITING: why_waiting,
    READY: why_ready,
    SENT: why_sent,
    MEMORY: why_memory,
    ERRED: why_erred,
    PUT: why_put,
}


def story(state: Scheduler, keys: Iterable[Any]) -> list[list[Any]]:
    """What happened to some tasks: ``[time, event, whom, key]``, oldest first.

    Parameters
    ----------
    state
        The scheduler's.
    keys
        The tasks'; those that are not known any more have no story.

    Examples
    --------
    >>> story(Scheduler(), ["x"])
    []
    """
    out = []
    for key in keys:
        row = find(state.names, tuple(key) if isinstance(key, list) else key)
        if row >= 0:
            for now, what, whom in state.story.of(state.table.numbers[row]):
                out.append([now, what, whom, key])
    return sorted(out, key=lambda event: event[0])
