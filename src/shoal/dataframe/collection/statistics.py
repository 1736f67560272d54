"""Statistics as methods: ``quantile``, ``describe``, ``cov``, ``corr``, ``mode``, ``skew``, ...

What is folded from partial results is a reducer in `shoal.dataframe.kernels.statistics`; what is
put together from several results (``describe``) is a function of their single partitions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.collection.align import aligned, wrapped
from shoal.dataframe.collection.base import (
    FrameBase,
    check_axis,
    check_split_every,
    from_node,
    operand,
)
from shoal.dataframe.kernels.middle import RankBounds, RankValues, Together, medians
from shoal.dataframe.kernels.reductions import missing_of
from shoal.dataframe.kernels.statistics import (
    NARROW,
    DistinctEstimate,
    Moments,
    PairMoments,
    Quantiles,
)
from shoal.dataframe.meta import make_meta, sample_of
from shoal.dataframe.nodes.reduce import Reduce
from shoal.dataframe.nodes.rowwise import MapPartitions
from shoal.dataframe.nodes.sizes import is_small_column

__all__ = [
    "autocorr",
    "corr",
    "cov",
    "describe",
    "kurtosis",
    "median",
    "median_approximate",
    "mode",
    "nunique_approx",
    "numeric_part",
    "quantile",
    "skew",
]

WIDE = {"float32": "float64", "Float32": "Float64"}

ONE = (None, None)
"""The divisions of a result of one partition."""


def numeric_part(self: Any, numeric_only: Any, what: str) -> Any:
    """The numeric columns, where those alone are wanted; refuses others where all must be.

    Parameters
    ----------
    numeric_only
        True to leave others out.
    what
        The statistic, for the message.

    Raises
    ------
    TypeError, ValueError
        There are columns that are not numbers.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1], "s": ["a"]}, npartitions=1)
    >>> numeric_part(df, True, "skew").columns.tolist()
    ['x']
    """
    if self.ndim == 1:
        if not _is_number(self.dtype):
            raise TypeError(f"{what} of {self.name!r}: {self.dtype} is not a number")
        return self
    if numeric_only:
        return self[list(self._meta.count(numeric_only=True).index)]
    others = [name for name, dtype in self.dtypes.items() if not _is_number(dtype)]
    if not others:
        return self
    times = [name for name in others if getattr(self.dtypes[name], "kind", "") in "mM"]
    if times:
        raise TypeError(
            f"{what}: the columns {times} hold times, whose dtype does not support {what}; pass "
            "numeric_only=True to leave them out"
        )
    raise ValueError(
        f"{what}: the columns {others} could not convert to numbers; pass numeric_only=True to "
        "leave them out"
    )


def _is_number(dtype: Any) -> bool:
    types = pd.api.types
    return bool(types.is_numeric_dtype(dtype) or types.is_bool_dtype(dtype))


def _reduced(parts: Sequence[Any], reducer: Any, meta: Any, split_every: Any = None) -> Any:
    check_split_every(split_every)
    return from_node(Reduce(tuple(parts), reducer, meta, split_every, 1))


# ------------------------------------------------------------------------------- moments


def skew(
    self: Any,
    axis: Any = 0,
    bias: bool = True,
    nan_policy: str = "propagate",
    numeric_only: bool = False,
    skipna: bool = True,
) -> Any:
    """The skewness of each column, by default that of the sample (`scipy.stats.skew`).

    Parameters
    ----------
    axis
        1 for rows.
    bias
        False for the corrected estimate that pandas has.
    nan_policy
        Accepted for programs written for Dask; missing values are left out.
    numeric_only
        Leave out columns that are not numbers.
    skipna
        False: where a value is missing, so is the result.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1.0, 2.0, 6.0]}, npartitions=2).x.skew(bias=False).compute().round(3)
    np.float64(1.458)
    """
    return _moment(self, "skew", axis, numeric_only, bias, fisher=True, skipna=skipna)


def kurtosis(
    self: Any,
    axis: Any = 0,
    fisher: bool = True,
    bias: bool = True,
    nan_policy: str = "propagate",
    numeric_only: bool = False,
    skipna: bool = True,
) -> Any:
    """The kurtosis of each column, by default that of the sample (`scipy.stats.kurtosis`).

    Parameters
    ----------
    axis
        1 for rows.
    fisher
        Whether a normal distribution has 0, not 3.
    bias
        False for the corrected estimate that pandas has.
    nan_policy
        Accepted for programs written for Dask; missing values are left out.
    numeric_only
        Leave out columns that are not numbers.
    skipna
        False: where a value is missing, so is the result.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1.0, 2.0, 3.0, 9.0]}, npartitions=2).x.kurtosis().compute().round(3)
    np.float64(-0.798)
    """
    return _moment(self, "kurtosis", axis, numeric_only, bias, fisher=fisher, skipna=skipna)


def _moment(
    self: Any,
    kind: str,
    axis: Any,
    numeric_only: Any,
    bias: bool,
    *,
    fisher: bool,
    skipna: bool,
) -> Any:
    if axis is None:
        raise ValueError(f"`axis=None` isn't currently supported for {kind}; pass axis=0 or 1")
    if check_axis(self, axis) == 1:
        return self._rowwise(kind, axis=1, numeric_only=bool(numeric_only), skipna=skipna)
    some = numeric_part(self, numeric_only, kind)
    names = some.columns if some.ndim == 2 else None
    meta = np.float64(1.0) if names is None else pd.Series(1.0, index=names).iloc[:0]
    out = _reduced([some._node], Moments(kind, bias, fisher, names), meta)
    return out if skipna else _if_complete(out, some)


def _if_complete(result: Any, values: Any) -> Any:
    """A statistic of each column; missing, where one of the column's values is."""
    gaps = values.isna().any()
    missing = missing_of(values.dtype) if values.ndim == 1 else None
    args = (result._node, gaps._node, np.nan if missing is None else missing)
    return from_node(MapPartitions(_unless, args, (), result._meta, ONE, "skipna"))


