"""Rows by bins of time: ``df.resample("1h").mean()``.

Partitions are cut where bins begin, so that each bin is in one of them; then each is resampled by
itself, and empty bins that lie between are put in.  pandas counts bins from the first row to the
last.  Where these are not the outer divisions, as after a filter, they are found when the result is
computed, and the bins beyond them left out; where even the place of the bins depends on the first
row, such as for "36h", the first and last labels are computed at once.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from shoal.collection import compute
from shoal.dataframe.collection.base import NotHereError, from_node
from shoal.dataframe.collection.tables import RESAMPLE_METHODS, UPSAMPLE_METHODS
from shoal.dataframe.kernels.overlap import PerPartition
from shoal.dataframe.meta import make_meta, sample_of, untold
from shoal.dataframe.nodes.overlap import MapOverlap, known_lengths
from shoal.dataframe.nodes.partitions import RepartitionDivisions
from shoal.dataframe.nodes.rowwise import MapEach, MapPartitions

__all__ = ["Resampler", "asfreq", "resample"]

DAY_NS, HALF_HOUR_NS = 86_400 * 10**9, 1_800 * 10**9


class Bins(NamedTuple):
    """Where partitions are cut, and what labels each one's bins have.

    Parameters
    ----------
    cuts
        Divisions of the rows.
    labels
        An index for each partition.
    origin
        Where the first bin begins.
    """

    cuts: tuple[Any, ...]
    labels: tuple[Any, ...]
    origin: Any


class Resampler:
    """Rows of a frame or series by bins of time; `DataFrame.resample` makes it.

    Parameters
    ----------
    collection
        With a `pandas.DatetimeIndex` and known divisions.
    rule
        How long a bin is.
    columns
        That are computed; None for all.
    **options
        ``closed``, ``label``, ``origin`` and ``offset``.

    Examples
    --------
    >>> import pandas as pd
    >>> from shoal.dataframe import from_pandas
    >>> s = pd.Series(range(4), index=pd.date_range("2000", periods=4, freq="h"))
    >>> Resampler(from_pandas(s, npartitions=2), "2h").sum().compute().tolist()
    [1, 5]
    """

    def __init__(self, collection: Any, rule: Any, columns: Any = None, **options: Any) -> None:
        if not collection.known_divisions:
            raise ValueError(
                "Can only resample dataframes with known divisions, to know which bins a partition "
                "has; use set_index"
            )
        self.collection = collection
        self.rule = rule
        self.columns = columns
        self.options = {name: value for name, value in options.items() if value is not None}
        self._on(collection._meta)

    def _on(self, item: Any) -> Any:
        out = item.resample(self.rule, **self.options)
        return out if self.columns is None else out[self.columns]

    def __getitem__(self, columns: Any) -> Resampler:
        collection, known = self.collection, getattr(self.collection, "columns", pd.Index([]))
        names = set(columns if isinstance(columns, list) else [columns])
        if known.nlevels == 1 and names <= set(known):
            # What is not resampled need not be read.
            collection = collection[[n for n in known if n in names | {self.options.get("on")}]]
        return Resampler(collection, self.rule, columns, **self.options)

    @property
    def obj(self) -> Any:
        """The frame or series that is resampled."""
        return self.collection

    def __getattr__(self, name: str) -> Resampler:
        if not name.startswith("_") and name in getattr(self.collection, "columns", ()):
            return self[name]
        if hasattr(pd.api.typing.Resampler, name):
            raise NotHereError(
                f"Resampler.{name} is not there; use asfreq() and a method of the result, or "
                "compute() first"
            )
        raise AttributeError(f"a Resampler has no attribute {name!r}")

    def pipe(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """``func(self, *args, **kwargs)``.

        Parameters
        ----------
        func, *args, **kwargs
            What is called, and with what more.
        """
        return func(self, *args, **kwargs)

    def transform(self, arg: Any, *args: Any, meta: Any = None, **kwargs: Any) -> Any:
        """A value for each row, of a function of the rows in its bin.

        Parameters
        ----------
        arg
            A function, or the name of one of pandas'.
        *args, **kwargs
            More arguments.
        meta
            What the result looks like.

        Examples
        --------
        >>> from shoal.dataframe import from_pandas
        >>> s = pd.Series(range(4), index=pd.date_range("2000", periods=4, freq="h"))
        >>> from_pandas(s, npartitions=2).resample("2h").transform("sum").compute().tolist()
        [1, 1, 5, 5]
        """
        some = self.collection
        if untold(meta):
            meta = self._on(few_bins(some._meta, self.rule)).transform(arg, *args, **kwargs)
        told = tuple(self.options.items())
        if some.npartitions == 1 or not can_be_cut(self.rule, self.options, some._meta.index):
            rows = some.repartition(npartitions=1)
        else:
            bins, _ = self._bins()
            rows = from_node(RepartitionDivisions(some._node, bins.cuts))
            told = self._spans(bins)
        fixed = (self.rule, told, self.columns, "transform", (arg, *args))
        return rows.map_partitions(_transformed, *fixed, meta=make_meta(meta), **kwargs)

    def interpolate(self, method: str = "linear", **options: Any) -> Any:
        """Values at the bins' labels, on lines between the rows around them: one task has all rows.

        Parameters
        ----------
        method, **options
            As pandas' Resampler.interpolate has them.

        Examples
        --------
        >>> from shoal.dataframe import from_pandas
        >>> s = pd.Series([1.0, 3.0], index=pd.to_datetime(["2000-01-01", "2000-01-03"]))
        >>> from_pandas(s, npartitions=2).resample("D").interpolate().compute().tolist()
        [1.0, 2.0, 3.0]
        """
        bins = self._on(few_bins(self.collection._meta, self.rule))
        meta = make_meta(bins.interpolate(method, **options))
        return self._of_all_rows("interpolate", (method,), options, meta)

    def _of_all_rows(self, method: str, args: Any, kwargs: Any, meta: Any) -> Any:
        whole = self.collection.repartition(npartitions=1)
        fixed = (self.rule, tuple(self.options.items()), self.columns, method, args)
        out = whole.map_partitions(resampled_whole, *fixed, meta=meta, **kwargs)
        return from_node(out._node.replace(given_divisions=self._ends()))

    def _spans(self, bins: Bins) -> tuple[Any, ...]:
        """Options with which bins of a part of the rows are those of all."""
        told = self.options.items()
        plain = tuple([(k, v) for k, v in told if k not in ("origin", "offset")])
        offset, zone = to_offset(self.rule), self.collection._meta.index.tz
        if isinstance(offset, pd.offsets.Tick) or (isinstance(offset, pd.offsets.Day) and not zone):
            return (*plain, ("origin", bins.origin))
        return plain  # others have their places in the calendar

    def _call(self, method: str, args: Any, kwargs: Any) -> Any:
        if method in ("agg", "aggregate") and self.columns is None and args:
            some = _read_by(args[0], self.collection, self.options.get("on"))
            if some is not self.collection:
                return Resampler(some, self.rule, **self.options)._call(method, args, kwargs)
        meta = make_meta(
            getattr(self._on(few_bins(self.collection._meta, self.rule)), method)(*args, **kwargs)
        )
        if self.collection.npartitions == 1 or not can_be_cut(
            self.rule, self.options, self.collection._meta.index
        ):
            return self._of_all_rows(method, args, kwargs, meta)
        bins, ends = self._bins()
        rows = RepartitionDivisions(self.collection._node, bins.cuts)
        spans = (self.rule, self._spans(bins))
        fixed = (*spans, self.columns, method, args)
        title = f"resample-{method}"
        divisions = (*[labels[0] for labels in bins.labels], bins.labels[-1][-1])
        names, values = tuple(kwargs), tuple(kwargs.values())
        last = (bins.labels, meta, divisions, title)
        full = MapEach(resampled, (rows, *fixed, *values), names, *last)
        blank = empty_bin(sample_of(self.collection._meta), fixed, kwargs)
        return from_node(
            MapEach(completed, (full, *(ends or (None, None)), blank, *spans), (), *last)
        )

    def _ends(self) -> tuple[Any, Any]:
        """The labels of the first and the last bin; unknown where the rows' own bounds are."""
        collection = self.collection
        index = getattr(collection._meta, "index", None)
        if known_lengths(collection._node) is None or not isinstance(index, pd.DatetimeIndex):
            return None, None
        ends = pd.DatetimeIndex([collection.divisions[0], collection.divisions[-1]])
        labels = pd.Series(0, index=ends).resample(self.rule, **self.options).sum().index
        return labels[0], labels[-1]

    def _bins(self) -> tuple[Bins, tuple[Any, ...]]:
        """The bins; and what will tell the first and the last row where that is not known."""
        zone = getattr(self.collection._meta.index, "tz", None)
        ends, later = ends_of(self.collection, starts_anywhere(self.rule, self.options, zone))
        if not len(ends):
            ends, later = pd.DatetimeIndex(self.collection.divisions)[[0, -1]], (pd.NaT, pd.NaT)
        return bins_of(self.collection.divisions, ends, self.rule, self.options), later

    def _filled(self, name: str, limit: int | None = None, fill_value: Any = None) -> Any:
        """The rows at the bins' edges, and what stands there where there are none."""
        if self.columns is not None:
            raise NotHereError(
                f"{name} of columns of a Resampler is not there; take the columns first: "
                f"df[{self.columns!r}].resample({self.rule!r}).{name}()"
            )
        some = self.collection
        ends, _ = ends_of(some, eager=True)
        some_rows = pd.Series(0, index=ends.unique())
        labels = some_rows.resample(self.rule, **self.options).asfreq().index
        method = None if name == "asfreq" else name
        return reindexed(some, labels, method, limit=limit, fill_value=fill_value)


