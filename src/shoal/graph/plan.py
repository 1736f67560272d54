"""The plan: a graph in the form every executor runs.

A task is an integer.  What a plan knows of its tasks stands in parallel lists, so that a million
tasks cost a few machine words each and nothing has to be looked up by name while they run:

``funcs[i]``, ``args[i]``
    what to call and how the dependencies become arguments (`shoal.graph.task`);
``deps[i]``
    ids of the results that task ``i`` needs, each below ``i``, in the order of their first use;
``order``
    the ids in the order in which one worker should run them; the position in it is the priority;
``wanted``
    ids whose results are the answer; these are never released.

Keys are wanted by people, callbacks and other graphs only.  ``keys[i]`` is computed when asked.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

from shoal.graph.order import order as compute_order
from shoal.types import Key

__all__ = ["Plan", "make_plan", "without_collector"]

P = ParamSpec("P")
R = TypeVar("R")


class Plan:
    """Tasks by number, with an order.

    Parameters
    ----------
    funcs, args, deps
        One entry a task; see the top of the module.
    keys
        Names of the tasks; anything with ``__getitem__``.
    wanted
        Ids of the results asked for; may repeat.
    order
        A permutation of the ids.
    annotations
        ``(ids, mapping)`` pairs: what `shoal.annotate` said of these tasks.

    Examples
    --------
    >>> from shoal.graph.legacy import plan_from_dict
    >>> plan = plan_from_dict({"a": 1, "b": (max, "a", 5)}, ["b"])
    >>> plan.deps, list(plan.order), [plan.keys[i] for i in plan.wanted]
    ([(), (0,)], [0, 1], ['b'])
    """

    __slots__ = ("_dependents", "annotations", "args", "deps", "funcs", "keys", "order", "wanted")

    def __init__(
        self,
        funcs: list[Any],
        args: list[Any],
        deps: list[tuple[int, ...]],
        keys: Sequence[Key],
        wanted: list[int],
        order: Sequence[int],
        annotations: Sequence[tuple[Sequence[int], dict[str, Any]]] = (),
    ) -> None:
        self.funcs = funcs
        self.args = args
        self.deps = deps
        self.keys = keys
        self.wanted = wanted
        self.order = order
        self.annotations = annotations
        self._dependents: list[list[int]] | None = None

    def __len__(self) -> int:
        return len(self.deps)

    def __repr__(self) -> str:
        return f"<Plan of {len(self)} tasks, {len(self.wanted)} wanted>"

    @property
    def dependents(self) -> list[list[int]]:
        """For each task the ids of those that need its result, ascending."""
        if self._dependents is None:
            self._dependents = invert(self.deps)
        return self._dependents

    def uses(self) -> list[int]:
        """How often each result is needed: once a dependent, and once for being wanted.

        An executor counts down and lets go of a result at zero.
        """
        if self._dependents is None:
            counts = [0] * len(self.deps)
            for needs in self.deps:
                for i in needs:
                    counts[i] += 1
        else:
            counts = list(map(len, self._dependents))
        for i in self.wanted:
            counts[i] += 1
        return counts


def invert(deps: Sequence[tuple[int, ...]]) -> list[list[int]]:
    """Dependents from dependencies."""
    if not any(deps):
        return [[]] * len(deps)
    out: list[list[int]] = [[] for _ in deps]
    for i, needs in enumerate(deps):
        for j in needs:
            out[j].append(i)
    return out


def make_plan(
    funcs: list[Any],
    args: list[Any],
    deps: list[tuple[int, ...]],
    keys: Sequence[Key],
    wanted: list[int],
    annotations: Sequence[tuple[Sequence[int], dict[str, Any]]] = (),
    order: Sequence[int] | None = None,
) -> Plan:
    """A plan in its best order.

    Parameters
    ----------
    funcs, args, deps, keys, wanted, annotations
        As `Plan` has them.
    order
        If it is known already.

    Examples
    --------
    >>> make_plan([int, abs], [("-3",), None], [(), (0,)], ["a", "b"], [1])
    <Plan of 2 tasks, 1 wanted>
    """
    if order is None:
        order = compute_order(deps, None, wanted)
    return Plan(funcs, args, deps, keys, wanted, order, annotations)


def without_collector(make: Callable[P, R]) -> Callable[P, R]:
    """Let a function that makes plans run while the garbage collector pauses.

    What it makes are containers that stay: looking for cycles among them, and again each time
    there are a quarter more, costs up to a third of the time and finds nothing.

    Parameters
    ----------
    make
        Must not call the user's code.

    Examples
    --------
    >>> without_collector(gc.isenabled)()
    False
    >>> gc.isenabled()
    True
    """

    @functools.wraps(make)
    def paused(*args: P.args, **kwargs: P.kwargs) -> R:
        if not gc.isenabled():
            return make(*args, **kwargs)
        gc.disable()
        try:
            return make(*args, **kwargs)
        finally:
            gc.enable()

    return paused
