"""Each thing that `Client.report` finds, provoked on a small cluster.

The job of a case is done again until the report names its reason, so a busy machine makes a test
slower and not wrong.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

pytest.importorskip("starlette")

from shoal.distributed import Client, LocalCluster, SchedulerPlugin, get_worker, wait
from shoal.distributed.dashboard.findings import RULES, USED

TIMEOUT_S = 120.0

pytestmark = pytest.mark.slow


MEGABYTE = 1 << 20


def work(seconds: float) -> None:
    """Take some time, and no CPU."""
    threading.Event().wait(seconds)


def work_by_place(seconds: float) -> None:
    """The first worker takes five times as long."""
    work(seconds * (5 if str(get_worker().name) == "0" else 1))


def block(megabytes: int, number: int) -> bytearray:
    """A result of some size."""
    return bytearray(megabytes * MEGABYTE)


def look_at(data: bytearray, number: int) -> int:
    """Next to no work on an input."""
    return data[number % 10]


def count(n: int) -> int:
    """Pure Python, which holds the interpreter's lock."""
    total = 0
    for i in range(n):
        total += i % 7
    return total


def keep(number: int) -> None:
    """The first worker keeps something."""
    if str(get_worker().name) == "0":
        # Slowly: a worker that is paused for its memory before it is looked at leaks no more.
        kept.append(bytearray(b"x") * (2 * MEGABYTE))
    work(0.1)


kept: list[bytearray] = []


def fail(number: int) -> None:
    raise ValueError(f"no {number}")


class Slow(SchedulerPlugin):
    """What somebody has added to the scheduler, and takes its time."""

    def transition(self, key: Any, start: str, finish: str, *args: Any, **kwargs: Any) -> None:
        end = time.thread_time() + 0.001
        while time.thread_time() < end:
            pass


def straggler(client: Client) -> Any:
    return client.map(work_by_place, [0.06] * 60, pure=False)


def skewed(client: Client) -> Any:
    return client.map(work, [0.01] * 20 + [1.0], pure=False)


def transferring(client: Client) -> Any:
    data = client.map(block, [40] * 3, range(3), workers=["0"], pure=False)
    return client.map(look_at, data, range(3), workers=["1"], pure=False)


def spilling(client: Client) -> Any:
    return client.map(block, [25] * 20, range(20), pure=False)


def nothing(client: Client) -> Any:
    return []


def huge(client: Client) -> Any:
    return client.map(block, [110], [0], pure=False)


def leaking(client: Client) -> Any:
    return client.map(keep, range(4), pure=False)


def few(client: Client) -> Any:
    return client.map(work, [0.7], pure=False)


def tiny(client: Client) -> Any:
    return client.map(abs, range(2_500), pure=False)


def gil(client: Client) -> Any:
    return client.map(count, [1_500_000] * 12, pure=False)


def failing(client: Client) -> Any:
    return client.map(fail, range(3), retries=1, pure=False)


def scheduler(client: Client) -> Any:
    client.register_plugin(Slow(), name="slow")
    return client.map(work, [0.0] * 300, pure=False)


def stuck(client: Client) -> Any:
    return client.map(work, [0.0] * 3, resources={"GPU": 1}, pure=False)


TWO = {"n_workers": 2, "threads_per_worker": 1, "memory_limit": "400 MB"}
THREADS = {"n_workers": 1, "threads_per_worker": 4, "processes": False}

CRAMPED = {
    "n_workers": 1,
    "threads_per_worker": 1,
    "memory_limit": "400 MB",
    "memory_pause_fraction": 0.05,
}
"""An interpreter alone takes more than that."""

CASES: dict[str, tuple[Callable[[Client], Any], dict[str, Any], str]] = {
    "straggler": (straggler, TWO, r"worker 0 takes [\d.]+ \w+ .* [\d.]+ times as long"),
    "skewed": (skewed, TWO, r"took [\d.]+ s, the other \d+ of 'work' [\d.]+ \w+"),
    "transferring": (transferring, TWO, r"fetched [\d.]+ MiB .* in [\d.]+ \w+"),
    "spilling": (spilling, TWO, r"[\d.]+ MiB are on disk now, [\d.]+ MiB at most"),
    "cramped": (nothing, CRAMPED, r"1 of 1 workers are paused, such as worker 0: [\d.]+ MiB of"),
    "huge": (huge, TWO, r"takes 110\.00 MiB, 2\d% of a worker's memory"),
    "leaking": (leaking, TWO, r"worker 0 has [\d.]+ MiB .* [\d.]+ MiB more than"),
    "few": (few, THREADS, r"\d tasks for 4 threads: they were busy \d+%"),
    "tiny": (tiny, THREADS, r"[\d,]+ tasks took [\d.]+ \w+ on average"),
    "gil": (gil, {**THREADS, "processes": True}, r"runs [234]\.\d tasks at once on [\d.]+ CPUs"),
    "failing": (failing, THREADS, r"\d+ runs failed, \d+ were tried again; most are 'fail'"),
    "scheduler": (scheduler, TWO, r"its loop was busy \d+% of the time, for [\d,]+ tasks"),
    "stuck": (stuck, THREADS, r"\d+ tasks wait and no worker that is there may run \d+ of them"),
}
"""Job, cluster, and what is said, with its number, by the name of the finding."""

ALONE = {"skewed"}
"""Their job is another one each time: two runs that take long are no exception any more."""


def share_of_a_cpu(client: Client) -> float:
    """What a cluster's only worker has had since it began."""
    [pid] = client.run(os.getpid).values()
    process = psutil.Process(pid)
    return sum(process.cpu_times()[:2]) / (time.time() - process.create_time())


@pytest.mark.parametrize("name", CASES)
def test_the_reason_is_named_with_its_number(name: str, wait_until: Any) -> None:
    job, options, said = CASES[name]
    with LocalCluster(dashboard_address=None, **options) as cluster, Client(cluster) as client:
        end, held = time.monotonic() + TIMEOUT_S, []
        while True:
            if name in ALONE:
                held.clear()
                wait_until(lambda: not len(cluster.scheduler.tasks), "the job before is over")
            # As one job: of what was before, sums are not kept.
            held = [*held[-1:], job(client)]
            if name != "stuck":
                wait(held[-1], timeout=TIMEOUT_S)
            report = client.report()
            found = next((found for found in report.findings if found.name == name), None)
            # A worker pauses some time before its results are on disk.
            if found is not None and re.search(said, found.says):
                break
            if time.monotonic() > end:
                if name == "gil" and share_of_a_cpu(client) < USED + 0.1:
                    pytest.skip("others have the CPU: nobody can tell what threads wait for")
                raise AssertionError(str(report))
        assert found.advice and str(found) in str(report)
    kept.clear()


def test_nobody_is_there() -> None:
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        futures = client.map(abs, range(5))
        found = client.report().findings[0]  # a busy machine may be another one
        assert found.name == "stuck" and found.says == "5 tasks wait and there is no worker."
        assert len(futures) == 5


def test_each_rule_is_provoked() -> None:
    assert len(CASES) == len(RULES)