def _read_by(func: Any, collection: Any, on: Any) -> Any:
    """The columns that an aggregation by column reads; all where it is another one."""
    known = getattr(collection, "columns", None)
    if not isinstance(func, dict) or known is None or known.nlevels > 1:
        return collection
    names = {*func, on} - {None}
    fewer = names <= set(known) and len(names) < len(known) and known.is_unique
    return collection[[name for name in known if name in names]] if fewer else collection


def can_be_cut(rule: Any, options: Any, index: Any) -> bool:
    """Whether bins can be told from the first row's bin; else all rows go to one partition.

    Parameters
    ----------
    rule, options
        Of ``resample``.
    index
        Of the rows.

    Examples
    --------
    >>> index = pd.DatetimeIndex([])
    >>> can_be_cut("36h", {}, index), can_be_cut("ME", {}, index), can_be_cut("2ME", {}, index)
    (True, True, False)
    """
    if not isinstance(index, pd.DatetimeIndex) or options.get("origin") in ("end", "end_day"):
        return False
    offset = to_offset(rule)
    if isinstance(offset, pd.offsets.Tick):
        return True
    if isinstance(offset, pd.offsets.Day) and offset.n > 1:
        return index.tz is None and "offset" not in options
    usual = options.get("closed") in (None, pd.Grouper(freq=rule).closed)
    return bool(offset.n == 1 and usual and "offset" not in options)


