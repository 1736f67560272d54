"""Who gets what from the dashboard: every route, every method, every kind of guest."""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import Any

import pytest

pytest.importorskip("starlette")

from shoal.distributed.dashboard.access import Access, format_link, host_of
from shoal.distributed.dashboard.app import ROUTES, make_app
from shoal.distributed.dashboard.model import Model
from shoal.distributed.dashboard.panels import PAGES, PANELS
from shoal.errors import ConfigError

SECRET = b"0123456789abcdef0123456789abcdef"
HOST = "127.0.0.1:8787"
COOKIE = "shoal-8787"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class FakeSource:
    """Knows an empty cluster, and remembers what it was asked."""

    def __init__(self) -> None:
        self.used: set[str] = set()
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.link = self

    def send(self, message: Any) -> None:
        self.calls.append((type(message).__name__, {}))

    async def fresh(self, asks: Any, age_s: float = 0) -> Model:
        return Model()

    async def call(self, method: str, /, **args: Any) -> Any:
        self.calls.append((method, args))
        if method == "dashboard.use":
            new = args["token"] not in self.used
            self.used.add(args["token"])
            return new
        if method == "scheduler.find":
            return {"key": args["text"], "state": "erred"}
        return {}


def make(prefix: str = "") -> tuple[Any, FakeSource, Access]:
    source, access = FakeSource(), Access(SECRET, {"127.0.0.1", "localhost"})
    return make_app(source, access, prefix, 8787), source, access  # type: ignore[arg-type]


def ask(
    app: Any, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> tuple[int, dict[str, str], bytes]:
    """One request, without a network; a stream is left after its first event."""
    path, _, query = path.partition("?")
    sent = {"host": HOST, **(headers or {})}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(k.encode(), v.encode()) for k, v in sent.items()],
        "client": ("127.0.0.1", 5),
        "server": ("127.0.0.1", 8787),
    }
    got: list[Any] = []

    async def go() -> None:
        asked = False
        left = asyncio.Event()

        async def receive() -> Any:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": body, "more_body": False}
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            got.append(message)
            if message["type"] == "http.response.body" and message.get("body"):
                left.set()

        await asyncio.wait_for(app(scope, receive, send), 60)

    asyncio.run(go())
    head = {k.decode(): v.decode() for k, v in got[0]["headers"]}
    return got[0]["status"], head, b"".join(m.get("body", b"") for m in got[1:])


def sign_in(app: Any, access: Access) -> dict[str, str]:
    status, head, _ = ask(app, "GET", f"/status?token={access.new_token(time.time())}")
    assert status == 200
    return {"cookie": head["set-cookie"].split(";")[0]}


