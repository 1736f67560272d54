"""Tasks: how far each kind is, what it takes, what failed, and where one task is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.distributed.dashboard.model import Model, key_text

__all__: list[str] = []

KINDS = 100
"""Kinds whose progress is shown, at most: those with the most work."""

STATES = ("memory", "sent", "ready", "waiting", "released")


def progress(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """How far each kind of task is, the one with the most work first."""
    threads = sum(w["threads"] for w in model.workers.values())
    found = {}
    for name, kind in sorted(model.kinds.items(), key=lambda item: -item[1]["total_s"])[:KINDS]:
        found[name] = {
            **{state: kind["states"].get(state, 0) for state in STATES},
            "done": kind["done"],
            "failed": kind["failed"],
            "total": kind["total"],
            "seconds": kind["seconds"],
            "eta_s": kind["left"] * kind["seconds"] / threads if threads else None,
        }
    return {"kinds": found}


def kinds(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """What tasks of each kind take and make."""
    whole = sum(kind["total_s"] for kind in model.kinds.values())
    found = {}
    for name, kind in model.kinds.items():
        longest, key, _ = model.longest.get(name, (None, "", ""))
        found[name] = {
            **{state: kind["states"].get(state, 0) for state in STATES},
            "done": kind["done"],
            "failed": kind["failed"],
            "retried": model.retried[name],
            "seconds": kind["total_s"] / kind["ended"] if kind["ended"] else None,
            "longest_s": longest,
            "longest_key": key,
            "total_s": kind["total_s"],
            "share": kind["total_s"] / whole if whole else 0.0,
            "nbytes": kind["nbytes"],
            "largest": model.largest.get(name, (None,))[0],
            "peak": kind["peak"],
        }
    return {"kinds": found}


def errors(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """Runs that have failed, the newest first, and how many there were of each kind of task."""
    totals: dict[str, list[int]] = {}
    for (kind, _), count in model.failed.items():
        totals.setdefault(kind, [0, model.retried[kind]])[0] += count
    return {
        "totals": totals,
        "errors": {
            str(f.id): {
                "time": f.time,
                "key": f.key,
                "kind": f.kind,
                "worker": model.name_of(f.worker),
                "error": f.error,
                "trace": f.trace,
                "tries": f.tries,
                "again": f.again,
                "replay": f"client.recreate_error_locally({key_code(f.key)})",
            }
            for f in reversed(model.failures)
        },
    }


def key_code(key: str) -> str:
    """A key as people write it in a program.

    Parameters
    ----------
    key
        As `key_text` writes it.

    Examples
    --------
    >>> key_code("x-1"), key_code("('x-1', 0)")
    ("'x-1'", "('x-1', 0)")
    """
    return key if key.startswith("(") else repr(key)


def info(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """One task, whose key the page names: where it is, and why it is not further.

    Examples
    --------
    >>> info(Model(), {"key": "x"})
    {'key': 'x', 'task': None}
    """
    answer = dict(model.answers.get("info") or {})
    if "story" in answer:
        answer["story"] = [
            [at + model.offset, what, model.name_of(str(whom))]
            for at, what, whom in answer["story"]
        ]
    if "key" in answer:
        answer["key"] = key_text(answer["key"])
    for name in ("worker", "where"):
        if name in answer:
            known = answer[name]
            answer[name] = (
                [model.name_of(at) for at in known]
                if isinstance(known, list)
                else model.name_of(known)
            )
    return {"key": args.get("key", ""), "task": answer or None}


def holdings(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """Which results take memory.

    Examples
    --------
    >>> model = Model(answers={"holdings": {"kinds": [["inc", 28, 1]], "largest": []}})
    >>> holdings(model, {})["kinds"]
    {'inc': {'nbytes': 28, 'count': 1}}
    """
    answer = model.answers.get("holdings") or {}
    return {
        "kinds": {
            name: {"nbytes": size, "count": count} for name, size, count in answer.get("kinds", ())
        },
        "largest": {
            key: {"kind": kind, "nbytes": size} for key, kind, size in answer.get("largest", ())
        },
        "looked_at": answer.get("looked_at", 0),
        "rows": answer.get("rows", 0),
    }
