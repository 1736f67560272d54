"""Mappings that are used for one segment after another: nobody sees what another has written."""

from __future__ import annotations

import gc
import os

import pytest

from shoal.distributed.net import pages
from shoal.distributed.net.pages import address_of, is_written
from shoal.distributed.net.shared import (
    MAPPED,
    PAGE,
    WINDOWS,
    Pool,
    available,
    find,
    is_new,
    open_segment,
    show,
)

pytestmark = pytest.mark.skipif(not available(), reason="needs memfd")

SIZE = 1 << 20


@pytest.fixture(autouse=True)
def nothing_idle():
    gc.collect()
    WINDOWS.trim(0.0, 0.0, 0)
    yield
    WINDOWS.trim(0.0, 0.0, 0)


def idle() -> int:
    return WINDOWS.trim(0.0, 1e9, 1 << 40)


def receive(segment):
    """What another process would get."""
    (view,) = open_segment(os.dup(segment.fd), [(0, SIZE)])
    return view


def test_a_window_is_used_again_and_shows_what_is_there_now() -> None:
    pool = Pool()
    segment, _ = pool.make([b"a" * SIZE])
    view = receive(segment)
    assert bytes(view) == b"a" * SIZE
    start = find(view) and next(iter(MAPPED.starts))
    del view, segment
    gc.collect()
    assert idle() == 1
    segment, _ = pool.make([b"b" * SIZE])
    view = receive(segment)
    assert idle() == 0 and start in MAPPED.starts
    assert bytes(view) == b"b" * SIZE


def test_what_was_written_is_forgotten() -> None:
    pool = Pool()
    segment, _ = pool.make([b"a" * SIZE])
    view = receive(segment)
    view[SIZE // 2] = 255
    assert find(view) is None
    del view, segment
    gc.collect()
    segment, _ = pool.make([b"b" * SIZE])
    view = receive(segment)
    assert bytes(view) == b"b" * SIZE
    assert find(view) is not None


def test_two_at_once_do_not_see_each_other_write() -> None:
    segment, _ = Pool().make([b"a" * SIZE])
    one, other = receive(segment), receive(segment)
    one[0] = 1
    assert other[0] == ord("a") and find(other) is not None
    del one, other
    gc.collect()
    # One for each file is enough.
    assert idle() == 1


def test_an_idle_window_does_not_keep_the_segment_from_being_used_again() -> None:
    pool = Pool()
    segment, _ = pool.make([b"a" * SIZE])
    view = receive(segment)
    del view, segment
    gc.collect()
    assert idle() == 1
    segment, _ = pool.make([b"b" * SIZE])
    assert pool.held_bytes == SIZE
    del segment


def test_a_window_goes_in_time_and_when_there_are_too_many() -> None:
    segments = [Pool().make([b"a" * SIZE])[0] for _ in range(3)]
    views = [receive(segment) for segment in segments]
    del views
    gc.collect()
    assert WINDOWS.trim(5.0, 10.0, 2 * SIZE) == 2
    assert WINDOWS.trim(14.0, 10.0, 2 * SIZE) == 2
    assert WINDOWS.trim(15.0, 10.0, 2 * SIZE) == 0


def test_a_part_keeps_its_window() -> None:
    segment, _ = Pool().make([b"a" * SIZE])
    view = receive(segment)
    part = view[100:200]
    del view
    gc.collect()
    assert idle() == 0
    assert bytes(part) == b"a" * 100 and not is_written(next(iter(MAPPED.starts)), 1)


def test_what_a_finalizer_keeps_stays_as_it_is() -> None:
    kept = []

    class Holder:
        """Stands in a cycle, and saves what it holds when it is found there."""

        def __init__(self, view):
            self.view, self.me = view, self

        def __del__(self):
            kept.append(self.view)

    pool = Pool()
    segment, _ = pool.make([b"a" * SIZE])
    Holder(receive(segment))
    del segment
    gc.collect()
    assert len(kept) == 1
    segment, _ = pool.make([b"b" * SIZE])
    assert bytes(kept[0]) == b"a" * SIZE
    view = receive(segment)
    assert bytes(view) == b"b" * SIZE
    del segment, view
    kept.clear()
    gc.collect()
    assert pool.unused_bytes == pool.held_bytes


@pytest.mark.parametrize("scan", ["asked", "read"])
def test_written_pages_are_found_wherever_they_are(scan, monkeypatch) -> None:
    if scan == "read":

        def lacking(*_: object) -> bool:
            raise OSError

        monkeypatch.setattr(pages, "has_own_pages", lacking)
    segment, _ = Pool().make([b"a" * SIZE])
    view = receive(segment)
    start = address_of(view)
    assert not is_written(start, SIZE)  # none of it was looked at
    assert bytes(view) == b"a" * SIZE
    assert not is_written(start, SIZE)
    view[SIZE - 1] = 1
    assert is_written(start, SIZE) and is_written(start + SIZE - 1, 1)
    assert not is_written(start, SIZE - PAGE)


def test_what_is_shown_ahead_is_what_there_is_and_only_once() -> None:
    pool = Pool()
    segment, _ = pool.make([b"a" * SIZE, b"b" * SIZE])
    views = open_segment(os.dup(segment.fd), [(0, SIZE), (SIZE, SIZE)])
    assert all(is_new(view) for view in views)
    show(views[1][5:])
    show(memoryview(bytes(SIZE)))  # nothing of the kind
    assert bytes(views[0]) + bytes(views[1]) == b"a" * SIZE + b"b" * SIZE
    assert find(views[0]) is not None and find(views[1]) is not None
    del views, segment
    gc.collect()
    segment, _ = pool.make([b"c" * (2 * SIZE)])
    (view,) = open_segment(os.dup(segment.fd), [(0, 2 * SIZE)])
    assert not is_new(view)
    assert bytes(view) == b"c" * (2 * SIZE)


def test_a_mapping_that_is_about_to_go_is_forgotten_whoever_looks_first() -> None:
    segment, _ = Pool().make([b"a" * SIZE])
    before = MAPPED.nbytes
    view = receive(segment)
    mapping = MAPPED.find(address_of(view), 1)
    assert mapping is not None and MAPPED.nbytes == before + SIZE
    # What its finalizer leaves, found by a thread that looks before the object has gone.
    MAPPED.gone.append((mapping.start, mapping.number))
    assert MAPPED.nbytes == before
    del mapping, view
    gc.collect()
    again = receive(segment)
    MAPPED.gone.append((address_of(again), -1))  # of one that had the address before
    assert MAPPED.nbytes == before + SIZE
