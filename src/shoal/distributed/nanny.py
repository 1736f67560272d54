"""The nanny, under the name where Dask has it."""

from __future__ import annotations

from shoal.distributed.deploy.members import Nanny

__all__ = [
    "Nanny",
]
