"""Names and files: from what the user wrote to files that can be opened anywhere.

A path may be local, a URL of any file system that fsspec knows, a pattern with ``*``, or a list
of these.  It is resolved once, where the user calls, so a name that matches nothing is an error
there and not in some task later.  What comes out are fsspec's `OpenFile` objects: descriptions
that open nothing until used and that pickle.

Options of a file system (host, key, anon, ...) are passed on to fsspec untouched.
"""

from __future__ import annotations

import errno
import os
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from shoal.errors import NoFilesError
from shoal.io.compression import codecs, named_compression, naming_broken_file
from shoal.optional import missing_dependency

if TYPE_CHECKING:
    from fsspec.core import OpenFile

__all__ = [
    "PathLike",
    "UrlPath",
    "default_name_function",
    "expand_names",
    "get_fs_token_paths",
    "is_local",
    "open_binary",
    "open_file",
    "open_files",
    "resolve_paths",
]

PathLike: TypeAlias = "str | os.PathLike[str]"
"""One path, URL or pattern."""

UrlPath: TypeAlias = "PathLike | Sequence[PathLike]"
"""A path, URL or pattern, or a list of them, all of one file system."""


def resolve_paths(urlpath: UrlPath, **storage_options: Any) -> tuple[Any, list[str]]:
    """The file system and the existing files that ``urlpath`` means.

    Patterns are expanded in lexical order; a list keeps its own order.  A name without a pattern
    is not looked up: to find out may be costly, and opening it will tell.

    Parameters
    ----------
    urlpath : str, PathLike, or list of them
        What to read.
    **storage_options
        Passed to the file system.

    Returns
    -------
    fs : fsspec.AbstractFileSystem
    paths : list of str
        At least one, without the protocol where the file system's own paths have none.

    Raises
    ------
    NoFilesError
        Nothing matches.
    TypeError
        ``urlpath`` is no path, or a set or dict, which have no order.
    ValueError
        ``urlpath`` is an empty list, or mixes file systems.
    MissingDependencyError
        The file system needs a package that is not installed.

    Examples
    --------
    >>> fs, paths = resolve_paths("memory://resolve/none/*.txt")
    Traceback (most recent call last):
    ...
    shoal.errors.NoFilesError: [Errno 2] no file matches: 'memory://resolve/none/*.txt'
    >>> fs, paths = resolve_paths(["memory://b.txt", "memory://a.txt"])
    >>> paths
    ['/b.txt', '/a.txt']
    """
    patterns = _as_list(urlpath)
    fs, _, literal = _filesystem_and_paths(patterns, storage_options)
    paths: list[str] = []
    unmatched: list[str] = []
    for pattern, path in zip(patterns, literal):
        found = _expand(fs, path)
        paths += found
        if not found:
            unmatched.append(pattern)
    if not paths:
        raise NoFilesError(
            errno.ENOENT, _nothing_matches(fs), unmatched[0] if len(unmatched) == 1 else unmatched
        )
    if unmatched:
        # One empty month among twelve is no error, but it is not to go unseen either.
        warnings.warn(f"no file matches {', '.join(map(repr, unmatched))}", stacklevel=2)
    return fs, paths


def _nothing_matches(fs: Any) -> str:
    return f"no file matches (relative to {os.getcwd()})" if is_local(fs) else "no file matches"


def is_local(fs: Any) -> bool:
    """Whether a file system is this machine's, whose files others can open by their paths.

    Parameters
    ----------
    fs : fsspec.AbstractFileSystem

    Returns
    -------
    bool

    Examples
    --------
    >>> import fsspec
    >>> is_local(fsspec.filesystem("file")), is_local(fsspec.filesystem("memory"))
    (True, False)
    """
    return "file" in (fs.protocol if isinstance(fs.protocol, tuple | list) else (fs.protocol,))


def _as_list(urlpath: UrlPath) -> list[str]:
    if isinstance(urlpath, str | os.PathLike):
        return [os.fspath(urlpath)]
    if not isinstance(urlpath, list | tuple):
        raise TypeError(
            "a path is text or os.PathLike, or a list or tuple of them, whose order is kept; "
            f"got {type(urlpath).__name__}: {urlpath!r}"
        )
    if not urlpath:
        raise ValueError("empty list of paths; name at least one file")
    for path in urlpath:
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"a path is text or os.PathLike; the list holds {path!r}")
    return [os.fspath(path) for path in urlpath]


def _filesystem_and_paths(
    urls: list[str], storage_options: dict[str, Any]
) -> tuple[Any, str, list[str]]:
    """fsspec's file system, its token, and the paths as they stand, patterns unexpanded."""
    import fsspec

    try:
        fs, token, paths = fsspec.get_fs_token_paths(
            urls, storage_options=dict(storage_options), expand=False
        )
    except ImportError as err:
        # fsspec names its own advice; the package that was not found is in the cause.
        missing = getattr(err.__cause__, "name", None)
        if missing is None:
            raise
        raise missing_dependency(missing, f"the file system of {urls[0]!r}") from err
    except ValueError as err:
        if "Protocol mismatch" not in str(err):
            raise
        raise ValueError(f"the paths are of several file systems; read each apart: {urls}") from err
    return fs, token, [fs._strip_protocol(path) for path in paths]


