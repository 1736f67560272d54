"""Actors: objects that stay on the worker where a task made them, and whose methods others call.

Each actor has a thread of its own, so its methods run one after another in the order in which
the calls came, and those of different actors side by side.  A method that returns a coroutine is
awaited on the worker's asyncio loop, and does not hold up the next call.

What stands for an actor as a result (in futures, as an argument of tasks) is a client's `Actor`.
"""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shoal.distributed.core.worker.table import Task
from shoal.distributed.node.context import outside
from shoal.distributed.node.coroutines import Coroutines
from shoal.distributed.node.results import pack_error
from shoal.distributed.node.serve import Offload
from shoal.distributed.protocol import Answer, Call, Frames
from shoal.local.failure import trim
from shoal.seams import across
from shoal.serialize.messages import message
from shoal.serialize.pickles import dumps
from shoal.types import Key

__all__ = ["ActorHandle", "Actors"]


@dataclass(frozen=True)
class ActorHandle:
    """Says where an actor is.

    Parameters
    ----------
    id, key
        Of the task that made it.
    kind
        Its class.
    worker
        Address of its worker.

    Examples
    --------
    >>> ActorHandle(5, "x", dict, "tcp://127.0.0.1:5000").kind
    <class 'dict'>
    """

    id: int
    key: Any
    kind: type
    worker: str


class Actors:
    """The actors of one worker.

    Parameters
    ----------
    owner, address
        The worker and where it listens.
    coroutines
        Waits for what methods return.

    Examples
    --------
    >>> actors = Actors(None, "inproc://a", Coroutines())
    >>> actors.objects
    {}
    """

    def __init__(self, owner: Any, address: str, coroutines: Coroutines) -> None:
        self.owner = owner
        self.address = address
        self.coroutines = coroutines
        self.objects: dict[int, Any] = {}
        self.ids: dict[Key, int] = {}
        """Of rows, by the keys by which others call."""
        self.threads: dict[int, Offload] = {}

    def make(self, row: Task, actor: Any) -> Any:
        """Keep what a task made; what stands for it.

        Parameters
        ----------
        row
            The task.
        actor
            Its result.
        """
        proxy = across("actor to proxy", ActorHandle(row.id, row.key, type(actor), self.address))
        self.objects[row.id] = actor
        self.ids[row.key] = row.id
        return proxy

    def free(self, ids: list[int]) -> None:
        """Let actors go.

        Parameters
        ----------
        ids
            Of rows, of actors or not.
        """
        for id in ids:
            if self.objects.pop(id, None) is not None:
                thread = self.threads.pop(id, None)
                if thread is not None:
                    thread.close()
                self.ids = {key: n for key, n in self.ids.items() if n != id}

    def call(self, call: Call, buffers: list[Any], send: Callable[..., object]) -> None:
        """Call a method, or read an attribute, and answer.

        Parameters
        ----------
        call
            ``"actor.call"`` with ``key``, ``name`` and ``data``: pickled ``(args, kwargs)``; or
            ``"actor.get"`` with ``key`` and ``name``.
        buffers
            Those of the pickle.
        send
            ``send(answer, buffers)``; from any thread.
        """
        key = call.args["key"]
        key = tuple(key) if isinstance(key, list) else key  # as msgpack gave it
        id = self.ids.get(key, -1)
        if id not in self.objects:
            text = f"there is no actor {key!r} on worker {self.address}; "
            text += "its worker was lost, or its last future was let go"
            send(Answer(call.request, None, ("ClusterError", text)), ())
            return
        thread = self.threads.get(id)
        if thread is None:
            thread = self.threads[id] = Offload("shoal-actor")
        thread.put(self._call, self.objects[id], call, buffers, send)

    def _call(
        self, actor: Any, call: Call, buffers: list[Any], send: Callable[..., object]
    ) -> None:
        token = outside.set(self.owner)
        try:
            value = getattr(actor, call.args["name"])
            if call.method == "actor.call":
                args, kwargs = pickle.loads(call.args["data"], buffers=buffers)
                value = value(*args, **kwargs)
                if inspect.iscoroutine(value):
                    self.coroutines.start(_await(value, call.request, send))
                    return
            reply(call.request, value, send)
        except BaseException as error:
            reply_error(call.request, error, send)
        finally:
            outside.reset(token)


async def _await(work: Any, request: int, send: Callable[..., object]) -> None:
    try:
        reply(request, await work, send)
    except BaseException as error:
        reply_error(request, error, send)


def reply(request: int, value: Any, send: Callable[..., object]) -> None:
    """Answer with an object."""
    frames = dumps(value, "what the actor's method returned")
    head = Frames(bytes(frames.head), 0, len(frames.buffers))
    send(Answer(request, None, None, head), frames.buffers)


def reply_error(request: int, error: BaseException, send: Callable[..., object]) -> None:
    """Answer with an exception."""
    name = type(error).__name__
    packed = pack_error(error.with_traceback(trim(error.__traceback__)))
    send(Answer(request, None, (name, message(error)), Frames(packed)), ())
