"""Files that are written under temporary names, and take their own when all of them are there.

A task that writes a file may run twice, also at the same time: its worker was lost, or only taken
for lost.  So each write of a frame has a mark of its own, which is in the temporary names, and on a
local file system each attempt writes to a file of its own, which takes the temporary name when it
is complete.  Elsewhere a file is there when it is closed, and not before.

The task that gives the names may run twice as well: what has its name already keeps it.

A machine may also stop while it gives the names, which no file system gives to many files at once.
So what is about to happen to a folder is first written down in it, in a hidden file, a record.  As
long as there is one, `as_published` tells of the folder's files as if all had happened, and whoever
writes there next has it happen (`settle`).  Readers of others see what is there.
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from shoal.io.files import is_local

__all__ = [
    "Staged",
    "as_published",
    "discard",
    "new_mark",
    "publish",
    "record_of",
    "settle",
    "staged",
    "staged_name",
]

RECORD = ".publishing."
"""How the names of records begin."""


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


def publish(
    fs: Any, files: Iterable[Staged], replaced: Iterable[str] = (), record: str | None = None
) -> None:
    """Give files their names, and remove others; also when that was begun before.

    Parameters
    ----------
    fs
        The file system.
    files
        All that belong together.
    replaced
        Files that are removed then.
    record
        Path of a record of what is done, as `record_of` names it; None for none.

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
    removed = sorted(set(replaced) - {file.name for file in files})
    if record is not None:
        _write_record(fs, record, files, removed)
    for i, file in enumerate(files):
        try:
            _give_name(fs, file)
        except BaseException:
            if record is not None and not i:
                fs.rm(record)  # nothing has happened
            raise
    for name in removed:
        with contextlib.suppress(FileNotFoundError):
            fs.rm(name)
    if is_local(fs):
        _sweep({file.temporary for file in files})
    if record is not None:
        with contextlib.suppress(FileNotFoundError):
            fs.rm(record)


def _give_name(fs: Any, file: Staged) -> None:
    try:
        fs.mv(file.temporary, file.name)
    except FileNotFoundError:
        if not fs.exists(file.name) or fs.size(file.name) != file.size:
            raise


def _write_record(fs: Any, record: str, files: Sequence[Staged], removed: Sequence[str]) -> None:
    """Write a record, which is there whole or not at all; its paths begin in its folder."""
    start = len(record.rpartition("/")[0]) + 1
    told: Any = [(file.temporary[start:], file.name[start:], file.size) for file in files]
    content = json.dumps({"files": told, "removed": [name[start:] for name in removed]}).encode()
    own = f"{record}.{uuid.uuid4().hex[:8]}" if is_local(fs) else record
    fs.pipe_file(own, content)
    if own != record:
        os.replace(own, record)


def record_of(folder: str, mark: str) -> str:
    """The name of the record of a write.

    Parameters
    ----------
    folder
        Into which files are written.
    mark
        Of the write.

    Examples
    --------
    >>> record_of("data", "3f")
    'data/.publishing.3f.json'
    """
    return f"{folder}/{RECORD}{mark}.json"


def _records(folder: str, found: Iterable[str]) -> list[str]:
    begin = f"{folder}/{RECORD}"
    return sorted(name for name in found if name.startswith(begin) and name.endswith(".json"))


def _read_record(fs: Any, name: str) -> tuple[list[Staged], list[str]]:
    try:
        told = json.loads(fs.cat_file(name))
    except FileNotFoundError:
        return [], []  # all has happened since the folder was looked at
    except ValueError:
        return [], []  # it was not written to its end, and nothing happens before that
    folder = name.rpartition("/")[0]

    def inside(path: str) -> str:
        if ".." in path.split("/"):
            raise ValueError(f"{name} names {path!r}, outside of its folder; remove the record")
        return f"{folder}/{path}"

    files = [Staged(inside(old), inside(new), size) for old, new, size in told["files"]]
    return files, [inside(path) for path in told["removed"]]


def as_published(fs: Any, folder: str, found: Sequence[str]) -> dict[str, str]:
    """The files of a folder when all has happened that was begun, and where they are until then.

    Parameters
    ----------
    fs
        The file system.
    folder
        Of a write.
    found
        Paths of all files in and below it.

    Returns
    -------
    Names, and the paths under which the files can be read.

    Examples
    --------
    >>> import fsspec
    >>> fs = fsspec.filesystem("memory")
    >>> as_published(fs, "/none", ["/none/a", "/none/b"])
    {'/none/a': '/none/a', '/none/b': '/none/b'}
    """
    out = {name: name for name in found}
    for record in _records(folder, found):
        files, removed = _read_record(fs, record)
        for file in files:
            if out.pop(file.temporary, None) is not None:
                out[file.name] = file.temporary
        for name in [*removed, record]:
            out.pop(name, None)
    return out


def settle(fs: Any, folder: str) -> None:
    """Have all happen that was begun in a folder, and not ended.

    Parameters
    ----------
    fs
        The file system.
    folder
        Of a write.

    Examples
    --------
    >>> import fsspec
    >>> fs = fsspec.filesystem("memory")
    >>> fs.pipe_file("/settle/.a.3f.tmp", b"text")
    >>> begun = b'{"files": [[".a.3f.tmp", "a", 4]], "removed": []}'
    >>> fs.pipe_file(record_of("/settle", "3f"), begun)
    >>> settle(fs, "/settle")
    >>> fs.find("/settle")
    ['/settle/a']
    """
    if not fs.exists(folder):
        return
    fs.invalidate_cache(folder)
    for record in _records(folder, fs.find(folder, maxdepth=1)):
        files, removed = _read_record(fs, record)
        # What is not there any more has its name, and may have been written again since.
        publish(fs, [file for file in files if fs.exists(file.temporary)], removed, record)
    fs.invalidate_cache(folder)


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
            if fs.exists(record_of(folder, mark)):
                continue  # some have their names already: the others are read without
            for name in fs.find(folder):
                if f".{mark}.tmp" in name:
                    fs.rm(name)
