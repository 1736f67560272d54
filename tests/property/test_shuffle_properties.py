"""Cutting partitions by key and joining what was cut, against pandas, on any columns."""

from __future__ import annotations

import decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
import shoal.dataframe as dd
from shoal.dataframe.kernels.columns import cut_rows, join_rows, rows_of
from shoal.dataframe.kernels.cuts import HashSplit, JoinRows
from shoal.dataframe.kernels.hashing import hash_arrays
from shoal.serialize.parts import Shelf
from shoal.serialize.pickles import dumps, loads

few = st.integers(-3, 3)
KINDS = {
    "int64": few.map(int),
    "uint8": st.integers(0, 3),
    "bool": st.booleans(),
    "float64": st.sampled_from([0.0, -0.0, 1.5, np.nan, np.inf, -np.inf]),
    "float32": st.sampled_from([0.0, -0.0, 1.5, np.nan]),
    "complex128": st.sampled_from([0j, 1j, 1 + 0j]),
    "object": st.sampled_from([None, "a", 1, 1.0, True, (1, "x"), decimal.Decimal(2)]),
    "str": st.sampled_from([None, "", "a", "ä", "long " * 9]),
    "string": st.sampled_from([None, "", "a"]),
    "Int64": st.sampled_from([None, 0, 7]),
    "Float64": st.sampled_from([None, 0.0, 0.5]),
    "boolean": st.sampled_from([None, True, False]),
    "category": st.sampled_from([None, "u", "v"]),
    "datetime64[ns]": st.sampled_from([None, "2020-01-01", "1999-12-31 23:59:59.123456789"]),
    "datetime64[s]": st.sampled_from([None, "2020-01-01", "1999-12-31"]),
    "datetime64[us, Europe/Berlin]": st.sampled_from([None, "2020-07-01", "2020-01-01"]),
    "timedelta64[ns]": st.sampled_from([None, 5, 10**9]),
    "int64[pyarrow]": st.sampled_from([None, 3, 4]),
    "string[pyarrow]": st.sampled_from([None, "x", "y"]),
    "double[pyarrow]": st.sampled_from([None, 0.5]),
    "period[D]": st.sampled_from([None, "2020-01-01"]),
    "interval": st.sampled_from([pd.Interval(0, 1), pd.Interval(1, 2)]),
}


def column(values, kind):
    if kind == "interval":
        return pd.Series(pd.arrays.IntervalArray(values)) if values else pd.Series([], dtype=object)
    if kind.startswith("datetime64[us,"):
        return pd.Series(pd.to_datetime(values, utc=True)).astype(kind)
    return pd.Series(values, dtype=kind)


@st.composite
def frames(draw, kinds=tuple(KINDS), rows=12):
    count = draw(st.integers(0, rows))
    chosen = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=3))
    columns = [
        column(draw(st.lists(KINDS[kind], min_size=count, max_size=count)), kind) for kind in chosen
    ]
    frame = pd.DataFrame(dict(enumerate(columns)))
    labels = draw(st.sampled_from(["range", "ints", "text", "two", "none"]))
    if labels == "ints":
        frame.index = pd.Index(np.arange(count)[::-1] * 3, name="label")
    elif labels == "text":
        frame.index = pd.Index([f"l{i}" for i in range(count)], name=7)
    elif labels == "two":
        arrays = [np.arange(count) % 2, np.arange(count)]
        frame.index = pd.MultiIndex.from_arrays(arrays, names=["a", None])
    frame.columns = [f"c{i}" for i in range(len(columns))]
    return frame


@settings(max_examples=80, deadline=None)
@given(frames(), st.integers(1, 5), st.randoms())
def test_what_is_cut_is_there_once_in_order(frame, count, random):
    codes = np.array([random.randrange(count) for _ in range(len(frame))], dtype=np.int64)
    cut = cut_rows(frame, codes, count)
    stored = Shelf(limit_bytes=0).put(cut)
    copied = loads(dumps(cut))
    for number in range(count):
        expected = frame[codes == number]
        for parts in (cut, stored, copied):
            pd.testing.assert_frame_equal(
                parts.part(number).pandas(), expected, check_freq=False, check_index_type=False
            )
    pieces = [cut.part(number) for number in range(count)]
    order = np.argsort(codes, kind="stable")
    pd.testing.assert_frame_equal(
        join_rows(pieces), frame.iloc[order], check_freq=False, check_index_type=False
    )


@settings(max_examples=80, deadline=None)
@given(frames(), st.integers(1, 4))
def test_equal_keys_have_one_number(frame, count):
    hashed = hash_arrays([frame.iloc[:, i].array for i in range(frame.shape[1])])
    try:
        groups = frame.groupby(list(frame.columns), dropna=False, observed=True).ngroup()
    except TypeError:
        return
    for _, rows in pd.Series(hashed).groupby(groups.to_numpy()):
        assert rows.nunique() == 1
    parts = HashSplit(tuple(frame.columns), count)(frame)
    back = JoinRows()([parts.part(number) for number in range(count)])
    assert len(back) == len(frame)


