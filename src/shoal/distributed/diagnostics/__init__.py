"""Progress and plugins, under the names where Dask has them."""

from __future__ import annotations

from shoal.distributed.client.memory import MemorySampler
from shoal.distributed.client.progress import progress

__all__ = [
    "MemorySampler",
    "progress",
]
