"""Spilled results as files: what is read is what was written, or an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.distributed.node.spill import Disk, decode, encode
from shoal.errors import SpillError, SpillFullError
from shoal.serialize.pickles import Frames, dumps, loads

np = pytest.importorskip("numpy")


def file_of(frames):
    return b"".join(map(bytes, encode(frames)))


@given(st.binary(max_size=2000), st.lists(st.binary(max_size=2000), max_size=3))
def test_any_frames_come_back(head, buffers):
    found = decode(file_of(Frames(head, buffers)))
    assert bytes(found.head) == head
    assert [bytes(buffer) for buffer in found.buffers] == buffers


def test_what_shrinks_is_compressed():
    zeros = Frames(b"head", [bytes(1 << 20)])
    assert len(file_of(zeros)) < 1 << 15
    noise = Frames(b"head", [np.random.default_rng(1).bytes(1 << 20)])
    assert len(file_of(noise)) < (1 << 20) + 200


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_is_found(position, change):
    data = bytearray(file_of(Frames(b"some head", [b"a" * 500, bytes(range(256)) * 4])))
    data[position % len(data)] ^= change
    with pytest.raises(SpillError):
        decode(data)


@given(st.integers(0, 10_000))
def test_a_torn_file_is_found(length):
    data = file_of(Frames(b"some head", [b"abc" * 500]))
    with pytest.raises(SpillError):
        decode(data[: length % len(data)])


def test_arrays_are_writable_again(tmp_path):
    disk = Disk(tmp_path)
    for id, array in enumerate([np.arange(100_000), np.zeros(100_000)]):
        disk.write(id, dumps(array))
        found = loads(disk.read(id))
        found += 1
        assert (found == array + 1).all()


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path):
    disk = Disk(tmp_path)
    disk.path(5).symlink_to("/dev/full")
    with pytest.raises(SpillFullError, match=r"5\.spill: No space left on device; free space"):
        disk.write(5, Frames(b"x" * 100_000))
    assert not list(tmp_path.iterdir()) and not disk.nbytes


def test_a_quota(tmp_path):
    disk = Disk(tmp_path, quota_bytes=1000)
    disk.write(1, Frames(bytes(range(200))))
    with pytest.raises(SpillFullError, match="quota of 1,000 bytes"):
        disk.write(2, Frames(np.random.default_rng(1).bytes(1000)))
    disk.remove(1)
    assert disk.nbytes == 0


def test_a_file_that_is_gone(tmp_path):
    disk = Disk(tmp_path)
    disk.write(1, Frames(b"x"))
    disk.path(1).unlink()
    with pytest.raises(SpillError, match="No such file"):
        disk.read(1)
