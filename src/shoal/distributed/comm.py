"""What libraries ask ``distributed.comm`` for: the parts of addresses."""

from __future__ import annotations

from shoal.distributed.net.addresses import parse

__all__ = ["get_address_host", "get_address_host_port"]


def get_address_host(addr: str) -> str:
    """The host in an address.

    Parameters
    ----------
    addr
        As text; of this machine, for addresses without a host.

    Examples
    --------
    >>> get_address_host("tcp://10.0.0.1:8786"), get_address_host("inproc://here")
    ('10.0.0.1', '127.0.0.1')
    """
    address = parse(addr)
    return address.host if address.scheme in ("tcp", "tls") else "127.0.0.1"


def get_address_host_port(addr: str, strict: bool = False) -> tuple[str, int]:
    """The host and the port in an address.

    Parameters
    ----------
    addr
        As text.
    strict
        Whether an address without a port is an error; else the port is 0.

    Raises
    ------
    ValueError
        It is none, or has no host; with ``strict``, no port.

    Examples
    --------
    >>> get_address_host_port("tcp://10.0.0.1:8786"), get_address_host_port("10.0.0.1")
    (('10.0.0.1', 8786), ('10.0.0.1', 0))
    """
    scheme, sep, rest = addr.rpartition("://")
    if not strict and (":" not in rest or rest.endswith("]")):
        rest = f"{rest}:0"
    address = parse(f"{scheme}{sep}{rest}")
    if address.scheme not in ("tcp", "tls"):
        raise ValueError(f"the address {addr!r} has no host and port")
    return address.host, address.port
