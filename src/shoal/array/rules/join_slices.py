"""A part of a part is a part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.array.nodes.layout import Slice
from shoal.array.rules.index import combined, is_whole, with_blocks
from shoal.expr.node import Node

__all__ = ["join_slices"]


def join_slices(node: Any, uses: Mapping[str, int]) -> Node | None:
    """Make one index of two, and none of one that takes everything.

    Parameters
    ----------
    node
        Before: ``Slice[1:3] <- Slice[2:8] <- x``.
    uses
        How many nodes read a node.

    Returns
    -------
    Node or None
        After: ``Slice[3:5] <- x``.

    Examples
    --------
    >>> import shoal.array as da
    >>> join_slices(da.arange(9, chunks=3)[2:8][1:3]._node, {}).index
    (slice(3, 5, 1),)
    """
    if type(node) is not Slice:
        return None
    source, shape = node.source, node.source.array_shape
    if all(is_whole(entry, n) for entry, n in zip(node.index, shape, strict=True)):
        return source  # type: ignore[no-any-return]
    if type(source) is not Slice or any(n != n for n in source.source.array_shape):
        return None
    later = iter(node.index)
    index = tuple(
        [
            combined(entry, next(later), n) if isinstance(entry, slice) else entry
            for entry, n in zip(source.index, source.source.array_shape, strict=True)
        ]
    )
    return with_blocks(node, Slice(source.source, index))  # type: ignore[no-any-return]
