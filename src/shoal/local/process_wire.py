"""Messages between a parent and its worker processes, over a unix socket.

A message is an envelope (a small pickled tuple) and some objects as bytes.  An object travels in
one of two ways.  Small ones stand in the message.  Large ones lie in a `Segment`: a file in memory
without a name (``memfd_create``) whose descriptor travels instead of the bytes.  The process that
makes a large result writes it once; whoever needs it maps the same pages, so 100 MB from one worker
to another cost one copy instead of four, and the parent in between holds a descriptor and no bytes.
When memory is short, the file is one on disk.  The kernel frees the pages with the last descriptor
and map, also after a crash.  Mappings are private, so a task that writes to its input does not
change anybody else's.

On the wire: a header (sizes), a table of part lengths, the parts.  Descriptors travel with
the header's first byte.  Sending is in two forms: the worker's blocks, the parent's never does
(`Outbox`), for a parent that waits for one worker would stop the others.
"""

from __future__ import annotations

import functools
import mmap
import os
import pickle
import socket
import struct
import tempfile
from collections import deque
from collections.abc import Sequence
from typing import Any, TypeAlias

from shoal.memory import available_bytes, system_limit_bytes
from shoal.scratch import nameless_file
from shoal.serialize.pickles import Buffer, Frames

__all__ = ["Inbox", "Outbox", "Part", "Segment", "encode", "open_part", "seal", "send_all"]

HEADER = struct.Struct("<IIQ")
"""Parts, descriptors, bytes that follow."""

SEGMENT_BYTES = 256 * 1024
"""Objects from this size on go into a segment of their own."""

SPARE = 0.2
"""Of the memory there is: what segments in memory leave to others."""

FDS = 200
"""Descriptors in one message; the kernel's limit is 253."""

IOVECS = 512
"""Buffers in one system call; the kernel's limit is 1024."""

ALIGN = 64


class Segment:
    """An object's bytes in a nameless file in memory.

    Parameters
    ----------
    fd
        Its descriptor; closed with the object.
    sizes
        Of the parts in bytes, the pickle stream first.  Each starts at a multiple of 64.

    Examples
    --------
    >>> fd = os.memfd_create("example")
    >>> os.write(fd, b"pickle".ljust(64) + b"buffer".ljust(64))
    128
    >>> bytes(Segment(fd, (6, 6)).frames().buffers[0])
    b'buffer'
    """

    __slots__ = ("fd", "nbytes", "sizes")

    def __init__(self, fd: int, sizes: Sequence[int]) -> None:
        self.fd = fd
        self.sizes = sizes
        self.nbytes = sum(sizes)

    def frames(self) -> Frames:
        """The object's bytes, mapped into this process."""
        mapped = mmap.mmap(self.fd, self.offset(len(self.sizes)), access=mmap.ACCESS_COPY)
        view = memoryview(mapped)
        parts = []
        at = 0
        for size in self.sizes:
            parts.append(view[at : at + size])
            at += aligned(size)
        return Frames(parts[0], parts[1:])

    def offset(self, part: int) -> int:
        """Where a part starts; where the file ends, for the number of parts."""
        return max(1, sum(map(aligned, self.sizes[:part])))

    def __del__(self) -> None:
        # Also while the interpreter shuts down, when `os` may be gone.
        close = getattr(os, "close", None)
        if close is not None and self.fd >= 0:
            close(self.fd)
            self.fd = -1


Part: TypeAlias = "Frames | Segment"