def starts_anywhere(rule: Any, options: Any, zone: Any) -> bool:
    """Whether the place of the bins depends on the first row.

    Parameters
    ----------
    rule, options
        Of ``resample``.
    zone
        The time zone, or None; where clocks are changed, days are not equal.

    Examples
    --------
    >>> starts_anywhere("36h", {}, None), starts_anywhere("6h", {}, None)
    (True, False)
    """
    origin = options.get("origin", "start_day")
    if origin == "start":
        return True
    offset = to_offset(rule)
    if origin != "start_day":
        return False
    if isinstance(offset, pd.offsets.Tick):
        return bool((DAY_NS if zone is None else HALF_HOUR_NS) % offset.nanos)
    return bool(offset.n != 1)


def ends_of(collection: Any, eager: bool) -> tuple[Any, tuple[Any, ...]]:
    """The first and the last label, or bounds of them and what will tell them.

    Parameters
    ----------
    collection
        With known divisions.
    eager
        Whether bounds will not do: then the labels are computed where they are not known.

    Examples
    --------
    >>> from shoal.dataframe import from_pandas
    >>> s = pd.Series(range(4), index=pd.date_range("2000", periods=4, freq="h"))
    >>> [str(end) for end in ends_of(from_pandas(s, npartitions=2), False)[0]]
    ['2000-01-01 00:00:00', '2000-01-01 03:00:00']
    """
    bounds = pd.DatetimeIndex([collection.divisions[0], collection.divisions[-1]])
    if known_lengths(collection._node) is not None:
        return bounds, ()
    index = collection.index
    told = index.min(), index.max()
    if not eager:
        return bounds, tuple([one._node for one in told])
    found = compute(*told)
    if pd.isna(found[0]):
        return bounds[:0], ()
    return pd.DatetimeIndex(found).as_unit(bounds.unit), ()


