"""Files that are not what the columnar kernel expects: pandas has the result, or the words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import shoal
import shoal.dataframe as dd

pytest.importorskip("polars")

KERNELS: dict[str, dict[str, Any]] = {
    "pandas": {"dataframe.engine": "pandas"},
    "whole": {"dataframe.engine": "columnar"},
    "stages": {"dataframe.engine": "columnar", "dataframe.columnar-limit": 0},
}
"""Settings for each way by which a reduction can be computed."""


@pytest.fixture(params=KERNELS)
def kernel(request: Any) -> Any:
    with shoal.config.set({**KERNELS[request.param], "scheduler": "sync"}):
        yield request.param


MOMENTS: dict[str, Callable[[Any], Any]] = {
    "count": lambda df: df.t.count(),
    "min": lambda df: df.t.min(),
    "missing": lambda df: df[df.t.isna()].x.sum(),
    "there": lambda df: df[df.t.notna()].x.sum(),
    "before": lambda df: df[df.t < pd.Timestamp("2020")].x.sum(),
    "others": lambda df: df[df.t != pd.Timestamp(0)].x.sum(),
    "filtered": lambda df: df[df.x * 2 > 2].t.count(),
    "rows": lambda df: df[df.x * 2 > 0],
    "last": lambda df: df.groupby("x").t.max(),
    "by": lambda df: df.groupby("t").x.sum(),
}


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_the_number_that_pandas_takes_for_no_time(tmp_path: Path, kernel: str, unit: str) -> None:
    stored = pa.array([np.iinfo("int64").min, 0, 5], pa.int64()).cast(pa.timestamp(unit))
    table = pa.table({"t": stored, "x": [1, 2, 4]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=1)
    frame = table.to_pandas()
    lazy = dd.read_parquet(tmp_path)
    for name, query in MOMENTS.items():
        got, expected = query(lazy).compute(), query(frame)
        same = got.equals(expected) if hasattr(expected, "equals") else got == expected
        assert same, (name, got, expected)
    kept = dd.read_parquet(tmp_path, filters=[("t", "<", pd.Timestamp("2020"))])
    assert kept.x.sum().compute() == 6


def test_moments_that_python_does_not_have(tmp_path: Path, kernel: str) -> None:
    frame = pd.DataFrame({"t": np.array(["-9999", "2020", "200000"], "M8[us]"), "x": [1, 2, 4]})
    frame.to_parquet(tmp_path / "a.parquet")
    lazy = dd.read_parquet(tmp_path)
    assert lazy[lazy.t > pd.Timestamp("2021")].x.sum().compute() == 4
    assert lazy.t.max().compute() == frame.t.max()


def test_a_damaged_page_is_named(tmp_path: Path, kernel: str) -> None:
    for name in "ab":
        frame = pd.DataFrame({"x": range(1000), "k": ["u", "v"] * 500})
        frame.to_parquet(tmp_path / f"{name}.parquet", compression="snappy")
    damaged = tmp_path / "b.parquet"
    content = bytearray(damaged.read_bytes())
    content[4:400] = b"\xff" * 396
    damaged.write_bytes(content)
    lazy = dd.read_parquet(tmp_path)
    for query in (lazy.groupby("k").x.sum(), lazy[lazy.x * 2 > 7], (lazy.x * 2).sum()):
        with pytest.raises(OSError) as caught:
            query.compute()
        assert any("b.parquet" in note for note in caught.value.__notes__)


def test_nulls_among_whole_numbers_of_a_later_file(tmp_path: Path, kernel: str) -> None:
    pd.DataFrame({"x": [1, 2], "y": [1, 2]}).to_parquet(tmp_path / "a.parquet")
    table = pa.table({"x": pa.array([1, None], pa.int64()), "y": [3, 4]})
    pq.write_table(table, tmp_path / "b.parquet")
    lazy = dd.read_parquet(tmp_path)
    with pytest.raises(ValueError, match=r"column 'x' has missing values in .*b\.parquet"):
        (lazy.x * 2).sum().compute()
    assert (lazy.y * 2).sum().compute() == 20
    assert dd.read_parquet(tmp_path, filters=[("x", ">", 0)]).x.compute().tolist() == [1, 2, 1]


def test_years_of_times_of_which_some_are_missing(tmp_path: Path, kernel: str) -> None:
    times = pd.to_datetime(["2020-01-01", None, "2021-05-01", "2022-01-01"])
    frame = pd.DataFrame({"t": times, "x": [1, 2, 3, 4]})
    dd.from_pandas(frame, 2).to_parquet(tmp_path)
    got = dd.read_parquet(tmp_path)
    assert got.groupby(got.t.dt.year).x.sum().compute().to_dict() == {2020: 1, 2021: 3, 2022: 4}
