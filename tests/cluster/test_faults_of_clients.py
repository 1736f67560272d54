"""Clients that die in the middle, or lose their connection: nothing of theirs stays, or is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import threading
from typing import Any

import psutil
import pytest

from shoal.distributed import Client, Event, LocalCluster, Lock, Queue, Semaphore, Variable
from shoal.distributed.core import scheduler as core
from shoal.distributed.net import write_cluster_file

WAIT_S = 120

PROGRAM = """
import sys, threading
from shoal.distributed import Client, Lock, Queue
client = Client(scheduler_file=sys.argv[1])
held = client.map(lambda i: bytes(10_000) + bytes([i]), range(50), pure=False)
late = client.map(lambda i: threading.Event().wait(0.2), range(1000), pure=False)
Lock("mine").acquire()
client.gather(held)
print("ready", flush=True)
Queue("never").get()
"""


WITH_A_CLUSTER = """
import sys
from shoal.distributed import Client, LocalCluster

if __name__ == "__main__":
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    client = Client(cluster)
    data = client.scatter([bytes(2_000_000)] * 2)
    print(*(nanny.pid for nanny in cluster.workers.values()), flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_a_program_that_is_killed_leaves_nothing_that_the_next_does_not_clean(
    wait_until: Any, tmp_path: Any, monkeypatch: Any, signum: int
) -> None:
    folder, program = tmp_path / "t", tmp_path / "program.py"
    folder.mkdir()
    program.write_text(WITH_A_CLUSTER)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, str(program)], text=True, **pipes) as other:
        assert other.stdout is not None and other.stdin is not None
        pids = list(map(int, other.stdout.readline().split()))
        assert len(pids) == 2
        other.send_signal(signum)
        other.wait(WAIT_S)
    wait_until(lambda: not any(map(psutil.pid_exists, pids)), "no process is left")
    files = [path for path in folder.rglob("*") if not path.is_dir()]
    assert bool(files) == (signum == signal.SIGKILL)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with LocalCluster(n_workers=0, dashboard_address=None):
        pass
    # What stays is the empty folder of this user's clusters.
    assert [path.name for path in folder.rglob("*")] == [f"shoal-{os.getuid()}"]


def test_a_client_that_dies_holds_nothing(suffer: Any, wait_until: Any, tmp_path: Any) -> None:
    settings = core.Settings(client_grace_s=0.5)
    with suffer(n_workers=2, settings=settings) as faulty:
        path = tmp_path / "cluster.json"
        write_cluster_file(path, faulty.cluster.scheduler_address, faulty.cluster.security)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        other = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(path)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert other.stdout is not None
        with other.stdout:
            assert other.stdout.readline() == "ready\n"
            mine = faulty.client.map(str, range(20))
            assert Lock("mine").acquire(timeout=0.1) is False
            other.send_signal(signal.SIGKILL)
            other.wait(WAIT_S)
        # What it had submitted is neither run nor kept, and its lock is free.
        assert Lock("mine").acquire(timeout=WAIT_S) is True
        assert faulty.client.gather(mine) == list(map(str, range(20)))
        del mine
        wait_until(faulty.drained, "nothing of it is left")
        path.unlink()


@pytest.fixture
def relayed(suffer: Any) -> Any:
    """A cluster, and a client whose connection goes through a relay."""
    with suffer(n_workers=1, processes=False) as faulty:
        port = int(faulty.cluster.scheduler_address.rpartition(":")[2])
        relay = faulty.relay(port)
        with Client(relay.address, security=faulty.cluster.security, set_as_default=False) as one:
            yield faulty, relay, one


def snap(relay: Any) -> None:
    """Break all connections of a relay, with what is on its way in them."""
    relay.cut = {"in", "out"}
    relay.call(relay.drop_all)
    relay.cut = set()


def test_what_is_said_while_connections_break_is_neither_lost_nor_done_twice(
    relayed: Any, tmp_path: Any
) -> None:
    _, relay, client = relayed
    log = tmp_path / "log"

    def note(i: int) -> int:
        with open(log, "a") as file:
            file.write(f"{i}\n")
        return i

    futures = []
    for i in range(60):
        futures.append(client.submit(note, i, pure=False))
        if i % 10 == 5:
            snap(relay)
    assert client.gather(futures) == list(range(60))
    assert sorted(map(int, log.read_text().split())) == list(range(60))
    log.unlink()
    del futures


def test_items_and_locks_are_neither_lost_nor_doubled_when_connections_break(
    relayed: Any,
) -> None:
    faulty, relay, client = relayed
    far, near = Queue("q", client=client), Queue("q", client=faulty.client)
    got: list[int] = []
    thread = threading.Thread(target=lambda: got.extend(far.get(timeout=WAIT_S) for _ in range(60)))
    thread.start()
    for i in range(60):
        near.put(i)
        if i % 10 == 5:
            snap(relay)
    thread.join(WAIT_S)
    assert got == list(range(60))
    counter, semaphore = [0], Semaphore(1, "s", client=client)
    for i in range(20):
        lock = Lock("l", client=client if i % 2 else faulty.client)
        with lock, semaphore:
            counter[0] += 1
        if i % 7 == 3:
            snap(relay)
    assert counter == [20] and semaphore.get_value() == 0
    flag = Event("e", client=client)
    snap(relay)
    flag.set()
    assert Event("e", client=faulty.client).is_set()


def test_whoever_stops_waiting_takes_nothing_along(suffer: Any, wait_until: Any) -> None:
    with suffer(n_workers=1, processes=False) as faulty:

        async def main() -> None:
            address, security = faulty.cluster.scheduler_address, faulty.cluster.security
            async with Client(address, security=security, asynchronous=True) as client:
                queue = Queue("q", client=client)
                for _ in range(20):
                    waiting = asyncio.ensure_future(queue.get())
                    await queue.qsize()  # by then it stands in the line
                    waiting.cancel()
                    await asyncio.gather(waiting, return_exceptions=True)
                variable = Variable("v", client=client)
                reading = asyncio.ensure_future(variable.get())
                await queue.qsize()
                reading.cancel()
                future = client.submit(abs, -7)
                await queue.put(future)
                await queue.put(2)
                # Cancelled when the answer may be on its way, or may have come.
                late = asyncio.ensure_future(queue.get())
                await asyncio.wait([late], timeout=0)  # it begins
                late.cancel()
                [came, _] = await asyncio.gather(late, reading, return_exceptions=True)
                both = [] if isinstance(came, BaseException) else [came]
                # In any order: who asks before it is back gets what stands behind it.
                both += [await queue.get(timeout=WAIT_S) for _ in range(2 - len(both))]
                numbers = [item for item in both if isinstance(item, int)]
                assert numbers == [2]
                [came] = [item for item in both if not isinstance(item, int)]
                assert await came.result() == 7
                assert await queue.qsize() == 0

        asyncio.run(main())
        lines = faulty.state.machines
        wait_until(
            lambda: not [g for g in lines["queues"]["q"].getters if not g.done], "nobody waits"
        )
