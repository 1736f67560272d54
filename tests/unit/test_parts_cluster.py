"""Parts on a cluster: what client, scheduler and workers say of them, and what is held."""

from __future__ import annotations

import numpy as np
import pytest

from shoal.distributed import Client, LocalCluster
from shoal.distributed.client.encode import Codes, encode_plan
from shoal.distributed.core.effects import Send
from shoal.distributed.core.worker import machine
from shoal.distributed.core.worker.assign import arrive, want
from shoal.distributed.core.worker.effects import Free, Hold, Ready, Serve
from shoal.distributed.core.worker.reconcile import register
from shoal.distributed.core.worker.table import (
    PART,
    WHOLE,
    PeerState,
    Settings,
    Worker,
    part_number,
    part_of_number,
)
from shoal.distributed.core.worker.validate import validate
from shoal.distributed.node.store import Store
from shoal.distributed.protocol import Data, Frames, Get, Report, Run, Welcome
from shoal.errors import SerializationError
from shoal.graph.assemble import assemble
from shoal.graph.layers import ALL, Blocks, Each, Graph, GridLayer
from shoal.local.sync import run_sync
from shoal.serialize.parts import Pieces, Shelf
from shoal.serialize.pickles import loads

SCHEDULER, OTHER = 1, 2


def cut(number):
    return Pieces([number, -number])


def test_a_plan_says_which_part_each_task_reads_and_its_template_once():
    graph = Graph()
    graph.add(GridLayer("cut", cut, (3,), (Each([1, 2, 3]),)))
    start = graph.add(GridLayer("join", sum, (2,), (Blocks("cut", (3,), (ALL,), parts=True),)))
    message = encode_plan(assemble(graph, [start, start + 1]), Codes()).message
    assert message.parts == [(3, 0), (4, 1)]
    assert message.code[3] == message.code[4] and message.args[3:] == [b"", b""]
    assert message.deps[3:] == [(0, 1, 2)] * 2


@pytest.fixture
def worker():
    """One that has result 5 and knows a worker that has 6 and 7."""
    w = Worker(Settings("a", "inproc://a", 1))
    machine.connected(w, SCHEDULER, "scheduler", 0.0)
    machine.received(w, SCHEDULER, Welcome(0, "s"), [], 0.0)
    w.last_id = 100
    arrive(w, want(w, 5, [], 100, 0), 100)
    w.numbering.peers[9] = PeerState(9, "inproc://b", "b")
    machine.dialed(w, 9, "inproc://b", OTHER, 0.0)
    machine.drain(w, 0.0)
    return w


def run(w, ids, parts, deps=(5, 6, 7)):
    count = len(ids)
    columns = (ids, [1] * count, [f"t{i}" for i in ids], [-1] * count, [b""] * count)
    message = Run(*columns, [deps] * count, [0] * count, [False] * count)
    message.remote, message.where, message.nbytes = [6, 7], [[9], [9]], [30, 30]
    message.parts = list(enumerate(parts))
    machine.received(w, SCHEDULER, message, [], 1.0)
    effects = machine.drain(w, 1.0)
    validate(w)
    return effects


def ids(w):
    """Of rows, by the scheduler's numbers."""
    return {number: row.id for number, row in w.numbering.rows.items()}


def of_kind(effects, kind):
    sent = [e.message for e in effects if isinstance(e, Send)]
    return [e for e in [*effects, *sent] if type(e) is kind]


def answer(w, request, parts, ids=(6, 7)):
    frames = [Frames(b"piece") for _ in ids]
    machine.received(w, OTHER, Data(request, list(ids), frames, parts=list(parts)), [], 2.0)
    effects = machine.drain(w, 2.0)
    validate(w)
    return effects


