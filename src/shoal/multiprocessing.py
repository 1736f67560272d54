"""``get`` on processes of this machine."""

from __future__ import annotations

from shoal.collection import get_processes as get
from shoal.local.processes import get_context

__all__ = ["get", "get_context"]
