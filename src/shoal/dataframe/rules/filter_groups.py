"""Groups of which only some keys are wanted are made of the rows with these keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from shoal.dataframe.kernels.groups import GroupReducer
from shoal.dataframe.kernels.reductions import Reducer
from shoal.dataframe.nodes.base import FrameNode, columns_of, replace_nodes
from shoal.dataframe.nodes.moves import Join, SetIndex, Shuffle, Sort
from shoal.dataframe.nodes.reduce import Reduce
from shoal.dataframe.nodes.rowwise import (
    Assign,
    Column,
    Filter,
    Method,
    Operator,
    Project,
    Rename,
    ResetIndex,
)
from shoal.dataframe.rules.filter_below import all_of, is_exact, is_total
from shoal.dataframe.rules.filter_into_reader import conjuncts
from shoal.dataframe.rules.leave_open import UNORDERED
from shoal.dataframe.rules.walk import columns_read, readers_of, reads_only_rows_of, sources_first
from shoal.expr.node import Node

__all__ = ["filter_groups"]

PASSING = (Assign, Column, Filter, Method, Operator, Project, Rename, Shuffle, Sort)
"""What has the labels of the rows that it reads."""

Readers = Mapping[str, list[Any]]


def filter_groups(roots: Sequence[Node]) -> list[Node]:
    """Move the parts of a filter that read keys of groups below the grouping.

    Only where nobody sees which numbers the remaining rows have: pandas numbers all groups, and
    then drops some.  (A groupby drops rows with a missing key, and a filter that is true of those
    drops none of them, so what is left is the same.)

    Parameters
    ----------
    roots
        Expressions.  Before: ``Reduce(max) <- Filter(k > 1 & x > 2) <- ResetIndex <-
        Reduce(groupby k) <- frame``.

    Returns
    -------
    list of nodes
        After: ``Reduce(max) <- Filter(x > 2) <- ResetIndex <- Reduce(groupby k) <- Filter(k > 1)
        <- frame``.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"k": [1, 2], "x": [1, 2]}, npartitions=1)
    >>> sums = df.groupby("k").sum().reset_index()
    >>> filter_groups([sums[sums.k > 1].x.max().expr])[0].args[0].source.label()
    'ResetIndex(drop=False)'
    """
    order = sources_first(roots)
    if not any(_groups(node) for node in order):
        return list(roots)
    readers = readers_of(order)
    last = {root.name for root in roots}
    new: dict[str, Any] = {}
    for node in order:
        found = None
        if type(node) is Filter and not _labels_are_seen(node, order, readers, last):
            found = _moved(node, readers, last)
        # What is below a filter that was moved is looked at in the next pass.
        new[node.name] = found or node.map_sources(lambda s: new.get(getattr(s, "name", ""), s))
    return [new[root.name] for root in roots]


filter_groups.whole = True  # type: ignore[attr-defined]


def _groups(node: Any) -> bool:
    return isinstance(node, Reduce) and isinstance(node.reducer, GroupReducer)


def _labels_are_seen(node: FrameNode, order: list[Any], readers: Readers, last: set[str]) -> bool:
    """Whether anybody could tell other labels of the rows of a filter."""
    inside = {node.name}
    for one in order:
        if one.name not in inside:
            if not any(getattr(s, "name", "") in inside for s in one.sources):
                continue
            if _forgets_labels(one):
                continue
            if not isinstance(one, PASSING) or not getattr(one, "keeps_labels", True):
                return True
            # Rows of other frames stand beside them by label.
            if any(frame.name not in inside for frame in one.frames if frame.ndim):
                return True
            inside.add(one.name)
        if one.name in last:
            return True
    return False


def _forgets_labels(node: Any) -> bool:
    """Whether a node's result is the same whatever labels its rows have."""
    if isinstance(node, Reduce):
        if isinstance(node.reducer, GroupReducer):
            return len(node.args) == 1 and not node.reducer.customs()
        known = isinstance(node.reducer, Reducer) and node.reducer.name in UNORDERED
        return known and node.given_meta is not None
    if isinstance(node, Join):
        return None not in (node.left_on, node.right_on) and not node.on_index
    return isinstance(node, SetIndex) or (isinstance(node, ResetIndex) and node.drop)


def _moved(node: Filter, readers: Readers, last: set[str]) -> FrameNode | None:
    """The filter, or what stands for it when its parts have been moved; None: none can be."""
    inner = node.source
    made = _made_of(inner, readers, last)
    if made is None:
        return None
    grouped, keys = made
    if not reads_only_rows_of(node.predicate, inner):
        return None
    if len(readers[inner.name]) > 1 + columns_read(node.predicate, inner).reads:
        return None
    source = grouped.args[0]
    below, left = [], []
    for part in conjuncts(node.predicate):
        movable = columns_read(part, inner).names <= keys and is_total(part, inner)
        if movable:
            below.append(replace_nodes(part, {inner.name: source}))
        else:
            left.append(part)
    if not below:
        return None
    fewer = grouped.replace(args=(Filter(source, all_of(below)),))
    new = fewer if inner is grouped else replace_nodes(inner, {grouped.name: fewer})
    if not left:
        return new
    rest = [replace_nodes(part, {inner.name: new}) for part in left]
    return Filter(new, all_of(rest), annotations=node.annotations)


def _made_of(inner: Any, readers: Readers, last: set[str]) -> tuple[Any, frozenset[Any]] | None:
    """The grouping whose groups are the rows of a node, and which of its columns are keys."""
    if isinstance(inner, ResetIndex) and not inner.drop:
        grouped = _grouping_below(inner, readers, last)
        names = inner.labels
    else:
        grouped = inner if _groups(inner) and not inner.reducer.as_index else None
        names = columns_of(inner)[: len(inner.reducer.by)] if grouped is not None else ()
    if grouped is None or len(grouped.args) != 1 or grouped.args[0].ndim != 2:
        return None
    reducer = grouped.reducer
    columns = columns_of(grouped.args[0])
    whole = columns_of(inner)
    if tuple(names) != tuple(reducer.by) or not set(reducer.by) <= set(columns):
        return None
    if len(set(columns)) < len(columns) or len(set(whole)) < len(whole) or reducer.customs():
        return None
    before, after = grouped.args[0].meta.dtypes, inner.meta.dtypes
    kinds = [before[name] for name in names]
    if not reducer.observed and any(isinstance(kind, pd.CategoricalDtype) for kind in kinds):
        return None  # categories without rows are groups as well
    return grouped, frozenset([name for name in names if is_exact(before[name], after[name])])


def _grouping_below(inner: ResetIndex, readers: Readers, last: set[str]) -> Any:
    """The grouping that everything between it and a node reads, row by row; None: there is none."""
    found: dict[str, Any] = {}
    stack, seen = [inner.source], {inner.name}
    while stack:
        one = stack.pop()
        if one.name in seen:
            continue
        seen.add(one.name)
        if _groups(one) and one.reducer.as_index:
            found[one.name] = one
            continue
        if not isinstance(one, PASSING[:7]) or isinstance(one, Filter) or not one.keeps_rows:
            return None
        if not one.frames or any(frame.ndim == 0 for frame in one.frames):
            return None
        stack += one.frames
    if len(found) != 1:
        return None
    # What others read, too, is computed anyway.
    inside = seen - {inner.name}
    if any(name in last or any(r.name not in seen for r in readers[name]) for name in inside):
        return None
    (grouped,) = found.values()
    return grouped
