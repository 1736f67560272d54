"""Labels of several levels, and numbers, in Parquet files: they come back as pandas has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
import shoal.dataframe as dd

LABELS = pd.MultiIndex.from_tuples([("a", "x"), ("a", "2"), ("b", "it's")], names=["one", None])
FRAME = pd.DataFrame(np.arange(15.0).reshape(5, 3), columns=LABELS)
SORTED = FRAME.set_axis(pd.Index([1, 2, 3, 5, 8], name="i"), axis=0)


@pytest.fixture(autouse=True)
def _sync() -> Any:
    with shoal.config.set(scheduler="sync"):
        yield


@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize("engine", ["pandas", "columnar"])
def test_levels_there_and_back(index: bool, engine: str, tmp_path: Any) -> None:
    frame = SORTED if index else FRAME
    dd.from_pandas(frame, npartitions=2).to_parquet(tmp_path, write_index=index)
    want = pd.read_parquet(tmp_path)
    pd.testing.assert_index_equal(want.columns, LABELS)
    with shoal.config.set({"dataframe.engine": engine}):
        lazy = dd.read_parquet(tmp_path, calculate_divisions=index)
        pd.testing.assert_index_equal(lazy.columns, LABELS)
        assert lazy.known_divisions is index
        found = lazy.compute()
        if not index:
            found, want = found.reset_index(drop=True), want.reset_index(drop=True)
        pd.testing.assert_frame_equal(found, want)
        assert lazy[("a", "2")].sum().compute() == FRAME[("a", "2")].sum()
        some = lazy[lazy[("a", "x")] > 3][[("b", "it's")]]
        assert "columns=[" in str(some.explain()) and len(some.compute()) == 3


def test_what_pandas_has_written(tmp_path: Any) -> None:
    name = tmp_path / "whole.parquet"
    years = FRAME.set_axis(pd.MultiIndex.from_product([["a"], [2019, 2020, 2021]]), axis=1)
    for frame in (SORTED, pd.DataFrame({1: [1, 2], 30: [3.5, 4]}), years, FRAME):
        frame.to_parquet(name)
        found = dd.read_parquet(name).compute()
        pd.testing.assert_frame_equal(found, pd.read_parquet(name))
        pd.testing.assert_index_equal(found.columns, frame.columns, exact=False)
    label = ("b", "it's")
    told: Any = {"columns": [label], "filters": [(("a", "x"), ">", 3)]}
    found = dd.read_parquet(name, **told).compute()
    want = FRAME.loc[FRAME[("a", "x")] > 3, [label]].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, want)


def test_groups_and_what_is_appended(tmp_path: Any) -> None:
    whole = pd.DataFrame({"k": [1, 2, 1], "v": [1.0, 2, 3]})
    groups = dd.from_pandas(whole, npartitions=2).groupby("k").agg({"v": ["sum", "max"]})
    groups.to_parquet(tmp_path)
    groups.to_parquet(tmp_path, append=True, ignore_divisions=True)
    want = whole.groupby("k").agg({"v": ["sum", "max"]})
    pd.testing.assert_frame_equal(dd.read_parquet(tmp_path).compute(), pd.concat([want, want]))


def test_levels_that_no_file_can_tell_are_refused(tmp_path: Any) -> None:
    for labels in ([("a", pd.Timestamp("2020")), ("b", pd.NaT)], [("a", "x"), ("a", 2)]):
        odd = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples(labels))
        with pytest.raises(ValueError, match=r"text or whole numbers; got \[.*\]; .*'_'.join"):
            dd.from_pandas(odd, npartitions=1).to_parquet(tmp_path)
    with pytest.raises(ValueError, match=r"partition_on takes columns of one level; df\.columns"):
        dd.from_pandas(FRAME, npartitions=1).to_parquet(tmp_path, partition_on=[("a", "x")])
