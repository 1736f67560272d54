"""Tasks that run to their end although nobody holds them: ``errands.add {keys}``.

The scheduler itself wants them, as a client of its own without a connection, until they have ended
well or not; so they outlive the client that asked.
"""

from __future__ import annotations

from typing import Any

from shoal.distributed.core.scheduler.methods.calls import Method
from shoal.distributed.core.scheduler.methods.describe import rows_of
from shoal.distributed.core.scheduler.methods.queues import dismiss, keeper
from shoal.distributed.core.scheduler.names import find
from shoal.distributed.core.scheduler.needs import let_go, unwant, want
from shoal.distributed.core.scheduler.records import Party
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.core.scheduler.transitions import ERRED, MEMORY
from shoal.distributed.protocol import Finished

__all__ = ["METHODS", "NAME", "end_errands"]

NAME = "fire-and-forget"
"""Of the client that wants them."""


def add(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Want tasks until they have ended; how many are still to run."""
    rows = [r for r in rows_of(state, args["keys"]) if state.table.states[r] not in (MEMORY, ERRED)]
    for row in rows:
        want(state, keeper(state, NAME), row)
    return len(rows)


def end_errands(state: Scheduler) -> None:
    """Let go of those that have ended in this batch of events.

    Parameters
    ----------
    state
        The scheduler's.

    Examples
    --------
    >>> end_errands(Scheduler())
    """
    client = state.by_name.get(NAME)
    if client is None or not client.sending:
        return
    said, client.sending = client.sending, []
    keys = [k for m in said if type(m) is Finished for k in (*m.keys, *m.failed)]
    rows = [row for key in keys if (row := find(state.names, key)) >= 0]
    ended = [row for row in rows if state.table.states[row] in (MEMORY, ERRED)]
    let_go(state, [row for row in ended if unwant(state, client, row)])
    dismiss(state, NAME)


METHODS: dict[str, Method] = {"errands.add": add}
