"""What was logged, and what has happened: lines and events, the newest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from shoal.distributed.dashboard.model import Model

__all__: list[str] = []

LINES = 2_000
EVENTS = 300


def logs(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """Lines of the scheduler's log and the workers', as ``[time, who, level, key, text]``.

    Examples
    --------
    >>> logs(Model(answers={"logs": {"Scheduler": [["INFO", "hello", 5.0, ""]]}}), {})
    {'lines': {'5.000000 Scheduler': [5.0, 'Scheduler', 'INFO', '', 'hello']}}
    """
    found: dict[str, list[Any]] = {}
    seen: Counter[str] = Counter()
    for who, lines in (model.answers.get("logs") or {}).items():
        name = f"Worker {model.name_of(who)}" if who in model.addresses else who
        for level, text, at, key in lines:
            label = f"{at:.6f} {name}"
            seen[label] += 1
            if seen[label] > 1:
                label += f" {seen[label]}"
            found[label] = [at, name, level, key, text]
    newest = sorted(found.items(), key=lambda item: -item[1][0])[:LINES]
    return {"lines": dict(newest)}


def events(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """What was logged by topic, as ``[time, topic, event]``.

    Examples
    --------
    >>> events(Model(offset=10.0, answers={"events": {"all": [[1.0, "x"]]}}), {})
    {'events': [[11.0, 'all', 'x']]}
    """
    found = model.answers.get("events") or {}
    rows = [
        [at + model.offset if at < 1e9 else at, topic, named(model, value)]
        for topic, kept in found.items()
        for at, value in kept
    ]
    rows.sort(key=lambda row: -row[0])
    return {"events": rows[:EVENTS]}


def named(model: Model, value: Any) -> Any:
    """An event with the name of its worker beside the address."""
    if isinstance(value, dict) and value.get("worker") in model.addresses:
        return {**value, "name": model.name_of(value["worker"])}
    return value
