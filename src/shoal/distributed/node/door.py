"""The dashboard's address: a socket at which nobody waits but the scheduler's loop.

As servers have done since inetd, the process behind the socket is started by the first
connection, and takes the listening socket over.  Until then a dashboard costs one descriptor, and
starting a cluster costs no more than binding a port.  When the process ends, whatever the
reason, the loop waits at the socket again.
"""

from __future__ import annotations

import errno
import logging
import os
import pickle
import socket
import subprocess
import sys
from typing import Any

from shoal.distributed.net import Loop, Security
from shoal.distributed.node.process import LENGTH

__all__ = ["DEFAULT", "Door", "parse_door"]

log = logging.getLogger("shoal.distributed.dashboard")

DEFAULT = 8787

TRIES = 32
"""Ports that are tried after the one that was asked for, before any will do."""

PROGRAM = (
    "import sys; sys.path[:] = {path!r}; "
    "from shoal.distributed.dashboard.process import main; main({listener}, {sock})"
)


def parse_door(wanted: Any, host: str = "127.0.0.1") -> tuple[str, int] | None:
    """Where a dashboard is to listen; None for nowhere.

    Parameters
    ----------
    wanted
        ``":8787"``, ``"host:port"``, a port, True for the usual one; None or False for none.
    host
        Where no host was named.

    Examples
    --------
    >>> parse_door(":8787"), parse_door("0.0.0.0:0"), parse_door(8080), parse_door("[::1]:80")
    (('127.0.0.1', 8787), ('0.0.0.0', 0), ('127.0.0.1', 8080), ('::1', 80))
    >>> parse_door(None), parse_door(True), parse_door("lab.example")
    (None, ('127.0.0.1', 8787), ('lab.example', 8787))
    """
    if wanted is None or wanted is False:
        return None
    if wanted is True:
        return host, DEFAULT
    text = str(wanted).removeprefix("http://").rstrip("/")
    if text.isdigit():
        return host, int(text)
    name, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        name, port = text, str(DEFAULT)
    if not port.isdigit() or int(port) > 65_535:
        raise ValueError(
            f"dashboard_address={wanted!r}: {port!r} is no port; give such as ':8787', "
            "'127.0.0.1:0' for any free port, or None for no dashboard"
        )
    return name.strip("[]") or host, int(port)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket at a port, or at the next one that is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in (*range(port, min(port + TRIES, 65_535)), 0) if port else (0,):
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, candidate))
            sock.listen(64)
        except OSError as error:
            sock.close()
            if error.errno != errno.EADDRINUSE or not candidate:
                raise
        else:
            sock.setblocking(False)
            return sock
    raise AssertionError("port 0 is always tried last")


class Door:
    """Waits for visitors of the dashboard, and starts the process that serves them.

    Parameters
    ----------
    loop
        Of the scheduler.
    where
        Host and port; another port is taken if that one is in use.
    prefix
        Path in front of all pages.
    options
        More for the process: ``hosts``.

    Attributes
    ----------
    url
        Where pages are: scheme, host, port and prefix.

    Examples
    --------
    >>> door = Door(Loop(), ("127.0.0.1", 0))
    >>> door.url.startswith("http://127.0.0.1:")
    True
    >>> door.close()
    """

    def __init__(
        self, loop: Loop, where: tuple[str, int], prefix: str = "", **options: Any
    ) -> None:
        self.loop = loop
        self.sock = bind(*where)
        host, port = self.sock.getsockname()[:2]
        if where[1] not in (0, port):
            log.warning("port %d is in use; the dashboard is at port %d", where[1], port)
        self.prefix = "/" + prefix.strip("/") if prefix.strip("/") else ""
        shown = socket.gethostname() if host in ("0.0.0.0", "::") else host
        self.url = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}{self.prefix}"
        self._options = {**options, "host": host, "prefix": self.prefix}
        self._start: bytes = b""
        self._child: subprocess.Popen[bytes] | None = None
        self._pidfd = -1
        self._tether: socket.socket | None = None
        self._waiting = False

    def open(self, scheduler: str, security: Security) -> None:
        """Wait for visitors; the loop's thread.

        Parameters
        ----------
        scheduler
            The address to which the process connects.
        security
            The cluster's.
        """
        data = pickle.dumps((scheduler, security, self._options), 5)
        self._start = LENGTH.pack(len(data)) + data
        self._wait()

    def _wait(self) -> None:
        if not self._waiting and self.sock.fileno() >= 0:
            self._waiting = True
            self.loop.register(self.sock.fileno(), self._knock)

    def _knock(self, mask: int) -> None:
        """Somebody has connected: start the process, which will accept."""
        self.loop.unregister(self.sock.fileno())
        self._waiting = False
        ours, theirs = socket.socketpair()
        program = PROGRAM.format(path=sys.path, listener=self.sock.fileno(), sock=theirs.fileno())
        try:
            with theirs:
                self._child = subprocess.Popen(
                    [sys.executable, "-c", program],
                    pass_fds=(self.sock.fileno(), theirs.fileno()),
                    stdin=subprocess.DEVNULL,
                    process_group=0,
                )
            ours.sendall(self._start)
            self._pidfd = os.pidfd_open(self._child.pid)
        except OSError as error:
            ours.close()
            if self._child is not None:
                self._child.kill()
                self._reap()
            log.warning("the dashboard cannot be started: %s", error)
            self.loop.call_later(1.0, self._wait)
            return
        self._tether = ours
        self.loop.register(self._pidfd, self._gone)

    def _gone(self, mask: int) -> None:
        """The process has ended: wait for the next visitor, a moment later."""
        code = self._reap()
        if code:
            log.warning("the dashboard's process has ended with %d", code)
        self.loop.call_later(1.0 if code else 0.0, self._wait)

    def _reap(self) -> int:
        code = 0
        if self._pidfd >= 0:
            if self._tether is not None:
                self.loop.unregister(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
        if self._child is not None:
            code = self._child.wait()
            self._child = None
        if self._tether is not None:
            self._tether.close()
            self._tether = None
        return code

    def close(self) -> None:
        """Let nobody in any more, and end the process; also allowed twice."""
        if self.sock.fileno() < 0:
            return
        if self._waiting:
            self.loop.unregister(self.sock.fileno())
            self._waiting = False
        self.sock.close()
        if self._child is not None:
            # It has nothing to save.
            self._child.kill()
            self._reap()
