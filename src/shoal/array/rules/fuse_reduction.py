"""A reduction takes the tiles of a fused program as they come."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from shoal import config
from shoal.array.kernels.moments import moment_chunk, moment_combine
from shoal.array.kernels.nan import nanmax_chunk, nanmean_chunk, nanmin_chunk
from shoal.array.kernels.reduce import max_chunk, mean_chunk, mean_combine, min_chunk
from shoal.array.nodes.fused import Fused, FusedReduction
from shoal.array.nodes.reduction import Reduction
from shoal.array.program import Program
from shoal.expr.node import Node

__all__ = ["fuse_reduction"]

MANY_PASSES = frozenset({moment_chunk, nanmean_chunk})
"""What makes arrays as large as what it is given: tiles of them stay in the cache."""


BY_PARTS = frozenset(
    {
        *(np.sum, np.prod, np.max, np.min, np.any, np.all, np.nansum, np.nanprod),
        *(max_chunk, min_chunk, nanmax_chunk, nanmin_chunk),
        *(mean_chunk, mean_combine, nanmean_chunk, moment_chunk, moment_combine),
    }
)
"""Functions for which it does not matter how a block is cut; somebody's own sees whole blocks."""


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
        After: ``FusedReduction(add | sum) <- x``.  A reduction that makes large arrays on its
        way (`MANY_PASSES`) takes tiles of whatever it reduces.

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
    if not (_is_by_parts(node.chunk) and _is_by_parts(node.combine)):
        return None
    (array,) = node.inputs
    if type(array) is Fused and uses.get(array.name, 1) <= 1:
        if array.annotations == node.annotations:
            return FusedReduction(*node.operands, annotations=node.annotations)
    elif getattr(node.chunk, "func", node.chunk) in MANY_PASSES:
        seen = tuple(range(array.ndim))
        tiles = Fused(Program(1, ()), (array,), (seen,), config.get("array.engine"), array.meta)
        operands = node.replace(inputs=(tiles,)).operands
        return FusedReduction(*operands, annotations=node.annotations)
    return None


def _is_by_parts(func: Any) -> bool:
    of = getattr(func, "func", func)
    if getattr(of, "__name__", "") == "reduce":
        return isinstance(getattr(of, "__self__", None), np.ufunc)
    return isinstance(of, Hashable) and of in BY_PARTS


fuse_reduction.phase = 2  # type: ignore[attr-defined] # when programs are as long as they get
