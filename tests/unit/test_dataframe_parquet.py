"""Writing and reading Parquet: folders by value, appending, filters of all shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import shoal.dataframe as dd

FRAME = pd.DataFrame({"k": list("abcab"), "x": range(5), "y": [0.5, None, 2.5, 3.5, 4.5]})


def write(where: Path, **options: Any) -> str:
    dd.from_pandas(FRAME, 2).to_parquet(str(where), write_index=False, **options)
    return str(where)


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ([("x", ">", 2)], [3, 4]),
        ([("x", ">", 1), ("k", "=", "a")], [3]),
        ([[("x", "<", 1)], [("k", "==", "b"), ("x", ">", 2)]], [0, 4]),
        ([("k", "in", ["a", "c"])], [0, 2, 3]),
        ([("k", "not in", ["a", "c"])], [1, 4]),
        ([("k", "!=", "a")], [1, 2, 4]),
    ],
)
def test_filters(filters: Any, wanted: list[int], tmp_path: Path) -> None:
    df = dd.read_parquet(write(tmp_path), filters=filters)
    assert df.x.compute().tolist() == wanted
    assert df.x.sum().compute() == sum(wanted)
    assert (
        df[df.x < 4].y.count().compute() == FRAME[FRAME.x.isin(wanted)][:4].query("x < 4").y.count()
    )


def test_filters_that_are_none(tmp_path: Path) -> None:
    folder = write(tmp_path)
    with pytest.raises(KeyError, match="'xx'"):
        dd.read_parquet(folder, filters=[("xx", ">", 2)])
    with pytest.raises(ValueError, match="not in"):
        dd.read_parquet(folder, filters=[("x", "like", 2)])


def test_folders_by_value(tmp_path: Path) -> None:
    df = dd.read_parquet(write(tmp_path, partition_on="k"))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["k=a", "k=b", "k=c"]
    got = df.compute().sort_values("x", ignore_index=True)
    assert got.x.tolist() == FRAME.x.tolist()
    assert got.k.astype(str).tolist() == FRAME.k.tolist()
    with pytest.raises(KeyError, match="'kk'"):
        write(tmp_path, partition_on=["kk"])


def test_values_that_make_no_folder(tmp_path: Path) -> None:
    frame = pd.DataFrame({"k": ["a/b", "c d"], "x": [1, 2]})
    dd.from_pandas(frame, 1).to_parquet(str(tmp_path), partition_on="k", write_index=False)
    assert sorted(dd.read_parquet(str(tmp_path)).compute().k.astype(str)) == ["a/b", "c d"]
    with pytest.raises(ValueError, match="'y' of partition_on has missing"):
        write(tmp_path / "other", partition_on="y")


def test_append(tmp_path: Path) -> None:
    write(tmp_path)
    df = dd.read_parquet(write(tmp_path, append=True))
    assert df.npartitions == 4
    assert df.x.sum().compute() == 2 * FRAME.x.sum()
    other = dd.from_pandas(FRAME.astype({"x": float}), 1)
    with pytest.raises(ValueError, match="'x' is int64 there and float64 here"):
        other.to_parquet(str(tmp_path), append=True, write_index=False)
    with pytest.raises(ValueError, match="exclude"):
        write(tmp_path, append=True, overwrite=True)
    assert dd.read_parquet(write(tmp_path, overwrite=True)).npartitions == 2
