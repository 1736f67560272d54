"""Looking at the threads of a process changes nothing in them."""

from __future__ import annotations

import threading
import time
import weakref
from types import SimpleNamespace
from typing import Any

from shoal.distributed.node import vitals

WAIT_S = 60


def test_what_a_function_had_is_let_go_when_it_returns(monkeypatch: Any) -> None:
    """Futures of a program that somebody watched lived on until the next look at it."""
    turns, looked, go_on = iter(range(100)), threading.Event(), threading.Event()

    def pause(seconds: float) -> None:
        if threading.current_thread() is not stacks._thread:
            threading.Event().wait(seconds)  # one that a test before this one has left
        elif next(turns):
            looked.set()
            go_on.wait(WAIT_S)

    clock = SimpleNamespace(**{**vars(vitals.time), "sleep": pause})
    monkeypatch.setattr(vitals, "time", clock)
    stacks = vitals.Stacks(0.001)

    class Something:
        pass

    def has_something() -> Any:
        something = Something()
        stacks.look()
        assert looked.wait(WAIT_S)  # it has looked at this function, and sleeps
        return weakref.ref(something)

    try:
        ref, end = has_something(), time.monotonic() + WAIT_S
        while ref() is not None:  # another one may look at it just now
            assert time.monotonic() < end
            threading.Event().wait(0.01)
        assert any(stretch["count"] for _, stretch in stacks._stretches)
    finally:
        stacks._until = 0.0
        go_on.set()
        if stacks._thread is not None:
            stacks._thread.join(WAIT_S)
