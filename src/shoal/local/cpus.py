"""How many CPUs this process may use: its affinity mask and its control group's quota."""

from __future__ import annotations

import math
import os
from pathlib import Path

__all__ = ["CPU_COUNT", "count_cpus"]


def count_cpus() -> int:
    """CPUs that this process may use, at least one.

    The smallest of: the machine's, the affinity mask, and the quota of the control group
    (version 1 or 2) rounded up.

    Returns
    -------
    int

    Examples
    --------
    >>> count_cpus() >= 1
    True
    """
    counts = [os.cpu_count() or 1]
    if hasattr(os, "sched_getaffinity"):
        counts.append(len(os.sched_getaffinity(0)))
    quota = cgroup_quota(Path("/sys/fs/cgroup"))
    if quota is not None:
        counts.append(math.ceil(quota))
    return max(1, min(counts))


def cgroup_quota(root: Path) -> float | None:
    """CPUs that the control group grants, or None without a limit.

    Parameters
    ----------
    root
        Where control groups are mounted.

    Examples
    --------
    >>> cgroup_quota(Path("/nonexistent")) is None
    True
    """
    try:
        quota, period = (root / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (root / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (root / "cpu" / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    if quota in ("max", "-1"):
        return None
    return int(quota) / int(period)


CPU_COUNT = count_cpus()
