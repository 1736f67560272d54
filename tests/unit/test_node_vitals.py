"""Looking at the threads of a process changes nothing in them."""

from __future__ import annotations

import threading
import weakref
from types import SimpleNamespace
from typing import Any

from shoal.distributed.node import vitals

WAIT_S = 60


def test_what_a_function_had_is_let_go_when_it_returns(monkeypatch: Any) -> None:
    """Futures of a program that somebody watched lived on until the next look at it."""
    turns, looked, go_on = iter(range(100)), threading.Event(), threading.Event()

    def pause(seconds: float) -> None:
        if next(turns):
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
        assert has_something()() is None
        assert any(stretch["count"] for _, stretch in stacks._stretches)
    finally:
        stacks._until = 0.0
        go_on.set()
        if stacks._thread is not None:
            stacks._thread.join(WAIT_S)
