"""Labels and dtypes of results, held to what pandas gives for the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
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


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("name", ["min", "max", "first", "last", "sum", "prod"])
def test_groups_of_truth_with_too_few_values(name: str, count: int) -> None:
    whole = pd.DataFrame({"k": [1, 1, 2], "b": [True, False, True], "i": [1, 2, 3]})
    out = getattr(dd.from_pandas(whole, npartitions=2).groupby("k"), name)(min_count=count)
    want = getattr(whole.groupby("k"), name)(min_count=count)
    pd.testing.assert_frame_equal(out.compute(), want)


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
    with pytest.raises(TypeError, match="nonsense"):
        df.cumsum(nonsense=1)
    assert np.cumsum(df.k).compute().tolist() == FRAME.k.cumsum().tolist()


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


# --------------------------------------------------------------------------------- two frames


def bounds_hold(collection: Any) -> bool:
    """Whether each partition's labels lie where the divisions say, if those are known."""
    divisions = collection.divisions
    if divisions[0] is None:
        return True
    last = collection.npartitions - 1
    for i in range(collection.npartitions):
        labels = collection.partitions[i].index.compute()
        if len(labels) and not (labels.min() >= divisions[i] and labels.max() <= divisions[i + 1]):
            return False
        if len(labels) and i < last and divisions[i] != divisions[i + 1] == labels.max():
            return False
    return True


@pytest.mark.parametrize("how", ["inner", "left", "right", "outer"])
def test_labels_that_are_missing_lie_between_no_bounds(how: Any) -> None:
    one = pd.DataFrame({"k": [1, 2, None, 3, 5, None], "x": range(6)})
    two = pd.DataFrame({"k": [0, 1, None, 2.0, 9], "y": range(5)})
    left, right = (dd.from_pandas(f, npartitions=3).set_index("k") for f in (one, two))
    assert not left.known_divisions
    out = left.join(right, how=how).compute()
    want = one.set_index("k").join(two.set_index("k"), how=how)
    by = ["x", "y"]
    pd.testing.assert_frame_equal(out.sort_values(by), want.sort_values(by))


@pytest.mark.parametrize("how", ["inner", "left", "right", "outer"])
def test_bounds_of_joins_of_single_partitions(how: Any) -> None:
    one = pd.DataFrame({"x": [1, 2, 3]}, index=[3, 4, 5])
    two = pd.DataFrame({"y": [1, 2, 3]}, index=[0, 4, 9])
    left = dd.from_pandas(one, npartitions=1)
    for right in (dd.from_pandas(two, npartitions=1), parts_of(two, 3)):
        for out in (left.join(right, how=how), right.join(left, how=how)):
            assert bounds_hold(out)
        assert len(left.join(right, how=how).compute()) == len(one.join(two, how=how))


@pytest.mark.parametrize("npartitions", [1, 3])
def test_rows_joined_on_sorted_columns_are_numbered_anew(npartitions: int) -> None:
    one = pd.DataFrame({"t": [1, 3, 5, 7], "x": range(4)})
    two = pd.DataFrame({"t": [2, 4, 6], "y": range(3)})
    sides = [dd.from_pandas(frame, npartitions=npartitions) for frame in (one, two)]
    for right in (sides[1], dd.from_pandas(two, npartitions=1)):
        assert bounds_hold(dd.merge_asof(sides[0], right, on="t"))


@pytest.mark.parametrize("overwrite", [True, False])
def test_update_keeps_what_the_other_frame_lacks(overwrite: bool) -> None:
    one = pd.DataFrame({"x": [1, 2, 3, 4], "y": [None, 2.0, None, 4.0], "z": list("abcd")})
    for two in (
        one[["y", "z"]][:0],
        pd.DataFrame({"y": [7.0], "x": [9], "w": [0]}, index=[2]),
        pd.DataFrame({"y": [None, 8.0], "z": ["q", None]}, index=[0, 3]),
    ):
        df = dd.from_pandas(one, npartitions=2)
        df.update(dd.from_pandas(two, npartitions=1), overwrite=overwrite)
        want = one.copy()
        want.update(two, overwrite=overwrite)
        pd.testing.assert_frame_equal(df.compute(), want)
    series = dd.from_pandas(one.y, npartitions=2)
    series.update(dd.from_pandas(pd.Series([5.0], index=[0]), npartitions=1))
    assert series.compute().tolist()[:2] == [5.0, 2.0]


