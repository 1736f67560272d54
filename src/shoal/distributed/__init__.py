"""The cluster: one scheduler, many workers, clients.

``Client()`` starts a cluster on this machine and connects to it; from then on collections compute
there.  Names are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import Any

_NAMES: dict[str, str] = {
    "Actor": "client.actor",
    "ActorFuture": "client.actor",
    "Client": "client.client",
    "Event": "client.coordination",
    "Future": "client.future",
    "Lock": "client.coordination",
    "MultiLock": "client.coordination",
    "Pub": "client.pubsub",
    "Queue": "client.shared",
    "Semaphore": "client.semaphore",
    "Sub": "client.pubsub",
    "Variable": "client.shared",
    "as_completed": "client.completed",
    "default_client": "client.current",
    "fire_and_forget": "client.completed",
    "futures_of": "client.future",
    "get_client": "client.inside",
    "get_worker": "client.inside",
    "rejoin": "client.inside",
    "secede": "client.inside",
    "progress": "client.progress",
    "wait": "client.completed",
    "worker_client": "client.inside",
    "Adaptive": "deploy.adaptive",
    "LocalCluster": "deploy.local",
    "SpecCluster": "deploy.spec",
    "Security": "net",
    "Scheduler": "node.scheduler",
}
"""Public names and the modules that define them."""

__all__ = [
    "Actor",
    "ActorFuture",
    "Adaptive",
    "Client",
    "Event",
    "Future",
    "LocalCluster",
    "Lock",
    "MultiLock",
    "Pub",
    "Queue",
    "Scheduler",
    "Security",
    "Semaphore",
    "SpecCluster",
    "Sub",
    "Variable",
    "as_completed",
    "default_client",
    "fire_and_forget",
    "futures_of",
    "get_client",
    "progress",
    "wait",
    "worker_client",
]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
        globals()[name] = value
        return value
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
