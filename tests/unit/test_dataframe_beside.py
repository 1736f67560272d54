"""`concat(axis=1)`: rows of equal labels beside each other, whoever knows where they are."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import shoal
import shoal.dataframe as dd
from shoal.dataframe.kernels.labels import RepeatedLabelsError
from shoal.dataframe.nodes.beside import OpenBeside
from shoal.expr.adapt import decision

pytestmark = pytest.mark.filterwarnings("ignore:concat")

LEFT = pd.DataFrame({"x": range(6), "s": list("abcdef")})
RIGHT = pd.DataFrame({"y": range(10, 16), "z": 1.5})
REPEATED = [0, 0, 1, 1, 2, 3]


@pytest.fixture(autouse=True, params=["sync", "threads"])
def _scheduler(request: Any) -> Any:
    with shoal.config.set(scheduler=request.param):
        yield


def cut(frame: Any, *at: int) -> Any:
    """A collection whose divisions are unknown."""
    bounds = [0, *at, len(frame)]
    return dd.from_map(
        lambda i: frame.iloc[bounds[i] : bounds[i + 1]],
        range(len(bounds) - 1),
        meta=frame.iloc[:0],
    )


@pytest.mark.parametrize(
    ("join", "index"),
    [
        ("outer", range(6)),
        ("inner", range(6)),
        ("outer", REPEATED),  # with "inner" pandas refuses them
        ("outer", list("fedcba")),
        ("inner", list("fedcba")),
    ],
)
def test_the_same_labels_in_all_partitions(join: str, index: Any) -> None:
    left, right = LEFT.set_axis(index, axis=0), RIGHT.set_axis(index, axis=0)
    lazy = dd.concat([cut(left, 2, 4), cut(right, 2, 4), cut(right.y * 2, 2, 4)], axis=1, join=join)
    want = pd.concat([left, right, right.y * 2], axis=1, join=join)
    pd.testing.assert_frame_equal(lazy.compute(), want)
    assert decision(lazy.expr.key) == "the same labels in all partitions"


def test_labels_elsewhere_are_moved() -> None:
    lazy = dd.concat([cut(LEFT, 2, 4), cut(RIGHT, 1, 5)], axis=1)
    want = pd.concat([LEFT, RIGHT], axis=1)
    pd.testing.assert_frame_equal(lazy.compute().sort_index(), want)
    assert decision(lazy.expr.key) == "labels differ: rows are moved"
    with shoal.config.set({"dataframe.replan.enabled": False}):
        pd.testing.assert_frame_equal(lazy.compute().sort_index(), want)
    some, whole = cut(LEFT, 2, 4), LEFT[LEFT.x > 3]
    lazy = dd.concat([some[some.x > 3], cut(RIGHT, 2, 3)], axis=1)
    pd.testing.assert_frame_equal(
        lazy.compute().sort_index(), pd.concat([whole, RIGHT], axis=1).sort_index()
    )
    with pytest.warns(UserWarning, match=r"rows are moved where they differ; set_index\(\) tells"):
        dd.concat([some, cut(RIGHT, 2, 3)], axis=1)
    shuffled = dd.concat([cut(LEFT, 2).shuffle("s"), cut(RIGHT, 2)], axis=1)
    pd.testing.assert_frame_equal(shuffled.compute().sort_index(), want)


def test_labels_that_repeat_elsewhere() -> None:
    left, right = LEFT.set_axis(REPEATED, axis=0), RIGHT.set_axis(REPEATED, axis=0)
    lazy = dd.concat([cut(left, 1, 4), cut(right, 2, 4)], axis=1)
    want = pd.concat([left, right], axis=1)
    pd.testing.assert_frame_equal(lazy.compute().sort_values("x"), want)
    with pytest.raises(RepeatedLabelsError, match="occurs several times"):
        dd.concat([cut(left, 1, 4), cut(RIGHT, 2, 4)], axis=1).compute()


def test_one_of_known_divisions_and_one_of_none() -> None:
    known = dd.from_pandas(LEFT, npartitions=2)
    want = pd.concat([LEFT, RIGHT], axis=1)
    for others in (cut(RIGHT, 1, 2, 5), cut(RIGHT, 5), dd.from_pandas(RIGHT, 1).clear_divisions()):
        got = dd.concat([known, others], axis=1).compute()
        pd.testing.assert_frame_equal(got.sort_index(), want)


def test_partitions_of_other_numbers_are_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match=r"\[3, 2\] partitions.*set_index\(\) tells.*merge\(\)"):
        dd.concat([cut(LEFT, 2, 4), cut(RIGHT, 2)], axis=1)


def test_who_says_that_rows_fit_is_believed() -> None:
    frames = [cut(LEFT, 2, 4), cut(RIGHT, 1, 4)]
    lazy = dd.concat(frames, axis=1, ignore_unknown_divisions=True)
    assert type(lazy.expr) is not OpenBeside
    assert len(lazy.compute()) == 7


def test_columns_that_nobody_reads_are_not_read(tmp_path: Any) -> None:
    for name, frame in {"left": LEFT, "right": RIGHT}.items():
        dd.from_pandas(frame, npartitions=3).to_parquet(tmp_path / name)
    left, right = (
        dd.read_parquet(tmp_path / name, calculate_divisions=False) for name in ("left", "right")
    )
    lazy = dd.concat([left, right], axis=1)
    pd.testing.assert_frame_equal(lazy.compute(), pd.concat([LEFT, RIGHT], axis=1))
    assert lazy[["z", "x"]].compute().columns.tolist() == ["z", "x"]
    told = str(lazy[["z", "x"]].explain())
    assert "columns=['z']" in told and "columns=['x']" in told
    assert lazy.y.sum().compute() == RIGHT.y.sum()
