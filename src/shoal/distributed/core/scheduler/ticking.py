"""What happens because time passes."""

from __future__ import annotations

from shoal.distributed.core.scheduler.methods import waiting
from shoal.distributed.core.scheduler.parties import forget_client
from shoal.distributed.core.scheduler.state import Scheduler

__all__ = ["due", "tick"]


def tick(state: Scheduler, now: float) -> None:
    """Time has passed; the shell calls this when `due` says so, or more often.

    Parameters
    ----------
    state
        The scheduler's.
    now
        The time.

    Examples
    --------
    >>> tick(Scheduler(), 1.0)
    """
    waiting.expire(state, now)
    for client in list(state.clients.values()):
        if client.party < 0 and now >= client.gone_since + state.settings.client_grace_s:
            forget_client(state, client)


def due(state: Scheduler) -> float | None:
    """When `tick` should be called next; None: not before something else happens.

    Parameters
    ----------
    state
        The scheduler's.

    Examples
    --------
    >>> due(Scheduler())
    """
    times = [waiting.due(state)]
    if state.drop_due >= 0:
        times.append(state.drop_due)
    grace = state.settings.client_grace_s
    times += [c.gone_since + grace for c in state.clients.values() if c.party < 0]
    first = min(times)
    return None if first == float("inf") else first
