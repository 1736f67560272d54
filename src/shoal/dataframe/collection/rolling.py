"""Moving windows: ``df.rolling(3).mean()``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandas.api.indexers import BaseIndexer, FixedForwardWindowIndexer

from shoal.dataframe.collection.base import FrameBase, check_axis, from_node
from shoal.dataframe.collection.overlap import overlapping
from shoal.dataframe.collection.tables import WINDOW_METHODS
from shoal.dataframe.kernels.carried import Every
from shoal.dataframe.kernels.passing import passes_columns
from shoal.dataframe.meta import make_meta, sample_of
from shoal.dataframe.nodes.carried import Carried
from shoal.dataframe.nodes.rowwise import MapPartitions

__all__ = ["Rolling", "rolling"]


ROLLING_OPTIONS = ("min_periods", "center", "win_type", "closed", "on", "step")
"""Options that windows tell by name."""


class Rolling:
    """Windows over the rows of a frame or series; `DataFrame.rolling` makes it.

    Parameters
    ----------
    collection
        A frame or series.
    window
        Rows, or a time, or a `pandas.api.indexers.FixedForwardWindowIndexer`.
    columns
        That are computed; None for all.
    **options
        ``min_periods``, ``center``, ``win_type``, ``closed``, ``on``, ``step``.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> Rolling(from_dict({"x": [1, 2, 3]}, npartitions=3).x, 2).sum().compute().tolist()
    [nan, 3.0, 5.0]
    """

    def __init__(self, collection: Any, window: Any, columns: Any = None, **options: Any) -> None:
        self.collection = collection
        self.window = window
        self.columns = columns
        self.options = options
        # pandas has the last word on what fits.
        collection._meta.rolling(window, **options)
        if isinstance(window, str) and "on" not in options and not _is_timed(collection._meta):
            raise ValueError(
                f"window must be an integer 0 or greater, got {window!r}: a time needs an index of "
                f"times, and this one is {collection._meta.index.dtype}; use set_index, or tell a "
                "column with on="
            )

    @property
    def ndim(self) -> int:
        """That of the frame or series."""
        return int(self.collection.ndim if isinstance(self.columns, list | None) else 1)

    @property
    def exclusions(self) -> frozenset[Any]:
        """Columns that are left out: none, as with pandas."""
        return frozenset()

    def pipe(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        """``func(self, *args, **kwargs)``, for chains.

        Parameters
        ----------
        func
            A function.
        *args, **kwargs
            More arguments.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> rolled = from_dict({"x": [1, 2]}, npartitions=2).x.rolling(2)
        >>> rolled.pipe(lambda one: one.sum()).compute().tolist()
        [nan, 3.0]
        """
        return func(self, *args, **kwargs)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *ROLLING_OPTIONS]

    @property
    def obj(self) -> Any:
        """The frame or series over whose rows windows move."""
        return self.collection

    @property
    def reach(self) -> tuple[Any, Any]:
        """How far a window looks back and on: rows, or times."""
        if isinstance(self.window, FixedForwardWindowIndexer):
            return 0, max(int(self.window.window_size) - 1, 0)
        center = bool(self.options.get("center"))
        if isinstance(self.window, int | np.integer):
            rows = int(self.window)
            after = (rows - 1) // 2 if center else 0
            # A window closed on the left looks one row further back.
            more = self.options.get("closed") in ("left", "both")
            return max(rows - 1 - after, 0) + more, after
        time = pd.Timedelta(self.window)
        return (time / 2, time / 2) if center else (time, 0)

    def __getitem__(self, columns: Any) -> Rolling:
        collection, known = self.collection, getattr(self.collection, "columns", pd.Index([]))
        names = set(columns) if isinstance(columns, list) else {columns}
        if known.nlevels == 1 and known.is_unique and names <= set(known):
            # What no window has need not be read.
            collection = collection[[n for n in known if n in names | {self.options.get("on")}]]
        return Rolling(collection, self.window, columns, **self.options)

    def __getattr__(self, name: str) -> Any:
        if name in ROLLING_OPTIONS:
            return self.options.get(name)
        if not name.startswith("_") and name in getattr(self.collection, "columns", ()):
            return self[name]
        raise AttributeError(f"a Rolling has no attribute {name!r}")

    def _call(self, method: str, args: Any, kwargs: Any) -> Any:
        if method in ("cov", "corr"):
            other = args[0] if args else kwargs.get("other")
            if isinstance(other, FrameBase):
                given = dict(zip(("pairwise", "ddof", "numeric_only"), args[1:], strict=False))
                return self._with_other(method, other, {**kwargs, **given})
        before, after = self.reach
        step = self.options.get("step")
        plain = {name: one for name, one in self.options.items() if name != "step"}
        fixed = (method, self.window, tuple(plain.items()), self.columns, args)
        # With a step, pandas refuses some methods.
        roll(self.collection._meta, *fixed[:2], tuple(self.options.items()), *fixed[3:], kwargs)
        told = tuple(kwargs.items())
        like = self.collection._meta
        if "on" in plain:
            # pandas leaves out a column of times that is equal to the index, as where all is empty.
            like = sample_of(like)
            like = like.set_axis(
                like.index.shift(1, "D") if hasattr(like.index, "tz") else like.index
            )
        meta = make_meta(roll(like, *fixed, told))
        title = f"rolling-{method}"
        if plain.get("on") is None or isinstance(before, int):
            out = overlapping(
                self.collection, roll, before, after, (*fixed, told), meta=meta, title=title
            )
        else:
            out = self._along_column(before, after, (*fixed, told), meta, title)
        if step in (None, 1):
            return out
        return from_node(Carried(out._node, Every(int(step)), meta, title, False, True))

    def _with_other(self, method: str, other: Any, kwargs: Any) -> Any:
        """Covariances with columns of another frame, whose rows meet by label."""
        told = tuple([(k, v) for k, v in kwargs.items() if k != "other"])
        fixed = (method, self.window, tuple(self.options.items()), self.columns, told)
        samples = sample_of(self.collection._meta), sample_of(other._meta)
        meta = make_meta(roll_with(samples[0], samples[1].set_axis(samples[0].index), *fixed))
        title = f"rolling-{method}"
        return overlapping(
            self.collection, roll_with, *self.reach, (other, *fixed), meta=meta, title=title
        )

    def _along_column(self, before: Any, after: Any, fixed: Any, meta: Any, title: str) -> Any:
        """Windows of times that are in a column: it takes the place of the index meanwhile."""
        source, on = self.collection._node, self.options["on"]
        there = by_column(self.collection._meta, on)
        unknown = (None,) * (source.npartitions + 1)
        moved = from_node(MapPartitions(by_column, (source, on), (), there, unknown, "by-column"))
        told = (self.collection._meta.index.name, *fixed)
        out = overlapping(moved, roll_by_column, before, after, told, meta=meta, title=title)
        divisions = source.divisions if not isinstance(meta.index, pd.MultiIndex) else unknown
        return from_node(MapPartitions(as_it_is, (out._node,), (), meta, divisions, title))


BY_COLUMN = frozenset(
    ["sum", "mean", "min", "max", "std", "var", "sem", "median", "count", "skew", "kurt"]
    + ["quantile"]
)
"""Methods that make a column of each."""


def _is_timed(meta: Any) -> bool:
    return getattr(meta.index.dtype, "kind", "") in "mM" or isinstance(meta.index, pd.PeriodIndex)


INDEX = "__index__"
"""The column in which the index is, while a column is in its place."""


def by_column(part: Any, on: Any) -> Any:
    """A frame by the times in a column; its index becomes a column.

    Parameters
    ----------
    part
        A frame.
    on
        The column.

    Examples
    --------
    >>> by_column(pd.DataFrame({"t": [5]}, index=[3]), "t").to_dict("index")
    {5: {'t': 5, '__index__': 3}}
    """
    out = part.assign(**{INDEX: part.index})
    return out.set_axis(pd.Index(part[on]), axis=0)


def roll_by_column(part: Any, name: Any, *fixed: Any) -> Any:
    """What `roll` makes of a frame that `by_column` has made.

    Parameters
    ----------
    part
        The frame.
    name
        Of its index.
    *fixed
        Of `roll`.

    Examples
    --------
    >>> part = by_column(
    ...     pd.DataFrame({"x": [1, 2], "t": pd.to_datetime(["2000", "2001"])}), "t"
    ... )
    >>> roll_by_column(part, None, "sum", "400D", (("on", "t"),), "x", ()).tolist()
    [1.0, 3.0]
    """
    labels = pd.Index(part[INDEX].array, name=name)
    return roll(part.drop(columns=INDEX).set_axis(labels, axis=0), *fixed)


def as_it_is(part: Any) -> Any:
    """The partition.

    Parameters
    ----------
    part
        Any.

    Examples
    --------
    >>> as_it_is(3)
    3
    """
    return part


def _is_by_column(args: tuple[Any, ...]) -> bool:
    """Whether windows are over each column by itself, and none has the times."""
    _, method, _, options, columns, *_ = args
    return method in BY_COLUMN and columns is None and "on" not in dict(options)


@passes_columns(when=_is_by_column)
def roll(
    part: Any, method: str, window: Any, options: Any, columns: Any, args: Any, kwargs: Any = ()
) -> Any:
    """A method of a window over a partition.

    Parameters
    ----------
    part
        A frame or series.
    method
        Of `pandas.api.typing.Rolling`.
    window, options
        Of ``rolling``; the options in pairs.
    columns
        That are computed; None for all.
    args, kwargs
        Of the method; the keyword arguments in pairs.

    Examples
    --------
    >>> roll(pd.Series([1, 2]), "sum", 2, (), None, ()).tolist()
    [nan, 3.0]
    """
    rolled = part.rolling(window, **dict(options))
    if columns is not None:
        rolled = rolled[columns]
    return getattr(rolled, method)(*args, **dict(kwargs))


def roll_with(
    part: Any, other: Any, method: str, window: Any, options: Any, columns: Any, kwargs: Any
) -> Any:
    """A method of the windows of two partitions.

    Parameters
    ----------
    part, other
        Frames or series with the same rows.
    method, window, options, columns, kwargs
        As `roll` has them.

    Examples
    --------
    >>> one = pd.Series([1, 2, 4])
    >>> roll_with(one, one * 2, "cov", 2, (), None, ()).tolist()
    [nan, 1.0, 4.0]
    """
    return roll(part, method, window, options, columns, (other,), kwargs)


def rolling(
    self: Any,
    window: Any,
    min_periods: int | None = None,
    center: bool = False,
    win_type: str | None = None,
    axis: Any = 0,
    closed: str | None = None,
    on: Any = None,
    step: int | None = None,
    method: str = "single",
) -> Rolling:
    """Moving windows over the rows.

    Parameters
    ----------
    window
        How many rows, or a time such as "2s" in a `pandas.DatetimeIndex`.
    min_periods, center, win_type, closed
        As pandas has them.
    axis
        0.
    on
        A column of times, in order, by which windows are measured instead of the index.
    step
        Windows of every so many rows only, counted over all partitions.
    method
        "single".

    Raises
    ------
    ValueError
        The window is no whole number of rows.
    NotImplementedError
        ``method="table"`` is wanted, or windows whose reach cannot be told.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2, 3]}, npartitions=3).x.rolling(2).max().compute().tolist()
    [nan, 2.0, 3.0]
    """
    if check_axis(self, axis) == 1:
        raise NotImplementedError("rolling(axis=1): pandas has no such windows; use map_partitions")
    if method != "single":
        raise NotImplementedError(
            f"rolling(method={method!r}): it is how pandas runs numba; use map_overlap"
        )
    if isinstance(window, BaseIndexer) and not isinstance(window, FixedForwardWindowIndexer):
        raise NotImplementedError(
            f"rolling({type(window).__name__}): how far its windows reach is not known; use "
            "map_overlap"
        )
    if isinstance(window, int | np.integer):
        if window < 0:
            raise ValueError(f"window must be >= 0, got {window}")
    elif isinstance(window, float | list | tuple):
        raise ValueError(f"window must be an integer or a time, got {window!r}")
    if min_periods is not None and not isinstance(min_periods, int | np.integer):
        raise ValueError(f"min_periods must be an integer, got {min_periods!r}")
    options = {"min_periods": min_periods, "center": center, "win_type": win_type}
    more = {"closed": closed, "on": None if on == self._meta.index.name else on, "step": step}
    options |= {name: one for name, one in more.items() if one is not None}
    return Rolling(self, window, **options)


def _install() -> None:
    def windowed(name: str) -> Any:
        def method(self: Rolling, *args: Any, **kwargs: Any) -> Any:
            return self._call(name, args, kwargs)

        method.__name__ = name
        method.__doc__ = f"As pandas' Rolling.{name}, with rows of neighbouring partitions."
        return method

    for name in WINDOW_METHODS.split():
        setattr(Rolling, name, windowed(name))


_install()
