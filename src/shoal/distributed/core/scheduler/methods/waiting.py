"""Waiting for workers: ``workers.wait {n, timeout_s}`` is answered when there are ``n``."""

from __future__ import annotations

from typing import Any

from shoal.distributed.core.scheduler.methods.calls import LATER, Method, answer, answer_error
from shoal.distributed.core.scheduler.records import Party
from shoal.distributed.core.scheduler.state import Scheduler

__all__ = ["METHODS", "due", "expire", "workers_changed"]


def wait(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Answer the number of workers when there are enough."""
    count = int(args["n"])
    if running(state) >= count:
        return running(state)
    timeout = args.get("timeout_s")
    until = float("inf") if timeout is None else now + timeout
    state.machines.setdefault("waiting", []).append((who.party, request, count, until))
    return LATER


def running(state: Scheduler) -> int:
    """How many workers there are."""
    return sum(w.status in ("running", "paused") for w in state.workers.values())


def workers_changed(state: Scheduler, now: float) -> None:
    """Answer those that have waited for the workers that are there now.

    Examples
    --------
    >>> workers_changed(Scheduler(), 0.0)
    """
    waiting = state.machines.get("waiting")
    if not waiting:
        return
    there = running(state)
    left = []
    for party, request, count, until in waiting:
        if there >= count:
            answer(state, party, request, there)
        else:
            left.append((party, request, count, until))
    state.machines["waiting"] = left


def expire(state: Scheduler, now: float) -> None:
    """Answer those that have waited too long."""
    left = []
    for party, request, count, until in state.machines.get("waiting", ()):
        if until <= now:
            text = f"only {running(state)} of {count} workers came in time"
            answer_error(state, party, request, "TimeoutError", text)
        elif party in state.parties:
            left.append((party, request, count, until))
    if left or "waiting" in state.machines:
        state.machines["waiting"] = left


def due(state: Scheduler) -> float:
    """When the next of them has waited too long."""
    return min((until for *_, until in state.machines.get("waiting", ())), default=float("inf"))


METHODS: dict[str, Method] = {"workers.wait": wait}
