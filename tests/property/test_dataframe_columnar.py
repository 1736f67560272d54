"""What the columnar kernel computes is what pandas computes, missing values and all.

Each expression runs on files of a few partitions, some of them empty, and is compared with pandas
on the whole; and it must have been translated, so that nothing is compared with itself.
"""

from __future__ import annotations

import importlib
import itertools
import operator
import re
import tempfile
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
import shoal.dataframe as dd
from shoal.collection import Job, run_plan
from shoal.dataframe.columnar.region import Columnar
from shoal.dataframe.rules import RULES
from shoal.expr.rewrite import rewrite

pytest.importorskip("polars")

FLOATS = st.sampled_from([0.0, -0.0, 1.5, -2.25, 3.0, 1e300, float("inf"), float("nan"), None])
WORDS = st.sampled_from(["", "a", "green", "evergreen x", "é", "日本", "😀", "Z"])
START = pd.Timestamp("1999-12-30")
TIMES = st.one_of(st.none(), st.integers(0, 40).map(lambda h: START + pd.Timedelta(h, "h")))


@st.composite
def frames(draw: Any) -> pd.DataFrame:
    """A frame with a column of each kind."""
    n = draw(st.integers(1, 12))
    column: Callable[[Any], list[Any]] = lambda values: draw(
        st.lists(values, min_size=n, max_size=n)
    )
    return pd.DataFrame(
        {
            "i": pd.array(column(st.integers(-3, 3)), dtype="int64"),
            "j": pd.array(column(st.integers(-100, 100)), dtype="int8"),
            "f": pd.array([float("nan") if v is None else v for v in column(FLOATS)], "float64"),
            "g": pd.array([float("nan") if v is None else v for v in column(FLOATS)], "float64"),
            "s": pd.array(column(st.one_of(st.none(), WORDS)), dtype="str"),
            "k": pd.array(column(WORDS), dtype="str"),
            "t": pd.Series(column(TIMES), dtype="datetime64[us]"),
            "u": pd.Series(column(st.integers(0, 9).map(lambda h: START)), dtype="datetime64[us]"),
            "b": pd.array(column(st.booleans()), dtype="bool"),
        }
    )


