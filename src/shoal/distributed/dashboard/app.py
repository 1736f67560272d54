"""The dashboard's web server: which route answers what to whom.

`shoal.distributed.dashboard.guard` decides about every request before a route sees it.  Pages are a
few lines of HTML that name their panels; everything else is done by the modules in ``static``,
which read a stream of server-sent events: a state first, then what has changed.
"""

from __future__ import annotations

import asyncio
import functools
import html
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import resources
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from shoal.distributed.dashboard.access import Access
from shoal.distributed.dashboard.delta import delta
from shoal.distributed.dashboard.guard import Guard
from shoal.distributed.dashboard.metrics import exposition
from shoal.distributed.dashboard.panels import PAGES, PANELS
from shoal.distributed.dashboard.source import ACTIONS, Source

__all__ = ["ROUTES", "make_app"]

EVERY_S = 0.5
"""How often a page is told what has changed."""

IDLE_S = 15.0
"""A stream with nothing to say says so as often: else proxies end it."""

BODY_BYTES = 10_000
BODY_S = 5.0
"""What an action may have with it, and how long it may take to come."""

TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}

# --- answers ----------------------------------------------------------------------------------


def source_of(request: Request) -> Source:
    """What knows the cluster."""
    source: Source = request.app.state.source
    return source


def json_answer(value: Any, status: int = 200) -> Response:
    """A value as JSON."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


async def health(request: Request) -> Response:
    """Whether it is alive."""
    return PlainTextResponse("ok\n")


async def metrics(request: Request) -> Response:
    """For Prometheus."""
    model = await source_of(request).fresh({})
    request.app.state.visits.last = time.monotonic()
    return Response(exposition(model), media_type="text/plain; version=0.0.4; charset=utf-8")


async def root(request: Request) -> Response:
    """The first page."""
    return HTMLResponse('<!doctype html><meta http-equiv="refresh" content="0;url=status">')


async def page(request: Request) -> Response:
    """A page with some panels."""
    path = request.scope["path"].removeprefix(request.app.state.prefix).strip("/")
    up = "../" * path.count("/")
    name = ALIASES.get(path, path)
    if name.startswith("individual-"):
        panel = name.removeprefix("individual-")
        panel = SAME.get(panel, panel)
        if panel not in PANELS:
            raise HTTPException(404)
        names: tuple[str, ...] = (panel,)
        title = PANELS[panel].title
    else:
        title, names = PAGES[name]
    return HTMLResponse(page_text(name, title, names, up, request.state.action_token))


ALIASES = {"info/main/workers.html": "workers", "info/main/workers": "workers"}
"""Paths under which other tools know pages."""

SAME = {
    "aggregate-time-per-action": "kinds",
    "bandwidth-types": "bandwidth-workers",
    "cluster-map": "bandwidth-workers",
    "compute-time-per-key": "kinds",
    "group-progress": "progress",
    "nbytes": "workers-memory",
    "nprocessing": "processing",
    "occupancy": "processing",
    "profile-server": "profile",
    "workers-cpu-timeseries": "cpu",
    "workers-memory-timeseries": "cluster-memory",
    "workers-network-timeseries": "rates",
}
"""Names that other tools know for our panels."""


def page_text(name: str, title: str, panels: tuple[str, ...], up: str, token: str) -> str:
    """The HTML of a page.

    Parameters
    ----------
    name, title
        Of the page.
    panels
        Names.
    up
        The way to the root: ``"../"`` as often as it takes, so that it works behind any proxy.
    token
        The action token.

    Examples
    --------
    >>> "<main" in page_text("status", "Status", ("progress",), "", "t")
    True
    """
    alone = name.startswith("individual-")
    links = (
        ""
        if alone
        else "".join(
            f'<a href="{up}{other}"{" aria-current=page" * (other == name)}>{label}</a>'
            for other, (label, _) in PAGES.items()
        )
    )
    boxes = "".join(
        f'<section class="panel" id="{panel}" data-draw="{PANELS[panel].draw}" tabindex="-1" '
        f'aria-label="{html.escape(PANELS[panel].title)}"><h2>{html.escape(PANELS[panel].title)}'
        f'</h2><div class="body"></div></section>'
        for panel in panels
    )
    head = "" if alone else f'<header><b class="logo">shoal</b><nav>{links}</nav>{TOOLS}</header>'
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width">'
        f"<title>shoal: {html.escape(title)}</title>"
        f'<link rel="icon" href="{up}static/icon.svg">'
        f'<link rel="stylesheet" href="{up}static/uPlot.min.css">'
        f'<link rel="stylesheet" href="{up}static/shoal.css">'
        f'<script src="{up}static/uPlot.min.js" defer></script>'
        f'<script type="module" src="{up}static/page.js"></script></head>'
        f'<body data-root="{up}" data-token="{token}" data-page="{name}">{head}'
        f'<main class="page-{name}">{boxes}</main></body></html>'
    )


TOOLS = (
    '<span id="state" role="status">connecting</span>'
    '<button id="pause" title="Stop moving (space)">Pause</button>'
    '<button id="theme" title="Dark or light (d)">Theme</button>'
    '<button id="keys" title="Keys (?)" aria-label="Keys">?</button>'
)


async def stream(request: Request) -> Response:
    """What the panels of a page show: all of it once, then what has changed."""
    names, args = panels_of(request)
    source = source_of(request)
    visits = request.app.state.visits
    visits.began()

    async def events() -> AsyncIterator[bytes]:
        sent: dict[str, Any] = {}
        told_at = -IDLE_S
        try:
            # When the browser goes, the response ends this generator.
            while True:
                began = time.monotonic()
                state = await state_of(source, names, args)
                change = delta(sent, state)
                if change:
                    sent, told_at = state, began
                    yield b"data: " + msgspec.json.encode(change) + b"\n\n"
                elif began - told_at > IDLE_S:
                    told_at = began
                    yield b": nothing new\n\n"
                await asyncio.sleep(max(0.05, EVERY_S - (time.monotonic() - began)))
        finally:
            visits.ended()

    return StreamingResponse(
        events(), media_type="text/event-stream", headers={"x-accel-buffering": "no"}
    )


def panels_of(request: Request) -> tuple[list[str], dict[str, str]]:
    """Which panels a request is about, and its arguments."""
    args = {name: value[:1_000] for name, value in request.query_params.items()}
    names = [name for name in args.pop("panels", "").split(",") if name][:30]
    unknown = [name for name in names if name not in PANELS]
    if unknown:
        raise HTTPException(404, f"there is no panel {unknown[0]!r}")
    return names, args


async def state_of(source: Source, names: list[str], args: dict[str, str]) -> dict[str, Any]:
    """What some panels show now; a question that fails shows as an error of its panel."""
    out: dict[str, Any] = {}
    for name in names:
        panel = PANELS[name]
        try:
            model = await source.fresh(dict.fromkeys(panel.asks, args))
            out[name] = panel.view(model, args)
        except Exception as error:
            # The other panels go on; so does this one, when the cause is gone.
            out[name] = {"error": f"{type(error).__name__}: {error}"}
    return out


async def view(request: Request) -> Response:
    """What some panels show, once."""
    names, args = panels_of(request)
    return json_answer(await state_of(source_of(request), names, args))


async def counts(request: Request) -> Response:
    """The cluster in a few numbers, under the names that tools know."""
    model = await source_of(request).fresh({})
    states = [kind["states"] for kind in model.kinds.values()]
    workers = model.workers.values()

    def total(name: str) -> int:
        return sum(found.get(name, 0) for found in states)

    return json_answer(
        {
            "bytes": sum(w["metrics"].get("managed", 0) for w in workers),
            "clients": len(model.feed.get("clients", ())),
            "cores": sum(w["threads"] for w in workers),
            "erred": total("erred"),
            "hosts": len({w["host"] for w in workers}),
            "idle": sum(not w["sent"] and not w["queued"] for w in workers),
            "memory": total("memory"),
            "processing": total("sent"),
            "released": total("released"),
            "saturated": sum(w["queued"] > 0 for w in workers),
            "tasks": model.feed.get("tasks", 0),
            "unrunnable": model.feed.get("unplaced", 0),
            "waiting": total("waiting"),
            "waiting_data": sum(w["held"] for w in workers),
            "workers": len(model.workers),
        }
    )


async def identity(request: Request) -> Response:
    """The scheduler and its workers."""
    return json_answer(await source_of(request).call("scheduler.info"))


async def plots(request: Request) -> Response:
    """Titles of panels, and where each is alone; JupyterLab's extension asks for it."""
    prefix = request.app.state.prefix
    return json_answer(
        {panel.title: f"{prefix}/individual-{name}" for name, panel in PANELS.items()}
    )


