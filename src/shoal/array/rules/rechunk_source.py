"""What is made or read anyway is made or read in the blocks that are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from shoal.array.nodes.rechunk import Rechunk
from shoal.array.nodes.sources import Arange, Full
from shoal.expr.node import Node

__all__ = ["rechunk_source"]


def rechunk_source(node: Any, uses: Mapping[str, int]) -> Node | None:
    """Make the blocks that are wanted in the first place.

    Files are still read in their own blocks: reading across them reads them more than once.

    Parameters
    ----------
    node
        Before: ``Rechunk <- Full(1)``.
    uses
        How many nodes read a node.

    Returns
    -------
    Node or None
        After: ``Full(1)`` in other blocks.

    Examples
    --------
    >>> import shoal.array as da
    >>> rechunk_source(da.ones(4, chunks=4).rechunk(2)._node, {}).chunks
    ((2, 2),)
    """
    if type(node) is not Rechunk:
        return None
    source = node.source
    if source.chunks == node.given:
        return source  # type: ignore[no-any-return]
    if type(source) is Arange or (type(source) is Full and np.ndim(source.value) == 0):
        return source.replace(given=node.given)
    return None
