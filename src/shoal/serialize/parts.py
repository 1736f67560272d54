"""Results in numbered parts: in memory, or in a temporary file beyond what they may take there.

What moves rows or elements between blocks is two layers of tasks.  Each task of the first cuts a
block into parts, one for every task of the second, and its result is `shoal.types.Parts`; task
``n`` of the second reads part ``n`` of each (`shoal.graph.task.Portion`).  Executors need nothing
more than they have: a result that is lost is computed again, one that nobody needs any more is let
go, and an executor that moves results moves single parts of these.

All parts of all blocks exist at the same time, which is the whole of the data.  `keep` therefore
counts what the process's `Parts` take in memory, and writes those that are too much to files:

* A file has no name.  The kernel frees it with its descriptor, also when the process is killed.
* Results share files (`Arena`), for a process may not open thousands.  A file goes when nothing in
  it is needed.
* A part is written as one piece, its pickle stream and its buffers, and is read by one call.

Rejected: mapping the files.  Mapped pages count as memory of the process, and whoever watches it
would kill it for them.
"""

from __future__ import annotations

import errno
import functools
import os
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import xxhash

from shoal import config
from shoal.errors import SpillError, SpillFullError
from shoal.memory import system_limit_bytes
from shoal.scratch import nameless_file
from shoal.serialize.pickles import Buffer, Frames, dumps, loads
from shoal.sizeof import sizeof
from shoal.types import Parts
from shoal.units import parse_bytes

__all__ = ["Pieces", "Stored", "keep", "limit_memory", "part_frames"]

SHARE = 0.3
"""Of the memory that the process can have: what all `Parts` may take together by default."""

ARENA_BYTES = 256 << 20
"""A file takes parts until it is as large as this."""

ALIGN = 64

IOVECS = 512
"""Buffers in one system call; the kernel's limit is 1024."""


class Pieces(Parts):
    """Parts that are objects in memory.

    Parameters
    ----------
    items
        The parts, in a list; or by number, where not each number has one.

    Examples
    --------
    >>> Pieces({2: "c", 5: "f"}).part(5)
    'f'
    """

    __slots__ = ("estimates", "items")

    def __init__(self, items: Sequence[Any] | Mapping[int, Any]) -> None:
        self.items = items
        self.estimates: list[int] | None = None

    def part(self, number: int) -> Any:
        """One of the objects.

        Parameters
        ----------
        number
            Which.
        """
        try:
            return self.items[number]
        except LookupError:
            raise no_part(self, number) from None

    def numbers(self) -> Sequence[int]:
        """Those of all objects."""
        return sorted(self.items) if isinstance(self.items, Mapping) else range(len(self.items))

    def sizes(self) -> Sequence[int]:
        """Estimates, made once."""
        if self.estimates is None:
            self.estimates = [sizeof(self.items[number]) for number in self.numbers()]
        return self.estimates

    @property
    def nbytes(self) -> int:
        """An estimate from all of them."""
        return sum(self.sizes())

    def __reduce__(self) -> tuple[Any, ...]:
        return Pieces, (self.items,)


def no_part(parts: Parts, number: int) -> IndexError:
    """The error for a part that is not there."""
    there = parts.numbers()
    some = f"{len(there)}, from {there[0]} to {there[-1]}" if there else "none"
    return IndexError(f"a result has no part {number}; it has {some}")


