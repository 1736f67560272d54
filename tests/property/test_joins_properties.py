"""Joins of two partitions by places against `pandas.merge`, exactly; sorting by digits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.dataframe import from_pandas
from shoal.dataframe.kernels.joins import fast_merge
from shoal.dataframe.kernels.ordering import range_codes, stable_order

few = st.integers(-2, 2)
KEYS = {
    "int64": few,
    "int32": few,
    "bool": st.booleans(),
    "float64": st.sampled_from([0.0, -0.0, 1.5, np.nan, np.inf]),
    "float32": st.sampled_from([0.0, -0.0, np.nan]),
    "str": st.sampled_from([None, "", "a", "ä"]),
    "datetime64[ns]": st.sampled_from([None, "2020-01-01", "1999-12-31"]),
}
VALUES = {**KEYS, "Int64": st.sampled_from([None, 5]), "category": st.sampled_from(["u", "v"])}


@st.composite
def sides(draw):
    kinds = draw(st.lists(st.sampled_from(list(KEYS)), min_size=1, max_size=2))
    frames = []
    for side in "lr":
        count = draw(st.integers(1, 10))
        columns = {
            f"k{i}": pd.Series(
                draw(st.lists(KEYS[kind], min_size=count, max_size=count)), dtype=kind
            )
            for i, kind in enumerate(kinds)
        }
        for i in range(draw(st.integers(0, 2))):
            kind = draw(st.sampled_from(list(VALUES)))
            values = draw(st.lists(VALUES[kind], min_size=count, max_size=count))
            columns[draw(st.sampled_from(["v", "w", side + str(i)]))] = pd.Series(
                values, dtype=kind
            )
        frame = pd.DataFrame(columns)
        frame.index = frame.index[::-1] + 7
        frames.append(frame)
    return frames, [f"k{i}" for i in range(len(kinds))]


@settings(max_examples=200, deadline=None)
@given(sides(), st.sampled_from(["inner", "left", "right"]), st.booleans())
def test_places_give_what_merge_gives(given_sides, how, renamed):
    (left, right), names = given_sides
    others = names
    if renamed:
        right = right.rename(columns={name: f"r{name}" for name in names})
        others = [f"r{name}" for name in names]
    told = {"how": how, "left_on": names, "right_on": others, "suffixes": ("_l", "_r")}
    got = fast_merge(left, right, told)
    expected = pd.merge(left, right, **told)
    if len(left) == len(right) == 1:
        assert got is None  # left to pandas, see below
    else:
        pd.testing.assert_frame_equal(got, expected)


@pytest.mark.parametrize("how", ["inner", "left", "right"])
@pytest.mark.parametrize("more", [[], [1.5]])
def test_a_missing_number_meets_its_like(how, more):
    """Polars does not find it where both sides have one row."""
    one = pd.DataFrame({"k": [np.nan], "x": [1]})
    other = pd.DataFrame({"k": [np.nan, *more]})
    got = from_pandas(one, npartitions=1).merge(from_pandas(other, npartitions=1), on="k", how=how)
    pd.testing.assert_frame_equal(got.compute(), one.merge(other, on="k", how=how))


def test_what_is_not_exact_is_left_to_pandas():
    left = pd.DataFrame({"k": [1, 2], "x": [1, 2]})
    told = {"how": "inner", "left_on": ["k"], "right_on": ["k"]}
    assert fast_merge(left, left, told) is not None
    for change in ({"how": "outer"}, {"how": "cross"}, {"indicator": True}, {"left_on": None}):
        assert fast_merge(left, left, told | change) is None
    assert fast_merge(left, left.astype({"k": "float64"}), told) is None
    assert fast_merge(left, left.astype({"k": object}), told) is None
    assert fast_merge(left.set_index("k"), left, told) is None
    clash = left.assign(x_x=0)
    assert fast_merge(clash, left, told | {"suffixes": ("_x", "_y")}) is None


numbers = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1)).map(lambda v: np.array(v, dtype=np.int64)),
    st.lists(st.integers(0, 2**64 - 1)).map(lambda v: np.array(v, dtype=np.uint64)),
    st.lists(st.integers(-40_000, 40_000)).map(lambda v: np.array(v, dtype=np.int32)),
    st.lists(st.floats()).map(np.array),
    st.lists(st.sampled_from([0.0, -0.0, 1.0])).map(np.array),
    st.lists(st.booleans()).map(lambda v: np.array(v, dtype=bool)),
    st.lists(st.sampled_from(["2020-01-01", "NaT", "1969-01-01"])).map(
        lambda v: np.array(v, dtype="M8[s]")
    ),
    st.lists(st.text(max_size=3)).map(lambda v: np.array(v, dtype=object)),
)


@settings(max_examples=200, deadline=None)
@given(numbers)
def test_digits_give_the_stable_order(values):
    np.testing.assert_array_equal(stable_order(values), np.argsort(values, kind="stable"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-9, 9)), st.lists(st.integers(-9, 9), max_size=80))
def test_ranges(values, bounds):
    keys, bounds = np.array(values, dtype=np.int64), np.sort(np.array(bounds, dtype=np.int64))
    expected = np.searchsorted(bounds, keys, side="right")
    np.testing.assert_array_equal(range_codes(keys, bounds), expected)
