"""Reductions of one partition, and how their results are combined.

A `Reducer` names an entry of `REDUCTIONS`, three functions.  A partial result is a pair: how many
rows it stands for, and a value; an empty partition takes no part, because what pandas says of
nothing (NaN, 0, an error) may not fit what it says of something.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from shoal.dataframe.kernels.kinds import ByColumn, by_kind, numeric_places
from shoal.dataframe.kernels.levels import levels_of
from shoal.dataframe.kernels.totals import (
    decimal_mean,
    decimal_means,
    is_decimal,
    stack,
    total,
    total_of_totals,
)
from shoal.dispatch import Dispatch

__all__ = [
    "REDUCTIONS",
    "Reducer",
    "Reduction",
    "concat_dispatch",
    "common_categories",
    "comparable",
    "concat_rows",
    "missing_of",
    "with_common_categories",
]

concat_dispatch = Dispatch("concat_dispatch")
"""``func(first, parts, **options)``, for partitions that are not pandas'."""


@concat_dispatch.register(object)
def _concat_values(first: Any, parts: Sequence[Any], **options: Any) -> Any:
    return np.concatenate([np.asarray(part) for part in parts])


Pair: TypeAlias = "tuple[int, Any]"


class Reduction(NamedTuple):
    """How something is reduced.

    Parameters
    ----------
    partial
        ``partial(item, **options) -> value``.
    combine
        ``combine(values, **options) -> value``, of several values.
    final
        ``final(value, **options) -> result``.

    Examples
    --------
    >>> REDUCTIONS["count"].partial(pd.Series([1, None]))
    np.int64(1)
    """

    partial: Callable[..., Any]
    combine: Callable[..., Any]
    final: Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class Reducer:
    """One reduction with its options.

    Parameters
    ----------
    name
        In `REDUCTIONS`.
    options
        Pairs of names and values.
    columns
        What it reads of a frame: a set of names, or None for all.
    missing
        What a result that is missing is, of a series; None for what comes out.

    Examples
    --------
    >>> total = Reducer("sum")
    >>> total.final([total.partial(pd.Series([1, 2])), total.partial(pd.Series([3]))])
    np.int64(6)
    """

    name: str
    options: tuple[tuple[str, Any], ...] = ()
    columns: frozenset[Any] | None = None
    missing: Any = None

    @property
    def title(self) -> str:
        """The reduction's name."""
        return self.name

    @property
    def chosen_by(self) -> frozenset[Any] | None:
        """The columns by which rows of a frame are chosen; None where not rows are, or by all."""
        told = {"drop_duplicates": "subset", "nlargest": "columns", "nsmallest": "columns"}
        names = dict(self.options).get(told.get(self.name, ""))
        if names is None:
            return None
        return frozenset(names if isinstance(names, list | tuple) else [names])

    def partial(self, item: Any) -> Pair:
        """The partial result of one partition.

        Parameters
        ----------
        item
            The partition.
        """
        return len(item), REDUCTIONS[self.name].partial(item, **dict(self.options))

    def combine(self, partials: Sequence[Pair]) -> Pair:
        """Several partial results as one.

        Parameters
        ----------
        partials
            At least one.
        """
        # Results that have rows are put together anyway; an empty one may know other categories.
        rows = self.name in SPLIT_BY
        some = partials if rows else [pair for pair in partials if pair[0]] or partials[:1]
        if len(some) == 1:
            return some[0]
        values = [value for _, value in some]
        combine = REDUCTIONS[self.name].combine
        return sum(count for count, _ in some), combine(values, **dict(self.options))

    def final(self, partials: Sequence[Pair]) -> Any:
        """The result.

        Parameters
        ----------
        partials
            At least one.
        """
        value = self.combine(partials)[1]
        out = REDUCTIONS[self.name].final(value, **dict(self.options))
        if self.missing is None or not pd.api.types.is_scalar(out):
            return out
        return self.missing if pd.isna(out) else out


