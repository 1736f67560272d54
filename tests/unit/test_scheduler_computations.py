"""What a scheduler remembers of each time that it had work, and where in programs it came from."""

from __future__ import annotations

import inspect
import threading

import pytest

import shoal
from shoal import config
from shoal.distributed import Client
from shoal.distributed.client.sources import code_of_caller


@pytest.fixture
def client():
    with Client(n_workers=1, threads_per_worker=1, processes=False) as client:
        yield client


def computations(dask_scheduler):
    return dask_scheduler.computations


def total(client) -> int:
    return client.compute(shoal.delayed(sum)([1, 2])).result()


def test_where_a_graph_came_from(client) -> None:
    setting = "distributed.diagnostics.computations.nframes"
    with config.set({setting: 2}):
        assert total(client) == 3
    [one] = client.run_on_scheduler(computations)
    [frames] = one.code
    me = inspect.getsource(test_where_a_graph_came_from)
    assert [frame.code for frame in frames] == [me, inspect.getsource(total)]
    assert frames[-1].filename == __file__
    lines = frames[-1].code.splitlines()
    assert "client.compute" in lines[frames[-1].lineno_relative]
    assert one.groups == {"sum"} and 0 < one.start <= one.stop


def test_what_runs_threads_is_not_the_program() -> None:
    found = []
    # As the client's own thread that plans, in which nothing of the program's runs.
    thread = threading.Thread(target=lambda: found.append(code_of_caller(100)))
    thread.start()
    thread.join()
    [[frame]] = found
    assert "code_of_caller(100)" in frame["code"]


def test_nothing_is_sent_unless_it_is_wanted(client) -> None:
    assert total(client) == 3
    [one] = client.run_on_scheduler(computations)
    assert one.code == ()


def test_each_time_that_there_is_work_is_one(client) -> None:
    for i in range(3):
        future = client.submit(abs, -i, key=f"kind{i}-1")
        assert future.result() == i
        del future
        client.run_on_scheduler(lambda: None)
        while client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)):
            pass
    kinds = [one.groups for one in client.run_on_scheduler(computations)]
    assert kinds == [{"kind0"}, {"kind1"}, {"kind2"}]
