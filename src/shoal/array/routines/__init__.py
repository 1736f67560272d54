"""NumPy's functions on whole arrays, by topic."""

from __future__ import annotations

from shoal.array.routines.assembly import block
from shoal.array.routines.manipulation import (
    broadcast_to,
    concatenate,
    expand_dims,
    squeeze,
    stack,
    transpose,
)

__all__ = ["block", "broadcast_to", "concatenate", "expand_dims", "squeeze", "stack", "transpose"]
