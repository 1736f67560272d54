"""What users of a client expect of it, beside computing: settings, messages, small helpers."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import warnings
from typing import NamedTuple

import pytest

import shoal
from shoal import config
from shoal.distributed import (
    Client,
    Event,
    LocalCluster,
    Reschedule,
    fire_and_forget,
    get_client,
    get_task_metadata,
    get_task_stream,
    get_worker,
    local_client,
    utils,
)
from shoal.distributed.client import current
from shoal.distributed.client import link as link_module
from shoal.distributed.client.link import Link
from shoal.distributed.client.printing import handle_print, handle_warn
from shoal.distributed.client.progress import bars_html, grouped
from shoal.distributed.core.scheduler.validate import validate
from shoal.distributed.deploy.members import spec_options
from shoal.distributed.net import Security
from shoal.distributed.net.loop import Loop
from shoal.distributed.node.scheduler import settings_from_config
from shoal.errors import ClosedClientError, FutureCancelledError, TaskTimeoutError


@pytest.fixture(scope="module")
def client():
    with Client(n_workers=2, threads_per_worker=1, processes=False) as client:
        yield client


# -- running -------------------------------------------------------------------------------------


def test_a_rescheduled_task_runs_elsewhere(client) -> None:
    def picky() -> str:
        name = get_worker().name
        if name == "0":
            raise Reschedule
        return name

    futures = [client.submit(picky, pure=False) for _ in range(4)]
    assert client.gather(futures) == ["1"] * 4


def test_a_rescheduled_task_keeps_its_retries_and_inputs(client) -> None:
    def once(x: int, tries=[]) -> int:  # noqa: B006
        tries.append(x)
        if len(tries) == 1:
            raise Reschedule("not now")
        return x + len(tries)

    number = client.submit(abs, -5, workers=["0"])
    assert client.submit(once, number, workers=["0"], retries=0).result() == 7


def test_sync_makes_methods_awaitable(client) -> None:
    async def work() -> int:
        future = await client.scatter(123)
        return await client.gather(client.submit(abs, future))

    assert client.sync(work) == 123
    assert utils.sync(None, work) == 123
    with pytest.raises(TimeoutError):
        client.sync(asyncio.Event().wait, callback_timeout="10 ms")


def test_get_client_in_a_task_is_the_workers_own(client) -> None:
    def other_cluster() -> tuple[str, str]:
        with LocalCluster(n_workers=0, processes=False) as cluster, Client(cluster) as mine:
            return mine.scheduler.address, get_client().scheduler.address

    mine, theirs = client.submit(other_cluster, pure=False).result()
    assert mine != theirs == client.scheduler.address
    assert client.submit(lambda: get_worker().scheduler.address).result() == theirs


def test_local_client_warns(client) -> None:
    def work() -> int:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with local_client() as inner:
                result = inner.submit(abs, -3).result()
        # What other threads of this process warn of is caught as well.
        return result + sum("local_client" in str(one.message) for one in caught)

    assert client.submit(work).result() == 4


class Odd(NamedTuple("Odd", [("ab", str), ("c", object)])):
    __slots__ = ()

    def __new__(cls, a, b, c):
        return super().__new__(cls, f"{a}-{b}", c)


def test_futures_in_namedtuples_with_a_constructor_of_their_own(client) -> None:
    future = client.submit(abs, -1)
    assert client.submit(lambda x: x[1], Odd("a", "b", future)).result() == 1


def test_a_released_future_is_cancelled(client) -> None:
    future = client.submit(abs, -77)
    future.result()
    future.release()
    with pytest.raises(FutureCancelledError, match="was released"):
        client.submit(abs, future)


# -- asking --------------------------------------------------------------------------------------


def test_task_stream(client) -> None:
    with get_task_stream(client) as stream:
        client.gather(client.map(abs, range(-4, 0), pure=False))
    assert len(stream.data) == 4
    assert all(run["startstops"][0]["action"] == "compute" for run in stream.data)


def test_failed_runs_are_in_the_task_stream_and_known_by_their_state(client) -> None:
    with get_task_metadata(client) as tasks, get_task_stream(client) as stream:
        well = client.submit(abs, -1, key=("pair", 0))
        bad = client.submit(int, "x", key="bad", retries=1)
        assert well.result() == 1
        assert bad.exception() is not None
    assert tasks.state == {("pair", 0): "memory", "bad": "erred"}
    assert tasks.metadata["bad"]["status"] == "error"
    ends = [run["startstops"][0]["stop"] for run in stream.data]
    assert ends == sorted(ends)
    assert sorted(str(run["key"]) for run in stream.data) == ["('pair', 0)", "bad", "bad"]


def test_wait_for_workers_says_how_many_came(client) -> None:
    with pytest.raises(TimeoutError, match="Only 2/10 workers arrived within 1 ms"):
        client.wait_for_workers(10, timeout="1 ms")


def test_the_scheduler_can_be_asked(client) -> None:
    future = client.scatter(5)
    [addresses] = client.scheduler.who_has([future.key]).values()
    assert future.key in client.scheduler.has_what(addresses)[addresses[0]]
    assert client.scheduler.identity(n_workers=1)["n_workers"] == 2


def test_html(client) -> None:
    text = client._repr_html_()
    assert client.scheduler.address in text
    assert "<th>Total threads</th><td>2</td>" in text
    assert "LocalCluster" in client.cluster._repr_html_()


def test_hardware_of_no_workers() -> None:
    with Client(n_workers=0, processes=False) as client:
        assert client.benchmark_hardware() == {"memory": {}, "disk": {}, "network": {}}


# -- settings ------------------------------------------------------------------------------------


def test_workers_follow_the_configuration() -> None:
    with config.set(
        {
            "distributed.worker.memory.pause": False,
            "distributed.worker.memory.max-spill": "1 GB",
            "distributed.worker.profile.enabled": False,
            "distributed.worker.lifetime.duration": "1 hour",
            "distributed.nanny.environ": {"A": 1, "B": 2},
        }
    ):
        options = spec_options({"env": {"B": "3"}})
        assert (options["pause"], options["target"], options["spill_quota"]) == (0.0, 0.6, 10**9)
        assert (options["profile_s"], options["lifetime_s"]) == (0, 3600)
        assert options["env"] == {"A": 1, "B": "3"}
        assert spec_options({"memory_pause_fraction": 0.9})["pause"] == 0.9


def test_worker_processes_have_the_settings_of_the_program() -> None:
    with (
        config.set({"something.of.mine": 100}),
        Client(n_workers=1, threads_per_worker=1) as client,
    ):
        assert client.submit(config.get, "something.of.mine").result() == 100


def test_direct_to_workers(client) -> None:
    address = client.cluster
    with config.set({"distributed.client.direct-to-workers": True}), Client(address) as other:
        assert other.direct_to_workers
    assert not client.direct_to_workers


# -- logs and messages ---------------------------------------------------------------------------


def test_the_address_from_the_settings_is_logged(client, caplog) -> None:
    address = client.scheduler.address
    with (
        caplog.at_level(logging.INFO, logger="distributed.client"),
        config.set({"scheduler-address": address}),
        Client() as other,
    ):
        assert other.scheduler.address == address
    assert f"Config value `scheduler-address` found: {address}" in caplog.messages


def test_loggers_are_silent_while_a_cluster_is_there() -> None:
    logger = logging.getLogger("distributed")
    before = logger.level
    with LocalCluster(n_workers=0, processes=False, silence_logs="ERROR"):
        assert logger.level == logging.ERROR
    assert logger.level == before
    # Clusters end in any order.
    loud, silent = (LocalCluster(n_workers=0, processes=False, silence_logs=n) for n in (30, 40))
    assert logger.level == logging.ERROR
    loud.close()
    assert logger.level == logging.ERROR
    silent.close()
    assert logger.level == before


def test_events_of_print_and_warn(capsys) -> None:
    handle_print((0.0, {"args": ("a", 1), "sep": "-"}))
    assert capsys.readouterr().out == "a-1\n"
    with pytest.raises(TypeError, match="file must be"):
        handle_print((0.0, {"args": ("a",), "file": "nowhere"}))
    with pytest.raises(TypeError, match="args must be a tuple"):
        handle_print((0.0, {"args": "a"}))
    with pytest.raises(TypeError, match="needs a 'message'"):
        handle_warn((0.0, {}))


def test_what_a_task_prints_is_not_printed_by_clients_inside_of_workers(client, capsys) -> None:
    def talk() -> None:
        with Client(current._WorkerPlace(get_worker()), set_as_default=False) as inside:
            inside.log_event("print", {"text": "once\n"})
            # Its answer comes after the events that it would have heard of.
            inside.get_events("print")

    client.submit(talk, pure=False).result()
    client.get_events("print")
    assert capsys.readouterr().out == "once\n"


def test_calls_are_as_the_block_says_that_they_stand_in(client) -> None:
    def endless() -> None:
        while True:
            pass

    with shoal.annotate(timeout_s=0.1):
        future = client.submit(endless, pure=False)
    with pytest.raises(TaskTimeoutError, match=r"longer than its timeout of 0.1 s"):
        future.result()
    with shoal.annotate(workers=["1"]):
        futures = client.map(lambda _: get_worker().name, range(3), pure=False)
    assert client.gather(futures) == ["1"] * 3


def test_second_copies_of_stragglers_are_a_setting() -> None:
    assert settings_from_config().speculate == 0
    with config.set({"distributed.scheduler.speculate": 2.5}):
        assert settings_from_config().speculate == 2.5


def test_several_topics_at_once(client) -> None:
    client.submit(lambda: get_worker().log_event(["one", "other"], 5)).result()
    assert [event for _, event in client.get_events("one")] == [5]
    assert [event for _, event in client.get_events("other")] == [5]


def test_fire_and_forget_outlives_its_client(tmp_path) -> None:
    with LocalCluster(n_workers=1, threads_per_worker=2) as cluster:

        def work(number: int, go: Event) -> None:
            go.wait(60)
            (tmp_path / str(number)).touch()
            if number == 2:
                raise ValueError("nobody hears this")

        with Client(cluster) as client:
            futures = client.map(work, range(3), go=Event("go", client=client))
            fire_and_forget(futures)
            done = client.submit(abs, -1)
            done.result()
            fire_and_forget(done)
            del futures, done
        end = time.monotonic() + 60

        # Both in the scheduler's own thread, where nothing changes meanwhile.
        def kept(dask_scheduler) -> set[str]:
            keeper = dask_scheduler.clients.get("fire-and-forget")
            return {task.key[:4] for task in keeper.wants_what} if keeper else set()

        def left(dask_scheduler) -> list[str]:
            validate(dask_scheduler.state)
            return [*dask_scheduler.tasks, *kept(dask_scheduler)]

        with Client(cluster) as client:
            # What the first client said last may be taken after the second one is there.
            while (found := client.run_on_scheduler(kept)) != {"work"}:
                assert time.monotonic() < end, found
            Event("go", client=client).set()
            while found := client.run_on_scheduler(left):
                assert time.monotonic() < end, found
            assert "fire-and-forget" not in cluster.scheduler.clients
        assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2"]


# -- families of types ---------------------------------------------------------------------------


def test_a_client_that_takes_no_pickles() -> None:
    np = pytest.importorskip("numpy")
    with (
        LocalCluster(n_workers=1, processes=False) as cluster,
        Client(cluster, serializers=["dask", "msgpack"]) as client,
    ):
        assert client.submit(abs, -1).result() == 1
        assert client.submit(sorted, {3, 1}).result() == [1, 3]
        assert client.submit(np.ones, 5).result().sum() == 5
        assert client.submit(np.ones, 500_000).result().sum() == 500_000
        with pytest.raises(TypeError, match=r"the data .* cannot be sent"):
            client.scatter(abs)
        future = client.submit(lambda: abs)
        with pytest.raises(TypeError, match=r"needs builtins\.abs to be rebuilt"):
            future.result()
        with pytest.raises(TypeError):
            client.gather([future])
        assert list(client.run(lambda: 1).values()) == [1]
        for call in (client.run, client.run_on_scheduler):
            with pytest.raises(TypeError):
                call(lambda: abs)
        with Client(cluster, deserializers=["msgpack"]) as other:
            assert other.gather(other.scatter([1, 2])) == [1, 2]
            with pytest.raises(TypeError, match="numpy"):
                other.scatter(np.ones(5)).result()
        with pytest.raises(ValueError, match=r"no families \['json'\]"):
            Client(cluster, serializers=["json"])


def test_collections_can_be_awaited() -> None:
    async def main() -> int:
        async with Client(n_workers=1, processes=False, asynchronous=True) as client:
            kept = await client.persist(shoal.delayed(abs)(-5))
            return await client.compute(kept)

    assert asyncio.run(main()) == 5


def test_copies_are_known_by_their_keys(client) -> None:
    future = client.scatter("something of its own")
    client.replicate(future)
    assert all(future.key in worker.data for worker in client.cluster.workers.values())


# -- clusters and progress -----------------------------------------------------------------------


def test_progress_by_group(client) -> None:
    futures = [*client.map(abs, [-1, -2], key="one"), client.submit(divmod, 1, 0, key="two-1")]
    for future in futures:
        future.exception()
    assert grouped(futures, "prefix") == {"one": (2, 0, 2), "two": (0, 1, 1)}
    assert grouped(futures, None) == {"all": (2, 1, 3)}
    assert grouped(futures, lambda key: len(key) > 9) == {"True": (2, 0, 2), "False": (0, 1, 1)}
    text = bars_html(grouped(futures, "prefix"), "a < b")
    assert "a &lt; b" in text
    assert "0 / 1, 1 failed" in text


async def five() -> int:
    return 5


def test_logs_of_a_cluster(client) -> None:
    logs = client.cluster.get_logs()
    assert {"Cluster", "Scheduler"} < set(logs)
    assert "<summary>Scheduler</summary>" in logs._repr_html_()
    assert client.cluster.sync(five) == 5


def test_the_interface_to_listen_on() -> None:
    with LocalCluster(n_workers=0, processes=False, interface="lo") as cluster:
        assert cluster.scheduler_address.startswith("tcp://127.0.0.1:")
    with pytest.raises(ValueError, match="not a valid network interface"):
        LocalCluster(n_workers=0, processes=False, interface="nowhere0")


@pytest.mark.parametrize(
    "options, kind, said",
    [
        ({"n_workers": 1.5}, TypeError, "n_workers is a whole number, got 1.5"),
        ({"threads_per_worker": "2"}, TypeError, "threads_per_worker is a whole number, got '2'"),
        ({"threads_per_worker": -1}, ValueError, "threads_per_worker is at least 1, got -1"),
        ({"memory_limit": -5}, ValueError, "a memory limit is bytes"),
        ({"resources": {"GPU": "x"}}, TypeError, "resources are numbers by name"),
        ({"env": "A=1"}, TypeError, "env of a worker is a dictionary"),
        ({"security": "secret"}, TypeError, "security is a Security, True for TLS, or None"),
    ],
)
def test_a_cluster_of_impossible_workers_is_refused_before_it_starts(options, kind, said):
    with pytest.raises(kind, match=said):
        LocalCluster(**{"n_workers": 1, "processes": True, "dashboard_address": None, **options})


def test_events_have_the_time_of_day(client) -> None:
    heard: list[tuple[float, int]] = []
    came = threading.Event()
    client.subscribe_topic("hours", lambda event: (heard.append(event), came.set()))
    before = time.time()
    client.log_event("hours", 5)
    assert came.wait(60)
    client.unsubscribe_topic("hours")
    on_scheduler = client.run_on_scheduler(
        lambda dask_scheduler: dask_scheduler.get_events("hours")
    )
    for [(when, event)] in (heard, client.get_events("hours"), on_scheduler):
        assert event == 5
        assert before - 1 < when < time.time() + 1


def test_where_results_are_is_told_at_once_also_of_tasks_that_run(client) -> None:
    go = Event(client=client)
    # On one worker, or there would be a copy of the first on the other one.
    slow = client.submit(go.wait, pure=False, workers=["0"])
    after = client.submit(bool, slow, workers=["0"])
    try:
        assert client.who_has([slow, after]) == {slow.key: (), after.key: ()}
        assert slow.key not in client.who_has()
        assert client.nbytes([slow.key], summary=False) == {}
        assert not any(slow.key in keys for keys in client.has_what().values())
        client.rebalance()
    finally:
        go.set()
    client.replicate([after])  # waits for it
    assert len(client.who_has([after])[after.key]) == 2
    assert len(client.who_has([slow])[slow.key]) == 1
    failed = client.submit(int, "x")
    assert failed.exception() is not None
    assert client.who_has(failed) == {failed.key: ()}
    for copies in (client.replicate, client.rebalance):
        with pytest.raises(ValueError, match="invalid literal"):
            copies([failed])


def test_what_another_thread_is_about_to_let_go_is_waited_for(monkeypatch) -> None:
    link = Link(Loop(), "inproc://nobody", Security.new(), name="me", versions={}, timeout_s=1)
    begun, go = threading.Event(), threading.Event()

    def release(table, entries) -> list:
        begun.set()
        assert go.wait(60)
        return []

    monkeypatch.setattr(link_module.futures, "release", release)
    link._dropped.append(None)
    one = threading.Thread(target=link.release_dropped)
    one.start()
    assert begun.wait(60)
    other = threading.Thread(target=link.flush_dropped)
    other.start()
    other.join(0.05)
    assert other.is_alive()
    go.set()
    for thread in (one, other):
        thread.join(60)
        assert not thread.is_alive()


def test_after_a_rebalance_nobody_holds_what_has_moved() -> None:
    with Client(n_workers=2, threads_per_worker=1, processes=False, set_as_default=False) as client:
        first, second = client.cluster.workers.values()

        def held():
            return len(first.data), len(second.data)

        futures = client.scatter(list(range(100)), workers=[first.address], hash=False)
        assert held() == (100, 0)
        client.rebalance(futures)
        assert held() == (50, 50)
        client.replicate(futures)
        assert held() == (100, 100)
        client.replicate(futures, n=1)
        assert sum(held()) == 100


@pytest.fixture
def alone(monkeypatch):
    """No client is there yet."""
    monkeypatch.setattr(current, "_defaults", [])
    monkeypatch.setattr(current, "_setting_before", [])
    with config.set(scheduler=None):
        yield


def test_a_cluster_that_was_closed_leaves_collections_to_what_was_there_before(alone) -> None:
    with LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster:
        inner, outer = Client(cluster), Client(cluster.scheduler_address)
        assert shoal.delayed(abs)(-1).compute() == 1
        assert config.get("scheduler") is current.AMBIENT
    # Neither of the clients was closed.
    assert inner.status == "closed"
    outer._link.ended.wait(60)
    assert config.get("scheduler") is None
    assert shoal.delayed(abs)(-1).compute() == 1


def test_a_cluster_that_was_lost_is_named_and_this_machine_does_not_stand_in(alone) -> None:
    with (
        LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster,
        Client(cluster, name="mine") as client,
    ):
        client._link._end("the connection was lost")
        with pytest.raises(ClosedClientError, match=r"'mine.*' has lost the scheduler at .*make a"):
            shoal.delayed(abs)(-1).compute()
