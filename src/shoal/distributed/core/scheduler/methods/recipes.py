"""What a task calls, for who wants to run it elsewhere: ``scheduler.recipe {key}``."""

from __future__ import annotations

from typing import Any

from shoal.distributed.core.scheduler.methods.calls import Method, MethodError
from shoal.distributed.core.scheduler.names import find, key_of
from shoal.distributed.core.scheduler.records import Party
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.core.scheduler.table import MASK

__all__ = ["METHODS"]


def recipe(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Function, arguments and the keys of the inputs of a task, as they were submitted."""
    key = args["key"]
    row = find(state.names, tuple(key) if isinstance(key, list) else key)
    table = state.table
    code = state.code_of.get(table.codes[row]) if row >= 0 else None
    if code is None:
        raise MethodError("KeyError", f"the scheduler knows no task {key!r} that calls a function")
    return {
        "code": code.data,
        "args": table.args[row],
        "part": state.parts.get(row, -1),
        "big": [bytes(buffer) for buffer in state.big.get(row, ())],
        "deps": [key_of(table, number & MASK) for number in table.deps[row]],
    }


METHODS: dict[str, Method] = {"scheduler.recipe": recipe}
