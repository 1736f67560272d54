"""Columns that nobody reads are not carried along, nor read from files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shoal.dataframe.nodes.base import ALL_COLUMNS, Columns, FrameNode, columns_of
from shoal.dataframe.nodes.rowwise import Project
from shoal.dataframe.rules.walk import sources_first
from shoal.expr.node import Node

__all__ = ["prune_columns"]


def prune_columns(roots: Sequence[Node]) -> list[Node]:
    """Narrow every node to the columns that its readers, taken together, need.

    One walk from the roots to the sources collects what is wanted of each node, one walk back
    rebuilds what becomes narrower.  A node is narrowed once for all its readers, so what is shared
    stays shared: ``df.x`` and ``df.y`` read a file once, with two columns.  (Rejected: moving a
    projection down node by node, which parts what two readers share.)

    Parameters
    ----------
    roots
        Expressions; of these, everything is wanted.

    Returns
    -------
    list of nodes

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2], "y": [3, 4]}, npartitions=1)
    >>> prune_columns([df[df.x > 1].x.expr])[0].source.source.label()
    "FromPandas(2 rows, columns=['x'])"
    """
    order = sources_first(roots)
    wanted: dict[str, Columns] = dict.fromkeys([root.name for root in roots], ALL_COLUMNS)
    narrow: dict[str, Any] = {}
    for node in reversed(order):
        if not isinstance(node, FrameNode):
            for source in node.sources:
                if isinstance(source, Node):
                    wanted[source.name] = ALL_COLUMNS
            continue
        columns = wanted.get(node.name, frozenset())
        small = narrow[node.name] = _narrowed(node, columns)
        pairs = [(small, columns)] if small is not node and small in node.frames else None
        for source, some in pairs or small.needs(columns):
            _add(wanted, source, some)
        for source in node.sources:
            # What a node needs nothing of, it still reads.
            if isinstance(source, Node):
                wanted.setdefault(source.name, frozenset())
    return _rebuilt(order, roots, narrow, wanted)


prune_columns.whole = True  # type: ignore[attr-defined]


def _narrowed(node: FrameNode, columns: Columns) -> FrameNode:
    if columns is None or node.ndim != 2 or columns >= set(columns_of(node)):
        return node
    return node.narrowed(columns)


def _add(wanted: dict[str, Columns], source: FrameNode, columns: Columns) -> None:
    before: Columns = wanted.get(source.name, frozenset())
    if before is not None:
        wanted[source.name] = ALL_COLUMNS if columns is None else before | columns


def _rebuilt(
    order: list[Any], roots: Sequence[Node], narrow: dict[str, Any], wanted: dict[str, Columns]
) -> list[Node]:
    new: dict[str, Any] = {}
    for node in order:
        small = narrow.get(node.name, node)
        if small is not node and small.name in new:
            new[node.name] = new[small.name]
            continue
        rebuilt = small.map_sources(lambda s: new.get(getattr(s, "name", ""), s))
        if isinstance(small, FrameNode) and small.narrow_sources:
            rebuilt = _with_narrow_sources(rebuilt, small, wanted[node.name])
        new[node.name] = rebuilt
    return [new[root.name] for root in roots]


def _with_narrow_sources(node: Any, before: Any, wanted: Columns) -> Any:
    """Put projections below a node that moves data, where its sources could not be narrowed."""
    needs = {source.name: columns for source, columns in before.needs(wanted)}
    swap: dict[str, Any] = {}
    for old, source in zip(before.frames, node.frames, strict=True):
        columns = needs.get(old.name, ALL_COLUMNS)
        names = columns_of(source)
        if columns is not None and not columns >= set(names):
            swap[source.name] = Project(
                source, tuple(dict.fromkeys([n for n in names if n in columns]))
            )
    return node.map_sources(lambda s: swap.get(getattr(s, "name", ""), s)) if swap else node
