"""What a scheduler has decided and the next one cannot know: facts for the journal.

Most of what a scheduler knows follows from what its clients have said, and a journal of that
brings it back.  What hangs on the moment does not: who came first, whose time was over.  The
state machine notes such decisions here as they fall (`Scheduler.facts`), and the next one reads
them in place of deciding again.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

__all__ = ["Answered", "Fact", "Forgotten", "Held", "Resumed", "Settled"]


class Settled(msgspec.Struct, array_like=True, tag=True):
    """Items of a queue that a client was given have come, or stand in the queue again.

    Parameters
    ----------
    queue, client, id
        Which; the id is that of the call.
    is_back
        Whether they stand there again.

    Examples
    --------
    >>> Settled("q", "me", 1, True).is_back
    True
    """

    queue: str
    client: str
    id: Any
    is_back: bool


class Held(msgspec.Struct, array_like=True, tag=True):
    """A lock or a lease is held from now on, or is free.

    Parameters
    ----------
    kind
        ``"lock"`` or ``"lease"``.
    name
        Of the lock or the semaphore.
    id
        The holder's, or the lease's.
    holder
        In whose name; empty: nobody has it.

    Examples
    --------
    >>> Held("lock", "printer", "a1", "client me").holder
    'client me'
    """

    kind: str
    name: str
    id: str
    holder: str


class Forgotten(msgspec.Struct, array_like=True, tag=True):
    """A client was away for too long.

    Parameters
    ----------
    client
        Its name.

    Examples
    --------
    >>> Forgotten("me").client
    'me'
    """

    client: str


class Resumed(msgspec.Struct, array_like=True, tag=True):
    """A client that says `Hello` next goes on with the session that it had.

    Parameters
    ----------
    client
        Its name.

    Examples
    --------
    >>> Resumed("me").client
    'me'
    """

    client: str


class Answered(msgspec.Struct, array_like=True, tag=True):
    """A call of a client's was answered, and the client may not have heard it.

    Parameters
    ----------
    client
        Its name.
    request
        The call's number.
    value, error
        As in the answer.

    Examples
    --------
    >>> Answered("me", 5).value is None
    True
    """

    client: str
    request: int
    value: bool | None = None
    error: tuple[str, str] | None = None


Fact: TypeAlias = Settled | Held | Forgotten | Resumed | Answered