@pytest.mark.parametrize(
    "one, other",
    [
        ([1, 2], [True, 2]),
        ([0.0, 1.0], [-0.0, 1.0]),
        (["a", None], pd.Categorical(["a", None])),
        (["a", None], np.array(["a", np.nan], dtype=object)),
        ([1, 2], np.array([1, 2.0], dtype=object)),
        (pd.array([1, None], dtype="Int64"), np.array([1, None], dtype=object)),
        (np.array([5], "M8[s]"), np.array([5_000_000_000], "M8[ns]")),
    ],
)
def test_keys_that_pandas_joins_have_one_number(one, other):
    a, b = pd.Series(one), pd.Series(other)
    if pd.api.types.is_numeric_dtype(a.dtype) and b.dtype == object:
        a = a.astype(object)
    assert hash_arrays([a.array]).tolist() == hash_arrays([b.array]).tolist()


def test_numbers_are_spread():
    codes = hash_arrays([pd.array(np.arange(64_000))]) >> np.uint64(32)
    counts = np.bincount((codes * np.uint64(64) >> np.uint64(32)).astype(int), minlength=64)
    assert counts.min() > 850 and counts.max() < 1150


def test_nothing_but_frames_and_series_has_vectors():
    class Own(pd.DataFrame):
        pass

    assert rows_of(pd.Index([1])) is None
    assert rows_of(Own({"x": [1]})) is None


JOINS = ("inner", "left", "right", "outer")
KEYS = ("int64", "float64", "str", "category", "Int64", "datetime64[ns]")


@settings(max_examples=25, deadline=None)
@given(st.data(), st.sampled_from(JOINS), st.sampled_from(KEYS), st.booleans())
def test_joins_of_any_keys_are_those_of_pandas(data, how, kind, on_disk):
    values = KINDS[kind]
    left, right = (
        pd.DataFrame(
            {
                "k": column(data.draw(st.lists(values, min_size=1, max_size=9)), kind),
                "j": 1,
            }
        )
        for _ in range(2)
    )
    left["x"], right["y"] = np.arange(len(left)), np.arange(len(right)) * 1.5
    expected = left.merge(right, on=["k", "j"], how=how)
    with shoal.config.set({"shuffle-memory": 0 if on_disk else None}):
        lazy = dd.from_pandas(left, npartitions=3, sort=False).merge(
            dd.from_pandas(right, npartitions=2, sort=False), on=["k", "j"], how=how
        )
        got = lazy.compute(scheduler="sync")
    if kind == "category":
        # Categories that differ stay categories, with those of both; pandas gives them up.
        got, expected = (frame.astype({"k": "str"}) for frame in (got, expected))
    order = ["x", "y"]
    pd.testing.assert_frame_equal(
        got.sort_values(order).reset_index(drop=True),
        expected.sort_values(order).reset_index(drop=True),
    )


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.sampled_from(JOINS), min_size=2, max_size=3),
    st.lists(st.integers(1, 9), min_size=4, max_size=4),
    st.sampled_from(["k", ["k", "j"]]),
    st.integers(0, 5),
)
def test_what_is_in_place_is_not_moved_and_nothing_is_lost(kinds, counts, on, seed):
    rng = np.random.default_rng(seed)
    plain = [
        pd.DataFrame(
            {
                "k": rng.integers(0, 6, 15),
                "j": rng.integers(0, 2, 15),
                f"v{i}": rng.integers(0, 99, 15),
            }
        )
        for i in range(len(kinds) + 1)
    ]
    lazy = [
        dd.from_pandas(f, npartitions=n, sort=False) for f, n in zip(plain, counts, strict=False)
    ]
    expected, got = plain[0], lazy[0]
    for i, how in enumerate(kinds, 1):
        other = [c for c in plain[i].columns if c in ("k", f"v{i}") or c in on]
        expected = expected.merge(plain[i][other], on=on, how=how)
        got = got.merge(lazy[i][other], on=on, how=how)
    tops = expected.groupby(["k", "j"])["v0"].transform("max").sum()
    found = got.groupby(["k", "j"])["v0"].transform("max", meta=("v0", "float64")).sum()
    assert found.compute(scheduler="sync") == tops
    order = [name for name in expected.columns if name.startswith("v")] + ["k", "j"]
    pd.testing.assert_frame_equal(
        got.compute(scheduler="sync").sort_values(order).reset_index(drop=True),
        expected.sort_values(order).reset_index(drop=True),
        check_dtype=False,
    )
