"""Copies of results under Dask's names, spans, and what a cluster is called and found by."""

from __future__ import annotations

import asyncio
import threading

import pytest

import shoal
from shoal.distributed import Client, Event, LocalCluster, span


@pytest.fixture(scope="module")
def client():
    with Client(n_workers=2, threads_per_worker=1, processes=False) as client:
        yield client


def test_copies_are_let_go(client) -> None:
    first, second = client.cluster.workers.values()
    data = client.scatter(["a", "b"], broadcast=True)
    assert [len(who) for who in client.who_has(data).values()] == [2, 2]
    assert client.amm.run_once() is None
    assert [len(who) for who in client.who_has(data).values()] == [1, 1]
    assert len(first.data) + len(second.data) == 2
    assert client.gather(data) == ["a", "b"]


def test_a_copy_that_a_task_is_about_to_use_stays(client) -> None:
    first, second = client.cluster.workers.values()
    [data] = client.scatter([7], workers=[first.address])
    client.replicate(data)
    begun, go = Event("begun", client=client), Event("go", client=client)

    def use(x, begun, go):
        begun.set()
        return go.wait(60) and x

    using = client.submit(use, data, begun, go, workers=[second.address])
    assert begun.wait(60)
    client.amm.run_once()
    assert second.address in client.who_has(data)[data.key]
    go.set()
    assert using.result() == 7


def test_it_is_stopped_and_started_for_all_clients(client) -> None:
    other = Client(client.cluster, set_as_default=False)
    assert client.amm.running() is True
    assert client.amm.stop() is None and other.amm.running() is False
    assert other.amm.start() is None and client.amm.running() is True
    other.close()
    assert client.id in repr(client.amm)


def test_who_is_gone_holds_nothing(client) -> None:
    data = client.scatter("x", workers=[next(iter(client.nthreads()))])
    held = client.has_what(workers=["tcp://127.0.0.1:1", *client.nthreads()])
    assert held.pop("tcp://127.0.0.1:1") == ()
    assert set(held) == set(client.nthreads()) and (data.key,) in held.values()


def test_from_an_asynchronous_client() -> None:
    async def main():
        async with Client(n_workers=1, processes=False, asynchronous=True) as client:
            assert await client.amm.running()
            assert await client.amm.run_once() is None

    asyncio.run(main())


def test_spans_are_annotations(client) -> None:
    with span("a job") as outer:
        with span("part", "one") as inner:
            total = shoal.delayed(sum)([1, 2])
            said = shoal.get_annotations()["span"]
        assert shoal.get_annotations()["span"] == {"name": ("a job",), "ids": (outer,)}
    assert said["name"] == ("a job", "part", "one")
    assert said["ids"][0] == outer and said["ids"][-1] == inner and len(set(said["ids"])) == 3
    assert "span" not in shoal.get_annotations()
    assert client.compute(total).result() == 3
    with pytest.raises(ValueError, match="name"), span():
        pass
    with pytest.raises(TypeError, match="strings"), span(1):
        pass


def test_the_loop_of_a_cluster() -> None:
    with LocalCluster(n_workers=0, processes=False, dashboard_address=None, name="mine") as cluster:
        assert cluster.name == "mine"
        called = threading.Event()
        cluster.loop.add_callback(called.set)
        assert called.wait(60)
    with pytest.raises(NotImplementedError, match=r"LocalCluster.*'mine'.*Client\(address\)"):
        LocalCluster.from_name("mine")
