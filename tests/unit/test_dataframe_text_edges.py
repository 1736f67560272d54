"""Text files at their edges: wide, compressed in part, in other encodings, written twice."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import shoal.dataframe as dd
from shoal.dataframe.io.text_files import Writing, _finish
from shoal.io.blocks import plan_blocks
from shoal.io.files import open_file


def written(path: Path, text: str | bytes, encoding: str = "utf-8") -> str:
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return str(path)


def test_a_header_may_be_long(tmp_path: Path) -> None:
    names = [f"a_long_name_of_column_{i:06}" for i in range(6000)]
    lines = [names, ["1"] * 6000, ["2"] * 6000]
    name = written(tmp_path / "t.csv", "".join(",".join(line) + "\n" for line in lines))
    assert dd.read_csv(name)[[names[0], names[-1]]].sum().compute().tolist() == [3, 3]


@pytest.mark.parametrize("encoding", ["gbk", "cp932", "utf-8-sig", "utf-8"])
@pytest.mark.parametrize("shift", ["", "x"])
def test_characters_of_several_bytes(tmp_path: Path, encoding: str, shift: str) -> None:
    # Longer than what is looked at of a file's beginning, whatever that is.
    lines = [f"日本語,{i}" for i in range(30_000)]
    name = written(tmp_path / "t.csv", "\n".join([f"t{shift},n", *lines, ""]), encoding)
    got = dd.read_csv(name, encoding=encoding).compute()
    assert len(got) == 30_000
    assert set(got[f"t{shift}"]) == {"日本語"}


@pytest.mark.parametrize("sample", [2000, 2002, 2010, 2022])
def test_a_sample_of_utf_16_ends_with_a_line(tmp_path: Path, sample: int) -> None:
    frame = pd.DataFrame({"a": range(10**9, 10**9 + 500), "b": 10**8, "c": 10**7})
    frame.to_csv(tmp_path / "t.csv", index=False, encoding="utf-16")
    got = dd.read_csv(str(tmp_path / "t.csv"), encoding="utf-16", sample=sample)
    assert set(map(str, got.dtypes)) == {"int64"}
    pd.testing.assert_frame_equal(got.compute(), frame)


def test_a_line_of_spaces_is_no_row(tmp_path: Path) -> None:
    name = written(tmp_path / "t.csv", "x\na\n  \nb\n\nc\n \t\r\nd\n  ")
    assert dd.read_csv(name).x.compute().tolist() == pd.read_csv(name).x.tolist()


def test_lines_that_are_skipped_count_from_the_beginning_of_the_file(tmp_path: Path) -> None:
    name = written(tmp_path / "t.csv", "x\nunit\n" + "".join(f"{i}\n" for i in range(100)))
    got = dd.read_csv(name, blocksize=50, skiprows=[1]).x.compute()
    assert got.tolist() == list(range(100))
    with pytest.raises(ValueError, match="skiprows has line 90, and the first block"):
        dd.read_csv(name, blocksize=50, skiprows=[1, 90]).compute()
    with pytest.raises(ValueError, match="blocksize=None"):
        dd.read_csv(name, blocksize=50, skiprows=lambda i: i % 2 == 1)
    got = dd.read_csv(name, blocksize=None, skiprows=[1, 90]).x.compute()
    assert got.tolist() == [i for i in range(100) if i != 88]


@pytest.mark.parametrize("read", [dd.read_csv, dd.read_json])
def test_some_files_are_compressed(tmp_path: Path, read: Callable[..., Any]) -> None:
    row = "{}\n" if read is dd.read_csv else '{{"x": {}}}\n'
    head = "x\n" if read is dd.read_csv else ""
    texts = [head + "".join(row.format(10 * i + j) for j in range(10)) for i in range(2)]
    written(tmp_path / "0", texts[0])
    written(tmp_path / "1.gz", gzip.compress(texts[1].encode()))
    got = read(str(tmp_path / "*"))
    assert got.x.compute().tolist() == list(range(20))


def test_compressed_files_are_whole_where_others_are_cut() -> None:
    for name, codec in (("a", None), ("b.gz", "gzip")):
        with open_file(f"memory://packed/{name}", "wb", codec) as file:
            file.write(b"line\n" * 10)
    plan = plan_blocks(
        "memory://packed/*",
        blocksize=20,
        delimiter=b"\n",
        compression="infer",
        whole_if_compressed=True,
    )
    assert [len(blocks) for blocks in plan.blocks] == [2, 1]
    with pytest.raises(ValueError, match="is compressed"):
        plan_blocks("memory://packed/*", blocksize=20, compression="infer")


def test_json_loses_no_column_and_makes_no_dates_of_numbers(tmp_path: Path) -> None:
    lines = ['{"a": 1}\n'] * 50 + ['{"a": 1, "b": 2}\n'] * 50
    name = written(tmp_path / "more.json", "".join(lines))
    with pytest.raises(ValueError, match="has 'b', which the sample"):
        dd.read_json(name, blocksize=200, sample=50).compute()
    got = dd.read_json(name, blocksize=200, meta=pd.DataFrame({"a": [1]})).compute()
    assert got.columns.tolist() == ["a"]
    # pandas takes numbers for dates where all of them would be of after 1971.
    times = [f'{{"date": {10**9 + i}}}\n' for i in range(20)]
    numbers = [f'{{"date": {i}}}\n' for i in range(20)]
    name = written(tmp_path / "dates.json", "".join(times + numbers))
    with pytest.raises(ValueError, match="column 'date' is int64, and datetime64"):
        dd.read_json(name, blocksize=200, sample=50).compute()


def test_queries_that_differ_in_a_value_are_two(tmp_path: Path) -> None:
    sa = pytest.importorskip("sqlalchemy")
    uri = f"sqlite:///{tmp_path}/t.db"
    pd.DataFrame({"n": range(20), "x": range(20)}).to_sql("t", uri, index=False)
    table = sa.table("t", sa.column("n"), sa.column("x"))
    meta = pd.DataFrame({"x": [0]}, index=pd.Index([0], name="n")).iloc[:0]

    def query(least: int) -> Any:
        wanted = sa.select(table).where(table.c.x > least)
        return dd.read_sql_query(wanted, uri, "n", divisions=[0, 10, 20], meta=meta)

    assert [len(one) for one in (query(5), query(15))] == [14, 4]
    assert query(5)._name != query(15)._name


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8"])
def test_one_file_of_several_partitions_is_one_text(tmp_path: Path, encoding: str) -> None:
    df = dd.from_pandas(pd.DataFrame({"a": range(4)}), 2)
    (name,) = df.to_csv(str(tmp_path / "t"), single_file=True, encoding=encoding, index=False)
    df.to_csv(name, single_file=True, mode="a", encoding=encoding, index=False, header=False)
    assert pd.read_csv(name, encoding=encoding).a.tolist() == [0, 1, 2, 3] * 2


def test_a_part_that_is_added_again_is_there_once() -> None:
    # Its worker was lost when it had been written, and before that was heard of.
    target = open_file("memory://edges/again.csv", "wb")
    how = Writing("to_csv", "wt", "utf-8", None, {}, True)
    first = how._append(b"a\n", target, b"", None)
    how._append(b"b\n", target, b"", first)
    second = how._append(b"b\n", target, b"", first)
    last = how._append(b"c\n", target, b"", second)
    for _ in range(2):
        assert _finish(target.fs, [last]) == ["/edges/again.csv"]
    with open_file("memory://edges/again.csv", "rb") as file:
        assert file.read() == b"a\nb\nc\n"


def test_appending_is_for_one_file() -> None:
    df = dd.from_pandas(pd.DataFrame({"a": range(4)}), 2)
    with pytest.raises(ValueError, match="single_file=True"):
        df.to_csv("memory://edges/*.csv", mode="a")
