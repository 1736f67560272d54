"""Ranks, repetitions, growing windows, gaps: against pandas, on frames cut anywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal.dataframe as dd

TIMES = pd.DataFrame(
    {"k": [1, 2, 1, 2, 1, 1], "x": [1.0, 2, np.nan, 4, 5, 6]},
    index=pd.date_range("2020-01-01", periods=6, freq="7h"),
)

LAZY = """
d.rank()
d.x.rank(method="min", ascending=False)
d.x.rank(method="dense", pct=True)
d.x.rank(method="max", na_option="top")
d.x.rank(na_option="bottom", ascending=False, pct=True)
d.s.rank(method="dense", na_option="top", pct=True)
d[["n"]].rank(axis=1)
d.duplicated()
d.duplicated(["n"], keep="last")
d.duplicated("s", keep=False)
d.x.duplicated()
d.s.duplicated("last")
d.x.expanding().sum()
d.x.expanding(2).mean()
d[["x", "n"]].expanding(3).std()
d.expanding().x.count() if hasattr(d, "npartitions") else d.x.expanding().count()
d.n.expanding().min()
d.x.expanding().max()
d.x.expanding().var(ddof=0)
d.x.expanding().sem()
d.x.ewm(alpha=0.3).mean()
d[["x", "n"]].ewm(span=3, min_periods=2).mean()
d.x.ewm(com=1.0, ignore_na=True).mean()
d.x.ewm(halflife=2).sum()
d[["x", "n"]].ewm(alpha=0.4, adjust=False).mean()
d.x.ewm(com=1, adjust=False).mean()
d.x.ewm(span=3, adjust=False, ignore_na=True).var()
d[["x", "n"]].ewm(com=0.5, min_periods=2).std(bias=True)
d.x.ewm(span=4).cov(d.n)
d[["x", "n"]].ewm(span=4, adjust=False).corr()
d[["x", "n"]].ewm(span=4).cov(pairwise=False)
d[["x", "n"]].ewm(span=4).cov(d.x, bias=True)
d[["x", "n"]].ewm(span=2).agg(["mean", "std"])
d.x.expanding().median()
d[["x", "n"]].expanding(2).quantile(0.3)
d.x.expanding().rank(pct=True)
d.x.expanding(4).skew()
d[["x", "n"]].expanding().kurt()
d.x.expanding().nunique()
d[["x", "n"]].expanding().cov()
d.x.expanding(2).corr(d.n)
d[["x", "n"]].expanding().agg({"x": "sum", "n": ["min", "last"]})
d.expanding().sum(numeric_only=True)
d.x.expanding(0).sum()
d.x.rolling(3, step=2, min_periods=1).sum()
d[["x", "n"]].rolling(4, step=3).agg(["min", "max"])
d.x.rolling(3, min_periods=1).cov(d.n)
d[["x", "n"]].rolling(3, min_periods=1).corr(d[["n"]], pairwise=True)
d.x.rolling(pd.api.indexers.FixedForwardWindowIndexer(window_size=3), min_periods=1).max()
d.x.interpolate()
d[["x"]].interpolate(method="index")
d.x.interpolate(limit_direction="both")
d.x.interpolate(method="values", limit_direction="backward")
d[["x", "n"]].interpolate(limit=1)
d.x.interpolate(limit=2, limit_direction="both")
d.x.interpolate(limit=1, limit_direction="backward", limit_area="inside")
d.x.interpolate(limit_area="outside", limit_direction="both")
d.x.astype("float32").interpolate()
d.x.interpolate("nearest")
d.n.reindex([5, 50, 99], method="ffill", fill_value=0)
d.reindex([4, 40, 41, 42], method="bfill", limit=1)
d.reindex([40, 4, 41], method="bfill")
d.x.reindex([4, 40], method="nearest", tolerance=3)
d[["x", "n"]].reindex([1, 2, 3])
d.x.asof([5, 50])
d[["x", "n"]].asof([20, 60])
d.asof([7, 9], subset=["n", "s"])
d.n.nlargest(3, keep="all")
d.nlargest(2, "n", keep="last")
d.nsmallest(2, ["n", "x"], keep="all")
d.x.nsmallest(4, keep="last")
d.drop_duplicates(["n"], keep=False)
d.melt("n", ["x"], ignore_index=False)
d.n.argmax()
d.n.argmin()
d.index.argmax()
d.index.searchsorted(3)
d.index.searchsorted(3, side="right")
d.n.compare(d.n.where(d.n > 0, 9))
d[["n", "x"]].compare(d[["n", "x"]].fillna(0), keep_shape=True)
d[["n", "x"]].corrwith(d.n)
d[["n", "x"]].corrwith(d[["x"]])
d.x.T
d.index.transpose()
d.index.hasnans
d.index.set_names("z")
d.index.append(d.index)
""".strip().splitlines()

EAGER = """
d.x.asof(50)
d.x.first_valid_index()
d.x.last_valid_index()
d[["x"]].first_valid_index()
d[["x", "n"]].last_valid_index()
d.index.inferred_type
""".strip().splitlines()

numbers = st.one_of(st.none(), st.integers(-4, 4).map(float))


@st.composite
def frames(draw: Any) -> pd.DataFrame:
    rows = draw(st.integers(1, 24))
    column = st.lists(numbers, min_size=rows, max_size=rows)
    return pd.DataFrame(
        {
            "x": pd.Series(draw(column), dtype="float64"),
            "n": draw(st.lists(st.integers(-3, 3), min_size=rows, max_size=rows)),
            "s": pd.Series(
                draw(st.lists(st.sampled_from(["a", "ü", None]), min_size=rows, max_size=rows)),
                dtype="str",
            ),
        },
        index=sorted(draw(st.lists(st.integers(0, 99), min_size=rows, max_size=rows, unique=True))),
    )


def same(got: Any, expected: Any) -> None:
    got = got.compute(scheduler="sync") if hasattr(got, "compute") else got
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(got, expected)
    elif isinstance(expected, pd.Series):
        pd.testing.assert_series_equal(got, expected)
    elif isinstance(expected, pd.Index):
        pd.testing.assert_index_equal(got, expected)
    else:
        np.testing.assert_equal(got, expected)


@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.filterwarnings("ignore:Degrees of freedom")
@pytest.mark.filterwarnings("ignore:divide by zero")
@given(frames(), st.integers(1, 6), st.sampled_from(LAZY + EAGER))
@settings(max_examples=80, deadline=None)
def test_as_pandas(frame: pd.DataFrame, npartitions: int, text: str) -> None:
    try:
        expected = eval(text, {"d": frame, "pd": pd})
    except (ValueError, TypeError):
        return  # nothing to be said of a frame such as this
    df = dd.from_pandas(frame, npartitions)
    same(eval(text, {"d": df, "pd": pd}), expected)


@pytest.mark.parametrize("text", LAZY + EAGER)
def test_as_pandas_with_partitions_without_rows(text: str) -> None:
    frame = pd.DataFrame(
        {"x": [1.0, None, 3, None, 3, 0], "n": [3, 1, 2, 2, 0, 3], "s": list("baabb") + [None]}
    ).set_axis([1, 2, 3, 5, 8, 9])
    df = dd.from_pandas(frame, 5).repartition(divisions=(1, 2, 3, 4, 5, 6, 7, 9))
    same(eval(text, {"d": df, "pd": pd}), eval(text, {"d": frame, "pd": pd}))


@pytest.mark.parametrize(
    "text",
    ["expanding().sum()", "ewm(alpha=0.5).mean()", 'resample("D").sum()', "rolling(2).max()"],
)
def test_windows_by_group(text: str) -> None:
    expected = eval(f"d.groupby('k').x.{text}", {"d": TIMES})
    got = eval(f"d.groupby('k').x.{text}", {"d": dd.from_pandas(TIMES, 3)}).compute()
    pd.testing.assert_series_equal(got.sort_index(), expected.sort_index())


@pytest.mark.parametrize("adjust", [True, False])
@pytest.mark.parametrize("ignore_na", [True, False])
@pytest.mark.parametrize("npartitions", [1, 3, 6])
def test_weights_that_fade_by_the_time(adjust: bool, ignore_na: bool, npartitions: int) -> None:
    frame = TIMES.set_axis(TIMES.index + pd.to_timedelta([0, 1, 9, 9, 30, 31], "h"))
    df = dd.from_pandas(frame, npartitions)
    told = {"halflife": "5h", "adjust": adjust, "ignore_na": ignore_na}
    expected = frame.ewm(**told, times=frame.index).mean()
    pd.testing.assert_frame_equal(df.ewm(**told, times=df.index).mean().compute(), expected)


@pytest.mark.parametrize("npartitions", [1, 2, 6])
@pytest.mark.parametrize(
    "text",
    [
        'rolling("15h", on="t").sum()',
        'rolling("15h", on="t", center=True)[["x"]].max()',
        'rolling("1D", on="t", closed="left").x.count()',
        'rolling("1D", on="t")[["x", "k"]].cov()',
        'rolling(2, on="t").sum()',
    ],
)
def test_windows_of_times_in_a_column(npartitions: int, text: str) -> None:
    frame = TIMES.rename_axis("t").reset_index().set_axis(list("abcdef"))
    df = dd.from_pandas(frame, npartitions, sort=False)
    got, expected = eval(f"d.{text}", {"d": df}), eval(f"d.{text}", {"d": frame})
    if isinstance(expected, pd.DataFrame):
        assert list(got.columns) == list(expected.columns)
    same(got, expected)


def test_variances_of_values_far_from_zero() -> None:
    """Sums of squares would lose all of these digits."""
    values = 1e9 + np.random.default_rng(0).normal(size=300)
    lazy = dd.from_pandas(pd.Series(values), 7)
    small = pd.Series(values - 1e9)
    for got, expected in (
        (lazy.ewm(span=5).var(), small.ewm(span=5).var()),
        (lazy.expanding().cov(lazy), small.expanding().var()),
    ):
        np.testing.assert_allclose(got.compute(), expected, rtol=1e-5)


def test_columns_of_windows_have_the_same_rows() -> None:
    df = dd.from_pandas(TIMES, 2)
    with pytest.raises(NotImplementedError, match="assign them to the frame first"):
        df.x.ewm(span=3).cov(df[df.k > 1].x)


@pytest.mark.parametrize("options", [{}, {"method": "time"}, {"limit": 1}])
@pytest.mark.parametrize("rule", ["3h", "D"])
def test_bins_between_rows_are_interpolated(rule: str, options: dict[str, Any]) -> None:
    frame = TIMES[["x"]].fillna(0.0)
    got = dd.from_pandas(frame, 3).resample(rule).interpolate(**options).compute()
    expected = frame.resample(rule).interpolate(**options)
    pd.testing.assert_frame_equal(got, expected, check_freq=False)


def test_rows_near_labels_want_an_order() -> None:
    df = dd.from_pandas(TIMES, 2).clear_divisions()
    with pytest.raises(ValueError, match="set_index"):
        df.reindex(TIMES.index[:2], method="ffill")
    with pytest.raises(ValueError, match="keep must be"):
        df.nlargest(1, "k", keep="any")


def test_changing_a_frame() -> None:
    frame = pd.DataFrame({"x": [1.0, None, 3], "y": [4.0, 5, 6]})
    df = dd.from_pandas(frame, 2)
    for one in (frame, df):
        one.insert(1, "z", one.y * 2)
        one.isetitem(0, one.x + 1)
        one.update(one[["x"]].where(one.y > 5) * 10)
    pd.testing.assert_frame_equal(df.compute(), frame)
    with pytest.raises(ValueError, match="already exists"):
        df.insert(0, "x", 1)
    with pytest.raises(IndexError, match="out of bounds"):
        df.insert(9, "w", 1)
    s, series = dd.from_pandas(frame.x, 2), frame.x.copy()
    s.update(dd.from_pandas(frame.y, 2).where(frame.y > 5))
    series.update(frame.y.where(frame.y > 5))
    pd.testing.assert_series_equal(s.compute(), series)


def test_what_is_refused() -> None:
    df = dd.from_pandas(TIMES, 2)
    for text in (
        'd.x.ewm(alpha=0.5, method="table")',
        "d.x.ewm(alpha=0.5).online()",
        "d.compare(d)",
        "d.corrwith(d, axis=1)",
    ):
        with pytest.raises(NotImplementedError, match=r"use|pass|add"):
            eval(text, {"d": df, "pd": pd})
    with pytest.raises(KeyError):
        df.duplicated("zz")
    with pytest.raises(ValueError, match="no values"):
        df.x.where(df.k > 9).argmax().compute()
