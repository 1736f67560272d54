"""Publish and subscribe: messages from whoever has them to whoever listens, now."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Any

from shoal.distributed.client.coordination import Shared, timeout_of
from shoal.distributed.client.promise import Deadline, Promise, as_asyncio

__all__ = ["Pub", "Sub"]


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
        """Send a message.

        Parameters
        ----------
        msg
            Anything small that can be pickled.
        """
        return self._call("pubsub.publish", lambda _: None, value=pickle.dumps(msg, 5))


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

        async def steps() -> None:
            await link_client._answer("scheduler.identity", {})

        self._ready = link_client._run(steps())

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
        deadline = Deadline(timeout_of(timeout))
        while not self._messages:
            self._wait(deadline, timeout)
        return pickle.loads(self._messages.popleft())

    next = __next__ = get

    def _wait(self, deadline: Deadline, timeout: Any) -> None:
        try:
            self._soon().wait(deadline.left_s())
        except TimeoutError:
            raise TimeoutError(f"no message of {self.name!r} within {timeout} s") from None

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
