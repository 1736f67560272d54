"""Threads that turn a loop in place of its own: nothing is overlooked, whoever turns it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import pytest

from shoal.distributed.core.worker.table import READY, Code, Task
from shoal.distributed.net.loop import FRAMES, Loop, may_visit
from shoal.distributed.node.lane import Lane, Surroundings
from shoal.distributed.node.store import Store

WAIT_S = 120


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    thread = loop.start("net-test")
    yield loop
    loop.stop()
    thread.join(WAIT_S)
    assert not thread.is_alive()


def beside(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test in a thread of its own: pytest has handlers of signals in the main one."""

    @wraps(test)
    def run(**fixtures: Any) -> None:
        failed: list[BaseException] = []

        def work() -> None:
            try:
                test(**fixtures)
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        if failed:
            raise failed[0]

    return run


def enter(loop: Loop) -> None:
    """Ask the loop's own thread to step aside until it has."""
    guard = threading.Event()
    for _ in range(20_000):
        if loop.enter():
            return
        loop.call_threadsafe(loop.step_aside)
        guard.wait(0.001)
    raise AssertionError("the loop's own thread did not step aside")


def called(loop: Loop) -> int:
    """The thread in which a call is made that is asked for from outside."""
    seen: list[int] = []
    done = threading.Event()
    loop.call_threadsafe(lambda: (seen.append(threading.get_ident()), done.set()))
    assert done.wait(WAIT_S)
    return seen[0]


@beside
def test_nobody_enters_while_the_loops_own_thread_turns_it(loop: Loop) -> None:
    own = called(loop)
    assert own != threading.get_ident()
    assert not loop.enter()


@beside
def test_a_visitor_is_the_loops_thread_until_it_leaves(loop: Loop) -> None:
    own = called(loop)
    enter(loop)
    seen: list[int] = []
    try:
        assert loop.in_loop()
        assert not loop.enter()
        loop.call_soon(lambda: seen.append(threading.get_ident()))
    finally:
        loop.leave()
    assert seen == [threading.get_ident()]
    assert not loop.in_loop()
    assert called(loop) == own


@beside
def test_a_visitor_that_waits_is_woken_by_what_others_ask_for(loop: Loop) -> None:
    enter(loop)
    seen: list[int] = []
    other = threading.Thread(
        target=lambda: loop.call_threadsafe(lambda: seen.append(threading.get_ident()))
    )
    other.start()
    try:
        while not loop.turn_until(lambda: bool(seen)):
            pass
    finally:
        loop.leave()
    other.join()
    assert seen == [threading.get_ident()]


@beside
def test_what_may_wait_is_done_all_the_same(loop: Loop) -> None:
    enter(loop)
    loop.leave()
    done = threading.Event()
    loop.call_sometime(done.set)
    assert done.wait(WAIT_S)


@beside
def test_timers_and_descriptors_are_looked_after_between_visits(loop: Loop) -> None:
    ready, other = os.pipe()
    came, due = threading.Event(), threading.Event()
    enter(loop)
    try:
        loop.register(ready, lambda mask: (os.read(ready, 1), came.set()))
        loop.call_later(0.001, due.set)
    finally:
        loop.leave()
    os.write(other, b"x")
    assert came.wait(WAIT_S) and due.wait(WAIT_S)
    called(loop)
    enter(loop)
    try:
        loop.unregister(ready)
    finally:
        loop.leave()
    os.close(ready)
    os.close(other)


@beside
def test_somebody_who_waits_elsewhere_has_the_loops_own_thread_go_on(loop: Loop) -> None:
    own = called(loop)
    enter(loop)
    loop.waiting.add("somebody")
    loop.leave()
    seen: list[int] = []
    done = threading.Event()
    loop.call_sometime(lambda: (seen.append(threading.get_ident()), done.set()))
    assert done.wait(WAIT_S)
    assert seen == [own]
    loop.waiting.clear()


