"""Spilling and loading beside the loop: one thread, which owns the folder.

It is told what to write and read, and tells the loop what became of it.  A file for a result that
is still in memory is as good as a new one: nothing changes a result.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shoal.distributed.core.worker.table import WHOLE, part_of_number
from shoal.distributed.node.serve import Offload
from shoal.distributed.node.spill import Disk
from shoal.distributed.node.store import Packed, Store
from shoal.errors import SerializationError, SpillError, SpillFullError
from shoal.serialize.messages import message
from shoal.serialize.parts import SHELF, Stored, part_frames
from shoal.serialize.pickles import Frames, loads
from shoal.types import Parts

__all__ = ["Disks"]


class Disks:
    """The thread that spills.

    Parameters
    ----------
    store
        Values in memory.
    folder, quota_bytes
        See `shoal.distributed.node.spill.Disk`.
    tell
        ``tell(what, *args)`` in the disk's thread: ``"spilled", id``; ``"shelved", id, nbytes``;
        ``"spill_failed", ids, why, full``; ``"loaded", id``; ``"load_failed", id, why``.

    Examples
    --------
    >>> import queue, tempfile
    >>> said, store = queue.Queue(), Store()
    >>> store.values[5] = [1, 2, 3]
    >>> disks = Disks(store, Path(tempfile.mkdtemp()), 0, lambda *what: said.put(what))
    >>> disks.spill([(5, "x")])
    >>> said.get(timeout=5)
    ('spilled', 5)
    >>> disks.evict([5])
    >>> disks.load([5])
    >>> said.get(timeout=5), store.get(5)
    (('loaded', 5), [1, 2, 3])
    >>> disks.close()
    """

    def __init__(
        self, store: Store, folder: Path, quota_bytes: int, tell: Callable[..., object]
    ) -> None:
        self.store = store
        self.disk = Disk(folder, quota_bytes)
        self.tell = tell
        self.thread = Offload("shoal-disk")
        self.on_disk: set[int] = set()
        """Results with a file; the loop's view, which may be ahead of the thread's."""

    # --- by the loop --------------------------------------------------------------------------

    def spill(self, results: list[tuple[int, Any]]) -> None:
        """Write results.

        Parameters
        ----------
        results
            Ids of their rows, and keys for errors.
        """
        for id, key in results:
            self.on_disk.add(id)
            self.thread.put(self._write, id, key)

    def evict(self, ids: list[int]) -> None:
        """Let go of values that are on disk.

        Parameters
        ----------
        ids
            Of their rows.
        """
        for id in ids:
            self.store.free(id)
        self.thread.put(trim_heap)

    def load(self, ids: list[int]) -> None:
        """Read results back.

        Parameters
        ----------
        ids
            Of their rows.
        """
        for id in ids:
            self.thread.put(self._read, id)

    def free(self, ids: list[int]) -> None:
        """Remove files, where there are any.

        Parameters
        ----------
        ids
            Of rows of results.
        """
        if self.on_disk:
            for id in self.on_disk.intersection(ids):
                self.on_disk.discard(id)
                self.thread.put(self.disk.remove, id)

    def frames(self, id: int) -> Frames | None:
        """A result, or a part of one, straight from its file, for somebody else; in any thread.

        Parameters
        ----------
        id
            Of its row.
        """
        whole, part = id & WHOLE, part_of_number(id)
        try:
            frames = self.disk.read(whole)
            value = None if part < 0 else loads(frames)
            return part_frames(value, part) if isinstance(value, Parts) else frames
        except SpillError as error:
            if whole in self.store.values:
                # Loaded since the caller did not find it there.
                return self.store.frames(id, whole)
            if whole in self.disk.sizes:
                self.tell("load_failed", whole, str(error))
            return None

    def close(self) -> None:
        """Write and read no more."""
        self.thread.close()

    # --- in the disk's thread -----------------------------------------------------------------

    def _write(self, id: int, key: Any) -> None:
        if id in self.disk.sizes:
            self.tell("spilled", id)
            return
        try:
            value = self.store.values[id]
            if isinstance(value, Parts):
                self._shelve(id, value)
                return
            self.disk.write(id, self.store.frames(id, key))
        except KeyError:
            # Dropped meanwhile.
            return
        except SpillFullError as error:
            self.tell("spill_failed", [id], str(error), True)
        except (SpillError, SerializationError) as error:
            self.tell("spill_failed", [id], str(error), False)
        except Exception as error:
            why = f"pickling the result of {key!r} raised {type(error).__name__}: {message(error)}"
            self.tell("spill_failed", [id], why, False)
        else:
            self.tell("spilled", id)

    def _shelve(self, id: int, value: Parts) -> None:
        """Its parts are read one by one, so they go to files that allow that."""
        stored = value if isinstance(value, Stored) else SHELF.put(value)
        if stored is not value:
            self.store.values[id] = stored
            self.thread.put(trim_heap)
        self.tell("shelved", id, stored.nbytes)

    def _read(self, id: int) -> None:
        try:
            frames = self.disk.read(id)
        except Exception as error:  # no memory for it, too: tasks wait for it
            self.tell("load_failed", id, f"{type(error).__name__}: {message(error)}")
            return
        self.store.values[id] = Packed(frames)
        self.on_disk.discard(id)
        self.disk.remove(id)
        self.tell("loaded", id)


def trim_heap() -> None:
    """Have the C library give memory that is free back to the system, where it can."""
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@functools.cache
def _malloc_trim() -> Any:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
