"""What a person sees when a task fails: their own exception, their own frames, the task's name.

An exception keeps its class and identity.  Frames of the library that ran the task are cut from
the front of its traceback, and a note (PEP 678) names the task, so nothing has to be searched
for.  The frames that Python adds while the exception travels up to the user's call are few,
because executors raise from one place.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from shoal.graph.naming import given_name
from shoal.types import Key

__all__ = ["add_note", "describe_func", "mark_failed", "trim", "trimmed"]


def describe_func(func: Any) -> str:
    """A function's name as a person would say it.

    Parameters
    ----------
    func
        Any callable.

    Examples
    --------
    >>> import functools
    >>> describe_func(functools.partial(max, 1)), describe_func(None)
    ('max', 'data')
    """
    if func is None:
        return "data"
    return given_name(func, "__qualname__")


def trim(traceback: TracebackType | None) -> TracebackType | None:
    """Drop the frames of this library that stand before the user's own.

    Parameters
    ----------
    traceback
        As caught around the task.  When every frame is the library's, it is kept whole.

    Examples
    --------
    >>> trim(None) is None
    True
    """
    at = traceback
    while at is not None:
        module = at.tb_frame.f_globals.get("__name__", "")
        if module != "shoal" and not module.startswith("shoal."):
            return at
        at = at.tb_next
    return traceback


def mark_failed(error: BaseException, key: Key, func: Any) -> BaseException:
    """Name the task in a note and trim the traceback; the same exception comes back.

    Parameters
    ----------
    error
        What the task raised.
    key, func
        The task.

    Examples
    --------
    >>> mark_failed(ValueError("no"), "x", abs).__notes__
    ["shoal: task 'x' (abs) failed"]
    """
    if isinstance(error, Exception):
        add_note(error, f"shoal: task {key!r} ({describe_func(func)}) failed")
    return error.with_traceback(trim(error.__traceback__))


def add_note(error: BaseException, note: str) -> None:
    """Add a note to an exception, once, if its class allows it.

    Parameters
    ----------
    error
        The exception.
    note
        A sentence.

    Examples
    --------
    >>> error = ValueError("no")
    >>> add_note(error, "why"), add_note(error, "why"), error.__notes__
    (None, None, ['why'])
    """
    try:
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)
    except Exception:
        # A class may forbid new attributes, and its notes may be anything; the error matters more.
        pass


class trimmed:
    """Cut this library's frames out of the traceback of an error that leaves a ``with`` block.

    What is left is the user's call, the public function they called, and their own frames inside
    of the task.  An error of the library's own keeps all frames.

    Examples
    --------
    >>> with trimmed():
    ...     pass
    """

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if error is not None:
            # Not by assignment, which a frozen dataclass refuses.
            error.with_traceback(trim(error.__traceback__))
