"""How many threads BLAS has while several threads run tasks.

NumPy's linear algebra has threads of its own.  Called from several threads at once they take turns
at one pool, and wait for it by turning: a product of matrices took twice its processor time.  So
the CPUs are divided among the tasks that run: while many do, each has one thread of BLAS; a task
that runs alone, such as the last of a reduction or a step of a chain, has them all.

A library has one number for the whole process, so it is set (1 us, by what threadpoolctl finds; 2
ms once, to find it) when the count of running tasks changes, and comes back when the last run has
ended.  A task that begins alone has all threads at once.  One that is left alone, when others that
ran beside it are done, has them only after `ALONE_S`: OpenBLAS's own threads turn for that long
after each product, waiting for another, and take a third of two CPUs from whatever comes next (a
loop of products in blocks took 1.6 times as long).

Without that package, or with numpy not imported, nothing is done; nor where the user has said how
many there are to be: by an environment variable, or by a number other than one for each CPU, also
while tasks run.  A library that has a number for each thread that calls it (MKL, OpenMP) is left
alone.  A task that computes a graph of its own counts twice while it does.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["ALONE_S", "shared_blas"]

VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "OMP_NUM_THREADS")
"""Where one of these is set, the user has chosen."""

SOURCES = ("numpy", "scipy.linalg", "mkl")
"""Modules that bring a BLAS of their own with them."""

USUAL = {os.cpu_count(), len(getattr(os, "sched_getaffinity", lambda _: [0])(0))}
"""How many threads a library takes that nobody has told: one for each CPU."""

ALONE_S = 0.1
"""So long a task runs alone, after it has begun beside others, before it is given more threads."""

Tell: TypeAlias = Callable[[int], None]
"""Says how many tasks of a run are running."""


@dataclass(slots=True)
class Library:
    """One that has a number of threads.

    Parameters
    ----------
    get, put
        Ask for the number, and set it.
    most
        What it was before.
    now
        What it is, unless somebody else has set it.
    """

    get: Callable[[], int | None]
    put: Callable[[int], Any]
    most: int
    now: int

    def give(self, number: int) -> None:
        """Set the number, if nobody else has."""
        if number != self.now and self.get() == self.now:
            self.put(number)
            self.now = number


class _Shares:
    """The libraries, and how many tasks each run says are running."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.running: dict[int, int] = {}
        self.libraries: list[Library] = []
        self.modules: list[str] = []
        self.known: list[Any] = []
        self.count = 0

    def enter(self, workers: int) -> tuple[int, Tell | None]:
        with self.lock:
            if not self.running:
                self.libraries = [
                    Library(get, put, most, most)
                    for get, put in self.found()
                    if (most := get()) is not None and most > 1 and most in USUAL
                ]
            self.count += 1
            number = self.count
            self.running[number] = workers
            self.divide()

        def tell(count: int) -> None:
            self.tell(number, count)

        return number, tell if self.libraries else None

    def tell(self, number: int, count: int) -> None:
        with self.lock:
            if number in self.running:  # else of a task that outlived its run
                self.running[number] = count
                self.divide()

    def leave(self, number: int) -> None:
        with self.lock:
            del self.running[number]
            self.divide()

    def divide(self) -> None:
        tasks = sum(self.running.values()) or 1
        for library in self.libraries:
            library.give(max(1, library.most // tasks))

    def found(self) -> list[tuple[Any, Any]]:
        """What asks and tells each library; looked for again when a module may have brought one."""
        modules = [name for name in SOURCES if name in sys.modules]
        if modules != self.modules:
            self.modules = modules
            self.known = [] if any(name in os.environ for name in VARIABLES) else _libraries()
        return self.known


def _libraries() -> list[tuple[Any, Any]]:
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


_shares = _Shares()


@contextlib.contextmanager
def shared_blas(workers: int) -> Iterator[Tell | None]:
    """Divide the threads of BLAS among tasks while a block runs them.

    Parameters
    ----------
    workers
        How many may run at once, and do as far as is known; with one, BLAS keeps its own.

    Yields
    ------
    callable or None
        ``tell(count)``, to be called when another number of tasks is running.  None where there is
        nothing to divide.

    Examples
    --------
    >>> with shared_blas(1) as tell:
    ...     tell is None
    True
    """
    if workers < 2 or "numpy" not in sys.modules:
        yield None
        return
    number, tell = _shares.enter(workers)
    try:
        yield tell
    finally:
        _shares.leave(number)
