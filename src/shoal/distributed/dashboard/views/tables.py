"""Panels that are tables: workers, kinds of tasks, errors, transfers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from shoal.distributed.dashboard.findings import findings
from shoal.distributed.dashboard.model import Model

__all__ = ["answers", "errors", "kinds", "system", "transfers", "workers"]


def workers(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """All that is known of each worker.

    Parameters
    ----------
    model
        What is known.
    args
        Of the page.

    Examples
    --------
    >>> workers(Model(), {})
    {'workers': {}}
    """
    ran: defaultdict[str, float] = defaultdict(float)
    for (address, _), seconds in model.ran_s.items():
        ran[address] += seconds
    failed: Counter[str] = Counter()
    for (_, address), count in model.failed.items():
        failed[address] += count
    heard = model.feed.get("now", 0.0)
    return {
        "workers": {
            str(number): {
                "name": w["name"],
                "address": w["address"],
                "host": w["host"],
                "pid": w["pid"],
                "status": w["status"],
                "threads": w["threads"],
                "executing": w["metrics"].get("executing", 0),
                "sent": w["sent"],
                "queued": w["queued"],
                "cpu": w["metrics"].get("cpu", 0.0),
                "memory": w["metrics"].get("memory", 0),
                "managed": w["metrics"].get("managed", 0),
                "spilled": w["metrics"].get("spilled", 0),
                "limit": w["limit"],
                "held": w["held"],
                "ran_s": round(ran[w["address"]], 2),
                "failed": failed[w["address"]],
                "gil": w["metrics"].get("gil", 0.0),
                "fds": w["metrics"].get("fds", 0),
                "heard_s": round(max(0.0, heard - w["heard"]), 1),
            }
            for number, w in model.workers.items()
        }
    }


def kinds(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """What tasks of each kind take and make.

    Parameters
    ----------
    model
        What is known.
    args
        Of the page.

    Examples
    --------
    >>> kinds(Model(), {})
    {'kinds': {}}
    """
    whole = sum(kind["total_s"] for kind in model.kinds.values())
    return {
        "kinds": {
            name: {
                **kind["states"],
                "done": kind["done"],
                "failed": kind["failed"],
                "retried": model.retried[name],
                "seconds": kind["total_s"] / kind["ended"] if kind["ended"] else None,
                "longest_s": model.longest.get(name, (None,))[0],
                "longest_key": model.longest[name][1] if name in model.longest else "",
                "total_s": kind["total_s"],
                "share": kind["total_s"] / whole if whole else 0.0,
                "nbytes": kind["nbytes"],
                "largest": model.largest.get(name, (None,))[0],
                "peak": kind["peak"],
            }
            for name, kind in model.kinds.items()
        }
    }


def errors(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """Runs that have failed, the newest first.

    Parameters
    ----------
    model
        What is known.
    args
        Of the page.

    Examples
    --------
    >>> errors(Model(), {})
    {'errors': {}}
    """
    names = {w["address"]: w["name"] for w in model.workers.values()}
    return {
        "errors": {
            str(f.id): {
                "time": f.time,
                "key": f.key,
                "kind": f.kind,
                "worker": names.get(f.worker, f.worker),
                "error": f.error,
                "trace": f.trace,
                "tries": f.tries,
                "again": f.again,
                "replay": f"client.recreate_error_locally({f.key!r})"
                if not f.key.startswith("(")
                else f"client.recreate_error_locally({f.key})",
            }
            for f in reversed(model.failures)
        }
    }


def transfers(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """Bytes moved between workers.

    Parameters
    ----------
    model
        What is known.
    args
        Of the page.

    Examples
    --------
    >>> transfers(Model(), {})["pairs"]
    {}
    """
    names = {w["address"]: w["name"] for w in model.workers.values()}
    return {
        "pairs": {
            f"{names.get(sender, sender)} → {names.get(receiver, receiver)}": {
                "from": names.get(sender, sender),
                "to": names.get(receiver, receiver),
                "nbytes": nbytes,
            }
            for (sender, receiver), nbytes in model.moved.most_common(200)
        },
        "bandwidth": model.feed.get("bandwidth", 0.0),
    }


def system(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """The scheduler itself.

    Parameters
    ----------
    model
        What is known.
    args
        Of the page.

    Examples
    --------
    >>> system(Model(), {})["tasks"]
    0
    """
    return {
        **{name: value for name, value in model.vitals.items() if name != "loop"},
        "id": model.feed.get("id", ""),
        "up_s": max(0.0, model.feed.get("now", 0.0) - model.feed.get("started", 0.0)),
        "tasks": model.feed.get("tasks", 0),
        "clients": model.feed.get("clients", []),
        "bandwidth": model.feed.get("bandwidth", 0.0),
    }


def answers(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """Why it is slow: see `shoal.distributed.dashboard.findings`.

    Parameters
    ----------
    model
        What is known.
    args
        Of the page.

    Examples
    --------
    >>> answers(Model(), {})
    {'findings': {}}
    """
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
