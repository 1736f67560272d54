"""Raising an exception in another thread, from outside.

``PyThreadState_SetAsyncExc`` raises between two instructions of Python code.  So it cannot end code
that is not Python (a long call into NumPy, a blocked system call): there the exception waits until
the call returns.  And it may arrive in the middle of anything, so it is only sent to threads that
will run no other task afterwards, and while they are in code that is the cancelled task's own: in
the middle of an import it would leave the interpreter's import lock taken for ever, and in the
middle of a request of the worker's client, which all tasks share, half of a message said.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from types import CodeType

__all__ = ["TaskInterrupted", "interrupt", "take_back"]


class TaskInterrupted(BaseException):
    """Raised inside of a task that was cancelled or has run for too long.

    Not an `Exception`, so that ``except Exception`` in the task does not catch it.

    Examples
    --------
    >>> issubclass(TaskInterrupted, Exception)
    False
    """


def interrupt(thread_id: int, runner: CodeType) -> bool:
    """Raise `TaskInterrupted` in a thread of this process, if it is in code of its task's own.

    Parameters
    ----------
    thread_id
        From `threading.get_ident` of that thread.
    runner
        Of the function that calls the tasks: what it calls is the task's own.

    Returns
    -------
    bool
        Whether it is or will be raised; False if this is not the moment, or there is no thread.

    Examples
    --------
    >>> interrupt(0, interrupt.__code__)
    False
    """
    if not _is_at_home(thread_id, runner):
        return False
    wanted = ctypes.py_object(TaskInterrupted)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), wanted)
    if _is_at_home(thread_id, runner):
        return True
    # It has gone on between the two lines above.
    take_back(thread_id)
    return False


SHARED = ("shoal.distributed.", "importlib.", "_frozen_importlib")
"""Modules whose functions may be in the middle of something that is not the task's own."""


def _is_at_home(thread_id: int, runner: CodeType) -> bool:
    frame = sys._current_frames().get(thread_id)
    while frame is not None and frame.f_code is not runner:
        if frame.f_code is threading.Thread.start.__code__:
            # The new thread has the number of the one that starts it until it runs.
            return False
        if str(frame.f_globals.get("__name__")).startswith(SHARED):
            return False
        frame = frame.f_back
    return frame is not None


def take_back(thread_id: int) -> None:
    """Let an exception that has not arrived yet not arrive.

    Parameters
    ----------
    thread_id
        From `threading.get_ident` of that thread.

    Examples
    --------
    >>> take_back(0)
    """
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), None)
