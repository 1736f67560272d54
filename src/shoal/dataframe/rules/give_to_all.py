"""A side of a join that is surely small is given to all partitions of the other one."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from shoal.dataframe.nodes.base import FrameNode
from shoal.dataframe.nodes.moves import GIVEN, Join
from shoal.dataframe.nodes.open import limit_bytes
from shoal.dataframe.nodes.partitions import Repartition
from shoal.dataframe.nodes.sizes import most_bytes

__all__ = ["give_to_all", "is_worth_giving"]

FEWER = 4
"""A side is given if it has so many times fewer partitions,"""

LIGHTER = 2
"""or if all that it is given to are so many times larger than what they are given in sum."""

BIAS = 0.5
"""Of ``merge(broadcast=)``, a number: with twice as much sides are given that are twice as large,
or have twice as many partitions."""


def give_to_all(node: Any, uses: Mapping[str, int]) -> FrameNode | None:
    """Put a side of a join into one partition, which is given to all of the other side's.

    Looked at are the sides as the logical rules have left them: without the columns that nobody
    reads.  What only may be small, for nobody knows how many rows a filter leaves, is decided when
    it runs (`leave_open`).  A side whose rows are where the join wants them stays there.

    Parameters
    ----------
    node
        Before: ``Join <- large, small``.
    uses
        Not needed: what others read is put together beside that.

    Returns
    -------
    FrameNode or None
        After: ``Join <- large, Repartition(to 1) <- small``.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> large = from_dict({"k": range(99), "x": range(99)}, npartitions=9)
    >>> small = from_dict({"k": [1, 2], "y": [3, 4]}, npartitions=2)
    >>> give_to_all(large.merge(small, on="k").expr, {}).right.label()
    'Repartition(2 to 1)'
    >>> give_to_all(large.merge(small, on="k", broadcast=False).expr, {})
    """
    if not isinstance(node, Join) or node.direct or node.by_divisions or node.broadcast is False:
        return None
    for side in sorted(GIVEN.get(node.how, ()), key=lambda one: getattr(node, one).npartitions):
        few, many = node.left, node.right
        if side == "right":
            few, many = many, few
        if not 1 < few.npartitions <= many.npartitions:
            continue
        if node.broadcast is True or (not _is_in_place(node, many) and _is_small(node, few, many)):
            return _given(node, side, few)
    return None


give_to_all.phase = 2  # type: ignore[attr-defined]


def is_worth_giving(
    few: float | None, count: int, many: float | None, others: int, limit: float, bias: Any = None
) -> bool:
    """Whether a side of a join is to be given to all partitions of the other one.

    Parameters
    ----------
    few, many
        Bytes that the sides have at most; None where that is not known.
    count, others
        How many partitions they have.
    limit
        How many bytes are few.
    bias
        ``merge(broadcast=)``, where it is a number.

    Examples
    --------
    >>> is_worth_giving(1000, 2, None, 8, 9e6), is_worth_giving(1000, 4, None, 8, 9e6)
    (True, False)
    >>> is_worth_giving(1000, 8, 100_000, 8, 9e6)
    True
    """
    factor = 1.0 if bias is None else bias / BIAS
    if few is None or few > factor * limit or count > others:
        return False
    light = many is not None and LIGHTER * few * others <= factor * many
    return FEWER * count <= factor * others or light


def _is_small(node: Join, few: FrameNode, many: FrameNode) -> bool:
    sizes = most_bytes(few), few.npartitions, most_bytes(many), many.npartitions
    return is_worth_giving(*sizes, limit_bytes("broadcast-limit"), node.broadcast)


def _is_in_place(node: Join, side: FrameNode) -> bool:
    """Whether the rows of a side stay where they are, so that only those of the other one move."""
    known, on = side.partitioning, node.left_on if side is node.left else node.right_on
    return known is not None and known.columns == on and known.npartitions == node.npartitions


def _given(node: Join, side: str, few: FrameNode) -> FrameNode | None:
    """The join, in as many partitions as it was said to have; None where it cannot be."""
    ends = few.divisions[0], few.divisions[-1]
    one = Repartition(few, (tuple(range(few.npartitions)),), ends)
    joined = node.replace(**{side: one}, count=None)
    if joined.npartitions == node.npartitions:
        return joined
    if joined.npartitions < node.npartitions or node.broadcast is not True:
        return None
    # Fewer partitions were asked for.
    count, most = node.npartitions, joined.npartitions
    bounds = [most * i // count for i in range(count + 1)]
    groups = [tuple(range(*pair)) for pair in itertools.pairwise(bounds)]
    return Repartition(joined, tuple(groups), node.divisions)
