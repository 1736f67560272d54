"""Options of methods that are seldom given, and shapes that are seldom met: against pandas.

A case is the text of an expression in ``d`` (a frame), ``w`` (a frame with times) and ``x`` (a
series) that is evaluated with pandas' frames and with shoal's, cut so that one partition is empty.
"""

from __future__ import annotations

import warnings
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
import shoal.array as da
import shoal.dataframe as dd
from shoal.dataframe.collection.base import NotNumbersError
from shoal.dataframe.testing import assert_eq

ROWS = 12
FRAME = pd.DataFrame(
    {
        "k": [3, 1, 2, 2, 3, 1] * 2,
        "g": ["a", None, "b", "a", "b", "b"] * 2,
        "i": [4, 1, 2, 2, 5, 4] * 2,
        "f": [0.5, None, -1.5, 2.0, None, 0.25] * 2,
        "o": [True, None, False] * 4,
    },
    index=pd.Index([n // 2 for n in range(ROWS)], name="n"),
)
TIMES = pd.DataFrame(
    {"k": FRAME.k.to_numpy(), "f": FRAME.f.to_numpy()},
    index=pd.date_range("2020-03-28 21:00", periods=ROWS, freq="7h", name="when"),
)

CASES = """
d.groupby("k").f.sum(skipna=False)
d.groupby("k")[["i", "f"]].mean(skipna=False)
d.groupby("k").f.min(skipna=False)
d.groupby("g").f.first(skipna=False)
d.groupby("g").f.prod(skipna=False, min_count=1)
d.groupby("k").f.nunique(dropna=False)
d.groupby("k").f.var(ddof=0, skipna=False)
d.groupby("k", group_keys=False).f.nlargest(1)
d.groupby("g", group_keys=False).i.nsmallest(2)
d.groupby("g", group_keys=False)[["i"]].take([0])
d.groupby("g").f.describe()
w.groupby("k").f.resample("D").asfreq()
w.groupby("k").f.resample("D").ffill()
w.groupby("k").f.rolling(2).rank(method="min", ascending=False)
d.groupby(d.index).i.sum()
x.rolling(3).rank(method="max", pct=True)
d[["i", "f"]].rolling(3, center=True, closed="left").cov()
d[["i", "f"]].rolling(2, step=1).sum()
x.replace(2, np.inf).expanding().sem()
w.truncate("2020-03-29", "2020-03-30")
w.truncate("2020-03-29 01:00")
d[["f", "i", "k"]].truncate("f", "i", axis=1)
w.asfreq("5h", normalize=True)
w.asfreq("D", normalize=True, method="ffill")
x.ffill(limit_area="inside")
x.bfill(limit=1, limit_area="outside")
d[["i", "f"]].ffill(limit=1, limit_area="outside")
d[["i", "f"]].pct_change(fill_method=None)
d[["i", "f"]].pct_change(axis=1)
x.rank(method="first", na_option="top")
d[["i", "f"]].rank(method="first", ascending=False, pct=True)
w.resample("D").transform("sum")
w.f.resample("9h", closed="right").transform(lambda rows: rows - rows.mean())
w.resample("2D", origin="end").f.transform("max")
x.quantile([])
d[["i", "f"]].quantile([])
x.quantile(0.3, interpolation="lower")
x.quantile([0.3, 0.6], interpolation="higher")
d[["i", "f"]].quantile(0.4, interpolation="nearest")
d[["i", "f"]].quantile(0.4, axis=1, interpolation="midpoint")
x.add_prefix("p")
x.add_suffix("_s").index
np.fix(x)
np.modf(x)[0]
np.frexp(d[["i", "f"]])[1]
""".strip().splitlines()


def cut(frame: Any) -> Any:
    """Several partitions, of which one is empty; the divisions of times are known."""
    if isinstance(frame.index, pd.DatetimeIndex):
        return dd.from_pandas(frame, npartitions=3)
    ends = [0, 5, 5, 8, len(frame)]
    parts = [frame.iloc[start:stop] for start, stop in pairwise(ends)]
    return dd.from_map(lambda part: part, parts, meta=frame.iloc[:0])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("text", CASES)
def test_as_pandas(text: str) -> None:
    def run(frames: Any) -> Any:
        d, w = frames
        return eval(text, {"d": d, "w": w, "x": d.f, "np": np})

    got, expected = run([cut(FRAME), cut(TIMES)]), run([FRAME, TIMES])
    if isinstance(expected, pd.Index):
        assert_eq(got, expected)
    elif isinstance(expected, pd.DataFrame | pd.Series):
        if ("group" in text and "rolling" in text) or "resample" in text:
            got, expected = got.compute().sort_index(), expected.sort_index()
        assert_eq(got, expected, check_freq=False, check_index_type=False)
    else:
        assert got.compute() == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("name", ["isfinite", "angle", "nan_to_num", "conj", "isneginf"])
def test_functions_of_elements_keep_labels(name: str) -> None:
    x = FRAME.f.rename("x")
    expected = pd.Series(getattr(np, name)(x.to_numpy()), x.index, name="x")
    assert_eq(getattr(da, name)(dd.from_pandas(x, npartitions=3)), expected)


def test_a_grouping_by_an_array() -> None:
    d = dd.from_pandas(FRAME, npartitions=3)
    got = d.groupby(d.k.to_dask_array()).i.sum()
    assert_eq(got, FRAME.groupby(FRAME.k.to_numpy()).i.sum())


def test_sampled_groups_have_their_rows() -> None:
    got = dd.from_pandas(FRAME, npartitions=3).groupby("k").sample(n=2, random_state=0).compute()
    assert got.groupby("k").size().tolist() == [2, 2, 2]
    assert not got.reset_index().duplicated(["n", "k"]).any()


@pytest.mark.parametrize("name", ["mean", "std", "var", "sem"])
def test_statistics_of_text_are_refused_by_name(name: str) -> None:
    d = dd.from_pandas(FRAME[["g", "i"]], npartitions=2)
    with pytest.raises(NotNumbersError, match=f"`{name}` not supported with str series"):
        getattr(d.g, name)()
    with pytest.raises(TypeError, match=f"`{name}` not supported with columns {{'g': 'str'}}"):
        getattr(d, name)()
    assert getattr(d, name)(numeric_only=True).compute().index.tolist() == ["i"]


def test_what_pandas_refuses_by_row_is_refused_at_once() -> None:
    times = pd.DataFrame({"t": pd.to_datetime(["2020", "2021"]), "n": [1, 2]})
    with pytest.raises(TypeError, match="numeric"):
        dd.from_pandas(times, npartitions=2).std(axis=1)


def test_many_assigned_columns_are_put_together() -> None:
    d = dd.from_pandas(pd.DataFrame({"a": range(6)}), npartitions=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i in range(150):
            d[str(i)] = i
        assert d.compute().shape == (6, 151)


def test_the_type_of_partitions() -> None:
    found = dd.from_pandas(FRAME, npartitions=2).map_partitions(type).compute(scheduler="sync")
    assert found.tolist() == [pd.DataFrame] * 2


@pytest.mark.parametrize("labels", [[2, 9, 3], [], [7]])
def test_rows_of_some_labels(labels: list[int]) -> None:
    frame = pd.DataFrame({"x": [1, 2, 3, 4], "y": list("abcd")}, index=[3, 1, 2, 7])
    lazy = dd.from_map(lambda part: part, [frame[:1], frame[1:1], frame[1:]], meta=frame[:0])
    assert_eq(lazy.reindex(labels), frame.reindex(labels), check_dtype=False)
    assert_eq(lazy.x.reindex(labels, fill_value=0), frame.x.reindex(labels, fill_value=0))
    there = [label for label in labels if label in frame.index]
    assert_eq(lazy.drop(there), frame.drop(there))
    assert_eq(lazy.drop(labels, errors="ignore"), frame.drop(labels, errors="ignore"))
    assert_eq(lazy.y.drop(there), frame.y.drop(there))
    with pytest.raises(KeyError, match="no row has the label"):
        lazy.drop([2, 99]).compute(scheduler="sync")
    assert_eq(lazy.x.isin(lazy.index), frame.x.isin(frame.index))


def test_a_frame_may_be_any_argument_of_a_function() -> None:
    frame = FRAME[["i", "f"]]
    lazy = dd.from_pandas(frame, npartitions=3)
    one, ten = shoal.delayed(int)(1), shoal.delayed(int)(10)
    got = dd.map_partitions(lambda a, part, z: part * z + a, one, lazy, z=ten, meta=lazy._meta)
    assert_eq(got, frame * 10 + 1, check_dtype=False)
    with pytest.raises(TypeError, match="a frame among its arguments"):
        dd.map_partitions(len, 5)


def test_functions_of_groups_are_not_given_how_rows_are_moved() -> None:
    lazy = dd.from_pandas(FRAME, npartitions=3).groupby("k").i
    got = lazy.apply(max, meta=("i", "int64"), shuffle_method="tasks")
    assert_eq(got.compute().sort_index(), FRAME.groupby("k").i.apply(max))
    got = lazy.transform("sum", shuffle_method="tasks")
    assert_eq(got, FRAME.groupby("k").i.transform("sum"))


def test_groups_of_partitions_without_any() -> None:
    got = cut(FRAME).groupby("g", dropna=False).f.transform(lambda x: x - x.min(), meta=("f", "f8"))
    assert_eq(got, FRAME.groupby("g", dropna=False).f.transform(lambda x: x - x.min()))


@pytest.mark.parametrize("kind", ["csr_matrix", "csr_array"])
def test_partitions_that_become_sparse_are_an_array(kind: str) -> None:
    make = getattr(pytest.importorskip("scipy.sparse"), kind)
    frame = FRAME[["i", "k"]]
    got = dd.from_pandas(frame, npartitions=3).map_partitions(make)
    assert isinstance(got, da.Array)
    assert (got.compute().todense() == frame.to_numpy()).all()


def test_what_a_grouping_and_windows_tell() -> None:
    lazy = dd.from_pandas(FRAME, npartitions=2)
    groups = lazy.groupby(["k", "g"], sort=False, dropna=False)
    assert (groups.by, groups.sort, groups.dropna, groups.observed) == (
        ["k", "g"],
        False,
        False,
        True,
    )
    assert groups.obj is lazy
    windows = lazy.rolling(3, center=True, min_periods=1)
    assert (windows.center, windows.min_periods, windows.win_type) == (True, 1, None)
    assert windows.obj is lazy


TWINS = """
q["x"]
q[["o", "x"]]
q.iloc[:, [0, 2]]
q.iloc[:, 1]
q.nunique()
q.iloc[:, [0, 2]].mean()
q.iloc[:, [0, 2]].std()
q.count()
q.drop_duplicates()
q["x"].sum()
q.drop(columns=["o"])
""".strip().splitlines()


@pytest.mark.parametrize("text", TWINS)
def test_two_columns_of_one_name(text: str) -> None:
    frame = pd.DataFrame([[1, "a", 2], [3, None, 4], [5, "b", 2]], columns=["x", "o", "x"])
    lazy = dd.from_pandas(frame, npartitions=2)
    assert_eq(eval(text, {"q": lazy}), eval(text, {"q": frame}), check_dtype=False)


def test_what_cannot_be_the_index_is_named() -> None:
    d = dd.from_pandas(FRAME, npartitions=2)
    with pytest.raises(NotImplementedError, match="You tried to index with this index"):
        d.set_index([["k"]])
    with pytest.raises(NotImplementedError, match="You tried to index with a frame"):
        d.set_index(d[["k"]])


def test_windows_that_are_refused_say_what_to_use() -> None:
    d = dd.from_pandas(FRAME, npartitions=2)
    with pytest.raises(NotImplementedError, match="map_overlap"):
        d.rolling(2, method="table")
    with pytest.raises(NotImplementedError, match="map_overlap"):
        d.rolling(pd.api.indexers.BaseIndexer(window_size=2))


@pytest.mark.parametrize("how", ["left", "right", "inner", "outer"])
def test_the_index_of_a_join_has_its_name_before_it_is_computed(how: str) -> None:
    left = pd.DataFrame({"x": range(8)})
    right = pd.DataFrame({"z": range(4)}, index=pd.Index(range(4), name="a"))
    got = dd.from_pandas(left, 3).join(dd.from_pandas(right, 2).clear_divisions(), "x", how=how)
    assert got._meta.index.name == left.join(right, on="x", how=how).index.name


OF_KINDS = {
    "float32": pd.Series([1.5, np.nan, 2.25, -1, 4, 0], dtype="float32"),
    "float64": pd.Series([1.5, np.nan, 2.25, -1, 4, 0]),
    "Float32": pd.Series([1.5, None, 2.25, -1, 4, 0], dtype="Float32"),
    "complex": pd.Series([1 + 2j, 2, 3, 4, 5, 6]),
    "boolean": pd.Series([True, None, False, True, True, False], dtype="boolean"),
    "Int64": pd.Series([1, None, 0, 4, 5, 6], dtype="Int64"),
    "decimal": pd.Series([Decimal(one) for one in ("1.5", "2", "3", "4", "5", "6")]),
    "arrow": pd.Series([1, None, 3, 4, 5, 6], dtype="int64[pyarrow]"),
    "span": pd.Series(pd.to_timedelta([1, 2, None, 4, 5, 6], unit="h")),
}


@pytest.mark.parametrize("kind", list(OF_KINDS))
@pytest.mark.parametrize("npartitions", [2, 6])
def test_reductions_of_every_kind_of_number(kind: str, npartitions: int) -> None:
    values = OF_KINDS[kind]
    lazy = dd.from_pandas(values, npartitions=npartitions)
    for name in "sum prod min max mean var std sem median any all".split():  # noqa: SIM905
        for skipna in (True, False):
            try:
                expected = getattr(values, name)(skipna=skipna)
            except TypeError:
                continue
            got = getattr(lazy, name)(skipna=skipna).compute()
            if pd.isna(expected):
                assert pd.isna(got), (name, skipna)
                continue
            assert got == pytest.approx(expected) if kind != "span" else got == expected
            assert isinstance(got, type(expected) | np.generic), (name, skipna)
            if hasattr(expected, "dtype"):
                assert got.dtype == expected.dtype, (name, skipna)


@pytest.mark.parametrize("name", ["skew", "kurtosis"])
def test_higher_moments_may_mind_gaps(name: str) -> None:
    frame = FRAME[["i", "f"]]
    got = getattr(dd.from_pandas(frame, npartitions=3), name)(bias=False, skipna=False)
    assert_eq(got, getattr(frame, name)(skipna=False))


def test_one_statistic_of_narrow_columns_is_narrow() -> None:
    frame = pd.DataFrame({"x": [1.0, 2, 4], "y": [0.5, None, 1]}, dtype="float32")
    lazy = dd.from_pandas(frame, npartitions=3)
    for name in ("mean", "var", "std", "sem"):
        assert_eq(getattr(lazy, name)(), getattr(frame, name)())
        assert getattr(lazy, name)().dtype == np.float32
    assert isinstance(lazy.x.quantile(0.3).compute(), np.float32)
