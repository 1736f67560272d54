"""Clients inside of tasks: tasks that submit tasks."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

from shoal.distributed.client.client import Client
from shoal.distributed.client.current import client_of, default_client
from shoal.distributed.node.context import find_worker, get_worker, rejoin, secede, slot_here

__all__ = ["get_client", "get_worker", "local_client", "rejoin", "secede", "worker_client"]


def get_client(address: Any = None, timeout: Any = None, resolve_address: bool = True) -> Client:
    """The client of the calling task's worker, or the program's current one.

    A task that waits for a future of it lends its slot to other tasks meanwhile.

    Parameters
    ----------
    address
        Of a scheduler: makes a client of it where there is none.
    timeout, resolve_address
        Accepted.

    Raises
    ------
    ValueError
        There is none.

    Examples
    --------
    >>> def count_down(n):
    ...     return n and get_client().submit(count_down, n - 1).result()
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=1, threads_per_worker=1, processes=False) as client:
    ...     client.submit(count_down, 3).result()
    0
    """
    worker = find_worker()
    if worker is not None:
        # Also where the task has made clients of other clusters.
        found: Client = client_of(worker)
        return found
    return default_client() if address is None else Client(address)


def local_client(*args: Any, **kwargs: Any) -> contextlib.AbstractContextManager[Client]:
    """The name that `worker_client` had first.

    Parameters
    ----------
    *args, **kwargs
        As for `worker_client`.

    Examples
    --------
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     _ = local_client()
    >>> str(caught[0].message)
    'local_client has moved to worker_client'
    """
    warnings.warn("local_client has moved to worker_client", UserWarning, stacklevel=2)
    return worker_client(*args, **kwargs)


@contextlib.contextmanager
def worker_client(timeout: Any = None, separate_thread: bool = True) -> Iterator[Client]:
    """The client of the calling task's worker, for a ``with`` block; the task gives up its slot.

    Parameters
    ----------
    timeout
        Accepted.
    separate_thread
        False: keep the slot except while waiting.

    Raises
    ------
    ValueError
        The caller is no task.

    Examples
    --------
    >>> def double_all(numbers):
    ...     with worker_client() as client:
    ...         return client.gather(client.map(lambda n: 2 * n, numbers))
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=1, processes=False) as client:
    ...     client.submit(double_all, [1, 2]).result()
    [2, 4]
    """
    client = client_of(get_worker())
    steps_aside = separate_thread and slot_here() is not None
    if steps_aside:
        secede()
    try:
        with client.as_current():
            yield client
    finally:
        if steps_aside:
            rejoin()
