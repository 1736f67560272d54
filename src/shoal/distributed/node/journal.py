"""The scheduler's journal on disk: checksummed records; what they say is `core.journal`'s.

A journal is a directory with one file that counts, ``journal-00000007``.  The file begins with a
magic word and its number, then come records::

    length of the payload (4 bytes) | checksum (8 bytes) | payload

The checksum is the XXH3 of the payload, seeded with the record's position in the file, so that a
record that was moved is as bad as one that was changed.  Reading stops at the first record that
is not whole; what follows it is cut off and said.

**Compaction.**  When a file has grown to several times what it began with, the scheduler writes
what it still needs into a new file, under another name until it is complete, which replaces the
old one.  This is also how the journal gets well after the disk was full: records that could not be
written are not kept for later, since a new file says all that they would have said.

**What survives what.**  Records are handed to the kernel before the scheduler answers anything that
rests on them, so that killing the process loses nothing.  Against the death of the machine they are
forced to the disk as ``sync_s`` says: 0 before every answer, otherwise by a thread, that often.
"""

from __future__ import annotations

import contextlib
import os
import re
import struct
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from xxhash import xxh3_64_intdigest

if sys.platform != "win32":
    import fcntl

__all__ = ["Journal", "Recovered", "frame", "read"]

MAGIC = b"shoal journal 2\n"
HEAD = struct.Struct("<I")
"""After the magic word: the file's number."""
RECORD = struct.Struct("<IQ")
LONGEST = (1 << 32) - 1
NAME = re.compile(r"journal-(\d{8})")


def frame(payload: bytes, position: int) -> bytes:
    """A record's bytes.

    Parameters
    ----------
    payload
        What it says.
    position
        Its place among the records of the file, from 0.

    Examples
    --------
    >>> len(frame(b"abc", 0)), frame(b"abc", 0) == frame(b"abc", 1)
    (15, False)
    """
    if len(payload) > LONGEST:
        raise ValueError(f"a record has {len(payload):,} bytes; at most {LONGEST:,} fit")
    return RECORD.pack(len(payload), xxh3_64_intdigest(payload, position)) + payload


@dataclass
class Recovered:
    """What was read from a journal.

    Parameters
    ----------
    records
        The payloads, in order.
    number
        Of the file; 0 when there was none.
    size
        Bytes of the file up to the last whole record.
    notes
        What was wrong with it, in sentences for the log.

    Examples
    --------
    >>> Recovered().records
    []
    """

    records: list[bytes] = field(default_factory=list)
    number: int = 0
    size: int = 0
    notes: list[str] = field(default_factory=list)


def read(directory: str | os.PathLike[str]) -> Recovered:
    """What a journal says; nothing is changed.

    Parameters
    ----------
    directory
        Of the journal; it need not exist.

    Returns
    -------
    Recovered
        With a note for everything that was passed over.

    Examples
    --------
    >>> read("there is no such directory").records
    []
    """
    files = _files(Path(directory))
    notes: list[str] = []
    for number, path in sorted(files.items(), reverse=True):
        found = parse(path.read_bytes(), number, str(path))
        notes += found.notes
        if found.size:
            found.notes = notes
            return found
    # A new file's number must be above all that are there.
    return Recovered([], max(files, default=0), 0, notes)


