"""A cluster on machines that ssh reaches: the first host runs the scheduler, the others a worker.

A host must have Python with shoal, and let the user in without a question.  The cluster's secret
is made here and goes through ssh to each host, on the standard input of the command.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from shoal.distributed.deploy.hosts import Host, SSHHost
from shoal.distributed.deploy.parts import CommandScheduler, CommandWorker
from shoal.distributed.deploy.spec import SpecCluster

__all__ = ["SSHCluster"]

Connect = Callable[..., Awaitable[Host]]


class _Connected:
    """A host that is connected to when something is started there."""

    def __init__(self, name: str, connect: Callable[[], Awaitable[Host]]) -> None:
        self.name = name
        self._connect = connect
        self._hosts: list[Host] = []

    async def start(self, words: list[str], stdin: bytes = b"") -> Any:
        host = await self._connect()
        self._hosts.append(host)
        return await host.start(words, stdin)

    async def close(self) -> None:
        hosts, self._hosts = self._hosts, []
        for host in hosts:
            await host.close()


class SSHCluster(SpecCluster):
    """A cluster on machines that ssh reaches.

    Parameters
    ----------
    hosts
        Names or numbers of machines: the first one runs the scheduler, each other one a worker;
        one may be named several times.
    connect_options
        For ``asyncssh.connect``: one dictionary for all hosts, or a list with one for each.
    worker_options, scheduler_options
        Of ``shoal worker`` and ``shoal scheduler``, such as ``{"nthreads": 4}``.
    remote_python
        Path of an interpreter with shoal: one for all hosts, or a list with one for each;
        default: ``python3``.
    worker_module, worker_class
        Accepted.
    connect
        Connects to a host: ``await connect(name, **connect_options)``; default: through asyncssh.
    **options
        ``asynchronous``, ``name``, ...

    Raises
    ------
    ValueError
        There are not at least two hosts, or a list has another length.
    ClusterError
        The scheduler could not be started; with what it said.

    Examples
    --------
    >>> SSHCluster(["localhost"])
    Traceback (most recent call last):
    ...
    ValueError: SSHCluster needs at least two hosts, one for the scheduler and one for a worker, ...
    """

    def __init__(
        self,
        hosts: Sequence[str] | None = None,
        connect_options: dict[str, Any] | list[dict[str, Any]] | None = None,
        worker_options: dict[str, Any] | None = None,
        scheduler_options: dict[str, Any] | None = None,
        worker_module: str | None = None,
        worker_class: Any = None,
        remote_python: str | list[str] | None = None,
        connect: Connect = SSHHost.connect,
        **options: Any,
    ) -> None:
        names = list(hosts or ())
        if len(names) < 2:
            raise ValueError(
                "SSHCluster needs at least two hosts, one for the scheduler and one for a worker, "
                f"which may be the same; got {names}"
            )
        logins = each(connect_options or {}, len(names), "connect_options")
        pythons = each(remote_python or "python3", len(names), "remote_python")

        def host(at: int) -> _Connected:
            return _Connected(names[at], functools.partial(connect, names[at], **logins[at]))

        def worker(at: int) -> dict[str, Any]:
            chosen = {
                "host": host(at),
                "python": pythons[at],
                "security": lambda: self.security,
                "options": worker_options or {},
            }
            return {"cls": CommandWorker, "options": chosen}

        first = {
            "host": host(0),
            "python": pythons[0],
            "address": None if names[0] in ("localhost", "127.0.0.1", "::1") else names[0],
            "options": scheduler_options or {},
        }
        super().__init__(
            workers={at - 1: worker(at) for at in range(1, len(names))},
            scheduler={"cls": CommandScheduler, "options": first},
            **options,
        )


def each(given: Any, count: int, what: str) -> list[Any]:
    """One thing for all hosts, or one for each.

    Parameters
    ----------
    given
        A list, or anything else.
    count
        Of hosts.
    what
        Its name, for the error.

    Examples
    --------
    >>> each("python3", 2, "remote_python"), each(["a", "b"], 2, "remote_python")
    (['python3', 'python3'], ['a', 'b'])
    >>> each(["a"], 2, "remote_python")
    Traceback (most recent call last):
    ...
    ValueError: remote_python is a list of 1, and there are 2 hosts; give one for each
    """
    if not isinstance(given, list):
        return [given] * count
    if len(given) != count:
        raise ValueError(
            f"{what} is a list of {len(given)}, and there are {count} hosts; give one for each"
        )
    return given
