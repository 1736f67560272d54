"""The automatic choice of chunks: blocks of about a given size, as near to cubes as they can be.

The free axes share what the fixed ones leave of the limit, each by the same factor.  Where there
are chunks already (those of a file, say), blocks are multiples of them, so that no stored block is
read twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

__all__ = ["auto_chunks"]


def auto_chunks(
    entries: Sequence[Any],
    shape: Sequence[Any],
    limit_bytes: float,
    dtype: Any,
    previous: Any,
    tolerance: float,
) -> list[Any]:
    """Replace ``"auto"`` among the entries of chunks.

    Parameters
    ----------
    entries
        For each axis a length, the lengths of all blocks, or ``"auto"``.
    shape
        Of the array.
    limit_bytes
        What a block takes at most.
    dtype
        A `numpy.dtype`.
    previous
        The chunks there are, or None.
    tolerance
        Previous chunks stay when they exceed the limit by no more than this factor.

    Examples
    --------
    >>> import numpy as np
    >>> auto_chunks(["auto", 2], (20, 20), 20, np.dtype("uint8"), None, 1.25)
    [10, 2]
    """
    free = [axis for axis, entry in enumerate(entries) if isinstance(entry, str)]
    _check(free, shape, dtype)
    limit = max(1.0, limit_bytes / max(1, dtype.itemsize))
    fixed = [_largest(entry) for entry in entries if not isinstance(entry, str)]
    room = limit / max(1, math.prod(fixed))
    out = list(entries)
    if previous is not None:
        before = {axis: max(1, _largest(previous[axis])) for axis in free}
        fits = math.prod(before.values()) <= room * tolerance
        sizes = _share({axis: float(n) for axis, n in before.items()}, room, shape)
        for axis in free:
            out[axis] = _multiple(sizes[axis], before[axis], previous[axis], fits, shape[axis])
        return out
    sizes = _share(dict.fromkeys(free, 1.0), room, shape)
    for axis in free:
        out[axis] = max(1, int(sizes[axis] + 1e-9))
    return out


def _check(free: list[int], shape: Sequence[Any], dtype: Any) -> None:
    if dtype is None:
        raise ValueError("chunks 'auto' need a dtype; pass dtype=, or give chunks as numbers")
    if dtype.hasobject:
        raise NotImplementedError(
            f"chunks 'auto' need to know what an element takes, and those of dtype {dtype} can "
            "take anything; give chunks as numbers"
        )
    for length in shape:
        if length != length:
            raise ValueError(
                "chunks 'auto' need an array whose shape is known, got an axis of unknown length "
                "(nan); call compute_chunk_sizes() first, or give chunks as numbers"
            )


def _largest(entry: Any) -> int:
    return int(max(entry, default=1)) if isinstance(entry, tuple | list) else int(entry)


def _share(sizes: dict[int, float], room: float, shape: Sequence[int]) -> dict[int, float]:
    """Scale all sizes by one factor to fill the room; an axis that is used up leaves the others."""
    done: dict[int, float] = {}
    while sizes:
        factor = room / math.prod([*sizes.values(), *done.values()])
        factor = factor ** (1 / len(sizes))
        full = [axis for axis, size in sizes.items() if size * factor >= shape[axis]]
        if not full:
            return {**done, **{axis: size * factor for axis, size in sizes.items()}}
        for axis in full:
            done[axis] = float(max(1, shape[axis]))
            del sizes[axis]
    return done


def _multiple(size: float, before: int, previous: Any, fits: bool, length: int) -> Any:
    """A size as a multiple of the blocks there are."""
    if size >= length:
        return max(1, length)
    if size + 1e-9 >= before:
        return int((size + 1e-9) // before) * before
    if fits:
        return (
            tuple(previous)
            if isinstance(previous, tuple | list) and sum(previous) == length
            else before
        )
    return max(1, int(size))