def parse(data: bytes, number: int, name: str) -> Recovered:
    """The records in a file's bytes, up to the first that is not whole.

    Parameters
    ----------
    data
        The file.
    number
        That it should have.
    name
        Of the file, for notes.

    Examples
    --------
    >>> parse(MAGIC + HEAD.pack(3) + frame(b"abc", 0) + b"torn", 3, "x").notes
    ['x: the last 4 bytes are half a record; cut to 1 whole records']
    """
    start = len(MAGIC) + HEAD.size
    if data[:start] != MAGIC + HEAD.pack(number):
        return Recovered(notes=[f"{name} is not a journal of this version; it was passed over"])
    records: list[bytes] = []
    place, end, step = start, len(data), RECORD.size
    wrong = ""
    while place < end:
        begin = place + step
        if begin > end:
            wrong = "are half a record"
            break
        length, checksum = RECORD.unpack_from(data, place)
        payload = data[begin : begin + length]
        if len(payload) < length:
            wrong = "are half a record"
            break
        if xxh3_64_intdigest(payload, len(records)) != checksum:
            wrong = "begin with a record whose checksum is wrong"
            break
        records.append(payload)
        place = begin + length
    notes = []
    if wrong:
        notes.append(
            f"{name}: the last {end - place} bytes {wrong}; cut to {len(records)} whole records"
        )
    return Recovered(records, number, place, notes)


def _files(directory: Path) -> dict[int, Path]:
    """The journal's files by number."""
    if not directory.is_dir():
        return {}
    found = {}
    for path in directory.iterdir():
        match = NAME.fullmatch(path.name)
        if match:
            found[int(match[1])] = path
    return found


