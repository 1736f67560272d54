"""Clusters that this process, or this user on this machine, has started.

So that ``Client("tcp://127.0.0.1:8786")`` works without a word about credentials where the person
who runs it may have them anyway.  A scheduler writes its cluster file into the user's runtime
folder (mode 0700), and removes it when it ends.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import xxhash

from shoal.distributed.net import Loop, Security, read_cluster_file, write_cluster_file
from shoal.errors import ConfigError

__all__ = [
    "Known",
    "find_known",
    "forget_known",
    "own_folder",
    "public_address",
    "remember_known",
    "remove_folders_of",
]


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

# A forked child has the secrets, but not the threads.
os.register_at_fork(
    after_in_child=lambda: _known.update({a: Known(k.security) for a, k in _known.items()})
)


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


def _paths_of(address: str) -> list[Path]:
    """Cluster files of an address: one, unless a scheduler there has died."""
    return sorted(runtime_folder().glob(f"{_name_of(address)}-*.json"))


def _name_of(address: str) -> str:
    return xxhash.xxh3_64_hexdigest(address.encode())


def is_alive(pid: int) -> bool:
    """Whether there is such a process.

    >>> is_alive(os.getpid()), is_alive(2**22 + 1)
    (True, False)
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # of another user
    return True


def sweep(folder: Path, pattern: str) -> list[Path]:
    """Remove what processes that are gone have left; names have the process before the last part.

    Parameters
    ----------
    folder
        Where to look.
    pattern
        Of the names, such as ``"shoal-cluster-*-*"``.

    Returns
    -------
    list of Path
        What was removed.

    Examples
    --------
    >>> sweep(Path("nowhere"), "*")
    []
    """
    gone = []
    for path in folder.glob(pattern):
        parts = path.stem.split("-")
        if len(parts) < 2 or not parts[-2].isdigit() or is_alive(int(parts[-2])):
            continue
        with contextlib.suppress(OSError):
            if path.lstat().st_uid != os.getuid():
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
            gone.append(path)
    return gone


def numbered_by() -> str:
    """Who gave this process its number: the same text for two processes that can see each other.

    That is the kernel that runs since a certain moment, and the container in it.  Names of hosts do
    not tell: containers may share that of their host, and each other's folders.

    Examples
    --------
    >>> numbered_by() == numbered_by(), len(numbered_by())
    (True, 12)
    """
    parts = [platform.node()]
    with contextlib.suppress(OSError):  # elsewhere than on Linux
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return _name_of(" ".join(parts))[:12]


def own_folder(kind: str, parent: str = "") -> str:
    """A new folder of this process; those are removed that others beside it left when they died.

    Beside it are the processes that it can ask for by number: a folder of one on another host, or
    in another container, is not looked at.

    Parameters
    ----------
    kind
        What it is for, such as ``"worker"``.
    parent
        Where; default: where temporary files go.  It may be shared with other hosts.

    Examples
    --------
    >>> folder = own_folder("example")
    >>> oct(os.stat(folder).st_mode & 0o777), f"-{os.getpid()}-" in folder
    ('0o700', True)
    >>> os.rmdir(folder)
    """
    where = Path(parent or tempfile.gettempdir())
    where.mkdir(parents=True, exist_ok=True)
    mark = f"shoal-{kind}-{numbered_by()}-"
    sweep(where, f"{mark}*-*")
    return tempfile.mkdtemp(prefix=f"{mark}{os.getpid()}-", dir=where)


def remove_folders_of(pid: int) -> None:
    """Remove the folders of a process that is gone, in the place for temporary files.

    Parameters
    ----------
    pid
        Its number; that of its zombie, perhaps, as long as nobody has asked how it ended.

    Examples
    --------
    >>> folder = own_folder("example")
    >>> remove_folders_of(os.getpid())
    >>> os.path.exists(folder)
    False
    """
    for path in Path(tempfile.gettempdir()).glob(f"shoal-*-{numbered_by()}-{pid}-*"):
        shutil.rmtree(path, ignore_errors=True)


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
            folder = runtime_folder()
            sweep(folder, "*-*-known.json")
            name = f"{_name_of(address)}-{os.getpid()}-known.json"
            write_cluster_file(folder / name, address, security)


def public_address(address: str) -> str:
    """What other processes would call a scheduler that this process knows by an inner address.

    Parameters
    ----------
    address
        Any; one that is no inner address is returned.

    Examples
    --------
    >>> public_address("tcp://127.0.0.1:4")
    'tcp://127.0.0.1:4'
    """
    inner = address.startswith("inproc://")
    found = (public for public, known in list(_known.items()) if inner and known.inner == address)
    return next(found, address)


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
    for path in _paths_of(address):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


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
        if runtime_folder().stat().st_uid != os.getuid():
            return None
    except OSError:
        return None
    for path in _paths_of(address):
        with contextlib.suppress(OSError, ConfigError):
            return Known(read_cluster_file(path)[1])
    return None
