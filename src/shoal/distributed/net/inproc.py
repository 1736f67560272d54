"""Connections inside one process: messages are handed over as they are, from loop to loop.

Nothing is encoded and nothing copied, so a message and its buffers belong to the receiver once they
are sent.  There is nobody to authenticate: who can name a listener here is in its process.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from shoal.distributed.net.connection import Connection, Peer, describe, introduction
from shoal.distributed.net.handshake import VERSIONS
from shoal.distributed.net.loop import Loop
from shoal.distributed.wire.frames import Buffer
from shoal.distributed.wire.limits import Limits
from shoal.errors import CommunicationError, ConnectionLostError

__all__ = ["InprocConnection", "InprocListener", "call_once", "connect_inproc"]

LISTENERS: dict[str, InprocListener] = {}
LOCK = threading.Lock()


class InprocConnection(Connection):
    """One end of a connection inside this process.

    Parameters
    ----------
    loop, limits
        As for any connection.
    peer
        Who is at the other end.

    Examples
    --------
    >>> loop = Loop()
    >>> here, there = (InprocConnection(loop, Limits(), None) for _ in range(2))
    >>> here.other, there.other = there, here
    >>> there.on_message = lambda connection, message, buffers: (print(message), loop.stop())
    >>> here.send("hello")
    >>> loop.run()
    hello
    """

    other: InprocConnection

    def __init__(self, loop: Loop, limits: Limits, peer: Peer) -> None:
        super().__init__(loop, limits)
        self.peer = peer
        self._inbox: deque[tuple[Any, Sequence[Any], int]] = deque()
        self._inbox_bytes = 0
        self._armed = False
        self._paused = False
        self._full = False
        self._lock = threading.Lock()

    @property
    def queued_bytes(self) -> int:
        """Sent, and not yet handed to the other end's reader."""
        return self.other._inbox_bytes

    def send(self, message: Any, buffers: Sequence[Buffer] = ()) -> None:
        """Send a message; any thread, never waits, keeps the order."""
        if not self.closed:
            size = sum(memoryview(buffer).nbytes for buffer in buffers)
            self.other._post(message, list(buffers), size)
            if self.queued_bytes > self.limits.high_water_bytes:
                self._full = True

    def _post(self, message: Any, buffers: list[Any], size: int) -> None:
        """Put a message into this end's inbox; any thread."""
        with self._lock:
            if self.closed:
                return
            self._inbox.append((message, buffers, size))
            self._inbox_bytes += size
            armed, self._armed = self._armed, True
        if not armed:
            self.loop.call_threadsafe(self._read)

    def _read(self) -> None:
        """Hand out what has come."""
        self._armed = False
        inbox = self._inbox
        if inbox and not self.closed:
            self.received_s = self.loop.time()
        while inbox and not (self.closed or self._paused):
            message, buffers, size = inbox.popleft()
            with self._lock:
                self._inbox_bytes -= size
            self.deliver(message, buffers)
        other = self.other
        if other._full and self._inbox_bytes < other.limits.low_water_bytes:
            other._full = False
            other.loop.call_threadsafe(other._drained)

    def _drained(self) -> None:
        if self.on_drain is not None and not self.closed:
            self.on_drain(self)

    def close(self, error: BaseException | None = None) -> None:
        """End the connection; any thread, also more than once."""
        if self.loop.in_loop():
            self._close(error)
        else:
            self.loop.call_threadsafe(self._close, error)

    def _close(self, error: BaseException | None) -> None:
        """End this end, and then the other, which first hands out what was sent."""
        with self._lock:
            if self.closed:
                return
            self.closed = True
            self._inbox.clear()
            self._inbox_bytes = 0
        self.loop.disown(self)
        gone = ConnectionLostError(f"{describe(self.other)} closed the connection")
        self.other.loop.call_threadsafe(self.other._other_closed, gone)
        self.on_close(self, error)

    def _other_closed(self, error: BaseException) -> None:
        self._paused = False
        self._read()
        self._close(error)

    def pause(self) -> None:
        """Read no more until `resume`; loop's thread only."""
        self._paused = True

    def resume(self) -> None:
        """Read again; loop's thread only."""
        self._paused = False
        self.loop.call_soon(self._read)


