"""``get``: dict graph in, results out, whatever the executor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shoal.graph.legacy import flatten_keys, nest_results, plan_from_dict
from shoal.graph.plan import Plan
from shoal.local.failure import trimmed
from shoal.local.sync import run_sync
from shoal.types import Key, NestedKeys

__all__ = ["get_sync", "get_with"]


def get_with(run: Callable[[Plan], list[Any]], dsk: Mapping[Key, Any], keys: NestedKeys) -> Any:
    """Run a dict graph with some executor.

    Parameters
    ----------
    run
        Runs a plan.
    dsk
        Tasks by key, as tuples or `shoal.Task`.
    keys
        A key, or lists of keys to any depth.

    Returns
    -------
    The results in the shape of the keys; lists become tuples.

    Examples
    --------
    >>> get_with(run_sync, {"x": 1, "y": (max, "x", 2)}, [["x"], "y"])
    ((1,), 2)
    """
    plan = plan_from_dict(dsk, flatten_keys(keys))
    with trimmed():
        results = run(plan)
    return nest_results(keys, results)


def get_sync(dsk: Mapping[Key, Any], keys: NestedKeys, **kwargs: Any) -> Any:
    """Run a dict graph in the calling thread.

    Parameters
    ----------
    dsk
        Tasks by key, as tuples ``(func, arg, ...)`` or `shoal.Task`.
    keys
        A key, or lists of keys to any depth.
    **kwargs
        ``callbacks``; options of other executors are ignored.

    Returns
    -------
    The results in the shape of the keys; lists become tuples.

    Raises
    ------
    MissingKeyError, CycleError, InvalidKeyError
        The graph cannot be planned; the message names the key and the path to it.

    Examples
    --------
    >>> get_sync({"x": 1, "y": (max, "x", 2)}, ["x", "y"])
    (1, 2)
    """
    callbacks = kwargs.get("callbacks") or ()
    return get_with(lambda plan: run_sync(plan, callbacks=callbacks), dsk, keys)


# As ``scheduler=`` this function is the executor of that name, which takes plans, not dicts.
get_sync.__shoal_scheduler__ = "sync"  # type: ignore[attr-defined]
