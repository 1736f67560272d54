"""The flame graph: where time is spent, and when there was something to see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.distributed.dashboard.model import Model

__all__: list[str] = []

FRAMES = 3_000
"""Frames of a flame graph that a page is sent at most: the ones with the most samples."""

DEEPEST = 100

STEPS = 600
"""Bars of the time line, at most."""


def profile(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """Where tasks (or the scheduler, or the workers) spend their time, as frames with positions.

    ``times`` has the samples over all the time that is kept, of which a page may choose a part.

    Examples
    --------
    >>> leaf = {"count": 3, "identifier": "f;a.py;1", "description": {}, "children": {}}
    >>> tree = {"count": 3, "identifier": "root", "description": {}, "children": {"f": leaf}}
    >>> model = Model(
    ...     now=12.5, answers={"profile": {"tree": tree, "times": [[9.2, 1], [11.9, 2]]}}
    ... )
    >>> shown = profile(model, {})
    >>> shown["frames"], shown["times"]
    ([['f', 'a.py', '1', 0, 0, 3, 3]], {'first': 9, 'step': 1, 'counts': [1, 0, 2, 0]})
    """
    answer = model.answers.get("profile") or {}
    tree = answer.get("tree") or {"count": 0, "children": {}}
    return {
        "count": tree["count"],
        "frames": flatten(tree),
        "source": args.get("source", "tasks"),
        "times": by_second(answer.get("times", ()), model.now),
    }


def by_second(times: Any, now: float) -> dict[str, Any]:
    """Samples of each second, or of longer steps, from the first that is kept until now.

    Parameters
    ----------
    times
        ``(time, samples)`` of stretches, in any order.
    now
        The time; all in seconds since the epoch.

    Examples
    --------
    >>> by_second([(3.5, 4), (1.0, 2)], 4.0)
    {'first': 1, 'step': 1, 'counts': [2, 0, 4, 0]}
    """
    begin, end = (choose([now, *(at for at, _ in times)]) for choose in (min, max))
    step = int((end - begin) // STEPS) + 1
    first = int(begin // step)
    counts = [0] * (int(end // step) - first + 1)
    for at, count in times:
        counts[int(at // step) - first] += count
    return {"first": first * step, "step": step, "counts": counts}


def flatten(tree: Mapping[str, Any]) -> list[list[Any]]:
    """Frames as ``[function, file, line, depth, first sample, samples, samples at the top]``.

    Parameters
    ----------
    tree
        As `shoal.distributed.node.profile.merge` makes it.

    Examples
    --------
    >>> flatten({"count": 0, "children": {}})
    []
    """
    least = tree["count"] / 2_000
    found: list[list[Any]] = []
    work: list[tuple[Any, int, int]] = [(tree, -1, 0)]
    while work:
        node, depth, first = work.pop()
        inner = sorted(node["children"].values(), key=lambda child: -child["count"])
        own = node["count"] - sum(child["count"] for child in inner)
        if depth >= 0:
            name, file, line = (*str(node["identifier"]).split(";"), "", "")[:3]
            line = str(node.get("description", {}).get("line_number", line))
            found.append([name, file, line, depth, first, node["count"], own])
        for child in inner:
            if child["count"] > least and depth < DEEPEST:
                work.append((child, depth + 1, first))
            first += child["count"]
    found.sort(key=lambda frame: -frame[5])
    return found[:FRAMES]
