"""Medians, running totals and ranks of columns in partitions: values and dtypes are pandas'."""

from __future__ import annotations

import contextlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
import shoal.dataframe as dd
from shoal.dataframe.kernels import middle
from shoal.dataframe.nodes import sizes

NUMBERS = {
    "int64": st.integers(-5, 5),
    "uint8": st.integers(0, 255),
    "float64": st.sampled_from([float("nan"), float("inf"), -1.5, 0.0, 2.0, 7.25]),
    "float32": st.sampled_from([float("nan"), -1.5, 0.5, 2.0]),
    "Int64": st.one_of(st.none(), st.integers(-(2**60), 2**60)),
    "int64[pyarrow]": st.one_of(st.none(), st.integers(-9, 9)),
    "timedelta64[ns]": st.sampled_from([None, pd.Timedelta("1h"), pd.Timedelta("2s")]),
    "datetime64[us]": st.sampled_from([None, pd.Timestamp("2020"), pd.Timestamp("2021-03")]),
}


@contextlib.contextmanager
def two_looks(shown=None):
    """Columns are put together nowhere; with ``shown`` 0 they are where they are small."""
    with pytest.MonkeyPatch.context() as patch:
        if shown != 0:
            patch.setattr(sizes, "SMALL_BYTES", -1)
            patch.setattr(middle, "SHOWN", shown or middle.SHOWN)
        yield


LOOKS = st.sampled_from([0, 2, 3, 6])


@pytest.mark.parametrize("dtype", NUMBERS)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_a_median_is_as_pandas_has_it(dtype, data):
    series = pd.Series(data.draw(st.lists(NUMBERS[dtype], max_size=30)), dtype=dtype)
    column = dd.from_pandas(series, npartitions=data.draw(st.integers(2, 5)))
    with two_looks(data.draw(LOOKS)), shoal.config.set(scheduler="sync"):
        found = column.median().compute()
    expected = series.median()
    assert (pd.isna(found) and pd.isna(expected)) or found == expected


@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "midpoint", "nearest"])
@pytest.mark.parametrize("dtype", NUMBERS)
@given(data=st.data())
@settings(max_examples=6, deadline=None)
def test_exact_quantiles_are_as_pandas_has_them(dtype, interpolation, data):
    finite = NUMBERS[dtype].filter(lambda value: value != float("inf"))
    values = data.draw(st.lists(finite, max_size=30))
    series = pd.Series(values, dtype=dtype, name="v")
    if dtype == "Int64":
        series %= 2**40  # pandas goes through floats
    q = data.draw(st.sampled_from([0.5, 0.29, [0, 0.1, 0.55, 1.0], [0.7]]))
    column = dd.from_pandas(series, npartitions=data.draw(st.integers(1, 5)))
    told = {"q": q, "interpolation": interpolation}
    with two_looks(data.draw(LOOKS)), shoal.config.set(scheduler="sync"):
        found = column.quantile(method="exact", **told).compute()
        frame = column.to_frame().quantile(method="exact", **told).compute()
    expected = series.quantile(**told)
    # pandas' dtype depends on the values: float32 stays so only where one is missing, and Int64
    # only where the results are whole.
    same_dtype = dtype not in ("float32", "Int64") and series.notna().any()
    if isinstance(q, list):
        pd.testing.assert_series_equal(found, expected, check_dtype=same_dtype)
        pd.testing.assert_series_equal(frame["v"], found)
    else:
        both = pd.Series([found]), pd.Series([expected])
        pd.testing.assert_series_equal(*both, check_dtype=False)
        assert (pd.isna(frame["v"]) and pd.isna(found)) or frame["v"] == found


def test_exact_quantiles_of_many_values():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=60_000), "b": rng.integers(0, 50, 60_000)})
    df = dd.from_pandas(table, npartitions=5)
    q = [0.001, 0.25, 0.5, 0.99]
    with two_looks(), shoal.config.set(scheduler="sync"):
        pd.testing.assert_frame_equal(df.quantile(q, method="exact").compute(), table.quantile(q))
        assert df.a.quantile(0.3, method="exact").compute() == table.a.quantile(0.3)
        assert df.a.quantile(0.3).compute() != table.a.quantile(0.3)
    with pytest.raises(ValueError, match="'exact'"):
        df.a.quantile(method="precise")


