"""Spans for OpenTelemetry: a block of a program, and the tasks that it submits.

What is submitted in the block carries its context (`shoal.distributed.spans`): tasks run in spans
that are its children, and spans that a task makes are in the same trace.  A worker's spans go
where its process sends them, as any program's do.  Where workers have no exporter of their own, the
spans of tasks are made here, when the block ends, from the times that workers have told.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator
from typing import Any

from shoal.distributed.client.current import default_client
from shoal.distributed.spans import asked
from shoal.expr.annotate import annotate, get_annotations
from shoal.optional import import_required

__all__ = ["span", "traced"]

MOST = 10_000
"""Tasks that become spans, at most: the last ones."""


@contextlib.contextmanager
def span(*tags: str) -> Iterator[str]:
    """Name what is built in a ``with`` block, under the name that Dask has for it.

    The name is the annotation ``span`` of what is built there, that of blocks around in front:
    ``{"name": tags, "ids": one for each block}``.  To see in a tracing system where a block's time
    went, use `traced`.

    Parameters
    ----------
    *tags
        One or more.

    Yields
    ------
    str
        The block's id.

    Examples
    --------
    >>> with span("my workflow"), span("part 1") as ident:
    ...     said = get_annotations()["span"]
    >>> said["name"], said["ids"][-1] == ident
    (('my workflow', 'part 1'), True)
    """
    if not tags:
        raise ValueError("span() needs a name, such as span('my workflow')")
    if not all(isinstance(tag, str) for tag in tags):
        raise TypeError(f"the tags of a span are strings, got {tags!r}")
    outer = get_annotations().get("span", {"name": (), "ids": ()})
    ids = tuple(str(uuid.uuid4()) for _ in tags)
    mine = {"name": (*outer["name"], *tags), "ids": (*outer["ids"], *ids)}
    with annotate(span=mine):
        yield ids[-1]


class traced:
    """A span around a ``with`` block, and the tasks that it submits in the same trace.

    Parameters
    ----------
    name
        Of the span.
    client
        Default: the current one.
    tracer
        An OpenTelemetry tracer; default: that of the program's provider.
    tasks
        Whether to make a span for each task here, when the block ends.  False where workers export
        their own.

    Attributes
    ----------
    span
        The block's; a child of whatever span the program is in.

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

    def __init__(
        self, name: str = "shoal", client: Any = None, tracer: Any = None, tasks: bool = True
    ) -> None:
        self._api = import_required("opentelemetry.trace", "a trace of spans", "tracing")
        self.name = name
        self.client = client
        self.tracer = tracer or self._api.get_tracer("shoal")
        self.tasks = tasks
        self.span: Any = None
        self._current: Any = None
        self._asked: Any = None
        self._start = 0.0

    def __enter__(self) -> traced:
        self.client = default_client(self.client)
        self._start = time.time()
        self._current = self.tracer.start_as_current_span(self.name)
        self.span = self._current.__enter__()
        self._asked = asked.set(True)
        return self

    def __exit__(self, *exc_info: Any) -> None:
        asked.reset(self._asked)
        try:
            if self.tasks and self.span.is_recording():
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
                if row["status"] != "OK":
                    span.set_status(self._api.StatusCode.ERROR)
                span.end(end_time=int(1e9 * part["stop"]))