class InprocListener:
    """Somebody who can be dialled inside this process.

    Parameters
    ----------
    loop, limits
        As for connections.
    name
        Of the address ``inproc://name``.
    role, own_name
        This side's.
    on_connection
        ``on_connection(connection)`` in the loop's thread.

    Examples
    --------
    >>> listener = InprocListener(Loop(), "example", "scheduler", "me", Limits(), print)
    >>> listener.address
    'inproc://example'
    >>> listener.close()
    """

    def __init__(
        self,
        loop: Loop,
        name: str,
        role: str,
        own_name: str,
        limits: Limits,
        on_connection: Callable[[Connection], object],
    ) -> None:
        self.loop = loop
        self.address = f"inproc://{name}"
        self.role = role
        self.own_name = own_name
        self.limits = limits
        self.on_connection = on_connection
        self._name = name
        with LOCK:
            if name in LISTENERS:
                raise CommunicationError(f"{self.address} is taken; choose another name")
            LISTENERS[name] = self
        try:
            loop.own(self)
        except CommunicationError:
            self.close()
            raise

    def close(self) -> None:
        """Accept no more; connections that are open stay so."""
        with LOCK:
            if LISTENERS.get(self._name) is self:
                del LISTENERS[self._name]
        self.loop.disown(self)


def connect_inproc(
    loop: Loop,
    name: str,
    *,
    role: str,
    own_name: str,
    limits: Limits,
    on_open: Callable[[Connection], object],
    on_error: Callable[[BaseException], object],
) -> None:
    """Open a connection inside this process; in the loop's thread, or any if that has ended.

    Parameters
    ----------
    loop, limits
        As for connections.
    name
        Of the listener.
    role, own_name
        This side's.
    on_open, on_error
        ``on_open(connection)`` or ``on_error(error)``.

    Examples
    --------
    >>> connect_inproc(
    ...     Loop(),
    ...     "nobody",
    ...     role="client",
    ...     own_name="me",
    ...     limits=Limits(),
    ...     on_open=print,
    ...     on_error=print,
    ... )
    nobody listens at inproc://nobody in this process; start the scheduler or worker first
    """
    listener = LISTENERS.get(name)
    if listener is None or listener.loop.ending:
        remedy = "start the scheduler or worker first"
        on_error(CommunicationError(f"nobody listens at inproc://{name} in this process; {remedy}"))
        return
    versions = {"protocol": str(VERSIONS[1]), **introduction("").versions}
    pid = os.getpid()
    address = listener.address
    there = Peer(listener.role, listener.own_name, address, pid, versions, True)
    me = Peer(role, own_name, address, pid, versions, True)
    here, far = InprocConnection(loop, limits, there), InprocConnection(listener.loop, limits, me)
    here.other, far.other = far, here
    try:
        loop.own(here)
    except CommunicationError as error:
        on_error(error)
        return

    def arrive() -> None:
        try:
            listener.loop.own(far)
        except CommunicationError:
            far.closed = True
            gone = ConnectionLostError(f"{address} has ended, and takes no connections any more")
            loop.call_threadsafe(here._other_closed, gone)
            return
        listener.on_connection(far)

    call_once(listener.loop, arrive)
    on_open(here)


def call_once(loop: Loop, call: Callable[[], None]) -> None:
    """Call in a loop's thread, or here if the loop has ended and calls nothing any more.

    Parameters
    ----------
    loop
        Whose thread it is for.
    call
        Finds out itself what is no longer possible.

    Examples
    --------
    >>> loop = Loop()
    >>> loop.stop()
    >>> loop.run()
    >>> call_once(loop, lambda: print("called"))
    called
    """
    left = [call]

    def take() -> None:
        # Of two threads that find it here one gets it.
        try:
            taken = left.pop()
        except IndexError:
            return
        taken()

    loop.call_threadsafe(take)
    if loop.ended:
        take()
