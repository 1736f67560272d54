"""The dashboard under attack: each way in that we know of, tried, mostly over a real socket."""

from __future__ import annotations

import html
import json
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

import uvicorn

from shoal.distributed.client.show import SchedulerInfo, table_html
from shoal.distributed.core.scheduler.methods.feed import WORKER
from shoal.distributed.dashboard.access import Access, host_of
from shoal.distributed.dashboard.app import make_app
from shoal.distributed.dashboard.metrics import exposition
from shoal.distributed.dashboard.model import Model, update
from shoal.distributed.dashboard.panels import PAGES, PANELS
from shoal.distributed.dashboard.patience import Patient
from shoal.distributed.dashboard.report import page_of
from shoal.distributed.node.results import pack_error

SECRET = b"0123456789abcdef0123456789abcdef"
NASTY = "</script><img src=x onerror=alert(1)>'\"&\u2028\u202e\x00\r\nset-cookie: a=b"
"""What a task, worker, log line or error may be called."""


def nasty_model() -> Model:
    """A cluster in which everything has such a name."""
    known = dict.fromkeys(WORKER, 0)
    known |= {"address": f"tcp://{NASTY}", "name": NASTY, "host": NASTY, "status": NASTY}
    known |= {"threads": 1, "limit": 1 << 30, "metrics": {"memory": 1 << 29, "gil": 0.5}}
    kind = [NASTY, {"memory": 1, "ready": 2}, 1, 1, 1.0, 5, 1.0, 0, 1, 1]
    runs = [f"tcp://{NASTY}", [NASTY], [NASTY], [1e9], [1.0], [5]]
    data = pack_error(ValueError(NASTY))
    failure = [1.0, (NASTY, 0), NASTY, f"tcp://{NASTY}", "raised", data, 0, False]
    flow = [1.0, f"tcp://{NASTY}", [(f"tcp://{NASTY}2", 50, 0.5)]]
    model = Model()
    feed = {
        "now": 2.0,
        "began": 0.0,
        "id": NASTY,
        "clients": [NASTY],
        "workers": [[known[name] for name in WORKER]],
        "kinds": [kind],
        "stream": [1, [runs], []],
        "flows": [1, [flow]],
        "failures": [1, [failure]],
    }
    update(model, feed, {"python": NASTY}, 1e9 + 2)
    leaf = {"count": 3, "identifier": f"{NASTY};{NASTY};1", "description": {}, "children": {}}
    model.answers = {
        "profile": {"tree": {"count": 3, "children": {"f": leaf}}, "times": [(1e9, 3)]},
        "graph": {"tasks": [[0, NASTY, NASTY, "memory", []]]},
        "holdings": {"kinds": [[NASTY, 5, 1]], "largest": [[NASTY, NASTY, 5]]},
        "logs": {NASTY: [["INFO", NASTY, 1e9, NASTY]]},
        "events": {NASTY: [[1.0, {NASTY: NASTY}], [2.0, NASTY]]},
        "info": {"key": NASTY, "state": NASTY, "why": NASTY, "story": [[1.0, NASTY, NASTY]]},
    }
    return model


class Cluster:
    """Stands for `Source`."""

    def __init__(self) -> None:
        self.used: set[str] = set()

    async def fresh(self, asks: Any, age_s: float = 0) -> Model:
        return nasty_model()

    async def call(self, method: str, /, **args: Any) -> Any:
        if method != "dashboard.use":
            return {"name": NASTY}
        new = args["token"] not in self.used
        self.used.add(args["token"])
        return new


WAIT_S = 60


class Impatient(Patient):
    head_s = 2.0


