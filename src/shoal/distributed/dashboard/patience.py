"""How long somebody may take to say what they want, and how much: else the connection is closed.

uvicorn bounds the time between requests, and not the time that the head of one may take; two
hundred connections that send a byte a minute would keep everybody else out.  And it bounds the
size of a head that comes in pieces, and not of one that comes at once.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

__all__ = ["Patient"]

HEAD_S = 10.0
"""From the first moment, or the first byte of a further request, to the end of its head."""

MOST_BYTES = 32_768
"""Of one request, with its body, that come at once."""


class Patient(H11Protocol):
    """A connection with a visitor; its patience ends.

    Examples
    --------
    >>> Patient.__mro__[1].__name__
    'H11Protocol'
    """

    head_s = HEAD_S
    _closing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Somebody has connected."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Somebody says something."""
        if len(data) > MOST_BYTES:
            self.transport.close()
            return
        super().data_received(data)
        last: RequestResponseCycle | None = self.cycle
        if last is None or last.response_complete:
            self._wait()
        else:
            self._wait_no_more()

    def connection_lost(self, exc: Exception | None) -> None:
        """They have gone."""
        self._wait_no_more()
        super().connection_lost(exc)

    def _wait(self) -> None:
        """Begin to wait; who waits already does not begin anew, whatever trickles in."""
        if self._closing is None:
            self._closing = self.loop.call_later(self.head_s, self.transport.close)

    def _wait_no_more(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None
