"""Files and folders that exist while a ``with`` block runs: for tests and for work in passing."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = [
    "changed_cwd",
    "filetext",
    "filetexts",
    "nameless_file",
    "tmp_cwd",
    "tmp_text",
    "tmpdir",
    "tmpfile",
]


def _remove(name: str) -> None:
    path = Path(name)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


@contextlib.contextmanager
def tmpfile(extension: str = "", dir: str | None = None) -> Iterator[str]:
    """A name for a file or folder that does not exist; what is made of it is removed at the end.

    Parameters
    ----------
    extension
        What the name ends with, with or without the dot.
    dir
        Where; by default the system's folder for temporary files.

    Yields
    ------
    str
        The path.

    Examples
    --------
    >>> with tmpfile(".csv") as name:
    ...     _ = Path(name).write_text("a,b")
    >>> Path(name).exists()
    False
    """
    suffix = f".{extension.lstrip('.')}" if extension else ""
    handle, name = tempfile.mkstemp(suffix, dir=dir)
    os.close(handle)
    os.remove(name)
    try:
        yield name
    finally:
        _remove(name)


@contextlib.contextmanager
def tmpdir(dir: str | None = None) -> Iterator[str]:
    """An empty folder; removed at the end with what is in it.

    Parameters
    ----------
    dir
        Where; by default the system's folder for temporary files.

    Yields
    ------
    str
        The path.

    Examples
    --------
    >>> with tmpdir() as folder:
    ...     os.listdir(folder)
    []
    """
    name = tempfile.mkdtemp(dir=dir)
    try:
        yield name
    finally:
        _remove(name)


@contextlib.contextmanager
def changed_cwd(new_cwd: str | os.PathLike[str]) -> Iterator[None]:
    """Make a folder the current one.

    Parameters
    ----------
    new_cwd
        The folder.

    Examples
    --------
    >>> with tmpdir() as folder, changed_cwd(folder):
    ...     os.path.samefile(folder, os.getcwd())
    True
    """
    with contextlib.chdir(new_cwd):
        yield


@contextlib.contextmanager
def tmp_cwd(dir: str | None = None) -> Iterator[str]:
    """An empty folder that is the current one; removed at the end.

    Parameters
    ----------
    dir
        Where; by default the system's folder for temporary files.

    Yields
    ------
    str
        The path.

    Examples
    --------
    >>> with tmp_cwd():
    ...     os.listdir()
    []
    """
    with tmpdir(dir) as name, changed_cwd(name):
        yield name


@contextlib.contextmanager
def filetext(
    text: str | bytes, extension: str = "", open: Any = open, mode: str = "w"
) -> Iterator[str]:
    """A file with some text in it; removed at the end.

    Parameters
    ----------
    text
        What to write.
    extension
        What the name ends with.
    open
        ``open(name, mode=mode)`` opens it, for instance `gzip.open`.
    mode
        As `open` takes it.

    Yields
    ------
    str
        The path.

    Examples
    --------
    >>> with filetext("a,b", ".csv") as name:
    ...     Path(name).read_text()
    'a,b'
    """
    with tmpfile(extension) as name:
        with open(name, mode=mode) as file:
            file.write(text)
        yield name


@contextlib.contextmanager
def tmp_text(filename: str, text: str) -> Iterator[str]:
    """A file of a given name with some text in it, in a folder of its own; removed at the end.

    Parameters
    ----------
    filename
        Its name.
    text
        What to write.

    Yields
    ------
    str
        The path.

    Examples
    --------
    >>> with tmp_text("module.py", "x = 1") as name:
    ...     Path(name).name
    'module.py'
    """
    with tmpdir() as folder:
        path = Path(folder, filename)
        path.write_text(text)
        yield str(path)


@contextlib.contextmanager
def filetexts(
    d: Mapping[str, str | bytes], open: Any = open, mode: str = "t", use_tmpdir: bool = True
) -> Iterator[list[str]]:
    """Several files with some text in them, by relative names; removed at the end.

    Parameters
    ----------
    d
        What to write, by name.
    open
        ``open(name, "w" + mode)`` opens one.
    mode
        ``"t"`` for text, ``"b"`` for bytes.
    use_tmpdir
        True to make an empty folder the current one first.

    Yields
    ------
    list of str
        The names.

    Examples
    --------
    >>> with filetexts({"a.txt": "one", "b.txt": "two"}) as names:
    ...     [Path(name).read_text() for name in names]
    ['one', 'two']
    """
    with tmp_cwd() if use_tmpdir else contextlib.nullcontext():
        try:
            for name, text in d.items():
                if os.path.dirname(name):
                    os.makedirs(os.path.dirname(name), exist_ok=True)
                with open(name, "w" + mode) as file:
                    file.write(text)
            yield list(d)
        finally:
            for name in d:
                _remove(name)


def nameless_file(folder: str) -> int:
    """The descriptor of a new file without a name: the kernel frees it with its last descriptor.

    Parameters
    ----------
    folder
        On the file system that is to hold it.

    Raises
    ------
    OSError
        The folder is not there, or cannot be written to.

    Examples
    --------
    >>> fd = nameless_file(tempfile.gettempdir())
    >>> os.write(fd, b"four"), os.fstat(fd).st_nlink
    (4, 0)
    >>> os.close(fd)
    """
    flag = getattr(os, "O_TMPFILE", 0)
    if flag:
        with contextlib.suppress(OSError):
            return os.open(folder, flag | os.O_RDWR | os.O_CLOEXEC, 0o600)
    # Not every file system can do it in one step.
    fd, name = tempfile.mkstemp(prefix="shoal-", dir=folder)
    os.unlink(name)
    return fd
