"""Signals that the main thread puts off while it does what must not be left half done.

Python calls the handlers of signals in the main thread, between any two instructions, and a handler
may raise: Ctrl-C does.  A state machine that is left in the middle of a change is broken for
good.  So a main thread that is about to change one has Ctrl-C wait until it is through, which is
milliseconds; and where a program has handlers of its own for any signal, it leaves the work to
another thread.
"""

from __future__ import annotations

import signal
import sys
import threading
from signal import default_int_handler
from typing import Any

__all__ = ["HELD", "Held", "is_main"]

# `signal` itself makes an `enum.IntEnum` of each number and handler, which takes 20 times as long.
_signal = sys.modules["_signal"]
get_handler, set_handler = _signal.getsignal, _signal.signal

NUMBERS = sorted(map(int, signal.valid_signals()))

AT = NUMBERS.index(signal.SIGINT)


def is_main() -> bool:
    """Whether the calling thread is the one that handles signals.

    Examples
    --------
    >>> is_main()
    True
    """
    return threading.get_ident() == threading.main_thread().ident


class Held:
    """Ctrl-C, put off; there is one for the process.

    Examples
    --------
    >>> HELD.hold()
    True
    >>> signal.raise_signal(signal.SIGINT)  # nothing happens yet
    >>> HELD.release()
    Traceback (most recent call last):
    ...
    KeyboardInterrupt
    """

    def __init__(self) -> None:
        self._known: list[Any] = []
        """The handlers of all signals, when they were found harmless."""
        self._held = self._came = self._swapped = False

    def hold(self) -> bool:
        """Put Ctrl-C off; the main thread only.

        Returns
        -------
        bool
            False: a handler might raise all the same, so that nothing must be begun.
        """
        if self._held:
            return False
        handlers = [*map(get_handler, NUMBERS)]
        if handlers != self._known:
            if not is_harmless(handlers):
                return False
            self._known = handlers
            self._swapped = handlers[AT] is default_int_handler
        self._came = False
        if self._swapped:
            set_handler(signal.SIGINT, self._note)
        self._held = True
        return True

    def release(self) -> None:
        """Let Ctrl-C through, and raise what came meanwhile; nothing in other threads.

        Raises
        ------
        KeyboardInterrupt
            If Ctrl-C was put off.
        """
        if not self._held or not is_main():
            return
        self._held = False
        if self._swapped:
            set_handler(signal.SIGINT, default_int_handler)
            if self._came:
                default_int_handler(signal.SIGINT, None)

    def _note(self, number: int, frame: Any) -> None:
        self._came = True


HELD = Held()


def is_harmless(handlers: list[Any]) -> bool:
    """Whether no handler of signals may raise but that of Ctrl-C.

    Parameters
    ----------
    handlers
        Of `NUMBERS`.

    Examples
    --------
    >>> is_harmless([*map(signal.getsignal, NUMBERS)]), is_harmless([print])
    (True, False)
    """
    return not any(
        callable(handler) and (at != AT or handler is not default_int_handler)
        for at, handler in enumerate(handlers)
    )
