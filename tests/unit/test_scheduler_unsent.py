"""Messages that cannot be put into bytes: only what is to blame fails, and it is named."""

from __future__ import annotations

from typing import Any

import pytest

from shoal.distributed.core.effects import Send
from shoal.distributed.core.scheduler import Scheduler, Settings, connected, drain, received, unsent
from shoal.distributed.core.scheduler.methods import answer
from shoal.distributed.core.scheduler.table import Table
from shoal.distributed.core.scheduler.transitions import Checked
from shoal.distributed.core.scheduler.validate import validate
from shoal.distributed.protocol import (
    Answer,
    Call,
    Code,
    Finished,
    Hello,
    Listed,
    Options,
    Register,
    Run,
    Submit,
    Topic,
)
from shoal.distributed.wire.codec import MESSAGES

CLIENT, WORKER = 1, 2
BAD = "\ud800"  # half of a pair: no UTF-8 says it


def cluster() -> Scheduler:
    state = Scheduler(Settings(silence_s=0.0), table=Table(Checked))
    connected(state, CLIENT, "client", 0.0)
    received(state, CLIENT, Hello("me", {}), (), 0.0)
    connected(state, WORKER, "worker", 0.0)
    received(state, WORKER, Register("w", "inproc://w", 4, 0, {}, {}, "h", 1), (), 0.0)
    drain(state, 0.0)
    return state


def flushed(state: Scheduler, limit_bytes: int = 1 << 30) -> tuple[list[Send], list[str]]:
    """What a shell could send, as it does it; and what it says of the rest."""
    sent, lost = [], []
    while effects := drain(state, 0.0):
        validate(state)
        for effect in effects:
            if type(effect) is not Send:
                continue
            try:
                if len(MESSAGES.pack(effect.message)) > limit_bytes:
                    raise ValueError("too large")
                sent.append(effect)
            except Exception as error:
                lost.append(unsent(state, effect, str(error), 0.0))
    return sent, lost


def submit(state: Scheduler, keys: list[str], args: list[bytes], *options: Options) -> None:
    n = len(keys)
    codes, asked = [Code(b"f", b"f")], list(options)
    message = Submit(
        [Listed(keys)], codes, [0] * n, args, [()] * n, [], list(range(n)), [*range(n)], [], asked
    )
    received(state, CLIENT, message, (), 0.0)


def test_a_task_that_cannot_be_sent_fails_and_the_others_of_its_batch_run() -> None:
    state = cluster()
    submit(state, ["a", BAD, "b"], [b""] * 3)
    sent, lost = flushed(state)
    runs = [e.message for e in sent if type(e.message) is Run]
    assert [run.keys for run in runs] == [["a", "b"]]
    assert [code[0] for code in runs[0].new_codes] == [0]
    assert lost[0] == r"the tasks '\ud800'"


def test_what_cannot_be_sent_is_not_tried_again() -> None:
    state = cluster()
    submit(state, [BAD], [b""], Options(retries=1000))
    assert len(flushed(state)[1]) == 2  # the task, and the news of its end, which has its key


def test_of_a_batch_that_is_too_large_the_largest_task_fails() -> None:
    state = cluster()
    submit(state, ["a", "b", "c"], [b"x" * 300, b"y" * 2000, b"z" * 10])
    sent, lost = flushed(state, 1000)
    [run] = [e.message for e in sent if type(e.message) is Run]
    assert run.keys == ["a", "c"]
    assert lost == ["the tasks 'b'"]
    [told] = [e.message for e in sent if type(e.message) is Finished]
    [(kind, key, _, text)] = told.reasons
    assert (kind, key) == ("unsent", "b")
    assert text == b"the task 'b' could not be sent to inproc://w: too large"


@pytest.mark.parametrize("party", [CLIENT, WORKER])
def test_an_answer_that_cannot_be_sent_is_an_error_now_and_after_a_break(party: int) -> None:
    state = cluster()
    answer(state, party, 7, object())
    sent, lost = flushed(state)
    [told] = [e.message for e in sent if type(e.message) is Answer]
    assert lost == ["the answer to call 7"]
    assert told.request == 7 and told.error[0] == "TypeError"
    said: list[Any] = list(state.by_name["me"].session.said)
    assert [one.message for one in said] == ([told] if party == CLIENT else [])


def test_an_event_that_cannot_be_sent_keeps_nothing_else_back() -> None:
    state = cluster()
    message = Topic("news", [(0.0, object())])
    assert unsent(state, Send(CLIENT, message), "no", 0.0) == "events of the topic 'news'"
    received(state, CLIENT, Call(3, "lock.locked", {"name": "x"}), (), 0.0)
    sent, _ = flushed(state)
    assert [e.message.value for e in sent if type(e.message) is Answer] == [False]
