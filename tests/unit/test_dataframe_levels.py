"""Frames whose columns have several levels: programs that pandas and shoal run alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
import shoal.dataframe as dd

pytestmark = [
    pytest.mark.filterwarnings("ignore::pandas.errors.PerformanceWarning"),
    pytest.mark.filterwarnings("ignore:.*not a full-length tuple"),
]


def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    out = pd.DataFrame(
        {
            ("a", "x"): rng.permutation(np.arange(9)),
            ("a", "y"): rng.permutation(np.arange(9)) / 4,
            ("b", "x"): list("pqrpqrpqr"),
            ("b", "z"): rng.permutation(np.arange(9)) / 8,
            ("c", ""): [2, 1, 1, 0, 1, 2, 1, 1, 2],
        }
    )
    out.columns = out.columns.set_names(["o", "i"])
    out.loc[2, ("a", "y")] = np.nan
    return out


FLAT = pd.DataFrame({"k": [0, 1, 2, 0], "v": [1.0, 2, 3, 4]})


def put(frame: Any, key: Any, value: Any) -> Any:
    frame = frame.copy()
    frame[key] = value
    return frame


def without(frame: Any, key: Any) -> Any:
    frame = frame.copy()
    del frame[key]
    return frame


def popped(frame: Any, key: Any) -> Any:
    frame = frame.copy()
    return frame.pop(key), frame


PROGRAMS = """
    df["a"]
    df["c"]
    df.a.x
    df["a", "x"]
    df[["b", "a"]]
    df[[("b", "z"), ("a", "x")]]
    df.loc[:, "a"]
    df.loc[2:5, ("a", "y")]
    df.loc[:, ["a"]]
    df.loc[:, pd.IndexSlice[:, "x"]]
    df.loc[:, ("a", slice(None))]
    df.loc[:, (["a", "b"], "x")]
    df.loc[:, "a":"b"]
    df.loc[df["a", "x"] > 3, "a"]
    df.iloc[:, [0, 2]]
    df["a"] * df["a"]
    df[df.a.x > 3]["b"]
    df.rename(columns={"a": "A"})
    df.rename(columns={"a": "A"})["A"].sum()
    df.rename(columns={"x": "X"})
    df.rename(columns={"x": "X", "a": "A"}, level=1)
    df.rename(columns={"x": "X"}, level="i")[("a", "X")]
    df.rename(columns=str.upper)
    df.rename({"a": "A"}, axis=1)
    df.rename(index={1: 100}, columns={"a": "A"})
    df.drop(columns="a")
    df.drop(columns=[("a", "x")])
    df.drop(columns="x", level=1)
    df.drop("c", axis=1)
    df.assign(n=df["a", "x"] * 2).n.sum()
    put(df, ("a", "n"), df["a", "x"] + 1)
    put(df, "n", 5)
    put(df, "c", df["a", "x"])
    put(df, "a", df["a"] * 2)
    put(df, "a", 7)
    put(df, [("n", "x"), ("n", "y")], df[[("a", "x"), ("c", "")]])
    without(df, "a")
    without(df, ("a", "x"))
    popped(df, "a")
    df.dropna(subset=[("a", "y")])
    df.nlargest(3, ("a", "x"))
    df.nlargest(3, [("c", ""), ("a", "x")])
    df["a"].groupby("x").y.sum()
    df.groupby("c").sum()
    df.groupby(["c", ("b", "x")]).max()
    df.groupby(("c", ""))[[("a", "y"), ("b", "z")]].mean()
    df.groupby("c")["a"].sum()
    df.groupby("c").agg({("a", "x"): ["sum", "max"], ("a", "y"): "mean"})
    df.groupby("c").agg(n=(("a", "x"), "sum"))
    df.groupby("c", as_index=False).count()
    df.groupby(df["a", "x"] % 2).count()
    df.groupby(df["b", "x"]).count()
    df.groupby("c").size()
    df[["a", "c"]].groupby("c").cumsum()
    df[["a", "c"]].groupby("c").transform("sum")
    df[["a", "c"]].groupby("c").median()
    df[["a", "c"]].groupby("c").describe()
    df[["a", "c"]].groupby("c").apply(lambda g: g.sum())
    df[["a", "c"]].groupby("c").corr()
    df[["a", "c"]].groupby("c").rolling(2).sum()
    df.groupby("c").head(1)
    df["a", "x"].groupby(df["c"]).agg(["sum", "max"])
    df["a", "x"].groupby(df["c"]).sum()
    df["a", "x"].groupby(df["c"]).apply(lambda s: s.sum())
    df["a", "x"].rank()
    df[["a", "c"]].rank()
    df.duplicated(subset=("c", ""))
    df.duplicated(subset=[("c", ""), ("b", "x")])
    df.sort_values(("a", "x"), ascending=False)
    df.sort_values([("c", ""), ("a", "x")])
    df.sort_index(axis=1, level=1)
    df.set_index(("a", "x")).sort_index()
    df.set_index(df["a", "x"] + 1).sort_index()
    df.drop(columns="c").assign(n=df["a", "x"]).set_index("n").sort_index()
    df.swaplevel(axis=1)
    df.reorder_levels(["i", "o"], axis=1)["x"]
    df.xs("x", axis=1, level="i")
    df[["c"]].mode()
    df[["a", "c"]].agg(["sum", "max"])
    df[["a", "c"]].agg({("a", "x"): ["sum", "max"], ("a", "y"): ["mean"]})
    df[["a", "c"]].corrwith(df[["a", "c"]])
    df.value_counts([("c", "")])
    df.value_counts("c")
    FLAT.value_counts(["k"])
    FLAT.value_counts("k")
    FLAT.groupby("k").agg({"v": ["sum", "mean"]})["v"]
    FLAT.groupby("k").agg({"v": ["sum", "mean"]})["v", "sum"] * 2
    FLAT.groupby("k").agg({"v": ["sum", "mean"]}).rename(columns={"v": "V"})["V"]["mean"]
    FLAT.groupby("k").agg({"v": ["sum", "mean"]}).reset_index().groupby("k").sum()
    FLAT.groupby("k").agg({"v": ["sum", "mean"]}).droplevel(0, axis=1)["sum"]
