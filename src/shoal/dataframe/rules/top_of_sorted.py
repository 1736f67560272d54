"""What is sorted only for its first rows is not sorted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.dataframe.nodes.base import FrameNode
from shoal.dataframe.nodes.moves import Sort, Top
from shoal.dataframe.nodes.partitions import Head, Tail

__all__ = ["top_of_sorted"]

MOST_ROWS = 1_000_000
"""A task puts those of all partitions together; more are sorted where they are."""


def top_of_sorted(node: Any, uses: Mapping[str, int]) -> FrameNode | None:
    """Take the first rows of each partition in place of moving all rows between them.

    Parameters
    ----------
    node
        Before: ``Head <- Sort <- x``, or ``Tail``.
    uses
        How many nodes read a node; what is sorted for others as well is sorted.

    Returns
    -------
    FrameNode or None
        After: ``Top <- x``.  Where fewer rows than were asked for would be in the partitions that
        a head looks at, it has the others, too.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [3, 1, 2]}, npartitions=2)
    >>> top_of_sorted(df.sort_values("x").head(2, compute=False).expr, {}).label()
    "Top(first 2 by ['x'])"
    """
    if type(node) not in (Head, Tail) or type(node.source) is not Sort:
        return None
    inner = node.source
    if uses.get(inner.name, 0) > 1 or node.n * inner.source.npartitions > MOST_ROWS:
        return None
    end = "first" if type(node) is Head else "last"
    return Top(inner.source, inner.by, inner.options, node.n, end, annotations=node.annotations)
