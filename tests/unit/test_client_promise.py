"""Promises: threads, coroutines without a loop, and asyncio wait for the same thing."""

from __future__ import annotations

import asyncio
import threading

import pytest

from shoal.distributed.client.promise import (
    Deadline,
    Promise,
    Turns,
    as_asyncio,
    spawn,
    wait_all,
)


def test_the_first_end_counts() -> None:
    promise: Promise[int] = Promise()
    promise.keep(1)
    promise.keep(2)
    promise.fail(ValueError())
    assert promise.wait() == 1


def test_a_thread_waits() -> None:
    promise: Promise[int] = Promise()
    begun = threading.Event()

    def keep() -> None:
        begun.wait(60)
        promise.keep(5)

    thread = threading.Thread(target=keep)
    thread.start()
    begun.set()
    assert promise.wait(60) == 5
    thread.join()


def test_waiting_gives_up() -> None:
    with pytest.raises(TimeoutError, match=r"0\.01 s"):
        Promise[int]().wait(0.01)


def test_steps_go_on_when_promises_are_kept() -> None:
    one, two = Promise[int](), Promise[int]()

    async def add() -> int:
        return await one + await two

    end = spawn(add())
    two.keep(2)
    assert not end.done
    one.keep(1)
    assert end.wait() == 3


def test_steps_may_catch_errors() -> None:
    promise: Promise[int] = Promise()

    async def careful() -> str:
        try:
            await promise
        except KeyError:
            return "caught"
        return "nothing"

    end = spawn(careful())
    promise.fail(KeyError("x"))
    assert end.wait() == "caught"


def test_a_long_chain_of_kept_promises_does_not_recurse() -> None:
    kept: Promise[int] = Promise()
    kept.keep(1)

    async def many() -> int:
        return sum([await kept for _ in range(10_000)])

    assert spawn(many()).wait() == 10_000


def test_all_or_the_first_error() -> None:
    promises = [Promise[int]() for _ in range(3)]
    end = wait_all(promises)
    promises[1].fail(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        end.wait()
    assert wait_all([]).wait() == []


def test_asyncio_awaits() -> None:
    async def main() -> int:
        promise: Promise[int] = Promise()
        threading.Thread(target=promise.keep, args=(4,)).start()
        return await as_asyncio(promise, 5)

    assert asyncio.run(main()) == 4


def test_asyncio_gives_up() -> None:
    async def main() -> None:
        await as_asyncio(Promise[int](), 0.01)

    with pytest.raises(TimeoutError):
        asyncio.run(main())


def test_a_deadline_counts_down() -> None:
    assert Deadline(None).left_s() is None
    left = Deadline(0).left_s()
    assert left == 0


def test_a_wait_may_be_as_long_as_anybody_says() -> None:
    promise: Promise[int] = Promise()
    threading.Timer(0.01, promise.keep, (3,)).start()
    assert promise.wait(float("inf")) == 3


def test_who_comes_while_others_are_told_goes_behind_them() -> None:
    turns, connection, sent = Turns(), Promise[str](), list[int]()
    between, came = threading.Event(), threading.Event()

    async def call(number: int, turn: Promise[str]) -> None:
        await turn
        sent.append(number)

    def before_the_first(_: Promise[str]) -> None:
        between.set()
        assert came.wait(60)

    connection.add_callback(before_the_first)
    spawn(call(1, turns.take(connection)))
    opening = threading.Thread(target=connection.keep, args=("open",))
    opening.start()
    assert between.wait(60) and connection.done
    spawn(call(2, turns.take(connection)))
    assert sent == []
    came.set()
    opening.join(60)
    spawn(call(3, turns.take(connection)))
    assert sent == [1, 2, 3] and not turns._waiting


def test_an_error_is_told_in_turn() -> None:
    turns, connection = Turns(), Promise[str]()
    both = [turns.take(connection), turns.take(connection)]
    connection.fail(OSError("gone"))
    for turn in both:
        with pytest.raises(OSError, match="gone"):
            turn.wait(60)
    assert turns.take(connection) is connection
