"""Blocks and lines against the plain reading of the same bytes."""

from __future__ import annotations

import io
import uuid

import fsspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shoal.io import blocks as blocks_module
from shoal.io.avro import iter_avro, plan_avro, write_avro
from shoal.io.blocks import Block, plan_blocks, read_block
from shoal.io.files import open_file
from shoal.io.text import decode_lines, iter_text, plan_text, write_lines
from shoal.units import format_bytes, parse_bytes, parse_timedelta

MEMORY = fsspec.filesystem("memory")

contents = st.binary(max_size=80)
blocksizes = st.integers(min_value=1, max_value=12) | st.integers(min_value=1, max_value=100)


@st.composite
def delimited(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Data full of a delimiter and of pieces of it, whole and run into each other."""
    delimiter = draw(
        st.sampled_from([b"\n", b"aa", b"\n\n", b"aba", b"abab", b"aabaa", b"abc", b"\r\n"])
        | st.lists(st.sampled_from([b"a", b"b"]), min_size=1, max_size=5).map(b"".join)
    )
    cuts = [delimiter, *(delimiter[:i] for i in range(1, len(delimiter)))]
    pieces = st.sampled_from([*cuts, delimiter[1:] or delimiter, b"a", b"x"])
    return b"".join(draw(st.lists(pieces, max_size=40))), delimiter


def stored(data: bytes) -> str:
    path = f"/io-properties/{uuid.uuid4().hex}"
    MEMORY.pipe_file(path, data)
    return f"memory:/{path}"


def records(data: bytes, delimiter: bytes) -> list[bytes]:
    """Matched from the left without overlap, each with its delimiter."""
    pieces = data.split(delimiter)
    return [*(piece + delimiter for piece in pieces[:-1]), *filter(None, pieces[-1:])]


def planned(url: str, **options: object) -> list[Block]:
    (blocks,) = plan_blocks(url, **options).blocks  # type: ignore[arg-type]
    return blocks


@pytest.fixture(params=[1, 3, 16 * 1024], ids=lambda size: f"probe={size}")
def probe_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for delimiters in steps so small that they fall across steps."""
    monkeypatch.setattr(blocks_module, "_PROBE_BYTES", request.param)


@pytest.mark.usefixtures("probe_bytes")
@given(contents, blocksizes)
def test_blocks_without_a_delimiter_are_the_file_cut_evenly(data: bytes, blocksize: int) -> None:
    parts = [read_block(block) for block in planned(stored(data), blocksize=blocksize)]
    assert b"".join(parts) == data
    assert len(parts) == max(len(data) // blocksize, 1)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.usefixtures("probe_bytes")
@given(delimited(), blocksizes)
def test_every_record_is_in_exactly_one_block(case: tuple[bytes, bytes], blocksize: int) -> None:
    data, delimiter = case
    blocks = planned(stored(data), blocksize=blocksize, delimiter=delimiter)
    parts = [read_block(block) for block in blocks]
    assert b"".join(parts) == data
    assert [r for part in parts for r in records(part, delimiter)] == records(data, delimiter)


@pytest.mark.usefixtures("probe_bytes")
@given(delimited(), blocksizes)
def test_a_block_holds_the_records_that_start_in_it(
    case: tuple[bytes, bytes], blocksize: int
) -> None:
    data, delimiter = case
    blocks = planned(stored(data), blocksize=blocksize, delimiter=delimiter)
    starts, at = [], 0
    for record in records(data, delimiter):
        starts.append(at)
        at += len(record)
    for block in blocks:
        assert block.length is not None
        held = [
            record
            for start, record in zip(starts, records(data, delimiter))
            if block.offset <= start < block.offset + block.length
        ]
        assert read_block(block) == b"".join(held)


@pytest.mark.usefixtures("probe_bytes")
@given(delimited(), blocksizes | st.none())
def test_not_zero_leaves_out_the_first_record(
    case: tuple[bytes, bytes], blocksize: int | None
) -> None:
    data, delimiter = case
    blocks = planned(stored(data), blocksize=blocksize, delimiter=delimiter, not_zero=True)
    assert b"".join(map(read_block, blocks)) == b"".join(records(data, delimiter)[1:])


@pytest.mark.usefixtures("probe_bytes")
@given(delimited(), st.integers(min_value=1, max_value=100))
def test_the_sample_is_whole_records(case: tuple[bytes, bytes], size: int) -> None:
    data, delimiter = case
    sample = plan_blocks(stored(data), delimiter=delimiter, sample=size).sample
    assert isinstance(sample, bytes)
    assert data.startswith(sample)
    assert len(sample) >= min(size, len(data))
    assert sample == data or sample.endswith(delimiter)


texts = st.text(alphabet=st.sampled_from("ab\n\r\x0b\x0c\x1c\x85\u2028é€𝄞"), max_size=60)
# In UTF-16 the two halves of two of these look like a line end that lies across both.
wide_texts = st.text(alphabet=st.sampled_from("ab\n\r\u0a61\u6100"), max_size=40)


@given(texts, st.sampled_from([None, "", "\n", "\r", "\r\n"]))
def test_lines_are_those_of_open(text: str, newline: str | None) -> None:
    data = text.encode()
    expected = list(io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline=newline))
    assert decode_lines(data, linedelimiter=newline) == expected
    (part,) = plan_text(stored(data), linedelimiter=newline)
    assert list(iter_text(part)) == expected


@given(
    texts | wide_texts,
    st.sampled_from([None, "", "\n", "\r", "\r\n", "ab", "\n\n", "aba", "é"]),
    st.sampled_from(["utf-8", "utf-16-le", "utf-16-be", "utf-32-be", "utf-8-sig"]),
    blocksizes,
)
def test_lines_in_blocks_are_the_lines_of_the_file(
    text: str, linedelimiter: str | None, encoding: str, blocksize: int
) -> None:
    url = stored(text.encode(encoding))
    (whole,) = plan_text(url, encoding=encoding, linedelimiter=linedelimiter)
    parts = plan_text(url, encoding=encoding, linedelimiter=linedelimiter, blocksize=blocksize)
    lines = [line for part in parts for line in iter_text(part)]
    assert lines == list(iter_text(whole))


@given(texts, st.text(alphabet="ab\n€", min_size=2, max_size=3), st.integers(1, 8))
def test_any_text_may_end_a_line(text: str, delimiter: str, chunk: int) -> None:
    pieces = text.split(delimiter)
    expected = [*(piece + delimiter for piece in pieces[:-1]), *filter(None, pieces[-1:])]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shoal.io.text._CHUNK_BYTES", chunk)
        assert decode_lines(text.encode(), linedelimiter=delimiter) == expected


@given(st.binary(max_size=60), st.binary(min_size=1, max_size=3), st.integers(1, 8))
def test_an_undecodable_byte_is_named_by_its_offset(
    before: bytes, after: bytes, chunk: int
) -> None:
    data = before + b"\xff" + after
    try:
        data.decode()
    except UnicodeDecodeError as err:
        expected = err
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shoal.io.text._CHUNK_BYTES", chunk)
        with pytest.raises(UnicodeDecodeError) as info:
            decode_lines(data)
    found = info.value
    assert getattr(found, "offset") == expected.start  # noqa: B009
    assert found.object[found.start] == data[expected.start]


@given(st.lists(st.text(alphabet="abé \t", max_size=5), max_size=30), st.booleans())
def test_lines_written_are_read_again(lines: list[str], last_endline: bool) -> None:
    target = open_file(f"memory://io-properties/{uuid.uuid4().hex}", "wt")
    write_lines(lines, target, last_endline)
    (part,) = plan_text(f"memory:/{target.path}")
    # What ends a file is not a line of its own, so a last empty line needs its end.
    assume(last_endline or not lines or lines[-1])
    assert [line.rstrip("\n") for line in iter_text(part)] == lines


@given(
    st.lists(st.integers(-100, 100), max_size=60),
    st.integers(1, 200),
    st.integers(1, 300),
    st.sampled_from(["null", "deflate"]),
)
def test_avro_in_blocks_is_the_file(
    numbers: list[int], sync_interval: int, blocksize: int, codec: str
) -> None:
    pytest.importorskip("fastavro")
    schema = {"type": "record", "name": "N", "fields": [{"name": "n", "type": "int"}]}
    target = open_file(f"memory://io-properties/{uuid.uuid4().hex}", "wb")
    people = [{"n": number} for number in numbers]
    write_avro(people, target, schema, codec=codec, sync_interval=sync_interval)
    parts = plan_avro(f"memory:/{target.path}", blocksize=blocksize)
    assert [record for part in parts for record in iter_avro(part)] == people


@given(st.integers(0, 2**60))
def test_a_size_printed_is_read_again_to_two_places(size: int) -> None:
    assert parse_bytes(format_bytes(size)) == pytest.approx(size, rel=0.006, abs=1)


@given(st.integers(0, 10**9), st.sampled_from(["", " "]), st.sampled_from(["s", "S", "seconds"]))
def test_seconds_are_read_as_written(number: int, space: str, unit: str) -> None:
    assert parse_timedelta(f"{number}{space}{unit}") == number
