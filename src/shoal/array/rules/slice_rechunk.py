"""Part of an array in other blocks: the part first, so that less is moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.array.nodes.layout import Slice
from shoal.array.nodes.rechunk import Rechunk
from shoal.array.rules.index import kept_axes, sliced, with_blocks
from shoal.expr.node import Node

__all__ = ["slice_rechunk"]


def slice_rechunk(node: Any, uses: Mapping[str, int]) -> Node | None:
    """Take the part before the blocks are changed.

    Parameters
    ----------
    node
        Before: ``Slice[0:2] <- Rechunk <- x``.
    uses
        How many nodes read a node: blocks that others need are there already.

    Returns
    -------
    Node or None
        After: ``Rechunk <- Slice[0:2] <- x``.

    Examples
    --------
    >>> import shoal.array as da
    >>> import numpy as np
    >>> x = da.from_array(np.arange(9), chunks=3).rechunk(2)
    >>> slice_rechunk(x[:5]._node, {}).source.index
    (slice(0, 5, 1),)
    """
    if type(node) is not Slice or type(node.source) is not Rechunk:
        return None
    rechunk = node.source
    slices, ints = kept_axes(node.index)
    if uses.get(rechunk.name, 1) > 1 or any(entry.step < 0 for entry in slices):
        return None
    part = sliced(rechunk.source, slices)
    if part is rechunk.source:
        return None
    chunks = Slice(rechunk, slices).chunks
    new = part if part.chunks == chunks else Rechunk(part, chunks)
    return with_blocks(node, new, ints)  # type: ignore[no-any-return]
