"""CSV that Arrow reads is read as pandas would, or not at all."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal.dataframe as dd
from shoal.dataframe.io.csv_arrow import (
    MOST_LETTERS,
    has_hexadecimal,
    is_plain,
    may_end_in_quotes,
    plain_columns,
)

CELLS = [
    "",
    "1",
    "-7",
    "+3",
    " 4",
    "2.5",
    "1e3",
    ".5",
    "1.",
    "inf",
    "-Infinity",
    "nan",
    "NaN",
    "NA",
]
CELLS += [
    "N/A",
    "null",
    "None",
    "<NA>",
    "True",
    "false",
    "TRUE",
    "yes",
    "0x10",
    "1_0",
    "12345678901",
]
CELLS += ["99999999999999999999", "abc", "ünï", "a b ", '"quoted"', '"a,b"', '"a""b"', '"NA"', '""']
CELLS += ['"1"', "0.1", "123456.789", "01", "1e400", "#N/A", "-0", "-0.0"]

KINDS = [np.dtype("int64"), np.dtype("float64"), np.dtype("bool"), pd.StringDtype(na_value=np.nan)]

blocks = st.integers(1, 3).flatmap(
    lambda width: st.tuples(
        st.lists(st.sampled_from(KINDS), min_size=width, max_size=width),
        st.lists(
            st.lists(st.sampled_from(CELLS), min_size=width, max_size=width), min_size=1, max_size=6
        ),
        st.booleans(),
        st.sampled_from(["\n", "\r\n"]),
    )
)


@settings(max_examples=400, deadline=None)
@given(blocks)
def test_a_block_is_read_as_pandas_reads_it(block: Any) -> None:
    kinds, rows, header, end = block
    names = [f"c{i}" for i in range(len(kinds))]
    lines = [",".join(row) for row in ([names] if header else []) + rows]
    text = (end.join(lines) + end).encode()
    dtypes = dict(zip(names, kinds, strict=True))
    assert is_plain("read_csv", {}, dtypes)
    found = plain_columns(text, "read_csv", {}, dtypes, None if header else names)
    if found is None:
        return
    told: dict[str, Any] = {} if header else {"header": None, "names": names}
    # Whole numbers in a block of a column of floats, even large ones, are floats there.
    known = {name: kind for name, kind in dtypes.items() if kind not in KINDS[::2]}
    wanted = pd.read_csv(io.BytesIO(text), dtype=known, **told)
    for name, kind in dtypes.items():
        # What pandas reads otherwise is an error unless it fits.
        assert wanted[name].dtype == kind or not len(wanted), (name, kind, wanted[name])
        wanted[name] = wanted[name].astype(kind)
    pd.testing.assert_frame_equal(found, wanted, rtol=1e-15)


TEXTS = ["x", "y z", '"a\nb"', '"a,b\nc"', '"q""\n""w"', '5"', '""', '"many\nlines,x\nof"', 'a"b']
TEXTS += ['"u,v\nw,z"', '"end,"', '""""', '"begins""\n"']


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(TEXTS), st.sampled_from(TEXTS)), min_size=2, max_size=20),
    st.sampled_from([20, 40, 80]),
)
def test_lines_that_end_inside_of_quotes_are_read_as_they_are_or_said(
    rows: list[tuple[str, str]], blocksize: int
) -> None:
    lines = [f"r{i},{one},{other}" for i, (one, other) in enumerate(rows)]
    text = "\n".join(["i,t,v", *lines]) + "\n"
    wanted = pd.read_csv(io.StringIO(text), dtype="str")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.csv")
        path.write_text(text)
        read = dd.read_csv(str(path), blocksize=blocksize, sample=len(text), dtype="str")
        try:
            found = read.compute()
        except pd.errors.ParserError as error:
            assert "blocksize=None" in str(getattr(error, "__notes__", []))
        else:
            pd.testing.assert_frame_equal(found.reset_index(drop=True), wanted)


