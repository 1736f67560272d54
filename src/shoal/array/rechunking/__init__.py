"""Changing how an array is cut into blocks."""

from __future__ import annotations

from shoal.array.rechunking.convert import rechunk, rechunk_node

__all__ = ["rechunk", "rechunk_node"]
