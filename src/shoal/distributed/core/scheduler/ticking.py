"""What happens because time passes: silence, timeouts, patience that ends."""

from __future__ import annotations

from heapq import heappop

from shoal.distributed.core.effects import Close
from shoal.distributed.core.scheduler import stranded
from shoal.distributed.core.scheduler.failures import fail
from shoal.distributed.core.scheduler.methods import end_claims, expire, lapse, log_event
from shoal.distributed.core.scheduler.names import key_of
from shoal.distributed.core.scheduler.parties import (
    drop_party,
    forget_client,
    lose,
    place_unplaced,
)
from shoal.distributed.core.scheduler.recovery import end_recovery
from shoal.distributed.core.scheduler.reports import retire_run
from shoal.distributed.core.scheduler.speculation import speculate
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.core.scheduler.unreached import stop_avoiding

__all__ = ["due", "tick"]


def tick(state: Scheduler, now: float) -> None:
    """Time has passed; the shell calls this when `due` says so, or more often.

    Parameters
    ----------
    state
        The scheduler's.
    now
        The time.

    Examples
    --------
    >>> tick(Scheduler(), 1.0)
    """
    if state.timers:
        expire(state, now)
    if 0 <= state.lease_due <= now:
        lapse(state, now)
    for number in [number for number, until in state.unreached.items() if until <= now]:
        stop_avoiding(state, number)
        place_unplaced(state)
    if 0 <= state.silence_due <= now:
        find_silent(state, now)
    if 0 <= state.hold_until <= now:
        end_recovery(state)
    if 0 <= state.claims_until <= now:
        end_claims(state, now)
    for number in [number for number, until in state.dying.items() if until <= now]:
        lose(state, state.workers[number], "its connection closed", True, now)
    for client in list(state.clients.values()) if not state.is_replayed else ():
        if client.party < 0 and now >= client.gone_since + state.settings.client_grace_s:
            forget_client(state, client, now)
    if 0 <= state.missed_due <= now and (said := stranded.look(state)):
        log_event(state, "warn", {"text": said}, now)
    if state.settings.no_workers_s > 0 and now >= state.unrunnable_due:
        stranded.fail_unrunnable(state, now)
    if state.deadlines:
        time_out(state, now)
    if state.settings.speculate > 0:
        speculate(state, now)


def find_silent(state: Scheduler, now: float) -> None:
    """Fence off workers that were silent for too long; see when the next one may have been."""
    silence = state.settings.silence_s
    vouched = state.machines.get("vouched", {})
    for worker in list(state.workers.values()):
        if now - worker.heard >= silence:
            # Code that lets nobody else run is alive too; its nanny knows.
            worker.heard = max(worker.heard, vouched.get(worker.name, worker.heard))
        if now - worker.heard >= silence:
            fence(state, worker.number, now)
    heard = [worker.heard for worker in state.workers.values()]
    state.silence_due = min(heard) + silence if heard else -1.0


def fence(state: Scheduler, number: int, now: float) -> None:
    """A worker has been silent for too long: it is gone, whatever it still does."""
    worker = state.workers[number]
    drop_party(state, worker.party)
    text = f"it was silent for {now - worker.heard:.1f} s"
    state.effects.append(Close(worker.party, text))
    lose(state, worker, text, True, now)


def time_out(state: Scheduler, now: float) -> None:
    """Runs whose worker should have ended them."""
    table = state.table
    while state.deadlines and state.deadlines[0][0] <= now:
        _, row, run = heappop(state.deadlines)
        if table.runs[row] != run:
            continue
        worker = state.workers[table.place[row]]
        key, options = key_of(table, row), table.options[row]
        retire_run(state, worker, row)
        worker.zombies[run] = table.numbers[row]
        reason = "it has exceeded its timeout"
        worker.stops.setdefault(reason, []).append((table.numbers[row], run))
        state.outgoing[worker.number] = worker
        text = f"{key!r} ran on {worker.name} for longer than its timeout of {options.timeout_s} s"
        fail(state, row, ("timeout", key, worker.address, text.encode()))


def due(state: Scheduler) -> float | None:
    """When `tick` (and `drain`) should be called next; None: not before something else happens.

    Parameters
    ----------
    state
        The scheduler's.

    Examples
    --------
    >>> due(Scheduler())
    """
    settings = state.settings
    lines = (state.drop_due, state.recall_due, state.heard_due, state.lease_due, state.silence_due)
    times = [t for t in (*lines, state.hold_until, state.claims_until) if t >= 0]
    times += [*state.dying.values(), *state.unreached.values(), *stranded.due(state)]
    if state.laden and state.roomy:
        times.append(state.steal_due)
    if state.timers:
        times.append(state.timers[0][0])
    deadlines, runs = state.deadlines, state.table.runs
    while deadlines and runs[deadlines[0][1]] != deadlines[0][2]:
        heappop(deadlines)
    if deadlines:
        times.append(deadlines[0][0])
    grace = settings.client_grace_s
    if not state.is_replayed:
        times += [c.gone_since + grace for c in state.clients.values() if c.party < 0]
    if settings.speculate > 0 and state.roomy and any(w.sent for w in state.workers.values()):
        times.append(state.looked_at + 0.1)
    first = min(times, default=float("inf"))
    return None if first == float("inf") else first
