"""How much memory there is, for this process and for those that run what it plans."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path

__all__ = ["available_bytes", "runner_bytes", "runs_where", "system_limit_bytes"]

UNLIMITED = 1 << 60
"""What control groups say who have no limit is beyond this."""


def system_limit_bytes(root: Path = Path("/sys/fs/cgroup"), proc: Path = Path("/proc/self")) -> int:
    """Bytes that this process can have at most.

    The smallest of the machine's memory, the control group's limit (version 1 or 2, of the
    process's own group and those above it) and the process's limits on address space and data
    (``ulimit -v`` and ``-d``).

    Parameters
    ----------
    root
        Where control groups are mounted.
    proc
        The process's folder under ``/proc``.

    Examples
    --------
    >>> system_limit_bytes() > 0
    True
    """
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), *group_limits(root, proc)]
    for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        soft, _ = resource.getrlimit(kind)
        if soft != resource.RLIM_INFINITY:
            limits.append(soft)
    return min(limits)


def group_limits(root: Path, proc: Path) -> list[int]:
    """The limits of the control groups that a process is in."""
    try:
        lines = (proc / "cgroup").read_text().splitlines()
    except OSError:
        lines = []
    folders = [root, root / "memory"]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        base = root if not controllers else root / "memory"
        if not controllers or "memory" in controllers.split(","):
            group = base / path.lstrip("/")
            folders += [group, *(p for p in group.parents if base in p.parents)]
    found = []
    for folder in dict.fromkeys(folders):
        for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
            try:
                text = (folder / name).read_text().strip()
            except OSError:
                continue
            if text.isdigit() and 0 < int(text) < UNLIMITED:
                found.append(int(text))
    return found


def available_bytes() -> int:
    """Bytes of memory that the machine can give without taking them from somebody.

    Examples
    --------
    >>> available_bytes() > 0
    True
    """
    try:
        with open("/proc/meminfo", "rb") as file:
            for line in file:
                if line.startswith(b"MemAvailable"):
                    return int(line.split()[1]) << 10
    except OSError:
        pass
    return UNLIMITED


_measure: ContextVar[Callable[[], int | None] | None] = ContextVar("runner_bytes", default=None)


@contextlib.contextmanager
def runs_where(measure: Callable[[], int | None] | None) -> Iterator[None]:
    """While something is planned: say how much memory a process has that will run it.

    Parameters
    ----------
    measure
        Asked when somebody wants to know; its answer is bytes, or None where there is no limit.
        None: the tasks run in this process, or in others like it.

    Examples
    --------
    >>> with runs_where(lambda: 1_000_000):
    ...     runner_bytes()
    1000000
    """
    token = _measure.set(measure)
    try:
        yield
    finally:
        _measure.reset(token)


def runner_bytes() -> int:
    """Bytes that a process can have which will run what is being planned.

    Examples
    --------
    >>> runner_bytes() == system_limit_bytes()
    True
    """
    measure = _measure.get()
    if measure is None:
        return system_limit_bytes()
    found = measure()
    return UNLIMITED if found is None else found
