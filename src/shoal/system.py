"""What libraries import from ``dask.system``: how many CPUs there are to use."""

from __future__ import annotations

from shoal.local.cpus import CPU_COUNT
from shoal.local.cpus import count_cpus as cpu_count

__all__ = ["CPU_COUNT", "cpu_count"]
