"""Events in the sense of `threading.Event`: a flag that others wait for.

``event.set {name}``, ``event.clear {name}``, ``event.is_set {name}``; ``event.wait {name,
timeout_s?}`` is True when it is set, False when the time is over.  A flag that is not set and
that nobody waits for is not kept.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from shoal.distributed.core.scheduler.methods.calls import Method, answer, first, wait
from shoal.distributed.core.scheduler.records import Party
from shoal.distributed.core.scheduler.state import Scheduler

__all__ = ["METHODS"]


def set_flag(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Set a flag: everybody who waits for it goes on."""
    name = args["name"]
    state.machines.setdefault("flags", {})[name] = True
    line = state.machines.setdefault("flag lines", {}).pop(name, deque())
    while (waiter := first(line)) is not None:
        answer(state, waiter.party, waiter.request, True)


def clear(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Take a flag back."""
    state.machines.setdefault("flags", {}).pop(args["name"], None)


def is_set(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Whether a flag is set."""
    return args["name"] in state.machines.get("flags", {})


def wait_for(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Wait until a flag is set."""
    if is_set(state, who, request, args, now):
        return True
    line = state.machines.setdefault("flag lines", {}).setdefault(args["name"], deque())
    return wait(state, who, request, args, now, line, False)


METHODS: dict[str, Method] = {
    "event.set": set_flag,
    "event.clear": clear,
    "event.is_set": is_set,
    "event.wait": wait_for,
}
