"""Order: shoal beside Dask, on the same graphs.

    python bench/order_bench.py                    # the six named shapes; Dask's columns are
                                                   # empty where it is missing
    python bench/order_bench.py --all              # and others
    python bench/order_bench.py --shape stencil    # those whose name holds a word
    python bench/order_bench.py --limit 2000       # only graphs of at most so many tasks
    python bench/order_bench.py --million          # time and memory of large plans, ours alone

For each graph the peak number of live results (`shoal.graph.order.peak_live`), ours and Dask's:
run by one worker; by one worker, keeping the results nobody reads; by four workers.  Then the CPU
time a task, the median of calls made in turns.  A ``+`` marks a peak above Dask's.

``order`` of shoal gets tuples of integers and works out the dependents itself; Dask's gets the
graph and the dependencies of each key.  The numbers of the tasks are those of the keys by levels,
as layers give them; ``--numbering depth`` or ``random`` try others.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from shoal.graph.order import order, peak_live

try:
    from dask.core import get_deps
    from dask.order import order as dask_order
except ImportError:
    dask_order = None

Key = Any
Graph = dict[Key, tuple[Key, ...]]
Grid = list[list[Key]]


# Parts of graphs.  Each adds tasks to a graph and returns their keys.


def grid(
    graph: Graph, name: Key, rows: int, cols: int, reads: Callable[[int, int], Sequence[Key]]
) -> Grid:
    """A block of tasks."""
    for i in range(rows):
        for j in range(cols):
            graph[name, i, j] = tuple(reads(i, j))
    return [[(name, i, j) for j in range(cols)] for i in range(rows)]


def load(graph: Graph, name: Key, rows: int, cols: int) -> Grid:
    """Sources."""
    return grid(graph, name, rows, cols, lambda i, j: ())


def elementwise(graph: Graph, name: Key, *inputs: Grid) -> Grid:
    """A function of blocks in the same place."""
    return grid(
        graph, name, len(inputs[0]), len(inputs[0][0]), lambda i, j: [x[i][j] for x in inputs]
    )


def tree(graph: Graph, name: Key, keys: list[Key], fan: int = 4) -> Key:
    """A reduction of a line of blocks, ``fan`` at a time."""
    level = 0
    while True:
        groups = [tuple(keys[i : i + fan]) for i in range(0, len(keys), fan)]
        keys = [(name, level, i) for i in range(len(groups))]
        graph.update(zip(keys, groups, strict=True))
        level += 1
        if len(keys) == 1:
            return keys[0]


def tree_2d(graph: Graph, name: Key, x: Grid, fan: int = 2) -> Key:
    """A reduction of a grid, ``fan`` by ``fan`` at a time."""
    level = 0
    while len(x) > 1 or len(x[0]) > 1 or not level:
        rows, cols = len(x), len(x[0])

        def block(i: int, j: int, x: Grid = x, rows: int = rows, cols: int = cols) -> list[Key]:
            return [
                x[a][b]
                for a in range(i * fan, min(rows, i * fan + fan))
                for b in range(j * fan, min(cols, j * fan + fan))
            ]

        x = grid(graph, (name, level), -(-rows // fan), -(-cols // fan), block)
        level += 1
    return x[0][0]


def needed(graph: Graph, keys: list[Key]) -> Graph:
    """What some keys need, in the same sequence."""
    found, todo = set(keys), list(keys)
    while todo:
        for key in graph[todo.pop()]:
            if key not in found:
                found.add(key)
                todo.append(key)
    return {key: reads for key, reads in graph.items() if key in found}


# The six shapes of the acceptance figure.


def sum_1d(n: int, fan: int = 4, layers: int = 2) -> Graph:
    """Elementwise layers, then a tree."""
    g: Graph = {}
    x = load(g, "x", 1, n)
    for k in range(layers):
        x = elementwise(g, ("e", k), x)
    tree(g, "sum", x[0], fan)
    return g


def sum_2d(rows: int, cols: int) -> Graph:
    """The same on a grid."""
    g: Graph = {}
    tree_2d(g, "sum", elementwise(g, "e", load(g, "x", rows, cols)))
    return g


def sum_of_two(rows: int, cols: int) -> Graph:
    """``(x + 2 * y).sum(axis=0)``."""
    g: Graph = {}
    z = elementwise(
        g, "z", load(g, "x", rows, cols), elementwise(g, "2y", load(g, "y", rows, cols))
    )
    for j in range(cols):
        tree(g, ("sum", j), [row[j] for row in z])
    return g


def mean_std(rows: int, cols: int, fused: bool = False) -> Graph:
    """``(x - x.mean(0)).std()``."""
    g: Graph = {}
    x = load(g, "load", rows, cols)
    if not fused:
        x = elementwise(g, "x", x)
    part = elementwise(g, "mean-part", x)
    mean = [tree(g, ("mean", j), [row[j] for row in part]) for j in range(cols)]
    centred = grid(g, "x - mean", rows, cols, lambda i, j: (x[i][j], mean[j]))
    tree_2d(g, "std", centred if fused else elementwise(g, "std-part", centred))
    return g


def transposed_add(rows: int, cols: int, total: bool = False) -> Graph:
    """``(x + x.T)[:rows, :cols]``, or its sum."""
    g: Graph = {}
    n = max(rows, cols)
    x = load(g, "x", n, n)
    t = grid(g, "x.T", n, n, lambda i, j: (x[j][i],))
    z = grid(g, "z", rows, cols, lambda i, j: (x[i][j], t[i][j]))
    if total:
        return needed(g, [tree_2d(g, "sum", z)])
    return needed(g, [key for row in z for key in row])


def neighbours(x: Grid, i: int, j: int, corners: bool = True) -> list[Key]:
    """The blocks around one, and itself."""
    return [
        x[a][b]
        for a in range(max(0, i - 1), min(len(x), i + 2))
        for b in range(max(0, j - 1), min(len(x[0]), j + 2))
        if corners or a == i or b == j
    ]


def stencil(
    rows: int, cols: int, steps: int = 1, corners: bool = True, total: bool = False
) -> Graph:
    """Each block from the blocks around it, some times over; or the sum of that."""
    g: Graph = {}
    x = load(g, ("x", 0), rows, cols)
    for k in range(1, steps + 1):
        x = grid(g, ("x", k), rows, cols, lambda i, j, x=x: neighbours(x, i, j, corners))
    if total:
        tree_2d(g, "sum", x)
    return g


def map_overlap(rows: int, cols: int, total: bool = False) -> Graph:
    """A stencil through slices of the neighbours, glued, mapped and trimmed."""
    g: Graph = {}
    x = load(g, "x", rows, cols)

    def glued(i: int, j: int) -> Iterator[Key]:
        for key in neighbours(x, i, j):
            if key == x[i][j]:
                yield key
            else:
                piece = ("slice", key, i, j)
                g[piece] = (key,)
                yield piece

    y = elementwise(g, "trim", elementwise(g, "f", grid(g, "glue", rows, cols, glued)))
    if total:
        tree_2d(g, "sum", y)
    return g


def stores(n: int, k: int, final: bool) -> Graph:
    """``k`` functions of one array, each stored; one task may wait for all."""
    g: Graph = {}
    x = elementwise(g, "x", load(g, "load", 1, n))
    done = [elementwise(g, ("store", a), elementwise(g, ("f", a), x)) for a in range(k)]
    if final:
        g["done"] = tuple(key for part in done for key in part[0])
    return g


def reductions(n: int, k: int, fan: int = 4) -> Graph:
    """``k`` reductions of one array."""
    g: Graph = {}
    x = elementwise(g, "x", load(g, "load", 1, n))
    for a in range(k):
        tree(g, ("sum", a), elementwise(g, ("f", a), x)[0], fan)
    return g


def store_and_reduce(n: int) -> Graph:
    """An array stored, its square stored, and its mean."""
    g: Graph = {}
    x = elementwise(g, "x", load(g, "load", 1, n))
    elementwise(g, "store", x)
    elementwise(g, "store2", elementwise(g, "square", x))
    tree(g, "mean", elementwise(g, "mean-part", x)[0])
    return g


def shuffle(n: int, m: int, reduce: bool = False) -> Graph:
    """``n`` partitions split ``m`` ways, and ``m`` gathered."""
    g: Graph = {}
    x = load(g, "x", 1, n)[0]
    for i in range(n):
        for j in range(m):
            g["split", i, j] = (x[i],)
    y = grid(g, "gather", 1, m, lambda _, j: [("split", i, j) for i in range(n)])
    y = elementwise(g, "f", y)
    if reduce:
        tree(g, "sum", y[0], 8)
    return g


def staged_shuffle(k: int, stages: int) -> Graph:
    """The same in stages of ``k`` ways."""
    g: Graph = {}
    n = k**stages
    load(g, ("p", 0), 1, n)
    for s in range(stages):
        step = k**s
        for i in range(n):
            for d in range(k):
                g["split", s, i, d] = ((("p", s), 0, i),)

        def reads(_: int, i: int, s: int = s, step: int = step) -> list[Key]:
            digit = i // step % k
            first = i - digit * step
            return [("split", s, first + e * step, digit) for e in range(k)]

        grid(g, ("p", s + 1), 1, n, reads)
    return g


# Others.


def rechunk(n: int, m: int) -> Graph:
    """``n`` blocks of a line cut into ``m``."""
    g: Graph = {}
    load(g, "x", 1, n)
    for j in range(m):
        parts = [i for i in range(n) if i * m < (j + 1) * n and (i + 1) * m > j * n]
        for i in parts:
            g["slice", i, j] = (("x", 0, i),)
        g["y", j] = tuple(("slice", i, j) for i in parts)
    return g


def svd(n: int) -> Graph:
    """Tall and skinny: QR of the blocks, of the stacked R, and back."""
    g: Graph = {}
    qr = elementwise(g, "qr", load(g, "x", 1, n))
    q, r = elementwise(g, "q", qr), elementwise(g, "r", qr)
    g["stack"] = tuple(r[0])
    for name, source in [("qr2", "stack"), ("q2", "qr2"), ("r2", "qr2"), ("svd", "r2")]:
        g[name] = (source,)
    for name in ("u", "s", "v"):
        g[name] = ("svd",)
    back = grid(g, "q2-slice", 1, n, lambda i, j: ("q2",))
    dot = elementwise(g, "dot", q, back)
    grid(g, "left", 1, n, lambda i, j: (dot[i][j], "u"))
    return g


def cumsum(n: int, m: int = 1, total: bool = False) -> Graph:
    """A scan along each of ``m`` lines, or its sum."""
    g: Graph = {}
    ends: list[Key] = []
    for j in range(m):
        carry: tuple[Key, ...] = ()
        for i in range(n):
            g["x", i, j] = ()
            g["c", i, j] = (("x", i, j),)
            g["last", i, j] = (("c", i, j),)
            g["y", i, j] = (("c", i, j), *carry)
            g["carry", i, j] = (*carry, ("last", i, j))
            carry = (("carry", i, j),)
            ends.append(("y", i, j))
    if total:
        tree(g, "sum", ends)
    return g


def groupby_tree(n: int, outs: int, fan: int = 8) -> Graph:
    """Each chunk split into ``outs`` parts, a tree for each part."""
    g: Graph = {}
    chunk = elementwise(g, "chunk", load(g, "read", 1, n))
    for a in range(outs):
        tree(g, ("agg", a), elementwise(g, ("part", a), chunk)[0], fan)
    return g


def small_graphs(n: int) -> Graph:
    """Independent diamonds."""
    g: Graph = {}
    a = load(g, "a", 1, n)
    elementwise(g, "d", elementwise(g, "b", a), elementwise(g, "c", a))
    return g


def chain_with_inputs(n: int, shared: bool = False) -> Graph:
    """A long chain whose steps read something each, of their own or out of one result."""
    g: Graph = {"b": ()} if shared else {}
    for i in range(n):
        if not shared:
            g["side", i] = ()
        g["part", i] = ("b",) if shared else (("side", i),)
        g["step", i] = (("part", i),) if not i else (("step", i - 1), ("part", i))
    return g


def broadcast_subtract(rows: int, cols: int) -> Graph:
    """``(x - x.mean(1)).max(0)``."""
    g: Graph = {}
    x = load(g, "x", rows, cols)
    part = elementwise(g, "mean-part", x)
    mean = [tree(g, ("mean", i), part[i]) for i in range(rows)]
    y = elementwise(g, "max-part", grid(g, "y", rows, cols, lambda i, j: (x[i][j], mean[i])))
    for j in range(cols):
        tree(g, ("max", j), [row[j] for row in y])
    return g


def anomaly(n: int, groups: int) -> Graph:
    """The mean of the difference to the mean of each group."""
    g: Graph = {}
    x = load(g, "x", 1, n)
    part = elementwise(g, "part", x)[0]
    clim = [tree(g, ("clim", q), part[q::groups]) for q in range(groups)]
    pick = grid(g, "pick", 1, n, lambda _, i: (clim[i % groups],))
    tree(g, "mean", elementwise(g, "mean-part", elementwise(g, "anomaly", x, pick))[0])
    return g


def products(n: int, fan: int = 4) -> Graph:
    """The means of ``u * u``, ``v * v`` and ``u * v``."""
    g: Graph = {}
    u, v = load(g, "u", 1, n), load(g, "v", 1, n)
    for name, inputs in (("uu", [u]), ("vv", [v]), ("uv", [u, v])):
        tree(g, ("mean", name), elementwise(g, name, *inputs)[0], fan)
    return g


def matmul(n: int, m: int, k: int) -> Graph:
    """Products of blocks and their sums."""
    g: Graph = {}
    a, b = load(g, "a", n, k), load(g, "b", k, m)
    for i in range(n):
        for j in range(m):
            dots = grid(g, ("dot", i, j), 1, k, lambda _, q, i=i, j=j: (a[i][q], b[q][j]))
            tree(g, ("sum", i, j), dots[0])
    return g


def cohorts(n: int, groups: int) -> Graph:
    """Split and merged to other borders, then combined by group."""
    g: Graph = {}
    x = load(g, "x", 1, n)
    low, high = elementwise(g, "low", x)[0], elementwise(g, "high", x)[0]
    merged = grid(g, "merge", 1, n, lambda _, i: (low[i], high[(i + 1) % n]))
    part = elementwise(g, "part", merged)[0]
    elementwise(g, "transpose", grid(g, "combine", 1, groups, lambda _, q: part[q::groups]))
    return g


def cholesky(n: int) -> Graph:
    """Blocked factorisation."""
    g: Graph = {("a", i, j): () for i in range(n) for j in range(i + 1)}
    for j in range(n):
        row = [("l", j, k) for k in range(j)]
        g["l", j, j] = (("a", j, j), *row)
        for i in range(j + 1, n):
            g["l", i, j] = (("a", i, j), ("l", j, j), *(("l", i, k) for k in range(j)), *row)
    return g


def butterfly(k: int) -> Graph:
    """A Fourier transform."""
    g: Graph = {}
    load(g, 0, 1, 2**k)
    for s in range(k):
        grid(g, s + 1, 1, 2**k, lambda _, i, s=s: ((s, 0, i), (s, 0, i ^ (1 << s))))
    return g


def random_layers(width: int, depth: int, fan: int, reach: int, seed: int = 0) -> Graph:
    """Layers that read up to ``fan`` tasks of the layer before, at most ``reach`` away."""
    rng = random.Random(seed)
    g: Graph = {}
    load(g, 0, 1, width)
    for d in range(1, depth):
        for i in range(width):
            near = range(max(0, i - reach), min(width, i + reach + 1))
            picked = {rng.choice(near) for _ in range(rng.randint(1, fan))}
            g[d, 0, i] = tuple((d - 1, 0, j) for j in sorted(picked))
    return g


def random_tasks(n: int, fan: int, reach: int, seed: int = 0) -> Graph:
    """Tasks that read up to ``fan`` of the last ``reach``."""
    rng = random.Random(seed)
    g: Graph = {("r", 0): ()}
    for i in range(1, n):
        picked = {rng.randrange(max(0, i - reach), i) for _ in range(rng.randint(0, fan))}
        g["r", i] = tuple(("r", j) for j in sorted(picked))
    return g


SAMPLE_TASKS = 3000

Sizes = list[tuple[Any, ...]]
SQUARES: Sizes = [(4, 4), (10, 10), (30, 30)]
LONG: Sizes = [(5, 30), (30, 5), (12, 100), (100, 12)]
NAMED: list[tuple[str, Callable[..., Graph], Sizes]] = [
    ("sum 1d", sum_1d, [(20,), (1000,), (1000, 2, 1), (30000,)]),
    ("sum 2d", sum_2d, [*SQUARES, *LONG, (200, 200)]),
    ("x + 2y", sum_of_two, [*SQUARES, *LONG]),
    ("mean-std", mean_std, [*SQUARES, (17, 9), *LONG, (64, 64), (130, 130)]),
    ("mean-std fused", mean_std, [(*size, True) for size in [*SQUARES, *LONG]]),
    ("transposed add", transposed_add, [(3, 3), *SQUARES, *LONG, (180, 180)]),
    ("transposed add sum", transposed_add, [(*size, True) for size in [(5, 5), *SQUARES, *LONG]]),
    ("stencil 1d", stencil, [(1, 10), (1, 1000), (1, 40000), (1, 100, 10), (1, 1000, 4)]),
    ("stencil 9", stencil, [*SQUARES, *LONG, (200, 200)]),
    ("stencil 5", stencil, [(*size, 1, False) for size in [*SQUARES, *LONG, (200, 200)]]),
    ("stencil 9, 2 steps", stencil, [(*size, 2) for size in [*SQUARES, *LONG]]),
    ("stencil 5, 3 steps", stencil, [(*size, 3, False) for size in [*SQUARES, *LONG]]),
    ("stencil sum", stencil, [(*size, 1, True, True) for size in [*SQUARES, *LONG, (150, 150)]]),
    ("stencil sum, 2 steps", stencil, [(*size, 2, True, True) for size in SQUARES]),
    ("stencil overlap", map_overlap, [*SQUARES, (4, 20), (20, 4), (90, 90)]),
    ("stencil overlap sum", map_overlap, [(*size, True) for size in [*SQUARES, (4, 20), (20, 4)]]),
    ("stores", stores, [(n, k, f) for n in (10, 1000) for k in (2, 8) for f in (True, False)]),
    ("stores reduced", reductions, [(n, k) for n in (10, 100, 2000) for k in (2, 3, 4, 8, 16)]),
    ("stores reduced flat", reductions, [(10, 3, 10), (1000, 3, 1000)]),
    ("stores and mean", store_and_reduce, [(10,), (100,), (10000,)]),
    ("shuffle", shuffle, [*SQUARES, (5, 40), (40, 5), (3, 100), (100, 3), (300, 300)]),
    ("shuffle sum", shuffle, [(30, 30, True), (10, 60, True)]),
    ("shuffle staged", staged_shuffle, [(2, 3), (2, 6), (4, 3), (8, 2), (8, 3), (10, 3)]),
]
OTHER: list[tuple[str, Callable[..., Graph], Sizes]] = [
    ("rechunk", rechunk, [(10, 15), (150, 100), (1000, 30), (30, 1000)]),
    ("svd", svd, [(5,), (50,), (1000,)]),
    ("cumsum", cumsum, [(10,), (100,), (100, 10), (10, 100), (500, 1, True)]),
    ("groupby tree", groupby_tree, [(16, 4), (200, 1), (200, 4), (500, 16), (50, 30)]),
    ("small graphs", small_graphs, [(10,), (5000,)]),
    ("chain with inputs", chain_with_inputs, [(10,), (5000,), (10, True), (5000, True)]),
    ("broadcast subtract", broadcast_subtract, [*SQUARES, *LONG]),
    ("anomaly", anomaly, [(20, 5), (200, 5), (200, 20), (365, 12), (1000, 100)]),
    ("products", products, [(10,), (500,), (500, 500)]),
    ("matmul", matmul, [(4, 4, 4), (10, 10, 10), (3, 3, 50), (20, 3, 5)]),
    ("cohorts", cohorts, [(20, 4), (200, 10)]),
    ("cholesky", cholesky, [(5,), (12,), (25,)]),
    ("butterfly", butterfly, [(3,), (6,), (9,)]),
    ("random layers", random_layers, [(10, 10, 3, 10), (30, 30, 3, 30), (200, 20, 3, 3)]),
    ("random tasks", random_tasks, [(100, 3, 20), (1000, 2, 1000), (5000, 3, 30)]),
]


def number(graph: Graph, how: str) -> tuple[list[Key], list[tuple[int, ...]]]:
    """Keys by number, and the dependencies as numbers."""
    keys = list(graph)
    if how == "random":
        random.Random(0).shuffle(keys)
    waits = {key: len(graph[key]) for key in keys}
    readers: dict[Key, list[Key]] = {key: [] for key in keys}
    for key in keys:
        for read in graph[key]:
            readers[read].append(key)
    ready = [key for key in keys if not waits[key]]
    if how == "depth":
        ready.reverse()
    sequence = []
    while ready if how == "depth" else len(sequence) < len(ready):
        key = ready.pop() if how == "depth" else ready[len(sequence)]
        sequence.append(key)
        for reader in readers[key]:
            waits[reader] -= 1
            if not waits[reader]:
                ready.append(reader)
    ids = {key: i for i, key in enumerate(sequence)}
    return sequence, [tuple(dict.fromkeys(ids[j] for j in graph[key])) for key in sequence]


def cpu_us(call: Callable[[], Any], count: int) -> tuple[float, Any]:
    """CPU time of a call for each of ``count`` tasks, and its result.

    Small graphs are ordered several times in a row: after the garbage collector has been through
    the memory, a single call of 100 us measures how the caches fill.
    """
    calls = max(1, SAMPLE_TASKS // count)
    gc.collect()
    start = time.process_time()
    for _ in range(calls):
        result = call()
    return (time.process_time() - start) / (calls * count) * 1e6, result


def compare(graph: Graph, numbering: str, repeat: int) -> tuple[list[int], list[int], list[float]]:
    """Peaks of ours, peaks of Dask's, and both times."""
    keys, deps = number(graph, numbering)
    read = {j for needs in deps for j in needs}
    targets = [i for i in range(len(deps)) if i not in read]
    times: list[list[float]] = [[], []]
    theirs: dict[str, int] = {}
    if dask_order is not None:
        names = {key: repr(key) for key in keys}
        dask_graph = {names[k]: (len, *[names[j] for j in graph[k]]) for k in keys}
        dependencies, _ = get_deps(dask_graph)
    for _ in range(repeat):
        spent, ours = cpu_us(lambda: order(deps), len(deps))
        times[0].append(spent)
        if dask_order is not None:
            spent, theirs = cpu_us(
                lambda: dask_order(dask_graph, dependencies=dependencies), len(deps)
            )
            times[1].append(spent)
    sequences = [ours]
    if theirs:
        sequences.append(sorted(range(len(keys)), key=lambda i: theirs[names[keys[i]]]))
    peaks = [
        [peak_live(deps, s), peak_live(deps, s, targets), peak_live(deps, s, workers=4)]
        for s in sequences
    ]
    medians = [statistics.median(t) if t else 0.0 for t in times]
    return peaks[0], peaks[1] if theirs else [], medians


