"""What a user's program holds of a cluster: the client, its futures, and coordination.

Every operation that takes several steps (ask the scheduler, then workers, then try again) is
written once, as a coroutine over `Promise`; a synchronous client waits for its end, an
asynchronous one hands it to asyncio.

The names that programs import from ``distributed.client`` are found here as well.
"""

from __future__ import annotations

import importlib
from typing import Any

from shoal import errors

_NAMES: dict[str, str] = {
    "Client": "client",
    "Future": "future",
    "as_completed": "completed",
    "default_client": "current",
    "ensure_default_client": "current",
    "fire_and_forget": "completed",
    "futures_of": "future",
    "get_client": "inside",
    "get_task_metadata": "taskstream",
    "get_task_stream": "taskstream",
    "performance_report": "performance",
    "temp_default_client": "current",
    "wait": "completed",
}
"""Public names and the modules that define them."""

_ERRORS: dict[str, str] = {
    "CancelledError": "CancelledError",
    "ClosedClientError": "ClosedClientError",
    "FutureCancelledError": "FutureCancelledError",
    "FuturesCancelledError": "FutureCancelledError",
    "KilledWorker": "KilledWorker",
}
"""Exceptions by the names that Dask gives them, and ours in `shoal.errors`."""

__all__ = [
    "CancelledError",
    "Client",
    "ClosedClientError",
    "Future",
    "FutureCancelledError",
    "FuturesCancelledError",
    "KilledWorker",
    "as_completed",
    "default_client",
    "ensure_default_client",
    "fire_and_forget",
    "futures_of",
    "get_client",
    "get_task_metadata",
    "get_task_stream",
    "performance_report",
    "temp_default_client",
    "wait",
]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    elif name in _ERRORS:
        value = getattr(errors, _ERRORS[name])
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES, *_ERRORS})
