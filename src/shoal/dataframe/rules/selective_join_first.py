"""A join that drops rows, and moves none, comes before one that has to move them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.dataframe.nodes.base import FrameNode, columns_of
from shoal.dataframe.nodes.moves import Join
from shoal.dataframe.nodes.rowwise import Filter, Project
from shoal.dataframe.rules.walk import sources_first

__all__ = ["selective_join_first"]


def selective_join_first(node: Any, uses: Mapping[str, int]) -> FrameNode | None:
    """Exchange two inner joins, as in a star of one large and several small tables.

    The later join is with one partition that was filtered, on columns that the first frame has;
    the earlier one would move the first frame's rows by other keys.

    Parameters
    ----------
    node
        Before: ``(large join other) join filtered``.
    uses
        How many nodes read a node; what is computed anyway stays whole.

    Returns
    -------
    FrameNode or None
        After: ``(large join filtered) join other``, with the columns in their order.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> large, other = (from_dict({"k": [1, 2], v: [3, 4]}, npartitions=2) for v in ("a", "b"))
    >>> few = from_dict({"a": [3, 4], "c": [5, 6]}, npartitions=1)
    >>> joined = large.merge(other, on="k").merge(few[few.c > 5], on="a")
    >>> new = selective_join_first(joined.expr, {})
    >>> new.source.label(), new.source.left.label()
    ("Join(inner, ['k'], ['k'])", "Join(inner, ['a'], ['a'])")
    """
    if not isinstance(node, Join) or not isinstance(node.left, Join):
        return None
    earlier, few = node.left, node.right
    if uses.get(earlier.name, 0) > 1 or not (is_plain(node) and is_plain(earlier)):
        return None
    large, other = earlier.left, earlier.right
    if earlier.direct or earlier.by_divisions or few.npartitions > 1 or large.npartitions == 1:
        return None
    if not set(node.left_on) <= set(columns_of(large)) or not is_filtered(few):
        return None
    if set(node.left_on) == set(earlier.left_on) or not (
        meet_in_keys(large, few, node) and meet_in_keys(large, other, earlier)
    ):
        return None
    if set(columns_of(other)) & set(columns_of(few)) - set(columns_of(large)):
        return None
    sooner = node.replace(left=large)
    later = earlier.replace(left=sooner, count=earlier.npartitions)
    names = columns_of(node)
    same = set(names) == set(columns_of(later)) and later.npartitions == node.npartitions
    same = same and bool((later.meta.dtypes[list(names)] == node.meta.dtypes).all())
    return Project(later, names) if same else None


def is_plain(join: Join) -> bool:
    """Whether a join is an inner one on columns, with nothing added."""
    keys = join.left_on is not None and join.right_on is not None
    return join.how == "inner" and not join.indicator and keys


def meet_in_keys(left: FrameNode, right: FrameNode, join: Join) -> bool:
    """Whether two frames have no column in common but the keys of a join that have one name."""
    pairs = zip(join.left_on, join.right_on, strict=True)
    shared = {one for one, two in pairs if one == two}
    keys = set(join.left_on) <= set(columns_of(left)) and set(join.right_on) <= set(
        columns_of(right)
    )
    return keys and set(columns_of(left)) & set(columns_of(right)) == shared


def is_filtered(frame: FrameNode) -> bool:
    """Whether rows were left out of a frame."""
    nodes = sources_first([frame])
    return any(isinstance(one, Filter) or getattr(one, "filters", ()) for one in nodes)
