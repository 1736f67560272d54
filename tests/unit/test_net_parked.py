"""A connection that waited for descriptors to be taken goes on writing when it is full."""

from __future__ import annotations

import queue
import threading
from pathlib import Path

import msgspec

from shoal.distributed.net import Connection, Loop, Security, connect, listen
from shoal.distributed.wire.codec import Codec

WAIT_S = 60


class Note(msgspec.Struct, tag=True, array_like=True):
    number: int


CODEC = Codec(Note)


def test_what_it_waited_for_before_does_not_stop_it_later(tmp_path: Path) -> None:
    here, there = Loop(), Loop()
    threads = [loop.start(f"parked-{i}") for i, loop in enumerate((here, there))]
    told = {"security": Security.new(), "codec": CODEC}
    came: queue.Queue[int] = queue.Queue()
    opened: queue.Queue[Connection] = queue.Queue()

    def take(connection: Connection) -> None:
        connection.on_message = lambda _, message, buffers: came.put(sum(map(len, buffers)))
        connection.on_close = lambda _, error: None

    listener = listen(
        there, f"unix://{tmp_path}/s", role="worker", name="there", on_connection=take, **told
    )
    connect(
        here,
        listener.address,
        role="worker",
        name="here",
        on_open=opened.put,
        on_error=lambda error: None,
        **told,
    )
    connection = opened.get(timeout=WAIT_S)
    connection.on_message, connection.on_close = take, lambda _, error: None
    try:
        # The answer of the other side, that it takes descriptors, is there before the loop here
        # comes to the flush that it is asked for.
        held, go = threading.Event(), threading.Event()
        here.call_threadsafe(lambda: (held.set(), go.wait(WAIT_S)))
        assert held.wait(WAIT_S)
        connection.send(Note(1), [bytes(8 << 20)])
        answered = threading.Event()
        there.call_threadsafe(lambda: there.call_later(0.05, answered.set))
        assert answered.wait(WAIT_S)
        go.set()
        assert came.get(timeout=WAIT_S) == 8 << 20
        # The socket is full now and then: the other side is slow to read.
        there.call_threadsafe(lambda: threading.Event().wait(0.2))
        connection.send(Note(2), [bytes(100_000)] * 100)
        assert came.get(timeout=WAIT_S) == 10_000_000
    finally:
        go.set()
        for loop, thread in zip((here, there), threads, strict=True):
            loop.stop()
            thread.join(WAIT_S)
