"""Rows by bins of time: ``df.resample("1h").mean()``.

Partitions are cut where bins begin, so that each bin is in one of them; then each is resampled by
itself, and empty bins that lie between or at its ends are put in.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from shoal.dataframe.collection.base import from_node
from shoal.dataframe.collection.tables import RESAMPLE_METHODS
from shoal.dataframe.meta import make_meta
from shoal.dataframe.nodes.partitions import RepartitionDivisions
from shoal.dataframe.nodes.rowwise import MapEach

__all__ = ["Resampler", "resample"]

EMPTY_BIN = {"count": 0, "size": 0, "nunique": 0, "sum": 0, "prod": 1}
"""What an aggregation gives for no rows; missing values by default."""


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
        ``closed`` and ``label``.

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
        return Resampler(self.collection, self.rule, columns, **self.options)

    def __getattr__(self, name: str) -> Resampler:
        if not name.startswith("_") and name in getattr(self.collection, "columns", ()):
            return self[name]
        raise AttributeError(f"a Resampler has no attribute {name!r}")

    def _call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        node = self.collection._node
        bins = bins_of(node.divisions, self.rule, self.options)
        rows = RepartitionDivisions(node, bins.cuts)
        fixed = (self.rule, tuple(self.options.items()), bins.origin, self.columns, method)
        meta = make_meta(getattr(self._on(self.collection._meta), method)(*args, **kwargs))
        names = tuple(kwargs)
        whole = (rows, *fixed, args, *kwargs.values())
        divisions = (*[labels[0] for labels in bins.labels], bins.labels[-1][-1])
        return from_node(
            MapEach(resampled, whole, names, bins.labels, meta, divisions, f"resample-{method}")
        )


def bins_of(divisions: Any, rule: Any, options: dict[str, Any]) -> Bins:
    """Where partitions are to be cut so that no bin is in two of them.

    Where exactly a bin begins depends on the rule (a month that is closed on the right ends with
    its last day), so pandas is asked in which bin times around its label are.

    Parameters
    ----------
    divisions
        The old ones.
    rule, options
        Of ``resample``.

    Examples
    --------
    >>> ends = pd.to_datetime(["2000-01-01 00:10", "2000-01-01 01:10", "2000-01-01 02:10"])
    >>> [str(cut.time()) for cut in bins_of(tuple(ends), "h", {}).cuts]
    ['00:10:00', '01:00:00', '02:10:00']
    """
    index = pd.DatetimeIndex(divisions)
    ends = index[[0, -1]]

    def count(times: Any, **told: Any) -> Any:
        return pd.Series(0, index=times).resample(rule, **{**options, **told}).count()

    lefts = count(ends, label="left").index
    labels = count(ends).index
    step, day = pd.Timedelta(1, index.unit), pd.Timedelta(1, "D")

    def bin_of(times: Any) -> Any:
        some = pd.DatetimeIndex([*ends, *times]).sort_values()
        counts = count(some, label="left").to_numpy()
        where = np.repeat(np.arange(len(counts)), counts)
        return where[some.searchsorted(pd.DatetimeIndex(times), side="left")]

    cuts, first_bins = [ends[0]], [0]
    for number in dict.fromkeys(bin_of(index[1:-1]).tolist() if len(index) > 2 else []):
        begin = lefts[number]
        for candidate in (begin, begin + step, begin + day):
            if not ends[0] < candidate <= ends[1]:
                continue
            if bin_of([candidate - step, candidate]).tolist() == [number - 1, number]:
                cuts.append(candidate)
                first_bins.append(number)
                break
    spans = zip(first_bins, [*first_bins[1:], len(labels)], strict=True)
    return Bins((*cuts, ends[1]), tuple([labels[a:b] for a, b in spans]), lefts[0])


def resampled(
    part: Any,
    labels: Any,
    rule: Any,
    options: Any,
    origin: Any,
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
    origin
        Where the first bin of all partitions begins.

    Raises
    ------
    ValueError
        pandas finds other bins in the partition alone than in the whole.

    Examples
    --------
    >>> s = pd.Series([1], index=pd.to_datetime(["2000-01-01"]))
    >>> resampled(s, s.index, "D", (), s.index[0], None, "sum", ()).tolist()
    [1]
    """
    bins = part.resample(rule, origin=origin, **dict(options))
    if columns is not None:
        bins = bins[columns]
    out = getattr(bins, method)(*args, **kwargs)
    if not out.index.isin(labels).all():
        raise ValueError(
            "Index is not contained within new index. A partition alone has other bins than the "
            f"whole, for {rule!r} counts from the first row; repartition to fewer partitions, or "
            "use a rule without a number"
        )
    if len(out) == len(labels):
        return out
    fill = EMPTY_BIN.get(method, np.nan)
    return out.reindex(labels.rename(out.index.name), fill_value=fill)


def resample(
    self: Any, rule: Any, closed: str | None = None, label: str | None = None
) -> Resampler:
    """Bins of time over the index.

    Parameters
    ----------
    rule
        How long a bin is, such as "1h".
    closed, label
        "left" or "right", as pandas has them.

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
    return Resampler(self, rule, closed=closed, label=label)


def _install() -> None:
    def aggregation(name: str) -> Any:
        def method(self: Resampler, *args: Any, **kwargs: Any) -> Any:
            return self._call(name, *args, **kwargs)

        method.__name__ = name
        method.__doc__ = f"As pandas' Resampler.{name}."
        return method

    for name in RESAMPLE_METHODS.split():
        setattr(Resampler, name, aggregation(name))


_install()
