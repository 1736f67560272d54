"""Files are read for the columns that a program uses, through whatever it does with frames."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
import shoal.dataframe as dd
from shoal.dataframe.rules import RULES
from shoal.expr.rewrite import rewrite

COUNT = 40
FRAME = pd.DataFrame(
    {
        "k": np.arange(COUNT) % 5,
        "x": np.arange(COUNT)[::-1].copy(),
        "y": np.where(np.arange(COUNT) % 7, np.arange(COUNT) * 0.5, np.nan),
        "s": list("abcd") * 10,
        "t": pd.date_range("2020", periods=COUNT, freq="h"),
        "z1": 1,
        "z2": "z",
    }
)

READ = {
    # values, column by column
    'd.fillna({"y": 1, "x": 2}).y': "y",
    'd.astype({"x": "float", "k": "float"}).x': "x",
    'd.astype({"x": "float"}).y': "y",
    'd.round({"y": 1, "k": 0}).y': "y",
    'd.isin([1, "a"]).x': "x",
    'd.isin({"x": [1], "k": [2]}).x': "x",
    "d.where(d.x > 20).y": "xy",
    "d.mask(d.x > 20, 0).y": "xy",
    "d.convert_dtypes().x": "x",
    "d.infer_objects().x": "x",
    'd.rename_axis("i").x': "x",
    "d.combine_first(d).x": "x",
    'd.replace({"y": {1.5: 7}, "s": {"a": "q"}}).y': "y",
    "d.replace({1: 2, 1.5: 7}).y": "y",
    'd.replace("a", {"s": "q"}).x': "x",
    "d.shift(2).x": "x",
    'd[["x", "y", "k"]].diff().x': "x",
    "d.ffill(limit=1).y": "y",
    "d.bfill(limit=1).s": "s",
    'd[["x", "y", "k"]].rolling(3).sum().y': "y",
    'd[["x", "y", "k"]].rolling(3).cov().y': "xyk",
    # columns
    'd.add_prefix("p_").p_x': "x",
    'd.add_suffix("_p").x_p': "x",
    'd.set_axis(list("abcdefg"), axis=1).b': "x",
    'd.select_dtypes("number").x': "x",
    'd.filter(items=["x", "y"]).x': "x",
    'd.filter(like="z").z1': "z1",
    'd.filter(regex="^[xy]$").y': "y",
    'd.reindex(columns=["x", "y"]).x': "x",
    # rows
    'd.dropna(subset=["y"]).x': "xy",
    'd.dropna(subset="y").x': "xy",
    'd.explode("s").x': "xs",
    'd.drop_duplicates(subset=["k"]).x': "xk",
    'd.drop_duplicates(subset="k", keep="last").k': "k",
    'd.nlargest(3, "x").y': "xy",
    'd.nsmallest(3, ["y", "x"]).k': "kxy",
    "d.loc[3:10].x": "x",
    "d.loc[5:5].x": "x",
    "d.loc[[3, 5]].x": "x",
    "d.loc[5:, ['x', 'y']].x": "x",
    "d.truncate(3, 10).x": "x",
    "d.drop([3, 5]).x": "x",
    "d.sort_index().x": "x",
    "d.sort_index(ascending=False).x": "x",
    "d.query('x > 3').y": "xy",
    # shapes
    'd.melt(id_vars="k", value_vars=["x", "y"]).value': "kxy",
    'd.set_index("t").resample("5h").x.sum()': "tx",
    'd.set_index("t").resample("5h")[["x", "y"]].sum().x': "txy",
    'd.set_index("t").resample("5h").agg({"y": "max", "x": "sum"}).x': "txy",
    'd.resample("5h", on="t").agg({"x": "sum"}).x': "tx",
    'd.rolling(3)["x"].sum()': "x",
    'd.rolling(3)[["y", "x"]].max().y': "xy",
    'd.set_index("t").rolling("3h")["x"].sum()': "tx",
}

ONLY_HERE = {
    'd.set_index("x", sort=False).y': ("xy", FRAME.set_index("x").y),
    'd.set_index("x", sort=False, drop=False).x': ("x", FRAME.set_index("x", drop=False).x),
    "d.clear_divisions().x": ("x", FRAME.x),
    'd.reset_index().set_index("index").x': ("x", FRAME.x.rename_axis("index")),
    "d.reset_index(drop=True).x.rename_axis(None)": ("x", FRAME.x.set_axis([*range(10)] * 4)),
    "d.sample(frac=1.0, random_state=1).x.sort_index()": ("x", FRAME.x),
    "dd.concat(d.random_split([0.5, 0.5], 1)).x.sort_index()": ("x", FRAME.x),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    where = str(tmp_path_factory.mktemp("pruning"))
    dd.from_pandas(FRAME, 4).to_parquet(where)
    yield where


def columns_read(collection: Any) -> set[str]:
    with shoal.config.set({"dataframe.engine": "pandas"}):
        (root,), _ = rewrite([collection.expr], RULES)
    found: set[str] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        stack += [source for source in node.sources if hasattr(source, "sources")]
        for told in re.findall(r"ReadParquet\(\d+ pieces(?:, columns=\[([^]]*)\])?", node.label()):
            found |= set(re.findall(r"'(\w+)'", told)) if told else {"all"}
    return found


@pytest.mark.parametrize("text", [*READ, *ONLY_HERE])
def test_columns_that_are_read(text: str, folder: str) -> None:
    lazy = eval(text, {"d": dd.read_parquet(folder, calculate_divisions=True), "dd": dd})
    allowed = READ[text] if text in READ else ONLY_HERE[text][0]
    assert columns_read(lazy) <= ({allowed} if allowed.startswith("z") else set(allowed))
    got = lazy.compute(scheduler="sync")
    expected = eval(text, {"d": FRAME}) if text in READ else ONLY_HERE[text][1]
    if text.startswith("d.melt"):
        got, expected = (
            one.sort_values(ignore_index=True).astype("float64") for one in (got, expected)
        )
    pd.testing.assert_series_equal(got, expected, check_freq=False, check_index_type=False)


TICKS = pd.DataFrame({"t": np.arange(0, 40, 3), "k": np.arange(14) % 3, "x": 1.5, "w": range(14)})


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("options", "ours", "theirs"),
    [
        ({"on": "t"}, "ty", "tw"),
        ({"on": "t", "by": "k", "direction": "nearest"}, "tky", "tkw"),
        ({"left_on": "t", "right_on": "t", "left_by": "k", "right_by": "k"}, "tky", "tkw"),
        ({"left_index": True, "right_on": "w", "suffixes": ("", "_r")}, "y", "w"),
        # pandas has t a third time, under its name.
        ({"left_index": True, "right_on": "t", "by": "k"}, "", ""),
        ({"left_on": "t", "right_index": True, "by": "k"}, "", ""),
    ],
)
def test_joins_on_the_nearest_label(
    tmp_path: Any, count: int, options: Any, ours: str, theirs: str
) -> None:
    left = FRAME.drop(columns=["s", "z2"]).assign(t=np.arange(COUNT))
    dd.from_pandas(left, 4).to_parquet(tmp_path / "left")
    dd.from_pandas(TICKS, count).to_parquet(tmp_path / "right")
    one, two = (
        dd.read_parquet(str(tmp_path / side), calculate_divisions=True)
        for side in ("left", "right")
    )
    lazy = dd.merge_asof(one, two, **options)
    expected = pd.merge_asof(left, TICKS, **options)
    for columns in (["y", "w"], ["w"], list(expected.columns), list(expected.columns[-2:]), []):
        found = lazy[columns].compute(scheduler="sync").reset_index(drop=True)
        pd.testing.assert_frame_equal(found, expected[columns].reset_index(drop=True))
    if ours:
        assert "y" not in columns_read(lazy[["w"]])
        assert columns_read(lazy[["y", "w"]]) == set(ours + theirs)


def test_labels_of_what_puts_columns_beside_each_other(folder: str) -> None:
    df = dd.read_parquet(folder)
    assert len(df.isin({"x": [1]}).index.compute(scheduler="sync")) == COUNT


def test_what_two_readers_need_of_distinct_rows_is_there_once(folder: str) -> None:
    df = dd.read_parquet(folder)
    some = df.drop_duplicates(subset="k")
    x, y = shoal.compute(some.x.sum(), some.y.sum(), scheduler="sync")
    plain = FRAME.drop_duplicates(subset="k")
    assert (x, y) == (plain.x.sum(), plain.y.sum())


def test_distinct_rows_that_were_narrowed_meet_no_column_of_the_same_name(folder: str) -> None:
    """A column that nobody reads would be renamed in the join, and others with it."""
    df = dd.read_parquet(folder)
    both = df.drop_duplicates(subset="k")[["k", "x"]].merge(df[["k", "y", "s"]], on="k")
    plain = FRAME.drop_duplicates(subset="k")[["k", "x"]].merge(FRAME[["k", "y", "s"]], on="k")
    got = both[["x", "y"]].compute(scheduler="sync").sort_values(["x", "y"], ignore_index=True)
    pd.testing.assert_frame_equal(got, plain[["x", "y"]].sort_values(["x", "y"], ignore_index=True))


def test_numbers_of_the_first_rows_are_theirs_and_of_the_last_their_partitions(
    folder: str,
) -> None:
    df = dd.read_parquet(folder)
    head = df.reset_index(drop=True).head(3)
    pd.testing.assert_frame_equal(head, FRAME.head(3))
    assert df.reset_index(drop=True).tail(2).index.tolist() == [8, 9]
    whole = df.reset_index(drop=True).head(12, npartitions=-1)
    assert whole.index.tolist() == [*range(10), 0, 1]


WIDE = pd.DataFrame({"a": [1.0, 2, np.nan, 4], "b": [5.0, np.nan, 7, 8], "c": [1.0, 1, 1, 2]})
ROW = [2.0, 3.0, 4.0]

ALONG_ROWS = {
    "ffill": lambda d: d.ffill(axis=1),
    "ffill with a limit": lambda d: d.ffill(axis="columns", limit=1),
    "where, a tuple": lambda d: d.where(d > 2, tuple(ROW), axis=1),
    "mask, a tuple": lambda d: d.mask(d > 2, tuple(ROW), axis=1),
    "where, a function": lambda d: d.where(lambda e: e.gt(e.mean(axis=1), axis=0)),
    "mask, functions": lambda d: d.mask(lambda e: e.gt(e.a, axis=0), lambda e: e.add(e.c, axis=0)),
    "a mean of all rows": lambda d: d.where(lambda e: e > e.mean()),
    "clip, an array": lambda d: d.clip(np.array(ROW), axis=1),
    "clip, a row that is computed": lambda d: d.clip(d.mean(), axis=1),
    "+ a list": lambda d: d + ROW,
    "* an array": lambda d: d * np.array(ROW),
    "> an index": lambda d: d > pd.Index(ROW),
    "> a row": lambda d: d > pd.Series(ROW, index=list("abc")),
    "> a row that is computed": lambda d: d > d.mean(),
    "add an array": lambda d: d.add(np.array(ROW)),
    "eq an index": lambda d: d.eq(pd.Index(ROW)),
}


@pytest.mark.parametrize("what", ALONG_ROWS)
def test_what_is_laid_along_a_row_meets_all_columns(what: str) -> None:
    operation, lazy = ALONG_ROWS[what], dd.from_pandas(WIDE, npartitions=2)
    for column in "abc":
        found = operation(lazy)[[column]].compute(scheduler="sync")
        pd.testing.assert_frame_equal(found, operation(WIDE)[[column]])


def test_pandas_leaves_operators_to_what_is_lazy() -> None:
    lazy = dd.from_pandas(WIDE, npartitions=2)
    row, column = pd.Series(ROW, index=list("abc")), pd.Series([4, 3, 2, 1], index=[3, 1, 2, 0])
    for found, wanted in (
        (WIDE.iloc[::-1] - lazy, WIDE.iloc[::-1] - WIDE),
        (column * lazy.a, column * WIDE.a),
        (row + lazy, row + WIDE),
        (WIDE > lazy, WIDE > WIDE),
    ):
        assert type(found).__module__.startswith("shoal.")
        computed = found.compute(scheduler="sync").sort_index()
        compare = (
            pd.testing.assert_series_equal if computed.ndim == 1 else pd.testing.assert_frame_equal
        )
        compare(computed, wanted.sort_index())
