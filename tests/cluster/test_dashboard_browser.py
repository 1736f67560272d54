"""Every page of the dashboard in a real browser, with a computation running.

``SHOAL_SCREENSHOTS=folder`` keeps a picture of each page.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
from shoal import config
from shoal.distributed import Client, LocalCluster, Worker, performance_report, wait

sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
FOLDER = os.environ.get("SHOAL_SCREENSHOTS")
WAIT_MS = 90_000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
]


class Pause:
    """What tasks here take their time with."""

    def wait(self, seconds: float) -> None:
        threading.Event().wait(seconds)


PAUSE = Pause()


def load(x: int) -> bytes:
    PAUSE.wait(0.02)
    return bytes(10_000)


def clean(data: bytes, x: int) -> int:
    PAUSE.wait(0.01 * (x % 3))
    if x % 10 == 3:
        raise ValueError(f"row {x} has no price")
    return len(data)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def load_on(client: Client) -> Iterator[None]:
    """A job that goes on as long as the pages are looked at."""
    end = threading.Event()

    def work() -> None:
        while not end.is_set():
            parts = client.map(load, range(20), pure=False)
            wait(client.map(clean, parts, range(20), pure=False))

    thread = threading.Thread(target=work)
    thread.start()
    yield
    end.set()
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def new_context(browser: Any, **options: Any) -> Any:
    """A visitor who knows nothing yet, and has patience."""
    context = browser.new_context(**options)
    context.set_default_timeout(WAIT_MS)
    return context


@pytest.fixture(scope="module")
def site(browser: Any, client: Client) -> Iterator[tuple[Any, str]]:
    """A context that is signed in, and the address."""
    context = new_context(browser, viewport={"width": 1400, "height": 900}, color_scheme="light")
    page = context.new_page()
    page.goto(client.dashboard_link)
    page.wait_for_url("**/status")
    yield context, page.url.rpartition("/")[0]
    context.close()


@pytest.fixture
def page(site: tuple[Any, str], load_on: None) -> Iterator[Any]:
    """A page on which nothing may go wrong: no error, nothing refused, nothing from elsewhere."""
    context, base = site
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(base) else wrong.append(r.url))
    yield page
    page.close()
    assert not wrong


def updates(page: Any, panel: str, count: int) -> None:
    """Wait until a panel has been told something so often."""
    # A function, for the policy of the pages forbids to evaluate text.
    page.wait_for_function(
        "([panel, count]) => Number(document.getElementById(panel)?.dataset.updates) >= count",
        arg=[panel, count],
    )


def inked(page: Any, panel: str) -> None:
    """Wait until there is a picture on the canvas of a panel."""
    page.wait_for_function(
        """(panel) => [...document.querySelectorAll(`#${panel} canvas`)].some((canvas) => {
            const { width, height } = canvas;
            const data = canvas.getContext("2d").getImageData(0, 0, width, height).data;
            const seen = new Set();
            for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200) {
                seen.add(`${data[i] >> 4},${data[i + 1] >> 4},${data[i + 2] >> 4}`);
                if (seen.size >= 3) return true;
            }
            return false;
        })""",
        arg=panel,
    )


def shows(page: Any, panel: str, text: str) -> None:
    """Wait until a panel shows a text."""
    page.locator(f"#{panel}", has_text=text).wait_for()


PAGES: dict[str, tuple[tuple[str, ...], tuple[tuple[str, str], ...]]] = {
    "status": (
        ("task-stream", "processing", "workers-memory", "cpu", "cluster-memory", "rates"),
        (("summary", "2 (2 threads)"), ("progress", "clean"), ("answers", "no price")),
    ),
    "workers": (("workers-memory",), (("workers", "running"), ("summary", "2 (2 threads)"))),
    "tasks": (("task-stream",), (("kinds", "load"), ("kinds", "clean"), ("progress", "clean"))),
    "graph": (("graph",), ()),
    "profile": (("profile",), ()),
    "system": (("scheduler-system",), (("system", "loop was busy for"),)),
    "memory": (("workers-memory", "cluster-memory"), (("memory-by-key", "load"),)),
    "errors": ((), (("errors", "has no price"),)),
    "logs": ((), (("logs", "all"),)),
    "info/main/workers.html": (("workers-memory",), (("workers", "running"),)),
    "events": ((), (("events", "worker-added"),)),
    "individual-task-stream": (("task-stream",), ()),
}


@pytest.mark.parametrize("name", PAGES)
def test_pages_show_what_happens(page: Any, site: tuple[Any, str], name: str) -> None:
    page.goto(f"{site[1]}/{name}")
    canvases, texts = PAGES[name]
    for panel, text in texts:
        shows(page, panel, text)
    for panel in canvases:
        inked(page, panel)
        updates(page, panel, 3)
    assert not page.locator(".panel.failed").count()
    if FOLDER:
        path = Path(FOLDER, f"{name.replace('/', '-').removesuffix('.html')}.png")
        page.screenshot(path=path)


def test_numbers_change(page: Any, site: tuple[Any, str]) -> None:
    page.goto(f"{site[1]}/status")
    cell = page.locator("#summary dd").nth(3)
    cell.filter(has_text="0").or_(cell).first.wait_for()
    before = cell.inner_text()
    page.wait_for_function(
        "(old) => document.querySelectorAll('#summary dd')[3].textContent !== old",
        arg=before,
    )


def test_the_keyboard(page: Any, site: tuple[Any, str]) -> None:
    page.goto(f"{site[1]}/status")
    updates(page, "summary", 2)
    page.keyboard.press("d")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.keyboard.press("d")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.keyboard.press(" ")
    assert page.locator("body.frozen").count() == 1
    seen = page.locator("#summary").get_attribute("data-updates")
    page.keyboard.press("2")
    page.wait_for_url("**/workers")
    shows(page, "workers", "running")
    page.keyboard.press("/")
    page.keyboard.type("no such worker")
    shows(page, "workers", "nothing yet")
    assert int(seen) >= 2


def test_one_click_copies_the_replay_command(page: Any, site: tuple[Any, str]) -> None:
    site[0].grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{site[1]}/errors")
    shows(page, "errors", "has no price")
    # More errors come all the time, and would push down the one that is clicked.
    page.keyboard.press(" ")
    page.locator("#errors details").first.click()
    page.locator("#errors button", has_text="copy").first.click()
    page.locator("#errors button", has_text="copied").first.wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("client.recreate_error_locally('clean-")


def test_a_key_tells_why(page: Any, site: tuple[Any, str]) -> None:
    page.goto(f"{site[1]}/info")
    page.locator("#info input").fill("load")
    page.keyboard.press("Enter")
    page.locator("#info .why").wait_for()
    assert "key=load" in page.url


def test_a_time_of_the_profile_is_chosen(page: Any, site: tuple[Any, str]) -> None:
    """By dragging over the time line, and by keys; so are frames of the flame graph."""
    page.goto(f"{site[1]}/profile")
    brush = page.locator("#profile .brush canvas")
    inked(page, "profile")
    updates(page, "profile", 3)
    box = brush.bounding_box()
    y = box["y"] + 10
    page.mouse.move(box["x"] + 0.2 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], y, steps=4)
    page.mouse.up()
    page.wait_for_url("**start=1*stop=1*")
    shows(page, "profile", " to ")
    brush.focus()
    page.keyboard.press("End")
    page.wait_for_url("**start=-*")
    shows(page, "profile", "the last")
    before = brush.get_attribute("aria-valuetext")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("(old) => document.activeElement.ariaValueText !== old", arg=before)
    page.keyboard.press("Escape")
    page.wait_for_function("() => !location.search.includes('start')")
    page.locator("#profile .fill canvas").focus()
    page.keyboard.press("ArrowDown")
    shows(page, "profile", "in itself")
    page.keyboard.press("Enter")
    page.locator("#profile button", has_text="Whole graph").wait_for()
    page.keyboard.press("Escape")
    page.locator("#profile button", has_text="Whole graph").wait_for(state="hidden")
    page.locator("#profile select").select_option("scheduler")
    page.wait_for_url("**source=scheduler*")
    shows(page, "profile", "samples")


def test_a_longer_time_of_the_stream(page: Any, site: tuple[Any, str]) -> None:
    page.goto(f"{site[1]}/status")
    shows(page, "task-stream", "40 s")
    page.get_by_label("A longer time").press("Enter")
    shows(page, "task-stream", "2 m")
    assert "window=120" in page.url
    # Two workers are no reason to choose among them.
    assert not page.get_by_label("Workers after").is_visible()


def test_keys_are_told(page: Any, site: tuple[Any, str]) -> None:
    page.goto(f"{site[1]}/status")
    updates(page, "summary", 1)
    page.keyboard.press("?")
    page.locator("dialog", has_text="dark or light").wait_for()
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="hidden")


NASTY = "</script><img src=x onerror=pwned=1>'\"&\u202e"


def shout(x: int) -> None:
    logging.getLogger("nasty").warning("%s", NASTY)
    raise ValueError(NASTY)


def test_names_do_nothing(browser: Any, tmp_path: Path) -> None:
    """Whatever tasks, workers, lines and errors are called, pages and reports show it as text."""
    file = tmp_path / "report.html"
    with (
        LocalCluster(n_workers=0, dashboard_address=":0", processes=False) as cluster,
        Client(cluster) as client,
    ):
        worker = Worker(cluster.scheduler_address, name=NASTY, security=cluster.security)
        context = new_context(browser)
        page = context.new_page()
        with worker, performance_report(filename=file, client=client):
            wait([client.submit(shout, 1, key=NASTY), client.submit(shout, 2, key=(NASTY, 2))])
            client.log_event(NASTY, {NASTY: NASTY})
            page.goto(client.dashboard_link)
            page.wait_for_url("**/status")
            base = page.url.rpartition("/")[0]
            for name in (*PAGES, f"info?key={quote(NASTY)}"):
                page.goto(f"{base}/{name}")
                page.wait_for_function(
                    "() => [...document.querySelectorAll('.panel')].every(p => p.dataset.updates)"
                )
                assert not page.locator(".panel.failed").count(), name
                assert not page.evaluate("() => 'pwned' in window"), name
                assert not page.locator("img").count(), name
            assert NASTY in page.locator("#info h3").inner_text()
        page.goto(f"file://{file}")
        page.wait_for_function(
            "() => [...document.querySelectorAll('.panel')].every(p => p.dataset.updates)"
        )
        assert NASTY in page.locator("#errors").inner_text()
        assert not page.evaluate("() => 'pwned' in window")
        context.close()


def test_behind_a_proxy_and_offline(browser: Any) -> None:
    """With a path in front of all pages, and nothing but this machine to ask."""
    with config.set({"distributed.dashboard.prefix": "/user/me/proxy"}):
        cluster = LocalCluster(n_workers=0, dashboard_address=":0", processes=False)
    with cluster, Client(cluster) as client:
        context = new_context(browser)
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(client.dashboard_link)
        page.wait_for_url("**/user/me/proxy/status")
        updates(page, "summary", 1)
        page.keyboard.press("2")
        page.wait_for_url("**/user/me/proxy/workers")
        updates(page, "workers", 1)
        base = page.url.rpartition("/")[0]
        assert all(url.startswith((base, "data:")) for url in asked), asked
        context.close()


def test_it_stays_smooth(page: Any, site: tuple[Any, str]) -> None:
    """The page itself takes little: less than half of each second of its thread, in CPU time."""
    page.goto(f"{site[1]}/status")
    updates(page, "task-stream", 5)
    metrics = page.context.new_cdp_session(page)
    metrics.send("Performance.enable")

    def busy_s() -> float:
        found = metrics.send("Performance.getMetrics")["metrics"]
        return float(next(m["value"] for m in found if m["name"] == "ThreadTime"))

    before, begun = busy_s(), time.monotonic()
    updates(page, "task-stream", 10)
    assert busy_s() - before < 0.5 * (time.monotonic() - begun)
