"""Futures inside of results, data and arguments: what they stand for is there when it is wanted."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import shoal
from shoal.distributed import (
    Client,
    Event,
    Future,
    LocalCluster,
    Queue,
    Variable,
    get_client,
    wait,
)

TIMEOUT_S = 120


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Look again and again, until something is so."""
    end = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < end, what
        threading.Event().wait(0.01)


SPILLED_BYTES = 100_000
"""A result of this size is spilled at once when no task needs it."""

SHARED_BYTES = 2_000_000
"""A result of this size lies in shared memory once it was sent to another process."""


class Box:
    """Holds something where nobody looks for futures."""

    def __init__(self, content: Any, size: int = 0) -> None:
        self.content = content
        self.data = bytearray(size)


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    settings = {"distributed.worker.memory.target": 1e-5}
    with (
        shoal.config.set(settings),
        LocalCluster(n_workers=2, threads_per_worker=1, memory_limit="4GB") as cluster,
    ):
        yield cluster


@pytest.fixture
def client(cluster: LocalCluster) -> Iterator[Client]:
    with Client(cluster) as client:
        yield client
        wait_until(lambda: not client.run_on_scheduler(known), "nothing of the test to be known")


def known(dask_scheduler: Any) -> list[Any]:
    return list(dask_scheduler.tasks)


def make(size: int = 0) -> Box:
    """A result that holds a future of another one."""
    future = get_client().submit(pow, 2, 10, pure=False)
    future.result()
    return Box(future, size)


def read(box: Box, *_: Any) -> Any:
    return box.content.result(TIMEOUT_S)


def spilled(dask_worker: Any) -> int:
    return dask_worker.core.spilled  # type: ignore[no-any-return]


def test_of_a_result_that_was_spilled(client: Client) -> None:
    outer = client.submit(make, SPILLED_BYTES, pure=False)
    wait(outer)
    wait_until(lambda: sum(client.run(spilled).values()), "it to be spilled")
    assert client.submit(read, outer).result(TIMEOUT_S) == 1024


def test_of_a_result_that_was_put_into_shared_memory(client: Client) -> None:
    first, second = client.scheduler_info()["workers"]
    outer = client.submit(make, SHARED_BYTES, pure=False, workers=[first])
    assert client.submit(read, outer, 0, workers=[second]).result(TIMEOUT_S) == 1024
    assert client.submit(read, outer, 1, workers=[first]).result(TIMEOUT_S) == 1024


def test_of_a_result_whose_worker_has_left() -> None:
    with LocalCluster(n_workers=2, processes=False) as own, Client(own) as client:
        first, second = client.scheduler_info()["workers"]
        outer = client.submit(make, pure=False, workers=[first], allow_other_workers=True)
        wait(outer)
        client.retire_workers([first])
        assert client.submit(read, outer, workers=[second]).result(TIMEOUT_S) == 1024


def test_of_data(client: Client) -> None:
    inner = client.submit(pow, 2, 10)
    [data] = client.scatter([Box(inner)])
    del inner
    assert client.submit(read, data).result(TIMEOUT_S) == 1024


def of_submit(client: Client, box: Box, gate: Any) -> Any:
    return client.submit(read, box, gate)


def of_map(client: Client, box: Box, gate: Any) -> Any:
    return client.map(read, [box], [gate])[0]


def of_compute(client: Client, box: Box, gate: Any) -> Any:
    return client.compute(shoal.delayed(read)(box, gate))


@pytest.mark.parametrize("submit", [of_submit, of_map, of_compute])
def test_of_arguments(client: Client, submit: Callable[..., Any]) -> None:
    event = Event(client=client)
    gate = client.submit(event.wait, TIMEOUT_S)
    box = Box(client.submit(pow, 2, 10))
    task = submit(client, box, gate)
    wait(box.content)
    del box
    client.submit(abs, -1).result(TIMEOUT_S)  # what was let go has been told by now
    event.set()
    assert task.result(TIMEOUT_S) == 1024