@pytest.mark.parametrize("name", ["n", None])
def test_a_series_below_a_frame_is_a_column(name: Any) -> None:
    series = FRAME.n.rename(name)
    want = pd.concat([FRAME[["k", "n"]], series])
    out = dd.concat([parts_of(FRAME[["k", "n"]]), parts_of(series)])
    pd.testing.assert_frame_equal(out.compute(), want)
    assert out.columns.tolist() == want.columns.tolist()


@pytest.mark.filterwarnings("ignore:`meta` is not specified")
def test_values_mapped_by_a_series() -> None:
    mapper = pd.Series([5.5, 6.5, 7.5], index=[1, 2, 3])
    df = parts_of(FRAME.set_index(FRAME.k))
    want = FRAME.k.map(mapper).tolist()
    assert df.k.map(mapper).compute().tolist() == want
    assert df.index.map(mapper).compute().tolist() == want


def test_first_of_two_values_where_columns_differ() -> None:
    one = pd.DataFrame({"v": [1, 2], "w": pd.to_timedelta([1, 2], unit="s")})
    two = pd.DataFrame({"v": [0.5], "w": [1.0], "z": [True]})[:0]
    out = dd.from_pandas(one, npartitions=1).combine_first(dd.from_pandas(two, npartitions=1))
    assert out.compute()[["v", "w"]].equals(one)


def test_first_of_two_values_keeps_dtypes_where_a_part_has_no_rows() -> None:
    one = pd.DataFrame({"v": pd.array([1], dtype="uint8")})
    two = pd.DataFrame(
        {"v": range(8), "z": pd.array([None, None, 1, 2, 3, 4, 5, 6], dtype="Int64")}
    )
    out = dd.from_pandas(one, npartitions=1).combine_first(dd.from_pandas(two, npartitions=4))
    pd.testing.assert_frame_equal(out.compute(), one.combine_first(two))


def test_merge_says_which_validation_there_is() -> None:
    df = dd.from_pandas(FRAME, npartitions=2)
    assert len(df.merge(df, on="s", validate="m:m")) == len(FRAME.merge(FRAME, on="s"))
    with pytest.raises(NotImplementedError, match="duplicated"):
        df.merge(df, on="s", validate="1:1")


@pytest.mark.parametrize("dtype", ["int8", "int32", "uint16", "uint64", "int64"])
def test_integers_as_labels_keep_their_dtype_in_every_partition(dtype: str, tmp_path: Any) -> None:
    # Those of the first partition are in steps, of which pandas makes a range of 64 bits.
    whole = pd.DataFrame({"i": np.array([1, 2, 3, 5, 5, 7], dtype), "x": range(6)})
    frame = dd.from_pandas(whole, npartitions=2)
    frame.to_parquet(tmp_path, write_index=False)
    stored = dd.read_parquet(tmp_path, index="i")
    options: list[dict[str, Any]] = [{}, {"sort": False}, {"sorted": True}, {"npartitions": 3}]
    for lazy in [stored, *(frame.set_index("i", **told) for told in options)]:
        dtypes = {part.compute().index.dtype for part in lazy.to_delayed()}
        assert dtypes == {lazy.index.dtype} == {np.dtype(dtype)}
        pd.testing.assert_frame_equal(lazy.compute().reset_index(), whole)


@pytest.mark.parametrize("method", ["std", "var", "sem"])
def test_spread_of_columns_of_several_kinds(method: str) -> None:
    whole = pd.DataFrame(
        {
            "k": pd.array([1, 2, None, 4], dtype="Int64"),
            "a": pd.array([1, 2, None, 5], dtype="int64[pyarrow]"),
            "b": [1.0, 2.0, 3.0, 4.0],
        }
    )
    for columns in ("kab", "ab", "ka", "a"):
        some = whole[list(columns)]
        got = getattr(dd.from_pandas(some, npartitions=2), method)().compute()
        want = getattr(some, method)()
        pd.testing.assert_series_equal(got.astype(float), want.astype(float))