def test_columns_in_memory_are_described_exactly():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=30_000), "b": rng.integers(0, 50, 30_000)})
    df = dd.from_pandas(table, npartitions=4)
    with shoal.config.set(scheduler="sync"):
        found = df.describe().compute()
        assert (df.a + 1).quantile(0.3).compute() == (table.a + 1).quantile(0.3)
    pd.testing.assert_frame_equal(found.drop("std"), table.describe().drop("std"), rtol=1e-14)
    order = ["min", "25%", "50%", "75%", "max"]
    pd.testing.assert_frame_equal(found.loc[order], table.describe().loc[order], check_exact=True)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("shown", [0, 2])
@pytest.mark.parametrize("dtype", ["float64", "Float64", "int64", "datetime64[us]", "Int64"])
def test_descriptions_of_what_is_infinite_or_missing(dtype, shown):
    wide = {"float64": [1.0, np.inf, -np.inf, 2.0, np.nan], "Float64": [None, 1.5, 2.5, 7.0, 8.0]}
    for values in (wide.get(dtype, [5, 1, 2, 9, 7]), []):
        series = pd.Series(values, dtype=dtype, name="v")
        with two_looks(shown), shoal.config.set(scheduler="sync"):
            column = dd.from_pandas(series, npartitions=3)
            for told in ({}, {"percentiles": [0.1]}):
                pd.testing.assert_series_equal(
                    column.describe(**told).compute(), series.describe(**told), rtol=1e-12
                )


def test_few_values_move():
    series = pd.Series(range(100_000)).sample(frac=1, random_state=0, ignore_index=True)
    parts = [series.iloc[i : i + 10_000] for i in range(0, 100_000, 10_000)]
    look = middle.RankBounds((0.5,))
    bounds = look.final([look.partial(part) for part in parts])
    counted = [middle.RankValues((0.5,)).partial(part, bounds) for part in parts]
    assert middle.RankValues((0.5,)).final(counted) == series.median()
    assert sum(len(one.between) for (one,) in counted) < 100_000 / 50


def test_medians_of_columns():
    table = pd.DataFrame({"a": [1, 2, 3, 10], "b": [1.5, None, 2, 3], "c": list("abcd")})
    df = dd.from_pandas(table, npartitions=3)
    pd.testing.assert_series_equal(
        df.median(numeric_only=True).compute(), table.median(numeric_only=True)
    )
    with pytest.raises(TypeError):
        df.median()


def test_running_totals_of_truth_values_are_numbers_in_all_partitions():
    table = pd.DataFrame({"a": [True, False, True, True]})
    column = dd.from_pandas(table, npartitions=3).a
    pd.testing.assert_series_equal(column.cumsum().compute(), table.a.cumsum())
    pd.testing.assert_series_equal(column.cummax().compute(), table.a.cummax())


@pytest.mark.parametrize("dtype", ["bool", "boolean", "bool[pyarrow]"])
@pytest.mark.parametrize("method", ["cumsum", "cumprod", "cummax", "rank"])
def test_truth_values_carried_on_and_ranked_are_of_pandas_dtypes(dtype, method):
    values = [True, False, True, True] if dtype == "bool" else [None, True, False, True, None]
    series = pd.Series(values, dtype=dtype, name="t")
    run = dd.from_pandas(series, npartitions=3)
    try:
        expected = getattr(series, method)()
    except Exception as error:
        with pytest.raises(type(error)):
            getattr(run, method)().compute()
        return
    pd.testing.assert_series_equal(getattr(run, method)().compute(), expected)
    if method != "rank":
        frame = dd.from_pandas(series.to_frame(), npartitions=3)
        found = getattr(frame, method)().compute()
        pd.testing.assert_frame_equal(found, getattr(series.to_frame(), method)())


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "int64[pyarrow]", "double[pyarrow]"])
def test_ranks_are_of_pandas_dtypes(dtype):
    series = pd.Series([None, 3, 1, None, 3, 2], dtype=dtype)
    found = dd.from_pandas(series, npartitions=3).rank()
    pd.testing.assert_series_equal(found.compute(), series.rank())
    assert found.dtype == series.rank().dtype
