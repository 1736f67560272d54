"""The table of futures: for each key that a client wants, how far it is.

A key has one `Entry`, however many `Future` objects the user holds of it; the entry counts
them.  The table changes for three reasons: the user wants or lets go of a key, the scheduler
reports (`Finished`, `Lost`), or the connection is gone.  Each is a function here that changes the
entries and returns those that somebody waits for, so that the shell wakes them when it has let
go of its lock.

What is to be said to the scheduler follows from the table alone: keys let go (`release`), and
after a reconnection every key that is still wanted (`wants`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias

from shoal.distributed.protocol import Finished, Key, Lost

__all__ = [
    "CANCELLED",
    "ERROR",
    "FINISHED",
    "LOST",
    "PENDING",
    "Announced",
    "Entry",
    "Later",
    "Table",
    "cancel",
    "disconnected",
    "finish",
    "lose",
    "release",
    "retry",
    "want",
    "wants",
]

PENDING = "pending"
FINISHED = "finished"
ERROR = "error"
CANCELLED = "cancelled"
LOST = "lost"

Waiter: TypeAlias = "Callable[[Entry], None]"
Reason: TypeAlias = "tuple[str, Key, str, bytes]"


class Entry:
    """One wanted key.

    Parameters
    ----------
    key
        As the scheduler knows it.

    Examples
    --------
    >>> Entry("x")
    <Entry 'x': pending, 0 futures>
    """

    __slots__ = ("error", "key", "kind", "nbytes", "refs", "status", "value", "waiters")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.refs = 0
        """How many futures there are of it."""
        self.status = PENDING
        self.value: bytes | None = None
        """The pickled result, when it came along."""
        self.error: Reason | None = None
        self.kind = ""
        """Name of the result's type."""
        self.nbytes = 0
        self.waiters: list[Waiter] | None = None

    def __repr__(self) -> str:
        return f"<Entry {self.key!r}: {self.status}, {self.refs} futures>"


class Table:
    """All keys that a client wants.

    Examples
    --------
    >>> table = Table()
    >>> entry = want(table, "x")
    >>> finish(table, Finished(["x"], [b"..."], [28], ["int"]))
    ([], [])
    >>> entry.status, release(table, [entry]), len(table.entries)
    ('finished', ['x'], 0)
    """

    __slots__ = ("entries",)

    def __init__(self) -> None:
        self.entries: dict[Key, Entry] = {}


class Later(Protocol):
    """Who will say how keys are made that a client has announced.

    Examples
    --------
    >>> hasattr(Later, "forsake")
    True
    """

    def forsake(self, key: Key) -> None:
        """The client has no future of one of them any more."""

    def finish(self) -> None:
        """Say it now."""


class Announced:
    """Keys of which it is said later how they are made, and who will say it.

    Examples
    --------
    >>> announced = Announced()
    >>> announced.add(["x"], None)
    >>> announced.described(["x"], None)
    >>> announced.by_key
    {}
    """

    __slots__ = ("by_key",)

    def __init__(self) -> None:
        self.by_key: dict[Key, Later] = {}

    def add(self, keys: Iterable[Key], later: Later) -> None:
        """Keys are announced.

        Parameters
        ----------
        keys
            New ones.
        later
            Who will say how they are made.
        """
        self.by_key.update(dict.fromkeys(keys, later))

    def described(self, keys: Iterable[Key], later: Later) -> None:
        """It is said now how keys are made.

        Parameters
        ----------
        keys
            Those that had been announced.
        later
            By whom; what another one has announced since is for that one to say.
        """
        for key in keys:
            if self.by_key.get(key) is later:
                del self.by_key[key]

    def forsake(self, keys: Iterable[Key]) -> None:
        """The client has no futures of keys any more; others may need them.

        Parameters
        ----------
        keys
            Any.
        """
        if self.by_key:
            for key in keys:
                later = self.by_key.get(key)
                if later is not None:
                    later.forsake(key)


def want(table: Table, key: Key) -> Entry:
    """One more future of a key.

    Parameters
    ----------
    table
        The table.
    key
        As the scheduler knows it.

    Examples
    --------
    >>> table = Table()
    >>> want(table, "x") is want(table, "x"), table.entries["x"].refs
    (True, 2)
    """
    entry = table.entries.get(key)
    if entry is None:
        entry = table.entries[key] = Entry(key)
    entry.refs += 1
    return entry


def release(table: Table, entries: Iterable[Entry]) -> list[Key]:
    """One future less of each; the keys that nobody wants any more.

    Parameters
    ----------
    table
        The table.
    entries
        May repeat.

    Examples
    --------
    >>> table = Table()
    >>> entry = want(table, "x")
    >>> _ = want(table, "x")
    >>> release(table, [entry]), release(table, [entry])
    ([], ['x'])
    """
    gone: list[Key] = []
    known = table.entries
    for entry in entries:
        entry.refs -= 1
        # Only the entry that stands in the table: the key may have been wanted anew since.
        if entry.refs == 0 and known.get(entry.key) is entry:
            del known[entry.key]
            gone.append(entry.key)
    return gone


