"""The first rows, or the last, are taken before work is done on the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.dataframe.nodes.base import FrameNode, PartitionWise
from shoal.dataframe.nodes.partitions import Head, Tail
from shoal.dataframe.nodes.rowwise import ResetIndex

__all__ = ["head_through"]


def head_through(node: Any, uses: Mapping[str, int]) -> FrameNode | None:
    """Move a limit below operations that give a row for each row.

    Parameters
    ----------
    node
        Before: ``Head <- Operator <- x``, or ``Tail``.
    uses
        How many nodes read a node; what is computed anyway stays whole.

    Returns
    -------
    FrameNode or None
        After: ``Operator <- Head <- x``.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=1)
    >>> head_through((df.x + 1).head(1, compute=False).expr, {}).label()
    'add(1)'
    """
    if type(node) not in (Head, Tail) or not isinstance(node.source, PartitionWise):
        return None
    inner = node.source
    if not inner.keeps_rows or uses.get(inner.name, 0) > 1:
        return None
    if isinstance(inner, ResetIndex) and not (type(node) is Head and node.count == 1):
        return None  # rows have other numbers from the second partition on, and from the end
    if not inner.frames or any(frame.npartitions != inner.npartitions for frame in inner.frames):
        return None
    if any(frame.ndim == 0 for frame in inner.frames):
        return None
    return inner.map_sources(
        lambda source: node.replace(source=source) if isinstance(source, FrameNode) else source
    )