PATHS = [
    path.replace("/individual-{name}", "/individual-progress")
    .replace("/static/{name}", "/static/page.js")
    .replace("/actions/{name}", "/actions/retry")
    for path, _, _ in ROUTES
]
OPEN = {"/health"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", METHODS)
def test_strangers(method: str, path: str) -> None:
    """Without credentials: /health answers, nothing else does, nothing is changed."""
    app, source, _ = make()
    status, head, body = ask(app, method, path)
    if method in ("GET", "HEAD"):
        expected = 200 if path in OPEN else 401
    else:
        expected = 403
    assert status == expected, body
    assert not source.calls
    assert head["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in head["content-security-policy"]


@pytest.mark.parametrize("path", [p for p in PATHS if p not in OPEN])
@pytest.mark.parametrize(
    "headers",
    [
        {"cookie": f"{COOKIE}=forged"},
        {"cookie": f"{COOKIE}="},
        {"cookie": f"{COOKIE}={Access(b'x' * 32).new_session(1e9)}"},
        {"cookie": f"{COOKIE}={Access(SECRET).new_session(1.0)}"},
        {"cookie": f"shoal-1={Access(SECRET).new_session(2e9)}"},
        {"cookie": f"{COOKIE}={Access(SECRET).new_token(2e9)}"},
        {"authorization": "Bearer forged"},
        {"authorization": f"Bearer {Access(b'x' * 32).bearer}"},
        {"authorization": f"Basic {Access(SECRET).bearer}"},
        {"x-shoal-token": "forged"},
    ],
)
def test_forged_credentials(path: str, headers: dict[str, str]) -> None:
    app, source, _ = make()
    assert ask(app, "GET", path, headers)[0] == 401
    assert ask(app, "POST", path, {**headers, "origin": f"http://{HOST}"})[0] == 401
    assert not source.calls


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8787", "127.0.0.1.evil.example", ""]
)
def test_other_names(path: str, host: str) -> None:
    """A page that rebinds its own name to this address gets nothing, not even /health."""
    app, source, access = make()
    signed = sign_in(app, access)
    source.calls.clear()
    for method in METHODS:
        assert ask(app, method, path, {**signed, "host": host})[0] == 421
    assert not source.calls


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "origin",
    [None, "null", "http://evil.example", "http://127.0.0.1:3000", "http://localhost:8787"],
)
def test_other_origins(method: str, path: str, origin: str | None) -> None:
    """Other sites, also other ports of this machine, change nothing with a visitor's cookie."""
    app, source, access = make()
    signed = sign_in(app, access)
    token = access.action_token(signed["cookie"].partition("=")[2])
    source.calls.clear()
    headers = {**signed, "x-shoal-token": token, **({"origin": origin} if origin else {})}
    assert ask(app, method, path, headers, b'{"key": "x"}')[0] == 403
    assert not source.calls


def test_actions_need_the_header_token() -> None:
    app, source, access = make()
    signed = {**sign_in(app, access), "origin": f"http://{HOST}"}
    source.calls.clear()
    body = b'{"key": "x"}'
    assert ask(app, "POST", "/actions/retry", signed, body)[0] == 403
    other = access.action_token(access.new_session(time.time()))
    assert ask(app, "POST", "/actions/retry", {**signed, "x-shoal-token": other}, body)[0] == 403
    assert not source.calls
    page = ask(app, "GET", "/status", signed)[2].decode()
    token = re.search(r'data-token="([^"]+)"', page)
    assert token is not None
    allowed = {**signed, "x-shoal-token": token[1]}
    assert ask(app, "POST", "/actions/retry", allowed, body)[0] == 200
    assert source.calls[-1][0] == "Retry"
    assert ask(app, "POST", "/actions/nothing", allowed, body)[0] == 404
    assert ask(app, "POST", "/actions/retry", allowed, b"{")[0] == 400
    assert ask(app, "POST", "/actions/retry", allowed, b"[1]")[0] == 400
    assert ask(app, "POST", "/actions/retry", allowed, b" " * 20_000)[0] == 413


def test_visitors_see_every_page() -> None:
    app, _, access = make()
    signed = sign_in(app, access)
    for path in PATHS:
        if path.startswith("/actions/"):
            continue
        status, head, body = ask(app, "GET", path, signed)
        assert status == 200, (path, body)
        assert path.startswith("/static/") or head["cache-control"] == "no-store"
    for panel in PANELS:
        assert ask(app, "GET", f"/individual-{panel}", signed)[0] == 200
        found = json.loads(ask(app, "GET", f"/view?panels={panel}", signed)[2])
        assert "error" not in found[panel]
    wrong = json.loads(ask(app, "GET", "/view?panels=task-stream&end=x", signed)[2])
    assert "ValueError" in wrong["task-stream"]["error"]
    assert ask(app, "GET", "/individual-nothing", signed)[0] == 404
    assert ask(app, "GET", "/view?panels=nothing", signed)[0] == 404
    for name in ("../app.py", "%2e%2e/app.py", "..", "uPlot.LICENSE"):
        assert ask(app, "GET", f"/static/{name}", signed)[0] in (404, 405)
    assert set(PAGES) <= {path.strip("/") for path in PATHS}


