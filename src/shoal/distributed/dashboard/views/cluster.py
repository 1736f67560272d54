"""The cluster as a whole: its numbers now, its load over time, its scheduler, what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.distributed.dashboard.findings import findings
from shoal.distributed.dashboard.model import Model

__all__: list[str] = []

RATE_S = 5.0

POINTS = 300
"""The last points of a series, so many that a plot can show them."""


def summary(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """The cluster in a few numbers.

    Examples
    --------
    >>> summary(Model(), {})["workers"]
    0
    """
    workers = model.workers.values()
    kinds = model.kinds.values()
    threads = sum(w["threads"] for w in workers)
    left_s = sum(k["left"] * k["seconds"] for k in kinds)
    return {
        "workers": len(model.workers),
        "threads": threads,
        "running": sum(w["metrics"].get("executing", 0) for w in workers),
        "sent": sum(w["sent"] for w in workers),
        "left": sum(k["left"] for k in kinds),
        "done": sum(k["done"] for k in kinds),
        "failed": sum(k["failed"] for k in kinds),
        "memory": sum(w["metrics"].get("memory", 0) for w in workers),
        "managed": sum(w["metrics"].get("managed", 0) for w in workers),
        "spilled": sum(w["metrics"].get("spilled", 0) for w in workers),
        "limit": sum(w["limit"] for w in workers),
        "cpu": sum(w["metrics"].get("cpu", 0.0) for w in workers),
        "rate": rate(model, 1),
        "network": rate(model, 2),
        "eta_s": left_s / threads if threads else None,
        "paused": sum(w["status"] == "paused" for w in workers),
        "tasks": model.feed.get("tasks", 0),
        "complete": model.feed.get("complete", True),
    }


def rate(model: Model, column: int) -> float:
    """Of `Model.rates`: the mean over the last seconds."""
    recent = [row[column] for row in model.rates if row[0] > model.now - RATE_S]
    return sum(recent) / len(recent) if recent else 0.0


def load(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """CPU and memory of all workers over time."""
    rows = list(model.total)[-POINTS:]
    return {
        "t": [row[0] for row in rows],
        "cpu": [row[4] / 100 for row in rows],
        "executing": [row[5] for row in rows],
        "managed": [row[2] for row in rows],
        "unmanaged": [max(0.0, row[1] - row[2]) for row in rows],
        "spilled": [row[3] for row in rows],
    }


def rates(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """Tasks and bytes a second, and the scheduler's load, over time."""
    rows = list(model.rates)[-POINTS:]
    return {
        "t": [row[0] for row in rows],
        "tasks": [row[1] for row in rows],
        "network": [row[2] for row in rows],
        "loop": [100 * row[3] for row in rows],
    }


def system(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """The scheduler itself."""
    return {
        **{name: value for name, value in model.vitals.items() if name != "loop"},
        "id": model.feed.get("id", ""),
        "up_s": max(0.0, model.feed.get("now", 0.0) - model.feed.get("started", 0.0)),
        "tasks": model.feed.get("tasks", 0),
        "clients": model.feed.get("clients", []),
        "bandwidth": model.feed.get("bandwidth", 0.0),
    }


def answers(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """Why it is slow: see `shoal.distributed.dashboard.findings`."""
    return {
        "findings": {
            found.name: {
                "title": found.title,
                "says": found.says,
                "advice": found.advice,
                "share": found.share,
                "page": found.page,
            }
            for found in findings(model)
        }
    }
