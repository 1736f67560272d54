"""Which addresses this machine has, and which ports are free."""

from __future__ import annotations

import contextlib
import socket

import psutil

__all__ = ["ensure_ip", "get_ip", "get_ip_interface", "get_ipv6", "open_port"]


def get_ip(host: str = "8.8.8.8", port: int = 80) -> str:
    """This machine's IPv4 address on the way to another; nothing is sent.

    Parameters
    ----------
    host, port
        The other, by number.

    Returns
    -------
    str
        127.0.0.1 where there is no way.

    Examples
    --------
    >>> get_ip("127.0.0.1")
    '127.0.0.1'
    """
    return _source(socket.AF_INET, host, port) or "127.0.0.1"


def get_ipv6(host: str = "2001:4860:4860::8888", port: int = 80) -> str:
    """This machine's IPv6 address on the way to another; nothing is sent.

    Parameters
    ----------
    host, port
        The other, by number.

    Returns
    -------
    str
        ::1 where there is no way.

    Examples
    --------
    >>> get_ipv6("::1")
    '::1'
    """
    return _source(socket.AF_INET6, host, port) or "::1"


def ensure_ip(hostname: str) -> str:
    """The address of a host.

    Parameters
    ----------
    hostname
        Its name; an address is returned as it is.

    Raises
    ------
    OSError
        No host of that name is known.

    Examples
    --------
    >>> ensure_ip("127.0.0.1")
    '127.0.0.1'
    """
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            found = socket.getaddrinfo(hostname, 0, family, socket.SOCK_STREAM)
            return str(found[0][4][0])
    raise OSError(f"no host {hostname!r} is known here")


def _source(family: socket.AddressFamily, host: str, port: int) -> str:
    """The address that the kernel would send from; empty where it cannot send."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            # Datagrams have no connection: this only looks into the routing table.
            probe.connect((host, port))
            return str(probe.getsockname()[0])
    except OSError:
        return ""


def get_ip_interface(ifname: str) -> str:
    """The IPv4 address of a network interface.

    Parameters
    ----------
    ifname
        Its name, such as ``"eth0"`` or ``"ib0"``.

    Raises
    ------
    ValueError
        There is none of that name, or it has no such address.

    Examples
    --------
    >>> get_ip_interface("lo")
    '127.0.0.1'
    """
    known = psutil.net_if_addrs()
    if ifname not in known:
        raise ValueError(f"{ifname!r} is not a valid network interface; there are {sorted(known)}")
    for address in known[ifname]:
        if address.family == socket.AF_INET:
            return str(address.address)
    raise ValueError(f"the network interface {ifname!r} has no IPv4 address")


def open_port(host: str = "") -> int:
    """A port that is free now, and may be taken a moment later: prefer port 0 where it will do.

    Parameters
    ----------
    host
        The interface to look at; default: all.

    Examples
    --------
    >>> open_port("127.0.0.1") > 0
    True
    """
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
