"""A reduction takes the tiles of a fused program as they come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.array.nodes.fused import Fused, FusedReduction
from shoal.array.nodes.reduction import Reduction
from shoal.expr.node import Node

__all__ = ["fuse_reduction"]


def fuse_reduction(node: Any, uses: Mapping[str, int]) -> Node | None:
    """Reduce what nobody else reads while it is in the cache.

    Parameters
    ----------
    node
        Before: ``Reduction(sum) <- Fused(add) <- x``.
    uses
        How many nodes read a node.

    Returns
    -------
    Node or None
        After: ``FusedReduction(add | sum) <- x``.

    Examples
    --------
    >>> import shoal.array as da
    >>> from shoal.array.rules.fuse_elementwise import fuse_elementwise
    >>> fused = fuse_elementwise((da.ones(4, chunks=2) + 1)._node, {})
    >>> total = da.ones(4, chunks=2).sum()._node.replace(inputs=(fused,))
    >>> fuse_reduction(total, {})
    <sum-aggregate-...: FusedReduction(add | sum, axes=(0,), fan_in=(8,)) ()>
    """
    if type(node) is not Reduction or len(node.inputs) != 1:
        return None
    (array,) = node.inputs
    if type(array) is not Fused or uses.get(array.name, 1) > 1:
        return None
    if array.annotations != node.annotations:
        return None
    return FusedReduction(*node.operands, annotations=node.annotations)


fuse_reduction.phase = 2  # type: ignore[attr-defined] # when programs are as long as they get
