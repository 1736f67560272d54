"""What is joined, sorted and moved how, in how many partitions, and what is asked for wrongly."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import shoal
import shoal.dataframe as dd
from shoal.dataframe.nodes.sizes import most_bytes

RNG = np.random.default_rng(0)
LEFT = pd.DataFrame({"k": RNG.integers(0, 9, 60), "x": np.arange(60)})
RIGHT = pd.DataFrame({"k": RNG.integers(0, 9, 12), "y": np.arange(12) * 1.5})


def lazy(left=8, right=2):
    return dd.from_pandas(LEFT, npartitions=left), dd.from_pandas(RIGHT, npartitions=right)


def same_rows(one, other):
    names = list(one.columns)
    pd.testing.assert_frame_equal(
        one.sort_values(names).reset_index(drop=True),
        other.sort_values(names).reset_index(drop=True),
    )


@pytest.mark.parametrize("how", ["inner", "left", "right", "outer"])
@pytest.mark.parametrize("broadcast", [None, True, False, 0.5])
def test_a_small_side_is_given_to_all_partitions_where_the_kind_allows(how, broadcast):
    left, right = lazy()
    made = left.merge(right, on="k", how=how, broadcast=broadcast)
    same_rows(made.compute(), LEFT.merge(RIGHT, on="k", how=how))
    moved = "Exchange" in made.explain()
    assert moved == (broadcast is False or how in ("right", "outer"))


def test_who_asks_for_partitions_gets_them():
    left, right = lazy()
    made = left.merge(right, on="k", npartitions=5)
    assert made.npartitions == 5
    same_rows(made.compute(), LEFT.merge(RIGHT, on="k"))


def test_what_is_known_of_sizes():
    left, _ = lazy()
    assert most_bytes(left.expr) == 60 * 16
    assert most_bytes(left[left.x > 3][["x"]].expr) == 60 * 8
    assert most_bytes(left.k.expr) == 60 * 8
    assert most_bytes(left.merge(left, on="k").expr) is None


@pytest.mark.parametrize("where", ["in memory", "in files"])
def test_large_and_small_partitions_sorted_by_range(where):
    frame = pd.DataFrame({"k": RNG.permutation(3000) % 700, "v": np.arange(3000)})
    with shoal.config.set({"shuffle-memory": 0 if where == "in files" else None}):
        made = dd.from_pandas(frame, npartitions=7).set_index("k")
        got = made.compute()
    pd.testing.assert_frame_equal(got, frame.set_index("k").sort_index(kind="stable"))
    sizes = made.map_partitions(len, meta=("n", "int64")).compute()
    assert sizes.sum() == 3000 and sizes.max() < 900


def test_a_series_as_index_leaves_its_column():
    left, _ = lazy()
    assert list(left.set_index("k").columns) == ["x"]
    assert list(left.set_index(left.k).columns) == ["k", "x"]
    doubled = left.set_index(left.k * 2)
    assert doubled.index.name == "k" and list(doubled.columns) == ["k", "x"]
    expected = LEFT.set_index(LEFT.k * 2).sort_index(kind="stable")
    pd.testing.assert_frame_equal(doubled.compute(), expected)


@pytest.mark.parametrize(
    ("ask", "error", "says"),
    [
        (lambda df: df.set_index(["k", "x"]), NotImplementedError, "multi-indexes"),
        (lambda df: df.set_index([df.k, df.x]), TypeError, "not supported"),
        (lambda df: df.set_index(df), NotImplementedError, "column of it"),
        (lambda df: df.set_index("k", append=True), NotImplementedError, "sort=False"),
        (lambda df: df.set_index("nope"), KeyError, "nope"),
        (lambda df: df.set_index("x", sorted=True, divisions=(0, 9)), ValueError, "same length"),
        (lambda df: df.shuffle(), TypeError, "Must shuffle on either"),
        (lambda df: df.shuffle("k", on_index=True), TypeError, "both"),
        (lambda df: df.shuffle("nope"), KeyError, "Cannot shuffle on"),
        (lambda df: df.shuffle(df.k.repartition(npartitions=2)), TypeError, "aligned"),
        (lambda df: df.sort_values(3), NotImplementedError, "named columns"),
        (lambda df: df.sort_values("k", na_position="mid"), ValueError, "'first' or 'last'"),
    ],
)
def test_what_cannot_be_is_said(ask, error, says):
    with pytest.raises(error, match=says):
        ask(lazy()[0])


def test_rows_go_by_series_frames_and_labels():
    left, _ = lazy()
    for made in (
        left.shuffle(left.k, npartitions=3),
        left.shuffle(left[["k"]], npartitions=3),
        left.shuffle(left.k * 7, npartitions=3),
        left.shuffle(on_index=True, npartitions=3),
    ):
        assert made.npartitions == 3
        pd.testing.assert_frame_equal(made.compute().sort_index(), LEFT)
    parts = left.shuffle(left.k % 4, npartitions=3).to_delayed()
    keys = [set(part.k % 4) for part in shoal.compute(*parts)]
    assert sum(map(len, keys)) == len(set().union(*keys)) == 4


@pytest.mark.parametrize("sort", [True, False])
def test_a_key_that_is_of_integers_in_some_partitions_and_of_floats_in_others(sort):
    """As after an outer join, which fills in what is missing: no group is in two partitions."""
    parts = [
        pd.DataFrame({"k": np.arange(40) % 7, "x": 1}),
        pd.DataFrame({"k": np.append(np.arange(30.0) % 7, [np.nan, 2.5]), "x": 1}),
    ]
    df = dd.from_map(lambda i: parts[i], range(2), meta=parts[1].iloc[:0])
    expected = pd.concat(parts).groupby("k").x.sum()
    got = df.groupby("k", sort=sort).x.sum(split_out=5).compute()
    pd.testing.assert_series_equal(got if sort else got.sort_index(), expected)
