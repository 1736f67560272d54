"""Locks and events that hold all over a cluster.

The scheduler keeps them; an object here is a name, and an identity for what it holds.  What a
client or a worker holds is given back when its connection ends.  Every method waits with a
synchronous client and can be awaited with an asynchronous one, so one class serves both.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from shoal.distributed.client.current import default_client
from shoal.distributed.client.promise import timeout_of
from shoal.errors import ClusterError

__all__ = ["Event", "Lock", "MultiLock", "Shared"]


class Shared:
    """What all objects that the scheduler keeps have in common.

    Parameters
    ----------
    name
        The same name is the same object; default: a new one.
    client
        Default: the current one.
    loop, scheduler_rpc
        Accepted, without effect: a client has what they are for.

    Examples
    --------
    >>> Shared("x").name
    'x'
    """

    def __init__(
        self, name: Any = None, client: Any = None, *, loop: Any = None, scheduler_rpc: Any = None
    ) -> None:
        self.name = name or f"{type(self).__name__.lower()}-{uuid.uuid4().hex}"
        self.id = uuid.uuid4().hex
        self._client = client

    @property
    def client(self) -> Any:
        """The client that it asks through."""
        if self._client is None:
            self._client = default_client()
        return self._client

    def _call(
        self, method: str, finish: Any = None, timeout: Any = None, undo: Any = None, **args: Any
    ) -> Any:
        """Call a method of the scheduler's about this object."""
        client = self.client
        if timeout is not None:
            args["timeout_s"] = timeout_of(timeout)
        return client._run(client._answer(method, {"name": self.name, **args}), finish, undo=undo)

    def _give_back(self, method: str, **args: Any) -> Callable[[Any], None]:
        """What gives back what was had too late: nobody waits for it any more."""

        def undo(had: Any) -> None:
            with contextlib.suppress(ClusterError):
                if had:
                    self.client._link.call(method, name=self.name, **args)

        return undo

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.name,)


class Lock(Shared):
    """One holder at a time, all over the cluster.

    Parameters
    ----------
    name
        The same name is the same lock; default: a new one.
    client
        Default: the current one.

    Notes
    -----
    A client, or a task's worker, that ends gives back what it holds at once.  One that is killed,
    or cut off, may come back: its locks are free when it has been away for 10 s.  They are held
    across a restart of the scheduler, and who waits for one waits on; without a journal, what is
    not claimed within two seconds is free, and who finds that others have it is told so in the log.

    Examples
    --------
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=1, processes=False), Lock("printer") as lock:
    ...     lock.locked()
    True
    """

    def acquire(self, blocking: bool = True, timeout: Any = None) -> Any:
        """Take the lock.

        Parameters
        ----------
        blocking
            False: do not wait.
        timeout
            Seconds, or such as ``"2 s"``; nought and less: do not wait.

        Returns
        -------
        bool
            Whether it was taken.
        """
        if not blocking:
            if timeout is not None:
                raise ValueError("a call that does not wait has no timeout")
            timeout = 0
        undo = self._give_back("lock.release", id=self.id)
        return self._call("lock.acquire", timeout=timeout, undo=undo, id=self.id)

    def release(self) -> Any:
        """Give the lock back."""
        return self._call("lock.release", id=self.id)

    def locked(self) -> Any:
        """Whether somebody holds it."""
        return self._call("lock.locked")

    def __enter__(self) -> Any:
        self.acquire()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.release()

    async def __aenter__(self) -> Any:
        await self.acquire()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        await self.release()


class MultiLock(Lock):
    """Several locks taken together, without deadlock.

    Parameters
    ----------
    names
        Of the locks.
    client
        Default: the current one.

    Examples
    --------
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=1, processes=False), MultiLock(["a", "b"]) as locks:
    ...     locks.locked()
    True
    """

    def __init__(self, names: Iterable[Any] = (), client: Any = None) -> None:
        self.names = [str(name) for name in names]
        super().__init__(",".join(self.names), client)
        self._held = False

    def acquire(self, blocking: bool = True, timeout: Any = None, num_locks: Any = None) -> Any:
        """Take the locks.

        Parameters
        ----------
        blocking, timeout
            As for `Lock.acquire`.
        num_locks
            How many of them suffice; default: all.
        """
        if not blocking:
            if timeout is not None:
                raise ValueError("a call that does not wait has no timeout")
            timeout = 0

        def finish(held: Any) -> Any:
            self._held = bool(held)
            return held

        return self._call(
            "multilock.acquire",
            finish,
            timeout=timeout,
            undo=self._give_back("multilock.release", id=self.id, names=self.names),
            id=self.id,
            names=self.names,
            count=num_locks,
        )

    def release(self) -> Any:
        """Give the locks back."""
        if not self._held:
            raise ValueError(f"the locks {self.names} are not held by this object")
        self._held = False
        return self._call("multilock.release", id=self.id, names=self.names)

    def locked(self) -> bool:
        """Whether this object holds them."""
        return self._held

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.names,)


class Event(Shared):
    """A flag that tasks and clients can wait for.

    Parameters
    ----------
    name
        The same name is the same event; default: a new one.
    client
        Default: the current one.

    Examples
    --------
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=1, processes=False):
    ...     event = Event("begin")
    ...     event.set()
    ...     event.is_set(), event.wait()
    (True, True)
    """

    def wait(self, timeout: Any = None) -> Any:
        """Wait until it is set.

        Parameters
        ----------
        timeout
            Seconds, or such as ``"2 s"``.

        Returns
        -------
        bool
            Whether it is set.
        """
        return self._call("event.wait", timeout=timeout, id=self.id)

    def set(self) -> Any:
        """Set the flag: everybody who waits goes on."""
        return self._call("event.set")

    def clear(self) -> Any:
        """Take the flag back."""
        return self._call("event.clear")

    def is_set(self) -> Any:
        """Whether it is set."""
        return self._call("event.is_set")
