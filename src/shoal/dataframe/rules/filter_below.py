"""Rows are dropped before they are moved or joined."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

from pandas.api.types import is_float_dtype, is_object_dtype

from shoal.dataframe.kernels.reductions import Reducer
from shoal.dataframe.meta import kind_of_categories
from shoal.dataframe.nodes.base import FrameNode, columns_of, replace_nodes
from shoal.dataframe.nodes.moves import OF_LEFT, OF_RIGHT, Join, SetIndex, Shuffle, Sort
from shoal.dataframe.nodes.partitions import Concat, Repartition, RepartitionDivisions
from shoal.dataframe.nodes.reduce import Reduce
from shoal.dataframe.nodes.rowwise import Filter, Method, Operator
from shoal.dataframe.rules.filter_into_reader import conjuncts
from shoal.dataframe.rules.merge_filters import TOTAL
from shoal.dataframe.rules.walk import columns_read, reads_only_rows_of, sources_first

__all__ = ["all_of", "filter_below", "is_exact", "is_total"]


def filter_below(node: Any, uses: Mapping[str, int]) -> FrameNode | None:
    """Move each part of a filter to those sources of a join, a shuffle, ... that have its columns.

    Parameters
    ----------
    node
        Before: ``Filter(p & q & r) <- Join <- x, y``, where ``p`` reads columns of ``x`` and
        ``q`` columns of ``y``.
    uses
        How many nodes read a node; what is moved for others as well is moved once, and whole.

    Returns
    -------
    FrameNode or None
        After: ``Filter(r) <- Join <- Filter(p) <- x, Filter(q) <- y``.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2], "y": [3, 4]}, npartitions=2).shuffle("x")
    >>> filter_below(df[df.y > 3].expr, {}).label()
    "Shuffle(by=('x',), count=2)"
    """
    if type(node) is not Filter or type(node.source) not in KEPT:
        return None
    inner = node.source
    if not reads_only_rows_of(node.predicate, inner):
        return None
    if uses.get(inner.name, 0) > 1 + columns_read(node.predicate, inner).reads:
        return None
    kept = KEPT[type(inner)](inner)
    told = {source.name for source in inner.sources}
    below: dict[str, list[FrameNode]] = {}
    left = []
    for part in conjuncts(node.predicate):
        names = columns_read(part, inner).names
        to = {source.name: source for source, columns in kept if names <= columns}
        # A row of a join has a row of each side behind it, one of frames below each other of one.
        if not to or not is_total(part, inner) or (type(inner) is Concat and len(to) < len(told)):
            left.append(part)
            continue
        for name, source in to.items():
            below.setdefault(name, []).append(replace_nodes(part, {inner.name: source}))
    if not below:
        return None
    new = inner.map_sources(
        lambda source: (
            Filter(source, all_of(below[source.name])) if source.name in below else source
        )
    )
    if not left:
        return new  # type: ignore[no-any-return]
    rest = [replace_nodes(part, {inner.name: new}) for part in left]
    return Filter(new, all_of(rest), annotations=node.annotations)


def all_of(parts: list[FrameNode]) -> FrameNode:
    """Predicates as one, which is true where all are.

    Parameters
    ----------
    parts
        At least one.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=1)
    >>> all_of([(df.x > 1).expr, (df.x < 5).expr]).label()
    'and()'
    """
    return reduce(lambda one, other: Operator("and_", (one, other)), parts)


def is_total(part: FrameNode, inner: FrameNode) -> bool:
    """Whether a predicate has a value for every row, also for those that a join would leave out.

    Parameters
    ----------
    part
        The predicate.
    inner
        Whose rows it reads.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"s": ["1", "x"]}, npartitions=1)
    >>> is_total(df.s.isna().expr, df.expr), is_total((df.s.astype(int) > 0).expr, df.expr)
    (True, False)
    """
    below = {one.name for one in sources_first([inner])}
    own = [one for one in sources_first([part]) if one.name not in below]
    return all(one.method in TOTAL for one in own if isinstance(one, Method))


Kept = list[tuple[FrameNode, frozenset[Any]]]
"""Sources, and the columns whose values are in the result as they are there: what does not hold of
them there does not hold of a row of the result."""


def _of_all(inner: Any) -> Kept:
    return [(inner.source, frozenset(columns_of(inner.source)) & frozenset(columns_of(inner)))]


def _of_set_index(inner: Any) -> Kept:
    # Another series may be the index; and what is said to be sorted is checked as it is.
    return _of_all(inner) if len(inner.sources) == 1 and not inner.is_sorted else []


def _of_concat(inner: Any) -> Kept:
    dtypes = inner.meta.dtypes if inner.ndim == 2 else {}
    kept = []
    for part in inner.sources:
        own = part.meta.dtypes if part.ndim == 2 else {}
        same = [name for name in columns_of(part) if name in dtypes and own[name] == dtypes[name]]
        kept.append((part, frozenset(same)))
    return kept


def _of_join(inner: Any) -> Kept:
    """Columns that one side alone has; of keys of one name those of both."""
    left, right = inner.left, inner.right
    if inner.npartitions == 1:
        return []  # its rows are numbered as pandas does it: those that a filter leaves keep theirs
    ours, theirs = frozenset(columns_of(left)), frozenset(columns_of(right))
    if len(ours) < len(columns_of(left)) or len(theirs) < len(columns_of(right)):
        return []  # names that come twice
    keys = [
        name
        for name in (inner.left_on if inner.left_on == inner.right_on else None) or ()
        if name in ours & theirs and is_exact(left.dtypes[name], right.dtypes[name])
    ]
    first = ours - theirs if inner.how in ("inner", *OF_LEFT) else frozenset()
    last = theirs - ours if inner.how in ("inner", *OF_RIGHT) else frozenset()
    return [(left, first.union(keys)), (right, last.union(keys))]


def _of_method(inner: Any) -> Kept:
    """Columns that ``dropna`` looks at, and those that ``astype`` and ``fillna`` leave alone."""
    source, count = inner.args[0], len(inner.args) - len(inner.names)
    names = columns_of(source)
    if len(inner.frames) > 1 or len(set(names)) < len(names):
        return []
    if inner.method == "dropna":
        # A missing value among objects may not be comparable.
        plain = [name for name in names if not is_object_dtype(source.dtypes[name])]
        by_rows = count == 1 and set(inner.names) <= {"subset", "how", "thresh"}
        return [(source, frozenset(plain))] if by_rows else []
    changed = inner.args[1] if inner.method in ("astype", "fillna") and count == 2 else None
    if not isinstance(changed, dict):
        return []
    # Categories are found in all rows, also in those that a filter leaves out later.
    if any(kind_of_categories(dtype).endswith("[unknown]") for dtype in inner.meta.dtypes):
        return []
    return [(source, frozenset(names) - frozenset(changed))]


def _of_distinct(inner: Any) -> Kept:
    """Columns of which equal rows have the same value: all of them stay, or none."""
    reducer = inner.reducer
    if type(reducer) is not Reducer or reducer.name != "drop_duplicates" or len(inner.args) > 1:
        return []
    source, subset = inner.args[0], dict(reducer.options).get("subset")
    names = columns_of(source)
    if len(set(names)) < len(names):
        return []
    by = names if subset is None else subset if isinstance(subset, list | tuple) else [subset]
    dtypes = source.meta.dtypes if names else {}
    same = [name for name in names if name in by and is_exact(dtypes[name], dtypes[name])]
    return [(source, frozenset(same))]


def is_exact(dtype: Any, other: Any) -> bool:
    """Whether values that are equal are the same in every respect, unlike 0.0 and -0.0.

    Parameters
    ----------
    dtype, other
        Of two columns.

    Examples
    --------
    >>> import numpy as np
    >>> is_exact(np.dtype("i8"), np.dtype("i8")), is_exact(np.dtype("f8"), np.dtype("f8"))
    (True, False)
    """
    return bool(dtype == other) and not is_object_dtype(dtype) and not is_float_dtype(dtype)


KEPT: dict[type, Callable[[Any], Kept]] = {
    Join: _of_join,
    Shuffle: _of_all,
    Sort: _of_all,
    SetIndex: _of_set_index,
    Concat: _of_concat,
    Repartition: _of_all,
    RepartitionDivisions: _of_all,
    Method: _of_method,
    Reduce: _of_distinct,
}
"""Through what a filter moves."""
