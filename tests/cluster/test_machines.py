"""A cluster on several machines, as far as one kernel can play them.

Each machine is a network namespace with a name, a folder for temporary files and shared memory of
its own, and a cable to one switch.  Only addresses are left to find each other by, and a cable can
be pulled, which no relay can do to connections that are yet to be made.  Namespaces want root and
iproute2; where these are missing the tests are skipped, and say so.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
import shoal.dataframe as dd
from shoal.distributed import Client, Event

SOURCE = str(Path(shoal.__file__).parents[1])

# What a machine is beyond its network; $0 is its name, $1 its folder.
BOOT = """
set -e
hostname "$0"
mount -t tmpfs none /dev/shm
mount -t tmpfs none "$1"
export TMPDIR="$1" HOME="$1" XDG_RUNTIME_DIR="$1"
shift
exec "$@"
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Machines:
    """Some machines on one switch, to which this process is connected as well."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        # No two runs of this at a time share names or addresses.
        mark = os.getpid() % 65536
        self.net = f"10.{128 + mark // 512 % 128}.{mark // 2 % 256}"
        self.switch = f"sw{mark}"
        self.names = [f"m{mark}-{i}" for i in range(1, count + 1)]
        self.running: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Machines:
        ip("link", "add", self.switch, "type", "bridge")
        ip("addr", "add", f"{self.net}.254/24", "dev", self.switch)
        ip("link", "set", self.switch, "up")
        for i, name in enumerate(self.names, 1):
            ip("netns", "add", name)
            ip("link", "add", f"c{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", f"c{name}", "master", self.switch, "up")
            ip("-n", name, "addr", "add", f"{self.net}.{i}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
            (self.folder / name).mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.running:
            process.terminate()
        for process in self.running:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", self.switch], check=False, capture_output=True)

    def start(self, name: str, *words: str) -> None:
        """Run a command of shoal's on a machine."""
        folder = str(self.folder / name)
        enter = ["ip", "netns", "exec", name, "unshare", "--mount", "--uts", "--ipc"]
        boot = ["sh", "-c", BOOT, name, folder]
        self.running.append(
            subprocess.Popen(
                [*enter, *boot, sys.executable, "-m", "shoal.cli", *words],
                env={**os.environ, "PYTHONPATH": SOURCE},
                cwd=self.folder,
                text=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )

    def pull(self, name: str) -> None:
        """Take a machine's cable out."""
        ip("link", "set", f"c{name}", "down")

    def plug(self, name: str) -> None:
        """Put it back in."""
        ip("link", "set", f"c{name}", "up")


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    if os.geteuid() or not shutil.which("ip") or not shutil.which("unshare"):
        pytest.skip("network namespaces want root, iproute2 and util-linux")
    with Machines(tmp_path, 3) as some:
        yield some


@pytest.mark.faults
def test_three_machines_and_a_cable(machines: Machines, tmp_path: Path, wait_until: Any) -> None:
    first, *others = machines.names
    file = tmp_path / "cluster.json"
    machines.start(first, "scheduler", "--host", f"{machines.net}.1", "--no-dashboard")
    wait_until(file.exists, "the scheduler's file")
    for name in others:
        machines.start(name, "worker", "--nthreads", "1", "--memory-limit", "1GB")
    with Client(scheduler_file=str(file)) as client:
        client.wait_for_workers(2, timeout=60)
        assert sorted(client.run(socket.gethostname).values()) == sorted(others)
        here, there = client.scheduler_info()["workers"]

        data = client.submit(np.arange, 2_000_000, workers=here)
        total = client.submit(np.sum, data, workers=there)
        assert total.result() == data.result().sum() == np.arange(2_000_000).sum()

        frame = pd.DataFrame({"k": np.arange(10_000) % 97, "v": np.arange(10_000)})
        sums = dd.from_pandas(frame, 6).shuffle("k").groupby("k").v.sum().compute()
        pd.testing.assert_series_equal(sums.sort_index(), frame.groupby("k").v.sum())

        def block(i: int) -> np.ndarray:
            assert i < 20 or Event("cable").wait(60)
            return np.full(50_000, i)

        blocks = client.map(block, range(200))
        means = client.map(np.mean, blocks)
        wait_until(lambda: sum(f.done() for f in means) >= 10, "the first blocks")
        machines.pull(others[1])
        Event("cable").set()
        assert client.gather(means) == list(range(200))
        wait_until(lambda: len(client.scheduler_info()["workers"]) == 1, "the loss to be noticed")
        machines.plug(others[1])
        client.wait_for_workers(2, timeout=60)
        assert client.gather(client.map(abs, range(-50, 0), pure=False)) == list(range(50, 0, -1))
        client.shutdown()
    wait_until(lambda: all(p.poll() is not None for p in machines.running), "everybody to end")
