"""Publish and subscribe: messages from whoever has them to whoever listens, now."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Any

from shoal.distributed.client.coordination import Shared
from shoal.distributed.client.promise import Deadline, Promise, as_asyncio, spawn, timeout_of

__all__ = ["Pub", "Sub"]


def begun(client: Any, method: str, **args: Any) -> Any:
    """Call a method of the scheduler: None when it is done; asynchronous: it may be awaited.

    Parameters
    ----------
    client
        Any.
    method, args
        What to call.

    Examples
    --------
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=1, processes=False) as client:
    ...     begun(client, "scheduler.identity")
    """

    async def steps() -> None:
        await client._answer(method, args)

    # Of asyncio's futures nobody asks that they be awaited.
    return as_asyncio(spawn(steps())) if client.asynchronous else client._run(steps())


class Pub(Shared):
    """Sends messages to all that listen to a topic.

    Parameters
    ----------
    name
        Of the topic.
    client
        Default: the current one.

    Examples
    --------
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=1, processes=False):
    ...     listener = Sub("news")
    ...     Pub("news").put("it rains")
    ...     listener.get(timeout=5)
    'it rains'
    """

    def put(self, msg: Any) -> Any:
        """Send a message; in an asynchronous client it need not be awaited.

        Parameters
        ----------
        msg
            Anything small that can be pickled.
        """
        value = pickle.dumps(msg, 5)
        return begun(self.client, "pubsub.publish", name=self.name, value=value)


class Sub(Shared):
    """Receives the messages of a topic, from now on.

    Parameters
    ----------
    name
        Of the topic.
    client
        Default: the current one.

    Examples
    --------
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=1, processes=False):
    ...     Sub("news").get(timeout=0.01)
    Traceback (most recent call last):
    ...
    TimeoutError: no message of 'news' within 0.01 s
    """

    def __init__(self, name: Any = None, client: Any = None) -> None:
        super().__init__(name, client)
        self._messages: deque[Any] = deque()
        self._waiting: list[Promise[None]] = []
        link_client = self.client
        self._topic = f"pubsub-{self.name}"
        link_client._listeners.setdefault(self._topic, []).append(self)
        link_client._link.subscribe(self._topic)
        # Answered, the scheduler has heard of it.
        self._ready = begun(link_client, "scheduler.identity")

    def _receive(self, event: Any) -> None:
        self._messages.append(event)
        waiting, self._waiting = self._waiting, []
        for promise in waiting:
            promise.keep(None)

    def _soon(self) -> Promise[None]:
        promise: Promise[None] = Promise()
        self._waiting.append(promise)
        if self._messages:
            promise.keep(None)
        return promise

    def get(self, timeout: Any = None) -> Any:
        """The next message.

        Parameters
        ----------
        timeout
            Seconds, or such as ``"2 s"``.

        Raises
        ------
        TimeoutError
            There was none.
        """
        if self.client.asynchronous:
            return self._async_get(timeout)
        timeout_s = timeout_of(timeout)
        deadline = Deadline(timeout_s)
        while not self._messages:
            self._wait(deadline, timeout_s)
        return pickle.loads(self._messages.popleft())

    next = __next__ = get

    def _wait(self, deadline: Deadline, timeout_s: float | None) -> None:
        try:
            self._soon().wait(deadline.left_s())
        except TimeoutError:
            raise TimeoutError(f"no message of {self.name!r} within {timeout_s} s") from None

    async def _async_get(self, timeout: Any = None) -> Any:
        deadline = Deadline(timeout_of(timeout))
        while not self._messages:
            await as_asyncio(self._soon(), deadline.left_s())
        return pickle.loads(self._messages.popleft())

    def __iter__(self) -> Iterator[Any]:
        return self

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        return await self._async_get()
