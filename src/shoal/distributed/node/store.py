"""The values that a worker holds, by the ids of their rows.

A value that was computed here is the object itself.  One that came from elsewhere stays pickled
(`Packed`) until a task here wants it: it is passed on without being pickled anew, the thread that
needs it pays for it, and one that cannot be rebuilt fails the task that reads it and nobody else.

Reading and writing single entries needs no lock: a dictionary's operations are atomic in CPython.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from shoal.distributed.core.worker.table import WHOLE, part_of_number
from shoal.serialize.parts import part_frames
from shoal.serialize.pickles import Buffer, Frames, dumps, loads
from shoal.serialize.references import References, hold
from shoal.types import Parts

__all__ = ["Packed", "Store"]


class Packed:
    """A value that has not been rebuilt.

    Parameters
    ----------
    frames
        The pickled object.

    Examples
    --------
    >>> Packed(dumps([1, 2])).open()
    [1, 2]
    """

    __slots__ = ("_lock", "_value", "frames")

    def __init__(self, frames: Frames) -> None:
        self.frames: Frames | None = frames
        self._lock = threading.Lock()
        self._value: Any = None

    def open(self) -> Any:
        """The object; rebuilt once, by the first who asks."""
        with self._lock:
            if self.frames is not None:
                self._value = loads(self.frames)
                self.frames = None
            return self._value


class Store:
    """Values by id.

    Examples
    --------
    >>> store = Store()
    >>> store.values[5] = "five"
    >>> store.get(5), store.frames(5, "x").nbytes > 4
    ('five', True)
    """

    def __init__(self) -> None:
        self.values: dict[int, Any] = {}

    def get(self, id: int) -> Any:
        """A value as an object.

        Parameters
        ----------
        id
            Of its row.

        Raises
        ------
        KeyError
            It is not in memory.
        Exception
            Whatever its own code raises while it is rebuilt.
        """
        value = self.values[id]
        if type(value) is Packed:
            packed, value = value, value.open()
            if self.values.get(id) is packed:
                self.values[id] = value
        return value

    def hold(self, id: int, head: bytes, buffers: Sequence[Buffer]) -> None:
        """Keep a value that came pickled.

        Parameters
        ----------
        id
            Of its row.
        head, buffers
            The pickled object.
        """
        self.values[id] = Packed(Frames(head, buffers))

    def frames(self, id: int, key: Any) -> Frames:
        """A value, or a part of it, as bytes; views of its memory where it has any.

        Futures in it are kept from now on as long as the result is known, whoever has the bytes.

        Parameters
        ----------
        id
            Of its row.
        key
            Its key.

        Raises
        ------
        KeyError
            It is not in memory.
        SerializationError
            It cannot be pickled.
        """
        part = part_of_number(id)
        value = self.values[id & WHOLE]
        if type(value) is Packed:
            frames = value.frames
            if frames is not None and part < 0:
                return frames
            value = value.open()
        if part >= 0 and isinstance(value, Parts):
            return part_frames(value, part)
        with References() as references:
            frames = dumps(value, f"the result of {key!r}")
        if references.found:
            hold(references, [key])
        return frames

    def free(self, id: int) -> None:
        """Let go of a value, if it is here.

        Parameters
        ----------
        id
            Of its row.
        """
        self.values.pop(id, None)
