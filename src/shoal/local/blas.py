"""One thread for BLAS while several threads run tasks.

NumPy's linear algebra has threads of its own.  Called from several threads at once they take turns
at one pool, and wait for it by turning: a product of matrices took twice its processor time.  So a
run on threads holds them at one, and what they were comes back when the last run has ended.

It is done once a run, not once a task, by setting a number in each library that threadpoolctl
finds (10 us; 2 ms once, to find them).  Without that package, or with numpy not imported, nothing
is done; nor where the user has said how many there are to be: by an environment variable, or by a
number other than one for each CPU.  A library that has a number for each thread that calls it
(MKL, OpenMP) is not held.  Rejected: as many for a task as others leave idle, since a library has
one number for the whole process.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["one_blas_thread"]

VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "OMP_NUM_THREADS")
"""Where one of these is set, the user has chosen."""

SOURCES = ("numpy", "scipy.linalg", "mkl")
"""Modules that bring a BLAS of their own with them."""


USUAL = {os.cpu_count(), len(getattr(os, "sched_getaffinity", lambda _: [0])(0))}
"""How many threads a library takes that nobody has told: one for each CPU."""

Get = Callable[[], int | None]
Put = Callable[[int], Any]


class _Limits:
    """The libraries, how many runs hold them, and what is to come back."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.holders = 0
        self.modules: list[str] = []
        self.libraries: list[tuple[Get, Put]] = []
        self.before: list[tuple[Put, int]] = []

    def hold(self) -> None:
        with self.lock:
            self.holders += 1
            if self.holders == 1:
                for get, put in self.found():
                    count = get()
                    if count is not None and count > 1 and count in USUAL:
                        self.before.append((put, count))
                        put(1)

    def release(self) -> None:
        with self.lock:
            self.holders -= 1
            if not self.holders:
                for put, count in self.before:
                    put(count)
                self.before = []

    def found(self) -> list[tuple[Get, Put]]:
        """What asks and tells each library that is the user's own choice nowhere; they are looked
        for again when a module may have brought one."""
        modules = [name for name in SOURCES if name in sys.modules]
        if modules != self.modules:
            self.modules = modules
            self.libraries = [] if any(name in os.environ for name in VARIABLES) else _libraries()
        return self.libraries


def _libraries() -> list[tuple[Get, Put]]:
    """The libraries of BLAS that have one number of threads for the whole process.

    threadpoolctl lets one thread set it, for as long as that lives; the run that ends last may be
    another thread's.
    """
    try:
        import threadpoolctl
    except ImportError:
        return []
    return [
        (one.get_num_threads, getattr(one, "_real_set_num_threads", one.set_num_threads))
        for one in threadpoolctl.ThreadpoolController().lib_controllers
        if one.internal_api in ("openblas", "blis") and one.threading_layer != "openmp"
    ]


_limits = _Limits()


@contextlib.contextmanager
def one_blas_thread(workers: int) -> Iterator[None]:
    """Hold BLAS at one thread while a block runs, if that is what helps.

    Parameters
    ----------
    workers
        How many threads run tasks; one leaves BLAS its own.

    Examples
    --------
    >>> with one_blas_thread(4):
    ...     pass
    """
    if workers < 2 or "numpy" not in sys.modules:
        yield
        return
    _limits.hold()
    try:
        yield
    finally:
        _limits.release()
