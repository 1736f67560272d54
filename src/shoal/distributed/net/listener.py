"""Accepting connections, with bounds on what strangers can make a process hold.

At most ``Limits.pending`` connections that have proven nothing are kept.  When there are as many
and one more comes, the oldest that has said nothing is closed for it; if all of them are in
the middle of a handshake, the new one waits in the kernel until one is done.

When no descriptor is left, accepting stops for a moment, because the kernel would report the
waiting connection again and again; those who dial wait meanwhile.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from shoal.distributed.net.addresses import Address
from shoal.distributed.net.connection import Connection, Peer, StreamConnection
from shoal.distributed.net.greeter import Greeter
from shoal.distributed.net.loop import Loop
from shoal.distributed.net.security import Security
from shoal.distributed.net.sockets import accepted, check_same_user
from shoal.distributed.wire.codec import Codec
from shoal.distributed.wire.limits import Limits

__all__ = ["Listener", "StreamListener"]

log = logging.getLogger("distributed.net")

AT_ONCE = 32
"""Connections accepted in one turn of the loop, which has others to serve."""

PAUSE_S = 0.2
"""How long accepting stops when there are no descriptors left."""

EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Listener(Protocol):
    """Somebody who can be dialled.

    Attributes
    ----------
    address
        Where, with the port filled in.

    Examples
    --------
    >>> hasattr(Listener, "close")
    True
    """

    address: str

    def close(self) -> None:
        """Accept no more; connections that are open stay so.  Any thread, also twice."""


class StreamListener:
    """Listens on a socket; made by any thread.

    Parameters
    ----------
    loop, security, role, limits
        As for connections.
    socks
        Bound and listening, each with the scheme that it speaks: that of the address, and perhaps
        a unix socket beside it.
    address
        Of the first.
    codec
        Of the messages.
    name
        What this process calls itself.
    on_connection
        ``on_connection(connection)`` in the loop's thread; sets the connection's callbacks.

    Examples
    --------
    See `shoal.distributed.net.listen`, which makes them.

    >>> StreamListener.close.__name__
    'close'
    """

    def __init__(
        self,
        loop: Loop,
        socks: Sequence[tuple[str, socket.socket]],
        address: Address,
        *,
        security: Security,
        role: str,
        name: str,
        codec: Codec,
        limits: Limits,
        on_connection: Callable[[Connection], object],
    ) -> None:
        self.loop = loop
        self.address = str(address)
        self._socks = socks
        self._where = address
        self._security = security
        self._role = role
        self._name = name
        self._codec = codec
        self._limits = limits
        self._on_connection = on_connection
        self._pending: dict[Greeter, None] = {}
        self._accepting = False
        self._closed = False
        loop.own(self)
        loop.call_threadsafe(self._accept_again)

    def close(self) -> None:
        """Accept no more; connections that are open stay so.  Any thread, also twice."""
        if self.loop.in_loop():
            self._close()
        else:
            self.loop.call_threadsafe(self._close)

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._stop_accepting()
        self.loop.disown(self)
        for _, sock in self._socks:
            sock.close()
        if self._where.scheme == "unix":
            try:
                os.unlink(self._where.host)
            except OSError:
                pass
        for greeter in list(self._pending):
            greeter.close()

    def _accept_again(self) -> None:
        if not self._accepting and not self._closed:
            self._accepting = True
            for scheme, sock in self._socks:
                self.loop.register(sock.fileno(), partial(self._on_event, scheme, sock))

    def _stop_accepting(self) -> None:
        if self._accepting:
            self._accepting = False
            for _, sock in self._socks:
                self.loop.unregister(sock.fileno())

    def _on_event(self, scheme: str, listening: socket.socket, mask: int) -> None:
        for _ in range(AT_ONCE):
            full = len(self._pending) >= self._limits.pending
            silent = next((g for g in self._pending if g.silent), None) if full else None
            if full and silent is None:
                # Everybody is in the middle of it: wait until one of them is done or late.
                self._stop_accepting()
                return
            try:
                sock, where = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in EXHAUSTED:
                    raise
                log.warning("%s cannot accept a connection: %s; trying again", self.address, error)
                self._stop_accepting()
                self.loop.call_later(PAUSE_S, self._accept_again)
                return
            if silent is not None:
                silent.close()
            self._greet(scheme, sock, where)

    def _greet(self, scheme: str, sock: socket.socket, where: object) -> None:
        def done(greeter: Greeter) -> None:
            self._forget(greeter)
            self._open(greeter, scheme, where)

        def failed(greeter: Greeter, error: BaseException) -> None:
            self._forget(greeter)
            log.info("%s refused a connection from %s: %s", self.address, where or scheme, error)

        try:
            accepted(sock)
        except OSError:
            sock.close()  # it has gone again
            return
        greeter = Greeter(
            self.loop,
            sock,
            dialer=False,
            scheme=scheme,
            security=self._security,
            role=self._role,
            timeout_s=self._limits.hello_s,
            done=done,
            failed=failed,
        )
        if not greeter.over:
            self._pending[greeter] = None

    def _forget(self, greeter: Greeter) -> None:
        self._pending.pop(greeter, None)
        if not self._accepting:
            self._accept_again()

    def _open(self, greeter: Greeter, scheme: str, where: object) -> None:
        if self._closed:
            greeter.stream.close()
            return
        unix = scheme == "unix"
        if unix:
            address = f"unix://pid/{check_same_user(greeter.stream.sock)}"
        else:
            assert isinstance(where, tuple)
            address = str(Address(scheme, where[0], where[1]))
        handshake = greeter.handshake
        versions = {"protocol": str(handshake.version)}
        StreamConnection(
            self.loop,
            greeter.stream,
            limits=self._limits,
            codec=self._codec,
            peer=Peer(handshake.peer_role, "", address, 0, versions, unix),
            name=self._name,
            ready=self._on_connection,
            failed=lambda error: log.info("%s: %s", self.address, error),
        )
