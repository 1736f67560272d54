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


LEVELS = pd.CategoricalDtype(["lo", "mid", "hi", "top"], ordered=True)
GRADED = pd.DataFrame(
    {
        "level": pd.Series(["lo", "hi", None, "mid", "top"], dtype=LEVELS),
        "u": pd.Categorical(["z", "a", None, "z", "b"], categories=["z", "b", "a"]),
        "n": [1, 2, 3, 4, 5],
    },
    index=pd.Index([3, 4, 4, 6, 9], name="id"),
)
COMPARED: list[Callable[[Any], Any]] = [
    lambda d: d.level > "lo",
    lambda d: d[d.level >= "hi"],
    lambda d: d[d.level >= "hi"].n.sum(),
    lambda d: d[(d.level < "top") & (d.n > 1)],
    lambda d: "lo" < d.level,
    lambda d: d.level.gt("lo"),
    lambda d: d[d.level.between("mid", "hi")].n.mean(),
    lambda d: d[d.level > "lo"].groupby("u", observed=True).n.sum(),
]


@pytest.mark.parametrize("engine", ["pandas", "auto", "columnar"])
@pytest.mark.parametrize("ask", range(len(COMPARED)))
def test_ordered_categories_of_files_are_compared(ask: int, engine: str, tmp_path: Any) -> None:
    for i in range(2):
        GRADED.iloc[3 * i : 3 * i + 3].to_parquet(tmp_path / f"{i}.parquet")
    with shoal.config.set({"dataframe.engine": engine}):
        same(COMPARED[ask](dd.read_parquet(tmp_path)).compute(), COMPARED[ask](GRADED))


def test_categories_that_become_known_keep_their_order(tmp_path: Any) -> None:
    dd.from_pandas(GRADED, npartitions=2).to_parquet(tmp_path)
    lazy = dd.read_parquet(tmp_path)
    known = lazy.level.cat.as_known()
    assert known.dtype == LEVELS
    assert (known > "lo").compute().tolist() == (GRADED.level > "lo").tolist()
    assert lazy.u.cat.as_known().cat.categories.tolist() == ["z", "b", "a"]
    assert lazy.categorize().dtypes.to_dict() == GRADED.dtypes.to_dict()
    with pytest.raises(TypeError, match="Unordered Categoricals"):
        lazy.u > "a"  # noqa: B015


def written(frame: pd.DataFrame, folder: Any, cuts: list[int]) -> Any:
    folder.mkdir()
    for i, cut in enumerate(cuts[1:]):
        frame.iloc[cuts[i] : cut].to_parquet(folder / f"{i}.parquet")
    return dd.read_parquet(folder)


def test_rows_of_files_with_labels_that_repeat(tmp_path: Any) -> None:
    """Labels that files hold are no numbers of rows, which never repeat in a partition."""
    one = pd.DataFrame({"x": [1, 2, 3, 4]}, index=pd.Index([0, 0, 0, 1], name="id"))
    two = pd.DataFrame({"y": [10, 20, 30, 40, 50]}, index=pd.Index([0, 0, 0, 1, 1], name="id"))
    left, right = written(one, tmp_path / "a", [0, 2, 4]), written(two, tmp_path / "b", [0, 2, 5])
    assert type(left._meta.index) is pd.Index
    made = left.assign(y=left.x.map_partitions(lambda part: part * 2, meta=("x", "int64")))
    same(made.compute(), one.assign(y=one.x * 2))
    got, expected = (left.x + right.y).compute(), one.x + two.y
    assert sorted(got.items()) == sorted(expected.items())


def test_times_of_files_with_labels_that_repeat_become_text(tmp_path: Any) -> None:
    frame = pd.DataFrame(
        {"d": pd.to_timedelta(["1 days", None, "3s", "1s"])}, index=pd.Index([0, 0, 0, 1])
    )
    same(
        written(frame, tmp_path / "a", [0, 2, 4]).astype({"d": "str"}).compute(),
        frame.astype("str"),
    )


NUMBERS = pd.DataFrame(
    {
        "i": [1, 2, 4],
        "b": [True, False, True],
        "ab": pd.array([True, False, None], dtype="bool[pyarrow]"),
        "price": FRAME.price[:3],
        "I": pd.array([1, None, 3], dtype="Int64"),
        "d": pd.to_timedelta([1, 2, 3], "s"),
        "s": ["a", "b", "c"],
    }
)


@pytest.mark.parametrize("func", ["corr", "skew", "median", "mean", "sum", "mode", "idxmax"])
def test_which_columns_are_numbers(func: str) -> None:
    lazy = dd.from_pandas(NUMBERS, npartitions=2)
    got, expected = (getattr(one, func)(numeric_only=True) for one in (lazy, NUMBERS))
    named = "columns" if func == "mode" else "index"
    assert list(getattr(got.compute(), named)) == list(getattr(expected, named))


@pytest.mark.parametrize("dtype", ["Int64", "int64[pyarrow]", "float64", "Float32", "float32"])
def test_quantiles_of_frames_have_the_dtype_of_pandas(dtype: str) -> None:
    frame = pd.DataFrame({"x": [1, 2, 4], "y": [3, 4, 9]}).astype(dtype)
    same(dd.from_pandas(frame, npartitions=2).quantile(0.5).compute(), frame.quantile(0.5))
