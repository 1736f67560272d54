"""Clusters made of parts that somebody else defines: a class for the scheduler, others for workers.

A part is made as ``cls(scheduler_address, name=..., **options)`` (the scheduler without an
address), and has ``start`` and ``close``, as functions or coroutine functions, and an ``address``
when it runs.
Deployments through ssh or a batch system are such classes, and nothing else.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Generator
from typing import Any, Self

from shoal.distributed.client.start import Place, place_of
from shoal.distributed.deploy.cluster import Cluster
from shoal.distributed.deploy.members import Worker
from shoal.distributed.node.coroutines import Coroutines
from shoal.distributed.node.scheduler import Scheduler
from shoal.errors import ClusterError

__all__ = ["ProcessInterface", "SpecCluster"]

log = logging.getLogger("distributed.deploy")

START_S = 60.0
"""How long the first workers may take to come."""


class ProcessInterface:
    """A part of a cluster; override ``start`` and ``close``.

    To await one starts it; ``async with`` closes it, too.

    Parameters
    ----------
    scheduler
        Address of the scheduler; None for the scheduler itself.
    name
        In the cluster.

    Examples
    --------
    >>> ProcessInterface(name="a").status
    'created'
    """

    scheduler: str | None = None
    name: Any = None
    address: Any = None

    def __init__(self, scheduler: str | None = None, name: Any = None) -> None:
        # Classes of users' set some of these themselves, and call this without arguments then.
        if scheduler is not None:
            self.scheduler = scheduler
        if name is not None:
            self.name = name
        self.status = "created"

    async def start(self) -> None:
        """Start the part: submit the job, run the command."""
        self.status = "running"

    async def close(self) -> None:
        """End it."""
        self.status = "closed"

    async def _started(self) -> Self:
        if self.status == "created":
            await self.start()
        return self

    def __await__(self) -> Generator[Any, None, Self]:
        return self._started().__await__()

    async def __aenter__(self) -> Self:
        return await self

    async def __aexit__(self, *exc_info: Any) -> None:
        await self.close()


class SpecCluster(Cluster):
    """A cluster from a description of its parts.

    Parameters
    ----------
    workers
        ``{name: {"cls": class, "options": {...}}}`` of the first workers.  ``"group"``: where one
        part is several workers, what follows the name in each one's name.
    scheduler
        ``{"cls": class, "options": {...}}``; default: one in this process.
    worker
        ``{"cls": class, "options": {...}}`` of workers that come later; default: as the first.
    asynchronous
        Methods return what can be awaited.
    loop
        Accepted.
    security
        The cluster's credentials.
    silence_logs
        While the cluster is there, loggers say nothing less urgent than this level.
    name
        What it is called.
    shutdown_on_close, shutdown_scheduler
        Whether the scheduler ends with the cluster.
    scheduler_sync_interval
        Accepted.

    Examples
    --------
    >>> from shoal.distributed import Client, Worker
    >>> workers = {"a": {"cls": Worker, "options": {"nthreads": 1}}}
    >>> with SpecCluster(workers) as cluster, Client(cluster) as client:
    ...     client.submit(abs, -2).result()
    2
    """

    def __init__(
        self,
        workers: dict[Any, dict[str, Any]] | None = None,
        scheduler: dict[str, Any] | None = None,
        worker: dict[str, Any] | None = None,
        asynchronous: bool = False,
        loop: Any = None,
        security: Any = None,
        silence_logs: Any = False,
        name: str | None = None,
        shutdown_on_close: bool = True,
        scheduler_sync_interval: Any = 1,
        shutdown_scheduler: bool = True,
    ) -> None:
        super().__init__(asynchronous=asynchronous, name=name, silence_logs=silence_logs)
        self.worker_spec = dict(workers or {})
        self.scheduler_spec = scheduler or {"cls": Scheduler}
        self.new_spec = worker or next(iter(self.worker_spec.values()), {"cls": Worker})
        self.security = security
        self._ends_scheduler = shutdown_on_close and shutdown_scheduler
        self._coroutines = Coroutines()
        self._found: Place | None = None
        if not asynchronous:
            self._ensure_started()

    def new_worker_spec(self) -> dict[Any, dict[str, Any]]:
        """Name and description of the next worker."""
        while self._next in self.worker_spec:
            self._next += 1
        return {self._next: self.new_spec}

    def _start(self) -> None:
        options = dict(self.scheduler_spec.get("options", {}))
        if self.security is not None:
            options.setdefault("security", self.security)
        self.scheduler = self.scheduler_spec["cls"](**options)
        self._wait(self.scheduler.start)
        self.security = getattr(self.scheduler, "security", self.security)
        for name in self.worker_spec:
            self.workers[name] = self._add_worker(name)
        count = sum(len(self._members_of(name)) for name in self.workers)
        if count:
            self._ask("workers.wait", None, n=count, timeout_s=START_S)

    def _wait(self, call: Callable[[], Any]) -> Any:
        result = call()
        if inspect.isawaitable(result):
            return self._coroutines.run(_awaited(result))
        return result

    def _add_worker(self, name: Any) -> Any:
        spec = self.worker_spec.setdefault(name, self.new_spec)
        options = dict(spec.get("options", {}))
        worker = spec["cls"](self.scheduler.address, name=name, **options)
        self._wait(worker.start)
        return worker

    def _members_of(self, name: Any) -> list[str]:
        spec = self.worker_spec.get(name, self.new_spec)
        return [f"{name}{suffix}" for suffix in spec.get("group", [""])]

    def _remove_workers(self, workers: dict[Any, Any]) -> None:
        for name, worker in workers.items():
            self.worker_spec.pop(name, None)
            self._end(f"worker {name}", worker)

    def _end(self, what: str, part: Any) -> None:
        """Close a part; one that cannot be closed keeps no other from it."""
        try:
            self._wait(part.close)
        except Exception:
            log.exception("%s of the cluster %r could not be closed", what, self.name)

    def _stop(self) -> None:
        self._remove_workers(dict(self.workers))
        if self._found is not None:
            self._found.close()
        if self.scheduler is not None and self._ends_scheduler:
            self._end("the scheduler", self.scheduler)
        self._coroutines.close()

    def _place(self) -> Place:
        if self.scheduler is None:
            raise ClusterError(f"the cluster {self.name!r} was not started; await it first")
        if self._found is None:
            self._found = place_of(str(self.scheduler.address), self.security)
        found = self._found
        return Place(found.address, found.security, found.loop, found.public_address)


async def _awaited(result: Any) -> Any:
    return await result
