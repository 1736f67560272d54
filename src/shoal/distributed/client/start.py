"""Where a client finds its scheduler, and with which credentials.

An address alone is not enough: without the cluster's secret nobody is let in.  A cluster that this
process started is known here; one that the same user started on this machine has a file in the
user's runtime folder; any other one comes with its ``cluster.json``.
"""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shoal import config
from shoal.distributed.client.promise import Promise
from shoal.distributed.net import Loop, Security, parse, read_cluster_file
from shoal.distributed.node.known import find_known
from shoal.errors import AuthenticationError

__all__ = ["Place", "find_place", "place_of"]

log = logging.getLogger("distributed.client")


@dataclass
class Place:
    """Where a scheduler is.

    Parameters
    ----------
    address, security
        To connect with.
    loop
        Whose thread runs the connection.
    public_address
        As other processes know it.
    cluster
        The cluster object, where there is one.
    ends
        Called when the client is closed.
    is_inside
        Whether the client belongs to a worker, for its tasks.

    Examples
    --------
    >>> Place.__name__
    'Place'
    """

    address: str
    security: Security
    loop: Loop
    public_address: str
    cluster: Any = None
    ends: Callable[[], None] | None = None
    is_inside: bool = False

    def close(self) -> None:
        """End what was started for the client."""
        if self.ends is not None:
            ends, self.ends = self.ends, None
            ends()


async def find_place(
    address: Any,
    scheduler_file: Any,
    security: Any,
    options: dict[str, Any],
    *,
    name: str,
    timeout_s: float,
) -> Place:
    """The scheduler that some arguments of `Client` mean; starts a cluster when they mean none.

    Parameters
    ----------
    address, scheduler_file, security, options
        As for `Client`.
    name
        Of the client.
    timeout_s
        For the cluster's start.

    Examples
    --------
    >>> from shoal.distributed.client.promise import spawn
    >>> place = find_place(5, None, None, {}, name="me", timeout_s=1)
    >>> spawn(place).wait()
    Traceback (most recent call last):
    ...
    TypeError: Scheduler address must be a string or a Cluster instance, got int: 5
    """
    if scheduler_file is not None:
        address, found = read_cluster_file(scheduler_file)
        security = security or found
    if address is None and not options:
        address = config.get("scheduler-address", None)
        if address is not None:
            log.info("Config value `scheduler-address` found: %s", address)
    if address is None:
        return await _new_cluster(security, options)
    if options:
        raise TypeError(
            f"Unexpected keyword arguments: {sorted(options)}; they are for a cluster that the "
            f"client starts, and this one is given one: {address!r}"
        )
    if isinstance(address, type):
        raise TypeError(
            "Scheduler address must be a string or a Cluster instance, got the class "
            f"{address.__name__}"
        )
    if hasattr(address, "_place_for_clients"):
        place = await address._place_for_clients()
        return place  # type: ignore[no-any-return]
    if hasattr(address, "scheduler_address"):
        security = security or getattr(address, "security", None)
        place = place_of(str(address.scheduler_address), security)
        place.cluster = address
        return place
    if not isinstance(address, str):
        raise TypeError(
            "Scheduler address must be a string or a Cluster instance, got "
            f"{type(address).__name__}: {address!r}"
        )
    return place_of(address, security)


def place_of(address: str, security: Any) -> Place:
    """A scheduler that is there already, with a loop of the client's own.

    Parameters
    ----------
    address
        Of the scheduler.
    security
        Its credentials; None: those that are known.

    Raises
    ------
    AuthenticationError
        None are known.

    Examples
    --------
    >>> place_of("tcp://127.0.0.1:9", None)
    Traceback (most recent call last):
    ...
    shoal.errors.AuthenticationError: nothing is known of the cluster at tcp://127.0.0.1:9: ...
    """
    address = str(parse(address if "://" in address else f"tcp://{address}"))
    known = find_known(address)
    if not isinstance(security, Security):
        security = known.security if known is not None else None
    if security is None:
        raise AuthenticationError(
            f"nothing is known of the cluster at {address}: pass scheduler_file= (the cluster.json "
            "that the scheduler wrote) or security=; an address alone lets nobody in"
        )
    # Other credentials than the cluster's are refused where all are: at its door.
    if known is not None and known.loop is not None and known.inner and security == known.security:
        return Place(known.inner, security, known.loop, address)
    loop = Loop()
    thread = loop.start("shoal-client")
    return Place(address, security, loop, address, ends=lambda: _stop(loop, thread))


def _stop(loop: Loop, thread: threading.Thread) -> None:
    loop.stop()
    if thread is not threading.current_thread():
        thread.join(5)


async def _new_cluster(security: Any, options: dict[str, Any]) -> Place:
    # By name: deploy/ stands above this folder, for it makes clients of its own.
    local = importlib.import_module("shoal.distributed.deploy.local")
    end: Promise[Any] = Promise()

    def work() -> None:
        try:
            end.keep(local.LocalCluster(security=security, **options))
        except BaseException as error:
            end.fail(error)

    # Starting processes blocks; the caller may be an asyncio loop.
    threading.Thread(target=work, name="shoal-start", daemon=True).start()
    cluster = await end
    place: Place = await cluster._place_for_clients()
    place.ends = cluster.close
    return place
