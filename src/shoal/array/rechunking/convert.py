"""``rechunk``: which new blocks are wanted; how they are made is the node's business."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

import numpy as np

from shoal import config
from shoal.array.chunks import AxisChunks, Chunks, has_unknown, normalize_chunks, shape_of
from shoal.array.collection import Array
from shoal.array.nodes.base import ArrayNode
from shoal.array.nodes.rechunk import Rechunk, RechunkWithin
from shoal.errors import PerformanceWarning
from shoal.units import parse_bytes

__all__ = ["rechunk", "rechunk_node", "warn_of_growth", "without_empty"]


MANY_MORE = 10
"""Times as many blocks as before, which is worth a warning."""


def without_empty(x: Array) -> Array:
    """The array without blocks of length 0, where it has elements and lengths are known.

    Parameters
    ----------
    x
        The array.

    Examples
    --------
    >>> import shoal.array as da
    >>> without_empty(da.ones(3, chunks=((0, 3),))).chunks
    ((3,),)
    """
    if has_unknown(x.chunks) or all(all(blocks) or not sum(blocks) for blocks in x.chunks):
        return x
    kept = [tuple([n for n in blocks if n]) or (0,) for blocks in x.chunks]
    return Array(rechunk_node(x._node, tuple(kept)))


def rechunk(
    x: Array,
    chunks: Any = "auto",
    threshold: int | None = None,
    block_size_limit: int | None = None,
    balance: bool = False,
    method: str | None = None,
) -> Array:
    """The same array in other blocks.

    Parameters
    ----------
    x
        The array.
    chunks
        As `normalize_chunks` takes them; an axis that a dict does not name, or whose entry is
        None, stays as it is.
    threshold
        How many times as many pieces as the finer end has blocks a step may have; beyond that
        there are steps in between.  Default: the setting ``array.rechunk.threshold``.
    block_size_limit
        Bytes of an automatic block, and of one on the way, at most; by default the setting
        ``array.chunk-size``.
    balance
        Whether to make blocks as equal as they can be, of about the size asked for.
    method
        "tasks", or "p2p", which clusters do their own way and all others by tasks.

    Raises
    ------
    ValueError
        The chunks do not fit, or an axis of unknown length would change.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.ones(6, chunks=3).rechunk(2).chunks
    ((2, 2, 2),)
    """
    if isinstance(chunks, Mapping):
        for axis in chunks:
            if not -x.ndim <= axis < x.ndim:
                raise np.exceptions.AxisError(axis, x.ndim, "chunks of rechunk")
        named = {axis if axis >= 0 else axis + x.ndim: entry for axis, entry in chunks.items()}
        chunks = [named.get(axis) for axis in range(x.ndim)]
        chunks = [own if e is None else e for own, e in zip(x.chunks, chunks, strict=True)]
    elif isinstance(chunks, tuple | list) and (len(chunks) == x.ndim or None in chunks):
        # Entries beyond the axes: dask_glm calls (None, n) for matrices and vectors alike.
        chunks = [own if e is None else e for own, e in zip(x.chunks, chunks, strict=False)]
    method = method or config.get("array.rechunk.method")
    if method not in (None, "tasks", "p2p"):
        raise NotImplementedError(f"method must be 'tasks' or 'p2p', got {method!r}")
    given = _normalized(x, chunks, block_size_limit)
    if balance:
        given = tuple([_balanced(axis) for axis in given])
    node = rechunk_node(x._node, given)
    if type(node) is Rechunk and (threshold is not None or block_size_limit is not None):
        limit = None if block_size_limit is None else parse_bytes(block_size_limit)
        node = RechunkWithin(node.source, node.given, (threshold, limit))
    return Array(node)


def _balanced(blocks: AxisChunks) -> AxisChunks:
    """About as many blocks, as equal as can be.

    >>> _balanced((300, 300, 300, 100)), _balanced((5, 5, 2))
    ((334, 333, 333), (6, 6))
    """
    total = sum(blocks)
    if not total or total != total:
        return blocks
    count = max(round(total / median(blocks)), 1)
    short, more = divmod(total, count)
    return (short + 1,) * more + (short,) * (count - more)


def _normalized(x: Array, chunks: Any, limit: Any) -> Chunks:
    if not has_unknown(x.chunks):
        return normalize_chunks(
            chunks, x.shape, limit=limit, dtype=x.dtype, previous_chunks=x.chunks
        )
    entries = list(chunks) if isinstance(chunks, tuple | list) else [chunks] * x.ndim
    out = []
    for own, entry in zip(x.chunks, entries, strict=True):
        if has_unknown((own,)):
            whole = isinstance(entry, int) and entry == -1 and len(own) == 1
            same = isinstance(entry, tuple) and len(entry) == len(own)
            if not (whole or same):
                raise ValueError(
                    "an axis of unknown length (nan) cannot be cut anew; call "
                    f"compute_chunk_sizes() first, or leave it out: its blocks are {own}, and "
                    f"{entry!r} was asked for"
                )
            out.append(own)
        else:
            out += normalize_chunks((entry,), (sum(own),), dtype=x.dtype, previous_chunks=(own,))
    return tuple(out)


def rechunk_node(node: ArrayNode, chunks: Chunks) -> ArrayNode:
    """A node in other blocks; the node itself where they are its own.

    Parameters
    ----------
    node
        The array.
    chunks
        Normalized.

    Examples
    --------
    >>> import shoal.array as da
    >>> node = da.ones(6, chunks=3)._node
    >>> rechunk_node(node, ((3, 3),)) is node
    True
    """
    if node.chunks == chunks:
        return node
    old, new = node.array_shape, shape_of(chunks)
    for axis, (before, after) in enumerate(zip(old, new, strict=True)):
        if before == before and after == after and before != after:
            raise ValueError(
                f"provided chunks are not consistent with the shape: axis {axis} has length "
                f"{before}, and the new blocks sum to {after}"
            )
    # Blocks of unknown length stay; who asks for lengths says that they are these.
    return Rechunk(node, chunks)


def warn_of_growth(before: Iterable[Any], after: Iterable[Any]) -> None:
    """Warn where arrays that are brought to common blocks have many more of them then.

    That a product of two arrays has more blocks than either is no reason: nobody can change it.

    Parameters
    ----------
    before, after
        The arrays' chunks.

    Warns
    -----
    PerformanceWarning
        The factor is at least `MANY_MORE`.

    Examples
    --------
    >>> warn_of_growth([((1, 1),), ((2,),)], [((1, 1),), ((1, 1),)])
    """
    most, now = [
        max([math.prod(map(len, own)) for own in chunks], default=0) for chunks in (before, after)
    ]
    factor = now / most if most else 0
    if factor >= MANY_MORE:
        warnings.warn(
            f"Increasing number of chunks by factor of {factor:.0f}: the arrays are cut along "
            "different axes; rechunk one of them to the other's chunks first",
            PerformanceWarning,
            stacklevel=6,
        )
