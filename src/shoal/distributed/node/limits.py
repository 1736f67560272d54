"""How much memory a process may use, and how much it does.

The limit is the smallest of the machine's memory, the control group's limit (version 1 or 2, of the
process's own group and those above it) and the address-space limit (``ulimit -v``).
"""

from __future__ import annotations

import os
import resource
from pathlib import Path

import psutil

from shoal.distributed.node.spec import parse_memory

__all__ = ["memory_limit", "resident_bytes", "system_limit_bytes"]

UNLIMITED = 1 << 60
"""What control groups say who have no limit is beyond this."""

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def system_limit_bytes(root: Path = Path("/sys/fs/cgroup"), proc: Path = Path("/proc/self")) -> int:
    """Bytes that this process can have at most.

    Parameters
    ----------
    root
        Where control groups are mounted.
    proc
        The process's folder under ``/proc``.

    Examples
    --------
    >>> 0 < system_limit_bytes() <= psutil.virtual_memory().total
    True
    """
    limits = [psutil.virtual_memory().total, *group_limits(root, proc)]
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
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


def memory_limit(wanted: object, nthreads: int, cpus: int) -> int:
    """The limit of a worker, in bytes; 0 for none.

    Parameters
    ----------
    wanted
        ``"auto"``: the share of the system's memory that the threads have of its CPUs; a fraction
        of the system's memory; bytes, or such as ``"4 GB"``; None or 0 for no limit.
    nthreads
        Of the worker.
    cpus
        Of the system.

    Examples
    --------
    >>> memory_limit("1 GB", 1, 4), memory_limit(None, 1, 4)
    (1000000000, 0)
    >>> memory_limit("auto", 1, 4) <= memory_limit("auto", 4, 4)
    True
    """
    system = system_limit_bytes()
    parsed = parse_memory(wanted)
    if parsed is None:
        return int(system * min(1.0, nthreads / cpus))
    if isinstance(parsed, float):
        return int(parsed * system)
    return min(parsed, system)


def resident_bytes(pid: int | None = None) -> int:
    """Resident memory of a process; 0 if it is gone.

    Parameters
    ----------
    pid
        Default: this process.

    Examples
    --------
    >>> resident_bytes() > 1 << 20
    True
    """
    try:
        with open(f"/proc/{pid or 'self'}/statm", "rb") as file:
            return int(file.read().split()[1]) * PAGE_BYTES
    except (OSError, IndexError):
        try:
            return int(psutil.Process(pid).memory_info().rss)
        except psutil.Error:
            return 0
