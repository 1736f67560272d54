"""Results in parts: in memory and in files, and tasks that read one part of each."""

from __future__ import annotations

import gc
import os

import numpy as np
import pytest

import shoal
from shoal.errors import SpillError, SpillFullError
from shoal.graph.assemble import assemble
from shoal.graph.fuse import fuse
from shoal.graph.layers import ALL, Blocks, Const, Each, Gather, Graph, GridLayer
from shoal.graph.task import Portion
from shoal.local.callbacks import GraphView
from shoal.local.processes import run_processes
from shoal.local.sync import run_sync
from shoal.local.threads import run_threads
from shoal.serialize.parts import SHELF, Pieces, Shelf, Stored, keep, part_frames
from shoal.serialize.pickles import dumps, loads


def cut(number):
    return keep(Pieces([f"{number}{letter}" for letter in "abcd"]))


def cut_some(number):
    return keep(Pieces({place: (number, place) for place in range(number, 4, 2)}))


def join(pieces, *more):
    return "-".join(pieces) + "".join(more)


def transposed(func=join, more=()):
    graph = Graph()
    graph.add(GridLayer("cut", cut, (3,), (Each([0, 1, 2]),)))
    inputs = (Blocks("cut", (3,), (ALL,), parts=True), *more)
    start = graph.add(GridLayer("join", func, (4,), inputs))
    return graph, range(start, start + 4)


@pytest.mark.parametrize("run", [run_sync, run_threads, run_processes])
def test_each_task_reads_its_own_part_of_every_block(run):
    plan = assemble(*transposed())
    assert run(plan) == ["0a-1a-2a", "0b-1b-2b", "0c-1c-2c", "0d-1d-2d"]


@pytest.mark.parametrize("run", [run_sync, run_threads, run_processes])
def test_a_part_is_that_of_the_task_whatever_is_left_out(run):
    graph, wanted = transposed()
    plan = assemble(graph, [wanted[2]])
    assert len(plan) == 4
    assert run(plan) == ["0c-1c-2c"]


def test_tasks_share_their_template():
    graph, wanted = transposed(more=(Const("!"),))
    plan = assemble(graph, wanted)
    readers = [arg for arg in plan.args if type(arg) is Portion]
    assert [arg.part for arg in readers] == [0, 1, 2, 3]
    assert len({id(arg.args) for arg in readers}) == 1
    assert len({id(needs) for needs in plan.deps[3:]}) == 1
    assert run_sync(plan)[1] == "0b-1b-2b!"


def test_lists_of_blocks_may_name_parts():
    graph = Graph()
    graph.add(GridLayer("cut", cut_some, (2,), (Each([0, 1]),)))
    inputs = (Gather("cut", [(0,), (1,), (0,), (1,)], parts=True),)
    start = graph.add(GridLayer("first", list, (4,), inputs))
    plan = assemble(graph, range(start, start + 4))
    assert run_threads(plan) == [[(0, 0)], [(1, 1)], [(0, 2)], [(1, 3)]]
    assert run_sync(fuse(plan)) == run_sync(plan)


def test_a_part_in_a_chain():
    graph = Graph()
    graph.add(GridLayer("cut", cut, (1,), (Each([7]),)))
    start = graph.add(GridLayer("up", str.upper, (1,), (Blocks("cut", (1,), (0,), parts=True),)))
    plan = assemble(graph, [start])
    assert len(fuse(plan)) == 1
    assert run_sync(fuse(plan)) == run_sync(plan) == ["7A"]


def test_results_that_are_no_parts_are_read_whole():
    graph = Graph()
    graph.add(GridLayer("cut", str, (3,), (Each([0, 1, 2]),)))
    inputs = (Blocks("cut", (3,), (ALL,), parts=True),)
    start = graph.add(GridLayer("join", join, (2,), inputs))
    assert run_sync(assemble(graph, [start, start + 1])) == ["0-1-2", "0-1-2"]


def test_others_see_the_parts_as_calls():
    plan = assemble(*transposed(more=(Const("!"),)))
    view = dict(GraphView(plan))
    assert shoal.get(view, ("join", 1)) == "0b-1b-2b!"
    assert view["join", 1].func is join


# ------------------------------------------------------------------------------------ storage


def objects():
    rng = np.random.default_rng(0)
    return [rng.random(5000), {"a": [1, None]}, rng.integers(0, 9, (300, 70)).T, "", b"x" * 70_000]


def same(one, other):
    return np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other


def test_parts_in_files_are_what_they_were():
    shelf = Shelf(limit_bytes=0)
    kept = shelf.keep(Pieces(objects()))
    assert type(kept) is Stored
    assert list(kept.numbers()) == [0, 1, 2, 3, 4]
    for number, value in enumerate(objects()):
        assert same(kept.part(number), value)
        assert same(loads(part_frames(kept, number)), value)
    copy = loads(dumps(kept))
    assert same(copy.part(2), objects()[2])
    array = kept.part(0)
    array[0] = 7.0
    assert kept.part(0)[0] != 7.0


def test_memory_is_given_back_when_parts_go():
    shelf = Shelf(limit_bytes=10_000)
    first = shelf.keep(Pieces([bytes(9000)]))
    assert type(first) is Pieces and type(shelf.keep(Pieces([bytes(9000)]))) is Stored
    del first
    gc.collect()
    assert shelf.used == 0
    assert type(shelf.keep(Pieces([bytes(9000)]))) is Pieces


def test_a_file_goes_with_the_last_of_its_parts(tmp_path):
    shelf = Shelf(limit_bytes=0, folder=str(tmp_path))
    one, two = (shelf.keep(Pieces([bytes(100)])) for _ in range(2))
    arena = one.places[0][0]
    assert two.places[0][0] is arena and list(tmp_path.iterdir()) == []
    fd = arena.fd
    os.fstat(fd)
    del arena, one
    assert two.part(0) == bytes(100)
    del two
    gc.collect()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(fd)


def test_what_files_take_is_known_and_may_be_asked_by_whom_the_collector_interrupts():
    shelf = Shelf(limit_bytes=0)
    one, two = (shelf.keep(Pieces([bytes(10_000)])) for _ in range(2))
    assert shelf.filed_bytes >= 20_000
    del one
    assert shelf.filed_bytes >= 20_000  # the file is one
    del two
    gc.collect()
    assert shelf.filed_bytes == 0
    with shelf.lock:  # as when parts are found in a cycle just then
        shelf.release(0)


def test_a_damaged_file_is_an_error_and_no_value(tmp_path):
    kept = Shelf(limit_bytes=0, folder=str(tmp_path)).keep(Pieces([bytes(100)]))
    arena, start, _, _ = kept.places[0]
    os.pwrite(arena.fd, b"oops", start + 20)
    with pytest.raises(SpillError, match="not as it was written"):
        kept.part(0)
    os.ftruncate(arena.fd, 10)
    with pytest.raises(SpillError, match="shorter"):
        kept.part(0)


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwritev", full)
    with pytest.raises(SpillFullError, match="temporary-directory"):
        Shelf(limit_bytes=0, folder=str(tmp_path)).keep(Pieces([b"x"]))


def test_the_setting_sends_parts_to_files():
    before = SHELF.stored
    with shoal.config.set({"shuffle-memory": 0}):
        assert run_threads(assemble(*transposed()))[3] == "0d-1d-2d"
    assert SHELF.stored > before