class Site:
    """A dashboard at a real port, and ways to speak with it."""

    def __init__(self, port: int, access: Access) -> None:
        self.port = port
        self.access = access
        self.host = f"127.0.0.1:{port}"
        self.cookie = f"shoal-8787={access.new_session(time.time())}"

    def raw(self, data: bytes) -> bytes:
        """Whatever comes back for some bytes, until it ends."""
        with socket.create_connection(("127.0.0.1", self.port), WAIT_S) as sock:
            found = b""
            # Who is refused in the middle of what he says is not let finish.
            with suppress(ConnectionError):
                sock.sendall(data)
            with suppress(ConnectionError):
                while piece := sock.recv(65536):
                    found += piece
            return found

    def ask(
        self, path: str, method: str = "GET", host: str | None = None, **headers: str
    ) -> tuple[int, str, str]:
        """Status, head and body."""
        lines = [f"{method} {path} HTTP/1.1", f"host: {self.host if host is None else host}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        found = self.raw("\r\n".join([*lines, "connection: close", "", ""]).encode())
        head, _, body = found.partition(b"\r\n\r\n")
        status = int(head.split()[1]) if head else 0
        return status, head.decode(), body.decode()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    access = Access(SECRET, {"127.0.0.1"}, {"https://hub.example"})
    app = make_app(Cluster(), access, "", 8787)  # type: ignore[arg-type]
    sock = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        http=Impatient,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        log_config=None,
        h11_max_incomplete_event_size=16_384,
        limit_concurrency=200,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    try:
        yield Site(sock.getsockname()[1], access)
    finally:
        server.should_exit = True
        thread.join()
        sock.close()


@pytest.mark.parametrize(
    "host",
    [
        "{}/health?",
        "{}/health#",
        "{}\\health",
        "user@{}",
        "evil.example",
        "evil.example#@{}",
        "{}.evil.example",
        "127.0.0.1.",
        "{} evil.example",
        "[::1]evil.example",
        "",
    ],
)
def test_a_host_that_is_no_plain_name_of_ours(site: Site, host: str) -> None:
    """Rebound names, and headers of which the path could be read out."""
    for path in ("/health", "/json/counts.json", "/metrics", "/static/page.js", "/stream"):
        status, _, body = site.ask(path, host=host.format(site.host), cookie=site.cookie)
        assert status in (400, 421), body
    assert host_of(host.format("127.0.0.1:1")) not in ("127.0.0.1", "localhost")


def test_two_hosts(site: Site) -> None:
    request = f"GET /health HTTP/1.1\r\nhost: {site.host}\r\nhost: evil.example\r\n\r\n"
    assert site.raw(request.encode()).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "fetch",
    [("cross-site", "no-cors"), ("same-site", "cors"), ("same-site", "no-cors")],
)
@pytest.mark.parametrize("path", ["/status", "/json/counts.json", "/stream?panels=summary"])
def test_pages_elsewhere_read_nothing_with_our_cookie(
    site: Site, path: str, fetch: tuple[str, str]
) -> None:
    """Cookies go to every port of a host, so also with requests from pages of other servers."""
    asked = {"cookie": site.cookie, "sec_fetch_site": fetch[0], "sec_fetch_mode": fetch[1]}
    assert site.ask(path, **asked)[0] == 403
    # A link that a person follows is another matter, and so are our own pages.
    assert site.ask("/status", **{**asked, "sec_fetch_mode": "navigate"})[0] == 200
    assert site.ask("/json/counts.json", **{**asked, "sec_fetch_site": "same-origin"})[0] == 200


def test_no_answer_may_be_read_or_framed_elsewhere(site: Site) -> None:
    for path in ("/health", "/status", "/json/counts.json", "/static/page.js", "/nothing"):
        head = site.ask(path, cookie=site.cookie)[1].lower()
        assert "access-control" not in head
        assert "cross-origin-resource-policy: same-origin" in head
        assert "frame-ancestors 'self' https://hub.example;" in head
        assert "referrer-policy: no-referrer" in head
        assert "unsafe" not in head


@pytest.mark.parametrize(
    "name",
    [
        "../app.py",
        "..%2fapp.py",
        "%2e%2e/app.py",
        "%2e%2e%2fapp.py",
        "..%5capp.py",
        "....//app.py",
        "%00page.js",
        "page.js%00",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "PAGE.JS",
        "uPlot.LICENSE",
        "",
        ".",
    ],
)
def test_static_files_are_those_of_a_table(site: Site, name: str) -> None:
    status, _, body = site.ask(f"/static/{name}", cookie=site.cookie)
    assert status in (400, 404) and "import" not in body


def test_paths_that_look_like_open_ones(site: Site) -> None:
    for path in (
        "/health/../json/counts.json",
        "/health/..%2fjson/counts.json",
        "//health",
        "/health/",
        "/health%2f..%2fview",
        "/json/counts.json?/health",
        "/json/counts.json;/health",
        "/metrics/",
        "/actions/../view",
    ):
        assert site.ask(path)[0] in (401, 404), path


def test_a_token_goes_nowhere_but_into_a_cookie(site: Site, caplog: Any) -> None:
    """It is in no log, no later address, and no header; and its page leads nowhere else."""
    caplog.set_level(logging.DEBUG)
    token = site.access.new_token(time.time())
    status, head, body = site.ask(f"/status?token={token}&x=%22%3E%3Cscript%3E")
    assert status == 200 and "HttpOnly" in head and "SameSite=strict" in head
    assert token not in head + body + caplog.text and "<script" not in body
    for path in ("/%5C%5Cevil.example", "//evil.example", "/javascript:alert(1)", "/%22%3E"):
        _, _, body = site.ask(f"{path}?token={site.access.new_token(time.time())}")
        (target,) = re.findall(r'content="0;url=([^"]*)"', body)
        assert re.fullmatch(r"\./[\w.%-]*", html.unescape(target)), target


@pytest.mark.parametrize("where", ["/status?token=", "/info?key=", "/individual-", "/"])
def test_nothing_of_an_address_comes_back(site: Site, where: str) -> None:
    evil = "%0d%0aset-cookie:%20a=b%0d%0a%0d%0a%3Cscript%3Ealert(1)%3C/script%3E"
    _, head, body = site.ask(where + evil, cookie=site.cookie)
    assert "a=b" not in head and "<script>alert" not in body
    # Control characters that are not encoded are no request at all.
    assert site.raw(b"GET /status\r\n\x01: b HTTP/1.1\r\n\r\n")[9:12] == b"400"


