"""Part of a reduction, along the axes that stay, is the reduction of a part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.array.nodes.layout import Slice
from shoal.array.nodes.reduction import Reduction
from shoal.array.rules.index import is_whole, kept_axes, sliced, with_blocks
from shoal.expr.node import Node

__all__ = ["slice_reduction"]


def slice_reduction(node: Any, uses: Mapping[str, int]) -> Node | None:
    """Take the part of what is reduced instead of the result.

    Parameters
    ----------
    node
        Before: ``Slice[2:3] <- Reduction(sum, axes=(0,)) <- x``.
    uses
        How many nodes read a node: what others need whole is not computed again in part.

    Returns
    -------
    Node or None
        After: ``Reduction(sum, axes=(0,)) <- Slice[0:9, 2:3] <- x``.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.ones((9, 5), chunks=3)
    >>> slice_reduction(x.sum(axis=0)[2:3]._node, {}).inputs[0].index
    (slice(0, 9, 1), slice(2, 3, 1))
    """
    if type(node) is not Slice or type(node.source) is not Reduction:
        return None
    reduction = node.source
    # What gets more than the array knows where its blocks are.
    if uses.get(reduction.name, 1) > 1 or len(reduction.inputs) != 1:
        return None
    array = reduction.inputs[0]
    slices, ints = kept_axes(node.index)
    entries = iter(slices)
    inner: list[Any] = []
    for axis, length in enumerate(array.array_shape):
        if axis not in reduction.axes:
            inner.append(next(entries))
            continue
        if reduction.keepdims and not is_whole(next(entries), reduction.output_size):
            return None
        inner.append(slice(0, length, 1))
    part = sliced(array, inner)
    if part is array:
        return None
    return with_blocks(node, reduction.replace(inputs=(part,)), ints)  # type: ignore[no-any-return]
