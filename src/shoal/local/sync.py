"""Run a plan in the calling thread, one task after the other.

The plan's order is the program: each task runs when its turn comes, and a result is let go as
soon as its last user has run.  Debuggers and profilers see plain calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shoal.graph.plan import Plan
from shoal.local.callbacks import observe
from shoal.local.failure import mark_failed

__all__ = ["run_sync"]


def run_sync(plan: Plan, *, callbacks: Iterable[Any] = ()) -> list[Any]:
    """Run a plan in this thread.

    Parameters
    ----------
    plan
        What to run.
    callbacks
        Observers besides the registered ones (`shoal.callbacks.Callback`).

    Returns
    -------
    list
        Results of ``plan.wanted``, in that order.

    Examples
    --------
    >>> from shoal.graph.legacy import plan_from_dict
    >>> run_sync(plan_from_dict({"x": 1, "y": (max, "x", 5)}, ["y", "x"]))
    [5, 1]
    """
    with observe(plan, callbacks) as observer:
        return _run(observer.wrapped() if observer else plan)


def _run(plan: Plan) -> list[Any]:
    funcs, args, deps = plan.funcs, plan.args, plan.deps
    uses = plan.uses()
    results: list[Any] = [None] * len(plan)
    result_of = results.__getitem__
    failed = None
    for i in plan.order:
        func, arg = funcs[i], args[i]
        needs = deps[i]
        try:
            if func is None:
                results[i] = arg
            elif arg is None:
                results[i] = func(*map(result_of, needs))
            elif type(arg) is tuple:
                results[i] = func(*arg)
            else:
                positional, keywords = arg.fill([results[j] for j in needs])
                results[i] = func(*positional, **keywords)
                # Or the last task's arguments would outlive their last use.
                del positional, keywords
        except BaseException as error:
            failed = error
            positional = keywords = None
            break
        for j in needs:
            uses[j] -= 1
            if not uses[j]:
                results[j] = None
    if failed is not None:
        # Raised from here, outside of the handler: no "during handling" chain is added.
        try:
            raise mark_failed(failed, plan.keys[i], funcs[i])
        finally:
            # The traceback refers to this frame, and the frame to the exception.
            del failed, results, result_of
    return [results[i] for i in plan.wanted]
