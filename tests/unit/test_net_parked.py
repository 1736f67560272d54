"""Messages that wait until the other side takes descriptors: they hold up nothing else."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from shoal.distributed.net import Connection, Loop, Security, connect, listen
from shoal.distributed.wire.codec import Codec

WAIT_S = 60


class Note(msgspec.Struct, tag=True, array_like=True):
    number: int


CODEC = Codec(Note)


class Pair:
    """Two ends of a connection, each with a loop of its own, and the sizes of what came."""

    def __init__(self, folder: Path) -> None:
        self.loops = Loop(), Loop()
        self.threads = [loop.start(f"parked-{i}") for i, loop in enumerate(self.loops)]
        self.came: tuple[queue.Queue[int], queue.Queue[int]] = queue.Queue(), queue.Queue()
        self.go = threading.Event()
        told = {"security": Security.new(), "codec": CODEC, "role": "worker"}
        opened: tuple[queue.Queue[Connection], ...] = queue.Queue(), queue.Queue()

        def take(side: int, connection: Connection) -> None:
            came = self.came[side]
            connection.on_message = lambda _, message, buffers: came.put(sum(map(len, buffers)))
            connection.on_close = lambda _, error: None
            opened[side].put(connection)

        here, there = self.loops
        listener = listen(
            there, f"unix://{folder}/s", on_connection=lambda one: take(1, one), **told
        )
        connect(
            here,
            listener.address,
            on_open=lambda one: take(0, one),
            on_error=lambda error: None,
            **told,
        )
        self.here, self.there = (one.get(timeout=WAIT_S) for one in opened)

    def hold(self, loop: Loop) -> None:
        """Let a loop do nothing until `go` is set."""
        held = threading.Event()
        loop.call_threadsafe(lambda: (held.set(), self.go.wait(WAIT_S)))
        assert held.wait(WAIT_S)

    def close(self) -> None:
        self.go.set()
        for loop, thread in zip(self.loops, self.threads, strict=True):
            loop.stop()
            thread.join(WAIT_S)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    yield made
    made.close()


def test_what_it_waited_for_before_does_not_stop_it_later(pair: Pair) -> None:
    # The answer of the other side, that it takes descriptors, is there before the loop here
    # comes to the flush that it is asked for.
    here, there = pair.loops
    pair.hold(here)
    pair.here.send(Note(1), [bytes(8 << 20)])
    answered = threading.Event()
    there.call_threadsafe(lambda: there.call_later(0.05, answered.set))
    assert answered.wait(WAIT_S)
    pair.go.set()
    assert pair.came[1].get(timeout=WAIT_S) == 8 << 20
    # The socket is full now and then: the other side is slow to read.
    there.call_threadsafe(lambda: threading.Event().wait(0.2))
    pair.here.send(Note(2), [bytes(100_000)] * 100)
    assert pair.came[1].get(timeout=WAIT_S) == 10_000_000


@pytest.mark.parametrize("by_loops", [False, True])
def test_both_sides_may_ask_at_once(pair: Pair, by_loops: bool) -> None:
    # Each waits for the other's answer, which must not wait behind what waits for it.  What a
    # loop sends is loaded by another thread.
    sends = [
        lambda end=end: [end.send(Note(i), [bytes(9 << 20), b"abc"]) for i in range(3)]
        for end in (pair.here, pair.there)
    ]
    for loop in pair.loops:
        pair.hold(loop)
    for loop, send in zip(pair.loops, sends, strict=True):
        if by_loops:
            loop.call_threadsafe(send)
        else:
            send()
    pair.go.set()
    for came in pair.came:
        assert [came.get(timeout=WAIT_S) for _ in range(3)] == [(9 << 20) + 3] * 3
