"""Who gets past the door: every request is looked at here before a route sees it.

What a request claims is believed as little as possible.  The path is the one that routes go by; the
``Host`` header has to be a plain name of this dashboard, or a page elsewhere has rebound its
own name to this address; requests that a browser says come from another site are refused even
if they carry a cookie, since cookies do not know ports.
"""

from __future__ import annotations

import html
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from shoal.distributed.dashboard.access import Access

__all__ = ["Guard", "guest_of"]

POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'self'{origins}; img-src 'self' data:"
)

HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cache-control": b"no-store",
}
"""Of every answer, besides the policy."""

OPEN, BEARER, VISITOR, ACTOR = "open", "bearer", "visitor", "actor"
"""For anybody; for who has the token of ``/metrics``, or a session; for who has a session; for who
also sends the action token."""


class Guard:
    """Looks at every request before anything else does.

    Parameters
    ----------
    app
        What comes after.
    access
        Who may do what.
    prefix
        Path in front of all pages.
    cookie
        Name of the session's cookie.
    use_token
        Remembers a token as used; False if it was.

    Examples
    --------
    >>> Guard.__name__
    'Guard'
    """

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        prefix: str,
        cookie: str,
        use_token: Callable[[str], Awaitable[bool]],
    ) -> None:
        self.app = app
        self.access = access
        self.prefix = prefix
        self.cookie = cookie
        self.use_token = use_token
        origins = "".join(f" {origin}" for origin in sorted(access.origins))
        policy = POLICY.format(origins=origins).encode()
        self.headers = {b"content-security-policy": policy, **HEADERS}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "websocket":
            # There are none here; whoever comes from anywhere is turned away.
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                known = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(pair for pair in self.headers.items() if pair[0] not in known),
                ]
            await send(message)

        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = await self.check(Request(scope))
        await (answer or self.app)(scope, receive, send_with_headers)

    async def check(self, request: Request) -> Response | None:
        """An answer to who may not go on; None: they may."""
        headers, access = request.headers, self.access
        if not access.allows_host(headers.get("host", "")):
            return PlainTextResponse(
                "This name is not one of the dashboard's; add it to the setting "
                "distributed.dashboard.allowed-hosts.\n",
                421,
            )
        need = guest_of(request.scope["path"].removeprefix(self.prefix))
        changes = request.method not in ("GET", "HEAD")
        if (changes or is_foreign(headers)) and not access.allows_origin(
            headers.get("origin", ""), headers.get("host", "")
        ):
            return PlainTextResponse("Requests from other sites are refused.\n", 403)
        if need == OPEN:
            return None
        session = request.cookies.get(self.cookie, "")
        is_visitor = bool(session) and access.check_session(session, time.time())
        if need == BEARER:
            if is_visitor or access.check_bearer(headers.get("authorization", "")):
                return None
            return PlainTextResponse(
                "Send the token that `shoal dashboard --metrics-token` prints.\n",
                401,
                {"www-authenticate": "Bearer"},
            )
        token = request.query_params.get("token")
        if token is not None and not changes and need == VISITOR:
            welcome = await self.admit(request, token, is_visitor)
            if welcome is not None:
                return welcome
        if not is_visitor:
            return HTMLResponse(DENIED, 401)
        if need == ACTOR and not access.check_action(session, headers.get("x-shoal-token", "")):
            return PlainTextResponse("The action token is missing or wrong.\n", 403)
        request.state.action_token = access.action_token(session)
        return None

    async def admit(self, request: Request, token: str, is_visitor: bool) -> Response | None:
        """Somebody comes with a token: a cookie, and the same page again without the token."""
        nonce = self.access.check_token(token, time.time())
        if not is_visitor and (nonce is None or not await self.use_token(nonce)):
            return HTMLResponse(DENIED, 401)
        # No redirect: after a click on another site's page the browser would follow it without the
        # cookie, for that is "strict".
        pairs = request.query_params.multi_items()
        query = urlencode([pair for pair in pairs if pair[0] != "token"])
        last = quote(request.scope["path"].rsplit("/", 1)[-1])
        name = html.escape(f"./{last}{'?' if query else ''}{query}")
        answer = HTMLResponse(
            f'<!doctype html><meta http-equiv="refresh" content="0;url={name}">'
            f'<link rel="icon" href="data:,"><title>shoal</title><a href="{name}">Go on</a>'
        )
        if not is_visitor:
            answer.set_cookie(
                self.cookie,
                self.access.new_session(time.time()),
                httponly=True,
                samesite="strict",
                path=self.prefix or "/",
                secure=request.url.scheme == "https",
            )
        return answer


DENIED = """<!doctype html><html lang="en"><meta charset="utf-8"><title>shoal</title>
<link rel="icon" href="data:,"><h1>This dashboard needs its link</h1>
<p>A link opens it once; then this browser may come back for a week. Get a new one:</p>
<pre>print(client.dashboard_link)      # in the program
shoal dashboard                   # in a terminal, beside cluster.json</pre></html>
"""


def is_foreign(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that a page of another site asks, and not a person who follows a link.

    Parameters
    ----------
    headers
        Of the request.

    Examples
    --------
    >>> is_foreign({"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"})
    True
    >>> (
    ...     is_foreign({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}),
    ...     is_foreign({}),
    ... )
    (False, False)
    """
    site, mode = headers.get("sec-fetch-site", "none"), headers.get("sec-fetch-mode")
    return site in ("cross-site", "same-site") and mode != "navigate"


def guest_of(path: str) -> str:
    """For whom a path is.

    Parameters
    ----------
    path
        Without the prefix.

    Examples
    --------
    >>> guest_of("/health"), guest_of("/metrics"), guest_of("/actions/retry"), guest_of("/x")
    ('open', 'bearer', 'actor', 'visitor')
    """
    if path == "/health":
        return OPEN
    if path == "/metrics":
        return BEARER
    return ACTOR if path.startswith("/actions/") else VISITOR
