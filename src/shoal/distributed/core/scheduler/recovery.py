"""A scheduler that was killed and is back: nothing is given out before the workers have spoken.

The workers hold results, so a task that looks as if it had to run may well have ended.  Those that
were there are waited for, but not for long.
"""

from __future__ import annotations

from collections.abc import Iterable

from shoal.distributed.core.effects import Log
from shoal.distributed.core.scheduler.holdings import lose_data
from shoal.distributed.core.scheduler.scatter import is_expected
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.core.scheduler.transitions import PUT

__all__ = ["begin_recovery", "end_recovery"]


def begin_recovery(state: Scheduler, workers: Iterable[str], now: float) -> None:
    """Wait for workers.

    Parameters
    ----------
    state
        The scheduler's, as its journal has it.
    workers
        Their names.
    now
        The time.

    Examples
    --------
    >>> state = Scheduler()
    >>> begin_recovery(state, ["a"], 10.0)
    >>> state.hold_until
    12.0
    """
    state.awaited = set(workers)
    state.hold_until = now + state.settings.recover_s
    if not state.awaited:
        end_recovery(state)


def end_recovery(state: Scheduler) -> None:
    """All workers are there, or were waited for long enough: go on.

    Parameters
    ----------
    state
        The scheduler's.

    Examples
    --------
    >>> state = Scheduler()
    >>> begin_recovery(state, ["a"], 10.0)
    >>> end_recovery(state)
    >>> state.hold_until
    -1.0
    """
    missing = f"; without {sorted(state.awaited)}, which may come later" if state.awaited else ""
    text = f"back with {len(state.table):,} tasks and {len(state.workers)} workers{missing}"
    state.effects.append(Log("info", text))
    state.hold_until = -1.0
    state.awaited = set()
    for row, now in enumerate(state.table.states):
        if now == PUT and not is_expected(state, row):
            lose_data(state, row)
    state.touched.update(state.workers)
