"""What libraries import from ``dask.callbacks``: being told what an executor does."""

from __future__ import annotations

from shoal.local.callbacks import Callback, add_callbacks

__all__ = ["Callback", "add_callbacks"]
