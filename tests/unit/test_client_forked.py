"""Processes that are forked from one with clients, or from a worker, are neither."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
import textwrap

import pytest

import shoal
from shoal.distributed import Client

pytestmark = pytest.mark.timeout(600)
"""Each test starts up to two programs that each start a cluster: where many others want the CPU as
well, these take minutes, and none of it is waiting for something that does not come."""

WAIT_S = 500


def run(program: str) -> str:
    """What a program prints; it must end by itself."""
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S)
    assert done.returncode == 0, done.stderr
    return done.stdout


BEGIN = """
import os, sys
import shoal
from shoal.distributed import Client

client = Client(n_workers=1, processes=False, dashboard_address=None)
here = client.scheduler_info()["address"]
done, late = client.submit(abs, -3), client.submit(sum, [client.submit(abs, -1)])
assert client.gather([done, late]) == [3, 1]

def say(what, call):
    try:
        print(what, call(), flush=True)
    except Exception as error:
        print(what, type(error).__name__, flush=True)
"""

END = """
else:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    print("parent", client.submit(abs, -5).result(), done.result(), flush=True)
    client.close()
"""


def forked(*lines: str) -> list[str]:
    inside = "".join(f"    {line}\n" for line in lines)
    child = f"child = os.fork()\nif child == 0:\n{inside}    sys.exit(0)"
    return run(BEGIN + child + END).splitlines()


def test_a_forked_child_ends_and_leaves_clients_and_clusters_alone() -> None:
    assert forked("pass") == ["parent 5 3"]
    assert forked("client.close()", "client.cluster.close()") == ["parent 5 3"]


def test_a_forked_child_says_nothing_in_its_parents_name() -> None:
    said = forked(
        "say('submit', lambda: client.submit(abs, -7).result())",
        "say('ask', client.nthreads)",
        "say('known', done.result)",
        "say('own', lambda: Client(here, timeout=300).submit(abs, -7).result())",
    )
    assert said == [
        "submit ClosedClientError",
        "ask ClosedClientError",
        "known 3",
        "own 7",
        "parent 5 3",
    ]


def test_collections_compute_in_a_forked_child_as_without_a_client() -> None:
    said = forked("say('compute', lambda: shoal.delayed(abs)(-2).compute())")
    assert said == ["compute 2", "parent 5 3"]


def absolute(number: int) -> int:
    return shoal.delayed(abs)(number).compute()  # type: ignore[no-any-return]


def in_a_pool() -> list[int]:
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.map(absolute, [-1, -2])


def terminated() -> int | None:
    child = multiprocessing.get_context("fork").Process(target=signal.pause)
    child.start()
    child.terminate()
    child.join()
    return child.exitcode


def test_tasks_may_fork() -> None:
    with Client(n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        assert client.submit(in_a_pool).result(timeout=WAIT_S) == [1, 2]
        assert client.submit(terminated).result(timeout=WAIT_S) == -15


def test_a_signal_that_comes_early_ends_a_forked_child() -> None:
    program = """
    import os, signal, time
    from shoal.distributed.node.process import end_forked_as_usual

    os.register_at_fork(after_in_child=lambda: time.sleep(0.2))  # it takes its time to begin
    signal.signal(signal.SIGTERM, lambda *_: None)
    end_forked_as_usual()
    for _ in range(3):
        child = os.fork()
        if child == 0:
            signal.pause()
        os.kill(child, signal.SIGTERM)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), end=" ")
    os.kill(os.getpid(), signal.SIGTERM)
    print(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
    """
    assert run(program) == "-15 -15 -15 set()\n"
