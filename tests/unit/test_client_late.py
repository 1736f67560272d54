"""Errors of whoever did not wait long enough say which keys, and what they wait for."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from shoal.distributed import Client, Event, LocalCluster, as_completed, wait

WAIT_S = 60


@pytest.fixture(scope="module")
def client():
    options = {"processes": False, "dashboard_address": None}
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, **options) as cluster,
        Client(cluster) as client,
    ):
        yield client


def stand(go: Event) -> int:
    go.wait(WAIT_S)
    return 1


def add_one(x: int) -> int:
    return x + 1


SAYS = r"no result of '(late-b-\d+)' within 0.05 s; '\1' is \w+: .*'late-a-\d+'"

NUMBERS = itertools.count()  # what ran before may still be known


@pytest.fixture
def futures(client, monkeypatch):
    """One that runs until the test is over, and one that waits for it."""
    monkeypatch.setattr("shoal.distributed.client.waiting.asking_s", lambda _: WAIT_S)
    number = next(NUMBERS)
    go = Event(f"go-late-{number}", client=client)
    first = client.submit(stand, go, key=f"late-a-{number}")
    second = client.submit(add_one, first, key=f"late-b-{number}")
    client.why(second)  # the scheduler has heard of them, whichever client asks next
    yield first, second
    go.set()
    first.result(timeout=WAIT_S)


@pytest.mark.parametrize(
    "ask",
    [
        lambda future: future.result(timeout=0.05),
        lambda future: future.exception(timeout=0.05),
        lambda future: wait([future], timeout=0.05),
        lambda future: list(as_completed([future], timeout=0.05)),
    ],
    ids=["result", "exception", "wait", "as_completed"],
)
def test_the_error_says_what_the_key_waits_for(futures, ask) -> None:
    with pytest.raises(TimeoutError, match=SAYS):
        ask(futures[1])


def test_the_same_when_it_is_awaited(client, futures) -> None:
    async def ask() -> None:
        async with Client(client.cluster, asynchronous=True, set_as_default=False) as other:
            future = other.submit(add_one, 5, key=futures[1].key)
            with pytest.raises(TimeoutError, match=SAYS):
                await future.result(timeout=0.05)
            with pytest.raises(TimeoutError, match=SAYS):
                await wait([future], timeout=0.05)

    asyncio.run(ask())


def test_of_many_keys_some_are_named(client, futures) -> None:
    many = client.map(add_one, [futures[0]] * 5, key=[f"late-{i}" for i in range(5)])
    with pytest.raises(TimeoutError, match=r"'late-0', 'late-1', 'late-2' and 2 more within 0.05"):
        wait(many, timeout=0.05)


def test_an_error_of_a_task_is_its_own(client) -> None:
    def fail() -> None:
        raise TimeoutError("of the task")

    with pytest.raises(TimeoutError, match=r"^of the task"):
        client.submit(fail).result(timeout=WAIT_S)
