"""How much memory a plan takes, worked out before it runs.

Nodes say what a result of each of their layers takes (`Node.cost`).  The plan is walked in its
order, as one worker runs it, and what is alive is added up; further threads add a task each.  It is
an estimate from shapes and types: what functions of the user's make on the way, it cannot know.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shoal import config
from shoal.expr.node import Cost, Node
from shoal.graph.plan import Plan
from shoal.memory import system_limit_bytes
from shoal.units import format_bytes

__all__ = ["Footprint", "Room", "footprint", "room"]

PARTS_SHARE = 0.3
"""Of the memory there is: what results in parts take before they go to files."""

NOTHING = Cost(0)
"""Of values that are there already."""


@dataclasses.dataclass(frozen=True)
class Room:
    """What there is for tasks.

    Parameters
    ----------
    limit_bytes
        Memory of all processes that run tasks.
    threads
        How many tasks run at a time.

    Examples
    --------
    >>> Room(2**30, 2).limit_bytes
    1073741824
    """

    limit_bytes: float
    threads: int


@dataclasses.dataclass(frozen=True)
class Footprint:
    """What a plan takes in memory.

    Parameters
    ----------
    held_bytes
        Results that wait to be read, at most.
    task_bytes
        Of the largest task: its result, and what it makes on the way.
    largest
        The node that it belongs to, in words.
    answer_bytes
        Of the results held, those asked for.
    room
        What there is.

    Examples
    --------
    >>> print(Footprint(2**30, 2**30, "Fused(add)", 8, Room(2**31, 2)).text())
    memory: about 3.00 GiB at most, with 2 threads (results 1.00 GiB, a task 1.00 GiB)
      warning: there are 2.00 GiB. The largest task is of Fused(add); smaller chunks (rechunk,
      or chunks= where the array is made) need less
    """

    held_bytes: float
    task_bytes: float
    largest: str
    answer_bytes: float
    room: Room

    @property
    def peak_bytes(self) -> float:
        """All of it, at most."""
        return self.held_bytes + self.room.threads * self.task_bytes

    def text(self) -> str:
        """A line, and a warning with a remedy where memory will not suffice."""
        threads = self.room.threads
        line = (
            f"memory: about {format_bytes(self.peak_bytes)} at most, with {threads} "
            f"thread{'s' * (threads != 1)} (results {format_bytes(self.held_bytes)}, "
            f"a task {format_bytes(self.task_bytes)})"
        )
        if self.peak_bytes <= self.room.limit_bytes:
            return line
        if threads * self.task_bytes >= self.held_bytes:
            why = (
                f"The largest task is of {self.largest}; smaller chunks (rechunk,\n"
                "  or chunks= where the array is made) need less"
            )
        elif 2 * self.answer_bytes >= self.held_bytes:
            why = (
                f"The answer alone takes {format_bytes(self.answer_bytes)};\n"
                "  write it to a file (to_zarr, to_hdf5, store), or compute less of it"
            )
        else:
            why = (
                "Results wait until others are there that they are\n"
                "  needed with; store those and go on from the file, or use a cluster, which\n"
                "  writes to disk"
            )
        return f"{line}\n  warning: there are {format_bytes(self.room.limit_bytes)}. {why}"


def room() -> Room:
    """What there is where tasks will run: on the cluster, or in this process.

    Examples
    --------
    >>> room().threads >= 1
    True
    """
    info = getattr(config.get("scheduler", None), "scheduler_info", None)
    workers = list(info()["workers"].values()) if info else []
    limits = [worker.get("memory_limit") for worker in workers]
    if limits and all(limits):
        return Room(sum(limits), sum(worker.get("nthreads") or 1 for worker in workers))
    threads = config.get("num_workers", None) or len(os.sched_getaffinity(0))
    return Room(system_limit_bytes(), int(threads))


def footprint(roots: Iterable[Any], plan: Plan) -> Footprint | None:
    """What a plan takes; None where a node does not say what its results take.

    Parameters
    ----------
    roots
        The expressions that the plan was made of.
    plan
        The plan.

    Examples
    --------
    >>> import shoal.array as da
    >>> from shoal.collection import make_plan
    >>> x = da.ones(1000, chunks=100)
    >>> footprint([x._node], make_plan(x)).task_bytes
    800
    """
    nodes = _nodes(roots)
    layers = [_layer(plan, i) for i in range(len(plan))]
    found: dict[str, tuple[Cost, Any]] = {}
    for name in dict.fromkeys(layers):
        node = _node_of(name, nodes)
        cost = None if node is None else node.cost(name)
        if cost is None or cost.result_bytes != cost.result_bytes:
            return None
        found[name] = cost, node
    there = room()
    costs = [
        NOTHING if func is None else found[name][0]
        for name, func in zip(layers, plan.funcs, strict=True)
    ]
    largest = max(found.values(), key=lambda pair: pair[0].task_bytes, default=None)
    if largest is None:
        return None
    held = _held(plan, costs, PARTS_SHARE * there.limit_bytes)
    answer = sum(costs[i].result_bytes for i in dict.fromkeys(plan.wanted))
    return Footprint(held, largest[0].task_bytes, largest[1].label(), answer, there)


def _held(plan: Plan, costs: Sequence[Cost], parts_limit: float) -> float:
    """What results take at most, in the order of the plan."""
    uses = plan.uses()
    held = parts = most = 0.0
    for i in plan.order:
        most = max(most, held + min(parts, parts_limit))
        for j, sign in ((i, 1), *[(j, -1) for j in plan.deps[i]]):
            if sign < 0:
                uses[j] -= 1
                if uses[j]:
                    continue
            size = sign * costs[j].result_bytes
            if costs[j].in_parts:
                parts += size
            else:
                held += size
    return max(most, held + min(parts, parts_limit))


def _layer(plan: Plan, task: int) -> str:
    key = plan.keys[task]
    return str(key[0] if type(key) is tuple else key)


def _nodes(roots: Iterable[Any]) -> dict[str, Node]:
    found: dict[str, Node] = {}
    stack = [root for root in roots if isinstance(root, Node)]
    while stack:
        node = stack.pop()
        if node.name not in found:
            found[node.name] = node
            stack += [source for source in node.sources if isinstance(source, Node)]
    return found


def _node_of(name: str, nodes: Mapping[str, Node]) -> Node | None:
    """The node that a layer belongs to: its name, with something behind it."""
    while name not in nodes:
        name, _, end = name.rpartition("-")
        if not end:
            return None
    return nodes[name]
