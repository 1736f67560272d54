"""What clients are told of the ends of tasks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shoal.distributed.core.scheduler.names import key_of
from shoal.distributed.core.scheduler.records import Client
from shoal.distributed.core.scheduler.state import Reason, Scheduler, clients_of
from shoal.distributed.core.scheduler.transitions import ERRED, MEMORY
from shoal.distributed.protocol import Lost

__all__ = ["tell_ends"]


def tell_ends(state: Scheduler, client: Client, rows: Iterable[int]) -> None:
    """A client has come to want rows that have ended already (without values: those are not kept).

    Examples
    --------
    >>> state, client = Scheduler(), Client(0, "me", 1)
    >>> tell_ends(state, client, [])
    >>> client.sending
    []
    """
    table = state.table
    for row in rows:
        if table.states[row] == MEMORY:
            m = client.finished()
            m.keys.append(key_of(table, row))
            m.values.append(None)
            m.nbytes.append(table.nbytes[row])
            m.types.append(table.types[row])
        elif table.states[row] == ERRED:
            tell_reason(client, key_of(table, row), state.reasons[row])


def tell_reason(client: Client, key: Any, reason: Reason) -> None:
    """A client's future has failed."""
    m = client.finished()
    if not m.reasons or m.reasons[-1] is not reason:
        m.reasons.append(reason)
    m.failed.append(key)
    m.errors.append(len(m.reasons) - 1)


def tell_failed(state: Scheduler, row: int) -> None:
    """Everybody who wants an ERRED row is told why it failed."""
    key = None
    for client in clients_of(state, row):
        key = key_of(state.table, row) if key is None else key
        tell_reason(client, key, state.reasons[row])


def tell_lost(state: Scheduler, row: int) -> None:
    """Everybody who wants a row, and was told that it has ended, is told that it has not."""
    for client in clients_of(state, row):
        if not client.sending or type(client.sending[-1]) is not Lost:
            client.sending.append(Lost([]))
        client.sending[-1].keys.append(key_of(state.table, row))
