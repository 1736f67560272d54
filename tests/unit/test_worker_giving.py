"""Results on their way to somebody while a restarted scheduler gives them other numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from shoal.distributed.core.worker.effects import Serve
from shoal.distributed.node.disks import Disks
from shoal.distributed.node.perform import give
from shoal.distributed.node.store import Store
from shoal.distributed.protocol import Data


class Renaming:
    """A result during whose pickling something happens."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self.meanwhile = meanwhile

    def __reduce__(self) -> tuple[Any, ...]:
        self.meanwhile()
        return str, ("it",)


@pytest.mark.parametrize("is_renamed", [False, True])
def test_nothing_goes_by_a_number_that_has_changed(is_renamed: bool, tmp_path: Path) -> None:
    store, sent, calls = Store(), [], []
    disks = Disks(store, tmp_path, 0, lambda *what: None)
    worker: Any = SimpleNamespace(
        store=store,
        disks=disks,
        core=SimpleNamespace(settings=SimpleNamespace(serve_bytes=1 << 20)),
        loop=SimpleNamespace(call_threadsafe=lambda *call: calls.append(call)),
    )
    connection: Any = SimpleNamespace(shares_memory=True, send=lambda *what: sent.append(what))
    rename = (lambda: disks.rename({1: 2, 2: 1})) if is_renamed else (lambda: None)
    store.values.update({1: Renaming(rename), 2: "another"})
    give(worker, connection, Serve(7, 3, [1, 2], 100), {1: "x", 2: "y"}, 0)
    ((message, buffers),) = sent
    assert message.ids == ([] if is_renamed else [1, 2])
    if is_renamed:
        assert (message, buffers) == (Data(3, [], [], busy=True), [])
    assert len(calls) == 1
    disks.close()
