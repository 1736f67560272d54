"""Part of an array in another shape is a part of the array, in another shape."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from shoal.array.chunks import has_unknown
from shoal.array.grid import axis_groups, run_lengths
from shoal.array.nodes.layout import Slice
from shoal.array.nodes.reshape import ReshapeBlocks
from shoal.array.rules.index import is_whole, kept_axes, sliced, with_blocks
from shoal.expr.node import Node

__all__ = ["slice_reshape"]


def slice_reshape(node: Any, uses: Mapping[str, int]) -> Node | None:
    """Take the part before the shape is another, where it is one part of the array: along axes that
    stay, or along the first of those that are joined or split.

    Parameters
    ----------
    node
        Before: ``Slice[2:4, 0:3] <- ReshapeBlocks((12,) -> (4, 3)) <- x``.
    uses
        How many nodes read a node: what others need whole is not computed again in part.

    Returns
    -------
    Node or None
        After: ``ReshapeBlocks((6,) -> (2, 3)) <- Slice[6:12] <- x``.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.ones((4, 6), chunks=(2, 6))
    >>> slice_reshape(x.reshape(4, 2, 3)[1:3]._node, {}).source.index
    (slice(1, 3, 1), slice(0, 6, 1))
    """
    if type(node) is not Slice or type(node.source) is not ReshapeBlocks:
        return None
    shaped, source = node.source, node.source.source
    if uses.get(shaped.name, 1) > 1 or not _is_known(shaped, source):
        return None
    slices, ints = kept_axes(node.index)
    if any(n == 1 and not is_whole(e, n) for e, n in zip(slices, shaped.array_shape, strict=True)):
        return None
    own = [slice(0, n, 1) for n in source.array_shape]
    groups = axis_groups(source.array_shape, shaped.array_shape)
    for old, new in groups:
        lengths = [source.array_shape[i] for i in old], [shaped.array_shape[i] for i in new]
        entry = _entry([slices[i] for i in new], *lengths)
        if entry is None:
            return None
        own[old[0]] = entry
    part, given = sliced(source, own), sliced(shaped, slices).chunks
    if part is source:
        return None
    for old, new in groups:
        # The elements of a block stay in it.
        if run_lengths([part.chunks[i] for i in old]) != run_lengths([given[i] for i in new]):
            return None
    return with_blocks(node, ReshapeBlocks(part, given), ints)  # type: ignore[no-any-return]


def _is_known(shaped: Any, source: Any) -> bool:
    """Whether lengths are known and not 0, and axes of length 1 are one block."""
    return not any(
        has_unknown(array.chunks)
        or any(not sum(blocks) or (sum(blocks) == 1 and len(blocks) > 1) for blocks in array.chunks)
        for array in (shaped, source)
    )


def _entry(entries: Sequence[slice], old: Sequence[int], new: Sequence[int]) -> slice | None:
    """What to take along the first of some axes, to have a part along the axes that they become.

    >>> (
    ...     _entry([slice(2, 4, 1), slice(0, 3, 1)], [12], [4, 3]),
    ...     _entry([slice(3, 9, 1)], [4, 3], [12]),
    ... )
    (slice(6, 12, 1), slice(1, 3, 1))
    """
    first = entries[0]
    if len(old) == len(new) == 1:
        return first
    if not all(is_whole(entry, n) for entry, n in zip(entries[1:], new[1:], strict=True)):
        return None
    if first.step != 1:
        return None
    inner, outer = math.prod(new[1:]), math.prod(old[1:])
    start, stop = first.start * inner, first.stop * inner
    return None if start % outer or stop % outer else slice(start // outer, stop // outer, 1)
