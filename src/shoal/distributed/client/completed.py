"""Futures as they end: `wait`, `as_completed`, `fire_and_forget`."""

from __future__ import annotations

import concurrent.futures
import threading
from collections import Counter
from collections.abc import AsyncIterator, Generator, Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from shoal.distributed.client.current import default_client
from shoal.distributed.client.failures import task_error
from shoal.distributed.client.future import Future, futures_of
from shoal.distributed.client.link import Link
from shoal.distributed.client.promise import Deadline, Promise, as_asyncio, timeout_of
from shoal.distributed.client.waiting import (
    all_ended,
    any_ended,
    call_when_ended,
    late,
    late_async,
)
from shoal.distributed.core.client.table import CANCELLED, FINISHED, PENDING, Entry
from shoal.distributed.protocol import Key

__all__ = ["as_completed", "fire_and_forget", "wait"]

ALL, FIRST = concurrent.futures.ALL_COMPLETED, concurrent.futures.FIRST_COMPLETED


class DoneAndNotDone(NamedTuple):
    """Answer of `wait`: futures that have ended, and the others."""

    done: set[Future[Any]]
    not_done: set[Future[Any]]


def wait(fs: Any, timeout: Any = None, return_when: str = ALL) -> Any:
    """Wait until futures have ended.

    Parameters
    ----------
    fs
        Futures, or collections and containers of such.
    timeout
        Seconds, or such as ``"2 s"``.
    return_when
        ``"ALL_COMPLETED"`` or ``"FIRST_COMPLETED"``.

    Returns
    -------
    DoneAndNotDone
        Two sets, ``done`` and ``not_done``; with an asynchronous client something to await.

    Raises
    ------
    TimeoutError
        Not in time.
    FutureCancelledError
        One of them was cancelled.

    Examples
    --------
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=1, processes=False) as client:
    ...     len(wait(client.map(abs, [-1, -2])).done)
    2
    """
    if timeout is not None and not isinstance(timeout, int | float | str):
        raise TypeError(
            f"timeout is a number of seconds, got {type(timeout).__name__}: {timeout!r}; several "
            "futures are given as one list"
        )
    if return_when not in (ALL, FIRST):
        raise NotImplementedError(
            f"return_when is 'ALL_COMPLETED' or 'FIRST_COMPLETED', got {return_when!r}"
        )
    found = futures_of(fs)
    client = found[0].client if found else default_client()

    def finish(_: Any) -> DoneAndNotDone:
        done = {future for future in found if future.done()}
        cancelled = [future for future in done if future.status == CANCELLED]
        if cancelled:
            raise task_error(cancelled[0]._entry.error)  # type: ignore[arg-type]
        return DoneAndNotDone(done, set(found) - done)

    entries = [future._entry for future in found]

    async def steps() -> None:
        await (any_ended if return_when == FIRST else all_ended)(client._link, entries)

    return client._run(steps(), finish, timeout, awaited=entries)


