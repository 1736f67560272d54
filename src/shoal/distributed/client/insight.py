"""The methods of `Client` that answer questions: why a task waits, why a job was slow.

They read what the dashboard reads, and draw with its views, once.
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Mapping
from typing import Any

import fsspec

from shoal.distributed.client.encode import worker_names
from shoal.distributed.client.future import Future
from shoal.distributed.client.keys import wire_key
from shoal.distributed.client.session import Session
from shoal.distributed.node.profile import merge

__all__ = ["Insight"]

RUNS = 50_000
"""Runs that a report looks at one by one; of earlier ones it has sums."""

BEGIN = {"stream": 0, "flows": 0, "failures": 0}
"""Cursors of who has read nothing."""

STEPS = 20
"""Tasks that `Client.why` follows one after the other, at most."""


class Insight(Session):
    """Answers; see `Client`."""

    def why(self, key: Any) -> Any:
        """Why a task is not done: followed from task to task, to the one on which all wait.

        Parameters
        ----------
        key
            Its key, or a future of it.

        Returns
        -------
        Why
            Prints as sentences.

        Examples
        --------
        >>> from shoal.distributed import Client
        >>> with Client(n_workers=1, processes=False) as client:
        ...     future = client.submit(abs, -1, key="abs-1")
        ...     _ = future.result()
        ...     client.why(future)
        abs-1 is memory: its result is on 0
        """
        first = wire_key(key.key if isinstance(key, Future) else key)

        async def steps() -> tuple[Any, ...]:
            found: list[Any] = []
            seen: set[str] = set()
            wanted: Any = first
            while wanted is not None and len(found) < STEPS and str(wanted) not in seen:
                seen.add(str(wanted))
                found.append(await self._answer("scheduler.explain", {"key": wanted}))
                wanted = next(iter(found[-1].get("waits_for", ())), None)
                wanted = tuple(wanted) if isinstance(wanted, list) else wanted
            return tuple(found)

        return self._run(steps(), _reporting().Why)

    def report(self) -> Any:
        """Where the time and the memory went, and the first thing to change.

        It looks at what has run since the scheduler last had no tasks at all, as far back as
        the scheduler remembers.

        Returns
        -------
        Report
            Prints as a few lines; its ``findings`` are those of the dashboard.

        Examples
        --------
        >>> from shoal.distributed import Client
        >>> with Client(n_workers=1, processes=False) as client:
        ...     _ = client.gather(client.map(abs, [-1, -2]))
        ...     client.report().numbers["runs"]
        2
        """

        return self._run(self._model(), _reporting().report_of)

    async def _model(self, cursors: Mapping[str, int] | None = None) -> Any:
        """What the dashboard would know, had it looked since these cursors."""
        known = dict(BEGIN if cursors is None else cursors)
        vitals = await self._answer("scheduler.vitals", {"history": True})
        args = {"history": True, "runs": RUNS, **known}
        feed = await self._answer("scheduler.feed", args)
        if cursors is not None:
            # All of it counts, and not only the last job.
            feed["epoch_from"] = (0, 0, 0)
        return _reporting().model_of(feed, vitals, known, time.time())

    def write_trace(
        self, filename: str | os.PathLike[str], start: float | None = None, **storage_options: Any
    ) -> Any:
        """Write what ran when as a trace for Perfetto (ui.perfetto.dev) or ``chrome://tracing``.

        Parameters
        ----------
        filename
            A path or a URL.
        start
            Only runs that ended after this, in seconds since the epoch.
        **storage_options
            For `fsspec`.

        Returns
        -------
        int
            How many runs it has.
        """
        target = os.fspath(filename)

        def finish(rows: Any) -> int:
            with fsspec.open(target, "w", **storage_options) as file:
                file.write(_reporting().chrome_trace(rows))
            return len(rows)

        return self._run(self._answer("scheduler.task_stream", {"start": start}), finish)

    def get_task_stream(
        self,
        start: Any = None,
        stop: Any = None,
        count: int | None = None,
        plot: bool | str = False,
        filename: str | None = None,
        bokeh_resources: Any = None,
    ) -> Any:
        """When and where tasks ran: a dictionary for each; ``status`` is ``"error"`` of the failed.

        Parameters
        ----------
        start, stop
            Seconds since the epoch.
        count
            Only the last ones.
        plot
            True: with a picture, which a notebook shows; ``"save"``: which is written as well.
        filename
            Where to; default: ``task-stream.html``.
        bokeh_resources
            Accepted, without effect.

        Returns
        -------
        list of dict, or (list of dict, Figure)
        """
        args = {"start": start, "stop": stop, "count": count}

        async def steps() -> Any:
            rows = await self._answer("scheduler.task_stream", args)
            for row in rows:
                if type(row["key"]) is list:  # msgpack has no tuples
                    row["key"] = tuple(row["key"])
            return rows, await self._model(BEGIN) if plot else None

        def finish(found: Any) -> Any:
            rows, model = found
            if model is None:
                return rows
            model.first = start or min((bar.start for bar in model.bars), default=0.0)
            model.last_stop = stop or max((bar.stop for bar in model.bars), default=0.0)
            saved = (filename or "task-stream.html") if plot == "save" else None
            return _reporting().drawn("task-stream", rows, model, saved)

        return self._run(steps(), finish)

    def profile(
        self,
        key: Any = None,
        start: Any = None,
        stop: Any = None,
        workers: Any = None,
        merge_workers: bool = True,
        plot: bool | str = False,
        filename: str | None = None,
        server: bool = False,
        scheduler: bool = False,
    ) -> Any:
        """Where running tasks spend their time: a tree of stack frames with counts.

        Parameters
        ----------
        key
            Only tasks whose keys begin with it.
        start, stop
            Seconds since the epoch.
        workers
            Only these.
        merge_workers
            One tree for all; else one for each, by address.
        plot
            True: with a picture, which a notebook shows; ``"save"``: which is written as well.
        filename
            Where to write it, as a page in one file.
        server
            The workers' own threads instead of their tasks.  The first question makes them look.
        scheduler
            The scheduler's threads instead.  The first question makes it look.

        Returns
        -------
        dict, or (dict, Figure)
        """
        call = {
            "workers": None if workers is None else worker_names(workers),
            "method": "profile",
            "args": {"key": key, "start": start, "stop": stop, "server": server},
            "on_error": "return",
        }
        if scheduler:
            asked = self._answer("scheduler.profile", {"start": start, "stop": stop})
        else:
            asked = self._answer("worker.call", call)

        def finish(found: Any) -> Any:
            if not scheduler:
                trees = {address: tree for address, tree in found.items() if "count" in tree}
                if not merge_workers and not plot and not filename:
                    return trees
                found = merge(trees.values())
            if not plot and not filename:
                return found
            saved = filename or ("profile.html" if plot == "save" else None)
            reporting = _reporting()
            model = reporting.Model(answers={"profile": {"tree": found}})
            return reporting.drawn("profile", found, model, saved)

        return self._run(asked, finish)


def _reporting() -> Any:
    """What draws and concludes; see there why it is loaded late."""
    return importlib.import_module("shoal.distributed.client.reporting")
