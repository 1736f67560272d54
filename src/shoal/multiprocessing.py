"""``get`` on processes of this machine."""

from __future__ import annotations

from shoal.collection import get_context
from shoal.collection import get_processes as get

__all__ = ["get", "get_context"]
