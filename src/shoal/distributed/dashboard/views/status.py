"""The panels of the first page: what runs, how far it is, and what it takes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from shoal.distributed.dashboard.model import Model

__all__ = ["cpu", "memory", "processing", "progress", "rates", "stream", "summary"]

WINDOW_S = 40.0
BARS = 2_500
"""Bars that a page is sent at most."""

WORKERS = 60
LANES = 120
"""Workers in the task stream, at most; with more lanes than this, each has only one."""

RATE_S = 5.0


def summary(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """The cluster in a few numbers.

    Parameters
    ----------
    model
        What is known.
    args
        Of the page.

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


def stream(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """What ran where and when, lately.

    Parameters
    ----------
    model
        What is known.
    args
        ``begin`` and ``end``, in seconds since the epoch, for what does not move.

    Examples
    --------
    >>> stream(Model(), {})["bars"]
    {}
    """
    end = float(args.get("end", model.now))
    begin = float(args.get("begin", end - WINDOW_S))
    lanes = {n: min(w["threads"], 16) for n, w in islice(model.workers.items(), WORKERS)}
    is_folded = sum(lanes.values()) > LANES
    bars: dict[str, list[Any]] = {}
    most = 4 * BARS if "end" in args else BARS
    for bar in reversed(model.bars):
        if len(bars) >= most:
            break
        number = model.addresses.get(bar.worker, -1)
        if bar.stop < begin or number not in lanes:
            continue
        lane = min(bar.lane, 0) if is_folded else bar.lane
        lanes[number] = 1 if is_folded else max(lanes[number], lane + 1)
        busy = min(1.0, bar.busy / max(bar.stop - bar.start, 1e-6))
        bars[str(bar.id)] = [
            number,
            lane,
            bar.kind,
            round(bar.start, 4),
            round(bar.stop, 4),
            round(busy, 2),
            bar.count,
            bar.key,
            bar.nbytes,
        ]
    marks = {
        str(f.id): [model.addresses.get(f.worker, -1), f.time, f.kind, f.key]
        for f in model.failures
        if f.time > begin
    }
    if is_folded:
        lanes = dict.fromkeys(lanes, 1)
    return {
        "now": end,
        "window": end - begin,
        "still": "end" in args,
        "lanes": {str(number): count for number, count in lanes.items()},
        "names": {str(number): model.workers[number]["name"] for number in lanes},
        "workers": len(model.workers),
        "bars": bars,
        "marks": marks,
    }


def progress(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """How far each kind of task is, the one with the most work first.

    Parameters
    ----------
    model
        What is known.
    args
        Of the page.

    Examples
    --------
    >>> progress(Model(), {})
    {'kinds': {}}
    """
    threads = sum(w["threads"] for w in model.workers.values())
    found = {}
    for name, kind in sorted(model.kinds.items(), key=lambda item: -item[1]["total_s"])[:100]:
        states = kind["states"]
        found[name] = {
            "done": kind["done"],
            "failed": kind["failed"],
            "memory": states.get("memory", 0),
            "sent": states.get("sent", 0),
            "ready": states.get("ready", 0),
            "waiting": states.get("waiting", 0),
            "total": kind["total"],
            "seconds": kind["seconds"],
            "eta_s": kind["left"] * kind["seconds"] / threads if threads else None,
        }
    return {"kinds": found}


def processing(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """How much work each worker has.

    Parameters
    ----------
    model
        What is known.
    args
        Of the page.

    Examples
    --------
    >>> processing(Model(), {})
    {'workers': {}}
    """
    return {
        "workers": {
            str(number): {
                "name": w["name"],
                "executing": w["metrics"].get("executing", 0),
                "waiting": max(0, w["sent"] - w["metrics"].get("executing", 0)),
                "queued": w["queued"],
                "threads": w["threads"],
                "status": w["status"],
            }
            for number, w in model.workers.items()
        }
    }


def memory(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """Whose memory is whose, worker by worker.

    Parameters
    ----------
    model
        What is known.
    args
        Of the page.

    Examples
    --------
    >>> memory(Model(), {})
    {'workers': {}}
    """
    return {
        "workers": {
            str(number): {
                "name": w["name"],
                "managed": w["metrics"].get("managed", 0),
                "unmanaged": max(0, w["metrics"].get("memory", 0) - w["metrics"].get("managed", 0)),
                "spilled": w["metrics"].get("spilled", 0),
                "limit": w["limit"],
                "status": w["status"],
            }
            for number, w in model.workers.items()
        }
    }


def cpu(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """CPU and memory of all workers over time.

    Parameters
    ----------
    model
        What is known.
    args
        Of the page.

    Examples
    --------
    >>> cpu(Model(), {})["t"]
    []
    """
    rows = thin(list(model.total))
    return {
        "t": [row[0] for row in rows],
        "cpu": [row[4] / 100 for row in rows],
        "executing": [row[5] for row in rows],
        "managed": [row[2] for row in rows],
        "unmanaged": [max(0.0, row[1] - row[2]) for row in rows],
        "spilled": [row[3] for row in rows],
    }


def rates(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """Tasks and bytes a second, and the scheduler's load, over time.

    Parameters
    ----------
    model
        What is known.
    args
        Of the page.

    Examples
    --------
    >>> rates(Model(), {})["t"]
    []
    """
    rows = thin(list(model.rates))
    return {
        "t": [row[0] for row in rows],
        "tasks": [row[1] for row in rows],
        "network": [row[2] for row in rows],
        "loop": [100 * row[3] for row in rows],
    }


def thin(rows: list[Any], most: int = 300) -> list[Any]:
    """The last rows of a series, so many that a plot can show them."""
    return rows[-most:]
