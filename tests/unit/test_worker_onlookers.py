"""Plugins that watch a worker's tasks: what is known of those that failed."""

from __future__ import annotations

import pickle
from typing import Any

from shoal.distributed.core.worker.table import Task
from shoal.distributed.node.onlookers import Onlookers
from shoal.serialize.exceptions import dump_exception


class Now:
    """Calls at once, and not in a thread."""

    def put(self, call: Any, *args: Any) -> None:
        call(*args)


def test_a_task_that_was_tried_again_has_not_failed() -> None:
    seen: list[tuple[Any, ...]] = []
    onlookers = Onlookers({"mine": lambda *change: seen.append(change)}, Now())
    task = Task(1, 7, 1, "x", None, b"", (), 0, False, 0)
    data = pickle.dumps(dump_exception(ValueError("no")))
    onlookers.ended([(task, "raised", 0, "", 0.1, 0.0, data, None)])
    assert seen[-1] == ("x", "executing", "error")
    assert repr(onlookers.failures["x"]) == "ValueError('no')"
    onlookers.ended([(task, "", 28, "int", 0.1, 0.0, None, 5)])
    assert seen[-1] == ("x", "executing", "memory") and not onlookers.failures
