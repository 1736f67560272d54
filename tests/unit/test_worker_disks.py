"""Spilling beside the loop."""

from __future__ import annotations

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
