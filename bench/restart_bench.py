"""A scheduler that is killed and started again with its journal: how long, and what runs twice.

    PYTHONPATH=src python bench/restart_bench.py 1000 20000 [--size BYTES]

Half of the tasks have ended when ``shoal scheduler --journal`` is killed (kill -9); their results
are with two worker processes.  Seconds count from the start of the new process.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from shoal.distributed import Client

PROGRAM = "from shoal.cli.main import shoal; shoal()"

files: dict[str, int] = {}


def task(folder: str, number: int, size: int) -> bytes:
    """Leaves a line for each time that it runs."""
    if folder not in files:
        files[folder] = os.open(f"{folder}/ended", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(files[folder], b"%d\n" % number)
    return number.to_bytes(8, "little") + bytes(size)


def first(data: bytes) -> int:
    return int.from_bytes(data[:8], "little")


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command: list[str] = [sys.executable, "-c", PROGRAM, *arguments]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=folder, env=environment, text=True, **pipes)


def ready(process: subprocess.Popen[str]) -> subprocess.Popen[str]:
    assert process.stdout is not None and process.stdout.readline()
    return process


def measure(folder: Path, count: int, size: int) -> str:
    """One restart, as a line."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        arguments = ("scheduler", "--port", str(sock.getsockname()[1]), "--journal", "journal")
    scheduler = ready(start(folder, *arguments))
    workers = start(folder, "worker", "--nworkers", "2", "--nthreads", "1", "--name", "w")
    ended = folder / "ended"
    try:
        with Client(scheduler_file=folder / "cluster.json") as client:
            client.wait_for_workers(2)
            made = client.map(task, [str(folder)] * count, range(count), [size] * count)
            firsts = client.map(first, made)
            while not ended.exists() or ended.read_text().count("\n") < count // 2:
                time.sleep(0.01)
            scheduler.kill()
            scheduler.wait()
            before = set(ended.read_text().split())
            journal = sum(file.stat().st_size for file in (folder / "journal").iterdir())
            begun = time.perf_counter()
            scheduler = ready(start(folder, *arguments))
            up_s = time.perf_counter() - begun
            assert client.gather(firsts) == list(range(count))
            all_s = time.perf_counter() - begun
        runs = Counter(ended.read_text().split())
        again = sum(runs[number] > 1 for number in before)
        return (
            f"{count:,} tasks, {len(before):,} had ended, journal {journal / 1e6:.1f} MB: up after "
            f"{up_s:.2f} s, all done after {all_s:.2f} s, {again} ({again / len(before):.2%}) ran "
            "again"
        )
    finally:
        for process in (workers, scheduler):
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", type=int, nargs="+")
    parser.add_argument("--size", type=int, default=20_000, help="bytes of a result")
    options = parser.parse_args()
    for count in options.counts:
        with tempfile.TemporaryDirectory() as folder:
            sys.stdout.write(measure(Path(folder), count, options.size) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
