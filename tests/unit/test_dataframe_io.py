"""Parquet and CSV against pandas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal.bag as db
import shoal.dataframe as dd

FRAME = pd.DataFrame({"k": list("abcab") * 4, "x": range(20), "y": np.arange(20.0)})


def write(folder: Path, frame: Any = FRAME, npartitions: int = 4) -> str:
    dd.from_pandas(frame, npartitions).to_parquet(str(folder))
    return str(folder)


def test_parquet_there_and_back(tmp_path: Path) -> None:
    df = dd.read_parquet(write(tmp_path), calculate_divisions=True)
    assert df.divisions == (0, 5, 10, 15, 19)
    pd.testing.assert_frame_equal(df.compute(), FRAME)
    assert len(df) == 20
    assert dd.read_parquet(str(tmp_path), columns="x").compute().sum() == 190


def test_columns_and_filters_reach_the_file(tmp_path: Path) -> None:
    df = dd.read_parquet(write(tmp_path))
    some = df[(df.x > 3) & (df.k == "a") & (df.y * 2 < 30)]
    text = some.y.sum().explain()
    assert "columns=['y'], x > 3, k == 'a'" in text
    expected = FRAME[(FRAME.x > 3) & (FRAME.k == "a") & (FRAME.y * 2 < 30)]
    assert some.y.sum().compute() == expected.y.sum()


def test_a_filter_stays_where_all_rows_are_read_as_well(tmp_path: Path) -> None:
    df = dd.read_parquet(write(tmp_path))
    share = df[df.x > 3].y.sum() / df.y.sum()
    assert "x > 3" not in share.explain()
    assert share.compute() == FRAME[FRAME.x > 3].y.sum() / FRAME.y.sum()


def test_not_equal_keeps_missing_values(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [1.0, None, 3.0], "y": [1, 2, 3]})
    df = dd.read_parquet(write(tmp_path, frame, 1))
    assert df[df.x != 1].y.compute().tolist() == [2, 3]
    assert df[df.x > 0].y.compute().tolist() == [1, 3]


def test_row_groups_are_partitions(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "a.parquet", row_group_size=5)
    df = dd.read_parquet(str(tmp_path / "a.parquet"), split_row_groups=True)
    assert df.npartitions == 4
    assert df.x.sum().compute() == 190
    assert dd.read_parquet(str(tmp_path), split_row_groups=2).npartitions == 2


def test_folders_name_columns(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "data", partition_cols=["k"])
    df = dd.read_parquet(str(tmp_path / "data"))
    assert df.columns.tolist() == ["x", "y", "k"]
    assert df[df.k == "a"].x.sum().compute() == FRAME[FRAME.k == "a"].x.sum()


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    df = dd.read_parquet(write(tmp_path))
    (tmp_path / "part.2.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(Exception, match=r"(?s)Parquet") as caught:
        df.compute(scheduler="sync")
    assert any("part.2.parquet" in note for note in caught.value.__notes__)


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    df = dd.read_parquet(write(tmp_path))

    def fail(part: Any) -> Any:
        raise OSError("disk on fire")

    with pytest.raises(OSError, match="fire"):
        dd.from_pandas(FRAME, 2).map_partitions(fail, meta=FRAME).to_parquet(
            str(tmp_path), overwrite=True
        )
    pd.testing.assert_frame_equal(df.compute(), FRAME)


def test_csv(tmp_path: Path) -> None:
    for i in range(2):
        FRAME.to_csv(tmp_path / f"{i}.csv", index=False)
    df = dd.read_csv(str(tmp_path / "*.csv"), blocksize=64)
    assert df.npartitions > 2
    expected = pd.concat([FRAME, FRAME], ignore_index=True)
    pd.testing.assert_frame_equal(df.compute().reset_index(drop=True), expected)
    assert "columns=['x']" in df.x.sum().explain()
    assert df.x.sum().compute() == 380
    assert len(df) == 40
    named = dd.read_csv(str(tmp_path / "*.csv"), include_path_column=True)
    assert named.path.nunique().compute() == 2


def test_csv_with_other_dtypes_further_down_says_what_to_pass(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n" + "1,2\n" * 50 + "1.5,2\n")
    df = dd.read_csv(str(tmp_path / "a.csv"), blocksize=40, sample=30)
    with pytest.raises(ValueError, match=r"x: found float64, expected int64") as caught:
        df.compute(scheduler="sync")
    assert "dtype={'x': 'float64'}" in str(caught.value)
    fixed = dd.read_csv(str(tmp_path / "a.csv"), blocksize=40, sample=30, dtype={"x": "float64"})
    assert fixed.x.sum().compute() == 51.5


def test_from_a_bag() -> None:
    bag = db.from_sequence([{"x": 1, "y": "a"}, {"x": 2, "y": "b"}], npartitions=2)
    df = bag.to_dataframe()
    assert df.columns.tolist() == ["x", "y"]
    assert df.x.sum().compute() == 3
