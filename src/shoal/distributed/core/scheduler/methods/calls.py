"""Answers to calls, and the errors that methods raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from shoal.distributed.core.effects import Send
from shoal.distributed.core.scheduler.records import Party
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.protocol import Answer

__all__ = ["LATER", "Method", "MethodError", "answer", "answer_error"]

LATER: Any = object()
"""What a method returns that answers by itself."""

Method: TypeAlias = Callable[[Scheduler, Party, int, dict[str, Any], float], Any]


class MethodError(Exception):
    """A call that cannot be answered.

    Parameters
    ----------
    kind
        Name of the exception that the caller is to raise.
    text
        Its message.

    Examples
    --------
    >>> MethodError("KeyError", "no dataset is called 'x'").kind
    'KeyError'
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def answer(state: Scheduler, party: int, request: int, value: Any) -> None:
    """Answer a call with a value.

    Parameters
    ----------
    state
        The scheduler's.
    party, request
        The call's; request 0 wants no answer.
    value
        What msgpack can say.

    Examples
    --------
    >>> state = Scheduler()
    >>> answer(state, 1, 7, 42)
    >>> state.effects
    [Send(party=1, message=Answer(request=7, value=42, error=None, frames=None), buffers=())]
    """
    if request:
        state.effects.append(Send(party, Answer(request, value)))


def answer_error(state: Scheduler, party: int, request: int, kind: str, text: str) -> None:
    """Answer a call with an error.

    Parameters
    ----------
    state
        The scheduler's.
    party, request
        The call's.
    kind, text
        Name of an exception class, and its message.

    Examples
    --------
    >>> state = Scheduler()
    >>> answer_error(state, 1, 7, "KeyError", "no")
    >>> state.effects[0].message.error
    ('KeyError', 'no')
    """
    if request:
        state.effects.append(Send(party, Answer(request, None, (kind, text))))