def _unless(result: Any, gaps: Any, missing: Any) -> Any:
    if isinstance(result, pd.Series):
        return result.where(~gaps.reindex(result.index))
    return missing if gaps else result


def cov(
    self: Any,
    other: Any = None,
    min_periods: int | None = None,
    numeric_only: bool = False,
    split_every: Any = None,
) -> Any:
    """The covariance of the columns of a frame, or of two series.

    Parameters
    ----------
    other
        A series, for series; for frames ``min_periods`` stands here.
    min_periods
        How many rows a pair has at least.
    numeric_only
        Leave out columns that are not numbers.
    split_every
        How many partial results a task combines.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2, 3], "y": [2, 4, 6]}, npartitions=2).cov().compute().loc["x", "y"]
    np.float64(2.0)
    """
    if self.ndim == 2 and other is not None:
        min_periods = other
    return _pairs(self, other, min_periods, numeric_only, split_every, corr=False)


def corr(
    self: Any,
    other: Any = None,
    method: str = "pearson",
    min_periods: int | None = None,
    numeric_only: bool = False,
    split_every: Any = None,
) -> Any:
    """The correlation of the columns of a frame, or of two series.

    Parameters
    ----------
    other
        A series, for series; for frames ``method`` stands here.
    method
        "pearson".
    min_periods
        How many rows a pair has at least.
    numeric_only
        Leave out columns that are not numbers.
    split_every
        How many partial results a task combines.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2, 3], "y": [2, 4, 6]}, npartitions=2)
    >>> df.x.corr(df.y).compute()
    np.float64(1.0)
    """
    if self.ndim == 2 and other is not None:
        method, other = other, None
    if method != "pearson":
        raise NotImplementedError(
            f"corr(method={method!r}): only 'pearson' can be folded from partitions; rank the "
            "columns first, or compute() them"
        )
    return _pairs(self, other, min_periods, numeric_only, split_every, corr=True)


