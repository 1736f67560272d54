"""Clusters that this process, or this user on this machine, has started.

So that ``Client("tcp://127.0.0.1:8786")`` works without a word about credentials where the person
who runs it may have them anyway.  A scheduler writes its cluster file into the user's runtime
folder (mode 0700), and removes it when it ends.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import xxhash

from shoal.distributed.net import Loop, Security, read_cluster_file, write_cluster_file
from shoal.errors import ConfigError

__all__ = ["Known", "find_known", "forget_known", "remember_known"]


@dataclass(frozen=True)
class Known:
    """One cluster.

    Parameters
    ----------
    security
        Its credentials.
    loop, inner
        Where its scheduler runs in this process: its loop, and its address inside.

    Examples
    --------
    >>> Known(Security.new()).inner
    ''
    """

    security: Security
    loop: Loop | None = None
    inner: str = ""


_known: dict[str, Known] = {}


def runtime_folder() -> Path:
    """The folder of this user's cluster files.

    Examples
    --------
    >>> runtime_folder().name.startswith("shoal")
    True
    """
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and os.path.isdir(base):
        return Path(base, "shoal")
    return Path(tempfile.gettempdir(), f"shoal-{os.getuid()}")


def _path_of(address: str) -> Path:
    return runtime_folder() / f"{xxhash.xxh3_64_hexdigest(address.encode())}.json"


def remember_known(
    address: str,
    security: Security,
    *,
    loop: Loop | None = None,
    inner: str = "",
    file: bool = True,
) -> None:
    """A cluster has begun.

    Parameters
    ----------
    address, security
        As other processes would connect.
    loop, inner
        As in `Known`.
    file
        Whether to tell other processes of this user.

    Examples
    --------
    >>> security = Security.new()
    >>> remember_known("tcp://127.0.0.1:1", security)
    >>> find_known("tcp://127.0.0.1:1").security == security
    True
    >>> forget_known("tcp://127.0.0.1:1")
    >>> find_known("tcp://127.0.0.1:1")
    """
    _known[address] = Known(security, loop, inner)
    if file:
        # Without a place to write, the cluster is known in this process only.
        with contextlib.suppress(OSError):
            write_cluster_file(_path_of(address), address, security)


def forget_known(address: str) -> None:
    """A cluster has ended.

    Parameters
    ----------
    address
        As it was remembered.

    Examples
    --------
    >>> forget_known("tcp://127.0.0.1:2")
    """
    _known.pop(address, None)
    with contextlib.suppress(OSError):
        _path_of(address).unlink(missing_ok=True)


def find_known(address: str) -> Known | None:
    """The cluster at an address, if this process or this user started it.

    Parameters
    ----------
    address
        Of its scheduler.

    Examples
    --------
    >>> find_known("tcp://127.0.0.1:3") is None
    True
    """
    found = _known.get(address)
    if found is not None:
        return found
    try:
        return Known(read_cluster_file(_path_of(address))[1])
    except (OSError, ConfigError):
        return None
