"""Waiting for workers, and having fewer of them.

``workers.wait {n, timeout_s}``
    is answered with the number of workers when there are ``n``.
``workers.retire {workers?, names?, n?, close, remove, returns?, keep_actors?}``
    moves what only these hold elsewhere, then ends them; answered with ``{address: info}`` when
    they are gone.  Without any of them named: those that can best be spared, ``n`` or all idle
    ones.  ``returns``: their nannies start them again.  ``keep_actors``: those that have actors,
    which cannot be moved, stay, and clients are told.
``workers.restart {workers?, timeout_s, wait}``
    has nannies start workers anew; answered with ``{name: "OK" | "timed out"}``, or what else
    became of them: ``"sent away"`` meanwhile, with its nanny, or ``"stays down"``.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from shoal.distributed.core.effects import Send
from shoal.distributed.core.scheduler.methods.calls import (
    Line,
    Method,
    MethodError,
    Waiter,
    answer,
    wait,
)
from shoal.distributed.core.scheduler.methods.describe import describe_worker, some_workers
from shoal.distributed.core.scheduler.methods.topics import log_event
from shoal.distributed.core.scheduler.names import key_of
from shoal.distributed.core.scheduler.records import Party, Worker
from shoal.distributed.core.scheduler.retire import actors_at, begin_retiring, spare_workers
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.protocol import Call

__all__ = ["METHODS", "workers_changed"]


def running(state: Scheduler) -> int:
    """How many workers there are."""
    return sum(w.status in ("running", "paused", "unreached") for w in state.workers.values())


def wait_for(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Answer the number of workers when there are enough."""
    count = int(args["n"])
    if running(state) >= count:
        return running(state)
    limit_s = args.get("timeout_s") or 0
    limit = f"{limit_s:g} s" if limit_s >= 1 else f"{1000 * limit_s:g} ms"
    text = f"Only {running(state)}/{count} workers arrived within {limit}"
    line: Line = state.machines.setdefault("workers.wait", deque())
    return wait(state, who, request, args, now, line, MethodError("TimeoutError", text), count)


def retire(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Let workers end what runs, move what they hold, and close them."""
    named = args.get("workers") or args.get("names")
    if named is not None:
        chosen = some_workers(state, [str(name) for name in named])
    else:
        chosen = spare_workers(state, args.get("n"))
    if args.get("keep_actors"):
        chosen = without_actors(state, chosen, now)
    if not chosen:
        return {}
    told = {w.address: describe_worker(w) for w in chosen}
    closes = bool(args.get("close", True))
    for worker in chosen:
        begin_retiring(state, worker, closes, bool(args.get("returns")))
    line: Line = state.machines.setdefault("workers.retire", deque())
    return wait(state, who, request, {}, now, line, None, (told, {w.number for w in chosen}))


def without_actors(state: Scheduler, workers: list[Worker], now: float) -> list[Worker]:
    """The workers that have no actors; clients are told of the others."""
    rows = actors_at(state)
    for worker in workers:
        if worker.number in rows:
            key = key_of(state.table, rows[worker.number])
            text = f"worker {worker.name} at {worker.address} has the actor {key!r}, and stays: "
            text += "actors cannot be moved; let go of its futures first"
            log_event(state, "warn", {"text": text}, now)
    return [worker for worker in workers if worker.number not in rows]


def restart(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """End workers; their nannies start them again."""
    named = args.get("workers")
    chosen = list(state.workers.values()) if named is None else some_workers(state, named)
    names = {w.name: "OK" for w in chosen}
    for worker in chosen:
        party = state.nanny_parties.get(worker.name)
        if party is not None:
            call = Call(0, "restart", {"reason": "the cluster was restarted"})
            state.effects.append(Send(party, call))
        state.effects.append(Send(worker.party, Call(0, "restart", {})))
    if not args.get("wait", True) or not chosen:
        return names
    before = {w.number for w in chosen}
    nannies = names.keys() & state.nanny_parties.keys()
    late = late_answer(state, list(names), before, nannies)
    line: Line = state.machines.setdefault("workers.restart", deque())
    return wait(state, who, request, args, now, line, late, before)


def late_answer(state: Scheduler, names: list[str], before: set[int], nannies: set[str]) -> Any:
    """What is said of workers when the time is over; ``nannies``: of those that have had one."""

    def outcome(name: str, there: set[str]) -> str:
        if name in there:
            return "OK"
        if name in state.down:
            return "stays down"
        is_gone = name in nannies and name not in state.nanny_parties
        return "sent away" if is_gone else "timed out"

    def said() -> dict[str, str]:
        there = {w.name for w in state.workers.values() if w.number not in before}
        return {name: outcome(name, there) for name in names}

    return said


def workers_changed(state: Scheduler, now: float) -> None:
    """A worker has come or gone: answer those that have waited for that.

    Parameters
    ----------
    state
        The scheduler's.
    now
        The time.

    Examples
    --------
    >>> workers_changed(Scheduler(), 0.0)
    """
    there = running(state)
    serve(state, "workers.wait", lambda w: there if there >= w.data else None)

    def retired(waiter: Waiter) -> Any:
        told, numbers = waiter.data
        gone = all(n not in state.workers or state.workers[n].status == "retired" for n in numbers)
        return told if gone else None

    serve(state, "workers.retire", retired)

    def restarted(waiter: Waiter) -> Any:
        said = waiter.expired()
        return said if "timed out" not in said.values() else None

    serve(state, "workers.restart", restarted)


def serve(state: Scheduler, name: str, ready: Any) -> None:
    """Answer the waiters of a line for which there is an answer."""
    line = state.machines.get(name)
    if not line:
        return
    left: Line = deque()
    for waiter in line:
        if waiter.done:
            continue
        value = ready(waiter)
        if value is None:
            left.append(waiter)
        else:
            waiter.done = True
            answer(state, waiter.party, waiter.request, value)
    state.machines[name] = left


METHODS: dict[str, Method] = {
    "workers.wait": wait_for,
    "workers.retire": retire,
    "workers.restart": restart,
}
