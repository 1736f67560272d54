"""Frames met by labels that repeat: as pandas has it, or refused, however both sides are cut."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
import shoal.dataframe as dd
from shoal.dataframe.kernels.labels import RepeatedLabelsError

pytestmark = pytest.mark.filterwarnings("ignore")

N_EXAMPLES = 8

LABELS = {
    "int64": st.integers(0, 4),
    "str": st.sampled_from("abcd"),
    "float64": st.sampled_from([0.0, 1.5, 2.0, np.nan]),
}


@st.composite
def tables(draw, dtype):
    labels = draw(st.lists(LABELS[dtype], max_size=7))
    if draw(st.booleans()):
        labels = sorted(labels)
    numbers = st.lists(st.integers(0, 9), min_size=len(labels), max_size=len(labels))
    index = pd.Index(labels, dtype=dtype)
    return pd.DataFrame({"x": draw(numbers), "y": draw(numbers)}, index=index)


def cut(table, ends):
    """Partitions at any places, empty ones among them, without divisions."""
    ends = sorted(min(end, len(table)) for end in ends)
    bounds = [0, *ends, len(table)]
    parts = [table.iloc[a:b] for a, b in itertools.pairwise(bounds)]
    return dd.from_map(lambda part: part, parts, meta=table.iloc[:0])


@st.composite
def cuts(draw, table):
    """A table in partitions, or as it is."""
    how = draw(st.sampled_from(["sorted", "as it is", "anywhere", "pandas"]))
    if how == "pandas":
        return table
    if how == "anywhere":
        return cut(table, draw(st.lists(st.integers(0, 7), max_size=3)))
    return dd.from_pandas(table, npartitions=draw(st.integers(1, 4)), sort=how == "sorted")


@st.composite
def pairs(draw):
    dtype = draw(st.sampled_from(list(LABELS)))
    one = draw(tables(dtype))
    kind = draw(st.sampled_from(["other", "other", "same", "one less", "shuffled"]))
    other = draw(tables(dtype))
    if kind == "same":
        other = one.assign(x=one.x.to_numpy()[::-1])
    elif kind == "one less" and len(one):
        other = one.drop(columns=[]).iloc[1:]
    elif kind == "shuffled":
        other = one.iloc[::-1]
    left = draw(cuts(one))
    if isinstance(left, pd.DataFrame):
        left = dd.from_pandas(one, npartitions=1, sort=False)
    return left, draw(cuts(other))


def plus(a, b):
    return a + b


OPERATIONS = {
    "add": lambda a, b: a.x + b.x,
    "frames": lambda a, b: a + b,
    "less": lambda a, b: a.x < b.x,
    "frames less": lambda a, b: a < b,
    "lt": lambda a, b: a.x.lt(b.x),
    "frames lt": lambda a, b: a.lt(b),
    "and": lambda a, b: (a.x > 3) & (b.x > 3),
    "fill_value": lambda a, b: a.add(b, fill_value=0),
    "axis": lambda a, b: a.add(b.x, axis=0),
    "ufunc": lambda a, b: np.add(a.x, b.x),
    "where": lambda a, b: a.x.where(b.x > 3),
    "frames where": lambda a, b: a.where(b > 3),
    "otherwise": lambda a, b: a.where(a > 3, b),
    "mask": lambda a, b: a.mask(b.x > 3),
    "assign": lambda a, b: a.assign(z=b.x),
    "filter": lambda a, b: a[b.x > 3],
    "loc": lambda a, b: a.x.loc[b.x > 3],
    "fillna": lambda a, b: a.x.where(a.x > 3).fillna(b.x),
    "clip": lambda a, b: a.x.clip(b.x),
    "combine": lambda a, b: a.combine(b, plus),
    "combine_first": lambda a, b: a.where(a > 3).combine_first(b),
    "groupby": lambda a, b: a.y.groupby(b.x).sum(),
    "align": lambda a, b: a.x.align(b.x, join="left")[1],
    "dot": lambda a, b: a.x.dot(b.x),
    "between": lambda a, b: a.x.between(b.x, b.x),
    "cat": lambda a, b: a.x.astype(str).str.cat(b.x.astype(str)),
    "twice": lambda a, b: (a.x + b.x) - b.y,
}


def told(value):
    """Rows in whatever order: a shuffle leaves them in another one than pandas does."""
    if not isinstance(value, pd.DataFrame | pd.Series):
        return value
    table = value.to_frame("v") if isinstance(value, pd.Series) else value
    rows = zip(table.index, *(table.iloc[:, i] for i in range(table.shape[1])), strict=True)
    return list(table.columns), sorted([repr(plain(one)) for one in row] for row in rows)


def plain(value):
    """Whole numbers are floats where pandas sees a gap in another partition."""
    return value if isinstance(value, str) else None if pd.isna(value) else float(value)


def attempt(func):
    try:
        return func(), None
    except Exception as error:
        return None, error


@pytest.mark.parametrize("name", OPERATIONS)
@given(sides=pairs())
@settings(max_examples=N_EXAMPLES, deadline=None)
def test_two_frames_meet_by_label_as_in_pandas(name, sides):
    left, right = sides
    func = OPERATIONS[name]
    with shoal.config.set(scheduler="sync"):
        mine = left.compute()
        others = right if isinstance(right, pd.DataFrame) else right.compute()
        expected, wrong = attempt(lambda: func(mine, others))
        found, refused = attempt(lambda: shoal.compute(func(left, right))[0])
    if refused is not None:
        # pandas answers some things by chance: where frames are empty, or labels do not meet.
        assert wrong is not None or isinstance(refused, ValueError), refused
    elif wrong is None:
        # pandas does something else altogether where a whole frame is empty.
        empty = not (len(mine) and len(others)) and name in ("assign", "combine", "combine_first")
        assert empty or told(found) == told(expected)
    elif len(mine) and len(others):
        raise AssertionError(f"pandas refuses: {wrong!r}; here: {found}")


def test_equal_partitions_of_different_frames_make_all_pairs():
    one = pd.Series([1, 2, 3, 4], index=[1, 1, 2, 2])
    other = pd.Series([10, 20, 30, 40], index=[1, 1, 2, 3])
    left, right = (dd.from_pandas(s, npartitions=2) for s in (one, other))
    pd.testing.assert_series_equal((left + right).compute(), one + other)
    assert (left + right).divisions == (1, 2, 3)


def test_equal_frames_are_paired_by_place_whatever_their_partitions():
    one = pd.Series(range(8), index=[0, 0, 1, 1, 1, 2, 2, 5])
    left = dd.from_pandas(one, npartitions=3)
    right = dd.from_pandas(one * 10, npartitions=2)
    pd.testing.assert_series_equal((left + right).compute(), one * 11)


def test_rows_of_one_source_need_no_other_look_at_their_labels():
    df = dd.from_pandas(pd.DataFrame({"x": [1, 2, 3], "y": [4, 5, 6]}, index=[0, 0, 1]), 2)
    rows = df[df.x > 1]
    for same in (
        df.x + df.y,
        rows.x + df.y[df.x > 1],
        df.x + df.x.cumsum() + df.x.shift(1),
        df.x + df.groupby("y").x.transform("sum", meta=("x", "int64")),
        df.assign(z=df.x.fillna(0)),
    ):
        assert "matched" not in str(same.explain())
    assert "matched" in str((rows.x + df.y).explain())


def test_labels_known_to_differ_need_no_look_either():
    df = dd.from_pandas(pd.DataFrame({"x": [1, 2, 3], "y": [4, 5, 6]}), npartitions=2)
    other = dd.from_pandas(pd.Series([7, 8], index=[0, 1]), npartitions=2)
    assert "matched" not in str((df.x + other).explain())
    assert "matched" not in str((df.x[df.x > 1] + df.y).explain())
    numbered = df.reset_index(drop=True)
    assert "matched" not in str((numbered.x[numbered.x > 1] + numbered.y).explain())


def test_a_refusal_names_the_label_and_is_of_all_classes_that_pandas_raises():
    one = pd.Series([1, 2, 3], index=[1, 1, 2])
    left = dd.from_pandas(one, npartitions=2)
    right = dd.from_pandas(pd.Series([1, 2, 3], index=[1, 1, 3]), npartitions=2)
    with pytest.raises(RepeatedLabelsError, match="1 occurs several times") as caught:
        left.where(right > 1).compute()
    for kind in (ValueError, IndexError, pd.errors.InvalidIndexError, pd.errors.IndexingError):
        assert isinstance(caught.value, kind)


def test_rows_between_bounds_in_any_order():
    table = pd.DataFrame({"x": [5, 6, 7, 8]}, index=[3, 0, 2, 1])
    df = dd.from_map(lambda part: part, [table], meta=table.iloc[:0], divisions=(0, 3))
    other = dd.from_pandas(table.sort_index(), npartitions=3)
    found = (df.x + other.x).compute()
    assert found.sort_index().tolist() == [12, 16, 14, 10]
