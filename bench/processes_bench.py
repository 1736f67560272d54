"""Processes: shoal beside Dask and `multiprocessing.Pool`, on the same tasks.

    python bench/processes_bench.py                  # everything; Dask's columns need it installed
    python bench/processes_bench.py --only tasks     # tasks | move | start

Workers are warm (two of them) unless the row is about starting.  Each row is measured in turns and
quotes medians: wall time, and CPU time of the parent and of its children together, which neighbours
on the machine do not make longer.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from operator import add
from pathlib import Path
from typing import Any

import numpy as np

from shoal.graph.legacy import plan_from_dict
from shoal.local.foreign import run_executor
from shoal.local.processes import end_workers, run_processes

try:
    import dask.multiprocessing as dask_processes
except ImportError:
    dask_processes = None

WORKERS = 2


def inc(x: float) -> float:
    """One more."""
    return x + 1


def record(i: int) -> dict[str, Any]:
    """A small result that is no number."""
    return {"id": i, "name": str(i)}


def spin(i: int) -> int:
    """About a millisecond of work."""
    return sum(range(60_000)) + i


def make(megabytes: int) -> Any:
    """An array."""
    return np.ones(megabytes * 125_000)


def total(array: Any, _: Any = None) -> float:
    """Reads an array."""
    return float(array.sum())


def both(x: Any, y: Any) -> float:
    """Reads two arrays."""
    return float(x.sum() + y.sum())


def cpu_of(pid: int) -> float:
    """CPU seconds of one process so far, by its threads."""
    spent = 0
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        spent += int(path.read_text().split()[0])
    return spent / 1e9


def family() -> list[int]:
    """This process and its descendants."""
    found, stack = [], [os.getpid()]
    while stack:
        pid = stack.pop()
        found.append(pid)
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            stack += map(int, path.read_text().split())
    return found


def measure(run: Callable[[], Any]) -> tuple[float, float]:
    """Wall and CPU seconds of one run."""
    pids = family()
    before = sum(map(cpu_of, pids))
    start = time.perf_counter()
    run()
    wall = time.perf_counter() - start
    return wall, sum(map(cpu_of, pids)) - before


def race(label: str, runs: dict[str, Callable[[], Any]], per: int, rounds: int, unit: str) -> None:
    """Medians of some runs, taken in turns, one line each."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    for _ in range(rounds):
        for name, run in runs.items():
            taken[name].append(measure(run))
    scale = {"us": 1e6, "ms": 1e3}[unit] / per
    first = None
    for name, times in taken.items():
        wall, cpu = (statistics.median(column) * scale for column in zip(*times))
        first = first or (wall, cpu)
        ratio = "" if name == "shoal" else f"{wall / first[0]:8.1f}x {cpu / first[1]:8.1f}x"
        print(f"{label:34} {name:24} {wall:10.2f} {cpu:10.2f} {unit} {ratio}", flush=True)


def tree() -> dict[Any, Any]:
    """8,192 leaves, joined two by two."""
    graph: dict[Any, Any] = {("x", 0, i): (inc, i / 2) for i in range(8_192)}
    level, width = 0, 8_192
    while width > 1:
        width //= 2
        level += 1
        for i in range(width):
            graph["x", level, i] = (add, ("x", level - 1, 2 * i), ("x", level - 1, 2 * i + 1))
    return graph


def bench_tasks(rounds: int) -> None:
    """Small tasks."""
    pool = multiprocessing.get_context("spawn").Pool(WORKERS)
    executor = ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn"))
    shapes: list[tuple[str, Any, Any, int]] = [
        ("20,000 trivial", inc, [i + 0.5 for i in range(20_000)], 20_000),
        ("20,000 small dicts", record, list(range(20_000)), 20_000),
        ("500 of 1 ms", spin, list(range(500)), 500),
    ]
    for label, func, inputs, n in shapes:
        graph = {f"t{i}": (func, x) for i, x in enumerate(inputs)}
        keys = list(graph)
        plan = plan_from_dict(graph, keys)
        runs: dict[str, Callable[[], Any]] = {
            "shoal": lambda plan=plan: run_processes(plan, num_workers=WORKERS),
            "shoal, their executor": lambda plan=plan: run_executor(plan, executor),
            "Pool.imap, chunksize 100": lambda f=func, x=inputs: list(pool.imap(f, x, 100)),
            "Pool.map": lambda f=func, x=inputs: pool.map(f, x),
        }
        add_dask(runs, graph, keys, executor)
        race(label, runs, n, rounds, "us")
    graph = tree()
    root = ("x", 13, 0)
    plan = plan_from_dict(graph, [root])
    runs = {"shoal": lambda: run_processes(plan, num_workers=WORKERS)}
    add_dask(runs, graph, [root], executor)
    race("a tree of 16,383", runs, 16_383, rounds, "us")
    pool.close()
    executor.shutdown()
    end_workers()


