"""Ctrl-C that waits until what has been begun is done.

Python calls the handlers of signals in the main thread, between any two instructions, and that of
Ctrl-C raises there.  What must not be left half done, for two things would contradict each
other from then on, has it wait for as long as that takes.
"""

from __future__ import annotations

import sys
import threading
from signal import SIGINT, default_int_handler
from typing import Any

__all__ = ["unbroken"]

# The functions of `signal` make an `enum.IntEnum` of each number and handler: ten times as long.
_signal = sys.modules["_signal"]
get_handler, set_handler = _signal.getsignal, _signal.signal


class unbroken:
    """What is done in here is done to its end, whenever Ctrl-C comes; it is raised afterwards.

    Where a program has a handler of its own for Ctrl-C, that is called as ever, and may raise.

    Examples
    --------
    >>> with unbroken():
    ...     pass
    """

    __slots__ = ("_came", "_is_held")

    def __init__(self) -> None:
        self._is_held = self._came = False

    def __enter__(self) -> None:
        if (
            threading.get_ident() == threading.main_thread().ident
            and get_handler(SIGINT) is default_int_handler
        ):
            # One that came before is raised by this call, and changes nothing.
            set_handler(SIGINT, self._note)
            self._is_held = True

    def __exit__(self, *_: object) -> None:
        if self._is_held:
            set_handler(SIGINT, default_int_handler)
            if self._came:
                default_int_handler(SIGINT, None)

    def _note(self, number: int, frame: Any) -> None:
        self._came = True
