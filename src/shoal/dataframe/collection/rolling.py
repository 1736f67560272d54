"""Moving windows: ``df.rolling(3).mean()``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.collection.base import check_axis
from shoal.dataframe.collection.overlap import overlapping
from shoal.dataframe.collection.tables import WINDOW_METHODS
from shoal.dataframe.meta import make_meta

__all__ = ["Rolling", "rolling"]


ROLLING_OPTIONS = ("min_periods", "center", "win_type", "closed")
"""Options that windows tell by name."""


class Rolling:
    """Windows over the rows of a frame or series; `DataFrame.rolling` makes it.

    Parameters
    ----------
    collection
        A frame or series.
    window
        Rows, or a time.
    columns
        That are computed; None for all.
    **options
        ``min_periods``, ``center``, ``win_type``, ``closed``.

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
        self._on(collection._meta)

    def _on(self, item: Any) -> Any:
        out = item.rolling(self.window, **self.options)
        return out if self.columns is None else out[self.columns]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *ROLLING_OPTIONS]

    @property
    def obj(self) -> Any:
        """The frame or series over whose rows windows move."""
        return self.collection

    @property
    def reach(self) -> tuple[Any, Any]:
        """How far a window looks back and on: rows, or times."""
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
        return Rolling(self.collection, self.window, columns, **self.options)

    def __getattr__(self, name: str) -> Any:
        if name in ROLLING_OPTIONS:
            return self.options.get(name)
        if not name.startswith("_") and name in getattr(self.collection, "columns", ()):
            return self[name]
        raise AttributeError(f"a Rolling has no attribute {name!r}")

    def _call(self, method: str, args: Any, kwargs: Any) -> Any:
        before, after = self.reach
        plain = dict(self.options)
        told = tuple(kwargs.items())
        fixed = (method, self.window, tuple(plain.items()), self.columns, args, told)
        meta = make_meta(roll(self.collection._meta, *fixed))
        collection = self.collection
        return overlapping(
            collection, roll, before, after, fixed, meta=meta, title=f"rolling-{method}"
        )


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
    on, step, method
        None, None and "single".

    Raises
    ------
    ValueError
        The window is no whole number of rows.
    NotImplementedError
        ``on``, ``step`` or ``method="table"`` are wanted.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2, 3]}, npartitions=3).x.rolling(2).max().compute().tolist()
    [nan, 2.0, 3.0]
    """
    if check_axis(self, axis) == 1:
        raise NotImplementedError("rolling(axis=1): pandas has no such windows; use map_partitions")
    if on is not None and on != self._meta.index.name:
        raise NotImplementedError(
            f"rolling(on={on!r}): windows are measured in the index; set_index({on!r}) first"
        )
    if step not in (None, 1) or method != "single":
        raise NotImplementedError(
            f"rolling(step={step!r}, method={method!r}): which rows are left is not known before "
            "partitions are computed; compute() the result, then take every so many rows, or use "
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
    if closed is not None:
        options["closed"] = closed
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