def add_dask(
    runs: dict[str, Callable[[], Any]], graph: Any, keys: Any, executor: ProcessPoolExecutor
) -> None:
    """Dask's processes, with a warm pool and its default chunksize (6)."""
    if dask_processes is not None:
        get = functools.partial(dask_processes.get, pool=executor, optimize_graph=False)
        runs["dask, warm pool"] = lambda: get(graph, keys)


def bench_move(rounds: int) -> None:
    """Arrays from one task to another, and to the caller."""
    executor = ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn"))
    for megabytes in (1, 10, 100):
        # Two arrays, made on different workers, into one task: one of them has to move.
        graph: dict[Any, Any] = {"x": (make, megabytes), "y": (make, megabytes)}
        graph["z"] = (both, "x", "y")
        # One array that two tasks read.
        graph |= {f"r{i}": (total, "x", i) for i in range(2)}
        for label, keys in [
            (f"2 x {megabytes} MB into one task", ["z"]),
            (f"{megabytes} MB into two tasks", ["r0", "r1"]),
            (f"{megabytes} MB to the caller", ["x"]),
        ]:
            plan = plan_from_dict(graph, keys)
            runs = {"shoal": lambda p=plan: run_processes(p, num_workers=WORKERS, chunksize=1)}
            add_dask(runs, graph, keys, executor)
            race(label, runs, 1, rounds, "ms")
    executor.shutdown()
    end_workers()


START = {
    "shoal": """
from shoal.graph.legacy import plan_from_dict
from shoal.local.processes import run_processes
plan = plan_from_dict({"x": (abs, -1), "y": (abs, -2)}, ["x", "y"])
run = lambda: run_processes(plan, num_workers=2)
""",
    "dask": """
import dask
from dask.multiprocessing import get
run = lambda: get({"x": (abs, -1), "y": (abs, -2)}, ["x", "y"], num_workers=2)
""",
    "Pool.map": """
import multiprocessing
def run():
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(abs, [-1, -2])
""",
}
TIMED = """
if __name__ == "__main__":
    import resource, time
    start = time.perf_counter(), time.process_time()
    run()
    wall, here = time.perf_counter() - start[0], time.process_time() - start[1]
    again = time.perf_counter()
    run()
    again = time.perf_counter() - again
    try:
        from shoal.local.processes import end_workers
        end_workers()
    except ImportError:
        pass
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(wall, here + spent.ru_utime + spent.ru_stime, again)
"""


def bench_start(rounds: int) -> None:
    """The first call in a program, and the second."""
    program = Path("start_bench_program.py")
    rows: dict[str, list[list[float]]] = {}
    for _ in range(rounds):
        for name, code in START.items():
            if name == "dask" and dask_processes is None:
                continue
            program.write_text(code + TIMED)
            done = subprocess.run(
                [sys.executable, str(program)], capture_output=True, text=True, check=True
            )
            rows.setdefault(name, []).append(list(map(float, done.stdout.split())))
    program.unlink()
    for name, times in rows.items():
        wall, cpu, again = (statistics.median(column) * 1e3 for column in zip(*times))
        print(
            f"two tasks on two new workers       {name:24} {wall:10.2f} {cpu:10.2f} ms (CPU of two"
            f" calls); the next call {again:.2f} ms",
            flush=True,
        )


def main() -> None:
    """Run the benchmarks."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=["tasks", "move", "start"])
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print(f"{'':34} {'':24} {'wall':>10} {'CPU':>10}")
    for name, bench in {"tasks": bench_tasks, "move": bench_move, "start": bench_start}.items():
        if given.only in (None, name):
            bench(given.rounds)


if __name__ == "__main__":
    main()