def counted(ends: Any, rule: Any, options: Any, **told: Any) -> Any:
    """The labels of all bins between two rows.

    Parameters
    ----------
    ends
        The rows' times.
    rule, options, **told
        Of ``resample``.

    Examples
    --------
    >>> counted(pd.to_datetime(["2000-01-01", "2000-01-02"]), "D", {}).day.tolist()
    [1, 2]
    """
    if not len(ends):
        return ends
    return pd.Series(0, index=ends).resample(rule, **{**dict(options), **told}).count().index


def bins_of(divisions: Any, ends: Any, rule: Any, options: dict[str, Any]) -> Bins:
    """Where partitions are to be cut so that no bin is in two of them.

    Where exactly a bin begins depends on the rule (a month that is closed on the right ends with
    its last day), so pandas is asked in which bin times around its label are.

    Parameters
    ----------
    divisions
        The old ones.
    ends
        The first and the last row, or bounds of them.
    rule, options
        Of ``resample``.

    Examples
    --------
    >>> ends = pd.to_datetime(["2000-01-01 00:10", "2000-01-01 01:10", "2000-01-01 02:10"])
    >>> [str(cut.time()) for cut in bins_of(tuple(ends), ends[[0, -1]], "h", {}).cuts]
    ['00:10:00', '01:00:00', '02:10:00']
    """
    index = pd.DatetimeIndex(divisions)
    outer = index[[0, -1]]

    def count(times: Any, **told: Any) -> Any:
        return pd.Series(0, index=times).resample(rule, **{**options, **told}).count()

    lefts, labels = counted(ends, rule, options, label="left"), counted(ends, rule, options)
    step, day = pd.Timedelta(1, index.unit), pd.Timedelta(1, "D")

    def bin_of(times: Any) -> Any:
        some = pd.DatetimeIndex([*ends, *times]).sort_values()
        counts = count(some, label="left").to_numpy()
        where = np.repeat(np.arange(len(counts)), counts)
        return where[some.searchsorted(pd.DatetimeIndex(times), side="left")]

    cuts, first_bins = [outer[0]], [0]
    inner = index[(index > ends[0]) & (index < ends[1])]
    for number in dict.fromkeys(bin_of(inner).tolist() if len(inner) else []):
        begin = lefts[number]
        for candidate in (begin, begin + step, begin + day):
            if not ends[0] < candidate <= ends[1]:
                continue
            if bin_of([candidate - step, candidate]).tolist() == [number - 1, number]:
                cuts.append(candidate)
                first_bins.append(number)
                break
    spans = zip(first_bins, [*first_bins[1:], len(labels)], strict=True)
    return Bins((*cuts, outer[1]), tuple([labels[a:b] for a, b in spans]), lefts[0])


