"""Names where NumPy has them: ``shoal.array.lib.stride_tricks``."""

from __future__ import annotations

from shoal.array.lib import stride_tricks

__all__ = ["stride_tricks"]
