"""Shuffles whose sizes nobody knows are planned when their partitions have been cut."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from shoal import config
from shoal.dataframe.kernels.groups import GroupReducer
from shoal.dataframe.kernels.levels import levels_of
from shoal.dataframe.kernels.reductions import SPLIT_BY, Reducer
from shoal.dataframe.nodes.base import FrameNode, PartitionWise
from shoal.dataframe.nodes.estimates import estimate, width_bytes
from shoal.dataframe.nodes.moves import GIVEN, Join, Shuffle, Sort
from shoal.dataframe.nodes.open import SPLITTABLE, Open, exchanges_of, limit_bytes
from shoal.dataframe.nodes.opengroups import OpenDistinct, OpenGroups, range_bytes
from shoal.dataframe.nodes.reduce import Reduce
from shoal.dataframe.nodes.rowwise import (
    Assign,
    Attribute,
    Column,
    Filter,
    Method,
    Operator,
    Project,
    Rename,
)
from shoal.dataframe.nodes.sources import FromPandas, Given
from shoal.dataframe.nodes.undecided import Undecided
from shoal.dataframe.rules.walk import readers_of, sources_first
from shoal.expr.node import Held, Node

__all__ = ["leave_open"]

PLAIN = (Assign, Attribute, Column, Filter, Method, Operator, Project, Rename)
"""What gives the same rows, however many partitions they are in."""

FREE = (FromPandas, Given, Held)
"""Sources that cost nothing to read twice."""

FEW = 8
"""So many partitions or fewer are not worth waiting for to put them together."""

UNORDERED = frozenset(
    ["sum", "count", "min", "max", "any", "all", "mean", "var", "std", "nunique", "len", "size"]
)
"""Reductions that give the same whatever the order and the labels of rows are."""


def leave_open(roots: Sequence[Node]) -> list[Node]:
    """Put an `Open` above what is better planned when sizes are known.

    Only where something can be gained: a side of a join that was filtered may be small; of a
    filter's or a groupby's many partitions most may be nearly empty; keys of large tables may be
    skewed.  What is known to be small, and what is read by others too and would be computed twice,
    is planned as it is.

    Parameters
    ----------
    roots
        Expressions.  Before: ``Join <- large, Filter <- other``.

    Returns
    -------
    list of nodes
        After: ``Open <- Join <- large, Filter <- other``.

    Examples
    --------
    >>> import pandas as pd
    >>> from shoal.dataframe import from_map
    >>> def make(i):
    ...     return pd.DataFrame({"k": [i], "x": [i]})
    >>> large, other = from_map(make, range(9)), from_map(make, range(9), label="other")
    >>> leave_open([large.merge(other[other.x > 3], on="k").expr])[0].label()
    "Join(inner, ['k'], ['k']); open: right to all, fewer partitions, skewed ones cut"
    """
    if not config.get("dataframe.replan.enabled"):
        return list(roots)
    order = sources_first(roots)
    readers = readers_of(order)
    last = {root.name for root in roots}
    new: dict[str, Any] = {}
    for node in order:
        changed = node.map_sources(lambda s: new.get(getattr(s, "name", ""), s))
        told = None
        if isinstance(node, Join | Shuffle | Reduce) and not _is_open(node, readers):
            told = _open(node, readers, last)
        if told is not None:
            changed = Open(changed, node.name, *told, ())
        elif isinstance(node, Reduce) and _may_have_many_groups(node, readers):
            resize = _may_resize(node, readers, last)
            if isinstance(node.reducer, GroupReducer):
                changed = OpenGroups(changed, node.name, resize)
            else:
                unseen = resize and _may_number_anew(node, readers)
                changed = OpenDistinct(changed, node.name, unseen)
        new[node.name] = changed
    return [new[root.name] for root in roots]


leave_open.phase = 2  # type: ignore[attr-defined]
leave_open.whole = True  # type: ignore[attr-defined]


def _is_open(node: Node, readers: Mapping[str, list[Any]]) -> bool:
    return any(isinstance(reader, Undecided) for reader in readers[node.name])


def _open(
    node: Any, readers: Mapping[str, list[Any]], last: set[str]
) -> tuple[tuple[str, ...], bool, bool] | None:
    """What is open of a node: sides to try, whether sizes matter, whether partitions may change."""
    if isinstance(node, Reduce) and (node.split_out <= FEW or getattr(node.reducer, "sort", False)):
        return None
    if isinstance(node, Join) and (node.direct or node.by_divisions):
        return None
    found = exchanges_of(node)
    if not found:
        return None
    resize = _may_resize(node, readers, last)
    many = resize and node.npartitions > FEW
    if not isinstance(node, Join):
        wait = many and (isinstance(node, Reduce) or shrinks(node.source))
        wait = wait and _is_private(
            [node.source] if isinstance(node, Shuffle) else node.frames, node, readers, last
        )
        return ((), True, True) if wait else None
    sides = {side: getattr(node, side) for side in found}
    most = {side: bound_bytes(one) for side, one in sides.items()}
    tries = _tries(node, sides, most, resize)
    tries = [one for one in tries if _is_private([sides[one]], node, readers, last)]
    bounds = [size for size in most.values() if size is not None]
    known = len(bounds) == len(most) and sum(bounds) <= limit_bytes("skew-limit")
    cuttable = any(side in SPLITTABLE.get(node.how, ()) for side in sides)
    fewer = many and len(sides) == 2 and any(shrinks(one) for one in sides.values())
    sizes = (not known and (cuttable or len(sides) == 2)) or fewer
    sizes = sizes and _is_private(sides.values(), node, readers, last)
    return (tuple(tries), sizes, resize) if tries or sizes else None


def _may_have_many_groups(node: Reduce, readers: Mapping[str, list[Any]]) -> bool:
    """Whether groups in order of their keys, or distinct rows, may be too large for one task."""
    if _is_open(node, readers) or node.split_out != 1 or node.frames[0].npartitions <= FEW:
        return False
    if any(isinstance(dtype, pd.CategoricalDtype) for dtype in _key_dtypes(node)):
        return False  # there are as many groups as categories
    reducer = node.reducer
    if isinstance(reducer, GroupReducer):
        if not reducer.sort:
            return False
    elif not (isinstance(reducer, Reducer) and reducer.name in SPLIT_BY):
        return False
    most = bound_bytes(node.frames[0])
    return most is None or most > range_bytes()


def _key_dtypes(node: Reduce) -> list[Any]:
    """Of the labels of a reduction that has a row for each key."""
    meta, reducer = node.given_meta, node.reducer
    if isinstance(reducer, GroupReducer) and not reducer.as_index:
        return list(meta.dtypes.iloc[: len(reducer.by)])
    if isinstance(reducer, GroupReducer) or reducer.title == "value_counts":
        return [level.dtype for level in levels_of(meta.index)]
    return []


def _may_number_anew(node: Reduce, readers: Mapping[str, list[Any]]) -> bool:
    """Whether nobody can see, in the results, labels or an order that several partitions lack."""
    options = dict(node.reducer.options)
    if node.reducer.name == "drop_duplicates":
        return True
    if node.reducer.name == "value_counts":
        # Values are the labels; a share is known only where counts are sorted.
        return bool(options.get("sort", True) or not options.get("normalize"))
    if not readers[node.name]:
        return False
    stack, seen = [node], {node.name}
    for one in stack:
        for reader in readers[one.name]:
            if isinstance(reader, Reduce) and getattr(reader.reducer, "name", "") in UNORDERED:
                continue
            if not (readers[reader.name] and _follows(reader, node)):
                return False
            if reader.name not in seen:
                seen.add(reader.name)
                stack.append(reader)
    return True


def _tries(node: Join, sides: Any, most: Any, resize: bool) -> list[str]:
    """Sides that may turn out to be small, the one that is smaller by what is known first."""
    if node.broadcast is not None:
        return []
    found = []
    for side in GIVEN.get(node.how, ()):
        other = node.left if side == "right" else node.right
        fits = resize or other.npartitions == node.npartitions
        if side in sides and fits and shrinks(sides[side]):
            found.append(side)
    return sorted(found, key=lambda side: float("inf") if most[side] is None else most[side])


def bound_bytes(node: FrameNode) -> int | None:
    """How large a frame is at most; None: unknown.

    Parameters
    ----------
    node
        The frame.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> bound_bytes(from_dict({"x": [1, 2]}, npartitions=1).expr)
    16
    """
    rows = estimate(node)
    return None if rows is None else rows.rows * width_bytes(node.meta)


def shrinks(node: FrameNode) -> bool:
    """Whether something below a node may leave few rows.

    Parameters
    ----------
    node
        A frame.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=1)
    >>> shrinks(df.expr), shrinks(df[df.x > 1].expr)
    (False, True)
    """
    return any(
        isinstance(one, Filter | Reduce)
        or getattr(one, "filters", ())
        or (isinstance(one, Method) and not one.keeps_rows)
        for one in sources_first([node])
    )


def _is_private(
    tops: Iterable[FrameNode], node: FrameNode, readers: Mapping[str, list[Any]], last: set[str]
) -> bool:
    """Whether what some sources of a node read is read by nobody else."""
    inside = {one.name: one for one in sources_first(list(tops))}
    return all(
        isinstance(one, FREE)
        or (
            one.name not in last
            and all(reader is node or reader.name in inside for reader in readers[one.name])
        )
        for one in inside.values()
    )


def _may_resize(node: FrameNode, readers: Mapping[str, list[Any]], last: set[str]) -> bool:
    """Whether nobody can see, in the results, how many partitions a node has."""
    stack: list[Any] = [node]
    seen = {node.name}
    while stack:
        one = stack.pop()
        for reader in readers[one.name]:
            if reader.name in seen:
                continue
            seen.add(reader.name)
            if _ends_rows(reader):
                continue
            if not (isinstance(reader, Join) or _follows(reader, node)):
                return False
            stack.append(reader)
    return True


def _ends_rows(reader: Any) -> bool:
    """Whether a node's partitions do not depend on how many its sources have."""
    if isinstance(reader, Join):
        return reader.count is not None and not (reader.direct or reader.by_divisions)
    return isinstance(reader, Reduce | Shuffle | Sort)


def _follows(reader: Any, node: FrameNode) -> bool:
    """Whether a node does the same on each partition, and has them all from one place."""
    ours = getattr(reader, "func", None)
    own = PLAIN if ours is None else (PartitionWise,)
    if not isinstance(reader, own):
        return False
    if ours is not None:
        module = getattr(ours, "__module__", "")
        known = module.startswith("shoal.dataframe.kernels.rows")
        if not known or getattr(reader, "given_divisions", None) is not None:
            return False
    return all(
        frame.row_roots == node.row_roots for frame in reader.frames if frame.npartitions > 1
    )
