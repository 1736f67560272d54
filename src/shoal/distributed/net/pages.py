"""Where files in memory are mapped, and the pages that they are made of.

A page of shared memory costs 1.5 us to have and 0.4 us to show to a process that looks at it, each
4 KiB again: for half a gigabyte three times what copying it costs.  Huge pages of 2 MiB cost a
sixth of that.  Most systems do not give them to shared memory of themselves
(``/sys/kernel/mm/transparent_hugepage/shmem_enabled`` is ``never``), but since Linux 6.1 a process
can ask for those of one mapping: ``MADV_COLLAPSE``, which puts what lies in an area into huge pages
whatever the setting is, holes in it included.  So an area of a new file is looked at, once in each
2 MiB, so that there is something to put together, and collapsed before anything is copied to it.

They are not always cheap: the host of a virtual machine may have taken back what was free, which
it is told of in huge pages, and gives it again 4 KiB at a time; or the system has to move pages to
make room for one.  Then they cost two to four times what small ones do, which are taken from where
something smaller was free.  `Thrift` sees to it that they are used where they pay.

Both ends must have the file at an address that is a multiple of the size of such a page, which
``mmap`` does not see to.  `Area` does.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import struct
import time

from shoal.distributed.wire.frames import Buffer

__all__ = ["HUGE_BYTES", "Area", "Thrift", "address_of", "is_written"]

HUGE_BYTES = 1 << 21
"""Of a huge page: on x86-64, and on arm64 with small pages of 4 KiB.