class as_completed:
    """Futures in the order in which they end.

    Parameters
    ----------
    futures
        Any number; more may be added while iterating.
    loop
        Accepted.
    with_results
        Iterate over ``(future, result)``.
    raise_errors
        With results: False gives ``(type, exception, traceback)`` in place of a result.
    timeout
        For the whole iteration: seconds, or such as ``"2 s"``.

    Examples
    --------
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=1, processes=False) as client:
    ...     sorted(r for _, r in as_completed(client.map(abs, [-1, -2]), with_results=True))
    [1, 2]
    """

    def __init__(
        self,
        futures: Iterable[Future[Any]] | None = None,
        loop: Any = None,
        with_results: bool = False,
        raise_errors: bool = True,
        *,
        timeout: Any = None,
    ) -> None:
        self.with_results = with_results
        self.raise_errors = raise_errors
        self.futures: Counter[Future[Any]] = Counter()
        self.queue: SimpleQueue[Future[Any]] = SimpleQueue()
        self._waiting: list[Promise[None]] = []
        self.lock = threading.Lock()
        self._timeout_s = None if timeout is None else timeout_of(timeout)
        self._deadline = Deadline(self._timeout_s)
        self.update(futures or ())

    # -- what is waited for --------------------------------------------------------------------

    def add(self, future: Future[Any]) -> None:
        """Wait for one more.

        Parameters
        ----------
        future
            May have ended.
        """
        if not isinstance(future, Future):
            raise TypeError(f"as_completed takes futures, got {type(future).__name__}: {future!r}")
        with self.lock:
            self.futures[future] += 1
        call_when_ended(future.client._link, future._entry, lambda _: self._end(future))

    def update(self, futures: Iterable[Future[Any]]) -> None:
        """Wait for several more.

        Parameters
        ----------
        futures
            May have ended.
        """
        for future in futures:
            self.add(future)

    def clear(self) -> None:
        """Forget all futures."""
        with self.lock:
            self.futures.clear()
            self.queue = SimpleQueue()

    def _end(self, future: Future[Any]) -> None:
        with self.lock:
            if not self.futures[future]:
                del self.futures[future]
                return
            self.futures[future] -= 1
            if not self.futures[future]:
                del self.futures[future]
            self.queue.put(future)
            waiting, self._waiting = self._waiting, []
        for promise in waiting:
            promise.keep(None)

    def count(self) -> int:
        """How many futures have not been handed out."""
        with self.lock:
            return self.futures.total() + self.queue.qsize()

    def is_empty(self) -> bool:
        """Whether nothing is left to hand out."""
        return not self.count()

    def has_ready(self) -> bool:
        """Whether the next one has ended."""
        return not self.queue.empty()

    # -- handing out ---------------------------------------------------------------------------

    def _soon(self) -> Promise[None]:
        """Kept when one has ended, or nothing is left."""
        promise: Promise[None] = Promise()
        with self.lock:
            if self.queue.empty() and self.futures:
                self._waiting.append(promise)
                return promise
        promise.keep(None)
        return promise

    def _take(self) -> Future[Any] | None:
        try:
            return self.queue.get_nowait()
        except Empty:
            return None

    def _finished(self, future: Future[Any]) -> Any:
        """What is handed out for a future."""
        if not self.with_results:
            return future
        error = None
        if future.status != FINISHED:
            assert future._entry.error is not None
            error = task_error(future._entry.error)
            if self.raise_errors:
                raise error
            return future, (type(error), error, error.__traceback__)
        return future, future.client._results_of([future._entry], None)[0]

    def _awaited(self) -> tuple[Link, list[Entry], float] | None:
        """Whom to ask what has not come, and how long that was waited for; None: all have come."""
        with self.lock:
            futures = list(self.futures)
        if not futures:
            return None
        entries = [future._entry for future in futures]
        return futures[0].client._link, entries, self._timeout_s or 0.0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        while True:
            try:
                self._soon().wait(self._deadline.left_s())
            except TimeoutError:
                if awaited := self._awaited():
                    raise late(*awaited) from None
            future = self._take()
            if future is not None:
                return self._finished(future)
            if self.is_empty():
                raise StopIteration

    next = __next__

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        while True:
            try:
                await as_asyncio(self._soon(), self._deadline.left_s())
            except TimeoutError:
                if awaited := self._awaited():
                    raise await late_async(*awaited) from None
            future = self._take()
            if future is not None:
                if self.with_results and future.status == FINISHED:
                    return future, await future
                return self._finished(future)
            if self.is_empty():
                raise StopAsyncIteration

    def next_batch(self, block: bool = True) -> list[Any]:
        """All that have ended and were not handed out.

        Parameters
        ----------
        block
            Wait for at least one.
        """
        batch = [next(self)] if block else []
        while (future := self._take()) is not None:
            batch.append(self._finished(future))
        return batch

    def batches(self) -> Iterator[list[Any]]:
        """Iterate over lists of all that have ended since the last one."""
        while True:
            try:
                yield self.next_batch(block=True)
            except StopIteration:
                return


def awaited(collection: Any) -> Generator[Any, None, Any]:
    """What ``await collection`` runs: it waits for the futures in it, and gives it back.

    Parameters
    ----------
    collection
        One that was persisted, or not.

    Examples
    --------
    >>> async def main():
    ...     return await shoal.delayed(abs)(-1)
    >>> import asyncio, shoal
    >>> asyncio.run(main()).compute()
    1
    """

    async def steps() -> Any:
        found = futures_of(collection)
        if found:
            end = all_ended(found[0].client._link, [future._entry for future in found])
            await as_asyncio(end)
        return collection

    return steps().__await__()


def fire_and_forget(obj: Any) -> None:
    """Let tasks run to their end although nobody holds their futures, not even a client.

    Parameters
    ----------
    obj
        Futures, or collections and containers of such.

    Examples
    --------
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=1, processes=False) as client:
    ...     fire_and_forget(client.submit(abs, -1))
    """
    by_link: dict[Link, list[Key]] = {}
    for future in futures_of(obj):
        if future._entry.status == PENDING:
            by_link.setdefault(future.client._link, []).append(future._entry.key)
    for link, keys in by_link.items():
        # What it needs has been sent before it, over the same connection.
        link.call("errands.add", keys=keys)
