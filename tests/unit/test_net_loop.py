"""The reactor: calls, timers, order within a turn, and callbacks that fail."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from shoal.distributed.net.loop import READ, WRITE, Loop

WAIT_S = 60


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop(Clock())
    yield loop
    loop.stop()
    loop.run()


def turn(loop: Loop) -> None:
    """One turn that does not sleep."""
    loop.call_soon(lambda: None)
    loop._turn()


def test_the_order_within_a_turn(loop: Loop) -> None:
    seen: list[str] = []
    ready, other = os.pipe()
    os.write(other, b"x")
    loop.register(ready, lambda mask: seen.append("event"))
    loop.call_later(0, seen.append, "timer")
    loop.add_idle(lambda: seen.append("idle"))
    loop.add_idle(lambda: loop.flush_later(lambda: seen.append("flush")) if not seen[4:] else None)
    loop.call_soon(seen.append, "soon")
    loop._turn()
    assert seen == ["event", "soon", "timer", "idle", "flush"]
    loop.unregister(ready)
    os.close(ready)
    os.close(other)


def test_timers_run_in_order_and_not_before_their_time(loop: Loop) -> None:
    seen: list[int] = []
    for delay_s in (3, 1, 2, 1):
        loop.call_later(delay_s, seen.append, delay_s)
    loop.call_later(1.5, seen.append, 0).cancel()
    turn(loop)
    assert seen == []
    loop.time.now_s = 2.5  # type: ignore[attr-defined]
    turn(loop)
    assert seen == [1, 1, 2]
    loop.time.now_s = 9.0  # type: ignore[attr-defined]
    turn(loop)
    assert seen == [1, 1, 2, 3]


def test_a_call_that_asks_for_a_call_does_not_keep_others_waiting(loop: Loop) -> None:
    seen: list[str] = []

    def again() -> None:
        seen.append("call")
        loop.call_soon(again)

    loop.add_idle(lambda: seen.append("idle"))
    loop.call_soon(again)
    loop._turn()
    # A turn looks twice at what was asked for, and then at the sockets.
    assert seen == ["call", "idle", "call", "idle"]


def test_one_callback_that_fails_is_one_line_in_the_log(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    ready, other = os.pipe()
    loop.register(other, fail, WRITE)
    loop.call_soon(fail)
    loop.call_later(0, fail)
    loop.add_idle(fail)
    loop.flush_later(fail)
    loop.call_soon(seen.append, "soon")
    loop._turn()
    loop.remove_idle(fail)
    loop.unregister(other)
    assert seen == ["soon"]
    said = [r for r in caplog.records if r.exc_info and r.exc_info[0] is ZeroDivisionError]
    assert len(said) == 5
    turn(loop)
    assert [r for r in caplog.records if r.exc_info and r.exc_info[0] is ZeroDivisionError] == said
    os.close(ready)
    os.close(other)


def test_calls_from_many_threads_all_come() -> None:
    loop = Loop()
    thread = loop.start("net-test")
    seen: list[int] = []
    done = threading.Semaphore(0)

    def call(first: int) -> None:
        for number in range(first, first + 1000):
            loop.call_threadsafe(seen.append, number)
        loop.call_threadsafe(done.release)

    threads = [threading.Thread(target=call, args=(first,)) for first in range(0, 4000, 1000)]
    for each in threads:
        each.start()
    for each in threads:
        assert done.acquire(timeout=WAIT_S)
        each.join()
    assert sorted(seen) == list(range(4000))
    loop.stop()
    thread.join(WAIT_S)
    loop.call_threadsafe(print)  # nobody is there any more: nothing happens


def test_a_descriptor_closed_by_the_handler_before_it_is_not_called(loop: Loop) -> None:
    pipes = [os.pipe() for _ in range(2)]
    seen = []

    def close_both(mask: int) -> None:
        seen.append(mask)
        for ready, _ in pipes:
            loop.unregister(ready)

    for ready, other in pipes:
        os.write(other, b"x")
        loop.register(ready, close_both)
    loop._turn()
    assert seen == [READ]
    for pipe in pipes:
        for fd in pipe:
            os.close(fd)


def test_what_the_loop_owns_ends_with_it() -> None:
    loop = Loop()
    closed: list[str] = []

    class Thing:
        def close(self) -> None:
            closed.append("closed")
            loop.call_soon(closed.append, "after")

    kept, gone = Thing(), Thing()
    loop.own(kept)
    loop.own(gone)
    loop.disown(gone)
    loop.stop()
    loop.run()
    assert closed == ["closed", "after"]
    assert not loop.in_loop()
    loop.run()  # ended is ended


def test_who_asks_before_a_loop_has_ended_is_called() -> None:
    class AskedAtTheLastMoment(Loop):
        def __setattr__(self, name: str, value: object) -> None:
            if name == "ended" and value:
                assert not self.ended  # what another thread would see, that calls as it does here
                self.call_threadsafe(called.append, "in time")
            super().__setattr__(name, value)

    called: list[str] = []
    loop = AskedAtTheLastMoment()
    loop.stop()
    loop.run()
    assert called == ["in time"]


def test_timers_that_were_cancelled_do_not_pile_up(loop: Loop) -> None:
    called: list[int] = []
    for i in range(50):
        loop.call_later(0.0, called.append, i)
    for _ in range(10_000):
        loop.call_later(1000.0, called.append, -1).cancel()
    assert len(loop._timers) <= 200

    def late() -> None:
        # From within a timer, too.
        for _ in range(300):
            loop.call_later(1000.0, called.append, -1).cancel()
        loop.call_later(0.0, loop.stop)

    loop.call_later(0.0, late)
    loop.run()
    assert called == list(range(50))