def _pairs(
    self: Any, other: Any, min_periods: Any, numeric_only: Any, split_every: Any, *, corr: bool
) -> Any:
    least = 2 if min_periods is None and not corr else (min_periods or 1)
    if self.ndim == 1:
        if getattr(other, "ndim", 0) != 1:
            raise TypeError(f"other is a series, got {type(other).__name__}")
        what = "corr" if corr else "cov"
        parts = aligned([self._node, wrapped(operand(other))], what, match="pairs")
        reducer = PairMoments(corr, max(least, 2), 1, None)
        return _reduced(parts, reducer, np.float64(1.0), split_every)
    some = numeric_part(self, numeric_only, "corr" if corr else "cov")
    names = some.columns
    meta = pd.DataFrame(1.0, index=names, columns=names).iloc[:0]
    return _reduced([some._node], PairMoments(corr, least, 1, names), meta, split_every)


def autocorr(self: Any, lag: int = 1, split_every: Any = None) -> Any:
    """The correlation of a series with itself some rows before.

    Parameters
    ----------
    lag
        How many rows.
    split_every
        How many partial results a task combines.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2, 3, 4]}, npartitions=2).x.autocorr().compute().round(6)
    np.float64(1.0)
    """
    if not isinstance(lag, int | np.integer):
        raise TypeError(f"lag must be an integer, got {lag!r}")
    return corr(self, self if lag == 0 else self.shift(int(lag)), split_every=split_every)


# ------------------------------------------------------------------------------ quantiles


def quantile(
    self: Any,
    q: Any = 0.5,
    axis: Any = 0,
    numeric_only: bool = False,
    method: str = "default",
    interpolation: str = "linear",
) -> Any:
    """Quantiles of each column: exact in memory, else within a part in 8,000 beyond as many values.

    Exact for columns of any length with ``method="exact"``, which looks at the values twice, as
    `median` does.

    Parameters
    ----------
    q
        Between 0 and 1; one or several.
    axis
        1 for rows.
    numeric_only
        Leave out columns that are not numbers.
    method
        "exact", or "default"; "dask" and "tdigest" are accepted for programs written for Dask, and
        mean the same as "default".
    interpolation
        What lies between two values, as pandas has it.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2, 3, 4]}, npartitions=2).x.quantile(0.5).compute()
    np.float64(2.5)
    """
    if method not in ("default", "dask", "tdigest", "exact"):
        raise ValueError(
            f"method can only be 'default', 'exact', 'tdigest' or 'dask', got {method!r}"
        )
    several = not np.isscalar(q)
    wanted = tuple(np.asarray(q, dtype=float).ravel().tolist())
    bad = [one for one in wanted if not 0 <= one <= 1]
    if bad:
        raise ValueError(f"quantiles should all be in the interval [0, 1], got {bad}")
    if check_axis(self, axis) == 1:
        if several:
            raise ValueError("quantile(axis=1) takes one quantile: rows would become columns")
        told = {"numeric_only": bool(numeric_only), "interpolation": interpolation}
        return self._rowwise("quantile", q=q, axis=1, **told)
    if self.ndim == 1:
        return _quantile_of_series(self, wanted, interpolation, method, several=several)
    some = self
    if numeric_only:
        some = self[list(self._meta.count(numeric_only=True).index)]
    shape = sample_of(some._meta)
    told = {"interpolation": interpolation}
    meta = make_meta(shape.quantile(list(wanted) if several else wanted[0], **told))
    if several:
        meta = _as_narrow(meta, some.dtypes.tolist())
    columns = [_quantiles(some[name], wanted, interpolation, method) for name in some.columns]
    label = None if several else q
    args = (wanted if several else None, label, some.columns, *columns)
    ends: Any = ONE
    if several:
        ends = (min(wanted, default=None), max(wanted, default=None))
    elif len(some.columns):
        ends = (min(some.columns), max(some.columns))
    return from_node(MapPartitions(_quantile_frame, args, (), meta, ends, "quantile"))


