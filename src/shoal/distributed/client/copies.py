"""`client.amm`: letting go of copies of results, under the names that Dask has for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shoal.distributed.client.session import Session

__all__ = ["ActiveMemoryManager"]


class ActiveMemoryManager:
    """Lets go of copies of results that nobody is about to use.

    A worker that is short of memory does so by itself, all the time: there is nothing to start,
    and it cannot be stopped.

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
        """Whether it works: True; as the other methods, to be awaited from asynchronous clients."""
        return self._client._run(_true())

    def start(self) -> Any:
        """Nothing has to be done: it works already."""
        return self._client._run(_true(), lambda _: None)

    def stop(self) -> Any:
        """It cannot be stopped.

        Raises
        ------
        NotImplementedError
            Always.
        """
        raise NotImplementedError(
            "workers that are short of memory let go of copies that others have as well, always; "
            "to keep copies of results, hold them under keys of their own (scatter(hash=False))"
        )

    def __repr__(self) -> str:
        return f"<ActiveMemoryManager of {self._client.id}>"


async def _true() -> bool:
    return True