def test_of_a_function() -> None:
    with LocalCluster(n_workers=2, processes=False) as own, Client(own) as client:
        # Not with the others: workers keep functions for a while, in case that they come again.
        test_of_arguments(client, lambda client, b, gate: client.submit(lambda _: read(b), gate))


def test_of_a_dataset(client: Client) -> None:
    client.publish_dataset(box=Box(client.submit(pow, 2, 10)))
    assert read(client.get_dataset("box")) == 1024
    client.unpublish_dataset("box")


def test_of_what_is_shared(client: Client) -> None:
    queue, variable = Queue("boxes", client=client), Variable("box", client=client)
    queue.put([client.submit(pow, 2, 10), 5])
    variable.set(Box(client.submit(pow, 2, 11)))
    client.submit(abs, -1).result(TIMEOUT_S)  # what was let go has been told by now
    future, _ = queue.get(TIMEOUT_S)
    assert (future.result(TIMEOUT_S), read(variable.get(TIMEOUT_S))) == (1024, 2048)
    variable.delete()
    queue.close()


def test_futures_of_a_dataset_are_held_before_anybody_can_let_go_of_them(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    future = client.submit(pow, 2, 10)
    client.publish_dataset(future, name="one")
    key, run, held = future.key, client._run, []
    del future

    def look(steps: Any, finish: Any = None, **options: Any) -> Any:
        def finish_later(found: Any) -> Any:
            held.append(client.refcount[key])
            return finish(found)

        return run(steps, finish_later, **options)

    with monkeypatch.context() as patched:
        patched.setattr(client, "_run", look)
        found = client.get_dataset("one")
    assert held == [1] and found.result(TIMEOUT_S) == 1024
    client.unpublish_dataset("one")


def test_what_is_referred_to_can_be_cancelled(client: Client) -> None:
    event = Event(client=client)
    inner = client.submit(event.wait, TIMEOUT_S)
    [data] = client.scatter([Box(inner)])
    inner.cancel()
    assert client.submit(abs, -1, key="after").result(TIMEOUT_S) == 1
    wait_until(
        lambda: not client.run_on_scheduler(lambda dask_scheduler: running(dask_scheduler)),
        "the task to be given up",
    )
    del data


def running(dask_scheduler: Any) -> list[Any]:
    return [key for key in dask_scheduler.tasks if "wait" in str(key)]


def inner_of_circle() -> list[Future]:
    return [Future("outer", get_client())]


def outer_of_circle() -> list[Future]:
    inner = get_client().submit(inner_of_circle, key="inner")
    wait(inner)
    return [inner]


def test_results_that_hold_each_other_go_when_one_of_them_is_cancelled(client: Client) -> None:
    outer = client.submit(outer_of_circle, key="outer")
    wait(outer)
    del outer
    gc.collect()
    assert client.cluster.scheduler.tasks.keys() == {"outer", "inner"}
    client.cancel([Future("outer", client)], force=True)


def test_a_client_that_nobody_has_any_more_is_gone_from_the_cluster(cluster: LocalCluster) -> None:
    before = set(cluster.scheduler.clients)

    def gone() -> bool:
        gc.collect()
        return not set(cluster.scheduler.clients) - before

    one = Client(cluster, set_as_default=False)
    one.subscribe_topic("news", print)
    one.log_event("news", 1)
    # As long as there is a future, there is its client.
    future = Client(cluster, set_as_default=False).submit(Box, 5)
    assert future.result().content == 5
    del one
    wait_until(lambda: len(set(cluster.scheduler.clients) - before) == 1, "one of them is gone")
    assert future.result().content == 5
    del future
    wait_until(gone, "no client is left")


def test_a_client_that_nobody_has_any_more_takes_its_own_cluster_along() -> None:
    client = Client(
        n_workers=1, processes=False, dashboard_address=None, set_as_default=False, name="alone"
    )
    assert client.submit(Box, 5).result().content == 5
    cluster = client.cluster
    del client
    gc.collect()
    wait_until(lambda: cluster.status == "closed", "the cluster is closed")
