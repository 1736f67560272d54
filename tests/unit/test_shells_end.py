"""What the shells leave when they end early, fail half way, or end in the middle of something."""

from __future__ import annotations

import concurrent.futures
import gc
import signal
import socket
import threading
from typing import Any

import psutil
import pytest

from shoal.distributed.client import session
from shoal.distributed.client.client import Client
from shoal.distributed.client.link import Link
from shoal.distributed.client.promise import Promise
from shoal.distributed.client.start import Place
from shoal.distributed.deploy.cluster import Cluster
from shoal.distributed.net import Loop, Security
from shoal.distributed.node import nanny as nannies
from shoal.distributed.node.coroutines import Coroutines
from shoal.distributed.node.nanny import Nanny
from shoal.distributed.node.scheduler import Scheduler
from shoal.distributed.node.spec import WorkerSpec
from shoal.errors import ClosedClientError, ClusterError, CommunicationError

WAIT_S = 60


def test_a_loop_that_ends_takes_the_workers_processes_along(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, opened: Any
) -> None:
    monkeypatch.setattr(nannies, "PROGRAM", "import signal; signal.pause()")
    loop = Loop()
    spec = WorkerSpec("a", "inproc://nobody", memory_limit=0, local_directory=str(tmp_path))
    nanny = Nanny(loop, spec, Security.new())
    nanny.is_greeted = True
    nanny._start()
    assert nanny.child is not None
    process = psutil.Process(nanny.child.pid)
    loop.stop()
    loop.run()
    assert nanny.child.process.returncode == -signal.SIGKILL and not process.is_running()
    assert not opened() and not list(tmp_path.iterdir())


def test_a_scheduler_that_cannot_have_its_address_leaves_nothing(opened: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        scheduler = Scheduler(addresses=["tcp://127.0.0.1:0", f"tcp://127.0.0.1:{port}"])
        with pytest.raises(CommunicationError, match="cannot listen"):
            scheduler.start()
    assert scheduler.status == "failed" and scheduler.loop.ended
    assert not opened()


def test_a_scheduler_whose_preload_fails_leaves_nothing(tmp_path: Any, opened: Any) -> None:
    preload = tmp_path / "fails.py"
    preload.write_text("def dask_setup(scheduler):\n    raise ValueError('not today')\n")
    scheduler = Scheduler(preload=str(preload), dashboard_address="127.0.0.1:0")
    with pytest.raises(ValueError, match="not today"):
        scheduler.start()
    assert scheduler.status == "failed" and scheduler.loop.ended
    gc.collect()
    assert not {what for _, what in opened() if what.startswith(("socket", "anon"))}


def test_who_waits_for_a_scheduler_hears_that_the_loop_has_ended() -> None:
    loop = Loop()
    options: dict[str, Any] = {"name": "me", "versions": {}, "timeout_s": WAIT_S}
    link = Link(loop, "tcp://127.0.0.1:9", Security.new(), **options)
    welcome = link.open()
    loop.stop()
    loop.run()
    with pytest.raises(ClosedClientError):
        welcome.wait(WAIT_S)
    assert link.status == "closed"
    with pytest.raises(CommunicationError, match="has ended"):
        Link(loop, "tcp://127.0.0.1:9", Security.new(), **options).open()


def test_a_cluster_that_starts_for_a_client_ends_if_nobody_waits_for_it_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: Promise[Place] = Promise()
    ended: list[bool] = []

    async def find_place(*args: Any, **options: Any) -> Place:
        return await found

    def interrupted(*args: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "find_place", find_place)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Promise, "wait", interrupted)
        Client()
    loop = Loop()
    found.keep(Place("inproc://x", Security.new(), loop, "", ends=lambda: ended.append(True)))
    assert ended == [True]
    loop.stop()
    loop.run()


class Parts(Cluster):
    """A cluster whose workers take long to end."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.may_end = threading.Event()

    def _add_worker(self, name: Any) -> Any:
        return name

    def _remove_workers(self, workers: dict[Any, Any]) -> None:
        if workers:
            assert self.may_end.wait(WAIT_S)
            self.seen.append(f"removed {list(workers)}")

    def _stop(self) -> None:
        self.seen.append("stopped")


def test_a_cluster_that_is_closed_waits_for_workers_that_are_leaving() -> None:
    cluster = Parts()
    cluster.scale(2)
    cluster.scale(0)
    threading.Timer(0.05, cluster.may_end.set).start()
    cluster.close()
    assert cluster.seen == ["removed [1, 0]", "stopped"]
    with pytest.raises(ClusterError, match="is closed; make a new one"):
        cluster.scale(1)


def test_who_waits_for_a_coroutine_hears_that_its_loop_has_ended() -> None:
    coroutines, begun = Coroutines(), threading.Event()

    async def forever() -> None:
        begun.set()
        await coroutines.loop().create_future()

    with concurrent.futures.ThreadPoolExecutor() as pool:
        end = pool.submit(coroutines.run, forever())
        assert begun.wait(WAIT_S)
        coroutines.close()
        with pytest.raises(concurrent.futures.CancelledError):
            end.result(WAIT_S)
    with pytest.raises(RuntimeError, match="closed"):
        coroutines.run(forever())
    gc.collect()  # would tell of a coroutine that nobody awaited
    coroutines.close()
