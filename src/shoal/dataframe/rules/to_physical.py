"""From what is computed to how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.dataframe.nodes.base import FrameNode, Logical

__all__ = ["to_physical"]


def to_physical(node: Any, uses: Mapping[str, int]) -> FrameNode | None:
    """Replace a logical node by the nodes that do its work.

    Parameters
    ----------
    node
        Before: ``Reduce(sum)``.
    uses
        Not needed.

    Returns
    -------
    FrameNode or None
        After: ``Tree(sum) <- partial sum``.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> to_physical(from_dict({"x": [1, 2]}, npartitions=1).x.sum().expr, {}).label()
    'Tree(sum, split_every=8)'
    """
    return node.physical() if isinstance(node, Logical) else None


to_physical.phase = 3  # type: ignore[attr-defined]
