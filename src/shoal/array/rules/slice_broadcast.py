"""Part of a repeated array is part of the array, repeated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.array.nodes.layout import BroadcastTo, Slice
from shoal.array.rules.index import sliced, with_blocks
from shoal.expr.node import Node

__all__ = ["slice_broadcast"]


def slice_broadcast(node: Any, uses: Mapping[str, int]) -> Node | None:
    """Take the part before the array is repeated.

    Parameters
    ----------
    node
        Before: ``Slice[0:2, 1:3] <- BroadcastTo(9, 4) <- x``.
    uses
        How many nodes read a node.

    Returns
    -------
    Node or None
        After: ``BroadcastTo(2, 2) <- Slice[1:3] <- x``.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.broadcast_to(da.ones(4, chunks=4), (9, 4))
    >>> slice_broadcast(x[:2, 1:3]._node, {}).array_shape
    (2, 2)
    """
    if type(node) is not Slice or type(node.source) is not BroadcastTo:
        return None
    repeated = node.source
    source, shift = repeated.source, repeated.ndim - repeated.source.ndim
    own: list[Any] = []
    for axis, length in enumerate(source.array_shape):
        entry = node.index[axis + shift]
        if length == 1 and repeated.array_shape[axis + shift] != 1:
            entry = slice(0, 1, 1) if isinstance(entry, slice) else 0
        own.append(entry)
    part = sliced(source, own)
    new = part if part.chunks == node.chunks else BroadcastTo(part, node.chunks)
    return with_blocks(node, new)  # type: ignore[no-any-return]
