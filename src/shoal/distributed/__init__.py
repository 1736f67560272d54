"""The cluster: one scheduler, many workers, clients.

``Client()`` starts a cluster on this machine and connects to it; from then on collections compute
there.  Names are loaded when they are first used.
"""

from __future__ import annotations

import builtins
import importlib
from concurrent.futures import CancelledError
from typing import Any

from shoal.errors import KilledWorker, Reschedule
from shoal.version import told_version

_NAMES: dict[str, str] = {
    "Actor": "client.actor",
    "ActorFuture": "client.actor",
    "Adaptive": "deploy.adaptive",
    "Client": "client.client",
    "CondaInstall": "client.plugins",
    "Environ": "client.plugins",
    "Event": "client.coordination",
    "Executor": "client.client",
    "Future": "client.future",
    "InstallPlugin": "client.plugins",
    "LocalCluster": "deploy.local",
    "Lock": "client.coordination",
    "MultiLock": "client.coordination",
    "Nanny": "deploy.members",
    "NannyPlugin": "client.plugins",
    "PipInstall": "client.plugins",
    "Pub": "client.pubsub",
    "Queue": "client.shared",
    "SSHCluster": "deploy.ssh",
    "Scheduler": "node.scheduler",
    "SchedulerPlugin": "client.plugins",
    "Security": "net",
    "Semaphore": "client.semaphore",
    "SpecCluster": "deploy.spec",
    "SubprocessCluster": "deploy.subprocess",
    "Status": "core.status",
    "Sub": "client.pubsub",
    "UploadDirectory": "client.plugins",
    "UploadFile": "client.plugins",
    "Variable": "client.shared",
    "Worker": "deploy.members",
    "WorkerPlugin": "client.plugins",
    "as_completed": "client.completed",
    "default_client": "client.current",
    "fire_and_forget": "client.completed",
    "futures_of": "client.future",
    "get_client": "client.inside",
    "get_task_metadata": "client.taskstream",
    "get_task_stream": "client.taskstream",
    "get_worker": "client.inside",
    "local_client": "client.inside",
    "performance_report": "client.performance",
    "print": "client.printing",
    "progress": "client.progress",
    "rejoin": "client.inside",
    "secede": "client.inside",
    "span": "client.tracing",
    "traced": "client.tracing",
    "wait": "client.completed",
    "warn": "client.printing",
    "worker_client": "client.inside",
}
"""Public names and the modules that define them."""

__all__ = [
    "Actor",
    "ActorFuture",
    "Adaptive",
    "CancelledError",
    "Client",
    "CondaInstall",
    "Environ",
    "Event",
    "Executor",
    "Future",
    "InstallPlugin",
    "KilledWorker",
    "LocalCluster",
    "Lock",
    "MultiLock",
    "Nanny",
    "NannyPlugin",
    "PipInstall",
    "Pub",
    "Queue",
    "Reschedule",
    "SSHCluster",
    "Scheduler",
    "SchedulerPlugin",
    "Security",
    "Semaphore",
    "SpecCluster",
    "Status",
    "Sub",
    "SubprocessCluster",
    "TimeoutError",
    "UploadDirectory",
    "UploadFile",
    "Variable",
    "Worker",
    "WorkerPlugin",
    "as_completed",
    "default_client",
    "fire_and_forget",
    "futures_of",
    "get_client",
    "get_task_metadata",
    "get_task_stream",
    "get_worker",
    "local_client",
    "performance_report",
    "print",
    "progress",
    "rejoin",
    "secede",
    "span",
    "traced",
    "wait",
    "warn",
    "worker_client",
]

TimeoutError = builtins.TimeoutError


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
        globals()[name] = value
        return value
    if name == "__version__":
        return told_version()
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
