"""Where in users' programs graphs came from: ``computations.code {code}``, before each graph.

What is said while there are no tasks is of the computation that is about to begin.
"""

from __future__ import annotations

from typing import Any

from shoal.distributed.core.scheduler.methods.calls import Method
from shoal.distributed.core.scheduler.records import Party
from shoal.distributed.core.scheduler.state import Scheduler

__all__ = ["METHODS"]


def add(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """A client says where the graph came from that follows."""
    runs = len(state.table) and state.computations
    codes = state.computations[-1].codes if runs else state.coming_codes
    if args["code"] not in codes:
        codes.append(args["code"])


METHODS: dict[str, Method] = {"computations.code": add}
