"""Messages that could not be put into bytes, and what is said in their place.

Nearly all that the scheduler says came to it as bytes and can be sent.  What plugins and functions
that run beside it have left may not be, and a message may be larger than a frame.  Then the
one that is to blame fails, with a text that names it, and nobody else's message is lost.
"""

from __future__ import annotations

from typing import Any

import msgspec

from shoal.distributed.core.effects import Send
from shoal.distributed.core.scheduler.methods.calls import answer_error
from shoal.distributed.core.scheduler.parties import received
from shoal.distributed.core.scheduler.records import Worker
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.core.scheduler.table import MASK
from shoal.distributed.core.session import Said
from shoal.distributed.protocol import Answer, Report, Run, Topic

__all__ = ["unsent"]


def unsent(state: Scheduler, send: Send, text: str, now: float) -> str:
    """A message could not be sent.

    Parameters
    ----------
    state
        The scheduler's.
    send
        What was to be done.
    text
        Why it could not be.
    now
        The time.

    Returns
    -------
    str
        What was lost, for the log.

    Examples
    --------
    >>> state = Scheduler()
    >>> unsent(state, Send(1, Answer(7, object())), "an object", 0.0)
    'the answer to call 7'
    >>> state.effects[0].message.error
    ('TypeError', 'the scheduler could not send its answer: an object')
    """
    message = send.message
    if type(message) is Run:
        return run_unsent(state, send.party, message, text, now)
    if type(message) is Answer:
        answer_unsent(state, send.party, message, text)
        return f"the answer to call {message.request}"
    if type(message) is Topic:
        return f"events of the topic {message.topic!r}"
    return f"a {type(message).__name__}"


def answer_unsent(state: Scheduler, party: int, message: Answer, text: str) -> None:
    """The caller gets an error in the place of an answer."""
    client = state.homes.get(party)
    why = f"the scheduler could not send its answer: {text}"
    if client is None:
        answer_error(state, party, message.request, "TypeError", why)
        return
    # It would break each new connection, and the client counts what it hears.
    error = Answer(message.request, None, ("TypeError", why))
    said = client.session.said
    for i, one in enumerate(said):
        if one.message is message:
            if one.note is not None:
                one.note.take_back()
            said[i] = Said(error)
    state.effects.append(Send(party, error))


def run_unsent(state: Scheduler, party: int, message: Run, text: str, now: float) -> str:
    """Tasks that cannot be described fail; those that were to be sent with them are sent anew."""
    who = state.parties.get(party)
    if who is None or who.worker is None:
        return "tasks for a worker that is gone"
    forget_said(state, who.worker, message)
    options, keys = dict(message.options), message.spelled()
    tasks = [*zip(message.ids, message.runs)]
    guilty = {
        i for i, key in enumerate(keys) if not can_say([key, message.args[i], options.get(i)])
    }
    if not guilty:  # together they are too large
        guilty = {max(range(len(tasks)), key=lambda i: len(message.args[i]))}
    failed = []
    for i in guilty:
        why = f"the task {keys[i]!r} could not be sent to {who.worker.address}: {text}"
        failed.append((*tasks[i], "unsent", why.encode(errors="replace"), 0.0))
    others = [task for i, task in enumerate(tasks) if i not in guilty]
    report = Report([], [], [], [], [], [], [], failed=failed, returned=others)
    received(state, party, report, (), now)
    return f"the tasks {', '.join(repr(keys[i]) for i in sorted(guilty)[:5])}"


def forget_said(state: Scheduler, worker: Worker, message: Run) -> None:
    """The worker was not told of functions, of other workers, and of what it can let go of."""
    if message.drops:
        worker.drops += message.drops
        state.outgoing[worker.number] = worker
    for number, _, _ in message.new_codes:
        worker.codes.discard(number)
    for code in {state.table.codes[number & MASK] for number in message.ids} - worker.codes:
        if code in state.code_of:
            state.code_of[code].workers.pop(worker.number, None)
    worker.peers.difference_update(peer.number for peer in message.peers)


def can_say(what: Any) -> bool:
    """Whether something can be put into bytes."""
    try:
        msgspec.msgpack.encode(what)
    except Exception:
        return False
    return True
