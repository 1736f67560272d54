"""Opening connections: find the address, connect, prove, introduce; again until the time is over.

Nothing waits: each step is a callback of the loop.  Only a host's name is looked up in a thread of
its own, because the system's resolver cannot be asked in any other way.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

from shoal.distributed.net.addresses import Address
from shoal.distributed.net.connection import Connection, Peer, StreamConnection
from shoal.distributed.net.greeter import Greeter
from shoal.distributed.net.loop import WRITE, Loop
from shoal.distributed.net.security import Security
from shoal.distributed.net.sockets import dial, resolve, shortcuts
from shoal.distributed.wire.codec import Codec
from shoal.distributed.wire.limits import Limits
from shoal.errors import (
    AuthenticationError,
    CommunicationError,
    ConnectTimeoutError,
    FrameError,
    ProtocolVersionError,
)

__all__ = ["Dialer"]

Target: TypeAlias = "tuple[str, Any, Any]"
"""Scheme, family and socket address."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 1.0
"""Between attempts; each pause is twice the one before."""

FINAL = (AuthenticationError, FrameError, ProtocolVersionError)
"""Errors that the next attempt would meet again."""


class Dialer:
    """One attempt after another to reach one address.

    Parameters
    ----------
    loop, security, role, limits
        As for connections.
    address
        Whom to reach: tcp, tls or unix.
    name
        What this process calls itself.
    codec
        Of the messages.
    timeout_s
        For all attempts together.
    retry
        Whether to try again while nobody listens there.
    on_open, on_error
        ``on_open(connection)`` or ``on_error(error)``, one of them once, in the loop's thread.

    Examples
    --------
    See `shoal.distributed.net.connect`, which makes them.

    >>> Dialer.start.__name__
    'start'
    """

    def __init__(
        self,
        loop: Loop,
        address: Address,
        *,
        security: Security,
        role: str,
        name: str,
        codec: Codec,
        limits: Limits,
        timeout_s: float,
        retry: bool,
        on_open: Callable[[Connection], object],
        on_error: Callable[[BaseException], object],
    ) -> None:
        self.loop = loop
        self.address = address
        self._security = security
        self._role = role
        self._name = name
        self._codec = codec
        self._limits = limits
        self._timeout_s = timeout_s
        self._retry = retry
        self._on_open = on_open
        self._on_error = on_error
        self._targets: list[Target] = []
        self._scheme = address.scheme  # of the attempt that is being made
        self._sock: socket.socket | None = None  # while it connects
        self._greeter: Greeter | None = None
        self._pause_s = FIRST_PAUSE_S
        self._last: BaseException | None = None
        self._over = False

    def start(self) -> None:
        """Begin; in the loop's thread, or in any when that has ended: then it has failed."""
        if self._over:
            return
        if self.loop.ending:
            self._over = True
            gone = CommunicationError("the thread of connections has ended")
            self._on_error(explain(self.address, gone, 0.0))
            return
        self.loop.own(self)
        self._deadline = self.loop.call_later(self._timeout_s, self._late)
        self._attempt()

    def close(self) -> None:
        """Give up: the loop ends."""
        self._fail(CommunicationError("given up"))

    def _attempt(self) -> None:
        if self._over:
            return
        try:
            targets = resolve(self.address, numeric=True)
        except OSError:
            threading.Thread(target=self._look_up, name="shoal-resolve", daemon=True).start()
            return
        self._found(targets)

    def _look_up(self) -> None:
        """In a thread of its own."""
        try:
            found = resolve(self.address)
        except OSError as error:
            self.loop.call_threadsafe(self._missed, error)
        else:
            self.loop.call_threadsafe(self._found, found)

    def _found(self, targets: list[tuple[Any, Any]]) -> None:
        scheme = self.address.scheme
        self._targets = [(scheme, family, where) for family, where in targets]
        if self._limits.shortcut and scheme != "unix":
            names = dict.fromkeys(name for _, where in targets for name in shortcuts(where))
            self._targets[:0] = [("unix", socket.AF_UNIX, name) for name in names]
        self._next()

    def _next(self) -> None:
        """Dial the next of the host's addresses."""
        if self._over:
            return
        self._scheme, family, where = self._targets.pop(0)
        try:
            sock, done = dial(family, where)
        except OSError as error:
            self._missed(error)
            return
        if done:
            self._greet(sock)
        else:
            self._sock = sock
            self.loop.register(sock.fileno(), self._connected, WRITE)

    def _connected(self, mask: int) -> None:
        sock, self._sock = self._sock, None
        assert sock is not None
        self.loop.unregister(sock.fileno())
        try:
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise OSError(code, os.strerror(code))
        except OSError as error:
            sock.close()
            self._missed(error)
        else:
            self._greet(sock)

    def _greet(self, sock: socket.socket) -> None:
        greeter = Greeter(
            self.loop,
            sock,
            dialer=True,
            scheme=self._scheme,
            security=self._security,
            role=self._role,
            timeout_s=self._timeout_s,
            done=self._proven,
            failed=lambda _, error: self._missed(error),
        )
        if not greeter.over:
            self._greeter = greeter

    def _proven(self, greeter: Greeter) -> None:
        self._greeter = None
        handshake = greeter.handshake
        versions = {"protocol": str(handshake.version)}
        unix = self._scheme == "unix"
        StreamConnection(
            self.loop,
            greeter.stream,
            limits=self._limits,
            codec=self._codec,
            peer=Peer(handshake.peer_role, "", str(self.address), 0, versions, unix),
            name=self._name,
            ready=self._opened,
            failed=self._missed,
        )

    def _opened(self, connection: Connection) -> None:
        if self._over:
            connection.close()
            return
        self._leave()
        self._on_open(connection)

    def _missed(self, error: BaseException) -> None:
        """One attempt has failed: try the next address, or later, or give up."""
        self._greeter = None
        if self._over:
            return
        self._last = error
        is_shortcut = self._scheme != self.address.scheme
        if isinstance(error, FINAL) and not is_shortcut:
            self._fail(error)
        elif self._targets:
            self._next()
        elif self._retry or is_passing(error):
            self.loop.call_later(self._pause_s, self._attempt)
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        else:
            self._fail(error)

    def _late(self) -> None:
        seconds = f"{self._timeout_s:g} s"
        self._fail(self._last or ConnectTimeoutError(f"no answer within {seconds}"), late=True)

    def _leave(self) -> None:
        self._over = True
        self._deadline.cancel()
        self.loop.disown(self)

    def _fail(self, error: BaseException, late: bool = False) -> None:
        if self._over:
            return
        self._leave()
        if self._sock is not None:
            self.loop.unregister(self._sock.fileno())
            self._sock.close()
        if self._greeter is not None:
            self._greeter.close()
        self._on_error(explain(self.address, error, self._timeout_s if late else 0.0))


def is_passing(error: BaseException) -> bool:
    """Whether a failure comes from many dialling at once, and not from nobody listening."""
    if isinstance(error, CommunicationError):
        return not isinstance(error, ConnectTimeoutError)
    return isinstance(error, OSError) and error.errno in (errno.EAGAIN, errno.ECONNRESET)


def explain(address: Address, error: BaseException, timeout_s: float) -> CommunicationError:
    """Why an address could not be reached, and what to do."""
    waited = f" within {timeout_s:g} s" if timeout_s else ""
    reason = getattr(error, "strerror", None) or error
    text = f"cannot connect to {address}{waited}: {reason}"
    made: CommunicationError
    if isinstance(error, FINAL):
        made = type(error)(text)
    else:
        remedy = "is the scheduler or worker running there, and is the address right?"
        late = timeout_s or isinstance(error, ConnectTimeoutError)
        kind = ConnectTimeoutError if late else CommunicationError
        made = kind(f"{text}; {remedy}")
    made.__cause__ = error
    return made
