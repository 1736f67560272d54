"""What rows are after they were moved, joined, grouped or put into bins: dtypes, names, bounds."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest

import shoal.dataframe as dd
from shoal.typing import no_default

OBJECTS = {
    "texts": ["a", "b", None, "a"],
    "times": [pd.Timestamp("2020-01-01"), pd.Timestamp("2021-01-01"), None, None],
    "days": [datetime.date(2020, 1, 1), None, datetime.date(2021, 1, 1), None],
    "numbers": [1, 2.5, None, 3],
}


@pytest.mark.parametrize("kind", OBJECTS)
def test_objects_stay_objects_wherever_rows_go(kind):
    table = pd.DataFrame({"o": pd.Series(OBJECTS[kind], dtype=object), "k": [2, 1, 2, 1]})
    df = dd.from_pandas(table, npartitions=3)
    for moved in (
        df.shuffle("k"),
        df.sort_values("k"),
        df.set_index("k"),
        df.merge(df.rename(columns={"o": "p"}), on="k"),
        df.groupby("k").head(1),
        df.groupby("k").nth(0),
    ):
        found = moved.compute()
        assert found.dtypes["o"].kind == "O"
        assert moved._meta.dtypes["o"].kind == "O"
    assert df.o.drop_duplicates(split_out=2).compute().dtype.kind == "O"
    assert df.set_index("k").o.shift(1).compute().dtype.kind == "O"


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean", "int64[pyarrow]"])
@pytest.mark.parametrize("as_index", [True, False])
def test_sizes_of_groups_are_of_the_kind_of_the_series(dtype, as_index):
    table = pd.DataFrame({"k": [1, 2, 1], "v": pd.array([1, 0, None], dtype=dtype)})
    df = dd.from_pandas(table, npartitions=2)
    found = df.groupby("k", as_index=as_index).v.size().compute()
    expected = table.groupby("k", as_index=as_index).v.size()
    (pd.testing.assert_series_equal if as_index else pd.testing.assert_frame_equal)(found, expected)


@pytest.mark.parametrize("dtype", ["str", "Float64", "string[pyarrow]", "datetime64[ns]"])
def test_rows_without_a_group_are_transformed_to_nothing(dtype):
    keys = pd.Series([None, None, "2020", "2021"]).astype(dtype)
    table = pd.DataFrame({"k": keys, "v": [1.0, 2.0, 3.0, 4.0]})
    df = dd.from_pandas(table, npartitions=4)
    found = df.groupby("k").v.transform("max").compute()
    pd.testing.assert_series_equal(found, table.groupby("k").v.transform("max"))


def test_columns_of_groups_are_chosen_by_whatever_holds_names():
    table = pd.DataFrame({"k": [1, 2, 1], "v": [1, 2, 3], "w": [4, 5, 6]})
    groups = dd.from_pandas(table, npartitions=2).groupby("k")
    expected = table.groupby("k")[["v"]].sum()
    for names in (["v"], ("v",), np.array(["v"]), pd.Index(["v"]), pd.Series(["v"])):
        pd.testing.assert_frame_equal(groups[names].sum().compute(), expected)
    with pytest.raises(ValueError, match="tuple with more than one element"):
        groups["v", "w"]


def test_an_unordered_category_has_no_largest_value_as_pandas_says():
    table = pd.DataFrame({"k": [1, 2], "v": pd.Categorical(["a", "b"])})
    with pytest.raises(TypeError, match="non-ordered"):
        dd.from_pandas(table, npartitions=2).groupby("k").transform("max")


@pytest.mark.filterwarnings("ignore:`meta` is not specified")
def test_a_meta_that_says_nothing_is_as_none():
    df = dd.from_pandas(pd.DataFrame({"k": [1, 2, 1], "v": [1, 2, 3]}), npartitions=2)
    assert df.v.apply(abs, meta=no_default).compute().tolist() == [1, 2, 3]
    assert df.v.map(abs, meta=no_default).compute().tolist() == [1, 2, 3]
    assert df.apply(sum, axis=1, meta=no_default).compute().tolist() == [2, 4, 4]
    assert df.map(abs, meta=no_default).v.compute().tolist() == [1, 2, 3]
    found = df.groupby("k").apply(len, meta=no_default).compute()
    assert sorted(found) == [1, 2]
    assert df.v.map_overlap(abs, 1, 1, meta=no_default).compute().tolist() == [1, 2, 3]
    assert df.v.groupby(df.k).transform(abs, meta=no_default).compute().tolist() == [1, 2, 3]


@pytest.mark.parametrize("tz", [None, "Europe/Berlin"])
@pytest.mark.parametrize("closed", ["left", "right"])
@pytest.mark.parametrize("rule", ["W", "ME", "3D", "D", "QS"])
def test_divisions_of_bins_are_their_labels(rule, closed, tz):
    times = pd.date_range("2000-01-03 05:00", periods=60, freq="7h", tz=tz)
    table = pd.Series(range(60), index=times)
    expected = table.resample(rule, closed=closed, label="right").sum()
    found = dd.from_pandas(table, npartitions=3).resample(rule, closed=closed, label="right").sum()
    assert found.divisions[0] == expected.index[0]
    assert found.divisions[-1] == expected.index[-1]
    pd.testing.assert_series_equal(found.compute(), expected, check_freq=False)
