"""By what rows are grouped: the name of a column, or the node of a series beside the frame.

Levels of the index, functions and mappings of labels, bins of time become such series.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.collection.align import wrapped
from shoal.dataframe.collection.base import FrameBase, from_node, nearest, operand
from shoal.dataframe.collection.resample import resample, starts_anywhere
from shoal.dataframe.meta import make_meta, sample_of
from shoal.dataframe.nodes.rowwise import Beside, Column, MapPartitions

__all__ = ["as_bins", "bin_labels", "keys_of", "level_values", "time_bins"]


def keys_of(frame: Any, by: Any, level: Any = None) -> list[Any]:
    """The keys of a grouping.

    Parameters
    ----------
    frame
        The collection.
    by
        As users give it: one key, or a list.
    level
        A level of the index instead, its name or number, or several.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> keys_of(from_dict({"k": [1]}, npartitions=1), "k")
    ['k']
    """
    if level is None:
        if by is None:
            raise TypeError("You have to supply one of 'by' and 'level'")
        return [_key(frame, one) for one in (by if isinstance(by, list) else [by])]
    levels = level if isinstance(level, list | tuple) else [level]
    if by is None:
        return [_level(frame, one) for one in levels]
    raise NotImplementedError(
        "groupby takes one of 'by' and 'level'; a list of keys may have names of levels among them"
    )


def as_bins(collection: Any, by: Any, options: Mapping[str, Any]) -> Any:
    """What groups by bins of time alone: that is to resample; None where there are other keys.

    Parameters
    ----------
    collection
        A frame or series.
    by
        As users give it.
    options
        Of ``groupby``.

    Examples
    --------
    >>> from shoal.dataframe import from_pandas
    >>> s = pd.Series([1, 2, 3], pd.date_range("2000", periods=3, freq="12h"))
    >>> as_bins(
    ...     from_pandas(s, npartitions=2), pd.Grouper(freq="D"), {}
    ... ).sum().compute().tolist()
    [3, 3]
    """
    one = by[0] if isinstance(by, list) and len(by) == 1 else by
    if not isinstance(one, pd.Grouper) or one.freq is None:
        return None
    if options.get("as_index", True) is False:
        raise NotImplementedError("groupby(Grouper, as_index=False): use reset_index afterwards")
    rule, bins = time_bins(one)
    return resample(collection, rule, on=one.key, level=one.level, **bins)


def _key(frame: Any, key: Any) -> Any:
    """A column's name, or the node of a series."""
    if isinstance(key, FrameBase):
        return _of_collection(frame, key)
    if isinstance(key, pd.Series):
        return wrapped(key)
    if getattr(key, "ndim", 0) == 1 and hasattr(key, "chunks"):
        return from_node(operand(key, frame)).rename(None)._node
    if isinstance(key, pd.Grouper):
        return _of_grouper(frame, key)
    if isinstance(key, pd.DataFrame | np.ndarray | pd.Index):
        raise NotImplementedError(
            f"groupby by a {type(key).__name__}: rows of partitions are not counted; assign it to "
            "a column, or use a series of shoal"
        )
    if callable(key) or isinstance(key, Mapping):
        return _mapped(frame.index.to_series(), key)
    try:
        known = key in frame.columns
    except TypeError:
        known = False
    if known:
        return key
    if key is not None and key in frame._meta.index.names:
        return _level(frame, key)
    raise KeyError(f"{key!r} is not a column{nearest(key, frame.columns)}")


def _of_collection(frame: Any, key: Any) -> Any:
    node: Any = key._node
    if isinstance(key._meta, pd.Index):
        return _of_index(frame, key)
    if key.ndim != 1:
        raise NotImplementedError("groupby takes columns and series, got a DataFrame")
    # A column of this very frame is better known by its name.
    if type(node) is Column and node.source is frame._node:
        return node.column
    return operand(key)


