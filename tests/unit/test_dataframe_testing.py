"""`assert_eq` of frames: what passes, and what each difference says."""

from __future__ import annotations

import subprocess
import sys

import pandas as pd
import pytest

import shoal.dataframe as dd
from shoal.dataframe.testing import assert_divisions, assert_eq

FRAME = pd.DataFrame({"x": [3, 1, 2], "y": ["a", None, "c"]}, index=[10, 20, 30])


def test_equal_whatever_the_partitions_and_the_sequence() -> None:
    frame = dd.from_pandas(FRAME, npartitions=2)
    assert_eq(frame, FRAME)
    assert_eq(frame, FRAME.iloc[::-1])
    assert_eq(frame.y, FRAME.y)
    assert_eq(frame.index, FRAME.index)
    assert_eq(frame.x.sum(), 6)
    assert_eq(frame.x.mean(), 2.0)
    assert_eq(frame, FRAME.reset_index(drop=True), check_index=False)


@pytest.mark.parametrize(
    "other",
    [
        FRAME.assign(x=[3, 1, 4]),
        FRAME.astype({"x": float}),
        FRAME.rename(columns={"x": "z"}),
        FRAME.rename(index={10: 11}),
        FRAME.head(2),
    ],
)
def test_what_differs_is_an_error(other: pd.DataFrame) -> None:
    with pytest.raises(AssertionError):
        assert_eq(dd.from_pandas(FRAME, npartitions=2), other)


def test_the_sequence_counts_when_asked() -> None:
    with pytest.raises(AssertionError):
        assert_eq(FRAME, FRAME.iloc[::-1], sort_results=False)


def test_what_was_told_has_to_be_true() -> None:
    frame = dd.from_pandas(FRAME, npartitions=2)
    lie = frame.map_partitions(lambda part: part.x.astype(float), meta=("x", "int64"))
    with pytest.raises(Exception, match="int64"):
        assert_eq(lie, FRAME.x)


def test_divisions_have_to_hold() -> None:
    parts = [FRAME.head(1), FRAME.tail(2)]
    lie = dd.from_map(lambda i: parts[i], [0, 1], meta=FRAME.head(0), divisions=(10, 15, 25))
    with pytest.raises(AssertionError, match="partition 1 holds 20 to 30"):
        assert_divisions(lie)


def test_what_differs_is_an_error_also_where_assertions_are_stripped() -> None:
    program = """
import shoal.array as da
from shoal.dataframe.testing import assert_eq
for differs, pair in ((da.assert_eq, (da.ones(3), da.ones(4))), (assert_eq, (1, 2))):
    try:
        differs(*pair)
    except AssertionError as error:
        print(error)
"""
    words = [sys.executable, "-O", "-c", program]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=200)
    assert done.stdout.splitlines() == ["shapes differ: (3,) and (4,)", "1 != 2"]
