"""What looks at other rows is exact however the rows are spread: short and empty partitions."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal.dataframe as dd
from shoal.callbacks import Callback


@st.composite
def spread(draw: Any) -> tuple[Any, Any]:
    """A frame with a time index, and a collection of it with odd partitions."""
    rows = draw(st.integers(0, 12))
    hours = sorted(draw(st.lists(st.integers(0, 30), min_size=rows, max_size=rows)))
    values = draw(st.lists(st.sampled_from([1.5, 2.0, None]), min_size=rows, max_size=rows))
    frame = pd.DataFrame(
        {
            "n": np.arange(rows),
            "f": pd.Series(values, dtype="float64"),
            "s": [*"abcdefghijkl"][:rows],
        }
    ).set_axis(pd.Timestamp("2000") + pd.to_timedelta(pd.Index(hours, dtype="int64"), unit="h"))
    frame = frame.astype({"s": "str"})
    kind = draw(st.sampled_from(["map", "known", "filtered"]))
    if kind == "map":
        cuts = sorted(draw(st.lists(st.integers(0, rows), max_size=6)))
        parts = [frame.iloc[a:b] for a, b in itertools.pairwise([0, *cuts, rows])]
        return frame, dd.from_map(lambda part: part, parts, meta=frame.iloc[:0])
    lazy = dd.from_pandas(frame, npartitions=draw(st.integers(1, 6)))
    if kind == "known":
        return frame, lazy
    least = draw(st.integers(0, 12))
    return frame[frame.n > least], lazy[lazy.n > least]


WAYS: dict[str, Callable[[Any, int], Any]] = {
    "shift": lambda d, k: d.shift(k),
    "shift-back": lambda d, k: d.shift(-k),
    "shift-fill": lambda d, k: d.n.shift(k, fill_value=7),
    "shift-several": lambda d, k: d[["n", "f"]].shift([k, -1]),
    "diff": lambda d, k: d.n.diff(k),
    "pct_change": lambda d, k: d.f.pct_change(-k),
    "ffill": lambda d, k: d.ffill(limit=k),
    "bfill": lambda d, k: d.bfill(limit=k),
    "rolling": lambda d, k: d.f.rolling(k, min_periods=1).sum(),
    "rolling-left": lambda d, k: d.f.rolling(k, min_periods=1, closed="left").count(),
    "rolling-center": lambda d, k: d[["n", "f"]].rolling(k, center=True, min_periods=1).max(),
    "rolling-time": lambda d, k: d.f.rolling(f"{k}h").sum(),
    "rolling-both": lambda d, k: d.n.rolling(f"{k}h", closed="both").count(),
    "rolling-time-center": lambda d, k: d.f.rolling(f"{2 * k}h", center=True).count(),
}


@pytest.mark.parametrize("way", WAYS)
@given(spread(), st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_rows_of_other_partitions(way: str, pair: tuple[Any, Any], k: int) -> None:
    frame, lazy = pair
    expected = WAYS[way](frame, k)
    got = WAYS[way](lazy, k).compute(scheduler="sync")
    check = pd.testing.assert_frame_equal if expected.ndim == 2 else pd.testing.assert_series_equal
    check(got, expected, check_freq=False, check_dtype=len(expected) > 0)


def test_a_long_run_of_empty_partitions() -> None:
    frame = pd.DataFrame({"x": range(100)})
    lazy = dd.from_pandas(frame, npartitions=50)
    ends, expected = lazy[(lazy.x < 3) | (lazy.x > 96)], frame[(frame.x < 3) | (frame.x > 96)]
    whole = ends.x.rolling(4).sum().compute(scheduler="sync")
    pd.testing.assert_series_equal(whole, expected.x.rolling(4).sum())


def test_partitions_of_known_length_read_no_more_than_they_need() -> None:
    lazy = dd.from_pandas(pd.DataFrame({"x": range(40)}), npartitions=10)
    done: list[Any] = []
    with Callback(pretask=lambda key, *_: done.append(key)):
        last = lazy.x.shift(2).partitions[-1].compute(scheduler="sync")
    assert last.tolist() == [34.0, 35.0, 36.0, 37.0]
    assert len(done) <= 5
