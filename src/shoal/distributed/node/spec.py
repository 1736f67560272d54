"""What a worker is to be like: everything that the one who starts it may choose."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shoal.distributed.node.known import own_folder
from shoal.units import parse_bytes

__all__ = ["WorkerSpec", "make_folder", "parse_memory"]


@dataclass(frozen=True)
class WorkerSpec:
    """A description of a worker; it can be pickled.

    Parameters
    ----------
    name
        Unique in the cluster.
    scheduler
        The scheduler's address.
    address
        Where to listen; port 0 is any.
    nthreads
        Tasks at once.
    memory_limit
        See `shoal.distributed.node.limits.memory_limit`.
    resources
        Amounts by name.
    executors
        Further executors, with their numbers of threads.
    local_directory
        Where it may write; a folder of its own is made in there and removed at the end.
    folder
        That folder, where it has been made already.
    env
        Environment variables of its process.
    preload, preload_argv
        Modules or files that are loaded first; a function ``dask_setup(worker)`` in them is called,
        and ``dask_teardown(worker)`` at the end.
    plugins
        Worker plugins, pickled, by name.
    target, spill, pause, terminate
        Fractions of the memory limit; see `shoal.distributed.core.worker.table.Settings`; at
        ``terminate`` the nanny kills the process.
    spill_quota
        Bytes that spilled results may take on disk; 0 for no limit.
    leave_s
        Without a scheduler for as long, it ends.
    lifetime_s, lifetime_stagger_s, lifetime_restart
        It retires when it is that old, give or take a random part of ``lifetime_stagger_s``; and
        whether it is started again.
    profile_s
        How often the stacks of tasks are looked at; 0 for never.
    nanny
        Whether a nanny watches over it.
    dashboard
        Accepted.
    contact_address
        Where others reach it, if that is elsewhere: a relay, a port that a container publishes.

    Raises
    ------
    TypeError, ValueError
        No worker can be like this; here, for a process that dies of it, or that the scheduler
        refuses, says less.

    Examples
    --------
    >>> WorkerSpec("a", "tcp://127.0.0.1:8786", nthreads=2).replace(name="b").name
    'b'
    """

    name: str
    scheduler: str
    address: str = "tcp://127.0.0.1:0"
    nthreads: int = 1
    memory_limit: Any = "auto"
    resources: dict[str, float] = field(default_factory=dict)
    executors: dict[str, int] = field(default_factory=dict)
    local_directory: str = ""
    folder: str = ""
    env: dict[str, str] = field(default_factory=dict)
    preload: tuple[str, ...] = ()
    preload_argv: tuple[str, ...] = ()
    plugins: dict[str, bytes] = field(default_factory=dict)
    target: float = 0.6
    spill: float = 0.7
    pause: float = 0.8
    terminate: float = 0.95
    spill_quota: int = 0
    leave_s: float = 60.0
    lifetime_s: float = 0.0
    lifetime_stagger_s: float = 0.0
    lifetime_restart: bool = False
    profile_s: float = 0.02
    nanny: bool = True
    dashboard: Any = None
    contact_address: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.nthreads, int):
            raise TypeError(f"a worker has a whole number of threads; got {self.nthreads!r}")
        if self.nthreads < 1:
            raise ValueError(f"a worker has at least one thread; got {self.nthreads!r}")
        parse_memory(self.memory_limit)
        for name, amount in as_mapping("resources", self.resources, "{'GPU': 2}").items():
            if not isinstance(amount, int | float):
                raise TypeError(f"resources are numbers by name; got {amount!r} for {name!r}")
            if not 0 <= amount < math.inf:
                raise ValueError(f"of a resource there is 0 or more; got {amount!r} of {name!r}")
        as_mapping("executors", self.executors, "{'io': 4}")
        as_mapping("env", self.env, "{'OMP_NUM_THREADS': '1'}")

    def replace(self, **changes: Any) -> WorkerSpec:
        """The same with some things changed.

        Parameters
        ----------
        **changes
            By name.
        """
        return dataclasses.replace(self, **changes)


def as_mapping(what: str, given: Any, example: str) -> Mapping[Any, Any]:
    """What was given for a field of names and values, or an error that shows what it looks like."""
    if not isinstance(given, Mapping):
        raise TypeError(f"{what} of a worker is a dictionary such as {example}; got {given!r}")
    return given


def make_folder(spec: WorkerSpec) -> str:
    """A new folder that only one worker uses.

    Parameters
    ----------
    spec
        Of the worker.

    Examples
    --------
    >>> import os
    >>> folder = make_folder(WorkerSpec("a", "inproc://s"))
    >>> oct(os.stat(folder).st_mode & 0o777)
    '0o700'
    >>> os.rmdir(folder)
    """
    return own_folder("worker", spec.local_directory)


def parse_memory(wanted: object) -> int | float | None:
    """A memory limit as people write it: bytes, a fraction of the system's as float, None for auto.

    Parameters
    ----------
    wanted
        See `shoal.distributed.node.limits.memory_limit`.

    Raises
    ------
    ValueError
        It is none of these.

    Examples
    --------
    >>> parse_memory("2 GiB"), parse_memory(0.5), parse_memory("auto"), parse_memory(None)
    (2147483648, 0.5, None, 0)
    """
    if wanted == "auto":
        return None
    if wanted is None or wanted == 0:
        return 0
    number: Any = wanted
    if isinstance(wanted, str):
        try:
            number = float(wanted) if "." in wanted else int(wanted)
        except ValueError:
            number = parse_bytes(wanted)
    if not isinstance(number, int | float) or not 0 <= number < math.inf:
        raise ValueError(
            f"a memory limit is bytes, such as '4 GB', a fraction, 'auto' or None; got {wanted!r}"
        )
    return number if isinstance(number, float) and 0 < number <= 1 else int(number)
