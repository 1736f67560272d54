"""The tables of panels and pages: what there is to see, and where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shoal.distributed.dashboard.model import Model
from shoal.distributed.dashboard.views import cluster, graph, logs, profile, stream, tasks, workers

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
    "summary": Panel("Cluster", "summary", cluster.summary),
    "answers": Panel("What to look at", "answers", cluster.answers),
    "task-stream": Panel("Task stream", "stream", stream.stream),
    "progress": Panel("Progress", "progress", tasks.progress),
    "processing": Panel("Tasks at each worker", "processing", workers.processing),
    "workers-memory": Panel("Memory of each worker", "memory", workers.memory),
    "cpu": Panel("CPU", "cpu", cluster.load),
    "cluster-memory": Panel("Memory", "memoryline", cluster.load),
    "rates": Panel("Tasks and bytes a second", "rates", cluster.rates),
    "scheduler-system": Panel("Load of the scheduler's loop", "loop", cluster.rates),
    "workers": Panel("Workers", "workers", workers.workers),
    "kinds": Panel("Kinds of tasks", "kinds", tasks.kinds),
    "bandwidth-workers": Panel("Bytes moved between workers", "transfers", workers.transfers),
    "system": Panel("Scheduler", "facts", cluster.system),
    "errors": Panel("Errors", "errors", tasks.errors),
    "graph": Panel("Graph", "graph", graph.graph, ("graph",)),
    "memory-by-key": Panel("Memory by key", "holdings", tasks.holdings, ("holdings",)),
    "profile": Panel("Profile", "flame", profile.profile, ("profile",)),
    "logs": Panel("Logs", "logs", logs.logs, ("logs",)),
    "events": Panel("Events", "events", logs.events, ("events",)),
    "info": Panel("Where is it, and why?", "info", tasks.info, ("info",)),
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
