"""Nodes that bring rows together: shuffles, joins, sorting; and running totals.

Most are `Logical`: they say which rows meet.  How they meet (by an exchange of all rows, by giving
a small side to all partitions, pair by pair where both sides are cut alike) is decided by
``physical``, late, when rules have made the sides as small as they get.  What a result is spread by
(`partitioning`) is told as well: the next join on the same keys moves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.kernels import cuts, moves
from shoal.dataframe.kernels.joins import merged_schema
from shoal.dataframe.kernels.levels import labelled_by, levels_of
from shoal.dataframe.meta import sample_of
from shoal.dataframe.nodes.base import (
    ALL_COLUMNS,
    Apply,
    Columns,
    FrameNode,
    Hashed,
    Logical,
    PartitionWise,
    are_plain,
    columns_of,
)
from shoal.dataframe.nodes.partitions import RepartitionDivisions, limited
from shoal.dataframe.nodes.reduce import Exchange
from shoal.dataframe.nodes.rowwise import MapPartitions
from shoal.graph.token import tokenize

__all__ = [
    "Join",
    "Merge",
    "Ranged",
    "SetIndex",
    "Shuffle",
    "Sort",
    "Top",
    "exchange",
]


SEMI = ("leftsemi", "leftanti")
"""Joins whose result has rows of the left side as they are."""

OF_LEFT = ("left", "left_anti", *SEMI)
"""Joins whose rows all have a row of the left side behind them, and may have none of the right."""

OF_RIGHT = ("right", "right_anti")
"""The same of the right side."""


GIVEN = {
    "inner": ("right", "left"),
    **dict.fromkeys(OF_LEFT, ("right",)),
    **dict.fromkeys(OF_RIGHT, ("left",)),
}
"""Of each kind of join: the sides that may be given to all partitions of the other one."""

MATCHED = ("inner", "left", "right", "outer")
"""Joins whose result has the columns of both sides."""


class Shuffle(Logical):
    """Rows with equal keys brought into one partition.

    Parameters
    ----------
    source
        The frame.
    by
        Names of columns, a tuple; None: the index.
    count
        How many partitions there will be.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> Shuffle(from_dict({"x": [1, 2]}, npartitions=2).expr, ("x",), 3).npartitions
    3
    """

    __slots__ = ()
    fields = ("source", "by", "count")
    prefix = "shuffle"
    narrow_sources = True

    def infer_divisions(self) -> tuple[Any, ...]:
        """Unknown."""
        return (None,) * (int(self.count) + 1)

    @property
    def in_place(self) -> bool:
        """Whether rows with equal keys are in one partition as it is.

        So they are where rows with equal values in some of the keys are.
        """
        known = self.source.partitioning
        if known is None or self.by is None or known.npartitions != self.count:
            return bool(self.count == self.source.npartitions == 1)
        return set(known.columns) <= set(self.by)

    @cached_property
    def row_key(self) -> str:
        """The same for all whose rows are moved by the same labels."""
        key: str = self.source.row_key
        return f"{key}-shuffle-{self.count}" if self.by is None else self.name

    @property
    def partitioning(self) -> Hashed | None:
        """By the keys; as it was, where nothing is moved."""
        if self.in_place:
            before: Hashed | None = self.source.partitioning
            return before
        return None if self.by is None else Hashed(self.by, self.count)

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """The wanted columns and the keys."""
        keys = frozenset(self.by or ())
        yield self.source, ALL_COLUMNS if wanted is None else wanted | keys

    def physical(self) -> FrameNode:
        """One exchange; none where the rows are there already."""
        source: FrameNode = self.source
        return source if self.in_place else exchange(source, self.by, self.count)


class Ranged(Logical):
    """Rows brought into the partitions between whose bounds their labels lie.

    Parameters
    ----------
    source
        The frame.
    bounds
        Divisions of another frame with labels of the same dtype; labels outside of them go to the
        first and the last partition, missing ones to the last.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> Ranged(from_dict({"x": [1, 2]}, npartitions=2).expr, (0, 1, 1)).npartitions
    2
    """

    __slots__ = ()
    fields = ("source", "bounds")
    prefix = "ranged"
    narrow_sources = True

    def infer_divisions(self) -> tuple[Any, ...]:
        """Unknown: rows are in no order, and may lie outside of the bounds."""
        return (None,) * len(self.bounds)

    @cached_property
    def row_key(self) -> str:
        """The same for all whose rows are moved by the same labels."""
        return f"{self.source.row_key}-ranged-{tokenize(self.bounds)}"

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """The wanted columns."""
        yield self.source, wanted if self.source.ndim == 2 else ALL_COLUMNS

    def physical(self) -> FrameNode:
        """One exchange."""
        split = cuts.RangeSplit(None, tuple(self.bounds[1:-1]))
        args = (cuts.JoinRows(), self.npartitions, self.meta, self.divisions, None)
        return Exchange(self.source, split, *args)


def exchange(
    source: FrameNode, by: Any, count: int, dtypes: Any = (), keep_index: bool = True
) -> FrameNode:
    """Rows moved by the hash of their keys.

    Parameters
    ----------
    source, by, count
        As of `Shuffle`.
    dtypes
        ``(position of the key, dtype)`` pairs: hash as that.
    keep_index
        False where nobody reads the labels.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> exchange(from_dict({"x": [1, 2]}, npartitions=2).expr, ("x",), 3).label()
    'Exchange(2 to 3)'
    """
    known = None if by is None or dtypes else Hashed(by, count)
    split = cuts.HashSplit(by, count, dtypes, keep_index)
    unknown = (None,) * (count + 1)
    return Exchange(source, split, cuts.JoinRows(), count, None, unknown, known)


class Join(Logical):
    """Two frames joined.

    Parameters
    ----------
    left, right
        The frames.
    how
        "inner", "left", "right", "outer", ...
    left_on, right_on
        Names of columns, a tuple; None: the index.
    suffixes
        For columns of the same name.
    indicator
        As pandas has it.
    count
        How many partitions, where rows have to be moved; None: as many as the larger side has.
    broadcast
        Whether to give one side to all partitions: True, False, or how readily, a number; None: as
        the rule `give_to_all` has it.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"k": [1, 2], "x": [3, 4]}, npartitions=2)
    >>> df.merge(df, on="k").expr.label()
    "Join(inner, ['k'], ['k'])"
    """

    __slots__ = ()
    fields = (
        *("left", "right", "how", "left_on", "right_on", "suffixes", "indicator", "count"),
        "broadcast",
    )
    prefix = "merge"
    narrow_sources = True

    @property
    def options(self) -> dict[str, Any]:
        """Of `pandas.merge`."""
        return {
            "how": self.how,
            "left_on": None if self.left_on is None else list(self.left_on),
            "right_on": None if self.right_on is None else list(self.right_on),
            "left_index": self.left_on is None,
            "right_index": self.right_on is None,
            "suffixes": self.suffixes,
            "indicator": self.indicator,
        }

    def infer_meta(self) -> Any:
        """pandas' own; the name of the index is that of rows, for pandas has another for none."""
        meta = merged_schema(self.left.meta, self.right.meta, self.options)
        if meta is not None:
            return meta
        meta = moves.merge_partitions(self.left.meta, self.right.meta, **self.options)
        if meta.index.name is not None and self.how != "left" and not self.on_index:
            samples = sample_of(self.left.meta), sample_of(self.right.meta)
            meta.index.name = moves.merge_partitions(*samples, **self.options).index.name
        return meta

    def infer_ndim(self) -> int:
        """A frame."""
        return 2

    def infer_names(self) -> tuple[Any, ...]:
        """Those of both sides."""
        return merged_names(self, self.options) or super().infer_names()

    def infer_dtypes(self) -> Mapping[Any, Any]:
        """Those of both sides, where keys are alike; as pandas has them of frames without rows."""
        names = merged_names(self, self.options) if self.how in ("inner", "left") else None
        keys = zip(self.left_on or (), self.right_on or (), strict=False)
        pairs = [(self.left.dtypes[one], self.right.dtypes[two]) for one, two in keys if names]
        alike = all(a == b and not isinstance(a, pd.CategoricalDtype) for a, b in pairs)
        if names is None or not alike:
            return super().infer_dtypes()
        both = {**self.right.dtypes, **self.left.dtypes}
        return {name: both[name] for name in names}

    @property
    def by_divisions(self) -> bool:
        """Whether both sides are sorted by what they are joined on."""
        return self.left.known_divisions and self.right.known_divisions and self.on_index

    @property
    def on_index(self) -> bool:
        """Whether both sides are joined on their index, told so or by its name."""
        return _is_index(self.left, self.left_on) and _is_index(self.right, self.right_on)

    @property
    def direct(self) -> bool:
        """Whether one side is given to all partitions of the other as it is."""
        left, right = self.left.npartitions, self.right.npartitions
        if left == right == 1:
            return True
        return (right == 1 and self.how in ("inner", *OF_LEFT)) or (
            left == 1 and self.how in ("inner", *OF_RIGHT)
        )

    def infer_divisions(self) -> tuple[Any, ...]:
        """The union of both sides' where they are used, those of the side that stays otherwise."""
        if self.direct and self.how == "outer":  # both of one partition
            ends = (*self.left.divisions, *self.right.divisions)
            return (min(ends), max(ends)) if self.by_divisions else (None, None)
        if self.direct:
            left, right = self.left, self.right
            ahead = left.npartitions - right.npartitions
            big = right if ahead < 0 or (not ahead and self.how in OF_RIGHT) else left
            # A column of that side leaves its index as it is, in an inner join at least.
            on, other = (
                (self.left_on, self.right_on) if big is left else (self.right_on, self.left_on)
            )
            keeps = self.on_index or (on is not None and _is_index(None, other))
            return tuple(big.divisions) if keeps else (None,) * (big.npartitions + 1)
        if self.by_divisions:
            return union_divisions(self.left.divisions, self.right.divisions)
        count = self.count or max(self.left.npartitions, self.right.npartitions)
        return (None,) * (int(count) + 1)

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """Keys, wanted columns, and both of a pair of which one is wanted with a suffix."""
        if wanted is None:
            yield from ((frame, ALL_COLUMNS) for frame in (self.left, self.right))
            return
        sides = (self.left, self.left_on), (self.right, self.right_on)
        shared = set(columns_of(self.left)) & set(columns_of(self.right))
        for frame, on in sides:
            names = {
                name
                for name in columns_of(frame)
                if name in wanted
                or (name in shared and any(f"{name}{end or ''}" in wanted for end in self.suffixes))
            }
            yield frame, frozenset(names | set(on or ()))

    def physical(self) -> FrameNode:
        """A merge of partitions that fit: as they are, cut at common bounds, or shuffled."""
        left, right = self.left, self.right
        if self.direct:
            pass
        elif self.by_divisions:
            left = RepartitionDivisions(left, self.divisions)
            right = RepartitionDivisions(right, self.divisions)
        else:
            left, right = self._shuffled()
        return Merge(left, right, tuple(self.options.items()), self.divisions)

    def _shuffled(self) -> tuple[FrameNode, FrameNode]:
        left_types, right_types = [], []
        left_keys, right_keys = _keys(self.left, self.left_on), _keys(self.right, self.right_on)
        for i, (one, other) in enumerate(zip(left_keys, right_keys, strict=False)):
            common = common_dtype(one, other)
            if common is not None:
                left_types.append((i, common))
                right_types.append((i, common))
        # pandas numbers the rows of a join anew unless an index takes part.
        sides = (self.left, self.left_on), (self.right, self.right_on)
        plain = all(on is not None and set(on) <= set(columns_of(side)) for side, on in sides)
        labels = self.how in SEMI or not plain
        return (
            self._brought(self.left, self.left_on, tuple(left_types), labels),
            self._brought(self.right, self.right_on, tuple(right_types), labels),
        )

    def _brought(self, side: FrameNode, on: Any, dtypes: Any, labels: bool) -> FrameNode:
        """A side with its rows where those of the other side go; as it is, if they are there."""
        count = self.npartitions
        if on is not None and not dtypes and side.partitioning == Hashed(on, count):
            return side
        return exchange(side, on, count, dtypes, labels)

    @property
    def partitioning(self) -> Hashed | None:
        """By the keys, or as the larger side was."""
        if self.direct:
            return kept_partitioning(self, self.how)
        if self.by_divisions or self.how not in ("inner", *OF_LEFT) or self.left_on is None:
            return None
        dtypes = _keys(self.left, self.left_on), _keys(self.right, self.right_on)
        if any(common_dtype(*pair) is not None for pair in zip(*dtypes, strict=False)):
            return None
        return shown(self, self.left, Hashed(self.left_on, self.npartitions))

    def label(self) -> str:
        """How, and on what."""
        names = ["index" if on is None else list(on) for on in (self.left_on, self.right_on)]
        return f"Join({self.how}, {names[0]}, {names[1]})"


