"""Arrays made from nothing."""

from __future__ import annotations

from shoal.array.creation.constant import empty, full, ones, zeros
from shoal.array.creation.ranges import arange

__all__ = ["arange", "empty", "full", "ones", "zeros"]