Where huge pages are larger than this, areas of it cannot be collapsed, and are not."""

PIECE_BYTES = 4 * HUGE_BYTES
"""So much is had and copied to at a time: what was just cleared is still in the cache."""

TRIED = 1 / 32
"""What may be spent on trying huge pages again, as a part of what small ones cost."""

MOST_LEFT_S = 0.02
"""What may be spent on huge pages that cost more, after many that cost less."""

# Linux's numbers, for names that Python's modules lack in some versions.
MAP_FIXED = 0x10
MAP_NORESERVE = 0x4000
MADV_POPULATE_READ = 22
MADV_POPULATE_WRITE = 23
MADV_COLLAPSE = 25

IS_FILE, IS_HERE_OR_SWAPPED = 0x20, 0xC0
"""Of the highest byte of an entry of ``/proc/self/pagemap``: a page of the file, or none as yet."""

PAGEMAP_SCAN = 0xC0606610
SCAN = struct.Struct("12Q")
SCAN_FILE, SCAN_HERE, SCAN_SWAPPED = 1 << 2, 1 << 3, 1 << 4

MMAP_FAILED = ctypes.c_void_p(-1).value

LIBC = ctypes.CDLL(None, use_errno=True)
MMAP = LIBC.mmap
MMAP.restype = ctypes.c_void_p
MMAP.argtypes = [
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_long,
]
MADVISE = LIBC.madvise  # as `mmap.madvise`, but the other threads run meanwhile
MADVISE.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


class Area:
    """A file in memory, mapped where huge pages can show it.

    Parameters
    ----------
    fd
        Read only if the mapping is private; not needed any more afterwards.
    size
        In bytes, at least one.
    is_private
        What is written to the area is seen there only; else it is written to the file.

    Raises
    ------
    OSError
        The file cannot be mapped.

    Examples
    --------
    >>> fd = os.memfd_create("example")
    >>> os.ftruncate(fd, 3 * HUGE_BYTES)
    >>> area = Area(fd, 3 * HUGE_BYTES, is_private=False)
    >>> area.start % HUGE_BYTES
    0
    >>> area.memory[area.offset] = 7
    >>> os.pread(fd, 1, 0)
    b'\\x07'
    >>> os.close(fd)
    """

    __slots__ = ("memory", "offset", "size", "start")

    def __init__(self, fd: int, size: int, is_private: bool) -> None:
        spare = HUGE_BYTES if size >= HUGE_BYTES else 0
        # Python's object has the addresses, and gives them back; the file takes the place of what
        # is there.
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE
        self.memory = mmap.mmap(-1, size + spare, flags=flags)
        """Has the file's bytes from `offset` on."""
        reserved = address_of(self.memory)
        self.start = -(-reserved // HUGE_BYTES) * HUGE_BYTES if spare else reserved
        self.offset = self.start - reserved
        self.size = size
        flags = MAP_FIXED | (mmap.MAP_PRIVATE | MAP_NORESERVE if is_private else mmap.MAP_SHARED)
        at = MMAP(self.start, size, mmap.PROT_READ | mmap.PROT_WRITE, flags, fd, 0)
        if at == MMAP_FAILED:
            code = ctypes.get_errno()
            self.memory.close()
            raise OSError(code, os.strerror(code))

    def make_huge(self, start: int, end: int) -> bool:
        """Have the file's memory from one place to another in huge pages, before it is written.

        Parameters
        ----------
        start, end
            Offsets in the file, multiples of `HUGE_BYTES`.

        Returns
        -------
        bool
            Whether all of it is there now.  If not, some of it may be.
        """
        for at in range(self.start + start, self.start + end, HUGE_BYTES):
            if MADVISE(at, mmap.PAGESIZE, MADV_POPULATE_WRITE):
                return False
        failed: int = MADVISE(self.start + start, end - start, MADV_COLLAPSE)
        return not failed

    def look_at(self, start: int, end: int) -> None:
        """Have the bytes between two offsets shown in one go, not page by page as they are used."""
        first = (self.start + start) // mmap.PAGESIZE * mmap.PAGESIZE
        MADVISE(first, self.start + end - first, MADV_POPULATE_READ)  # since Linux 5.14

    def forget_writes(self) -> None:
        """Have a private area show what the file has, everywhere."""
        self.memory.madvise(mmap.MADV_DONTNEED)

    def close(self) -> None:
        """Give the addresses back; nobody may use them any more."""
        self.memory.close()


def is_written(address: int, size: int) -> bool:
    """Whether this process has written to pages of a private mapping, or whether that is unknown.

    Parameters
    ----------
    address, size
        An area of memory that shows a file.

    Examples
    --------
    >>> fd = os.memfd_create("example")
    >>> os.ftruncate(fd, 8192)
    >>> area = Area(fd, 8192, is_private=True)
    >>> area.memory[0], is_written(area.start, 8192)
    (0, False)
    >>> area.memory[5000] = 1
    >>> is_written(area.start, 8192), is_written(area.start, 4096)
    (True, False)
    >>> os.close(fd)
    """
    first = address // mmap.PAGESIZE * mmap.PAGESIZE
    last = -(-(address + max(1, size)) // mmap.PAGESIZE) * mmap.PAGESIZE
    try:
        fd = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        try:
            return has_own_pages(fd, first, last)
        except OSError:
            return has_own_entries(fd, first, last)  # before Linux 6.7
    except OSError:
        return True
    finally:
        os.close(fd)


def has_own_pages(fd: int, start: int, end: int) -> bool:
    """Whether the kernel finds a page in an area that is there, or swapped, and no file's.

    ``PAGEMAP_SCAN`` in ``Documentation/admin-guide/mm/pagemap.rst`` of Linux.  Half a gigabyte
    takes 3 ms, or nothing where nobody has looked at it.
    """
    found = ctypes.create_string_buffer(24)  # one region is enough
    question = SCAN.pack(
        *(SCAN.size, 0, start, end, 0, ctypes.addressof(found), 1, 1),
        *(SCAN_FILE, SCAN_FILE, SCAN_HERE | SCAN_SWAPPED, SCAN_HERE),
    )
    count: int = fcntl.ioctl(fd, PAGEMAP_SCAN, bytearray(question))
    return count > 0


def has_own_entries(fd: int, start: int, end: int) -> bool:
    """The same, read page by page: bit 61 of its 8 bytes says that it is the file's, bits 62 and 63
    that it is swapped or present.
    """
    at, end = 8 * (start // mmap.PAGESIZE), 8 * (end // mmap.PAGESIZE)
    while at < end:
        data = os.pread(fd, end - at, at)
        if not data:
            return True
        at += len(data)
        flags = set(data[7::8])
        if any(flag & IS_HERE_OR_SWAPPED and not flag & IS_FILE for flag in flags):
            return True
    return False


class Thrift:
    """Has huge pages for new files as long as they do not cost more than small ones.

    A budget: what they cost less goes in, what they cost more is taken out, and where it is used up
    small ones are had, of whose price a small part goes in, too, so that huge ones are tried again.
    So all costs at most what small pages do, `TRIED` of it more, and two pieces.

    Parameters
    ----------
    small_s
        What it costs to have a byte in small pages, and to show it, in seconds of CPU.

    Examples
    --------
    >>> thrift = Thrift(small_s=1e-9)
    >>> thrift.has_spent(8_000_000, 0.020)  # 2.5 times what small ones would have cost
    >>> thrift.is_willing
    False
    >>> thrift.has_saved(700_000_000)
    >>> thrift.is_willing
    True
    """

    def __init__(self, small_s: float = 0.5e-9) -> None:
        self.small_s = small_s
        self.left_s = 0.0

    @property
    def is_willing(self) -> bool:
        """Whether huge pages are to be tried next."""
        return self.left_s >= 0

    @property
    def piece_bytes(self) -> int:
        """How much to ask for at a time: one page as long as it is not known what that costs."""
        return HUGE_BYTES if self.left_s < MOST_LEFT_S / 4 else PIECE_BYTES

    def have(self, area: Area, start: int, end: int) -> bool:
        """Have a part of a new file in huge pages; see `Area.make_huge`."""
        if not self.is_willing:
            return False
        before_s = time.thread_time()  # which does not depend on what else runs
        done = area.make_huge(start, end)
        self.has_spent(end - start if done else 0, time.thread_time() - before_s)
        return done

    def has_spent(self, size: int, took_s: float) -> None:
        """So much came in huge pages, and took so long."""
        self.left_s = min(MOST_LEFT_S, self.left_s + size * self.small_s - took_s)

    def has_saved(self, size: int) -> None:
        """So much was had in small pages."""
        self.left_s = min(MOST_LEFT_S, self.left_s + size * self.small_s * TRIED)


class PyBuffer(ctypes.Structure):
    """``Py_buffer`` of Python's stable ABI."""

    _fields_ = (
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.c_void_p),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_void_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    )


GET_BUFFER = ctypes.pythonapi.PyObject_GetBuffer
GET_BUFFER.argtypes = [ctypes.py_object, ctypes.POINTER(PyBuffer), ctypes.c_int]
RELEASE_BUFFER = ctypes.pythonapi.PyBuffer_Release
RELEASE_BUFFER.argtypes = [ctypes.POINTER(PyBuffer)]
RELEASE_BUFFER.restype = None


def address_of(buffer: Buffer | mmap.mmap) -> int:
    """Where a buffer's bytes are; ctypes alone tells it of writable ones only.

    Examples
    --------
    >>> data = b"abc"
    >>> address_of(memoryview(data)[1:]) - address_of(data)
    1
    """
    info = PyBuffer()
    GET_BUFFER(buffer, ctypes.byref(info), 0)
    address = info.buf or 0
    RELEASE_BUFFER(ctypes.byref(info))
    return address
