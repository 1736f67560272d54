"""Names of tasks: what the user gave as the scheduler takes it, and names made from content.

On the wire a key is a string or a flat tuple of strings and numbers.  Dict graphs may use
other things; those get a tuple that begins with their type, so that ``1`` and ``"1"`` stay two
keys.

A pure call is named by what it does: function, arguments.  The arguments of most calls in a long
`Client.map` are a number or a string, and for these the general token (`shoal.graph.token`) costs
more than everything else that is done for the task; their marshalled bytes are as good a
description.  (Format 2 of marshal: later ones depend on which objects happen to be identical.)
"""

from __future__ import annotations

import marshal
import os
from collections.abc import Sequence
from typing import Any

import xxhash

from shoal.distributed.protocol import Key
from shoal.errors import InvalidKeyError
from shoal.graph.naming import given_name
from shoal.graph.token import tokenize

__all__ = ["PLAIN", "func_label", "token_of_call", "unique_key", "wire_key", "wire_keys"]

PLAIN = frozenset({int, float, bool, str, bytes, complex, type(None)})
"""Types that marshal describes whole."""

_WIRE = frozenset({str, int, float, type(None)})


def wire_key(key: Any) -> Key:
    """A key as the scheduler takes it.

    Parameters
    ----------
    key
        What names a task in a graph.

    Examples
    --------
    >>> wire_key("x"), wire_key(("x", 0)), wire_key(5), wire_key(("x", (1, 2)))
    ('x', ('x', 0), ('int', '5'), ('x', '(1, 2)'))
    """
    if type(key) is str:
        return key
    if type(key) is tuple:
        if _WIRE.issuperset(map(type, key)):
            return key
        return tuple([_wire_part(part) for part in key])
    if isinstance(key, str):
        return str(key)
    _wire_part(key)
    return type(key).__name__, repr(key)


def _wire_part(part: Any) -> Any:
    if type(part) in _WIRE:
        return part
    if isinstance(part, str):
        return str(part)
    if isinstance(part, int) or hasattr(part, "__index__"):
        return int(part)
    if isinstance(part, tuple | bytes | float):
        return repr(part)
    raise InvalidKeyError(
        f"a key is a str, a number, bytes or a tuple of such, got {type(part).__name__} in it: "
        f"{part!r}"
    )


def wire_keys(keys: Sequence[Any]) -> list[Key]:
    """Several keys as the scheduler takes them.

    Parameters
    ----------
    keys
        What names tasks in a graph.

    Examples
    --------
    >>> wire_keys(["x", 5])
    ['x', ('int', '5')]
    """
    if set(map(type, keys)) <= {str}:
        return list(keys)
    return [wire_key(key) for key in keys]


def func_label(func: Any) -> str:
    """What keys of a function's calls begin with.

    Parameters
    ----------
    func
        Any callable.

    Examples
    --------
    >>> import functools
    >>> func_label(abs), func_label(functools.partial(max, 1)), func_label(lambda: 1)
    ('abs', 'max', 'lambda')
    """
    name = given_name(func)
    return "lambda" if name == "<lambda>" else name


def token_of_call(base: bytes, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> str:
    """32 hexadecimal digits that name a call.

    Parameters
    ----------
    base
        Describes the function.
    args, kwargs
        Of the call.

    Examples
    --------
    >>> token_of_call(b"inc", (1,)) == token_of_call(b"inc", (1,))
    True
    >>> token_of_call(b"inc", (1,)) == token_of_call(b"inc", (1.0,))
    False
    """
    if not kwargs and PLAIN.issuperset(map(type, args)):
        return xxhash.xxh3_128_hexdigest(base + marshal.dumps(args, 2))
    return tokenize(base, args, kwargs or {})


def unique_key(label: str) -> str:
    """A key that nothing else has.

    Parameters
    ----------
    label
        What it begins with.

    Examples
    --------
    >>> unique_key("inc") == unique_key("inc")
    False
    """
    return f"{label}-{os.urandom(16).hex()}"
