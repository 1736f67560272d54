"""Structs as the control part of a frame, and back.

A codec is made from a union of tagged structs, and decodes nothing else: what the bytes hold is
checked against the fields' types while it is decoded, and there is no way for them to name a class
or a function.  Buffers are not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from shoal.distributed.protocol import Message
from shoal.distributed.wire.frames import HEADER, MAGIC, RAW, Buffer, Entry, head
from shoal.errors import FrameError

__all__ = ["MESSAGE", "MESSAGES", "Codec", "octets"]

MESSAGE = 0
"""The kind of frames that carry messages."""


class Codec:
    """Turns the structs of a union into bytes, and back.

    Parameters
    ----------
    union
        A tagged `msgspec.Struct`, or a union of several.

    Examples
    --------
    >>> class Point(msgspec.Struct, tag=True, array_like=True):
    ...     x: int
    ...     y: int
    >>> codec = Codec(Point)
    >>> data = codec.encode(Point(1, 2), [b"buffer"])
    >>> len(data), data[1]
    (2, b'buffer')
    >>> codec.decode(codec.pack(Point(1, 2)))
    Point(x=1, y=2)
    """

    __slots__ = ("_decode", "pack")

    def __init__(self, union: Any) -> None:
        self.pack = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(union).decode

    def encode(self, message: msgspec.Struct, buffers: Sequence[Buffer] = ()) -> list[Buffer]:
        """A message as pieces that are to be sent one after another.

        Parameters
        ----------
        message
            A struct of the union.
        buffers
            Contiguous bytes, which are not copied.
        """
        control = self.pack(message)
        if not buffers:
            return [HEADER.pack(MAGIC, MESSAGE, 0, 0, len(control)) + control]
        flat = [octets(buffer) for buffer in buffers]
        entries = [Entry(RAW, len(buffer), 0) for buffer in flat]
        return [head(MESSAGE, control, entries), *flat]

    def decode(self, control: Buffer) -> Any:
        """The struct that a control part holds.

        Parameters
        ----------
        control
            Of one frame; not needed afterwards.

        Raises
        ------
        FrameError
            The bytes are none of the union's structs.
        """
        try:
            return self._decode(control)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise FrameError(f"{len(control):,} bytes that are no message: {error}") from error


def octets(buffer: Any) -> Buffer:
    """A buffer whose items are bytes, whatever they are to others.

    Parameters
    ----------
    buffer
        Anything contiguous: bytes, a memoryview of numbers, an array.

    Examples
    --------
    >>> len(octets(memoryview(b"abcdefgh").cast("d")))
    8
    """
    if type(buffer) is bytes or type(buffer) is bytearray:
        return buffer
    view = memoryview(buffer)
    if view.itemsize == 1 and view.ndim == 1 and view.contiguous:
        return view
    # A view without items cannot be cast.
    return view.cast("B") if view.nbytes else b""


MESSAGES = Codec(Message)
"""The codec of the cluster's messages."""
