"""A connected socket as connections use it, whether it is plain or speaks TLS.

All calls are non-blocking and raise BlockingIOError where they would wait.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from shoal.distributed.wire.frames import Buffer

__all__ = ["PlainStream", "Stream", "TlsStream", "UnixStream"]

RecvInto: TypeAlias = Callable[[memoryview], int]
Send: TypeAlias = Callable[[Buffer], int]
SendMsg: TypeAlias = Callable[[Sequence[Buffer]], int]

DESCRIPTORS = 253
"""The most that the kernel passes at once (``SCM_MAX_FD``)."""

ANCILLARY_BYTES = socket.CMSG_SPACE(4 * DESCRIPTORS)
CLOEXEC = int(getattr(socket, "MSG_CMSG_CLOEXEC", 0))
TRUNCATED = int(socket.MSG_CTRUNC)  # arithmetic with an enum takes 2 us

MOST_WAITING = 4 * DESCRIPTORS
"""Descriptors that have come and that no message has asked for: more than this is no accident."""

AT_ONCE_BYTES = 1 << 16
"""OpenSSL tells nothing of a write before all of it has left: it is given no more than this, so
that whoever looks sees whether a large message leaves."""


class Stream(Protocol):
    """Bytes both ways, in order.

    Attributes
    ----------
    sock
        The socket beneath.
    any_thread
        Whether one thread may write while another reads.
    recv_into, send, sendmsg, close
        As a non-blocking socket's.
    pending
        Whether bytes wait that the socket beneath does not show as readable.

    Examples
    --------
    >>> here, there = socket.socketpair()
    >>> stream: Stream = PlainStream(here)
    >>> stream.close()
    >>> there.close()
    """

    sock: socket.socket
    any_thread: bool
    recv_into: RecvInto
    send: Send
    sendmsg: SendMsg
    close: Callable[[], None]

    def pending(self) -> bool:
        """Whether bytes wait that the socket beneath does not show as readable."""


class PlainStream:
    """TCP and unix sockets as they are.

    Parameters
    ----------
    sock
        Connected and non-blocking.

    Examples
    --------
    >>> here, there = socket.socketpair()
    >>> with here, there:
    ...     PlainStream(here).send(b"abc"), there.recv(9)
    (3, b'abc')
    """

    __slots__ = ("any_thread", "close", "recv_into", "send", "sendmsg", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.any_thread = True
        self.recv_into: RecvInto = sock.recv_into
        self.send: Send = sock.send
        self.sendmsg: SendMsg = sock.sendmsg
        self.close: Callable[[], None] = sock.close

    def pending(self) -> bool:
        """Never: nothing stands between the socket and its reader."""
        return False


class UnixStream(PlainStream):
    """A unix socket, over which descriptors can travel beside the bytes.

    The kernel hands out descriptors with the first byte they were sent with or later, never
    before, and does not hand out bytes beyond the next ones with descriptors in the same call.
    So when the head of a message has come, its descriptors have, too.

    A receiver that does not ask for descriptors loses them, and asking costs 0.8 us a call.  So
    `accept_descriptors` comes first, when the other side has said that it will send some.

    Parameters
    ----------
    sock
        Connected and non-blocking.

    Attributes
    ----------
    descriptors
        That have come, in order; who takes one has to close it.

    Examples
    --------
    >>> here, there = map(UnixStream, socket.socketpair())
    >>> there.accept_descriptors()
    >>> here.send_descriptors([b"abc"], [here.sock.fileno()])
    3
    >>> there.recv_into(memoryview(bytearray(10))), len(there.descriptors)
    (3, 1)
    >>> here.close()
    >>> there.close()
    """

    __slots__ = ("_recvmsg_into", "descriptors")

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.descriptors: deque[int] = deque()
        self._recvmsg_into = sock.recvmsg_into
        self.close = self._close

    def accept_descriptors(self) -> None:
        """From now on keep the descriptors that come."""
        self.recv_into = self._recv_into

    def _recv_into(self, view: memoryview) -> int:
        count, ancillary, flags, _ = self._recvmsg_into([view], ANCILLARY_BYTES, CLOEXEC)
        if ancillary or flags & TRUNCATED:
            self._take(ancillary, flags)
        return count

    def _take(self, ancillary: list[tuple[int, int, bytes]], flags: int) -> None:
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self.descriptors.extend(memoryview(data[: len(data) // 4 * 4]).cast("i"))
        if flags & TRUNCATED:
            raise OSError(
                errno.EMFILE, "no descriptors are left for shared memory; raise ulimit -n"
            )
        if len(self.descriptors) > MOST_WAITING:
            raise OSError(errno.EMFILE, "descriptors came that belong to no message")

    def send_descriptors(self, buffers: Sequence[Buffer], descriptors: Sequence[int]) -> int:
        """``sendmsg`` with descriptors, which travel with the first byte.

        Parameters
        ----------
        buffers
            The bytes.
        descriptors
            At most 253.
        """
        return socket.send_fds(self.sock, buffers, list(descriptors))

    def _close(self) -> None:
        while self.descriptors:
            os.close(self.descriptors.popleft())
        self.sock.close()


class TlsStream:
    """TLS over a TCP socket.

    One thread at a time: OpenSSL's connections are not made for two.

    Parameters
    ----------
    sock
        Connected and non-blocking.
    context
        From `Security.context`.
    dialer
        Whether this side opened the connection.
    host
        The name that the other side's certificate must have.

    Examples
    --------
    >>> from shoal.distributed.net.security import Security
    >>> security = Security.new(tls=True)
    >>> here, there = socket.socketpair()
    >>> stream = TlsStream(here, security.context(True), True, security.host)
    >>> stream.close()
    >>> there.close()
    """

    __slots__ = ("any_thread", "close", "recv_into", "send", "sendmsg", "sock", "tls")

    def __init__(
        self, sock: socket.socket, context: ssl.SSLContext, dialer: bool, host: str
    ) -> None:
        self.tls = context.wrap_socket(
            sock,
            server_side=not dialer,
            do_handshake_on_connect=False,
            server_hostname=host if dialer and host else None,
        )
        self.sock: socket.socket = self.tls
        self.any_thread = False
        self.close: Callable[[], None] = self.tls.close
        self.recv_into: RecvInto = self._recv_into
        self.send: Send = self._send
        self.sendmsg: SendMsg = self._sendmsg

    def pending(self) -> bool:
        """Whether a record is decrypted and not read."""
        return self.tls.pending() > 0

    def _recv_into(self, view: memoryview) -> int:
        try:
            return self.tls.recv_into(view)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return 0

    def _send(self, data: Buffer) -> int:
        if len(data) > AT_ONCE_BYTES:
            data = memoryview(data)[:AT_ONCE_BYTES]
        try:
            return self.tls.send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            raise BrokenPipeError(errno.EPIPE, str(error)) from None

    def _sendmsg(self, buffers: Sequence[Buffer]) -> int:
        # One record holds 16 KiB: small pieces are joined, large ones go alone.
        first: list[Any] = []
        size = 0
        for buffer in buffers:
            if size + len(buffer) > 16_384 and first:
                break
            first.append(buffer)
            size += len(buffer)
        return self._send(first[0] if len(first) == 1 else b"".join(first))
