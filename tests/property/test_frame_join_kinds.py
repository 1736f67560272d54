"""Every kind of join that pandas has, on partitions of any number: rows are pandas'."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
import shoal.dataframe as dd

KINDS = ["inner", "left", "right", "outer", "cross", "left_anti", "right_anti"]

KEYS = st.one_of(st.none(), st.integers(0, 4))


def rows(table: pd.DataFrame) -> list[str]:
    def value(one):
        return None if pd.isna(one) else one if isinstance(one, str) else float(one)

    return sorted(str([value(one) for one in row]) for row in table.itertuples(index=False))


@pytest.mark.parametrize("how", KINDS)
@given(data=st.data())
@settings(max_examples=8, deadline=None)
def test_joins_have_the_rows_of_pandas(how, data):
    dtype = data.draw(st.sampled_from(["float64", "Int64", "category", "str"]))

    def side(name):
        keys = data.draw(st.lists(KEYS, min_size=1, max_size=9))
        values = pd.Series(keys, dtype=object if dtype in ("str", "category") else "Int64")
        if dtype in ("str", "category"):
            values = values.map(lambda key: None if key is None else f"k{key}")
        column = values.astype(dtype)
        return pd.DataFrame({"k": column, "v": range(len(keys)), name: range(len(keys))})

    left, right = side("x"), side("y")
    told = {"how": how, "indicator": data.draw(st.booleans())}
    if how != "cross":
        told["on"] = data.draw(st.sampled_from(["k", ["k", "v"]]))
    expected = left.merge(right, **told)
    pieces = [data.draw(st.integers(1, 4)) for _ in "xy"]
    one, two = (dd.from_pandas(t, n, sort=False) for t, n in zip((left, right), pieces))
    with shoal.config.set(scheduler="sync"):
        lazy = one.merge(two, **told)
        found = lazy.compute()
        assert lazy.columns.tolist() == found.columns.tolist() == expected.columns.tolist()
        assert rows(found) == rows(expected)
        filtered = lazy[lazy.x > 1].compute()
    assert rows(filtered) == rows(expected[expected.x > 1])


@pytest.mark.parametrize("how", ["left_anti", "right_anti"])
@pytest.mark.parametrize("sort", [True, False])
def test_anti_joins_on_the_index(how, sort):
    left = pd.DataFrame({"x": range(6)}, index=[1, 2, 2, 4, 5, 9])
    right = pd.DataFrame({"y": range(4)}, index=[2, 3, 5, 8])
    expected = left.merge(right, how=how, left_index=True, right_index=True)
    one, two = dd.from_pandas(left, 3, sort=sort), dd.from_pandas(right, 2, sort=sort)
    found = one.merge(two, how=how, left_index=True, right_index=True).compute()
    assert rows(found.reset_index()) == rows(expected.reset_index())


def test_a_cross_join_of_few_partitions_keeps_the_order():
    left, right = pd.DataFrame({"x": range(5)}), pd.DataFrame({"y": list("abc")})
    lazy = dd.from_pandas(left, 3).merge(dd.from_pandas(right, 2), how="cross")
    assert lazy.npartitions == 3
    found = lazy.compute().reset_index(drop=True)
    pd.testing.assert_frame_equal(found, left.merge(right, how="cross"))


@pytest.mark.parametrize(
    "told",
    [
        {"how": "cross", "on": "k"},
        {"how": "cross", "left_index": True, "right_index": True},
        {"on": "k", "left_on": "k"},
        {"on": "k", "right_index": True},
        {"left_on": "k"},
        {"left_index": True},
        {"left_on": "k", "left_index": True, "right_on": "k"},
    ],
)
def test_keys_that_say_too_much_or_too_little_are_refused_as_by_pandas(told):
    table = pd.DataFrame({"k": [1, 2], "x": [3, 4]})
    with pytest.raises(pd.errors.MergeError):
        table.merge(table, **told)
    df = dd.from_pandas(table, 2)
    with pytest.raises(pd.errors.MergeError):
        df.merge(df, **told)
