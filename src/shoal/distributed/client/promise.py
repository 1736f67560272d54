"""Promises: results that come later, for threads and for asyncio alike.

An answer of the scheduler arrives on the thread that reads the connection.  Who needs it may be
a thread (blocked in `Promise.wait`), an asyncio task (`as_asyncio`), or another step of the
library's own: a coroutine that awaits promises, driven by `spawn`.  Such a coroutine has no event
loop: it runs on in whatever thread keeps the promise, which is nearly always the connection's, so
it must not block.

`concurrent.futures.Future` does the same for 11 us a round trip, with a condition and a state
machine that are not needed here; this costs one lock, and that only when a thread really waits.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Generator
from contextlib import nullcontext
from typing import Any, Generic, TypeVar

from shoal.distributed.node.context import PATIENCE_S, waiting
from shoal.units import parse_timedelta

__all__ = [
    "Begun",
    "Deadline",
    "Promise",
    "Turns",
    "as_asyncio",
    "as_timeout",
    "innermost",
    "spawn",
    "timeout_of",
    "wait_all",
]

T = TypeVar("T")

_guard = threading.Lock()
"""Held for a few instructions, by whoever adds a callback or keeps a promise."""

_MISSING: Any = object()


class Promise(Generic[T]):
    """A result that comes later.

    Examples
    --------
    >>> promise = Promise()
    >>> promise.add_callback(lambda p: print("got", p.result()))
    >>> promise.keep(3)
    got 3
    >>> promise.wait()
    3
    """

    __slots__ = ("_callbacks", "_error", "_value", "awaits", "withdraw")

    def __init__(self) -> None:
        self.awaits: Promise[Any] | None = None
        """What it waits for itself, where it is the end of a coroutine (`spawn`)."""
        self.withdraw: Callable[[Promise[Any]], object] | None = None
        """Nobody waits for it any more: what it still comes to wait for is to be withdrawn so."""
        self._value: T = _MISSING
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Promise[T]], Any]] | None = None

    @property
    def done(self) -> bool:
        """Whether the result, or an error, is there."""
        return self._value is not _MISSING or self._error is not None

    @property
    def failed(self) -> bool:
        """Whether it has ended with an error."""
        return self._error is not None

    def keep(self, value: T) -> None:
        """Give the result; only the first one counts.

        Parameters
        ----------
        value
            The result.
        """
        self._end(value, None)

    def fail(self, error: BaseException) -> None:
        """Give an error instead of a result; only the first one counts.

        Parameters
        ----------
        error
            What waiting for the promise raises.
        """
        self._end(_MISSING, error)

    def _end(self, value: T, error: BaseException | None) -> None:
        with _guard:
            if self.done:
                return
            self._value = value
            self._error = error
            callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            callback(self)

    def add_callback(self, callback: Callable[[Promise[T]], Any]) -> None:
        """Have ``callback(promise)`` called when the promise ends; now, when it has ended.

        Parameters
        ----------
        callback
            Must not block.
        """
        with _guard:
            if not self.done:
                if self._callbacks is None:
                    self._callbacks = [callback]
                else:
                    self._callbacks.append(callback)
                return
        callback(self)

    def result(self) -> T:
        """The result of a promise that has ended; raises its error."""
        if self._error is not None:
            raise self._error
        return self._value

    def wait(
        self,
        timeout_s: float | None = None,
        *,
        keep_slot: bool = False,
        patience_s: float = PATIENCE_S,
    ) -> T:
        """Block this thread until the promise ends.

        Parameters
        ----------
        timeout_s
            None: as long as it takes.
        keep_slot
            A task that waits lends its slot to others, unless this is True: for waits that no
            task can be the reason of, and that hold a lock which those others may want.
        patience_s
            How long a task that lent its slot waits for one afterwards, before it goes on without.

        Raises
        ------
        TimeoutError
            Not in time.
        """
        if not self.done:
            lock = threading.Lock()
            lock.acquire()
            self.add_callback(lambda _: lock.release())
            with nullcontext() if keep_slot else waiting(patience_s):
                if not lock.acquire(True, as_timeout(timeout_s)):
                    raise TimeoutError(f"no answer within {timeout_s:g} s")
        return self.result()

    def __await__(self) -> Generator[Any, None, T]:
        if not self.done:
            yield self
        return self.result()


def as_timeout(timeout_s: float | None) -> float:
    """A timeout as locks want it.

    Parameters
    ----------
    timeout_s
        None: as long as it takes.

    Examples
    --------
    >>> as_timeout(None), as_timeout(-3), as_timeout(float("inf")) == threading.TIMEOUT_MAX
    (-1, 0, True)
    """
    return -1 if timeout_s is None else min(max(timeout_s, 0), threading.TIMEOUT_MAX)


def timeout_of(timeout: Any) -> float | None:
    """Seconds from what a user gave; None for as long as it takes.

    Parameters
    ----------
    timeout
        A number, such as ``"2 s"``, a timedelta, or None.  Nought and less: it is over at once.

    Raises
    ------
    ValueError
        Not a number.

    Examples
    --------
    >>> timeout_of("2 s"), timeout_of(None), timeout_of(-1), timeout_of(float("inf"))
    (2, None, -1, None)
    """
    if timeout is None:
        return None
    is_number = isinstance(timeout, float | int)
    seconds: float = timeout if is_number else parse_timedelta(timeout)
    if seconds != seconds:
        raise ValueError(f"a timeout is so many seconds, such as 2.5 or '2 s'; got {timeout}")
    return None if seconds == float("inf") else seconds


def asynchronous_of(options: dict[str, Any], method: str) -> bool | None:
    """Whether what was called is to be awaited, if its keyword arguments say so.

    Parameters
    ----------
    options
        What a method got that has no parameters of these names.
    method
        Its name.

    Raises
    ------
    TypeError
        There is something else among them.

    Examples
    --------
    >>> asynchronous_of({}, "who_has"), asynchronous_of({"asynchronous": True}, "who_has")
    (None, True)
    """
    for name in options:
        if name != "asynchronous":
            raise TypeError(f"{method}() got an unexpected keyword argument {name!r}")
    return options.get("asynchronous")


def spawn(steps: Coroutine[Any, Any, T]) -> Promise[T]:
    """Run a coroutine over promises; its result, later.

    Parameters
    ----------
    steps
        Awaits promises and other coroutines of the kind, nothing else.  Begins at once.

    Examples
    --------
    >>> answer = Promise()
    >>> async def double():
    ...     return 2 * await answer
    >>> doubled = spawn(double())
    >>> answer.keep(4)
    >>> doubled.wait()
    8
    """
    end: Promise[T] = Promise()

    def step(awaited: Promise[Any] | None) -> None:
        while True:
            try:
                if awaited is None:
                    awaited = steps.send(None)
                elif awaited._error is not None:
                    awaited = steps.throw(awaited._error)
                else:
                    awaited = steps.send(awaited._value)
            except StopIteration as stop:
                end.keep(stop.value)
                return
            except BaseException as error:
                end.fail(error)
                return
            if not awaited.done:
                end.awaits = awaited
                awaited.add_callback(step)
                if end.withdraw is not None:
                    end.withdraw(innermost(awaited))
                return

    step(None)
    return end


def innermost(promise: Promise[Any]) -> Promise[Any]:
    """What the end of a coroutine waits for in the end: the answer that has not come.

    Parameters
    ----------
    promise
        Any.

    Examples
    --------
    >>> answer = Promise()
    >>> async def wait():
    ...     await answer
    >>> innermost(spawn(wait())) is answer
    True
    """
    while promise.awaits is not None:
        promise = promise.awaits
    return promise


class Turns:
    """Who waits for the same promise goes on in the order in which they came.

    A promise is done a moment before those who wait for it are told, one by one.  Whoever finds
    it done in that moment would overtake them, were it not to take its turn behind them.

    Examples
    --------
    >>> turns, connection, heard = Turns(), Promise(), []
    >>> first = turns.take(connection)
    >>> def told(_):
    ...     second = turns.take(connection)
    ...     heard.append(second.done)
    ...     second.add_callback(lambda _: heard.append("second"))
    ...     heard.append("first")
    >>> first.add_callback(told)
    >>> connection.keep("open")
    >>> heard, turns.take(connection) is connection
    ([False, 'first', 'second'], True)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[Promise[Any], list[Promise[Any]]] = {}

    def take(self, promise: Promise[T]) -> Promise[T]:
        """What ends as ``promise`` does, after what was taken before; itself where nobody waits.

        Parameters
        ----------
        promise
            Any.
        """
        with self._lock:
            queue = self._waiting.get(promise)
            if queue is None and promise.done:
                return promise
            turn: Promise[T] = Promise()
            self._waiting.setdefault(promise, []).append(turn)
        if queue is None:
            promise.add_callback(self._tell)
        return turn

    def _tell(self, promise: Promise[Any]) -> None:
        while True:
            with self._lock:
                turns, self._waiting[promise] = self._waiting[promise], []
                if not turns:
                    del self._waiting[promise]
                    return
            for turn in turns:
                if promise._error is not None:
                    turn.fail(promise._error)
                else:
                    turn.keep(promise._value)