async def static(request: Request) -> Response:
    """Scripts and styles, which come with the package."""
    name = request.path_params["name"]
    files = request.app.state.files
    if name not in files:
        raise HTTPException(404)
    data, kind = files[name]
    return Response(data, media_type=kind, headers={"cache-control": "max-age=60"})


async def act(request: Request) -> Response:
    """Change something."""
    action = ACTIONS.get(request.path_params["name"])
    if action is None:
        raise HTTPException(404)
    try:
        body = await asyncio.wait_for(read_body(request), BODY_S)
    except TimeoutError:
        raise HTTPException(408) from None
    try:
        args = msgspec.json.decode(body or b"{}", type=dict[str, Any])
        return json_answer({"status": await action(source_of(request), args)})
    except (KeyError, msgspec.DecodeError) as error:
        return json_answer({"error": f"{type(error).__name__}: {error}"}, 400)


async def read_body(request: Request) -> bytes:
    """What was sent along, if it is not much."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_BYTES:
            raise HTTPException(413)
    return body


@functools.cache
def read_files() -> dict[str, tuple[bytes, str]]:
    """The files of ``static``, by name."""
    folder = resources.files("shoal.distributed.dashboard") / "static"
    found = {}
    for path in folder.iterdir():
        kind = TYPES.get("." + path.name.rpartition(".")[2])
        if kind is not None:
            found[path.name] = (path.read_bytes(), kind)
    return found


class Visits:
    """How many streams are open, and since when there are none.

    Examples
    --------
    >>> visits = Visits()
    >>> visits.began()
    >>> visits.idle_s()
    0.0
    """

    def __init__(self) -> None:
        self.open = 0
        self.last = time.monotonic()

    def began(self) -> None:
        """One more."""
        self.open += 1

    def ended(self) -> None:
        """One less."""
        self.open -= 1
        self.last = time.monotonic()

    def idle_s(self) -> float:
        """Seconds since the last one ended."""
        return 0.0 if self.open else time.monotonic() - self.last


ROUTES: list[tuple[str, Callable[[Request], Awaitable[Response]], str]] = [
    ("/health", health, "GET"),
    ("/metrics", metrics, "GET"),
    ("/", root, "GET"),
    *((f"/{name}", page, "GET") for name in PAGES),
    *((f"/{name}", page, "GET") for name in ALIASES),
    ("/individual-plots.json", plots, "GET"),
    ("/individual-{name}", page, "GET"),
    ("/json/counts.json", counts, "GET"),
    ("/json/identity.json", identity, "GET"),
    ("/stream", stream, "GET"),
    ("/view", view, "GET"),
    ("/static/{name}", static, "GET"),
    ("/actions/{name}", act, "POST"),
]
"""Path, what answers, method."""


def make_app(source: Source, access: Access, prefix: str = "", port: int = 0) -> Starlette:
    """The application.

    Parameters
    ----------
    source
        What knows the cluster.
    access
        Who may do what.
    prefix
        Path in front of all pages.
    port
        Part of the cookie's name, for cookies are sent to all ports of a host.

    Examples
    --------
    >>> from shoal.distributed.net import Security
    >>> app = make_app(Source("inproc://nobody", Security.new()), Access(b"0123456789abcdef"))
    >>> len(app.routes) == len(ROUTES)
    True
    """

    async def use_token(nonce: str) -> bool:
        return bool(await source.call("dashboard.use", token=nonce))

    guard = Middleware(
        Guard, access=access, prefix=prefix, cookie=f"shoal-{port}", use_token=use_token
    )
    routes = [Route(path, answer, methods=[method]) for path, answer, method in ROUTES]
    app = Starlette(routes=[Mount(prefix, routes=routes)] if prefix else routes, middleware=[guard])
    app.state.source = source
    app.state.prefix = prefix
    app.state.files = read_files()
    app.state.visits = Visits()
    return app
