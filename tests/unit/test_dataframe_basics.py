"""Frames against pandas: what every collection does, and what it says when it cannot."""

from __future__ import annotations

import itertools
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
import shoal.dataframe as dd
from shoal.dataframe.collection import tables
from shoal.dataframe.meta import MetaError, make_meta, sample_of

FRAME = pd.DataFrame(
    {
        "k": list("abcab") * 4,
        "x": range(20),
        "y": np.sin(np.arange(20.0)),
        "m": [1.5, None, 2.5, None, 0.5] * 4,
    }
)


def assert_eq(lazy: Any, expected: Any, *, sort: bool = False) -> None:
    """The computed result is pandas' own, and its meta told the truth."""
    got = lazy.compute(scheduler="sync")
    meta = lazy._meta
    if sort:
        got, expected = got.sort_index(), expected.sort_index()
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(got, expected)
        assert meta.columns.equals(expected.columns)
        assert meta.dtypes.to_list() == expected.dtypes.to_list()
    elif isinstance(expected, pd.Series):
        pd.testing.assert_series_equal(got, expected)
        assert (meta.name, meta.dtype) == (expected.name, expected.dtype)
    elif isinstance(expected, pd.Index):
        pd.testing.assert_index_equal(got, expected)
    else:
        assert got == expected or np.isclose(got, expected)


CASES: dict[str, Callable[[Any], Any]] = {
    "column": lambda d: d.x,
    "columns": lambda d: d[["y", "k"]],
    "filter": lambda d: d[d.x > 3],
    "filter and project": lambda d: d[(d.x > 3) & (d.k == "a")][["y"]],
    "filter a filter": lambda d: d[d.x > 3].pipe(lambda e: e[e.y < 0.5]),
    "assign": lambda d: d.assign(z=d.x * 2 + d.y, one=1),
    "assign and filter": lambda d: d.assign(z=d.y * 2).pipe(lambda e: e[e.x > 9]).z,
    "rename": lambda d: d.rename(columns={"x": "w"})[["w", "y"]],
    "arithmetic": lambda d: 1 - d.x / (d.y + 2),
    "scalar": lambda d: d.x - d.x.mean(),
    "frame operator": lambda d: (d[["x", "y"]] + 1).y,
    "fillna": lambda d: d.fillna({"m": 0.0}),
    "fillna and project": lambda d: d.fillna({"m": 0.0, "y": 1.0}).m,
    "dropna": lambda d: d.dropna(),
    "drop": lambda d: d.drop(columns=["k"]),
    "astype": lambda d: d.astype({"x": "float64"}),
    "isin": lambda d: d.k.isin(["a", "c"]),
    "clip": lambda d: d.x.clip(3, 7),
    "apply": lambda d: d.apply(lambda row: row.x + row.y, axis=1),
    "map": lambda d: d.x.map({1: "one"}),
    "sum axis 1": lambda d: d[["x", "y"]].sum(axis=1),
    "ufunc": lambda d: np.exp(d.y),
    "cumsum": lambda d: d[["x", "y", "m"]].cumsum(),
    "cummax": lambda d: d.m.cummax(),
    "loc": lambda d: d.loc[3:12, ["x"]],
    "loc label": lambda d: d.loc[[4, 11]],
    "iloc": lambda d: d.iloc[:, 1:3],
    "index": lambda d: d.index,
    "sort_values": lambda d: d.sort_values("y"),
    "sort_values descending": lambda d: d.sort_values(
        "m", ascending=False, na_position="first", kind="stable"
    ),
    "set_index": lambda d: d.set_index("y").sort_index() if d is FRAME else d.set_index("y"),
    "nlargest": lambda d: d.nlargest(3, "y"),
    "drop_duplicates": lambda d: d.drop_duplicates("k"),
}


@pytest.mark.filterwarnings("ignore:`meta` is not specified")
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("npartitions", [1, 4])
def test_rows(name: str, npartitions: int) -> None:
    case = CASES[name]
    assert_eq(case(dd.from_pandas(FRAME, npartitions=npartitions)), case(FRAME))


@pytest.mark.parametrize("method", tables.REDUCTIONS["Series"].split())
@pytest.mark.parametrize("column", ["x", "m"])
def test_reductions_of_series(method: str, column: str) -> None:
    assert_eq(getattr(dd.from_pandas(FRAME, 4)[column], method)(), getattr(FRAME[column], method)())