def wait_all(promises: list[Promise[Any]]) -> Promise[list[Any]]:
    """One promise for several: all results, or the first error.

    Parameters
    ----------
    promises
        Any number.

    Examples
    --------
    >>> one, two = Promise(), Promise()
    >>> both = wait_all([one, two])
    >>> two.keep(2)
    >>> one.keep(1)
    >>> both.wait()
    [1, 2]
    """
    end: Promise[list[Any]] = Promise()
    left = len(promises)
    counting = threading.Lock()

    def ended(promise: Promise[Any]) -> None:
        nonlocal left
        if promise._error is not None:
            end.fail(promise._error)
            return
        with counting:
            left -= 1
            last = not left
        if last:
            end.keep([p._value for p in promises])

    if not promises:
        end.keep([])
    for promise in promises:
        promise.add_callback(ended)
    return end


def as_asyncio(promise: Promise[T], timeout_s: float | None = None) -> asyncio.Future[T]:
    """A promise as something that a task of the running asyncio loop can await.

    Parameters
    ----------
    promise
        Any.
    timeout_s
        When to give up with a TimeoutError; None: never.

    Examples
    --------
    >>> async def main():
    ...     promise = Promise()
    ...     promise.keep(5)
    ...     return await as_asyncio(promise)
    >>> asyncio.run(main())
    5
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def deliver() -> None:
        if future.done():
            return
        if promise._error is not None:
            future.set_exception(promise._error)
        else:
            future.set_result(promise._value)

    def ended(_: Promise[T]) -> None:
        try:
            loop.call_soon_threadsafe(deliver)
        except RuntimeError:
            # The loop is closed: nobody waits any more.
            pass

    def late() -> None:
        if not future.done():
            future.set_exception(TimeoutError(f"no answer within {timeout_s:g} s"))

    if promise.done:
        deliver()
        return future
    promise.add_callback(ended)
    if timeout_s is not None:
        timer = loop.call_later(max(timeout_s, 0), late)
        future.add_done_callback(lambda _: timer.cancel())
    return future


class Begun(Coroutine[Any, Any, T]):
    """A coroutine that waits for what has begun already, and knows if it is never to wait.

    A task that is cancelled before its first step throws the cancellation at the coroutine's
    first line, where nothing can catch it.

    Parameters
    ----------
    steps
        Waits; sees to it itself when it is cancelled meanwhile.
    give_up
        Called when it is cancelled, or closed, before its first step.

    Examples
    --------
    >>> async def forever():
    ...     await asyncio.Event().wait()
    >>> begun = Begun(forever(), lambda: print("given up"))
    >>> begun.close()
    given up
    """

    __slots__ = ("_give_up", "_steps")

    def __init__(self, steps: Coroutine[Any, Any, T], give_up: Callable[[], object]) -> None:
        self._steps = steps
        self._give_up: Callable[[], object] | None = give_up

    def send(self, value: Any) -> Any:
        """One step."""
        self._give_up = None
        return self._steps.send(value)

    def throw(self, *error: Any) -> Any:
        """An error where it waits."""
        self._end()
        return self._steps.throw(*error)

    def close(self) -> None:
        """Wait no more."""
        self._end()
        self._steps.close()

    def _end(self) -> None:
        give_up, self._give_up = self._give_up, None
        if give_up is not None:
            give_up()

    def __await__(self) -> Generator[Any, Any, T]:
        self._give_up = None
        return self._steps.__await__()


class Deadline:
    """How much of a timeout is left, over several waits.

    Parameters
    ----------
    timeout_s
        None: there is none.

    Examples
    --------
    >>> Deadline(None).left_s() is None, 0 < Deadline(5).left_s() <= 5
    (True, True)
    """

    __slots__ = ("end",)

    def __init__(self, timeout_s: float | None) -> None:
        self.end = None if timeout_s is None else time.monotonic() + timeout_s

    def left_s(self) -> float | None:
        """Seconds left, at least 0."""
        return None if self.end is None else max(0.0, self.end - time.monotonic())
