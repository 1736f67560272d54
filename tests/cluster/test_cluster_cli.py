"""``shoal scheduler`` and ``shoal worker`` as processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from shoal.cli.main import shoal
from shoal.distributed import Client

PROGRAM = "from shoal.cli.main import shoal; shoal()"


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", PROGRAM, *arguments]
    said = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, env=environment, text=True, **said)


def test_scheduler_and_workers(tmp_path: Path) -> None:
    scheduler = start(tmp_path, "scheduler", "--port", "0")
    assert scheduler.stdout is not None
    # It says so when the file is there.
    assert scheduler.stdout.readline().startswith("Scheduler at tcp://127.0.0.1:")
    workers = start(tmp_path, "worker", "--nworkers", "2", "--nthreads", "1", "--name", "w")
    try:
        with Client(scheduler_file=tmp_path / "cluster.json") as client:
            client.wait_for_workers(2, timeout=30)
            assert client.gather(client.map(abs, [-1, -2])) == [1, 2]
            infos = client.scheduler_info()["workers"].values()
            assert {info["name"] for info in infos} == {"w-0", "w-1"}
    finally:
        errors = []
        for process in (workers, scheduler):
            process.send_signal(signal.SIGTERM)
            errors.append(process.communicate(timeout=30)[1])
    # Managers of batch jobs read this line.
    assert errors[0].count("Registered to: tcp://127.0.0.1:") == 2
    assert (workers.returncode, scheduler.returncode) == (0, 0)


def test_what_is_missing_is_said() -> None:
    result = CliRunner().invoke(shoal, ["worker", "tcp://127.0.0.1:9"])
    assert result.exit_code == 1
    assert "cluster.json" in result.output
    result = CliRunner().invoke(shoal, ["worker", "--scheduler-file", "nowhere.json"])
    assert "nowhere.json" in result.output


def test_help_is_there() -> None:
    for command in ([], ["scheduler"], ["worker"]):
        result = CliRunner().invoke(shoal, [*command, "--help"])
        assert result.exit_code == 0
        assert "cluster.json" in result.output