def test_without_a_descriptor_to_sleep_at_the_loops_own_thread_goes_on(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OSError("too many open files")

    with monkeypatch.context() as patch:
        patch.setattr("shoal.distributed.net.loop.Gate", fail)
        loop.call_threadsafe(loop.step_aside)
        assert called(loop) == called(loop)
        assert not loop.enter()


@beside
def test_a_loop_that_is_stopped_by_a_visitor_ends() -> None:
    loop = Loop()
    thread = loop.start("net-test")
    enter(loop)
    loop.stop()
    try:
        assert not loop.turn_until(lambda: False)
    finally:
        loop.leave()
    thread.join(WAIT_S)
    assert loop.ended and not loop.enter()


def test_many_threads_visit_and_ask_and_every_call_is_made_once() -> None:
    loop = Loop()
    thread = loop.start("net-test")
    inside, most, seen = [0], [0], []

    def call(number: int) -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        seen.append(number)
        inside[0] -= 1
        loop.step_aside()

    def visit(first: int) -> None:
        for number in range(first, first + 300):
            mine = threading.Event()
            if loop.enter():
                try:
                    loop.call_soon(call, number)
                    loop.call_soon(mine.set)
                    loop.turn_until(mine.is_set)
                finally:
                    loop.leave()
            elif number % 3:
                loop.call_threadsafe(call, number)
                loop.call_threadsafe(mine.set)
            else:
                loop.call_sometime(call, number)
                loop.call_sometime(mine.set)
            assert mine.wait(WAIT_S)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=visit, args=(first,)) for first in range(0, 1800, 300)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(WAIT_S)
    finally:
        sys.setswitchinterval(before)
    assert sorted(seen) == list(range(1800))
    assert most == [1]
    loop.stop()
    thread.join(WAIT_S)
    assert loop.ended


IN_MAIN = """
import signal, threading
from shoal.distributed.net.loop import Loop
from shoal.distributed.net.signals import HELD

loop = Loop()
thread = loop.start("net-test")

def enter():
    while not loop.enter():
        loop.call_threadsafe(loop.step_aside)
        threading.Event().wait(0.001)

enter()
try:
    try:
        signal.raise_signal(signal.SIGINT)
        print("passed")
    finally:
        loop.leave()
except KeyboardInterrupt:
    print("raised")
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
enter()
loop.leave()
signal.signal(signal.SIGUSR1, lambda *_: None)
print(HELD.hold())
signal.signal(signal.SIGUSR1, signal.SIG_DFL)
enter()
loop.leave()
loop.stop()
thread.join()
print("ended", loop.ended)
"""


def test_ctrl_c_waits_until_a_visit_is_over_and_other_handlers_prevent_one() -> None:
    command = [sys.executable, "-c", IN_MAIN]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S)
    assert done.stdout.split("\n") == ["passed", "raised", "True", "False", "ended True", ""], done


@beside
def test_a_thread_without_room_on_its_stack_does_not_visit() -> None:
    def deep(levels: int) -> bool:
        return deep(levels - 1) if levels else may_visit(os.getpid())

    assert may_visit(os.getpid())
    assert not deep(sys.getrecursionlimit() - FRAMES)


def test_a_thread_in_which_asyncio_runs_does_not_visit() -> None:
    async def ask() -> bool:
        return may_visit(os.getpid())

    assert not asyncio.run(ask())


def test_an_idle_execution_thread_says_what_it_has_done_and_reads_what_is_next(loop: Loop) -> None:
    where: list[tuple[str, int]] = []
    ended = threading.Semaphore(0)
    shared = Surroundings(Store(), lambda: loop.call_threadsafe(collect))
    lane = Lane("default", 1, shared)

    def collect() -> None:
        while shared.done:
            shared.done.popleft()
            where.append(("said", threading.get_ident()))
            ended.release()

    def put(number: int) -> None:
        code = Code(b"", b"", (lambda: where.append(("ran", threading.get_ident())), ()))
        lane.put([Task(number, number, 1, f"x{number}", code, b"", (), number, False, READY)])

    shared.loop, shared.collect = loop, collect
    for number in range(1, 10_000):
        loop.call_threadsafe(put, number)
        assert ended.acquire(timeout=WAIT_S)
        assert len(where) == 2 * number
        (_, runner), (_, sayer) = where[-2:]
        if runner == sayer:
            break
    else:
        raise AssertionError("the execution thread never turned the loop")
    loop.call_threadsafe(lane.close)
