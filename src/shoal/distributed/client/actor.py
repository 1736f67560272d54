"""Actors: objects that live on a worker, used from elsewhere.

``client.submit(Counter, actor=True).result()`` is an `Actor`.  Its methods run on the worker that
made the object, one after another in the order of the calls, past the scheduler: a call is
one message to the worker and one back.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator
from functools import partial
from typing import Any, Generic, TypeVar

from shoal.distributed.client.current import current_client
from shoal.distributed.client.future import Future
from shoal.distributed.client.promise import Promise, as_asyncio, spawn, timeout_of
from shoal.distributed.node.actors import ActorHandle
from shoal.distributed.protocol import Call
from shoal.errors import ClusterError, LostResultError
from shoal.serialize.pickles import Frames, dumps, loads

__all__ = ["Actor", "ActorFuture", "make_proxy"]

T = TypeVar("T")

REMEDY = "If its worker has ended, the actor and its state are gone with it: make it anew"


class Actor:
    """Stands for an object on a worker.

    Methods return an `ActorFuture`; other attributes are fetched.

    Parameters
    ----------
    handle
        Says where the object is.
    future
        Keeps the object alive.

    Examples
    --------
    >>> class Counter:
    ...     n = 0
    ...
    ...     def add(self, by):
    ...         self.n += by
    ...         return self.n
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=1, processes=False) as client:
    ...     counter = client.submit(Counter, actor=True).result()
    ...     _ = counter.add(2)
    ...     counter.add(3).result(), counter.n
    (5, 5)
    """

    __slots__ = ("_future", "_handle", "_own_client")

    def __init__(self, handle: ActorHandle, future: Future[Any] | None = None) -> None:
        self._handle = handle
        self._future = future
        self._own_client: Any = None

    @property
    def key(self) -> Any:
        """Of the task that made the object."""
        return self._handle.key

    @property
    def _client(self) -> Any:
        if self._future is not None:
            return self._future.client
        if self._own_client is None:
            self._own_client = current_client()
        return self._own_client

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__call__":
            raise AttributeError(name)
        kind = self._handle.kind
        attribute = getattr(kind, name, None)
        if attribute is not None and callable(attribute):
            return _Method(self, name, attribute)
        client = self._client
        answer = self._send("actor.get", name, None)
        if client.asynchronous:
            return answer
        return answer.result()

    def _send(self, method: str, name: str, call: Any) -> ActorFuture[Any]:
        handle, link = self._handle, self._client._link
        args: dict[str, Any] = {"key": handle.key, "name": name}
        buffers: Any = ()
        if call is not None:
            frames = dumps(call, f"the arguments of {name}")
            args["data"], buffers = bytes(frames.head), frames.buffers

        def send(conn: Any) -> Promise[Any]:
            lost = partial(_unanswered, handle, name)
            return link.request(  # type: ignore[no-any-return]
                lambda number: Call(number, method, args), buffers, to=conn, unanswered=lost
            )

        connecting = link.turns.take(link.worker(handle.worker))
        if connecting.done and not connecting.failed:
            return ActorFuture(send(connecting.result()), self._client)
        return ActorFuture(spawn(_connected(connecting, send, handle, name)), self._client)

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self), *dir(self._handle.kind)})

    def __repr__(self) -> str:
        return f"<Actor: {self._handle.kind.__name__}, key={self._handle.key}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self._handle,)


async def _connected(
    connecting: Promise[Any],
    send: Callable[[Any], Promise[Any]],
    handle: ActorHandle,
    name: str,
) -> Any:
    try:
        conn = await connecting
    except (OSError, ClusterError) as error:
        raise LostResultError(
            f"{name!r} of the actor {handle.key!r} cannot be called: {error}. {REMEDY}"
        ) from error
    return await send(conn)


def _unanswered(handle: ActorHandle, name: str, error: BaseException) -> BaseException:
    # The call may have been carried out, or not: to say it again is the user's decision.
    return LostResultError(
        f"{name!r} of the actor {handle.key!r} was not answered, and may have been carried out: "
        f"{error}. {REMEDY}"
    )


class _Method:
    # A method of an actor; its docstring is that method's, so the class has none.

    __slots__ = ("__doc__", "__wrapped__", "_actor", "_name")

    def __init__(self, actor: Actor, name: str, method: Callable[..., Any]) -> None:
        self._actor = actor
        self._name = name
        self.__wrapped__ = method
        self.__doc__ = method.__doc__

    @property
    def __name__(self) -> str:
        return self._name

    def __call__(self, *args: Any, **kwargs: Any) -> ActorFuture[Any]:
        return self._actor._send("actor.call", self._name, (args, kwargs))


class ActorFuture(Generic[T]):
    """The result of an actor's method, which may not be there yet.

    Parameters
    ----------
    promise
        Of the answer.
    client
        Whose call it is.

    Examples
    --------
    >>> ActorFuture.__name__
    'ActorFuture'
    """

    __slots__ = ("_client", "_promise")

    def __init__(self, promise: Promise[Any], client: Any) -> None:
        self._promise = promise
        self._client = client

    def done(self) -> bool:
        """Whether the answer is there."""
        return self._promise.done

    def result(self, timeout: Any = None) -> Any:
        """Wait for the result.

        Parameters
        ----------
        timeout
            Seconds, or such as ``"2 s"``.
        """
        if self._client.asynchronous:
            return self._async_result(timeout)
        return _value(self._promise.wait(timeout_of(timeout)))

    async def _async_result(self, timeout: Any = None) -> T:
        timeout_s = timeout_of(timeout)
        return _value(await as_asyncio(self._promise, timeout_s))  # type: ignore[no-any-return]

    def __await__(self) -> Generator[Any, None, T]:
        return self._async_result().__await__()

    def __repr__(self) -> str:
        return f"<ActorFuture: {'finished' if self.done() else 'pending'}>"


def _value(answered: Any) -> Any:
    answer, buffers = answered
    frames = answer.frames
    if frames is None:
        return answer.value
    if not frames.count:
        return pickle.loads(frames.head)
    return loads(Frames(frames.head, buffers[frames.first : frames.first + frames.count]))


def make_proxy(handle: ActorHandle) -> Actor:
    """What stands for an actor on the worker that has it.

    Parameters
    ----------
    handle
        Says where it is.

    Examples
    --------
    >>> make_proxy(ActorHandle(1, "x", dict, "inproc://a"))
    <Actor: dict, key=x>
    """
    return Actor(handle)


def _restore(handle: ActorHandle) -> Actor:
    # Somebody got it from elsewhere: the object stays as long as they have this.
    return Actor(handle, Future(handle.key))
