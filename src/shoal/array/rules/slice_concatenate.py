"""Part of arrays side by side is parts side by side; arrays of which nothing is left go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.array.nodes.layout import Concatenate, Slice
from shoal.array.rules.index import kept_axes, sliced, with_blocks
from shoal.expr.node import Node

__all__ = ["slice_concatenate"]


def slice_concatenate(node: Any, uses: Mapping[str, int]) -> Node | None:
    """Take the part of each array before they are put side by side.

    Parameters
    ----------
    node
        Before: ``Slice[0:3] <- Concatenate <- x, y`` with three elements in ``x``.
    uses
        How many nodes read a node.

    Returns
    -------
    Node or None
        After: ``x``.

    Examples
    --------
    >>> import shoal.array as da
    >>> x, y = da.ones(3, chunks=3), da.zeros(3, chunks=3)
    >>> slice_concatenate(da.concatenate([x, y])[:3]._node, {}) is x._node
    True
    """
    if type(node) is not Slice or type(node.source) is not Concatenate:
        return None
    parts, axis = node.source.parts, node.source.axis
    slices, ints = kept_axes(node.index)
    along = slices[axis]
    lengths = [part.array_shape[axis] for part in parts]
    if along.step < 0 or any(n != n for n in lengths):
        return None
    left: list[Any] = []
    begin = 0
    for part, length in zip(parts, lengths, strict=True):
        own = _within(along, begin, length)
        if own is not None:
            left.append(sliced(part, [*slices[:axis], own, *slices[axis + 1 :]]))
        begin += length
    if not left or (
        all(old is new for old, new in zip(parts, left, strict=False)) and (len(parts) == len(left))
    ):
        return None
    new = left[0] if len(left) == 1 else Concatenate(tuple(left), axis)
    return with_blocks(node, new, ints)  # type: ignore[no-any-return]


def _within(along: slice, begin: int, length: int) -> slice | None:
    """The part of a slice that falls on ``length`` elements from ``begin`` on."""
    first = along.start
    if first < begin:
        first += -(-(begin - first) // along.step) * along.step
    stop = min(along.stop, begin + length)
    return slice(first - begin, stop - begin, along.step) if first < stop else None