class Arena:
    """A file without a name, to which several threads append.

    Parameters
    ----------
    folder
        Where the file is; None: where temporary files are.

    Examples
    --------
    >>> arena = Arena(None)
    >>> arena.write([b"one", b"two"]), arena.write([b"three"]), bytes(arena.read(3, 3))
    (0, 6, b'two')
    """

    __slots__ = ("__weakref__", "fd", "folder", "lock", "size")

    def __init__(self, folder: str | None) -> None:
        self.folder = folder or tempfile.gettempdir()
        self.fd = nameless_file(self.folder)
        self.lock = threading.Lock()
        self.size = 0
        weakref.finalize(self, os.close, self.fd)

    def write(self, buffers: Sequence[Buffer]) -> int:
        """Append some bytes; where they begin.

        Parameters
        ----------
        buffers
            The bytes.

        Raises
        ------
        SpillFullError
            There is no space.
        SpillError
            They cannot be written for another reason.
        """
        with self.lock:
            start = self.size
            self.size += sum(map(len, buffers))
        at = start
        try:
            left = [memoryview(buffer) for buffer in buffers]
            while left:
                done = os.pwritev(self.fd, left[:IOVECS], at)
                at += done
                whole = 0
                while whole < len(left) and done >= len(left[whole]):
                    done -= len(left[whole])
                    whole += 1
                del left[:whole]
                if done:
                    left[0] = left[0][done:]
        except OSError as error:
            what = f"a temporary file in {self.folder}: {error.strerror}"
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                remedy = "free space there or set temporary-directory"
                raise SpillFullError(f"{what}; {remedy}") from error
            raise SpillError(what) from error
        return start

    def read(self, start: int, size: int) -> memoryview:
        """Some bytes, in memory of their own that may be written to.

        Parameters
        ----------
        start, size
            Which.
        """
        view = memoryview(bytearray(size))
        at = 0
        while at < size:
            done = os.preadv(self.fd, [view[at:]], start + at)
            if not done:
                raise SpillError(f"a temporary file in {self.folder} is shorter than was written")
            at += done
        return view


class Stored(Parts):
    """Parts in files.

    Parameters
    ----------
    places
        By number, for each part: its arena, where it begins, the sizes of its pickle stream and
        its buffers, and a checksum.
    in_memory
        How many bytes each took in memory.

    Examples
    --------
    >>> stored = Shelf().put(Pieces({7: "seven"}))
    >>> stored.part(7), list(stored.numbers())
    ('seven', [7])
    """

    __slots__ = ("in_memory", "places")

    def __init__(
        self,
        places: dict[int, tuple[Arena, int, tuple[int, ...], int]],
        in_memory: Sequence[int],
    ) -> None:
        self.places = places
        self.in_memory = in_memory

    def frames(self, number: int) -> Frames:
        """A part as it was pickled.

        Parameters
        ----------
        number
            Which.

        Raises
        ------
        SpillError
            The file is not as it was written.
        """
        if number not in self.places:
            raise no_part(self, number)
        arena, start, sizes, checksum = self.places[number]
        data = arena.read(start, sum(map(aligned, sizes)))
        if xxhash.xxh3_64_intdigest(data) != checksum:
            raise SpillError(f"a temporary file in {arena.folder} is not as it was written")
        views = []
        at = 0
        for size in sizes:
            views.append(data[at : at + size])
            at += aligned(size)
        return Frames(views[0], views[1:])

    def part(self, number: int) -> Any:
        """A part, read and unpickled.

        Parameters
        ----------
        number
            Which.
        """
        return loads(self.frames(number))

    def numbers(self) -> Sequence[int]:
        """Those written."""
        return sorted(self.places)

    def sizes(self) -> Sequence[int]:
        """As they were when they were written."""
        return self.in_memory

    @property
    def nbytes(self) -> int:
        """What is left of it in memory: where things are."""
        return 200 * len(self.places)

    def __reduce__(self) -> tuple[Any, ...]:
        return Pieces, ({number: self.part(number) for number in self.places},)