def _expand(fs: Any, path: str) -> list[str]:
    """The files that ``path`` stands for; ``?`` and ``[]`` count only where no file is so named."""
    if "*" not in path:
        # In a URL "?" begins the query.
        plain = "://" in path or not ("?" in path or "[" in path)
        if plain or fs.exists(path):
            return [path]
    found = fs.glob(path, detail=True)
    return sorted(name for name, info in found.items() if info.get("type") != "directory")


def get_fs_token_paths(
    urlpath: UrlPath,
    mode: str = "rb",
    num: int = 1,
    name_function: Callable[[int], str] | None = None,
    storage_options: dict[str, Any] | None = None,
) -> tuple[Any, str, list[str]]:
    """The file system, fsspec's token of it, and the paths that ``urlpath`` means.

    Parameters
    ----------
    urlpath : str, PathLike, or list of them
        What to read, or names to write.
    mode : str
        With "w" or "x" in it, names to write are made (`expand_names`).
    num : int
        How many names to make.
    name_function : callable, optional
        From a number to the text that replaces ``*``.
    storage_options : dict, optional
        Passed to the file system.

    Returns
    -------
    fs : fsspec.AbstractFileSystem
    token : str
        Of the file system in this process and thread; not the same in another.
    paths : list of str

    Raises
    ------
    FileNotFoundError, TypeError, ValueError, MissingDependencyError
        As `resolve_paths`.

    Examples
    --------
    >>> fs, token, paths = get_fs_token_paths("memory://out/*.txt", mode="wb", num=2)
    >>> paths
    ['/out/0.txt', '/out/1.txt']
    """
    options = storage_options or {}
    if "w" in mode or "x" in mode:
        return _filesystem_and_paths(expand_names(urlpath, num, name_function), options)
    fs, paths = resolve_paths(urlpath, **options)
    return fs, fs._fs_token, paths


def default_name_function(num: int) -> Callable[[int], str]:
    """Numbers below ``num`` as text of one width, so that names sort as the numbers do.

    Parameters
    ----------
    num : int
        How many names there will be.

    Returns
    -------
    callable
        From int to str.

    Examples
    --------
    >>> [default_name_function(11)(i) for i in (0, 9, 10)]
    ['00', '09', '10']
    """
    return f"{{:0{len(str(max(num - 1, 0)))}d}}".format


def expand_names(
    urlpath: UrlPath, num: int, name_function: Callable[[int], str] | None = None
) -> list[str]:
    """Names for ``num`` files to write.

    Parameters
    ----------
    urlpath : str, PathLike, or list of them
        A pattern whose one ``*`` is replaced; a folder, which gets ``*.part``; or ``num`` names.
    num : int
        How many files.
    name_function : callable, optional
        From a number to the text that replaces ``*``; zero-padded numbers unless given.  Where its
        names do not sort as the numbers do, reading them back by a pattern would reorder them: a
        warning says so.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        More than one ``*``, a list of another length, or a name made twice.
    TypeError
        ``urlpath`` is no path or list of paths.

    Examples
    --------
    >>> expand_names("out/*.txt", 2), expand_names("out", 2)
    (['out/0.txt', 'out/1.txt'], ['out/0.part', 'out/1.part'])
    >>> expand_names("out/*.txt", 2, name_function=lambda i: "ab"[i])
    ['out/a.txt', 'out/b.txt']
    """
    names = _as_list(urlpath)
    if isinstance(urlpath, list | tuple):
        if len(names) != num:
            raise ValueError(
                f"got {len(names)} names for {num} files, one a partition; "
                "give one name each, or a pattern with '*'"
            )
    else:
        names = _fill_in(names[0], [*map(name_function or default_name_function(num), range(num))])
    if len(set(names)) != num:
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise ValueError(f"{twice!r} is named for more than one file; each needs a name of its own")
    return names


def _fill_in(pattern: str, inserts: list[str]) -> list[str]:
    if pattern.count("*") > 1:
        raise ValueError(f"a name to write holds one '*', which is replaced; got {pattern!r}")
    if "*" not in pattern:
        pattern = pattern.rstrip("/") + "/*.part"
    names = [pattern.replace("*", insert) for insert in inserts]
    if names != sorted(names):
        warnings.warn(
            f"the names that name_function makes ({names[0]!r}, ...) do not sort as the partitions "
            "do; read back by a pattern they come in another order: pad numbers with zeros",
            stacklevel=4,
        )
    return names


