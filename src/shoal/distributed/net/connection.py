"""One authenticated stream of messages to one other process.

`Connection` is what programs see; `StreamConnection` is the one over sockets, and
`shoal.distributed.net.inproc` has the one inside a process.

**Sending.**  `Connection.send` may be called by any thread and never waits.  A thread that is not
the loop's writes to the socket itself, under a lock, so that a message costs no change of threads;
what the socket does not take is queued, and the loop writes the rest.  Messages that the loop's
own thread sends while it handles a batch of events wait for the end of that batch and go in one
system call: twenty replies cost hardly more than one.

**Receiving.**  Everything happens in the loop's thread; one system call may bring many messages.

**Ending.**  ``on_close`` is called exactly once, with None where this side closed the connection
for no reason.  What was waiting to be sent when it was closed still leaves, and is given up when
nothing of it has left for some seconds.
"""

from __future__ import annotations

import errno
import logging
import os
import platform
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from threading import get_ident
from typing import Any, TypeAlias

import msgspec

from shoal.distributed.net.cargo import (
    ASIDE_BYTES,
    Laden,
    Loading,
    aside,
    load,
    load_segments,
    unload,
    unloaded_bytes,
)
from shoal.distributed.net.loop import READ, WRITE, Loop
from shoal.distributed.net.shared import POOL, available
from shoal.distributed.net.sockets import is_lost
from shoal.distributed.net.streams import Stream, UnixStream
from shoal.distributed.wire.codec import MESSAGE, Codec
from shoal.distributed.wire.compress import AVAILABLE
from shoal.distributed.wire.frames import HEADER, MAGIC, Buffer, Frame, FrameReader, head
from shoal.distributed.wire.limits import Limits
from shoal.errors import CommunicationError, ConnectionLostError, FrameError, ShoalError
from shoal.version import VERSION

__all__ = ["Connection", "Introduction", "Peer", "StreamConnection", "introduction"]

log = logging.getLogger("distributed.net")

INTRODUCTION = 1
"""The kind of the first frame of each side."""

ASK, READY = 2, 3
"""Frames without content: may descriptors come? They may, from the next byte on."""

IOVECS = 512
"""Pieces in one system call; the kernel's limit is 1024."""

GONE = frozenset({errno.EPIPE, errno.ECONNRESET, errno.ECONNABORTED, errno.ENOTCONN})
"""The other side has gone.  What it sent before can still be read, and its end will be too."""

STARVED_S = 0.02
"""After which to try again when too many descriptors are on their way."""

OnMessage: TypeAlias = "Callable[[Connection, Any, Sequence[Any]], object]"
OnClose: TypeAlias = "Callable[[Connection, BaseException | None], object]"
OnDrain: TypeAlias = "Callable[[Connection], object]"


@dataclass(frozen=True)
class Peer:
    """Who is at the other end.

    Parameters
    ----------
    role
        What it proved to be: client, scheduler, worker, nanny.
    name
        What it calls itself.
    address
        What was dialled; for an accepted connection where it came from.
    pid
        Its process.
    versions
        Of ``protocol`` (the one that both agreed on), ``shoal``, ``python``, and ``lz4`` if it can
        read what was compressed.
    same_host
        Whether it runs on this machine.

    Examples
    --------
    >>> Peer("client", "me", "tcp://127.0.0.1:4000", 1, {}, True).role
    'client'
    """

    role: str
    name: str
    address: str
    pid: int
    versions: dict[str, str]
    same_host: bool


class Introduction(msgspec.Struct, array_like=True):
    """What both sides say of themselves once each has proven to be a member.

    Parameters
    ----------
    name
        What the sender calls itself.
    pid
        Its process.
    host
        Of its machine, as long as that runs.
    versions
        Of shoal, Python, and lz4 where it is there.

    Examples
    --------
    >>> introduction("me").name
    'me'
    """

    name: str
    pid: int
    host: str
    versions: dict[str, str]


INTRODUCTIONS = Codec(Introduction)


def introduction(name: str) -> Introduction:
    """This process's introduction.

    Parameters
    ----------
    name
        What it calls itself.

    Examples
    --------
    >>> introduction("me").pid == os.getpid()
    True
    """
    versions = {
        "shoal": VERSION,
        "python": platform.python_version(),
    }
    if AVAILABLE:
        versions["lz4"] = "block"
    return Introduction(name, os.getpid(), machine(), versions)