def stored(frame: pd.DataFrame, count: int, folder: str) -> Any:
    bounds = [len(frame) * i // count for i in range(count + 1)]
    for i, (a, b) in enumerate(itertools.pairwise(bounds)):
        frame.iloc[a:b].to_parquet(f"{folder}/part.{i}.parquet", index=False)
    return dd.read_parquet(folder)


def check(query: Callable[[Any], Any], df: Any, frame: pd.DataFrame) -> None:
    lazy, expected = query(df), query(frame)
    (root,), _ = rewrite([lazy.expr], RULES)
    assert isinstance(root, Columnar), root.label()
    with shoal.config.set(scheduler="sync"):
        got = lazy.compute()
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(got, expected)
    elif isinstance(expected, pd.Series):
        pd.testing.assert_series_equal(got, expected)
    else:
        assert type(got) is type(expected) or isinstance(expected, float)
        assert got == pytest.approx(expected, nan_ok=True)


def comparison(column: str, name: str, value: Any) -> Callable[[Any], Any]:
    return lambda df: df[getattr(operator, name)(df[column], value)].groupby("k").i.count()


def aggregated(column: str, name: str) -> Callable[[Any], Any]:
    return lambda df: getattr(df.groupby("k")[column], name)()


PREDICATES: dict[str, Callable[[Any], Any]] = {
    **{f"f {op} 1.5": comparison("f", op, 1.5) for op in ("lt", "le", "gt", "ge", "eq", "ne")},
    **{f"i {op} 1": comparison("i", op, 1) for op in ("lt", "le", "gt", "ge", "eq", "ne")},
    **{f"s {op} a": comparison("s", op, "a") for op in ("lt", "ge", "eq", "ne")},
    **{f"t {op} time": comparison("t", op, START.to_pydatetime()) for op in ("gt", "eq", "ne")},
    "floats": lambda df: df[df.f >= df.g].groupby("k").i.count(),
    "floats differ": lambda df: df[df.f != df.g].groupby("k").i.count(),
    "times": lambda df: df[df.t > df.u].groupby("k").i.count(),
    "int and float": lambda df: df[df.f < df.i].groupby("k").i.count(),
    "or": lambda df: df[(df.f > 0) | (df.s == "a")].groupby("k").i.count(),
    "and not": lambda df: df[(df.i > 0) & ~(df.s == "a")].groupby("k").i.count(),
    "isin": lambda df: df[df.s.isin(["a", "é"])].groupby("k").i.count(),
    "not isin": lambda df: df[~df.s.isin(["a", "é"])].groupby("k").i.count(),
    "int isin": lambda df: df[df.i.isin([1, 2, 77])].groupby("k").i.count(),
    "between": lambda df: df[df.f.between(-1, 3)].groupby("k").i.count(),
    "isna": lambda df: df[df.f.isna() | df.s.isna() | df.t.isna()].groupby("k").i.count(),
    "notna": lambda df: df[df.f.notna() & df.s.notna()].groupby("k").i.count(),
    "contains": lambda df: df[df.s.str.contains("green")].groupby("k").i.count(),
    "not contains": lambda df: df[~df.s.str.contains("green")].groupby("k").i.count(),
    "starts": lambda df: df[df.s.str.startswith("g") | df.k.str.endswith("x")].groupby("k").i.sum(),
    "flag": lambda df: df[df.b].groupby("k").i.count(),
}

AGGREGATIONS: dict[str, Callable[[Any], Any]] = {
    **{
        f"{column} {name}": aggregated(column, name)
        for column in ("i", "j", "f")
        for name in ("sum", "mean", "count", "min", "max")
        if (column, name) not in (("j", "sum"), ("j", "mean"))
    },
    "size": lambda df: df.groupby(["k", "i"]).size(),
    "nunique": lambda df: df.groupby("k").s.nunique(),
    "times": lambda df: df.groupby("k").t.max(),
    "by floats": lambda df: df[["f", "i"]].groupby("f").i.sum(),
    "by text that is missing": lambda df: df.groupby("s").i.sum(),
    "by times that are missing": lambda df: df.groupby(["t", "s"]).i.sum(),
    "several": lambda df: df.groupby(["k", "i"]).agg({"f": ["sum", "count"], "j": "max"}),
    "year": lambda df: df.assign(y=df.u.dt.year).groupby("y").i.sum(),
    "computed": lambda df: df.assign(z=df.f * (1 - df.g) + df.i / 2).groupby("k").z.sum(),
    "division": lambda df: df.assign(z=df.i / (df.i - 1)).groupby("k").z.max(),
    "flags": lambda df: df.assign(z=df.b.astype("int64")).groupby("k").z.sum(),
    "again": lambda df: df.groupby(["k", "i"]).f.count().reset_index().groupby("k").f.max(),
    "renamed": lambda df: df.rename(columns={"i": "n"}).groupby("k").n.sum(),
    "scalar sum": lambda df: (df.f * df.g).sum(),
    "scalar int": lambda df: df.i.sum(),
    "scalar mean": lambda df: df[df.i > 0].f.mean(),
    "scalar count": lambda df: df[df.i > 0].s.count(),
    "scalar max": lambda df: df[df.i > 0].f.max(),
}


def joined(on: list[str]) -> Callable[[Any], Any]:
    def query(df: Any) -> Any:
        other = df[df.i > 0][[*on, "f", "i"]] if "i" not in on else df[[*on, "f"]]
        return df.merge(other, on=on).groupby("k").f_x.count()

    return query


JOINS: dict[str, Callable[[Any], Any]] = {
    "missing keys meet": joined(["s"]),
    "missing times meet": joined(["t", "k"]),
    "numbers": joined(["i"]),
    "largest": lambda df: df.merge(
        df[["k", "i"]].rename(columns={"k": "key", "i": "number"}), left_on="i", right_on="number"
    )[["k", "key", "f", "j"]].nlargest(5, "j"),
    "largest group": lambda df: df.groupby(["k", "j"]).i.sum().reset_index().nlargest(3, "i"),
}

GROUPS = {"predicates": PREDICATES, "aggregations": AGGREGATIONS, "joins": JOINS}


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("group", GROUPS)
@settings(max_examples=6, deadline=None)
@given(frame=frames(), count=st.integers(1, 3))
def test_as_pandas(group: str, frame: pd.DataFrame, count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lazy = stored(frame, count, folder)
        for name, query in GROUPS[group].items():
            try:
                check(query, lazy, frame)
            except AssertionError as error:
                error.add_note(name)
                raise


NOT_TRANSLATED: dict[str, Callable[[Any], Any]] = {
    "a sum of int8": lambda df: df.groupby("k").j.sum(),
    "a pattern": lambda df: df[df.s.str.contains("g.*n", na=False)].groupby("k").i.sum(),
    "groups in order of appearance": lambda df: df.groupby("k", sort=False).i.sum(),
    "missing groups": lambda df: df.groupby("s", dropna=False).i.sum(),
    "first": lambda df: df.groupby("k").f.first(),
    "outer join": lambda df: df.merge(df[["k", "i"]], on="k", how="outer").groupby("k").i_x.sum(),
    "float keys": lambda df: df.merge(df[["f", "i"]], on="f").groupby("k").i_x.sum(),
    "floor division": lambda df: (df.f // 2).sum(),
}


@pytest.mark.parametrize("name", NOT_TRANSLATED)
def test_what_has_no_equivalent_is_left_to_pandas(name: str, tmp_path: Any) -> None:
    frame = pd.DataFrame(
        {"i": [1, 2], "j": [1, 2], "f": [0.5, 1.5], "s": ["a", None], "k": ["x", "y"]}
    ).astype({"s": "str", "j": "int8"})
    query = NOT_TRANSLATED[name]
    lazy = query(stored(frame, 1, str(tmp_path)))
    (root,), _ = rewrite([lazy.expr], RULES)
    assert not isinstance(root, Columnar)
    assert re.search(r"pandas: (?!partitions in memory)", lazy.explain())
    got, expected = lazy.compute(scheduler="sync"), query(frame)
    assert got == expected if name == "floor division" else got.equals(expected)


def test_the_setting_and_the_limit(tmp_path: Any) -> None:
    lazy = stored(pd.DataFrame({"i": [1, 2]}), 1, str(tmp_path)).i.sum()
    for setting in ({"dataframe.engine": "pandas"}, {"dataframe.columnar-limit": 1}):
        with shoal.config.set(setting):
            (root,), _ = rewrite([lazy.expr], RULES)
            assert not isinstance(root, Columnar)
            assert lazy.compute(scheduler="sync") == 3


class _Elsewhere:
    """Runs tasks in processes of so much memory."""

    def __init__(self, size: int | None) -> None:
        self.size = size

    def __shoal_run__(self, plan: Any, **options: Any) -> Any:
        return run_plan(plan, "sync")

    def __shoal_memory__(self) -> int | None:
        return self.size


@pytest.mark.parametrize(("size", "whole"), [(1, False), (1 << 30, True), (None, True)])
def test_what_is_too_large_for_one_process_of_a_cluster_is_computed_by_partitions(
    tmp_path: Any, monkeypatch: Any, size: int | None, whole: bool
) -> None:
    rule = importlib.import_module("shoal.dataframe.rules.columnar_region")
    monkeypatch.setattr(rule, "SMALL_BYTES", 0)
    lazy = stored(pd.DataFrame({"i": [1, 2]}), 2, str(tmp_path)).i.sum()
    job = Job([lazy], scheduler=_Elsewhere(size))
    assert isinstance(job.nodes[0], Columnar) is whole
    assert lazy.compute(scheduler=_Elsewhere(size)) == 3
