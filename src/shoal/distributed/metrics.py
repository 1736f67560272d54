"""The clock, under the name where Dask has it."""

from __future__ import annotations

from time import time

__all__ = ["time"]