def machine() -> str:
    """A name for this machine that no other has."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return socket.gethostname()


def ignore(*_: Any) -> None:
    """What is called while nobody listens."""


class Connection:
    """A way to send messages to one process, and to hear its own.

    Parameters
    ----------
    loop
        Whose thread calls back.
    limits
        Of sizes and times.

    Attributes
    ----------
    peer
        Who is at the other end.
    on_message
        ``on_message(connection, message, buffers)`` in the loop's thread.  If it raises, the
        connection is closed and the error logged.
    on_close
        ``on_close(connection, error)`` in the loop's thread, exactly once.
    on_drain
        ``on_drain(connection)`` in the loop's thread when a queue that had grown beyond the
        high-water mark has shrunk below the low one.

    Examples
    --------
    >>> Connection(Loop(), Limits()).queued_bytes
    0
    """

    peer: Peer

    def __init__(self, loop: Loop, limits: Limits) -> None:
        self.loop = loop
        self.limits = limits
        self.on_message: OnMessage = ignore
        self.on_close: OnClose = ignore
        self.on_drain: OnDrain | None = None
        self.received_s = loop.time()
        self.closed = False

    @property
    def queued_bytes(self) -> int:
        """Sent, and not yet taken by the socket (of another process) or by the other end."""
        return 0

    @property
    def shares_memory(self) -> bool:
        """Whether large buffers travel as shared memory."""
        return False

    @property
    def is_full(self) -> bool:
        """Whether more waits to be sent than the high-water mark; `on_drain` says when not."""
        return self.queued_bytes > self.limits.high_water_bytes

    @property
    def idle_s(self) -> float:
        """Seconds since the other side was last heard of."""
        return self.loop.time() - self.received_s

    def send(self, message: Any, buffers: Sequence[Buffer] = ()) -> None:
        """Send a message; any thread, never waits, keeps the order.

        Nothing happens on a closed connection: ``on_close`` has been called or will be.

        Parameters
        ----------
        message
            A struct of the codec's union.  It must not be changed afterwards.
        buffers
            Contiguous bytes that go along.  They are not copied, and must not be changed until
            they are sent.
        """
        raise NotImplementedError

    def close(self, error: BaseException | None = None) -> None:
        """End the connection; any thread, also more than once.

        Parameters
        ----------
        error
            Why, for ``on_close``; with one, nothing that is waiting will be sent.
        """
        raise NotImplementedError

    def pause(self) -> None:
        """Read no more until `resume`, so that the other side has to wait; loop's thread only."""
        raise NotImplementedError

    def resume(self) -> None:
        """Read again; loop's thread only."""
        raise NotImplementedError

    def deliver(self, message: Any, buffers: Sequence[Any]) -> None:
        """Hand one message to its reader; one that fails ends the connection."""
        try:
            self.on_message(self, message, buffers)
        except Exception as error:
            name = type(message).__name__
            log.exception("a %s from %s could not be handled", name, describe(self))
            self.close(CommunicationError(f"a {name} could not be handled: {error!r}"))


def nbytes(buffer: Any) -> int:
    """The size of a buffer, whatever its items are."""
    return len(buffer) if type(buffer) is bytes else memoryview(buffer).nbytes


def weight(piece: Buffer) -> int:
    """How much memory waits with a piece."""
    return len(piece) + getattr(piece, "cargo_bytes", 0)


def check_head(message: Any, head: Buffer, limits: Limits) -> None:
    """Refuse here what the other side would refuse."""
    size, limit = len(head), limits.control_bytes
    if size > limit:
        raise FrameError(
            f"a {type(message).__name__} has {size:,} bytes beside its buffers, the limit is "
            f"{limit:,} (Limits.control_bytes); send it in parts"
        )


def replace(queue: deque[Buffer], place: Buffer, pieces: Sequence[Buffer]) -> bool:
    """Put pieces where one was; whether it was there."""
    for i, piece in enumerate(queue):
        if piece is place:
            queue.rotate(-i)
            queue.popleft()
            queue.extendleft(reversed(pieces))
            queue.rotate(i)
            return True
    return False


def describe(connection: Connection) -> str:
    """The other end, in a log."""
    peer = getattr(connection, "peer", None)
    return f"{peer.role} {peer.name!r} at {peer.address}" if peer else "a peer unknown as yet"


