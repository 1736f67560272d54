"""What tasks print and log reaches the client that asked, each line once, before the result."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import shoal
from shoal import config
from shoal.distributed import Client, Event

PROGRAM = "from shoal.cli.main import shoal; shoal()"


def speak(name: str, then_wait_for: str = "") -> str:
    logging.getLogger("mine").warning("%s logs", name)
    logging.getLogger("mine").info("%s whispers", name)
    print(name, "complains", file=sys.stderr)  # noqa: T201
    print(name, "prints")  # noqa: T201
    if then_wait_for:
        Event(then_wait_for).wait()
    print(name, "ends", end="")  # noqa: T201
    return name


def begin(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", PROGRAM, *arguments]
    said = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=folder, env=environment, text=True, **said)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file of a cluster whose worker has an output of its own."""
    folder = tmp_path_factory.mktemp("cluster")
    scheduler = begin(folder, "scheduler", "--port", "0", "--no-dashboard")
    processes = [scheduler]
    try:
        assert scheduler.stdout is not None
        assert scheduler.stdout.readline().startswith("Scheduler at ")
        processes.insert(0, begin(folder, "worker", "--nworkers", "1", "--nthreads", "2"))
        yield folder / "cluster.json"
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=200)


def test_the_client_that_asked_prints_each_line_once_before_the_result(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        config.set({"distributed.client.task-output": False}),
        Client(scheduler_file=elsewhere, set_as_default=False) as deaf,
    ):
        assert deaf.submit(speak, "nobody").result() == "nobody"
    # Two clients print to one output here: a line that both got would stand there twice.
    with Client(scheduler_file=elsewhere) as one, Client(scheduler_file=elsewhere) as other:
        assert one.submit(speak, "one").result() == "one"
        out, err = capsys.readouterr()
        assert out == "one prints\none ends\n"
        assert [line.split("mine ")[-1] for line in err.splitlines()] == [
            "one logs",
            "one complains",
        ]
        plan = shoal.delayed(str.upper)(shoal.delayed(speak)("within"))
        assert other.compute(plan).result() == "WITHIN"
        assert capsys.readouterr().out == "within prints\nwithin ends\n"
        both = [client.submit(speak, "both", key="both") for client in (one, other)]
        assert [future.result() for future in both] == ["both"] * 2


def test_a_line_comes_while_its_task_runs_on(
    elsewhere: Path, capsys: pytest.CaptureFixture[str], wait_until: Any
) -> None:
    with Client(scheduler_file=elsewhere) as client:
        future = client.submit(speak, "long", then_wait_for="go")
        seen: list[str] = []

        def has_come() -> bool:
            seen.append(capsys.readouterr().out)
            return "".join(seen) == "long prints\n"

        wait_until(has_come, "the first line")
        Event("go").set()
        assert future.result() == "long"
        assert capsys.readouterr().out == "long ends\n"


INHERITED = """
from shoal.distributed import Client, LocalCluster

def speak(x):
    print("task", x)
    return x

if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            print("result", client.submit(speak, 1).result())
"""


def test_a_worker_that_has_the_clients_terminal_prints_there_itself(tmp_path: Path) -> None:
    program = tmp_path / "inherited.py"
    program.write_text(INHERITED)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, str(program)], env=environment, text=True, capture_output=True, check=True
    )
    assert sorted(done.stdout.splitlines()) == ["result 1", "task 1"]
