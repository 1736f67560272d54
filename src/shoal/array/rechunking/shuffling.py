"""``shuffle``: elements along an axis in another order, in groups that stay together."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from shoal import config
from shoal.array.chunks import AxisChunks, Chunks, has_unknown
from shoal.array.collection import Array
from shoal.array.nodes.selection import Take
from shoal.array.rechunking.convert import rechunk_node

__all__ = ["shuffle", "smaller_blocks"]


def shuffle(x: Array, indexer: Sequence[Sequence[int]], axis: int, chunks: Any = "auto") -> Array:
    """Elements along an axis in the order of an indexer, whose groups each lie in one block.

    Parameters
    ----------
    x
        The array.
    indexer
        A list of lists of places along the axis.  Several groups share a block while it is no
        longer than the longest block of the axis, times ``array.chunk-size-tolerance``.
    axis
        Along which.
    chunks
        "auto": where a group makes a longer block, the other axes are cut so that blocks are as
        large as they were.

    Raises
    ------
    ValueError
        ``indexer`` is no list of lists, the axis is out of bounds, or its length is not known.
    IndexError
        A place is out of bounds.

    Examples
    --------
    >>> import shoal.array as da
    >>> y = shuffle(da.arange(8, chunks=4), [[6, 5, 2], [4, 1], [3, 0, 7]], axis=0)
    >>> y.chunks, y.compute()
    (((5, 3),), array([6, 5, 2, 4, 1, 3, 0, 7]))
    """
    if not isinstance(indexer, list) or not all(isinstance(g, list | np.ndarray) for g in indexer):
        raise ValueError(f"indexer must be a list of lists of positional indices, got {indexer!r}")
    if chunks != "auto":
        raise NotImplementedError(f"chunks must be 'auto', got {chunks!r}; rechunk the result")
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"axis {axis} is out of bounds for an array of {x.ndim} axes")
    axis %= x.ndim
    if has_unknown(x.chunks):
        raise ValueError(
            f"Shuffling only allowed with known chunk sizes, got {x.chunks}; call "
            "compute_chunk_sizes() on the array first"
        )
    groups = [np.asarray(group, dtype=np.int64) for group in indexer]
    index = np.concatenate(groups) if groups else np.empty(0, np.int64)
    if len(index) and (index.min() < 0 or index.max() >= x.shape[axis]):
        raise IndexError(
            f"Indexer contains out of bounds index: places lie between {index.min()} and "
            f"{index.max()}, and axis {axis} has length {x.shape[axis]}"
        )
    own = x.chunks[axis]
    if tuple(map(len, groups)) == own and (index == np.arange(len(index))).all():
        return x
    sizes = _shared([len(group) for group in groups], max(own) * _tolerance())
    node = x._node
    if max(sizes) > max(own) * _tolerance():
        node = rechunk_node(node, smaller_blocks(node.chunks, {axis}, max(sizes) / max(own)))
    return Array(Take(node, axis, index, sizes))


def _tolerance() -> float:
    return float(config.get("array.chunk-size-tolerance"))


def _shared(lengths: list[int], most: float) -> AxisChunks:
    """Lengths of blocks that hold one group, or several while they are not too long.

    >>> _shared([3, 2, 3], 5)
    (5, 3)
    """
    out: list[int] = []
    for n in lengths:
        if out and out[-1] + n <= most:
            out[-1] += n
        else:
            out.append(n)
    return tuple(out) or (0,)


def smaller_blocks(chunks: Chunks, kept: Collection[int], factor: float) -> Chunks:
    """Chunks cut along all axes but some, so that all blocks are smaller by a factor.

    Parameters
    ----------
    chunks
        Of an array.
    kept
        The axes that stay.
    factor
        How many times smaller, if more than 1; each of the other axes gives an equal part of it.

    Examples
    --------
    >>> smaller_blocks(((4, 4), (9, 3)), {0}, 3)
    ((4, 4), (3, 3, 3, 3))
    """
    several = [i for i, blocks in enumerate(chunks) if i not in kept and max(blocks) > 1]
    out = list(chunks)
    for i in several:
        most = max(max(chunks[i]) / max(1, factor) ** (1 / len(several)), 1)
        parts = [_equal(n, -int(-n // most)) if n > most else (n,) for n in chunks[i]]
        out[i] = tuple(itertools.chain.from_iterable(parts))
    return tuple(out)


def _equal(length: int, count: int) -> AxisChunks:
    short, more = divmod(length, count)
    return (short + 1,) * more + (short,) * (count - more)
