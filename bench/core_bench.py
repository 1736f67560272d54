"""Executors, delayed, plans and imports: shoal beside Dask, on the same graphs.

    python bench/core_bench.py                 # everything; Dask's columns need it installed
    python bench/core_bench.py --only get      # get | delayed | scale | plan | import

Each row is measured in turns, one run of ours and one of theirs, and quotes medians of CPU time a
task (all threads), because neighbours on the machine do not make that longer.
"""

from __future__ import annotations

import argparse
import functools
import gc
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from operator import add
from typing import Any

import shoal
import shoal.threaded
from shoal.graph.assemble import assemble
from shoal.graph.layers import Blocks, Const, Each, Graph, GridLayer, Window

try:
    import dask
    import dask.local
    import dask.threaded
except ImportError:
    dask = None


def inc(x: int) -> int:
    """One."""
    return x + 1


def cpu(run: Callable[[], Any]) -> float:
    """CPU seconds of one run, everything it made let go afterwards."""
    start = time.process_time()
    result = run()
    spent = time.process_time() - start
    del result
    return spent


def race(runs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median CPU seconds of each run, taken in turns."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            gc.collect()
            taken[name].append(cpu(run))
    return {name: statistics.median(times) for name, times in taken.items()}


def show(label: str, seconds: dict[str, float], tasks: int) -> None:
    """One row, in microseconds a task."""
    ours = seconds["shoal"] / tasks * 1e6
    theirs = seconds.get("dask")
    rest = ""
    if theirs is not None:
        rest = f"{theirs / tasks * 1e6:10.2f} {theirs / seconds['shoal']:8.1f}x"
    print(f"{label:32} {ours:10.2f} {rest}", flush=True)


def dict_graphs() -> dict[str, tuple[dict[Any, Any], Any]]:
    """20k independent tasks, a chain of 5k, a tree of 16k leaves."""
    many = {f"x{i}": (inc, i) for i in range(20_000)}
    chain: dict[Any, Any] = {"c0": 0}
    chain |= {f"c{i}": (inc, f"c{i - 1}") for i in range(1, 5_000)}
    tree: dict[Any, Any] = {}

    def node(*task: Any) -> str:
        key = f"t{len(tree)}"
        tree[key] = task
        return key

    level = [node(inc, i) for i in range(16_384)]
    while len(level) > 1:
        level = [node(add, *level[i : i + 2]) for i in range(0, len(level), 2)]
    return {"many": (many, list(many)), "chain": (chain, "c4999"), "tree": (tree, level[0])}


def bench_get(rounds: int) -> None:
    """``get`` of dict graphs."""
    for name, (graph, keys) in dict_graphs().items():
        for label, ours, theirs in (
            ("threads", shoal.threaded.get, dask and dask.threaded.get),
            ("sync", shoal.get, dask and dask.local.get_sync),
        ):
            runs: dict[str, Callable[[], Any]] = {"shoal": functools.partial(ours, graph, keys)}
            if dask:
                runs["dask"] = functools.partial(theirs, graph, keys)
            show(f"get {name} {label}", race(runs, rounds), len(graph))


def shapes(root: Any) -> dict[str, Callable[[int], Any]]:
    """The same shapes, built with `delayed`."""
    one, two = root.delayed(inc), root.delayed(add)

    def tree(n: int) -> Any:
        level = [one(i) for i in range(n // 2)]
        while len(level) > 1:
            pairs = range(0, len(level) - 1, 2)
            rest = [level[-1]] if len(level) % 2 else []
            level = [two(level[i], level[i + 1]) for i in pairs] + rest
        return level[0]

    return {
        "many": lambda n: [one(i) for i in range(n)],
        "chain": lambda n: functools.reduce(lambda call, _: one(call), range(n), 0),
        "tree": tree,
    }


def build_and_run(root: Any, shape: str, n: int) -> Any:
    """From nothing to the answer, on threads."""
    return root.compute(shapes(root)[shape](n), scheduler="threads")


def bench_delayed(rounds: int) -> None:
    """``delayed`` from building to result; Dask's 20,000 takes it tens of seconds a shape."""
    for n in (2_000, 20_000):
        for shape in ("many", "chain", "tree"):
            turns = rounds if n < 10_000 else 1
            runs = {"shoal": functools.partial(build_and_run, shoal, shape, n)}
            if dask:
                runs["dask"] = functools.partial(build_and_run, dask, shape, n)
            show(f"delayed {shape} {n}", race(runs, turns), n)


def bench_scale(rounds: int) -> None:
    """Cost a task as the graph grows."""
    for shape in ("many", "chain", "tree"):
        for n in (1_000, 10_000, 100_000, 1_000_000):
            runs = {"shoal": functools.partial(build_and_run, shoal, shape, n)}
            show(f"delayed {shape} {n}", race(runs, rounds if n < 100_000 else 1), n)


def elementwise(n: int, layers: int) -> Graph:
    """Layers of ``n`` tasks on each other."""
    graph = Graph()
    graph.add(GridLayer("l0", None, (n,), (Each(range(n)),)))
    for k in range(1, layers):
        graph.add(GridLayer(f"l{k}", inc, (n,), (Blocks(f"l{k - 1}", (n,), (0,)),)))
    return graph


def transposed_sum(n: int, fan: int = 4) -> tuple[Graph, str]:
    """``(x + x.T).sum()`` on ``n`` by ``n`` blocks, and the name of its last layer."""
    graph = Graph()
    graph.add(GridLayer("x", inc, (n, n), (Const(1),)))
    inputs = Blocks("x", (n, n), (0, 1)), Blocks("x", (n, n), (1, 0))
    graph.add(GridLayer("sum0", add, (n, n), inputs))
    level = 0
    while n > 1:
        windows = Blocks(f"sum{level}", (n, n), (Window(0, fan), Window(1, fan)))
        n, level = -(-n // fan), level + 1
        graph.add(GridLayer(f"sum{level}", sum, (n, n), (windows,)))
    return graph, f"sum{level}"


def bench_plan(rounds: int) -> None:
    """Plans of a million tasks and more: seconds, and bytes a task or a block."""
    for layers in (1, 2, 4):
        n = 1_000_000 // layers
        name = f"l{layers - 1}"
        plan_row(f"plan of {layers} layers x {n}", elementwise(n, layers), name, "task", n * layers)
    graph, name = transposed_sum(1_000)
    plan_row("plan of (x + x.T).sum(), 1000 x 1000", graph, name, "block", 1_000_000)
    if dask:
        n = 200
        seconds = race({"dask": functools.partial(dask_transposed_sum, n)}, 3)["dask"]
        print(f"the same in Dask, {n} x {n}: {seconds / n / n * 1e6:.1f} us a block", flush=True)


def plan_row(label: str, graph: Graph, name: str, unit: str, count: int) -> None:
    """Time and memory of one plan."""
    numbers = graph.numbers(name)
    seconds = race({"shoal": lambda: assemble(graph, numbers)}, 3)["shoal"]
    tracemalloc.start()
    plan = assemble(graph, numbers)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    each = f"{held / count:.0f} B a {unit} held, {peak / count:.0f} peak"
    print(f"{label}: {len(plan)} tasks, {seconds:.2f} s, {each}", flush=True)


def dask_transposed_sum(n: int) -> Any:
    """Dask's optimised graph and its order, on blocks of one element."""
    from dask import array
    from dask.order import order

    x = array.ones((n, n), chunks=1)
    (total,) = dask.optimize((x + x.T).sum(split_every=16))
    return order(dict(total.__dask_graph__()))


def bench_import(rounds: int) -> None:
    """Seconds of a whole interpreter that imports."""
    for what in ("nothing", "shoal", "shoal.bag", "dask", "dask.bag"):
        code = "pass" if what == "nothing" else f"import {what}"
        times = []
        for _ in range(2 * rounds):
            start = time.perf_counter()
            done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
            times.append(time.perf_counter() - start)
        result = f"{statistics.median(times) * 1000:.0f} ms" if not done.returncode else "missing"
        print(f"python -c 'import {what}': {result}", flush=True)


BENCHES = {
    "get": bench_get,
    "delayed": bench_delayed,
    "scale": bench_scale,
    "plan": bench_plan,
    "import": bench_import,
}


def main() -> None:
    """Run the chosen benches."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=list(BENCHES), default=list(BENCHES))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(f"{'us CPU a task':32} {'shoal':>10} {'dask':>10} {'ratio':>9}")
    for name in options.only:
        BENCHES[name](options.rounds)


if __name__ == "__main__":
    main()
