"""The journal's file: what is written comes back, whatever happens to the end of it."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from shoal.distributed.node import journal as module
from shoal.distributed.node.journal import Journal, read


def write(directory: Path, *records: bytes, first: tuple[bytes, ...] = (b"first",)) -> Path:
    """A journal of one file; its path."""
    journal = Journal(directory, sync_s=None)
    journal.begin(first)
    for record in records:
        journal.append(record)
        journal.flush(0.0)
    journal.close()
    [path] = directory.glob("journal-*")
    return path


def test_nothing_there(tmp_path: Path) -> None:
    found = read(tmp_path / "none")
    assert (found.records, found.number, found.notes) == ([], 0, [])


def test_records_come_back_in_order(tmp_path: Path) -> None:
    write(tmp_path, b"one", b"", b"three" * 1000)
    found = read(tmp_path)
    assert found.records == [b"first", b"one", b"", b"three" * 1000]
    assert found.notes == []


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    path = write(tmp_path / "new", b"secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_any_torn_tail_is_cut_to_the_last_whole_record(tmp_path: Path) -> None:
    path = write(tmp_path, b"one", b"two", first=())
    data = path.read_bytes()
    ends = [20, 20 + 15, 20 + 30]
    for length in range(20, len(data)):
        path.write_bytes(data[:length])
        found = read(tmp_path)
        assert found.records == [b"one", b"two"][: sum(length >= end for end in ends) - 1]
        assert bool(found.notes) == (length not in ends)


def test_a_wrong_byte_cuts_there_and_is_said(tmp_path: Path) -> None:
    path = write(tmp_path, b"one", b"two", b"three", first=())
    data = bytearray(path.read_bytes())
    data[20 + 15 + 13] ^= 1
    path.write_bytes(data)
    found = read(tmp_path)
    assert found.records == [b"one"]
    assert "checksum is wrong; cut to 1 whole records" in found.notes[0]


def test_records_that_changed_places_are_bad(tmp_path: Path) -> None:
    path = write(tmp_path, b"one", b"two", first=())
    data = path.read_bytes()
    path.write_bytes(data[:20] + data[35:] + data[20:35])
    assert read(tmp_path).records == []


def test_a_new_file_replaces_the_old_one(tmp_path: Path) -> None:
    write(tmp_path, b"one")
    journal = Journal(tmp_path)
    assert journal.recovered.records == [b"first", b"one"]
    journal.begin([b"all"])
    journal.append(b"more")
    journal.close()
    assert [path.name for path in tmp_path.glob("journal-*")] == ["journal-00000002"]
    assert read(tmp_path).records == [b"all", b"more"]


def test_a_new_file_that_was_not_completed_does_not_count(tmp_path: Path) -> None:
    write(tmp_path, b"one")
    (tmp_path / "journal-00000002.partial").write_bytes(b"half")
    assert read(tmp_path).records == [b"first", b"one"]


def test_an_empty_newer_file_is_passed_over_and_said(tmp_path: Path) -> None:
    # A machine that died without sync_s may leave the new name with nothing in it.
    write(tmp_path, b"one")
    (tmp_path / "journal-00000002").write_bytes(b"")
    found = read(tmp_path)
    assert found.records == [b"first", b"one"]
    assert "passed over" in found.notes[0]


def test_two_schedulers_cannot_share_a_directory(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with pytest.raises(BlockingIOError, match="another scheduler"):
        Journal(tmp_path)
    journal.close()
    Journal(tmp_path).close()


def test_a_full_disk_is_said_and_mended_by_a_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    journal = Journal(tmp_path, sync_s=0, rest_s=5.0, say=said.append)
    journal.begin([b"first"])
    journal.append(b"one")
    journal.flush(1.0)
    real = os.write

    def full(fd: int, data: bytes) -> int:
        if len(data) > 4:
            return real(fd, data[:4])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "write", full)
        journal.append(b"two")
        journal.flush(2.0)
        assert "incomplete" in said[-1] and "No space left" in said[-1]
        assert not journal.due(3.0) and journal.due(7.0)
        journal.append(b"three")
        journal.flush(3.0)
        journal.begin([b"all"], 7.0)
        assert not journal.due(11.0) and journal.due(12.0)
        assert len(said) == 1
    # What was there before is whole, without the half record.
    assert read(tmp_path).records == [b"first", b"one"] and not read(tmp_path).notes
    journal.begin([b"all"], 12.0)
    assert "again" in said[-1] and not journal.due(99.0)
    journal.append(b"four")
    journal.close()
    assert read(tmp_path).records == [b"all", b"four"]


def test_compaction_is_due_when_the_file_has_grown_enough(tmp_path: Path) -> None:
    journal = Journal(tmp_path, sync_s=None, least_bytes=2_000, growth=4.0)
    assert journal.due(0.0)
    journal.begin([bytes(1_000)])
    journal.append(bytes(2_000))
    journal.flush(0.0)
    assert not journal.due(0.0)
    journal.append(bytes(2_000))
    journal.flush(0.0)
    assert journal.due(0.0)
    journal.close()


def test_a_failed_fsync_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    journal = Journal(tmp_path, sync_s=0, say=said.append)
    journal.begin([])

    def broken(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "fsync", broken)
        journal.append(b"one")
        journal.flush(0.0)
    assert "Input/output error" in said[-1] and journal.broken
    journal.close()
