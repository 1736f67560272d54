"""Sums and means of whole numbers so large that their sums, or their digits, do not fit."""

import numpy as np
import pandas as pd
import pytest

import shoal
from shoal.dataframe import from_pandas, map_partitions, read_parquet
from shoal.dataframe.kernels.kinds import by_kind

KINDS = ["int64", "uint64", "Int64", "int64[pyarrow]"]
SPREADS = ["mean", "var", "std", "sem"]
SINCE_1970 = np.arange(100) * 31_415_926_535_897_932 % 10**17 + 17 * 10**17
"""Nanoseconds: six of them are beyond 64 bits, a hundred come back to where nobody would look."""


def times(kind):
    """A column of times as whole numbers, keys beside it."""
    frame = pd.DataFrame({"t": SINCE_1970, "k": np.arange(100) % 3})
    return frame.astype({"t": kind})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", SPREADS)
def test_means_of_numbers_whose_sum_does_not_fit(kind, what):
    plain = times(kind)
    lazy = from_pandas(plain, npartitions=7)
    wanted = getattr(plain.t, what)()
    assert getattr(lazy.t, what)().compute() == pytest.approx(wanted, rel=1e-9)
    frame = getattr(lazy[["t", "k"]], what)().compute()
    assert frame["t"] == pytest.approx(wanted, rel=1e-9)
    assert frame["k"] == pytest.approx(getattr(plain.k, what)(), rel=1e-9)
    groups = getattr(lazy.groupby("k").t, what)().compute()
    expected = getattr(plain.groupby("k").t, what)()
    assert groups.tolist() == pytest.approx(expected.tolist(), rel=1e-9)
    assert groups.dtype == expected.dtype


@pytest.mark.parametrize("engine", ["columnar", "pandas"])
@pytest.mark.parametrize("limit", ["1GiB", 1])
def test_means_of_such_numbers_in_files(tmp_path, engine, limit):
    plain = times("int64").assign(x=0.5)
    from_pandas(plain, npartitions=3).to_parquet(tmp_path, write_index=False)
    lazy = read_parquet(tmp_path)
    with shoal.config.set({"dataframe.engine": engine, "dataframe.columnar-limit": limit}):
        assert lazy.t.mean().compute() == pytest.approx(plain.t.mean(), rel=1e-12)
        assert lazy.mean().compute().tolist() == pytest.approx(plain.mean().tolist(), rel=1e-12)
        groups = lazy.groupby("k").t.agg(["sum", "mean", "std"]).compute()
        expected = plain.groupby("k").t.agg(["sum", "mean", "std"])
        pd.testing.assert_frame_equal(groups, expected)


@pytest.mark.parametrize("kinds", [("int64", "float64"), ("Int64", "Float64"), ("Int64", "bool")])
@pytest.mark.parametrize("what", ["sum", "prod"])
def test_sums_of_large_numbers_beside_others_keep_their_digits(kinds, what):
    big = 2**60
    numbers = pd.Series([big + 1, 3, -big, 5, big + 7, -big - 1], dtype=kinds[0])
    plain = pd.DataFrame({"i": numbers, "x": pd.Series([1, 0, 1, 1, 0, 1], dtype=kinds[1])})
    lazy = from_pandas(plain, npartitions=3)
    found = getattr(lazy, what)().compute()
    pd.testing.assert_series_equal(found, getattr(plain, what)(), check_exact=True)


@pytest.mark.parametrize("engine", ["columnar", "pandas"])
def test_sums_of_large_numbers_in_files_keep_their_digits(tmp_path, engine):
    big = 2**60
    plain = pd.DataFrame({"i": [big + 1, 3, -big, 5], "x": [1.0, 2.0, 3.0, 0.5]})
    from_pandas(plain, npartitions=2).to_parquet(tmp_path, write_index=False)
    with shoal.config.set({"dataframe.engine": engine, "dataframe.columnar-limit": 1}):
        found = read_parquet(tmp_path).sum().compute()
    pd.testing.assert_series_equal(found, plain.sum(), check_exact=True)


def test_columns_may_be_of_other_kinds_in_some_partitions():
    plain = pd.DataFrame({"a": [1, 2, 3, 4], "b": [1.0, 2.0, 3.0, 4.0], "c": [5, 6, 7, 8]})

    def other(part):
        return part.astype({"a": float, "b": int}) if part.a.iloc[0] > 2 else part

    lazy = map_partitions(
        other, from_pandas(plain, npartitions=2), meta=plain, enforce_metadata=False
    )
    for what in ["sum", "mean", "std"]:
        found = getattr(lazy, what)().compute()
        pd.testing.assert_series_equal(found, getattr(plain, what)(), check_dtype=False)


def test_kinds_of_partitions_are_brought_together():
    partial, combine, final = by_kind(
        lambda part: part.sum(), lambda parts: sum(parts[1:], parts[0]), lambda state: state
    )
    one = pd.DataFrame({"a": [2**60 + 1], "b": [1.0], "c": [2]})
    other = pd.DataFrame({"a": [-(2**60)], "b": [3], "c": [4.0]})
    found = final(combine([partial(one), partial(other)]))
    assert found.to_dict() == {"a": 1.0, "b": 4.0, "c": 6.0}


TIMES = pd.DataFrame(
    {
        "t": pd.to_datetime([None, None]).as_unit("s"),
        "d": pd.to_timedelta([None, None]).as_unit("s"),
        "e": pd.to_timedelta([1, 2]),
    }
)
EMPTY = {
    "no columns": pd.DataFrame(index=range(2)),
    "nothing": pd.DataFrame(),
    "no rows": pd.DataFrame({"x": pd.Series([], dtype="int64"), "y": pd.Series([], dtype=float)}),
    "no rows of times": TIMES.iloc[:0].assign(x=1.5),
    "no times": TIMES,
}


@pytest.mark.parametrize("name", EMPTY)
@pytest.mark.parametrize("what", ["sum", "mean", "std", "var", "prod"])
def test_statistics_of_nothing_have_the_dtypes_of_pandas(name, what):
    plain = EMPTY[name]
    lazy = from_pandas(plain, npartitions=1)
    for options in ({}, {"numeric_only": True}):
        try:
            wanted = getattr(plain, what)(**options)
        except TypeError:  # times have no sum of squares
            continue
        pd.testing.assert_series_equal(getattr(lazy, what)(**options).compute(), wanted)


MISSING = pd.DataFrame(
    {
        "a": [1, 2, 3],
        "b": pd.array([None, 1, 2], dtype="Int64"),
        "c": pd.array([None, 1, 2], dtype="double[pyarrow]"),
        "d": pd.to_datetime([None, "2020", "2021"]),
    }
)


@pytest.mark.parametrize("what", ["min", "max"])
def test_extremes_beside_columns_of_other_kinds_are_missing_as_in_pandas(what):
    for columns in (list("abcd"), ["a", "b"], ["b", "d"], ["c", "d"], ["b"]):
        plain = MISSING[columns]
        found = getattr(from_pandas(plain, npartitions=3), what)(skipna=False).compute()
        pd.testing.assert_series_equal(found, getattr(plain, what)(skipna=False))


def test_a_mean_of_no_rows_with_missing_values_is_one_of_each_column():
    plain = pd.DataFrame({"a": [1.5], "b": [2]}).astype("Float64")
    lazy = from_pandas(plain, npartitions=1)
    found = lazy[lazy.a > 9].mean(skipna=False).compute()
    pd.testing.assert_series_equal(found, plain[plain.a > 9].mean(skipna=False))
