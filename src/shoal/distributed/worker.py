"""What tasks ask of their worker, under the name where Dask has it."""

from __future__ import annotations

from shoal.distributed.client.inside import get_client, get_worker, rejoin, secede
from shoal.distributed.client.printing import print, warn
from shoal.distributed.deploy.members import Worker

__all__ = [
    "Worker",
    "get_client",
    "get_worker",
    "print",
    "rejoin",
    "secede",
    "warn",
]
