"""The tables of panels and pages: what there is to see, and where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shoal.distributed.dashboard.model import Model
from shoal.distributed.dashboard.views import details, status, tables

__all__ = ["PAGES", "PANELS", "Panel"]


@dataclass(frozen=True)
class Panel:
    """One thing to see.

    Parameters
    ----------
    title
        Above it.
    draw
        What draws it: a name in ``static/draw.js``.
    view
        Makes its data.
    asks
        Further answers that the view needs, as `shoal.distributed.dashboard.source` knows them.

    Examples
    --------
    >>> PANELS["task-stream"].title
    'Task stream'
    """

    title: str
    draw: str
    view: Callable[[Model, Mapping[str, str]], dict[str, Any]]
    asks: tuple[str, ...] = ()


PANELS: dict[str, Panel] = {
    "summary": Panel("Cluster", "summary", status.summary),
    "answers": Panel("What to look at", "answers", tables.answers),
    "task-stream": Panel("Task stream", "stream", status.stream),
    "progress": Panel("Progress", "progress", status.progress),
    "processing": Panel("Tasks at each worker", "processing", status.processing),
    "workers-memory": Panel("Memory of each worker", "memory", status.memory),
    "cpu": Panel("CPU", "cpu", status.cpu),
    "cluster-memory": Panel("Memory", "memoryline", status.cpu),
    "rates": Panel("Tasks and bytes a second", "rates", status.rates),
    "scheduler-system": Panel("CPU of the scheduler's loop", "loop", status.rates),
    "workers": Panel("Workers", "workers", tables.workers),
    "kinds": Panel("Kinds of tasks", "kinds", tables.kinds),
    "bandwidth-workers": Panel("Bytes moved between workers", "transfers", tables.transfers),
    "system": Panel("Scheduler", "facts", tables.system),
    "errors": Panel("Errors", "errors", tables.errors),
    "graph": Panel("Graph", "graph", details.graph, ("graph",)),
    "memory-by-key": Panel("Memory by key", "holdings", details.holdings, ("holdings",)),
    "profile": Panel("Profile", "flame", details.profile, ("profile",)),
    "logs": Panel("Logs", "logs", details.logs, ("logs",)),
    "events": Panel("Events", "events", details.events, ("events",)),
    "info": Panel("Why does a task wait?", "info", details.info, ("info",)),
}
"""Every panel, by the name under which it has a page of its own (``/individual-NAME``)."""

PAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "status": (
        "Status",
        (
            "summary",
            "answers",
            "task-stream",
            "progress",
            "processing",
            "workers-memory",
            "cpu",
            "cluster-memory",
            "rates",
        ),
    ),
    "workers": ("Workers", ("summary", "workers", "workers-memory", "bandwidth-workers")),
    "tasks": ("Tasks", ("kinds", "task-stream", "progress")),
    "graph": ("Graph", ("graph", "progress")),
    "profile": ("Profile", ("profile",)),
    "system": ("System", ("system", "scheduler-system", "cpu", "rates")),
    "memory": ("Memory", ("workers-memory", "cluster-memory", "memory-by-key")),
    "errors": ("Errors", ("errors",)),
    "logs": ("Logs", ("logs",)),
    "info": ("Info", ("info", "workers")),
    "events": ("Events", ("events",)),
}
"""Title and panels of each page, in the order of the navigation."""
