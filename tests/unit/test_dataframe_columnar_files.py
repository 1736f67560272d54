"""Files that are not what the columnar kernel expects: pandas has the result, or the words."""

from __future__ import annotations

import base64
import zlib
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


NULLS = {
    "i": pa.array([3, None, 1, 2**53 + 1, 3, -1], pa.int64()),
    "u": pa.array([3, None, 1, 200, 3, 0], pa.uint8()),
    "b": pa.array([True, None, False, True, None, False]),
    "x": pa.array([1, 2, 3, 4, 5, 6], pa.int64()),
    "y": pa.array([1.5, None, -2.5, 3.0, None, 4.0]),
}
"""As everybody but pandas writes them."""

OF_NULLS: dict[str, Callable[[Any], Any]] = {
    "rows": lambda df: df,
    "sum": lambda df: df.i.sum(),
    "sum of few": lambda df: df.u.sum(),
    "max": lambda df: df.u.max(),
    "mean": lambda df: df.u.mean(),
    "count": lambda df: df[["i", "b"]].count(),
    "larger": lambda df: df[df.i > 2].x,
    "much larger": lambda df: df[df.i > 2**53].x,
    "equal": lambda df: df[df.i == 2**53].x,
    "different": lambda df: df[df.u != 3].x,
    "not larger": lambda df: df[~(df.u > 2)].x,
    "among": lambda df: df[df.i.isin([3, -1])].x,
    "not among": lambda df: df[~df.u.isin([3, 0])].x,
    "missing": lambda df: df[df.i.isna()].x,
    "there": lambda df: df[df.b.notna()].x,
    "true": lambda df: df[df.b == True].x,  # noqa: E712
    "arithmetic": lambda df: df.i * 2 + df.u - df.x,
    "division": lambda df: (df.x // df.u, df.u % 2, df.x / df.u),
    "groups": lambda df: df.groupby("u")[["x", "i"]].sum(),
    "all groups": lambda df: df.groupby("i", dropna=False).x.sum(),
    "of groups": lambda df: df.groupby(df.x % 2).agg({"i": ["min", "count"], "u": "mean"}),
    "joined": lambda df: df.merge(df[["u", "y"]], on="u", how="left").x.sort_values(),
}


@pytest.mark.parametrize("options", [{}, {"index": "u"}, {"split_row_groups": 1}])
def test_whole_numbers_some_of_which_are_missing(
    options: dict[str, Any], tmp_path: Path, kernel: str
) -> None:
    table = pa.table(NULLS)
    for name, part in zip("abc", (table[2:4], table[2:2], table), strict=True):
        pq.write_table(part, tmp_path / f"{name}.parquet", row_group_size=3)
    whole = pd.read_parquet(tmp_path)
    lazy = dd.read_parquet(tmp_path, **options)
    if "index" in options:
        whole = whole.set_index("u")
        pd.testing.assert_frame_equal(lazy.compute(), whole)
        return
    for name, ask in OF_NULLS.items():
        wanted, asked = ask(whole), ask(lazy)
        every = zip(wanted, asked, strict=True) if isinstance(asked, tuple) else [(wanted, asked)]
        for one, other in every:
            got = other.compute()
            if isinstance(one, pd.Series | pd.DataFrame):
                series = isinstance(one, pd.Series)
                same = pd.testing.assert_series_equal if series else pd.testing.assert_frame_equal
                # Labels of rows are per file.
                drop = name not in ("count", "groups", "all groups", "of groups")
                same(*(it.reset_index(drop=True) if drop else it for it in (got, one)))
            else:
                assert got == one and type(got) is type(one), name


def test_files_differ_in_columns_that_nobody_reads(tmp_path: Path, kernel: str) -> None:
    tables = [
        pa.table({"x": [1, 2], "k": [1, 1], "y": [0.5, 1.5]}),
        pa.table({"more": [1], "k": [2], "y": ["text"], "x": [4]}),
        pa.table({"x": [8], "k": [1]}),
    ]
    for i, table in enumerate(tables):
        pq.write_table(table, tmp_path / f"{i}.parquet")
    lazy = dd.read_parquet(tmp_path)
    assert lazy.x.sum().compute() == 15
    assert lazy[lazy.x > 1].groupby("k").x.sum().compute().to_dict() == {1: 10, 2: 4}
    assert lazy[lazy.x * 2 > 2].k.compute().tolist() == [1, 2, 1]


def test_a_file_without_values_among_whole_numbers(tmp_path: Path, kernel: str) -> None:
    pq.write_table(pa.table({"x": [1, 2]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"x": pa.nulls(2)}), tmp_path / "b.parquet")
    lazy = dd.read_parquet(tmp_path)
    assert lazy.x.dtype == "float64" and lazy.x.sum().compute() == 3
    assert lazy.x.isna().compute().tolist() == [False, False, True, True]


def test_columns_that_polars_cannot_look_at(tmp_path: Path, kernel: str) -> None:
    lists = pa.array([[1], [], [2]], pa.list_view(pa.int64()))
    pq.write_table(pa.table({"x": [1, 2, 3], "l": lists}), tmp_path / "b.parquet")
    (tmp_path / "c.parquet").write_bytes(zlib.decompress(base64.b85decode(OF_DUCKDB)))
    for name in "bc":
        df = dd.read_parquet(tmp_path / f"{name}.parquet", columns=["x"])
        assert df.x.sum().compute() == 6
        assert df[df.x * 2 > 2].x.compute().tolist() == [2, 3]


OF_DUCKDB = (
    "c-nQ4&q~8U5XL7lEV;B$VU}IUAqNwp#L%j}<)ZXZZ^Z{_$Yv8v%^yf@5TDS;a$;KSL6?PZcJ?<P-"
    "|pt|Wr2V(#vw8)7%~780GMIGxXhzo9F?dwuFvrE%l~RLWxND2(TD6!t7M<O=5>k|pyipu`0%a(rzjAFp}ia6Ogb|3!"
    "9hzRNCJ?0e9O1K9Si$pD(q864#6MY*$kwEL*U^JgWYtr(?51QzVnOcUx0rZocT5hjR|Lr8kNm^-"
    "t}pfsH$!2q$n#oi%HXVby}65xxVceAc7Uqt0%Y5yM5U<Zhsfeqq!TXLs@B8FCQ|c@_Sue%g_O!4VRR1L%;tG1|Bu)"
)
"""A column ``x`` of 1, 2 and 3, and one of intervals."""