def test_a_block_of_nothing_but_quotes() -> None:
    assert may_end_in_quotes(b'""\n' * 5000, b",")
    assert not may_end_in_quotes(b'"a"\n' + b'""\n' * 500, b",")
    assert may_end_in_quotes(b'"a\n' + b'""\n' * 500, b",")


def test_what_is_not_plain_is_left_to_pandas(tmp_path: Any) -> None:
    kinds = {"x": np.dtype("int64")}
    for option in ({"na_values": ["-"]}, {"parse_dates": ["x"]}, {"quotechar": "'"}, {"header": 1}):
        assert not is_plain("read_csv", option, kinds)
    assert not is_plain("read_fwf", {}, kinds)
    assert not is_plain("read_csv", {}, {"x": np.dtype("M8[s]")})
    assert not is_plain("read_csv", {"sep": "::"}, kinds)


def test_files_are_read_by_columns_and_blocks(tmp_path: Any) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "a": rng.integers(0, 99, 500),
            "b": rng.random(500),
            "c": rng.choice(["x", "y", None], 500),
            "d": rng.random(500) < 0.5,
        }
    )
    frame.to_csv(tmp_path / "0.csv", index=False)
    frame.to_csv(tmp_path / "1.csv", index=False)
    read = dd.read_csv(str(tmp_path / "*.csv"), blocksize=3000)
    assert read.npartitions > 4
    twice = pd.concat([frame, frame])
    pd.testing.assert_frame_equal(
        read.compute().reset_index(drop=True),
        twice.astype({"c": "str"}).reset_index(drop=True),
        rtol=1e-15,
    )
    some = read[["d", "a"]].compute()
    assert some.columns.tolist() == ["d", "a"] and some.a.sum() == 2 * frame.a.sum()
    part = read.partitions[0].compute()
    part.loc[:, "a"] = 1  # what is read may be written to
    assert part.a.sum() == len(part)


def test_missing_whole_numbers_are_said_as_before(tmp_path: Any) -> None:
    (tmp_path / "0.csv").write_text("x\n" + "1\n" * 50 + "\n" * 3 + "NA\n" * 40)
    read = dd.read_csv(str(tmp_path / "0.csv"), blocksize=60, sample=30)
    with pytest.raises(ValueError, match="Mismatched dtypes"):
        read.compute()


def test_equal_decimals_are_equal_whoever_reads_them(tmp_path: Any) -> None:
    rng = np.random.default_rng(1)
    lines = [f"{value!r},{value!r}" for value in rng.random(2000).tolist()]
    lines += [line.replace(",", ',"') + '"' for line in lines]
    (tmp_path / "0.csv").write_text("x,y\n" + "\n".join(lines) + "\n")
    # Arrow refuses the blocks with a ragged line; pandas fills it up.
    (tmp_path / "1.csv").write_text("x,y\n" + "\n".join(lines) + "\n0.5\n")
    read = dd.read_csv(str(tmp_path / "*.csv"), blocksize=None)
    one, two = (read.partitions[i].compute() for i in (0, 1))
    wanted = [float(line.split(",")[0]) for line in lines]
    assert one.x.tolist() == wanted == two.x.tolist()[:-1]
    assert one.y.tolist() == one.x.tolist()


@pytest.mark.parametrize("letters", [0, 1, MOST_LETTERS - 1, MOST_LETTERS, MOST_LETTERS + 1])
@pytest.mark.parametrize("letter", [b"x", b"X"])
def test_hexadecimal_numbers_are_found_behind_any_number_of_letters(
    letter: bytes, letters: int
) -> None:
    text = (b"a" + letter + b"\n") * letters
    assert not has_hexadecimal(text + letter + b"0,1\n")
    assert has_hexadecimal(text + b"0" + letter + b"1,1\n")
    assert has_hexadecimal(b"1,0" + letter + b"\n" + text)
