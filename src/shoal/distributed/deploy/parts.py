"""A scheduler and workers that commands start, on any host: parts of a `SpecCluster`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from shoal.distributed.deploy.commands import scheduler_command, worker_command
from shoal.distributed.deploy.hosts import Host, Running
from shoal.distributed.deploy.spec import ProcessInterface
from shoal.distributed.net import Security, cluster_text
from shoal.errors import ClusterError

__all__ = ["CommandScheduler", "CommandWorker"]

SCHEDULER_SAYS = "Scheduler at "


class CommandScheduler(ProcessInterface):
    """A scheduler that ``shoal scheduler`` runs on some host.

    Parameters
    ----------
    host
        Where.
    python
        An interpreter there that has shoal; default: this one's path.
    address
        Of the host, for workers and clients of other machines; default: it listens for its own
        machine only.
    options
        Of the command.

    Examples
    --------
    >>> CommandScheduler(None).status
    'created'
    """

    def __init__(
        self,
        host: Host,
        python: str | None = None,
        address: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(name="scheduler")
        self.host = host
        self.python = python or sys.executable
        self.options: dict[str, Any] = {"port": 0, **(options or {})}
        if address is not None:
            self.options.setdefault("host", address)
        self.security: Security | None = None
        self._running: Running | None = None

    async def start(self) -> None:
        """Run the command, until it says where it listens.

        Raises
        ------
        ClusterError
            It ended instead; with what it said.
        """
        # The secret is made here and travels on standard input; the command writes no file.
        host = str(self.options.get("host", "127.0.0.1"))
        security = Security.new(tls=host not in ("127.0.0.1", "localhost", "::1"))
        words = scheduler_command(self.python, {**self.options, "scheduler_file": "-"})
        self._running = await self.host.start(
            words, cluster_text(f"tcp://{host}:1", security).encode()
        )
        try:
            said = await self._running.expect(SCHEDULER_SAYS)
        except ClusterError as error:
            self.status = "failed"
            raise ClusterError(f"Scheduler failed to start on {self.host.name}: {error}") from error
        self.address = said.removeprefix(SCHEDULER_SAYS)
        self.security = security
        self.status = "running"

    async def close(self) -> None:
        """End it."""
        self.status = "closed"
        if self._running is not None:
            await self._running.end()
        await self.host.close()


class CommandWorker(ProcessInterface):
    """A worker that ``shoal worker`` runs on some host.

    Parameters
    ----------
    scheduler
        Its address.
    name
        In the cluster.
    host
        Where.
    security
        A function that gives the cluster's credentials, when they are known.
    python
        An interpreter there that has shoal; default: this one's path.
    options
        Of the command.

    Examples
    --------
    >>> CommandWorker("tcp://127.0.0.1:8786", 0, None, None).status
    'created'
    """

    def __init__(
        self,
        scheduler: str,
        name: Any,
        host: Host,
        security: Any,
        python: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(scheduler, name)
        self.host = host
        self.security = security
        self.python = python or sys.executable
        self.options = dict(options or {})
        self._running: Running | None = None

    async def start(self) -> None:
        """Run the command; the worker joins the scheduler by itself."""
        assert self.scheduler is not None
        words = worker_command(self.python, self.name, self.options)
        text = cluster_text(self.scheduler, self.security()).encode()
        self._running = await self.host.start(words, text)
        self._running.listen()
        self.status = "running"

    async def close(self) -> None:
        """End it."""
        self.status = "closed"
        if self._running is not None:
            await self._running.end()
        await self.host.close()