def finish(table: Table, message: Finished) -> tuple[list[Entry], list[Key]]:
    """The scheduler reports ends of tasks; the entries that somebody waits for.

    The keys come along that were given up: the table does not have them any more, which the
    scheduler has to be told, or it would keep them.

    Parameters
    ----------
    table
        The table.
    message
        Keys that the table does not have (any more) are passed over.

    Examples
    --------
    >>> table = Table()
    >>> entry = want(table, "x")
    >>> entry.waiters = [print]
    >>> reason = ("killed", "x", "tcp://w", b"out of memory")
    >>> finish(table, Finished([], [], [], [], failed=["x"], errors=[0], reasons=[reason]))
    ([<Entry 'x': error, 1 futures>], [])
    """
    awaited: list[Entry] = []
    given_up: list[Key] = []
    find = table.entries.get
    for key, value, nbytes, kind in zip(
        message.keys, message.values, message.nbytes, message.types
    ):
        entry = find(key)
        if entry is not None and entry.status != CANCELLED:
            entry.status = FINISHED
            if value is not None:
                entry.value = value
            entry.nbytes = nbytes
            if kind:
                entry.kind = kind
            if entry.waiters is not None:
                awaited.append(entry)
    for key, number in zip(message.failed, message.errors):
        entry = find(key)
        if entry is not None and entry.status != CANCELLED:
            entry.error = message.reasons[number]
            entry.value = None
            entry.status = ERROR
            if entry.error[0] in GIVEN_UP:
                # Out of the table: who wants the key again gets a new entry.
                entry.status = CANCELLED
                del table.entries[key]
                given_up.append(key)
            if entry.waiters is not None:
                awaited.append(entry)
    return awaited, given_up


GIVEN_UP = frozenset({"cancelled", "lost"})
"""Kinds of ends that say nothing of the task itself."""


def lose(table: Table, message: Lost) -> None:
    """Results that had been reported are computed again.

    Parameters
    ----------
    table
        The table.
    message
        What the scheduler said.  A result that came along is kept: it is the same one.

    Examples
    --------
    >>> table = Table()
    >>> entry = want(table, "x")
    >>> entry.status = FINISHED
    >>> lose(table, Lost(["x"]))
    >>> entry.status
    'pending'
    """
    for key in message.keys:
        entry = table.entries.get(key)
        if entry is not None and entry.status == FINISHED and entry.value is None:
            entry.status = PENDING


def cancel(table: Table, keys: Iterable[Key], text: str) -> list[Entry]:
    """The user gives up keys; the entries that somebody waits for.

    Parameters
    ----------
    table
        The table.
    keys
        Those that the table does not have are passed over.
    text
        Why; said by the error.

    Examples
    --------
    >>> table = Table()
    >>> entry = want(table, "x")
    >>> cancel(table, ["x"], "enough"), entry.status
    ([], 'cancelled')
    """
    # Out of the table: who wants the key again gets a new entry.
    entries = [entry for key in keys if (entry := table.entries.pop(key, None)) is not None]
    return _end(entries, text)


def disconnected(table: Table, text: str) -> list[Entry]:
    """The scheduler is gone for good; the entries that somebody waits for.

    Parameters
    ----------
    table
        The table.
    text
        Why; said by the error.

    Examples
    --------
    >>> table = Table()
    >>> entry = want(table, "x")
    >>> disconnected(table, "the client was closed"), entry.status
    ([], 'cancelled')
    """
    pending = [entry for entry in table.entries.values() if entry.status == PENDING]
    return _end(pending, text)


def _end(entries: list[Entry], text: str) -> list[Entry]:
    for entry in entries:
        entry.status = CANCELLED
        entry.value = None
        entry.error = ("cancelled", entry.key, "", text.encode())
    return [entry for entry in entries if entry.waiters is not None]


def retry(table: Table, keys: Iterable[Key]) -> None:
    """Failed tasks are run again.

    Parameters
    ----------
    table
        The table.
    keys
        Those that have not failed are left alone.

    Examples
    --------
    >>> table = Table()
    >>> entry = want(table, "x")
    >>> entry.status = ERROR
    >>> retry(table, ["x"])
    >>> entry.status
    'pending'
    """
    for key in keys:
        entry = table.entries.get(key)
        if entry is not None and entry.status in (ERROR, LOST):
            entry.status = PENDING
            entry.error = None


def wants(table: Table) -> list[Key]:
    """What a client says when it comes back to a scheduler: every key that it still wants.

    Parameters
    ----------
    table
        The table.

    Examples
    --------
    >>> table = Table()
    >>> _ = want(table, "x")
    >>> wants(table)
    ['x']
    """
    return [key for key, entry in table.entries.items() if entry.status != CANCELLED]
