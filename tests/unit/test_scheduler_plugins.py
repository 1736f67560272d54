"""Plugins of the scheduler hear what happens, and a scheduler without any is as it was."""

from __future__ import annotations

import itertools
import logging
import sys
import textwrap
import threading

import pytest

from shoal.distributed import Client, LocalCluster, Scheduler, SchedulerPlugin, Worker
from shoal.distributed.core.scheduler.parties import HANDLERS
from shoal.distributed.core.scheduler.watched import Watched
from shoal.distributed.node.extensions import Extensions, overrides
from shoal.distributed.node.plugins import load_preload
from shoal.distributed.protocol import Call
from shoal.errors import ClusterError


class Recorder(SchedulerPlugin):
    """Notes what it is told."""

    name = "recorder"

    def __init__(self) -> None:
        self.seen: list[tuple] = []

    def start(self, scheduler) -> None:
        self.scheduler = scheduler

    def close(self) -> None:
        self.seen.append(("close",))

    def transition(self, key, start, finish, *args, **kwargs) -> None:
        self.seen.append((key, start, finish))
        if finish == "memory":
            self.seen.append((key, "at", kwargs["worker"]))

    def add_worker(self, scheduler, worker) -> None:
        self.seen.append(("came", worker))

    def remove_worker(self, scheduler, worker, *, stimulus_id, **kwargs) -> None:
        self.seen.append(("went", worker))

    def add_client(self, scheduler, client) -> None:
        self.seen.append(("client", client))

    def update_graph(self, scheduler, *, client, keys, dependencies, **kwargs) -> None:
        self.seen.append(("graph", client, keys, dependencies))

    def log_event(self, topic, msg) -> None:
        self.seen.append((topic, msg))


@pytest.fixture
def cluster():
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False) as cluster:
        yield cluster


def test_transitions_and_graphs(cluster) -> None:
    recorder = Recorder()
    cluster.scheduler.add_plugin(recorder)
    assert recorder.scheduler is cluster.scheduler
    with Client(cluster) as client:
        future = client.submit(abs, -1, key="x")
        other = client.submit(abs, future, key="y")
        assert other.result() == 1
        address = cluster.workers[0].address
        changes = [seen[1:] for seen in recorder.seen if seen[0] == "x" and seen[1] != "at"]
        assert [finish for _, finish in changes][-3:] == ["queued", "processing", "memory"]
        assert all(before[1] == after[0] for before, after in itertools.pairwise(changes))
        assert ("x", "at", address) in recorder.seen
        assert ("client", client.id) in recorder.seen
        assert ("graph", client.id, {"y"}, {"y": {"x"}}) in recorder.seen
        client.log_event("news", 5)
        assert client.get_events("news")[0][1] == 5
        assert ("news", 5) in recorder.seen
        del future, other
        assert "x" not in client.futures  # to ask tells the scheduler at once
        client.submit(abs, -2).result()
    assert ("x", "released", "forgotten") in recorder.seen


def test_workers_come_and_go(cluster) -> None:
    recorder = Recorder()
    cluster.scheduler.add_plugin(recorder)
    with Worker(cluster.scheduler.address, nthreads=1) as worker, Client(cluster) as client:
        client.wait_for_workers(2)
        assert ("came", worker.address) in recorder.seen
        client.retire_workers([worker.address])
        client.submit(abs, -1).result()
        assert ("went", worker.address) in recorder.seen


def test_states_are_watched_only_while_somebody_listens(cluster) -> None:
    scheduler = cluster.scheduler

    class Quiet(SchedulerPlugin):
        def add_worker(self, scheduler, worker) -> None:
            pass

    scheduler.add_plugin(Quiet(), name="quiet")
    assert type(scheduler.state.table.states) is bytearray
    scheduler.add_plugin(Recorder())
    assert type(scheduler.state.table.states) is Watched
    scheduler.remove_plugin("recorder")
    assert type(scheduler.state.table.states) is bytearray
    with Client(cluster) as client:
        assert client.gather(client.map(abs, range(-5, 0))) == [5, 4, 3, 2, 1]


