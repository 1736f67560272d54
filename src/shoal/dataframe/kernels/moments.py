"""Times as text: how many digits pandas writes is a matter of all values, not of a partition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

__all__ = ["finest_time", "times_as_text"]


def finest_time(part: pd.Series | pd.Index) -> Any:
    """The value that needs most digits to be written; NaT where there is none.

    Parameters
    ----------
    part
        Times or durations.

    Examples
    --------
    >>> finest_time(pd.Series(pd.to_timedelta([60, 86_400], unit="s")))
    Timedelta('0 days 00:01:00')
    """
    known = pd.Series(part.dropna())
    if not len(known):
        return pd.NaT
    plain = known.dt.tz_localize(None) if hasattr(known.dt, "tz_localize") else known
    ticks = plain.astype("int64").to_numpy()
    second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[plain.dt.unit]
    finer = [second // 10**digits for digits in (0, 3, 6) if second >= 10**digits]
    digits = sum((ticks % step != 0).astype(int) for step in (86_400 * second, *finer))
    return known.iloc[int(np.argmax(digits))]


def times_as_text(part: Any, finest: Any, dtype: Any, **kwargs: Any) -> Any:
    """Times as text, with the digits that the finest of all partitions needs.

    Parameters
    ----------
    part
        Times or durations: a series, or an index.
    finest
        One of them, or NaT.
    dtype
        Of the result.
    **kwargs
        Of ``astype``.

    Examples
    --------
    >>> midnight = pd.Series(pd.to_datetime(["2024-01-01"]))
    >>> times_as_text(midnight, pd.Timestamp("2024-01-01 12:00"), "str").tolist()
    ['2024-01-01 00:00:00']
    """
    last = pd.Series([finest], dtype=part.dtype)
    if isinstance(part, pd.Index):
        return part.append(pd.Index(last, name=part.name)).astype(dtype, **kwargs)[:-1]
    both = pd.concat([part, last], ignore_index=True).astype(dtype, **kwargs)
    return both.iloc[:-1].set_axis(part.index)
