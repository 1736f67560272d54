"""``shoal scheduler`` and ``shoal worker`` as processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from shoal.cli.main import shoal
from shoal.distributed import Client, Security

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
            client.wait_for_workers(2, timeout=200)
            assert client.gather(client.map(abs, [-1, -2])) == [1, 2]
            infos = client.scheduler_info()["workers"].values()
            assert {info["name"] for info in infos} == {"w-0", "w-1"}
        # Managers of batch jobs read these lines; the nannies hear of it after the scheduler.
        assert workers.stderr is not None
        said = (line for line in workers.stderr if line.startswith("Registered to: tcp://127."))
        assert [next(said), next(said)]
    finally:
        for process in (workers, scheduler):
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=200)
    assert (workers.returncode, scheduler.returncode) == (0, 0)


def test_members_with_certificates_need_no_file_of_the_cluster(tmp_path: Path) -> None:
    made = Security.new(tls=True)
    (tmp_path / "ca.pem").write_text(made.ca)
    (tmp_path / "member.pem").write_text(made.key + made.cert)
    words = ["--tls-ca-file", "ca.pem", "--tls-cert", "member.pem", "--tls-key", "member.pem"]
    scheduler = start(tmp_path, "scheduler", "--port", "0", "--no-dashboard", *words)
    processes = [scheduler]
    try:
        assert scheduler.stdout is not None
        address = scheduler.stdout.readline().removeprefix("Scheduler at ").strip()
        assert address.startswith("tls://127.0.0.1:")
        plain = address.removeprefix("tls://")
        processes.append(start(tmp_path, "worker", plain, "--protocol", "tls", *words))
        member = str(tmp_path / "member.pem")
        files = {"tls_ca_file": str(tmp_path / "ca.pem"), "tls_client_cert": member}
        with Client(address, security=Security(**files, tls_client_key=member)) as client:
            client.wait_for_workers(1, timeout=200)
            assert client.submit(abs, -1).result() == 1
    finally:
        for process in processes[::-1]:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=200)


def test_what_is_missing_is_said() -> None:
    result = CliRunner().invoke(shoal, ["worker", "tcp://127.0.0.1:9"])
    assert result.exit_code == 1
    assert "cluster.json" in result.output
    result = CliRunner().invoke(shoal, ["worker", "10.0.0.1:1", "--tls-ca-file", "nowhere.pem"])
    assert result.exit_code == 1 and "nowhere.pem" in result.output
    result = CliRunner().invoke(shoal, ["worker", "--scheduler-file", "nowhere.json"])
    assert "nowhere.json" in result.output


def test_help_is_there() -> None:
    for command in ([], ["scheduler"], ["worker"]):
        result = CliRunner().invoke(shoal, [*command, "--help"])
        assert result.exit_code == 0
        assert "cluster.json" in result.output
