"""The scheduler, under the name where Dask has it."""

from __future__ import annotations

from shoal.distributed.node.scheduler import Scheduler
from shoal.errors import KilledWorker

__all__ = [
    "KilledWorker",
    "Scheduler",
]
