"""Rows that a filter would drop are not read."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from shoal.dataframe.nodes.base import FrameNode, replace_nodes
from shoal.dataframe.nodes.rowwise import Column, Filter, Method, Operator
from shoal.dataframe.rules.walk import columns_read, reads_only_rows_of

__all__ = ["filter_into_reader"]

Triple: TypeAlias = tuple[Any, str, Any]
"""Column, operator of the reader, value."""

Groups: TypeAlias = tuple[tuple[Triple, ...], ...]
"""Lists of triples, of one of which all have to hold."""

COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}

MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}

MISSING = {"isna": "is", "isnull": "is", "notna": "is not", "notnull": "is not"}

OPPOSITE = {
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "<=": ">",
    "==": "!=",
    "!=": "==",
    "in": "not in",
    "not in": "in",
    "is": "is not",
    "is not": "is",
}
"""What holds of values that are there, where the other does not."""

TRUE_OF_MISSING = frozenset(["!=", "not in"])
"""pandas says that a missing value differs from everything, and a reader of files that it does
not know."""

ENDS = {"both": (">=", "<="), "left": (">=", "<"), "right": (">", "<="), "neither": (">", "<")}
"""Of ``between``."""

MOST_GROUPS = 16
"""A predicate that becomes more of them stays where it is."""

MOST_VALUES = 10_000
"""Of ``isin``."""


def filter_into_reader(node: Any, uses: Mapping[str, int]) -> FrameNode | None:
    """Give the parts of a predicate that compare columns with values to the source of the rows.

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
    told = [(part, groups_of(part, source)) for part in parts]
    pushed = [found for _, found in told if found is not None]
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


def groups_of(part: FrameNode, source: Any, negated: bool = False) -> Groups | None:
    """What a predicate, or its opposite, is to a reader; None where it cannot be said.

    Parameters
    ----------
    part
        A boolean series.
    source
        Whose columns.
    negated
        Whether the predicate has to be false.

    Examples
    --------
    >>> from shoal.dataframe import from_dict, read_parquet
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> from_dict({"x": [1, 2]}, npartitions=1).to_parquet(folder)
    >>> df = read_parquet(folder)
    >>> groups_of((df.x > 1).expr, df.expr)
    ((('x', '>', 1),),)
    >>> groups_of(((df.x < 1) | df.x.isin([4, 5])).expr, df.expr)
    ((('x', '<', 1),), (('x', 'in', (4, 5)),))
    """
    if isinstance(part, Operator) and part.op == "invert":
        (inner,) = part.args
        return groups_of(inner, source, not negated) if isinstance(inner, FrameNode) else None
    if isinstance(part, Operator) and part.op in ("and_", "or_"):
        sides = [
            groups_of(arg, source, negated) if isinstance(arg, FrameNode) else None
            for arg in part.args
        ]
        if any(side is None for side in sides):
            return None
        return _combined(sides, any_of=(part.op == "or_") != negated)  # type: ignore[arg-type]
    triples = _told(part, source)
    if triples is None:
        return None
    if not negated:
        return _combined([_where_missing(one, source) for one in triples], any_of=False)
    dtype = source.dtypes[triples[0][0]]
    if isinstance(dtype, pd.StringDtype) and dtype.na_value is pd.NA:
        return None  # the opposite of a missing truth value is missing
    opposite = [(column, OPPOSITE[op], value) for column, op, value in triples]
    groups = _combined([((one,),) for one in opposite], any_of=True)
    if groups is None or triples[0][1] in ("is", "is not", "!="):
        return groups
    return (*groups, ((triples[0][0], "is", None),))


def _where_missing(one: Triple, source: Any) -> Groups:
    """A triple that is told of a series, and what pandas says of rows without a value."""
    column, op, _ = one
    dtype = source.dtypes[column]
    unknown = isinstance(dtype, pd.StringDtype) and dtype.na_value is pd.NA
    return ((one,),) if op not in TRUE_OF_MISSING or unknown else ((one,), ((column, "is", None),))


def _combined(sides: Sequence[Groups], any_of: bool) -> Groups | None:
    """Groups of which one side holds, or all do; None for too many."""
    if any_of:
        groups = tuple(itertools.chain.from_iterable(sides))
    else:
        groups = tuple([tuple(itertools.chain(*pick)) for pick in itertools.product(*sides)])
    return groups if len(groups) <= MOST_GROUPS else None


def _told(part: Any, source: Any) -> list[Triple] | None:
    """What a predicate says of one column, as triples that all have to hold."""
    if isinstance(part, Operator) and part.op in COMPARISONS:
        left, right = part.args
        return _comparison(COMPARISONS[part.op], left, right, source)
    if not isinstance(part, Method) or part.names or not _is_column(part.args[0], source):
        return None
    column, *values = part.args
    name = column.column
    if part.method in MISSING and not values and source.accepts_missing(name):
        return [(name, MISSING[part.method], None)]
    if part.method in COMPARISONS and len(values) == 1:
        return _comparison(COMPARISONS[part.method], column, values[0], source)
    if part.method == "between" and len(values) in (2, 3):
        ops = ENDS.get(values[2] if len(values) == 3 else "both")
        if ops is None:
            return None
        low, high = (_comparison(ops[i], column, values[i], source) for i in range(2))
        return None if low is None or high is None else [*low, *high]
    if part.method == "isin" and len(values) == 1:
        items = _items(values[0])
        if items and all(source.accepts_member(name, item) for item in items):
            return [(name, "in", tuple(items))]
    return None


def _comparison(op: str, left: Any, right: Any, source: Any) -> list[Triple] | None:
    if not _is_column(left, source):
        left, right, op = right, left, MIRRORED[op]
    if not _is_column(left, source) or isinstance(right, FrameNode):
        return None
    if source.dtypes[left.column].kind == "M" and isinstance(right, str | datetime.datetime):
        try:
            right = pd.Timestamp(right)  # as pandas reads it
        except ValueError:
            return None
    return [(left.column, op, right)] if source.accepts_value(left.column, right) else None


def _is_column(item: Any, source: Any) -> bool:
    return isinstance(item, Column) and item.source is source


def _items(values: Any) -> list[Any]:
    """What ``isin`` was given, where it is a collection of plain values."""
    if not isinstance(values, list | tuple | set | frozenset | np.ndarray | pd.Index | pd.Series):
        return []
    return list(values) if len(values) <= MOST_VALUES else []
