"""What two sides say to each other over connections that break: counted, kept, and said again.

A connection delivers a beginning of what was said over it, and nobody is told where that ends.
So each side counts the messages that it takes from the other, and tells the count now and then
(`shoal.distributed.protocol.Heard`) and at the beginning of each new connection; what has not been
counted yet is kept, and is said again over the new connection.  Every message is taken exactly
once and in order, as long as both sides remember the session.

Only what would be lost takes part: all that a client says, and answers to its requests.  News of
tasks does not: after a break, a client says what it wants and hears how that stands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["Said", "Session", "confirm", "say", "start_anew"]


class Said(NamedTuple):
    """A message that may not have been taken.

    Parameters
    ----------
    message, buffers
        As given to `say`.
    note
        What its sender wants to know when it turns out that nobody takes it.

    Examples
    --------
    >>> Said("hello").buffers
    ()
    """

    message: Any
    buffers: Sequence[Any] = ()
    note: Any = None


class Session:
    """One side's view.

    Attributes
    ----------
    said
        What this side said and the other is not known to have taken, in order.
    confirmed
        How many messages it said before these.
    sent
        How many it said over some connection; the rest waits for the first one.
    heard
        How many messages of the other side it has taken.
    told
        The count that the other side was told last.

    Examples
    --------
    >>> session = Session()
    >>> for word in ("one", "two", "three"):
    ...     say(session, word)
    >>> confirm(session, 2)
    >>> [said.message for said in session.said], session.confirmed
    (['three'], 2)
    """

    __slots__ = ("confirmed", "heard", "said", "sent", "told")

    def __init__(self) -> None:
        self.said: deque[Said] = deque()
        self.confirmed = 0
        self.sent = 0
        self.heard = 0
        self.told = 0


def say(session: Session, message: Any, buffers: Sequence[Any] = (), note: Any = None) -> None:
    """Keep a message until it has been taken.

    Parameters
    ----------
    session
        This side's.
    message, buffers
        What is said.
    note
        See `Said`.

    Examples
    --------
    >>> session = Session()
    >>> say(session, "one")
    >>> len(session.said)
    1
    """
    session.said.append(Said(message, buffers, note))


def confirm(session: Session, count: int) -> None:
    """The other side has taken so many messages, since the beginning.

    Parameters
    ----------
    session
        This side's.
    count
        Late news, of fewer than are known, changes nothing.

    Raises
    ------
    ValueError
        More than were said.

    Examples
    --------
    >>> session = Session()
    >>> confirm(session, 1)
    Traceback (most recent call last):
    ...
    ValueError: 1 messages were confirmed, of 0 that were said
    """
    said = session.said
    if count > session.confirmed + len(said):
        most = session.confirmed + len(said)
        raise ValueError(f"{count} messages were confirmed, of {most} that were said")
    while session.confirmed < count:
        said.popleft()
        session.confirmed += 1


def start_anew(session: Session, keep: Sequence[Said]) -> None:
    """The other side knows nothing of this session: begin at nought.

    Parameters
    ----------
    session
        This side's.
    keep
        What is to be said all the same, first of all.

    Examples
    --------
    >>> session = Session()
    >>> say(session, "one")
    >>> session.heard = 5
    >>> start_anew(session, [Said("two")])
    >>> session.said[0].message, session.heard
    ('two', 0)
    """
    for said in keep:
        # Where it says how many answers had been heard: of the new session it is none.
        if getattr(said.message, "heard", 0) > 0:
            said.message.heard = 0
    session.said = deque(keep)
    session.confirmed = session.sent = session.heard = session.told = 0
