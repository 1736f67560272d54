"""Rows are dropped before work is done on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.dataframe.meta import kind_of_categories
from shoal.dataframe.nodes.base import FrameNode, replace_nodes
from shoal.dataframe.nodes.rowwise import Assign, Column, Filter, Project, Rename
from shoal.dataframe.rules.walk import columns_read, reads_only_rows_of, sources_first

__all__ = ["filter_through"]


def filter_through(node: Any, uses: Mapping[str, int]) -> FrameNode | None:
    """Move a filter below a projection, an assignment or new names of columns.

    Parameters
    ----------
    node
        Before: ``Filter(p) <- Assign <- x``, where ``p`` reads no assigned column.
    uses
        How many nodes read a node; an assignment that something else reads stays where it is.

    Returns
    -------
    FrameNode or None
        After: ``Assign <- Filter(p) <- x``.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2], "y": [3, 4]}, npartitions=1)[["x"]]
    >>> filter_through(df[df.x > 1].expr, {}).label()
    "Project(['x'])"
    """
    if type(node) is not Filter or type(node.source) not in (Project, Assign, Rename):
        return None
    inner = node.source
    if type(inner) is Rename:
        return _below_rename(node, inner, uses)
    # Rules may have led the predicate's columns to the source already.
    if not reads_only_rows_of(node.predicate, inner, inner.source):
        return None
    if uses.get(inner.name, 0) > 1 + columns_read(node.predicate, inner).reads:
        return None
    if type(inner) is Assign:
        if columns_read(node.predicate, inner).names & set(inner.names):
            return None
        if any(isinstance(value, FrameNode) for value in inner.values):
            return _below_assign(node, inner)
    moved = replace_nodes(node.predicate, {inner.name: inner.source})
    below = Filter(inner.source, moved, annotations=node.annotations)
    return inner.map_sources(lambda source: below if source is inner.source else source)  # type: ignore[no-any-return]


def _below_rename(node: Filter, inner: Rename, uses: Mapping[str, int]) -> FrameNode | None:
    """Columns are read under their old names."""
    old = {new: name for name, new in inner.pairs}
    if len(old) < len(inner.pairs) or len(set(inner.old)) < len(inner.pairs):
        return None
    if not reads_only_rows_of(node.predicate, inner):
        return None
    if uses.get(inner.name, 0) > 1 + columns_read(node.predicate, inner).reads:
        return None
    new = {
        one.name: Column(inner.source, old[one.column])
        for one in sources_first([node.predicate])
        if isinstance(one, Column) and one.source is inner
    }
    moved = replace_nodes(node.predicate, new)
    return inner.replace(source=Filter(inner.source, moved, annotations=node.annotations))


def _below_assign(node: Filter, inner: Assign) -> FrameNode | None:
    """Values are computed from the rows that are left, where they come from the same rows."""
    values = [value for value in inner.values if isinstance(value, FrameNode)]
    # Categories are found in all rows, also in those that a filter leaves out later.
    if any(
        kind_of_categories(getattr(one.meta, "dtype", None)).endswith("[unknown]") for one in values
    ):
        return None
    if not all(reads_only_rows_of(value, inner.source) for value in values):
        return None
    moved = replace_nodes(node.predicate, {inner.name: inner.source})
    below = Filter(inner.source, moved, annotations=node.annotations)
    new = {value.name: replace_nodes(value, {inner.source.name: below}) for value in values}
    new[inner.source.name] = below
    return inner.map_sources(lambda source: new.get(source.name, source))
