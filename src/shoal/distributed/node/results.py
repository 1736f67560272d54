"""From what a function returned, or raised, to what is reported of it."""

from __future__ import annotations

import pickle
import sys
from typing import Any

from shoal.local.failure import mark_failed
from shoal.serialize.exceptions import dump_exception
from shoal.serialize.pickles import dumps
from shoal.sizeof import sizeof

__all__ = ["INLINE_BYTES", "describe", "pack_error", "pack_failure", "type_name"]

INLINE_BYTES = 16_384
"""A pickled result up to this size travels inside the report."""

GUESS_BYTES = 8 * INLINE_BYTES
"""An object that seems larger than this is not pickled to see whether it is small."""

SCALARS = {int: "int", float: "float", bool: "bool", type(None): "NoneType"}
"""Types whose objects plain pickle takes, whoever reads them."""

_names: dict[type, str] = {}


def type_name(kind: type) -> str:
    """A type by its full name, without that of the builtins.

    Parameters
    ----------
    kind
        The type.

    Examples
    --------
    >>> type_name(int), type_name(type_name.__class__)
    ('int', 'function')
    """
    name = _names.get(kind)
    if name is None:
        module = kind.__module__
        name = kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"
        if len(_names) < 10_000:
            _names[kind] = name
    return name


def describe(value: Any, inline: bool) -> tuple[int, str, bytes | None]:
    """Size of a result, its type, and its pickle stream if that is small and wanted.

    Parameters
    ----------
    value
        The result.
    inline
        Whether the stream is wanted.

    Examples
    --------
    >>> describe(7, False), pickle.loads(describe([1], True)[2])
    ((28, 'int', None), [1])
    """
    kind = type(value)
    name = SCALARS.get(kind)
    if name is not None:
        return sys.getsizeof(value), name, pickle.dumps(value, 5) if inline else None
    nbytes = sizeof(value)
    if not inline or nbytes > GUESS_BYTES:
        return nbytes, type_name(kind), None
    try:
        frames = dumps(value)
    except Exception:
        # Whatever its own code raises.  The result stays here, and whoever asks for it is told.
        return nbytes, type_name(kind), None
    if frames.buffers or len(frames.head) > INLINE_BYTES:
        return nbytes, type_name(kind), None
    return nbytes, type_name(kind), bytes(frames.head)


def pack_failure(error: BaseException, key: Any, func: Any) -> bytes:
    """A task's exception as bytes: the user's frames, and a note that names the task.

    Parameters
    ----------
    error
        What the task raised.
    key, func
        The task.

    Examples
    --------
    >>> from shoal.serialize.exceptions import load_exception
    >>> load_exception(pickle.loads(pack_failure(ValueError("no"), "x", abs))).__notes__
    ["shoal: task 'x' (abs) failed"]
    """
    return pack_error(mark_failed(error, key, func))


def pack_error(error: BaseException) -> bytes:
    """An exception as bytes, whatever it is; `load_exception` of their pickle rebuilds it.

    Parameters
    ----------
    error
        With the traceback that people should see.

    Examples
    --------
    >>> type(pack_error(KeyError("x"))).__name__
    'bytes'
    """
    return pickle.dumps(dump_exception(error), 5)
