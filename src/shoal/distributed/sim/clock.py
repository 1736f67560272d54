"""Virtual time: what is to happen, in order."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

__all__ = ["Clock"]


class Clock:
    """A heap of calls; time is that of the call that is being made.

    Examples
    --------
    >>> clock, seen = Clock(), []
    >>> clock.at(2.0, seen.append, "b")
    >>> clock.at(1.0, seen.append, "a")
    >>> clock.run(lambda: False), clock.now, seen
    (False, 2.0, ['a', 'b'])
    """

    __slots__ = ("calls", "count", "now")

    def __init__(self) -> None:
        self.now = 0.0
        self.count = 0
        self.calls: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []

    def at(self, when: float, call: Callable[..., object], *args: Any) -> None:
        """Make a call at a time; calls of one time are made in the order of their planning."""
        self.count += 1
        heappush(self.calls, (max(when, self.now), self.count, call, args))

    def after(self, delay_s: float, call: Callable[..., object], *args: Any) -> None:
        """Make a call after a while."""
        self.at(self.now + delay_s, call, *args)

    def run(self, is_over: Callable[[], bool], until: float = float("inf")) -> bool:
        """Make calls until one of them has brought about what ``is_over`` asks for.

        Parameters
        ----------
        is_over
            Asked after every call.
        until
            Calls after this time are left.

        Returns
        -------
        bool
            Whether it came about; otherwise nothing is left to happen before ``until``.
        """
        calls = self.calls
        while calls and calls[0][0] <= until:
            self.now, _, call, args = heappop(calls)
            call(*args)
            if is_over():
                return True
        return False
