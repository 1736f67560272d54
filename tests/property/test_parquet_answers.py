"""Answers from footers are those that reading the rows gives, or none."""

from __future__ import annotations

import datetime
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import shoal
import shoal.dataframe as dd
from shoal.dataframe.io.parquet import SchemaError
from shoal.dataframe.rules import RULES
from shoal.expr.rewrite import rewrite

WHEN = datetime.datetime(2024, 2, 29, 12)
TIMES = [WHEN + datetime.timedelta(microseconds=n) for n in (-5, 0, 1, 10**12)]
ZONED = [one.replace(tzinfo=datetime.UTC) for one in TIMES]

COLUMNS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "i": (pa.int64(), [-(2**53) - 1, 0, 3, 2**53 + 1]),
    "u": (pa.uint64(), [0, 2**63 + 1, 2**64 - 1]),
    "b": (pa.int8(), [-128, 127]),
    "flag": (pa.bool_(), [True, False]),
    "text": (pa.string(), ["", "a", "Z", "ä", "\U0001f600", "\uffff", "a" * 70 + "b"]),
    "long": (pa.large_string(), ["x" * 5000, "y"]),
    "ns": (pa.timestamp("ns"), TIMES),
    "us": (pa.timestamp("us", "UTC"), ZONED),
    "s": (pa.timestamp("s", "Europe/Berlin"), [ZONED[1], ZONED[3].replace(microsecond=0)]),
    "f": (pa.float64(), [-1.5, 0.0, -0.0, 2.5, float("nan"), float("inf")]),
    "g": (pa.float32(), [-1.5, 2.5, 0.1, float("nan")]),
    "day": (pa.date32(), [WHEN.date(), datetime.date(1970, 1, 1)]),
    "dec": (pa.decimal128(5, 2), [Decimal("1.50"), Decimal("-3.25")]),
    "cat": (pa.dictionary(pa.int8(), pa.string()), ["p", "q"]),
}


@st.composite
def data_sets(draw: st.DrawFn) -> tuple[list[pa.Table], int]:
    """Files of some columns, and how many rows a row group has."""
    names = draw(st.lists(st.sampled_from([*COLUMNS]), min_size=1, max_size=3, unique=True))
    nulls = {name: draw(st.booleans()) for name in names}
    tables = []
    for size in draw(st.lists(st.integers(0, 7), min_size=1, max_size=3)):
        columns = {}
        for name in names:
            kind, values = COLUMNS[name]
            value = st.sampled_from([*values, None] if nulls[name] else values)
            drawn = draw(st.lists(value, min_size=size, max_size=size))
            columns[name] = pa.array(drawn, kind)
        tables.append(pa.table(columns))
    return tables, draw(st.integers(1, 4))


def questions(frame: Any) -> dict[str, Any]:
    name = frame.columns[0]
    asked = {
        "len": frame[[name]]._reduce("len"),
        "size": frame.size,
        "size of one": frame[name].size,
        "count": frame.count(),
        "count of one": frame[name].count(),
    }
    if not {"cat", "dec", "day"} & {*frame.columns}:
        asked |= {"min": frame.min(), "max": frame.max(skipna=True)}
        asked |= {"min of one": frame[name].min(), "max of one": frame[name].max()}
        asked |= {"with what is missing": frame[name].max(skipna=False)}
    return asked


def is_known(asked: Any) -> bool:
    (root,), _ = rewrite([asked.expr], RULES)
    return type(root).__name__ == "Given"


def same(one: Any, other: Any, backend: str | None) -> None:
    if isinstance(one, pd.Series):
        pd.testing.assert_series_equal(one, other)
        return
    # Arrow's values are Python's where one partition has rows, and NumPy's where several have.
    assert backend == "pyarrow" or type(one) is type(other), (one, other)
    assert str(one) == str(other)


