"""Rows stay where they belong: labels, divisions, arrays beside frames, partitions without rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal.dataframe as dd
from shoal.highlevelgraph import graph_of

FRAME = pd.DataFrame({"x": [1, 2, 3.0, 4, np.nan], "y": [2, 1, 2, 5, 5.0]}, index=[4, 5, 6, 7, 8])
EMPTY = FRAME.y > 4
"""A mask that leaves a partition without rows."""


def check(got: Any, expected: Any) -> None:
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(got, expected)
    elif isinstance(expected, pd.Series):
        pd.testing.assert_series_equal(got, expected)
    elif isinstance(expected, pd.Index):
        pd.testing.assert_index_equal(got, expected)
    else:
        np.testing.assert_equal(got, expected)


@pytest.mark.parametrize(
    "text",
    [
        "d.x + d.x.values",
        "d.x + d.index.values",
        "d + d.values",
        "d.assign(z=d.y.values * 2)",
        "d.index + 1",
        "10 * d.index",
        "d.x.add_prefix('a')",
        "d.add_prefix('a')",
        "d.x.idxmin()",
        "d[d.y > 4].idxmin()",
        "d[d.y > 4].x.idxmax()",
        "d.y[d.y > 4].is_monotonic_increasing",
        "d.index[d.y > 4].is_monotonic_increasing",
        "d.x.dot(d)",
        "d.x.fillna(0).dot(d.y)",
        "d.x.nbytes",
        "d.index.nbytes",
        "d.loc[[8, 4, 4]]",
        "d.loc[[4, 4, 8]]",
        "d.x.loc[[]]",
        "d.loc[[6]]",
        "concat([d, d[[]]])",
        "concat([d, d[[]][:0].assign(z=1)])",
        "concat([d.astype({'y': 'int64'}), d[['x']]])",
    ],
)
def test_as_pandas(text: str) -> None:
    expected = eval(text, {"d": FRAME, "concat": pd.concat})
    lazy = dd.from_pandas(FRAME, 3)
    got = eval(text, {"d": lazy, "concat": dd.concat})
    check(got.compute(), expected)
    if getattr(got, "known_divisions", False):
        got.enforce_runtime_divisions().compute()
    check(eval(text, {"d": lazy.clear_divisions(), "concat": dd.concat}).compute(), expected)


def test_labels_that_are_not_there() -> None:
    df = dd.from_pandas(FRAME, 3)
    for one in (df, df.clear_divisions()):
        with pytest.raises(KeyError):
            one.loc[[5, 99]].compute()
    with pytest.raises(KeyError):
        df.loc[99]


def test_divisions_of_labels_that_change() -> None:
    times = pd.Series(range(6), index=pd.date_range("2020-01-31", periods=6, freq="10h"))
    s = dd.from_pandas(times, 3)
    assert not s.index.hour.known_divisions
    assert not s.add_suffix("x").known_divisions
    for freq, known in (("h", True), ("D", True), ("W", False), ("MS", False)):
        moved = s.shift(2, freq=freq)
        assert moved.known_divisions == known
        pd.testing.assert_series_equal(moved.compute(), times.shift(2, freq=freq), check_freq=False)
        assert s.index.shift(2, freq=freq).known_divisions == known
    assert s.index.dt.day.compute().tolist() == times.index.day.tolist()
    with pytest.raises(TypeError, match="datetimelike"):
        _ = dd.from_pandas(FRAME, 2).index.dt


@pytest.mark.parametrize("key", ["2020-02-01", "2020-02", "2020-02-01 08", ["2020-02-02"]])
def test_times_as_text(key: Any) -> None:
    frame = pd.DataFrame({"x": range(60)}, index=pd.date_range("2020-01-31", periods=60, freq="h"))
    df = dd.from_pandas(frame, 4)
    for one in (df, df.clear_divisions()):
        expected = frame.loc[key] if isinstance(key, list) else frame.loc[key:key]
        pd.testing.assert_frame_equal(one.loc[key].compute(), expected, check_freq=False)
    with pytest.raises(KeyError):
        df.loc["2021"]
    assert "len" in repr(df.shape)


def test_setting_labels() -> None:
    df = dd.from_pandas(FRAME, 2)
    other = df.copy()
    df.index = df.index * 10
    pd.testing.assert_index_equal(df.index.compute(), FRAME.index * 10)
    pd.testing.assert_frame_equal(other.compute(), FRAME)
    with pytest.raises(ValueError, match="labels are of another frame"):
        df.index = dd.from_pandas(FRAME * 2, 2).x
    with pytest.raises(TypeError, match="set_index takes a column"):
        df.index = [1, 2, 3]
    df[df.columns] = 1
    assert df.compute().to_numpy().tolist() == [[1, 1]] * 5


def test_what_happens_to_the_pandas_frame_later_changes_nothing() -> None:
    frame = FRAME.copy()
    df = dd.from_pandas(frame, 2)
    frame["x"] = 0
    del frame["y"]
    pd.testing.assert_frame_equal(df.compute(), FRAME)


def test_arrays_that_do_not_fit() -> None:
    df = dd.from_pandas(FRAME, 3)
    array = df.y.to_dask_array(lengths=True).rechunk(2)
    with pytest.raises(ValueError, match=r"Number of partitions do not match \(3 != 2\)"):
        dd.from_pandas(FRAME, 2).x + array
    with pytest.raises(ValueError, match="only supports 1-D"):
        df.assign(z=df.values)
    assert len(dict(graph_of(df.values))) == 9


def test_functions_that_give_a_value_for_each_partition() -> None:
    df = dd.from_pandas(FRAME, 3)
    assert df.map_partitions(len, meta=(None, "int64")).compute().tolist() == [2, 2, 1]


def test_one_partition_meets_several() -> None:
    one, two = dd.from_pandas(FRAME, 1), dd.from_pandas(FRAME * 2, 2)
    got = dd.map_overlap(lambda a, b: a + b.shift(1), one, 1, 0, two).compute()
    pd.testing.assert_frame_equal(got, FRAME + (FRAME * 2).shift(1))
    both = one.map_partitions(lambda a, b: a + b, two)
    pd.testing.assert_frame_equal(both.compute(), FRAME * 3)


def test_extremes_of_nothing() -> None:
    df = dd.from_pandas(FRAME, 3)
    with pytest.raises(ValueError, match="all NA"):
        df[["x"]].where(df.y > 99).idxmin().compute()
    spans = FRAME.assign(t=pd.to_timedelta(FRAME.y, unit="D"))
    got = dd.from_pandas(spans, 2).idxmin(numeric_only=True).compute()
    pd.testing.assert_series_equal(got, spans.idxmin(numeric_only=True))
