"""Executors on this machine: one thread, many threads, many processes.

`get_sync` is loaded when it is first used: workers of a cluster need some modules of this folder,
and should start without the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shoal.local.get import get_sync

__all__ = ["get_sync"]


def __getattr__(name: str) -> Any:
    if name != "get_sync":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from shoal.local.get import get_sync

    return get_sync
