"""Giving up tasks because somebody said so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shoal.distributed.core.scheduler.failures import fail
from shoal.distributed.core.scheduler.methods.references import is_keeper
from shoal.distributed.core.scheduler.names import find, key_of
from shoal.distributed.core.scheduler.needs import drop_result, let_go, unwant
from shoal.distributed.core.scheduler.records import Client
from shoal.distributed.core.scheduler.state import Scheduler, clients_of
from shoal.distributed.core.scheduler.transitions import ERRED, FORGOTTEN, MEMORY
from shoal.distributed.protocol import Cancel

__all__ = ["on_cancel"]


def on_cancel(
    state: Scheduler, client: Client, m: Cancel, buffers: Sequence[Any], now: float
) -> None:
    """A client gives up tasks, and whatever depends on them.

    What other clients want as well goes on, unless ``force`` is set: this client's futures are
    released only.  A cancelled task is forgotten at once (it may be submitted again).

    Parameters
    ----------
    state, client
        Whose.
    m, buffers
        The request.
    now
        The time.

    Examples
    --------
    >>> on_cancel(Scheduler(), Client(0, "me", 1), Cancel(["unknown"]), (), 0.0)
    """
    states = state.table.states
    for key in m.keys:
        row = find(state.names, key)
        if row < 0:
            continue
        # Who cancels knows it, and may have submitted the key anew when it would hear of it.
        unwant(state, client, row)
        if not m.force and not all(map(is_keeper, clients_of(state, row))):
            continue
        if states[row] == MEMORY:
            drop_result(state, row)
        if states[row] not in (ERRED, FORGOTTEN):
            text = m.reason or f"{key!r} was cancelled by {client.name}"
            reason = ("cancelled", key_of(state.table, row), "", text.encode())
            number = state.table.numbers[row]
            fail(state, row, reason)
            if state.table.numbers[row] != number:
                continue
        for other in clients_of(state, row):
            unwant(state, other, row)
        let_go(state, [row])
