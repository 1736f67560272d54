"""A cluster of processes on this machine that have nothing in common with the program.

Unlike `LocalCluster`, the scheduler is a process as well, so it does not share the program's
interpreter lock, and lives and dies by itself.
"""

from __future__ import annotations

import logging
from typing import Any

from shoal.distributed.deploy.hosts import ThisHost
from shoal.distributed.deploy.local import default_shape
from shoal.distributed.deploy.parts import CommandScheduler, CommandWorker
from shoal.distributed.deploy.spec import SpecCluster
from shoal.local.cpus import CPU_COUNT

__all__ = ["SubprocessCluster"]


class SubprocessCluster(SpecCluster):
    """A cluster of processes on this machine, started by commands.

    Parameters
    ----------
    host
        The interface on which the scheduler listens; default: this machine only.
    scheduler_port
        0 for any.
    scheduler_kwargs, worker_kwargs
        Options of ``shoal scheduler`` and ``shoal worker``, such as ``{"idle_timeout": "5 s"}``.
    n_workers, threads_per_worker
        Default: by the number of CPUs.
    dashboard_address, worker_dashboard_address
        Accepted.
    silence_logs
        While the cluster is there, loggers say nothing less urgent than this level.
    worker_class
        Accepted.
    **options
        ``asynchronous``, ``name``, ...

    Raises
    ------
    ClusterError
        The scheduler could not be started; with what it said.

    Examples
    --------
    >>> SubprocessCluster.__name__
    'SubprocessCluster'
    """

    def __init__(
        self,
        host: str | None = None,
        scheduler_port: int = 0,
        scheduler_kwargs: dict[str, Any] | None = None,
        dashboard_address: Any = None,
        worker_class: Any = None,
        n_workers: int | None = None,
        threads_per_worker: int | None = None,
        worker_kwargs: dict[str, Any] | None = None,
        worker_dashboard_address: Any = None,
        silence_logs: Any = logging.WARNING,
        **options: Any,
    ) -> None:
        count, threads = default_shape(n_workers, threads_per_worker, True, CPU_COUNT)
        worker = {
            "cls": CommandWorker,
            "options": {
                "host": ThisHost(),
                "security": lambda: self.security,
                "options": {"nthreads": threads, **(worker_kwargs or {})},
            },
        }
        scheduler = {
            "cls": CommandScheduler,
            "options": {
                "host": ThisHost(),
                "address": host,
                "options": {"port": scheduler_port, **(scheduler_kwargs or {})},
            },
        }
        super().__init__(
            workers=dict.fromkeys(range(count), worker),
            scheduler=scheduler,
            worker=worker,
            silence_logs=silence_logs,
            **options,
        )
