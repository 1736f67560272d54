"""How much memory a worker may use, and how much a process does."""

from __future__ import annotations

import importlib
import os

from shoal.distributed.net.shared import shared_bytes
from shoal.distributed.node.spec import parse_memory
from shoal.memory import system_limit_bytes

__all__ = ["memory_limit", "process_bytes", "resident_bytes"]

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


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


def process_bytes() -> int:
    """What this process takes: its own pages, and the shared memory that it uses, once.

    Examples
    --------
    >>> process_bytes() > 1 << 20
    True
    """
    return resident_bytes() - shared_pages_bytes() + shared_bytes()


def shared_pages_bytes(pid: int | None = None) -> int:
    """Pages of shared memory in a process's resident memory, as often as they are mapped."""
    try:
        with open(f"/proc/{pid or 'self'}/status", "rb") as file:
            for line in file:
                if line.startswith(b"RssShmem:"):
                    return int(line.split()[1]) << 10
    except (OSError, IndexError):
        pass
    return 0


def shared_out_bytes(pid: int) -> int:
    """Resident memory of a process, pages that n mappings share counted as one n-th; 0 if unknown.

    It takes milliseconds a gigabyte to find out.
    """
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) << 10
    except (OSError, IndexError):
        pass
    return 0


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
            # Not Linux.  Loaded late, for it takes a tenth of the time that a worker's start does.
            return int(importlib.import_module("psutil").Process(pid).memory_info().rss)
        except Exception:
            return 0
