"""Rows that a filter would drop are not read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.dataframe.nodes.base import FrameNode, replace_nodes
from shoal.dataframe.nodes.rowwise import Column, Filter, Operator
from shoal.dataframe.rules.walk import columns_read, reads_only_rows_of

__all__ = ["filter_into_reader"]

COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "=="}
"""Not ``!=``: pandas says that NaN differs from everything, and files that null does not."""

MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}


def filter_into_reader(node: Any, uses: Mapping[str, int]) -> FrameNode | None:
    """Give the parts of a predicate that compare a column with a value to the source of the rows.

    Parameters
    ----------
    node
        Before: ``Filter(x > 1 & f(y)) <- ReadParquet``.  The source has a method ``with_filters``.
    uses
        How many nodes read a node; a source that something else reads keeps all its rows.

    Returns
    -------
    FrameNode or None
        After: ``Filter(f(y)) <- ReadParquet(filters=x > 1)``.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=1)
    >>> filter_into_reader(df[df.x > 1].expr, {}) is None  # a source that cannot filter
    True
    """
    if type(node) is not Filter or not hasattr(node.source, "with_filters"):
        return None
    source = node.source
    if not reads_only_rows_of(node.predicate, source):
        return None
    if uses.get(source.name, 0) > 1 + columns_read(node.predicate, source).reads:
        return None
    parts = conjuncts(node.predicate)
    told = [(part, comparison(part, source)) for part in parts]
    pushed = tuple([found for _, found in told if found is not None])
    if not pushed:
        return None
    new = source.with_filters(pushed)
    left = [replace_nodes(part, {source.name: new}) for part, found in told if found is None]
    if not left:
        return new  # type: ignore[no-any-return]
    predicate = left[0]
    for part in left[1:]:
        predicate = Operator("and_", (predicate, part))
    return Filter(new, predicate, annotations=node.annotations)


def conjuncts(predicate: FrameNode) -> list[FrameNode]:
    """What has to be true for a predicate to be true.

    Parameters
    ----------
    predicate
        A boolean series.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=1)
    >>> [part.label() for part in conjuncts(((df.x > 1) & (df.x < 5)).expr)]
    ['gt(1)', 'lt(5)']
    """
    is_and = isinstance(predicate, Operator) and predicate.op == "and_"
    if is_and and all(isinstance(arg, FrameNode) for arg in predicate.args):
        return [part for arg in predicate.args for part in conjuncts(arg)]
    return [predicate]


def comparison(part: FrameNode, source: FrameNode) -> tuple[Any, str, Any] | None:
    """``(column, operator, value)`` where a predicate is that, else None.

    Parameters
    ----------
    part
        A boolean series.
    source
        Whose columns.

    Examples
    --------
    >>> from shoal.dataframe import from_dict, read_parquet
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> from_dict({"x": [1, 2]}, npartitions=1).to_parquet(folder)
    >>> df = read_parquet(folder)
    >>> comparison((df.x > 1).expr, df.expr)
    ('x', '>', 1)
    """
    if not isinstance(part, Operator) or part.op not in COMPARISONS:
        return None
    op = COMPARISONS[part.op]
    left, right = part.args
    if isinstance(right, Column):
        left, right, op = right, left, MIRRORED[op]
    if not isinstance(left, Column) or left.source is not source:
        return None
    if not source.accepts_value(left.column, right):
        return None
    return left.column, op, right
