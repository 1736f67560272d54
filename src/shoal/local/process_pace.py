"""How many tasks to hand over at a time: enough for a few milliseconds, by measured durations.

A message costs about 50 us on both sides, a trivial task 1 us: sent alone, tasks would cost fifty
times what they should.  Sent by the hundred, tasks that take a second would all wait in one place
while other workers are idle.  So the first task of a function goes alone, and what it took decides
how many go next.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from shoal.graph.fuse import Chain

__all__ = ["TARGET_S", "Pace", "pace_key"]

TARGET_S = 0.01
"""The work that a worker should have before it."""

UNKNOWN = 8
"""Of functions that were never measured no more tasks than this go together."""


def pace_key(func: Callable[..., Any]) -> Any:
    """What functions that will take equally long have in common.

    Parameters
    ----------
    func
        What a task calls.

    Examples
    --------
    >>> first, second = [lambda: i for i in range(2)]
    >>> pace_key(first) == pace_key(second), pace_key(min) == pace_key(max)
    (True, False)
    >>> pace_key(dict.fromkeys) == pace_key(functools.partial(dict.fromkeys, ()))
    True
    """
    while type(func) is functools.partial:
        func = func.func
    if type(func) is Chain:
        return tuple([pace_key(part) for part in func.funcs])
    code = getattr(func, "__code__", None)
    if code is not None:
        return id(code)
    try:
        hash(func)
    except TypeError:
        return type(func)
    return func


class Pace:
    """What tasks took so far, by function.

    Parameters
    ----------
    target_s
        The work to hand over at a time.

    Examples
    --------
    >>> pace = Pace()
    >>> pace.guess("f") == 2 * TARGET_S
    True
    >>> pace.learn("f", 10, 0.001)
    >>> pace.guess("f"), pace.guess("g")
    (0.0001, 0.00125)
    """

    __slots__ = ("count", "known", "seconds", "target_s")

    def __init__(self, target_s: float = TARGET_S) -> None:
        self.target_s = target_s
        self.known: dict[Any, float] = {}
        self.count = 0
        self.seconds = 0.0

    def learn(self, key: Any, count: int, seconds: float) -> None:
        """Tasks have run.

        Parameters
        ----------
        key
            Of their function.
        count, seconds
            How many, and what they took together.
        """
        mean = seconds / count
        old = self.known.get(key)
        self.known[key] = mean if old is None else (old + mean) / 2
        self.count += count
        self.seconds += seconds

    def guess(self, key: Any) -> float:
        """How long a task will take, in seconds.

        Parameters
        ----------
        key
            Of its function.
        """
        known = self.known.get(key)
        if known is not None:
            return known
        if not self.count:
            return 2 * self.target_s
        return max(self.seconds / self.count, self.target_s / UNKNOWN)
