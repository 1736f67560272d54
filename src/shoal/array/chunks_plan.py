"""From chunks to other chunks, in steps that are neither too many pieces nor too large blocks.

Cutting an array anew in one step makes a piece of each overlap of an old block with a new one: for
rows that become columns the square of their number.  With chunks in between it is fewer.  Between
old and new the number of blocks along each axis goes geometrically, so that the size of a block
does too: no step needs larger blocks than both ends.  Where the limit allows larger ones, fewer
are made.  Boundaries in between are taken from those of the finer end, so a step merges or splits
along an axis and rarely does both.

The number of steps is the smallest with which every step has few pieces, or large ones, or the one
with the fewest pieces in all: a step more moves every element once more, which large pieces are not
worth.
"""

from __future__ import annotations

import bisect
import itertools
import math

from shoal.array.chunks import AxisChunks, Chunks

__all__ = ["pieces", "plan_rechunk"]

LARGE_PIECE_BYTES = 32 << 10
"""A piece costs some 20 us wherever it goes, and moving a byte about 1 ns."""

SMALL_BLOCK_BYTES = 8 << 20
GROWTH = 2
"""Blocks in between may be small, or so much larger than those at the ends: who made these had the
memory of a task in mind."""

MOST_STEPS = 6
"""Each step copies all elements once; more have never paid."""


def plan_rechunk(
    old: Chunks, new: Chunks, itemsize: int, threshold: float, limit_bytes: float
) -> list[Chunks]:
    """The chunks after each step from old to new ones.

    Parameters
    ----------
    old, new
        Of the array.
    itemsize
        Bytes of an element.
    threshold
        How many times as many pieces as there are blocks at the finer end a step may have.
    limit_bytes
        Of a block in between, at most; though no less than at both ends.

    Returns
    -------
    list
        The last are the new ones.

    Examples
    --------
    >>> rows, columns = ((1,) * 100, (100,)), ((100,), (1,) * 100)
    >>> plan = plan_rechunk(rows, columns, 8, 5, 80 * 40)
    >>> [tuple(map(len, chunks)) for chunks in plan]
    [(5, 5), (1, 100)]
    """
    size = math.prod(sum(axis) for axis in new) * itemsize
    allowed = max(threshold * max(_count(old), _count(new)), size / LARGE_PIECE_BYTES)
    best, fewest = [new], pieces(old, new)
    if fewest <= allowed or any(sum(axis) == 0 for axis in new):
        return best
    ends = max(_largest(old), _largest(new))
    bound = min(limit_bytes, max(SMALL_BLOCK_BYTES, GROWTH * ends * itemsize))
    most = max(bound / max(itemsize, 1), ends)
    for steps in range(2, MOST_STEPS + 1):
        parts = [_between(old, new, i / steps, most) for i in range(1, steps)]
        path = [chunks for chunks, _ in itertools.groupby([*parts, new])]
        costs = [pieces(a, b) for a, b in itertools.pairwise([old, *path])]
        if sum(costs) < fewest:
            best, fewest = path, sum(costs)
        if max(costs) <= allowed:
            return path
    return best


def pieces(old: Chunks, new: Chunks) -> int:
    """How many overlaps there are of old blocks with new ones.

    Parameters
    ----------
    old, new
        Chunks of one array.

    Examples
    --------
    >>> pieces(((2, 2),), ((1, 3),)), pieces(((2, 2), (1,)), ((2, 2), (1,)))
    (3, 2)
    """
    counts = []
    for before, after in zip(old, new, strict=True):
        if before == after:
            counts.append(len(before))
        else:
            ends = {*itertools.accumulate(before), *itertools.accumulate(after)}
            counts.append(len(ends - {0}))
    return math.prod(counts)


def _count(chunks: Chunks) -> int:
    return math.prod(map(len, chunks))


def _largest(chunks: Chunks) -> float:
    sizes = [max(axis) for axis in chunks]
    return math.prod(1 if n != n else n for n in sizes)


def _between(old: Chunks, new: Chunks, part: float, most: float) -> Chunks:
    """Chunks some part of the way from old to new ones."""
    lengths = [sum(axis) for axis in new]
    pairs = list(zip(old, new, strict=True))
    counts = [len(a) ** (1 - part) * len(b) ** part for a, b in pairs]
    moving = [i for i, (a, b) in enumerate(pairs) if a != b]
    size = math.prod(n / c for n, c in zip(lengths, counts, strict=True) if n == n)
    # Larger blocks where they are allowed: the same factor off along each axis that changes.
    while moving and size < most:
        factor = (most / size) ** (1 / len(moving))
        for axis in list(moving):
            lowest = min(map(len, pairs[axis]))
            fewer = max(counts[axis] / factor, lowest)
            size *= counts[axis] / fewer
            counts[axis] = fewer
            if fewer == lowest:
                moving.remove(axis)
        if factor < 1.01:
            break
    out = []
    for (a, b), count in zip(pairs, counts, strict=True):
        out.append(a if a == b else _axis(a, b, math.ceil(count - 1e-9)))
    return tuple(out)


def _axis(old: AxisChunks, new: AxisChunks, count: int) -> AxisChunks:
    """About so many blocks, whose ends are ends of the finer of two.

    >>> _axis((1,) * 12, (6, 6), 4), _axis((12,), (5, 5, 2), 2)
    ((3, 3, 3, 3), (5, 7))
    """
    fine, coarse = (old, new) if len(old) >= len(new) else (new, old)
    if count >= len(fine):
        return fine
    if count <= len(coarse):
        return coarse
    ends = list(itertools.accumulate(fine))
    total = ends[-1]
    chosen = set(itertools.accumulate(coarse)) if count >= 2 * len(coarse) else {total}
    for i in range(1, count):
        at = total * i / count
        place = bisect.bisect_left(ends, at)
        near = ends[max(place - 1, 0) : place + 1]
        chosen.add(min(near, key=lambda end: abs(end - at)))
    bounds = sorted({0, *chosen})
    return tuple([b - a for a, b in itertools.pairwise(bounds)])
