"""Locks: one holder at a time, and several locks taken together.

``lock.acquire {name, id, timeout_s?}``
    True when it is held, False when the time is over.
``lock.release {name, id}``, ``lock.locked {name}``
    True; whether somebody holds it.
``multilock.acquire {names, id, count?, timeout_s?}``, ``multilock.release {names, id}``
    ``count`` of the locks (default: all) at once.

Two kinds of locks would be one too many: a lock is a multilock of one name.  Requests stand in
one line, in the order in which they came; a request is served as soon as enough of its locks are
free. None is held meanwhile, so there is no deadlock.  What a client or worker holds is given
back when it is gone.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from shoal.distributed.core.scheduler.methods.calls import (
    Line,
    Method,
    answer,
    holder_name,
    wait,
)
from shoal.distributed.core.scheduler.records import Party
from shoal.distributed.core.scheduler.state import Scheduler

__all__ = ["METHODS"]


class Locks:
    """All locks: who holds which, and who waits."""

    __slots__ = ("held", "line")

    def __init__(self) -> None:
        self.held: dict[str, tuple[str, str]] = {}
        """Lock to (id, in whose name)."""
        self.line: Line = deque()


def locks_of(state: Scheduler) -> Locks:
    """The locks of a scheduler."""
    found: Locks = state.machines.setdefault("locks", Locks())
    return found


def acquire(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Take locks, or wait for them."""
    names = args.get("names") or [args["name"]]
    count = args.get("count") or len(names)
    if count > len(names):
        raise ValueError(f"{count} locks were asked for, of {len(names)}")
    locks = locks_of(state)
    owner = (args["id"], holder_name(who))
    if try_take(locks, names, count, owner):
        return True
    return wait(state, who, request, args, now, locks.line, False, (names, count, owner))


def try_take(locks: Locks, names: list[str], count: int, owner: tuple[str, str]) -> bool:
    """Take as many of the locks as were asked for, if they are free."""
    free = [name for name in dict.fromkeys(names) if name not in locks.held]
    if len(free) < count:
        return False
    for name in free[:count]:
        locks.held[name] = owner
    return True


def release(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Give locks back."""
    names = args.get("names") or [args["name"]]
    locks = locks_of(state)
    mine = [n for n in names if n in locks.held and locks.held[n][0] == args["id"]]
    if not mine:
        raise ValueError(f"the lock {', '.join(names)} is not held by who releases it")
    for name in mine:
        del locks.held[name]
    serve(state, locks)
    return True


def locked(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Whether somebody holds a lock."""
    return args["name"] in locks_of(state).held


def serve(state: Scheduler, locks: Locks) -> None:
    """Locks have become free: those in the line that can have theirs get them."""
    left: Line = deque()
    for waiter in locks.line:
        if waiter.done:
            continue
        names, count, owner = waiter.data
        if try_take(locks, names, count, owner):
            waiter.done = True
            answer(state, waiter.party, waiter.request, True)
        else:
            left.append(waiter)
    locks.line = left


def holder_gone(state: Scheduler, name: str) -> None:
    """A client or worker is gone for good: what it held is free.

    Examples
    --------
    >>> holder_gone(Scheduler(), "client me")
    """
    locks = state.machines.get("locks")
    if locks is None:
        return
    for lock in [lock for lock, owner in locks.held.items() if owner[1] == name]:
        del locks.held[lock]
    serve(state, locks)


METHODS: dict[str, Method] = {
    "lock.acquire": acquire,
    "lock.release": release,
    "lock.locked": locked,
    "multilock.acquire": acquire,
    "multilock.release": release,
}
