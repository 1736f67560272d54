"""Values whose meaning a folded state can lose: ordered categories, infinities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
import shoal.dataframe as dd

ORDERED = pd.CategoricalDtype(["z", "y", "x"], ordered=True)
FRAME = pd.DataFrame(
    {
        "c": pd.Series(["y", "x", None, "z", "y"], dtype=ORDERED),
        "n": [2**60 + 1, 2, 3, 4, 5],
        "f": [1.0, np.inf, 2.0, 3.0, 5.0],
        "g": [1, 1, 1, 2, 2],
    }
)


@pytest.mark.parametrize("npartitions", [1, 2, 5])
@pytest.mark.parametrize("name", ["min", "max", "idxmin", "idxmax"])
def test_extremes_of_ordered_categories(name: str, npartitions: int) -> None:
    df = dd.from_pandas(FRAME, npartitions=npartitions)
    assert getattr(df.c, name)().compute() == getattr(FRAME.c, name)()
    assert getattr(df, name)().compute().tolist() == getattr(FRAME, name)().tolist()
    none = df[df.n < 0]
    if not name.startswith("idx"):
        assert pd.isna(getattr(none.c, name)().compute())


@pytest.mark.parametrize("values", ["zyx", "zxy", "zzyyx", "xyz"])
def test_monotonic_ordered_categories(values: str) -> None:
    series = pd.Series(list(values), dtype=ORDERED)
    lazy = dd.from_map(lambda i: series[i : i + 1], [0, 9, 1, 2, 3, 4], meta=series[:0])
    assert lazy.is_monotonic_increasing.compute() == series.is_monotonic_increasing
    assert lazy.is_monotonic_decreasing.compute() == series.is_monotonic_decreasing


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("npartitions", [1, 2, 5])
@pytest.mark.parametrize("func", ["std", "var", "sem"])
def test_spread_of_groups_with_an_infinite_value(func: Any, npartitions: int) -> None:
    lazy = dd.from_pandas(FRAME, npartitions=npartitions).groupby("g")[["f"]].agg(func)
    pd.testing.assert_frame_equal(lazy.compute(), FRAME.groupby("g")[["f"]].agg(func))


@pytest.mark.parametrize("npartitions", [1, 2, 5])
def test_correlations_of_frames_pass_over_infinite_values(npartitions: int) -> None:
    numbers = FRAME[["f", "g"]]
    lazy = dd.from_pandas(numbers, npartitions=npartitions).corr()
    pd.testing.assert_frame_equal(lazy.compute(), numbers.corr())


@pytest.mark.parametrize("engine", ["pandas", "auto"])
def test_filters_of_files_round_as_pandas_does(engine: str, tmp_path: Any) -> None:
    """0.1 is below the float32 nearest to it; large integers have no float."""
    frame = pd.DataFrame({"x": np.array([0.1, 0.2], "float32"), "n": [2**53 + 1, 3]})
    frame.to_parquet(tmp_path / "a.parquet")
    with shoal.config.set({"dataframe.engine": engine}):
        df = dd.read_parquet(tmp_path)
        assert len(df[df.x <= 0.1].compute()) == len(frame[frame.x <= 0.1]) == 1
        assert len(df[df.x == 0.1].compute()) == len(frame[frame.x == 0.1]) == 1
        assert len(df[df.n >= float(2**52)].compute()) == len(frame[frame.n >= 2.0**52]) == 1
        assert len(df[df.n > 3].compute()) == 1


def test_mode_of_categories_not_known_beforehand(tmp_path: Any) -> None:
    frame = FRAME[["c"]].astype({"c": pd.CategoricalDtype(["z", "y", "x"])})
    frame.to_parquet(tmp_path / "a.parquet")
    df = dd.read_parquet(tmp_path)
    assert not df.c.cat.known
    assert df.c.mode().compute().tolist() == df.mode().compute().c.tolist() == ["y"]
    text = pd.Series(["b", "d", "a", "c", "a", "b"], name="c")
    lazy = dd.from_pandas(text, npartitions=3).astype("category")
    assert lazy.mode().compute().tolist() == text.astype("category").mode().tolist() == ["a", "b"]


TEXT = pd.DataFrame({"s": [*"dbacfe"], "v": range(6), "f": np.arange(6, dtype="float32")})
TO_CATEGORY: dict[str, Callable[[Any], Any]] = {
    "values": lambda d: d.s,
    "sorted": lambda d: d.sort_values("s"),
    "sorted downwards": lambda d: d.sort_values(["s", "v"], ascending=False),
    "counts": lambda d: d[d.v > 2].s.value_counts(sort=False),
    "unobserved groups": lambda d: d[d.v > 2].groupby("s", observed=False).v.sum(),
    "several keys": lambda d: d[d.v > 2].groupby(["s", "v"], observed=False).f.count(),
}


@pytest.mark.parametrize("way", TO_CATEGORY)
def test_categories_found_in_partitions_are_those_of_the_whole(way: str) -> None:
    lazy, whole = dd.from_pandas(TEXT, npartitions=3), TEXT
    got, expected = (TO_CATEGORY[way](d.assign(s=d.s.astype("category"))) for d in (lazy, whole))
    check = pd.testing.assert_frame_equal if expected.ndim == 2 else pd.testing.assert_series_equal
    check(got.compute(), expected)


def test_an_index_of_categories_is_sorted_as_they_are() -> None:
    lazy = dd.from_pandas(TEXT, npartitions=3)
    got = lazy.assign(s=lazy.s.astype("category")).set_index("s").compute()
    assert got.index.tolist() == [*"abcdef"]


@pytest.mark.parametrize("func", ["mean", "std", "var", "sem", "sum", "prod", "min", "median"])
def test_groups_of_narrow_floats_stay_narrow(func: str) -> None:
    groups = dd.from_pandas(TEXT.assign(k=TEXT.v % 2), npartitions=3).groupby("k").f
    expected = getattr(TEXT.assign(k=TEXT.v % 2).groupby("k").f, func)()
    pd.testing.assert_series_equal(getattr(groups, func)().compute(), expected)


def test_columns_that_one_part_of_a_concat_keeps_are_not_missed_in_another() -> None:
    lazy = dd.from_pandas(TEXT, npartitions=2)
    got = dd.concat([lazy.nlargest(2, "v"), lazy]).s.compute()
    assert got.tolist() == ["e", "f", *TEXT.s]


@pytest.mark.parametrize("known", [True, False])
def test_categories_that_one_part_of_a_concat_lacks(known: bool) -> None:
    """They were objects in the part without them, and so in the result."""
    frame = pd.DataFrame({"x": [1], "c": pd.Categorical(["a"], categories=["a", "b"][: known + 1])})
    lazy = dd.from_pandas(frame, npartitions=1)
    lazy = lazy if known else lazy.assign(c=lazy.c.cat.as_unknown())
    got = dd.concat([dd.from_pandas(frame[["x"]], npartitions=1), lazy]).compute()
    pd.testing.assert_frame_equal(got, pd.concat([frame[["x"]], frame]))


def test_index_names_that_differ_between_parts_of_a_concat() -> None:
    """A filter that left rows of one part only gave its name to the result."""
    named = pd.DataFrame({"x": [1, 2]}, index=pd.Index([0, 1], name="i"))
    plain = pd.DataFrame({"x": [3, 4]})
    got = dd.concat([dd.from_pandas(one, npartitions=1) for one in (named, plain)])
    both = pd.concat([named, plain])
    pd.testing.assert_frame_equal(got[got.x < 3].compute(), both[both.x < 3])


def test_the_median_of_bools() -> None:
    frame = TEXT.assign(b=TEXT.v > 2)[["b", "v"]]
    got = dd.from_pandas(frame, npartitions=1).median().compute()
    pd.testing.assert_series_equal(got, frame.median())


def test_the_mean_of_a_group_without_any_value() -> None:
    frame = pd.DataFrame({"k": [1, 2]})
    other = pd.DataFrame({"k": [1], "b": [True]})
    pair = dd.from_pandas(frame, npartitions=2).merge(dd.from_pandas(other, npartitions=1), "left")
    got, expected = (d.groupby("k").b.mean() for d in (pair, frame.merge(other, "left")))
    assert got.compute().isna().tolist() == expected.isna().tolist() == [False, True]


def test_functions_as_keys() -> None:
    lazy = dd.from_pandas(TEXT, npartitions=2)
    assert lazy[lambda d: d.v > 3].s.compute().tolist() == ["f", "e"]
    assert lazy.v[lambda s: s > 3].compute().tolist() == [4, 5]


@pytest.mark.parametrize("func", ["mean", "std", "min", "count", ["mean", "std"]])
@pytest.mark.parametrize("column", ["t", "z", "d"])
def test_groups_of_times(func: Any, column: str) -> None:
    frame = pd.DataFrame(
        {"k": [1, 1, 2, 2, 1], "t": pd.to_datetime(["2020", "2021", "2022", None, "2023"])}
    )
    frame["z"] = frame.t.dt.tz_localize("Europe/Berlin")
    frame["d"] = frame.t - pd.Timestamp("2020")
    lazy = dd.from_pandas(frame, npartitions=3).groupby("k")[[column]].agg(func)
    pd.testing.assert_frame_equal(lazy.compute(), frame.groupby("k")[[column]].agg(func))


def test_the_mean_of_times_is_a_whole_number_of_their_unit() -> None:
    times = pd.Series(
        pd.to_datetime(["2020-01-01", "2020-01-02", "1960-01-01"] * 333 + ["2020-06-05"])
    )
    for values in (times, times.dt.tz_localize("UTC"), times - pd.Timestamp("2000")):
        numbers = [int(n) for n in values.astype("int64")]
        mean = abs(sum(numbers)) // len(numbers) * (1 if sum(numbers) > 0 else -1)
        got = dd.from_pandas(values, npartitions=7).mean().compute()
        assert got == pd.Series([mean]).astype(values.dtype).iloc[0]
    gaps = dd.from_pandas(times.where(times.index > 3), npartitions=3)
    assert pd.isna(gaps.mean(skipna=False).compute())


@pytest.mark.parametrize("gap", [np.nan, 4.0])
def test_covariances_of_frames_with_infinite_values(gap: float) -> None:
    frame = pd.DataFrame({"x": [1.0, np.inf, 3, gap], "y": [2.0, 1, 5, 3], "z": [1.0, 2, 4, 7]})
    got = dd.from_pandas(frame, npartitions=3).cov().compute()
    with np.errstate(invalid="ignore"):
        pd.testing.assert_frame_equal(got, frame.cov())


def test_an_empty_partition_takes_no_rows_of_what_is_assigned() -> None:
    frame = pd.DataFrame({"x": [1, 2]}, index=[7, 1])
    lazy = dd.from_map(lambda part: part, [frame[:0], frame], meta=frame[:0])
    other = dd.from_pandas(pd.Series([5, 6, 7], index=[1, 2, 3]), npartitions=2, sort=False)
    got = lazy.assign(w=other.clear_divisions()).compute().sort_index()
    assert got.w.fillna(-1).tolist() == [5, -1]


def test_descriptions_of_nullable_columns_are_nullable() -> None:
    frame = pd.DataFrame({"n": pd.array([1, None, 4], dtype="Int64"), "f": [1.0, 2.0, 3.0]})
    got = dd.from_pandas(frame, npartitions=2).describe().compute()
    pd.testing.assert_frame_equal(got, frame.describe())


def test_parts_that_do_not_know_their_categories_yet_stay_categories(tmp_path: Any) -> None:
    frame = FRAME[["c", "n"]]
    frame.to_parquet(tmp_path / "a.parquet")
    both = dd.concat([dd.read_parquet(tmp_path), dd.from_pandas(frame, npartitions=2)])
    assert both.compute().c.dtype.categories.tolist() == ["z", "y", "x"]


def test_a_frame_without_rows_gets_an_index() -> None:
    none = dd.from_pandas(TEXT, npartitions=3)
    none = none[none.v > 99]
    assert none.set_index("s").compute().index.name == "s"
    assert none.set_index("v").f.sum().compute() == 0


def test_windows_of_groups_in_partitions_without_groups() -> None:
    frame = pd.DataFrame({"k": [None, None, 1.0, 1.0, 2.0], "x": range(5)})
    got = dd.from_pandas(frame, npartitions=3).groupby("k").x.rolling(2).sum().compute()
    pd.testing.assert_series_equal(got.sort_index(), frame.groupby("k").x.rolling(2).sum())


def test_columnar_stages_leave_categories_to_pandas(tmp_path: Any) -> None:
    TEXT.to_parquet(tmp_path / "a.parquet")
    with shoal.config.set({"dataframe.engine": "columnar"}):
        lazy = dd.read_parquet(tmp_path)
        counts = lazy.assign(z=lazy.v.astype("category")).z.value_counts(sort=False).compute()
    assert counts.index.tolist() == list(range(6))


@pytest.mark.parametrize("method", ["mean", "sum", "count", "max", "var"])
def test_growing_windows_pass_over_infinite_values(method: str) -> None:
    values = pd.Series([2.25, np.inf, -np.inf, 1.0, None, 4.0])
    got = getattr(dd.from_pandas(values, npartitions=3).expanding(), method)().compute()
    pd.testing.assert_series_equal(got, getattr(values.expanding(), method)())
    fading = dd.from_pandas(values, npartitions=3).ewm(span=3).mean().compute()
    pd.testing.assert_series_equal(fading, values.ewm(span=3).mean())


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("npartitions", [1, 2, 4])
@pytest.mark.parametrize("func", ["sum", "mean", "prod", "std", "sem", "cumsum", "cumprod"])
def test_opposite_infinities_make_nan_of_all_partitions(func: str, npartitions: int) -> None:
    frame = pd.DataFrame(
        {"f": [np.inf, -np.inf, 1.0, 2.0], "g": [np.inf, 0, -np.inf, 2], "k": [1, 1, 1, 2]}
    )
    lazy = dd.from_pandas(frame, npartitions=npartitions)
    check = pd.testing.assert_frame_equal if func[:3] == "cum" else pd.testing.assert_series_equal
    check(getattr(lazy, func)().compute(), getattr(frame, func)())
    pd.testing.assert_frame_equal(
        getattr(lazy.groupby("k"), func)().compute().sort_index(),
        getattr(frame.groupby("k"), func)(),
    )
    assert pd.isna(lazy.f.skew().compute())


def test_whole_numbers_with_gaps_can_be_put_below_others() -> None:
    lazy = dd.from_pandas(TEXT, npartitions=2)
    parts = [d.where(d.v > 2) for d in (lazy, TEXT)]
    got = dd.concat([parts[0], lazy[["v"]]], join="inner").compute()
    pd.testing.assert_frame_equal(got, pd.concat([parts[1], TEXT[["v"]]], join="inner"))


def test_categories_that_are_used_keep_their_order(tmp_path: Any) -> None:
    frame = FRAME[["c"]].iloc[[0, 1, 3, 4]]
    for i in range(4):
        frame.iloc[i : i + 1].to_parquet(tmp_path / f"{i}.parquet")
    got = dd.read_parquet(tmp_path).c.cat.remove_unused_categories().compute()
    assert got.dtype.categories.tolist() == ["z", "y", "x"]
    assert got.dtype.ordered


@pytest.mark.parametrize("values", [[1.0], [0.0] * 3, [5.0] * 4, [0.1] * 7, [1e16] * 5, []])
@pytest.mark.parametrize("bias", [True, False])
def test_equal_values_have_neither_skewness_nor_kurtosis(values, bias):
    whole = pd.Series(values, dtype=float)
    lazy = dd.from_pandas(whole, npartitions=2)
    for method in ("skew", "kurtosis"):
        assert pd.isna(getattr(lazy, method)(bias=bias).compute())
        made = getattr(lazy.to_frame("x"), method)(bias=bias).compute()
        assert made.isna().tolist() == [True]


@pytest.mark.parametrize("count", [2, 3, 4, 30])
@pytest.mark.parametrize("bias", [True, False])
def test_skewness_and_kurtosis_are_those_of_scipy(count, bias):
    stats = pytest.importorskip("scipy.stats")
    whole = pd.Series(np.random.default_rng(count).gamma(2.0, size=count))
    lazy = dd.from_pandas(whole, npartitions=2)
    assert np.isclose(lazy.skew(bias=bias).compute(), stats.skew(whole, bias=bias))
    for fisher in (True, False):
        found = lazy.kurtosis(bias=bias, fisher=fisher).compute()
        assert np.isclose(found, stats.kurtosis(whole, bias=bias, fisher=fisher))


@pytest.mark.parametrize("categories", [["r", "q", "p"], [3, 1, 2]])
@pytest.mark.parametrize("is_ordered", [False, True])
def test_ranks_of_categories(categories: list[Any], is_ordered: bool) -> None:
    codes = [0, 2, -1, 1, 2, -1]
    s = pd.Series(pd.Categorical.from_codes(codes, categories, ordered=is_ordered))
    found = dd.from_pandas(s, npartitions=3)
    for options in ({}, {"ascending": False}, {"method": "first"}, {"na_option": "top"}):
        pd.testing.assert_series_equal(found.rank(**options).compute(), s.rank(**options))


def test_no_category_is_the_most_frequent_of_none() -> None:
    for s in (pd.Series(pd.Categorical([None, None], ["p", "q"])), pd.Series([None], dtype="str")):
        found = dd.from_pandas(s, npartitions=2).mode()
        pd.testing.assert_series_equal(found.compute(), s.mode())


@pytest.mark.parametrize("name", ["var", "std", "sem", "sum"])
def test_groups_of_missing_labels_beside_categories_that_no_row_has(name: str) -> None:
    frame = pd.DataFrame(
        {
            "c": pd.Categorical(["p", None, "q", None, "p"], categories=["r", "q", "p"]),
            "i": pd.array([1, None, 2, None, 1], dtype="Int64"),
            "v": [1.0, 2, 3, 4, 6],
        }
    )
    options: dict[str, Any] = {"by": ["c", "i"], "dropna": False, "observed": False}
    wanted = getattr(frame.groupby(**options).v, name)()
    for npartitions in (1, 3):
        df = dd.from_pandas(frame, npartitions=npartitions)
        pd.testing.assert_series_equal(getattr(df.groupby(**options).v, name)().compute(), wanted)


def test_the_mean_of_objects_that_are_all_missing() -> None:
    frame = pd.DataFrame({"o": np.array([None, None], dtype=object), "i": [1, 2]})
    found = dd.from_pandas(frame, npartitions=2).mean().compute(scheduler="sync")
    pd.testing.assert_series_equal(found, frame.mean(), check_dtype=False)


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "cummin", "cummax"])
def test_running_totals_where_pandas_gives_plain_numbers(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it does where bottleneck is installed."""
    frame = pd.DataFrame({"i": [1, 2, 3, 4], "f": [0.5, 2.0, np.nan, 1.0]})
    expected = getattr(frame, name)()
    for one in ("sum", "prod", "min", "max"):
        plain = getattr(pd.Series, one)
        monkeypatch.setattr(
            pd.Series,
            one,
            lambda self, *a, plain=plain, **k: np.asarray(plain(self, *a, **k)).item(),
        )
    found = getattr(dd.from_pandas(frame, npartitions=3), name)().compute(scheduler="sync")
    pd.testing.assert_frame_equal(found, expected)


@pytest.mark.parametrize("name", ["var", "std", "sem"])
def test_spreads_that_overflow_beside_a_partition_without_values(name: str) -> None:
    frame = pd.DataFrame({"x": [np.nan, 1e160, 0.0], "y": [0.0, np.nan, -1e300]})
    df = dd.from_pandas(frame, 3)
    with np.errstate(over="ignore"):
        expected = getattr(frame, name)()
        pd.testing.assert_series_equal(getattr(df, name)().compute(), expected)
        assert np.isinf(expected).all() and getattr(df.x, name)().compute() == np.inf
