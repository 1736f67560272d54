"""Who may see the dashboard, as pure functions of the cluster's secret and the time.

A printed URL carries a *token*: good for one use, a day long.  It buys a *session*: a cookie
that scripts cannot read and other sites' pages cannot use.  What changes something also needs the
session's *action token*, which a page gets in its text and sends as a header.  ``/metrics`` takes a
*bearer* token that never changes, for programs that scrape.

All of them are made from the secret with HMAC-SHA256, so any client makes URLs without asking, and
a dashboard that starts again knows its visitors.  Which tokens were used is remembered by
the scheduler.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from shoal import config
from shoal.errors import ConfigError

__all__ = ["Access", "format_link", "host_of", "link_of", "local_names"]

TOKEN_S = 24 * 3600
SESSION_S = 7 * 24 * 3600
HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::[0-9]{1,5})?")
"""What a ``Host`` header has to look like: a name or an address, and perhaps a port."""

MAC_BYTES = 16
NONCE_BYTES = 9


def pack(secret: bytes, use: str, body: bytes) -> str:
    """Some bytes, and the proof that somebody with the secret has written them for this use."""
    mac = hmac.digest(secret, use.encode() + b"\0" + body, hashlib.sha256)[:MAC_BYTES]
    return base64.urlsafe_b64encode(body + mac).decode().rstrip("=")


def unpack(secret: bytes, use: str, text: str) -> bytes | None:
    """The bytes of `pack`, or None for anything else."""
    if len(text) > 200:
        return None
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except ValueError:
        return None
    body = data[:-MAC_BYTES]
    return body if body and hmac.compare_digest(pack(secret, use, body), text) else None


@dataclass(frozen=True)
class Access:
    """Tokens, sessions and names of one cluster's dashboard.

    Parameters
    ----------
    secret
        The cluster's.
    hosts
        Names by which browsers may ask for it, without the port; ``"*"`` for any.
    origins
        Of proxies, such as ``"https://hub.example"``, whose pages may act beside our own.

    Examples
    --------
    >>> access = Access(b"0123456789abcdef", {"localhost"})
    >>> nonce = access.check_token(access.new_token(now_s=5.0), now_s=6.0)
    >>> len(nonce), access.check_token("forged", now_s=6.0)
    (18, None)
    >>> session = access.new_session(5.0)
    >>> access.check_session(session, 6.0), access.check_session(session, 1e9)
    (True, False)
    >>> access.check_action(session, access.action_token(session))
    True
    >>> access.allows_host("localhost:8787"), access.allows_host("evil.example")
    (True, False)
    """

    secret: bytes = field(repr=False)
    hosts: Collection[str] = ()
    origins: Collection[str] = ()

    def new_token(self, now_s: float) -> str:
        """A token for one visit.

        Parameters
        ----------
        now_s
            Seconds since the epoch.
        """
        body = int(now_s).to_bytes(6, "big") + secrets.token_bytes(NONCE_BYTES)
        return pack(self.secret, "token", body)

    def check_token(self, token: str, now_s: float) -> str | None:
        """The token's number, by which it is remembered as used; None: it is not valid (any more).

        Parameters
        ----------
        token
            As somebody sent it.
        now_s
            Seconds since the epoch.
        """
        body = unpack(self.secret, "token", token)
        if body is None or not 0 <= now_s - int.from_bytes(body[:6], "big") + 60 <= TOKEN_S:
            return None
        return body[6:].hex()

    def new_session(self, now_s: float) -> str:
        """A cookie's value.

        Parameters
        ----------
        now_s
            Seconds since the epoch.
        """
        body = int(now_s + SESSION_S).to_bytes(6, "big") + secrets.token_bytes(NONCE_BYTES)
        return pack(self.secret, "session", body)

    def check_session(self, session: str, now_s: float) -> bool:
        """Whether a cookie's value is valid.

        Parameters
        ----------
        session
            As somebody sent it.
        now_s
            Seconds since the epoch.
        """
        body = unpack(self.secret, "session", session)
        return body is not None and now_s < int.from_bytes(body[:6], "big")

    def action_token(self, session: str) -> str:
        """What a page sends along with an action.

        Parameters
        ----------
        session
            Of the page.
        """
        return pack(self.secret, "action", hashlib.sha256(session.encode()).digest()[:16])

    def check_action(self, session: str, token: str) -> bool:
        """Whether an action comes from a page of the session.

        Parameters
        ----------
        session, token
            As somebody sent them.
        """
        return hmac.compare_digest(self.action_token(session).encode(), token.encode())

    @property
    def bearer(self) -> str:
        """The token for ``/metrics``."""
        return pack(self.secret, "metrics", b"metrics")

    def check_bearer(self, header: str) -> bool:
        """Whether an ``Authorization`` header has it.

        Parameters
        ----------
        header
            As somebody sent it.
        """
        return hmac.compare_digest(header.encode(), f"Bearer {self.bearer}".encode())

    def allows_host(self, header: str) -> bool:
        """Whether a ``Host`` header names this dashboard: else a page may have rebound its name.

        Parameters
        ----------
        header
            As somebody sent it.
        """
        return "*" in self.hosts or host_of(header) in self.hosts

    def allows_origin(self, origin: str, host: str) -> bool:
        """Whether an ``Origin`` header is that of our own pages, or of an allowed proxy.

        The port counts: cookies are sent to all ports of a host, so another server on this
        machine is a stranger too.

        Parameters
        ----------
        origin, host
            As somebody sent them.
        """
        return origin in (f"http://{host}", f"https://{host}") or origin in self.origins


def host_of(header: str) -> str:
    """The name in a ``Host`` header, without its port.

    Parameters
    ----------
    header
        Its value.

    Examples
    --------
    >>> host_of("LOCALHOST:8787"), host_of("[::1]:8787"), host_of("a.example"), host_of("")
    ('localhost', '::1', 'a.example', '')
    >>> host_of("localhost/health?"), host_of("user@localhost"), host_of("localhost:8787:1")
    ('', '', '')
    """
    found = HOST.fullmatch(header.lower())
    return (found[1] or found[2]) if found else ""


def local_names(host: str) -> set[str]:
    """Names by which a browser may ask for a server at ``host``.

    Parameters
    ----------
    host
        Where the server listens.

    Examples
    --------
    >>> sorted(local_names("10.0.0.1"))
    ['10.0.0.1', '127.0.0.1', '::1', 'localhost']
    """
    return {"localhost", "127.0.0.1", "::1", host.lower().strip("[]")} - {"0.0.0.0", "::", ""}


def link_of(base: str, secret: bytes) -> str | None:
    """The dashboard's URL, as the setting ``distributed.dashboard.link`` has it, with a new token.

    Parameters
    ----------
    base
        Where the dashboard is; empty for nowhere.
    secret
        The cluster's.

    Returns
    -------
    str or None
        None where there is no dashboard.

    Examples
    --------
    >>> link = link_of("http://127.0.0.1:8787", b"0123456789abcdef")
    >>> link.partition("=")[0]
    'http://127.0.0.1:8787/status?token'
    """
    if not base:
        return None
    return format_link(config.get("distributed.dashboard.link"), base, secret, time.time())


def format_link(
    template: str,
    base: str,
    secret: bytes,
    now_s: float,
    environment: Mapping[str, str] | None = None,
) -> str:
    """The dashboard's URL as people should open it.

    Parameters
    ----------
    template
        With ``{scheme}``, ``{host}``, ``{port}``, ``{prefix}``, ``{token}`` and names of
        environment variables.
    base
        Where the dashboard is, such as ``"http://127.0.0.1:8787/prefix"``.
    secret
        The cluster's.
    now_s
        Seconds since the epoch.
    environment
        Default: that of this process.

    Examples
    --------
    >>> template = "/hub/{USER}/proxy/{port}/status"
    >>> format_link(template, "http://127.0.0.1:8787", b"0123456789abcdef", 0.0, {"USER": "me"})
    '/hub/me/proxy/8787/status'
    """
    parts = urlsplit(base)
    names = {
        **(os.environ if environment is None else environment),
        "scheme": parts.scheme,
        "host": f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or "",
        "port": str(parts.port or ""),
        "prefix": parts.path.rstrip("/"),
        "token": Access(secret).new_token(now_s),
    }
    try:
        return template.format_map(names)
    except (KeyError, ValueError, IndexError) as error:
        raise ConfigError(
            f"the setting distributed.dashboard.link is {template!r}, of which {error} cannot be "
            "filled in: it may name scheme, host, port, prefix, token and variables of the "
            "environment"
        ) from error
