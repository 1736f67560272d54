"""Real worker processes: what ends them, who says so, and what is left behind."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from shoal.distributed import Client, LocalCluster
from shoal.distributed.core import scheduler as core
from shoal.errors import KilledWorker

WAIT_S = 120
"""Far more than what is promised, which is for a machine that does nothing else."""

SILENCE_S = 2.0
"""How long workers may say nothing here; 5 s are the default."""

HOG = r"hog.*its process took [\d.]+ MiB, more than 95% of its limit of 286.10 MiB; use a larger"


@pytest.fixture
def client(tmp_path):
    """Two workers of one thread and little memory, which may not be silent for long."""
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            memory_limit="300 MB",
            local_directory=str(tmp_path),
            scheduler_kwargs={"settings": core.Settings(silence_s=SILENCE_S)},
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client
    assert not list(tmp_path.iterdir())


def inc(x):
    return x + 1


def has_numpy():
    return "numpy" in sys.modules


def wait_for_file(path):
    while not Path(path).exists():
        threading.Event().wait(0.01)
    return os.getpid()


def crash():
    ctypes.string_at(0)


def hog():
    held = []
    while True:
        held.append(bytearray(b"x" * 10_000_000))


def test_a_crash_names_the_task_and_the_signal_and_hurts_nobody_else(suffer):
    with suffer(n_workers=2) as faulty:
        others = faulty.client.map(inc, range(50))
        with pytest.raises(KilledWorker, match=r"crash.*signal 11.*Look for a crash"):
            faulty.client.submit(crash).result(timeout=WAIT_S)
        assert faulty.client.gather(others) == list(range(1, 51))
        del others


def test_a_memory_hog_is_named_with_its_peak_and_the_limit(suffer):
    with suffer(n_workers=2, memory_limit="300 MB") as faulty:
        with pytest.raises(KilledWorker, match=HOG):
            faulty.client.submit(hog).result(timeout=WAIT_S)
        assert faulty.client.submit(inc, 1).result(timeout=WAIT_S) == 2


def test_workers_import_numpy_ahead_where_the_program_has_it(client):
    pytest.importorskip("numpy")
    deadline, pause = time.monotonic() + WAIT_S, threading.Event()
    while not all(client.run(has_numpy).values()):
        assert time.monotonic() < deadline
        pause.wait(0.01)


def test_a_worker_that_is_killed_in_the_middle(client, tmp_path):
    go = tmp_path / "go"
    first = client.map(inc, range(200))
    waiting = client.map(lambda i, path: wait_for_file(path) and i, range(4), path=str(go))
    second = client.map(inc, first)
    victim = min(client.run(os.getpid).values())
    os.kill(victim, signal.SIGKILL)
    go.touch()
    assert client.gather(second) == list(range(2, 202))
    assert client.gather(waiting) == [0, 1, 2, 3]
    go.unlink()


def test_code_that_lets_nobody_else_run_is_alive(client):
    # Longer than a worker may be silent; called so that it keeps the interpreter's lock.
    task = client.submit(hold_the_lock, int(1.8e6 * SILENCE_S))
    workers = client.run(os.getpid)
    assert task.result(timeout=WAIT_S) in workers.values()
    assert client.run(os.getpid) == workers


def hold_the_lock(microseconds):
    ctypes.PyDLL(None).usleep(microseconds)
    return os.getpid()


def until(condition):
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


def test_a_stopped_process_is_fenced_off_and_comes_back_with_what_it_holds(client):
    workers = client.run(os.getpid)
    address, pid = next(iter(workers.items()))
    kept = client.submit(os.urandom, 100_000, workers=[address], key="kept")
    client.submit(len, kept, workers=[address]).result(timeout=WAIT_S)
    os.kill(pid, signal.SIGSTOP)
    try:
        until(lambda: address not in client.scheduler_info()["workers"])
    finally:
        os.kill(pid, signal.SIGCONT)
    until(lambda: address in client.scheduler_info()["workers"])
    assert client.run(os.getpid) == workers
    assert len(kept.result(timeout=WAIT_S)) == 100_000


def test_a_retired_worker_is_not_started_again_and_a_restarted_one_is(client):
    cluster = client.cluster
    results = client.map(inc, range(10))
    address = min(client.run(os.getpid))
    client.retire_workers(workers=[address])
    until(lambda: len(cluster.workers) == 1)
    assert client.gather(results) == list(range(1, 11))
    before = client.run(os.getpid)
    client.restart()
    after = client.run(os.getpid)
    assert len(after) == 1 and set(before.values()).isdisjoint(after.values())


PROGRAM = """
import os, sys
from shoal.distributed import Client, LocalCluster
if __name__ == "__main__":
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, local_directory=sys.argv[1])
    client = Client(cluster)
    print(*client.run(os.getpid).values(), flush=True)
    sys.stdin.read()
"""


def test_no_process_and_no_file_outlives_a_killed_program(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    folder = tmp_path / "workers"
    folder.mkdir()
    temporary = tmp_path / "tmp"  # a short name: a socket's must not be long
    temporary.mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "TMPDIR": str(temporary),
    }
    with subprocess.Popen(
        [sys.executable, str(script), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    ) as program:
        workers = [psutil.Process(int(pid)) for pid in program.stdout.readline().split()]
        assert len(workers) == 2 and len(list(folder.iterdir())) == 2
        assert list(temporary.glob("shoal-cluster-*"))
        program.kill()
        _, alive = psutil.wait_procs(workers, timeout=WAIT_S)
        assert not alive
        program.stdin.close()
    assert not list(folder.iterdir())
    assert not list(temporary.glob("shoal-cluster-*"))
