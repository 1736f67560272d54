"""``get`` on threads of this process."""

from __future__ import annotations

from shoal.collection import get_threads as get

__all__ = ["get"]
