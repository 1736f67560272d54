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
