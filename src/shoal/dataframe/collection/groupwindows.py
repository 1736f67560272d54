"""Windows and bins of time within groups: ``df.groupby("k").rolling(3).mean()``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from shoal.dataframe.collection.base import FrameBase
from shoal.dataframe.collection.tables import RESAMPLE_METHODS, UPSAMPLE_METHODS, WINDOW_METHODS
from shoal.dataframe.kernels.wholegroups import windows_of
from shoal.dataframe.meta import make_meta, sample_of

__all__ = ["RollingGroupby", "ewm", "expanding", "refuse_collections", "resample", "rolling"]


class RollingGroupby:
    """Windows within groups, or bins of time; `GroupBy.rolling` and its like make it.

    Parameters
    ----------
    groups
        The grouping.
    window
        The method of pandas' groupings that makes it, its arguments, pairs of keyword arguments,
        and which columns of the windows are computed; None for all.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"k": [1, 1, 2], "x": [1, 2, 3]}, npartitions=1)
    >>> RollingGroupby(df.groupby("k"), ("rolling", (2,), (), None)).x.max().compute().tolist()
    [nan, 2.0, nan]
    """

    def __init__(self, groups: Any, window: tuple[str, tuple[Any, ...], Any, Any]) -> None:
        self.groups = groups
        self.window = window

    def __getitem__(self, columns: Any) -> RollingGroupby:
        kind, given, options, _ = self.window
        if dict(options).get("on") is not None:
            # The column of times is not among those that are computed, yet it is needed.
            columns = columns if pd.api.types.is_scalar(columns) else list(columns)
            return RollingGroupby(self.groups, (kind, given, options, columns))
        return RollingGroupby(self.groups[columns], self.window)

    def __getattr__(self, name: str) -> RollingGroupby:
        if not name.startswith("_") and name in self.groups.frame.columns:
            return self[name]
        raise AttributeError(f"groups have no {self.window[0]}().{name}")

    def _call(self, method: str, args: Any, kwargs: Any) -> Any:
        refuse_collections(f"{self.window[0]}().{method}", [*args, *kwargs.values()])
        groups = self.groups
        index = groups.frame._meta.index
        sample = sample_of(groups.frame._meta)
        if isinstance(index, pd.DatetimeIndex):
            sample.index = pd.DatetimeIndex(sample.index, name=index.name)
        windows = windows_of(groups._on(sample), self.window)
        meta = make_meta(getattr(windows, method)(*args, **kwargs))
        return groups._moved(method, args, kwargs, meta, window=self.window)


def refuse_collections(method: str, args: Sequence[Any]) -> None:
    """Refuse other frames and series among the arguments of a method of groups.

    Parameters
    ----------
    method
        Of groups.
    args
        Its arguments.

    Examples
    --------
    >>> refuse_collections("shift", [1, None])
    """
    if any(isinstance(one, FrameBase) for one in args):
        raise NotImplementedError(
            f"groupby.{method} of another frame or series: assign its columns to this frame first, "
            "which matches labels, and use apply"
        )


def rolling(self: Any, window: Any, **options: Any) -> RollingGroupby:
    """Moving windows within each group.

    Parameters
    ----------
    window
        How many rows, or a time.
    **options
        As pandas has them.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"k": [1, 1, 2], "x": [1, 2, 3]}, npartitions=1)
    >>> df.groupby("k").x.rolling(2).sum().compute().tolist()
    [nan, 3.0, nan]
    """
    if options.pop("axis", 0) not in (0, "index"):
        raise NotImplementedError("rolling(axis=1): pandas has no such windows; use apply")
    return RollingGroupby(self, ("rolling", (window,), tuple(options.items()), None))


def expanding(self: Any, min_periods: int = 1, method: str = "single") -> RollingGroupby:
    """Windows of each row and all before it in its group.

    Parameters
    ----------
    min_periods
        How many values a window has at least.
    method
        As pandas has it.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"k": [1, 1, 2], "x": [1, 2, 3]}, npartitions=1)
    >>> df.groupby("k").x.expanding().sum().compute().tolist()
    [1.0, 3.0, 3.0]
    """
    return RollingGroupby(self, ("expanding", (min_periods, method), (), None))


def ewm(self: Any, *args: Any, **options: Any) -> RollingGroupby:
    """Means and sums with weights that fade by the row, within each group.

    Parameters
    ----------
    *args, **options
        As pandas has them.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"k": [1, 1, 2], "x": [1, 2, 3]}, npartitions=1)
    >>> df.groupby("k").x.ewm(alpha=0.5).sum().compute().tolist()
    [1.0, 2.5, 3.0]
    """
    refuse_collections("ewm", [*args, *options.values()])
    return RollingGroupby(self, ("ewm", args, tuple(options.items()), None))


def resample(self: Any, rule: Any, **options: Any) -> RollingGroupby:
    """Bins of time within each group.

    Parameters
    ----------
    rule
        How long a bin is.
    **options
        As pandas has them.

    Examples
    --------
    >>> import pandas as pd
    >>> from shoal.dataframe import from_pandas
    >>> times = pd.date_range("2020-01-01", periods=3, freq="h")
    >>> df = from_pandas(pd.DataFrame({"k": [1, 1, 2], "x": [1, 2, 3]}, index=times), 1)
    >>> df.groupby("k").x.resample("D").sum().compute().tolist()
    [3, 3]
    """
    return RollingGroupby(self, ("resample", (rule,), tuple(options.items()), None))


def _install() -> None:
    def windowed(func: str) -> Callable[..., Any]:
        def method(self: RollingGroupby, *args: Any, **kwargs: Any) -> Any:
            return self._call(func, args, kwargs)

        method.__name__ = func
        method.__doc__ = f"As pandas' RollingGroupby.{func}."
        return method

    for func in f"{WINDOW_METHODS} {RESAMPLE_METHODS} {UPSAMPLE_METHODS}".split():
        setattr(RollingGroupby, func, windowed(func))


_install()