def test_forged_headers_of_proxies_change_nothing(site: Site) -> None:
    for name in ("x_forwarded_host", "x_forwarded_for", "forwarded", "x_original_url"):
        assert site.ask("/json/counts.json", **{name: "127.0.0.1"})[0] == 401
    assert site.ask("/json/counts.json", x_http_method_override="POST")[0] == 401


def test_no_session_no_stream(site: Site) -> None:
    assert site.ask("/stream?panels=summary")[0] == 401
    assert (
        site.ask("/stream?panels=summary", accept="text/event-stream", cookie="shoal-1=x")[0] == 401
    )
    upgrade = {"connection": "upgrade", "upgrade": "websocket", "sec_websocket_version": "13"}
    assert site.ask("/stream?panels=summary", **upgrade, sec_websocket_key="x" * 24)[0] == 401


def test_cookies_of_other_ports_and_clusters(site: Site) -> None:
    value = site.cookie.partition("=")[2]
    other = Access(b"x" * 32).new_session(time.time())
    for cookie in (f"shoal-9999={value}", f"shoal-8787={other}", f"SHOAL-8787={value}", value):
        assert site.ask("/json/counts.json", cookie=cookie)[0] == 401
    # One that somebody else has put beside ours does not keep us out, nor let them in.
    assert site.ask("/json/counts.json", cookie=f"a=b; {site.cookie}")[0] == 200


def test_huge_requests_are_refused(site: Site) -> None:
    assert site.ask("/health", x_large="x" * 100_000)[0] in (0, 400)
    assert site.ask("/" + "x" * 100_000)[0] in (0, 400)
    many = {f"x_{n}": "y" * 50 for n in range(2_000)}
    assert site.ask("/health", **many)[0] in (0, 400)
    asked = {
        "cookie": site.cookie,
        "origin": f"http://{site.host}",
        "x_shoal_token": site.access.action_token(site.cookie.partition("=")[2]),
    }
    assert site.ask("/actions/retry", "POST", content_length="99999999", **asked)[0] in (0, 408)
    assert site.ask("/health")[0] == 200


def test_slow_requests_are_closed(site: Site) -> None:
    """Two hundred visitors who never say what they want would keep everybody else out."""
    begun = time.monotonic()
    slow = [socket.create_connection(("127.0.0.1", site.port), WAIT_S) for _ in range(30)]
    starts = (b"", b"GET /health HTTP/1.1\r\n", b"POST /x HTTP/1.1\r\nhost: a\r\n")
    for number, sock in enumerate(slow):
        with suppress(ConnectionError):
            sock.sendall(starts[number % len(starts)])
    trickler = slow[1]
    trickler.settimeout(0.05)
    while time.monotonic() < begun + WAIT_S:
        # A byte now and then does not extend it.
        try:
            trickler.sendall(b"x")
            if trickler.recv(1) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    assert Impatient.head_s <= time.monotonic() - begun < WAIT_S
    for sock in slow[2:] + slow[:1]:
        with suppress(ConnectionError):
            assert sock.recv(1) == b""
    for sock in slow:
        sock.close()
    assert site.ask("/health")[0] == 200


def test_names_are_data_everywhere(site: Site) -> None:
    """On no page, in no answer and no report does a name become markup or a line of its own."""
    for page in (*PAGES, "individual-errors", "json/identity.json"):
        _, head, body = site.ask(f"/{page}", cookie=site.cookie)
        assert "onerror" not in head + body or "application/json" in head
    for panel in PANELS:
        _, head, body = site.ask(f"/view?panels={panel}", cookie=site.cookie)
        assert "application/json" in head and "nosniff" in head
        assert "error" not in json.loads(body)[panel], body
    lines = exposition(nasty_model()).split("\n")
    assert all(re.match(r"# (HELP|TYPE) |shoal_\w+(\{.*\})? -?[\d.]+|$", line) for line in lines)


def test_names_are_data_in_reports() -> None:
    shown = {name: panel.view(nasty_model(), {}) for name, panel in PANELS.items()}
    text = page_of(NASTY, "", shown)
    assert "<img" not in text and text.count("</script>") == 3
    (data,) = re.findall(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert "onerror" in json.dumps(json.loads(data)) and "<" not in data
    # Only its own two scripts run, and nothing is loaded or sent.
    (policy,) = re.findall(r'content-security-policy" content="([^"]*)"', text)
    assert policy.startswith("default-src 'none';") and policy.count("'sha256-") == 2
    assert "unsafe-inline" not in policy.partition("script-src")[2]


def test_names_are_data_in_notebooks() -> None:
    info = SchedulerInfo(
        address=NASTY,
        id=NASTY,
        dashboard=f"http://{NASTY}",
        workers={NASTY: {"name": NASTY, "nthreads": 1, "memory_limit": 5}},
    )
    for text in (info._repr_html_(), table_html(NASTY, [(NASTY, NASTY)])):
        assert "<img" not in text and "<script" not in text
        assert not re.search(r"<a href=\"(?!https?:)", text)