def missing_of(dtype: Any) -> Any:
    """What a missing value of a dtype is; None for NaN, which calculations give by themselves.

    Parameters
    ----------
    dtype
        Of a column.

    Examples
    --------
    >>> missing_of(pd.Int64Dtype()), missing_of(np.dtype("m8[s]")), missing_of(np.dtype(float))
    (<NA>, NaT, None)
    """
    if isinstance(dtype, np.dtype):
        return pd.NaT if dtype.kind in "mM" else None
    found = getattr(dtype, "na_value", None)
    return found if found is pd.NA or found is pd.NaT else None


SPLIT_BY = {
    "drop_duplicates": "rows",
    "unique": "rows",
    "nunique": "rows",
    "value_counts": "index",
}
"""Reductions whose partial results have rows with keys, and what those are."""


# ------------------------------------------------------------------------ putting values together


def concat_rows(parts: Sequence[Any], **options: Any) -> Any:
    """Frames, series or indexes one below the other.

    Parameters
    ----------
    parts
        At least one; empty ones decide dtypes only when there is nothing else, but their
        categories count.
    **options
        Of `pandas.concat`.

    Examples
    --------
    >>> concat_rows([pd.Series([1]), pd.Series([], dtype=float)]).dtype
    dtype('int64')
    """
    if len(parts) > 1 and isinstance(parts[0], pd.DataFrame | pd.Series | pd.Index):
        # What a function gives for no rows may be of another type than for some.
        first = next((part for part in parts if len(part)), parts[0])
        alike = [part for part in parts if len(part) or part.ndim == first.ndim]
        parts = with_common_categories(alike)
    if len(parts) == 1 and np.ndim(parts[0]) == 0 and not hasattr(parts[0], "__len__"):
        return parts[0]  # of a reduction of the user's, whose meta is a series
    some = [part for part in parts if len(part)] or parts[:1]
    if len(some) == 1:
        return some[0]
    if isinstance(some[0], pd.Index):
        return _still_objects(some[0].append(list(some[1:])), some)
    if isinstance(some[0], pd.DataFrame | pd.Series):
        out = pd.concat(some, **options)
        index = _still_objects(out.index, [part.index for part in some])
        return out if index is out.index else out.set_axis(index)
    if isinstance(some[0], np.ndarray | np.generic):
        return np.concatenate([np.asarray(part) for part in some])
    return concat_dispatch(some[0], some, **options)


def _still_objects(index: pd.Index, parts: Sequence[pd.Index]) -> pd.Index:
    """Labels put together as objects if all were: pandas makes times and text of such."""
    same = index.dtype == object or any(part.dtype != object for part in parts)
    return index if same or index.nlevels > 1 else index.astype(object)


def with_common_categories(parts: Sequence[Any]) -> Sequence[Any]:
    """Partitions whose categorical columns and indexes have the categories of all of them.

    pandas would make objects of categoricals that differ.

    Parameters
    ----------
    parts
        Frames, series or indexes.

    Examples
    --------
    >>> one, two = (pd.Series([value], dtype="category") for value in "ba")
    >>> pd.concat(with_common_categories([one, two])).dtype.categories.tolist()
    ['a', 'b']
    """
    first = parts[0]
    if isinstance(first, pd.Index):
        return _common_labels(parts)
    labels: Sequence[Any] = [part.index for part in parts]
    common = _common_labels(labels)
    if common is not labels:
        parts = [part.set_axis(index) for part, index in zip(parts, common, strict=True)]
    if isinstance(first, pd.Series):
        union = common_categories([part.dtype for part in parts])
        return parts if union is None else [part.cat.set_categories(union) for part in parts]
    if not any(isinstance(dtype, pd.CategoricalDtype) for dtype in first.dtypes):
        return parts
    if not all(part.columns.equals(first.columns) for part in parts):
        return parts
    new = {}
    for place, dtype in enumerate(first.dtypes):
        if isinstance(dtype, pd.CategoricalDtype):
            union = common_categories([part.dtypes.iloc[place] for part in parts])
            if union is not None:
                new[place] = union
    if not new:
        return parts
    out = [part.copy(deep=False) for part in parts]
    for part in out:
        for place, union in new.items():
            part.isetitem(place, part.iloc[:, place].cat.set_categories(union))
    return out


