"""Objects as bytes: pickle protocol 5, large buffers beside the stream, cloudpickle where needed.

Plain pickle runs first, because it is ten times cheaper than cloudpickle.  It is not enough for
lambdas and closures, and it says so.  It is wrong, and does not say so, for what the user's own
program or notebook defines: pickle stores ``__main__.f`` by name, and another process has
another ``__main__``.  A name of a module stands in the stream as one string, so a look at the
bytes tells; text that happens to hold the same bytes costs a second pass and nothing else.

Buffers (of arrays, of Arrow tables) are not copied into the stream: they are handed out as views
of the object's memory, to be written wherever they go.  Small ones are not worth the
bookkeeping.

There is no registry of hooks by type: `copyreg` is one, and both picklers obey it.  No function
is remembered from one call to the next either: one from a notebook holds the values of the globals
that it uses, as they are when it is pickled, and those change under the same function.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Sequence
from typing import Any, TypeAlias

from shoal.errors import SerializationError
from shoal.serialize.culprit import explain

__all__ = ["Buffer", "Frames", "dumps", "in_line", "loads"]

Buffer: TypeAlias = "bytes | bytearray | memoryview"

PROTOCOL = 5

ASIDE_BYTES = 16_384
"""Buffers below this size are copied into the stream."""

FOLDED_BYTES = 1 << 20
"""A stream of at least this size travels as a buffer."""

MAIN = b"_main__\x94"
"""How the name of ``__main__`` or ``__mp_main__`` ends as one string of a pickle stream."""


class Frames:
    """One object as bytes.

    Parameters
    ----------
    head
        The pickle stream.
    buffers
        What it refers to, in order; views of the object's own memory where it was just pickled.

    Examples
    --------
    >>> frames = Frames(b"12345", [b"678"])
    >>> frames.nbytes, frames
    (8, <Frames of 8 bytes in 2>)
    """

    __slots__ = ("buffers", "head", "nbytes")

    def __init__(self, head: Buffer, buffers: Sequence[Buffer] = ()) -> None:
        self.head = head
        self.buffers = buffers
        self.nbytes = len(head) + sum(map(len, buffers)) if buffers else len(head)

    def __repr__(self) -> str:
        return f"<Frames of {self.nbytes} bytes in {1 + len(self.buffers)}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Frames, (bytes(self.head), [bytearray(buffer) for buffer in self.buffers])


def dumps(obj: Any, what: str = "the object") -> Frames:
    """An object as bytes, whatever process reads them.

    Functions and classes go by name where their module can be imported anywhere, and by value
    where it cannot: those of ``__main__`` and of notebooks, lambdas, local ones, and those of
    modules given to ``cloudpickle.register_pickle_by_value``.

    Parameters
    ----------
    obj
        Anything.
    what
        What an error message calls the object.

    Returns
    -------
    Frames
        Its buffers are views: change the object and they change.

    Raises
    ------
    SerializationError
        The message says which part of the object cannot be pickled and why.

    Examples
    --------
    >>> loads(dumps({"double": lambda x: 2 * x}))["double"](4)
    8
    >>> import threading
    >>> dumps({"jobs": [1, threading.Lock()]}, "the result")
    Traceback (most recent call last):
    ...
    shoal.errors.SerializationError: the result cannot be pickled: its part ['jobs'][1] is a lock
    (TypeError: cannot pickle '_thread.lock' object)
    """
    buffers: list[Buffer] = []

    def aside(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if len(raw) < ASIDE_BYTES:
            return True
        buffers.append(raw)
        return False

    try:
        head = pickle.dumps(obj, PROTOCOL, buffer_callback=aside)
        if not needs_values(head):
            return folded(head, buffers)
    except MemoryError:
        raise
    except Exception:
        # Whatever plain pickle could not do; cloudpickle has the last word.
        pass
    buffers.clear()
    return folded(dumps_by_value(obj, aside, what), buffers)


def folded(head: bytes, buffers: list[Buffer]) -> Frames:
    """Frames of a stream; one that is long becomes a buffer itself, and is not copied again.

    That is so for what holds its data within the stream: text, bytes, lists of numbers.

    >>> long = folded(pickle.dumps(bytes(2_000_000), 5), [])
    >>> len(long.head) < 200, len(long.buffers), loads(long) == bytes(2_000_000)
    (True, 1, True)
    """
    if len(head) < FOLDED_BYTES:
        return Frames(head, buffers)
    outer: list[Buffer] = []

    def aside(buffer: pickle.PickleBuffer) -> None:
        outer.append(buffer.raw())

    return Frames(pickle.dumps(_Stream(head, buffers), PROTOCOL, buffer_callback=aside), outer)


def in_line(frames: Frames) -> bytes:
    """One stream that describes the same object, its buffers copied into it.

    Parameters
    ----------
    frames
        Of the object.

    Examples
    --------
    >>> pickle.loads(in_line(dumps(bytes(2_000_000)))) == bytes(2_000_000)
    True
    """
    if not frames.buffers:
        return bytes(frames.head)
    return pickle.dumps(_Stream(bytes(frames.head), list(frames.buffers)), PROTOCOL)


class _Stream:
    """A stream and its buffers; unpickled, it is the object that they describe."""

    def __init__(self, head: bytes, buffers: list[Buffer]) -> None:
        self.head = head
        self.buffers = buffers

    def __reduce__(self) -> tuple[Any, ...]:
        return unfold, (
            pickle.PickleBuffer(self.head),
            list(map(pickle.PickleBuffer, self.buffers)),
        )


def unfold(head: Buffer, buffers: list[Buffer]) -> Any:
    """What a stream that was folded describes.

    >>> unfold(pickle.dumps(5), [])
    5
    """
    return pickle.loads(head, buffers=buffers)


def needs_values(head: bytes) -> bool:
    """Whether a stream names a module that another process does not have.

    >>> needs_values(pickle.dumps(dumps, 5))
    False
    """
    if MAIN in head:
        return True
    cloudpickle = sys.modules.get("cloudpickle")
    names = cloudpickle.list_registry_pickle_by_value() if cloudpickle is not None else ()
    return bool(names) and any(name.encode() in head for name in names)


def dumps_by_value(obj: Any, aside: Any, what: str) -> bytes:
    """The stream that cloudpickle makes."""
    import cloudpickle

    program = sys.modules.get("__mp_main__")
    if program is not None and program.__name__ == "__mp_main__":
        # The main program under the name that multiprocessing gives it in its children.
        cloudpickle.register_pickle_by_value(program)
    try:
        stream: bytes = cloudpickle.dumps(obj, PROTOCOL, buffer_callback=aside)
    except MemoryError:
        raise
    except Exception as error:
        reason = explain(obj, error, is_picklable)
        raise SerializationError(f"{what} cannot be pickled: {reason}") from error
    return stream


def is_picklable(obj: Any) -> bool:
    """Whether cloudpickle can pickle an object.

    >>> is_picklable(print), is_picklable(sys._getframe())
    (True, False)
    """
    import cloudpickle

    try:
        cloudpickle.dumps(obj, PROTOCOL, buffer_callback=lambda buffer: None)
    except Exception:
        return False
    return True


def loads(frames: Frames) -> Any:
    """The object that some bytes describe.

    Parameters
    ----------
    frames
        From `dumps`, perhaps of another process.  The object uses the buffers as its memory, so
        arrays can be written to where the buffers can.

    Raises
    ------
    Exception
        Whatever the object's own code raises while it is rebuilt, and ImportError where a
        function's module is missing here.

    Examples
    --------
    >>> loads(dumps([1, "two"]))
    [1, 'two']
    """
    return pickle.loads(frames.head, buffers=frames.buffers)
