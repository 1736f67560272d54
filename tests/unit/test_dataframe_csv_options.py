"""Options of `read_csv` mean in blocks, and for a few columns, what they mean in pandas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import shoal.dataframe as dd

ROWS = "".join(f"{i:03d},{i},{i * 2}\n" for i in range(50))


def marked(text: str) -> str:
    return text + "!"


TEXTS = {"a": "str"}
CASES: list[tuple[str, Any, dict[str, Any]]] = [
    ("a,b,c\n", None, {"usecols": [0, 2]}),
    ("a,b,c\n", ["c"], {"usecols": [2, 0]}),
    ("a,b,c\n", None, {"usecols": [0, 2], "dtype": TEXTS, "comment": "#"}),
    ("a,b,c\n", ["a"], {"usecols": [0, 2], "dtype": TEXTS, "comment": "#"}),
    ("a,b,c\n", None, {"usecols": [0], "dtype": TEXTS, "skiprows": [1, 2]}),
    ("a,b,c\n", ["z"], {"names": ["x", "z"], "usecols": [0, 2], "header": 0}),
    ("a,b,c\n", ["b"], {"usecols": lambda name: name != "a", "comment": "#"}),
    ("a,b,c\n", ["a"], {"converters": {0: marked}}),
    ("a,b,c\n", ["b"], {"converters": {"a": marked}}),
    ("a,b,c\n", ["a"], {"dtype": {0: "str"}, "comment": "#"}),
    ("a,b,c\n", ["b"], {"na_values": {"a": ["001"]}}),
    ("a,b,c\n", None, {"parse_dates": [0], "date_format": "%j"}),
    ("a,a,c\n", ["a.1"], {"comment": "#"}),
    ("a,a,c\n", ["a.1"], {"engine": "python"}),
    ("", [2], {"header": None, "usecols": [1, 2], "comment": "#"}),
    ("", None, {"names": ["x", "z"], "usecols": [0, 2]}),
    ("", ["z"], {"names": ["x", "z"], "usecols": [2, 0], "comment": "#"}),
    ("", [20], {"names": [10, 20, 30], "comment": "#"}),
    ("", [20], {"names": [10, 20, 30], "usecols": [0, 1], "dtype": {10: "str"}}),
]


@pytest.mark.parametrize(("head", "columns", "options"), CASES)
def test_an_option_in_blocks(tmp_path: Path, head: str, columns: Any, options: Any) -> None:
    path = tmp_path / "t.csv"
    path.write_text(head + ROWS)
    wanted = pd.read_csv(path, **options)
    read = dd.read_csv(str(path), blocksize=100, sample=60, **options)
    assert read.npartitions > 3
    if columns is not None:
        wanted, read = wanted[columns], read[columns]
    pd.testing.assert_frame_equal(read.compute().reset_index(drop=True), wanted)


def test_text_that_is_no_time_in_the_sample_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b,c\n" + ROWS)
    # There is no day 000 of a year, so nothing of the column is a time.
    read = dd.read_csv(str(path), blocksize=100, sample=60, parse_dates=["a"], date_format="%j")
    assert read.a.compute().tolist() == [f"{i:03d}" for i in range(50)]


def test_a_time_that_is_none_in_a_later_block_is_said_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "2020-01-01,1\n" * 20 + "never,2\n")
    read = dd.read_csv(str(path), blocksize=100, sample=60, parse_dates=["a"])
    with pytest.raises(ValueError, match=r"Leave \['a'\] out of parse_dates.*to_datetime"):
        read.compute()


@pytest.mark.parametrize(("first", "last"), [(1, 2**63 + 1), (2**63, -1), (2**63 + 5, -(2**62))])
def test_whole_numbers_that_do_not_fit_are_not_wrapped(
    tmp_path: Path, first: int, last: int
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x\n" + f"{first}\n" * 500 + f"{last}\n" * 500)
    read = dd.read_csv(str(path), blocksize=2000, sample=60)
    with pytest.raises(ValueError, match="Mismatched dtypes"):
        read.compute()


def test_narrow_floats_are_rounded_as_pandas_rounds_them(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    # Nearer to the second of two narrow floats; as a wide one just in between.
    path.write_text("x\n1.000000059604644775390626\n")
    told = {"dtype": {"x": "float32"}}
    wanted = pd.read_csv(path, **told)
    pd.testing.assert_frame_equal(dd.read_csv(str(path), **told).compute(), wanted)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (b"", {}),
        (b"a,b\n1,2\n1,2,3\n", {}),
        (b'a,b\n1,"2\n', {}),
        (b"a,b\n1,\xff\n", {}),
        (b"a,b\n1,x\n", {"dtype": {"b": "int64"}}),
        (b"a,b\n1,2\n", {"usecols": ["c"]}),
    ],
)
def test_the_first_file_is_named_when_its_beginning_cannot_be_read(
    tmp_path: Path, text: bytes, options: Any
) -> None:
    path = tmp_path / "first.csv"
    path.write_bytes(text)
    with pytest.raises(ValueError) as caught:
        dd.read_csv(str(path), **options)
    assert any("the beginning of " in note and "first.csv" in note for note in notes(caught.value))


def notes(error: BaseException) -> list[str]:
    return getattr(error, "__notes__", [])


def test_a_separator_that_pandas_finds_out(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a;b\n" + "".join(f"{i};{i},5\n" for i in range(60)))
    for blocksize in (None, 200):
        df = dd.read_csv(path, sep=None, engine="python", blocksize=blocksize)
        assert df.a.sum().compute() == 1770 and df.b.compute().iloc[-1] == "59,5"


@pytest.mark.parametrize("told", [{"skiprows": 2}, {"skiprows": [0, 1]}, {"comment": "#"}])
def test_a_separator_is_sought_in_the_first_line_that_is_read(
    tmp_path: Path, told: dict[str, Any]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("#a, few, words\n# more, of, them\na;b\n1;2,5\n")
    told |= {"sep": None, "engine": "python"}
    read = dd.read_csv(path, **told).compute(scheduler="sync")
    pd.testing.assert_frame_equal(read, pd.read_csv(path, **told))
    path.write_text("# nothing\n# else\n")
    with pytest.raises(ValueError, match=r"first line of .*a\.csv, '', does not tell"):
        dd.read_csv(path, **told)
