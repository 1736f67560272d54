"""Queues and variables that clients and tasks share.

They hold futures, by key, or small values, pickled.  A future in one keeps its result alive: the
scheduler itself wants it as long as it stands there.
"""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

from shoal.distributed.client.coordination import Shared
from shoal.distributed.client.future import Future
from shoal.distributed.client.promise import timeout_of
from shoal.distributed.protocol import Call
from shoal.errors import ClusterError
from shoal.serialize.pickles import Frames, dumps, loads
from shoal.serialize.references import References

__all__ = ["Queue", "Variable"]

_ids = itertools.count(1)
"""Of what is got from queues: a client tells what it has by them."""


def pack(value: Any) -> list[Any]:
    """A future by its key, anything else pickled, with the keys of the futures in it.

    Parameters
    ----------
    value
        What is shared.

    Examples
    --------
    >>> unpack(pack([1, 2]))
    [1, 2]
    """
    if isinstance(value, Future):
        return ["future", value.__shoal_wire_key__()]
    with References() as references:
        frames = dumps(value, "the shared value")
    content = [bytes(frames.head), *[bytes(buffer) for buffer in frames.buffers]]
    keys = list(dict.fromkeys(key for _, key, _ in references.found))
    return ["value", content, keys] if keys else ["value", content]


def held(item: Any, client: Any) -> Any:
    """An item that has just come, the futures in it held: so the client knows that it wants them.

    Parameters
    ----------
    item
        From the scheduler.
    client
        Whose future it becomes.

    Examples
    --------
    >>> held(["value", b""], None)
    ['value', b'']
    """
    kind, content, *more = item
    if kind == "future":
        return [kind, future_of(content, client)]
    return [kind, content, *([future_of(key, client) for key in keys] for keys in more)]


def future_of(key: Any, client: Any) -> Any:
    """The future of a key as msgpack gave it."""
    return Future(tuple(key) if isinstance(key, list) else key, client)


def unpack(item: Any) -> Any:
    """What was packed.

    Parameters
    ----------
    item
        As `held` gives it.

    Examples
    --------
    >>> unpack(pack(3))
    3
    """
    kind, content, *_ = item
    if kind == "future":
        return content
    head, *buffers = content
    return loads(Frames(head, [bytearray(buffer) for buffer in buffers]))


def _wire(content: Any) -> Any:
    return content.__shoal_wire_key__() if isinstance(content, Future) else content


class Queue(Shared):
    """A queue of futures or small values.

    Parameters
    ----------
    name
        The same name is the same queue; default: a new one.
    client
        Default: the current one.
    maxsize
        How many it holds; 0 for any number.

    Notes
    -----
    What is got belongs to the client that has it.  If the client never hears of it, because it was
    killed or cut off for good, it stands in front of the queue again, also when the scheduler was
    restarted meanwhile from its journal.

    Examples
    --------
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=1, processes=False) as client:
    ...     queue = Queue("numbers")
    ...     queue.put(1)
    ...     queue.put(client.submit(abs, -2))
    ...     queue.get(), queue.get().result(), queue.qsize()
    (1, 2, 0)
    """

    def __init__(self, name: Any = None, client: Any = None, maxsize: int = 0) -> None:
        super().__init__(name, client)
        self.maxsize = maxsize
        self._created = False

    async def _create(self) -> None:
        if not self._created:
            args = {"name": self.name, "maxsize": self.maxsize}
            await self.client._answer("queue.create", args)
            self._created = True

    async def _steps(self, method: str, args: dict[str, Any], timeout: Any = None) -> Any:
        timeout_s = timeout_of(timeout)
        await self._create()
        given = {"name": self.name, **args}
        if timeout_s is not None:
            given["timeout_s"] = timeout_s
        return await self.client._answer(method, given)

    def _put_back(self, items: list[Any]) -> None:
        """Items came for somebody who had stopped to wait."""
        with contextlib.suppress(ClusterError):
            packed = [
                [kind, _wire(content), *([*map(_wire, futures)] for futures in more)]
                for kind, content, *more in items
            ]
            self.client._link.call("queue.put_back", name=self.name, items=packed)

    def put(self, value: Any, timeout: Any = None) -> Any:
        """Add something at the end.

        Parameters
        ----------
        value
            A future, or something small.
        timeout
            How long to wait for room: seconds, or such as ``"2 s"``.

        Raises
        ------
        TimeoutError
            There was no room.
        """
        return self.client._run(self._steps("queue.put", {"item": pack(value)}, timeout))

    def get(self, timeout: Any = None, batch: bool | int = False) -> Any:
        """Take from the front.

        Parameters
        ----------
        timeout
            How long to wait: seconds, or such as ``"2 s"``.
        batch
            True: a list of all that is there; a number: a list of so many.

        Raises
        ------
        TimeoutError
            There was nothing.
        """

        args = {} if batch is False else {"batch": 0 if batch is True else batch}
        client, id = self.client, next(_ids)

        async def steps() -> list[Any]:
            came = await self._steps("queue.get", {**args, "id": id}, timeout)
            client._link.send(Call(0, "queue.taken", {"name": self.name, "id": id}))
            return [held(item, client) for item in ([came] if batch is False else came)]

        def finish(items: list[Any]) -> Any:
            return unpack(items[0]) if batch is False else [unpack(item) for item in items]

        return client._run(steps(), finish, undo=self._put_back)

    def qsize(self) -> Any:
        """How many there are in it."""
        return self.client._run(self._steps("queue.size", {}))

    def close(self) -> Any:
        """End the queue, and let go of what is in it."""
        return self._call("queue.close")

    def __reduce__(self) -> tuple[Any, ...]:
        return Queue, (self.name, None, self.maxsize)


class Variable(Shared):
    """One future or small value under a name.

    Parameters
    ----------
    name
        The same name is the same variable; default: a new one.
    client
        Default: the current one.

    Examples
    --------
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=1, processes=False):
    ...     best = Variable("best")
    ...     best.set(3)
    ...     best.get()
    3
    """

    def set(self, value: Any, timeout: Any = None) -> Any:
        """Give it a value.

        Parameters
        ----------
        value
            A future, or something small.
        timeout
            Accepted.
        """
        return self._call("variable.set", item=pack(value))

    def get(self, timeout: Any = None) -> Any:
        """Its value; waits until it has one.

        Parameters
        ----------
        timeout
            Seconds, or such as ``"2 s"``.

        Raises
        ------
        TimeoutError
            It has none.
        """
        client, args = self.client, {"name": self.name}
        timeout_s = timeout_of(timeout)

        async def steps() -> Any:
            given = args if timeout_s is None else {**args, "timeout_s": timeout_s}
            return held(await client._answer("variable.get", given), client)

        return client._run(steps(), unpack)

    def delete(self) -> Any:
        """Take the value away, and let go of it."""
        return self._call("variable.delete")
