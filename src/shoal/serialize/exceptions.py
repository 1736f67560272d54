"""Exceptions as bytes, with the traceback that pickle leaves behind.

A traceback cannot be pickled, but all that people read of it can: for each frame the file, the
line and columns, and the function's name.  On arrival a traceback is built from these: for each
frame a code object of one statement, ``raise``, that claims to stand at that place, is compiled
and run, and the frames that this leaves are linked together.  The user sees their own
lines, in the debugger too, exactly as if the exception had been raised here.  What is lost is
the values of local variables.

Causes and contexts travel along.  An exception that does not survive the journey arrives as a
`RemoteError`.
"""

from __future__ import annotations

import ast
import itertools
import types
from typing import Any, TypeAlias

from shoal.errors import RemoteError
from shoal.serialize.messages import message, notes, type_name
from shoal.serialize.pickles import Frames, dumps, in_line, loads

__all__ = ["dump_exception", "load_exception"]

Place: TypeAlias = tuple[str, str, str, tuple[int, int, int, int]]
"""File, function, module; first line, last line, first column, column behind the last."""

CHAIN = 20
FRAMES = 1_000
"""How many causes, and how many frames of each, are worth sending."""

STREAM_BYTES = 16 << 20
"""An exception that takes more than this when it is pickled arrives as a `RemoteError`."""


class Stop(Exception):
    """Raised to get a frame."""


def dump_exception(error: BaseException) -> Any:
    """What `load_exception` needs, made of tuples, bytes, strings and numbers; never fails.

    Parameters
    ----------
    error
        Its traceback should be trimmed to what the user wants to see.

    Examples
    --------
    >>> load_exception(dump_exception(KeyError("x")))
    KeyError('x')
    """
    try:
        return pack(error, CHAIN)
    except Exception as second:
        # Whatever the class's own attributes do: whoever waits for it must hear that it failed.
        text = f"{type(error).__name__}, which cannot be described ({type(second).__name__})"
        return pack(RemoteError(text), 1)


def pack(error: BaseException | None, left: int) -> Any:
    """One exception and, ``left`` levels deep, those that led to it."""
    if error is None or not left:
        return None
    return (
        stream(error),
        (type_name(error), message(error), notes(error)),
        places(error.__traceback__),
        pack(error.__cause__, left - 1),
        pack(error.__context__, left - 1) if error.__context__ is not error.__cause__ else None,
        error.__suppress_context__,
    )


def stream(error: BaseException) -> bytes | None:
    """An exception as bytes, or None when it cannot be rebuilt from them."""
    try:
        frames = dumps(error)
        if frames.nbytes > STREAM_BYTES or type(loads(frames)).__name__ != type(error).__name__:
            return None
        return in_line(frames)
    except Exception:
        # Whatever the class's own __reduce__ or __init__ does.
        return None


def places(traceback: types.TracebackType | None) -> list[Place]:
    """Where each frame of a traceback stands.

    >>> places(None)
    []
    """
    found: list[Place] = []
    while traceback is not None and len(found) < FRAMES:
        code = traceback.tb_frame.f_code
        at = itertools.islice(code.co_positions(), traceback.tb_lasti // 2, None)
        line, last, column, end = next(at, (None, None, None, None))
        start = line or traceback.tb_lineno or 1
        # Without columns (python -X no_debug_ranges) the span is empty, and no carets are drawn.
        span = (start, last or start, column or 0, end or 0)
        module = str(traceback.tb_frame.f_globals.get("__name__", ""))
        found.append((code.co_filename, code.co_name, module, span))
        traceback = traceback.tb_next
    return found


def load_exception(packed: Any) -> BaseException:
    """An exception from another process, ready to be raised.

    Parameters
    ----------
    packed
        From `dump_exception`.

    Returns
    -------
    BaseException
        Of the same class where that is possible, else a `RemoteError`.

    Examples
    --------
    >>> class Odd(Exception):
    ...     def __init__(self, one, two):
    ...         super().__init__(one)
    >>> load_exception(dump_exception(Odd("one", "two")))
    RemoteError('...Odd: one')
    """
    data, (name, words, notes), where, cause, context, suppress = packed
    error = revive(data, f"{name}: {words}", notes)
    error.__cause__ = load_exception(cause) if cause is not None else None
    error.__context__ = load_exception(context) if context is not None else error.__cause__
    error.__suppress_context__ = suppress
    return error.with_traceback(build_traceback(where))


def revive(data: bytes | None, text: str, notes: list[str] | None) -> BaseException:
    """The exception without its traceback."""
    if data is not None:
        try:
            error = loads(Frames(data))
        except Exception:
            # A class that can be imported there and not here.
            error = None
        if isinstance(error, BaseException):
            return error
    remote = RemoteError(text)
    for note in notes or ():
        remote.add_note(note)
    return remote


def build_traceback(where: list[Place]) -> types.TracebackType | None:
    """A traceback whose frames claim to stand at some places, the first one outermost.

    >>> error = ValueError().with_traceback(build_traceback([("f.py", "f", "m", (3, 3, 0, 0))]))
    >>> error.__traceback__.tb_lineno, error.__traceback__.tb_frame.f_code.co_filename
    (3, 'f.py')
    """
    traceback = None
    codes: dict[Place, types.CodeType] = {}
    for place in reversed(where):
        code = codes.get(place)
        if code is None:
            code = codes[place] = raise_at(place)
        try:
            exec(code, {"Stop": Stop, "__name__": place[2], "__file__": place[0]})
        except Stop as stop:
            assert stop.__traceback__ is not None
            inner = stop.__traceback__.tb_next
            assert inner is not None
            traceback = types.TracebackType(
                traceback, inner.tb_frame, inner.tb_lasti, inner.tb_lineno
            )
    return traceback


def raise_at(place: Place) -> types.CodeType:
    """Code that raises, at a place in a file."""
    filename, function, _, (line, last, column, end) = place
    span = {"lineno": line, "end_lineno": last, "col_offset": column, "end_col_offset": end}
    stop = ast.Name("Stop", ast.Load(), **span)
    tree = ast.Module([ast.Raise(exc=stop, cause=None, **span)], [])
    return compile(tree, filename, "exec").replace(co_name=function, co_qualname=function)