class StreamConnection(Connection):
    """A connection over a socket, from the moment that both sides have proven themselves.

    Made in the loop's thread.  It introduces itself, and is handed to ``ready`` when the other side
    has done so too.

    Parameters
    ----------
    loop, limits
        As for any connection.
    stream
        Connected; belongs to this connection from now on.
    codec
        Of the messages.
    peer
        As far as it is known: role, address, protocol version, whether it is on this host.
    name
        What this process calls itself.
    ready
        ``ready(connection)``; sets its callbacks.
    failed
        ``failed(error)``, if it ends before it is ready.

    Examples
    --------
    See `shoal.distributed.net.connect`, which makes them.

    >>> issubclass(StreamConnection, Connection)
    True
    """

    def __init__(
        self,
        loop: Loop,
        stream: Stream,
        *,
        limits: Limits,
        codec: Codec,
        peer: Peer,
        name: str,
        ready: Callable[[Connection], object],
        failed: Callable[[BaseException], object],
    ) -> None:
        super().__init__(loop, limits)
        self.peer = peer
        self._stream = stream
        self._codec = codec
        self._pack = codec.pack
        self._decode = codec.decode
        self._fd = stream.sock.fileno()
        self._reader = FrameReader(limits)
        self._lock = threading.Lock()
        self._queue: deque[Buffer] = deque()
        self._queued = 0
        self._full = False
        self._has_segments = isinstance(stream, UnixStream) and available()
        self._laden = 0  # pieces in the queue that are more than bytes
        self._armed = False  # a flush is on its way
        self._asked = False  # whether descriptors may come
        self._accepted = False  # they may
        self._blocked = False  # the socket is full
        self._parked = False  # it is not; somebody will call `_flush` when there is more to write
        self._broken = False  # the socket takes nothing more
        self._paused = False
        self._unloading = False  # another thread does so to a message
        self._held: deque[Frame | BaseException] = deque()
        """What came behind that message, and the end."""
        self._deaf = False  # that end has come
        self._lingering = False
        self._mask = READ
        self._ready: Callable[[Connection], object] | None = ready
        self._failed = failed
        self._is_tcp = stream.sock.family in (socket.AF_INET, socket.AF_INET6)
        # What can fail comes first: then the stream is still the caller's, and nobody else has it.
        data = head(INTRODUCTION, INTRODUCTIONS.pack(introduction(name)))
        loop.register(self._fd, self._on_event)
        loop.own(self)
        self._deadline = loop.call_later(limits.hello_s, self._open_timeout)
        if self._is_tcp and hasattr(socket, "TCP_INFO"):
            loop.call_later(1.0, self._check_peer)
        with self._lock:
            self._put([data])

    # -- sending -------------------------------------------------------------------------------

    @property
    def queued_bytes(self) -> int:
        """Sent, and not yet taken by the socket."""
        return self._queued

    @property
    def shares_memory(self) -> bool:
        """Whether large buffers travel as shared memory."""
        return self._has_segments

    def send(self, message: Any, buffers: Sequence[Buffer] = ()) -> None:
        """Send a message; any thread, never waits, keeps the order."""
        if self.closed or self._lingering:
            return
        if buffers:
            sizes = [nbytes(buffer) for buffer in buffers]
            largest = max(sizes)
            if self._has_segments and largest >= self.limits.segment_bytes:
                POOL.keep_trimmed(self.loop)
            elif self.peer.same_host or largest < self.limits.compress_bytes:
                self._post(message, self._codec.encode(message, buffers))
                return
            if sum(sizes) >= ASIDE_BYTES and self.loop.in_loop():
                load_aside(self, message, list(buffers), sum(sizes))
            else:
                self._post(message, self._load(message, buffers))
        else:
            control = self._pack(message)
            self._post(message, [HEADER.pack(MAGIC, MESSAGE, 0, 0, len(control)) + control])

    def _post(self, message: Any, pieces: list[Buffer]) -> None:
        """Hand over a message that is ready to go."""
        check_head(message, pieces[0], self.limits)
        with self._lock:
            self._put(pieces)

    def _load(self, message: Any, buffers: Sequence[Buffer]) -> list[Buffer]:
        """The pieces of a message with large buffers; copies or compresses them."""
        if self._has_segments:
            return load_segments(self._codec, message, buffers, self.limits.segment_bytes)
        can_read = "lz4" in self.peer.versions
        return load(self._codec, message, buffers, self.limits.compress_bytes if can_read else None)

    def _put(self, pieces: list[Buffer]) -> None:
        """Queue, and write at once unless the loop will do so soon; the lock is held."""
        if self.closed or self._broken:
            return
        first = pieces[0]
        if len(pieces) == 1 and type(first) is bytes:
            self._queue.append(first)
            self._queued += len(first)
        else:
            if type(first) is not bytes:
                self._laden += 1
                if self._has_segments and not self._asked:
                    self._asked = True
                    self._queue.append(head(ASK, b""))
                    self._queued += HEADER.size
            self._queue.extend(pieces)
            self._queued += sum(map(weight, pieces))
        if get_ident() == self.loop.thread_id:
            if not self._armed:
                self._armed = True
                self.loop.flush_later(self._flush)
            elif self._queued > self.limits.joined_bytes and not self._blocked:
                self._push()
        else:
            if self._stream.any_thread and not self._blocked:
                self._push()
            if self._queue and not self._armed:
                self._armed = True
                self.loop.call_threadsafe(self._flush)
        if self._queued > self.limits.high_water_bytes:
            self._full = True

    def _push(self) -> None:
        """Write from the queue until it is empty or the socket full; the lock is held."""
        queue = self._queue
        # Why an earlier call could not go on is no reason for this one: it may have been a
        # thread's, and what it waited for may have come.
        self._parked = False
        try:
            while queue:
                if self._laden:
                    sent = self._push_laden()
                elif len(queue) == 1:
                    sent = self._stream.send(queue[0])
                else:
                    sent = self._stream.sendmsg(list(islice(queue, IOVECS)))
                self._queued -= sent
                while queue and sent >= len(queue[0]):
                    sent -= len(queue.popleft())
                if sent:
                    queue[0] = memoryview(queue[0])[sent:]
            self._blocked = False
        except (BlockingIOError, InterruptedError):
            self._blocked = True
        except OSError as error:
            if error.errno == errno.ETOOMANYREFS:
                # As many descriptors are on their way as this user may have; they will arrive.
                self._blocked = self._parked = True
                self.loop.call_threadsafe(self.loop.call_later, STARVED_S, self._flush)
                return
            self._broken = True
            queue.clear()
            self._queued = 0
            if error.errno not in GONE:
                # Nothing that can be read will say so.
                self.loop.call_threadsafe(self._finish, self._named(error))

    def _push_laden(self) -> int:
        """Write while something in the queue is more than bytes.

        Descriptors go with the first byte of a head.  What is still being loaded lets nothing pass.
        """
        first = self._queue[0]
        if type(first) is Loading or (type(first) is Laden and not self._accepted):
            self._parked = True  # until it is loaded; until the other side is ready
            raise BlockingIOError
        pieces: list[Buffer] = [first]
        for piece in islice(self._queue, 1, IOVECS):
            if type(piece) is Laden or type(piece) is Loading:
                break
            pieces.append(piece)
        if type(first) is not Laden:
            return self._stream.sendmsg(pieces)
        assert isinstance(self._stream, UnixStream)
        sent = self._stream.send_descriptors(pieces, [segment.fd for segment in first.segments])
        if sent:
            self._laden -= 1
            self._queued -= first.cargo_bytes
            self._queue[0] = bytes(first)  # its descriptors are gone
        return sent

    def _flush(self) -> None:
        """Write what is queued, and be called when there is room for the rest; loop's thread."""
        with self._lock:
            self._armed = False
            if self.closed:
                return
            self._push()
            if not (self._queue or self._full or self._lingering or self._mask & WRITE):
                return
            self._armed = left = bool(self._queue)
            parked = self._parked
            drained = self._full and self._queued < self.limits.low_water_bytes
            if drained:
                self._full = False
        self._watch(self._mask | WRITE if left and not parked else self._mask & ~WRITE)
        if self._lingering and not left:
            self._finish(None)
        elif drained and self.on_drain is not None:
            self.on_drain(self)

    # -- receiving -----------------------------------------------------------------------------

    def _on_event(self, mask: int) -> None:
        if mask & WRITE:
            self._flush()
        if mask & ~WRITE and not self.closed:
            # While a message is unloaded, only what a side that is gone has left comes here.
            if self._mask & READ or self._unloading:
                self._read()
            else:
                self._end_after(ConnectionLostError(f"{describe(self)} is gone"))

    def _read(self) -> None:
        """Read once, or until no decrypted bytes are left, and hand out what is complete."""
        reader = self._reader
        while True:
            try:
                count = self._stream.recv_into(reader.get_buffer())
                if not count:
                    self._ended()
                    return
                frames = reader.received(count)
                self.received_s = self.loop.time()
                for kind, control, buffers, entries in frames:
                    if self._unloading:
                        # The reader's memory is used for the next bytes.
                        self._held.append(Frame(kind, bytes(control), buffers, entries))
                    elif kind or entries or self._ready is not None:
                        self._take(Frame(kind, control, buffers, entries))
                    elif not self._lingering:
                        self.deliver(self._decode(control), buffers)
                    if self.closed:
                        return
            except (BlockingIOError, InterruptedError):
                return
            except (OSError, MemoryError) as error:
                self._end_after(self._named(error))
                return
            if reader.error is not None:
                self._end_after(reader.error)
            elif self._stream.pending() and self._mask & READ:
                continue
            return

    def _take(self, frame: Frame) -> None:
        """A frame that needs more than decoding."""
        if frame.kind == MESSAGE and self._ready is None:
            if unloaded_bytes(frame) >= ASIDE_BYTES:
                unload_aside(self, frame)
                return
            buffers = unload(frame, self._stream)
            POOL.keep_trimmed(self.loop)
            if not self._lingering:
                self.deliver(self._decode(frame.control), buffers)
        elif frame.kind == INTRODUCTION and self._ready is not None:
            self._introduced(INTRODUCTIONS.decode(frame.control))
        elif frame.kind == ASK and isinstance(self._stream, UnixStream):
            self._stream.accept_descriptors()
            self._answer(head(READY, b""))
        elif frame.kind == READY and self._asked:
            self._accepted = True
            self._flush()
        else:
            raise FrameError(f"{describe(self)} sent a frame of kind {frame.kind} unasked")

    def _end_after(self, error: BaseException) -> None:
        """End the connection, behind what has come and was not handed out."""
        if not self._unloading:
            self._finish(error)
        elif not self._deaf:
            # Of a descriptor that is only watched for nothing the poller would tell all the same.
            self._deaf = True
            self.loop.unregister(self._fd)
            self._held.append(error)

    def _answer(self, frame: bytes) -> None:
        """Send what must not wait behind messages that wait for the other side's answer.

        Both sides may have asked at once.  What is parked is the first piece of a message, so there
        is room for a frame before it.
        """
        with self._lock:
            parked = (i for i, piece in enumerate(self._queue) if type(piece) in (Laden, Loading))
            at = next(parked, None)
            if at is None:
                self._put([frame])
                return
            self._queue.insert(at, frame)
            self._queued += len(frame)
        self._flush()

    def _introduced(self, theirs: Introduction) -> None:
        """The other side has said who it is: the connection is open."""
        self._deadline.cancel()
        known = self.peer
        self.peer = Peer(
            known.role,
            theirs.name,
            known.address,
            theirs.pid,
            {**known.versions, **theirs.versions},
            known.same_host or theirs.host == machine(),
        )
        ready, self._ready = self._ready, None
        assert ready is not None
        try:
            ready(self)
        except Exception as error:
            log.exception("nobody takes the connection of %s", describe(self))
            self._finish(error)

    # -- ending --------------------------------------------------------------------------------

    def close(self, error: BaseException | None = None) -> None:
        """End the connection; any thread, also more than once."""
        if self.loop.in_loop():
            self._close(error)
        elif not self.closed:
            self.loop.call_threadsafe(self._close, error)

    def _close(self, error: BaseException | None) -> None:
        if self.closed:
            return
        if error is None and not self.loop.ending:
            if not self._lingering:
                # Go on reading, for what is waiting may wait for an answer, and because a socket
                # that is closed with bytes unread throws away what was sent, too.
                self._lingering = True
                self._watch(self._mask | READ)
                self._flush()
                if not self.closed:
                    self.loop.call_later(self.limits.linger_s, linger, self, self._queued)
            return
        if error is None:
            with self._lock:
                self._push()
        self._finish(error)

    def _finish(self, error: BaseException | None) -> None:
        """Let go of the socket and say so, once; loop's thread."""
        with self._lock:
            if self.closed:
                return
            self.closed = True
            self._queue.clear()
            self._queued = 0
        self._deadline.cancel()
        self.loop.unregister(self._fd)
        self.loop.disown(self)
        self._stream.close()
        if self._ready is not None:
            self._ready = None
            self._failed(error or ConnectionLostError("closed before it was open"))
            return
        try:
            self.on_close(self, None if self._lingering else error)
        except Exception:
            log.exception("on_close of the connection to %s failed", describe(self))

    def _ended(self) -> None:
        """The other side has sent its last byte."""
        where = "" if self._reader.idle else " in the middle of a message"
        self._end_after(ConnectionLostError(f"{describe(self)} closed the connection{where}"))

    def _named(self, error: BaseException) -> BaseException:
        """What the system, or the reader, says, with the name of the other side."""
        if isinstance(error, ShoalError):
            return error
        lost = ConnectionLostError(f"the connection to {describe(self)} broke: {error}")
        lost.__cause__ = error
        return lost

    def _open_timeout(self) -> None:
        late = f"{describe(self)} did not introduce itself within {self.limits.hello_s:g} s"
        self._finish(ConnectionLostError(late))

    def _check_peer(self) -> None:
        """Once a second: does the other host still acknowledge what it is sent?"""
        if self.closed:
            return
        info = self._stream.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        if is_lost(info, self.limits.silence_s):
            seconds = f"{self.limits.silence_s:g} s"
            self._finish(
                ConnectionLostError(f"{describe(self)} has acknowledged nothing for {seconds}")
            )
        else:
            self.loop.call_later(1.0, self._check_peer)

    # -- flow ----------------------------------------------------------------------------------

    def pause(self) -> None:
        """Read no more until `resume`; loop's thread only."""
        self._paused = True
        self._watch(self._mask & ~READ)

    def resume(self) -> None:
        """Read again; loop's thread only."""
        self._paused = False
        self._listen()

    def _listen(self) -> None:
        if self._paused or self._unloading:
            return
        self._watch(self._mask | READ)
        if not self.closed and self._stream.pending():
            self.loop.call_soon(self._on_event, READ)

    def _watch(self, mask: int) -> None:
        if mask != self._mask and not self.closed and not self._deaf:
            self._mask = mask
            self.loop.watch(self._fd, mask)


