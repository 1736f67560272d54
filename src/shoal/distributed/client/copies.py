"""`client.amm`: letting go of copies of results, under the names that Dask has for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shoal.distributed.client.session import Session

__all__ = ["ActiveMemoryManager"]


class ActiveMemoryManager:
    """Lets go of copies of results that nobody is about to use.

    Workers that are short of memory do so by themselves, unless that is stopped; then they write
    to disk what does not fit.  Workers that retire hand over what only they hold, always.  Policies
    of one's own there are not: `client.replicate` and a plugin of the scheduler serve for these.

    Parameters
    ----------
    client
        Whose cluster it is.

    Examples
    --------
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=2, processes=False) as client:
    ...     data = client.scatter("x", broadcast=True)
    ...     client.amm.run_once()
    ...     client.amm.running(), len(client.who_has(data)[data.key])
    (True, 1)
    """

    __slots__ = ("_client",)

    def __init__(self, client: Session) -> None:
        self._client = client

    def run_once(self) -> Any:
        """Let go of all copies but one of each result, except where a task is about to use it."""

        async def steps() -> None:
            await self._client._answer("replicas.reduce", {})
            settled = {"method": "settled", "args": {}, "on_error": "ignore"}
            await self._client._answer("worker.call", settled)

        return self._client._run(steps())

    def running(self) -> Any:
        """Whether it works by itself, for all clients of the scheduler."""
        return self._client._ask("replicas.manage")

    def start(self) -> Any:
        """Let go of copies where memory is short; that is so from the beginning."""
        return self._manage(True)

    def stop(self) -> Any:
        """Keep copies also where memory is short, until `start` or the scheduler's end."""
        return self._manage(False)

    def _manage(self, on: bool) -> Any:
        client = self._client
        return client._run(client._answer("replicas.manage", {"on": on}), lambda _: None)

    def __repr__(self) -> str:
        return f"<ActiveMemoryManager of {self._client.id}>"
