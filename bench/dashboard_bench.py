"""What the dashboard costs: throughput with a page open, and the size of pages of a large cluster.

    python bench/dashboard_bench.py [--tasks 50000] [--rounds 7] [--large 1000000] [--browser]

Rounds with and without an open page alternate, on one cluster.  The page is read by a process of
its own, as a browser on another machine would: it reads the stream and does nothing with it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import threading
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
from shoal.distributed.protocol import Beat, Code, Grid, Hello, Register, Report, Run, Submit

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


class Simulated:
    """A scheduler's state with many workers and tasks, and no cluster around it.

    It stands in for `shoal.distributed.dashboard.source.Source`: whoever asks for a fresh model
    makes half a second pass, in which every worker reports what it has run.
    """

    def __init__(self, tasks: int, workers: int) -> None:
        self.state = state = core.Scheduler(core.Settings(silence_s=0.0))
        self.model = Model()
        self.now = now = 0.0
        self.spent: list[float] = []
        self.reported = 0
        core.connected(state, 0, "client", now)
        core.received(state, 0, Hello("me", {}), (), now)
        for party in range(1, workers + 1):
            core.connected(state, party, "worker", now)
            host = f"h{party // 20}"
            told = Register(f"w{party}", f"tcp://w{party}", 4, 8 << 30, {}, {}, host, party)
            core.received(state, party, told, (), now)
        kinds = 10
        names: list[Any] = [Grid(f"kind{n}-{'0' * 32}", (tasks // kinds,)) for n in range(kinds)]
        self.total = total = tasks // kinds * kinds
        codes = [Code(bytes([n]) * 16, b"code") for n in range(kinds)]
        code = [n for n in range(kinds) for _ in range(tasks // kinds)]
        order = list(range(total))
        m = Submit(names, codes, code, [b""] * total, [()] * total, [], order, order)
        core.received(state, 0, m, (), now)
        self.running: dict[int, list[tuple[int, int]]] = {}

    def step(self) -> Model:
        """Half a second later."""
        state = self.state
        for effect in core.drain(state, self.now):
            if type(effect) is Send and type(effect.message) is Run:
                pairs = zip(effect.message.ids, effect.message.runs)
                self.running.setdefault(effect.party, []).extend(pairs)
        for party, pairs in list(self.running.items()):
            ids, runs = [p[0] for p in pairs], [p[1] for p in pairs]
            count = len(ids)
            starts = [self.now + 0.05 * i for i in range(count)]
            nothing: list[bytes | None] = [None] * count
            sizes, seconds = [100] * count, [0.05] * count
            m = Report(ids, runs, sizes, [0] * count, seconds, nothing, ["int"], starts)
            core.received(state, party, m, (), self.now)
            memory = (party * 7919 % 8) << 30
            core.received(state, party, Beat("running", memory, 0, memory, 90.0, 4, 0, 0), (), 0.0)
            self.reported += count
            self.running[party] = []
        self.now += 0.5
        begun = time.process_time()
        args = {"history": not self.spent, **self.model.cursors}
        answer = feed(state, None, 0, args, self.now)  # type: ignore[arg-type]
        self.spent.append(time.process_time() - begun)
        update(self.model, answer, {}, self.now)
        return self.model

    async def fresh(self, asks: Any, age_s: float = 0.0) -> Model:
        """As `Source` does it."""
        if time.monotonic() - getattr(self, "stepped", 0.0) > 0.45:
            self.stepped = time.monotonic()
            self.step()
            self.model.offset += time.time() - self.model.now
        return self.model

    async def call(self, method: str, /, **args: Any) -> Any:
        """As `Source` does it."""
        return True


def large(simulated: Simulated, workers: int) -> None:
    """The first page of a cluster that is only there as a scheduler's state."""
    sent: dict[str, Any] = {}
    sizes = []
    for _ in range(20):
        model = simulated.step()
        page = {name: PANELS[name].view(model, {}) for name in PANEL_NAMES}
        sizes.append(len(json.dumps(delta(sent, page))))
        sent = page
    rate, mean = simulated.reported / 20 / 0.5, statistics.mean(sizes[3:]) / 0.5
    spent = simulated.spent
    print(
        f"{simulated.total:,} tasks, {workers:,} workers, {rate:,.0f} tasks/s: the scheduler's "
        f"part takes {1e3 * statistics.median(spent):.1f} ms (at most {1e3 * max(spent):.1f}), the "
        f"first page {sizes[0] / 1e6:.2f} MB, then {mean / 1e6:.2f} MB/s"
    )


def frames(simulated: Simulated) -> None:
    """Frames a second of that page in Chromium, and how busy its thread is."""
    import uvicorn
    from playwright.sync_api import sync_playwright

    from shoal.distributed.dashboard.access import Access
    from shoal.distributed.dashboard.app import make_app

    access = Access(b"0" * 32, {"127.0.0.1"})
    app = make_app(simulated, access, "", 0)  # type: ignore[arg-type]
    config = uvicorn.Config(app, port=0, log_level="error", ws="none", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with sync_playwright() as playwright:
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(f"http://127.0.0.1:{port}/status?token={access.new_token(time.time())}")
        ready = "() => Number(document.getElementById('task-stream')?.dataset.updates) > 4"
        page.wait_for_function(ready, timeout=120_000)
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")

        def busy_s() -> float:
            found = session.send("Performance.getMetrics")["metrics"]
            return float(next(m["value"] for m in found if m["name"] == "TaskDuration"))

        before, begun = busy_s(), time.monotonic()
        count = page.evaluate(
            """() => new Promise((done) => {
                let count = 0;
                const begun = performance.now();
                function frame() {
                    count += 1;
                    if (performance.now() - begun > 10000) done(count / 10);
                    else requestAnimationFrame(frame);
                }
                requestAnimationFrame(frame);
            })"""
        )
        share = (busy_s() - before) / (time.monotonic() - begun)
        print(
            f"in Chromium: {count:.0f} frames a second, its thread is busy {share:.0%} of the time"
        )
        browser.close()
    server.should_exit = True
    thread.join(5)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--browser", action="store_true", help="and the frames a second there")
    arguments = parser.parse_args()
    if arguments.rounds:
        throughput(arguments.tasks, arguments.rounds)
    simulated = Simulated(arguments.large, 1_000)
    large(simulated, 1_000)
    if arguments.browser:
        frames(simulated)
