"""Large buffers in memory that processes of one host share: written once, mapped by the others.

A *segment* is a file in memory without a name (``memfd_create``).  Its descriptor travels over a
unix socket in place of its bytes, and the receiver maps it.  The receiver can send it on the same
way, so 500 MB that go from a client to a worker, to another worker and back are copied once.

**Nobody can change what another sees.**  A mapping is private: whoever writes to an array gets
pages of his own, and the others keep theirs.  So arrays that come out are writable, as they are
with every other transport.  The file itself is sealed: it cannot change its size (which would kill
readers), and nobody but its maker can write to it.  Before a mapped buffer is sent on as a
descriptor, ``/proc/self/pagemap`` tells whether this process has written to one of its pages; if
so, it is copied.

**The kernel counts.**  A segment is made for one use: its *lease* is a second, read-only opening of
the file that holds a shared lock (``flock``), and the lease is what travels.  The lock goes when
the last descriptor and the last mapping of the lease are gone, in whatever process, by whatever
end, a crash included.  Then, and only then, does an exclusive lock succeed: that is how the maker
learns that the segment can be used again, without a message from anybody.  And when the maker is
gone as well, the kernel frees the memory.

**Why again.**  Having pages is the expensive part, and showing them to a process is the next.  So
large segments are made of huge pages where the system gives them (`pages`), and makers keep their
segments for a while, and readers their mappings (`Windows`), for the next segment in the same file;
what readers wrote themselves is forgotten in between.

Measured, seconds of CPU for a GB: ``pwrite`` to new pages 0.46 (copying to newly mapped ones 0.70),
copying to new huge pages 0.10, to old ones 0.07.  To sum it through a new mapping takes 0.10, and
0.03 in huge pages.
"""

from __future__ import annotations

import bisect
import contextlib
import ctypes
import fcntl
import functools
import itertools
import mmap
import os
import pickle
import resource
import select
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Sequence
from typing import Any

from shoal.distributed.net.loop import Loop
from shoal.distributed.net.pages import HUGE_BYTES, Area, Thrift, address_of, is_written
from shoal.distributed.wire.codec import octets
from shoal.distributed.wire.frames import Buffer, allocate
from shoal.errors import FrameError

__all__ = [
    "POOL",
    "Pool",
    "Segment",
    "available",
    "find",
    "idle_bytes",
    "is_new",
    "open_segment",
    "share",
    "shared_bytes",
    "show",
]

ALIGN = 64
PAGE = mmap.PAGESIZE

# Names that Python's modules lack in some versions; Linux's numbers.
F_SEAL_FUTURE_WRITE = 0x10

SHOWN_SHARE = 0.6
"""How much of a new mapping another thread looks at: a little more than until the two meet."""

SHOWN_BYTES = 2 << 20
"""At a time: meanwhile the process can map nothing, not even the stack of a thread."""

MOST_IDLE = 64
"""Windows that wait for another use, at most: they are gone through often."""

FORWARD_SHARE = 4
"""A segment is sent on if a quarter of it or more is wanted, since it stays in memory whole."""


def available() -> bool:
    """Whether this system has what segments need.

    Examples
    --------
    >>> available() == (sys.platform == "linux")
    True
    """
    return hasattr(os, "memfd_create") and os.path.exists("/proc/self/fd")


class Segment:
    """A lease of a file in memory: as long as somebody has it, the bytes stay as they are.

    Parameters
    ----------
    fd
        Read-only; closed with the object.
    size
        In bytes.

    Examples
    --------
    >>> segment, offsets = Pool().make([b"abc", b"def"])
    >>> os.pread(segment.fd, 3, offsets[1])
    b'def'
    """

    __slots__ = ("_holder", "size")

    def __init__(self, fd: int, size: int) -> None:
        # Not a ``__del__`` that closes it: the garbage collector finalizes all that is in a cycle
        # before any of it goes, and another finalizer may keep what it saw there, for instance an
        # array in this memory.  An epoll object takes any descriptor, and closes it when nobody
        # refers to it any more, and not before.
        self._holder = select.epoll.fromfd(fd)
        self.size = size

    @property
    def fd(self) -> int:
        """The descriptor."""
        return self._holder.fileno()