def run(shapes: list[tuple[str, Callable[..., Graph], Sizes]], args: argparse.Namespace) -> None:
    """Print a table, and the sum of it."""
    print(f"{'shape':34} {'tasks':>7}  {'live':>13} {'kept':>15} {'4 workers':>15}", end="")
    print(f"  {'us a task':>13} {'ratio':>6}")
    above, ratios = [0, 0, 0], []
    for name, build, sizes in shapes:
        for size in sizes:
            graph = build(*size)
            if len(graph) > args.limit:
                continue
            ours, theirs, (mine, other) = compare(graph, args.numbering, args.repeat)
            cells = []
            for k, mark in enumerate(ours):
                worse = bool(theirs) and mark > theirs[k]
                above[k] += worse
                cells.append(f"{mark}/{theirs[k] if theirs else ''}{'+' if worse else ' '}")
            if other:
                ratios.append(other / mine)
            label = f"{name} {'x'.join(map(str, size))}"
            print(
                f"{label:34} {len(graph):7}  {cells[0]:>13} {cells[1]:>15} {cells[2]:>15}", end=""
            )
            print(f"  {mine:5.2f} {other:7.1f} {other / mine:6.1f}", flush=True)
    if ratios:
        print(f"above Dask: live {above[0]}, kept {above[1]}, 4 workers {above[2]}", end="; ")
        print(f"time ratio: median {statistics.median(ratios):.1f}, least {min(ratios):.1f}")


