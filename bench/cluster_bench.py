"""The cluster as programs see it, beside Dask's: two worker processes of one thread each.

    python bench/cluster_bench.py [--rounds N] [--tasks N]

Each figure is the best of some rounds, and the rounds of the peers are interleaved: the machine may
be busy.  Dask is measured where it is installed.

    throughput    gather(map(inc, range(n))), tasks a second
    latency       submit(inc, i).result() one at a time: median and 99th percentile, ms
    tree          a tree reduction of delayed calls, tasks a second
    scatter       a numpy array to the cluster, GB/s
    move          the same to the other worker, and its sum, GB/s
    gather        the same back to the client, GB/s
    start, close  a cluster with its first result; its end, s
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

SHAPE = {"n_workers": 2, "threads_per_worker": 1}


def inc(x: int) -> int:
    """A task of no work."""
    return x + 1


def add(x: int, y: int) -> int:
    """Another."""
    return x + y


def seconds(run: Callable[[], Any]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


class Peer:
    """A library, its open client, and what was measured so far."""

    def __init__(self, name: str, options: dict[str, Any]) -> None:
        self.name = name
        self.main = importlib.import_module(name)
        self.distributed = importlib.import_module(
            "shoal.distributed" if name == "shoal" else "distributed"
        )
        self.options = {**SHAPE, **options}
        self.figures: dict[str, list[float]] = {}
        start = time.perf_counter()
        self.client = self.distributed.Client(**self.options)
        self.client.submit(inc, 0).result()
        self.note("start", time.perf_counter() - start)

    def note(self, what: str, value: float) -> None:
        """One more measurement."""
        self.figures.setdefault(what, []).append(value)

    def throughput(self, count: int, turn: int) -> None:
        """Many tasks that need nothing."""
        first = turn * count
        numbers = range(first, first + count)
        took = seconds(lambda: self.client.gather(self.client.map(inc, numbers)))
        self.note("throughput", count / took)

    def latency(self, count: int, turn: int) -> None:
        """One task at a time."""
        times = [
            seconds(lambda: self.client.submit(inc, -turn * count - i).result())  # noqa: B023
            for i in range(1, count)
        ]
        self.note("latency", 1e3 * statistics.median(times))
        self.note("latency p99", 1e3 * sorted(times)[int(0.99 * len(times))])

    def tree(self, leaves: int) -> None:
        """A reduction by pairs."""
        delayed = self.main.delayed
        level = [delayed(inc)(i) for i in range(leaves)]
        while len(level) > 1:
            level = [delayed(add)(a, b) for a, b in zip(level[::2], level[1::2], strict=True)]
        took = seconds(level[0].compute)
        self.note("tree", 2 * leaves / took)

    def data(self, nbytes: int, turn: int) -> None:
        """A large array there, across and back."""
        client = self.client
        array = np.random.default_rng(turn).random(nbytes // 8)
        gigabytes = array.nbytes / 1e9
        start = time.perf_counter()
        future = client.scatter(array, hash=False)
        self.note("scatter", gigabytes / (time.perf_counter() - start))
        here = {address for holders in client.who_has(future).values() for address in holders}
        other = [a for a in client.scheduler_info()["workers"] if a not in here]
        start = time.perf_counter()
        client.submit(np.sum, future, workers=other).result()
        self.note("move", gigabytes / (time.perf_counter() - start))
        start = time.perf_counter()
        future.result()
        self.note("gather", gigabytes / (time.perf_counter() - start))

    def close(self) -> None:
        """End the cluster."""
        self.note("close", seconds(self.client.close))


LESS_IS_BETTER = ("latency", "start", "close")


def best(what: str, values: list[float]) -> float:
    """The best of some rounds."""
    return min(values) if what.startswith(LESS_IS_BETTER) else max(values)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description="the cluster beside Dask's")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tasks", type=int, default=50_000, help="of shoal; Dask gets a tenth")
    parser.add_argument("--megabytes", type=int, default=500)
    given = parser.parse_args()
    peers = [Peer("shoal", {})]
    with contextlib.suppress(ImportError):
        peers.append(Peer("dask", {"dashboard_address": None}))
    for turn in range(1, given.rounds + 1):
        for peer in peers:
            part = 1 if peer.name == "shoal" else 10
            peer.throughput(given.tasks // part, turn)
            peer.latency(1_000 // part, turn)
            peer.tree(2 ** (13 if part == 1 else 10))
            peer.data(given.megabytes * 1_000_000, turn)
    for peer in peers:
        peer.close()
    print(f"{'':14}" + "".join(f"{peer.name:>12}" for peer in peers) + f"{'ratio':>10}")
    for what in peers[0].figures:
        figures = [best(what, peer.figures[what]) for peer in peers]
        line = f"{what:14}" + "".join(f"{figure:12,.3g}" for figure in figures)
        if len(figures) == 2:
            ratio = figures[0] / figures[1]
            line += f"{1 / ratio if what.startswith(LESS_IS_BETTER) else ratio:10.1f}"
        print(line)


if __name__ == "__main__":
    main()
