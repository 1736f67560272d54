"""Errors of tasks and of the scheduler as exceptions.

A task's own exception arrives packed (`shoal.serialize.exceptions`) and is raised as it was, with
the user's frames.  For everything else the scheduler gives a kind and a text, and each kind is
one class of `shoal.errors`.
"""

from __future__ import annotations

import builtins
import pickle

from shoal import errors
from shoal.distributed.protocol import Answer, Key
from shoal.errors import (
    ClusterError,
    FutureCancelledError,
    KilledWorker,
    LostResultError,
    RemoteError,
    TaskTimeoutError,
    UnrunnableTaskError,
)
from shoal.serialize.exceptions import load_exception
from shoal.serialize.messages import message

__all__ = ["answer_error", "note_unopened", "remote_error", "task_error"]

KINDS: dict[str, type[ClusterError]] = {
    "cancelled": FutureCancelledError,
    "killed": KilledWorker,
    "lost": LostResultError,
    "timeout": TaskTimeoutError,
    "unrunnable": UnrunnableTaskError,
}


def task_error(reason: tuple[str, Key, str, bytes]) -> BaseException:
    """The exception that a failed future raises.

    Parameters
    ----------
    reason
        As in `Finished`: kind, key at fault, worker, data.

    Examples
    --------
    >>> task_error(("cancelled", "x", "", b"nobody wants it"))
    FutureCancelledError('x: nobody wants it')
    """
    kind, key, worker, data = reason
    if kind == "raised":
        try:
            return load_exception(pickle.loads(data))
        except Exception as error:
            return RemoteError(
                f"task {key!r} failed on {worker}, and its exception cannot be rebuilt here "
                f"({type(error).__name__}: {message(error)})"
            )
    text = bytes(data).decode(errors="replace")
    name = str(key)
    made = KINDS.get(kind, ClusterError)(text if name in text else f"{name}: {text}")
    if isinstance(made, KilledWorker):
        made.task, made.last_worker = key, worker
    return made


def note_unopened(error: BaseException, key: Key) -> None:
    """Say whose result it was that raised while it was unpickled.

    Parameters
    ----------
    error
        What it raised: the user's own, in a constructor or ``__setstate__``.
    key
        Of the result.

    Examples
    --------
    >>> note_unopened(error := ValueError("no"), "x-1")
    >>> error.__notes__[0][:31]
    "shoal: the result of 'x-1' is t"
    """
    error.add_note(
        f"shoal: the result of {key!r} is there, and cannot be unpickled here; use it in further "
        "tasks on its worker, or return something simpler"
    )


def answer_error(answer: Answer) -> BaseException:
    """The exception for a call that failed.

    Parameters
    ----------
    answer
        With an error; its frames are the packed exception of a user's function.

    Examples
    --------
    >>> answer_error(Answer(1, None, ("KeyError", "x")))
    KeyError('x')
    """
    assert answer.error is not None
    if answer.frames is not None:
        return load_exception(pickle.loads(answer.frames.head))
    return remote_error(*answer.error)


def remote_error(name: str, text: str) -> BaseException:
    """The exception for an error that the scheduler or a worker answered with.

    Parameters
    ----------
    name
        Of a class of `shoal.errors`, or a builtin one.
    text
        Its message.

    Examples
    --------
    >>> remote_error("ValueError", "no such key"), remote_error("OddError", "it is odd")
    (ValueError('no such key'), ClusterError('OddError: it is odd'))
    """
    found = getattr(errors, name, None) or getattr(builtins, name, None)
    if isinstance(found, type) and issubclass(found, Exception):
        return found(text)
    return ClusterError(f"{name}: {text}")
