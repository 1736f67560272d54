"""A new socket on its way to a connection: TLS where it is wanted, then the handshake.

It reads exactly the bytes that the handshake wants next and keeps no others, so what somebody
who has proven nothing can make this process hold is 96 bytes, for a few seconds.
"""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
from collections.abc import Callable

from shoal.distributed.net.handshake import NONCE_BYTES, Handshake
from shoal.distributed.net.loop import READ, WRITE, Loop
from shoal.distributed.net.security import Security
from shoal.distributed.net.sockets import check_same_user
from shoal.distributed.net.streams import PlainStream, Stream, TlsStream, UnixStream
from shoal.errors import AuthenticationError, CommunicationError, ConnectTimeoutError

__all__ = ["Greeter"]


class Greeter:
    """Runs one handshake over one socket; made in the loop's thread.

    Parameters
    ----------
    loop
        Whose thread calls back.
    sock
        Connected; the greeter's until it is done.
    dialer
        Whether this side opened the connection.
    scheme
        tcp, tls or unix.
    security
        The cluster's credentials.
    role
        This side's.
    timeout_s
        For all of it.
    done
        ``done(greeter)`` when both sides have proven themselves; takes over ``greeter.stream``.
    failed
        ``failed(greeter, error)``; the socket is closed.

    Attributes
    ----------
    stream, handshake
        For who takes over.
    over
        Whether it has ended.
    silent
        Whether the other side has not sent a byte.

    Examples
    --------
    >>> here, there = socket.socketpair()
    >>> for sock in (here, there):
    ...     sock.setblocking(False)
    >>> loop, security = Loop(), Security.new()
    >>> proven = []
    >>> def done(greeter):
    ...     proven.append(greeter.handshake.peer_role)
    ...     greeter.stream.close()
    ...     if len(proven) == 2:
    ...         loop.stop()
    >>> options = {"security": security, "timeout_s": 5, "done": done, "failed": print}
    >>> _ = Greeter(loop, here, dialer=True, scheme="unix", role="client", **options)
    >>> _ = Greeter(loop, there, dialer=False, scheme="unix", role="worker", **options)
    >>> loop.run()
    >>> sorted(proven)
    ['client', 'worker']
    """

    def __init__(
        self,
        loop: Loop,
        sock: socket.socket,
        *,
        dialer: bool,
        scheme: str,
        security: Security,
        role: str,
        timeout_s: float,
        done: Callable[[Greeter], object],
        failed: Callable[[Greeter, BaseException], object],
    ) -> None:
        self.loop = loop
        self.silent = True
        self.stream: Stream = PlainStream(sock)
        self._sock = sock
        self._dialer = dialer
        self._scheme = scheme
        self._security = security
        self._role = role
        self._got = b""
        self._done = done
        self._failed = failed
        self.over = False
        self._fd = sock.fileno()
        self._step = self._greet
        loop.own(self)
        late = ConnectTimeoutError(f"the other side did not prove itself within {timeout_s:g} s")
        self._deadline = loop.call_later(timeout_s, self.close, late)
        self._attempt(self._start)

    def close(self, error: BaseException | None = None) -> None:
        """Give up."""
        if not self.over:
            self._leave()
            self.stream.close()
            self._failed(self, error or CommunicationError("given up during the handshake"))

    def _leave(self) -> None:
        self.over = True
        self._deadline.cancel()
        self.loop.unregister(self._fd)
        self.loop.disown(self)

    def _attempt(self, step: Callable[[], object]) -> None:
        """One step; whatever is wrong with it ends the handshake."""
        try:
            step()
        except (BlockingIOError, InterruptedError):
            pass
        except ssl.SSLCertVerificationError as error:
            self.close(
                AuthenticationError(
                    f"the other side's certificate is not of this cluster ({error.verify_message})"
                )
            )
        except (OSError, ValueError) as error:
            self.close(error)

    def _on_event(self, mask: int) -> None:
        if not self.over:
            self._attempt(self._step)

    def _start(self) -> None:
        self.loop.register(self._fd, self._on_event)
        if self._scheme == "unix":
            check_same_user(self._sock)
            self.stream = UnixStream(self._sock)
        if self._scheme == "tls":
            context = self._security.context(self._dialer)
            self._tls = TlsStream(self._sock, context, self._dialer, self._security.host)
            self.stream = self._tls
            self._step = self._greet_tls
            self._greet_tls()
        else:
            self._begin(self._scheme.encode())

    def _greet_tls(self) -> None:
        """Go on with TLS's own handshake; then with ours."""
        try:
            self._tls.tls.do_handshake()
        except ssl.SSLWantReadError:
            self.loop.watch(self._fd, READ)
            return
        except ssl.SSLWantWriteError:
            self.loop.watch(self._fd, WRITE)
            return
        self.loop.watch(self._fd, READ)
        if self._dialer:
            shown = self._tls.tls.getpeercert(True) or b""
        else:
            shown = ssl.PEM_cert_to_DER_cert(self._security.cert)
        self._step = self._greet
        self._begin(b"tls" + hashlib.sha256(shown).digest())

    def _begin(self, binding: bytes) -> None:
        self.handshake = Handshake(
            self._dialer,
            self._security.secret,
            self._role,
            os.urandom(NONCE_BYTES),
            binding=binding,
        )
        self._send(self.handshake.start())
        self._greet()

    def _greet(self) -> None:
        """Read what the handshake wants next, and no byte more."""
        while self.handshake.wanted:
            view = memoryview(bytearray(self.handshake.wanted - len(self._got)))
            count = self.stream.recv_into(view)
            if not count:
                raise CommunicationError("the other side left during the handshake")
            self.silent = False
            self._got += view[:count]
            if len(self._got) == self.handshake.wanted:
                data, self._got = self._got, b""
                try:
                    answer = self.handshake.receive(data)
                except CommunicationError:
                    self._send(self.handshake.farewell)
                    raise
                self._send(answer)
        self._leave()
        try:
            self._done(self)
        except Exception as error:
            self.stream.close()
            self._failed(self, error)

    def _send(self, data: bytes) -> None:
        """A few bytes into an empty socket: they fit."""
        if data and self.stream.send(data) != len(data):
            raise CommunicationError("the socket takes no bytes")