def resampled(
    part: Any,
    labels: Any,
    rule: Any,
    options: Any,
    columns: Any,
    method: str,
    args: Any,
    **kwargs: Any,
) -> Any:
    """An aggregation of a partition by bins.

    Parameters
    ----------
    part
        Whole bins.
    labels
        Of all its bins.
    rule, options, columns, method, args, **kwargs
        Of ``resample`` and of the aggregation.

    Raises
    ------
    ValueError
        pandas finds other bins in the partition alone than in the whole.

    Examples
    --------
    >>> s = pd.Series([1], index=pd.to_datetime(["2000-01-01"]))
    >>> resampled(s, s.index, "D", (), None, "sum", ()).tolist()
    [1]
    """
    out = resampled_whole(part, rule, options, columns, method, args, **kwargs)
    if not out.index.isin(labels).all():
        raise ValueError(
            "Index is not contained within new index. A partition alone has other bins than the "
            f"whole, for {rule!r} counts from the first row; repartition to fewer partitions, or "
            "use a rule without a number"
        )
    return out


def few_bins(meta: Any, rule: Any) -> Any:
    """Two rows like those of a frame, in bins that are near: a day has millions of short ones.

    Parameters
    ----------
    meta
        What the frame looks like.
    rule
        Of ``resample``.

    Examples
    --------
    >>> meta = pd.Series(dtype="int64", index=pd.DatetimeIndex([]))
    >>> [len(few_bins(meta, rule).resample(rule).count()) for rule in ("D", "min")]
    [2, 4]
    """
    sample = sample_of(meta)
    if not isinstance(sample.index, pd.DatetimeIndex):
        return sample
    apart = _apart(sample.index, rule)
    return sample.set_axis(apart) if apart[-1] < sample.index[-1] else sample


def _apart(index: Any, rule: Any) -> Any:
    """Times of a row, after a bin or more without one, and of another row."""
    first = index[0]
    apart = pd.DatetimeIndex([first, pd.date_range(first, periods=4, freq=rule)[-1]])
    return apart.as_unit(index.unit).rename(index.name)


def empty_bin(sample: Any, fixed: Any, kwargs: Any) -> Any:
    """What pandas makes of a bin without rows: one row.

    Parameters
    ----------
    sample
        Two rows like those of the frame.
    fixed, kwargs
        Further arguments of `resampled_whole`.

    Examples
    --------
    >>> s = pd.Series([1, 2], index=pd.to_datetime(["2000", "2001"]))
    >>> empty_bin(s, ("D", (), None, "sum", ()), {}).tolist()
    [0]
    """
    rule, options, *_ = fixed
    apart = _apart(sample.index, rule)
    gap = resampled_whole(sample.set_axis(apart), *fixed, **kwargs)
    counts = pd.Series(0, index=apart).resample(rule, **dict(options)).count()
    return gap[(counts == 0).to_numpy()].iloc[:1]


def resampled_whole(
    rows: Any, rule: Any, options: Any, columns: Any, method: str, args: Any, **kwargs: Any
) -> Any:
    """pandas' resampling.

    Parameters
    ----------
    rows
        A frame or series.
    rule, options, columns, method, args, **kwargs
        Of ``resample`` and of the aggregation.

    Examples
    --------
    >>> s = pd.Series([1], index=pd.to_datetime(["2000-01-01"]))
    >>> resampled_whole(s, "D", (), None, "sum", ()).tolist()
    [1]
    """
    bins = rows.resample(rule, **dict(options))
    return getattr(bins if columns is None else bins[columns], method)(*args, **kwargs)


def _transformed(part: Any, *fixed: Any, **kwargs: Any) -> Any:
    # Of no rows pandas gives an aggregation.
    return resampled_whole(part, *fixed, **kwargs) if len(part) else part


