"""Executors on this machine: one thread, many threads, many processes."""

from __future__ import annotations

from shoal.local.get import get_sync

__all__ = ["get_sync"]
