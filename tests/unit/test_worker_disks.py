"""Spilling beside the loop, while a scheduler that was restarted gives results other numbers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from shoal.distributed.core.worker.table import part_number
from shoal.distributed.node.disks import Disks
from shoal.distributed.node.store import Store
from shoal.serialize.parts import SHELF, Pieces, Stored
from shoal.serialize.pickles import Frames, loads

WAIT_S = 60


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[tuple[Store, Disks, Queue[Any]]]:
    store, said = Store(), Queue[Any]()
    disks = Disks(store, tmp_path, 0, lambda *what: said.put(what))
    yield store, disks, said
    disks.close()


def hold(disks: Disks) -> threading.Event:
    """Keep the disk's thread from its work until the event is set."""
    begun, go = threading.Event(), threading.Event()
    disks.thread.put(lambda: (begun.set(), go.wait(WAIT_S)))
    assert begun.wait(WAIT_S)
    return go


def test_what_was_on_its_way_goes_by_its_new_number(
    parts: tuple[Store, Disks, Queue[Any]],
) -> None:
    store, disks, said = parts
    store.values.update({1: "one", 2: "two"})
    go = hold(disks)
    disks.spill([(1, "x"), (2, "y")])
    disks.rename({1: 2, 2: 1})  # each has the number that was the other's
    go.set()
    assert {said.get(timeout=WAIT_S) for _ in "xy"} == {("spilled", 2), ("spilled", 1)}
    disks.evict([1, 2])
    go = hold(disks)
    disks.load([1, 2])
    disks.rename({1: 5})
    go.set()
    assert [said.get(timeout=WAIT_S) for _ in "xy"] == [("loaded", 5), ("loaded", 2)]
    assert (store.get(5), store.get(2)) == ("two", "one")
    assert not disks.disk.sizes and not disks.on_disk


def test_what_is_gone_is_not_taken_for_what_has_its_number_now(
    parts: tuple[Store, Disks, Queue[Any]],
) -> None:
    store, disks, said = parts
    store.values.update({1: "one", 2: "two"})
    disks.spill([(1, "x"), (2, "y")])
    assert [said.get(timeout=WAIT_S) for _ in "xy"] == [("spilled", 1), ("spilled", 2)]
    disks.evict([1, 2])
    go = hold(disks)
    store.free(1)
    disks.free([1])
    disks.rename({2: 1})
    go.set()
    disks.load([1])
    assert said.get(timeout=WAIT_S) == ("loaded", 1)
    assert store.get(1) == "two"
    # What was told before a renaming is of the number that it was then.
    assert disks.current(1, 0) == -1 and disks.current(2, 0) == 1 and disks.current(1, 1) == 1


def test_parts_go_to_files_once_and_are_read_one_by_one(
    parts: tuple[Store, Disks, Queue[Any]],
) -> None:
    store, disks, said = parts
    store.values[1] = Pieces([bytes(1000), "two"])
    disks.spill([(1, "x")])
    assert said.get(timeout=WAIT_S) == ("shelved", 1, store.values[1].nbytes)
    stored = store.values[1]
    assert isinstance(stored, Stored) and stored.part(1) == "two"
    assert not disks.disk.sizes
    written = SHELF.stored
    disks.spill([(1, "x")])
    assert said.get(timeout=WAIT_S) == ("shelved", 1, stored.nbytes)
    assert store.values[1] is stored and written == SHELF.stored


def test_what_is_loaded_just_when_its_file_is_wanted(
    parts: tuple[Store, Disks, Queue[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, disks, said = parts
    store.values[1] = "one"
    disks.spill([(1, "x")])
    assert said.get(timeout=WAIT_S) == ("spilled", 1)
    disks.evict([1])
    path = disks.disk.path

    def load_first(id: int) -> Path:
        monkeypatch.undo()
        disks.load([id])
        assert said.get(timeout=WAIT_S) == ("loaded", id)
        return path(id)

    monkeypatch.setattr(disks.disk, "path", load_first)
    frames = disks.frames(1)
    assert frames is not None and loads(frames) == "one"


def test_who_reads_parts_of_other_results_gets_one_without_parts_whole(
    parts: tuple[Store, Disks, Queue[Any]],
) -> None:
    store, disks, said = parts
    store.values[1] = ("no", "parts")
    disks.spill([(1, "x")])
    assert said.get(timeout=WAIT_S) == ("spilled", 1)
    disks.evict([1])
    frames = disks.frames(part_number(1, 3))
    assert frames is not None and loads(frames) == ("no", "parts")


def test_a_result_for_which_there_is_no_memory_is_told_to_be_lost(
    parts: tuple[Store, Disks, Queue[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, disks, said = parts
    store.values[1] = "one"
    disks.spill([(1, "x")])
    assert said.get(timeout=WAIT_S) == ("spilled", 1)
    disks.evict([1])

    def read(id: int) -> Frames:
        raise MemoryError

    monkeypatch.setattr(disks.disk, "read", read)
    disks.load([1])
    assert said.get(timeout=WAIT_S) == ("load_failed", 1, "MemoryError: ")