def test_registering_by_a_client(cluster) -> None:
    with Client(cluster) as client:
        client.register_plugin(Recorder())
        seen = client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.plugins.by_name))
        assert seen == ["recorder"]
        client.register_plugin(Recorder(), name="other")
        client.unregister_scheduler_plugin("recorder")
        assert list(cluster.scheduler.plugins.by_name) == ["other"]
        with pytest.raises(ValueError, match="Could not find plugin 'nothing'"):
            client.unregister_scheduler_plugin("nothing")


def test_idempotent_plugins_stay(cluster) -> None:
    scheduler = cluster.scheduler
    first, second = Recorder(), Recorder()
    scheduler.add_plugin(first)
    scheduler.add_plugin(second, idempotent=True)
    assert list(scheduler.plugins) == [first]
    scheduler.add_plugin(second)
    assert list(scheduler.plugins) == [second]
    assert first.seen[-1] == ("close",)


def test_a_plugin_that_raises_is_logged_and_stays(cluster, caplog) -> None:
    class Bad(SchedulerPlugin):
        def transition(self, key, start, finish, *args, **kwargs) -> None:
            raise ValueError("bad plugin")

    cluster.scheduler.add_plugin(Bad(), name="bad")
    with caplog.at_level(logging.ERROR, logger="distributed.scheduler"), Client(cluster) as client:
        assert client.submit(abs, -1).result() == 1
    assert "the scheduler plugin 'Bad' failed in transition" in caplog.text
    assert "bad" in cluster.scheduler.plugins


def test_start_and_close_may_be_coroutines() -> None:
    class Slow(SchedulerPlugin):
        said = ""

        async def start(self, scheduler) -> None:
            self.said += "start "

        async def before_close(self) -> None:
            self.said += "before "

        async def close(self) -> None:
            self.said += "close"

    slow = Slow()
    with Scheduler() as scheduler:
        scheduler.add_plugin(slow)
    assert slow.said == "start before close"


def test_methods_that_are_not_overridden_are_not_called() -> None:
    assert not overrides(SchedulerPlugin(), "transition")
    assert overrides(Recorder(), "transition")
    assert len(Extensions(None)) == 0


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_preload_may_be_text_and_its_functions_may_be_coroutines(kind: str, monkeypatch) -> None:
    monkeypatch.setattr(sys, "preloaded", [], raising=False)
    note = "import sys; sys.preloaded.append"
    text = (
        f"{kind} dask_setup(who):\n    {note}(type(who).__name__)\n"
        f"{kind} dask_teardown(who):\n    {note}('end of ' + type(who).__name__)\n"
    )
    with LocalCluster(
        n_workers=1, processes=False, preload=[text], scheduler_kwargs={"preload": [text]}
    ):
        assert sys.preloaded == ["Scheduler", "Worker"]
    assert sorted(sys.preloaded[2:]) == ["end of Scheduler", "end of Worker"]


@pytest.mark.parametrize("name", ["no-such-module", "no_such.module"])
def test_a_preload_that_is_one_word_is_a_name(name: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"no.such"):
        load_preload(name, [], None)


def test_preload(tmp_path) -> None:
    module = tmp_path / "preload_for_a_scheduler.py"
    module.write_text(
        textwrap.dedent("""
        from shoal.distributed import SchedulerPlugin

        class Counter(SchedulerPlugin):
            count = 0
            def transition(self, key, start, finish, *args, **kwargs):
                self.count += finish == "memory"

        def dask_setup(scheduler):
            scheduler.add_plugin(Counter(), name="counter")

        def dask_teardown(scheduler):
            scheduler.torn_down = True
        """)
    )
    with LocalCluster(
        n_workers=1, processes=False, scheduler_kwargs={"preload": str(module)}
    ) as cluster:
        scheduler = cluster.scheduler
        with Client(cluster) as client:
            client.gather(client.map(abs, range(5)))
        assert scheduler.plugins["counter"].count == 5
    assert scheduler.torn_down


