"""Which side of a join is given to all partitions of the other one, and when none is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
import shoal.dataframe as dd
from shoal.dataframe.nodes.sizes import most_bytes
from shoal.dataframe.rules import RULES
from shoal.expr.rewrite import rewrite

LARGE = pd.DataFrame({"k": np.arange(4000) % 50, "x": np.arange(4000.0)})
SMALL = pd.DataFrame({"k": np.arange(0, 60, 3), "y": np.arange(20)})


def labels(made: Any) -> str:
    """What the plan of a frame is made of."""
    (root,), _ = rewrite([made.expr], RULES)
    found, stack = [], [root]
    while stack:
        node = stack.pop()
        found.append(node.label())
        stack += node.frames
    return " ".join(found)


def check(made: Any, expected: pd.DataFrame) -> None:
    by = list(expected.columns)
    found = made.compute()
    ours, theirs = (one.sort_values(by, ignore_index=True) for one in (found, expected))
    pd.testing.assert_frame_equal(ours, theirs)
    assert len(made.divisions) == made.npartitions + 1 == made.to_delayed().__len__() + 1


@pytest.mark.parametrize("how", ["inner", "left", "right", "outer"])
@pytest.mark.parametrize("count", [2, 8, 20])
def test_a_side_that_is_light_in_sum_is_given(how: str, count: int) -> None:
    large, small = dd.from_pandas(LARGE, 8), dd.from_pandas(SMALL, count)
    made = large.merge(small, on="k", how=how)
    check(made, LARGE.merge(SMALL, on="k", how=how))
    # Of a side in more partitions than the other one the result would have fewer than it says.
    assert ("Exchange" in labels(made)) == (count == 20 or how in ("right", "outer"))


@pytest.mark.parametrize(("bias", "given"), [(0.1, False), (0.5, True), (50, True)])
def test_a_number_says_how_readily(bias: float, given: bool) -> None:
    few = pd.DataFrame({"k": range(100), "y": range(100)})
    made = dd.from_pandas(LARGE, 8).merge(dd.from_pandas(few, 2), on="k", broadcast=bias)
    check(made, LARGE.merge(few, on="k"))
    assert ("Exchange" not in labels(made)) == given


def test_a_number_counts_also_for_sizes() -> None:
    large, same = dd.from_pandas(LARGE, 4), dd.from_pandas(LARGE.rename(columns={"x": "y"}), 4)
    assert "Exchange" in labels(large.merge(same, on="k", broadcast=0.5))
    assert "Exchange" not in labels(large.merge(same, on="k", broadcast=8.0))
    with shoal.config.set({"dataframe.replan.broadcast-limit": "1 kB"}):
        assert "Exchange" in labels(large.merge(same, on="k", broadcast=8.0))
        assert "Exchange" not in labels(large.merge(same, on="k", broadcast=True))


@pytest.mark.parametrize("count", [1, 3, 8, 11])
def test_as_many_partitions_as_were_asked_for(count: int) -> None:
    made = dd.from_pandas(LARGE, 8).merge(
        dd.from_pandas(SMALL, 2), on="k", broadcast=True, npartitions=count
    )
    assert made.npartitions == count
    check(made, LARGE.merge(SMALL, on="k"))
    assert ("Exchange" in labels(made)) == (count == 11)


def test_the_side_that_is_in_place_stays() -> None:
    large = dd.from_pandas(LARGE, 8).shuffle("k")
    made = large.merge(dd.from_pandas(SMALL, 2), on="k")
    assert labels(made).count("Exchange(2 to 8)") == 1
    check(made, LARGE.merge(SMALL, on="k"))


def test_a_side_by_its_index() -> None:
    by_key = SMALL.set_index("k")
    made = dd.from_pandas(LARGE, 8).merge(
        dd.from_pandas(by_key, 2), left_on="k", right_index=True, how="left"
    )
    check(made, LARGE.merge(by_key, left_on="k", right_index=True, how="left"))
    assert "Exchange" not in labels(made)


def test_persisted_frames_say_how_large_they_are() -> None:
    small = dd.from_pandas(SMALL, 2).persist()
    unknown = dd.from_map(lambda i: LARGE, range(8), meta=LARGE.iloc[:0])
    assert most_bytes(small.expr) == 320
    assert "Exchange" not in labels(unknown.merge(small, on="k"))


@pytest.mark.parametrize(
    ("made", "size"),
    [
        (lambda df: df[df.x > 3], 640),
        (lambda df: df[df.x > 3][["x"]], 320),
        (lambda df: df.rename(columns={"x": "z"})[["z"]], 320),
        (lambda df: df.assign(z=df.x > 1)[["z"]], 40),
        (lambda df: df.assign(z=df.x.astype("str")), None),
        (lambda df: df.assign(x=1.5), 640),
        (lambda df: df.dropna().sort_values("x"), 640),
        (lambda df: df.shuffle("k").repartition(npartitions=1), 640),
        (lambda df: df.explode("x"), None),
        (lambda df: df.merge(df, on="k"), None),
        (lambda df: df.map_partitions(lambda part: part, meta=df._meta), None),
    ],
)
def test_bounds_of_sizes(made: Any, size: int | None) -> None:
    assert most_bytes(made(dd.from_pandas(LARGE[:40], 4)).expr) == size
