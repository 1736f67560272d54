"""Which client a program means when it does not say.

In this order: the client of the innermost ``with client.as_current()`` of this thread or asyncio
task; inside of a task on a worker, that worker's client; the client that was made last with
``set_as_default``.  The last is what collections compute with.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from shoal import config
from shoal.distributed.node.context import find_worker
from shoal.errors import ClosedClientError

if TYPE_CHECKING:
    from shoal.distributed.client.client import Client

__all__ = ["as_current", "current_client", "default_client", "forget", "loaded", "remember"]

_innermost: ContextVar[Client | None] = ContextVar("shoal_client", default=None)
_defaults: list[Client] = []
_guard = threading.Lock()

NO_CLIENT = """No clients found
Start a client and point it to the scheduler address
  from distributed import Client
  client = Client('ip-addr-of-scheduler:8786')
"""


class Ambient:
    """The client that a program means when it does not say, as a scheduler for collections.

    Examples
    --------
    >>> Ambient()
    <the current client>
    """

    @property
    def get(self) -> Any:
        """The client's method for dict graphs."""
        return default_client().get

    def __shoal_run__(self, plan: Any, **options: Any) -> Any:
        return default_client().__shoal_run__(plan, **options)

    def __shoal_keep__(self, plan: Any, **options: Any) -> Any:
        return default_client().__shoal_keep__(plan, **options)

    def __shoal_begin__(self, *args: Any, **options: Any) -> Any:
        return default_client().__shoal_begin__(*args, **options)

    def __shoal_memory__(self) -> int | None:
        return default_client().__shoal_memory__()

    def __repr__(self) -> str:
        return "<the current client>"


AMBIENT = Ambient()
_setting_before: list[Any] = []


def remember(client: Client) -> None:
    """Make a client the default one.

    Parameters
    ----------
    client
        Until `forget` is called with it.

    Examples
    --------
    >>> remember.__name__
    'remember'
    """
    with _guard:
        _defaults.append(client)
        if config.get("scheduler", None) is not AMBIENT:
            _setting_before[:] = [config.get("scheduler", None)]
            config.set({"scheduler": AMBIENT})


def forget(client: Client) -> None:
    """A client is closed: the one before is the default again.

    Parameters
    ----------
    client
        Any; it need not be a default.

    Examples
    --------
    >>> forget(None)  # it need not have been remembered
    """
    with _guard:
        _defaults[:] = [other for other in _defaults if other is not client]
        if not _defaults and _setting_before:
            before = _setting_before.pop()
            if config.get("scheduler", None) is AMBIENT:
                config.set({"scheduler": before})


def _forget_all() -> None:
    """In a forked child: no client is meant, and collections compute as without one."""
    global _guard
    _guard = threading.Lock()
    _defaults.clear()
    _innermost.set(None)
    before = _setting_before.pop() if _setting_before else None
    if config.get("scheduler", None) is AMBIENT:
        config.set({"scheduler": before})


os.register_at_fork(after_in_child=_forget_all)


@contextlib.contextmanager
def as_current(client: Client) -> Iterator[Client]:
    """Make a client the current one of this thread or asyncio task, inside of a ``with`` block.

    Parameters
    ----------
    client
        Any.

    Examples
    --------
    >>> with as_current(None):
    ...     innermost_client() is None
    True
    """
    token = _innermost.set(client)
    try:
        yield client
    finally:
        # Another task or thread may leave the block; then there is nothing of its own to undo.
        with contextlib.suppress(ValueError):
            _innermost.reset(token)


def loaded(client: Client, loads: Callable[..., Any], data: Any, buffers: Any) -> Any:
    """``loads(data, buffers=buffers)`` with a client as the current one: futures in it are its own.

    Parameters
    ----------
    client
        Any.
    loads, data, buffers
        As of `pickle`.

    Examples
    --------
    >>> loaded(None, lambda data, buffers: (data, innermost_client()), b"", None)
    (b'', None)
    """
    # `as_current` by hand: it would take longer than a small result does.
    token = _innermost.set(client)
    try:
        return loads(data, buffers=buffers)
    finally:
        _innermost.reset(token)