def common_categories(dtypes: Sequence[Any]) -> Any:
    """The categories of several dtypes: in order, if each has its own in order.

    pandas sorts the categories that it finds in a whole column; found in partitions, they are
    sorted in each, and so they are in the union.

    Parameters
    ----------
    dtypes
        Of a column's partitions.

    Returns
    -------
    pandas.Index or None
        None where nothing has to change, or nothing in common can be made.

    Examples
    --------
    >>> common_categories(
    ...     [pd.CategoricalDtype(["b"]), pd.CategoricalDtype(["a", "c"])]
    ... ).tolist()
    ['a', 'b', 'c']
    """
    if not all(isinstance(one, pd.CategoricalDtype) for one in dtypes) or len(set(dtypes)) == 1:
        return None
    some = [one for one in dtypes if len(one.categories)] or dtypes[:1]
    if len({one.categories.dtype for one in some}) > 1:
        return None
    union = some[0].categories.append([one.categories for one in some[1:]]).unique()
    in_order = all(one.categories.is_monotonic_increasing for one in some)
    return union.sort_values() if in_order and not some[0].ordered else union


def _common_labels(indexes: Sequence[Any]) -> Sequence[Any]:
    """Indexes with the categories of all of them; the same list where nothing changes."""
    first = indexes[0]
    if isinstance(first, pd.CategoricalIndex):
        union = common_categories([one.dtype for one in indexes])
        return indexes if union is None else [one.set_categories(union) for one in indexes]
    if not isinstance(first, pd.MultiIndex):
        return indexes
    if len({one.nlevels for one in indexes}) > 1:
        return indexes
    for i, level in enumerate(first.levels):
        if not isinstance(level.dtype, pd.CategoricalDtype):
            continue
        union = common_categories([one.levels[i].dtype for one in indexes])
        if union is not None:
            indexes = [_with_level(one, i, union) for one in indexes]
    return indexes


def _with_level(index: Any, number: int, categories: Any) -> Any:
    """A MultiIndex one of whose categorical levels has other categories."""
    levels = levels_of(index)
    levels[number] = levels[number].set_categories(categories)
    return pd.MultiIndex.from_arrays(levels, names=index.names)


def _method(name: str, fold: str | None = None) -> Reduction:
    """A reduction that pandas has as a method and that can be folded with another."""
    fold = fold or name

    def partial(item: Any, min_count: int = 0, **options: Any) -> Any:
        return getattr(item, name)(**options)

    def combine(values: Sequence[Any], **options: Any) -> Any:
        if isinstance(values[0], pd.Series) and values[0].empty:
            return values[0]  # of a frame without columns, put together, pandas has other dtypes
        kept = {key: options[key] for key in ("skipna",) if key in options}
        return getattr(stack(values), fold)(**kept)

    return Reduction(partial, combine, _itself)


def _itself(value: Any, **options: Any) -> Any:
    return value


def _rows(name: str) -> Reduction:
    """A method that gives rows and can be applied again to several results."""

    def partial(item: Any, **options: Any) -> Any:
        return getattr(item, name)(**options)

    def combine(values: Sequence[Any], **options: Any) -> Any:
        return getattr(concat_rows(values), name)(**options)

    return Reduction(partial, combine, _itself)


def _largest(name: str) -> Reduction:
    """The first rows of an order: those that may be among them stay in the order of all rows.

    Of equal rows the first or the last of all are kept, which an order of partial results hides.
    There is one row more than is asked for: asked for all there are, pandas keeps to no order of
    equal ones.
    """

    def partial(item: Any, n: int, **options: Any) -> Any:
        if len(item) <= n + 1:
            return item
        places = getattr(item.reset_index(drop=True), name)(n + 1, **options).index
        return item.iloc[np.sort(places)]

    def combine(values: Sequence[Any], **options: Any) -> Any:
        return partial(concat_rows(values), **options)

    def final(value: Any, **options: Any) -> Any:
        return getattr(value, name)(**options)

    return Reduction(partial, combine, final)


# -- counted sums -------------------------------------------------------------------------------


def _sum_partial(item: Any, min_count: int = 0, **options: Any) -> Any:
    return _sums(item, "sum", min_count, options)


