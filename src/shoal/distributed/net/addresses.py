"""Addresses as text: ``tcp://host:port``, ``tls://host:port``, ``unix:///path``, ``inproc://name``."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["UNIX_BYTES", "Address", "parse"]

SCHEMES = ("tcp", "tls", "unix", "inproc")

UNIX_BYTES = 107
"""The kernel's limit for the path of a unix socket (``sun_path``, less its end)."""


class Address(NamedTuple):
    """Where somebody listens.

    Parameters
    ----------
    scheme
        tcp, tls, unix or inproc.
    host
        A name or a number; the path of a unix socket; the name of an in-process listener.
    port
        0 for schemes without ports, and for "any port".

    Examples
    --------
    >>> str(Address("tcp", "::1", 8786))
    'tcp://[::1]:8786'
    """

    scheme: str
    host: str
    port: int = 0

    def __str__(self) -> str:
        if self.scheme in ("unix", "inproc"):
            return f"{self.scheme}://{self.host}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def parse(text: str) -> Address:
    """Take an address apart.

    Parameters
    ----------
    text
        An address; without a scheme it is tcp's.

    Raises
    ------
    ValueError
        It is none.

    Examples
    --------
    >>> parse("tcp://127.0.0.1:8786")
    Address(scheme='tcp', host='127.0.0.1', port=8786)
    >>> parse("unix:///tmp/socket").host
    '/tmp/socket'
    >>> parse("localhost:0")
    Address(scheme='tcp', host='localhost', port=0)
    >>> parse("localhost:99999")
    Traceback (most recent call last):
    ...
    ValueError: the address 'localhost:99999' has the port 99999; the last one is 65535
    """
    scheme, sep, rest = text.partition("://")
    if not sep:
        scheme, rest = "tcp", text
    if scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise ValueError(f"unknown scheme in the address {text!r}; wanted one of {known}")
    if scheme in ("unix", "inproc"):
        if not rest:
            raise ValueError(f"the address {text!r} names nothing after {scheme}://")
        if scheme == "unix" and len(rest.encode()) > UNIX_BYTES:
            raise ValueError(
                f"the path of a unix socket may have {UNIX_BYTES} bytes, {rest!r} has "
                f"{len(rest.encode())}; use a shorter folder (TMPDIR)"
            )
        return Address(scheme, rest)
    host, sep, port = rest.rpartition(":")
    if not sep or not port.isdecimal() or not port.isascii():
        raise ValueError(f"no port in the address {text!r}; wanted {scheme}://host:port")
    if int(port) > 65535:
        raise ValueError(f"the address {text!r} has the port {port}; the last one is 65535")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    return Address(scheme, host, int(port))
