"""Files that are written under temporary names, and take their own when all of them are there.

A task that writes a file may run twice, also at the same time: its worker was lost, or only taken
for lost.  So each write of a frame has a mark of its own, which is in the temporary names, and on a
local file system each attempt writes to a file of its own, which takes the temporary name when it
is complete.  Elsewhere a file is there when it is closed, and not before.

The task that gives the names may run twice as well: what has its name already keeps it.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from shoal.io.files import is_local

__all__ = ["Staged", "discard", "new_mark", "publish", "staged", "staged_name"]


class Staged(NamedTuple):
    """A file that waits for its name.

    Parameters
    ----------
    temporary, name
        Paths.
    size
        In bytes.

    Examples
    --------
    >>> Staged("a/.b.1.tmp", "a/b", 3).name
    'a/b'
    """

    temporary: str
    name: str
    size: int


def new_mark() -> str:
    """What tells the temporary files of one write from those of all others.

    Examples
    --------
    >>> new_mark() == new_mark()
    False
    """
    return uuid.uuid4().hex[:12]


def staged_name(path: str, mark: str) -> str:
    """The temporary name of a file: beside it, and hidden.

    Parameters
    ----------
    path
        Of the file.
    mark
        Of the write.

    Examples
    --------
    >>> staged_name("data/part.0.parquet", "3f")
    'data/.part.0.parquet.3f.tmp'
    """
    folder, slash, last = path.rpartition("/")
    return f"{folder}{slash}.{last}.{mark}.tmp"


@contextmanager
def staged(fs: Any, path: str, mark: str) -> Iterator[str]:
    """Where to write a file; afterwards it has its temporary name.

    Parameters
    ----------
    fs
        The file system.
    path
        Of the file.
    mark
        Of the write.

    Examples
    --------
    >>> import fsspec
    >>> fs = fsspec.filesystem("memory")
    >>> with staged(fs, "/staging/a", "3f") as name:
    ...     fs.pipe_file(name, b"text")
    >>> fs.cat_file(staged_name("/staging/a", "3f"))
    b'text'
    """
    name = staged_name(path, mark)
    if not is_local(fs):
        yield name
        return
    own = f"{name}.{uuid.uuid4().hex[:8]}"
    try:
        yield own
        os.replace(own, name)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(own)
        raise


def publish(fs: Any, files: Iterable[Staged], replaced: Iterable[str] = ()) -> None:
    """Give files their names, and remove others; also when that was begun before.

    Parameters
    ----------
    fs
        The file system.
    files
        All that belong together.
    replaced
        Files that are removed then.

    Raises
    ------
    FileNotFoundError
        A file is neither under its temporary name nor under its own.

    Examples
    --------
    >>> import fsspec
    >>> fs = fsspec.filesystem("memory")
    >>> fs.pipe_file("/publish/.a.3f.tmp", b"text")
    >>> for _ in range(2):
    ...     publish(fs, [Staged("/publish/.a.3f.tmp", "/publish/a", 4)])
    >>> fs.cat_file("/publish/a")
    b'text'
    """
    files = list(files)
    for temporary, name, size in files:
        try:
            fs.mv(temporary, name)
        except FileNotFoundError:
            if not fs.exists(name) or fs.size(name) != size:
                raise
    for name in set(replaced) - {file.name for file in files}:
        with contextlib.suppress(FileNotFoundError):
            fs.rm(name)
    if is_local(fs):
        _sweep({file.temporary for file in files})


def _sweep(temporaries: set[str]) -> None:
    """Remove what attempts have left whose process was killed, or that are late."""
    for folder in {os.path.dirname(temporary) for temporary in temporaries}:
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            if path.rpartition(".")[0] in temporaries:
                with contextlib.suppress(OSError):
                    os.unlink(path)


def discard(fs: Any, folders: Iterable[str], mark: str) -> None:
    """Remove what a write that has failed has left.

    Parameters
    ----------
    fs
        The file system.
    folders
        Where it wrote, or above.
    mark
        Of the write.

    Examples
    --------
    >>> import fsspec
    >>> fs = fsspec.filesystem("memory")
    >>> fs.pipe_file("/discard/.a.3f.tmp", b"text")
    >>> discard(fs, ["/discard"], "3f")
    >>> fs.exists("/discard/.a.3f.tmp")
    False
    """
    # What has failed is the write; it is told, and not that something is left of it.
    with contextlib.suppress(OSError):
        for folder in folders:
            fs.invalidate_cache(folder)
            for name in fs.find(folder):
                if f".{mark}.tmp" in name:
                    fs.rm(name)
