"""Workers and nannies as objects for programs: `Worker` and `Nanny` with the arguments users know.

`shoal.distributed.node` has the working parts, which take a description (`WorkerSpec`) and a loop.
These make both, look up the cluster's credentials, and can be awaited.
"""

from __future__ import annotations

import asyncio
import difflib
import itertools
import threading
from collections.abc import Generator, Iterable
from typing import Any

from shoal import config
from shoal.distributed.net import Loop, Security, parse
from shoal.distributed.node import nanny as nannies
from shoal.distributed.node import worker as workers
from shoal.distributed.node.known import find_known
from shoal.distributed.node.spec import WorkerSpec, as_mapping
from shoal.errors import AuthenticationError, ClusterError
from shoal.local.cpus import CPU_COUNT
from shoal.units import parse_bytes, parse_timedelta

__all__ = ["Nanny", "Worker", "check_options", "spec_options"]

START_S = 30.0
CLOSE_S = 10.0

_count = itertools.count()

OPTIONS = {
    "contact_address": "contact_address",
    "resources": "resources",
    "memory_limit": "memory_limit",
    "local_directory": "local_directory",
    "env": "env",
    "preload": "preload",
    "preload_argv": "preload_argv",
    "lifetime": "lifetime_s",
    "lifetime_stagger": "lifetime_stagger_s",
    "lifetime_restart": "lifetime_restart",
    "death_timeout": "leave_s",
    "executors": "executors",
    "memory_target_fraction": "target",
    "memory_spill_fraction": "spill",
    "memory_pause_fraction": "pause",
    "memory_terminate_fraction": "terminate",
    "max_spill": "spill_quota",
    "profile_interval": "profile_s",
}
"""Options of workers that users give, and the fields of `WorkerSpec` that they set."""

SETTINGS = {
    "preload": "preload",
    "preload_argv": "preload-argv",
    "lifetime": "lifetime.duration",
    "lifetime_stagger": "lifetime.stagger",
    "lifetime_restart": "lifetime.restart",
    "memory_target_fraction": "memory.target",
    "memory_spill_fraction": "memory.spill",
    "memory_pause_fraction": "memory.pause",
    "memory_terminate_fraction": "memory.terminate",
    "max_spill": "memory.max-spill",
    "profile_interval": "profile.interval",
    "resources": "resources",
}
"""Where the configuration has such options, below ``distributed.worker``."""


WITHOUT_EFFECT = {
    "blocked_handlers",
    "config",
    "dashboard",
    "dashboard_prefix",
    "data",
    "diagnostics_port",
    "executor",
    "extensions",
    "heartbeat_interval",
    "http_prefix",
    "listen_address",
    "memory_monitor_interval",
    "metrics",
    "nanny",
    "port",
    "pre_spawn_environ",
    "profile_cycle_interval",
    "quiet",
    "reconnect",
    "scheduler_file",
    "scheduler_ip",
    "service_kwargs",
    "services",
    "startup_information",
    "transition_counter_max_examples",
    "validate",
    "worker_port",
}
"""Options of Dask's workers that programs give, and that mean nothing here."""


