"""What programs written for Dask import from ``dask.bag.text``.  The name lives in `shoal.bag`."""

from __future__ import annotations

from shoal.bag import read_text

__all__ = ["read_text"]
