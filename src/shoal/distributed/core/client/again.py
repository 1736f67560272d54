"""What a client says again to a scheduler that knows nothing of it, and what it claims.

A scheduler that was restarted without a journal, or that has forgotten a client, cannot tell what
of the client's calls was done.  Those that only ask or wait mean the same when they are made twice,
and are made again; the others fail.  With a journal it knows the answers that it has given to calls
of `ONCE`, by their numbers: those are made again as well, and done once.

What the client holds (locks, leases) it says first of all, before it asks for more: `Claims`
follows the calls and their answers, and knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from shoal.distributed.core.session import Said, Session, start_anew
from shoal.distributed.protocol import Call, Want

__all__ = ["ONCE", "Claims", "say_all_again"]

ACQUIRE = frozenset(["lock.acquire", "multilock.acquire", "semaphore.acquire"])
RELEASE = frozenset(["lock.release", "multilock.release", "semaphore.release"])
CLAIM = "holdings.claim"
MAKE = {"semaphore.create": "semaphore.close", "queue.create": "queue.close"}
"""What makes something that has a name, and what ends it."""

REPEATABLE = frozenset(
    [
        *ACQUIRE,
        *RELEASE,
        *MAKE,
        "datasets.get",
        "datasets.list",
        "event.is_set",
        "event.wait",
        "events.get",
        "lock.locked",
        "metadata.get",
        "queue.get",
        "queue.size",
        "queue.taken",
        "references.add",
        "replicas.manage",
        "scheduler.call_stack",
        "scheduler.counts",
        "scheduler.demand",
        "scheduler.explain",
        "scheduler.has_what",
        "scheduler.identity",
        "scheduler.info",
        "scheduler.logs",
        "scheduler.nbytes",
        "scheduler.nthreads",
        "scheduler.processing",
        "scheduler.story",
        "scheduler.versions",
        "scheduler.vitals",
        "scheduler.who_has",
        "semaphore.max",
        "semaphore.refresh",
        "semaphore.value",
        "variable.get",
        "workers.wait",
    ]
)
"""Methods that mean the same when they are called twice: they ask, or wait, or have an id by which
the scheduler knows them again.  Who waits with a timeout has all of it again."""


ONCE = frozenset(
    [
        "datasets.publish",
        "datasets.unpublish",
        "event.clear",
        "event.set",
        "metadata.set",
        "queue.close",
        "queue.put",
        "queue.put_back",
        "semaphore.close",
        "variable.delete",
        "variable.set",
    ]
)
"""Methods that change what a journal records, and whose answers say only that it was done."""


def may_say_again(message: Any, was_sent: bool, is_remembered: bool = False) -> bool:
    """Whether another scheduler is to be told what may have been told the one before.

    Parameters
    ----------
    message
        What was said.
    was_sent
        Whether it can have been taken.
    is_remembered
        Whether the other scheduler knows what the one before has answered.

    Examples
    --------
    >>> (
    ...     may_say_again(Call(1, "event.wait", {}), True),
    ...     may_say_again(Call(1, "queue.put", {}), True),
    ...     may_say_again(Call(1, "queue.put", {}), True, is_remembered=True),
    ... )
    (True, False, True)
    """
    if type(message) is Call:
        if message.method == CLAIM:
            return False  # it is out of date, and made anew
        is_once = is_remembered and message.request and message.method in ONCE
        return bool(not was_sent or message.method in REPEATABLE or is_once)
    # All that is wanted now is said anyway.
    return not (type(message) is Want and message.heard >= 0)


class Claims:
    """What a client holds, as its calls and their answers say.

    Examples
    --------
    >>> claims = Claims()
    >>> claims.answered(Call(1, "lock.acquire", {"name": "printer", "id": "a"}), True)
    >>> [(call.method, call.args["locks"]) for call in claims.calls(7)]
    [('holdings.claim', [['a', ['printer'], 1]])]
    """

    def __init__(self) -> None:
        self._held: dict[str, tuple[int, Call]] = {}
        """By id: how often, since threads may share one; and how it was asked for."""
        self._made: dict[tuple[str, str], Call] = {}

    def answered(self, call: Call, value: Any) -> None:
        """A call has been answered.

        Parameters
        ----------
        call
            Which.
        value
            The answer; an error is none.
        """
        method, args = call.method, call.args
        if method in ACQUIRE:
            if value:
                self._held[args["id"]] = (self._held.get(args["id"], (0,))[0] + 1, call)
        elif method in RELEASE:
            count, asked = self._held.pop(args["id"], (0, call))
            if count > 1:
                self._held[args["id"]] = (count - 1, asked)
        elif method in MAKE:
            self._made[MAKE[method], args["name"]] = call
        else:
            self._made.pop((method, args.get("name", "")), None)

    def forget(self, ids: Iterable[str]) -> None:
        """What is not held any more, as it turned out; from any thread.

        Parameters
        ----------
        ids
            Of locks and leases.
        """
        for id in ids:
            self._held.pop(id, None)

    def calls(self, number: int) -> list[Call]:
        """What is to be said to a scheduler that knows nothing of the client, before all else.

        Parameters
        ----------
        number
            Of the request that is answered with what others have: `holdings.claim`.
        """
        locks, leases = [], []
        for id, (_, call) in list(self._held.items()):
            args = call.args
            if call.method == "semaphore.acquire":
                leases.append([args["name"], id])
            else:
                names = args.get("names") or [args["name"]]
                locks.append([id, names, args.get("count") or len(names)])
        made = [Call(0, call.method, call.args) for call in list(self._made.values())]
        return [*made, Call(number, CLAIM, {"locks": locks, "leases": leases})]


def say_all_again(
    session: Session, first: Sequence[Any], asked: dict[int, Any], is_remembered: bool = False
) -> list[int]:
    """Begin a session anew with a scheduler that knows nothing of it.

    Wishes and questions may be told twice.

    Parameters
    ----------
    session
        This side's: from now on it has to say what is to be said again.
    first
        What is said before all else.
    asked
        Requests that are not answered, by number.
    is_remembered
        The scheduler knows the client, and what it was answered before (`Welcome.is_remembered`).

    Returns
    -------
    list
        Numbers of calls that may have been taken, and mean something else when they are again.

    Examples
    --------
    >>> session, asked = Session(), {1: Call(1, "event.wait"), 2: Call(2, "queue.put")}
    >>> say_all_again(session, [], asked), [said.message.request for said in session.said]
    ([2], [1])
    """
    unsent = max(0, session.sent - session.confirmed)
    keep = [
        said
        for i, said in enumerate(session.said)
        if may_say_again(said.message, i < unsent, is_remembered)
        and (not getattr(said.message, "request", 0) or said.message.request in asked)
    ]
    there = {getattr(said.message, "request", 0) for said in keep}
    left = [number for number in sorted(asked) if number not in there]
    again = [number for number in left if may_say_again(asked[number], True, is_remembered)]
    # These were taken, so they were said before what may not have been.
    keep = [*(Said(asked[number]) for number in again), *keep]
    for said in keep:
        if type(said.message) is Call and said.message.method in RELEASE:
            said.message.args["again"] = True  # it may have been given back: that is no mistake
    start_anew(session, [*map(Said, first), *keep])
    return sorted(set(left).difference(again))
