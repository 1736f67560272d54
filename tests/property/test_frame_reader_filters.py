"""Predicates that go into the reader of Parquet keep the rows that pandas keeps."""

from __future__ import annotations

import datetime
import functools
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal.dataframe as dd
from shoal.dataframe.io.parquet_plan import kept_pieces

RNG = np.random.default_rng(3)
ROWS = 24


def missing(values: Any, share: float) -> pd.Series:
    out = pd.Series(values)
    return out.where(RNG.random(ROWS) >= share)


FRAME = pd.DataFrame(
    {
        "i": np.sort(RNG.integers(0, 10, ROWS)),
        "f": missing(RNG.integers(0, 10, ROWS) / 2, 0.3),
        "s": missing(RNG.choice(list("abc") + [""], ROWS), 0.3).astype("str"),
        "u": missing(RNG.choice(list("abc"), ROWS), 0.3).astype("string"),
        "t": missing(pd.date_range("2020-01-01", periods=ROWS, freq="5h"), 0.2),
        "b": RNG.random(ROWS) < 0.5,
    }
)
VALUES: dict[str, Any] = {
    "i": st.integers(-1, 11),
    "f": st.sampled_from([-1.0, 0.0, 1.5, 2, 5.0]),
    "s": st.sampled_from(["a", "b", "z", ""]),
    "u": st.sampled_from(["a", "b", "z"]),
    "t": st.sampled_from(
        [pd.Timestamp("2020-01-03"), "2020-01-02 12:00", "2020-01", datetime.datetime(2020, 1, 2)]
    ),
    "b": st.booleans(),
}
COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    where = tmp_path_factory.mktemp("filters")
    for number, rows in enumerate(np.array_split(np.arange(ROWS), 3)):
        table = pa.Table.from_pandas(FRAME.iloc[rows], preserve_index=False)
        pq.write_table(table, where / f"{number}.parquet", row_group_size=3)
    yield str(where)


@st.composite
def leaves(draw: Any) -> Any:
    name = draw(st.sampled_from(sorted(VALUES)))
    kinds = ["operator", "method", "mirrored", "isna", "notna"]
    kind = draw(st.sampled_from(kinds + ["isin", "between"] * (name != "b")))
    value, other = draw(VALUES[name]), draw(VALUES[name])
    op = draw(st.sampled_from(COMPARISONS))
    if kind == "operator":
        return lambda df: getattr(operator, op)(df[name], value)
    if kind == "mirrored":
        return lambda df: getattr(operator, op)(value, df[name])
    if kind == "method":
        return lambda df: getattr(df[name], op)(value)
    if kind == "isin":
        items = draw(st.sampled_from([[value, other], (value,), [value, None], []]))
        return lambda df: df[name].isin(items)
    if kind == "between":
        ends = draw(st.sampled_from(["both", "left", "right", "neither"]))
        return lambda df: df[name].between(value, other, ends)
    return lambda df: getattr(df[name], kind)()


def combined(inner: Any) -> Any:
    pairs = st.tuples(st.sampled_from([operator.and_, operator.or_]), inner, inner)
    both = pairs.map(lambda told: lambda df: told[0](told[1](df), told[2](df)))
    return both | inner.map(lambda one: lambda df: ~one(df))


PREDICATES = st.recursive(leaves(), combined, max_leaves=5)


@settings(max_examples=80)
@given(PREDICATES)
def test_rows_are_those_of_pandas(folder: str, predicate: Any) -> None:
    df = dd.read_parquet(folder)
    want = FRAME[predicate(FRAME)].reset_index(drop=True)
    got = df[predicate(df)].compute(scheduler="sync").reset_index(drop=True)
    pd.testing.assert_frame_equal(got, want, check_freq=False)
    total = df[predicate(df)].f.sum().compute(scheduler="sync")
    assert total == pytest.approx(want.f.sum())


PUSHED = {
    "isin": (lambda df: df.i.isin({3, 4}), "i in (3, 4)"),
    "between": (lambda df: df.i.between(2, 4, "left"), "i >= 2, i < 4"),
    "isna": (lambda df: df.f.isna(), "f is None"),
    "not notna": (lambda df: ~df.t.notna(), "t is None"),
    "text of a moment": (lambda df: df.t > "2020-01-02", "t > Timestamp('2020-01-02 00:00:00')"),
    "or": (lambda df: (df.i > 8) | (df.s == "a"), "any of ((('i', '>', 8),), (('s', '==', 'a'),))"),
    "not": (lambda df: ~(df.f > 1), "any of ((('f', '<=', 1),), (('f', 'is', None),))"),
    "unequal": (lambda df: df.i != 3, "any of ((('i', '!=', 3),), (('i', 'is', None),))"),
}


@pytest.mark.parametrize("name", PUSHED)
def test_they_go_into_the_reader(folder: str, name: str) -> None:
    predicate, words = PUSHED[name]
    df = dd.read_parquet(folder)
    label = df[predicate(df)].optimize().expr.label()
    assert label.startswith("ReadParquet(") and words in label


def test_what_is_too_much_to_say_stays(folder: str) -> None:
    df = dd.read_parquet(folder)
    pairs = [(df.i == number) | (df.f == number) for number in range(5)]
    out = df[functools.reduce(operator.and_, [pairs[0] | pairs[1], *pairs[2:]]) | df.b]
    assert "Filter" in out.optimize().expr.label()


def test_the_opposite_of_what_is_not_known_stays_outside(folder: str) -> None:
    df = dd.read_parquet(folder)
    out = df[~(df.u == "a")]
    assert "Filter" in out.optimize().expr.label()
    assert not (out.compute(scheduler="sync").u == "a").any()


def test_row_groups_without_missing_values_are_not_read(tmp_path: Any) -> None:
    frame = pd.DataFrame({"i": range(6), "t": pd.date_range("2020", periods=6)})
    frame.loc[4, "t"] = pd.NaT
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "x.parquet", row_group_size=2)
    df = dd.read_parquet(tmp_path, filters=[("t", "is", None)])
    assert df.compute(scheduler="sync").i.tolist() == [4]
    node = df.expr
    kept = kept_pieces(node.dataset, node.filters, {}, narrow=True)
    assert [piece.row_groups for piece in kept.pieces] == [(2,)]