def open_files(
    urlpath: UrlPath,
    mode: str = "rb",
    compression: str | None = None,
    *,
    encoding: str = "utf-8",
    errors: str | None = None,
    newline: str | None = None,
    name_function: Callable[[int], str] | None = None,
    num: int = 1,
    **storage_options: Any,
) -> list[OpenFile]:
    """Files to read or write, none of them opened yet.

    Parameters
    ----------
    urlpath : str, PathLike, or list of them
        What to read (`resolve_paths`), or names to write (`expand_names`).
    mode : str
        "rb", "rt", "wb", ...; folders are made for files to write.
    compression : str or None
        A codec, or "infer" from each file's ending.
    encoding, errors, newline : str, optional
        Of text modes, as for `open`.
    name_function : callable, optional
        For writing: from a number to the text that replaces ``*``.
    num : int
        For writing: how many files.
    **storage_options
        Passed to the file system.

    Returns
    -------
    list of OpenFile
        Each is a context manager that opens its file; it pickles, so that another process can
        open it.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError, MissingDependencyError
        As `resolve_paths`, `expand_names` and `named_compression`.

    Examples
    --------
    >>> for i, target in enumerate(
    ...     open_files("memory://numbers/*.txt.gz", "wt", "infer", num=2)
    ... ):
    ...     with target as file:
    ...         _ = file.write(str(i))
    >>> with open_files("memory://numbers/*", "rt", "infer")[1] as file:
    ...     file.read()
    '1'
    """
    from fsspec.core import OpenFile

    fs, _, paths = get_fs_token_paths(urlpath, mode, num, name_function, storage_options)
    names = [named_compression(compression, path) for path in paths]
    if "r" not in mode:
        for parent in {fs._parent(path) for path in paths}:
            _make_folder(fs, parent)
    return [
        OpenFile(fs, path, mode, codec, encoding=encoding, errors=errors, newline=newline)
        for path, codec in zip(paths, names)
    ]


def _make_folder(fs: Any, path: str) -> None:
    try:
        fs.makedirs(path, exist_ok=True)
    except PermissionError:
        # A bucket that may be written to and not created; opening the file will tell.
        pass


def open_file(
    urlpath: PathLike,
    mode: str = "rb",
    compression: str | None = None,
    *,
    encoding: str = "utf-8",
    errors: str | None = None,
    newline: str | None = None,
    **storage_options: Any,
) -> OpenFile:
    """One file to read or write, not opened yet; its name is taken as it stands.

    Parameters
    ----------
    urlpath : str or PathLike
        The file; ``*`` in it means itself.
    mode : str
        "rb", "rt", "wb", ...; the folder of a file to write is made.
    compression : str or None
        A codec, or "infer" from the file's ending.
    encoding, errors, newline : str, optional
        Of text modes, as for `open`.
    **storage_options
        Passed to the file system.

    Returns
    -------
    OpenFile

    Raises
    ------
    TypeError, ValueError, MissingDependencyError
        As `open_files`.

    Examples
    --------
    >>> with open_file("memory://greeting.txt", "wt") as file:
    ...     _ = file.write("hello")
    >>> with open_file("memory://greeting.txt", "rt") as file:
    ...     file.read()
    'hello'
    """
    from fsspec.core import OpenFile

    if not isinstance(urlpath, str | os.PathLike):
        raise TypeError(f"one path, text or os.PathLike, is wanted; got {urlpath!r}")
    fs, _, (path,) = _filesystem_and_paths(_as_list(urlpath), storage_options)
    codec = named_compression(compression, path)
    if "r" not in mode:
        _make_folder(fs, fs._parent(path))
    return OpenFile(fs, path, mode, codec, encoding=encoding, errors=errors, newline=newline)


@contextmanager
def open_binary(fs: Any, path: str, compression: str | None = None) -> Iterator[IO[bytes]]:
    """A file opened for reading bytes, decompressed; what goes wrong inside names the file.

    Parameters
    ----------
    fs : fsspec.AbstractFileSystem
    path : str
        As `resolve_paths` gives it.
    compression : str or None
        A codec's name as `named_compression` gives it.

    Yields
    ------
    file object

    Raises
    ------
    EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile
        The file is cut short or damaged.

    Examples
    --------
    >>> with open_file("memory://words.gz", "wb", "gzip") as file:
    ...     _ = file.write(b"many words")
    >>> fs, (path,) = resolve_paths("memory://words.gz")
    >>> with open_binary(fs, path, "gzip") as file:
    ...     file.read()
    b'many words'
    """
    # Not OpenFile: when a codec refuses the file's first bytes it leaves the file open.
    with naming_broken_file(path, compression), ExitStack() as stack:
        file = stack.enter_context(fs.open(path, mode="rb"))
        if compression is not None:
            if compression == "zip":
                _warn_of_unread_members(file, path)
            file = codecs()[compression](file, mode="r")
            stack.callback(file.close)
        yield file


def _warn_of_unread_members(file: IO[bytes], path: str) -> None:
    names = zipfile.ZipFile(file).namelist()
    file.seek(0)
    if len(names) > 1:
        warnings.warn(
            f"{path} holds {len(names)} files and compression='zip' reads only the first, "
            f"{names[0]!r}; read all of them as 'zip://*::{path}'",
            stacklevel=2,
        )