def completed(
    part: Any, labels: Any, first: Any, last: Any, blank: Any, rule: Any, options: Any
) -> Any:
    """Bins with the empty ones among them, from that of the first row to that of the last.

    Parameters
    ----------
    part
        Bins of a partition that have rows.
    labels
        All bins that it may have.
    first, last
        The rows' times: missing where there are no rows, None where ``labels`` are known to fit.
    blank
        What an empty bin has.
    rule, options
        Of ``resample``.

    Examples
    --------
    >>> days = pd.date_range("2000-01-01", periods=3)
    >>> blank = pd.Series([0], index=days[:1])
    >>> completed(blank[:0], days, days[0], days[1], blank, "D", ()).tolist()
    [0, 0]
    """
    if first is not None:
        if pd.isna(first):
            return part.iloc[:0]
        kept = counted(pd.DatetimeIndex([first, last]), rule, options)
        labels = labels[(labels >= kept[0]) & (labels <= kept[-1])]
    missing = labels.difference(part.index)
    if not len(missing):
        return part
    blanks = blank.take(np.zeros(len(missing), dtype=int)).set_axis(missing)
    out = pd.concat([part, blanks]).sort_index() if len(part) else blanks
    return out.rename_axis(part.index.name)


def reindexed(collection: Any, labels: Any, method: str | None, **options: Any) -> Any:
    """Rows at other labels.

    Parameters
    ----------
    collection
        With known divisions.
    labels
        Sorted.
    method
        Of `pandas.DataFrame.reindex`: which row stands where there is none with the label.
    **options
        ``limit`` and ``fill_value``.

    Examples
    --------
    >>> from shoal.dataframe import from_pandas
    >>> s = pd.Series([1, 2], index=pd.to_datetime(["2000-01-01", "2000-01-03"]))
    >>> days = pd.date_range("2000-01-01", periods=3)
    >>> reindexed(from_pandas(s, npartitions=2), days, "ffill").compute().tolist()
    [1, 1, 2]
    """
    bounds = pd.DatetimeIndex(collection.divisions)
    cuts = [0, *np.searchsorted(labels, bounds[1:-1]).tolist(), len(labels)]
    limit = options.get("limit") or 0
    before, after = method in ("ffill", "nearest"), method in ("bfill", "nearest")
    parts = []
    for start, stop in pairwise(cuts):
        # A limit counts labels from the row on, so those of other partitions are looked at too.
        first, last = max(start - limit * before, 0), stop + limit * after
        parts.append((labels[first:last], start - first, stop - first))
    told = {name: value for name, value in options.items() if value is not None}
    sample = sample_of(collection._meta)
    gap = method is None or (method == "ffill" and len(labels) and labels[0] < bounds[0])
    kind = {"fill_value": told["fill_value"]} if "fill_value" in told else {}
    if gap:
        sample = sample.set_axis(range(2)).reindex([0, 2], **kind).set_axis(sample.index)
    meta = make_meta(sample)
    divisions: tuple[Any, ...] = (None,) * len(cuts)
    if all(start < stop for start, stop in pairwise(cuts)):
        divisions = (*labels[cuts[:-1]], labels[-1])
    args = (collection._node, PerPartition(tuple(parts)), method, tuple(told.items()))
    return from_node(
        MapOverlap(reindexed_part, args, (), int(before), int(after), meta, "reindex", divisions)
    )


def reindexed_part(part: Any, wanted: Any, method: str | None, options: Any) -> Any:
    """pandas' reindex.

    Parameters
    ----------
    part
        A partition, with a row of its neighbours.
    wanted
        Labels, and from where to where they are the partition's own.
    method, options
        As `reindexed` has them.

    Examples
    --------
    >>> reindexed_part(pd.Series([1.0]), (pd.Index([0, 1]), 0, 2), None, ()).tolist()
    [1.0, nan]
    """
    labels, start, stop = wanted
    if not part.index.is_unique:
        raise ValueError(f"cannot reindex on an axis with duplicate labels: {part.index.name!r}")
    told = dict(options)
    limit = told.pop("limit", None)
    places = part.index.get_indexer(labels, method=method, limit=limit)[start:stop]
    out = part.reset_index(drop=True).reindex(places, **told)
    return out.set_axis(labels[start:stop].rename(part.index.name))


