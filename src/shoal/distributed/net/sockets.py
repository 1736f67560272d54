"""Non-blocking stream sockets: bound, opened, set up for small messages and for lost peers."""

from __future__ import annotations

import errno
import os
import socket
import stat
import struct
import sys
from pathlib import Path
from typing import Any

from shoal.distributed.net.addresses import Address
from shoal.errors import AuthenticationError, CommunicationError

__all__ = [
    "accepted",
    "bind",
    "bind_shortcut",
    "check_same_user",
    "dial",
    "is_lost",
    "resolve",
    "shortcuts",
]

BACKLOG = 1024

UNIX_BUFFER_BYTES = 1 << 20
"""What the kernel may hold between two processes; its default of 208 KiB costs large payloads a
third of their speed."""

PEER = struct.Struct("3i")
"""pid, uid, gid: ``struct ucred``."""

TCP_INFO = struct.Struct("=2x1B1B4x13I")
"""The start of Linux's ``struct tcp_info``: retransmits, probes, and thirteen counters."""


def bind(address: Address) -> socket.socket:
    """A socket that listens.

    Parameters
    ----------
    address
        With port 0 for any port.  The file of a unix socket can be used by its owner only; one
        that was left behind by a process that is gone is replaced.

    Raises
    ------
    CommunicationError
        The address is taken, or not one of this host.

    Examples
    --------
    >>> with bind(Address("tcp", "127.0.0.1", 0)) as sock:
    ...     sock.getsockname()[0]
    '127.0.0.1'
    """
    try:
        return bind_unix(address.host) if address.scheme == "unix" else bind_tcp(address)
    except OSError as error:
        raise CommunicationError(
            error.errno,
            f"cannot listen at {address}: {error.strerror or error}; another process may have it, "
            "or it is no address of this host",
        ) from error