def test_views(cluster) -> None:
    scheduler = cluster.scheduler
    with Client(cluster) as client:
        x = client.submit(abs, -1, key="x")
        y = client.submit(divmod, x, 0, key="y")
        assert y.exception() is not None
        assert set(scheduler.tasks) == {"x", "y"}
        task = scheduler.tasks["x"]
        [address] = scheduler.workers
        assert (task.key, task.state, task.type) == ("x", "memory", "int")
        assert task.who_has == {scheduler.workers[address]}
        assert task.dependents == {scheduler.tasks["y"]}
        assert scheduler.tasks["y"].dependencies == {task}
        assert scheduler.tasks["y"].state == "erred"
        assert task.who_wants == {scheduler.clients[client.id]}
        worker = scheduler.workers[address]
        assert (worker.status, worker.nthreads, worker.address) == ("running", 1, address)
        assert worker.has_what == {task}
        assert task in scheduler.clients[client.id].wants_what
        with pytest.raises(TypeError, match="send a key or an address instead"):
            client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.tasks["x"])
        del x, y
        assert "x" not in client.futures  # to ask tells the scheduler at once
        client.submit(abs, -2).result()
        assert task.state == "forgotten"
        assert "x" not in scheduler.tasks


def test_a_worker_can_be_paused(cluster) -> None:
    worker = cluster.workers[0]
    with Client(cluster) as client:
        client.submit(abs, -1).result()
        worker.status = "paused"
        client.run_on_scheduler(wait_for_status, worker.address, "paused")
        future = client.submit(abs, -5, key="held")
        client.run_on_scheduler(lambda dask_scheduler: "held" in dask_scheduler.tasks)
        assert {task.key for task in cluster.scheduler.unrunnable} == {"held"}
        assert future.status == "pending"
        worker.status = "running"
        assert future.result(60) == 5
        with pytest.raises(ValueError, match="can be set to 'paused' or 'running'"):
            worker.status = "closed"


def wait_for_status(address: str, status: str, dask_scheduler=None) -> None:
    while dask_scheduler.workers[address].status != status:
        threading.Event().wait(0.01)


def test_a_scheduler_with_nothing_to_do_ends() -> None:
    with Scheduler(idle_timeout="100 ms") as scheduler:
        assert scheduler.wait(60)
        assert scheduler.status == "closed"


def test_modules_are_uploaded_to_the_scheduler_too(cluster, tmp_path) -> None:
    module = tmp_path / "module_for_everybody.py"
    module.write_text("x = 5\n")
    with Client(cluster) as client:
        client.upload_file(str(module))

        def look() -> int:
            import module_for_everybody

            return module_for_everybody.x

        assert client.submit(look).result() == 5
        assert client.run_on_scheduler(look) == 5


def test_an_event_that_cannot_be_sent_is_refused_where_it_is_logged(cluster) -> None:
    with pytest.raises(TypeError, match="'news'"):
        cluster.scheduler.log_event("news", object())
    with Client(cluster) as client:
        assert not client.get_events("news")


def test_a_call_that_the_state_machine_fails_at_is_answered(cluster, monkeypatch, caplog) -> None:
    with Client(cluster) as client:
        handle = HANDLERS[Call]

        def failing(state, who, message, buffers, now) -> None:
            if message.method == "scheduler.info":
                raise ValueError("a mistake in the scheduler")
            handle(state, who, message, buffers, now)

        monkeypatch.setitem(HANDLERS, Call, failing)
        with pytest.raises(ClusterError, match="info: ValueError: a mistake in the scheduler"):
            client.scheduler_info()
        monkeypatch.undo()
        assert client.scheduler_info()["workers"]
        assert client.submit(int, 5).result() == 5
