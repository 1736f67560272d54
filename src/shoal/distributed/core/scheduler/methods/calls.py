"""Answers to calls: at once, as an error, or later, when what the caller waits for has come.

A call that has to wait becomes a `Waiter` in some line; whoever can serve the line pops waiters
from it (`first`).  A waiter whose time is over, or whose caller is gone, is *done* and skipped;
so nothing has to be searched for, and what is done is swept out when a line has doubled.

The answer to a client outlives its connection (`shoal.distributed.core.session`), so a client
that is away keeps its place in the lines.  An answer that gives something away is a `Grant`: when
its client never comes back to hear it, what it gave is taken back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, TypeAlias

from shoal.distributed.core.effects import Send
from shoal.distributed.core.scheduler.records import Client, Party
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.core.session import Session, say
from shoal.distributed.protocol import Answer, Key

__all__ = [
    "LATER",
    "Grant",
    "Line",
    "Method",
    "MethodError",
    "Waiter",
    "answer",
    "answer_error",
    "end_session",
    "first",
    "holder_name",
    "unheard",
    "wait",
    "withdraw",
]

LATER: Any = object()
"""What a method returns that answers by itself."""

Method: TypeAlias = Callable[[Scheduler, Party, int, dict[str, Any], float], Any]


class MethodError(Exception):
    """A call that cannot be answered.

    Parameters
    ----------
    kind
        Name of the exception that the caller is to raise.
    text
        Its message.

    Examples
    --------
    >>> MethodError("KeyError", "no dataset is called 'x'").kind
    'KeyError'
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Grant:
    """An answer that gives something away.

    Parameters
    ----------
    value
        The answer.
    take_back
        Called when nobody ever hears it.
    keys
        Of the futures in it: whoever hears it wants them, and cannot say so before.

    Examples
    --------
    >>> Grant(5, lambda: None, []).value
    5
    """

    __slots__ = ("keys", "take_back", "value")

    def __init__(self, value: Any, take_back: Callable[[], object], keys: list[Key]) -> None:
        self.value = value
        self.take_back = take_back
        self.keys = keys


class Waiter:
    """A call that waits.

    Parameters
    ----------
    party, request
        Whose.
    expired
        The answer when its time is over; a `MethodError` is answered as an error.
    data
        What whoever serves it wants to know.

    Attributes
    ----------
    given_up
        Called when it ends unserved: its time is over, or its caller is gone.

    Examples
    --------
    >>> Waiter(1, 7, False, "id").done
    False
    """

    __slots__ = ("data", "done", "expired", "given_up", "party", "request")

    def __init__(self, party: int, request: int, expired: Any, data: Any) -> None:
        self.party = party
        self.request = request
        self.expired = expired
        self.data = data
        self.done = False
        self.given_up: Callable[[], object] | None = None

    def give_up(self) -> None:
        """It ends unserved, if it has not ended yet."""
        if not self.done:
            self.done = True
            if self.given_up is not None:
                self.given_up()


Line: TypeAlias = "deque[Waiter]"


def answer(state: Scheduler, party: int, request: int, value: Any) -> None:
    """Answer a call with a value.

    Parameters
    ----------
    state
        The scheduler's.
    party, request
        The call's; request 0 wants no answer.
    value
        What msgpack can say, or a `Grant` of such.

    Examples
    --------
    >>> state = Scheduler()
    >>> answer(state, 1, 7, 42)
    >>> state.effects
    [Send(party=1, message=Answer(request=7, value=42, error=None, frames=None), buffers=())]
    """
    if type(value) is Grant:
        reply(state, party, Answer(request, value.value), value)
    else:
        reply(state, party, Answer(request, value))


def reply(state: Scheduler, party: int, message: Answer, grant: Grant | None = None) -> None:
    """Send an answer; to a client by the connection that it has now, or will have."""
    if not message.request:
        return
    client = state.homes.get(party)
    if client is None:
        state.effects.append(Send(party, message))
        return
    if state.is_replayed and not is_repeatable(message, grant):
        return  # whoever was answered then has heard it, or asks again
    say(client.session, message, (), grant)
    if client.party >= 0:
        state.effects.append(Send(client.party, message))


def is_repeatable(message: Any, note: object) -> bool:
    """Whether an answer says only that something was done, or why not: it holds for ever."""
    is_brief = type(message) is Answer and (message.value is None or type(message.value) is bool)
    return is_brief and note is None


def unheard(client: Client) -> dict[int, Answer]:
    """Answers that a client may not have heard, and that may be given again to the same calls.

    Parameters
    ----------
    client
        Whose.

    Examples
    --------
    >>> unheard(Client(0, "me", 1))
    {}
    """
    found = dict(client.before)
    for said in client.session.said:
        if is_repeatable(said.message, said.note):
            found[said.message.request] = said.message
    return found


