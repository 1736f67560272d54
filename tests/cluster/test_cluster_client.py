"""A real cluster of two worker processes, used as programs use it."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import psutil
import pytest

import shoal
import shoal.bag as db
from shoal.distributed import (
    Client,
    Event,
    LocalCluster,
    Lock,
    MultiLock,
    Queue,
    Semaphore,
    Variable,
    as_completed,
    get_client,
    wait,
    worker_client,
)
from shoal.distributed.client.link import Link
from shoal.distributed.net import Security
from shoal.errors import AuthenticationError, ClusterError

TIMEOUT_S = 120


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=2, threads_per_worker=1, memory_limit=None) as cluster:
        yield cluster


@pytest.fixture
def client(cluster: LocalCluster) -> Iterator[Client]:
    with Client(cluster) as client:
        yield client


def inc(x: int) -> int:
    return x + 1


def add(x: int, y: int) -> int:
    return x + y


def fail(x: Any) -> Any:
    raise ValueError(f"no {x}")


# ------------------------------------------------------------------------------ calls


def test_submit_map_gather(client: Client) -> None:
    assert client.submit(inc, 1).result(TIMEOUT_S) == 2
    futures = client.map(inc, range(500))
    total = client.submit(sum, futures)
    assert client.gather(futures) == list(range(1, 501))
    assert total.result(TIMEOUT_S) == sum(range(1, 501))
    nested = client.gather({"a": [futures[0], 5], "b": (futures[1],)})
    assert nested == {"a": [1, 5], "b": (2,)}


def test_equal_calls_are_one_task(client: Client) -> None:
    assert client.submit(inc, 10).key == client.submit(inc, 10).key
    assert client.submit(inc, 10, pure=False).key != client.submit(inc, 10, pure=False).key
    keys = [future.key for future in client.map(inc, range(3), key="mine")]
    assert all(str(key).startswith("mine-") for key in keys)


def test_keyword_arguments_and_futures_in_them(client: Client) -> None:
    two = client.submit(inc, 1)
    assert client.submit(add, 1, y=two).result(TIMEOUT_S) == 3
    assert client.gather(client.map(add, [1, 2], y=two)) == [3, 4]
    assert client.gather(client.map(add, [1, 2], y=10)) == [11, 12]


def test_an_error_is_the_users_own(client: Client) -> None:
    future = client.submit(fail, "way")
    with pytest.raises(ValueError, match="no way") as caught:
        future.result(TIMEOUT_S)
    assert "task" in caught.value.__notes__[0]
    assert caught.traceback[-1].name == "fail"
    assert future.status == "error"
    assert isinstance(future.exception(), ValueError)
    dependent = client.submit(inc, future)
    with pytest.raises(ValueError, match="no way"):
        dependent.result(TIMEOUT_S)
    assert client.gather([future, client.submit(inc, 1)], errors="skip") == [2]


def test_a_future_that_is_late(client: Client) -> None:
    event = Event(client=client)
    future = client.submit(event_wait, event.name)
    with pytest.raises(TimeoutError):
        future.result(timeout=0.05)
    event.set()
    assert future.result(TIMEOUT_S) is True


def event_wait(name: str) -> bool:
    return bool(Event(name).wait(TIMEOUT_S))


def test_cancelled(client: Client) -> None:
    event = Event(client=client)
    running = client.submit(event_wait, event.name)
    waiting = client.submit(inc, running)
    client.cancel(waiting)
    with pytest.raises(CancelledError):
        waiting.result(TIMEOUT_S)
    event.set()
    assert running.result(TIMEOUT_S)


def test_callbacks_and_as_completed(client: Client) -> None:
    got: list[int] = []
    done = threading.Event()

    def note(future: Any) -> None:
        got.append(future.result())
        done.set()

    client.submit(inc, 41).add_done_callback(note)
    assert done.wait(TIMEOUT_S)
    assert got == [42]
    futures = client.map(inc, range(20))
    assert sorted(r for _, r in as_completed(futures, with_results=True)) == list(range(1, 21))
    assert wait(futures, timeout=TIMEOUT_S).not_done == set()


def test_results_are_let_go_when_nobody_holds_them(client: Client) -> None:
    future = client.submit(inc, 1234)
    future.result(TIMEOUT_S)
    key = future.key
    del future
    # Anything that is asked afterwards is answered after the release was heard.
    client._link.release_dropped()
    assert key not in client.who_has()


# ------------------------------------------------------------------------------ collections


def test_collections_compute_on_the_cluster(client: Client) -> None:
    assert shoal.delayed(os.getpid)().compute() != os.getpid()
    bag = db.from_sequence(range(100), npartitions=7).map(inc)
    assert bag.sum().compute() == sum(range(1, 101))
    assert client.compute([bag.max(), bag.min()], sync=True) == [100, 1]


def test_persisted_blocks_stay_on_the_cluster(client: Client) -> None:
    bag = db.from_sequence(range(10), npartitions=2).map(inc).persist()
    assert len(client.futures_of(bag)) == 2
    assert bag.sum().compute() == 55
    assert client.submit(lambda b: b.sum().compute(), bag).result(TIMEOUT_S) == 55


def test_futures_in_delayed(client: Client) -> None:
    two = client.submit(inc, 1)
    assert shoal.delayed(add)(two, shoal.delayed(inc)(two)).compute() == 5
    assert shoal.compute(two, [two]) == (2, [2])


def test_dict_graphs(client: Client) -> None:
    assert client.get({"x": (inc, 1), 7: (inc, "x")}, [7, ["x"]]) == (3, (2,))


# ------------------------------------------------------------------------------ data


def test_scatter(client: Client) -> None:
    one, two = client.scatter([1, 2])
    assert client.submit(add, one, two).result(TIMEOUT_S) == 3
    named = client.scatter({"mine": 5})
    assert (named["mine"].key, named["mine"].result(TIMEOUT_S)) == ("mine", 5)
    (everywhere,) = client.scatter(["x"], broadcast=True)
    assert len(client.who_has(everywhere)["str-" + everywhere.key.partition("-")[2]]) == 2


def test_large_data_there_and_back(client: Client) -> None:
    np = pytest.importorskip("numpy")
    array = np.arange(1_000_000)
    future = client.scatter(array)
    assert client.submit(np.sum, future).result(TIMEOUT_S) == array.sum()
    assert (future.result(TIMEOUT_S) == array).all()
    assert (client.submit(np.ones, 200_000).result(TIMEOUT_S) == 1).all()


def test_datasets(cluster: LocalCluster, client: Client) -> None:
    client.publish_dataset(numbers=db.range(4, npartitions=2).persist())
    with Client(cluster) as other:
        assert other.list_datasets() == ("numbers",)
        assert other.get_dataset("numbers").sum().compute() == 6
    client.unpublish_dataset("numbers")
    with pytest.raises(KeyError, match="numbers"):
        client.get_dataset("numbers")


# ------------------------------------------------------------------------------ in tasks


def fib(n: int) -> int:
    if n < 2:
        return n
    client = get_client()
    one, two = client.submit(fib, n - 1), client.submit(fib, n - 2)
    return int(one.result() + two.result())


def test_tasks_submit_tasks(client: Client) -> None:
    assert client.submit(fib, 7).result(TIMEOUT_S) == 13


def gather_inside(numbers: list[int]) -> int:
    with worker_client() as client:
        return sum(client.gather(client.map(inc, numbers)))


def test_worker_client(client: Client) -> None:
    assert client.submit(gather_inside, [1, 2, 3]).result(TIMEOUT_S) == 9


def test_tasks_compute_collections(client: Client) -> None:
    def inside() -> int:
        return int(shoal.delayed(inc)(shoal.delayed(inc)(1)).compute())

    assert client.submit(inside).result(TIMEOUT_S) == 3


class Counter:
    """An actor."""

    def __init__(self, start: int = 0) -> None:
        self.n = start

    def add(self, by: int) -> int:
        self.n += by
        return self.n

    def fail(self) -> None:
        raise KeyError("actor")


def test_actors(client: Client) -> None:
    counter: Any = client.submit(Counter, 5, actor=True).result(TIMEOUT_S)
    assert [counter.add(1).result(TIMEOUT_S) for _ in range(3)] == [6, 7, 8]
    assert counter.n == 8
    with pytest.raises(KeyError, match="actor"):
        counter.fail().result(TIMEOUT_S)
    assert client.submit(lambda c: c.add(2).result(), counter).result(TIMEOUT_S) == 10


# ------------------------------------------------------------------------------ coordination


def test_locks_hold_each_other_off(client: Client) -> None:
    one, two = Lock("x", client), Lock("x", client)
    with one:
        assert not two.acquire(timeout=0.05)
        assert two.locked()
    assert two.acquire(timeout=TIMEOUT_S)
    two.release()


@pytest.mark.parametrize("kind", [Lock, MultiLock, Semaphore])
def test_who_stops_waiting_for_a_lock_does_not_get_it_later(client: Client, kind: Any) -> None:
    name: Any = "given up"
    make = {
        Lock: lambda: Lock(name),
        MultiLock: lambda: MultiLock([name]),
        Semaphore: lambda: Semaphore(1, name),
    }[kind]
    holder, waiter, other = make(), make(), make()
    assert holder.acquire()

    def stop(signum: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, stop)
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            waiter.acquire()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    holder.release()
    assert other.acquire(timeout=TIMEOUT_S)
    other.release()


def test_a_cancelled_wait_for_a_lock_does_not_get_it_later(cluster: LocalCluster) -> None:
    async def main() -> None:
        async with Client(cluster, asynchronous=True) as client:
            holder, waiter, other = (Lock("cancelled", client=client) for _ in range(3))
            await holder.acquire()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(waiter.acquire(), 0.1)
            await holder.release()
            assert await other.acquire(timeout=TIMEOUT_S)
            await other.release()

    asyncio.run(main())


def test_a_callback_that_exits_does_not_stop_those_after_it(client: Client) -> None:
    called = threading.Event()
    first, second = client.submit(inc, 1, pure=False), client.submit(inc, 2, pure=False)
    wait([first, second])
    first.add_done_callback(lambda future: sys.exit(1))
    second.add_done_callback(lambda future: called.set())
    assert called.wait(TIMEOUT_S)


def test_queues_and_variables(client: Client) -> None:
    queue = Queue("q", client)
    queue.put(1)
    queue.put(client.submit(inc, 1))
    assert queue.get(timeout=TIMEOUT_S) == 1
    assert queue.get(timeout=TIMEOUT_S).result(TIMEOUT_S) == 2
    with pytest.raises(TimeoutError):
        queue.get(timeout=0.05)
    variable = Variable("v", client)
    variable.set({"a": 1})
    assert variable.get(timeout=TIMEOUT_S) == {"a": 1}


def test_executor(client: Client) -> None:
    with client.get_executor() as executor:
        assert list(executor.map(inc, range(5))) == [1, 2, 3, 4, 5]
        assert executor.submit(add, 1, y=2).result(TIMEOUT_S) == 3
        waits = executor.submit(Event("never", client=client).wait, TIMEOUT_S)
        assert waits.cancel() and waits.cancelled()
        waits._copy(None)  # the cluster says so, too
        assert waits.cancelled()


# ------------------------------------------------------------------------------ administration


def test_run_on_workers_and_scheduler(client: Client) -> None:
    pids = client.run(os.getpid)
    assert len(set(pids.values())) == 2
    assert os.getpid() not in pids.values()
    assert client.run_on_scheduler(os.getpid) == os.getpid()
    with pytest.raises(ValueError, match="no way"):
        client.run(functools.partial(fail, "way"))
    assert all(isinstance(e, ValueError) for e in client.run(fail, 1, on_error="return").values())


def test_a_function_on_the_scheduler_that_exits_is_answered(client: Client) -> None:
    with pytest.raises(SystemExit):
        client.run_on_scheduler(sys.exit, 3)


def test_a_worker_that_cannot_start_says_why() -> None:
    with pytest.raises(ClusterError, match="no_such_module"):
        LocalCluster(n_workers=1, preload="no_such_module")


def test_what_it_says_of_itself(client: Client) -> None:
    assert list(client.nthreads().values()) == [1, 1]
    assert "processes=2 threads=2" in repr(client)
    future = client.submit(inc, 1)
    wait(future)
    assert future.key in client.who_has()
    assert set(client.get_versions()) == {"scheduler", "workers", "client"}


def test_a_task_runs_here_again(client: Client) -> None:
    future = client.submit(fail, client.submit(inc, 1))
    with pytest.raises(ValueError, match="no 2"):
        client.recreate_error_locally(future)
    assert client.recreate_task_locally(client.submit(add, 1, client.submit(inc, 1))) == 3


# ------------------------------------------------------------------------------ asyncio


def test_asynchronous_client(cluster: LocalCluster) -> None:
    async def main() -> None:
        async with Client(cluster, asynchronous=True) as client:
            future = client.submit(inc, 1)
            assert await future == 2
            assert await client.gather(client.map(inc, range(3))) == [1, 2, 3]
            (data,) = await client.scatter([7])
            assert await data.result() == 7
            found = [await f async for f in as_completed(client.map(inc, range(4)))]
            assert sorted(found) == [1, 2, 3, 4]
            async with Lock("async"):
                assert await Lock("async").locked()
            with pytest.raises(ValueError, match="no 1"):
                await client.submit(fail, 1)

    asyncio.run(main())


# ------------------------------------------------------------------------------ faults and ends


def test_a_worker_that_is_killed_is_replaced() -> None:
    with LocalCluster(n_workers=2, threads_per_worker=1) as cluster, Client(cluster) as client:
        futures = client.map(inc, range(100), pure=False)
        wait(futures)
        total = client.submit(sum, futures)
        os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
        more = client.map(inc, futures, pure=False)
        assert client.gather(more) == list(range(2, 102))
        assert total.result(TIMEOUT_S) == sum(range(1, 101))
        client.wait_for_workers(2, timeout=TIMEOUT_S)


def test_nothing_is_left_after_close() -> None:
    before = set(threading.enumerate())
    cluster = LocalCluster(n_workers=2, threads_per_worker=1)
    client = Client(cluster)
    pids = list(client.run(os.getpid).values())
    folder = Path(cluster._folder)
    client.close()
    cluster.close()
    assert not folder.exists()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    # A thread that has done its last work is listed until it has ended.
    end = time.monotonic() + TIMEOUT_S
    while left := set(threading.enumerate()) - before:
        assert time.monotonic() < end, left


def test_scaling() -> None:
    small = LocalCluster(n_workers=1, threads_per_worker=1, processes=False)
    with small as cluster, Client(cluster) as client:
        cluster.scale(3)
        client.wait_for_workers(3, timeout=TIMEOUT_S)
        cluster.scale(1)
        assert len(cluster.workers) == 1
        assert client.submit(inc, 1).result(TIMEOUT_S) == 2


PROGRAM = """
from shoal.distributed import Client
def triple(x):
    return 3 * x