def _quantile_of_series(
    self: Any, wanted: tuple[float, ...], interpolation: str, method: str, *, several: bool
) -> Any:
    if not (_is_number(self.dtype) or getattr(self.dtype, "kind", "") in "mM"):
        raise TypeError(f"quantile() on non-numeric dtypes ({self.dtype}) is not supported")
    values = _quantiles(self, wanted, interpolation, method)
    told = {"interpolation": interpolation}
    meta = sample_of(self._meta).quantile(list(wanted) if several else wanted[0], **told)
    if not several:
        only = (values,)
        return from_node(MapPartitions(_only, only, (), meta, ONE, "quantile"))
    args = (values, wanted, self.name)
    divisions = (min(wanted, default=None), max(wanted, default=None))
    meta = make_meta(meta)
    meta = meta.astype(self.dtype) if str(self.dtype) in NARROW else meta
    return from_node(MapPartitions(_quantile_series, args, (), meta, divisions, "quantile"))


def _quantiles(column: Any, wanted: tuple[float, ...], interpolation: str, method: str) -> Any:
    """The node of a column's quantiles."""
    if wanted and is_small_column(column._node):
        return _reduced([column._node], Together(wanted, interpolation), None)._node
    if method != "exact" or not wanted:
        reducer = Quantiles(wanted, column.dtype, interpolation)
        return _reduced([column._node], reducer, None)._node
    return _exact(column._node, wanted, interpolation, None)._node


def _exact(node: Any, wanted: tuple[float, ...], interpolation: str | None, meta: Any) -> Any:
    bounds = _reduced([node], RankBounds(wanted), 0)
    return _reduced([node, bounds._node], RankValues(wanted, interpolation), meta)


def _as_narrow(meta: Any, dtypes: list[Any]) -> Any:
    """A meta whose columns are as narrow as those of which they are quantiles."""
    narrow = {i: dtype for i, dtype in enumerate(dtypes) if str(dtype) in NARROW}
    plain = meta.set_axis(range(meta.shape[1]), axis=1)
    return plain.astype(narrow).set_axis(meta.columns, axis=1)


def _only(values: pd.Series) -> Any:
    return values.iloc[0]


def _quantile_series(values: pd.Series, q: Any, name: Any) -> Any:
    return values.set_axis(pd.Index(list(q), dtype=float)).rename(name)


def _quantile_frame(q: Any, label: Any, names: Any, *columns: Any) -> Any:
    if q is None and not columns:
        return pd.Series([], index=names, name=label)
    labels = pd.Index([label] if q is None else list(q), dtype=float)
    columns = tuple([values.set_axis(labels) for values in columns])
    frame = pd.DataFrame(dict(enumerate(columns)), index=labels).set_axis(names, axis=1)
    if q is not None:
        return frame
    # A row has the dtype that pandas finds for numbers of all columns; none is narrow.
    row = frame.iloc[0]
    return row.astype(WIDE.get(str(row.dtype), row.dtype))


def median(
    self: Any,
    axis: Any = 0,
    numeric_only: bool = False,
    method: str = "default",
    skipna: bool = True,
) -> Any:
    """The exact median of each column, or of rows.

    Values are looked at twice: a few of each partition say between which bounds the median is, and
    then only values between these are moved.

    Parameters
    ----------
    axis
        1 for rows.
    numeric_only
        Leave out columns that are not numbers.
    method
        Accepted for programs written for Dask.
    skipna
        False: where a value is missing, so is the result.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2], "y": [3, 4]}, npartitions=2).median().compute().tolist()
    [1.5, 3.5]
    """
    told = {"numeric_only": numeric_only} if self.ndim == 2 or numeric_only else {}
    if check_axis(self, axis) == 1:
        return self._rowwise("median", axis=1, skipna=skipna, **told)
    if not skipna:
        return _if_complete(median(self, numeric_only=numeric_only), self)
    if self.npartitions == 1:
        return self._reduce("median", **told)
    if self.ndim == 1:
        # What objects are is seen when it is computed.
        plain = self._meta.dtype.kind == "O" and not isinstance(self._meta.dtype, pd.StringDtype)
        return _median_of(self._node, 1.0 if plain else sample_of(self._meta).median(**told))
    meta = sample_of(self._meta).median(**told)
    names, meta = meta.index, meta.iloc[:0]
    values = [_median_of(self[name]._node, 1.0)._node for name in names]
    return from_node(
        MapPartitions(medians, (names, meta, *values), (), meta, (None, None), "median")
    )


