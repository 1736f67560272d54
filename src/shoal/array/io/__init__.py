"""Arrays from and to what others store: objects that are sliced like arrays, files, stores."""

from __future__ import annotations

from shoal.array.io.from_array import from_array

__all__ = ["from_array"]