def _prod_partial(item: Any, min_count: int = 0, **options: Any) -> Any:
    return _sums(item, "prod", min_count, options)


def _counted(item: Any, options: Any) -> dict[str, Any]:
    """The options of ``count`` among those of another reduction."""
    has = item.ndim == 2 and "numeric_only" in options
    return {"numeric_only": options["numeric_only"]} if has else {}


def _sums(item: Any, name: str, min_count: int, options: dict[str, Any]) -> Any:
    folded = getattr(item, name)(**options)
    counted = _counted(item, options)
    return folded, item.count(**counted) if min_count else None


def _fold_sums(name: str) -> Callable[..., Any]:
    def combine(values: Sequence[Any], min_count: int = 0, **options: Any) -> Any:
        # A sum that is missing has met a missing value or opposite infinities: so is the whole.
        sums = [folded for folded, _ in values]
        missing = any(folded is pd.NaT for folded in sums)
        whole = pd.NaT if missing else getattr(stack(sums), name)(skipna=False)
        return whole, sum(count for _, count in values) if min_count else None

    return combine


def _sum_final(value: Any, min_count: int = 0, **options: Any) -> Any:
    whole, count = value
    if not min_count:
        return whole
    if isinstance(whole, pd.Series):
        return whole.where(count >= min_count)
    return whole if count >= min_count else np.nan


def _mean_partial(item: Any, **options: Any) -> Any:
    counted = _counted(item, options)
    whole = total(item, **options)
    if isinstance(whole, Decimal) and item.dtype == object:
        whole = float(whole)
    return whole, len(item) if options.get("skipna") is False else item.count(**counted)


def _mean_combine(values: Sequence[Any], **options: Any) -> Any:
    totals = total_of_totals([whole for whole, _ in values])
    return totals, sum(count for _, count in values)


