"""The graph: tasks and what they need; kinds of tasks where there are many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.distributed.dashboard.model import Model

__all__: list[str] = []


def graph(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """Nodes as ``[key, kind, state or counts of states, depth, tasks]``, and links between them.

    Examples
    --------
    >>> model = Model(answers={"graph": {"tasks": [[0, "x", "inc", "memory", []]]}})
    >>> graph(model, {})
    {'nodes': {'0': ['x', 'inc', 'memory', 0, 1]}, 'links': []}
    """
    answer = model.answers.get("graph") or {}
    if "kinds" in answer:
        depth = depths(answer["kinds"], answer["links"])
        nodes = {
            name: [name, name, states, depth[name], sum(states.values())]
            for name, states in answer["kinds"].items()
        }
        return {"nodes": nodes, "links": [link[:2] for link in answer["links"]]}
    tasks = answer.get("tasks", [])
    links = [[str(source), str(number)] for number, *_, needs in tasks for source in needs]
    depth = depths([str(number) for number, *_ in tasks], links)
    return {
        "nodes": {
            str(number): [key, kind, state, depth[str(number)], 1]
            for number, key, kind, state, _ in tasks
        },
        "links": links,
    }


def depths(names: Any, links: list[Any]) -> dict[str, int]:
    """How many steps after the first each node comes; a circle among kinds is cut somewhere.

    Parameters
    ----------
    names
        Of all nodes.
    links
        ``[source, target, ...]``.

    Examples
    --------
    >>> depths("abc", [["a", "b"], ["b", "c"], ["a", "c"]])
    {'a': 0, 'b': 1, 'c': 2}
    """
    below: dict[str, list[str]] = {name: [] for name in names}
    lacking = dict.fromkeys(below, 0)
    for source, target, *_ in links:
        if source != target and source in below and target in below:
            below[source].append(target)
            lacking[target] += 1
    depth = dict.fromkeys(below, 0)
    work = [name for name, count in lacking.items() if not count] or list(below)[:1]
    done = set(work)
    while work:
        name = work.pop()
        for target in below[name]:
            if target in done:
                continue
            depth[target] = max(depth[target], depth[name] + 1)
            lacking[target] -= 1
            if lacking[target] <= 0:
                done.add(target)
                work.append(target)
    return depth
