"""A scheduler's process that is killed and started again with its journal: nothing is lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shoal.distributed import (
    Client,
    Event,
    Lock,
    Queue,
    Semaphore,
    Variable,
    default_client,
)

PROGRAM = "from shoal.cli.main import shoal; shoal()"


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def function(salt: int) -> Callable[..., int]:
    """One of several functions of tasks, none of which gives what another one gives."""

    def task(folder: str, number: int, *inputs: int) -> int:
        """Takes a moment, and leaves a line for each time that it ends."""
        threading.Event().wait(0.02)
        with open(os.path.join(folder, "ended"), "a") as file:
            file.write(f"{number}\n")
        return 1000 * salt + number + sum(inputs)

    return task


class Passed:
    """Numbers that go through what a scheduler keeps, all the time, while it is killed."""

    def __init__(self) -> None:
        self.queue, self.last = Queue("numbers", maxsize=3), Variable("last")
        self.count = -1
        self.came: list[int] = []
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=do, daemon=True) for do in (self.put, self.get)]
        for thread in self.threads:
            thread.start()

    def put(self) -> None:
        number = 0
        while not self.stop.wait(0.01):
            self.queue.put(number)
            self.last.set(number)
            default_client().publish_dataset(number, name=f"number {number}")
            number += 1
        self.queue.put(-1)
        self.count = number

    def get(self) -> None:
        while (number := self.queue.get()) >= 0:
            self.came.append(number)

    def end(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(120)
        assert self.count > 0, "putting has failed"
        assert self.came == list(range(self.count))
        assert self.last.get() == self.count - 1
        names = {f"number {number}" for number in range(self.count)}
        assert set(default_client().list_datasets()) == names


def left_over(dask_scheduler: Any) -> int:
    """Tasks that it knows, and results that it thinks workers hold."""
    workers = dask_scheduler.workers.values()
    return len(dask_scheduler.tasks) + sum(len(worker.has_what) for worker in workers)


def wait_until(path: Path, lines: int) -> None:
    end = time.monotonic() + 60
    while not path.exists() or len(path.read_text().splitlines()) < lines:
        assert time.monotonic() < end, "the tasks do not run"
        threading.Event().wait(0.01)


def test_killed_and_started_again(tmp_path: Path) -> None:
    port = str(free_port())
    arguments = ("scheduler", "--port", port, "--journal", "journal")
    scheduler = start(tmp_path, *arguments)
    assert scheduler.stdout is not None and scheduler.stdout.readline()
    workers = start(tmp_path, "worker", "--nworkers", "2", "--nthreads", "1", "--name", "w")
    try:
        with Client(scheduler_file=tmp_path / "cluster.json") as client:
            client.wait_for_workers(2, timeout=60)
            # What nobody wants any more is not in the journal that the second restart reads: from
            # then on the other functions have other numbers.
            functions = [function(salt) for salt in range(9)]
            assert client.submit(functions[8], str(tmp_path), 200).result(timeout=60) == 8200
            first = [client.submit(functions[i % 4], str(tmp_path), i) for i in range(100)]
            second = [
                client.submit(
                    functions[4 + i % 4], str(tmp_path), 100 + i, first[i], first[(i + 1) % 100]
                )
                for i in range(100)
            ]
            expected = [1000 * (i % 4) + i for i in range(100)]
            lock, seats = Lock("lock"), Semaphore(1, "seats")
            assert lock.acquire() and seats.acquire()
            heard: list[bool] = []
            waits = threading.Thread(target=lambda: heard.append(Event("go").wait()), daemon=True)
            waits.start()
            passed = Passed()
            for lines in (70, 120):
                wait_until(tmp_path / "ended", lines)
                scheduler.send_signal(signal.SIGKILL)
                scheduler.communicate(timeout=60)
                before = set((tmp_path / "ended").read_text().split())
                scheduler = start(tmp_path, *arguments)
                assert scheduler.stdout is not None and scheduler.stdout.readline()
            # What was under way was done, and done once.
            passed.end()
            # Who holds something holds it still, and who waits waits on.
            assert not Lock("lock").acquire(timeout=0.05)
            assert not Semaphore(1, "seats").acquire(timeout=0.05)
            lock.release()
            assert seats.release() and Lock("lock").acquire() and Semaphore(1, "seats").acquire()
            assert not heard
            Event("go").set()
            waits.join(60)
            assert heard == [True]
            began = time.monotonic()
            # A client that goes on submits what it has not submitted before, too.
            third = [client.submit(functions[i], str(tmp_path), 201 + i) for i in range(9)]
            assert client.gather(second, errors="raise") == [
                1000 * (4 + i % 4) + 100 + i + expected[i] + expected[(i + 1) % 100]
                for i in range(100)
            ]
            assert time.monotonic() - began < 60
            assert client.gather(first) == expected
            assert client.gather(third) == [1000 * i + 201 + i for i in range(9)]
            del first, second, third
            # Nothing stays, neither with the scheduler nor with workers that it did not start.
            end = time.monotonic() + 60
            while client.run_on_scheduler(left_over):
                assert time.monotonic() < end, "keys are left"
                threading.Event().wait(0.02)
        ended = (tmp_path / "ended").read_text().split()
        again = [number for number in before if ended.count(number) > 1]
        assert len(set(ended)) == 210
        # At most one task in twenty of those that had ended ran a second time.
        assert len(again) <= 0.05 * len(before) + 1, again
    finally:
        for process in (workers, scheduler):
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