def answer_error(state: Scheduler, party: int, request: int, kind: str, text: str) -> None:
    """Answer a call with an error.

    Parameters
    ----------
    state
        The scheduler's.
    party, request
        The call's.
    kind, text
        Name of an exception class, and its message.

    Examples
    --------
    >>> state = Scheduler()
    >>> answer_error(state, 1, 7, "KeyError", "no")
    >>> state.effects[0].message.error
    ('KeyError', 'no')
    """
    reply(state, party, Answer(request, None, (kind, text)))


def wait(
    state: Scheduler,
    who: Party,
    request: int,
    args: dict[str, Any],
    now: float,
    line: Line,
    expired: Any,
    data: Any = None,
) -> Any:
    """A call waits in a line until it is served, or ``args["timeout_s"]`` is over.

    Parameters
    ----------
    state, who, request, args, now
        The call.
    line
        Where it waits.
    expired
        The answer when its time is over.
    data
        For whoever serves it.

    Returns
    -------
    object
        What the method is to return.

    Examples
    --------
    >>> state, line = Scheduler(), deque()
    >>> who = Party(1, "client", 0.0)
    >>> wait(state, who, 7, {"timeout_s": 2}, 0.0, line, False) is LATER, len(line)
    (True, 1)
    >>> wait(state, who, 8, {"timeout_s": 0}, 0.0, line, False)
    False
    """
    timeout = args.get("timeout_s")
    if timeout is not None and timeout <= 0:
        if isinstance(expired, MethodError):
            raise expired
        return expired
    waiter = Waiter(who.party, request, expired, data)
    if not len(line) & (len(line) - 1):
        # Whenever it has doubled: those who asked, gave up and ask again do not fill it.
        waiting = [other for other in line if not other.done]
        line.clear()
        line.extend(waiting)
    line.append(waiter)
    holder = who.client or who
    holder.waiters = [other for other in holder.waiters if not other.done]
    holder.waiters.append(waiter)
    if timeout is not None:
        state.timer_count += 1
        heappush(state.timers, (now + timeout, state.timer_count, waiter))
    return LATER


def first(line: Line) -> Waiter | None:
    """The first in a line that still waits, taken out of it; None if nobody does.

    Parameters
    ----------
    line
        Waiters.

    Examples
    --------
    >>> first(deque())
    """
    while line:
        waiter = line.popleft()
        if not waiter.done:
            waiter.done = True
            return waiter
    return None


def withdraw(state: Scheduler, who: Party, request: int) -> None:
    """A caller does not wait any more: if its call stands in a line, it leaves it.

    Parameters
    ----------
    state, who, request
        Whose call.

    Examples
    --------
    >>> withdraw(Scheduler(), Party(1, "client", 0.0), 7)
    """
    for waiter in (who.client or who).waiters:
        if waiter.request == request and not waiter.done:
            waiter.give_up()
            text = "the call was withdrawn while it waited"
            answer_error(state, waiter.party, request, "ClusterError", text)


def end_session(state: Scheduler, client: Client) -> None:
    """A client's session is over: its calls are given up, and what it never heard of taken back.

    Parameters
    ----------
    state, client
        Whose.

    Examples
    --------
    >>> end_session(Scheduler(), Client(0, "me", 1))
    """
    for waiter in client.waiters:
        waiter.give_up()
    client.waiters = []
    unheard, client.session = client.session.said, Session()
    for said in reversed(unheard):
        if said.note is not None:
            said.note.take_back()
    state.homes = {party: other for party, other in state.homes.items() if other is not client}


def expire(state: Scheduler, now: float) -> None:
    """Answer those whose time is over.

    Parameters
    ----------
    state
        The scheduler's.
    now
        The time.

    Examples
    --------
    >>> expire(Scheduler(), 0.0)
    """
    timers = state.timers
    while timers and (timers[0][0] <= now or timers[0][2].done):
        waiter = heappop(timers)[2]
        if waiter.done:
            continue
        waiter.give_up()
        said = waiter.expired
        if isinstance(said, MethodError):
            answer_error(state, waiter.party, waiter.request, said.kind, str(said))
        else:
            answer(state, waiter.party, waiter.request, said() if callable(said) else said)


def holder_name(who: Party) -> str:
    """In whose name a party holds what it acquires: it outlives a broken connection.

    Parameters
    ----------
    who
        The party.

    Examples
    --------
    >>> holder_name(Party(3, "client", 0.0))
    'party-3'
    """
    if who.client is not None:
        return f"client {who.client.name}"
    if who.worker is not None:
        return f"worker {who.worker.name}"
    return f"party-{who.party}"
