"""A connected socket as connections use it, whether it is plain or speaks TLS.

All calls are non-blocking and raise BlockingIOError where they would wait.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from shoal.distributed.wire.frames import Buffer

__all__ = ["PlainStream", "Stream", "TlsStream"]

RecvInto: TypeAlias = Callable[[memoryview], int]
Send: TypeAlias = Callable[[Buffer], int]
SendMsg: TypeAlias = Callable[[Sequence[Buffer]], int]


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
        try:
            return self.tls.send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None

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