@pytest.mark.parametrize("method", tables.REDUCTIONS["DataFrame"].split())
def test_reductions_of_frames(method: str) -> None:
    some = FRAME[["x", "y", "m"]]
    assert_eq(getattr(dd.from_pandas(some, 4), method)(), getattr(some, method)())


@pytest.mark.parametrize("options", [{"skipna": False}, {"numeric_only": True}])
@pytest.mark.parametrize("method", ["sum", "mean", "std", "max"])
def test_options_of_reductions(method: str, options: Any) -> None:
    some = FRAME if "numeric_only" in options else FRAME[["x", "m"]]
    expected = getattr(some, method)(**options)
    assert_eq(getattr(dd.from_pandas(some, 4), method)(**options), expected)


def test_empty_partitions_take_no_part() -> None:
    df = dd.from_pandas(FRAME, 4)
    some = df[df.x < 3]
    assert some.x.min().compute() == 0
    assert some.x.max().compute().dtype == np.int64
    assert some.k.min().compute() == "a"
    assert some.groupby("k").x.sum().compute().to_dict() == {"a": 0, "b": 1, "c": 2}


GROUPS: dict[str, Callable[[Any], Any]] = {
    "mean": lambda d: d.groupby("k")[["x", "m"]].mean(),
    "all columns": lambda d: d.groupby("k").sum(),
    "std": lambda d: d.groupby("k").m.std(),
    "var ddof": lambda d: d.groupby("k").y.var(ddof=0),
    "size": lambda d: d.groupby("k").size(),
    "two keys": lambda d: d.assign(e=d.x % 2).groupby(["k", "e"]).y.max(),
    "series key": lambda d: d.groupby(d.x % 3).y.first(),
    "nunique": lambda d: d.groupby("k").x.nunique(),
    "agg dict": lambda d: d.groupby("k").agg({"x": "sum", "m": ["count", "mean"]}),
    "agg list": lambda d: d.groupby("k").x.agg(["min", "last"]),
    "agg named": lambda d: d.groupby("k").agg(a=("x", "sum"), b=("m", "mean")),
    "as_index": lambda d: d.groupby("k", as_index=False).x.sum(),
    "missing keys": lambda d: d.groupby("m", dropna=False).x.sum(),
}


@pytest.mark.parametrize("name", GROUPS)
def test_groupby(name: str) -> None:
    case = GROUPS[name]
    assert_eq(case(dd.from_pandas(FRAME, 4)), case(FRAME))


def test_groupby_to_several_partitions() -> None:
    df = dd.from_pandas(FRAME, 4)
    some = df.groupby("k").m.agg(["mean", "nunique"], split_out=3)
    assert some.npartitions == 3
    assert_eq(some, FRAME.groupby("k").m.agg(["mean", "nunique"]), sort=True)


def test_groupby_apply_and_transform() -> None:
    df = dd.from_pandas(FRAME, 4)
    assert_eq(df.groupby("k").x.transform("sum"), FRAME.groupby("k").x.transform("sum"), sort=True)
    got = df.groupby("k").x.apply(lambda s: s.max() - s.min(), meta=("x", "int64"))
    assert_eq(got, FRAME.groupby("k").x.apply(lambda s: s.max() - s.min()), sort=True)


@pytest.mark.parametrize("how", ["inner", "left", "right", "outer"])
@pytest.mark.parametrize("counts", [(1, 1), (3, 1), (1, 3), (3, 2)])
def test_merge_on_columns(how: str, counts: tuple[int, int]) -> None:
    left = FRAME.iloc[:9][["k", "x"]]
    right = pd.DataFrame({"k": ["b", "c", "d", None], "x": [1.0, 2.0, 3.0, 4.0]})
    lazy = dd.from_pandas(left, counts[0]).merge(dd.from_pandas(right, counts[1]), on="k", how=how)
    by = ["k", "x_x", "x_y"]
    got = lazy.compute().sort_values(by).reset_index(drop=True)
    expected = left.merge(right, on="k", how=how).sort_values(by).reset_index(drop=True)
    pd.testing.assert_frame_equal(got, expected)


def test_merge_on_keys_of_different_dtypes() -> None:
    left = pd.DataFrame({"a": [1, 2, 3, 4]})
    right = pd.DataFrame({"b": [4.0, 2.0, 9.0]})
    lazy = dd.from_pandas(left, 2).merge(dd.from_pandas(right, 2), left_on="a", right_on="b")
    assert sorted(lazy.compute().a) == [2, 4]


