"""Plugins of workers and nannies, on real processes."""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path

import pytest

from shoal.distributed import (
    Client,
    Environ,
    InstallPlugin,
    LocalCluster,
    PipInstall,
    UploadDirectory,
    UploadFile,
    WorkerPlugin,
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workers")
    options = {"threads_per_worker": 1, "dashboard_address": None, "local_directory": str(folder)}
    with LocalCluster(n_workers=1, **options) as cluster:
        yield cluster
    assert not list(folder.iterdir())
    assert not [place for place in sys.path if place.startswith(str(folder))]


@pytest.fixture
def client(cluster):
    with Client(cluster) as client:
        yield client


def environment(name: str) -> str | None:
    # Not `os.environ.get`, which takes this process's variables along.
    return os.getenv(name)


def test_variables_reach_workers_that_are_there_and_those_that_come() -> None:
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        before = client.submit(os.getpid, pure=False).result()
        client.register_plugin(Environ({"SHOAL_EXAMPLE_VARIABLE": 5}))
        assert client.submit(environment, "SHOAL_EXAMPLE_VARIABLE", pure=False).result() == "5"
        assert client.submit(os.getpid, pure=False).result() != before
        cluster.scale(2)
        # A worker that comes is there for a moment before its nanny starts it anew with them.
        end = time.monotonic() + 60
        while True:
            later = client.run(environment, "SHOAL_EXAMPLE_VARIABLE", on_error="ignore")
            if list(later.values()) == ["5", "5"]:
                break
            assert time.monotonic() < end, later


def test_folders_and_files(client, tmp_path: Path) -> None:
    package = tmp_path / "package_for_workers"
    package.mkdir()
    (package / "__init__.py").write_text("x = 5\n")
    (package / "inner_for_workers.py").write_text("y = 7\n")
    (package / "tests").mkdir()
    (package / "tests" / "left_out.py").write_text("")
    module = tmp_path / "module_for_workers.py"
    module.write_text("z = 9\n")
    plugin = UploadDirectory(package, restart_workers=True, update_path=True)
    client.register_plugin(plugin)
    client.register_plugin(UploadFile(module))

    def look() -> tuple[int, int, int]:
        import inner_for_workers
        import module_for_workers
        import package_for_workers

        return package_for_workers.x, inner_for_workers.y, module_for_workers.z

    assert client.submit(look).result() == (5, 7, 9)
    assert b"left_out" not in plugin.data
    # They are unpacked beside the worker's own folder, which each of its processes has anew.
    [nanny] = client.cluster.workers.values()
    assert Path(nanny.local_directory, "package_for_workers", "__init__.py").exists()


def test_installers(client, tmp_path: Path) -> None:
    client.register_plugin(InstallPlugin(lambda: (tmp_path / "done").touch()))
    assert (tmp_path / "done").exists()
    with pytest.raises(RuntimeError, match=r"installing no-such-package failed \(1\): "):
        client.register_plugin(PipInstall(["no-such-package"], ["--no-index"]))
    assert PipInstall(["a"], restart_workers=True).kind == "nanny"


class Watching(WorkerPlugin):
    def setup(self, worker) -> None:
        self.worker = worker
        worker.changes = []

    def transition(self, key: str, start: str, finish: str, *args: object, **more: object) -> None:
        why = ""
        if finish == "error":
            task = self.worker.tasks[key]
            assert task.traceback is not None
            why = f"{task.state}: {task.exception!r}"
        self.worker.changes.append((key, start, finish, why))
        if key == "odd":
            raise ValueError("odd")


def refuse(text):
    raise ValueError(text)


def changes(dask_worker):
    return list(dask_worker.changes)


def test_a_plugin_watches_the_tasks_of_a_worker(client) -> None:
    client.register_plugin(Watching(), name="watching")
    assert client.submit(abs, -1, key="x").result() == 1
    assert isinstance(client.submit(refuse, "no", key="bad").exception(), ValueError)
    assert client.submit(abs, -2, key="odd").result() == 2

    def seen(key):
        return [
            tuple(change[1:])
            for found in client.run(changes).values()
            for change in found
            if change[0] == key
        ]

    deadline = time.monotonic() + 60
    last = {"x": "released", "odd": "released", "bad": "error"}
    while not all(seen(key) and seen(key)[-1][1] == finish for key, finish in last.items()):
        assert time.monotonic() < deadline
    begun = [("waiting", "ready", ""), ("ready", "executing", "")]
    for key in ("x", "odd"):
        assert seen(key) == [*begun, ("executing", "memory", ""), ("memory", "released", "")]
    [*first, (start, finish, why)] = seen("bad")
    assert (first, start, finish) == (begun, "executing", "error")
    assert why == "error: ValueError('no')"
    client.unregister_worker_plugin("watching")
    before = client.run(changes)
    assert client.submit(abs, -3, key="y").result() == 3
    assert client.run(changes) == before


def test_worker_plugins_come_and_go(client) -> None:
    class Marks(WorkerPlugin):
        def setup(self, worker) -> None:
            worker.mark = []

        def transition(self, key, start, finish, **more) -> None:
            self.seen = (key, start, finish)

        def teardown(self, worker) -> None:
            del worker.mark

    client.register_plugin(Marks(), name="marks")
    assert set(client.run(lambda dask_worker: hasattr(dask_worker, "mark")).values()) == {True}
    assert set(client.run(lambda dask_worker: "marks" in dask_worker.plugins).values()) == {True}
    client.unregister_worker_plugin("marks")
    assert set(client.run(lambda dask_worker: hasattr(dask_worker, "mark")).values()) == {False}


def say(text: str) -> str:
    logging.getLogger("somebodys.library").warning(text)
    return text


def test_what_workers_log_reaches_the_program_also_from_workers_that_come_later(
    cluster, client, caplog
) -> None:
    def heard() -> list[str]:
        records = [r for r in caplog.records if r.name == "somebodys.library"]
        return sorted({record.getMessage() for record in records})

    client.forward_logging("somebodys.library")
    cluster.scale(2)
    client.wait_for_workers(2)
    names = [client.scheduler_info()["workers"][address]["name"] for address in client.nthreads()]
    texts = [f"from {name}" for name in names]
    for name, text in zip(names, texts):
        client.submit(say, text, workers=[name], pure=False).result()
    end = time.monotonic() + 60
    while heard() != sorted(texts) and time.monotonic() < end:
        client.submit(abs, -1, pure=False).result()
    assert heard() == sorted(texts)
    client.unforward_logging("somebodys.library")
    handlers = client.run(lambda: len(logging.getLogger("somebodys.library").handlers))
    assert set(handlers.values()) == {0}
    cluster.scale(1)
