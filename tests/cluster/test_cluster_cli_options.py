"""What may be said to ``shoal scheduler`` and ``shoal worker``, and what they say of mistakes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from shoal.cli.main import shoal
from shoal.cli.options import interrupted_by_signals
from shoal.cli.worker import shape
from shoal.distributed import Client

PROGRAM = "from shoal.cli.main import shoal; shoal()"

MODULE = """
import click

@click.command()
@click.option("--colour", default="none")
def dask_setup(owner, colour):
    owner.colour = colour
"""


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)


def test_preloads_and_a_worker_without_a_nanny(tmp_path: Path) -> None:
    (tmp_path / "colours.py").write_text(MODULE)
    scheduler = start(
        tmp_path, "scheduler", "--port", "0", "--preload", "colours.py", "--colour", "red"
    )
    assert scheduler.stdout is not None
    assert scheduler.stdout.readline().startswith("Scheduler at tcp://127.0.0.1:")
    options = ["--no-nanny", "--nthreads", "1", "--pid-file", "pid", "--resources", "GPU=2"]
    worker = start(
        tmp_path, "worker", *options, "--preload", "colours.py", "--colour", "blue", "-v"
    )
    try:
        with Client(scheduler_file=tmp_path / "cluster.json") as client:
            client.wait_for_workers(1, timeout=200)
            assert client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.colour) == "red"
            assert list(client.run(lambda dask_worker: dask_worker.colour).values()) == ["blue"]
            [info] = client.scheduler_info()["workers"].values()
            assert (info["nanny"], info["resources"]) == (None, {"GPU": 2})
            assert info["pid"] == worker.pid == int((tmp_path / "pid").read_text())
    finally:
        for process in (worker, scheduler):
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=200)
    assert (worker.returncode, scheduler.returncode) == (0, 0)
    assert not (tmp_path / "pid").exists()


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["worker", "--nonsense"], "unknown: --nonsense; see --help"),
        (["scheduler", "--nonsense", "5"], "unknown: --nonsense 5; see --help"),
        (["worker", "--nworkers", "none"], "--nworkers is a number from 1 on or 'auto'"),
        (["worker", "--nworkers", "2", "--no-nanny"], "are for a single worker"),
        (["worker", "--resources", "GPU"], "'GPU' is no NAME=AMOUNT"),
        (["scheduler", "--interface", "nowhere0"], "'nowhere0' is not a valid network interface"),
        (["scheduler", "--interface", "lo", "--host", "a"], "give --host or --interface, not both"),
        (["scheduler", "--port", "99999999"], "is not in the range 0<=x<=65535"),
        (["scheduler", "--idle-timeout", "soon"], "Invalid value for '--idle-timeout': Invalid"),
        (["scheduler", "--scheduler-file", "text"], "text is no cluster file"),
        (["scheduler", "--preload", "no_such_module"], "No module named 'no_such_module'"),
        (["worker", "--scheduler-file", "text"], "text is no cluster file"),
        (["worker", "--scheduler-file", "open"], "others may read it (mode 0644); chmod 600 open"),
        (["worker", "nowhere"], "no port in the address 'tcp://nowhere'"),
        (["worker", "--nthreads", "-1"], "Invalid value for '--nthreads'"),
        (["worker", "--resources", "GPU=-2"], "of a resource there is 0 or more; got -2.0 of"),
        (["worker", "--memory-limit", "5 apples"], "'--memory-limit': could not interpret '5 ap"),
        (["worker", "--memory-limit", "-5"], "'--memory-limit': a memory limit is bytes"),
        (["worker", "--lifetime", "later"], "Invalid value for '--lifetime': Invalid time unit"),
        (["worker", "--protocol", "udp"], "'udp' is not one of"),
        (["worker", "--worker-port", "77777"], "'--worker-port': 77777 is not in the range"),
        (["worker", "--pid-file", "none/pid"], "--pid-file: [Errno 2]"),
    ],
)
def test_mistakes_are_named(arguments: list[str], said: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Client(n_workers=0, processes=False) as client:
        client.write_scheduler_file(tmp_path / "cluster.json")
        (tmp_path / "text").write_text("[1]")
        (tmp_path / "text").chmod(0o600)
        (tmp_path / "open").write_text("{}")
        (tmp_path / "open").chmod(0o644)
        result = CliRunner().invoke(shoal, arguments)
    assert result.exit_code != 0
    assert isinstance(result.exception, SystemExit), "a traceback tells users nothing"
    assert said in result.output


def test_a_second_signal_does_not_interrupt_the_end(capsys) -> None:
    ended = []
    before = signal.getsignal(signal.SIGINT)
    with interrupted_by_signals():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            ended.append(1)
    assert ended and capsys.readouterr().out == "Stopping\n"
    assert signal.getsignal(signal.SIGINT) is before


def test_shape() -> None:
    assert shape("4", None)[0] == 4
    assert shape("auto", 1)[0] >= 1
