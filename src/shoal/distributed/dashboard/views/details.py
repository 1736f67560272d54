"""Panels made of answers to further questions: the graph, memory by key, stacks, logs, one task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.distributed.dashboard.model import Model, key_text

__all__ = ["events", "graph", "holdings", "info", "logs", "profile"]

FRAMES = 3_000
"""Frames of a flame graph that a page is sent at most: the ones with the most samples."""


def graph(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """Tasks and what they need; kinds of tasks where there are many.

    Parameters
    ----------
    model
        What is known.
    args
        Of the page.

    Examples
    --------
    >>> model = Model(answers={"graph": {"tasks": [[0, "x", "inc", "memory", []]]}})
    >>> graph(model, {})
    {'nodes': {'0': ['x', 'inc', 'memory', 0, 1]}, 'links': []}
    """
    answer = model.answers.get("graph") or {}
    if "kinds" in answer:
        depth = depths({name: [] for name in answer["kinds"]}, answer["links"])
        nodes = {
            name: [name, name, states, depth[name], sum(states.values())]
            for name, states in answer["kinds"].items()
        }
        return {"nodes": nodes, "links": [link[:2] for link in answer["links"]]}
    tasks = answer.get("tasks", [])
    links = [[str(source), str(number)] for number, *_, needs in tasks for source in needs]
    depth = depths({str(number): [] for number, *_ in tasks}, links)
    return {
        "nodes": {
            str(number): [key, kind, state, depth[str(number)], 1]
            for number, key, kind, state, _ in tasks
        },
        "links": links,
    }


def depths(names: dict[str, list[str]], links: list[Any]) -> dict[str, int]:
    """How many steps after the first each node comes; a circle among kinds is cut somewhere."""
    below: dict[str, list[str]] = names
    lacking = dict.fromkeys(names, 0)
    for source, target, *_ in links:
        if source != target and source in below and target in below:
            below[source].append(target)
            lacking[target] += 1
    depth = dict.fromkeys(names, 0)
    work = [name for name, count in lacking.items() if not count] or list(names)[:1]
    done = set(work)
    while work:
        name = work.pop()
        for target in below[name]:
            depth[target] = (
                max(depth[target], depth[name] + 1) if target not in done else depth[target]
            )
            lacking[target] -= 1
            if lacking[target] <= 0 and target not in done:
                done.add(target)
                work.append(target)
    return depth


def holdings(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """Which results take memory.

    Parameters
    ----------
    model
        What is known.
    args
        Of the page.

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


def profile(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """Where tasks (or the scheduler) spend their time, as frames with positions.

    Parameters
    ----------
    model
        What is known.
    args
        Of the page.

    Examples
    --------
    >>> leaf = {"count": 3, "identifier": "f;a.py;1", "description": {}, "children": {}}
    >>> tree = {"count": 3, "identifier": "root", "description": {}, "children": {"f": leaf}}
    >>> profile(Model(answers={"profile": tree}), {})["frames"]
    [['f', 'a.py', '1', 0, 0, 3, 3]]
    """
    tree = model.answers.get("profile") or {"count": 0, "children": {}}
    found = flatten(tree)
    return {"count": tree["count"], "frames": found, "source": args.get("source", "tasks")}


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
            if child["count"] > least and depth < 100:
                work.append((child, depth + 1, first))
            first += child["count"]
    found.sort(key=lambda frame: -frame[5])
    return found[:FRAMES]


def logs(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """The last lines of the scheduler's log and the workers'.

    Parameters
    ----------
    model
        What is known.
    args
        Of the page.

    Examples
    --------
    >>> logs(Model(answers={"logs": {"Scheduler": [["INFO", "hello"]]}}), {})
    {'logs': {'Scheduler': [['INFO', 'hello']]}}
    """
    names = {w["address"]: f"Worker {w['name']}" for w in model.workers.values()}
    found = model.answers.get("logs") or {}
    return {"logs": {names.get(who, who): lines for who, lines in found.items()}}


def events(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """What was logged by topic, the newest first.

    Parameters
    ----------
    model
        What is known.
    args
        Of the page.

    Examples
    --------
    >>> events(Model(offset=10.0, answers={"events": {"all": [[1.0, "x"]]}}), {})
    {'events': [[11.0, 'all', 'x']]}
    """
    found = model.answers.get("events") or {}
    rows = [
        [at + model.offset if at < 1e9 else at, topic, value]
        for topic, kept in found.items()
        for at, value in kept
    ]
    rows.sort(key=lambda row: -row[0])
    return {"events": rows[:300]}


def info(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """One task: where it is, and why it is not further.

    Parameters
    ----------
    model
        What is known.
    args
        ``key``.

    Examples
    --------
    >>> info(Model(), {"key": "x"})
    {'key': 'x', 'task': None}
    """
    answer = model.answers.get("info")
    if answer and "story" in answer:
        story = [[at + model.offset, what, whom] for at, what, whom in answer["story"]]
        answer = {**answer, "story": story}
    if answer and "key" in answer:
        answer = {**answer, "key": key_text(answer["key"])}
    return {"key": args.get("key", ""), "task": answer}