class Journal:
    """A journal that is being written; it belongs to one thread.

    Parameters
    ----------
    directory
        Is made (for this user alone) if it is not there.
    sync_s
        How often what was written is forced to the disk; 0: by every `flush`; None: never.
    least_bytes, growth
        A file should be compacted when it is larger than both ``least_bytes`` and ``growth`` times
        what it was when it was new.
    rest_s
        After a failure the disk is left alone for so long.
    say
        Called with sentences for the log: what was cut, and what could not be written.

    Raises
    ------
    BlockingIOError
        Another process writes this journal.
    OSError
        The directory cannot be made or written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     journal = Journal(directory)
    ...     journal.begin([b"what is known"])
    ...     journal.append(b"an event")
    ...     journal.flush(0.0)
    ...     journal.close()
    ...     read(directory).records
    [b'what is known', b'an event']
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        sync_s: float | None = 0.1,
        least_bytes: int = 64 << 20,
        growth: float = 4.0,
        rest_s: float = 5.0,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.directory = Path(directory)
        self.sync_s = sync_s
        self.least_bytes = least_bytes
        self.growth = growth
        self.rest_s = rest_s
        self.say = say
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = _lock(self.directory)
        self.recovered = read(self.directory)
        """What was there."""
        for note in self.recovered.notes:
            say(note)
        self.number = self.recovered.number
        self.size = 0
        self.broken = ""
        """Why the file cannot be added to; empty while it can.  A new `begin` mends it."""
        self._first_size = 0
        self._count = 0
        self._fd = -1
        self._waiting: list[bytes] = []
        self._retry_at = 0.0
        self._syncer = _Syncer(sync_s) if sync_s else None

    def begin(self, records: Iterable[bytes], now: float = 0.0) -> None:
        """Go over to a new file.

        Parameters
        ----------
        records
            All that is still needed; whatever was there before, written or not, is given up.
        now
            The time, for the pause after a failure.
        """
        self._waiting.clear()
        number = self.number + 1
        path = self.directory / f"journal-{number:08d}"
        partial = path.with_suffix(".partial")
        fd = -1
        try:
            fd = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            size, count = _fill(fd, number, records)
            if self.sync_s is not None:
                os.fsync(fd)
            os.rename(partial, path)
            if self.sync_s is not None:
                _sync_directory(self.directory)
        except OSError as error:
            if fd >= 0:
                os.close(fd)
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            self._fail(f"a new file could not be written ({error})", now)
            return
        if self.broken:
            self.say(f"the journal in {self.directory} is written again")
        old, self._fd = self._fd, fd
        self.number, self.size, self._first_size = number, size, size
        self._count, self.broken = count, ""
        if self._syncer:
            self._syncer.watch(fd)
        if old >= 0:
            os.close(old)
        for other, stale in _files(self.directory).items():
            if other < number:
                with contextlib.suppress(OSError):
                    stale.unlink()

    def append(self, payload: bytes) -> None:
        """One more record; on its way to the disk with the next `flush`."""
        if not self.broken:
            self._waiting.append(payload)

    def flush(self, now: float) -> None:
        """Hand all records to the kernel: before effects that rest on them are carried out.

        Parameters
        ----------
        now
            The time.  Failures are not raised: they are said, and `due` will ask for a new file.
        """
        if self._syncer and self._syncer.error and not self.broken:
            self._fail(f"it could not be forced to the disk ({self._syncer.error})", now)
        waiting = self._waiting
        if not waiting:
            return
        count = self._count
        data = b"".join([frame(payload, count + i) for i, payload in enumerate(waiting)])
        count += len(waiting)
        waiting.clear()
        try:
            _write_all(self._fd, data)
            if self.sync_s == 0:
                os.fsync(self._fd)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self.size)
            self._fail(f"{len(data):,} bytes could not be written ({error})", now)
            return
        self._count = count
        self.size += len(data)
        if self._syncer:
            self._syncer.wake()

    def due(self, now: float) -> bool:
        """Whether `begin` should be called with what is still needed.

        Parameters
        ----------
        now
            The time.
        """
        if self.broken or self._fd < 0:
            return now >= self._retry_at
        return self.size > max(self.least_bytes, self.growth * self._first_size)

    def close(self) -> None:
        """Write what waits, and force it to the disk."""
        self.flush(0.0)
        if self._syncer:
            self._syncer.stop()
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                if self.sync_s is not None:
                    os.fsync(self._fd)
            os.close(self._fd)
            self._fd = -1
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _fail(self, text: str, now: float) -> None:
        self._waiting.clear()
        if not self.broken:
            self.say(
                f"the journal in {self.directory} is incomplete: {text}; until the disk takes it, a"
                " scheduler that is killed comes back with what it knew before"
            )
        self.broken = text
        self._retry_at = now + self.rest_s


def _fill(fd: int, number: int, records: Iterable[bytes]) -> tuple[int, int]:
    """Write a file from its beginning; its size and how many records it has."""
    pieces = [MAGIC + HEAD.pack(number)]
    size = held = len(pieces[0])
    count = 0
    for payload in records:
        record = frame(payload, count)
        count += 1
        pieces.append(record)
        held += len(record)
        size += len(record)
        if held > 1 << 20:
            _write_all(fd, b"".join(pieces))
            pieces, held = [], 0
    _write_all(fd, b"".join(pieces))
    return size, count


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _sync_directory(directory: Path) -> None:
    """A file's new name is on the disk only when its directory is; Windows has no such thing."""
    if os.name == "posix":
        fd = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _lock(directory: Path) -> int:
    """Keep other processes away from a journal; the kernel lets go when this process ends."""
    if sys.platform == "win32":  # nothing keeps two schedulers from one directory there
        return -1
    fd = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise BlockingIOError(
            f"another scheduler writes the journal in {directory}; give each its own directory"
        ) from None
    return fd


class _Syncer:
    """Forces a file to the disk every so often, in a thread: that takes milliseconds or more."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._changed = threading.Event()
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._fd = -1
        self.error: OSError | None = None
        """Why what was written since `watch` may not be on the disk."""
        self._thread = threading.Thread(target=self._run, name="shoal-journal", daemon=True)
        self._thread.start()

    def watch(self, fd: int) -> None:
        """Another file; when this returns the one before may be closed."""
        with self._lock:
            self._fd = fd
            self.error = None

    def wake(self) -> None:
        """Something was written."""
        self._changed.set()

    def stop(self) -> None:
        self._stopped.set()
        self._changed.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._changed.wait()
            if self._stopped.wait(self._every_s):
                return  # `close` forces the rest
            self._changed.clear()
            with self._lock:
                try:
                    os.fsync(self._fd)
                except OSError as error:
                    # The kernel has dropped the pages: a second fsync would lie.
                    self.error = error
