"""Connections inside one process when the thread of one of the two has ended: nobody waits."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from shoal.distributed.net import Loop, Security, connect, listen
from shoal.distributed.net.inproc import LISTENERS, InprocListener
from shoal.errors import CommunicationError, ConnectionLostError

SECURITY = Security.new()
WAIT_S = 60


def ended_loop() -> Loop:
    loop = Loop()
    loop.stop()
    loop.run()
    return loop


@pytest.fixture
def scheduler(tmp_path: Any) -> Any:
    """A listener whose loop runs in a thread."""
    loop = Loop()
    thread = loop.start("scheduler")
    came: list[Any] = []
    address = f"inproc://{tmp_path}"
    listener = listen(loop, address, security=SECURITY, role="scheduler", on_connection=came.append)
    yield loop, thread, listener, came
    loop.stop()
    thread.join(WAIT_S)


def dial(loop: Loop, address: str) -> list[Any]:
    """What became of it, in order."""
    seen: list[Any] = []

    def opened(connection: Any) -> None:
        seen.append("open")
        connection.on_close = lambda _, error: seen.append(error)

    connect(loop, address, security=SECURITY, role="client", on_open=opened, on_error=seen.append)
    return seen


def test_who_dials_with_a_loop_that_has_ended_is_told(scheduler: Any) -> None:
    (error,) = dial(ended_loop(), scheduler[2].address)
    assert isinstance(error, CommunicationError) and "make a new client" in str(error)


def test_a_listener_whose_loop_ends_meanwhile_leaves_nobody_waiting(
    scheduler: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, thread, listener, came = scheduler
    call_threadsafe = theirs.call_threadsafe

    def end_before(*args: Any) -> None:
        # Between the look at whether it is there and the word that somebody has come.
        monkeypatch.undo()
        theirs.stop()
        thread.join(WAIT_S)
        call_threadsafe(*args)

    loop = Loop()
    seen = dial(loop, listener.address)
    monkeypatch.setattr(theirs, "call_threadsafe", end_before)
    running = threading.Thread(target=loop.run)
    running.start()
    while len(seen) < 2:
        threading.Event().wait(0.01)
    loop.stop()
    running.join(WAIT_S)
    assert seen[0] == "open" and isinstance(seen[1], ConnectionLostError) and not came
    assert listener.address in str(seen[1])


def test_a_listener_of_a_loop_that_has_ended_takes_no_name(tmp_path: Any) -> None:
    with pytest.raises(CommunicationError, match="has ended"):
        InprocListener(ended_loop(), str(tmp_path), "scheduler", "me", Any, print)
    assert str(tmp_path) not in LISTENERS