def test_a_token_is_good_for_one_visit() -> None:
    app, _, access = make()
    token = access.new_token(time.time())
    status, head, body = ask(app, "GET", f"/status?token={token}&x=1")
    assert status == 200
    assert "HttpOnly" in head["set-cookie"] and "SameSite=strict" in head["set-cookie"]
    assert "token" not in body.decode() and "url=./status?x=1" in body.decode()
    assert ask(app, "GET", f"/status?token={token}")[0] == 401
    # The page without a name, too.
    _, _, root = ask(app, "GET", f"/?token={access.new_token(time.time())}")
    assert b'content="0;url=./"' in root
    # Who is known may come with an old link again.
    signed = {"cookie": head["set-cookie"].split(";")[0]}
    assert ask(app, "GET", f"/status?token={token}", signed)[0] == 200
    for old in (
        access.new_token(time.time() - 90_000),
        access.new_token(time.time() + 900),
        "x" * 500,
    ):
        assert ask(app, "GET", f"/status?token={old}")[0] == 401
    # It opens pages, not what programs read.
    for path in ("/metrics", "/actions/retry"):
        assert ask(app, "GET", f"{path}?token={access.new_token(time.time())}")[0] == 401


def test_metrics_take_the_bearer_token() -> None:
    app, _, access = make()
    status, head, body = ask(app, "GET", "/metrics", {"authorization": f"Bearer {access.bearer}"})
    assert status == 200 and head["content-type"].startswith("text/plain")
    assert b"shoal_scheduler_workers" in body
    # And nothing else does.
    assert ask(app, "GET", "/status", {"authorization": f"Bearer {access.bearer}"})[0] == 401


@pytest.mark.parametrize("path", ["/stream", "/status", "/", "/health"])
def test_websockets_are_refused(path: str) -> None:
    app, source, access = make()
    signed = sign_in(app, access)
    source.calls.clear()
    sent: list[Any] = []

    async def go() -> None:
        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"host", HOST.encode()), (b"cookie", signed["cookie"].encode())]
        scope = {"type": "websocket", "path": path, "query_string": b"", "headers": headers}
        await app(scope, receive, send)

    asyncio.run(go())
    assert sent == [{"type": "websocket.close", "code": 1008}]
    assert not source.calls


def test_a_prefix_is_in_front_of_everything() -> None:
    app, _, access = make("/proxy/8787")
    status, head, _ = ask(app, "GET", f"/proxy/8787/status?token={access.new_token(time.time())}")
    assert status == 200 and "Path=/proxy/8787" in head["set-cookie"]
    signed = {"cookie": head["set-cookie"].split(";")[0]}
    assert ask(app, "GET", "/proxy/8787/status", signed)[0] == 200
    assert ask(app, "GET", "/proxy/8787/health")[0] == 200
    assert ask(app, "GET", "/proxy/8787/metrics")[0] == 401
    plots = json.loads(ask(app, "GET", "/proxy/8787/individual-plots.json", signed)[2])
    assert plots["Task stream"] == "/proxy/8787/individual-task-stream"
    assert ask(app, "GET", "/status", signed)[0] == 404


def test_pages_work_below_any_path() -> None:
    """Every link of a page is relative, so a proxy may put anything in front of it."""
    app, _, access = make()
    signed = sign_in(app, access)
    for path, up in [("/status", ""), ("/info/main/workers.html", "../../")]:
        text = ask(app, "GET", path, signed)[2].decode()
        links = re.findall(r'(?:href|src)="([^"]+)"', text)
        assert links and not any(link.startswith(("/", "http")) for link in links)
        assert f'src="{up}static/page.js"' in text


def test_links() -> None:
    base = "http://127.0.0.1:8787/p"
    link = format_link("{scheme}://{host}:{port}{prefix}/status?token={token}", base, SECRET, 5.0)
    assert link.startswith("http://127.0.0.1:8787/p/status?token=")
    assert Access(SECRET).check_token(link.partition("=")[2], 6.0) is not None
    assert format_link("{host}", "http://[::1]:80", SECRET, 0.0) == "[::1]"
    with pytest.raises(ConfigError, match="NOT_THERE"):
        format_link("{NOT_THERE}/status", base, SECRET, 5.0, {})
    assert host_of("[::1") == ""
