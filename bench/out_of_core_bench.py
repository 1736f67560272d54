"""``(x - x.mean(axis=0)).std()`` over more data than the cluster has memory for, beside Dask.

    python bench/out_of_core_bench.py [--memory 400MB] [--times 3] [--peers shoal dask]

Blocks of numpy are made by `delayed` tasks, and every block is needed twice: for the mean, and when
the mean is known, so all of them have to stay somewhere: in memory, or on disk.  Two worker
processes of one thread.  The answer is compared with one that is computed block by block in this
process, and the workers that were killed are counted.
"""

from __future__ import annotations

import argparse
import importlib
import os
import time
from typing import Any

import numpy as np

from shoal.units import format_bytes, parse_bytes

COLUMNS = 1_000


def block(seed: int, rows: int) -> np.ndarray:
    """One block of x."""
    return np.random.default_rng(seed).random((rows, COLUMNS))


def sums(x: np.ndarray) -> np.ndarray:
    """Of its columns."""
    return x.sum(axis=0)


def add(parts: list[Any]) -> Any:
    """Their sum."""
    return sum(parts)


def deviations(x: np.ndarray, total: np.ndarray, rows: int) -> tuple[float, float]:
    """Sum and sum of squares of ``x - mean``."""
    apart = x - total / rows
    return float(apart.sum()), float((apart * apart).sum())


def std(parts: list[tuple[float, float]], count: int) -> float:
    """Of all elements."""
    total, squares = (sum(column) for column in zip(*parts, strict=True))
    return float(np.sqrt(squares / count - (total / count) ** 2))


def graph(delayed: Any, blocks: int, rows: int) -> Any:
    """The whole computation."""
    x = [delayed(block)(seed, rows) for seed in range(blocks)]
    total = delayed(add)([delayed(sums)(part) for part in x])
    parts = [delayed(deviations)(part, total, blocks * rows) for part in x]
    return delayed(std)(parts, blocks * rows * COLUMNS)


def expected(blocks: int, rows: int) -> float:
    """The same in this process, one block at a time."""
    total = sum(sums(block(seed, rows)) for seed in range(blocks))
    parts = [deviations(block(seed, rows), total, blocks * rows) for seed in range(blocks)]
    return std(parts, blocks * rows * COLUMNS)


def measure(name: str, memory: int, blocks: int, rows: int, answer: float) -> None:
    """Run it on one library's cluster and print a line."""
    main = importlib.import_module(name)
    distributed = importlib.import_module("shoal.distributed" if name == "shoal" else "distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "memory_limit": memory}
    with distributed.Client(**options, dashboard_address=None) as client:
        before = set(client.run(os.getpid).values())
        start = time.perf_counter()
        try:
            found = client.compute(graph(main.delayed, blocks, rows)).result(timeout=600)
            right = abs(found - answer) < 1e-9
        except Exception as error:
            right = f"{type(error).__name__}: {error}"
        took = time.perf_counter() - start
        after = set(client.run(os.getpid).values())
    print(
        f"{name}: {took:.1f} s, answer {right}, workers killed: {len(before - after)}", flush=True
    )


def main() -> None:
    """As the command line says."""
    parser = argparse.ArgumentParser(description="more data than memory")
    parser.add_argument("--memory", type=parse_bytes, default="400MB", help="of each worker")
    parser.add_argument("--times", type=float, default=3.0, help="data, over the memory of both")
    parser.add_argument("--block", type=parse_bytes, default="16MB")
    parser.add_argument("--peers", nargs="*", default=["shoal"])
    given = parser.parse_args()
    memory, size = (
        parse_bytes(v) if isinstance(v, str) else v for v in (given.memory, given.block)
    )
    rows = size // (8 * COLUMNS)
    blocks = int(2 * memory * given.times / size)
    print(f"{blocks} blocks of {format_bytes(size)}: {given.times:g} times two workers' memory")
    answer = expected(blocks, rows)
    for name in given.peers:
        measure(name, memory, blocks, rows, answer)


if __name__ == "__main__":
    main()
