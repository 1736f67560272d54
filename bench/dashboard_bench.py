"""What the dashboard costs: throughput with a page open, and the size of pages of a large cluster.

    python bench/dashboard_bench.py [--tasks 50000] [--rounds 7] [--large 1000000]

Rounds with and without an open page alternate, on one cluster.  The page is read by a process of
its own, as a browser on another machine would: it reads the stream and does nothing with it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
import urllib.request
from typing import Any

from shoal.distributed import Client, LocalCluster
from shoal.distributed.core import scheduler as core
from shoal.distributed.core.effects import Send
from shoal.distributed.core.scheduler.methods.feed import feed
from shoal.distributed.dashboard.delta import delta
from shoal.distributed.dashboard.model import Model, update
from shoal.distributed.dashboard.panels import PAGES, PANELS
from shoal.distributed.protocol import Code, Grid, Hello, Register, Report, Run, Submit

PANEL_NAMES = PAGES["status"][1]

READER = """
import sys, urllib.request
request = urllib.request.Request(sys.argv[1], headers={"cookie": sys.argv[2]})
with urllib.request.urlopen(request) as answer:
    while answer.read1(65536):
        pass
"""


def inc(x: int) -> int:
    return x + 1


def throughput(tasks: int, rounds: int) -> None:
    """Tasks a second and CPU of the scheduler's process, with and without a page."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        link = cluster.dashboard_link
        with urllib.request.urlopen(link) as answer:
            cookie = answer.headers["set-cookie"].split(";")[0]
        url = f"{link.partition('/status')[0]}/stream?panels={','.join(PANEL_NAMES)}"
        client.gather(client.map(inc, range(tasks), pure=False))
        found: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
        for number in range(2 * rounds):
            is_open = bool(number % 2)
            reader = None
            if is_open:
                reader = subprocess.Popen([sys.executable, "-c", READER, url, cookie])
                time.sleep(1.0)
            wall, cpu = time.perf_counter(), time.process_time()
            client.gather(client.map(inc, range(tasks), pure=False))
            found[is_open].append((time.perf_counter() - wall, time.process_time() - cpu))
            if reader is not None:
                reader.kill()
                reader.wait()
                time.sleep(0.6)
    for is_open, times in found.items():
        wall = statistics.median(t[0] for t in times)
        cpu = statistics.median(t[1] for t in times)
        what = "open" if is_open else "closed"
        rate, us = tasks / wall, 1e6 * cpu / tasks
        print(f"page {what:>6}: {rate:>9,.0f} tasks/s, {us:5.1f} us of CPU a task here")
    ratios = [b[0] / a[0] for a, b in zip(found[False], found[True])]
    cpus = [b[1] / a[1] for a, b in zip(found[False], found[True])]
    print(
        f"open / closed, median of pairs: wall {statistics.median(ratios):.3f}, "
        f"CPU of scheduler and client {statistics.median(cpus):.3f}"
    )


def large(tasks: int, workers: int) -> None:
    """The same page of a cluster that is only there as a scheduler's state."""
    state = core.Scheduler(core.Settings(silence_s=0.0))
    now = 0.0
    core.connected(state, 0, "client", now)
    core.received(state, 0, Hello("me", {}), (), now)
    for party in range(1, workers + 1):
        core.connected(state, party, "worker", now)
        told = Register(f"w{party}", f"tcp://w{party}", 4, 8 << 30, {}, {}, f"h{party}", party)
        core.received(state, party, told, (), now)
    count = 10
    names: list[Any] = [Grid(f"kind{n}-{'0' * 32}", (tasks // count,)) for n in range(count)]
    total = tasks // count * count
    codes = [Code(bytes([n]) * 16, b"code") for n in range(count)]
    code = [n for n in range(count) for _ in range(tasks // count)]
    order = list(range(total))
    submit = Submit(names, codes, code, [b""] * total, [()] * total, [], order, order)
    core.received(state, 0, submit, (), now)
    model, sent, sizes, spent, reported = Model(), {}, [], [], 0
    running: dict[int, list[tuple[int, int]]] = {}
    for turn in range(20):
        for effect in core.drain(state, now):
            if type(effect) is Send and type(effect.message) is Run:
                pairs = zip(effect.message.ids, effect.message.runs)
                running.setdefault(effect.party, []).extend(pairs)
        for party, pairs in list(running.items()):
            ids, runs = [p[0] for p in pairs], [p[1] for p in pairs]
            starts = [now + 0.05 * i for i in range(len(ids))]
            seconds = [0.05] * len(ids)
            sizes_, zeros = [100] * len(ids), [0] * len(ids)
            nothing: list[bytes | None] = [None] * len(ids)
            m = Report(ids, runs, sizes_, zeros, seconds, nothing, ["int"], starts)
            core.received(state, party, m, (), now)
            reported += len(ids)
            running[party] = []
        now += 0.5
        begun = time.process_time()
        answer = feed(state, None, 0, {"history": not turn, **model.cursors}, now)  # type: ignore[arg-type]
        spent.append(time.process_time() - begun)
        update(model, answer, {}, now)
        page = {name: PANELS[name].view(model, {}) for name in PANEL_NAMES}
        sizes.append(len(json.dumps(delta(sent, page))))
        sent = page
    rate, mean = reported / 20 / 0.5, statistics.mean(sizes[3:]) / 0.5
    print(
        f"{total:,} tasks, {workers:,} workers, {rate:,.0f} tasks/s: the scheduler's "
        f"part takes {1e3 * statistics.median(spent):.1f} ms (at most {1e3 * max(spent):.1f}), the "
        f"first page {sizes[0] / 1e6:.2f} MB, then {mean / 1e6:.2f} MB/s"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--large", type=int, default=1_000_000)
    arguments = parser.parse_args()
    throughput(arguments.tasks, arguments.rounds)
    large(arguments.large, 1_000)
