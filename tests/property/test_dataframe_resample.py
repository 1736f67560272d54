"""Bins of time and regular times are pandas', also after a filter and where clocks are changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal.dataframe as dd

ways: dict[str, Callable[[Any], Any]] = {
    "sum": lambda r: r[["i", "f"]].sum(),
    "mean": lambda r: r.f.mean(),
    "count": lambda r: r.count(),
    "first": lambda r: r.first(),
    "agg": lambda r: r.agg({"i": "sum", "f": ["mean", "count"]}),
    "ohlc": lambda r: r.f.ohlc(),
    "min": lambda r: r.i.min(),
    "ffill": lambda r: r.ffill(),
    "bfill": lambda r: r.bfill(limit=2),
    "nearest": lambda r: r.nearest(),
    "asfreq": lambda r: r.asfreq(fill_value=9),
}


@st.composite
def clocks(draw: Any) -> tuple[Any, Any]:
    zone = draw(st.sampled_from([None, "Europe/Berlin"]))
    steps = draw(st.lists(st.integers(0, 200), min_size=1, max_size=20, unique=draw(st.booleans())))
    start = pd.Timestamp("2024-03-29 05:00", tz=zone)
    index = pd.DatetimeIndex([start + pd.Timedelta(37 * i, "min") for i in sorted(steps)])
    values = draw(st.lists(st.sampled_from([1.5, 2.0, None]), min_size=len(index)))
    frame = pd.DataFrame(
        {"i": range(len(index)), "f": pd.Series(values[: len(index)], dtype="float64").to_numpy()},
        index=index.rename("ts"),
    )
    lazy = dd.from_pandas(frame, npartitions=draw(st.integers(1, 6)))
    if draw(st.booleans()):
        least = draw(st.integers(0, 12))
        return frame[frame.i > least], lazy[lazy.i > least]
    return frame, lazy


options = st.fixed_dictionaries(
    {},
    optional={
        "closed": st.sampled_from(["left", "right"]),
        "label": st.sampled_from(["left", "right"]),
        "origin": st.sampled_from(["start", "end", "epoch", "end_day"]),
        "offset": st.just("17min"),
    },
)
rules = st.sampled_from(["2h", "5h", "D", "2D", "36h", "30min", "17min", "W", "ME", "2W", "B"])


def same(got: Any, expected: Any) -> None:
    check = pd.testing.assert_frame_equal if expected.ndim == 2 else pd.testing.assert_series_equal
    check(got, expected, check_freq=False, check_dtype=len(expected) > 0)


@pytest.mark.filterwarnings("ignore:The 'o.* keyword does not take effect:RuntimeWarning")
@pytest.mark.parametrize("way", ways)
@given(clocks(), rules, options)
@settings(max_examples=15, deadline=None)
def test_bins(way: str, pair: tuple[Any, Any], rule: str, told: Any) -> None:
    frame, lazy = pair
    try:
        expected = ways[way](frame.resample(rule, **told))
    except ValueError:
        return  # such as equal labels, which cannot be filled
    same(ways[way](lazy.resample(rule, **told)).compute(scheduler="sync"), expected)


@pytest.mark.parametrize("told", [{}, {"fill_value": 3}, {"method": "ffill"}, {"method": "bfill"}])
@given(clocks(), rules)
@settings(max_examples=15, deadline=None)
def test_regular_times(told: Any, pair: tuple[Any, Any], rule: str) -> None:
    frame, lazy = pair
    if frame.index.is_unique:
        same(lazy.asfreq(rule, **told).compute(scheduler="sync"), frame.asfreq(rule, **told))


def test_a_column_of_times() -> None:
    frame = pd.DataFrame({"t": pd.date_range("2000", periods=9, freq="7h")[::-1], "x": range(9)})
    lazy = dd.from_pandas(frame, npartitions=3).resample("D", on="t").x.sum()
    pd.testing.assert_series_equal(lazy.compute(), frame.resample("D", on="t").x.sum())
    with pytest.raises(NotImplementedError, match="take the columns first"):
        dd.from_pandas(frame, npartitions=3).resample("D", on="t").x.ffill()


@pytest.mark.parametrize("rule", ["100ns", "3us", "1ms"])
@pytest.mark.parametrize("method", ["sum", "mean", "first", "ohlc"])
def test_bins_of_which_a_day_has_millions(rule: str, method: str) -> None:
    index = pd.date_range("2000-01-01 10:00:00.5", periods=40, freq="700ns")
    series = pd.Series(range(40), index=index)
    got = getattr(dd.from_pandas(series, npartitions=3).resample(rule), method)()
    got, wanted = got.compute(scheduler="sync"), getattr(series.resample(rule), method)()
    equal = pd.testing.assert_frame_equal if got.ndim == 2 else pd.testing.assert_series_equal
    equal(got, wanted, check_freq=False, check_dtype=False)