@given(data_sets(), st.sampled_from([None, "numpy_nullable", "pyarrow"]), st.booleans())
@settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.generate])
def test_what_is_known_is_what_is_there(
    files: tuple[list[pa.Table], int], backend: str | None, split: bool
) -> None:
    tables, rows = files
    with tempfile.TemporaryDirectory() as folder:
        for i, table in enumerate(tables):
            pq.write_table(table, f"{folder}/{i}.parquet", row_group_size=rows)
        told = {"dtype_backend": backend, "split_row_groups": 1 if split else "infer"}
        frame = dd.read_parquet(folder, **told)
        for asked in questions(frame).values():
            if is_known(asked):
                try:
                    read = asked.compute(scheduler="sync", optimize_graph=False)
                except SchemaError:
                    continue  # of another column, which has missing whole numbers
                same(asked.compute(scheduler="sync"), read, backend)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two files of two row groups each, and an empty one."""
    where = tmp_path_factory.mktemp("known")
    for start in (0, 8):
        columns = {}
        for name, (kind, values) in COLUMNS.items():
            some = [one for one in values if one != 0 and len(str(one)) < 100]
            columns[name] = pa.array([some[(start + i) % len(some)] for i in range(8)], kind)
        columns["gaps"] = pa.array(["a", None, "c", "d"] * 2)
        table = pa.table(columns)
        pq.write_table(table, f"{where}/{start}.parquet", row_group_size=4)
    pq.write_table(table[:0], f"{where}/99.parquet")
    return str(where)


BOUND = ["i", "u", "b", "text", "ns", "us", "s", "f", "g", "gaps"]
COUNTED = ["i", "u", "b", "flag", "text", "long", "ns", "us", "s", "day", "gaps"]


@pytest.mark.parametrize("name", [*COLUMNS, "gaps"])
def test_which_answers_are_known(folder: str, name: str) -> None:
    frame = dd.read_parquet(folder)
    if name not in ("dec", "cat"):
        assert is_known(frame[name].min()) == (name in (*BOUND, "flag", "long"))
    assert is_known(frame[name].count()) == (name in COUNTED)
    assert is_known(frame[name].size) and is_known(frame[[name]].size)


def test_frames_are_answered_whole_or_not(folder: str) -> None:
    frame = dd.read_parquet(folder)
    assert is_known(frame[["i", "b"]].min()) and is_known(frame[COUNTED].count())
    assert not is_known(frame[["i", "cat"]].count()) and not is_known(frame.count())
    assert not is_known(frame[frame.i > 0].i.min()) and not is_known(frame.i.max(skipna=False))


def write(where: Path, table: pa.Table, **options: Any) -> Any:
    pq.write_table(table, where / "0.parquet", **options)
    return dd.read_parquet(str(where))


def test_zeros_and_nan_are_not_told_from_each_other(tmp_path: Path) -> None:
    frame = write(tmp_path, pa.table({"f": [0.0, 1.0], "g": [np.nan, np.nan]}))
    assert not is_known(frame.f.min()) and not is_known(frame.g.min())
    assert not is_known(frame.g.count())
    assert str(frame.f.min().compute()) == "0.0"


def test_what_arrow_takes_for_a_time_and_pandas_does_not(tmp_path: Path) -> None:
    numbers = pa.array([np.iinfo("int64").min, 5]).cast(pa.timestamp("ns"))
    frame = write(tmp_path, pa.table({"t": numbers}))
    assert not is_known(frame.t.count()) and not is_known(frame.t.min())
    with shoal.config.set({"dataframe.engine": "pandas"}):
        assert frame.t.count().compute() == 1 and frame.t.min().compute() == pd.Timestamp(5)


def test_bounds_of_others_are_believed_where_they_cannot_be_cut_short(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    table = polars.DataFrame({"s": ["x" * 200, "y" * 200], "f": [1.5, 2.5], "k": [1, 2]})
    table.write_parquet(tmp_path / "0.parquet")
    frame = dd.read_parquet(str(tmp_path))
    assert not is_known(frame.s.min()) and not is_known(frame.f.min())
    assert is_known(frame.k.min()) and is_known(frame.s.count())
    assert frame.s.max().compute() == "y" * 200


def test_files_without_statistics(tmp_path: Path) -> None:
    frame = write(tmp_path, pa.table({"k": [1, 2]}), write_statistics=False)
    assert not is_known(frame.k.min()) and not is_known(frame.k.count())
    assert (frame.k.min().compute(), frame.k.count().compute()) == (1, 2)


def test_missing_whole_numbers_are_floats_as_they_are_when_read(tmp_path: Path) -> None:
    pq.write_table(pa.table({"k": [1, 2]}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"k": [1, None]}), tmp_path / "1.parquet")
    frame = dd.read_parquet(str(tmp_path))
    assert frame.k.dtype == "float64"
    assert is_known(frame.k.count()) and frame.k.count().compute() == 3
    assert isinstance(frame.k.min().compute(scheduler="sync"), float)
