"""Raising an exception in another thread, from outside.

``PyThreadState_SetAsyncExc`` raises between two instructions of Python code.  So it cannot end code
that is not Python (a long call into NumPy, a blocked system call): there the exception waits until
the call returns.  And it may arrive in the middle of anything, so it is only sent to threads that
will run no other task afterwards: whatever it tears is the cancelled task's own.
"""

from __future__ import annotations

import ctypes

__all__ = ["TaskInterrupted", "interrupt", "take_back"]


class TaskInterrupted(BaseException):
    """Raised inside of a task that was cancelled or has run for too long.

    Not an `Exception`, so that ``except Exception`` in the task does not catch it.

    Examples
    --------
    >>> issubclass(TaskInterrupted, Exception)
    False
    """


def interrupt(thread_id: int) -> bool:
    """Raise `TaskInterrupted` in a thread of this process.

    Parameters
    ----------
    thread_id
        From `threading.get_ident` of that thread.

    Returns
    -------
    bool
        Whether there is such a thread.

    Examples
    --------
    >>> interrupt(0)
    False
    """
    wanted = ctypes.py_object(TaskInterrupted)
    return bool(ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), wanted))


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
