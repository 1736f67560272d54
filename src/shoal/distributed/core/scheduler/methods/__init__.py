"""What the scheduler answers itself when it is called: a table of methods, a file a family.

A method is a function ``(state, party, request, args, now)``.  What it returns is the answer at
once; `LATER` says that it will answer by itself.  An exception of `MethodError` is answered as an
error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shoal.distributed.core.effects import Perform
from shoal.distributed.core.scheduler.methods import (
    claims,
    datasets,
    errands,
    feed,
    flags,
    forward,
    info,
    locks,
    moves,
    nannies,
    queues,
    recipes,
    references,
    semaphores,
    sources,
    topics,
    workers,
)
from shoal.distributed.core.scheduler.methods.calls import (
    LATER,
    Method,
    MethodError,
    answer,
    answer_error,
    end_session,
    expire,
    reply,
    unheard,
    withdraw,
)
from shoal.distributed.core.scheduler.methods.claims import end_claims, others_before
from shoal.distributed.core.scheduler.methods.errands import end_errands
from shoal.distributed.core.scheduler.methods.locks import held_before
from shoal.distributed.core.scheduler.methods.queues import doubt_given, settle_given
from shoal.distributed.core.scheduler.methods.references import let_references_go
from shoal.distributed.core.scheduler.methods.semaphores import lapse, leased_before, renew_all
from shoal.distributed.core.scheduler.methods.topics import log_event
from shoal.distributed.core.scheduler.methods.workers import workers_changed
from shoal.distributed.core.scheduler.records import Client, Party
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.protocol import Answer, Call, Withdraw

__all__ = [
    "METHODS",
    "answered",
    "client_gone",
    "doubt_given",
    "end_claims",
    "end_errands",
    "end_session",
    "expire",
    "held_before",
    "holder_gone",
    "lapse",
    "leased_before",
    "let_references_go",
    "log_event",
    "on_answer",
    "on_call",
    "on_withdraw",
    "others_before",
    "party_gone",
    "renew_all",
    "settle_given",
    "unheard",
    "worker_came",
    "workers_changed",
]

METHODS: dict[str, Method] = {
    **info.METHODS,
    **feed.METHODS,
    **workers.METHODS,
    **forward.METHODS,
    **moves.METHODS,
    **nannies.METHODS,
    **datasets.METHODS,
    **topics.METHODS,
    **locks.METHODS,
    **claims.METHODS,
    **semaphores.METHODS,
    **flags.METHODS,
    **queues.METHODS,
    **recipes.METHODS,
    **references.METHODS,
    **errands.METHODS,
    **sources.METHODS,
}
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
    if who.client is not None and m.request in who.client.before:
        reply(state, who.party, who.client.before[m.request])
        return
    method = METHODS.get(m.method)
    if m.method in state.for_shell:
        state.effects.append(Perform(who.party, m))
        return
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
    """A worker answers a call that was passed on to it.

    Parameters
    ----------
    state, who
        Who answers.
    m, buffers
        The answer.
    now
        The time.

    Examples
    --------
    >>> on_answer(Scheduler(), Party(1, "worker", 0.0), Answer(5), (), 0.0)
    """
    forward.on_answer(state, who.party, m, buffers)


def on_withdraw(
    state: Scheduler, who: Party, m: Withdraw, buffers: Sequence[Any], now: float
) -> None:
    """Somebody does not wait for an answer any more.

    Parameters
    ----------
    state, who
        Who had called.
    m, buffers
        Which call.
    now
        The time.

    Examples
    --------
    >>> on_withdraw(Scheduler(), Party(1, "client", 0.0), Withdraw(5), (), 0.0)
    """
    withdraw(state, who, m.request)


def answered(state: Scheduler, party: int, message: Answer) -> None:
    """The shell has answered a call that only it can answer (`Perform`).

    Parameters
    ----------
    state, party
        Who had called.
    message
        The answer.

    Examples
    --------
    >>> state = Scheduler()
    >>> answered(state, 1, Answer(5, "log"))
    >>> state.effects[0].party
    1
    """
    reply(state, party, message)


def party_gone(state: Scheduler, who: Party) -> None:
    """A connection has ended: what it waits for, and is waited for, is given up.

    A client's calls wait for the client (`client_gone`).

    Parameters
    ----------
    state, who
        Whose.

    Examples
    --------
    >>> party_gone(Scheduler(), Party(1, "client", 0.0))
    """
    for waiter in who.waiters:
        waiter.give_up()
    forward.party_gone(state, who.party)
    if who.nanny_of and state.nanny_parties.get(who.nanny_of) == who.party:
        del state.nanny_parties[who.nanny_of]
        state.workers_moved = True


def client_gone(state: Scheduler, client: Client, now: float) -> None:
    """A client is gone for good: what it held, and what it was given and never heard of, is free.

    Parameters
    ----------
    state, client
        Which.
    now
        The time.

    Examples
    --------
    >>> client_gone(Scheduler(), Client(0, "me", 1), 0.0)
    """
    end_session(state, client)
    settle_given(state, client)
    holder_gone(state, f"client {client.name}", now)


def holder_gone(state: Scheduler, name: str, now: float) -> None:
    """A client or worker is gone for good: what it held is given back.

    Parameters
    ----------
    state
        The scheduler's.
    name
        As `calls.holder_name` gave it.
    now
        The time.

    Examples
    --------
    >>> holder_gone(Scheduler(), "client me", 0.0)
    """
    locks.holder_gone(state, name)
    semaphores.holder_gone(state, name, now)


def worker_came(state: Scheduler, party: int) -> None:
    """A worker has registered: plugins and files for all workers are for it as well.

    Parameters
    ----------
    state
        The scheduler's.
    party
        The worker's connection.

    Examples
    --------
    >>> worker_came(Scheduler(), 1)
    """
    forward.worker_came(state, party, "worker")
