"""Frames of which one has divisions and another none: rows are moved between the bounds."""

from __future__ import annotations

import operator

import numpy as np
import pandas as pd
import pytest

import shoal.dataframe as dd
from shoal.dataframe.nodes.moves import Ranged, Shuffle

LABELS = {
    "integers": pd.Index([0, 1, 1, 3, 4, 6, 7, 9]),
    "text": pd.Index(list("abbdegho")),
    "times": pd.date_range("2020-01-01", periods=8, tz="UTC"),
}


def nodes_of(collection):
    seen, todo = {}, [collection.expr]
    while todo:
        one = todo.pop()
        if one.name not in seen:
            seen[one.name] = type(one)
            todo += one.frames
    return set(seen.values())


@pytest.fixture(params=LABELS)
def frame(request):
    values = np.random.default_rng(1).permutation(8).astype(float)
    return pd.DataFrame({"x": np.arange(8.0), "y": values}, index=LABELS[request.param])


def unique(frame):
    return frame[~frame.index.duplicated()]


@pytest.mark.parametrize("npartitions", [1, 3])
def test_columns_of_a_sorted_copy_stand_beside_their_rows(frame, npartitions):
    frame = unique(frame)
    df = dd.from_pandas(frame, npartitions=npartitions)
    out = df.assign(z=df.sort_values("y").x.diff())
    assert out.divisions == df.divisions
    assert Ranged in nodes_of(out) and Shuffle not in nodes_of(out)
    want = frame.assign(z=frame.sort_values("y").x.diff())
    pd.testing.assert_frame_equal(out.compute(scheduler="sync"), want, check_freq=False)


@pytest.mark.parametrize("op", [operator.add, operator.gt, lambda x, y: x.where(y > 2), "fillna"])
def test_series_of_a_sorted_copy(frame, op):
    if op == "fillna":

        def op(x, y):
            return x.replace(3.0, np.nan).fillna(y)

    frame = unique(frame)
    df = dd.from_pandas(frame, npartitions=3)
    if op is operator.gt:
        # pandas compares what has the same labels in the same order.
        df, frame = df.sort_values("y"), frame.sort_values("y")
        got, want = op(df.x, df.y), op(frame.x, frame.y)
    else:
        got, want = op(df.x, df.sort_values("y").y), op(frame.x, frame.sort_values("y").y)
    pd.testing.assert_series_equal(got.compute(scheduler="sync"), want, check_freq=False)


def test_labels_outside_of_the_bounds():
    one = pd.Series([1.0, 2.0, 3.0], index=[2, 4, 6])
    other = pd.Series([5.0, 7.0, 9.0, 8.0], index=[9, 4, -1, 3])
    left = dd.from_pandas(one, npartitions=2)
    right = dd.from_pandas(other.sort_index(), npartitions=2)
    right = right.to_frame("v").sort_values("v").v
    out = left + right
    assert not out.known_divisions
    want = one + other
    pd.testing.assert_series_equal(out.compute(scheduler="sync"), want, check_names=False)


def test_one_partition_does_not_take_the_rows_of_many():
    df = dd.from_pandas(pd.DataFrame({"x": range(20), "y": range(20)[::-1]}), npartitions=8)
    small = dd.from_pandas(pd.Series([1, 2], index=[3, 17]), npartitions=1)
    out = small + df.sort_values("y").x
    assert Ranged not in nodes_of(out)
    assert out.npartitions == 8


def test_labels_of_two_kinds_meet_nowhere():
    numbers = dd.from_pandas(pd.Series([1.0, 2.0], index=[1, 2]), npartitions=2)
    text = pd.DataFrame({"v": [2.0, 1.0]}, index=["a", "b"])
    out = numbers + dd.from_pandas(text, npartitions=2).sort_values("v").v
    assert out.compute(scheduler="sync").isna().all()


def test_values_as_rows_of_one_label_stand_side_by_side():
    df = dd.from_pandas(pd.DataFrame({"x": [1, 2, 3]}), npartitions=2)
    rows = df.x.sum().to_series(), df.x.max().to_series()
    assert rows[0].divisions == (0, 0)
    out = dd.concat([rows[0].rename("sum"), rows[1].rename("max")], axis=1)
    want = pd.DataFrame({"sum": [6], "max": [3]})
    pd.testing.assert_frame_equal(out.compute(scheduler="sync"), want)
    assert not df.x.sum().to_series(index=None).known_divisions


def test_ways_of_adding_up():
    x = dd.from_pandas(pd.Series([1, 2, 3]), npartitions=2)
    assert x.cumsum(method="blelloch").compute(scheduler="sync").tolist() == [1, 3, 6]
    with pytest.raises(ValueError, match="'sequential' or 'blelloch', got 'fast'"):
        x.cumsum(method="fast")
