"""Methods that need rows of neighbouring partitions: ``map_overlap``, ``shift``, ``ffill``, ...

All but the fills are one node, `MapOverlap`: a task reads its partition and those beside it.
``ffill`` and ``bfill`` without a limit look any number of partitions away, so what a partition
starts from is carried along, as for running totals.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.extensions import no_default

from shoal.dataframe.collection.align import aligned, wrapped
from shoal.dataframe.collection.base import check_axis, from_node, operand
from shoal.dataframe.collection.distinct import is_span
from shoal.dataframe.io.memory import from_pandas
from shoal.dataframe.kernels import rows
from shoal.dataframe.kernels.moves import Fill
from shoal.dataframe.meta import make_meta, meta_of_call, sample_of, untold
from shoal.dataframe.nodes.base import FrameNode
from shoal.dataframe.nodes.carried import Carried
from shoal.dataframe.nodes.overlap import MapOverlap
from shoal.dataframe.nodes.rowwise import MapPartitions

__all__ = [
    "bfill",
    "diff",
    "ffill",
    "map_overlap",
    "map_overlap_of",
    "overlapping",
    "pct_change",
    "shift",
]


def reach(frame: Any, size: Any, side: str) -> Any:
    """How far to look to one side, checked: a number of rows, or a time.

    Parameters
    ----------
    frame
        The collection.
    size
        What the user gave.
    side
        "before" or "after", for messages.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> reach(from_dict({"x": [1]}, npartitions=1), 2, "before")
    2
    """
    if isinstance(size, str | datetime.timedelta | np.timedelta64 | pd.Timedelta):
        index = getattr(frame._meta, "index", frame._meta)
        if not isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex):
            raise TypeError(
                f"{side}={size!r} is a time, which must have a `DatetimeIndex` to be measured in, "
                f"got {type(index).__name__}; pass a number of rows"
            )
        return pd.Timedelta(size)
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 0:
        raise ValueError(f"{side} is a number of rows from 0 on, or a time; got {size!r}")
    return int(size)


def map_overlap(
    self: Any,
    func: Callable[..., Any],
    before: Any,
    after: Any,
    *args: Any,
    meta: Any = None,
    enforce_metadata: bool = True,
    transform_divisions: bool = True,
    align_dataframes: bool = True,
    **kwargs: Any,
) -> Any:
    """Apply a function to each partition with rows of its neighbours around it.

    Parameters
    ----------
    func
        ``func(rows, *args, **kwargs)``; it keeps the number of rows, and those of the neighbours
        are cut off.
    before, after
        How many rows to add, or how much time in a `pandas.DatetimeIndex`.
    *args, **kwargs
        More arguments; frames among them are extended alike.
    meta
        What it returns; without it, the function is called on made-up rows.
    enforce_metadata, transform_divisions
        Accepted for programs written for Dask.
    align_dataframes
        False: frames among the arguments have the same partitions already.

    Raises
    ------
    TypeError
        A time is wanted, and the index has none.

    Notes
    -----
    Where the lengths of partitions are not known before they are computed, a partition waits for
    the ones before it (``before``) or after it (``after``); with both, all are in memory at once.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> x = from_dict({"x": [1, 2, 3, 4]}, npartitions=2).x
    >>> x.map_overlap(lambda rows: rows - rows.shift(1), 1, 0).compute().tolist()
    [nan, 1.0, 1.0, 1.0]
    """
    before, after = reach(self, before, "before"), reach(self, after, "after")
    return overlapping(self, func, before, after, args, kwargs, meta=meta, align=align_dataframes)


def overlapping(
    self: Any,
    func: Callable[..., Any],
    before: Any,
    after: Any,
    args: Sequence[Any] = (),
    kwargs: Any = None,
    *,
    meta: Any = None,
    align: bool = True,
    title: str | None = None,
) -> Any:
    """The collection that `map_overlap` gives, for sizes that are checked.

    Parameters
    ----------
    self, func, before, after, args, kwargs, meta
        As `map_overlap` has them.
    align
        Whether partitions are made to fit.
    title
        For people.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> x = from_dict({"x": [1, 2]}, npartitions=2).x
    >>> overlapping(x, rows.call_method, 1, 0, ("shift", 1)).compute().tolist()
    [nan, 1.0]
    """
    kwargs = kwargs or {}
    items = [operand(one) for one in (self, *args, *kwargs.values())]
    if align:
        items = aligned(items, "map_overlap", broadcast=True)
    names = tuple(kwargs)
    split = len(items) - len(names)
    if untold(meta):
        metas = [one.meta if isinstance(one, FrameNode) else one for one in items]
        meta = meta_of_call(func, *metas[:split], **dict(zip(names, metas[split:], strict=True)))
    else:
        meta = make_meta(meta, index=self._meta.index)
    title = title or getattr(func, "__name__", "map-overlap").strip("<>")
    return from_node(MapOverlap(func, tuple(items), names, before, after, meta, title, None))


def map_overlap_of(
    func: Callable[..., Any],
    df: Any,
    before: Any,
    after: Any,
    *args: Any,
    meta: Any = None,
    enforce_metadata: bool = True,
    transform_divisions: bool = True,
    align_dataframes: bool = True,
    **kwargs: Any,
) -> Any:
    """`DataFrame.map_overlap` as a function, also of pandas objects.

    Parameters
    ----------
    func
        The function.
    df
        A frame or series.
    before, after, *args, meta, enforce_metadata, transform_divisions, align_dataframes, **kwargs
        As `DataFrame.map_overlap` has them.

    Examples
    --------
    >>> import pandas as pd
    >>> map_overlap_of(lambda s: s.shift(1), pd.Series([1, 2]), 1, 0).compute().tolist()
    [nan, 1.0]
    """
    if isinstance(df, pd.DataFrame | pd.Series):
        df = from_pandas(df, npartitions=1)
    args = tuple([wrapped(one) for one in args])
    args = tuple([from_node(one) if isinstance(one, FrameNode) else one for one in args])
    return map_overlap(
        df, func, before, after, *args, meta=meta, align_dataframes=align_dataframes, **kwargs
    )


def shift(
    self: Any,
    periods: Any = 1,
    freq: Any = None,
    axis: Any = 0,
    fill_value: Any = no_default,
    suffix: str | None = None,
) -> Any:
    """The values moved down or up by some rows, or the labels by some time.

    Parameters
    ----------
    periods
        How many rows; negative moves up.  Several: a column for each.
    freq
        Move the labels by so many of these instead.
    axis
        1 moves along the columns.
    fill_value
        What stands in the gap; missing values by default.
    suffix
        Of the names of the columns that several ``periods`` make.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2, 3]}, npartitions=3).x.shift(1).compute().tolist()
    [nan, 1.0, 2.0]
    """
    axis = check_axis(self, axis)
    several = isinstance(periods, Sequence) and not isinstance(periods, str)
    steps = list(periods) if several else [periods]
    if not all(isinstance(one, int | np.integer) for one in steps):
        raise TypeError(f"periods is a whole number or several, got {periods!r}")
    told = {"fill_value": fill_value, "suffix": suffix}
    told = {name: one for name, one in told.items() if one is not no_default and one is not None}
    if axis == 1:
        return self._rowwise("shift", periods=periods, axis=1, **told)
    if freq is not None:
        return _shift_labels(self, periods, freq)
    # A gap is filled with missing values, which changes dtypes that have none: two rows show it.
    meta = make_meta(sample_of(self._meta).shift(periods, **told))
    before, after = max(0, *steps), max(0, *[-one for one in steps])
    args = ("shift", steps if several else periods)
    return overlapping(self, rows.call_method, before, after, args, told, meta=meta, title="shift")


def _shift_labels(self: Any, periods: int, freq: Any) -> Any:
    meta = self._meta.shift(periods, freq=freq)
    divisions: Any = (None,) * (self.npartitions + 1)
    if self.known_divisions and is_span(freq):
        bounds = pd.Series(range(self.npartitions + 1), index=pd.Index(self.divisions))
        divisions = tuple(bounds.shift(periods, freq=freq).index)
    args = (self._node, "shift", periods, freq)
    return from_node(MapPartitions(rows.call_method, args, ("freq",), meta, divisions, "shift"))


def diff(self: Any, periods: int = 1, axis: Any = 0) -> Any:
    """The differences from the values some rows before.

    Parameters
    ----------
    periods
        How many rows; negative looks ahead.
    axis
        1 takes them along the columns.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 4, 9]}, npartitions=3).x.diff().compute().tolist()
    [nan, 3.0, 5.0]
    """
    axis = check_axis(self, axis)
    if not isinstance(periods, int | np.integer):
        raise TypeError(f"periods is a whole number, got {periods!r}")
    if axis == 1:
        return self._rowwise("diff", periods=periods, axis=1)
    before, after = max(periods, 0), max(-periods, 0)
    meta = make_meta(sample_of(self._meta).diff(periods))
    args = ("diff", periods)
    return overlapping(self, rows.call_method, before, after, args, meta=meta, title="diff")


def pct_change(
    self: Any, periods: int = 1, fill_method: None = None, freq: Any = None, axis: Any = 0
) -> Any:
    """The share by which values differ from those some rows before.

    Parameters
    ----------
    periods
        How many rows; negative looks ahead.
    fill_method, freq
        None.
    axis
        1 takes them along the columns.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2, 3]}, npartitions=3).x.pct_change().compute().tolist()
    [nan, 1.0, 0.5]
    """
    if fill_method is not None:
        raise ValueError(f"fill_method must be None; got fill_method={fill_method!r}.")
    if freq is not None:
        raise NotImplementedError(
            "pct_change(freq=) is not there; divide by shift(periods, freq=freq), which matches "
            "labels, and take 1 away"
        )
    if check_axis(self, axis) == 1:
        return self._rowwise("pct_change", periods, axis=1)
    before, after = max(periods, 0), max(-periods, 0)
    meta = self._meta.pct_change(periods)
    args = ("pct_change", periods)
    return overlapping(self, rows.call_method, before, after, args, meta=meta, title="pct_change")


def ffill(self: Any, axis: Any = 0, limit: int | None = None, limit_area: str | None = None) -> Any:
    """Missing values replaced by the last one before.

    Parameters
    ----------
    axis
        1 fills along the columns.
    limit
        How many in a row are filled; None for all.
    limit_area
        "inside" for gaps between values only, "outside" for those at the ends only.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1.0, None, None]}, npartitions=3).x.ffill().compute().tolist()
    [1.0, 1.0, 1.0]
    """
    return _fill(self, "ffill", axis, limit, limit_area)


def bfill(self: Any, axis: Any = 0, limit: int | None = None, limit_area: str | None = None) -> Any:
    """Missing values replaced by the next one.

    Parameters
    ----------
    axis
        1 fills along the columns.
    limit
        How many in a row are filled; None for all.
    limit_area
        "inside" for gaps between values only, "outside" for those at the ends only.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [None, None, 3.0]}, npartitions=3).x.bfill().compute().tolist()
    [3.0, 3.0, 3.0]
    """
    return _fill(self, "bfill", axis, limit, limit_area)


def _fill(self: Any, method: str, axis: Any, limit: int | None, limit_area: str | None) -> Any:
    # pandas has the last word on areas that there are not.
    getattr(self._meta, method)(limit_area=limit_area)
    axis = check_axis(self, axis)
    if axis == 1:
        return self._rowwise(method, axis=1, limit=limit, limit_area=limit_area)
    if limit_area is not None:
        # A gap is inside where there is a value on its other side, too.
        inside = (bfill if method == "ffill" else ffill)(self).notna()
        filled = _fill(self, method, 0, limit, None)
        return filled.where(inside if limit_area == "inside" else ~inside, self)
    if limit is None:
        run = Fill(method)
        meta = run.go_on(self._meta, None)
        return from_node(Carried(self._node, run, meta, method, True, True))
    before, after = (limit, 0) if method == "ffill" else (0, limit)
    call = rows.call_method
    meta = getattr(self._meta, method)()
    told = {"limit": limit}
    return overlapping(self, call, before, after, (method,), told, meta=meta, title=method)
