"""What happens to a worker: connections, messages, results, time.

Each function takes the worker, what happened and the time, changes the table and adds to the
effects; `drain` hands out what has come together.  The shell calls it when it has no further event
at hand, so that a thousand results make one report.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from shoal.distributed.core.effects import Close, Log, Send
from shoal.distributed.core.worker import assign, fetch, memory, reconcile, report
from shoal.distributed.core.worker.effects import (
    Invoke,
    Leave,
    Ready,
    Reconnect,
    Serve,
    Withdraw,
)
from shoal.distributed.core.worker.table import HELD, LONG, READY, Worker, part_number
from shoal.distributed.protocol import (
    Answer,
    Call,
    CancelRuns,
    Data,
    Drop,
    Fetch,
    Get,
    GiveBack,
    Goodbye,
    Put,
    Run,
    Welcome,
)
from shoal.distributed.protocol import Reconcile as ReconcileMessage

__all__ = [
    "began",
    "closed",
    "connected",
    "damaged",
    "dialed",
    "drain",
    "due",
    "finished",
    "load_failed",
    "loaded",
    "measured",
    "pause",
    "received",
    "rejoined",
    "seceded",
    "served",
    "shelved",
    "short",
    "spill_failed",
    "spilled",
    "tick",
    "unreachable",
    "withdrawn",
]

FIRST_RETRY_S = 0.1
LAST_RETRY_S = 2.0
"""How long to wait before connecting to the scheduler again: twice as long each time."""


# --- connections ------------------------------------------------------------------------------


def connected(w: Worker, party: int, role: str, now: float) -> None:
    """Somebody is connected, with a proven role.

    Parameters
    ----------
    w
        The worker.
    party
        The shell's number for the connection.
    role
        ``"scheduler"``, ``"worker"`` or ``"client"``.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> connected(w, 1, "scheduler", 0.0)
    >>> type(drain(w, 0.0)[0].message).__name__
    'Register'
    """
    w.roles[party] = role
    if role != "scheduler":
        return
    w.scheduler = party
    message = reconcile.register(w)
    w.next_beat = now + w.settings.beat_s
    w.effects.append(Send(party, message))


def dialed(w: Worker, peer: int, address: str, party: int, now: float) -> None:
    """The worker ``peer`` is connected; nobody may want that any more.

    Parameters
    ----------
    w
        The worker.
    peer, address
        The other's number and where it was dialed, as `Dial` said.
    party
        The connection.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import PeerState, Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> w.numbering.peers[2] = PeerState(2, "inproc://b", "b", dialing=True)
    >>> dialed(w, 2, "inproc://b", 7, 0.0)
    >>> w.numbering.peers[2].party
    7
    """
    known = w.numbering.peers.get(peer)
    if known is None or known.address != address or known.party:
        # It was dialed by another scheduler's number.
        w.effects.append(Close(party, "it is not needed any more"))
        return
    w.roles[party] = "worker"
    w.peer_of[party] = peer
    known.party, known.dialing = party, False


def unreachable(w: Worker, peer: int, address: str, why: str, now: float) -> None:
    """The worker ``peer`` could not be connected to.

    Parameters
    ----------
    w
        The worker.
    peer, address
        The other's number and where it was dialed, as `Dial` said.
    why
        For the log.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> unreachable(Worker(Settings("a", "inproc://a", 1)), 2, "inproc://b", "refused", 0.0)
    """
    known = w.numbering.peers.get(peer)
    if known is not None and known.address == address:
        fetch.lose_peer(w, peer, why, True)


def closed(w: Worker, party: int, why: str, now: float) -> None:
    """A connection has ended.

    Parameters
    ----------
    w
        The worker.
    party
        Which.
    why
        For the log.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> connected(w, 1, "scheduler", 0.0)
    >>> _ = drain(w, 0.0)
    >>> closed(w, 1, "reset by peer", 1.0)
    >>> drain(w, 1.0)[-1]
    Reconnect(delay_s=0.1)
    """
    w.roles.pop(party, None)
    if party == w.scheduler:
        w.scheduler = 0
        if w.closing:
            return
        w.effects.append(Log("warning", f"the scheduler is gone: {why}"))
        reconcile.shed(w)
        retry(w, now)
    elif party in w.peer_of:
        number = w.peer_of.pop(party)
        if w.numbering.peers[number].party == party:
            fetch.lose_peer(w, number, why)


def retry(w: Worker, now: float) -> None:
    """Connect to the scheduler again, or give up."""
    if w.lost_at is None:
        w.lost_at = now
    if now - w.lost_at > w.settings.leave_s:
        leave(w, f"there has been no scheduler for {w.settings.leave_s:g} s")
        return
    delay = min(LAST_RETRY_S, FIRST_RETRY_S * 2**w.attempts)
    w.attempts += 1
    w.effects.append(Reconnect(delay))


def leave(w: Worker, reason: str, is_refused: bool = False) -> None:
    """End the worker."""
    if not w.closing:
        w.closing = reason or "asked to"
        if w.scheduler:
            w.effects.append(Send(w.scheduler, Goodbye(reason)))
        w.effects.append(Leave(reason, is_refused))


# --- messages ---------------------------------------------------------------------------------


def received(w: Worker, party: int, message: Any, buffers: list[Any], now: float) -> None:
    """A message has come.

    Parameters
    ----------
    w
        The worker.
    party
        From whom.
    message, buffers
        What.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> connected(w, 1, "scheduler", 0.0)
    >>> received(w, 1, Run([7], [1], ["x"], [-1], [b""], [()], [0], [True]), [], 0.0)
    >>> [type(effect).__name__ for effect in drain(w, 0.0)]
    ['Send', 'Ready']
    """
    kind = type(message)
    if party == w.scheduler:
        handler = FROM_SCHEDULER.get(kind) or FROM_ANYBODY.get(kind)
    else:
        handler = FROM_ANYBODY.get(kind)
    if handler is not None:
        handler(w, party, message, buffers, now)
    else:
        what = f"{kind.__name__} from {w.roles.get(party, 'somebody unknown')}"
        w.effects.append(Log("warning", f"a worker does not understand {what}"))


def on_welcome(w: Worker, party: int, message: Welcome, buffers: list[Any], now: float) -> None:
    """The scheduler has taken the worker on."""
    w.lost_at = None
    w.attempts = 0
    w.scheduler_id = message.scheduler
    silence_s = message.settings.get("silence_s")
    if silence_s:
        w.settings = dataclasses.replace(w.settings, silence_s=silence_s)
    w.numbering.number = message.number
    if w.listed is None:
        w.numbering.scheduler = message.scheduler


def on_goodbye(w: Worker, party: int, message: Goodbye, buffers: list[Any], now: float) -> None:
    """The scheduler sends the worker away, or ends itself."""
    leave(w, message.reason or "the scheduler said goodbye", not w.scheduler_id)


def on_reconcile(
    w: Worker, party: int, message: ReconcileMessage, buffers: list[Any], now: float
) -> None:
    """What stays of what the worker held."""
    reconcile.reconcile(w, message)


def on_get(w: Worker, party: int, message: Get, buffers: list[Any], now: float) -> None:
    """Somebody wants results."""
    known = w.numbering.rows
    parts = message.parts or [-1] * len(message.ids)
    wanted = [
        (known[number], part)
        for number, part in zip(message.ids, parts)
        if number in known and known[number].state in HELD
    ]
    ids = {part_number(row.id, part): row.number for row, part in wanted}
    # One of the two has not heard yet of another scheduler's numbers.
    is_other = message.numbering != w.numbering.scheduler
    nbytes = message.nbytes or sum([row.nbytes for row, _ in wanted])
    full = w.serving_bytes and w.serving_bytes + nbytes > w.settings.serve_bytes
    if is_other or full or w.serving >= w.settings.serve_streams:
        w.effects.append(Send(party, Data(message.request, [], [], busy=True)))
        return
    w.serving += 1
    w.serving_bytes += nbytes
    w.effects.append(Serve(party, message.request, ids, nbytes))


def on_put(w: Worker, party: int, message: Put, buffers: list[Any], now: float) -> None:
    """Somebody brings results."""
    fetch.put(w, party, message, buffers)


def on_data(w: Worker, party: int, message: Data, buffers: list[Any], now: float) -> None:
    """Another worker answers."""
    fetch.answered(w, message, buffers, now)


def on_call(w: Worker, party: int, message: Call, buffers: list[Any], now: float) -> None:
    """Somebody calls a method."""
    fetch.flush_free(w)
    w.effects.append(Invoke(party, message, buffers))


def on_answer(w: Worker, party: int, message: Answer, buffers: list[Any], now: float) -> None:
    """What the worker put somewhere has been taken; nothing waits for that."""


Handler = Callable[[Worker, int, Any, list[Any], float], None]

FROM_SCHEDULER: dict[type, Handler] = {
    Welcome: on_welcome,
    Run: lambda w, party, message, buffers, now: assign.assign(w, message, buffers, now),
    Drop: lambda w, party, message, buffers, now: assign.drop(w, message),
    GiveBack: lambda w, party, message, buffers, now: assign.give_back(w, message),
    CancelRuns: lambda w, party, message, buffers, now: assign.cancel(w, message),
    Fetch: lambda w, party, message, buffers, now: fetch.fetch(w, message),
    ReconcileMessage: on_reconcile,
    Goodbye: on_goodbye,
}
"""What only the scheduler may say."""

FROM_ANYBODY: dict[type, Handler] = {
    Get: on_get,
    Put: on_put,
    Data: on_data,
    Call: on_call,
    Answer: on_answer,
    Goodbye: lambda w, party, message, buffers, now: None,
}


# --- runs -------------------------------------------------------------------------------------


def finished(w: Worker, completions: list[Any], now: float) -> None:
    """Runs have ended.

    Parameters
    ----------
    w
        The worker.
    completions
        Tuples ``(row, kind, nbytes, type, seconds, start, data, ...)``: the row from `Ready`; an
        empty kind and perhaps the pickled result, or a kind and data as in `Report.failed`
        (``"returned"``: could not be begun); the name of the result's type; when it began, since
        the epoch.  What follows is the shell's.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> connected(w, 1, "scheduler", 0.0)
    >>> received(w, 1, Run([7], [1], ["x"], [-1], [b""], [()], [0], [True]), [], 0.0)
    >>> row = drain(w, 0.0)[-1].tasks[0]
    >>> finished(w, [(row, "", 28, "int", 0.5, 1.7e9, b"...")], 0.5)
    >>> drain(w, 0.5)[0].message.ids
    [7]
    """
    assign.finish(w, completions)


def began(w: Worker, id: int, now: float) -> None:
    """A run with a time limit has begun; others need not be told of.

    Parameters
    ----------
    w
        The worker.
    id
        Of its row.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> began(Worker(Settings("a", "inproc://a", 1)), 7, 0.0)  # not there any more
    """
    row = w.tasks.get(id)
    if row is None or row.options is None or row.state not in (READY, LONG):
        return
    if row.options.timeout_s is not None:
        w.timed[id] = now + row.options.timeout_s


def withdrawn(w: Worker, id: int, now: float) -> None:
    """A run had not begun and will not.

    Parameters
    ----------
    w
        The worker.
    id
        Of its row.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> withdrawn(Worker(Settings("a", "inproc://a", 1)), 7, 0.0)  # not there any more
    """
    row = w.tasks.get(id)
    if row is not None and row.state == READY:
        w.active -= 1
        assign.forget(w, row)
        w.numbering.columns.returned.append(row)


def seceded(w: Worker, id: int, now: float) -> None:
    """A task runs on without a slot.

    Parameters
    ----------
    w
        The worker.
    id
        Of its row.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> seceded(Worker(Settings("a", "inproc://a", 1)), 7, 0.0)  # not there any more
    """
    row = w.tasks.get(id)
    if row is not None and row.state == READY:
        row.state = LONG
        w.active -= 1
        w.numbering.columns.seceded.append(row)


def rejoined(w: Worker, id: int, now: float) -> None:
    """A task that had given up its slot has one again.

    Parameters
    ----------
    w
        The worker.
    id
        Of its row.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> rejoined(Worker(Settings("a", "inproc://a", 1)), 7, 0.0)  # not there any more
    """
    row = w.tasks.get(id)
    if row is not None and row.state == LONG:
        row.state = READY
        w.active += 1
        w.numbering.columns.rejoined.append(row)


# --- data and memory --------------------------------------------------------------------------


def served(w: Worker, nbytes: int, now: float) -> None:
    """Results that somebody wanted have left.

    Parameters
    ----------
    w
        The worker.
    nbytes
        As `Serve` said.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> received(w, 2, Get(1, [5]), [], 0.0)
    >>> served(w, 0, 0.0)
    >>> w.serving
    0
    """
    w.serving -= 1
    w.serving_bytes -= nbytes


def measured(
    w: Worker, process: int, cpu: float, executing: int, now: float, filed: int = 0
) -> None:
    """What the operating system says; see `memory.measured`.

    Parameters
    ----------
    w
        The worker.
    process, cpu, executing
        Resident bytes; percent of one CPU; tasks that run.
    now
        Seconds.
    filed
        Bytes that results in parts have in files.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> measured(w, 50 << 20, 10.0, 1, 0.0)
    >>> w.process
    52428800
    """
    memory.measured(w, process, cpu, executing, filed)


def short(w: Worker, lacking: int, now: float) -> None:
    """A thread found no room for its next task; see `memory.short`.

    Parameters
    ----------
    w
        The worker.
    lacking
        Bytes that have to go before it may begin.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1, memory_limit=1000))
    >>> short(w, 100, 0.0)
    >>> drain(w, 0.0)
    [Pause(on=True)]
    """
    memory.short(w, lacking)


def pause(w: Worker, on: bool, now: float) -> None:
    """Somebody wants the worker to begin no task for a while, or to go on.

    Parameters
    ----------
    w
        The worker.
    on
        Whether to pause.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> pause(w, True, 0.0)
    >>> w.paused
    True
    """
    memory.pause(w, on)
    w.next_beat = now


def spilled(w: Worker, id: int, now: float) -> None:
    """A result is on disk; see `memory.spilled`.

    Parameters
    ----------
    w
        The worker.
    id
        Of its row.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> spilled(Worker(Settings("a", "inproc://a", 1)), 5, 0.0)
    """
    memory.spilled(w, id)


def shelved(w: Worker, id: int, nbytes: int, now: float) -> None:
    """What a result refers to is in files now; see `memory.shelved`.

    Parameters
    ----------
    w
        The worker.
    id
        Of its row.
    nbytes
        What it still takes in memory.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> shelved(Worker(Settings("a", "inproc://a", 1)), 5, 100, 0.0)
    """
    memory.shelved(w, id, nbytes)


def damaged(w: Worker, id: int, why: str, now: float) -> None:
    """What a result has in files cannot be read; see `memory.damaged`.

    Parameters
    ----------
    w
        The worker.
    id
        Of its row.
    why
        For the log.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> damaged(Worker(Settings("a", "inproc://a", 1)), 5, "checksum", 0.0)
    """
    memory.damaged(w, id, why)


def spill_failed(w: Worker, ids: list[int], why: str, full: bool, now: float) -> None:
    """Results could not be written; see `memory.spill_failed`.

    Parameters
    ----------
    w
        The worker.
    ids, why, full
        Which; for the log; whether there is no space.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> spill_failed(Worker(Settings("a", "inproc://a", 1)), [5], "quota", True, 0.0)
    """
    memory.spill_failed(w, ids, why, full, now)


def loaded(w: Worker, id: int, now: float) -> None:
    """A result is back in memory; see `memory.loaded`.

    Parameters
    ----------
    w
        The worker.
    id
        Of its row.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> loaded(Worker(Settings("a", "inproc://a", 1)), 5, 0.0)
    """
    memory.loaded(w, id, "")


def load_failed(w: Worker, id: int, why: str, now: float) -> None:
    """A file with a result is damaged or gone.

    Parameters
    ----------
    w
        The worker.
    id
        Of the result's row.
    why
        For the log.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> load_failed(Worker(Settings("a", "inproc://a", 1)), 5, "checksum", 0.0)
    """
    memory.loaded(w, id, why)


# --- time -------------------------------------------------------------------------------------


def tick(w: Worker, now: float) -> None:
    """Time has passed.

    Parameters
    ----------
    w
        The worker.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> connected(w, 1, "scheduler", 0.0)
    >>> _ = drain(w, 0.0)
    >>> tick(w, 0.5)
    >>> drain(w, 0.5)[0].message.status
    'running'
    """
    if w.scheduler and now >= w.next_beat:
        w.next_beat = now + w.settings.beat_s
        w.effects.append(Send(w.scheduler, report.beat(w)))
    if w.requests:
        fetch.expire(w, now)
    if w.timed:
        for id in [id for id, deadline in w.timed.items() if deadline <= now]:
            time_out(w, id)


def time_out(w: Worker, id: int) -> None:
    """A run has taken longer than it may."""
    row = w.tasks[id]
    del w.timed[id]
    assert row.options is not None and row.options.timeout_s is not None
    limit = row.options.timeout_s
    text = (
        f"task {row.key!r} ran longer than its timeout of {limit:g} s on worker {w.settings.name}"
    )
    w.effects.append(Withdraw(row.id, True))
    w.active -= row.state == READY
    assign.fail(w, row, "timeout", text.encode(), limit)


def due(w: Worker) -> float | None:
    """When `tick` should be called at the latest; None: at the next event.

    Parameters
    ----------
    w
        The worker.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> due(w) is None
    True
    >>> connected(w, 1, "scheduler", 10.0)
    >>> due(w)
    10.5
    """
    times = [*w.timed.values(), *fetch.next_event(w)]
    if w.scheduler:
        times.append(w.next_beat)
    return min(times, default=None)


def drain(w: Worker, now: float) -> list[Any]:
    """What is to be done, in this order.

    Parameters
    ----------
    w
        The worker.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> drain(Worker(Settings("a", "inproc://a", 1)), 0.0)
    []
    """
    if w.spillable or w.to_load or w.paused:
        memory.plan(w, now)
    if w.wanted:
        fetch.plan(w, now)
    fetch.flush_free(w)
    effects = w.effects
    if w.ready:
        w.active += len(w.ready)
        effects.append(Ready(w.ready))
        w.ready = []
    if w.scheduler and w.listed is None:
        message = report.build(w)
        if message is not None:
            effects.append(Send(w.scheduler, message))
    w.effects = []
    return effects
