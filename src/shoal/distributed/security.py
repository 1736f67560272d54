"""`Security`, under the name where Dask has it."""

from __future__ import annotations

from shoal.distributed.net.security import Security

__all__ = ["Security"]