def load_aside(
    connection: StreamConnection, message: Any, buffers: list[Buffer], size: int
) -> None:
    """Keep a message's place in the queue, and have another thread load it."""
    place = Loading(b"?")  # an empty piece counts as written
    place.cargo_bytes = size
    with connection._lock:
        connection._put([place])

    def fill() -> None:
        try:
            pieces = connection._load(message, buffers)
            check_head(message, pieces[0], connection.limits)
        except BaseException as error:
            name = type(message).__name__
            log.exception("a %s cannot be sent to %s", name, describe(connection))
            connection.close(error)
            return
        with connection._lock:
            if replace(connection._queue, place, pieces):  # the connection has not been closed
                connection._laden += (type(pieces[0]) is Laden) - 1
                connection._queued += sum(map(weight, pieces)) - weight(place)
        connection.loop.call_threadsafe(connection._flush)

    aside(fill)


def unload_aside(connection: StreamConnection, frame: Frame) -> None:
    """Have another thread decompress a message; what comes meanwhile stays behind it."""
    connection._unloading = True
    connection._watch(connection._mask & ~READ)  # nothing piles up here: the other side waits

    def work() -> None:
        try:
            came: Sequence[Any] | BaseException = unload(frame, connection._stream)
        except Exception as error:
            came = connection._named(error)
        connection.loop.call_threadsafe(unloaded, connection, frame, came)

    aside(work)


def unloaded(
    connection: StreamConnection, frame: Frame, came: Sequence[Any] | BaseException
) -> None:
    """Hand out a message that was decompressed, and what came behind it."""
    connection._unloading = False
    held = connection._held
    try:
        if isinstance(came, BaseException):
            connection._finish(came)
        elif not (connection.closed or connection._lingering):
            connection.deliver(connection._decode(frame.control), came)
        while held and not (connection.closed or connection._unloading):
            item = held.popleft()
            if isinstance(item, BaseException):
                connection._finish(item)
            else:
                connection._take(item)
    except (OSError, MemoryError) as error:
        connection._finish(connection._named(error))
    connection._listen()


def linger(closing: StreamConnection, before: int) -> None:
    """Give up what waits in a closed connection, unless some of it has left meanwhile."""
    if not closing.closed and closing._queued < before:
        closing.loop.call_later(closing.limits.linger_s, linger, closing, closing._queued)
    else:
        closing._finish(None)
