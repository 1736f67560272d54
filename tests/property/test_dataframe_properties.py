"""Random frames, cut anywhere, against pandas."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal.dataframe as dd
from shoal.dataframe.kernels.cuts import concat_between, overlaps

numbers = st.one_of(st.none(), st.floats(-1e6, 1e6), st.just(float("nan")))


@st.composite
def frames(draw: Any) -> Any:
    rows = draw(st.integers(1, 30))
    column = st.lists(numbers, min_size=rows, max_size=rows)
    keys = draw(st.lists(st.sampled_from(["a", "b", "ü", None]), min_size=rows, max_size=rows))
    return pd.DataFrame(
        {
            "k": pd.Series(keys, dtype="str"),
            "x": pd.Series(draw(column), dtype="float64"),
            "n": draw(st.lists(st.integers(-5, 5), min_size=rows, max_size=rows)),
        }
    )


@given(
    frames(), st.integers(1, 6), st.sampled_from(["sum", "mean", "std", "min", "count", "nunique"])
)
@settings(max_examples=40, deadline=None)
def test_reductions_and_groups(frame: Any, npartitions: int, func: str) -> None:
    df = dd.from_pandas(frame, npartitions)
    got = getattr(df[["x", "n"]], func)(split_every=2).compute(scheduler="sync")
    expected = getattr(frame[["x", "n"]], func)()
    pd.testing.assert_series_equal(got, expected, atol=1e-3)
    groups = getattr(df.groupby("k"), func)().compute(scheduler="sync")
    pd.testing.assert_frame_equal(groups, getattr(frame.groupby("k"), func)(), atol=1e-3)


@given(frames(), st.integers(1, 5), st.integers(-5, 5))
@settings(max_examples=40, deadline=None)
def test_a_chain_of_row_wise_operations(frame: Any, npartitions: int, limit: int) -> None:
    def chain(d: Any) -> Any:
        e = d.assign(z=d.x.fillna(0) + d.n, x=d.x * 2)
        e = e[(e.n > limit) | e.k.isna()]
        return e[e.z < 1e5][["z", "k", "x"]]

    got = chain(dd.from_pandas(frame, npartitions)).compute(scheduler="sync")
    pd.testing.assert_frame_equal(got, chain(frame))


@given(frames(), frames(), st.sampled_from(["inner", "left", "outer"]))
@settings(max_examples=30, deadline=None)
def test_merge(left: Any, right: Any, how: str) -> None:
    lazy = dd.from_pandas(left, 3).merge(dd.from_pandas(right, 2), on=["k", "n"], how=how)
    by = ["k", "n", "x_x", "x_y"]
    got = lazy.compute(scheduler="sync").sort_values(by).reset_index(drop=True)
    expected = left.merge(right, on=["k", "n"], how=how).sort_values(by).reset_index(drop=True)
    pd.testing.assert_frame_equal(got, expected, check_dtype=len(got) > 0)


@given(frames(), st.integers(1, 5), st.booleans())
@settings(max_examples=30, deadline=None)
def test_sort_values(frame: Any, npartitions: int, ascending: bool) -> None:
    df = dd.from_pandas(frame, npartitions).sort_values(["n", "x"], ascending=ascending)
    expected = frame.sort_values(["n", "x"], ascending=ascending)
    assert df.compute(scheduler="sync").n.tolist() == expected.n.tolist()
    np.testing.assert_array_equal(df.compute(scheduler="sync").x, expected.x)


@pytest.mark.parametrize("op", ["cumsum", "cummin", "cumprod"])
@given(frames(), st.integers(1, 5))
@settings(max_examples=15, deadline=None)
def test_cumulative(op: str, frame: Any, npartitions: int) -> None:
    some = frame[["n", "x"]]
    got = getattr(dd.from_pandas(some, npartitions), op)().compute(scheduler="sync")
    pd.testing.assert_frame_equal(got, getattr(some, op)(), rtol=1e-6)


@given(st.lists(st.integers(0, 30), min_size=2, max_size=6).map(sorted), st.data())
@settings(max_examples=50, deadline=None)
def test_overlapping_divisions_lose_no_row(old: list[int], data: Any) -> None:
    inner = data.draw(st.lists(st.integers(old[0], old[-1]), max_size=5).map(sorted))
    new = [old[0], *inner, old[-1]]
    rows = pd.Series(range(old[0], old[-1] + 1), index=range(old[0], old[-1] + 1))
    parts = [
        concat_between([rows], (a, b, i == len(old) - 2), rows[:0])
        for i, (a, b) in enumerate(itertools.pairwise(old))
    ]
    blocks, limits = overlaps(old, new)
    again = [
        concat_between([parts[b] for b in some], limit, rows[:0])
        for some, limit in zip(blocks, limits, strict=True)
    ]
    assert pd.concat(again).tolist() == rows.tolist()
