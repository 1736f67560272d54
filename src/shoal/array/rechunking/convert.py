"""``rechunk``: which new blocks are wanted; how they are made is the node's business."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.array.chunks import Chunks, has_unknown, normalize_chunks, shape_of
from shoal.array.collection import Array
from shoal.array.nodes.base import ArrayNode
from shoal.array.nodes.rechunk import Rechunk

__all__ = ["rechunk", "rechunk_node"]


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
        How much larger than the source or the target the graph may become by each step.
    block_size_limit
        Bytes of a block on the way, at most.
    balance
        Whether blocks should be as equal as they can be.
    method
        "tasks" or "p2p".

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
        named = {axis if axis >= 0 else axis + x.ndim: entry for axis, entry in chunks.items()}
        chunks = [named.get(axis) for axis in range(x.ndim)]
        chunks = [own if e is None else e for own, e in zip(x.chunks, chunks, strict=True)]
    elif isinstance(chunks, tuple | list) and len(chunks) == x.ndim:
        chunks = [own if e is None else e for own, e in zip(x.chunks, chunks, strict=True)]
    given = _normalized(x, chunks, block_size_limit)
    return Array(rechunk_node(x._node, given))


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