def check_options(whose: str, given: Iterable[str], known: Iterable[str]) -> None:
    """See that there are such options of workers, or of whoever makes them.

    Parameters
    ----------
    whose
        Who was given them.
    given
        Names.
    known
        The further ones that it takes itself.

    Raises
    ------
    TypeError
        There is none of a name; the nearest is named.

    Examples
    --------
    >>> check_options("Worker", ["resource"], [])
    Traceback (most recent call last):
    ...
    TypeError: Worker() got an unexpected keyword argument 'resource'; did you mean resources?
    """
    all_known = [*known, *OPTIONS, *WITHOUT_EFFECT]
    for name in given:
        if name not in all_known:
            near = difflib.get_close_matches(name, all_known, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; it takes {', '.join(OPTIONS)}"
            if name == "plugins":
                hint = "; register plugins with client.register_plugin"
            text = f"{whose}() got an unexpected keyword argument {name!r}{hint}"
            raise TypeError(text)


def spec_options(given: dict[str, Any]) -> dict[str, Any]:
    """Fields of `WorkerSpec` from what the user said, here or in the configuration.

    What has no meaning here is passed over.

    Parameters
    ----------
    given
        Options by the names users know.

    Examples
    --------
    >>> found = spec_options(
    ...     {"lifetime": "1 m", "dashboard": False, "memory_pause_fraction": False}
    ... )
    >>> found["lifetime_s"], found["pause"], found["target"]
    (60, 0.0, 0.6)
    """
    options: dict[str, Any] = {}
    said = {name: config.get(f"distributed.worker.{key}") for name, key in SETTINGS.items()}
    if not config.get("distributed.worker.profile.enabled"):
        said["profile_interval"] = 0
    said["env"] = config.get("distributed.nanny.environ") or None
    if given.get("env"):
        own = as_mapping("env", given["env"], "{'OMP_NUM_THREADS': '1'}")
        given = {**given, "env": {**(said["env"] or {}), **own}}
    given = {n: value for n, value in given.items() if value is not None or n == "memory_limit"}
    for name, value in {**said, **given}.items():
        field = OPTIONS.get(name)
        if field is None or (value is None and field != "memory_limit"):
            continue
        if field.endswith("_s"):
            value = parse_timedelta(value)
        elif field in ("preload", "preload_argv"):
            value = (value,) if isinstance(value, str) else tuple(value)
        elif name.endswith("_fraction"):
            value = float(value or 0)
        elif name == "max_spill":
            value = parse_bytes(value) if value else 0
        elif field == "local_directory":
            value = str(value)
        options[field] = value
    return options


def _describe(
    scheduler: Any,
    port: Any,
    *,
    nthreads: int | None,
    ncores: int | None,
    name: Any,
    host: str | None,
    security: Any,
    scheduler_ip: Any,
    given: dict[str, Any],
) -> tuple[WorkerSpec, Security]:
    """The spec and the credentials, from the arguments of a worker."""
    address = scheduler or scheduler_ip
    if hasattr(address, "scheduler_address"):
        address = address.scheduler_address
    elif not isinstance(address, str) and hasattr(address, "address"):
        address = address.address
    if isinstance(address, str) and port is not None and "://" not in address:
        address = f"tcp://{address}:{port}"
    if not isinstance(address, str):
        raise ValueError("a worker needs the address of its scheduler: Worker('tcp://host:port')")
    address = str(parse(address))
    known = find_known(address)
    if not isinstance(security, Security):
        if known is None:
            raise AuthenticationError(
                f"nothing is known of the cluster at {address}: pass security=, for instance from "
                "read_cluster_file('cluster.json')"
            )
        security = known.security
    where = host or "127.0.0.1"
    listen = where if "://" in where else f"tcp://{where}:0"
    if listen.count(":") < 2:
        listen = f"{listen}:0"
    scheme = parse(address).scheme
    label = f"worker-{next(_count)}-{id(given):x}" if name is None else str(name)
    options = spec_options(given)
    options.setdefault("memory_limit", "auto")
    spec = WorkerSpec(
        name=label,
        scheduler=address,
        address=listen.replace("tcp://", f"{scheme}://") if scheme == "tls" else listen,
        nthreads=nthreads or ncores or CPU_COUNT,
        **options,
    )
    return spec, security


class Worker(workers.Worker):
    """A worker in threads of this process.

    Parameters
    ----------
    scheduler
        Its address, or a cluster or scheduler object.
    scheduler_port, scheduler_ip
        The same in two parts.
    ncores
        The former name of ``nthreads``.
    nthreads
        Tasks at once; default: the number of CPUs.
    name
        Unique in the cluster.
    host
        The interface to listen on.
    security
        The cluster's credentials; default: those that are known for the address.
    loop
        Accepted, without effect unless it is a `shoal.distributed.net.Loop`.
    **options
        ``memory_limit``, ``resources``, ``local_directory``, ``preload``, ``lifetime``, ...

    Examples
    --------
    >>> from shoal.distributed import Client, Scheduler
    >>> with Scheduler() as scheduler, Worker(scheduler.address, nthreads=1) as worker:
    ...     with Client(scheduler.address) as client:
    ...         client.submit(abs, -1).result()
    1
    """

    def __init__(
        self,
        scheduler: Any = None,
        scheduler_port: Any = None,
        *,
        nthreads: int | None = None,
        ncores: int | None = None,
        name: Any = None,
        host: str | None = None,
        security: Any = None,
        loop: Any = None,
        scheduler_ip: Any = None,
        **options: Any,
    ) -> None:
        spec, security = _describe(
            scheduler,
            scheduler_port,
            nthreads=nthreads,
            ncores=ncores,
            name=name,
            host=host,
            security=security,
            scheduler_ip=scheduler_ip,
            given=options,
        )
        self._own_loop = not isinstance(loop, Loop)
        own = Loop() if self._own_loop else loop
        self._begun = False
        self._loop_thread = own.start(f"shoal-worker-{spec.name}") if self._own_loop else None
        super().__init__(own, spec.replace(nanny=False), security)

    def start(self) -> Any:
        """Connect to the scheduler; blocks until it knows the worker, or can be awaited."""
        if asyncio._get_running_loop() is not None:
            return asyncio.get_running_loop().run_in_executor(None, self._begin)
        return self._begin()

    def _begin(self) -> Worker:
        if not self._begun:
            self._begun = True
            super().start()
        if not self.registered.wait(START_S):
            raise ClusterError(
                f"the worker {self.name!r} could not join the scheduler at "
                f"{self.scheduler_address} within {START_S:g} s"
            )
        if self.failure:
            raise ClusterError(self.failure)
        return self

    def close(self, reason: Any = "closed", **options: Any) -> Any:
        """End; blocks until it has ended, or can be awaited.

        Parameters
        ----------
        reason
            For the log.
        **options
            Accepted: ``timeout``, ``nanny``, ...
        """
        text = reason if isinstance(reason, str) else "closed"
        super().close(text)
        if self.loop.in_loop():
            return None
        if asyncio._get_running_loop() is not None:
            return asyncio.get_running_loop().run_in_executor(None, self._finish)
        return self._finish()

    def _finish(self) -> None:
        self.closed.wait(CLOSE_S)
        if self._own_loop:
            self.loop.stop()
            if self._loop_thread is not threading.current_thread() and self._loop_thread:
                self._loop_thread.join(5)

    async def finished(self) -> None:
        """Wait for the end."""
        await asyncio.get_running_loop().run_in_executor(None, self.closed.wait)

    @property
    def id(self) -> str:
        """What it is, and its name."""
        return f"Worker-{self.name}"

    @property
    def worker_address(self) -> str:
        """Where others reach it."""
        return self.address

    def __enter__(self) -> Worker:
        return self._begin()

    def __exit__(self, *exc_info: Any) -> None:
        super().close("closed")
        self._finish()

    async def __aenter__(self) -> Worker:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        await self.close()

    def __await__(self) -> Generator[Any, None, Worker]:
        return self.__aenter__().__await__()

    def __repr__(self) -> str:
        return f"<Worker {self.address!r}, name: {self.name}, status: {self.status}>"


class Nanny(nannies.Nanny):
    """A worker in a process of its own, watched over and started again when it dies.

    Parameters
    ----------
    scheduler, scheduler_port, scheduler_ip, nthreads, ncores, name, host, security, loop, **options
        As for `Worker`; ``env``: environment variables of the process.

    Examples
    --------
    >>> Nanny.__name__
    'Nanny'
    """

    def __init__(
        self,
        scheduler: Any = None,
        scheduler_port: Any = None,
        *,
        nthreads: int | None = None,
        ncores: int | None = None,
        name: Any = None,
        host: str | None = None,
        security: Any = None,
        loop: Any = None,
        scheduler_ip: Any = None,
        **options: Any,
    ) -> None:
        spec, security = _describe(
            scheduler,
            scheduler_port,
            nthreads=nthreads,
            ncores=ncores,
            name=name,
            host=host,
            security=security,
            scheduler_ip=scheduler_ip,
            given=options,
        )
        self._own_loop = not isinstance(loop, Loop)
        own = Loop() if self._own_loop else loop
        self._begun = False
        self._there = threading.Event()
        self._loop_thread = own.start(f"shoal-nanny-{spec.name}") if self._own_loop else None
        super().__init__(own, spec, security)

    def start(self) -> Any:
        """Start the worker; blocks until it has joined the scheduler, or can be awaited."""
        if asyncio._get_running_loop() is not None:
            return asyncio.get_running_loop().run_in_executor(None, self._begin)
        return self._begin()

    def _begin(self) -> Nanny:
        if not self._begun:
            self._begun = True
            self.waiting.append(self._there.set)
            self.on_end = lambda nanny, text: self._there.set()
            super().start()
        if not self._there.wait(START_S) or self.closed.is_set():
            raise ClusterError(
                f"the worker {self.name!r} could not be started: {self.failure or 'no answer'}"
            )
        return self

    def close(self, timeout_s: Any = CLOSE_S, **options: Any) -> Any:
        """End the worker for good; blocks, or can be awaited.

        Parameters
        ----------
        timeout_s
            How long it may take to end by itself.
        **options
            Accepted.
        """
        limit_s = CLOSE_S if isinstance(timeout_s, str) or timeout_s is None else float(timeout_s)
        if asyncio._get_running_loop() is not None:
            loop = asyncio.get_running_loop()
            return loop.run_in_executor(None, self._finish, limit_s)
        return self._finish(limit_s)

    def _finish(self, timeout_s: float = CLOSE_S) -> None:
        super().close(timeout_s)
        if self._own_loop:
            self.loop.stop()
            if self._loop_thread is not threading.current_thread() and self._loop_thread:
                self._loop_thread.join(5)

    async def finished(self) -> None:
        """Wait for the end."""
        await asyncio.get_running_loop().run_in_executor(None, self.closed.wait)

    def __enter__(self) -> Nanny:
        return self._begin()

    def __exit__(self, *exc_info: Any) -> None:
        self._finish()

    async def __aenter__(self) -> Nanny:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        await self.close()

    def __await__(self) -> Generator[Any, None, Nanny]:
        return self.__aenter__().__await__()
