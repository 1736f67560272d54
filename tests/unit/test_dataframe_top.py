"""The first and the last rows of a sorted frame, which are had without sorting it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import shoal.dataframe as dd
from shoal.dataframe.rules.top_of_sorted import MOST_ROWS

FRAME = pd.DataFrame(
    {
        "k": [2, 1, None, 2, 1, 3, None, 2, 1, 3],
        "s": list("bcabcabcab"),
        "n": range(10),
    }
)


def kinds(collection):
    found, todo = set(), [collection.expr]
    while todo:
        one = todo.pop()
        found.add(type(one).__name__)
        todo += one.frames
    return found


@pytest.mark.parametrize("end", ["head", "tail"])
@pytest.mark.parametrize("by", ["k", ["k", "s"], "s"])
@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("na_position", ["first", "last"])
def test_rows_are_those_of_the_sorted_frame(end, by, up, na_position):
    df = dd.from_pandas(FRAME, npartitions=3)
    options = {"ascending": [up, True] if isinstance(by, list) else up, "na_position": na_position}
    for n in (1, 4, 20):
        lazy = getattr(df.sort_values(by, **options), end)(n, compute=False)
        assert "Exchange" not in kinds(lazy.optimize(fuse=False))
        want = getattr(FRAME.sort_values(by, kind="stable", **options), end)(n)
        pd.testing.assert_frame_equal(lazy.compute(scheduler="sync"), want)


def test_a_head_has_all_rows_that_were_asked_for():
    values = np.random.default_rng(2).permutation(50)
    df = dd.from_pandas(pd.DataFrame({"x": values}), npartitions=10)
    assert df.sort_values("x").head(20).x.tolist() == list(range(20))


def test_what_is_sorted_anyway_is_sorted_once():
    df = dd.from_pandas(FRAME, npartitions=3)
    rows = df.sort_values("n", ascending=False)
    both = dd.concat([rows.head(2, compute=False), rows])
    assert "Top" not in kinds(both.optimize(fuse=False))
    assert both.compute(scheduler="sync").n.tolist() == [9, 8, *range(9, -1, -1)]


def test_very_many_rows_are_sorted_where_they_are():
    df = dd.from_pandas(FRAME, npartitions=3)
    lazy = df.sort_values("n").head(MOST_ROWS, npartitions=-1, compute=False)
    assert "Exchange" in kinds(lazy.optimize(fuse=False))
    assert lazy.compute(scheduler="sync").n.tolist() == list(range(10))


@pytest.mark.parametrize("keep", ["first", "last", "all"])
@pytest.mark.parametrize("method", ["nlargest", "nsmallest"])
@pytest.mark.parametrize("n", [0, 2, 5, 29, 30, 40])
def test_of_equal_rows_those_are_kept_that_pandas_keeps(method, keep, n):
    values = np.random.default_rng(5).integers(0, 4, 30)
    whole = pd.DataFrame({"x": values.astype(float), "y": values % 2, "n": range(30)})
    whole.loc[[3, 17, 20], "x"] = np.nan
    for npartitions in (2, 7):
        df = dd.from_pandas(whole, npartitions=npartitions)
        got = getattr(df.x, method)(n, keep=keep, split_every=2).compute(scheduler="sync")
        pd.testing.assert_series_equal(got, getattr(whole.x, method)(n, keep=keep))
        for by in ("x", ["y", "x"]):
            got = getattr(df, method)(n, by, keep=keep).compute(scheduler="sync")
            pd.testing.assert_frame_equal(got, getattr(whole, method)(n, by, keep=keep))
