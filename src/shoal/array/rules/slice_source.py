"""Part of what is made or read: nothing else is made or read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from shoal.array.nodes.layout import Slice
from shoal.array.nodes.sources import Arange, FromArray, Full
from shoal.array.rules.index import combined, kept_axes, with_blocks
from shoal.expr.node import Node

__all__ = ["slice_source"]


def slice_source(node: Any, uses: Mapping[str, int]) -> Node | None:
    """Make, or read, the part only.

    Parameters
    ----------
    node
        Before: ``Slice[2:4] <- FromArray(dataset, (9,))``.
    uses
        How many nodes read a node: what others read whole is not read again in part.

    Returns
    -------
    Node or None
        After: ``FromArray(dataset, (2,))``.

    Examples
    --------
    >>> import shoal.array as da
    >>> slice_source(da.arange(9, chunks=3)[2:8:2]._node, {})
    <arange-...: Arange(start=2, step=2, ...) (3,)>
    """
    if type(node) is not Slice:
        return None
    source = node.source
    slices, ints = kept_axes(node.index)
    chunks = Slice(source, slices).chunks
    new: Any = None
    if type(source) is Full and np.ndim(source.value) == 0:
        new = source.replace(given=chunks)
    elif type(source) is Arange and source.dtype.kind in "iu":
        # Of floats, rounding would differ.
        (entry,) = slices
        start = source.start + entry.start * source.step
        new = source.replace(start=start, step=source.step * entry.step, given=chunks)
    elif type(source) is FromArray and uses.get(source.name, 1) == 1:
        region = _narrowed(source, slices)
        # Taken whole, it is as it was.  A new node would not be equal where the reader's token is
        # random, as that of an open file is, and the rule would want its own result for ever.
        if region is not None and (region, chunks) != (source.region, source.given):
            new = source.replace(region=region, given=chunks)
    return None if new is None else with_blocks(node, new, ints)


def _narrowed(source: Any, slices: tuple[slice, ...]) -> tuple[slice, ...] | None:
    """The part of the reader that part of the array is; None where it would be read backwards."""
    if any(entry.step < 0 for entry in slices) or any(n == 0 for n in source.array_shape):
        return None
    pairs = zip(source.region, slices, strict=True)
    return tuple([combined(whole, entry, whole.stop) for whole, entry in pairs])
