"""The functions that tasks call: each is unpickled once on a worker, when first used.

A function that cannot be unpickled (a module that is missing here, code of the user's that raises)
is the failure of each task that calls it, and of nothing else.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

from shoal.distributed.core.worker.table import Code
from shoal.local.failure import add_note

__all__ = ["function_of"]

Function: TypeAlias = "tuple[Callable[..., Any] | None, Any]"

NONE: Function = (None, None)

_lock = threading.RLock()


def function_of(code: Code | None) -> Function:
    """A function, and the arguments that come with it or None.

    Parameters
    ----------
    code
        As a task names it; None: the task is data.

    Raises
    ------
    Exception
        Whatever unpickling it raises, with a note.

    Examples
    --------
    >>> function_of(Code(b"digest", pickle.dumps((abs,))))
    (<built-in function abs>, None)
    """
    if code is None:
        return NONE
    with _lock:
        if code.ready is None:
            try:
                func, *rest = pickle.loads(code.data)
            except BaseException as error:
                add_note(error, "shoal: its function could not be unpickled on the worker")
                raise
            code.ready = (func, rest[0] if rest else None)
            code.data = b""
        return code.ready
