"""Large results in shared memory, where others on this host will read them: copied only once.

A result that lies in memory of this process's own is copied each time that another process wants
it.  So what a client waits for is moved to shared memory by the thread that made it, and any other
large result when it is first sent.  From then on the segment *is* the result (`Packed`): readers,
here and elsewhere, map it, each privately (see `shoal.distributed.net.shared`), and the memory
that it was made in is free as soon as the last task that uses it has ended.

Only what is nearly all buffers is worth it (arrays, frames and tables of such): to rebuild those
costs microseconds.
"""

from __future__ import annotations

from typing import Any

from shoal.distributed.net.shared import find, share
from shoal.distributed.node.store import Packed, Store
from shoal.serialize.pickles import Frames, dumps

__all__ = ["PLACE_BYTES", "place", "place_held"]

PLACE_BYTES = 1 << 20
"""Smaller results travel as they are; as `Limits.segment_bytes`."""

MOST_HEAD = 1 / 16
"""How much of a result may be other than buffers."""


def place(value: Any) -> Any:
    """A result that will be read elsewhere, in shared memory if that is simple; else itself.

    Parameters
    ----------
    value
        The result.

    Returns
    -------
    object
        A `Packed` of the same, or the value: where it is no array of plain elements in line, lies
        in shared memory already, or there is no room.

    Examples
    --------
    >>> import numpy as np
    >>> len(place(np.arange(200_000)).open()), place([1, 2])
    (200000, [1, 2])
    """
    if not is_plain_array(value):
        return value
    placed = moved(dumps(value))
    return value if placed is None else Packed(placed)


def is_plain_array(value: Any) -> bool:
    """Whether a value is one piece of memory: looking at it tells, and pickling costs nothing."""
    flags, dtype = getattr(value, "flags", None), getattr(value, "dtype", None)
    if not hasattr(value, "__array_interface__") or getattr(dtype, "hasobject", True):
        return False
    return bool(getattr(flags, "forc", False))


def place_held(store: Store, id: int, held: Any, frames: Frames) -> Frames:
    """The frames of a result that is about to be sent, in shared memory from now on.

    Parameters
    ----------
    store
        Where it is held.
    id
        Its number.
    held
        What the store had under the number before the frames were made; they take its place
        only: by now the number may be that of something else.
    frames
        From `Store.frames`.

    Examples
    --------
    >>> import numpy as np
    >>> store = Store()
    >>> store.values[5] = np.ones(200_000)
    >>> frames = place_held(store, 5, store.values[5], store.frames(5, "x"))
    >>> held = store.values[5]
    >>> type(held).__name__, place_held(store, 5, held, frames) is frames
    ('Packed', True)
    """
    if held is None or frames.nbytes < PLACE_BYTES or len(frames.head) > MOST_HEAD * frames.nbytes:
        return frames
    placed = moved(frames)
    if placed is None:
        return frames
    if store.values.get(id) is held:
        store.values[id] = Packed(placed)
    return placed


def moved(frames: Frames) -> Frames | None:
    """The same object in shared memory; None if it is there already, or there is no room."""
    if not frames.buffers or all(find(buffer) for buffer in frames.buffers):
        return None
    shared = share(frames.buffers)
    if any(find(buffer) is None for buffer in shared if len(buffer)):
        return None
    return Frames(frames.head, shared)