def _is_index(frame: Any, on: Any) -> bool:
    """Whether a key is the index."""
    if on is None:
        return True
    if frame is None or len(on) != 1:
        return False
    if on[0] in columns_of(frame):
        return False
    index = frame.meta.index
    return bool(index.nlevels == 1 and on[0] == index.name)


def _keys(frame: FrameNode, on: Any) -> list[Any]:
    """The dtypes of the keys, which are columns or levels of the index."""
    if on is None:
        return [level.dtype for level in levels_of(frame.meta.index)]
    if are_plain(columns_of(frame)) and set(on) <= set(columns_of(frame)):
        return [frame.dtypes[name] for name in on]
    return [cuts.key_array(frame.meta, name).dtype for name in on]


def common_dtype(a: Any, b: Any) -> Any:
    """The dtype as which keys of two dtypes hash alike; None where they do as they are.

    >>> common_dtype(np.dtype("int64"), np.dtype("float64"))
    dtype('float64')
    """
    if a == b:
        return None
    try:
        return np.result_type(a, b)
    except TypeError:
        numeric = pd.api.types.is_numeric_dtype
        return np.dtype(float) if numeric(a) and numeric(b) else None


def union_divisions(a: tuple[Any, ...], b: tuple[Any, ...]) -> tuple[Any, ...]:
    """The bounds of both.

    >>> union_divisions((1, 5, 9), (0, 5))
    (0, 1, 5, 9)
    """
    bounds = tuple(sorted({*a, *b}))
    return bounds if len(bounds) > 1 else (bounds[0], bounds[0])


