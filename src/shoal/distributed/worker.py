"""What tasks ask of their worker, under the name where Dask has it."""

from __future__ import annotations

from shoal.distributed.client.inside import get_client, get_worker, rejoin, secede
from shoal.distributed.client.printing import print, warn
from shoal.distributed.deploy.members import Worker
from shoal.distributed.node.context import thread_state

__all__ = [
    "Worker",
    "get_client",
    "get_worker",
    "print",
    "rejoin",
    "secede",
    "thread_state",
    "warn",
]
