"""Names where NumPy has them: moving windows."""

from __future__ import annotations

from shoal.array.overlap import sliding_window_view

__all__ = ["sliding_window_view"]
