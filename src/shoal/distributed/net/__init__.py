"""Connections between the processes of a cluster: who may speak, and how bytes get there.

`listen` and `connect` give `Connection` objects, which carry messages (structs of
`shoal.distributed.protocol`) and buffers, whatever the transport is:

==================  ==============================================================
``tcp://host:port``  between hosts one trusts, and on one host
``tls://host:port``  between hosts
``unix:///path``     on one host: the fastest; large buffers in shared memory
``inproc://name``    inside a process: objects are handed over as they are
==================  ==============================================================

Processes of one user on one host that use ``tcp://`` or ``tls://`` find each other's unix socket
by themselves, and with it shared memory.

Everything runs in the thread of a `Loop` and calls back there.  Before both sides have proven
that they have the cluster's secret (`Security`), nothing that either sends is looked into.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TypeAlias

from shoal.distributed.net.addresses import Address, parse
from shoal.distributed.net.connection import Connection, Peer
from shoal.distributed.net.dialer import Dialer
from shoal.distributed.net.inproc import InprocListener, call_once, connect_inproc
from shoal.distributed.net.listener import Listener, StreamListener
from shoal.distributed.net.loop import Loop, Timer
from shoal.distributed.net.security import (
    Security,
    cluster_text,
    parse_cluster,
    read_cluster_file,
    write_cluster_file,
)
from shoal.distributed.net.sockets import bind, bind_shortcut
from shoal.distributed.wire.codec import MESSAGES, Codec
from shoal.distributed.wire.limits import Limits

__all__ = [
    "Address",
    "Connection",
    "Limits",
    "Listener",
    "Loop",
    "Peer",
    "Security",
    "Timer",
    "cluster_text",
    "connect",
    "listen",
    "parse",
    "parse_cluster",
    "read_cluster_file",
    "write_cluster_file",
]

OnOpen: TypeAlias = Callable[[Connection], object]
OnError: TypeAlias = Callable[[BaseException], object]

DEFAULT_LIMITS = Limits()


def listen(
    loop: Loop,
    address: str,
    *,
    security: Security,
    role: str,
    on_connection: OnOpen,
    name: str = "",
    limits: Limits = DEFAULT_LIMITS,
    codec: Codec = MESSAGES,
) -> Listener:
    """Accept connections at an address; from any thread.

    Parameters
    ----------
    loop
        Whose thread does the work and calls back.
    address
        Such as ``tcp://0.0.0.0:8786`` or ``unix:///run/user/1000/shoal/scheduler``; port 0 is any.
    security
        The cluster's credentials.
    role, name
        What this process is (client, scheduler, worker, nanny) and calls itself.
    on_connection
        ``on_connection(connection)`` for each that has proven itself; sets its callbacks.
    limits
        Of sizes, times and strangers.
    codec
        Of the messages.

    Returns
    -------
    Listener
        Its ``address`` has the port filled in.

    Raises
    ------
    CommunicationError
        Nobody can listen there, or the loop has ended.

    Examples
    --------
    >>> loop, security = Loop(), Security.new()
    >>> def greet(connection):
    ...     print(connection.peer.role, connection.peer.name)
    ...     loop.stop()
    >>> listener = listen(
    ...     loop, "tcp://127.0.0.1:0", security=security, role="scheduler", on_connection=greet
    ... )
    >>> connect(
    ...     loop,
    ...     listener.address,
    ...     security=security,
    ...     role="client",
    ...     name="me",
    ...     on_open=lambda connection: None,
    ...     on_error=print,
    ... )
    >>> loop.run()
    client me
    """
    where = parse(address)
    if where.scheme == "inproc":
        return InprocListener(loop, where.host, role, name, limits, on_connection)
    if where.scheme == "tls":
        security.context(False)  # says at once what is missing
    with contextlib.ExitStack() as undo:
        sock = undo.enter_context(bind(where))
        socks = [(where.scheme, sock)]
        if where.scheme != "unix":
            where = where._replace(port=sock.getsockname()[1])
            short = bind_shortcut(sock) if limits.shortcut else None
            if short is not None:
                socks.append(("unix", undo.enter_context(short)))
        listener = StreamListener(
            loop,
            socks,
            where,
            security=security,
            role=role,
            name=name,
            codec=codec,
            limits=limits,
            on_connection=on_connection,
        )
        undo.pop_all()
    return listener


def connect(
    loop: Loop,
    address: str,
    *,
    security: Security,
    role: str,
    on_open: OnOpen,
    on_error: OnError,
    name: str = "",
    timeout_s: float = 10.0,
    retry: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    codec: Codec = MESSAGES,
) -> None:
    """Open a connection; from any thread.

    Parameters
    ----------
    loop
        Whose thread does the work and calls back.
    address
        Of a listener.
    security
        The cluster's credentials.
    role, name
        What this process is, and calls itself.
    on_open
        ``on_open(connection)`` when both sides have proven themselves; sets its callbacks.
    on_error
        ``on_error(error)`` when that is not to be; the error names the address and a remedy.
        Both are called in the loop's thread; in the caller's when that has ended.
    timeout_s
        For everything.
    retry
        Whether to try again, until then, while nobody listens there.
    limits
        Of sizes and times.
    codec
        Of the messages.

    Examples
    --------
    >>> loop = Loop()
    >>> connect(
    ...     loop,
    ...     "inproc://nobody",
    ...     security=Security.new(),
    ...     role="client",
    ...     on_open=print,
    ...     on_error=lambda error: (print(type(error).__name__), loop.stop()),
    ... )
    >>> loop.run()
    CommunicationError
    """
    where = parse(address)
    if where.scheme == "inproc":

        def start() -> None:
            connect_inproc(
                loop,
                where.host,
                role=role,
                own_name=name,
                limits=limits,
                on_open=on_open,
                on_error=on_error,
            )

        call_once(loop, start)
        return
    if where.scheme == "tls":
        security.context(True)
    dialer = Dialer(
        loop,
        where,
        security=security,
        role=role,
        name=name,
        codec=codec,
        limits=limits,
        timeout_s=timeout_s,
        retry=retry,
        on_open=on_open,
        on_error=on_error,
    )
    loop.call_threadsafe(dialer.start)
    if loop.ended:
        dialer.start()  # nobody else does
