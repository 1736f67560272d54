"""Rows that become columns, and the other way: against pandas."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
import shoal.dataframe as dd
from shoal.dataframe.testing import assert_eq

ROWS = 14
FRAME = pd.DataFrame(
    {
        "i": [3, 1, 2, 2, 3, 1, 1] * 2,
        "g": ["b", "a", None, "a", "b", "c", "a"] * 2,
        "c": pd.Categorical(list("xyxzyxz") * 2, categories=list("zyxw")),
        "x": range(ROWS),
        "f": [0.5, None, -1.5, 2.0, None, 0.25, 1.0] * 2,
    }
)
ONCE = FRAME.drop_duplicates(["i", "g"])


@pytest.fixture(autouse=True)
def in_this_thread() -> Iterator[None]:
    with shoal.config.set(scheduler="sync"):
        yield


def cut(frame: Any, *ends: int) -> Any:
    """Partitions that end there, of unknown divisions."""
    parts = [frame.iloc[start:stop] for start, stop in pairwise([0, *ends, len(frame)])]
    return dd.from_map(lambda part: part, parts, meta=frame.iloc[:0])


CUTS = [(), (3, 3, 9)]
SORTED = {"check_index_type": False, "check_column_type": False}


def check(got: Any, expected: Any) -> None:
    """Rows in any order, and dtypes as far as they do not depend on gaps."""
    found = got.compute(scheduler="sync")
    assert list(got.columns) == list(found.columns)
    pd.testing.assert_frame_equal(found.sort_index(), expected.sort_index(), **SORTED)


@pytest.mark.parametrize("ends", CUTS)
@pytest.mark.parametrize("level", ["i", -1])
@pytest.mark.parametrize("fill", [None, 0])
def test_unstack_of_sums(ends: tuple[int, ...], level: Any, fill: Any) -> None:
    lazy = cut(FRAME, *ends).groupby(["i", "g"])
    expected = FRAME.groupby(["i", "g"])
    check(lazy.x.sum().unstack(level, fill_value=fill), expected.x.sum().unstack(level, fill))
    several = expected[["x", "f"]].sum().unstack(level, fill)
    check(lazy[["x", "f"]].sum(split_out=3).unstack(level, fill_value=fill), several)
    check(lazy.x.agg(["min", "max"]).unstack(level), expected.x.agg(["min", "max"]).unstack(level))


def test_unstack_of_a_level_of_categories() -> None:
    expected = FRAME.groupby(["c", "i"], observed=True).x.max().unstack("c")
    check(cut(FRAME, 5).groupby(["c", "i"], observed=True).x.max().unstack("c"), expected)


def test_unstack_of_all_rows_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="one of several levels"):
        cut(FRAME, 5).x.unstack()


@pytest.mark.parametrize("ends", CUTS)
@pytest.mark.parametrize("values", ["x", ["f", "x"], None])
@pytest.mark.parametrize("index", ["i", ["i", "c"]])
def test_pivot(ends: tuple[int, ...], values: Any, index: Any) -> None:
    frame = ONCE.dropna(subset=["g"]).astype({"c": "str"})
    told = {"columns": "g", "index": index} | ({} if values is None else {"values": values})
    check(cut(frame, *[end for end in ends if end < 6]).pivot(**told), frame.pivot(**told))


def test_pivot_refuses_two_values_for_a_place() -> None:
    with pytest.raises(ValueError, match="duplicate"):
        cut(FRAME, 5).pivot(index="i", columns="g", values="x").compute(scheduler="sync")
    with pytest.raises(KeyError, match="did you mean"):
        cut(FRAME.rename(columns={"x": "price"}), 5).pivot(index="i", columns="g", values="prise")


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"margins": True},
        {"margins": True, "margins_name": "sum"},
        {"normalize": True},
        {"normalize": "index"},
        {"normalize": "columns", "margins": True},
        {"rownames": ["R"], "colnames": ["C"]},
    ],
)
def test_crosstab(told: dict[str, Any]) -> None:
    d = cut(FRAME, 3, 3, 9)
    got, expected = dd.crosstab(d.i, d.g, **told), pd.crosstab(FRAME.i, FRAME.g, **told)
    assert_eq(got, expected, check_index_type=False)
    got, expected = dd.crosstab(d.c, d.i, **told), pd.crosstab(FRAME.c, FRAME.i, **told)
    assert_eq(got, expected, check_index_type=False, check_categorical=False)


@pytest.mark.parametrize("how", ["sum", "count", "min", "max"])
def test_crosstab_of_values(how: str) -> None:
    d, f = cut(FRAME, 3, 9), FRAME
    got = dd.crosstab(d.i, [d.g], values=d.x, aggfunc=how, margins=how != "count")
    expected = pd.crosstab(f.i, [f.g], values=f.x, aggfunc=how, margins=how != "count")
    assert_eq(got, expected, check_dtype=False)
    with pytest.raises(NotImplementedError, match="aggfunc='mean'"):
        dd.crosstab(d.i, d.g, values=d.x, aggfunc="mean")


def test_crosstab_of_several() -> None:
    d, f = cut(FRAME, 3, 9), FRAME
    assert_eq(dd.crosstab([d.i, d.g], d.c), pd.crosstab([f.i, f.g], f.c), check_categorical=False)


@pytest.mark.parametrize("ends", CUTS)
def test_wide_to_long(ends: tuple[int, ...]) -> None:
    wide = pd.DataFrame(
        {"k": range(ROWS), "x1": range(ROWS), "x2": np.arange(ROWS) / 2, "y1": 1, "y2": 2}
    )
    got = dd.wide_to_long(cut(wide, *ends), ["x", "y"], i="k", j="n").compute()
    expected = pd.wide_to_long(wide, ["x", "y"], i="k", j="n")
    pd.testing.assert_frame_equal(got.sort_index(), expected.sort_index())


def test_rows_of_one_partition_as_columns() -> None:
    table = FRAME[["i", "x"]].describe()
    assert_eq(cut(FRAME[["i", "x"]], 5).describe().T, table.T)
    with pytest.raises(NotImplementedError, match="repartition"):
        _ = cut(FRAME, 5).T


def test_levels_in_another_order() -> None:
    lazy, expected = (
        one.groupby(["i", "c"], observed=True).x.sum() for one in (cut(FRAME, 5), FRAME)
    )
    assert_eq(lazy.swaplevel(), expected.swaplevel())
    assert_eq(
        lazy.to_frame().reorder_levels(["c", "i"]), expected.to_frame().reorder_levels([1, 0])
    )
    with pytest.raises(Exception, match="hierarchical"):
        cut(FRAME, 5).x.reorder_levels([0])


PIVOTS = [
    {"index": "g", "columns": "i", "values": "x"},
    {"index": "i", "columns": "g", "values": "f", "aggfunc": "count", "fill_value": 0},
    {"index": ["i", "g"], "columns": "c", "values": ["f", "x"], "observed": True},
    {"index": "i", "columns": ["g", "c"], "values": "x", "aggfunc": "max", "observed": True},
    {"index": "g", "values": "x", "aggfunc": {"x": "sum"}},
    {"columns": "g", "values": ["x", "f"], "aggfunc": "min"},
    {"index": "g", "columns": "i", "aggfunc": "nunique"},
    {"index": "g", "columns": "i", "values": "x", "aggfunc": ["sum", "mean"], "dropna": False},
    {"index": "i", "columns": "c", "values": "x", "observed": False, "dropna": False},
    {"index": "i", "columns": "g", "values": "f", "aggfunc": lambda values: values.max()},
    {"index": "g", "columns": "i", "values": "x", "margins": True},
    {"index": ["g", "i"], "columns": "c", "values": ["x", "f"], "margins": True, "observed": True},
    {"index": "g", "values": ["x", "f"], "aggfunc": "sum", "margins": True, "margins_name": "T"},
    {"index": "g", "columns": ["i", "c"], "values": "f", "aggfunc": "std", "margins": True},
    {"index": "i", "columns": "g", "values": "x", "aggfunc": "sum", "margins": True}
    | {"dropna": False, "fill_value": -1},
    {"index": "g", "columns": "i", "values": "f", "aggfunc": "var", "ddof": 0},
]


@pytest.mark.parametrize("ends", CUTS)
@pytest.mark.parametrize("options", PIVOTS, ids=range(len(PIVOTS)))
def test_pivot_table_is_that_of_pandas(ends: tuple[int, ...], options: dict[str, Any]) -> None:
    if "aggfunc" in options and options.get("columns") == "i" and "values" not in options:
        frame = FRAME[["g", "i", "x", "f"]]
    else:
        frame = FRAME
    expected = frame.pivot_table(**options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of functions called on made-up rows
        got = cut(frame, *ends).pivot_table(**options)
    pd.testing.assert_frame_equal(got._meta, got.compute().iloc[:0], check_index_type=False)
    pd.testing.assert_frame_equal(got.compute(), expected)


def test_pivot_table_of_categories_computes_nothing() -> None:
    def never(part: Any) -> Any:
        raise AssertionError("computed")

    df = cut(FRAME, 5).map_partitions(never, meta=FRAME.iloc[:0])
    assert list(df.pivot_table(index="i", columns="c", values="x").columns) == list("zyxw")


def test_what_pivot_table_refuses() -> None:
    df = cut(FRAME, 5)
    with pytest.raises(ValueError, match="mean"):
        df.pivot_table(index="i", columns="c", values="x", aggfunc="xx")
    with pytest.raises(ValueError, match="'values' must refer"):
        df.pivot_table(index="i", columns="c", values="xx")
    with pytest.raises(ValueError, match="'index' must be the name of an existing column"):
        df.pivot_table(index="ii", columns="g", values="x")
    with pytest.raises(NotImplementedError, match="pass index="):
        df.pivot_table(columns="g", values="x", margins=True)
    with pytest.raises(ValueError, match="No group keys"):
        df.pivot_table(values="x")


@pytest.mark.parametrize("npartitions", [1, 2, 5])
@pytest.mark.parametrize("dtype", ["Int64", "float64", "boolean", "object"])
def test_a_label_that_is_missing_keeps_its_values(dtype: str, npartitions: int) -> None:
    labels = pd.Series([1, None, 0, None, 1], dtype="object").astype(dtype)
    frame = pd.DataFrame({"i": [1, 1, 2, 2, 3], "c": labels, "v": [1.0, 2, 3, 4, 5]})
    frame["w"] = frame.v * 2
    found = dd.from_pandas(frame, npartitions=npartitions).pivot(index="i", columns="c").compute()
    wanted = frame.pivot(index="i", columns="c")
    assert found.columns.equals(wanted.columns)
    np.testing.assert_array_equal(found.sort_index().to_numpy(), wanted.to_numpy())