def _median_of(node: Any, meta: Any) -> Any:
    if is_small_column(node):
        return _reduced([node], Together((0.5,)), meta)
    return _exact(node, (0.5,), None, meta)


def median_approximate(
    self: Any, axis: Any = 0, method: str = "default", numeric_only: bool = False
) -> Any:
    """The median, as `quantile` finds it.

    Parameters
    ----------
    axis
        1 for rows.
    method
        Accepted for programs written for Dask.
    numeric_only
        Leave out columns that are not numbers.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2, 9]}, npartitions=3).x.median_approximate().compute()
    np.float64(2.0)
    """
    out = quantile(self, 0.5, axis=axis, numeric_only=numeric_only, method=method)
    return out.rename(None) if isinstance(out, FrameBase) and out.ndim == 1 else out


# -------------------------------------------------------------------- counts of values


def nunique_approx(self: Any, split_every: Any = None) -> Any:
    """About how many distinct rows or values there are, within some percent.

    Parameters
    ----------
    split_every
        How many partial results a task combines.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> round(from_dict({"x": [1, 2, 1]}, npartitions=2).nunique_approx().compute())
    2
    """
    return _reduced([self._node], DistinctEstimate(), 1.0, split_every)


def mode(
    self: Any,
    axis: Any = 0,
    numeric_only: bool = False,
    dropna: bool = True,
    split_every: Any = None,
) -> Any:
    """The most frequent values of each column.

    Parameters
    ----------
    axis
        0.
    numeric_only
        Leave out columns that are not numbers.
    dropna
        Whether missing values count.
    split_every
        How many partial results a task combines.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2, 2]}, npartitions=2).x.mode().compute().tolist()
    [2]
    """
    if check_axis(self, axis) == 1:
        return self._rowwise("mode", axis=1, numeric_only=numeric_only, dropna=dropna)
    if self.ndim == 1:
        counts = self.value_counts(dropna=dropna, sort=False, split_every=split_every)
        args = (counts._node, self._meta)
        return from_node(MapPartitions(_mode, args, (), self._meta, ONE, "mode"))
    some = self
    if numeric_only:
        some = self[list(self._meta.count(numeric_only=True).index)]
    counts = [
        some[name].value_counts(dropna=dropna, sort=False, split_every=split_every)._node
        for name in some.columns
    ]
    meta = make_meta(sample_of(some._meta).mode(dropna=dropna))
    args = (some._meta, *counts)
    return from_node(MapPartitions(_modes, args, (), meta, ONE, "mode"))


def _mode(counts: Any, meta: Any) -> Any:
    # Categories that no row has are counted as well.
    most = counts[(counts == counts.max()) & (counts > 0)].index
    # Categories that are not known beforehand are those of the counts, not those of ``meta``.
    dtype: Any = most.dtype if isinstance(most, pd.CategoricalIndex) else meta.dtype
    if isinstance(dtype, pd.CategoricalDtype) and not most.dropna().isin(dtype.categories).all():
        dtype = "category"
    values = pd.Series(most, dtype=dtype, name=meta.name)
    try:
        return values.sort_values(ignore_index=True)
    except TypeError:
        return values


def _modes(meta: Any, *counts: Any) -> Any:
    columns = [_mode(some, meta[name]) for name, some in zip(meta.columns, counts, strict=True)]
    return pd.concat(columns, axis=1).set_axis(meta.columns, axis=1)


# ------------------------------------------------------------------------------- describe


