"""A stream of bytes cut into frames, in a state machine that owns its memory and nothing else.

A frame is a header, a table, a control part and buffers::

    header    magic 1 | kind 1 | 0 2 | number of buffers 4 | bytes of control 4      little-endian
    table     for each buffer: form 8 bits, size 56 bits | detail 64 bits
    control   one message as msgpack; nothing here looks into it
    buffers   one after another

``form`` says how a buffer travels: `RAW`, as it is; `LZ4`, compressed to ``size`` bytes from
``detail``; `SEGMENT`, in shared memory and so with no bytes in the stream, ``detail`` says where.

`FrameReader` is fed by whoever reads the stream: `~FrameReader.get_buffer` says where the next
bytes must go and `~FrameReader.received` how many came.  Small things go through one buffer
of 256 KiB that is used again and again: a hundred small messages that arrive together are handed
out as a hundred views of it and copied by nobody.  A large buffer gets memory of its own, and the
socket writes into it.

A length in a header is only a claim.  Memory for it grows with the bytes that come (a step of
8 MiB at first, then twice what has come), so that a peer that claims 2**62 bytes costs nothing
until it sends them.  The larger piece is the smaller one moved by ``mremap``, which
moves pages and copies no bytes.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from shoal.distributed.wire.limits import Limits
from shoal.errors import FrameError

__all__ = [
    "HEADER_BYTES",
    "LZ4",
    "RAW",
    "SEGMENT",
    "Buffer",
    "Entry",
    "Frame",
    "FrameReader",
    "allocate",
    "head",
]

Buffer: TypeAlias = "bytes | bytearray | memoryview"

MAGIC = 0xA5
HEADER = struct.Struct("<BBHII")
HEADER_BYTES = HEADER.size
ENTRY = struct.Struct("<QQ")

RAW = 0
LZ4 = 1
SEGMENT = 2
"""How a buffer travels."""

SIZE_BITS = 56
SIZE_MASK = (1 << SIZE_BITS) - 1

RING_BYTES = 256 * 1024
ASIDE_BYTES = 64 * 1024
"""A buffer, or a control part, that is not complete and larger than this, gets its own memory."""

MAPPED_BYTES = 256 * 1024
"""From this size on memory comes from mmap: the kernel clears it, and nobody a second time."""

HUGE_BYTES = 4 << 20
"""From this size on it asks for huge pages: 512 times fewer page faults."""


class Entry(NamedTuple):
    """How one buffer travels; a row of a frame's table.

    Parameters
    ----------
    form
        `RAW`, `LZ4` or `SEGMENT`.
    size
        Its bytes in the stream; for a segment, in memory.
    detail
        Of the form.

    Examples
    --------
    >>> Entry(LZ4, 10, 1000).detail
    1000
    """

    form: int
    size: int
    detail: int


class Frame(NamedTuple):
    """One frame as it was received.

    Parameters
    ----------
    kind
        What its control part is.
    control
        Bytes; they stand in the reader's memory until it is asked where the next bytes go.
    buffers
        Each with its own memory, writable; an empty one in the place of a segment.
    entries
        How the buffers came; None if all of them came as they are.

    Examples
    --------
    >>> reader = FrameReader()
    >>> data = head(0, b"control", [Entry(RAW, 3, 0)]) + b"abc"
    >>> reader.get_buffer()[: len(data)] = data
    >>> frame = reader.received(len(data))[0]
    >>> bytes(frame.control), frame.buffers
    (b'control', [bytearray(b'abc')])
    """

    kind: int
    control: Buffer
    buffers: Sequence[Any]
    entries: list[Entry] | None


def head(kind: int, control: bytes, entries: Sequence[Entry] = ()) -> bytes:
    """A frame without its buffers: header, table and control part.

    Parameters
    ----------
    kind
        0 to 255.
    control
        The control part.
    entries
        The table; the buffers must follow in this order.

    Examples
    --------
    >>> head(0, b"hi").hex(" ")
    'a5 00 00 00 00 00 00 00 02 00 00 00 68 69'
    """
    first = HEADER.pack(MAGIC, kind, 0, len(entries), len(control))
    if not entries:
        return first + control
    table = [ENTRY.pack(form << SIZE_BITS | size, detail) for form, size, detail in entries]
    return b"".join([first, *table, control])


def allocate(size: int) -> bytearray | mmap.mmap:
    """Writable memory that starts at a multiple of 16 bytes.

    Parameters
    ----------
    size
        In bytes; 1 or more.

    Examples
    --------
    >>> len(allocate(3)), len(allocate(1 << 20))
    (3, 1048576)

    Raises
    ------
    MemoryError
        The system gives none.
    """
    if size < MAPPED_BYTES:
        return bytearray(size)
    try:
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as error:
        raise MemoryError(f"no memory for a buffer of {size:,} bytes: {error}") from error
    if size >= HUGE_BYTES:
        ask_for_huge_pages(memory)
    return memory


def ask_for_huge_pages(memory: mmap.mmap) -> None:
    """Ask; a kernel without them says no and nothing is lost."""
    if hasattr(mmap, "MADV_HUGEPAGE"):
        try:
            memory.madvise(mmap.MADV_HUGEPAGE)
        except OSError:
            pass


class Part:
    """Something large that is being received into memory of its own."""

    __slots__ = ("got", "memory", "size", "step", "view")

    def __init__(self, size: int, step: int, start: Buffer) -> None:
        self.size = size
        self.step = step
        self.memory = allocate(min(size, max(step, len(start))))
        self.view = memoryview(self.memory)
        self.view[: len(start)] = start
        self.got = len(start)

    def space(self) -> memoryview:
        """Where the next bytes go."""
        if self.got == len(self.view):
            self.grow()
        return self.view[self.got :]

    def grow(self) -> None:
        """Make room for a step more, or for as much again as there is."""
        wanted = min(self.size, self.got + max(self.step, self.got))
        self.view.release()
        if isinstance(self.memory, mmap.mmap):
            try:
                self.memory.resize(wanted)
                self.view = memoryview(self.memory)
                return
            except (BufferError, OSError, SystemError, ValueError):
                pass  # no mremap on this system, or somebody still holds what get_buffer gave
        bigger = allocate(wanted)
        self.view = memoryview(bigger)
        self.view[: self.got] = memoryview(self.memory)[: self.got]
        self.memory = bigger


class Unfinished:
    """A frame whose buffers have not all come."""

    __slots__ = ("buffers", "control", "entries", "kind", "plain")

    def __init__(self, kind: int, control: Buffer, entries: list[Entry], plain: bool) -> None:
        self.kind = kind
        self.control = control
        self.entries = entries
        self.plain = plain
        self.buffers: list[Any] = []


class FrameReader:
    """Cuts a stream of bytes into frames.

    Parameters
    ----------
    limits
        Of sizes; a frame that claims more ends the stream.

    Attributes
    ----------
    error
        None, or what is wrong with the stream after the frames that `received` gave last: the
        bytes are not frames, or claim more than the limits allow.  Nothing more can be read.

    Examples
    --------
    >>> reader = FrameReader()
    >>> data = head(0, b"one") + head(0, b"two")[:5]
    >>> reader.get_buffer()[: len(data)] = data
    >>> [bytes(frame.control) for frame in reader.received(len(data))], reader.idle
    ([b'one'], False)
    """

    __slots__ = ("_end", "_frame", "_part", "_ring", "_start", "error", "limits")

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.error: FrameError | None = None
        self._ring = memoryview(bytearray(RING_BYTES))
        self._start = 0
        self._end = 0
        self._part: Part | None = None  # while there is one, the ring is empty
        self._frame: Unfinished | None = None

    @property
    def idle(self) -> bool:
        """Whether the stream may end here: no frame is half received."""
        return self._start == self._end and self._part is None and self._frame is None

    @property
    def held_bytes(self) -> int:
        """Memory that the reader has taken, finished frames not counted."""
        held = len(self._ring)
        if self._part is not None:
            held += len(self._part.view)
        if self._frame is not None:
            held += len(self._frame.control) + sum(map(len, self._frame.buffers))
        return held

    def get_buffer(self) -> memoryview:
        """Where the next bytes must go, and how many may; ends the life of control parts."""
        if self._part is not None:
            return self._part.space()
        start, end = self._start, self._end
        if start:
            if start != end:
                self._ring[: end - start] = self._ring[start:end]
            self._start, self._end = 0, end - start
        return self._ring[self._end :]

    def received(self, count: int) -> list[Frame]:
        """The frames that are complete now that some bytes have been written there.

        Parameters
        ----------
        count
            Bytes written to the start of what `get_buffer` gave.
        """
        frames: list[Frame] = []
        try:
            if self._part is None:
                self._end += count
            else:
                self._part.got += count
                if self._part.got < self._part.size:
                    return frames
                self._take_part()
            while self._step(frames):
                pass
        except FrameError as error:
            self.error = error
        return frames

    def _step(self, frames: list[Frame]) -> bool:
        """Take frames from the ring; whether to go on (the next thing may be there as well)."""
        if self._frame is not None:
            return self._take_buffers(self._frame, frames)
        ring, start, end = self._ring, self._start, self._end
        new = tuple.__new__  # a third of the time that Frame(...) takes
        while end - start >= HEADER_BYTES:
            magic, kind, zero, count, size = HEADER.unpack_from(ring, start)
            if magic != MAGIC or zero or size > self.limits.control_bytes or count:
                break
            after = start + HEADER_BYTES + size
            if after > end:
                break
            frames.append(new(Frame, (kind, ring[start + HEADER_BYTES : after], (), None)))
            start = after
        self._start = start
        return end - start >= HEADER_BYTES and self._take_head()

    def _take_head(self) -> bool:
        """A header at the front of the ring that needs more than a glance."""
        magic, _, zero, count, control = HEADER.unpack_from(self._ring, self._start)
        if magic != MAGIC or zero:
            got = bytes(self._ring[self._start : self._start + HEADER_BYTES])
            raise FrameError(f"these bytes are no frame of shoal: {got!r}")
        table = ENTRY.size * count
        check(table + control, self.limits.control_bytes, "the control part", "control_bytes")
        check(count, self.limits.buffers, "the number of buffers", "buffers")
        size = HEADER_BYTES + table + control
        if self._end - self._start >= size:
            view = self._ring[self._start : self._start + size]
            self._start += size
            self._open(view, count, copy=True)
        elif size > ASIDE_BYTES:
            self._set_aside(size)
            return False
        else:
            return False
        return True

    def _open(self, view: memoryview, count: int, *, copy: bool) -> None:
        """A frame whose control part is complete: it waits for its buffers."""
        kind = view[1]
        at = HEADER_BYTES + ENTRY.size * count
        entries = []
        plain = True
        for first, detail in ENTRY.iter_unpack(view[HEADER_BYTES:at]):
            entry = Entry(first >> SIZE_BITS, first & SIZE_MASK, detail)
            entries.append(entry)
            if entry.form or detail:
                plain = False
                check_entry(entry)
            check(entry.size, self.limits.buffer_bytes, "a buffer", "buffer_bytes")
        control = bytes(view[at:]) if copy else view[at:]
        self._frame = Unfinished(kind, control, entries, plain)

    def _take_buffers(self, frame: Unfinished, frames: list[Frame]) -> bool:
        """Move what has come of a frame's buffers into memory of their own."""
        buffers, table = frame.buffers, frame.entries
        # Not a slice of the table: it may be long, and each read would copy the rest of it.
        for i in range(len(buffers), len(table)):
            entry = table[i]
            size = 0 if entry.form == SEGMENT else entry.size
            start = self._start
            if self._end - start >= size:
                buffers.append(bytearray(self._ring[start : start + size]))
                self._start = start + size
            elif size > ASIDE_BYTES:
                self._set_aside(size)
                return False
            else:
                return False
        entries = None if frame.plain else frame.entries
        frames.append(Frame(frame.kind, frame.control, buffers, entries))
        self._frame = None
        return True

    def _set_aside(self, size: int) -> None:
        """What comes next is large: receive it into memory of its own."""
        self._part = Part(size, self.limits.step_bytes, self._ring[self._start : self._end])
        self._start = self._end = 0

    def _take_part(self) -> None:
        """Something large is complete: a buffer, or a header with its control part."""
        part, self._part = self._part, None
        assert part is not None
        if self._frame is not None:
            self._frame.buffers.append(part.view)
        else:
            self._open(part.view, HEADER.unpack_from(part.view)[3], copy=False)


def check(got: int, limit: int, what: str, name: str) -> None:
    """Refuse what is larger than its limit."""
    if got > limit:
        raise FrameError(f"{what} of a message is {got:,}, the limit is {limit:,} (Limits.{name})")


def check_entry(entry: Entry) -> None:
    """Refuse a form that does not exist, and a row of the table that contradicts itself."""
    form, size, detail = entry
    if form == LZ4 and detail <= 256 * (size + 1):  # no lz4 block shrinks more
        return
    if form == SEGMENT:
        return
    raise FrameError(f"a buffer that cannot exist: form {form}, {size} bytes, detail {detail}")
