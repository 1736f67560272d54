"""Arrays beside Dask's: what a chain, a reduction and a slice cost, and how soon a graph is ready.

    python bench/array_bench.py [--gb 1] [--only chain] [--repeat 5]
    python bench/array_bench.py --only products

Both run on threads, one after the other, several times; medians, in seconds of wall clock and of
processor time.  Inputs are `random` blocks in memory (persisted), so that arithmetic is measured.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import numpy as np

import shoal
import shoal.array as sa


def chain(x: Any) -> Any:
    return ((x - 1) * 2 + x**2).sum()


def transposed(x: Any) -> Any:
    return (x + x.T).mean(axis=0)


def standard(x: Any) -> Any:
    return ((x - x.mean(axis=0)) / x.std(axis=0)).max(axis=0)


def sliced(x: Any) -> Any:
    return x[::2, 100:200].mean()


def product(x: Any) -> Any:
    return x @ x.T


def singular_values(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        return np.linalg.svd(x[:, :500], full_matrices=False)[1]
    module = importlib.import_module(type(x).__module__.partition(".")[0] + ".array.linalg")
    return module.svd(x[:, :500].rechunk((x.chunks[0], 500)))[1]


def compressed(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        return np.linalg.svd(x, compute_uv=False)[:1]
    module = importlib.import_module(type(x).__module__.partition(".")[0] + ".array.linalg")
    return module.svd_compressed(x, 5, n_power_iter=2, seed=0)[1][:1]


def stencil(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        return mean_of_neighbours(np.pad(x, 1, mode="reflect"))[1:-1, 1:-1]
    return x.map_overlap(mean_of_neighbours, depth=1, boundary="reflect")


def mean_of_neighbours(block: np.ndarray) -> np.ndarray:
    out = block.copy()
    out[1:-1, 1:-1] += block[:-2, 1:-1] + block[2:, 1:-1] + block[1:-1, :-2] + block[1:-1, 2:]
    return out / 5


def transform(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        return abs(np.fft.fft(x, axis=1)).sum(axis=1)
    module = importlib.import_module(type(x).__module__.partition(".")[0] + ".array.fft")
    return abs(module.fft(x.rechunk((x.chunks[0], -1)), axis=1)).sum(axis=1)


CASES: dict[str, Callable[[Any], Any]] = {
    "chain": chain,
    "transposed": transposed,
    "standard": standard,
    "sliced": sliced,
}

SMALLER: dict[str, tuple[Callable[[Any], Any], float]] = {
    "product": (product, 0.1),
    "singular_values": (singular_values, 0.25),
    "compressed": (compressed, 0.03),
    "stencil": (stencil, 1),
    "transform": (transform, 0.5),
}
"""What takes longer, each with the part of ``--gb`` that it is given."""


ENGINES = [name for name in ("numexpr", "numba") if importlib.util.find_spec(name)]


def on_engine(name: str, make: Callable[[Any], Any], x: Any) -> Any:
    with shoal.config.set({"array.engine": name}):
        return make(x).compute()


def seconds(work: Callable[[], Any]) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def rested(work: Callable[[], Any]) -> float:
    """Wall time of what begins when OpenBLAS's threads sleep: after each product they turn for
    0.1 s, and take a third of two CPUs from who has threads of its own."""
    time.sleep(0.15)
    return seconds(work)[0]


def interleaved(works: dict[str, Callable[[], Any]], repeat: int) -> dict[str, tuple[float, float]]:
    """Medians; in an order that changes each round, for whoever comes after NumPy's gigabytes of
    temporaries, which go back to the system, is a third slower."""
    rows: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    names = list(works)
    random = Random(0)
    for _ in range(repeat):
        random.shuffle(names)
        for name in names:
            rows[name].append(seconds(works[name]))
    return {
        name: (statistics.median(r[0] for r in row), statistics.median(r[1] for r in row))
        for name, row in rows.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gb", type=float, default=1.0)
    parser.add_argument("--only", nargs="*", default=[*CASES, *SMALLER, "products", "graph"])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--chunk", type=int, default=0, help="edge of a block; 0: about 32 MB")
    given = parser.parse_args()
    import dask
    import dask.array as dda

    for name in given.only:
        if name == "graph":
            graph(dask, dda)
            continue
        if name == "products":
            products(given.repeat)
            continue
        make, part = SMALLER[name] if name in SMALLER else (CASES[name], 1)
        side = int((given.gb * part * 2**30 / 8) ** 0.5)
        block = given.chunk or min(2000, side // 2)
        values = np.random.default_rng(0).random((side, side))
        ours = sa.from_array(values, chunks=block).persist()
        theirs = dda.from_array(values, chunks=block).persist()
        np.testing.assert_allclose(make(ours).compute(), make(theirs).compute(), rtol=1e-9)
        works = {
            "shoal": lambda make=make, x=ours: make(x).compute(),
            "dask": lambda make=make, x=theirs: make(x).compute(),
            "numpy": partial(make, values),
        }
        if name in CASES:
            works |= {engine: partial(on_engine, engine, make, ours) for engine in ENGINES}
        for engine in set(ENGINES) & set(works):  # compiled before it is measured
            np.testing.assert_allclose(works[engine](), make(ours).compute(), rtol=1e-11)
        got = interleaved(works, given.repeat)
        wall, cpu = got["dask"]
        print(f"{name}: {given.gb * part} GB, blocks of {block} x {block}")
        for who, (w, c) in got.items():
            ratios = f"{wall / w:5.2f} {cpu / c:5.2f}"
            print(f"  {who:8} {w:7.3f} s  {c:7.3f} CPU s   Dask / this: {ratios}")


SHAPES = {
    (3663, 3663): (1831, 1832, 1221),
    (2560, 2560): (1280, 640, 320),
    (5120, 1024): (2, 4, 8),
    (1024, 5120): (2, 4, 8),
}
"""Rows and columns of matrices, and the edges of blocks, or how many an axis has (below 64)."""


def products(repeat: int) -> None:
    """What products of matrices in blocks take, as a part of what NumPy takes for them in one."""
    print("products, in parts of NumPy's wall time (least of each, interleaved)")
    for (rows, columns), cuts in SHAPES.items():
        a, b = np.random.random((rows, columns)), np.random.random((columns, rows))
        for cut in cuts:
            lengths = [cut if cut >= 64 else n // cut for n in a.shape]
            x = sa.from_array(a, chunks=tuple(lengths)).persist()
            y = sa.from_array(b, chunks=tuple(lengths[::-1])).persist()
            for name, ours, numpys in (
                ("x @ x.T", lambda x=x: (x @ x.T).compute(), lambda a=a: a @ a.T),
                ("x @ y", lambda x=x, y=y: (x @ y).compute(), lambda a=a, b=b: a @ b),
            ):
                ours(), numpys()
                pairs = [(rested(ours), rested(numpys)) for _ in range(repeat)]
                least = [min(times) for times in zip(*pairs, strict=True)]
                told = f"{rows} x {columns} in {x.numblocks[0]} x {x.numblocks[1]} blocks"
                print(f"  {name:8} {told:32} {least[0] / least[1]:.2f}  ({least[0]:.3f} s)")


def graph(dask: Any, dda: Any) -> None:
    """How soon an expression of many blocks is ready to run."""
    import tracemalloc

    for n, with_dask in ((100, True), (1000, False)):

        def ready(n: int = n) -> Any:
            x = sa.ones((n, n), chunks=1)
            return shoal.collection.make_plan((x + x.T).sum(axis=0))

        cpu = time.process_time()
        plan = ready()
        ours = time.process_time() - cpu
        print(f"graph of {n * n} blocks: shoal {ours:.3f} CPU s, {len(plan)} tasks", end="")
        del plan
        if with_dask:
            cpu = time.process_time()
            y = dda.ones((n, n), chunks=1)
            (out,) = dask.optimize((y + y.T).sum(axis=0))
            tasks = len(dict(out.__dask_graph__()))
            print(f"; Dask {time.process_time() - cpu:.3f} CPU s, {tasks} tasks", end="")
        print()
    tracemalloc.start()
    plan = ready(1000)
    now, peak = tracemalloc.get_traced_memory()
    print(f"  memory a block: {now / 1e6:.0f} B kept, {peak / 1e6:.0f} B peak, {len(plan)} tasks")


if __name__ == "__main__":
    main()