def aligned(size: int) -> int:
    """A size rounded up, so that what comes next is aligned for any type of array.

    >>> aligned(0), aligned(1), aligned(64)
    (0, 64, 64)
    """
    return -(-size // ALIGN) * ALIGN


class Shelf:
    """What the `Parts` of this process take in memory, and the files for those that are too much.

    Parameters
    ----------
    limit_bytes
        What they may take; None: as the setting ``shuffle-memory`` says.
    folder
        For files; None: as the setting ``temporary-directory`` says.

    Examples
    --------
    >>> shelf = Shelf(limit_bytes=1000)
    >>> one, two = shelf.keep(Pieces([bytes(600)])), shelf.keep(Pieces([bytes(600)]))
    >>> type(one).__name__, type(two).__name__
    ('Pieces', 'Stored')
    """

    def __init__(self, limit_bytes: int | None = None, folder: str | None = None) -> None:
        self.limit_bytes = limit_bytes
        self.folder = folder
        self.used = 0
        self.stored = 0
        """Bytes ever written."""
        # Whoever holds it may be interrupted by the garbage collector, which may find parts.
        self.lock = threading.RLock()
        self.arena: weakref.ref[Arena] | None = None
        self.arenas: weakref.WeakSet[Arena] = weakref.WeakSet()

    @property
    def filed_bytes(self) -> int:
        """What the files take now: each all that was written to it, as long as it is there.

        Examples
        --------
        >>> shelf = Shelf()
        >>> stored = shelf.put(Pieces([bytes(600)]))
        >>> shelf.filed_bytes >= 600
        True
        >>> del stored
        >>> shelf.filed_bytes
        0
        """
        with self.lock:
            return sum([arena.size for arena in self.arenas])

    def keep(self, parts: Parts) -> Parts:
        """The same parts, in memory if there is room.

        Parameters
        ----------
        parts
            In memory.
        """
        nbytes = parts.nbytes
        limit = self.limit_bytes
        if limit is None:
            limit = limit_from(config.get("shuffle-memory", None))
        with self.lock:
            fits = self.used + nbytes <= limit
            if fits:
                self.used += nbytes
        if not fits:
            return self.put(parts)
        weakref.finalize(parts, self.release, nbytes).atexit = False
        return parts

    def release(self, nbytes: int) -> None:
        """Parts have gone from memory.

        Parameters
        ----------
        nbytes
            What they took.
        """
        with self.lock:
            self.used -= nbytes

    def put(self, parts: Parts) -> Stored:
        """The same parts in files.

        Parameters
        ----------
        parts
            Anything.
        """
        places = {}
        arena: Arena | None = None
        for number in parts.numbers():
            frames = part_frames(parts, number)
            buffers: list[Buffer] = []
            summed = xxhash.xxh3_64()
            sizes = (len(frames.head), *map(len, frames.buffers))
            for buffer in (frames.head, *frames.buffers):
                for piece in (buffer, bytes(-len(buffer) % ALIGN)):
                    buffers.append(piece)
                    summed.update(piece)
            if arena is None or arena.size > ARENA_BYTES:
                arena = self.open_arena()
            places[number] = (arena, arena.write(buffers), sizes, summed.intdigest())
            self.stored += sum(sizes)
        return Stored(places, parts.sizes())

    def open_arena(self) -> Arena:
        """The file that is written to at present, or a new one."""
        with self.lock:
            arena = self.arena() if self.arena is not None else None
            if arena is None or arena.size > ARENA_BYTES:
                arena = Arena(self.folder or config.get("temporary-directory", None))
                self.arena = weakref.ref(arena)
                self.arenas.add(arena)
            return arena


def limit_from(setting: Any) -> int:
    """Bytes from a setting: a share of the memory there is, or a size.

    >>> limit_from("2 MB")
    2000000
    """
    if setting is None or (isinstance(setting, float) and setting <= 1):
        return int(memory_bytes() * (SHARE if setting is None else setting))
    return parse_bytes(setting)


@functools.cache
def memory_bytes() -> int:
    """The memory that this process can have; looked up once."""
    return system_limit_bytes()


SHELF = Shelf()
"""That of this process."""


def keep(parts: Parts) -> Parts:
    """The result of a task that cuts a block into parts: in memory, or in a file if that is full.

    Parameters
    ----------
    parts
        In memory, made just now.

    Returns
    -------
    Parts
        To be returned by the task.

    Raises
    ------
    SpillFullError
        There is no space for the file.

    Examples
    --------
    >>> keep(Pieces(["a", "b"])).part(1)
    'b'
    """
    return SHELF.keep(parts)


def limit_memory(limit_bytes: int, folder: str | None) -> None:
    """Say what all `Parts` of this process may take in memory, and where files for others go.

    Parameters
    ----------
    limit_bytes
        In memory.
    folder
        For files; None: as the setting ``temporary-directory`` says.

    Examples
    --------
    >>> limit_memory(1 << 30, None)
    >>> SHELF.limit_bytes
    1073741824
    >>> SHELF.limit_bytes = None
    """
    SHELF.limit_bytes, SHELF.folder = limit_bytes, folder


def part_frames(parts: Parts, number: int) -> Frames:
    """One part as bytes.

    Parameters
    ----------
    parts
        Of a result.
    number
        Which.

    Examples
    --------
    >>> loads(part_frames(Pieces(["a", "b"]), 1))
    'b'
    """
    if isinstance(parts, Stored):
        return parts.frames(number)
    return dumps(parts.part(number), "a part of a result")
