"""Wherever a journal is cut or changed, a prefix of what was written comes back."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.distributed.node.journal import Journal, frame, parse, read

HEADER = 20
records = st.lists(st.binary(max_size=40), max_size=8)


@settings(max_examples=50)
@given(st.lists(st.tuples(records, records), min_size=1, max_size=4), st.data())
def test_a_cut_file_gives_a_prefix(
    files: list[tuple[list[bytes], list[bytes]]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        journal = Journal(directory, sync_s=None)
        for first, later in files:
            journal.begin(first)
            for record in later:
                journal.append(record)
            journal.flush(0.0)
        journal.close()
        wrote = [*files[-1][0], *files[-1][1]]
        assert read(directory).records == wrote
        [path] = Path(directory).glob("journal-*")
        whole = path.read_bytes()
        path.write_bytes(whole[: data.draw(st.integers(HEADER, len(whole)))])
        found = read(directory)
        assert found.records == wrote[: len(found.records)]
        # The rest of the file is exactly what was found.
        assert found.size <= path.stat().st_size
        # And it can be gone on with.
        with_more = Journal(directory, sync_s=None)
        with_more.begin(found.records)
        with_more.append(b"more")
        with_more.close()
        assert read(directory).records == [*found.records, b"more"]


@given(records, st.data())
def test_a_changed_byte_gives_a_prefix(wrote: list[bytes], data: st.DataObject) -> None:
    raw = bytearray(b"shoal journal 2\n" + (1).to_bytes(4, "little"))
    for position, record in enumerate(wrote):
        raw += frame(record, position)
    if len(raw) == HEADER:
        return
    place = data.draw(st.integers(HEADER, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    found = parse(bytes(raw), 1, "x")
    assert found.records == wrote[: len(found.records)]
    assert len(found.records) < len(wrote) and found.notes


@given(st.binary(max_size=200))
def test_garbage_is_survived(garbage: bytes) -> None:
    assert parse(garbage, 1, "x").size == 0
    header = b"shoal journal 2\n" + (1).to_bytes(4, "little")
    assert parse(header + garbage, 1, "x").size >= HEADER
