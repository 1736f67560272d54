"""The scheduler's core alone: CPU a task, and bytes a task that waits.

    python bench/scheduler_bench.py                       # every graph at 2, 100, 1000 workers
    python bench/scheduler_bench.py --tasks 20000 --only tree
    python bench/scheduler_bench.py --memory 1000000      # bytes a waiting task

Workers are simulated: each answers a Run with a Report of all its tasks.  Only the time inside of
the core counts (events in, and drain), from the first Submit to the last row forgotten; neither
msgpack nor sockets are in it.  Graphs come as clients send them, their tasks in line
(`core.streaming`), which costs the client 0.5 to 1.2 us a task.  The garbage collector is told to
look at young objects seldom, as ``shoal scheduler`` does.  The last line says how fast the machine
is just now.
"""

from __future__ import annotations

import argparse
import gc
import resource
import statistics
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from typing import Any

from shoal.cli.scheduler import GC_THRESHOLDS
from shoal.distributed.core.effects import Send
from shoal.distributed.core.scheduler import Scheduler, connected, drain, received
from shoal.distributed.core.streaming import streamed
from shoal.distributed.protocol import (
    Code,
    Finished,
    Grid,
    Hello,
    Listed,
    Register,
    Release,
    Report,
    Run,
    Submit,
)

CLIENT = 1
THREADS = 1


def independent(n: int) -> Submit:
    """Tasks that need nothing, all wanted."""
    keys: list[Any] = [f"inc-{i:032x}" for i in range(n)]
    return Submit(
        [Listed(keys)],
        [Code(b"inc", b"inc")],
        [0] * n,
        [b"%d" % i for i in range(n)],
        [()] * n,
        [],
        list(range(n)),
        list(range(n)),
    )


