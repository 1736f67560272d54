"""Waiting for entries of the table of futures: one, all of them, or the first that ends.

Whoever waits leaves a function with the entry, and the thread that hears of its end calls it.
A thread that waits sleeps at a gate, so there is no polling, and the time from the scheduler's
message to the user's next line is one change of threads.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from shoal.distributed.client.link import Link
from shoal.distributed.client.promise import Promise, as_asyncio
from shoal.distributed.core.client.table import FINISHED, PENDING, Entry
from shoal.distributed.net.gate import borrow_gate, return_gate
from shoal.distributed.node.context import waiting

__all__ = ["all_ended", "call_when_ended", "late", "wait_ended"]

NAMED = 3
"""Keys that an error names."""

LEAST_ASKING_S, MOST_ASKING_S = 0.02, 0.5
"""How long the scheduler is asked why: who looks again and again, a moment each, is told less."""


def wait_ended(link: Link, entry: Entry, timeout_s: float | None = None) -> None:
    """Block this thread until an entry is no longer pending.

    Parameters
    ----------
    link, entry
        What to wait for.
    timeout_s
        None: as long as it takes.

    Raises
    ------
    TimeoutError
        Not in time.

    Examples
    --------
    >>> wait_ended.__name__
    'wait_ended'
    """
    if entry.status != PENDING:
        return
    gate = borrow_gate()
    loop = link.loop

    def ended(_: Entry) -> None:
        if loop.in_loop():
            # After everything else of the turn: the thread that wakes up wants the interpreter.
            loop.flush_later(gate.open)
        else:
            gate.open()

    if not _add(link, entry, ended):
        return_gate(gate)
        return
    with waiting():
        if timeout_s is None:
            gate.wait()
        elif not gate.wait_for(timeout_s):
            _remove(link, entry, ended)
            return_gate(gate)
            raise late(link, [entry], timeout_s)
    return_gate(gate)


def late(link: Link, entries: Iterable[Entry], timeout_s: float) -> TimeoutError:
    """The error of who did not get results in time: of which keys, and what the first waits for.

    Parameters
    ----------
    link
        Asks the scheduler, in the thread that has waited; for a tenth of that time at most.
    entries
        What was waited for.
    timeout_s
        For how long.

    Examples
    --------
    >>> late.__name__
    'late'
    """
    text, first = lacking(entries, timeout_s)
    patience_s = asking_s(timeout_s)
    if first is not None and patience_s:
        with contextlib.suppress(Exception):  # it is gone, or has too much to do to answer
            asked = link.call("scheduler.explain", key=first.key)
            try:
                text += explained(first, asked.wait(patience_s, keep_slot=True)[0])
            finally:
                link.withdraw(asked)
    return TimeoutError(text)


async def late_async(link: Link, entries: Iterable[Entry], timeout_s: float) -> TimeoutError:
    """As `late`, in an asyncio loop.

    Parameters
    ----------
    link, entries, timeout_s
        As for `late`.
    """
    text, first = lacking(entries, timeout_s)
    patience_s = asking_s(timeout_s)
    if first is not None and patience_s:
        with contextlib.suppress(Exception):
            asked = link.call("scheduler.explain", key=first.key)
            try:
                text += explained(first, (await as_asyncio(asked, patience_s))[0])
            finally:
                link.withdraw(asked)
    return TimeoutError(text)


def asking_s(timeout_s: float) -> float:
    """How long to ask what results wait for, after waiting for them for so long; 0: not at all.

    Parameters
    ----------
    timeout_s
        As for `late`.

    Examples
    --------
    >>> asking_s(0.01), asking_s(1), asking_s(60)
    (0.0, 0.1, 0.5)
    """
    patience_s = min(MOST_ASKING_S, timeout_s / 10)
    return patience_s if patience_s >= LEAST_ASKING_S else 0.0


def lacking(entries: Iterable[Entry], timeout_s: float) -> tuple[str, Entry | None]:
    """Which results have not come, in words, and the first of them.

    Parameters
    ----------
    entries, timeout_s
        As for `late`.

    Examples
    --------
    >>> lacking([], 2)
    ('no answer within 2 s', None)
    """
    pending = [entry for entry in dict.fromkeys(entries) if entry.status == PENDING]
    if not pending:
        return f"no answer within {timeout_s:g} s", None
    names = ", ".join(repr(entry.key) for entry in pending[:NAMED])
    more = f" and {len(pending) - NAMED:,} more" if len(pending) > NAMED else ""
    return f"no result of {names}{more} within {timeout_s:g} s", pending[0]


def explained(entry: Entry, answer: Any) -> str:
    """What the scheduler says of a task, as the end of a sentence."""
    return f"; {entry.key!r} is {answer.value['state']}: {answer.value['why']}"


def call_when_ended(link: Link, entry: Entry, waiter: Callable[[Entry], Any]) -> None:
    """Have ``waiter(entry)`` called when an entry ends; now, when it has ended.

    Parameters
    ----------
    link, entry
        What to wait for.
    waiter
        Must not block.

    Examples
    --------
    >>> call_when_ended.__name__
    'call_when_ended'
    """
    if not _add(link, entry, waiter):
        waiter(entry)


def _add(link: Link, entry: Entry, waiter: Callable[[Entry], Any]) -> bool:
    with link.lock:
        if entry.status != PENDING:
            return False
        if entry.waiters is None:
            entry.waiters = [waiter]
        else:
            entry.waiters.append(waiter)
    return True


def _remove(link: Link, entry: Entry, waiter: Callable[[Entry], Any]) -> None:
    with link.lock:
        if entry.waiters is not None and waiter in entry.waiters:
            entry.waiters.remove(waiter)


def all_ended(link: Link, entries: Iterable[Entry], *, first_error: bool = False) -> Promise[None]:
    """A promise that is kept when no entry is pending any more.

    Parameters
    ----------
    link, entries
        What to wait for.
    first_error
        Also kept as soon as one of them ends without a result.

    Examples
    --------
    >>> all_ended.__name__
    'all_ended'
    """
    end: Promise[None] = Promise()
    with link.lock:
        waited = [entry for entry in entries if entry.status == PENDING]
        left = len(waited)

        def ended(entry: Entry) -> None:
            # Called by the thread of the connection, or by one that cancels: the lock decides.
            nonlocal left
            with link.lock:
                left -= 1
                last = left == 0
            if last or (first_error and entry.status != FINISHED):
                end.keep(None)

        for entry in waited:
            if entry.waiters is None:
                entry.waiters = [ended]
            else:
                entry.waiters.append(ended)
    if not waited:
        end.keep(None)
    return end


def any_ended(link: Link, entries: Sequence[Entry]) -> Promise[None]:
    """A promise that is kept when at least one entry is no longer pending.

    Parameters
    ----------
    link, entries
        What to wait for.
    """
    end: Promise[None] = Promise()

    def ended(_: Entry) -> None:
        end.keep(None)

    with link.lock:
        if not entries or any(entry.status != PENDING for entry in entries):
            end.keep(None)
            return end
        for entry in entries:
            if entry.waiters is None:
                entry.waiters = [ended]
            else:
                entry.waiters.append(ended)
    return end