def test_a_worker_asks_for_the_parts_that_are_elsewhere_in_one_request(worker):
    (get,) = of_kind(run(worker, [20], [3]), Get)
    assert (get.ids, get.parts, get.nbytes) == ([6, 7], [3, 3], 60)
    effects = answer(worker, get.request, [3, 3])
    (hold,), (ready,) = of_kind(effects, Hold), of_kind(effects, Ready)
    assert hold.ids == [ids(worker)[part_number(number, 3)] for number in (6, 7)]
    assert min(hold.ids) > PART > ids(worker)[5]
    assert ready.tasks[0].deps == (ids(worker)[5], *hold.ids) and ready.tasks[0].part == 3
    # The scheduler hears of the transfer and not of a copy.
    (report,) = of_kind(effects, Report)
    assert report.added == [] and [nbytes for _, nbytes, _ in report.transfers] == [10]
    assert [row[0] for row in register(worker).held] == [5]


def test_a_part_goes_with_the_last_task_that_reads_it(worker):
    (get,) = of_kind(run(worker, [20, 21], [3, 3]), Get)
    (ready,) = of_kind(answer(worker, get.request, [3, 3]), Ready)
    parts = [ids(worker)[part_number(number, 3)] for number in (6, 7)]
    for row, freed in zip(ready.tasks, ([], parts), strict=True):
        machine.finished(worker, [(row, "", 28, "int", 0.1, 0.0, None)], 3.0)
        effects = machine.drain(worker, 3.0)
        validate(worker)
        assert [id for free in of_kind(effects, Free) for id in free.ids] == freed
    assert 5 in worker.numbering.rows


def test_two_parts_of_one_result_are_two_inputs(worker):
    (get,) = of_kind(run(worker, [20, 21], [3, 4]), Get)
    assert sorted(zip(get.ids, get.parts, strict=True)) == [(6, 3), (6, 4), (7, 3), (7, 4)]


def test_a_worker_that_is_gone_is_blamed_for_the_result(worker):
    run(worker, [20], [3])
    machine.closed(worker, OTHER, "reset", 1.5)
    effects = machine.drain(worker, 1.5)
    validate(worker)
    (report,) = of_kind(effects, Report)
    assert set(report.missing) == {(6, 9), (7, 9)} and report.returned == [(20, 1)]


def test_parts_are_served_from_what_is_held(worker):
    machine.received(worker, OTHER, Get(4, [5, 5, 8], [0, 2, 1], 20, "s"), [], 0.0)
    (serve,) = of_kind(machine.drain(worker, 0.0), Serve)
    id = ids(worker)[5]
    assert serve.ids == {part_number(id, 0): 5, part_number(id, 2): 5} and serve.nbytes == 20
    assert [(n & WHOLE, part_of_number(n)) for n in serve.ids] == [(id, 0), (id, 2)]


def test_a_store_gives_parts_as_bytes():
    store = Store()
    store.values[5] = Pieces([np.arange(3), "two"])
    store.values[6] = Shelf(limit_bytes=0).keep(Pieces(["x", "y"]))
    store.values[7] = "whole"
    got = [loads(store.frames(part_number(id, 1), "it")) for id in (5, 6, 7)]
    assert got == ["two", "y", "whole"]
    with pytest.raises((IndexError, SerializationError), match="no part 9"):
        store.frames(part_number(5, 9), "it")
    with pytest.raises(KeyError):
        store.frames(part_number(8, 1), "it")


def cut_again(number):
    """Parts that have parts themselves."""
    return Pieces([Pieces([f"{number}{place}{inner}" for inner in range(4)]) for place in range(4)])


def own(number):
    return number, "own"


def joined(cuts, pair, pairs):
    return [list(map(cut.part, cut.numbers())) for cut in cuts], pair, len(pairs)


def test_one_task_reads_a_part_of_some_inputs_and_others_whole():
    graph = Graph()
    graph.add(GridLayer("cut", cut_again, (3,), (Each([0, 1, 2]),)))
    graph.add(GridLayer("own", own, (4,), (Each([0, 1, 2, 3]),)))
    cuts, pairs = Blocks("cut", (3,), (ALL,), parts=True), Blocks("own", (4,), (ALL,))
    start = graph.add(GridLayer("joined", joined, (4,), (cuts, Blocks("own", (4,), (0,)), pairs)))
    plan = assemble(graph, range(start, start + 4))
    with (
        LocalCluster(
            n_workers=3, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        assert client.__shoal_run__(plan) == run_sync(plan)