"""


def both(text: str) -> tuple[Any, Any]:
    space = {"pd": pd, "put": put, "without": without, "popped": popped}
    of_shoal = {"df": dd.from_pandas(table(), 3), "FLAT": dd.from_pandas(FLAT, 2)}
    return (
        eval(text, {**space, "df": table(), "FLAT": FLAT}),
        eval(text, {**space, **of_shoal}),
    )


def check(wanted: Any, lazy: Any) -> None:
    if isinstance(wanted, tuple):
        for one, other in zip(wanted, lazy, strict=True):
            check(one, other)
        return
    found = lazy.compute(scheduler="sync")
    if isinstance(wanted, pd.DataFrame):
        pd.testing.assert_frame_equal(found, wanted, check_freq=False)
        pd.testing.assert_index_equal(lazy.columns, wanted.columns)
        assert lazy.dtypes.equals(found.dtypes)
    elif isinstance(wanted, pd.Series):
        pd.testing.assert_series_equal(found, wanted, check_freq=False)
        assert lazy.name == found.name
    else:
        assert found == wanted


@pytest.mark.parametrize("text", [line.strip() for line in PROGRAMS.strip().splitlines()])
def test_as_pandas(text: str) -> None:
    check(*both(text))


def test_what_is_not_there() -> None:
    df = dd.from_pandas(table(), 2)
    with pytest.raises(KeyError, match="'zz' is not a column"):
        df["zz"]
    with pytest.raises(KeyError):
        df.rename(columns={"zz": "A"}, errors="raise")
    with pytest.raises(ValueError, match="'a' is the outer label of 2 columns"):
        df.nlargest(2, "a")
    with pytest.raises(ValueError, match="'a' is the outer label of 2 columns"):
        df["a"] = df["c"]


def test_columns_are_pruned_through_new_labels() -> None:
    df = dd.from_pandas(table(), 2)
    renamed = df.rename(columns={"a": "A"}).drop(columns="b")["A"].x.sum()
    assert "columns=[('a', 'x')]" in renamed.explain()
    plain = dd.from_pandas(FLAT.assign(w=1), 2)
    assert "columns=['v']" in plain.drop(columns="k").rename(columns={"v": "V"}).V.sum().explain()


@pytest.mark.parametrize("engine", ["pandas", "columnar"])
def test_groups_by_columns_that_are_numbers(engine: str) -> None:
    # pandas takes the level "number 0" for the one that is named 0.
    data = pd.DataFrame({0: [1, 1, 2, 2, 3], 1: [1.0, 2, 3, 4, 5], 4: [0, 1, 0, 1, 0]})
    df = dd.from_pandas(data, 2)
    with shoal.config.set({"dataframe.engine": engine}):
        for method in ("sum", "median", "nunique", "first"):
            wanted = getattr(data.groupby([4, 0])[1], method)()
            found = getattr(df.groupby([4, 0])[1], method)().compute(scheduler="sync")
            pd.testing.assert_series_equal(found, wanted)
