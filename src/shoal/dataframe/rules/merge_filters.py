"""Two filters, one after the other, are one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.dataframe.nodes.base import replace_nodes
from shoal.dataframe.nodes.rowwise import Filter, Method, Operator
from shoal.dataframe.rules.walk import columns_read, reads_only_rows_of, sources_first

__all__ = ["merge_filters"]

TOTAL = frozenset(["between", "isin", "isna", "isnull", "notna", "notnull"])
"""Methods that have a result for every row.  Others may rely on the first filter: a conversion to
numbers, behind a filter for what can be converted."""


def merge_filters(node: Any, uses: Mapping[str, int]) -> Filter | None:
    """Join a filter with the one below it, so that both can be pushed on together.

    Parameters
    ----------
    node
        Before: ``Filter(q) <- Filter(p) <- x``, where ``q`` reads the filtered rows.
    uses
        How many nodes read a node; what is read elsewhere as well stays.

    Returns
    -------
    Filter or None
        After: ``Filter(p & q) <- x``.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=1)
    >>> some = df[df.x > 1]
    >>> merge_filters(some[some.x < 3].expr, {}).predicate.label()
    'and()'
    """
    if type(node) is not Filter or type(node.source) is not Filter:
        return None
    inner = node.source
    if not reads_only_rows_of(node.predicate, inner):
        return None
    if uses.get(inner.name, 0) > 1 + columns_read(node.predicate, inner).reads:
        return None
    methods = [one for one in sources_first([node.predicate]) if isinstance(one, Method)]
    if any(one.method not in TOTAL for one in methods if one not in sources_first([inner])):
        return None
    moved = replace_nodes(node.predicate, {inner.name: inner.source})
    both = Operator("and_", (inner.predicate, moved))
    return Filter(inner.source, both, annotations=node.annotations)
