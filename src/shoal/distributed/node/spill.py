"""Results on disk: one file each, in a folder that only this worker uses.

A file is a header, a table of parts, and the parts: the pickle stream and its buffers, as they
would travel over the network.  Each part is compressed with lz4 if a sample of it shrinks by a
tenth, and carries an xxh3 checksum of what is stored.  A file that is not exactly what was written
is an error and never a value.

A result whose pickling has side effects, or that cannot be pickled, stays in memory.  When the disk
or the quota is full, everything stays in memory for a while; nothing is lost by trying.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lz4.block
import xxhash

from shoal.errors import SpillError, SpillFullError
from shoal.serialize.pickles import Buffer, Frames

__all__ = ["Disk", "decode", "encode"]

MAGIC = b"shoal-spill-1\n\0\0"
COUNT = struct.Struct("<16sII")
PART = struct.Struct("<QQBQ")
"""Of each part: bytes stored, bytes afterwards, whether compressed, checksum of what is stored."""

SAMPLE_BYTES = 64 << 10
WORTH_IT = 0.9
"""A part is compressed if a sample of it shrinks to less than this."""


def encode(frames: Frames) -> list[Any]:
    """The pieces of a file, in order.

    Parameters
    ----------
    frames
        The object.

    Examples
    --------
    >>> bytes(decode(b"".join(encode(Frames(b"head", [b"x" * 1000])))).head)
    b'head'
    """
    rows = []
    pieces = []
    for part in (frames.head, *frames.buffers):
        view = memoryview(part).cast("B")
        stored = compressed(view)
        is_compressed = stored is not None
        piece: Any = view if stored is None else stored
        pieces.append(piece)
        rows.append(
            PART.pack(len(piece), len(view), is_compressed, xxhash.xxh3_64_intdigest(piece))
        )
    table = b"".join(rows)
    head = COUNT.pack(MAGIC, len(rows), xxhash.xxh32_intdigest(table))
    return [head, table, *pieces]


def compressed(view: memoryview) -> bytes | None:
    """A part with lz4, or None where that is not worth it."""
    if len(view) < 256 or len(view) > lz4_limit():
        return None
    if len(view) > 2 * SAMPLE_BYTES:
        at = len(view) // 2
        sample = view[at : at + SAMPLE_BYTES]
        if len(lz4.block.compress(sample, store_size=False)) > WORTH_IT * len(sample):
            return None
    data: bytes = lz4.block.compress(view, store_size=False)
    return data if len(data) < WORTH_IT * len(view) else None


def lz4_limit() -> int:
    """Bytes that lz4 takes at once."""
    return 0x7E000000


def decode(data: Buffer) -> Frames:
    """The object that a file holds.

    Parameters
    ----------
    data
        The whole file.

    Raises
    ------
    SpillError
        The file is not as it was written.

    Examples
    --------
    >>> decode(b"something else")
    Traceback (most recent call last):
    ...
    shoal.errors.SpillError: the file is no spilled result
    """
    view = memoryview(data)
    if len(view) < COUNT.size:
        raise SpillError("the file is no spilled result")
    magic, count, check = COUNT.unpack_from(view)
    at = COUNT.size + PART.size * count
    if magic != MAGIC or len(view) < at:
        raise SpillError("the file is no spilled result")
    table = view[COUNT.size : at]
    if xxhash.xxh32_intdigest(table) != check:
        raise SpillError("the table of the file is damaged")
    parts: list[memoryview] = []
    for stored, size, is_compressed, digest in PART.iter_unpack(table):
        piece = view[at : at + stored]
        at += stored
        if len(piece) != stored or xxhash.xxh3_64_intdigest(piece) != digest:
            raise SpillError(f"part {len(parts)} of the file is damaged")
        if is_compressed:
            plain = lz4.block.decompress(piece, uncompressed_size=size, return_bytearray=True)
            piece = memoryview(plain)
        parts.append(piece)
    return Frames(bytes(parts[0]), parts[1:])


class Disk:
    """A folder of spilled results; used by one thread at a time.

    Parameters
    ----------
    folder
        Made when the first result is written.
    quota_bytes
        0 for no limit.

    Examples
    --------
    >>> import tempfile
    >>> disk = Disk(Path(tempfile.mkdtemp()))
    >>> disk.write(5, Frames(b"head", [b"x" * 1000]))
    >>> disk.nbytes > 0, disk.read(5).buffers[0][:3].tobytes()
    (True, b'xxx')
    >>> disk.remove(5)
    >>> disk.nbytes
    0
    """

    def __init__(self, folder: Path, quota_bytes: int = 0) -> None:
        self.folder = folder
        self.quota_bytes = quota_bytes
        self.sizes: dict[int, int] = {}
        """Bytes of each file."""
        self.nbytes = 0

    def path(self, id: int) -> Path:
        """Where a result is.

        Parameters
        ----------
        id
            Of its row.
        """
        return self.folder / f"{id}.spill"

    def write(self, id: int, frames: Frames) -> None:
        """Write a result.

        Parameters
        ----------
        id
            Of its row.
        frames
            The object.

        Raises
        ------
        SpillFullError
            There is no space, or the quota is used up; what was written of it is gone.
        SpillError
            Something else is wrong with the disk.
        """
        pieces = encode(frames)
        size = sum(map(len, pieces))
        if self.quota_bytes and self.nbytes + size > self.quota_bytes:
            raise SpillFullError(
                f"{size:,} bytes more would exceed the quota of {self.quota_bytes:,} bytes, of "
                f"which {self.nbytes:,} are used; raise the worker's spill quota or free results"
            )
        path = self.path(id)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_all(path, pieces)
        except OSError as error:
            path.unlink(missing_ok=True)
            what = f"{path}: {error.strerror or error}"
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise SpillFullError(f"{what}; free space there or set local_directory") from error
            raise SpillError(what) from error
        self.sizes[id] = size
        self.nbytes += size

    def read(self, id: int) -> Frames:
        """Read a result.

        Parameters
        ----------
        id
            Of its row.

        Raises
        ------
        SpillError
            The file is gone, or not as it was written.
        """
        path = self.path(id)
        try:
            # Writable, for the object lives in it.
            data = bytearray(path.stat().st_size)
            with open(path, "rb", buffering=0) as file:
                read_all(file, memoryview(data))
        except OSError as error:
            raise SpillError(f"{path}: {error.strerror or error}") from error
        try:
            return decode(data)
        except SpillError as error:
            raise SpillError(f"{path}: {error}") from None

    def remove(self, id: int) -> None:
        """Remove a result's file, if there is one.

        Parameters
        ----------
        id
            Of its row.
        """
        size = self.sizes.pop(id, None)
        if size is not None:
            self.nbytes -= size
            self.path(id).unlink(missing_ok=True)


def read_all(file: Any, view: memoryview) -> None:
    """Fill memory from a file; a file that is too short leaves zeros, which the checksums find."""
    while len(view) and (count := file.readinto(view)):
        view = view[count:]


def write_all(path: Path, pieces: Sequence[Any]) -> None:
    """Write a file of several pieces."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb", buffering=0) as file:
        for piece in pieces:
            view = memoryview(piece).cast("B")
            while len(view):
                view = view[file.write(view) or 0 :]
