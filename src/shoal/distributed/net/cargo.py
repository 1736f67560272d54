"""How a message's buffers travel: as they are, compressed, or as segments of shared memory.

Chosen for each buffer by its size and by where the other end is.  On this host over a unix socket,
large ones go as segments; to another host, those that shrink are compressed; all others go
as they are.  What comes in is turned back into plain buffers, so that no reader of messages has to
know how they travelled.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from shoal.distributed.net.shared import (
    FORWARD_SHARE,
    POOL,
    Segment,
    find,
    is_new,
    open_segment,
    show,
)
from shoal.distributed.net.streams import Stream, UnixStream
from shoal.distributed.wire.codec import MESSAGE, Codec, octets
from shoal.distributed.wire.compress import compress, decompress
from shoal.distributed.wire.frames import LZ4, RAW, SEGMENT, Buffer, Entry, Frame, head
from shoal.errors import FrameError

__all__ = [
    "ASIDE_BYTES",
    "Laden",
    "Loading",
    "aside",
    "load",
    "load_segments",
    "look_ahead",
    "unload",
]

MOST_SEGMENTS = 200
"""Of one message; the kernel passes 253 descriptors at once."""

OFFSET_BITS = 48

ASIDE_BYTES = 8 << 20
"""What is at least as large is not copied, or compressed, by the thread of a loop."""

LOADERS = 2
"""Threads that do so in its place."""


class Laden(bytes):
    """The head of a frame, together with the segments whose descriptors must go with it.

    Attributes
    ----------
    segments
        In the order in which the frame's table counts them.
    cargo_bytes
        What they weigh: how much memory waits with the message.

    Examples
    --------
    >>> Laden(b"head")
    b'head'
    """

    segments: list[Segment]
    cargo_bytes: int


class Loading(bytes):
    """Keeps the place in a queue of a message that another thread is loading.

    Attributes
    ----------
    cargo_bytes
        What it weighs.

    Examples
    --------
    >>> Loading(b"?")
    b'?'
    """

    cargo_bytes: int


class Loaders:
    """The threads that load messages for loops; started when they are first needed."""

    def __init__(self) -> None:
        self.executor: ThreadPoolExecutor | None = None

    def submit(self, call: Callable[[], object]) -> None:
        """Call in one of them."""
        if self.executor is None:
            self.executor = ThreadPoolExecutor(LOADERS, "shoal-load")
        self.executor.submit(call)

    def forget(self) -> None:
        """In a forked child: the threads are the parent's."""
        self.executor = None


LOADERS_OF_PROCESS = Loaders()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=LOADERS_OF_PROCESS.forget)


def aside(call: Callable[[], object]) -> None:
    """Call in a thread that may take its time.

    Parameters
    ----------
    call
        Handles its own errors.

    Examples
    --------
    >>> import threading
    >>> done = threading.Event()
    >>> aside(done.set)
    >>> done.wait(5)
    True
    """
    LOADERS_OF_PROCESS.submit(call)


def look_ahead(buffers: Sequence[Any]) -> None:
    """Have large buffers that came as shared memory shown to this process before they are read.

    Another thread does so.  If no CPU is free for it, little is lost.

    Parameters
    ----------
    buffers
        Of a message, of which a task is about to read all, probably.

    Examples
    --------
    >>> look_ahead([b"small"])
    """
    for buffer in map(octets, buffers):
        if len(buffer) >= ASIDE_BYTES and is_new(buffer):
            aside(functools.partial(show, buffer))


def load(
    codec: Codec, message: Any, buffers: Sequence[Any], compress_bytes: int | None
) -> list[Buffer]:
    """A message as pieces, large buffers compressed where they shrink.

    Parameters
    ----------
    codec
        Of the message.
    message, buffers
        What to send.
    compress_bytes
        From which size on; None for never.

    Examples
    --------
    >>> from shoal.distributed.protocol import Release
    >>> from shoal.distributed.wire.codec import MESSAGES
    >>> pieces = load(MESSAGES, Release(["x"]), [bytes(100_000)], 10_000)
    >>> len(pieces[1]) < 1000
    True
    """
    entries = []
    pieces: list[Buffer] = [b""]
    for buffer in buffers:
        data = octets(buffer)
        form, detail = RAW, 0
        if compress_bytes is not None and len(data) >= compress_bytes:
            smaller = compress(data)
            if smaller is not None:
                form, detail, data = LZ4, len(data), smaller
        entries.append(Entry(form, len(data), detail))
        pieces.append(data)
    pieces[0] = head(MESSAGE, codec.pack(message), entries)
    return pieces


