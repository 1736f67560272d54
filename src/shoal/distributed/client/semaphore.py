"""A limit on how many hold something at once, all over a cluster.

What a holder has is a *lease*.  It ends when it is released, with the client or worker that took
it, and when it was not refreshed for some time (the setting ``lease-timeout``).  Objects that hold
leases refresh them from one thread, several times in that time; so a task that returns without
releasing what it took gives it back a while after its object was collected.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
import weakref
from collections import deque
from collections.abc import Generator
from typing import Any

from shoal.distributed.client.coordination import Shared
from shoal.distributed.client.promise import timeout_of
from shoal.errors import ClusterError

__all__ = ["Semaphore"]


class Semaphore(Shared):
    """At most so many holders at a time, all over the cluster.

    Parameters
    ----------
    max_leases
        How many.
    name
        The same name is the same semaphore; default: a new one.
    client
        Default: the current one.
    loop, scheduler_rpc
        Accepted, without effect: a client has what they are for.

    Examples
    --------
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=1, processes=False):
    ...     database = Semaphore(max_leases=2, name="database")
    ...     with database:
    ...         print(database.get_value())
    1
    """

    def __init__(
        self,
        max_leases: int = 1,
        name: Any = None,
        client: Any = None,
        *,
        loop: Any = None,
        scheduler_rpc: Any = None,
    ) -> None:
        if not hasattr(max_leases, "__index__") or max_leases < 1:
            raise ValueError(
                f"max_leases is a whole number of at least 1, got {max_leases!r}; "
                "a name is given as name="
            )
        super().__init__(name, client)
        self.max_leases = int(max_leases)
        self._leases: deque[str] = deque()
        self._created = False

    @property
    def leases(self) -> tuple[str, ...]:
        """Those that this object holds."""
        return tuple(self._leases)

    def acquire(self, timeout: Any = None) -> Any:
        """Take a lease.

        Parameters
        ----------
        timeout
            Seconds, or such as ``"2 s"``.

        Returns
        -------
        bool
            Whether it was had.
        """
        lease = uuid.uuid4().hex
        timeout_s = timeout_of(timeout)

        async def steps() -> Any:
            await self._create()
            args = {"name": self.name, "id": lease}
            if timeout_s is not None:
                args["timeout_s"] = timeout_s
            return await self.client._answer("semaphore.acquire", args)

        def finish(had: Any) -> bool:
            if had:
                self._leases.append(lease)
                _renew(self)
            return bool(had)

        undo = self._give_back("semaphore.release", id=lease)
        return self.client._run(steps(), finish, undo=undo)

    def release(self) -> Any:
        """Give a lease back; whether it was still ours."""
        if not self._leases:
            raise RuntimeError(f"Released too often: {self!r} holds no lease")
        return self._call("semaphore.release", bool, id=self._leases.popleft())

    def get_value(self) -> Any:
        """How many leases are taken."""

        async def steps() -> Any:
            await self._create()
            return await self.client._answer("semaphore.value", {"name": self.name})

        return self.client._run(steps())

    def close(self) -> Any:
        """End the semaphore: nobody can take a lease any more."""
        return self._call("semaphore.close")

    async def _create(self) -> None:
        if not self._created:
            args = {"name": self.name, "max_leases": self.max_leases}
            await self.client._answer("semaphore.create", args)
            self._created = True

    def __await__(self) -> Generator[Any, None, Any]:
        async def made() -> Any:
            await self.client._run(self._create(), asynchronous=True)
            return self

        return made().__await__()

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

    def __del__(self) -> None:
        # Nobody can give these back any more, nor are they refreshed: they are not claimed either.
        if getattr(self, "_leases", None) and self._client is not None:
            self._client._link.claims.forget(self._leases)

    def __reduce__(self) -> tuple[Any, ...]:
        return Semaphore, (self.max_leases, self.name)


_holders: weakref.WeakSet[Semaphore] = weakref.WeakSet()
_guard = threading.Lock()
_thread: threading.Thread | None = None
_more = threading.Event()
"""Set when there is one more lease: it may have to be refreshed sooner than the others."""

PER_LEASE = 5
"""How often a lease is refreshed within the time that it lasts."""


def _renew(semaphore: Semaphore) -> None:
    """Have the leases of an object renewed as long as it has any."""
    global _thread
    with _guard:
        _holders.add(semaphore)
        _more.set()
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_work, name="shoal-leases", daemon=True)
            _thread.start()


def _work() -> None:
    while True:
        with _guard:
            _more.clear()
            links = [semaphore.client._link for semaphore in _holders if semaphore._leases]
            if not links:
                global _thread
                _thread = None
                return
        interval_s = min(link.settings.get("lease_s", 30.0) for link in links) / PER_LEASE
        del links
        if not _more.wait(interval_s):
            _refresh()


def _refresh() -> None:
    with _guard:
        holders = [semaphore for semaphore in _holders if semaphore._leases]
    for semaphore in holders:
        link = semaphore.client._link
        if link.status == "running":
            with contextlib.suppress(ClusterError):
                link.call("semaphore.refresh", name=semaphore.name, ids=list(semaphore.leases))
