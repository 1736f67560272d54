"""Filters of readers compare with values that columns cannot have as pandas does."""

from __future__ import annotations

import datetime
import operator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
import shoal.dataframe as dd

MOMENTS = ["2000-01-01 00:00:00.123456", "1999-12-31 23:59:59.999999", "2261-01-01"]
NEAR = "2000-01-01 00:00:00.123456789"

COLUMNS = {
    # Years that are out of bounds of nanoseconds, and what microseconds cannot tell apart.
    "s": pd.to_datetime([*MOMENTS, "0005-05-05"], format="ISO8601").astype("datetime64[s]"),
    "us": pd.to_datetime([*MOMENTS, "0005-05-05"], format="ISO8601").astype("datetime64[us]"),
    "ns": pd.to_datetime([*MOMENTS, NEAR, None], format="ISO8601").astype("datetime64[ns]"),
    "int8": np.array([0, 1, 100], "int8"),
    "int64": np.array([0, -(2**62), 2**62]),
    "uint64": np.array([0, 1, 2**63 + 5], "uint64"),
    "float64": np.array([0.0, 2.0**63, np.nan]),
}
TIMES = [
    datetime.datetime(1, 1, 1),
    "9999-12-31",
    pd.Timestamp(NEAR),
    pd.Timestamp("2000-01-01").as_unit("ns"),
    np.datetime64("9999-01-01", "s"),
    np.datetime64("2000-01-01"),
    np.datetime64("2000-06"),
    np.datetime64(NEAR, "ns"),
]
NUMBERS = [2**70, -(2**70), 2**63, 2**53 + 1, 300, np.uint64(2**63), -1.5]
CASES = [
    *[(name, value) for name in ("s", "us", "ns") for value in TIMES],
    *[(name, value) for name in ("int8", "int64", "uint64", "float64") for value in NUMBERS],
]


@pytest.mark.parametrize("engine", ["pandas", "columnar"])
@pytest.mark.parametrize(("name", "value"), CASES)
def test_a_filter_with_a_value_of_any_size(
    engine: str, name: str, value: Any, tmp_path: Path
) -> None:
    whole = pd.DataFrame({"x": COLUMNS[name], "n": range(len(COLUMNS[name]))})
    whole.to_parquet(tmp_path / "a.parquet", row_group_size=2)
    with shoal.config.set({"dataframe.engine": engine, "scheduler": "sync"}):
        frame = dd.read_parquet(str(tmp_path))
        for how in ("lt", "le", "gt", "ge", "eq", "ne"):
            compare = getattr(operator, how)
            wanted = whole[compare(whole.x, value)].n.tolist()
            assert frame[compare(frame.x, value)].n.compute().tolist() == wanted, how
        if isinstance(value, int | pd.Timestamp):
            wanted = whole[whole.x.isin([value, 1])].n.tolist()
            assert frame[frame.x.isin([value, 1])].n.compute().tolist() == wanted


@pytest.mark.parametrize("zone", [None, "Europe/Paris"])
def test_filters_of_a_reader_compare_nanoseconds(zone: str | None, tmp_path: Path) -> None:
    times = pd.to_datetime([NEAR, "2000-01-01 00:00:00.123456999"]).as_unit("ns").tz_localize(zone)
    whole = pd.DataFrame({"t": times})
    whole.to_parquet(tmp_path / "a.parquet", row_group_size=1)
    counts = {"<": 1, "<=": 2, ">": 0, ">=": 1, "==": 1, "!=": 1}
    for op, count in counts.items():
        read = dd.read_parquet(str(tmp_path), filters=[("t", op, times[1])])
        assert len(read.compute()) == count, op
    read = dd.read_parquet(str(tmp_path), filters=[("t", "in", [times[0]])])
    assert read.compute().t.tolist() == [times[0]]
