"""Copies and moves of results, on demand.

``replicate {keys, n?, workers?}``
    so that each result is on ``n`` workers (default: all) of these.
``rebalance {keys?, workers?}``
    so that workers hold about the same share of their memory.

Both begin the transfers and answer how many these are; the results are where they shall be when
the workers have reported them.
"""

from __future__ import annotations

from typing import Any

from shoal.distributed.core.scheduler.methods.calls import Method
from shoal.distributed.core.scheduler.methods.describe import rows_of, some_workers
from shoal.distributed.core.scheduler.records import Party
from shoal.distributed.core.scheduler.replicas import rebalance, replicate
from shoal.distributed.core.scheduler.state import Scheduler

__all__ = ["METHODS"]


def replicate_keys(
    state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float
) -> Any:
    """Copy results to several workers."""
    chosen = some_workers(state, args.get("workers"))
    return replicate(state, rows_of(state, args["keys"]), args.get("n"), chosen)


def rebalance_keys(
    state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float
) -> Any:
    """Move results from full workers to empty ones."""
    chosen = some_workers(state, args.get("workers"))
    return rebalance(state, rows_of(state, args.get("keys")), chosen)


METHODS: dict[str, Method] = {"replicate": replicate_keys, "rebalance": rebalance_keys}
