"""``x.T.T`` is ``x``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.array.nodes.layout import Permute
from shoal.expr.node import Node

__all__ = ["join_permutes"]


def join_permutes(node: Any, uses: Mapping[str, int]) -> Node | None:
    """Make one reordering of axes of two, and none of one that changes nothing.

    Parameters
    ----------
    node
        Before: ``Permute(1, 0) <- Permute(1, 0) <- x``.
    uses
        How many nodes read a node.

    Returns
    -------
    Node or None
        After: ``x``.

    Examples
    --------
    >>> import numpy as np
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> x = HeldBlocks((np.ones((2, 3)),), ((2,), (3,)), np.ones((0, 0)))
    >>> join_permutes(Permute(Permute(x, (1, 0)), (1, 0)), {}) is x
    True
    """
    if type(node) is not Permute:
        return None
    source, axes = node.source, node.axes
    if type(source) is Permute:
        joined = tuple([None if axis is None else source.axes[axis] for axis in axes])
        if joined == tuple(range(source.source.ndim)):
            return source.source  # type: ignore[no-any-return]
        return Permute(source.source, joined)
    return source if axes == tuple(range(source.ndim)) else None