def load_segments(
    codec: Codec, message: Any, buffers: Sequence[Any], segment_bytes: int
) -> list[Buffer]:
    """A message as pieces, large buffers as descriptors of shared memory.

    Those that lie in a segment already are not copied; the others go into one new segment.  If
    there is no room for one, they travel as they are.

    Parameters
    ----------
    codec
        Of the message.
    message, buffers
        What to send.
    segment_bytes
        From which size on.

    Examples
    --------
    >>> from shoal.distributed.protocol import Release
    >>> from shoal.distributed.wire.codec import MESSAGES
    >>> (piece,) = load_segments(MESSAGES, Release(["x"]), [bytes(2_000_000)], 1_000_000)
    >>> len(piece.segments)
    1
    """
    flat = [octets(buffer) for buffer in buffers]
    large = [i for i, data in enumerate(flat) if len(data) >= segment_bytes]
    places = find_all(flat, large)
    missing = [i for i in large if i not in places]
    if missing:
        try:
            made, offsets = POOL.make([flat[i] for i in missing])
            places.update((i, (made, offset)) for i, offset in zip(missing, offsets))
        except OSError:
            pass
    if not places:
        return load(codec, message, flat, None)
    segments: dict[Segment, int] = {}
    entries = []
    pieces: list[Buffer] = [b""]
    for i, data in enumerate(flat):
        if i in places:
            segment, offset = places[i]
            number = segments.setdefault(segment, len(segments))
            entries.append(Entry(SEGMENT, len(data), number << OFFSET_BITS | offset))
        else:
            entries.append(Entry(RAW, len(data), 0))
            pieces.append(data)
    laden = Laden(head(MESSAGE, codec.pack(message), entries))
    laden.segments = list(segments)
    laden.cargo_bytes = sum(len(flat[i]) for i in places)
    pieces[0] = laden
    return pieces


def find_all(flat: Sequence[Buffer], large: Sequence[int]) -> dict[int, tuple[Segment, int]]:
    """Which buffers lie in segments that are worth sending on: number -> (segment, offset)."""
    places: dict[int, tuple[Segment, int]] = {}
    wanted: dict[Segment, int] = {}
    for i in large:
        place = find(flat[i])
        if place is not None and (place[0] in wanted or len(wanted) < MOST_SEGMENTS):
            places[i] = place
            wanted[place[0]] = wanted.get(place[0], 0) + len(flat[i])
    return {
        i: place for i, place in places.items() if wanted[place[0]] * FORWARD_SHARE >= place[0].size
    }


def unloaded_bytes(frame: Frame) -> int:
    """How much `unload` has to write: what was mapped or came as it is costs nothing.

    Parameters
    ----------
    frame
        As it was received.

    Examples
    --------
    >>> unloaded_bytes(Frame(0, b"", [b"x" * 403], [Entry(LZ4, 403, 100_000)]))
    100000
    """
    return sum([entry.detail for entry in frame.entries or () if entry.form == LZ4])


def unload(frame: Frame, stream: Stream) -> Sequence[Any]:
    """A frame's buffers as plain memory.

    Parameters
    ----------
    frame
        As it was received.
    stream
        Where it came from; it has the descriptors.

    Raises
    ------
    FrameError
        A buffer is not what the frame says.

    Examples
    --------
    >>> import socket
    >>> from shoal.distributed.net.streams import PlainStream
    >>> frame = Frame(0, b"", [compress(bytes(100_000))], [Entry(LZ4, 403, 100_000)])
    >>> with socket.socket() as sock:
    ...     (buffer,) = unload(frame, PlainStream(sock))
    >>> len(buffer)
    100000
    """
    buffers: list[Any] = list(frame.buffers)
    parts: dict[int, list[int]] = {}
    for i, entry in enumerate(frame.entries or ()):
        if entry.form == LZ4:
            buffers[i] = decompress(buffers[i], entry.detail)
        elif entry.form == SEGMENT:
            parts.setdefault(entry.detail >> OFFSET_BITS, []).append(i)
    if parts:
        assert frame.entries is not None
        place_segments(buffers, frame.entries, parts, stream)
    return buffers


def place_segments(
    buffers: list[Any], entries: list[Entry], parts: dict[int, list[int]], stream: Stream
) -> None:
    """Map a frame's segments and put their parts where they belong among its buffers."""
    count = max(parts) + 1
    if not isinstance(stream, UnixStream) or len(stream.descriptors) < count:
        raise FrameError("a message speaks of shared memory and brings no descriptor of it")
    fds = [stream.descriptors.popleft() for _ in range(count)]
    while fds:
        number = count - len(fds)
        wanted = parts.get(number, [])
        places = [(entries[i].detail & (1 << OFFSET_BITS) - 1, entries[i].size) for i in wanted]
        try:
            views = open_segment(fds.pop(0), places)
        except BaseException:
            for fd in fds:
                os.close(fd)
            raise
        for i, view in zip(wanted, views):
            buffers[i] = view
