"""What a client can ask a cluster about its tasks, and tell it, beside having them run."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import warnings

import msgspec
import pytest

from shoal import annotate, delayed
from shoal.distributed import (
    Actor,
    Client,
    Event,
    Executor,
    LocalCluster,
    Lock,
    Pub,
    Queue,
    Scheduler,
    Semaphore,
    Sub,
    Variable,
    Worker,
    default_client,
    wait,
)

WAIT_S = 60


@pytest.fixture(scope="module")
def client():
    with Client(n_workers=2, threads_per_worker=1, processes=False) as client:
        yield client


def stand_still(begun: Event, go: Event) -> int:
    begun.set()
    go.wait(WAIT_S)
    return 1


def test_where_running_tasks_are(client) -> None:
    begun, go = Event("begun", client=client), Event("go", client=client)
    slow = client.submit(stand_still, begun, go, key="slow")
    assert begun.wait(WAIT_S)
    try:
        for stacks in (
            client.call_stack(slow),
            client.call_stack([slow]),
            client.call_stack(keys=["slow"]),
            client.call_stack(),
        ):
            [(address, by_key)] = stacks.items()
            assert address in client.processing() and list(by_key) == ["slow"]
            assert any("stand_still" in frame for frame in by_key["slow"])
        assert client.explain_task(slow)["state"] == "sent"
    finally:
        go.set()
    assert slow.result(timeout=WAIT_S) == 1
    assert client.call_stack(slow) == {}


def test_what_happened_to_a_task(client) -> None:
    [one] = client.map(abs, [-1], key=["one"])
    two = client.submit(str, one, key="two")
    assert two.result() == "1"
    events = client.story("one", two)
    assert [time for time, *_ in events] == sorted(time for time, *_ in events)
    assert {key for *_, key in events} == {"one", "two"}
    told = client.explain_task("two")
    assert told["state"] == "memory" and told["where"] and told["clients"] == [client.id]
    assert client.explain_task("never")["state"] == "forgotten"
    assert client.story("never") == []


def test_small_values_at_the_scheduler(client) -> None:
    client.set_metadata(["run", 5, "rate"], 0.5)
    client.set_metadata("flag", True)
    assert client.get_metadata(["run", 5]) == {"rate": 0.5}
    assert client.get_metadata("flag") is True
    assert client.get_metadata(["run", 6], None) is None
    with pytest.raises(KeyError):
        client.get_metadata("nothing")


@pytest.mark.parametrize("form", ["msgpack", "json"])
def test_the_whole_state_in_a_file(client, tmp_path, form) -> None:
    kept = client.submit(abs, -1, key="kept")
    assert kept.result() == 1
    client.dump_cluster_state(tmp_path / "state", format=form)
    [file] = tmp_path.iterdir()
    assert file.name == f"state.{form}"
    data = file.read_bytes()
    state = json.loads(data) if form == "json" else msgspec.msgpack.decode(data)
    assert "kept" in str(state) and client.id in str(state)
    with pytest.raises(ValueError, match="xml"):
        client.dump_cluster_state(tmp_path / "state", format="xml")


async def where(dask_worker=None) -> str:
    assert asyncio.get_running_loop().is_running()
    return str(dask_worker.address)


def test_coroutines_on_workers(client) -> None:
    found = client.run_coroutine(where)
    assert found == {address: address for address in client.nthreads()}
    [some] = [*client.nthreads()][:1]
    assert client.run_coroutine(where, workers=[some]) == {some: some}


def test_the_client_of_a_block(client) -> None:
    with Client(client.cluster, set_as_default=False) as other:
        assert default_client() is client
        with other.as_current():
            assert default_client() is other is Client.current()
        assert default_client() is client
    assert Executor is Client


class Counter:
    def __init__(self) -> None:
        self.n = 0

    def add(self, by: int = 1) -> int:
        self.n += by
        return self.n


def test_collections_and_graphs_may_be_actors(client) -> None:
    counter = client.compute(delayed(Counter)(), actors=True).result()
    assert type(counter) is Actor and counter.add(2).result() == 2
    kept = client.persist(delayed(Counter)(), actors=True)
    assert type(client.compute(kept).result()) is Actor
    assert type(client.get({"an-actor": (Counter,)}, "an-actor", actors=True)) is Actor
    assert type(client.compute(delayed(Counter)(), actors=False).result()) is Counter
    with pytest.raises(TypeError, match=r"actors is True or False.*submit"):
        client.compute(delayed(Counter)(), actors={"x": True})


def test_a_worker_with_an_actor_is_not_retired(client, monkeypatch) -> None:
    counter = client.submit(Counter, actor=True, key="an-actor-that-stays").result()
    [where] = [at for at, keys in client.has_what().items() if counter.key in keys]
    [other] = set(client.nthreads()) - {where}
    told: queue.Queue[str] = queue.Queue()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", lambda said, *more: told.put(str(said)))
        assert client.retire_workers([where]) == {}
        assert "has the actor 'an-actor-that-stays', and stays" in told.get(timeout=WAIT_S)
    assert counter.add(1).result() == 1
    # Whoever makes a cluster smaller asks who has nothing to do.
    demand = client._ask("scheduler.demand", target_s=1.0)
    assert demand["idle"] == [other]


def test_an_actor_that_is_given_to_a_task(client) -> None:
    counter = client.submit(Counter, actor=True).result()
    assert isinstance(counter, Actor)
    assert counter.add(2).result() == 2
    # A task on either worker speaks to the one there is.
    for address in client.nthreads():
        client.submit(lambda c: c.add().result(), counter, workers=[address], pure=False).result()
    assert counter.n == 4


def test_what_is_published_reaches_those_who_listen(client) -> None:
    listen, speak = Sub("news", client=client), Pub("news", client=client)
    for i in range(3):
        speak.put(i)
    assert [listen.get(timeout=WAIT_S) for _ in range(3)] == [0, 1, 2]


def test_what_an_asynchronous_client_publishes_need_not_be_awaited() -> None:
    async def main() -> None:
        async with Client(n_workers=1, processes=False, asynchronous=True) as client:
            listen, speak = Sub("news", client=client), Pub("news", client=client)
            speak.put(1)
            assert await speak.put(2) is None
            assert [await listen.get(timeout=WAIT_S) for _ in range(2)] == [1, 2]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(main())


def test_an_executor_that_a_worker_has_not_is_named_with_those_it_has(client) -> None:
    with annotate(executor="offload"):
        assert client.submit(abs, -5, pure=False).result() == 5
    with annotate(executor="gpu"), pytest.raises(ValueError, match=r"'gpu'.*; it has default "):
        client.submit(abs, -5, pure=False).result()


def test_retries_are_no_fewer_than_none(client) -> None:
    with pytest.raises(ValueError, match="retries is at least 0, got -1"):
        client.submit(abs, -1, retries=-1)


def note(folder: str, i: int) -> bytes:
    with open(os.path.join(folder, "ran"), "a") as file:
        file.write(f"{i}\n")
    return bytes(10_000) + bytes([i])


def test_a_worker_whose_time_is_over_hands_on_what_it_holds(tmp_path) -> None:
    options = {"threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with LocalCluster(n_workers=1, **options) as cluster, Client(cluster) as client:
        short = Worker(
            cluster.scheduler_address,
            security=cluster.security,
            name="short",
            nthreads=1,
            memory_limit=None,
            lifetime="2 s",
        )
        with short:
            begun, go = Event("begun", client=client), Event("go", client=client)
            some = client.map(
                note,
                [str(tmp_path)] * 8,
                range(8),
                workers=["short"],
                allow_other_workers=True,
            )
            last = client.submit(
                stand_still, begun, go, workers=["short"], allow_other_workers=True
            )
            assert client.gather(some)[7][-1] == 7
            ran = (tmp_path / "ran").read_text()
            go.set()
            assert short.closed.wait(WAIT_S)
            assert [who for who in client.nthreads() if who == short.address] == []
            # It left in order: nothing is lost, and nothing runs again.
            assert [value[-1] for value in client.gather(some)] == list(range(8))
            assert last.result(timeout=WAIT_S) == 1
            assert (tmp_path / "ran").read_text() == ran


@pytest.mark.parametrize("timeout", [-1, -0.5, 0, "-1 s"])
def test_a_time_that_is_over_is_not_waited_for(client: Client, timeout: object) -> None:
    assert Event("never", client=client).wait(timeout=timeout) is False
    with Lock("taken", client=client), Semaphore(1, "seats", client=client):
        assert Lock("taken", client=client).acquire(timeout=timeout) is False
        assert Semaphore(1, "seats", client=client).acquire(timeout=timeout) is False
    for waits in (Queue("empty", client=client).get, Variable("unset", client=client).get):
        with pytest.raises(TimeoutError):
            waits(timeout=timeout)


@pytest.mark.parametrize("timeout", [-1, 0, 0.01])
def test_what_does_not_come_in_time_is_named(client: Client, timeout: float) -> None:
    begun, go = Event(client=client), Event(client=client)
    future = client.submit(stand_still, begun, go, pure=False)
    for waits in (future.result, future.exception, lambda timeout: wait(future, timeout)):
        with pytest.raises(TimeoutError, match=f"no result of {future.key!r} within {timeout:g} s"):
            waits(timeout=timeout)
    go.set()
    assert future.result(timeout=WAIT_S) == 1


def test_a_timeout_is_a_number(client: Client) -> None:
    future = client.submit(abs, -1)
    for waits in (Event("never", client=client).wait, Queue("empty", client=client).get):
        with pytest.raises(ValueError, match="so many seconds"):
            waits(timeout=float("nan"))
    with pytest.raises(ValueError, match="so many seconds"):
        client.wait_for_workers(9, timeout=float("nan"))
    assert future.result(timeout=float("inf")) == 1


def test_keys_stand_for_their_futures_where_a_cluster_is_asked(client) -> None:
    named = client.submit(abs, -1, key="asked by name")
    block = client.submit(abs, -2, key=("block", 0))
    number = client.submit(abs, -3, key=5)
    wait([named, block, number])
    for what in (
        [named, block, number],
        ["asked by name", ("block", 0), 5],
        {1: [named, block], 2: 5},
    ):
        where = client.who_has(what)
        assert list(where) == ["asked by name", ("block", 0), 5]
        assert [len(workers) for workers in where.values()] == [1, 1, 1]
        assert list(client.nbytes(what, summary=False)) == list(where)
    assert client.who_has("asked by name") == client.who_has(named)
    assert client.scheduler.who_has([named]) == client.who_has(["asked by name"])
    assert client.who_has(["nobody's"]) == {"nobody's": ()}
    assert client.who_has([]) == {}
    assert client.call_stack(named, keys=["nobody's"]) == {}
    with pytest.raises(TypeError, match="who_has takes futures, collections of them, or keys; got"):
        client.who_has([object()])


def test_what_would_do_nothing_is_refused(client) -> None:
    for method in (client.cancel, client.retry, client.replicate, client.rebalance):
        with pytest.raises(TypeError, match=rf"{method.__name__} takes futures.*Future\('x'\)"):
            method(["x"])
        method([])
    for call in (client.compute, client.persist):
        with pytest.raises(TypeError, match="has no option 'worker': use workers="):
            call(delayed(abs)(-1), worker="0")
    with pytest.raises(TypeError, match=r"compute has no option 'timeout'.*timeout_s="):
        delayed(abs)(-1).compute(timeout=5)
    with pytest.raises(TypeError, match="persist has no option 'retry': use retries="):
        delayed(abs)(-1).persist(retry=5)
    with pytest.raises(TypeError, match="get has no option 'resource': use resources="):
        client.get({"x": (abs, -1)}, "x", resource={"GPU": 1})
    with (
        pytest.raises(TypeError, match="annotate has no option 'timeout': use timeout_s="),
        annotate(timeout=5),
    ):
        pass
    with annotate(colour="red"):
        assert delayed(abs)(-1).compute() == 1


def test_what_is_persisted_from_anywhere_may_be_actors(client) -> None:
    kept = delayed(dict)({"a": 1}).persist(actors=True)
    [actor] = client.gather(client.futures_of(kept))
    assert isinstance(actor, Actor)
    assert actor.get("a").result() == 1


def test_options_that_nobody_has_are_refused_by_name(client) -> None:
    for kind in (Lock, Event, Queue, Variable, Pub, Semaphore):
        with pytest.raises(TypeError, match="maxsiez"):
            kind(name="x", maxsiez=1)
    with pytest.raises(ValueError, match="max_leases is a whole number of at least 1, got 'seats'"):
        Semaphore("seats")
    with pytest.raises(TypeError, match="retire_workers has no option 'worker'; it takes workers="):
        client.retire_workers(worker=["nobody"])
    assert len(client.nthreads()) == 2
    for ask in (client.who_has, client.has_what, client.nbytes, client.list_datasets):
        with pytest.raises(TypeError, match=rf"{ask.__name__}\(\) got an unexpected.*'worker'"):
            ask(worker="0")
    with pytest.raises(TypeError, match="maxmium"):
        client.cluster.adapt(minimum=1, maxmium=2)
    with pytest.raises(TypeError, match=r"'idle_timout'; did you mean idle_timeout\?"):
        Scheduler(idle_timout="1 s")
    settings = Scheduler(allowed_failures=7, worker_ttl="20 s", validate=True).state.settings
    assert (settings.allowed_failures, settings.silence_s) == (7, 20)


def test_a_client_that_waits_gives_what_can_be_awaited_where_it_is_asked_to(client) -> None:
    future = client.submit(abs, -1, key="awaited")

    async def ask() -> None:
        now = {"asynchronous": True}
        await client.replicate(future, n=2, **now)
        assert len((await client.who_has(future, **now))["awaited"]) == 2
        assert len(await client.nthreads(**now)) == 2
        assert len((await client.scheduler_info(**now))["workers"]) == 2
        await client.rebalance(**now)
        assert await client.get_dataset("nothing", default=5, **now) == 5

    asyncio.run(ask())
