"""Copies and moves of results, on demand.

``replicate {keys, n?, workers?}``
    so that each result is on ``n`` workers (default: all) of these.
``rebalance {keys?, workers?, again?}``
    so that workers hold about the same share of their memory; ``again``: begin nothing, and answer
    how many results are still on their way.
``replicas.reduce``
    so that each result is on one worker, but for copies that tasks are about to use.
``replicas.manage {on?}``
    whether workers that are short of memory let go of copies by themselves, from now on.

The first two begin transfers and answer how many these are; the results are where they shall be
when the workers have reported them, and those that are not to hold them any more have heard of it.
"""

from __future__ import annotations

import math
from typing import Any

from shoal.distributed.core.scheduler.methods.calls import Method
from shoal.distributed.core.scheduler.methods.describe import rows_of, some_workers
from shoal.distributed.core.scheduler.records import Party
from shoal.distributed.core.scheduler.replicas import rebalance, relieve, replicate
from shoal.distributed.core.scheduler.state import Scheduler

__all__ = ["METHODS"]


def replicate_keys(
    state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float
) -> Any:
    """Copy results to several workers."""
    chosen = some_workers(state, args.get("workers"))
    begun = replicate(state, rows_of(state, args["keys"]), args.get("n"), chosen)
    state.drop_due = now  # somebody waits for what is dropped
    return begun


def rebalance_keys(
    state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float
) -> Any:
    """Move results from full workers to empty ones."""
    rows = rows_of(state, args.get("keys"))
    state.drop_due = now
    if args.get("again"):
        return sum(row in state.moves for row in rows)
    return rebalance(state, rows, some_workers(state, args.get("workers")))


def reduce_all(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Let go of copies that nobody is about to use; how many these were."""
    state.drop_due = now
    return sum(relieve(state, worker, math.inf) for worker in list(state.workers.values()))


def manage(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Begin or end to let go of copies where memory is short; without a word, say which it is."""
    if args.get("on") is not None:
        state.relieves = bool(args["on"])
    return state.relieves


METHODS: dict[str, Method] = {
    "replicate": replicate_keys,
    "rebalance": rebalance_keys,
    "replicas.reduce": reduce_all,
    "replicas.manage": manage,
}