# ------------------------------------------------------------------------------------- mapping


class Window:
    """A private mapping of a file in memory, used for one segment after another.

    It has a description of its own, so that it does not hold the lock of a lease.
    """

    __slots__ = ("area", "idle_since_s", "is_new", "key")

    def __init__(self, segment: Segment, key: tuple[int, int]) -> None:
        fd = os.open(f"/proc/self/fd/{segment.fd}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.area = Area(fd, segment.size, is_private=True)
        finally:
            os.close(fd)
        self.key = key
        self.idle_since_s: float | None = None
        self.is_new = True  # nobody has looked through it

    @property
    def is_used(self) -> bool:
        """Whether somebody looks through it: whoever does has a reference to the memory."""
        return sys.getrefcount(self.area.memory) > 2

    def wipe(self) -> None:
        """Forget what this process has written."""
        if is_written(self.area.start, self.area.size):
            self.area.forget_writes()


class Windows:
    """Windows that nobody looks through just now, by the device and number of their files.

    A window keeps its file's number from being used again, and the file's memory, too: so not for
    long, and not many.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.idle: dict[tuple[int, int], Window] = {}
        self.returned: deque[Window] = deque()

    def take(self, segment: Segment) -> Window:
        """A window onto a segment's file, that nobody else uses."""
        status = os.fstat(segment.fd)
        key = (status.st_dev, status.st_ino)
        with self.lock:
            self._collect()
            window = self.idle.pop(key, None)
        if window is None:
            return Window(segment, key)
        window.wipe()
        window.idle_since_s = None
        window.is_new = False
        return window

    def trim(self, now_s: float, idle_s: float, most_bytes: int) -> int:
        """Close those that have been idle for long, or are too many; how many are left."""
        with self.lock:
            self._collect()
            size = 0
            for key, window in reversed(list(self.idle.items())):
                if window.idle_since_s is None:
                    window.idle_since_s = now_s
                size += window.area.size
                old = now_s - window.idle_since_s >= idle_s
                if old or size > most_bytes or len(self.idle) > MOST_IDLE:
                    del self.idle[key]
                    window.area.close()
            return len(self.idle)

    @property
    def idle_bytes(self) -> int:
        """How much can be seen through windows that nobody uses."""
        with self.lock:
            self._collect()
            return sum([window.area.size for window in self.idle.values()])

    def _collect(self) -> None:
        """Take back those whose leases have gone.

        One that is in a cycle of garbage goes before other finalizers have run, which may look.
        """
        for _ in range(len(self.returned)):
            window = self.returned.popleft()
            if window.is_used:
                self.returned.append(window)
            elif window.key in self.idle:
                window.area.close()
            else:
                self.idle[window.key] = window


WINDOWS = Windows()


class Mapping:
    """A segment's memory in this process; known by its address for as long as it lives.

    The classes that `mapping_type` makes are arrays of bytes as well, and what is made of one keeps
    it alive.
    """

    segment: Segment
    number: int
    """Of all that there ever were."""
    start: int
    window: Window

    def __del__(self) -> None:
        # Collected at any moment, perhaps by a thread that holds the lock: only leave a note.
        if hasattr(self, "window"):
            MAPPED.gone.append((self.start, self.number))
            WINDOWS.returned.append(self.window)


@functools.cache
def mapping_type(size: int) -> Any:
    """The class of mappings of one size; slots have few sizes (`rounded`)."""
    return type("Mapping", (Mapping, ctypes.c_ubyte * size), {})


class Mapped:
    """The mappings of this process by address."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.starts: list[int] = []
        self.mappings: dict[int, tuple[int, int, weakref.ref[Mapping]]] = {}
        """By address: number and size of a mapping, and itself."""
        self.gone: deque[tuple[int, int]] = deque()
        """Addresses and numbers of those that are no more."""

    def add(self, mapping: Mapping) -> None:
        """Remember a mapping."""
        with self.lock:
            self._forget()
            if mapping.start not in self.mappings:
                bisect.insort(self.starts, mapping.start)
            size = mapping.segment.size
            self.mappings[mapping.start] = mapping.number, size, weakref.ref(mapping)

    @property
    def nbytes(self) -> int:
        """How much memory the mappings of now take, whether it was looked at or not."""
        with self.lock:
            self._forget()
            return sum([size for _, size, _ in self.mappings.values()])

    def find(self, address: int, size: int) -> Mapping | None:
        """The mapping that an area of memory lies in."""
        with self.lock:
            self._forget()
            at = bisect.bisect_right(self.starts, address) - 1
            mapping = self.mappings[self.starts[at]][2]() if at >= 0 else None
        if mapping is None or address + size > mapping.start + mapping.segment.size:
            return None
        return mapping

    def _forget(self) -> None:
        while self.gone:
            start, number = self.gone.popleft()
            # The address may belong to a newer mapping by now.
            if start in self.mappings and self.mappings[start][0] == number:
                del self.mappings[start]
                self.starts.remove(start)


MAPPED = Mapped()
NUMBERS = itertools.count()


def map_segment(segment: Segment) -> memoryview:
    """A segment's bytes in this process."""
    window = WINDOWS.take(segment)
    mapping = mapping_type(segment.size).from_buffer(window.area.memory, window.area.offset)
    mapping.segment = segment
    mapping.start = window.area.start
    mapping.number = next(NUMBERS)
    mapping.window = window
    MAPPED.add(mapping)
    return pickle.PickleBuffer(mapping).raw()


def open_segment(fd: int, parts: Sequence[tuple[int, int]]) -> list[Buffer]:
    """Bytes of a segment whose descriptor another process has sent.

    Parameters
    ----------
    fd
        Belongs to this function from now on.
    parts
        Offset and size of each.

    Returns
    -------
    list[Buffer]
        Writable; what is written is seen by this process only.

    Raises
    ------
    FrameError
        The descriptor is of something else, or the parts are not inside.

    Examples
    --------
    >>> segment, offsets = Pool().make([b"abc", b"def"])
    >>> [bytes(part) for part in open_segment(os.dup(segment.fd), [(offsets[1], 3)])]
    [b'def']
    """
    segment = Segment(fd, os.fstat(fd).st_size)
    try:
        sealed = fcntl.fcntl(fd, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK
    except OSError:
        sealed = 0
    if not sealed or any(offset + size > segment.size for offset, size in parts):
        raise FrameError("a descriptor came that is not of the memory it should be of")
    if not parts:
        return []
    view = None
    if len(MAPPED.mappings) < most_mappings():
        with contextlib.suppress(OSError):  # no descriptor is left
            view = map_segment(segment)
    if view is None:
        return [copy_out(segment, offset, size) for offset, size in parts]
    return [view[offset : offset + size] for offset, size in parts]


def most_mappings() -> int:
    """How many segments may be mapped: each takes a descriptor, half of all there may be."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2


def copy_out(segment: Segment, offset: int, size: int) -> memoryview:
    """Bytes of a segment in memory of this process's own: it has too many mappings."""
    view = memoryview(allocate(max(1, size)))[:size]
    got = 0
    while got < size:
        got += os.preadv(segment.fd, [view[got:]], offset + got)
    return view


# ------------------------------------------------------------------------------------- sending


def find(buffer: Buffer) -> tuple[Segment, int] | None:
    """The segment that a buffer lies in, and where, if it holds there what it held when it came.

    Parameters
    ----------
    buffer
        Bytes; perhaps those of an array made on what `open_segment` or `share` gave.

    Examples
    --------
    >>> (view,) = share([bytes(5000)])
    >>> segment, offset = find(view[100:])
    >>> offset
    100
    >>> view[4999] = 1  # written to: no longer what others see
    >>> find(view) is None
    True
    """
    if not MAPPED.starts:
        return None
    address = address_of(buffer)
    mapping = MAPPED.find(address, len(buffer))
    if mapping is None or is_written(address, len(buffer)):
        return None
    return mapping.segment, address - mapping.start


def share(buffers: Sequence[Any]) -> list[Buffer]:
    """Copy buffers into one segment, so that sending them later copies nothing.

    For objects that several processes will want, and for doing the copying in a thread that has
    the time: `shoal.distributed.net.Connection.send` does it in the one that calls.

    Parameters
    ----------
    buffers
        Of any size.

    Returns
    -------
    list[Buffer]
        The same bytes; writable, and seen by this process only.  The buffers themselves where
        the system has no segments or no room for one.

    Examples
    --------
    >>> [bytes(buffer) for buffer in share([b"abc", bytearray(b"def")])]
    [b'abc', b'def']
    """
    flat = [octets(buffer) for buffer in buffers]
    if not available() or not any(flat):
        return flat
    try:
        segment, offsets = POOL.make(flat)
        view = map_segment(segment)
    except OSError:
        return flat
    return [view[at : at + len(buffer)] for at, buffer in zip(offsets, flat)]


def show(buffer: Buffer) -> None:
    """Have the later part of what was just mapped shown to this process.

    For a thread beside the one that reads it: each page has to be shown once, which takes longer
    than to add up what is on it.  From the end to the middle, so that the two meet and do not walk
    side by side.

    Parameters
    ----------
    buffer
        Nothing happens if it does not lie in a new mapping.

    Examples
    --------
    >>> segment, _ = Pool().make([bytes(1 << 20)])
    >>> (view,) = open_segment(os.dup(segment.fd), [(0, 1 << 20)])
    >>> is_new(view)
    True
    >>> show(view)
    """
    address, size = address_of(buffer), len(buffer)
    mapping = MAPPED.find(address, size)
    if mapping is None:
        return
    start = address - mapping.start
    least = start + int(size * (1 - SHOWN_SHARE))
    for end in range(start + size, least, -SHOWN_BYTES):
        mapping.window.area.look_at(max(least, end - SHOWN_BYTES), end)


def is_new(buffer: Buffer) -> bool:
    """Whether a buffer lies in a mapping that shows its file for the first time.

    Parameters
    ----------
    buffer
        Bytes, of any memory.

    Examples
    --------
    >>> is_new(b"of this process's own")
    False
    """
    mapping = MAPPED.find(address_of(buffer), len(buffer))
    return mapping is not None and mapping.window.is_new


# ------------------------------------------------------------------------------------- the pool


class Slot:
    """A file in memory that is used for one segment after another."""

    __slots__ = ("area", "fd", "filled", "free_since_s", "is_looked_at", "size")

    def __init__(self, size: int) -> None:
        self.fd = os.memfd_create("shoal", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self.size = size
        self.filled = 0  # pages from here on do not exist yet
        self.is_looked_at = False  # whether the area shows those that do
        self.free_since_s: float | None = None
        try:
            os.ftruncate(self.fd, size)
            self.area = Area(self.fd, size, is_private=False)
        except (OSError, ValueError):
            os.close(self.fd)
            raise

    def is_free(self) -> bool:
        """Whether nobody anywhere has a lease."""
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        fcntl.flock(self.fd, fcntl.LOCK_UN)
        return True

    def lease(self) -> Segment:
        """A lease for everybody who will see what is now in here."""
        fd = os.open(f"/proc/self/fd/{self.fd}", os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(fd, fcntl.LOCK_SH)
        return Segment(fd, self.size)

    def fill(self, buffers: Sequence[Buffer], offsets: Sequence[int], thrift: Thrift) -> None:
        """Write buffers; the other threads run meanwhile."""
        if not self.filled:
            self._fill_new(buffers, offsets, thrift)
            return
        end = offsets[-1] + len(buffers[-1])
        if end > self.filled:
            # A page that cannot be had is an error here, and a signal when it is written to.
            os.posix_fallocate(self.fd, self.filled, end - self.filled)
            self.filled = end
        if not self.is_looked_at:
            self.area.look_at(0, end)
            self.is_looked_at = True
        for buffer, offset in zip(buffers, offsets):
            ctypes.memmove(self.area.start + offset, address_of(buffer), len(buffer))

    def _fill_new(self, buffers: Sequence[Buffer], offsets: Sequence[int], thrift: Thrift) -> None:
        # Whole huge pages only: what nobody needs is not had.
        most_huge = (offsets[-1] + len(buffers[-1])) // HUGE_BYTES * HUGE_BYTES
        for buffer, offset in zip(buffers, offsets):
            view = memoryview(buffer)
            while view:
                if self.filled <= offset < most_huge:
                    end = min(self.filled + thrift.piece_bytes, most_huge)
                    if thrift.have(self.area, self.filled, end):
                        self.filled = end
                    else:
                        most_huge = 0  # the rest is had as it is written
                count = min(len(view), self.filled - offset)
                if count > 0:
                    ctypes.memmove(self.area.start + offset, address_of(view), count)
                else:
                    count = os.pwrite(self.fd, view, offset)
                    self.filled = offset + count
                    thrift.has_saved(count)
                view, offset = view[count:], offset + count
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        try:
            fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, seals | F_SEAL_FUTURE_WRITE)
        except OSError:
            fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, seals)  # before Linux 5.1

    def close(self) -> None:
        """Give the memory back, as soon as the last lease is gone."""
        self.area.close()
        os.close(self.fd)


class Pool:
    """Makes segments, from memory that served for others before where it can.

    Parameters
    ----------
    idle_bytes
        How much memory may wait for another use.  It counts as this process's; one that is short
        of memory lowers this, or calls `clear`.
    idle_s
        How long it may wait.

    Examples
    --------
    >>> pool = Pool()
    >>> segment, _ = pool.make([bytes(1000)])
    >>> pool.held_bytes, pool.trim()
    (4096, 0)
    >>> del segment
    >>> _ = pool.make([bytes(1000)])  # the same memory
    >>> pool.held_bytes
    4096
    """

    def __init__(self, idle_bytes: int = 1 << 30, idle_s: float = 10.0) -> None:
        self.idle_bytes = idle_bytes
        self.idle_s = idle_s
        self._thrift = Thrift()
        self._lock = threading.Lock()
        self._slots: list[Slot] = []
        self._keeper: weakref.ref[Loop] | None = None

    @property
    def held_bytes(self) -> int:
        """Memory in segments that were made here, in use or not."""
        return sum(slot.size for slot in self._slots)

    @property
    def unused_bytes(self) -> int:
        """Memory that waits for another use: nobody anywhere looks at it."""
        with self._lock:
            return sum([slot.size for slot in self._slots if slot.is_free()])

    def make(self, buffers: Sequence[Buffer]) -> tuple[Segment, list[int]]:
        """Copy buffers into a segment.

        Parameters
        ----------
        buffers
            At least one; all of them bytes.

        Returns
        -------
        tuple[Segment, list[int]]
            The segment, and where in it each buffer starts.

        Raises
        ------
        OSError
            There is no memory, or no descriptor.
        """
        offsets = []
        size = 0
        for buffer in buffers:
            offsets.append(size)
            size += -(-len(buffer) // ALIGN) * ALIGN
        slot = self._take(size) or Slot(rounded(size))
        try:
            slot.fill(buffers, offsets, self._thrift)
            segment = slot.lease()
        except BaseException:
            slot.close()
            raise
        slot.free_since_s = None
        with self._lock:
            self._slots.append(slot)
        return segment, offsets

    def _take(self, size: int) -> Slot | None:
        """The smallest slot that nobody uses, and that does not waste more than it holds."""
        with self._lock:
            for slot in sorted(self._slots, key=lambda slot: slot.size):
                if size <= slot.size <= 2 * size + PAGE and slot.is_free():
                    self._slots.remove(slot)
                    return slot
        return None

    def trim(self, now_s: float | None = None) -> int:
        """Give back what has not been used for a while, or is too much.

        Parameters
        ----------
        now_s
            On the clock of `time.monotonic`, and that by default.

        Returns
        -------
        int
            Bytes that wait for another use after this.
        """
        now_s = time.monotonic() if now_s is None else now_s
        idle = 0
        with self._lock:
            for slot in list(self._slots):
                if not slot.is_free():
                    slot.free_since_s = None
                    continue
                if slot.free_since_s is None:
                    slot.free_since_s = now_s
                if now_s - slot.free_since_s >= self.idle_s or idle + slot.size > self.idle_bytes:
                    self._slots.remove(slot)
                    slot.close()
                else:
                    idle += slot.size
        WINDOWS.trim(now_s, self.idle_s, self.idle_bytes)
        return idle

    def keep_trimmed(self, loop: Loop) -> None:
        """Have a loop give back what is idle, for as long as there is something.

        Parameters
        ----------
        loop
            That does so unless another one does already; any thread.
        """
        keeper = self._keeper() if self._keeper is not None else None
        if keeper is None or keeper.ending:
            self._keeper = weakref.ref(loop)
            loop.call_threadsafe(loop.call_later, self.idle_s / 4, self._trim_again, loop)

    def _trim_again(self, loop: Loop) -> None:
        self.trim()
        if self._slots or WINDOWS.idle:
            loop.call_later(self.idle_s / 4, self._trim_again, loop)
        else:
            self._keeper = None

    def clear(self) -> None:
        """Keep nothing for another use; segments in use stay with those who have them."""
        with self._lock:
            while self._slots:
                self._slots.pop().close()
        WINDOWS.trim(0.0, 0.0, 0)


def shared_bytes() -> int:
    """Shared memory that this process has in use, or waiting for another use.

    What the system says of a process does not tell: it counts pages that have been looked at, twice
    where they are mapped twice, and none of those that were only written.  Segments that were
    made here and are used elsewhere only do not count.

    Examples
    --------
    >>> (view,) = share([bytes(1 << 20)])
    >>> shared_bytes() >= 1 << 20
    True
    """
    return MAPPED.nbytes + idle_bytes()


def idle_bytes() -> int:
    """Shared memory that waits for another use in this process.

    Examples
    --------
    >>> segment, _ = Pool().make([bytes(1 << 20)])
    >>> views = open_segment(os.dup(segment.fd), [(0, 1 << 20)])
    >>> before = idle_bytes()
    >>> del views
    >>> idle_bytes() >= before
    True
    """
    # A window that is idle shows memory of the pool, or what is kept only because of it.
    return max(POOL.unused_bytes, WINDOWS.idle_bytes)


def rounded(size: int) -> int:
    """A size for a slot: a few sizes only, so that it fits the next segment, too.

    >>> rounded(1), rounded(5000), rounded(1_000_000)
    (4096, 8192, 1048576)
    """
    step = max(PAGE, 1 << max(0, size.bit_length() - 4))
    return max(step, -(-size // step) * step)


POOL = Pool()
"""Of this process."""


def forget_parents() -> None:
    """In a forked child: the pool's files are the parent's, who would write to them again."""
    MAPPED.lock = threading.Lock()
    WINDOWS.lock = threading.Lock()
    POOL._lock = threading.Lock()
    POOL.clear()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=forget_parents)
