"""The task stream in the `trace event format`_ that Perfetto and Chrome show.

.. _trace event format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from shoal.distributed.dashboard.model import key_text

__all__ = ["chrome_trace"]


def chrome_trace(rows: Iterable[Mapping[str, Any]]) -> str:
    """A trace as JSON: a process for each worker, a thread for each run at a time.

    Parameters
    ----------
    rows
        As from `Client.get_task_stream`.

    Examples
    --------
    >>> run = {
    ...     "key": "x-1",
    ...     "name": "x",
    ...     "worker": "tcp://a",
    ...     "nbytes": 8,
    ...     "startstops": [{"action": "compute", "start": 1.0, "stop": 1.5}],
    ... }
    >>> json.loads(chrome_trace([run]))["traceEvents"][1]["dur"]
    500000.0
    """
    events: list[dict[str, Any]] = []
    numbers: dict[str, int] = {}
    lanes: dict[str, list[float]] = {}
    runs = [(part["start"], part["stop"], row) for row in rows for part in row["startstops"]]
    for start, stop, row in sorted(runs, key=lambda run: run[0]):
        worker = row["worker"]
        if worker not in numbers:
            numbers[worker] = len(numbers) + 1
            name = {"ph": "M", "name": "process_name", "pid": numbers[worker]}
            events.append({**name, "args": {"name": worker}})
        free = lanes.setdefault(worker, [])
        lane = next((i for i, until in enumerate(free) if until <= start), len(free))
        free[lane : lane + 1] = [stop]
        events.append(
            {
                "ph": "X",
                "cat": "task",
                "name": row["name"],
                "pid": numbers[worker],
                "tid": lane + 1,
                "ts": round(1e6 * start, 1),
                "dur": round(1e6 * (stop - start), 1),
                "args": {"key": key_text(row["key"]), "nbytes": row["nbytes"]},
            }
        )
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms"})
