"""Files in which groups wait for the task that puts them together.

A task that cuts a partition into buckets writes one file, and appends to it whenever it has
collected enough.  So no two processes write to one file, nothing is locked, and a task that runs
twice writes a second file that nobody reads.  What it appends is a *run*: for each bucket in order
a segment, which is a pickled list of ``(key, values)`` pairs, or nothing.  At the end of the file
stands a table with the offsets of all segments:

    run 0 | run 1 | ... | offsets of run 0 | offsets of run 1 | ... | number of runs, of buckets

A reader wants a range of buckets.  It reads that range of each row of the table, which tells how
much there is, and then one contiguous piece of each run.

Nothing is compressed: the files live for seconds, mostly in the page cache, and lz4 at a third of
the disk's speed would cost more time than it saves.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import struct
import tempfile
import uuid
import weakref
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from shoal.errors import ExecutorError
from shoal.serialize.pickles import Frames, dumps, loads

__all__ = ["SegmentReader", "SegmentWriter", "SpillDirectory", "read_index", "write_index"]

Pair: TypeAlias = "tuple[Any, list[Any]]"
"""A key, and the values of it that are together so far."""

TAIL = struct.Struct("<QQ")


class SpillDirectory:
    """A directory that is made when something is written into it, and removed with this object.

    Also at the end of the program, and only by the process that made the object: what is pickled
    is the path.

    Parameters
    ----------
    parent
        Where it is to be; None: the system's directory for temporary files.

    Examples
    --------
    >>> directory = SpillDirectory()
    >>> os.path.exists(directory)
    False
    """

    __slots__ = ("__weakref__", "path")

    def __init__(self, parent: str | None = None) -> None:
        self.path = os.path.join(
            os.path.abspath(parent or tempfile.gettempdir()), f"shoal-groupby-{uuid.uuid4().hex}"
        )
        weakref.finalize(self, remove_directory, self.path, os.getpid())

    def __fspath__(self) -> str:
        return self.path

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (self.path,)


def remove_directory(path: str, owner: int) -> None:
    """Remove a directory and what is in it, if this process is its owner.

    Parameters
    ----------
    path
        Need not exist.
    owner
        A process id.

    Examples
    --------
    >>> remove_directory("no such directory", os.getpid())
    """
    if os.getpid() == owner:
        shutil.rmtree(path, ignore_errors=True)


class SegmentWriter:
    """Writes one file, run by run.

    Parameters
    ----------
    directory
        Made if it is not there.
    buckets
        How many segments a run has.

    Examples
    --------
    >>> directory = SpillDirectory()
    >>> with SegmentWriter(directory, 2) as writer:
    ...     writer.write_run([[("a", [1])], []])
    >>> reader = SegmentReader(directory, [writer.name])
    >>> reader.sizes(0, 2)[1], list(reader.read(0, 2))
    (0, [[('a', [1])]])
    """

    def __init__(self, directory: str | os.PathLike[str], buckets: int) -> None:
        self.directory = os.fspath(directory)
        self.buckets = buckets
        self.name = uuid.uuid4().hex
        self.path = os.path.join(self.directory, self.name)
        self.offsets = array("Q")
        self.at = 0
        self.file: Any = None

    def __enter__(self) -> SegmentWriter:
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        if kind is None:
            with naming_directory(self.directory):
                self.finish()
        elif self.file is not None:
            self.file.close()

    def write_run(self, segments: Sequence[Sequence[Pair]]) -> None:
        """Append a run.

        Parameters
        ----------
        segments
            The pairs of each bucket.
        """
        parts: list[Any] = []
        self.offsets.append(self.at)
        for pairs in segments:
            if pairs:
                for part in encoded(dumps(pairs, "a group")):
                    parts.append(part)
                    self.at += len(part)
            self.offsets.append(self.at)
        with naming_directory(self.directory):
            if self.file is None:
                os.makedirs(self.directory, mode=0o700, exist_ok=True)
                self.file = open(self.path, "xb")  # noqa: SIM115
            self.file.writelines(parts)

    def filled(self) -> array[int]:
        """The buckets that something was written for, ascending."""
        row = self.buckets + 1
        found: set[int] = set()
        for start in range(0, len(self.offsets), row):
            pairs = itertools.pairwise(self.offsets[start : start + row])
            found.update(bucket for bucket, (at, end) in enumerate(pairs) if at != end)
        return array("Q", sorted(found))

    def finish(self) -> None:
        """Write the table and close the file."""
        if self.file is not None:
            runs = len(self.offsets) // (self.buckets + 1)
            self.file.write(self.offsets.tobytes())
            self.file.write(TAIL.pack(runs, self.buckets))
            self.file.close()


def encoded(frames: Frames) -> list[Any]:
    """A pickled object as bytes that say where they end.

    Parameters
    ----------
    frames
        The object.

    Examples
    --------
    >>> list(map(bytes, encoded(Frames(b"abc"))))
    [b'\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x03\\x00\\x00\\x00\\x00\\x00\\x00\\x00', b'abc']
    """
    sizes = [len(frames.head), *map(len, frames.buffers)]
    return [struct.pack(f"<{1 + len(sizes)}Q", len(sizes), *sizes), frames.head, *frames.buffers]


def decoded(data: memoryview) -> Iterator[Any]:
    """The objects in some bytes.

    Parameters
    ----------
    data
        What `encoded` gave, several times over.

    Examples
    --------
    >>> data = b"".join(map(bytes, encoded(dumps([1])) + encoded(dumps("two"))))
    >>> list(decoded(memoryview(data)))
    [[1], 'two']
    """
    at = 0
    while at < len(data):
        (count,) = struct.unpack_from("<Q", data, at)
        sizes = struct.unpack_from(f"<{count}Q", data, at + 8)
        at += 8 * (1 + count)
        parts = []
        for size in sizes:
            parts.append(data[at : at + size])
            at += size
        yield loads(Frames(parts[0], parts[1:]))


class SegmentReader:
    """Reads ranges of buckets out of files.

    Parameters
    ----------
    directory, names
        The files.

    Examples
    --------
    >>> directory = SpillDirectory()
    >>> with SegmentWriter(directory, 2) as writer:
    ...     writer.write_run([[], [("b", [2])]])
    >>> reader = SegmentReader(directory, [writer.name])
    >>> reader.sizes(0, 2)[0], list(reader.read(1, 2))
    (0, [[('b', [2])]])
    """

    def __init__(self, directory: str | os.PathLike[str], names: Sequence[str]) -> None:
        self.paths = [os.path.join(os.fspath(directory), name) for name in names]

    def runs(self, first: int, stop: int) -> Iterator[tuple[int, array[int]]]:
        """For each run a descriptor of its file, and the offsets around some segments.

        Parameters
        ----------
        first, stop
            Range of buckets.
        """
        for path in self.paths:
            fd = open_spilled(path)
            try:
                end = os.fstat(fd).st_size - TAIL.size
                count, buckets = TAIL.unpack(read_at(fd, end, TAIL.size))
                row_bytes = 8 * (buckets + 1)
                for run in range(count):
                    start = end - (count - run) * row_bytes + 8 * first
                    offsets = array("Q")
                    offsets.frombytes(read_at(fd, start, 8 * (stop - first + 1)))
                    yield fd, offsets
            finally:
                os.close(fd)

    def sizes(self, first: int, stop: int) -> list[int]:
        """Bytes of each bucket, over all files.

        Parameters
        ----------
        first, stop
            Range of buckets.
        """
        totals = [0] * (stop - first)
        for _, offsets in self.runs(first, stop):
            for i in range(stop - first):
                totals[i] += offsets[i + 1] - offsets[i]
        return totals

    def read(self, first: int, stop: int) -> Iterator[list[Pair]]:
        """The segments of some buckets, file by file and run by run.

        Parameters
        ----------
        first, stop
            Range of buckets.
        """
        for fd, offsets in self.runs(first, stop):
            size = offsets[-1] - offsets[0]
            if size:
                yield from decoded(read_at(fd, offsets[0], size))


def write_index(
    directory: str | os.PathLike[str], names: Sequence[str], rows: Sequence[array[int]]
) -> str:
    """Write which files have something for which reader.

    A table of the rows' offsets comes first, then the rows, then the names; a reader fetches its
    own row and the names.

    Parameters
    ----------
    directory
        Where the files are.
    names
        Of the files.
    rows
        For each reader the numbers of its files.

    Returns
    -------
    str
        Name of the index.

    Examples
    --------
    >>> directory = SpillDirectory()
    >>> os.mkdir(directory)
    >>> index = write_index(directory, ["a", "b"], [array("Q", [1]), array("Q")])
    >>> read_index(directory, index, 0), read_index(directory, index, 1)
    (['b'], [])
    """
    offsets = array("Q", itertools.accumulate(map(len, rows), initial=0))
    name = uuid.uuid4().hex
    path = os.path.join(os.fspath(directory), name)
    with naming_directory(os.fspath(directory)), open(path, "xb") as file:
        file.write(TAIL.pack(len(rows), offsets[-1]))
        file.write(offsets.tobytes())
        file.writelines(row.tobytes() for row in rows)
        file.write("\n".join(names).encode("ascii"))
    return name


def read_index(directory: str | os.PathLike[str], index: str, reader: int) -> list[str]:
    """The files that have something for one reader.

    Parameters
    ----------
    directory, index
        What `write_index` has written.
    reader
        Its number.

    Examples
    --------
    >>> read_index("", "gone", 0)
    Traceback (most recent call last):
    ...
    shoal.errors.ExecutorError: the file gone, into which groupby has written, is not there; ...
    """
    fd = open_spilled(os.path.join(os.fspath(directory), index))
    try:
        readers, total = TAIL.unpack(read_at(fd, 0, TAIL.size))
        start, stop = struct.unpack("<QQ", read_at(fd, TAIL.size + 8 * reader, 16))
        table = TAIL.size + 8 * (readers + 1)
        numbers = array("Q")
        numbers.frombytes(read_at(fd, table + 8 * start, 8 * (stop - start)))
        at = table + 8 * total
        names = bytes(read_at(fd, at, os.fstat(fd).st_size - at)).decode("ascii").split("\n")
        return [names[number] for number in numbers]
    finally:
        os.close(fd)


def open_spilled(path: str) -> int:
    """A descriptor of a spilled file.

    Parameters
    ----------
    path
        Of the file.

    Raises
    ------
    ExecutorError
        It is not there.

    Examples
    --------
    >>> open_spilled("gone")
    Traceback (most recent call last):
    ...
    shoal.errors.ExecutorError: the file gone, into which groupby has written, is not there; ...
    """
    try:
        return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise ExecutorError(
            f"the file {path}, into which groupby has written, is not there; where tasks run on "
            "several machines, pass shuffle='tasks'"
        ) from None


def read_at(fd: int, offset: int, size: int) -> memoryview:
    """Bytes of a file, in memory that may be written to.

    Parameters
    ----------
    fd
        Descriptor of the file.
    offset, size
        Which bytes.
    """
    view = memoryview(bytearray(size))
    done = 0
    while done < size:
        got = os.preadv(fd, [view[done:]], offset + done)
        if not got:
            raise ExecutorError(
                f"a file into which groupby has written ends {size - done} bytes too early"
            )
        done += got
    return view


@contextlib.contextmanager
def naming_directory(directory: str) -> Iterator[None]:
    """Add to an error of writing where it happened, and which setting moves it.

    Parameters
    ----------
    directory
        Where.

    Examples
    --------
    >>> import errno
    >>> try:
    ...     with naming_directory("/tmp/full"):
    ...         raise OSError(errno.ENOSPC, "No space left on device")
    ... except OSError as error:
    ...     print(error)
    ...     print(*error.__notes__)
    [Errno 28] No space left on device
    groupby was writing into /tmp/full; the setting temporary-directory moves it elsewhere
    """
    try:
        yield
    except OSError as error:
        error.add_note(
            f"groupby was writing into {directory}; "
            "the setting temporary-directory moves it elsewhere"
        )
        raise
