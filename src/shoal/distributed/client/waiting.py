"""Waiting for entries of the table of futures: one, all of them, or the first that ends.

Whoever waits leaves a function with the entry, and the thread that hears of its end calls it.
A thread that waits sleeps at a gate, so there is no polling, and the time from the scheduler's
message to the user's next line is one change of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from shoal.distributed.client.link import Link
from shoal.distributed.client.promise import Promise
from shoal.distributed.core.client.table import FINISHED, PENDING, Entry
from shoal.distributed.net.gate import borrow_gate, return_gate
from shoal.distributed.node.context import waiting

__all__ = ["all_ended", "call_when_ended", "wait_ended"]


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
            raise TimeoutError(f"no result of {entry.key!r} within {timeout_s:g} s")
    return_gate(gate)


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
