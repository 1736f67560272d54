"""How large, how many and how long anything between two processes may be.

Every queue and every wait of the cluster's connections has a bound, and all bounds stand here.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """The bounds of one connection and of one listener.

    Parameters
    ----------
    control_bytes
        Of the control part of one message (the structs), and of its table of buffers.
    buffers
        In one message.
    buffer_bytes
        Of one buffer.
    step_bytes
        A buffer whose length is announced gets memory for at most this much, or for as much again
        as has come, before more of it comes.
    high_water_bytes, low_water_bytes
        A connection with more than the first waiting to be sent is full; when less than the
        second waits, ``on_drain`` is called.
    joined_bytes
        Messages that the loop's own thread sends wait for the end of the batch of events, so that
        they go in one system call; but no more than these.
    compress_bytes
        Buffers from this size on are compressed between hosts, where it pays.
    segment_bytes
        Buffers from this size on travel in shared memory between processes of one host.
    hello_s
        An accepted connection must have proven itself by then.
    pending
        Connections that a listener keeps which have not proven themselves yet.
    silence_s
        A TCP peer that acknowledges nothing for as long is taken for lost.
    linger_s
        What waits in a closed connection is given up when nothing has left for as long.
    shortcut
        Whether ``tcp://`` and ``tls://`` between processes of one user on one host go over a unix
        socket.

    Examples
    --------
    >>> Limits(pending=2).pending
    2
    """

    control_bytes: int = 512 * MIB
    buffers: int = 1 << 20
    buffer_bytes: int = 1 << 42
    step_bytes: int = 8 * MIB
    high_water_bytes: int = 64 * MIB
    low_water_bytes: int = 16 * MIB
    joined_bytes: int = 64 * 1024
    compress_bytes: int = 64 * 1024
    segment_bytes: int = MIB
    hello_s: float = 5.0
    pending: int = 64
    silence_s: float = 4.0
    linger_s: float = 5.0
    shortcut: bool = True
