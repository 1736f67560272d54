"""`Series` and `Index`: one column, or the labels; what they have beyond what all frames have.

As with `DataFrame`, most methods are made from `tables.py`, or stand in the module of their family.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from functools import partial
from typing import Any

import pandas as pd

from shoal.dataframe.collection.accessors import (
    CategoricalAccessor,
    DatetimeAccessor,
    ListAccessor,
    StringAccessor,
    StructAccessor,
)
from shoal.dataframe.collection.base import (
    FrameBase,
    check_shuffle_method,
    collection_types,
    from_node,
    operand,
)
from shoal.dataframe.collection.conversion import to_dask_array
from shoal.dataframe.collection.distinct import (
    count_values,
    distinct_rows,
    distinct_values,
    is_span,
    kept_of_equals,
    renamed_labels,
)
from shoal.dataframe.collection.generate import install_methods, install_operators, refuse_inplace
from shoal.dataframe.collection.groupby import SeriesGroupBy
from shoal.dataframe.collection.groupkeys import as_bins
from shoal.dataframe.collection.indexing import (
    Locator,
    chosen_by_array,
    filtered,
    is_array,
    is_mask,
)
from shoal.dataframe.collection.joins import concat
from shoal.dataframe.collection.levels import series_by_level
from shoal.dataframe.collection.partitioning import repartition
from shoal.dataframe.collection.tables import ACCESSORS
from shoal.dataframe.kernels import rows
from shoal.dataframe.kernels.agreement import Held
from shoal.dataframe.meta import make_meta, sample_of, told_meta, untold
from shoal.dataframe.nodes.rowwise import MapPartitions, ResetIndex
from shoal.expr.annotate import current_annotations

__all__ = ["Index", "Series"]


class _Column(FrameBase):
    """What series and indexes have in common."""

    __slots__ = ()

    @property
    def dtype(self) -> Any:
        """The type of the values."""
        return self._meta.dtype

    @property
    def name(self) -> Any:
        """Of the series or index."""
        return self._meta.name

    @property
    def shape(self) -> tuple[Any, ...]:
        """How many values, not computed yet."""
        return (self.size,)

    @property
    def size(self) -> Any:
        """How many values, not computed yet."""
        return self._reduce("size")

    @property
    def str(self) -> StringAccessor:
        """Methods of text."""
        return StringAccessor(self)

    @property
    def dt(self) -> DatetimeAccessor:
        """Methods of times."""
        return DatetimeAccessor(self)

    @property
    def cat(self) -> CategoricalAccessor:
        """Methods of categories."""
        return CategoricalAccessor(self)

    @property
    def values(self) -> Any:
        """The values as an array, a block a partition."""
        return to_dask_array(self)

    @property
    def is_unique(self) -> Any:
        """Whether no value repeats, not computed yet."""
        return self._reduce("nunique", dropna=False) == self.size

    @property
    def is_monotonic_increasing(self) -> Any:
        """Whether each value is at least as large as the one before, not computed yet."""
        return self._reduce("is_monotonic_increasing", meta=True)

    @property
    def is_monotonic_decreasing(self) -> Any:
        """Whether each value is at most as large as the one before, not computed yet."""
        return self._reduce("is_monotonic_decreasing", meta=True)

    @property
    def T(self) -> Any:
        """Itself: one axis is not turned."""
        return self

    def transpose(self) -> Any:
        """Itself: one axis is not turned."""
        return self

    @property
    def hasnans(self) -> Any:
        """Whether values are missing, not computed yet."""
        return self._rowwise("isna").any()

    @property
    def nbytes(self) -> Any:
        """How many bytes the values take, not computed yet."""
        return self.map_partitions(_nbytes, meta=0).sum()


def _nbytes(part: Any) -> int:
    return int(part.nbytes)


class Series(_Column):
    """A column with an index, in partitions.

    Parameters
    ----------
    node
        The expression; made by functions such as `from_pandas`, not by hand.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> s = from_dict({"x": [1, 2, 3]}, npartitions=2).x
    >>> s[s > 1].sum().compute()
    np.int64(5)
    """

    __slots__ = ()

    @property
    def name(self) -> Any:
        """Of the series."""
        return self._meta.name

    @name.setter
    def name(self, name: Any) -> None:
        object.__setattr__(self, "_node", self.rename(name)._node)

    @property
    def index(self) -> Index:
        """The labels of the rows."""
        index: Index = self._attribute("index")
        return index

    @property
    def list(self) -> Any:
        """Methods of lists."""
        return ListAccessor(self)

    @property
    def struct(self) -> StructAccessor:
        """Methods of structs."""
        return StructAccessor(self)

    @property
    def dtypes(self) -> Any:
        """The type of the values."""
        return self._meta.dtype

    @property
    def empty(self) -> bool:
        """Whether there are no values; computes it."""
        return len(self) == 0

    def keys(self) -> Any:
        """The index."""
        return self.index

    def items(self) -> Iterator[Any]:
        """Pairs of a label and a value, a partition computed at a time."""
        for i in range(self.npartitions):
            yield from self.get_partition(i).compute().items()

    def __iter__(self) -> Iterator[Any]:
        return (value for _, value in self.items())

    def divmod(self, other: Any) -> tuple[Any, Any]:
        """Quotients and remainders.

        Parameters
        ----------
        other
            A series or number.
        """
        return self // other, self % other

    def rdivmod(self, other: Any) -> tuple[Any, Any]:
        """Quotients and remainders of another one by this.

        Parameters
        ----------
        other
            A series or number.
        """
        return other // self, other % self

    @property
    def axes(self) -> Any:
        """The index, in a list."""
        return [self.index]

    @property
    def loc(self) -> Locator:
        """Rows by label."""
        return Locator(self)

    def __getitem__(self, key: Any) -> Any:
        if callable(key):
            return self[key(self)]
        if isinstance(key, Series) or is_mask(key):
            return filtered(self, key)
        if self.npartitions == 1 and pd.api.types.is_scalar(key):
            sample = sample_of(self._meta).iloc[0]
            args = (operator.getitem, (self._node, key), (), sample, (None, None), "getitem")
            return from_node(MapPartitions(*args))
        return self.loc[key]

    def case_when(self, caselist: Any) -> Any:
        """Values replaced where conditions hold: the first one that does.

        Parameters
        ----------
        caselist
            Pairs of a condition and what replaces; functions are called with the series.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> x = from_dict({"x": [1, 2, 3]}, npartitions=2).x
        >>> x.case_when([(x > 2, 0), (x > 1, 9)]).compute().tolist()
        [1, 9, 0]
        """
        if not caselist:
            raise ValueError("provide at least one boolean condition, with a replacement")
        out = self
        for pair in reversed(caselist):
            condition, value = (one(self) if callable(one) else one for one in pair)
            out = out.mask(condition, value)
        return out

    def rename(self, index: Any, **kwargs: Any) -> Any:
        """A series with another name, or with other labels.

        Parameters
        ----------
        index
            The name, or a function or dict for the labels.
        **kwargs
            ``sorted_index=True``: labels stay in order, so that divisions are known; others as
            pandas has them.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> from_dict({"x": [1]}, npartitions=1).x.rename("y").name
        'y'
        """
        refuse_inplace("rename", kwargs)
        ordered = kwargs.pop("sorted_index", False)
        if isinstance(index, FrameBase):
            index = index.compute()
        if callable(index) or isinstance(index, dict | pd.Series):
            return renamed_labels(self, index, ordered)
        return self._rowwise("rename", index, **kwargs)

    def map(self, func: Any, na_action: Any = None, meta: Any = None) -> Any:
        """Apply a function, dict or series to every value.

        Parameters
        ----------
        func
            As pandas has it.
        na_action
            "ignore" to leave missing values alone.
        meta
            Name and dtype of the result; without it, the function is called on made-up values.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> from_dict({"x": [1, 2]}, npartitions=2).x.map(str, meta=("x", str)).compute().tolist()
        ['1', '2']
        """
        if isinstance(func, FrameBase):
            # Every partition needs all of it.
            func = func if func.npartitions == 1 else repartition(func, npartitions=1)
        if untold(meta) and isinstance(func, FrameBase | pd.Series):
            meta = told_meta(map_once, self._meta, getattr(func, "_meta", func))
        return self._applied("map", (func,), {"na_action": na_action}, meta)

    def apply(self, function: Any, args: Any = (), meta: Any = None, **kwargs: Any) -> Any:
        """Apply a function to every value.

        Parameters
        ----------
        function
            Called with a value, then ``args`` and ``kwargs``.
        args, **kwargs
            More arguments.
        meta
            Name and dtype of the result; without it, the function is called on made-up values.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> x = from_dict({"x": [1, 2]}, npartitions=2).x
        >>> x.apply(lambda x: x + 1, meta=("x", int)).compute().tolist()
        [2, 3]
        """
        return self._applied("apply", (function,), {"args": tuple(args), **kwargs}, meta)

    def _applied(self, method: str, args: Any, kwargs: Any, meta: Any) -> Any:
        items = [operand(one) for one in args]
        inferred = untold(meta)
        if inferred:
            metas = [getattr(one, "meta", one) for one in items]
            meta = told_meta(rows.call_method, self._meta, method, *metas, **kwargs)
        meta = make_meta(meta, index=self._meta.index)
        whole = (self._node, method, *items, *kwargs.values())
        call = rows.call_method if inferred else Held(rows.call_method, meta, method)
        return from_node(MapPartitions(call, whole, tuple(kwargs), meta, None, method))

    def to_frame(self, name: Any = None) -> Any:
        """A frame of one column.

        Parameters
        ----------
        name
            Of the column; the series' own by default.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> from_dict({"x": [1]}, npartitions=1).x.to_frame("y").columns.tolist()
        ['y']
        """
        return self._rowwise("to_frame", **({} if name is None else {"name": name}))

    def reset_index(self, drop: bool = False) -> Any:
        """The index as a column, and numbers within each partition in its place.

        Parameters
        ----------
        drop
            Leave out the old index.
        """
        return from_node(ResetIndex(self._node, drop, annotations=current_annotations()))

    def value_counts(
        self,
        sort: bool = True,
        ascending: bool = False,
        dropna: bool = True,
        normalize: bool = False,
        split_every: Any = None,
        split_out: int = 1,
    ) -> Any:
        """How often each value is there.

        Parameters
        ----------
        sort, ascending, dropna, normalize
            As pandas has them.
        split_every
            How many partial results a task combines.
        split_out
            How many partitions the result has; True for as many as there are.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> from_dict({"x": [1, 2, 2]}, npartitions=2).x.value_counts().compute().to_dict()
        {2: 2, 1: 1}
        """
        options: Any = {
            "sort": sort,
            "ascending": ascending,
            "dropna": dropna,
            "normalize": normalize,
        }
        return count_values(self, split_every, split_out, options)

    def unique(
        self, split_every: Any = None, split_out: int = 1, shuffle_method: Any = None
    ) -> Any:
        """The distinct values, as a series, in the order in which they come.

        Parameters
        ----------
        split_every
            How many partial results a task combines.
        split_out
            How many partitions the result has; True for as many as there are.
        shuffle_method
            One of those that there are; they do the same.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> from_dict({"x": [2, 1, 2]}, npartitions=2).x.unique().compute().tolist()
        [2, 1]
        """
        check_shuffle_method(shuffle_method)
        return distinct_values(self, split_every, split_out)

    def drop_duplicates(self, split_every: Any = None, split_out: int = 1, **options: Any) -> Any:
        """The values without repetitions.

        Parameters
        ----------
        split_every
            How many partial results a task combines.
        split_out
            How many partitions the result has; True for as many as there are.
        **options
            As pandas has them.
        """
        return distinct_rows(self, split_every, split_out, options)

    def nlargest(self, n: int = 5, split_every: Any = None, *, keep: str = "first") -> Any:
        """The largest values; no more than n a partition are kept on the way.

        Parameters
        ----------
        n
            How many.
        split_every
            How many partial results a task combines.
        keep
            Which of equal ones: "first", "last", or "all" of them, even if these are more than n.
        """
        told = kept_of_equals(keep)
        return self._reduce("nlargest", None, split_every, self._meta, n=n, **told)

    def nsmallest(self, n: int = 5, split_every: Any = None, *, keep: str = "first") -> Any:
        """The smallest values; no more than n a partition are kept on the way.

        Parameters
        ----------
        n
            How many.
        split_every
            How many partial results a task combines.
        keep
            Which of equal ones: "first", "last", or "all" of them, even if these are more than n.
        """
        told = kept_of_equals(keep)
        return self._reduce("nsmallest", None, split_every, self._meta, n=n, **told)

    def sort_values(self, ascending: bool = True, na_position: str = "last", **options: Any) -> Any:
        """The values in order.

        Parameters
        ----------
        ascending, na_position
            As pandas has them.
        **options
            As `DataFrame.sort_values` has them.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> from_dict({"x": [3, 1, 2]}, npartitions=2).x.sort_values().compute().tolist()
        [1, 2, 3]
        """
        name = _name_of(self)
        frame = self.to_frame(name).sort_values(
            name, ascending=ascending, na_position=na_position, **options
        )
        return frame[name].rename(self.name)

    def groupby(self, by: Any = None, **options: Any) -> Any:
        """Group the values by a series or by the index of another one.

        Parameters
        ----------
        by
            A series, a function or mapping of labels, a `pandas.Grouper`, or several.
        **options
            As `DataFrame.groupby` has them.
        """
        if isinstance(self.name, tuple):
            return series_by_level(self, by, **options)
        bins = as_bins(self, by, options)
        if bins is not None:
            return bins
        name = _name_of(self)
        frame = self.to_frame(name)
        if by is None:
            return SeriesGroupBy(frame, None, name, unnamed=self.name is None, **options)
        keys = list(by) if isinstance(by, list | tuple) else [by]
        # The series itself may be a key, which has to be a column of the frame then.
        keys = [frame[name].rename(self.name) if key is self else key for key in keys]
        return SeriesGroupBy(frame, keys, name, unnamed=self.name is None, **options)


def _name_of(series: Series) -> Any:
    return 0 if series.name is None else series.name


def map_once(values: Any, mapper: Any) -> Any:
    """Values mapped by a series whose labels may repeat, as those of made-up rows do.

    Parameters
    ----------
    values, mapper
        Series.

    Examples
    --------
    >>> map_once(pd.Series([1]), pd.Series([5, 6], index=[1, 1])).tolist()
    [5]
    """
    return values.map(mapper[~mapper.index.duplicated()])


def _labels_of(values: Any, name: Any) -> Any:
    return pd.Index(values, name=name)


TIME_ATTRIBUTES = frozenset(ACCESSORS["dt"][1].split())
"""What an index of times tells of each label."""

TIME_METHODS = frozenset([*ACCESSORS["dt"][0].split(), "snap", "to_julian_date"]) - {
    *("asfreq", "to_pydatetime", "to_pytimedelta")
}
"""Methods of an index of times that work label by label."""

TIME_TYPES = frozenset(["tz", "tzinfo", "unit"])
"""What an index of times tells of its dtype."""

TIME_REDUCTIONS = frozenset(["mean", "std"])
"""Reductions that an index has if it is one of times."""


class Index(_Column):
    """The labels of rows, in partitions.

    Parameters
    ----------
    node
        The expression.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2, 3]}, npartitions=2).index.max().compute()
    np.int64(2)
    """

    __slots__ = ()

    @property
    def names(self) -> Any:
        """Of its levels."""
        return self._meta.names

    @property
    def dt(self) -> Any:
        """Itself, where the labels are times: an index has what `Series.dt` has."""
        if not isinstance(self._meta, pd.DatetimeIndex | pd.TimedeltaIndex | pd.PeriodIndex):
            raise TypeError(
                f"dt takes labels that are datetimelike, got {type(self._meta).__name__}"
            )
        return self

    def __getattr__(self, name: str) -> Any:
        # Labels that are times have what `dt` has.
        if not name.startswith("_") and hasattr(type(self._meta), name):
            if name in TIME_ATTRIBUTES:
                return self._attribute(name)
            if name in TIME_METHODS:
                return partial(self._rowwise, name)
            if name in TIME_TYPES:
                return getattr(self._meta, name)
            if name in TIME_REDUCTIONS:
                return getattr(self.to_series(), name)
        return super().__getattr__(name)

    def __dir__(self) -> Any:
        told = TIME_ATTRIBUTES | TIME_METHODS | TIME_TYPES | TIME_REDUCTIONS
        here = [name for name in told if hasattr(type(self._meta), name)]
        return [*super().__dir__(), *here]

    @property
    def inferred_type(self) -> Any:
        """What kind of labels there are, as text, as far as their dtype tells."""
        return self._meta_nonempty.inferred_type

    def is_(self, other: Any) -> bool:
        """Whether another index is the same expression.

        Parameters
        ----------
        other
            Anything.
        """
        return isinstance(other, Index) and other._node is self._node

    def identical(self, other: Any) -> bool:
        """Whether another index has the same labels, name and dtype; computes both.

        Parameters
        ----------
        other
            An index, of shoal's or pandas'.
        """
        labels = other.compute() if isinstance(other, Index) else other
        return bool(self.compute().identical(labels))

    def ravel(self, order: Any = "C") -> Any:
        """Itself: it has one axis.

        Parameters
        ----------
        order
            Accepted as pandas has it.
        """
        return self

    def view(self) -> Any:
        """Itself: expressions do not change."""
        return self

    def to_flat_index(self) -> Any:
        """Itself, where labels have one level; labels that are tuples otherwise."""
        return self if self.nlevels == 1 else self._rowwise("to_flat_index")

    def set_names(self, names: Any, level: Any = None) -> Any:
        """The index with another name, or other names for its levels.

        Parameters
        ----------
        names, level
            As pandas has them.
        """
        return self._rowwise("set_names", names, level=level)

    def putmask(self, mask: Any, value: Any) -> Any:
        """The labels, another one in the place of some.

        Parameters
        ----------
        mask
            A boolean series beside the index.
        value
            What those get at which it is true.
        """
        return self.to_series().mask(mask, value).map_partitions(_labels_of, self.name)

    def append(self, other: Any) -> Any:
        """The labels of this index, then those of others.

        Parameters
        ----------
        other
            An index of shoal, or a list of them.
        """
        others = other if isinstance(other, list | tuple) else [other]
        frames = [one.to_frame(name=0) for one in (self, *others)]
        return concat([one[[]] for one in frames]).index.rename(self.name)

    @property
    def nlevels(self) -> int:
        """How many levels there are."""
        return int(self._meta.nlevels)

    @property
    def empty(self) -> bool:
        """Whether there are no labels; computes it."""
        return len(self) == 0

    @property
    def has_duplicates(self) -> Any:
        """Whether a label repeats, not computed yet."""
        return self.is_unique._operator("eq", self.is_unique, False)

    def value_counts(self, **options: Any) -> Any:
        """How often each label is there.

        Parameters
        ----------
        **options
            As `Series.value_counts` has them.
        """
        return self.to_series().rename(self.name).value_counts(**options)

    def get_level_values(self, level: Any) -> Any:
        """The labels of one level.

        Parameters
        ----------
        level
            Its number or name.
        """
        return self._rowwise("get_level_values", level)

    def to_series(self, **kwargs: Any) -> Any:
        """A series with the labels for values and index.

        Parameters
        ----------
        **kwargs
            As pandas has them.
        """
        return self._rowwise("to_series", **kwargs)

    def to_frame(self, index: bool = True, name: Any = None) -> Any:
        """A frame of one column.

        Parameters
        ----------
        index
            Whether the labels are its index, too.
        name
            Of the column.
        """
        return self._rowwise("to_frame", index=index, **({} if name is None else {"name": name}))

    @property
    def name(self) -> Any:
        """Of the index."""
        return self._meta.name

    @name.setter
    def name(self, name: Any) -> None:
        object.__setattr__(self, "_node", self._rowwise("rename", name)._node)

    def drop_duplicates(self, split_every: Any = None, split_out: int = 1, **options: Any) -> Any:
        """The labels without repetitions.

        Parameters
        ----------
        split_every
            How many partial results a task combines.
        split_out
            How many partitions the result has; True for as many as there are.
        **options
            As pandas has them.
        """
        return distinct_rows(self, split_every, split_out, options)

    def unique(
        self, split_every: Any = None, split_out: int = 1, shuffle_method: Any = None
    ) -> Any:
        """The distinct labels, in the order in which they come.

        Parameters
        ----------
        split_every
            How many partial results a task combines.
        split_out
            How many partitions the result has; True for as many as there are.
        shuffle_method
            One of those that there are; they do the same.
        """
        check_shuffle_method(shuffle_method)
        return distinct_values(self, split_every, split_out)

    def map(
        self, arg: Any, na_action: Any = None, meta: Any = None, is_monotonic: bool = False
    ) -> Any:
        """Apply a function or dict to every label.

        Parameters
        ----------
        arg
            As pandas has it.
        na_action
            "ignore" to leave missing values alone.
        meta
            What the result looks like; without it, the function is called on made-up labels.
        is_monotonic
            The order is kept, so that divisions are known.
        """
        if isinstance(arg, FrameBase):
            arg = arg if arg.npartitions == 1 else repartition(arg, npartitions=1)
        if untold(meta) and isinstance(arg, FrameBase | pd.Series):
            meta = told_meta(map_once, self._meta, getattr(arg, "_meta", arg))
        arg = operand(arg)
        if untold(meta):
            meta = told_meta(rows.call_method, self._meta, "map", arg, na_action=na_action)
        meta = make_meta(meta)
        if isinstance(meta, pd.Series):
            meta = pd.Index(meta, name=meta.name)
        divisions: Any = (None,) * (self.npartitions + 1)
        if is_monotonic and self.known_divisions:
            divisions = tuple(pd.Series(list(self.divisions)).map(arg).tolist())
        args = (self._node, "map", arg, na_action)
        return from_node(
            MapPartitions(rows.call_method, args, ("na_action",), meta, divisions, "map")
        )

    def shift(self, periods: int = 1, freq: Any = None) -> Any:
        """The labels moved by some time.

        Parameters
        ----------
        periods
            How often.
        freq
            By what; the index's own frequency by default.
        """
        if isinstance(self._meta, pd.PeriodIndex):
            if freq is not None:
                raise TypeError("the labels of a PeriodIndex move by their own frequency")
            options: Any = {}
        else:
            freq = freq if freq is not None else getattr(self._meta, "freq", None)
            options = {"freq": freq}
        meta = self._meta.shift(periods, **options)
        divisions: Any = (None,) * (self.npartitions + 1)
        if self.known_divisions and (not options or is_span(freq)):
            kind: Any = type(self._meta)
            moved = kind(list(self.divisions)).shift(periods, **options)
            divisions = tuple(moved) if moved.is_monotonic_increasing else divisions
        args = (self._node, "shift", periods, *options.values())
        return from_node(
            MapPartitions(rows.call_method, args, tuple(options), meta, divisions, "shift")
        )

    def __iter__(self) -> Iterator[Any]:
        for i in range(self.npartitions):
            yield from self.get_partition(i).compute()

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, Series):
            return filtered(self, key)
        if is_array(key):
            return chosen_by_array(self, key)
        raise NotImplementedError("labels of an index by number are not known; compute() first")


for cls, kind in ((Series, pd.Series), (Index, pd.Index)):
    install_methods(cls, kind)
    install_operators(cls)
collection_types.register(pd.Series, lambda _: Series)
collection_types.register(pd.Index, lambda _: Index)
