"""Which client a program means when it does not say.

In this order: the client of the innermost ``with client.as_current()`` of this thread or asyncio
task; inside of a task on a worker, that worker's client; the client that was made last with
``set_as_default``.  The last is what collections compute with.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shoal.distributed.client.client import Client

__all__ = ["as_current", "current_client", "default_client", "forget", "remember", "worker_hook"]

_innermost: ContextVar[Client | None] = ContextVar("shoal_client", default=None)
_defaults: list[Client] = []
_guard = threading.Lock()

NO_CLIENT = (
    "there is no client: make one with shoal.distributed.Client(), pass client=, or use the "
    "client as a context manager"
)


def _no_worker() -> Any:
    return None


worker_hook: Callable[[], Any] = _no_worker
"""The client of the worker whose task this thread runs, or None; set by workers."""


def set_worker_hook(hook: Callable[[], Any]) -> None:
    """Say how the client of a worker's task is found.

    Parameters
    ----------
    hook
        Called in any thread; None where no task runs.

    Examples
    --------
    >>> set_worker_hook(worker_hook)
    """
    global worker_hook
    worker_hook = hook


def remember(client: Client) -> None:
    """Make a client the default one.

    Parameters
    ----------
    client
        Until `forget` is called with it.
    """
    with _guard:
        _defaults.append(client)


def forget(client: Client) -> None:
    """A client is closed: the one before is the default again.

    Parameters
    ----------
    client
        Any; it need not be a default.
    """
    with _guard:
        _defaults[:] = [other for other in _defaults if other is not client]


@contextlib.contextmanager
def as_current(client: Client) -> Iterator[Client]:
    """Make a client the current one of this thread or asyncio task, inside of a ``with`` block.

    Parameters
    ----------
    client
        Any.
    """
    token = _innermost.set(client)
    try:
        yield client
    finally:
        _innermost.reset(token)


def innermost_client() -> Any:
    """The client of this thread's ``with client.as_current()``, or of its task; None for none."""
    return _innermost.get() or worker_hook()


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

    Examples
    --------
    >>> default_client()
    Traceback (most recent call last):
    ...
    ValueError: there is no client: make one with shoal.distributed.Client(), pass client=, or ...
    """
    found: Client | None = client or innermost_client()
    if found is None:
        with _guard:
            for candidate in reversed(_defaults):
                if candidate.status != "closed":
                    return candidate
    if found is None:
        raise ValueError(NO_CLIENT)
    return found


def current_client(address: str = "") -> Client:
    """The client to use for a future that was made elsewhere.

    Parameters
    ----------
    address
        Of the scheduler that the future belongs to; empty for any.

    Raises
    ------
    ValueError
        There is none.

    Examples
    --------
    >>> current_client()
    Traceback (most recent call last):
    ...
    ValueError: there is no client: make one with shoal.distributed.Client(), pass client=, or ...
    """
    found: Client | None = innermost_client()
    if found is not None and (not address or found._belongs_to(address)):
        return found
    with _guard:
        for candidate in reversed(_defaults):
            if candidate.status != "closed" and (not address or candidate._belongs_to(address)):
                return candidate
    return default_client()
