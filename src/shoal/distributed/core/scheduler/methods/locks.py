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

A journal has who holds what.  A client that comes to a scheduler which does not know its session
says what it holds (`claim`): what it does not name is free, and what it names is its own, unless
somebody else has it by now.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from shoal.distributed.core.facts import Held
from shoal.distributed.core.scheduler.methods.calls import (
    Line,
    Method,
    answer,
    holder_name,
    wait,
)
from shoal.distributed.core.scheduler.records import Party
from shoal.distributed.core.scheduler.state import Scheduler

__all__ = ["METHODS", "claim", "held_before", "serve_locks"]


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
    if try_take(state, locks, names, count, owner):
        return True
    return wait(state, who, request, args, now, locks.line, False, (names, count, owner))


def try_take(
    state: Scheduler, locks: Locks, names: list[str], count: int, owner: tuple[str, str]
) -> bool:
    """Take as many of the locks as were asked for, if they are free."""
    if state.claims_until >= 0:
        return False
    return take(state, locks, names, count, owner)


def take(
    state: Scheduler, locks: Locks, names: list[str], count: int, owner: tuple[str, str]
) -> bool:
    """The same for somebody who may say that they are held already."""
    there = [name for name in dict.fromkeys(names) if name not in locks.held]
    if len(there) < count:
        return False
    for name in there[:count]:
        locks.held[name] = owner
        note(state, name, owner)
    return True


def free(state: Scheduler, locks: Locks, name: str) -> None:
    """A lock is held no more."""
    del locks.held[name]
    note(state, name, ("", ""))


def note(state: Scheduler, name: str, owner: tuple[str, str]) -> None:
    """For the journal: who holds a lock from now on."""
    if state.facts is not None:
        state.facts.append(Held("lock", name, *owner))


def held_before(state: Scheduler, name: str, owner: tuple[str, str]) -> None:
    """The journal says who held a lock.

    Parameters
    ----------
    state
        The scheduler's.
    name
        Of the lock.
    owner
        An id, and in whose name; empty: nobody.

    Examples
    --------
    >>> state = Scheduler()
    >>> held_before(state, "printer", ("a", "client me"))
    >>> locks_of(state).held
    {'printer': ('a', 'client me')}
    """
    held = locks_of(state).held
    if owner[1]:
        held[name] = owner
    else:
        held.pop(name, None)


def claim(state: Scheduler, holder: str, claims: list[Any]) -> list[tuple[str, str]]:
    """A client says what it holds, and all that it holds.

    Parameters
    ----------
    state
        The scheduler's.
    holder
        In whose name.
    claims
        ``(id, names, count)`` of each.

    Returns
    -------
    list
        What others have, in words, and the id.

    Examples
    --------
    >>> state = Scheduler()
    >>> claim(state, "client me", [("a", ["printer"], 1)])
    []
    >>> claim(state, "client you", [("b", ["printer"], 1)])
    [("the lock 'printer'", 'b')]
    """
    locks = locks_of(state)
    mine = {id for id, _, _ in claims}
    for name, (id, whose) in list(locks.held.items()):
        if whose == holder and id not in mine:
            free(state, locks, name)
    lost = []
    for id, names, count in claims:
        missing = count - sum(locks.held.get(name) == (id, holder) for name in dict.fromkeys(names))
        if missing > 0 and not take(state, locks, names, missing, (id, holder)):
            what = f"the lock {names[0]!r}" if len(names) == 1 else f"some of the locks {names}"
            lost.append((what, id))
    serve(state, locks)
    return lost


def release(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Give locks back."""
    names = args.get("names") or [args["name"]]
    locks = locks_of(state)
    mine = [n for n in names if n in locks.held and locks.held[n][0] == args["id"]]
    if not mine:
        if args.get("again"):
            return True  # the scheduler before this one has seen to it
        raise ValueError(f"the lock {', '.join(names)} is not held by who releases it")
    for name in mine:
        free(state, locks, name)
    serve(state, locks)
    return True


def locked(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Whether somebody holds a lock."""
    return args["name"] in locks_of(state).held


def serve_locks(state: Scheduler) -> None:
    """Locks may be given again.

    Parameters
    ----------
    state
        The scheduler's.

    Examples
    --------
    >>> serve_locks(Scheduler())
    """
    serve(state, locks_of(state))


def serve(state: Scheduler, locks: Locks) -> None:
    """Locks have become free: those in the line that can have theirs get them."""
    left: Line = deque()
    for waiter in locks.line:
        if waiter.done:
            continue
        names, count, owner = waiter.data
        if try_take(state, locks, names, count, owner):
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
    locks = locks_of(state)
    for lock in [lock for lock, owner in locks.held.items() if owner[1] == name]:
        free(state, locks, lock)
    serve(state, locks)


METHODS: dict[str, Method] = {
    "lock.acquire": acquire,
    "lock.release": release,
    "lock.locked": locked,
    "multilock.acquire": acquire,
    "multilock.release": release,
}