@pytest.mark.parametrize("how", ["inner", "left", "outer"])
def test_merge_on_sorted_indexes_moves_no_rows(how: str) -> None:
    one, two = FRAME[["x"]].iloc[3:], FRAME[["y"]].iloc[:15]
    lazy = dd.from_pandas(one, 3).join(dd.from_pandas(two, 4), how=how)
    assert "Exchange" not in lazy.explain()
    pd.testing.assert_frame_equal(lazy.compute(), one.join(two, how=how))


def test_a_series_is_matched_by_divisions() -> None:
    df, other = dd.from_pandas(FRAME, 4), dd.from_pandas(FRAME.y, 3)
    assert_eq(df.x + other, FRAME.x + FRAME.y)


def test_rows_of_unknown_divisions_are_matched_by_label() -> None:
    df = dd.from_pandas(FRAME, 4, sort=False)
    other = dd.from_pandas(FRAME, 3, sort=False)
    assert_eq(df.x + other.y, FRAME.x + FRAME.y, sort=True)
    assert_eq(df.assign(z=other.y).z, FRAME.y.rename("z"), sort=True)


def test_frames_of_the_same_source_stay_where_they_are() -> None:
    df = dd.from_pandas(FRAME, 4, sort=False)
    assert "shuffle" not in (df.x + df[df.x > 3].y).explain()


def test_pandas_objects_are_matched_by_label() -> None:
    df = dd.from_pandas(FRAME, 4)
    assert_eq(df.x + FRAME.y[::-1], FRAME.x + FRAME.y)
    some = FRAME[["y"]]
    assert_eq(df[["y"]].where(some > 0), some.where(some > 0))


@pytest.mark.parametrize("npartitions", [1, 3, 7, 20])
def test_repartition(npartitions: int) -> None:
    df = dd.from_pandas(FRAME, 4).repartition(npartitions=npartitions)
    assert df.npartitions == npartitions
    assert_eq(df, FRAME)
    cut = dd.from_pandas(FRAME, 4).repartition(divisions=[0, 1, 12, 19])
    assert [len(part.compute()) for part in cut.partitions] == [1, 11, 8]


def test_too_few_rows_in_the_partitions_that_are_looked_at_are_told() -> None:
    df = dd.from_pandas(pd.DataFrame({"x": range(8)}), npartitions=4)
    low, high = df[df.x < 3], df[df.x > 5]
    with pytest.warns(UserWarning, match=r"`tail`. 2 elements .* only 0 .* last 1 partition"):
        assert low.tail(2).x.tolist() == []
    with pytest.warns(UserWarning, match=r"`head`. 2 elements .* only 0 .* first 3 partition"):
        assert high.head(2, npartitions=3).x.tolist() == []
    assert low.tail(2, npartitions=-1).x.tolist() == [1, 2]
    assert low.tail(2, compute=False, npartitions=3).x.compute().tolist() == [2]
    assert df.tail(3, npartitions=2).index.tolist() == [5, 6, 7]
    lazy = df.tail(3, compute=False, npartitions=2)
    assert lazy.divisions == (4, 7)
    assert (df + 1).tail(3, compute=False, npartitions=2).x.compute().tolist() == [6, 7, 8]
    for name, count in itertools.product(("head", "tail"), (0, -2, 5)):
        with pytest.raises(ValueError, match=f"partitions?( or more)?, .*{count}"):
            getattr(df, name)(1, npartitions=count)


def test_an_axis_that_is_not_there_is_refused() -> None:
    df = dd.from_pandas(FRAME[["x", "y"]], npartitions=2)
    for name in ("nunique", "sum", "quantile", "idxmax", "cumsum", "rank", "squeeze", "reindex"):
        with pytest.raises(ValueError, match="No axis named 5"):
            getattr(df, name)(axis=5)
    for name in ("sort_values", "squeeze", "reindex"):
        with pytest.raises(ValueError, match="No axis named 5"):
            getattr(df.x, name)(axis=5)


def test_partitions_head_and_tail() -> None:
    df = dd.from_pandas(FRAME, 4)
    assert_eq(df.partitions[1:3], FRAME.iloc[5:15])
    pd.testing.assert_frame_equal(df.head(3), FRAME.head(3))
    pd.testing.assert_frame_equal(df.head(8, npartitions=-1), FRAME.head(8))
    pd.testing.assert_frame_equal(df.tail(2), FRAME.tail(2))
    with pytest.warns(UserWarning, match="npartitions=-1"):
        df.head(8)
    assert (len(df), df.shape[1], df.x.size.compute()) == (20, 4, 20)


