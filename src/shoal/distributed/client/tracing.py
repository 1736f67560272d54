"""Spans for OpenTelemetry: a block of a program, and the tasks that ran for it.

The spans of tasks are made when the block ends, from the times that workers have told, so that
nothing is on the way of a task.  They are children of the block's span, which is itself a child of
whatever span the program is in: one trace leads from a request to the tasks behind it.
"""

from __future__ import annotations

import time
from typing import Any

from shoal.distributed.client.current import default_client
from shoal.optional import import_required

__all__ = ["traced"]

MOST = 10_000
"""Tasks that become spans, at most: the last ones."""


class traced:
    """A span around a ``with`` block, with a child for each task that ran meanwhile.

    Parameters
    ----------
    name
        Of the span.
    client
        Default: the current one.
    tracer
        An OpenTelemetry tracer; default: that of the program's provider.

    Attributes
    ----------
    span
        The block's.

    Raises
    ------
    MissingDependencyError
        opentelemetry-api is not installed.

    Examples
    --------
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=1, processes=False) as client:
    ...     with traced("a job"):
    ...         client.gather(client.map(abs, [-1, -2]))
    [1, 2]
    """

    def __init__(self, name: str = "shoal", client: Any = None, tracer: Any = None) -> None:
        self._api = import_required("opentelemetry.trace", "a trace of spans", "tracing")
        self.name = name
        self.client = client
        self.tracer = tracer or self._api.get_tracer("shoal")
        self.span: Any = None
        self._current: Any = None
        self._start = 0.0

    def __enter__(self) -> traced:
        self.client = default_client(self.client)
        self._start = time.time()
        self._current = self.tracer.start_as_current_span(self.name)
        self.span = self._current.__enter__()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        try:
            if self.span.is_recording():
                self._add(self.client.get_task_stream(start=self._start, count=MOST))
        finally:
            self._current.__exit__(*exc_info)

    def _add(self, rows: list[dict[str, Any]]) -> None:
        parent = self._api.set_span_in_context(self.span)
        for row in rows:
            for part in row["startstops"]:
                span = self.tracer.start_span(
                    row["name"],
                    context=parent,
                    start_time=int(1e9 * part["start"]),
                    attributes={
                        "shoal.key": str(row["key"]),
                        "shoal.worker": row["worker"],
                        "shoal.result_bytes": row["nbytes"],
                    },
                )
                span.end(end_time=int(1e9 * part["stop"]))
