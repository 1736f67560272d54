"""Part of a transposed array is a transposed part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.array.nodes.layout import Permute, Slice
from shoal.array.rules.index import kept_axes, sliced, with_blocks
from shoal.expr.node import Node

__all__ = ["slice_permute"]


def slice_permute(node: Any, uses: Mapping[str, int]) -> Node | None:
    """Take the part before the axes are put in another order.

    Parameters
    ----------
    node
        Before: ``Slice[2:3, 0:4] <- Permute(1, 0) <- x``.
    uses
        How many nodes read a node.

    Returns
    -------
    Node or None
        After: ``Permute(1, 0) <- Slice[0:4, 2:3] <- x``.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.ones((4, 5), chunks=3)
    >>> slice_permute(x.T[2:3]._node, {}).source.index
    (slice(0, 4, 1), slice(2, 3, 1))
    """
    if type(node) is not Slice or type(node.source) is not Permute:
        return None
    permute = node.source
    pairs = list(zip(node.index, permute.axes, strict=True))
    if any(entry == 0 and axis is None for entry, axis in pairs):
        # A new axis that goes again.
        left = [(e, a) for e, a in pairs if not (a is None and e == 0)]
        shorter = Permute(permute.source, tuple([axis for _, axis in left]))
        return with_blocks(node, sliced(shorter, [e for e, _ in left]))  # type: ignore[no-any-return]
    slices, ints = kept_axes(node.index)
    inner: list[Any] = [slice(0, n, 1) for n in permute.source.array_shape]
    for entry, axis in zip(slices, permute.axes, strict=True):
        if axis is not None:
            inner[axis] = entry
        elif entry != slice(0, 1, 1):
            return None
    part = sliced(permute.source, inner)
    if part is permute.source:
        return None
    return with_blocks(node, Permute(part, permute.axes), ints)  # type: ignore[no-any-return]
