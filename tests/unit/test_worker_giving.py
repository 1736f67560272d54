"""Results on their way to somebody: under the numbers by which they were asked for."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from shoal.distributed.core.worker.effects import Serve
from shoal.distributed.core.worker.table import part_number
from shoal.distributed.node.disks import Disks
from shoal.distributed.node.perform import give
from shoal.distributed.node.store import Store
from shoal.serialize.parts import Pieces


def given(store: Store, folder: Path, ids: dict[int, int]) -> Any:
    sent: list[Any] = []
    worker: Any = SimpleNamespace(
        store=store,
        disks=Disks(store, folder, 0, lambda *what: None),
        core=SimpleNamespace(settings=SimpleNamespace(serve_bytes=1 << 20)),
        loop=SimpleNamespace(call_threadsafe=lambda *call: None),
    )
    connection: Any = SimpleNamespace(shares_memory=True, send=lambda *what: sent.append(what))
    give(worker, connection, Serve(7, 3, ids, 100), {})
    worker.disks.close()
    ((message, _),) = sent
    return message


def test_whoever_asks_is_answered_by_their_numbers(tmp_path: Path) -> None:
    store = Store()
    store.values.update({101: "one", 102: "two"})
    message = given(store, tmp_path, {102: 1, 103: 3, 101: 2})
    assert message.ids == [1, 2]
    assert [pickle.loads(frames.head) for frames in message.frames] == ["two", "one"]


def test_parts_too(tmp_path: Path) -> None:
    store = Store()
    store.values[101] = Pieces(["a", "b"])
    message = given(store, tmp_path, {part_number(101, 1): 1, part_number(101, 0): 1})
    assert (message.ids, message.parts) == ([1, 1], [1, 0])
    assert [pickle.loads(frames.head) for frames in message.frames] == ["b", "a"]
