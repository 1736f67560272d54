"""A cluster on this machine: the scheduler in a thread of this process, workers in processes.

One loop runs the scheduler and watches over the workers' processes, and clients of this process
share it: what they send is handed over as it is, without a socket.  Workers connect through a unix
socket, over which large data travels in shared memory; other processes of the same user connect
through tcp.  So do workers where the folder for temporary files has a name that is too long for
the path of a unix socket (some batch systems give each job such a one).
"""

from __future__ import annotations

import atexit
import contextlib
import inspect
import itertools
import logging
import math
import operator
import os
import shutil
import threading
from typing import Any

from shoal import config
from shoal.distributed.client.promise import Promise
from shoal.distributed.client.start import Place
from shoal.distributed.deploy.cluster import CLOSE_S, Cluster, close_all
from shoal.distributed.deploy.members import check_options, spec_options
from shoal.distributed.net import Loop, Security
from shoal.distributed.net.addresses import UNIX_BYTES
from shoal.distributed.net.interfaces import get_ip_interface
from shoal.distributed.node.known import own_folder
from shoal.distributed.node.limits import memory_limit
from shoal.distributed.node.nanny import Nanny
from shoal.distributed.node.scheduler import Scheduler
from shoal.distributed.node.spec import WorkerSpec
from shoal.distributed.node.worker import Worker
from shoal.errors import ClusterError, SerializationError
from shoal.local.cpus import CPU_COUNT
from shoal.seams import stands_for_dask

__all__ = ["LocalCluster", "default_shape", "nprocesses_nthreads"]

log = logging.getLogger("distributed.deploy")

START_S = 60.0
"""How long workers may take to come."""

INHERIT = "SHOAL_INTERNAL_INHERIT_CONFIG"
"""The variable in which a process is handed settings (`shoal.config`)."""

LONGEST_NAME = len("/worker-12345678-12345678")
"""Bytes of the name of a unix socket in the folder of a cluster."""

_count = itertools.count()


def inherited_settings() -> str:
    """The settings of this process, as text for another one; what text cannot say is left out.

    Examples
    --------
    >>> config.deserialize(inherited_settings())["distributed"]["adaptive"]["wait-count"]
    3
    """
    said = {}
    for name, value in config.global_config.items():
        with contextlib.suppress(SerializationError):
            config.serialize({name: value})
            said[name] = value
    # Tasks compute on the cluster, whatever this program computes with.
    said.pop("scheduler", None)
    return config.serialize(said)