def tree(n: int) -> Submit:
    """Leaves and pairwise sums up to one; the order is depth first, as a plan's is."""
    deps: list[tuple[int, ...]] = []
    rank: list[int] = []
    level: list[int] = []
    leaves = 1 << max(1, (n // 2).bit_length() - 1)
    deps += [()] * leaves
    level = list(range(leaves))
    # Rank of a node: just after its last leaf.
    place = {i: (i, 0) for i in level}
    height = 0
    while len(level) > 1:
        height += 1
        above = []
        for left, right in zip(level[::2], level[1::2]):
            place[len(deps)] = (place[right][0], height)
            above.append(len(deps))
            deps.append((left, right))
        level = above
    rank = [0] * len(deps)
    for position, i in enumerate(sorted(place, key=place.__getitem__)):
        rank[i] = position
    keys: list[Any] = [f"sum-{i:032x}" for i in range(len(deps))]
    codes = [0 if not d else 1 for d in deps]
    return Submit(
        [Listed(keys)],
        [Code(b"leaf", b"leaf"), Code(b"sum", b"sum")],
        codes,
        [b""] * len(deps),
        deps,
        [],
        rank,
        [len(deps) - 1],
    )


def transposed(n: int) -> Submit:
    """(x + x.T).sum() over a grid of blocks: every block goes to two sums, one of them far away."""
    side = max(2, int((n / 3) ** 0.5))
    size = side * side
    deps: list[tuple[int, ...]] = [()] * size
    deps += [(i * side + j, j * side + i) for i in range(side) for j in range(side)]
    deps += [(size + i,) for i in range(size)]
    deps += [tuple(2 * size + i * side + j for j in range(side)) for i in range(side)]
    deps.append(tuple(3 * size + i for i in range(side)))
    order = [0] * len(deps)
    position = 0
    seen = [False] * len(deps)
    stack = [len(deps) - 1]
    while stack:
        i = stack[-1]
        rest = [d for d in deps[i] if not seen[d]]
        if rest:
            stack += reversed(rest)
            continue
        stack.pop()
        if not seen[i]:
            seen[i] = True
            order[i] = position
            position += 1
    return Submit(
        [
            Grid("x", (side, side)),
            Grid("add", (side, side)),
            Grid("part", (side, side)),
            Grid("row", (side,)),
            Listed(["total"]),
        ],
        [Code(b"%d" % k, b"") for k in range(5)],
        [0] * size + [1] * size + [2] * size + [3] * side + [4],
        [b""] * len(deps),
        deps,
        [],
        order,
        [len(deps) - 1],
    )


GRAPHS: dict[str, Callable[[int], Submit]] = {
    "independent": independent,
    "tree": tree,
    "transposed": transposed,
}


def cluster(workers: int) -> Scheduler:
    """A client and its workers."""
    state = Scheduler()
    connected(state, CLIENT, "client", 0.0)
    received(state, CLIENT, Hello("bench", {}), (), 0.0)
    for party in range(2, workers + 2):
        connected(state, party, "worker", 0.0)
        told = Register(f"w{party}", f"tcp://w{party}", THREADS, 2 << 30, {}, {}, "host", 1)
        received(state, party, told, (), 0.0)
    drain(state, 0.0)
    return state


def answer(run: Run, seconds: float, now: float) -> Report:
    """All the tasks of a Run have ended, and what they needed was fetched."""
    n = len(run.ids)
    fetched: dict[int, int] = {}
    for where, nbytes in zip(run.where, run.nbytes):
        fetched[where[0]] = fetched.get(where[0], 0) + nbytes
    return Report(
        run.ids,
        run.runs,
        [100] * n,
        [0] * n,
        [seconds] * n,
        [b"12345678" if i else None for i in run.inline],
        ["int"],
        starts=[now] * n,
        transfers=[(peer, nbytes, 0.001) for peer, nbytes in fetched.items()],
        added=run.remote,
        added_nbytes=run.nbytes,
        sums=[
            (code, count, count * seconds, count * 100)
            for code, count in Counter(run.codes).items()
        ],
    )


def measure(graph: Submit, workers: int, seconds: float) -> tuple[float, int, int]:
    """CPU seconds in the core, tasks, messages."""
    state = cluster(workers)
    clock = time.process_time
    spent = -clock()
    received(state, CLIENT, graph, (), 0.0)
    effects = drain(state, 0.0)
    spent += clock()
    messages, now = 1, 0.0
    wanted: list[Any] = []
    ended = 0
    while effects:
        now += seconds
        reports: list[tuple[int, Any]] = []
        finished: list[Any] = []
        for effect in effects:
            if type(effect) is Send:
                messages += 1
                m = effect.message
                if type(m) is Run:
                    reports.append((effect.party, answer(m, seconds, now)))
                    ended += len(m.ids)
                elif type(m) is Finished:
                    finished += m.keys
        effects = []
        wanted += finished
        # Each worker's report is a batch of its own: the worst case for the drain.
        spent -= clock()
        for party, report in reports:
            received(state, party, report, (), now)
            effects += drain(state, now)
        spent += clock()
    assert len(wanted) == len(graph.wanted), (len(wanted), ended)
    spent -= clock()
    received(state, CLIENT, Release(wanted), (), now)
    drain(state, now)
    spent += clock()
    assert len(state.table) == 0
    return spent, ended, messages


def memory(n: int) -> None:
    """Bytes a task, of tasks that wait for one which runs."""
    state = cluster(2)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    chunk = 100_000
    for start in range(0, n, chunk):
        size = min(chunk, n - start)
        keys: list[Any] = [f"inc-{i:032x}" for i in range(start, start + size)]
        graph = Submit(
            [Listed(keys)],
            [Code(b"inc", b"inc")],
            [0] * size,
            [b"arguments of task %d" % i for i in range(start, start + size)],
            [() if i == 0 and start == 0 else (0,) for i in range(size)],
            [],
            list(range(size)),
            list(range(size)),
        )
        received(state, CLIENT, graph, (), 0.0)
        del graph, keys
        drain(state, 0.0)
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    print(f"{n:,} waiting tasks: {(after - before) / n:.0f} bytes a task")
    print(f"peak of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB")


def pace() -> float:
    """Nanoseconds of CPU that an assignment to a list's element takes here and now."""
    some = [0] * 1_000
    start = time.process_time()
    for _ in range(1_000):
        for i in range(1_000):
            some[i] = i + 1
    return (time.process_time() - start) * 1e3


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--workers", type=int, nargs="*", default=[2, 100, 1000])
    parser.add_argument("--only", choices=list(GRAPHS))
    parser.add_argument("--seconds", type=float, default=0.001, help="how long a task takes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=int, default=0)
    args = parser.parse_args()
    if args.memory:
        memory(args.memory)
        return
    gc.set_threshold(*GC_THRESHOLDS)
    print(f"{'graph':14} {'workers':>8} {'tasks':>9} {'us a task':>10} {'tasks a message':>16}")
    for name, make in GRAPHS.items():
        if args.only not in (None, name):
            continue
        for workers in args.workers:
            rows = []
            for _ in range(args.rounds):
                graph = streamed(make(args.tasks))
                gc.collect()
                gc.freeze()
                rows.append(measure(graph, workers, args.seconds))
                gc.unfreeze()
            spent = statistics.median(row[0] for row in rows)
            tasks, messages = rows[0][1:]
            print(
                f"{name:14} {workers:8} {tasks:9} {spent / tasks * 1e6:10.2f}"
                f" {tasks / messages:16.1f}",
                flush=True,
            )
    print(f"pace of the machine: {pace():.0f} ns for some[i] = i + 1 (about 20 when it is idle)")


if __name__ == "__main__":
    main()