def merged_names(join: Any, options: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """The names of a join's columns, where no suffix is needed; None where pandas has to be asked.

    Parameters
    ----------
    join
        A `Join` or a `Merge`.
    options
        Of `pandas.merge`.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> one, two = (from_dict({"k": [1, 2], v: [3, 4]}, npartitions=2) for v in "xy")
    >>> join = one.merge(two, on="k").expr
    >>> merged_names(join, join.options)
    ('k', 'x', 'y')
    """
    left_on, right_on = options["left_on"], options["right_on"]
    if not (left_on and right_on) or options["indicator"] or options["how"] not in MATCHED:
        return None
    ours, theirs = columns_of(join.left), columns_of(join.right)
    if not (are_plain(ours) and are_plain(theirs)):
        return None
    shared = {one for one, other in zip(left_on, right_on, strict=True) if one == other}
    others = [name for name in theirs if name not in shared]
    here = set(ours)
    if not (here >= set(left_on) and set(theirs) >= set(right_on)) or here.intersection(others):
        return None
    return (*ours, *others)


def kept_partitioning(join: Any, how: str) -> Hashed | None:
    """Where the rows of a join's sides were, if that is where the result has them.

    Parameters
    ----------
    join
        A `Join` or a `Merge`.
    how
        Its kind.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> one, two = (from_dict({"k": [1, 2], v: [3, 4]}, npartitions=2) for v in "xy")
    >>> join = one.shuffle("k").merge(two.repartition(npartitions=1), on="k").expr
    >>> kept_partitioning(join, "inner")
    Hashed(columns=('k',), npartitions=2)
    """
    sides = []
    if how in ("inner", *OF_LEFT):
        sides.append(join.left)
    if how in ("inner", *OF_RIGHT):
        sides.append(join.right)
    for side in sides:
        known = side.partitioning
        if known is not None and known.npartitions == join.npartitions:
            found = shown(join, side, known)
            if found is not None:
                return found
    return None


def shown(join: Any, side: FrameNode, known: Hashed) -> Hashed | None:
    """A partitioning of a side, if the result has its columns under their names."""
    other = join.right if side is join.left else join.left
    theirs = set(columns_of(other)) if join.meta.ndim == 2 else set()
    names = set(known.columns)
    keys = zip(join.left_on or (), join.right_on or (), strict=False)
    shared = {one for one, two in keys if one == two}
    plain = names <= set(columns_of(side)) and not (names & theirs) - shared
    return known if plain and names <= set(columns_of(join)) else None


class Merge(PartitionWise):
    """Partitions of two frames joined pair by pair.

    Parameters
    ----------
    left, right
        Frames whose rows are where they have to be.
    options
        Pairs: the options of `pandas.merge`.
    given_divisions
        Of the result.

    Examples
    --------
    >>> Merge.fields
    ('left', 'right', 'options', 'given_divisions')
    """

    __slots__ = ()
    fields = ("left", "right", "options", "given_divisions")
    prefix = "merge"

    @property
    def left_on(self) -> Any:
        """Keys of the left side; None: its index."""
        return dict(self.options)["left_on"]

    @property
    def right_on(self) -> Any:
        """Keys of the right side; None: its index."""
        return dict(self.options)["right_on"]

    def infer_ndim(self) -> int:
        """A frame."""
        return 2

    def infer_names(self) -> tuple[Any, ...]:
        """Those of both sides."""
        return merged_names(self, dict(self.options)) or super().infer_names()

    @property
    def partitioning(self) -> Hashed | None:
        """That of a side, whose rows stay where they are."""
        return kept_partitioning(self, dict(self.options)["how"])

    def call(self) -> Apply:
        """pandas' merge."""
        args = (self.left, self.right)
        return Apply(moves.merge_partitions, args, dict(self.options), title="merge")

    def infer_divisions(self) -> tuple[Any, ...]:
        """The given ones."""
        return tuple(self.given_divisions)


class SetIndex(Logical):
    """A frame indexed by a column, and sorted.

    Parameters
    ----------
    source
        The frame.
    column
        Its name.
    drop
        Whether the column goes.
    given_divisions
        Of the result.
    is_sorted
        Whether the rows are where they have to be.
    has_missing
        Whether there are labels that lie between no bounds, so that the divisions are not known.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [2, 1]}, npartitions=2)
    >>> df.set_index("x", divisions=[1, 2, 2]).expr.label()
    "SetIndex('x')"
    """

    __slots__ = ()
    fields = ("source", "column", "drop", "given_divisions", "is_sorted", "has_missing")
    prefix = "set-index"
    narrow_sources = True

    def infer_meta(self) -> Any:
        """pandas' own."""
        return labelled_by(self.source.meta, self.column, self.drop)

    def infer_divisions(self) -> tuple[Any, ...]:
        """The given ones, where all labels have a place among them."""
        given = tuple(self.given_divisions)
        return (None,) * len(given) if self.has_missing else given

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """The wanted ones and the column."""
        yield self.source, ALL_COLUMNS if wanted is None else wanted | {self.column}

    def physical(self) -> FrameNode:
        """Rows moved by range, then indexed partition by partition."""
        source: FrameNode = self.source
        count = self.npartitions
        if not self.is_sorted and not count == source.npartitions == 1:
            inner = tuple(self.given_divisions[1:-1])
            split = cuts.RangeSplit(self.column, inner, keep_index=False)
            unknown = (None,) * (count + 1)
            join = cuts.JoinRows((self.column,))
            source = Exchange(source, split, join, count, None, unknown, None)
        func = moves.set_sorted_index
        args = (source, self.column, self.drop)
        return MapPartitions(func, args, (), self.meta, self.divisions, "set-index")

    def label(self) -> str:
        """Which column."""
        return f"SetIndex({self.column!r})"


class Sort(Logical):
    """A frame sorted by columns.

    Parameters
    ----------
    source
        The frame.
    by
        Names, a tuple.
    bounds
        Of the first column: where new partitions begin, without the first.
    options
        Pairs: ``ascending`` and ``na_position`` of `pandas.DataFrame.sort_values`.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> Sort(from_dict({"x": [2, 1]}, npartitions=2).expr, ("x",), (2,), ()).npartitions
    2
    """

    __slots__ = ()
    fields = ("source", "by", "bounds", "options")
    prefix = "sort-values"
    narrow_sources = True

    def infer_divisions(self) -> tuple[Any, ...]:
        """Unknown: the index is not sorted."""
        return (None,) * (len(self.bounds) + 2)

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """The wanted ones and the keys."""
        yield self.source, ALL_COLUMNS if wanted is None else wanted | set(self.by)

    def physical(self) -> FrameNode:
        """Rows moved by range of the first key, then sorted."""
        options = dict(self.options)
        up = options.get("ascending", True)
        first_up = bool(up[0] if isinstance(up, tuple | list) else up)
        last = options.get("na_position", "last") == "last"
        split = cuts.RangeSplit(self.by[0], self.bounds, first_up, last)
        told = {**options, "ascending": list(up) if isinstance(up, tuple) else up}
        join = cuts.JoinRows(self.by, tuple(told.items()))
        args = (split, join, len(self.bounds) + 1, self.meta, self.divisions, None)
        return Exchange(self.source, *args)

    def label(self) -> str:
        """By what."""
        return f"Sort({list(self.by)})"


class Top(Logical):
    """The first or the last rows of a frame sorted by columns, which is not sorted for them.

    Parameters
    ----------
    source
        The frame.
    by, options
        As of `Sort`.
    n
        How many rows.
    end
        "first" or "last".

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> Top(from_dict({"x": [2, 1]}, npartitions=2).expr, ("x",), (), 1, "first").npartitions
    1
    """

    __slots__ = ()
    fields = ("source", "by", "options", "n", "end")
    prefix = "top"
    narrow_sources = True

    def infer_divisions(self) -> tuple[Any, ...]:
        """Unknown: the index is not sorted."""
        return (None, None)

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """The wanted ones and the keys."""
        yield self.source, ALL_COLUMNS if wanted is None else wanted | set(self.by)

    def physical(self) -> FrameNode:
        """Of each partition, and again of those together, in the order of partitions."""
        func = moves.FirstSorted(self.by, self.options, self.n, self.end == "last")
        return limited(self.source, func, (), self.label(), self.divisions)

    def label(self) -> str:
        """How many, by what."""
        return f"Top({self.end} {self.n} by {list(self.by)})"
