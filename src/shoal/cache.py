"""What libraries import from ``dask.cache``: keeping results between computations."""

from __future__ import annotations

from shoal.diagnostics.cache import Cache

__all__ = ["Cache"]
