"""``get`` on processes of this machine."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from shoal.collection import run_plan
from shoal.local.get import get_with
from shoal.types import Key, NestedKeys

__all__ = ["get"]


def get(dsk: Mapping[Key, Any], keys: NestedKeys, **kwargs: Any) -> Any:
    """Run a dict graph on processes.

    Parameters
    ----------
    dsk
        Tasks by key, as tuples ``(func, arg, ...)`` or `shoal.Task`.
    keys
        A key, or lists of keys to any depth.
    **kwargs
        ``num_workers``, ``pool``, ``chunksize``, ``callbacks``; default from the settings of
        these names.

    Returns
    -------
    The results in the shape of the keys; lists become tuples.

    Examples
    --------
    >>> get({"x": 1, "y": (max, "x", 2)}, ["x", "y"])
    (1, 2)
    """
    return get_with(functools.partial(run_plan, scheduler="processes", **kwargs), dsk, keys)


# As ``scheduler=`` this function is the executor of that name, which takes plans, not dicts.
get.__shoal_scheduler__ = "processes"  # type: ignore[attr-defined]
