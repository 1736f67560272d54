"""Clients that come from another scheduler, or were forgotten, say what they hold.

``holdings.claim {locks: [[id, names, count]], leases: [[semaphore, lease]]}``
    what others have by now: a list of words and ids.

With a journal the scheduler knows what was held; without one it knows that it is not the first
as soon as somebody comes who has had another (`others_before`), and gives no lock to anybody
until those who have had time to come are back.
"""

from __future__ import annotations

from typing import Any

from shoal.distributed.core.scheduler.methods import locks, semaphores
from shoal.distributed.core.scheduler.methods.calls import Method, holder_name
from shoal.distributed.core.scheduler.records import Party
from shoal.distributed.core.scheduler.state import Scheduler

__all__ = ["METHODS", "end_claims", "others_before"]


def claim(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """A client says all that it holds."""
    holder = holder_name(who)
    lost = locks.claim(state, holder, args["locks"])
    return lost + semaphores.claim(state, holder, args["leases"], now)


def others_before(state: Scheduler, scheduler: str, now: float) -> None:
    """Somebody has come who knows a scheduler.

    Parameters
    ----------
    state
        The scheduler's.
    scheduler
        Which they know; empty: none.
    now
        The time.

    Examples
    --------
    >>> state = Scheduler()
    >>> others_before(state, "another", 0.0)
    >>> state.claims_until
    1.0
    """
    until = state.started + state.settings.recover_s
    is_news = scheduler not in ("", state.identity) and not state.knows_holders
    if is_news and now < until:
        state.claims_until = until


def end_claims(state: Scheduler, now: float) -> None:
    """Those who may hold something have had time to say so.

    Parameters
    ----------
    state
        The scheduler's.
    now
        The time.

    Examples
    --------
    >>> end_claims(Scheduler(), 0.0)
    """
    state.claims_until = -1.0
    locks.serve_locks(state)
    semaphores.serve_semaphores(state, now)


METHODS: dict[str, Method] = {"holdings.claim": claim}
