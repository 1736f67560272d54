"""Dates and decimals, of Arrow and of Python; objects as keys; whole numbers among categories."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import shoal
import shoal.dataframe as dd

DAYS = [datetime.date(2024, 3, 30), datetime.date(2020, 2, 29), None, datetime.date(1969, 1, 1)]
FRAME = pd.DataFrame(
    {
        "k": [1, 1, 2, 1],
        "price": pd.array(
            [Decimal("1.50"), Decimal("-2.25"), None, Decimal("0.99")],
            dtype=pd.ArrowDtype(pa.decimal128(7, 2)),
        ),
        "p": pd.Series([Decimal("1.5"), Decimal("2.25"), None, Decimal(7)], dtype=object),
        "q": pd.Series([1, 2.5, 3, 4], dtype=object),
        "t": pd.Series([True, False, None, True], dtype=object),
        "day": pd.array(DAYS, dtype=pd.ArrowDtype(pa.date32())),
        "day64": pd.array(DAYS, dtype=pd.ArrowDtype(pa.date64())),
    }
)


def same(got: Any, expected: Any) -> None:
    check = {pd.DataFrame: pd.testing.assert_frame_equal, pd.Series: pd.testing.assert_series_equal}
    if type(expected) in check:
        check[type(expected)](got, expected)
    else:
        assert type(got) is type(expected)
        assert got == expected


@pytest.mark.parametrize("npartitions", [1, 2, 4])
@pytest.mark.parametrize("func", ["mean", "sum", "min", "max", "var", "std", "sem", "first"])
def test_groups_of_decimals_of_arrow(func: str, npartitions: int) -> None:
    lazy = getattr(dd.from_pandas(FRAME, npartitions=npartitions).groupby("k").price, func)()
    same(lazy.compute(), getattr(FRAME.groupby("k").price, func)())
    assert lazy.dtype == lazy.compute().dtype


@pytest.mark.parametrize("npartitions", [1, 3])
def test_means_of_frames_with_decimals(npartitions: int) -> None:
    some = FRAME[["price", "k"]]
    same(dd.from_pandas(some, npartitions=npartitions).mean().compute(), some.mean())
    assert dd.from_pandas(some[["price"]], npartitions=2).mean().compute().tolist() == [
        Decimal("0.08")
    ]


FUNCTIONS = ["sum", "mean", "var", "std", "sem", "prod", "median", "skew", "any", "all", "rank"]


@pytest.mark.parametrize("columns", ["p", "q", "t", ["p", "q"]], ids=str)
@pytest.mark.parametrize("func", FUNCTIONS)
def test_groups_of_numbers_that_are_objects(func: str, columns: Any) -> None:
    lazy = dd.from_pandas(FRAME, npartitions=3)
    same(
        getattr(lazy.groupby("k")[columns], func)().compute(),
        getattr(FRAME.groupby("k")[columns], func)(),
    )


def test_several_aggregations_of_numbers_that_are_objects() -> None:
    wanted = {"p": ["mean", "sum", "std"], "q": "var"}
    lazy = dd.from_pandas(FRAME, npartitions=3)
    same(lazy.groupby("k").agg(wanted).compute(), FRAME.groupby("k").agg(wanted))


def test_means_of_text_are_refused_when_asked_for() -> None:
    frame = pd.DataFrame({"k": [1], "s": ["a"]})
    with pytest.raises(TypeError, match="mean"):
        dd.from_pandas(frame, npartitions=1).groupby("k").s.mean()


@pytest.mark.parametrize("npartitions", [1, 2, 4])
@pytest.mark.parametrize("func", ["mean", "std", "min", "max", "describe"])
@pytest.mark.parametrize("column", ["day", "day64"])
def test_statistics_of_dates(func: str, column: str, npartitions: int) -> None:
    lazy = dd.from_pandas(FRAME, npartitions=npartitions)
    same(getattr(lazy[column], func)().compute(), getattr(FRAME[column], func)())


MIXED = pd.DataFrame(
    {
        "o": pd.Series(["b", None, "a", "b"], dtype=object),
        "m": pd.Series(["a", 2.5, 1, "a"], dtype=object),
        "x": [4, 3, 2, 1],
    }
)


@pytest.mark.parametrize("npartitions", [1, 2, 4])
def test_text_in_objects_is_sorted_with_missing_values(npartitions: int) -> None:
    lazy = dd.from_pandas(MIXED, npartitions=npartitions)
    same(lazy.sort_values("o").compute(), MIXED.sort_values("o", kind="stable"))
    same(
        lazy.sort_values(["o", "x"], ascending=False).compute(),
        MIXED.sort_values(["o", "x"], ascending=False),
    )


@pytest.mark.parametrize("ask", [lambda g: g.median(), lambda g: g.sum(), lambda g: g.describe()])
@pytest.mark.parametrize("by", ["m", ["m", "o"]], ids=str)
def test_groups_by_numbers_and_text(by: Any, ask: Callable[[Any], Any]) -> None:
    lazy = dd.from_pandas(MIXED, npartitions=2)
    same(ask(lazy.groupby(by).x).compute(), ask(MIXED.groupby(by).x))


@pytest.mark.parametrize("npartitions", [1, 2, 4])
def test_an_aggregated_key_takes_the_place_of_the_key(npartitions: int) -> None:
    lazy = dd.from_pandas(MIXED, npartitions=npartitions)
    for by, column in (("x", "x"), (["o", "x"], "x"), (["o", "x"], "o")):
        got = lazy.groupby(by, as_index=False)[column].count()
        expected = MIXED.groupby(by, as_index=False)[column].count()
        same(got.compute(), expected)
        assert list(got.columns) == list(expected.columns)


@pytest.mark.parametrize("npartitions", [1, 3])
def test_growing_windows_count_what_is_no_number(npartitions: int) -> None:
    frame = MIXED.assign(t=pd.to_datetime(["2024-01-01", None, "2024-01-02", None]))
    lazy = dd.from_pandas(frame, npartitions=npartitions)
    same(lazy.expanding().count().compute(), frame.expanding().count())
    same(lazy.o.expanding(2).count().compute(), frame.o.expanding(2).count())


@pytest.mark.parametrize("engine", ["pandas", "auto", "columnar"])
@pytest.mark.parametrize("npartitions", [1, 2, 4])
def test_parquet_of_categories_and_objects_that_are_numbers_with_gaps(
    engine: str, npartitions: int, tmp_path: Any
) -> None:
    """Parquet holds them as numbers, and what pandas wrote of them does not say there are gaps."""
    frame = pd.DataFrame(
        {
            "c": pd.Categorical([3, 1, None, 3], categories=[3, 1, 2]),
            "u": pd.Categorical(np.array([3, 1, 2, 3], dtype="uint8")),
            "b": pd.Categorical([True, None, False, True]),
            "o": pd.Series([1, 2, 3, None], dtype=object),
            "x": [1, 2, 3, 4],
        }
    ).rename_axis("id")
    frame.index = frame.index + 5
    dd.from_pandas(frame, npartitions=npartitions).to_parquet(tmp_path)
    with shoal.config.set({"dataframe.engine": engine}):
        lazy = dd.read_parquet(tmp_path)
        got = lazy.compute()
        assert lazy.dtypes.equals(got.dtypes)
        assert got.dtypes.astype(str).tolist() == ["float64", "uint8", "object", "float64", "int64"]
        assert got.c.isna().tolist() == [False, False, True, False]
        assert lazy.c.sum().compute() == 7
        assert lazy[lazy.o.isna()].x.compute().tolist() == [4]
