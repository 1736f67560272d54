"""Segments hold the same bytes whatever pages they are made of."""

from __future__ import annotations

import os
import random

import pytest

from shoal.distributed.net.pages import HUGE_BYTES, Area, Thrift
from shoal.distributed.net.shared import Pool, available, open_segment

pytestmark = pytest.mark.skipif(not available(), reason="needs memfd_create")


@pytest.fixture(params=[0, 1, 2, None], ids=lambda most: f"{most}-pieces")
def huge_pieces(request, monkeypatch):
    """So many pieces of a file come in huge pages, then the system has none; None: as it has."""
    had = []
    make_huge = Area.make_huge

    def make_some(area, start, end):
        had.append((start, end))
        if request.param is None:
            return make_huge(area, start, end)
        if len(had) > request.param:
            return False
        os.posix_fallocate(fds[-1], start, end - start)  # which pages these are does not matter
        return True

    fds = []
    memfd_create = os.memfd_create
    monkeypatch.setattr(
        os, "memfd_create", lambda *args: fds.append(memfd_create(*args)) or fds[-1]
    )
    monkeypatch.setattr(Area, "make_huge", make_some)
    return had


@pytest.mark.parametrize(
    "sizes",
    [[5], [HUGE_BYTES], [3 * HUGE_BYTES + 7], [HUGE_BYTES - 1, 100, 0, 2 * HUGE_BYTES + 1, 3]],
)
def test_new_and_used_segments_hold_what_was_put_in(huge_pieces, sizes):
    pool = Pool()
    for seed in range(3):  # twice in memory that was used before
        random.seed(seed)
        buffers = [random.randbytes(size - seed if size > seed else size) for size in sizes]
        segment, offsets = pool.make(buffers)
        parts = [(at, len(buffer)) for at, buffer in zip(offsets, buffers)]
        views = open_segment(os.dup(segment.fd), parts)
        assert all(bytes(view) == buffer for view, buffer in zip(views, buffers))
        del segment, views
    assert len(pool._slots) == 1
    assert all(0 <= start < end <= sum(sizes) for start, end in huge_pieces)
    pool.clear()


def test_memory_that_nobody_needs_is_not_had():
    pool = Pool()
    segment, _ = pool.make([bytes(3 * HUGE_BYTES + 5000)])
    assert os.fstat(segment.fd).st_blocks * 512 <= 3 * HUGE_BYTES + 8192
    pool.clear()


@pytest.mark.parametrize("is_private", [True, False])
def test_areas_lie_where_huge_pages_can_show_them(is_private):
    size = 2 * HUGE_BYTES + 4096
    fd = os.memfd_create("test")
    os.ftruncate(fd, size)
    area = Area(fd, size, is_private)
    assert area.start % HUGE_BYTES == 0
    area.memory[area.offset + size - 1] = 5
    assert os.pread(fd, 1, size - 1) == (b"\0" if is_private else b"\5")
    if is_private:
        area.forget_writes()
        assert area.memory[area.offset + size - 1] == 0
    area.close()
    os.close(fd)


def test_a_file_that_cannot_be_mapped_leaves_nothing_behind():
    read_end, write_end = os.pipe()
    with pytest.raises(OSError):
        Area(read_end, 4096, is_private=True)
    os.close(read_end)
    os.close(write_end)


def test_huge_pages_that_cost_more_are_asked_for_seldom():
    thrift = Thrift(small_s=1e-9)
    tries = spent = 0
    for _ in range(10_000):
        if thrift.is_willing:
            tries += 1
            spent += 4e-9 * thrift.piece_bytes
            thrift.has_spent(thrift.piece_bytes, 4e-9 * thrift.piece_bytes)
        else:
            thrift.has_saved(HUGE_BYTES)
    small = 10_000 * HUGE_BYTES * 1e-9
    assert tries > 10 and spent < 0.06 * small


def test_huge_pages_that_cost_less_go_on_after_one_that_did_not():
    thrift = Thrift(small_s=1e-9)
    for _ in range(20):
        thrift.has_spent(thrift.piece_bytes, 0.2e-9 * thrift.piece_bytes)
    thrift.has_spent(thrift.piece_bytes, 2e-9 * thrift.piece_bytes)
    assert thrift.is_willing