def run_million() -> None:
    """Large plans."""
    n = 1_000_000
    half = n // 2
    binary = [()] * half + [(2 * i, 2 * i + 1) for i in range(half - 1)]  # one tree
    cases: dict[str, list[tuple[int, ...]]] = {
        "independent": [()] * n,
        "chain": [(), *zip(range(n - 1))],
        "2 layers x 500k": [()] * half + list(zip(range(half))),
        "4 layers x 250k": [()] * (n // 4) + list(zip(range(3 * n // 4))),
        "binary tree": binary,
        "stencil 1d": [()] * half + [(i, i + 1, i + 2) for i in range(half - 2)],
        "several stores": [()] * (n // 4) + [(i % (n // 4),) for i in range(3 * n // 4)],
    }
    for name, deps in cases.items():
        spent, sequence = cpu_us(lambda deps=deps: order(deps), 1_000_000)
        tracemalloc.start()
        order(deps)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        print(f"{name:20} {spent:6.3f} s, {most / n:5.0f} bytes a task at most", end=", ")
        print(f"{peak_live(deps, sequence)} live", flush=True)


def main() -> None:
    """See the top of the module."""
    parser = argparse.ArgumentParser(description="Order: shoal beside Dask.")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--shape", default="")
    parser.add_argument("--limit", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--numbering", choices=["levels", "depth", "random"], default="levels")
    args = parser.parse_args()
    if args.million:
        run_million()
        return
    shapes = [*NAMED, *OTHER] if args.all or args.shape else NAMED
    run([shape for shape in shapes if args.shape in shape[0]], args)


if __name__ == "__main__":
    main()
