"""Whatever fails between a socket and a connection, and whenever a loop ends: nothing is left.

A table of places; at each of them the first, second, ... call fails, or ends the loop.
"""

from __future__ import annotations

import gc
import queue
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shoal.distributed.net import Limits, Loop, Security, connect, listen, sockets
from shoal.distributed.net import connection as connections
from shoal.distributed.net import dialer as dialers
from shoal.distributed.net import greeter as greeters
from shoal.distributed.net import listener as listeners
from shoal.distributed.net.dialer import Dialer
from shoal.distributed.net.listener import StreamListener
from shoal.errors import CommunicationError

WAIT_S = 60
SECURITY = Security.new(tls=True)
LIMITS = Limits(hello_s=0.5, linger_s=0.5)

PLACES: list[tuple[Any, str]] = [
    (Loop, "register"),
    (Loop, "watch"),
    (sockets, "prepare"),
    (dialers, "dial"),
    (dialers, "StreamConnection"),
    (listeners, "accepted"),
    (listeners, "StreamConnection"),
    (listeners, "check_same_user"),
    (greeters, "check_same_user"),
    (greeters, "TlsStream"),
    (greeters, "Handshake"),
    (greeters.Greeter, "_send"),
    (greeters.Greeter, "_greet"),
    (greeters.Greeter, "_leave"),
    (connections, "introduction"),
    (connections.StreamConnection, "_put"),
    (connections.StreamConnection, "_introduced"),
    (Dialer, "_proven"),
    (Dialer, "_opened"),
    (StreamListener, "_open"),
]
"""Functions through which a socket passes on its way, by where they are looked up."""


def name_of(place: Any) -> str:
    return f"{getattr(place[0], '__name__', place[0]).rpartition('.')[2]}.{place[1]}"


def meet(loop: Loop, address: str) -> None:
    """Listen and connect, and wait until one side says how that has ended."""
    ends: queue.Queue[Any] = queue.Queue()
    common: dict[str, Any] = {"security": SECURITY, "limits": LIMITS}
    listener = listen(loop, address, role="scheduler", on_connection=ends.put, **common)
    thread = loop.start("net-leaks")
    connect(
        loop,
        listener.address,
        role="client",
        on_open=ends.put,
        on_error=ends.put,
        timeout_s=0.5,
        **common,
    )
    ends.get(timeout=WAIT_S)
    loop.stop()
    thread.join(WAIT_S)
    assert not thread.is_alive()


def fail_at(call: int, what: Callable[..., Any], then: Callable[[], object]) -> Callable[..., Any]:
    """A function that calls another one before its n-th call."""
    left = [call]

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if not left[0]:
            then()
        return what(*args, **kwargs)

    return wrapped


def refuse() -> None:
    raise OSError(12, "no memory for that")


@pytest.mark.parametrize("scheme", ["tcp", "tls", "unix"])
@pytest.mark.parametrize("place", PLACES, ids=name_of)
@pytest.mark.parametrize("how", ["fails", "ends the loop"])
def test_nothing_is_left(
    how: str,
    place: tuple[Any, str],
    scheme: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    opened: Any,
) -> None:
    address = f"unix://{tmp_path}/s" if scheme == "unix" else f"{scheme}://127.0.0.1:0"
    original = getattr(*place)
    for call in (1, 2, 3):
        loop = Loop()
        then = refuse if how == "fails" else loop._stop
        with monkeypatch.context() as patch:
            patch.setattr(*place, fail_at(call, original, then))
            meet(loop, address)
        assert not {what for _, what in opened() if what.startswith(("socket", "anon"))}, call


def test_who_dials_while_the_loop_ends_is_refused(opened: Any) -> None:
    """As a client does whose connection the loop closes: it would come back."""
    loop, ends = Loop(), []
    listener = listen(
        loop, "tcp://127.0.0.1:0", security=SECURITY, role="scheduler", on_connection=print
    )

    def dial() -> None:
        connect(
            loop,
            listener.address,
            security=SECURITY,
            role="client",
            on_open=ends.append,
            on_error=ends.append,
        )

    class Comer:
        close = staticmethod(dial)

    loop.own(Comer())
    loop.stop()
    loop.run()
    dial()
    assert [type(error) for error in ends] == [CommunicationError] * 2
    with pytest.raises(CommunicationError, match="has ended"):
        listen(loop, "tcp://127.0.0.1:0", security=SECURITY, role="worker", on_connection=print)
    gc.collect()
    assert not opened()
