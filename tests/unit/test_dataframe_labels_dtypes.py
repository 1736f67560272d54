"""Labels and dtypes of results, held to what pandas gives for the whole."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import shoal
import shoal.dataframe as dd

FRAME = pd.DataFrame(
    {
        "k": [1, 2, 1, 2, 3, 1],
        "i": [3, 1, 2, 3, 5, 1],
        "n": pd.array([1, None, 3, 4, None, 6], dtype="Int64"),
        "s": ["a", "b", "a", None, "d", "e"],
        "t": pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03 10:00"] * 2, format="ISO8601"),
        "c": pd.Categorical(["x", "y", None, "x", "y", "x"]),
    }
)


@pytest.fixture(autouse=True)
def _sync() -> Any:
    with shoal.config.set(scheduler="sync"):
        yield


def parts_of(frame: Any, size: int = 2) -> Any:
    """A collection whose divisions are unknown."""
    pieces = [frame[i : i + size] for i in range(0, len(frame), size)]
    return dd.from_map(lambda i: pieces[i], range(len(pieces)), meta=frame[:0])


@pytest.mark.parametrize("how", [{"n": "size"}, {"n": ["size", "count"]}, {"n": ["sum", "size"]}])
@pytest.mark.parametrize("as_index", [True, False])
def test_sizes_of_groups_have_the_dtype_of_their_column(how: Any, as_index: bool) -> None:
    out = dd.from_pandas(FRAME, npartitions=3).groupby("k", as_index=as_index).agg(how)
    want = FRAME.groupby("k", as_index=as_index).agg(how)
    pd.testing.assert_frame_equal(out.compute(), want)
    assert out._meta.dtypes.tolist() == want.dtypes.tolist()


def test_named_sizes_of_groups() -> None:
    how: Any = {"u": ("s", "nunique"), "v": ("n", "size")}
    out = dd.from_pandas(FRAME, npartitions=3).groupby("k").agg(**how).compute()
    pd.testing.assert_frame_equal(out, FRAME.groupby("k").agg(**how))


def test_count_of_no_columns() -> None:
    out = dd.from_pandas(FRAME, npartitions=3)[[]].count().compute()
    pd.testing.assert_series_equal(out, FRAME[[]].count(), check_index_type=False)


@pytest.mark.parametrize("ascending", [True, False, [True, False]])
def test_order_of_labels_of_several_levels(ascending: Any) -> None:
    whole = FRAME.set_index(["k", "i"])
    want = whole.sort_index(ascending=ascending)
    out = parts_of(whole).sort_index(ascending=ascending).compute()
    pd.testing.assert_frame_equal(out, want)
    series = parts_of(whole.n).sort_index(ascending=ascending).compute()
    pd.testing.assert_series_equal(series, want.n)


def test_order_of_labels_named_like_columns() -> None:
    whole = FRAME.set_index([FRAME.s.rename("k"), FRAME.i.rename(0)])[["k", "n"]]
    out = parts_of(whole).sort_index().compute()
    pd.testing.assert_frame_equal(out, whole.sort_index())


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "cummin", "cummax"])
def test_running_results_of_numbers_only(name: str) -> None:
    df = dd.from_pandas(FRAME, npartitions=3)
    out = getattr(df, name)(numeric_only=True).compute()
    pd.testing.assert_frame_equal(out, getattr(FRAME, name)(numeric_only=True))
    with pytest.raises(TypeError):
        df.cumsum(nonsense=1)


def test_categories_below_equal_names() -> None:
    whole = FRAME[["i", "c", "s"]].rename(columns={"i": "s"})
    one = whole.assign(c=whole.c.cat.set_categories(["x", "y", "z"]))
    pieces = [one[:3], whole[3:]]
    out = dd.from_map(lambda i: pieces[i], [0, 1], meta=one[:0]).compute()
    assert out.c.dtype == one.c.dtype


@pytest.mark.parametrize("dtype", ["str", object, "int64"])
@pytest.mark.parametrize("tz", [None, "Europe/Berlin"])
def test_labels_that_are_times_as_text(dtype: Any, tz: Any) -> None:
    index = pd.DatetimeIndex(FRAME.t).sort_values().tz_localize(tz).rename("when")
    df = dd.from_pandas(pd.Series(range(len(index)), index=index), npartitions=3)
    pd.testing.assert_index_equal(df.index.astype(dtype).compute(), index.astype(dtype))


def test_labels_that_are_objects_stay_such() -> None:
    for labels in (["a", "b", "c"], pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03"])):
        whole = pd.Series([1, 2, 3], index=pd.Index(labels).astype(object))
        out = parts_of(whole, 1)
        pd.testing.assert_series_equal(out.compute(), whole)
        pd.testing.assert_index_equal(out.index.compute(), whole.index)


def test_accessors_of_other_values_say_what_pandas_says() -> None:
    df = dd.from_pandas(FRAME, npartitions=2)
    with pytest.raises(AttributeError, match=r"Can only use .str accessor with string values"):
        df.i.str
    with pytest.raises(AttributeError, match=r"Can only use .dt accessor with datetimelike"):
        df.i.dt
    with pytest.raises(AttributeError, match=r"Can only use .cat accessor with a 'category' dtype"):
        df.i.cat
