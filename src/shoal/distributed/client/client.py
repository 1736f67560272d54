"""`Client`: a program's connection to a cluster.

The methods stand in one file for each family; this one puts them together.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
from typing import Any

from shoal.distributed.client import current
from shoal.distributed.client.admin import Admin
from shoal.distributed.client.benchmark import Benchmarks
from shoal.distributed.client.calls import Calls
from shoal.distributed.client.copies import ActiveMemoryManager
from shoal.distributed.client.data import DataMethods
from shoal.distributed.client.executor import ClientExecutor
from shoal.distributed.client.info import Info
from shoal.distributed.client.insight import Insight
from shoal.distributed.client.show import table_html, workers_html

__all__ = ["Client", "Executor"]


class Client(Calls, DataMethods, Info, Insight, Admin, Benchmarks):
    """A connection to a cluster; starts one on this machine where none is given.

    While it is open, collections compute on the cluster.

    Parameters
    ----------
    address
        Of the scheduler (``"tcp://host:port"``), or a cluster object.  None: the setting
        ``scheduler-address``, else a new `LocalCluster` that ends with the client.
    loop
        Accepted, without effect: a client has a loop of its own.
    timeout
        How long to try to connect: seconds, or such as ``"10 s"``.
    set_as_default
        Whether collections compute with this client from now on.
    scheduler_file
        A ``cluster.json`` with the address and the secret.
    security
        The cluster's credentials; needed where neither this process nor this user on this machine
        started the cluster.
    asynchronous
        Methods return what can be awaited; use ``await Client(..., asynchronous=True)`` or
        ``async with``.
    name
        Part of the client's identity.
    serializers, deserializers
        Families of types (`shoal.serialize.families`), such as ``["msgpack", "dask"]``, of data
        that may be sent, and that results may be of; default: all.
    heartbeat_interval, extensions, connection_limit
        Accepted, without effect.
    direct_to_workers
        Accepted: data always moves directly between client and workers.
    **options
        For `LocalCluster`: ``n_workers``, ``threads_per_worker``, ``memory_limit``, ...

    Examples
    --------
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=1, processes=False) as client:
    ...     total = client.submit(sum, client.map(abs, [-1, 2, -3]))
    ...     total.result()
    6
    """

    @classmethod
    def current(cls, allow_global: bool = True) -> Client:
        """The client of this ``with`` block or task, else the default one.

        Parameters
        ----------
        allow_global
            False: only that of the ``with`` block or task.

        Raises
        ------
        ValueError
            There is none.
        """
        if allow_global:
            return current.default_client()
        found: Client | None = current.innermost_client()
        if found is None:
            raise ValueError(current.NO_CLIENT)
        return found

    def as_current(self) -> contextlib.AbstractContextManager[Client]:
        """Make this client the current one of this thread or asyncio task, in a ``with`` block."""
        return current.as_current(self)

    def get_executor(self, **kwargs: Any) -> concurrent.futures.Executor:
        """The cluster as a `concurrent.futures.Executor`.

        Parameters
        ----------
        **kwargs
            Options of `submit` for all calls: ``pure``, ``workers``, ``priority``, ...

        Examples
        --------
        >>> from shoal.distributed import Client
        >>> with Client(n_workers=1, processes=False) as client:
        ...     with client.get_executor() as executor:
        ...         list(executor.map(abs, [-1, -2]))
        [1, 2]
        """
        return ClientExecutor(self, **kwargs)

    @property
    def amm(self) -> ActiveMemoryManager:
        """Copies of results, and letting go of them."""
        return ActiveMemoryManager(self)

    def __repr__(self) -> str:
        place = self._place
        if place is None:
            return f"<{type(self).__name__}: No scheduler connected.>"
        if self.status != "running":
            return f"<{type(self).__name__}: No scheduler connected.>"
        return f"<{type(self).__name__}: {place.public_address!r} {self._counts()}>"

    def _repr_html_(self) -> str:
        info = self._info_now() if self.status == "running" else None
        if info is None or self._place is None:
            return table_html("Client", [("Status", "No scheduler connected.")])
        return workers_html(
            "Client", self.id, self._place.public_address, info, self.dashboard_link
        )


Executor = Client
"""The name that `Client` had first."""
