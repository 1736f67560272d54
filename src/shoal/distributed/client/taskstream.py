"""What ran while a ``with`` block was worked through."""

from __future__ import annotations

import time
from typing import Any

from shoal.distributed.client.current import default_client

__all__ = ["get_task_metadata", "get_task_stream"]


class get_task_stream:
    """The tasks that run during a ``with`` block: when, where and for how long.

    Parameters
    ----------
    client
        Default: the current one.
    plot
        True: also make a picture, `figure`, which a notebook shows; ``"save"``: and write it.
    filename
        Where to.

    Attributes
    ----------
    data
        After the block: a dictionary for each run, as from `Client.get_task_stream`.
    figure
        After the block: the picture, if one was wanted.

    Examples
    --------
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=1, processes=False) as client:
    ...     with get_task_stream() as stream:
    ...         _ = client.gather(client.map(abs, [-1, -2]))
    ...     len(stream.data)
    2
    """

    def __init__(
        self, client: Any = None, plot: bool | str = False, filename: str = "task-stream.html"
    ) -> None:
        self.client = default_client(client)
        self.data: list[dict[str, Any]] = []
        self.figure: Any = None
        self._plot = plot
        self._filename = filename
        self._start = 0.0

    def __enter__(self) -> get_task_stream:
        self._start = time.time()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._take(self.client.get_task_stream(**self._what()))

    def _what(self) -> dict[str, Any]:
        return {"start": self._start, "plot": self._plot, "filename": self._filename}

    def _take(self, found: Any) -> None:
        rows, self.figure = found if self._plot else (found, None)
        self.data += rows

    async def __aenter__(self) -> get_task_stream:
        return self.__enter__()

    async def __aexit__(self, *exc_info: Any) -> None:
        self._take(await self.client.get_task_stream(**self._what()))


class get_task_metadata:
    """What became of the tasks that ran during a ``with`` block.

    Parameters
    ----------
    client
        Default: the current one.

    Attributes
    ----------
    metadata
        After the block: for each key what is known of its last run, as from
        `Client.get_task_stream`.
    state
        After the block: for each key ``"memory"``, or ``"erred"`` if its last run has failed.

    Examples
    --------
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=1, processes=False) as client:
    ...     with get_task_metadata() as tasks:
    ...         _ = client.submit(abs, -1, key="x").result()
    ...     tasks.state, tasks.metadata["x"]["name"]
    ({'x': 'memory'}, 'x')
    """

    def __init__(self, client: Any = None) -> None:
        self._stream = get_task_stream(client)
        self.metadata: dict[Any, dict[str, Any]] = {}
        self.state: dict[Any, str] = {}

    def __enter__(self) -> get_task_metadata:
        self._stream.__enter__()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._stream.__exit__(*exc_info)
        self._take()

    async def __aenter__(self) -> get_task_metadata:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        await self._stream.__aexit__(*exc_info)
        self._take()

    def _take(self) -> None:
        for run in self._stream.data:
            self.metadata[run["key"]] = run
            self.state[run["key"]] = "memory" if run["status"] == "OK" else "erred"
