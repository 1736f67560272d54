"""Semaphores: so many leases at a time.

``semaphore.create {name, max_leases}``
    the number of leases; it is an error to create it again with another.
``semaphore.acquire {name, id, timeout_s?}``, ``semaphore.release {name, id}``
    a lease by the name ``id``, True; False when the time is over, or where there was no such lease.
``semaphore.refresh {name, ids}``, ``semaphore.value {name}``, ``semaphore.max {name}``
    which of the leases hold; how many are taken; how many there may be.
``semaphore.close {name}``
    gives everything up; those who wait get an error.

A lease ends with the client or worker that took it, and when it was not refreshed for
`Settings.lease_s`: whoever had it has stopped, or has forgotten it.  A scheduler that was restarted
knows of leases as it does of locks (`locks`).
"""

from __future__ import annotations

from collections import deque
from typing import Any

from shoal.distributed.core.facts import Held
from shoal.distributed.core.scheduler.methods.calls import (
    Line,
    Method,
    MethodError,
    answer,
    answer_error,
    first,
    holder_name,
    wait,
)
from shoal.distributed.core.scheduler.records import Party
from shoal.distributed.core.scheduler.state import Scheduler

__all__ = ["METHODS", "claim", "leased_before", "renew_all", "serve_semaphores"]


class Semaphore:
    """Leases, and who waits for one."""

    __slots__ = ("leases", "line", "most", "name", "until")

    def __init__(self, name: str, most: int) -> None:
        self.name = name
        self.most = most
        self.leases: dict[str, str] = {}
        """Who has taken each."""
        self.until: dict[str, float] = {}
        """When each ends if it is not refreshed."""
        self.line: Line = deque()


def named(state: Scheduler, name: str) -> Semaphore:
    """A semaphore that must exist."""
    found = state.machines.setdefault("semaphores", {}).get(name)
    if found is None:
        raise MethodError(
            "ValueError", f"there is no semaphore {name!r}; it was closed, or never made"
        )
    semaphore: Semaphore = found
    return semaphore


