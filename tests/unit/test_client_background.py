"""The asyncio loop that programs post callbacks to, and coroutines waited for from a thread."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time

import pytest

import shoal
from shoal.distributed import Client, as_completed, get_client
from shoal.distributed.client.background import CallbackLoop, sync
from shoal.distributed.utils import log_errors, thread_state

WAIT_S = 60


@pytest.fixture
def loop():
    loop = CallbackLoop()
    yield loop
    loop.close()


def test_callbacks_run_in_one_thread_in_their_sequence(loop) -> None:
    seen, done = [], threading.Event()
    for i in range(3):
        loop.add_callback(lambda i=i: seen.append((i, threading.get_ident())))
    loop.add_callback(done.set)
    assert done.wait(WAIT_S)
    assert [i for i, _ in seen] == [0, 1, 2]
    assert len({ident for _, ident in seen}) == 1 and seen[0][1] != threading.get_ident()


def test_a_coroutine_function_is_a_callback_too(loop) -> None:
    done = threading.Event()

    async def later(set_: bool) -> None:
        await asyncio.wait_for(asyncio.Event().wait(), None) if not set_ else done.set()

    loop.add_callback(later, set_=True)
    assert done.wait(WAIT_S)


def test_call_later(loop) -> None:
    done = threading.Event()
    loop.call_later(0.001, done.set)
    assert done.wait(WAIT_S)


def test_failures_of_callbacks_are_logged(loop, caplog) -> None:
    async def fail() -> None:
        raise ValueError("in a coroutine")

    with caplog.at_level(logging.ERROR, "distributed.client"):
        loop.add_callback(int, "x")
        loop.add_callback(fail)
        end = time.monotonic() + WAIT_S
        while len(said := logged(caplog)) < 2:
            threading.Event().wait(0.01)
            assert time.monotonic() < end, said
    assert len(said) == 2 and "invalid literal" in said[0] and said[1] == "in a coroutine"


def logged(caplog) -> list[str]:
    records = [record for record in caplog.records if record.name == "distributed.client"]
    return [str(record.exc_info[1]) for record in records]


def test_sync_keeps_the_callers_context_and_errors(loop) -> None:
    var = contextvars.ContextVar("var", default=0)
    var.set(5)

    async def read() -> int:
        return var.get()

    async def fail() -> None:
        raise KeyError("k")

    assert sync(loop, read) == sync(None, read) == 5
    assert sync(loop, abs, -5) == 5
    with pytest.raises(KeyError, match="k"):
        sync(loop, fail)


def test_sync_gives_up_after_its_timeout(loop) -> None:
    async def forever() -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        sync(loop, forever, callback_timeout="10 ms")


def test_closing_cancels_what_runs(loop) -> None:
    begun, ended = threading.Event(), threading.Event()

    async def forever() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    loop.add_callback(forever)
    assert begun.wait(WAIT_S)
    loop.close()
    assert ended.wait(WAIT_S)


def test_a_library_may_submit_and_collect_on_the_clients_loop() -> None:
    with Client(n_workers=1, threads_per_worker=1, processes=False) as client:
        ended = as_completed([], loop=client.loop, with_results=True, raise_errors=False)
        found, done = [], threading.Event()

        async def submit(i: int) -> None:
            (value,) = await client.scatter([i], asynchronous=True, hash=False)
            ended.add(client.submit(abs, value))

        async def collect() -> None:
            for i in (-1, -2, -3):
                await submit(i)
            async for _, result in ended:
                found.append(result)
            done.set()

        client.loop.add_callback(collect)
        assert done.wait(WAIT_S)
        assert sorted(found) == [1, 2, 3]


def test_the_first_tasks_of_a_worker_ask_for_its_client_at_once() -> None:
    # The second task must not get the slot of the first while that makes the client.
    def ask(_: int) -> str:
        return get_client().id

    with Client(n_workers=1, threads_per_worker=1) as client:
        ids = client.gather(client.map(ask, range(8)))
        assert len(set(ids)) == 1 and ids[0] != client.id


def test_a_task_has_an_execution_state() -> None:
    assert not hasattr(thread_state, "execution_state")

    def state() -> object:
        return thread_state.execution_state["key"]

    with Client(n_workers=1, threads_per_worker=1, processes=False) as client:
        assert client.submit(state, key="here").result() == "here"


def test_log_errors(caplog) -> None:
    @log_errors()
    def fail() -> None:
        raise ValueError("said")

    with pytest.raises(ValueError, match="said"):
        fail()
    assert "said" in caplog.text


def test_a_container_is_one_future_whatever_is_in_it() -> None:
    with Client(n_workers=1, threads_per_worker=1, processes=False) as client:
        one = shoal.delayed(abs)(-1)
        assert client.compute({}).result() == {}
        assert client.compute({"a": one}).result() == {"a": 1}
        assert client.compute(iter([one, 2])).result() == [1, 2]
        assert client.gather(client.compute([one, {"b": one}])) == [1, {"b": 1}]
        assert client.compute([5, "x"]) == [5, "x"]
        assert client.compute({"a": one}, traverse=False) == {"a": one}