client = Client(n_workers=1, threads_per_worker=1)
print(client.gather(client.map(triple, range(3))))
"""


def test_a_script_without_a_main_guard(tmp_path: Path) -> None:
    program = tmp_path / "script.py"
    program.write_text(PROGRAM)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, str(program)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.stdout == "[0, 3, 6]\n", done.stderr
    assert done.returncode == 0


def test_a_client_says_what_it_lacks() -> None:
    with pytest.raises(PermissionError, match="scheduler_file"):
        Client("tcp://127.0.0.1:9", timeout=1)
    with pytest.raises(TypeError, match="string or a Cluster"):
        Client(123, timeout=1)


def test_other_credentials_are_refused_in_the_same_process_as_well(cluster: LocalCluster) -> None:
    address = cluster.scheduler_address
    with pytest.raises(AuthenticationError):
        Client(address, security=Security.new(), timeout=TIMEOUT_S)
    with Client(address, security=cluster.security) as client:
        assert client.submit(inc, 1).result(TIMEOUT_S) == 2


def test_a_cluster_file_is_enough(cluster: LocalCluster, client: Client, tmp_path: Path) -> None:
    client.write_scheduler_file(tmp_path / "cluster.json")
    with Client(scheduler_file=tmp_path / "cluster.json") as other:
        assert isinstance(other._link, Link)
        assert other.submit(inc, 1).result(TIMEOUT_S) == 2


def test_what_a_result_refers_to_is_its_clients_own(cluster: LocalCluster) -> None:
    """Also where another client is the default one, or none is."""
    with Client(cluster, set_as_default=False) as one, Client(cluster):
        actor = one.submit(Counter, actor=True).result(timeout=TIMEOUT_S)
        assert actor.add(1).result(timeout=TIMEOUT_S) == 1
        assert actor._future.client is one


def test_a_worker_that_is_told_to_end_is_replaced(cluster: LocalCluster, client: Client) -> None:
    """A signal of somebody else's, as Dask's nannies have it; it leaves in order."""
    pids = set(client.run(os.getpid).values())
    os.kill(min(pids), signal.SIGTERM)
    end = time.monotonic() + TIMEOUT_S
    while True:
        # One that goes may be asked, and not answer any more.
        now = set(client.run(os.getpid, on_error="ignore").values())
        if len(now) == 2 and min(pids) not in now:
            break
        assert time.monotonic() < end, (pids, now)


def test_a_folder_for_temporary_files_with_a_long_name(tmp_path: Path, monkeypatch: Any) -> None:
    # Its unix sockets would have names that are too long for the kernel.
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    options: dict[str, Any] = {"threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(n_workers=2, **options) as made, Client(made, set_as_default=False) as client:
        assert all(address.startswith("tcp://127.0.0.1:") for address in client.ncores())
        far = client.submit(bytes, 1_000_000, workers=[0])
        assert client.submit(len, far, workers=[1]).result(timeout=TIMEOUT_S) == 1_000_000
        assert len(far.result(timeout=TIMEOUT_S)) == 1_000_000
    assert not list(folder.glob("shoal-[cw]*"))