def aligned(size: int) -> int:
    """A size rounded up, so that what comes next is aligned for any type of array.

    >>> aligned(0), aligned(1), aligned(64)
    (0, 64, 64)
    """
    return -(-size // ALIGN) * ALIGN


def seal(frames: Frames) -> Part:
    """Put an object into a segment if it is large and segments exist here.

    Parameters
    ----------
    frames
        The object; its buffers are read now and not needed afterwards.

    Examples
    --------
    >>> part = seal(Frames(b"small"))
    >>> part
    <Frames of 5 bytes in 1>
    >>> bytes(seal(Frames(bytes(1_000_000), [b"end"])).frames().buffers[0])
    b'end'
    """
    if frames.nbytes < SEGMENT_BYTES or not hasattr(os, "memfd_create"):
        return frames
    parts = [frames.head, *frames.buffers]
    try:
        segment = Segment(segment_file(frames.nbytes), list(map(len, parts)))
    except OSError:
        # No descriptor left.
        return frames
    try:
        os.ftruncate(segment.fd, segment.offset(len(parts)))
        at = 0
        for part in parts:
            write_at(segment.fd, part, at)
            at += aligned(len(part))
    except OSError as error:
        raise MemoryError(
            f"no room for {frames.nbytes:,} bytes of shared memory ({error})"
        ) from error
    return segment


def segment_file(nbytes: int) -> int:
    """A file for a segment: in memory, or on disk where that would leave too little of it."""
    if nbytes + spare_bytes() > available_bytes():
        return nameless_file(tempfile.gettempdir())
    return os.memfd_create("shoal")


@functools.cache
def spare_bytes() -> int:
    """What segments leave to others."""
    return int(SPARE * system_limit_bytes())


def open_part(part: Part) -> Frames:
    """An object's bytes, wherever they are.

    Parameters
    ----------
    part
        From `seal`.

    Examples
    --------
    >>> open_part(Frames(b"12345"))
    <Frames of 5 bytes in 1>
    """
    return part.frames() if isinstance(part, Segment) else part


def write_at(fd: int, data: Buffer, offset: int) -> None:
    """All of some bytes into a file."""
    view = memoryview(data)
    while view:
        done = os.pwrite(fd, view, offset)
        view, offset = view[done:], offset + done


# ------------------------------------------------------------------------------------ sending


def encode(envelope: Any, parts: Sequence[Part] = ()) -> tuple[list[Buffer], list[Segment]]:
    """A message as buffers, and segments whose descriptors go along.

    Parameters
    ----------
    envelope
        Tuples, lists, numbers, strings and bytes.
    parts
        Objects that go along; at most 200 of them segments.

    Examples
    --------
    >>> buffers, segments = encode(("drop", [1, 2]))
    >>> len(buffers), segments
    (2, [])
    """
    segments: list[Segment] = []
    shapes: list[Any] = []
    blobs: list[Buffer] = []
    for part in parts:
        if isinstance(part, Segment):
            shapes.append(tuple(part.sizes))
            segments.append(part)
        else:
            shapes.append(1 + len(part.buffers))
            blobs.append(part.head)
            blobs += part.buffers
    first = pickle.dumps((envelope, shapes), 5)
    if not blobs:
        return [HEADER.pack(1, len(segments), len(first)), first], segments
    sizes = [len(first), *map(len, blobs)]
    table = struct.pack(f"<{len(sizes)}Q", *sizes)
    at = len(table) + len(first)
    body: list[Buffer] = [table, first]
    for blob in blobs:
        # Arrays are made on these bytes where they are.
        body += [bytes(-at % ALIGN), blob]
        at = aligned(at) + len(blob)
    return [HEADER.pack(len(sizes), len(segments), at), *body], segments


def decode(body: memoryview, count: int, fds: list[int]) -> tuple[Any, list[Part]]:
    """The envelope and the objects of a message."""
    if count == 1:
        envelope, shapes = pickle.loads(body)
        return envelope, [Segment(fds.pop(0), shape) for shape in shapes]
    sizes = struct.unpack_from(f"<{count}Q", body)
    at = 8 * count
    views = [body[at : at + sizes[0]]]
    at += sizes[0]
    for size in sizes[1:]:
        at = aligned(at)
        views.append(body[at : at + size])
        at += size
    envelope, shapes = pickle.loads(views[0])
    parts: list[Part] = []
    at = 1
    for shape in shapes:
        if type(shape) is tuple:
            parts.append(Segment(fds.pop(0), shape))
        else:
            parts.append(Frames(views[at], views[at + 1 : at + shape]))
            at += shape
    return envelope, parts


def send_all(sock: socket.socket, envelope: Any, parts: Sequence[Part] = ()) -> None:
    """Send a message and wait until it is sent.

    Parameters
    ----------
    sock
        A blocking unix stream socket.
    envelope, parts
        As `encode` has them.

    Examples
    --------
    >>> here, there = socket.socketpair()
    >>> with here, there:
    ...     send_all(here, ("ready", 1))
    ...     Inbox(there).get()
    (('ready', 1), [])
    """
    outbox = Outbox(sock)
    outbox.put(*encode(envelope, parts))
    while outbox:
        outbox.push()


class Outbox:
    """Messages on their way into a socket.

    Parameters
    ----------
    sock
        A unix stream socket, blocking or not.

    Examples
    --------
    >>> here, there = socket.socketpair()
    >>> outbox = Outbox(here)
    >>> outbox.put(*encode("message"))
    >>> with here, there:
    ...     outbox.push()
    ...     bool(outbox)
    False
    """

    __slots__ = ("queue", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.queue: deque[tuple[memoryview, Sequence[Segment]]] = deque()

    def __bool__(self) -> bool:
        return bool(self.queue)

    def put(self, buffers: Sequence[Buffer], segments: Sequence[Segment]) -> None:
        """Append a message.

        Parameters
        ----------
        buffers, segments
            From `encode`; they live until they are sent.
        """
        self.queue.append((memoryview(buffers[0]), segments))
        for buffer in buffers[1:]:
            if len(buffer):
                self.queue.append((memoryview(buffer), ()))

    def push(self) -> None:
        """Send as much as fits.

        Raises
        ------
        BlockingIOError
            Nothing fits at the moment.
        OSError
            Nobody reads any more.
        """
        queue = self.queue
        fds = [segment.fd for segment in queue[0][1]]
        views: list[memoryview] = []
        for view, more in queue:
            if (more and views) or len(views) == IOVECS:
                break
            views.append(view)
        if fds:
            sent = socket.send_fds(self.sock, views, fds)
        else:
            sent = self.sock.sendmsg(views)
        while sent:
            view, _ = queue.popleft()
            if sent < len(view):
                queue.appendleft((view[sent:], ()))
                break
            sent -= len(view)


# ---------------------------------------------------------------------------------- receiving


class Inbox:
    """Messages out of a socket.

    Parameters
    ----------
    sock
        A unix stream socket, blocking or not.

    Examples
    --------
    >>> here, there = socket.socketpair()
    >>> here.close()
    >>> with there:
    ...     Inbox(there).get()
    Traceback (most recent call last):
    ...
    EOFError
    """

    __slots__ = ("body", "count", "fds", "got", "head", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.head = b""
        self.fds: list[int] = []
        self.body: memoryview | None = None
        self.count = 0
        self.got = 0

    def get(self) -> tuple[Any, list[Part]]:
        """The next message: its envelope and its objects.

        Raises
        ------
        BlockingIOError
            It is not complete yet; call again when there is more to read.
        EOFError
            The other side is gone.
        """
        while self.body is None:
            self.read_header()
        while self.got < len(self.body):
            size = self.sock.recv_into(self.body[self.got :])
            if not size:
                raise EOFError
            self.got += size
        body, fds = self.body, self.fds
        self.body, self.fds = None, []
        return decode(body, self.count, fds)

    def read_header(self) -> None:
        """The first bytes of a message, and its descriptors."""
        wanted = HEADER.size - len(self.head)
        data, fds, _, _ = socket.recv_fds(self.sock, wanted, FDS, socket.MSG_CMSG_CLOEXEC)
        self.fds += fds
        if not data:
            raise EOFError
        self.head += data
        if len(self.head) == HEADER.size:
            self.count, _, size = HEADER.unpack(self.head)
            self.head, self.got = b"", 0
            self.body = memoryview(allocate(size))


def allocate(size: int) -> Any:
    """Writable memory; a large piece without being filled with zeros first.

    >>> len(allocate(3)), len(allocate(1 << 20))
    (3, 1048576)
    """
    return mmap.mmap(-1, size) if size >= 1 << 20 else bytearray(size)
