"""What some results need, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from shoal.graph.plan import Plan, make_plan

__all__ = ["dependencies_first", "prune"]


def prune(plan: Plan) -> Plan:
    """The part of a plan that its wanted results need.

    A plan is made without superfluous tasks; one whose tasks were replaced by known values may
    have some.

    Parameters
    ----------
    plan
        Ids are dense and dependencies come first, in it and in the result.

    Examples
    --------
    >>> from shoal.graph.legacy import plan_from_dict
    >>> plan = plan_from_dict({"a": 1, "b": (abs, "a")}, ["b"])
    >>> plan.funcs[1], plan.args[1], plan.deps[1] = None, 1, ()
    >>> prune(plan)
    <Plan of 1 tasks, 1 wanted>
    """
    needed = bytearray(len(plan))
    for i in plan.wanted:
        needed[i] = 1
    for i in range(len(plan) - 1, -1, -1):
        if needed[i]:
            for j in plan.deps[i]:
                needed[j] = 1
    kept = [i for i, mark in enumerate(needed) if mark]
    if len(kept) == len(plan):
        return plan
    ids = {i: new for new, i in enumerate(kept)}
    return make_plan(
        [plan.funcs[i] for i in kept],
        [plan.args[i] for i in kept],
        [tuple([ids[j] for j in plan.deps[i]]) for i in kept],
        [plan.keys[i] for i in kept],
        [ids[i] for i in plan.wanted],
        [([ids[i] for i in span if i in ids], said) for span, said in plan.annotations],
    )


def dependencies_first(deps: Sequence[Sequence[int]], wanted: Sequence[int]) -> list[int] | None:
    """What some tasks need, depth first, each after what it needs.

    Parameters
    ----------
    deps
        For each task the tasks that it needs, in any numbering.
    wanted
        Where to begin.

    Returns
    -------
    list of int, or None
        None if a task needs itself.

    Examples
    --------
    >>> dependencies_first([(1, 2), (2,), ()], [0])
    [2, 1, 0]
    >>> dependencies_first([(1,), (0,)], [0])
    """
    done = bytearray(len(deps))
    out: list[int] = []
    # Each task is put off at most once, or there is a cycle; so the walk need not remember its
    # path, which only matters when it fails.
    put_off_most = len(deps)
    stack = list(wanted)
    stack.reverse()
    while stack:
        i = stack[-1]
        if done[i]:
            stack.pop()
            continue
        missing = [j for j in deps[i] if not done[j]]
        if missing:
            put_off_most -= 1
            if put_off_most < 0:
                return None
            missing.reverse()
            stack += missing
        else:
            stack.pop()
            done[i] = 1
            out.append(i)
    return out