def create(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Make a semaphore, if there is none of that name."""
    most = int(args["max_leases"])
    if most < 1:
        raise ValueError(f"max_leases is at least 1, got {most}")
    known = state.machines.setdefault("semaphores", {})
    found = known.setdefault(args["name"], Semaphore(args["name"], most))
    if found.most != most:
        text = f"the semaphore {args['name']!r} has {found.most} leases, not {most}"
        raise MethodError("ValueError", text)
    return most


def acquire(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Take a lease, or wait for one."""
    semaphore = named(state, args["name"])
    if len(semaphore.leases) < semaphore.most and state.claims_until < 0:
        take(state, semaphore, args["id"], holder_name(who), now)
        return True
    data = (args["id"], holder_name(who))
    return wait(state, who, request, args, now, semaphore.line, False, data)


def release(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Give a lease back."""
    semaphore = named(state, args["name"])
    if args["id"] not in semaphore.leases:
        return False
    free(state, semaphore, args["id"])
    serve(state, semaphore, now)
    return True


def take(state: Scheduler, semaphore: Semaphore, lease: str, holder: str, now: float) -> None:
    """Somebody has a lease from now on."""
    semaphore.leases[lease] = holder
    note(state, semaphore, lease, holder)
    semaphore.until[lease] = end = now + state.settings.lease_s
    if state.lease_due < 0:
        state.lease_due = end


def free(state: Scheduler, semaphore: Semaphore, lease: str) -> None:
    """A lease has ended."""
    del semaphore.leases[lease], semaphore.until[lease]
    note(state, semaphore, lease, "")


def note(state: Scheduler, semaphore: Semaphore, lease: str, holder: str) -> None:
    """For the journal: who has a lease from now on."""
    if state.facts is not None:
        state.facts.append(Held("lease", semaphore.name, lease, holder))


def leased_before(state: Scheduler, name: str, lease: str, holder: str) -> None:
    """The journal says who had a lease.

    Parameters
    ----------
    state
        The scheduler's.
    name
        Of the semaphore.
    lease, holder
        Its id, and in whose name; empty: it ended.

    Examples
    --------
    >>> leased_before(
    ...     Scheduler(), "seats", "a", "client me"
    ... )  # there is no such semaphore any more
    """
    semaphore = state.machines.get("semaphores", {}).get(name)
    if semaphore is not None and holder:
        semaphore.leases[lease] = holder
        semaphore.until[lease] = float("inf")
    elif semaphore is not None and lease in semaphore.leases:
        del semaphore.leases[lease], semaphore.until[lease]


def renew_all(state: Scheduler, now: float) -> None:
    """The journal has been read: its leases last from now on.

    Parameters
    ----------
    state
        The scheduler's.
    now
        The time.

    Examples
    --------
    >>> renew_all(Scheduler(), 0.0)
    """
    for semaphore in state.machines.get("semaphores", {}).values():
        if semaphore.leases:
            state.lease_due = end = now + state.settings.lease_s
            semaphore.until = dict.fromkeys(semaphore.leases, end)


def claim(state: Scheduler, holder: str, claims: list[Any], now: float) -> list[tuple[str, str]]:
    """A client says which leases it has, and all that it has.

    Parameters
    ----------
    state
        The scheduler's.
    holder
        In whose name.
    claims
        ``(name of the semaphore, lease)`` of each.
    now
        The time.

    Returns
    -------
    list
        Those for which there is no room, in words, and the lease.

    Examples
    --------
    >>> state = Scheduler()
    >>> state.machines["semaphores"] = {"seats": Semaphore("seats", 1)}
    >>> claim(state, "client me", [("seats", "a"), ("seats", "b")], 0.0)
    [("a lease of the semaphore 'seats'", 'b')]
    """
    semaphores = state.machines.get("semaphores", {})
    for name, semaphore in semaphores.items():
        mine = {lease for where, lease in claims if where == name}
        for lease in [k for k, whose in semaphore.leases.items() if whose == holder]:
            if lease not in mine:
                free(state, semaphore, lease)
    lost = []
    for name, lease in claims:
        found = semaphores.get(name)
        if found is None or (lease not in found.leases and len(found.leases) >= found.most):
            lost.append((f"a lease of the semaphore {name!r}", lease))
        elif lease not in found.leases:
            take(state, found, lease, holder, now)
    serve_semaphores(state, now)
    return lost


def serve_semaphores(state: Scheduler, now: float) -> None:
    """Leases may be given again.

    Parameters
    ----------
    state
        The scheduler's.
    now
        The time.

    Examples
    --------
    >>> serve_semaphores(Scheduler(), 0.0)
    """
    for semaphore in state.machines.get("semaphores", {}).values():
        serve(state, semaphore, now)


def lapse(state: Scheduler, now: float) -> None:
    """Leases that were not refreshed in time are free.

    Parameters
    ----------
    state
        The scheduler's.
    now
        The time.

    Examples
    --------
    >>> lapse(Scheduler(), 0.0)
    """
    state.lease_due = -1.0
    for semaphore in state.machines.get("semaphores", {}).values():
        until = semaphore.until
        for lease in [lease for lease, end in until.items() if end <= now]:
            free(state, semaphore, lease)
        serve(state, semaphore, now)
        first = min(until.values(), default=float("inf"))
        if first < float("inf") and (state.lease_due < 0 or first < state.lease_due):
            state.lease_due = first


def serve(state: Scheduler, semaphore: Semaphore, now: float) -> None:
    """Leases may have become free."""
    while len(semaphore.leases) < semaphore.most and state.claims_until < 0:
        waiter = first(semaphore.line)
        if waiter is None:
            return
        lease, holder = waiter.data
        take(state, semaphore, lease, holder, now)
        answer(state, waiter.party, waiter.request, True)


def refresh(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Which leases hold still."""
    semaphore = named(state, args["name"])
    until = semaphore.until
    held = [lease for lease in args["ids"] if lease in until]
    for lease in held:
        until[lease] = now + state.settings.lease_s
    return held


def value(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """How many leases are taken."""
    return len(named(state, args["name"]).leases)


def most(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """How many leases there may be."""
    return named(state, args["name"]).most


def close(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """End a semaphore."""
    semaphore = state.machines.setdefault("semaphores", {}).pop(args["name"], None)
    while semaphore is not None and (waiter := first(semaphore.line)) is not None:
        text = f"the semaphore {args['name']!r} was closed"
        answer_error(state, waiter.party, waiter.request, "RuntimeError", text)
    return None


def holder_gone(state: Scheduler, name: str, now: float) -> None:
    """A client or worker is gone for good: its leases are free.

    Examples
    --------
    >>> holder_gone(Scheduler(), "client me", 0.0)
    """
    for semaphore in state.machines.get("semaphores", {}).values():
        for lease in [lease for lease, holder in semaphore.leases.items() if holder == name]:
            free(state, semaphore, lease)
        serve(state, semaphore, now)


METHODS: dict[str, Method] = {
    "semaphore.create": create,
    "semaphore.acquire": acquire,
    "semaphore.release": release,
    "semaphore.refresh": refresh,
    "semaphore.value": value,
    "semaphore.max": most,
    "semaphore.close": close,
}