def _mean_final(value: Any, **options: Any) -> Any:
    whole, count = value
    if pd.api.types.is_scalar(count) and not count and not isinstance(whole, pd.Series):
        return np.nan
    if isinstance(whole, Decimal):
        return decimal_mean(whole, count)
    if isinstance(whole, pd.Series) and is_decimal(whole.dtype):
        return decimal_means(whole, count, whole.dtype)
    if isinstance(whole, pd.Series) and pd.api.types.is_object_dtype(whole.dtype):
        # Python divides nothing by zero.
        count = count.astype(object).where(count != 0, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        return _as_narrow(whole / count, getattr(whole, "dtype", None))


def _as_narrow(value: Any, dtype: Any) -> Any:
    """A statistic of narrow floats, which is as narrow in pandas; others as they are."""
    if not isinstance(dtype, np.dtype) or dtype.kind != "f" or value is pd.NA:
        return value
    return value.astype(dtype)


def _truth(name: str) -> Reduction:
    """``any`` or ``all``, of which what is missing may leave nothing known."""

    def partial(item: Any, **options: Any) -> Any:
        return getattr(item, name)(**options)

    def combine(values: Sequence[Any], skipna: bool = True, **options: Any) -> Any:
        together = stack(values)
        if object in (together.dtypes.to_list() if together.ndim == 2 else [together.dtype]):
            together = together.astype("boolean")
        return getattr(together, name)(skipna=skipna)

    return Reduction(partial, combine, _itself)


# -- moments ------------------------------------------------------------------------------------


def _moments(item: Any, ddof: int = 1, **options: Any) -> Any:
    """Count, mean, sum of squared differences from the mean, and dtype of the mean."""
    counted = _counted(item, options)
    item = _with_floats(item)
    count = item.count(**counted)
    mean, spread = item.mean(**options), item.var(ddof=0, **options)
    kind = getattr(mean, "dtype", None)
    if options.get("skipna") is False:
        # A partition that has nothing but missing values counts, too: so all is missing.
        count = count * 0 + len(item)
    return count, mean, spread * count, kind


def _with_floats(item: Any) -> Any:
    """Arrow's decimals as floats: their mean is rounded to as many places as they have."""
    kinds = item.dtypes if item.ndim == 2 else [item.dtype]
    decimals = [i for i, dtype in enumerate(kinds) if getattr(dtype, "type", None) is Decimal]
    if not decimals:
        return item
    floats = "double[pyarrow]"
    if item.ndim == 1:
        return item.astype(floats)
    plain = item.set_axis(range(item.shape[1]), axis=1).astype(dict.fromkeys(decimals, floats))
    return plain.set_axis(item.columns, axis=1)


def _moments_combine(values: Sequence[Any], **options: Any) -> Any:
    """Chan, Golub and LeVeque (1983): updating formulae for sample variances."""
    count, mean, squares, kind = values[0]
    for other_count, other_mean, other_squares, _ in values[1:]:
        total = count + other_count
        with np.errstate(invalid="ignore", divide="ignore"):
            delta = _filled(other_mean, other_count) - _filled(mean, count)
            mean = _filled(mean, count) + delta * other_count / total
            squares = _filled(squares, count) + _filled(other_squares, other_count)
            # The square of a complex number would have a phase, and that of a large one be infinite
            # also where the other part has nothing that it could be far from.
            away = np.abs(delta)
            squares = squares + away * (count * other_count / total) * away
        count = total
    return count, mean, squares, kind


def _filled(value: Any, count: Any) -> Any:
    """A mean of nothing is NaN and weighs nothing; with ``skipna=False`` NaN stays."""
    if isinstance(value, pd.Series):
        return value.where(count > 0, 0.0)
    return value if count > 0 else 0.0


def _var_final(value: Any, ddof: int = 1, **options: Any) -> Any:
    return _as_narrow(_spread(value, ddof), value[3])


def _spread(value: Any, ddof: int) -> Any:
    count, _, squares, _ = value
    free = count - ddof
    with np.errstate(invalid="ignore", divide="ignore"):
        if isinstance(squares, pd.Series):
            return (squares / free).where(free > 0)
        return squares / free if free > 0 else np.float64(np.nan)


def _std_final(value: Any, ddof: int = 1, **options: Any) -> Any:
    return _as_narrow(_root(_spread(value, ddof)), value[3])


def _sem_final(value: Any, ddof: int = 1, **options: Any) -> Any:
    return _as_narrow(_root(_spread(value, ddof) / value[0]), value[3])


def _root(value: Any) -> Any:
    """The square root, also of objects: what pandas makes of columns of several kinds."""
    dtype = getattr(value, "dtype", None)
    mixed = isinstance(value, pd.Series) and isinstance(dtype, np.dtype) and dtype.hasobject
    return value.map(np.sqrt) if mixed else np.sqrt(value)


# -- distinct values ----------------------------------------------------------------------------


def _distinct(item: Any, **options: Any) -> Any:
    if isinstance(item, pd.DataFrame):
        places = range(item.shape[1])  # two columns may have one name
        return item.columns, [_distinct(item.iloc[:, i]) for i in places]
    if isinstance(item, pd.Index):
        return item.unique()
    # Not `drop_duplicates`: nobody asks for labels, and they take as long as the values.
    values = item.unique()
    return pd.Series(values, name=item.name, dtype=values.dtype, copy=False)


def _distinct_combine(values: Sequence[Any], **options: Any) -> Any:
    if isinstance(values[0], tuple):
        columns = zip(*[some for _, some in values], strict=True)
        return values[0][0], [_distinct(concat_rows(some, ignore_index=True)) for some in columns]
    return _distinct(concat_rows(values, ignore_index=True))


def _nunique_final(value: Any, dropna: bool = True, **options: Any) -> Any:
    if isinstance(value, tuple):
        names, columns = value
        return pd.Series([_nunique_final(some, dropna) for some in columns], index=names)
    return len(value) - (int(value.isna().sum()) if dropna else 0)


def _unique_final(value: Any, **options: Any) -> Any:
    return value if isinstance(value, pd.Index) else value.reset_index(drop=True)


def _count_values(item: Any, dropna: bool = True, **options: Any) -> Any:
    return item.value_counts(sort=False, dropna=dropna)


def _count_values_combine(values: Sequence[Any], dropna: bool = True, **options: Any) -> Any:
    together = concat_rows(values)
    levels = list(range(together.index.nlevels))
    # Values come in the order in which they are met, categories in their own.
    told = {"sort": isinstance(together.index, pd.CategoricalIndex), "observed": False}
    return together.groupby(level=levels, dropna=dropna, **told).sum()


def _count_values_final(
    value: Any,
    sort: bool = True,
    ascending: bool = False,
    dropna: bool = True,
    normalize: bool = False,
) -> Any:
    if sort:
        value = value.sort_values(ascending=ascending, kind="stable")
    return (value / value.sum()).rename("proportion") if normalize else value


def _len(item: Any, **options: Any) -> int:
    return len(item)


def _size(item: Any, **options: Any) -> int:
    return int(item.size)


def _sum_numbers(values: Sequence[Any], **options: Any) -> Any:
    return sum(values)


# -- extremes ------------------------------------------------------------------------------------


def _is_ordered(item: Any) -> bool:
    dtype = getattr(item, "dtype", None)
    return isinstance(dtype, pd.CategoricalDtype) and bool(dtype.ordered)


def _extreme(name: str) -> Reduction:
    """The smallest or largest value.

    A label alone has lost the order of its categories: the state of a column of ordered ones is
    a row with their dtype, and a frame that has such columns is done column by column.
    """
    plain = _method(name)

    def row(item: Any, skipna: bool = True, **options: Any) -> Any:
        if not len(item):
            return pd.Series(item, index=range(0))
        value = getattr(item, name)(skipna=skipna)
        return pd.Series(pd.Categorical([value], dtype=item.dtype))

    def partial(item: Any, **options: Any) -> Any:
        if _is_ordered(item):
            return row(item, **options)
        if item.ndim == 1 or options.get("numeric_only") or not _any_ordered(item):
            return plain.partial(item, **options)
        found = [partial(item.iloc[:, i], **options) for i in range(item.shape[1])]
        return ByColumn(item.columns, found)

    def combine(values: Sequence[Any], **options: Any) -> Any:
        if isinstance(values[0], ByColumn):
            columns = zip(*(value.values for value in values), strict=True)
            return ByColumn(values[0].labels, [combine(column, **options) for column in columns])
        if _is_ordered(values[0]):
            return row(concat_rows(values), **options)
        return plain.combine(values, **options)

    def final(value: Any, **options: Any) -> Any:
        if isinstance(value, ByColumn):
            return pd.Series([final(one) for one in value.values], index=value.labels)
        if _is_ordered(value):
            return value.iloc[0] if len(value) else np.nan
        return value

    return Reduction(partial, combine, final)


def _any_ordered(frame: pd.DataFrame) -> bool:
    return any(isinstance(dtype, pd.CategoricalDtype) and dtype.ordered for dtype in frame.dtypes)


def comparable(item: Any) -> Any:
    """Categories as their places, which compare as they do; other values as they are.

    Parameters
    ----------
    item
        A series or index.

    Examples
    --------
    >>> comparable(pd.Series(pd.Categorical(["b", "a"], categories=["b", "a"]))).tolist()
    [0, 1]
    """
    if isinstance(item.dtype, pd.CategoricalDtype):
        codes = item.codes if isinstance(item, pd.CategoricalIndex) else item.cat.codes
        return pd.Series(codes).where(codes >= 0)
    return item


def _extreme_index(name: str) -> Reduction:
    """The label of the first smallest or largest value: pairs of a label and a value, or None."""
    fold = name.removeprefix("idx")

    def one(item: Any, skipna: bool) -> Any:
        if not len(item) or (skipna and not item.notna().any()):
            return None
        value = getattr(comparable(item), fold)(skipna=skipna)
        return getattr(item, name)(skipna=skipna), value

    def partial(item: Any, skipna: bool = True, numeric_only: bool = False, **options: Any) -> Any:
        if not isinstance(item, pd.DataFrame):
            return None, [one(item, skipna)]
        if numeric_only:
            item = item.iloc[:, numeric_places(item)]
        return item.columns, [one(item.iloc[:, i], skipna) for i in range(item.shape[1])]

    def better(old: Any, new: Any) -> Any:
        if old is None or new is None:
            return new if old is None else old
        wins = new[1] > old[1] if fold == "max" else new[1] < old[1]
        return new if wins else old

    def combine(values: Sequence[Any], **options: Any) -> Any:
        columns, best = values[0]
        for _, other in values[1:]:
            best = [better(a, b) for a, b in zip(best, other, strict=True)]
        return columns, best

    def final(value: Any, **options: Any) -> Any:
        columns, best = value
        if None in best:
            raise ValueError("Encountered all NA values")
        labels = [label for label, _ in best]
        return labels[0] if columns is None else pd.Series(labels, index=columns)

    return Reduction(partial, combine, final)


# -- times: means and spreads, which pandas folds from no sums -----------------------------------


def _is_time(dtype: Any) -> bool:
    return getattr(dtype, "kind", "") in ("M", "m")


def _is_date(dtype: Any) -> bool:
    """Whether values are Arrow's dates, which pandas gives as Python's."""
    return isinstance(dtype, pd.ArrowDtype) and pa.types.is_date(dtype.pyarrow_dtype)


def _with_times(plain: Reduction, timed: Reduction) -> Reduction:
    """A reduction that does columns of times in another way than the others; of one kind each."""

    def partial(item: Any, **options: Any) -> Any:
        told = {key: options[key] for key in ("skipna", "ddof") if key in options}
        if item.ndim == 1 and _is_time(item.dtype):
            return ByColumn(None, [timed.partial(item, **told)])
        if item.ndim == 1 or not item.shape[1] or not _is_time(item.dtypes.iloc[0]):
            return plain.partial(item, **options)
        columns = [item.iloc[:, i] for i in range(item.shape[1])]
        return ByColumn(item.columns, [timed.partial(column, **told) for column in columns])

    def combine(values: Sequence[Any], **options: Any) -> Any:
        if not isinstance(values[0], ByColumn):
            return plain.combine(values, **options)
        columns = zip(*(value.values for value in values), strict=True)
        return values[0]._replace(values=[timed.combine(column, **options) for column in columns])

    def final(value: Any, **options: Any) -> Any:
        if not isinstance(value, ByColumn):
            return plain.final(value, **options)
        found = [timed.final(one, **options) for one in value.values]
        if value.labels is None:
            return found[0]
        dtype = None
        if all(one is pd.NaT for one in found):
            # Nothing there tells a span from a point in time.
            state = value.values[0]
            dtype = state[2] if len(state) == 3 else f"m8[{state[1]}]"
        return pd.Series(found, index=value.labels, dtype=dtype)

    return Reduction(partial, combine, final)


def _time_mean(item: Any, skipna: bool = True, **options: Any) -> Any:
    """How many, and their sum as a whole number, which has no limit; None: a value is missing."""
    some = item.dropna()
    if not skipna and len(some) < len(item):
        return len(item), None, item.dtype
    if _is_date(item.dtype):
        days = item.dtype.pyarrow_dtype == pa.date32()
        plain = pa.array(some.array).cast(pa.int32() if days else pa.int64())
        numbers = plain.to_numpy(zero_copy_only=False).astype(np.int64)
    else:
        numbers = some.astype("int64").to_numpy()
    # The sum of a billion times would not fit in 64 bits, but those of their halves do.
    total = (int((numbers >> 32).sum()) << 32) + int((numbers & 0xFFFFFFFF).sum())
    return len(some), total, item.dtype


def _time_mean_combine(values: Sequence[Any], **options: Any) -> Any:
    totals = [total for _, total, _ in values]
    whole = None if None in totals else sum(totals)
    return sum(count for count, _, _ in values), whole, values[0][2]


def _time_mean_final(value: Any, **options: Any) -> Any:
    count, total, dtype = value
    if not count or total is None:
        return pd.NaT
    mean = abs(total) // count * (1 if total >= 0 else -1)
    if _is_date(dtype):
        kind = dtype.pyarrow_dtype
        plain = pa.scalar(mean, pa.int32() if kind == pa.date32() else pa.int64())
        return plain.cast(kind).as_py()
    return pd.Series([mean]).astype(dtype).iloc[0]


def _time_moments(item: Any, skipna: bool = True, **options: Any) -> Any:
    """Moments as numbers of the times' unit, and that."""
    if _is_date(item.dtype):
        days = item.dtype.pyarrow_dtype == pa.date32()
        item = item.astype(pd.ArrowDtype(pa.timestamp("s" if days else "ms")))
    unit = item.dt.unit
    span = item - pd.Timestamp(0, tz=item.dt.tz) if item.dtype.kind == "M" else item
    return _moments(span / pd.Timedelta(1, unit), skipna=skipna), unit


def _time_moments_combine(values: Sequence[Any], **options: Any) -> Any:
    return _moments_combine([moments for moments, _ in values]), values[0][1]


def _time_std(value: Any, **options: Any) -> Any:
    moments, unit = value
    spread = _std_final(moments, ddof=options.get("ddof", 1))
    return pd.NaT if pd.isna(spread) else pd.Timedelta(int(spread), unit).as_unit(unit)


def _monotonic(name: str) -> Reduction:
    """Whether values go up, or down: within partitions and from one to the next."""
    up = name.endswith("increasing")

    def partial(item: Any, **options: Any) -> Any:
        if not len(item):
            return None
        values = item if isinstance(item, pd.Index) else item.array
        if isinstance(item.dtype, pd.CategoricalDtype):
            values = values.codes  # where what is missing has a place, the first
        return bool(getattr(item, name)), values[0], values[-1]

    def combine(values: Sequence[Any], **options: Any) -> Any:
        some = [value for value in values if value is not None]
        if not some:
            return None
        fine, first, last = some[0]
        for other, begin, end in some[1:]:
            fine = fine and other and bool(begin >= last if up else begin <= last)
            last = end
        return fine, first, last

    return Reduction(partial, combine, lambda value, **options: value is None or value[0])


def _by_kind(plain: Reduction) -> Reduction:
    """The same for frames, of which the columns of each dtype are done by themselves."""
    return Reduction(*by_kind(*plain))


REDUCTIONS: Mapping[str, Reduction] = {
    "sum": _by_kind(Reduction(_sum_partial, _fold_sums("sum"), _sum_final)),
    "prod": _by_kind(Reduction(_prod_partial, _fold_sums("prod"), _sum_final)),
    "median": _method("median"),  # of one partition: medians cannot be folded
    "count": _method("count", "sum"),
    "min": _by_kind(_extreme("min")),
    "max": _by_kind(_extreme("max")),
    "any": _truth("any"),
    "all": _truth("all"),
    "mean": _by_kind(
        _with_times(
            Reduction(_mean_partial, _mean_combine, _mean_final),
            Reduction(_time_mean, _time_mean_combine, _time_mean_final),
        )
    ),
    "var": _by_kind(Reduction(_moments, _moments_combine, _var_final)),
    "std": _by_kind(
        _with_times(
            Reduction(_moments, _moments_combine, _std_final),
            Reduction(_time_moments, _time_moments_combine, _time_std),
        )
    ),
    "is_monotonic_increasing": _monotonic("is_monotonic_increasing"),
    "is_monotonic_decreasing": _monotonic("is_monotonic_decreasing"),
    "sem": _by_kind(Reduction(_moments, _moments_combine, _sem_final)),
    "nunique": Reduction(_distinct, _distinct_combine, _nunique_final),
    "unique": Reduction(_distinct, _distinct_combine, _unique_final),
    "drop_duplicates": _rows("drop_duplicates"),
    "value_counts": Reduction(_count_values, _count_values_combine, _count_values_final),
    "nlargest": _largest("nlargest"),
    "nsmallest": _largest("nsmallest"),
    "tail": _rows("tail"),
    "head": _rows("head"),
    "idxmin": _extreme_index("idxmin"),
    "idxmax": _extreme_index("idxmax"),
    "len": Reduction(_len, _sum_numbers, _itself),
    "size": Reduction(_size, _sum_numbers, _itself),
    "memory_usage": _method("memory_usage", "sum"),
    "concat": Reduction(_itself, concat_rows, _itself),
}
"""Every reduction that is folded from partial results."""