def innermost_client() -> Any:
    """The client of this thread's ``with client.as_current()``, or of its task; None for none."""
    found = _innermost.get()
    if found is not None and found.status != "closed":
        return found
    worker = find_worker()
    return None if worker is None else client_of(worker)


def client_of(worker: Any) -> Any:
    """The client of a worker: one for all of its tasks, made when the first of them asks.

    Parameters
    ----------
    worker
        The worker.
    """
    with _guard:
        for candidate in reversed(_defaults):
            # A worker in the program's own process: its tasks share the program's client.
            if candidate.status == "running" and worker.scheduler_address in candidate._addresses():
                return candidate
    with worker.client_lock:
        client = worker.client
        if client is None or client.status == "closed":
            # By name: the client stands above this module.
            made = importlib.import_module("shoal.distributed.client.client")
            client = made.Client(_WorkerPlace(worker), set_as_default=False, name="worker")
            worker.client = client
        return client


class _WorkerPlace:
    """A worker, as what says where a client's scheduler is."""

    def __init__(self, worker: Any) -> None:
        self.worker = worker

    async def _place_for_clients(self) -> Any:
        worker = self.worker
        start = importlib.import_module("shoal.distributed.client.start")
        address = worker.scheduler_address
        return start.Place(address, worker.security, worker.loop, address, is_inside=True)


def default_client(client: Any = None) -> Client:
    """The client to use where none was said.

    Parameters
    ----------
    client
        Returned when it is one.

    Raises
    ------
    ValueError
        There is none.
    ClosedClientError
        There is one, which has lost its scheduler.

    Examples
    --------
    >>> default_client()
    Traceback (most recent call last):
    ...
    ValueError: No clients found
    ...
    """
    found: Client | None = client or innermost_client()
    if found is not None:
        return found
    with _guard:
        for candidate in reversed(_defaults):
            if candidate.status != "closed":
                return candidate
        lost = _defaults[-1] if _defaults else None
    if lost is None:
        raise ValueError(NO_CLIENT)
    raise ClosedClientError(
        f"the client {lost.name!r} has lost the scheduler at {lost._link.address}; make a new "
        "Client, or close() this one to compute without a cluster"
    )


def current_client(scheduler: str = "") -> Client:
    """The client to use for a future that was made elsewhere.

    Parameters
    ----------
    scheduler
        Identity of the scheduler that the future belongs to; empty for any.

    Raises
    ------
    ValueError
        There is none.

    Examples
    --------
    >>> current_client()
    Traceback (most recent call last):
    ...
    ValueError: No clients found
    ...
    """
    found: Client | None = innermost_client()
    if found is not None and (not scheduler or found._link.scheduler == scheduler):
        return found
    with _guard:
        for candidate in reversed(_defaults):
            if candidate.status != "closed" and (
                not scheduler or candidate._link.scheduler == scheduler
            ):
                return candidate
    return default_client()


def ensure_default_client(client: Client) -> None:
    """Make a client the default one, if it is not.

    Parameters
    ----------
    client
        Any.

    Examples
    --------
    >>> ensure_default_client.__name__
    'ensure_default_client'
    """
    with _guard:
        is_last = bool(_defaults) and _defaults[-1] is client
    if not is_last:
        forget(client)
        remember(client)


@contextlib.contextmanager
def temp_default_client(client: Client) -> Iterator[Client]:
    """Make a client the default one for all threads, inside of a ``with`` block.

    Parameters
    ----------
    client
        Any.

    Examples
    --------
    >>> temp_default_client.__name__
    'temp_default_client'
    """
    with _guard:
        before = list(_defaults)
    ensure_default_client(client)
    token = _innermost.set(client)
    try:
        yield client
    finally:
        _innermost.reset(token)
        with _guard:
            _defaults[:] = [other for other in before if other.status != "closed"]


def use_in_worker() -> None:
    """Have collections that tasks compute run on the cluster; called in a worker's process.

    Examples
    --------
    >>> with config.set({"scheduler": None}):
    ...     use_in_worker()
    ...     config.get("scheduler")
    <the current client>
    """
    if config.get("scheduler", None) is None:
        config.set({"scheduler": AMBIENT})
