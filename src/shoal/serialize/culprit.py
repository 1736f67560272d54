"""Which part of an object is to blame when the whole cannot be pickled.

The search goes down from the whole: of the parts of an object that fails, one fails too, or the
object itself is to blame.  It runs only after a failure, so it may be slow, but it is bounded: a
message late is worse than a message that stops at the third level.
"""

from __future__ import annotations

import functools
import itertools
import types
from collections.abc import Callable, Iterator
from typing import Any

from shoal.serialize.messages import message

__all__ = ["explain", "find_culprit"]

DEPTH = 12
WIDTH = 2_000
"""How far down, and at how many parts of one object, the search looks."""


def explain(obj: Any, error: BaseException, works: Callable[[Any], bool]) -> str:
    """Why an object cannot be pickled, in words that end a sentence.

    Parameters
    ----------
    obj
        The object.
    error
        What pickling it raised.
    works
        Whether a part can be pickled.

    Examples
    --------
    >>> explain({"a": 1}, TypeError("no"), lambda part: part != {"a": 1})
    'it is a dict (TypeError: no)'
    """
    reason = f"{type(error).__name__}: {message(error)}"
    if isinstance(error, RecursionError) or isinstance(error.__cause__, RecursionError):
        return f"it is nested too deeply ({reason})"
    path, culprit = find_culprit(obj, works)
    where = f"its part {path.strip()}" if path else "it"
    return f"{where} is {describe(culprit)} ({reason})"


def describe(obj: Any) -> str:
    """An object by its type, and by its name where it has one.

    >>> describe(describe), describe(3)
    ("the function 'describe'", 'an int')
    """
    if isinstance(obj, types.FunctionType | type):
        kind = "class" if isinstance(obj, type) else "function"
        return f"the {kind} {obj.__qualname__!r}"
    name = type(obj).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def find_culprit(obj: Any, works: Callable[[Any], bool]) -> tuple[str, Any]:
    """The smallest part of an object that fails, and the way to it.

    Parameters
    ----------
    obj
        An object that fails.
    works
        Says of a part whether it does not.

    Returns
    -------
    path, part
        The path as it would be written behind the object's name: ``['a'][0].lock``.

    Examples
    --------
    >>> find_culprit({"a": [1, "bad"]}, lambda part: "bad" not in repr(part))
    ("['a'][1]", 'bad')
    """
    path = ""
    seen = {id(obj)}
    for _ in range(DEPTH):
        for step, part in itertools.islice(parts(obj), WIDTH):
            if id(part) not in seen and not works(part):
                path += step
                obj = part
                seen.add(id(part))
                break
        else:
            break
    return path, obj


def parts(obj: Any) -> Iterator[tuple[str, Any]]:
    """What pickling an object would pickle, as ``(step of a path, part)``.

    >>> list(parts(functools.partial(max, 1)))
    [('.func', <built-in function max>), ('.args', (1,)), ('.keywords', {})]
    """
    if isinstance(obj, dict):
        for key, value in obj.items():
            yield f" key {key!r}", key
            yield f"[{key!r}]", value
    elif isinstance(obj, list | tuple):
        for i, value in enumerate(obj):
            yield f"[{i}]", value
    elif isinstance(obj, set | frozenset):
        for value in obj:
            yield " element", value
    elif isinstance(obj, functools.partial):
        yield from ((f".{name}", getattr(obj, name)) for name in ("func", "args", "keywords"))
    elif isinstance(obj, types.MethodType):
        yield ".__self__", obj.__self__
        yield ".__func__", obj.__func__
    elif isinstance(obj, types.FunctionType):
        yield from function_parts(obj)
    else:
        yield from attributes(obj)


def function_parts(func: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """The variables that a function takes along: closure, defaults, globals."""
    for name, cell in zip(func.__code__.co_freevars, func.__closure__ or (), strict=True):
        try:
            yield f" variable {name!r}", cell.cell_contents
        except ValueError:
            # Not assigned yet.
            continue
    yield ".__defaults__", func.__defaults__
    yield ".__kwdefaults__", func.__kwdefaults__
    for name in func.__code__.co_names:
        if name in func.__globals__:
            yield f" global {name!r}", func.__globals__[name]


def attributes(obj: Any) -> Iterator[tuple[str, Any]]:
    """The attributes of an instance, in its dictionary and in slots."""
    if isinstance(obj, type | types.ModuleType):
        return
    found = dict(getattr(obj, "__dict__", {}))
    for cls in type(obj).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            try:
                found[name] = getattr(obj, name)
            except AttributeError:
                continue
    yield from ((f".{name}", value) for name, value in found.items())
    if isinstance(obj, BaseException):
        yield ".args", obj.args