def bind_tcp(address: Address) -> socket.socket:
    """A TCP socket that listens; on every interface where the host is empty."""
    infos = socket.getaddrinfo(
        address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    family, kind, protocol, _, where = infos[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(where)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def bind_unix(path: str) -> socket.socket:
    """A unix socket that listens, at a path that only this user may open."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        remove_stale(path)
        # The file takes its mode from the socket; changing it afterwards would be too late.
        os.fchmod(sock.fileno(), 0o600)
        sock.bind(path)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def remove_stale(path: str) -> None:
    """Remove the file of a unix socket that nobody listens at any more."""
    if not os.path.exists(path) or not stat.S_ISSOCK(os.stat(path).st_mode):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        if probe.connect_ex(path) == errno.ECONNREFUSED:
            Path(path).unlink(missing_ok=True)


def resolve(address: Address, *, numeric: bool = False) -> list[tuple[Any, Any]]:
    """Families and socket addresses to try one after another; may ask a name server.

    Parameters
    ----------
    address
        Whom to reach.
    numeric
        Do not ask: the host is a number or it is an error.

    Raises
    ------
    OSError
        The host has no address.

    Examples
    --------
    >>> resolve(Address("tcp", "127.0.0.1", 80), numeric=True)[0][1]
    ('127.0.0.1', 80)
    """
    if address.scheme == "unix":
        return [(socket.AF_UNIX, address.host)]
    infos = socket.getaddrinfo(
        address.host,
        address.port,
        type=socket.SOCK_STREAM,
        flags=socket.AI_NUMERICHOST if numeric else 0,
    )
    return [(family, where) for family, _, _, _, where in infos]


def bind_shortcut(sock: socket.socket) -> socket.socket | None:
    """A unix socket beside a TCP one that listens, for processes on the same host.

    Its name is in Linux's abstract space, which is that of the network namespace, as the port
    is: who finds the name would have reached the port.  It needs no file and ends with the process.
    Another user can take the name first, and wins nothing: both ends look whose process is at
    the other, and then prove that they have the secret, as always.

    Parameters
    ----------
    sock
        The TCP socket.

    Returns
    -------
    socket.socket or None
        None where there is no such thing, or the name is taken.

    Examples
    --------
    >>> with bind(Address("tcp", "127.0.0.1", 0)) as sock, bind_shortcut(sock) as short:
    ...     short.getsockname() in [name.encode() for name in shortcuts(sock.getsockname())]
    True
    """
    if not sys.platform.startswith("linux"):
        return None
    host, port = sock.getsockname()[:2]
    short = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        short.bind(f"\0shoal/{host}/{port}")
        short.listen(BACKLOG)
        short.setblocking(False)
    except OSError:
        short.close()
        return None
    return short


def shortcuts(where: Any) -> list[str]:
    """Names of unix sockets that lead to a TCP address, if it is one of this host.

    Parameters
    ----------
    where
        A socket address as `resolve` gives it.

    Examples
    --------
    >>> [name[1:] for name in shortcuts(("127.0.0.1", 8786))]  # after a zero byte
    ['shoal/127.0.0.1/8786', 'shoal/0.0.0.0/8786']
    >>> shortcuts(("192.0.2.1", 8786))
    []
    """
    if not sys.platform.startswith("linux"):
        return []
    host, port = where[:2]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return []
    anywhere = "0.0.0.0" if family == socket.AF_INET else "::"
    return [f"\0shoal/{name}/{port}" for name in dict.fromkeys((host, anywhere))]


def dial(family: Any, where: Any) -> tuple[socket.socket, bool]:
    """Start to connect; True if that is done already.

    Parameters
    ----------
    family, where
        From `resolve`.

    Raises
    ------
    OSError
        It has failed already.

    Examples
    --------
    >>> with bind(Address("tcp", "127.0.0.1", 0)) as listening:
    ...     sock, done = dial(listening.family, listening.getsockname())
    >>> sock.close()
    """
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        prepare(sock)
        code = sock.connect_ex(where)
        if code not in (0, errno.EINPROGRESS):
            raise OSError(code, os.strerror(code))
    except BaseException:
        sock.close()
        raise
    return sock, code == 0


def accepted(sock: socket.socket) -> socket.socket:
    """A socket as ``accept`` gave it, set up.

    Parameters
    ----------
    sock
        Whose options are set; returned.

    Examples
    --------
    >>> here, there = socket.socketpair()
    >>> with here, there:
    ...     accepted(here).getblocking()
    False
    """
    prepare(sock)
    return sock


def prepare(sock: socket.socket) -> None:
    """Small messages go at once; a host that is gone is noticed while nothing is said."""
    sock.setblocking(False)
    if sock.family == getattr(socket, "AF_UNIX", None):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNIX_BUFFER_BYTES)
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 2), ("TCP_KEEPINTVL", 1), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def check_same_user(sock: socket.socket) -> int:
    """The process at the other end of a unix socket, which must be this user's.

    Parameters
    ----------
    sock
        Connected.

    Returns
    -------
    int
        Its pid; 0 where the system does not tell.

    Raises
    ------
    AuthenticationError
        It is somebody else's.

    Examples
    --------
    >>> here, there = socket.socketpair()
    >>> with here, there:
    ...     check_same_user(here) == os.getpid()
    True
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return 0
    pid, uid, _ = PEER.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size))
    if uid != os.geteuid():
        raise AuthenticationError(
            f"process {pid} at the other end of the unix socket is user {uid}'s, this one is user "
            f"{os.geteuid()}'s; processes of two users speak through tcp:// or tls://"
        )
    return int(pid)


def is_lost(info: bytes, silence_s: float) -> bool:
    """Whether a TCP peer has acknowledged nothing for too long while it had something to.

    ``TCP_USER_TIMEOUT`` would do this in the kernel, but also ends connections whose
    other side is alive and reads nothing for that time (a stopped process, a full queue).
    Keepalive does it only while nothing is on its way.

    Parameters
    ----------
    info
        Linux's ``struct tcp_info``.
    silence_s
        What is too long.

    Examples
    --------
    >>> counters = [0] * 13
    >>> is_lost(TCP_INFO.pack(0, 0, *counters), 5.0)
    False
    >>> counters[4], counters[12] = 3, 6000  # three packets on their way, nothing for 6 s
    >>> is_lost(TCP_INFO.pack(2, 0, *counters), 5.0)
    True
    """
    if len(info) < TCP_INFO.size:
        return False
    retransmits, probes, *counters = TCP_INFO.unpack_from(info)
    unacknowledged, last_ack_ms = counters[4], counters[12]
    if last_ack_ms < silence_s * 1000:
        return False
    return bool((unacknowledged > 0 and retransmits > 0) or probes > 2)