def asfreq(
    self: Any,
    freq: Any,
    method: str | None = None,
    how: str | None = None,
    normalize: bool = False,
    fill_value: Any = None,
) -> Any:
    """Rows at regular times: the ones there are, and missing values between them.

    Parameters
    ----------
    freq
        How far the times are apart.
    method
        "ffill" or "bfill": the last or next row instead of missing values.
    how
        Of periods, which are not there; None.
    normalize
        Whether times become midnight.
    fill_value
        Instead of missing values.

    Raises
    ------
    ValueError
        Divisions are not known.

    Examples
    --------
    >>> import pandas as pd
    >>> from shoal.dataframe import from_pandas
    >>> s = pd.Series([1, 2], index=pd.to_datetime(["2000-01-01", "2000-01-03"]))
    >>> from_pandas(s, npartitions=2).asfreq("D", fill_value=0).compute().tolist()
    [1, 0, 2]
    """
    if not self.known_divisions or not isinstance(self._meta.index, pd.DatetimeIndex):
        raise ValueError("asfreq needs a DatetimeIndex with known divisions; use set_index")
    if how is not None:
        raise ValueError(f"how={how!r} is for periods, and the index has times")
    ends, _ = ends_of(self, eager=True)
    labels = pd.date_range(*ends, freq=freq, unit=ends.unit) if len(ends) else ends
    method = {"pad": "ffill", "backfill": "bfill"}.get(method or "", method)
    out = reindexed(self, labels, method, fill_value=fill_value)
    return _at_midnight(out) if normalize else out


def _at_midnight(collection: Any) -> Any:
    unknown = (None,) * (collection.npartitions + 1)  # a day may be in two partitions
    args = (collection._node,)
    meta = normalized(collection._meta)
    return from_node(MapPartitions(normalized, args, (), meta, unknown, "normalize"))


def normalized(part: Any) -> Any:
    """Rows whose labels are the days of their times.

    Parameters
    ----------
    part
        With a `pandas.DatetimeIndex`.

    Examples
    --------
    >>> s = pd.Series([1], index=pd.to_datetime(["2000-01-01 05:00"]))
    >>> normalized(s).index.hour.tolist()
    [0]
    """
    return part.set_axis(part.index.normalize(), axis=0)


def resample(
    self: Any,
    rule: Any,
    closed: str | None = None,
    label: str | None = None,
    on: Any = None,
    level: Any = None,
    origin: Any = "start_day",
    offset: Any = None,
) -> Resampler:
    """Bins of time over the index.

    Parameters
    ----------
    rule
        How long a bin is, such as "1h".
    closed, label
        "left" or "right", as pandas has them.
    on
        A column of times instead of the index, by which the rows are sorted first.
    level
        The index has one level: 0 or its name.
    origin, offset
        Where bins begin, as pandas has them.

    Raises
    ------
    ValueError
        Divisions are not known.

    Examples
    --------
    >>> import pandas as pd
    >>> from shoal.dataframe import from_pandas
    >>> s = pd.Series(range(4), index=pd.date_range("2000", periods=4, freq="h"))
    >>> from_pandas(s, npartitions=2).resample("2h").max().compute().tolist()
    [1, 3]
    """
    if level not in (None, 0, self._meta.index.name):
        raise ValueError(f"level={level!r}: the index has one, {self._meta.index.name!r}")
    some = self if on is None else self.set_index(on)
    where = {"origin": origin} if not isinstance(origin, str) or origin != "start_day" else {}
    return Resampler(some, rule, closed=closed, label=label, offset=offset, **where)


def _install() -> None:
    def aggregation(name: str) -> Any:
        def method(self: Resampler, *args: Any, **kwargs: Any) -> Any:
            return self._call(name, args, kwargs)

        method.__name__ = name
        method.__doc__ = f"As pandas' Resampler.{name}."
        return method

    def filling(name: str) -> Any:
        def method(self: Resampler, *args: Any, **kwargs: Any) -> Any:
            return self._filled(name, *args, **kwargs)

        method.__name__ = name
        method.__doc__ = f"As pandas' Resampler.{name}: the rows at the bins' labels."
        return method

    for name in RESAMPLE_METHODS.split():
        setattr(Resampler, name, aggregation(name))
    for name in UPSAMPLE_METHODS.split():
        setattr(Resampler, name, filling(name))


_install()
