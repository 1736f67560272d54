"""Results that others will map: which are moved to shared memory, and what becomes of them."""

from __future__ import annotations

import gc
from types import SimpleNamespace

import numpy as np
import pytest

from shoal.distributed.net.shared import POOL, available, find, share, shared_bytes
from shoal.distributed.node.limits import process_bytes
from shoal.distributed.node.placing import place, place_held
from shoal.distributed.node.store import Packed, Store
from shoal.distributed.node.worker import Worker

pytestmark = pytest.mark.skipif(not available(), reason="needs memfd")


@pytest.mark.parametrize(
    "value",
    [
        np.arange(300_000),
        np.asfortranarray(np.arange(600_000.0).reshape(600, 1000)),
        np.zeros(300_000, "datetime64[s]"),
        np.zeros(300_000, [("a", "i4"), ("b", "f8")]),
    ],
    ids=["line", "columns", "dates", "records"],
)
def test_an_array_is_moved_and_equal(value: np.ndarray) -> None:
    placed = place(value)
    assert type(placed) is Packed
    assert all(find(buffer) for buffer in placed.frames.buffers)
    again = placed.open()
    assert again.dtype == value.dtype and again.strides == value.strides
    assert np.array_equal(again, value)


@pytest.mark.parametrize(
    "value",
    [
        np.array([object()] * 1000),
        np.arange(600_000)[::2],
        list(range(1000)),
        "text" * 1_000_000,
        None,
    ],
    ids=["objects", "strided", "list", "text", "none"],
)
def test_what_would_cost_more_stays(value: object) -> None:
    assert place(value) is value


def test_what_lies_in_shared_memory_is_not_copied() -> None:
    (view,) = share([bytes(2_000_000)])
    array = np.frombuffer(view, "u1")
    assert place(array) is array


def test_writing_to_a_placed_result_changes_no_other_reader() -> None:
    placed = place(np.ones(300_000))
    first = placed.open()
    frames = Store()
    frames.values[1] = first
    sent = frames.frames(1, "it")
    first[0] = 7
    # It has been written to, so it is copied when it is sent.
    assert find(sent.buffers[0]) is None


def test_a_result_that_is_sent_is_copied_once() -> None:
    store = Store()
    value = {"a": np.ones(200_000), "b": np.zeros(200_000)}
    store.values[5] = value
    first = place_held(store, 5, store.values[5], store.frames(5, "it"))
    second = place_held(store, 5, store.values[5], store.frames(5, "it"))
    assert first is second
    assert np.array_equal(store.get(5)["b"], value["b"])


def test_small_results_and_those_of_many_parts_are_sent_as_they_are() -> None:
    store = Store()
    for value in (np.ones(10), ["text"] * 400_000):
        store.values[5] = value
        frames = store.frames(5, "it")
        assert place_held(store, 5, store.values[5], frames) is frames
        assert store.values[5] is value


def test_memory_counts_shared_bytes_once() -> None:
    gc.collect()
    POOL.clear()  # what other tests have left counts as long as it waits for another use
    before, process = shared_bytes(), process_bytes()
    placed = place(np.ones(4 << 20))
    assert shared_bytes() - before == 32 << 20
    array = placed.open()
    array.sum()
    assert (24 << 20) < process_bytes() - process < (60 << 20)
    del array, placed
    gc.collect()
    POOL.trim(0.0)
    POOL.trim(1e9)
    assert shared_bytes() <= before


def test_without_room_for_both_a_result_stays_where_it_is() -> None:
    """What the process takes is measured: the last look at it may be many results ago."""
    value = np.ones(1_000_000)
    here = SimpleNamespace(core=SimpleNamespace(settings=SimpleNamespace(target=1.0)))
    here.core.settings.memory_limit = process_bytes() + value.nbytes // 2
    assert Worker._place(here, value, value.nbytes) is value  # type: ignore[arg-type]
    here.core.settings.memory_limit = process_bytes() + 100 * value.nbytes
    assert type(Worker._place(here, value, value.nbytes)) is Packed  # type: ignore[arg-type]
