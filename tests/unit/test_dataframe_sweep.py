# ruff: noqa: SIM905 # a list of words reads better as text
"""Every method in the tables against pandas, on frames with nulls, repeats, unicode and gaps.

A case is the text of an expression in ``d`` (a frame) that is evaluated with pandas' frame and with
shoal's, in several partitions of which one is empty.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal.dataframe as dd

ROWS = 24
FRAME = pd.DataFrame(
    {
        "i": [3, 1, 2, 2, 5, 4] * 4,
        "f": [0.5, None, -1.5, 2.0, None, 0.0] * 4,
        "s": ["a", "ü", None, "a b", "日本", "a"] * 4,
        "b": [True, False, True] * 8,
        "t": pd.date_range("2020-01-30", periods=ROWS, freq="17h"),
        "c": pd.Categorical(list("xyzxyz") * 4, categories=list("zyx")),
    },
    index=pd.Index([n // 2 for n in range(ROWS)], name="n"),
)
TIMES = FRAME[["i", "f"]].set_axis(pd.date_range("2020-01-01", periods=ROWS, freq="2h"))

ROWWISE = """
d[["i", "f"]].abs()
d.i.add(d.f, fill_value=1)
d[["i", "f"]].sub(1).mul(2).div(3).floordiv(2).mod(5).pow(2)
d[["i", "f"]].radd(1).rsub(1).rmul(2).rdiv(3).rtruediv(3)
d.i.lt(2) | d.i.le(2) | d.i.gt(2) & d.i.ge(2) ^ d.i.eq(2) & d.i.ne(2)
divmod(d.i, 2)[1]
d.astype({"i": "float64", "s": "object"})
d.f.fillna(9)
d.fillna({"f": 0.0})
d.dropna()
d.dropna(subset=["f"])
d.f.isna() | d.f.isnull()
d.notna()
d.f.where(d.i > 2, -1)
d.f.mask(d.i > 2)
d.i.between(2, 4)
d.i.clip(2, 4)
d[["i"]].clip(2)
d.i.replace(2, 20)
d.f.round(0)
d.rename(columns={"i": "j"})
d.add_prefix("p_")
d.add_suffix("_q")
d.drop(columns=["s", "c"])
d.select_dtypes("number")
d.filter(items=["i", "f"])
d.reindex(columns=["f", "new", "i"])
d.rename_axis("m")
d.query("i > 2 and b")
d.eval("i + f")
d.explode("s")
d.assign(z=lambda e: e.i + 1, y=5)
d.isin([1, 2])
d.i.isin([1, 2])
d.i.to_frame("w")
d.s.rename("w")
d.i.shift(1)
d[["i", "f"]].shift(-2)
d.i.diff()
d[["i", "f"]].diff(2)
d.i.pct_change()
d.ffill()
d.f.bfill()
d.f.ffill(limit=1)
d[["i", "f"]].cumsum()
d.i.cumprod()
d.f.cummin()
d.f.cummax()
d.i.rolling(3).sum()
d.f.rolling(2, min_periods=1).mean()
d[["i", "f"]].rolling(4, center=True, min_periods=1).max()
d.i.rolling(3).agg(["min", "max"])
d[["i", "f"]].sum(axis=1)
d[["i", "f"]].mean(axis=1)
d.loc[3:7]
d.loc[3:7, ["i", "s"]]
d.loc[d.i > 2, "s"]
d.loc[:, "i":"s"]
d.iloc[:, [0, 2]]
d[(d.i > 2) & d.b]
d.truncate(2, 5)
d.loc[::-1]
d.index
d.index.to_series()
d.i.align(d.f)[0]
d.dropna().i.sort_index()
pandas_or_shoal.get_dummies(d.c)
pandas_or_shoal.to_datetime(d.t)
pandas_or_shoal.concat([d, d[d.i > 3]])
d[["i", "f"]].dot(pd.Series([1.0, 2.0], index=["i", "f"]))
""".strip().splitlines()

SCALARS = """
d.i.sum()
d.f.mean()
d.f.std()
d.f.var(ddof=0)
d.f.sem()
d.t.mean()
d.t.std()
d.i.min()
d.s.dropna().max()
d.b.any()
d.b.all()
d.i.prod()
d.f.count()
d.s.nunique()
d.i.quantile(0.3)
d.f.quantile(0.5)
d.i.cov(d.f)
d.i.corr(d.f)
d.i.autocorr(2)
d.i.is_monotonic_increasing
d.index.is_monotonic_increasing
d.i.is_unique
d.f.hasnans
d.index.max()
d.index.nunique()
d.i.agg("sum")
d[["i", "b"]].max(axis=None)
d[["i", "f"]].mean(axis=None)
d.i.to_list()
d.index.tolist()
d[["i", "b"]].to_dict()
d.get("q")
d.i.equals(d.i)
""".strip().splitlines()

REDUCED = """
d[["i", "f"]].sum()
d[["i", "f"]].mean()
d.mean(numeric_only=True)
d[["i", "f"]].std()
d[["i", "f"]].agg(["min", "max"])
d.agg({"i": "sum", "f": "mean"})
d.count()
d.nunique()
d[["i", "f"]].quantile([0.25, 0.5])
d.describe()
d.i.describe()
d.s.describe()
d[["i", "f"]].cov()
d.corr(numeric_only=True)
d.i.mode()
d[["i", "b"]].mode()
d.i.nlargest(3)
d.nsmallest(4, "f")
d.i.value_counts().sort_index()
d.s.value_counts(dropna=False).sort_index()
d.i.value_counts(normalize=True).sort_index()
d[["i", "b"]].value_counts().sort_index()
d.i.drop_duplicates().sort_index()
d.drop_duplicates(["i", "b"])
""".strip().splitlines()

ACCESSORS = (
    [
        f"d.s.str.{one}"
        for one in """
    upper() lower() title() swapcase() capitalize() casefold() len() strip() lstrip() rstrip()
    isalpha() isdigit() isspace() islower() isupper() isnumeric() isdecimal() isalnum() istitle()
    contains("a") startswith("a") endswith("b") match("a") fullmatch("a.b") count("a") find("b")
    replace("a","z") slice(0,1) get(0) pad(4) center(5) ljust(5) rjust(5) zfill(4) repeat(2)
    split() rsplit() split("␣",n=1,expand=True) partition("␣")
    extract("(a)",expand=False) findall("a")
    slice_replace(0,1,"q") cat(d.s,sep="-") removeprefix("a") removesuffix("b") normalize("NFC")
    wrap(1)
    """.split()
    ]
    + [
        f"d.t.dt.{one}"
        for one in """
    year month day hour minute second day_of_week day_of_year quarter is_month_end is_leap_year date
    days_in_month normalize() floor("D") ceil("h") round("h") day_name() month_name() strftime("%Y")
    tz_localize("UTC") to_period("D") isocalendar()
    """.split()
    ]
    + [
        f"d.c.cat.{one}"
        for one in """
    codes as_ordered() add_categories(["w"]) remove_categories(["x"])
    rename_categories(["p","q","r"])
    reorder_categories(["x","y","z"]) set_categories(["x","y"])
    """.split()
    ]
)

GROUPED = (
    [
        f'd.groupby("i").f.{one}'
        for one in """
    sum() mean() std() var() sem() min() max() count() size() prod() first() last() nunique()
    median() cumsum() cumcount() cumprod() shift(1) ffill() bfill() transform("sum")
    head(2) tail(1) value_counts() rank() quantile(0.5) get_group(2) sum(min_count=5) diff() skew()

    describe() agg("mean") agg(["sum","count"])
    """.split()
    ]
    + """