def _of_index(frame: Any, key: Any) -> Any:
    """The values of an index, row by row; they are no labels by which rows are found."""
    if key._node.row_key == frame._node.row_key:
        return key._rowwise("to_series")._node
    if key.npartitions != frame.npartitions:
        raise ValueError(
            "Grouper and axis must be same length: groupby got an index of "
            f"{key.npartitions} partitions for {frame.npartitions}; use the frame's own index"
        )
    return from_node(Beside(key._node, frame.index._node, None)).rename(key.name)._node


def _mapped(labels: Any, mapper: Any) -> Any:
    meta = make_meta(sample_of(labels._meta).map(mapper))
    if isinstance(mapper, Mapping):
        meta = meta.astype(pd.Series(list(mapper.values())).dtype)
    return labels.map(mapper, meta=meta)._node


def _level(frame: Any, level: Any) -> Any:
    """A level of the index, as a series."""
    index = frame._meta.index
    number = index._get_level_number(level)
    if index.nlevels == 1:
        return frame.index.to_series()._node
    args = (frame._node, number)
    return MapPartitions(level_values, args, (), level_values(frame._meta, number), None, "level")


def level_values(part: Any, number: int) -> Any:
    """A level of the index, as a series with that index.

    Parameters
    ----------
    part
        A frame or series.
    number
        Of the level.

    Examples
    --------
    >>> index = pd.MultiIndex.from_tuples([(1, "a")], names=["i", "j"])
    >>> level_values(pd.Series([3], index), 1).tolist()
    ['a']
    """
    level = part.index.get_level_values(number)
    return pd.Series(level.array, index=part.index, name=level.name)


def _of_grouper(frame: Any, grouper: Any) -> Any:
    if grouper.key is not None:
        key = _key(frame, grouper.key)
    elif grouper.level is not None:
        key = _level(frame, grouper.level)
    else:
        key = frame.index.to_series()._node
    if grouper.freq is None:
        return key
    series = from_node(key) if hasattr(key, "meta") else frame[key]
    rule, options = time_bins(grouper)
    zone = getattr(series._meta.dtype, "tz", None)
    if starts_anywhere(rule, options, zone) or options["origin"] in ("end", "end_day"):
        raise NotImplementedError(
            f"groupby by times and other keys: where bins of {rule!r} begin depends on the first "
            "row; use dt.floor of the times, or resample within groups: groupby(...).resample"
        )
    # pandas has the last word on what has times.
    meta = make_meta(bin_labels(sample_of(series._meta), rule, tuple(options.items())))
    args = (series._node, rule, tuple(options.items()))
    return MapPartitions(bin_labels, args, (), meta, None, "bins")


def time_bins(grouper: Any) -> tuple[Any, dict[str, Any]]:
    """How long bins are, and the options of ``resample`` that a `pandas.Grouper` stands for.

    Parameters
    ----------
    grouper
        With a frequency.

    Examples
    --------
    >>> time_bins(pd.Grouper(freq="ME"))[1]["closed"]
    'right'
    """
    named = ("closed", "label", "origin", "offset")
    return grouper.freq, {name: getattr(grouper, name) for name in named}


def bin_labels(times: Any, rule: Any, options: Any) -> Any:
    """The label of the bin that each time is in.

    Parameters
    ----------
    times
        A series.
    rule, options
        Of ``resample``, the options in pairs.

    Examples
    --------
    >>> times = pd.Series(pd.to_datetime(["2000-01-01", None, "2000-01-03"]))
    >>> bin_labels(times, "D", ()).dt.day.tolist()
    [1.0, nan, 3.0]
    """
    there = times.notna().to_numpy()
    some = pd.DatetimeIndex(times[there])
    order = some.argsort()
    counts = pd.Series(0, index=some.take(order)).resample(rule, **dict(options)).count()
    labels = counts.index.repeat(counts.to_numpy())
    out = pd.Series(pd.NaT, index=times.index, dtype=labels.dtype, name=times.name)
    found = np.empty(len(order), dtype=np.int64)
    found[order] = np.arange(len(order))
    out[there] = labels.take(found)
    return out