def test_items_are_set_and_deleted() -> None:
    df, expected = dd.from_pandas(FRAME, 4), FRAME.copy()
    for one in (df, expected):
        one["z"] = one.x + 1
        one.y = 5
        del one["k"]
    assert_eq(df, expected)


def test_from_delayed_and_from_map() -> None:
    parts = [shoal.delayed(FRAME.iloc[i : i + 5]) for i in range(0, 20, 5)]
    assert_eq(dd.from_delayed(parts), FRAME)
    assert_eq(dd.from_map(lambda i: FRAME.iloc[i : i + 5], range(0, 20, 5)), FRAME)
    assert_eq(dd.from_delayed(dd.from_pandas(FRAME, 3).to_delayed()), FRAME)


def test_persisted_frames_go_on() -> None:
    df = dd.from_pandas(FRAME, 4).persist()
    assert df.divisions == (0, 5, 10, 15, 19)
    assert_eq(df.x + 1, FRAME.x + 1)


def test_pickled_and_on_processes() -> None:
    df = dd.from_pandas(FRAME, 2)
    some = pickle.loads(pickle.dumps(df.groupby("k").x.sum()))
    expected = FRAME.groupby("k").x.sum()
    pd.testing.assert_series_equal(some.compute(scheduler="processes", num_workers=1), expected)


@pytest.mark.parametrize("name", ["filter and project", "assign and filter", "sort_values"])
def test_not_optimised(name: str) -> None:
    got = CASES[name](dd.from_pandas(FRAME, 4)).compute(optimize_graph=False)
    assert got.equals(CASES[name](FRAME))


def test_a_filter_that_relies_on_another_comes_after_it() -> None:
    frame = pd.DataFrame({"s": ["1", "two", "3"], "n": [True, False, True]})
    df = dd.from_pandas(frame, 2)
    some = df[df.n]
    assert some[some.s.astype("int64") > 1].compute().s.tolist() == ["3"]


def test_what_is_wrong_is_said() -> None:
    df = dd.from_pandas(FRAME.rename(columns={"y": "price"}), 2)
    with pytest.raises(KeyError, match="did you mean 'price'"):
        df["prise"]
    with pytest.raises(AttributeError, match="did you mean 'price'"):
        df.prices_
    with pytest.raises(KeyError, match="did you mean 'price'"):
        df[["prce"]]
    with pytest.raises(KeyError, match="not a column"):
        df.groupby("q")
    with pytest.raises(ValueError, match="ambiguous"):
        bool(df.x > 1)
    with pytest.raises(NotImplementedError, match="compute"):
        df.transpose()
    with pytest.raises(NotImplementedError, match="assign the result"):
        df.fillna(1, inplace=True)
    with pytest.raises(MetaError, match="Pass meta="):
        df.map_partitions(lambda part: part.nothing)
    with pytest.raises(TypeError, match="pandas"):
        dd.from_pandas([1], 1)


@pytest.mark.parametrize(
    "dtype",
    ["int8", "float32", "bool", "str", "object", "datetime64[ns]", "timedelta64[ns]", "category"]
    + ["datetime64[ns, UTC]", "Int64", "boolean", "period[D]", "string", "int64[pyarrow]"],
)
def test_samples_have_the_dtypes_of_their_meta(dtype: str) -> None:
    meta = make_meta({"x": dtype})
    sample = sample_of(meta)
    assert len(sample) == 2
    assert sample.dtypes.x == meta.dtypes.x


def test_every_name_in_the_tables_is_pandas_own() -> None:
    for name in ("DataFrame", "Series", "Index"):
        ours, theirs = getattr(dd, name), getattr(pd, name)
        for method in [*tables.ROWWISE[name].split(), *tables.REDUCTIONS[name].split()]:
            assert hasattr(theirs, method), method
            assert getattr(ours, method).__doc__, method


def test_importing_is_cheap() -> None:
    code = "import sys, shoal.dataframe; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_explain_says_how_large_frames_are() -> None:
    df = dd.from_pandas(pd.DataFrame({"x": range(9), "s": list("abcabcabc")}), 3)
    told = df[df.x > 2].assign(y=df.x * 2).explain()
    assert "FromPandas(9 rows)" in told
    assert "9 rows, 288 B" in told
    assert "at most 9 rows, 360 B" in told
    mapped = df.map_partitions(lambda part: part, meta=df._meta).explain()
    assert "rows," not in next(line for line in mapped.splitlines() if "MapPartitions" in line)