def default_shape(
    n_workers: int | None, threads_per_worker: int | None, processes: bool, cpus: int
) -> tuple[int, int]:
    """How many workers with how many threads, where the user left it open.

    Parameters
    ----------
    n_workers, threads_per_worker
        None where it was left open.
    processes
        Whether workers are processes.
    cpus
        CPUs of this machine.

    Examples
    --------
    >>> default_shape(None, None, True, 12), default_shape(None, None, True, 4)
    ((4, 3), (4, 1))
    >>> default_shape(None, None, False, 12), default_shape(2, None, True, 12)
    ((1, 12), (2, 6))
    """
    n_workers = at_least(0, "n_workers", n_workers)
    threads_per_worker = at_least(1, "threads_per_worker", threads_per_worker)
    if n_workers is None and threads_per_worker is None:
        if not processes:
            return 1, cpus
        # About the square root: enough processes to get around the GIL, enough threads to share.
        workers = (
            cpus
            if cpus <= 4
            else next(n for n in range(math.ceil(math.sqrt(cpus)), cpus + 1) if cpus % n == 0)
        )
        return workers, max(1, cpus // workers)
    if n_workers is None:
        assert threads_per_worker is not None
        return (max(1, cpus // threads_per_worker) if processes else 1), threads_per_worker
    if threads_per_worker is None:
        threads_per_worker = max(1, cpus // n_workers) if n_workers else 1
    return n_workers, threads_per_worker


def at_least(least: int, name: str, number: Any) -> int | None:
    """A number as it was given, if it is whole and not too small; None stays None."""
    if number is None:
        return None
    if not hasattr(number, "__index__"):
        raise TypeError(f"{name} is a whole number, got {number!r}")
    if number < least:
        raise ValueError(f"{name} is at least {least}, got {number!r}")
    return operator.index(number)


def nprocesses_nthreads(n: int) -> tuple[int, int]:
    """How many processes with how many threads each, for so many CPUs.

    Parameters
    ----------
    n
        CPUs.

    Examples
    --------
    >>> nprocesses_nthreads(16), nprocesses_nthreads(3)
    ((4, 4), (3, 1))
    """
    return default_shape(None, None, True, n)


class LocalCluster(Cluster):
    """A cluster on this machine.

    Parameters
    ----------
    name
        What it is called.
    n_workers, threads_per_worker
        Default: by the number of CPUs.
    processes
        False: workers are threads of this process, for tasks that let go of the GIL, and for
        debugging.
    host, interface
        On which the scheduler listens: an address of this machine, or a network interface such as
        ``"eth0"``; default: for this machine only.
    scheduler_port
        0 for any.
    protocol
        ``"tcp"`` or ``"tls"``, for connections from other machines, also to the workers, which use
        unix sockets otherwise, unless ``dask`` means shoal; ``"inproc"`` means ``processes=False``.
    security
        The cluster's credentials; default: new ones; True: new ones with certificates.
    memory_limit
        Of each worker: bytes, such as ``"4 GB"``, a fraction of the machine's memory, ``"auto"``,
        or None for no limit.
    asynchronous
        Methods return what can be awaited; use ``async with``.
    scheduler_kwargs
        Further options of the scheduler.
    dashboard_address
        Where the dashboard is: ``":8787"``, ``"host:port"``, ``":0"`` for any port; None: nowhere.
        The next free port is taken, and told, when that one is in use.
    worker_class
        `Worker` means ``processes=False``.
    silence_logs
        Loggers say nothing less urgent than this level while the cluster is there.
    worker_dashboard_address, loop, start, ip
        Accepted, without effect.
    scheduler_sync_interval
        Accepted, without effect.
    **worker_options
        ``resources``, ``local_directory``, ``env``, ``preload``, ``lifetime``, ...  Those of Dask's
        workers that mean nothing here are accepted; another name is a `TypeError` at the start.

    Examples
    --------
    >>> from shoal.distributed import Client
    >>> with LocalCluster(n_workers=1, processes=False) as cluster, Client(cluster) as client:
    ...     client.submit(abs, -5).result()
    5
    """

    def __init__(
        self,
        name: str | None = None,
        n_workers: int | None = None,
        threads_per_worker: int | None = None,
        processes: bool | None = None,
        loop: Any = None,
        start: Any = None,
        host: str | None = None,
        ip: str | None = None,
        scheduler_port: int = 0,
        silence_logs: Any = logging.WARNING,
        dashboard_address: Any = ":8787",
        worker_dashboard_address: Any = None,
        asynchronous: bool = False,
        security: Any = None,
        protocol: str | None = None,
        interface: str | None = None,
        worker_class: Any = None,
        scheduler_kwargs: dict[str, Any] | None = None,
        scheduler_sync_interval: Any = 1,
        **worker_options: Any,
    ) -> None:
        super().__init__(asynchronous=asynchronous, name=name, silence_logs=silence_logs)
        if processes is None:
            processes = protocol != "inproc" and not _is_thread_class(worker_class)
        self.processes = processes
        threads = worker_options.pop("nthreads", None) or threads_per_worker or None
        shape = default_shape(n_workers, threads, processes, CPU_COUNT)
        self._wanted, self._threads = shape
        if not isinstance(security, Security | bool | None):
            raise TypeError(f"security is a Security, True for TLS, or None; got {security!r}")
        if not isinstance(security, Security):
            security = Security.new(tls=security is True or protocol in ("tls", "tls://"))
        self.security = security
        scheme = protocol.removesuffix("://") if protocol else "tls" if security.has_tls else "tcp"
        if scheme == "inproc":
            scheme = "tcp"
        if interface is not None:
            host = host or get_ip_interface(interface)
        where = host or ip or "127.0.0.1"
        self._listen = f"{where}" if "://" in where else f"{scheme}://{where}:{scheduler_port}"
        # Libraries that were written for Dask find workers by the hosts in their addresses
        # (LightGBM); those of unix sockets have none.
        self._is_near = (not protocol and not stands_for_dask()) or "://" in where
        """Whether workers use unix sockets."""
        self._workers_listen = f"{scheme}://{'127.0.0.1' if self._is_near else where}:0"
        self._scheduler_options = {
            "dashboard_address": dashboard_address,
            **(scheduler_kwargs or {}),
        }
        self._given = list(worker_options)
        self._worker_options = spec_options(worker_options)
        self._folder = ""
        self._failure = ""
        self._arrival: Promise[Any] | None = None
        self._loop: Loop | None = None
        self._thread: threading.Thread | None = None
        if not asynchronous:
            self._ensure_started()

    # -- starting ------------------------------------------------------------------------------

    def _start(self) -> None:
        check_options("LocalCluster", self._given, inspect.signature(LocalCluster).parameters)
        self._folder = own_folder("cluster")
        near = [f"unix://{self._folder}/scheduler"] if is_short(self._folder) else []
        self._is_near = self._is_near and bool(near)
        self._loop = Loop()
        self._thread = self._loop.start("shoal-cluster")
        self.scheduler = Scheduler(
            addresses=[self._listen, *near],
            security=self.security,
            loop=self._loop,
            **self._scheduler_options,
        ).start()
        for name in range(self._wanted):
            self.workers[name] = self._add_worker(name)
        self._next = self._wanted
        if self._wanted:
            self._wait_for_first()

    def _wait_for_first(self) -> None:
        """Until all workers have come, or one says why it cannot."""
        link = self._own_link()
        self._arrival = link.call("workers.wait", n=self._wanted, timeout_s=START_S)
        if self._failure:
            self._arrival.fail(ClusterError(self._failure))
        self._arrival.wait(START_S + 1)

    def _spec(self, name: Any) -> WorkerSpec:
        if self.processes and not self._is_near:
            scheduler, address = self.scheduler.addresses[0], self._workers_listen
        elif self.processes:
            scheduler = self.scheduler.addresses[1]
            address = f"unix://{self._folder}/worker-{name}-{next(_count)}"
        else:
            scheduler = self.scheduler.inner
            address = f"inproc://{self._folder.rsplit('/')[-1]}-{name}-{next(_count)}"
        options = dict(self._worker_options)
        options.setdefault("memory_limit", "auto" if self.processes else None)
        if self.processes:
            # Its process has the settings that this one has now.
            options["env"] = {INHERIT: inherited_settings(), **options.get("env", {})}
        return WorkerSpec(
            name=str(name),
            scheduler=scheduler,
            address=address,
            nthreads=self._threads,
            nanny=self.processes,
            **options,
        )

    def _add_worker(self, name: Any) -> Any:
        assert self._loop is not None
        spec = self._spec(name)
        worker: Any
        if self.processes:
            worker = Nanny(self._loop, spec, self.security, on_end=self._ended)
        else:
            worker = Worker(self._loop, spec, self.security)
        worker.start()
        return worker

    def _ended(self, nanny: Any, text: str) -> None:
        """A worker is gone and will not be started again."""
        if self.status == "starting":
            self._failure = text or f"worker {nanny.name} could not be started: it ended"
            if self._arrival is not None:
                self._arrival.fail(ClusterError(self._failure))
        for name, worker in list(self.workers.items()):
            if worker is nanny and self.status == "running":
                self.workers.pop(name, None)

    # -- ending --------------------------------------------------------------------------------

    def _remove_workers(self, workers: dict[Any, Any]) -> None:
        threads = [
            threading.Thread(target=_close_worker, args=(worker,), daemon=True)
            for worker in workers.values()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(CLOSE_S + 1)

    def _stop(self) -> None:
        self._remove_workers(dict(self.workers))
        if self.scheduler is not None:
            self.scheduler.close("the cluster was closed")
        if self._loop is not None:
            self._loop.stop()
            if self._thread is not None and self._thread is not threading.current_thread():
                self._thread.join(5)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    # -- what it is ----------------------------------------------------------------------------

    def _place(self) -> Place:
        if self.scheduler is None or self._loop is None:
            raise ClusterError(f"the cluster {self.name!r} was not started; await it first")
        return Place(self.scheduler.inner, self.security, self._loop, self.scheduler.address)

    def _worker_amount(self, what: str) -> int:
        if what == "cores":
            return self._threads
        return memory_limit(self._spec("example").memory_limit, self._threads, CPU_COUNT)


def is_short(folder: str) -> bool:
    """Whether unix sockets of a cluster can be in a folder.

    Parameters
    ----------
    folder
        Its path.

    Examples
    --------
    >>> is_short("/tmp/shoal-cluster-17-x"), is_short("/scratch/" + 90 * "x")
    (True, False)
    """
    return len(os.fsencode(folder)) + LONGEST_NAME <= UNIX_BYTES


def _close_worker(worker: Any) -> None:
    try:
        worker.close(timeout_s=CLOSE_S)
    except TypeError:
        worker.close()
    worker.closed.wait(CLOSE_S)


def _is_thread_class(worker_class: Any) -> bool:
    return isinstance(worker_class, type) and issubclass(worker_class, Worker)


atexit.register(close_all)
