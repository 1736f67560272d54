"""Jobs that are slow, each for one reason, and what the dashboard says of each.

    python docs/how-to/slow_jobs.py                        # is each reason found, and how soon?
    python docs/how-to/slow_jobs.py --only skewed          # one of them
    python docs/how-to/slow_jobs.py --screenshots FOLDER   # with a picture of each (Playwright)

It asks what a person with the first page open sees under "What to look at"; the reason has to be
there, at the top, within a minute.
"""

from __future__ import annotations

import argparse
import json
import os
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from shoal.distributed import Client, LocalCluster, get_worker, wait

MINUTE_S = 60.0
kept: list[bytes] = []


def work(seconds: float) -> float:
    """Take some time, without a CPU."""
    time.sleep(seconds)
    return seconds


def work_by_place(seconds: float) -> float:
    """Worker 1 takes four times as long."""
    return work(seconds * (4 if str(get_worker().name) == "1" else 1))


def count(n: int) -> int:
    """Pure Python code, which holds the interpreter's lock."""
    total = 0
    for i in range(n):
        total += i % 7
    return total


def block(megabytes: int, number: int) -> bytes:
    """A result of some size."""
    time.sleep(0.05)
    return os.urandom(1 << 20) * megabytes


def look_at(data: bytes, number: int) -> int:
    """Next to no work on an input."""
    return data[number]


def remember(number: int) -> int:
    """Worker 1 keeps what it has made."""
    if str(get_worker().name) == "1":
        kept.append(bytes(bytearray(os.urandom(1 << 20) * 4)))
    return int(work(0.05))


def parse(number: int) -> int:
    """Every fifth row is broken."""
    time.sleep(0.02)
    if number % 5 == 3:
        raise ValueError(f"row {number}: '12,5O' is no price")
    return number


def straggler(client: Client, n: int) -> list[Any]:
    return client.map(work_by_place, [0.05] * 60, pure=False)


def tiny(client: Client, n: int) -> list[Any]:
    return client.map(abs, range(20_000), pure=False)


def skewed(client: Client, n: int) -> list[Any]:
    return client.map(work, [0.05] * 40 + [6.0] + [0.05] * 39, pure=False)


def spilling(client: Client, n: int) -> list[Any]:
    return client.map(block, [16] * 50, range(50), pure=False)


def transferring(client: Client, n: int) -> list[Any]:
    (data,) = client.map(block, [48], [n], workers=["0"], pure=False)
    return [client.submit(look_at, data, n, workers=["1"], pure=False)]


def gil(client: Client, n: int) -> list[Any]:
    return client.map(count, [3_000_000] * 24, pure=False)


def leaking(client: Client, n: int) -> list[Any]:
    return client.map(remember, range(20), pure=False)


def failing(client: Client, n: int) -> list[Any]:
    return client.map(parse, range(40), retries=2, pure=False)


CASES: dict[str, tuple[Callable[[Client, int], list[Any]], dict[str, Any]]] = {
    "straggler": (straggler, {"threads_per_worker": 1}),
    "tiny": (tiny, {"threads_per_worker": 1}),
    "skewed": (skewed, {"threads_per_worker": 1}),
    "spilling": (spilling, {"threads_per_worker": 1, "memory_limit": "500 MB"}),
    "transferring": (transferring, {"threads_per_worker": 1}),
    "gil": (gil, {"threads_per_worker": 4, "n_workers": 1}),
    "leaking": (leaking, {"threads_per_worker": 1, "n_workers": 3}),
    "failing": (failing, {"threads_per_worker": 1}),
}
"""Job and cluster of each case, by the name of its finding."""


def show(name: str, folder: Path | None) -> bool:
    """Run one job until its reason is seen; whether it was."""
    job, options = CASES[name]
    settings = {"n_workers": 2, "memory_limit": "2 GB", "dashboard_address": ":0", **options}
    end = threading.Event()
    with LocalCluster(**settings) as cluster, Client(cluster) as client:
        link = str(cluster.dashboard_link)

        def run() -> None:
            n = 0
            while not end.is_set():
                futures = job(client, n)
                wait(futures)
                n += 1

        thread = threading.Thread(target=run)
        thread.start()
        try:
            return watch(name, link, cluster, folder)
        finally:
            end.set()
            thread.join()


def watch(name: str, link: str, cluster: LocalCluster, folder: Path | None) -> bool:
    """Read the first page until it says what is wrong."""
    with urllib.request.urlopen(link) as answer:
        cookie = answer.headers["set-cookie"].split(";")[0]
    parts = urlsplit(link)
    url = f"{parts.scheme}://{parts.netloc}/view?panels=answers"
    begun, found, said = time.monotonic(), {}, ""
    while time.monotonic() - begun < MINUTE_S:
        with urllib.request.urlopen(
            urllib.request.Request(url, headers={"cookie": cookie})
        ) as answer:
            found = json.load(answer)["answers"]["findings"]
        if next(iter(found), None) == name:
            said = found[name]["says"]
            break
        time.sleep(0.5)
    took = time.monotonic() - begun
    print(f"{name:<14}{f'{took:.0f} s' if said else 'NOT SEEN'}  {said or list(found)}", flush=True)
    if folder is not None:
        time.sleep(max(0.0, 10.0 - took))
        picture(str(cluster.dashboard_link), folder / f"{name}.png")
    return bool(said)


def picture(link: str, path: Path) -> None:
    """What the browser shows."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium
        browser = chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 880}, color_scheme="light")
        page.goto(link)
        page.wait_for_url("**/status")
        page.wait_for_function(
            "() => Number(document.getElementById('task-stream').dataset.updates) > 12"
        )
        page.locator(f"#answers [data-finding={path.stem}]").wait_for()
        page.screenshot(path=path)
        browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=CASES, action="append")
    parser.add_argument("--screenshots", type=Path)
    arguments = parser.parse_args()
    seen = [show(name, arguments.screenshots) for name in arguments.only or CASES]
    raise SystemExit(not all(seen))
