"""What the scheduler answers itself when it is called: a table of methods, a file a family.

A method is a function ``(state, party, request, args, now)``.  What it returns is the answer at once;
`LATER` says that it will answer by itself.  An exception of `MethodError` is answered as an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shoal.distributed.core.scheduler.methods import info, waiting
from shoal.distributed.core.scheduler.methods.calls import (
    LATER,
    Method,
    MethodError,
    answer,
    answer_error,
)
from shoal.distributed.core.scheduler.records import Party
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.protocol import Answer, Call

__all__ = ["METHODS", "on_answer", "on_call", "party_gone", "workers_changed"]

METHODS: dict[str, Method] = {**info.METHODS, **waiting.METHODS}
"""Every method by name."""


def on_call(state: Scheduler, who: Party, m: Call, buffers: Sequence[Any], now: float) -> None:
    """Somebody calls a method.

    Parameters
    ----------
    state, who
        Who calls.
    m, buffers
        The call.
    now
        The time.

    Examples
    --------
    >>> state = Scheduler()
    >>> on_call(state, Party(1, "client", 0.0), Call(5, "scheduler.inof"), (), 0.0)
    >>> state.effects[0].message.error
    ('ValueError', "the scheduler has no method 'scheduler.inof'; it has: ...")
    """
    method = METHODS.get(m.method)
    if method is None:
        text = f"the scheduler has no method {m.method!r}; it has: {', '.join(sorted(METHODS))}"
        answer_error(state, who.party, m.request, "ValueError", text)
        return
    try:
        value = method(state, who, m.request, m.args, now)
    except MethodError as error:
        answer_error(state, who.party, m.request, error.kind, str(error))
    except (KeyError, TypeError, ValueError) as error:
        text = f"{m.method} was called with {sorted(m.args)}: {type(error).__name__}: {error}"
        answer_error(state, who.party, m.request, "ValueError", text)
    else:
        if value is not LATER:
            answer(state, who.party, m.request, value)


def on_answer(state: Scheduler, who: Party, m: Answer, buffers: Sequence[Any], now: float) -> None:
    """A worker answers a call that was passed on to it."""


def party_gone(state: Scheduler, who: Party, now: float) -> None:
    """A connection has ended: what it waited for and held is given up."""


def workers_changed(state: Scheduler, now: float) -> None:
    """A worker has come or gone: whoever waits for that hears of it."""
    waiting.workers_changed(state, now)