d.groupby("b").i.idxmax()
d.groupby("b").i.idxmin()
d.groupby("i")[["f", "b"]].sum()
d.groupby(["i", "b"]).f.mean()
d.groupby("c", observed=False).f.sum()
d.groupby("s", dropna=False).i.sum()
d.groupby("i", as_index=False).f.sum()
d.groupby("i").agg({"f": ["min", "max"], "b": "sum"})
d.groupby("i").agg(low=("f", "min"), n=("f", "count"))
d.groupby(d.i % 2).f.sum()
d.groupby("n").f.sum()
d.f.groupby(d.b).mean()
d[["i", "f"]].groupby("i").cov()
d[["i", "f", "b"]].groupby("b").corr()
""".strip().splitlines()
)


def evaluated(case: str, frame: Any, module: Any) -> Any:
    text = case.replace("␣", " ")
    return eval(text, {"d": frame, "pd": pd, "np": np, "pandas_or_shoal": module, "divmod": divmod})


def partitioned(frame: pd.DataFrame) -> Any:
    """Four partitions; the divisions leave a gap, so that one of them is empty."""
    parts = dd.from_pandas(frame, npartitions=3)
    bounds = parts.divisions
    return parts.repartition(divisions=(*bounds[:-1], bounds[-1], bounds[-1] + 5), force=True)


def compare(got: Any, expected: Any, *, sort: bool) -> None:
    if isinstance(expected, pd.DataFrame | pd.Series):
        if sort:
            got, expected = ordered(got), ordered(expected)
        tm = pd.testing
        check: Any = (
            tm.assert_frame_equal if isinstance(expected, pd.DataFrame) else tm.assert_series_equal
        )
        check(got, expected, check_categorical=False)
    elif isinstance(expected, pd.Index):
        pd.testing.assert_index_equal(got, expected)
    elif isinstance(expected, float | np.floating):
        assert np.isclose(got, expected)
    elif isinstance(expected, pd.Timedelta | pd.Timestamp):
        assert abs(got - expected) < pd.Timedelta("1us")
    else:
        assert got == expected


def ordered(item: Any) -> Any:
    """Rows of equal labels in one order, whatever that is."""
    frame = item.to_frame("v") if isinstance(item, pd.Series) else item
    keys = ["|".join(map(str, row)) for row in frame.reset_index().itertuples(index=False)]
    return item.iloc[np.argsort(np.array(keys, dtype=object), kind="stable")] if keys else item


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("case", [*ROWWISE, *SCALARS, *REDUCED, *ACCESSORS])
def test_as_pandas(case: str) -> None:
    lazy = evaluated(case, partitioned(FRAME), dd)
    got = lazy.compute(scheduler="sync") if hasattr(lazy, "compute") else lazy
    compare(got, evaluated(case, FRAME, pd), sort=case in REDUCED)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("case", GROUPED)
def test_groups_as_pandas(case: str) -> None:
    lazy = evaluated(case, partitioned(FRAME), dd)
    compare(lazy.compute(scheduler="sync"), evaluated(case, FRAME, pd), sort=True)


@pytest.mark.parametrize("rule", ["6h", "D", "5h"])
@pytest.mark.parametrize("method", ["sum", "mean", "count", "first", "ohlc", "nunique"])
def test_bins_of_time_as_pandas(rule: str, method: str) -> None:
    lazy = getattr(dd.from_pandas(TIMES, 3).i.resample(rule), method)()
    expected = getattr(TIMES.i.resample(rule), method)()
    got = lazy.compute(scheduler="sync")
    kind: Any = pd.testing.assert_series_equal
    if isinstance(expected, pd.DataFrame):
        kind = pd.testing.assert_frame_equal
    kind(got, expected, check_freq=False)


@pytest.mark.parametrize("window", ["3h", "9h"])
def test_windows_of_time_as_pandas(window: str) -> None:
    lazy = dd.from_pandas(TIMES, 5).rolling(window).sum()
    pd.testing.assert_frame_equal(
        lazy.compute(scheduler="sync"), TIMES.rolling(window).sum(), check_freq=False
    )


PIVOTS: list[Any] = ["sum", "count", "mean", "first", "last", "min", "max", "std", "var"]


@pytest.mark.parametrize("aggfunc", [*PIVOTS, ["sum", "max"], ["std"]], ids=str)
@pytest.mark.parametrize("values", ["f", ["i", "f"]])
def test_pivots_as_pandas(aggfunc: Any, values: Any) -> None:
    told: Any = {"index": "b", "columns": "c", "values": values, "aggfunc": aggfunc}
    got = partitioned(FRAME).pivot_table(**told).compute(scheduler="sync")
    expected = FRAME.pivot_table(**told, observed=False, dropna=False)
    pd.testing.assert_frame_equal(
        got.sort_index(), expected, check_dtype=False, check_column_type=False
    )


def test_gaps_of_a_pivot_are_filled_and_margins_refused() -> None:
    told: Any = {"index": "b", "columns": "c", "values": "f", "aggfunc": "max"}
    got = partitioned(FRAME).pivot_table(**told, fill_value=-1).compute(scheduler="sync")
    expected = FRAME.pivot_table(**told, observed=False, dropna=False, fill_value=-1)
    pd.testing.assert_frame_equal(
        got.sort_index(), expected, check_dtype=False, check_column_type=False
    )
    with pytest.raises(NotImplementedError, match="margins"):
        partitioned(FRAME).pivot_table(**{**told, "index": None}, margins=True)