def describe(
    self: Any,
    split_every: Any = None,
    percentiles: Any = None,
    percentiles_method: str = "default",
    include: Any = None,
    exclude: Any = None,
) -> Any:
    """Count, mean, spread and quantiles of columns; of text, the most frequent value.

    Parameters
    ----------
    split_every
        How many partial results a task combines.
    percentiles
        Quantiles between 0 and 1.
    percentiles_method
        Accepted for programs written for Dask.
    include, exclude
        Dtypes of columns, as pandas has them.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2, 3]}, npartitions=2).describe().compute().x["mean"]
    np.float64(2.0)
    """
    chosen = None if percentiles is None else list(percentiles)
    if self.ndim == 1:
        meta = make_meta(sample_of(self._meta).describe(percentiles=chosen))
        return _described([self], None, meta, chosen, split_every)
    shape = sample_of(self._meta).describe(chosen, include, exclude)
    columns = [self[name] for name in shape.columns]
    return _described(columns, shape.columns, make_meta(shape), chosen, split_every)


def _described(
    columns: Sequence[Any], names: Any, meta: Any, percentiles: Any, split_every: Any
) -> Any:
    args: list[Any] = []
    kinds: list[tuple[Any, Any, Any]] = []
    for column in columns:
        shape = sample_of(column._meta).describe(percentiles=percentiles)
        parts = _statistics(column, shape.index, percentiles, split_every)
        kinds.append((shape.index, column.name, shape.dtype))
        args += [part._node for part in parts]
    whole = (tuple(kinds), names, *args)
    return from_node(MapPartitions(_put_together, whole, (), meta, ONE, "describe"))


def _statistics(column: Any, labels: Any, percentiles: Any, split_every: Any) -> list[Any]:
    """What stands in the rows of a column's description, in one collection or a few."""
    if "top" in labels:
        return [column.count(), column.value_counts(split_every=split_every)]
    told = {"split_every": split_every}
    wanted = sorted({*(percentiles if percentiles is not None else (0.25, 0.5, 0.75))})
    out = [column.count(**told)]
    if "mean" in labels:
        out.append(column.mean(**told))
    if "std" in labels:
        out.append(column.std(**told))
    small = is_small_column(column._node)
    inner = tuple(wanted)
    values = Together(inner, "linear") if small else Quantiles(inner, column.dtype)
    # A quantile of infinite values is NaN, also at the ends.
    ends = [column.min(**told), column.max(**told)]
    return [*out, _reduced([column._node], values, None, split_every), *ends]


def _put_together(kinds: Sequence[Any], names: Any, *parts: Any) -> Any:
    queue = list(parts)
    columns = []
    for labels, name, kind in kinds:
        count = queue.pop(0)
        if "top" in labels:
            counted = queue.pop(0)
            # Categories that no row has are counted as well.
            counted = counted[counted > 0]
            top = [counted.index[0], counted.iloc[0]] if len(counted) else [np.nan, np.nan]
            values = [count, len(counted), *top]
            columns.append(pd.Series(values, index=labels, name=name, dtype=object))
            continue
        facts = {"count": count}
        for statistic in ("mean", "std"):
            if statistic in labels:
                facts[statistic] = queue.pop(0)
        ranks, least, most = queue.pop(0), queue.pop(0), queue.pop(0)
        rest = [label for label in labels if label not in facts]
        facts.update(zip(rest, [least, *ranks, most], strict=True))
        values = [facts[label] for label in labels]
        times = any(isinstance(value, pd.Timestamp | pd.Timedelta) for value in values[1:])
        times = times or any(value is pd.NaT for value in values[1:2])
        dtype = object if times else kind
        columns.append(pd.Series(values, index=labels, name=name, dtype=dtype))
    if names is None:
        return columns[0]
    order: list[Any] = []
    for labels in sorted((column.index for column in columns), key=len):
        order += [label for label in labels if label not in order]
    frame = pd.concat([column.reindex(order) for column in columns], axis=1)
    frame.columns = names
    return frame
