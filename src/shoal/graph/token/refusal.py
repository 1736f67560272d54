"""What to say when an object has no deterministic token: which object, where it is, why, what next.

A walk that gives up unwinds through the objects it had entered; the path is found afterwards, by
looking each object up in the one that holds it, so that a walk that succeeds pays nothing for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import CellType, FunctionType
from typing import Any

from shoal.errors import TokenizationError
from shoal.graph.token.walk import Normal, Refusal, Walk

__all__: list[str] = []


def refused(
    walk: Walk, error: Refusal | RecursionError, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Normal:
    """What stands for arguments whose walk ended with an error; raises where that is an error.

    Objects nested deeper than Python can follow are like any other without a deterministic token.
    """
    try:
        if isinstance(error, Refusal):
            raise error
        return walk.refuse(args, RecursionError(f"it is nested too deep: {error}"))
    except Refusal as refusal:
        raise TokenizationError(_explain(refusal, args, kwargs)) from refusal.__cause__


def _explain(refusal: Refusal, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    culprit = type(refusal.trail[0])
    where = _path(refusal.trail, args, kwargs)
    return (
        f"Cannot tokenize the {culprit.__module__}.{culprit.__qualname__}{where}: it cannot be "
        f"deterministically hashed ({refusal}). Give its class a __shoal_tokenize__ method, "
        "register a function for it with normalize_token.register, or set the config key "
        "tokenize.ensure-deterministic to False"
    )


def _path(trail: Sequence[object], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """`` at args[0]['model'].lock``, from the innermost-first trail of objects entered."""
    if trail[-1] is args:
        return ""
    holder: object = args if any(arg is trail[-1] for arg in args) else kwargs
    path = " at args" if holder is args else " at kwargs"
    for obj in reversed(trail):
        # An object's namespace is a step of its own in the walk, and none to the reader.
        if obj is not getattr(holder, "__dict__", None):
            step = _step(holder, obj)
            path += step
            # Neither are the dicts and tuples that describe it.
            if step or not isinstance(obj, (dict, list, tuple)):
                holder = obj
    return path


def _step(holder: object, obj: object) -> str:
    """How ``obj`` is reached from ``holder``, as far as that can be told."""
    if isinstance(holder, (list, tuple)):
        return next((f"[{i}]" for i, x in enumerate(holder) if x is obj), "")
    if isinstance(holder, dict):
        return next((f"[{key!r}]" for key, x in holder.items() if x is obj), "")
    if isinstance(holder, FunctionType):
        return _step_in_function(holder, obj)
    names = [*getattr(holder, "__dict__", ()), *getattr(type(holder), "__slots__", ())]
    return next((f".{name}" for name in names if getattr(holder, name, None) is obj), "")


def _step_in_function(function: FunctionType, obj: object) -> str:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        if cell is obj or _content(cell) is obj:
            return f".<closure {name}>"
    for name in function.__code__.co_names:
        if function.__globals__.get(name) is obj:
            return f".<global {name}>"
    return ""


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return cell
