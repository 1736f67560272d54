"""Stages of one partition that the columnar kernel computes are what pandas makes of them.

Each pipeline is planned with the columnar kernel; the query of every partition is run beside the
program of pandas that the same stage has, and both must be equal: values, dtypes, labels, order.
The whole must be what pandas makes of all rows.  Floats that were added may differ in last bits.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
import shoal.dataframe as dd
from shoal.dataframe.columnar.stage import Query
from shoal.dataframe.kernels.groups import State
from shoal.dataframe.kernels.program import Program, Step
from shoal.dataframe.nodes.stage import Stage
from shoal.dataframe.rules import RULES
from shoal.dataframe.rules.walk import sources_first
from shoal.expr.rewrite import rewrite

pytest.importorskip("polars")

FLOATS = st.sampled_from([0.0, -0.0, 1.5, -2.25, 3.0, 1e300, float("inf"), float("nan")])
WORDS = st.sampled_from(["", "a", "green", "evergreen x", "é", "日本", "😀", "Z", " z "])
START = pd.Timestamp("1999-12-30")
TIMES = st.one_of(st.none(), st.integers(0, 40).map(lambda h: START + pd.Timedelta(h, "h")))


def indexes(draw: Any, count: int) -> Any:
    """Labels: numbers of rows, numbers and text that repeat, times."""
    kind = draw(st.sampled_from(["rows", "numbers", "text", "times"]))
    if kind == "rows":
        return pd.RangeIndex(count)
    values = {"numbers": st.integers(0, 3), "text": st.one_of(st.none(), WORDS), "times": TIMES}
    drawn = draw(st.lists(values[kind], min_size=count, max_size=count))
    dtype = {"numbers": "int64", "text": "str", "times": "datetime64[us]"}[kind]
    return pd.Index(pd.array(drawn, dtype=dtype), name=draw(st.sampled_from([None, "n"])))


@st.composite
def frames(draw: Any) -> pd.DataFrame:
    """A frame with a column of each kind."""
    n = draw(st.integers(0, 12))
    column: Callable[[Any], list[Any]] = lambda values: draw(
        st.lists(values, min_size=n, max_size=n)
    )
    frame = pd.DataFrame(
        {
            "i": pd.array(column(st.integers(-3, 3)), dtype="int64"),
            "j": pd.array(column(st.integers(-100, 100)), dtype="int8"),
            "f": pd.array(column(FLOATS), "float64"),
            "g": pd.array(column(FLOATS), "float64"),
            "s": pd.array(column(st.one_of(st.none(), WORDS)), dtype="str"),
            "k": pd.array(column(WORDS), dtype="str"),
            "t": pd.Series(column(TIMES), dtype="datetime64[us]"),
            "u": pd.Series(column(st.integers(0, 9).map(lambda h: START)), dtype="datetime64[us]"),
            "b": pd.array(column(st.booleans()), dtype="bool"),
        }
    )
    return frame.set_axis(indexes(draw, n))


def stored(frame: pd.DataFrame, count: int, folder: str, groups: int) -> Any:
    """The frame in files of a few row groups; a partition is a file, or a row group."""
    bounds = [len(frame) * i // count for i in range(count + 1)]
    numbered = isinstance(frame.index, pd.RangeIndex)
    for i, (a, b) in enumerate(itertools.pairwise(bounds)):
        path = f"{folder}/part.{i}.parquet"
        frame.iloc[a:b].to_parquet(
            path, index=not numbered, row_group_size=max(1, (b - a) // groups)
        )
    return dd.read_parquet(folder, split_row_groups=groups > 1 and len(frame) > 3)


def held(frame: pd.DataFrame, count: int) -> tuple[Any, pd.DataFrame]:
    """The frame in partitions in memory, the first of them empty, with columns of other dtypes."""
    frame = frame.assign(
        c=pd.Categorical(frame.k),
        n=frame.i.astype("Int64").mask(frame.i == 2),
        o=frame.i.map(lambda number: [number]),
        z=frame.u.dt.tz_localize("Europe/Berlin"),
    )
    bounds = [0, *(len(frame) * i // count for i in range(count + 1))]
    parts = [frame.iloc[a:b] for a, b in itertools.pairwise(bounds)]
    return dd.from_map(lambda part: part, parts, meta=frame.iloc[:0]), frame


def programs(lazy: Any) -> Iterator[tuple[Any, list[tuple[Any, ...]]]]:
    """The program of each stage that reads nothing but files or memory, and all its arguments."""
    (root,), _ = rewrite([lazy.expr], RULES)
    found = [node for node in sources_first([root]) if isinstance(node, Stage)]
    assert found, root.label()
    for stage in found:
        body = stage.body
        assert body.kernel.told == "columnar", body.kernel.told
        program, values = body.kernel.compile(body.leaves, body.nodes)
        steps = [
            Step(Compared(one.func), one.args, "") if isinstance(one.func, Query) else one
            for one in program.steps
        ]
        assert any(isinstance(one.func, Compared) for one in steps)
        yield Program(steps), list(zip(*values, strict=True))


class Compared:
    """What a query gives, where it is what pandas gives."""

    def __init__(self, query: Query) -> None:
        self.query = query

    def __call__(self, *blocks: Any) -> Any:
        got, expected = self.query.columnar(*blocks), self.query.whole(*blocks)
        equal(got if len(got) > 1 else got[0], expected)
        return expected


def check(query: Callable[[Any], Any], lazy: Any, frame: pd.DataFrame) -> None:
    told = {"dataframe.engine": "columnar", "dataframe.columnar-limit": 0, "scheduler": "sync"}
    with shoal.config.set(told):
        made = query(lazy)
        for program, calls in programs(made):
            for blocks in calls:
                program(*blocks)
        got, expected = made.compute(), query(frame)
    rows = isinstance(expected, pd.DataFrame | pd.Series) and len(expected) == len(got)
    if rows and isinstance(frame.index, pd.RangeIndex) and expected.index.dtype == "int64":
        # Rows of files without labels are numbered in each partition anew.
        got, expected = (one.reset_index(drop=True) for one in (got, expected))
    equal(got, expected)


def equal(got: Any, expected: Any) -> None:
    """Equal in every respect, and floats that were added but for their last bits."""
    if isinstance(got, np.dtype):
        assert expected in (got, None)  # of a mean; pandas' mean of nothing has none
        return
    assert type(got) is type(expected) or np.isscalar(expected)
    if isinstance(expected, State):
        assert not got.rows and not expected.rows
        pd.testing.assert_frame_equal(*(one.atoms.sort_index() for one in (got, expected)))
    elif isinstance(expected, tuple | list):
        for one, two in zip(got, expected, strict=True):
            equal(one, two)
    elif isinstance(expected, dict):
        assert got == expected == {}
    elif isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(got, expected)
        assert got.attrs == expected.attrs
    elif isinstance(expected, pd.Series):
        pd.testing.assert_series_equal(got, expected)
    elif isinstance(expected, pd.Index):
        pd.testing.assert_index_equal(got, expected)
    elif expected is None:
        assert got is None
    else:
        assert type(got) is type(expected) or isinstance(expected, float)
        assert got == pytest.approx(expected, nan_ok=True)


def on(column: str, method: str, *args: Any, **kwargs: Any) -> Callable[[Any], Any]:
    """A method of a column, or one of its accessors."""

    def query(df: Any) -> Any:
        item = df[column]
        for name in method.split("."):
            item = getattr(item, name)
        return item(*args, **kwargs) if callable(item) else item

    return query


ROWS: dict[str, Callable[[Any], Any]] = {
    "all": lambda df: df,
    "some columns": lambda df: df[["s", "i"]],
    "a column": lambda df: df.t,
    "filter": lambda df: df[df.i * 2 > 2],
    "filter and columns": lambda df: df[df.f + df.g > 1][["t", "k"]],
    "filter in the reader": lambda df: df[(df.i > 0) & (df.i * 2 < 5)],
    "filter of a column": lambda df: df.s[df.i + 1 > 1],
    "two filters": lambda df: df[df.f * 2 > 0][lambda d: d.i - 1 < 2],
    "computed": lambda df: df.assign(z=df.f * (1 - df.g), y=df.i / 2, x=-df.i)[["z", "y", "x"]],
    "replaced": lambda df: df.assign(i=df.f - 1)[df.f * 1 != 3],
    "renamed": lambda df: df.rename(columns={"i": "n"})[["n", "s"]],
    "compared": lambda df: (df.f >= df.g) | ~(df.t != df.u) & df.b,
    "comparison of text": lambda df: df.s > "a",
    "isin": lambda df: df[df.s.isin(["a", "é"]) & df.b.astype("int64").isin([1])],
    "missing": lambda df: df.f.isna() | df.s.isna() | df.t.notna(),
    "contains": lambda df: df.s[df.s.str.contains("green") | df.k.str.startswith("Z")],
    "year": lambda df: df.u.dt.year,
}

TEXTS = {
    "len": lambda df: df.k.str.len(),
    "slices": lambda df: df.assign(
        a=df.s.str.slice(1), b=df.s.str.slice(0, 2), c=df.k.str.slice(2, 2)
    ),
    "strip": lambda df: df.assign(
        a=df.s.str.strip("ax "), b=df.s.str.lstrip(" g"), c=df.s.str.rstrip("n")
    ),
    "replace": lambda df: df.s.str.replace("green", "$1\\0", regex=False),
    "together": lambda df: df.assign(a=df.s + "é", b="x" + df.k, c=df.s + df.k),
    "filled text": lambda df: df.s.fillna("none").str.slice(0, 3),
    "text that is there": lambda df: df.s.dropna(),
}

TIMES_OF = {
    **{
        name: on("u", f"dt.{name}")
        for name in ("quarter", "day_of_year", "day_of_week", "hour", "microsecond")
    },
    **{f"floor {unit}": on("t", "dt.floor", unit) for unit in ("D", "h", "min", "s")},
    "normalize": lambda df: df.t.dt.normalize(),
    "weekends": lambda df: df[df.u.dt.day_of_week >= 5].i,
}

ARITHMETIC = {
    **{f"floors {n}": lambda df, n=n: df.assign(q=df.i // n, r=df.i % n) for n in (2, 3, -2, 1)},
    "square": lambda df: df.i**2,
    "absolute": lambda df: df.assign(a=df.f.abs(), b=abs(df.i), c=abs(-df.f)),
    "methods": lambda df: df.assign(a=df.f.mul(2), b=df.i.add(5), c=df.i.div(0), d=df.f.ge(1)),
    "filled": lambda df: df.assign(a=df.f.fillna(0), b=(df.f * df.g).fillna(-1.5)),
    "clipped": lambda df: df.assign(a=df.f.clip(-1, 2), b=df.i.clip(0), c=df.g.clip(upper=0.5)),
    "without gaps": lambda df: df.dropna()[["i", "s"]],
    "without some gaps": lambda df: df.dropna(subset=["f", "s"]).assign(
        z=df.dropna(subset=["f", "s"]).f
    ),
}

GROUPS: dict[str, Callable[[Any], Any]] = {
    **{
        f"{column} {name}": lambda df, c=column, n=name: getattr(
            df[df.i * 2 > -5].groupby("k")[c], n
        )()
        for column in ("i", "f", "t", "j")
        for name in ("sum", "mean", "count", "min", "max", "var", "std", "first", "last", "size")
        if (column, name) not in [(c, n) for c in "tj" for n in ("sum", "mean", "var", "std")]
    },
    "keys with gaps": lambda df: df.groupby(["s", "t"]).i.sum(),
    "gaps as keys": lambda df: df.groupby(["s", "f"], dropna=False).i.sum(),
    "in order of appearance": lambda df: df.groupby("s", sort=False).f.max(),
    "keys as columns": lambda df: df.groupby(["k", "i"], as_index=False).f.min(),
    "several": lambda df: df.groupby("k").agg({"f": ["sum", "count"], "i": ["max", "mean"]}),
    "text": lambda df: df.groupby("i").s.count(),
    "by a series": lambda df: df.groupby(df.i + 1).f.count(),
    "a series": lambda df: df.f.groupby(df.k).sum(),
}

NUMBERS: dict[str, Callable[[Any], Any]] = {
    **{
        f"{name} of {what}": lambda df, c=columns, n=name: getattr(df[df.i * 2 > -5][c], n)()
        for what, columns in (("i", "i"), ("f", "f"), ("both", ["i", "f"]), ("f g", ["f", "g"]))
        for name in ("sum", "mean", "count", "min", "max")
    },
    **{
        name: lambda df, n=name: getattr(df.assign(h=df.f.clip(-4, 4))[["i", "h"]], n)()
        for name in ("var", "std", "sem")
    },
    "std of a column": lambda df: df.i.std(),
    "count of all": lambda df: df[df.i * 2 > -5].count(),
    "size": lambda df: df[df.i * 2 > -5].s.size,
    "size of a frame": lambda df: df[df.i * 2 > -5].size,
    "enough": lambda df: df.f.sum(min_count=3),
}

GROUPS_OF_QUERIES: dict[str, dict[str, Callable[[Any], Any]]] = {
    "rows": ROWS,
    "groups": GROUPS,
    "numbers": NUMBERS,
    "texts": TEXTS,
    "times": TIMES_OF,
    "arithmetic": ARITHMETIC,
}


NO_QUERY = ("all", "some columns", "a column", "renamed", "count of all", "without gaps")
"""Of partitions in memory: nothing is computed, or of columns that are only handed on."""


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("group", GROUPS_OF_QUERIES)
@settings(max_examples=4, deadline=None)
@given(frame=frames(), count=st.integers(1, 3), groups=st.integers(1, 2))
def test_files_as_pandas(group: str, frame: pd.DataFrame, count: int, groups: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lazy = stored(frame, count, folder, groups)
        for name, query in GROUPS_OF_QUERIES[group].items():
            try:
                check(query, lazy, frame)
            except Exception as error:
                error.add_note(name)
                raise


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("group", GROUPS_OF_QUERIES)
@settings(max_examples=2, deadline=None)
@given(frame=frames(), count=st.integers(1, 3))
def test_partitions_in_memory_as_pandas(group: str, frame: pd.DataFrame, count: int) -> None:
    lazy, frame = held(frame, count)
    for name, query in GROUPS_OF_QUERIES[group].items():
        if name not in NO_QUERY:
            try:
                check(query, lazy, frame)
            except Exception as error:
                error.add_note(name)
                raise
