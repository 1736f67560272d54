"""Traces that lead from a program to its tasks: OpenTelemetry's context travels with graphs.

A context travels as headers (W3C Trace Context, or what `propagators`_ the program has set make of
it): the client takes those of the span that is current and sends them once with each graph; a
worker makes them current again, and in them a span for the task, of which spans that the task
makes are children.  What a task submits is in its trace too.

It happens where somebody asked for it: with the setting ``distributed.tracing``, in a block of
`shoal.distributed.traced`, and in tasks that came so.  Otherwise nothing of this is loaded, and a
task costs what it does without.

.. _propagators: https://opentelemetry.io/docs/specs/otel/context/api-propagators/
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from shoal.errors import MissingDependencyError
from shoal.graph.naming import key_split
from shoal.optional import import_required
from shoal.serialize.messages import message

__all__ = ["asked", "current_trace", "note_error", "run_traced"]

log = logging.getLogger("distributed.worker")

asked: ContextVar[bool] = ContextVar("shoal_traced", default=False)
"""Whether what is submitted here carries the context of its trace."""


def current_trace() -> dict[str, str]:
    """The headers of the context that is current; none outside of spans.

    Raises
    ------
    MissingDependencyError
        opentelemetry-api is not installed.

    Examples
    --------
    >>> current_trace()
    {}
    """
    headers: dict[str, str] = {}
    import_required("opentelemetry.propagate", "tracing", "tracing").inject(headers)
    return headers


@functools.cache
def load_api() -> tuple[Any, Any, Any] | None:
    """OpenTelemetry's modules context, propagate and trace; None, said once, where they lack."""
    try:
        names = ("context", "propagate", "trace")
        context, propagate, trace = (
            import_required(f"opentelemetry.{name}", "the span of a task", "tracing")
            for name in names
        )
    except MissingDependencyError as error:
        log.warning("tasks run without the trace they were submitted in: %s", error)
        return None
    return context, propagate, trace


def run_traced(run: Callable[[Any, Any], Any], slot: Any, row: Any) -> Any:
    """Run a task in the trace in which it was submitted.

    Parameters
    ----------
    run
        Runs it: ``run(slot, row)``, as `shoal.distributed.node.lane.Lane` does.
    slot, row
        The thread and the task.

    Returns
    -------
    object
        What ``run`` returns.

    Examples
    --------
    See `tests/cluster/test_traces.py`.

    >>> run_traced.__name__
    'run_traced'
    """
    api = load_api()
    if api is None:
        return run(slot, row)
    context, propagate, trace = api
    worker = slot.lane.shared.owner
    attributes = {"shoal.key": str(row.key), "shoal.worker": worker.address if worker else ""}
    token = context.attach(propagate.extract(row.trace))
    mine = asked.set(True)
    try:
        tracer = trace.get_tracer("shoal")
        with tracer.start_as_current_span(key_split(row.key), attributes=attributes) as span:
            completion = run(slot, row)
            if completion is not None:
                span.set_attribute("shoal.result_bytes", completion[2])
            return completion
    finally:
        asked.reset(mine)
        context.detach(token)


def note_error(error: BaseException) -> None:
    """Note on the span of the task that runs here what the task raised.

    Parameters
    ----------
    error
        It is not raised any further.

    Examples
    --------
    >>> note_error(ValueError("no"))
    """
    api = load_api()
    if api is not None:
        span, status = api[2].get_current_span(), api[2].Status
        with contextlib.suppress(Exception):  # its __str__ may fail
            span.record_exception(error)
        span.set_status(
            status(api[2].StatusCode.ERROR, f"{type(error).__name__}: {message(error)}")
        )
