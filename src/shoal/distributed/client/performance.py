"""`performance_report`: what happened during a ``with`` block, as one page in one file."""

from __future__ import annotations

import html
import inspect
import platform
import sys
import time
from collections import Counter
from types import FrameType
from typing import Any

from shoal.distributed.client.current import default_client
from shoal.distributed.dashboard.findings import findings, told
from shoal.distributed.dashboard.model import Model
from shoal.distributed.dashboard.panels import PANELS
from shoal.distributed.dashboard.report import Figure, page_of, span_of
from shoal.distributed.node.profile import merge
from shoal.units import format_bytes, format_time

__all__ = ["performance_report"]

PARTS = (
    "answers",
    "task-stream",
    "kinds",
    "progress",
    "profile",
    "cpu",
    "cluster-memory",
    "rates",
) + ("workers", "workers-memory", "bandwidth-workers", "errors", "logs", "system")
"""Panels of a report."""

CODE_LINES = 400


class performance_report:
    """What happens during a ``with`` block, written as a page that needs no network.

    Parameters
    ----------
    filename
        A path or a URL.
    stacklevel
        Whose code the page shows: 1 for the function with the ``with``, 2 for its caller.
    mode
        Accepted: everything is always inside of the file.
    storage_options
        For `fsspec`.
    client
        Default: the current one.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from shoal.distributed import Client
    >>> path = pathlib.Path(tempfile.mkdtemp(), "report.html")
    >>> with Client(n_workers=1, processes=False) as client:
    ...     with performance_report(filename=path):
    ...         _ = client.gather(client.map(abs, [-1, -2]))
    >>> "Performance Report" in path.read_text()
    True
    """

    def __init__(
        self,
        filename: Any = "shoal-report.html",
        stacklevel: int = 1,
        mode: str | None = None,
        storage_options: dict[str, Any] | None = None,
        client: Any = None,
    ) -> None:
        self.filename = filename
        self.stacklevel = max(1, stacklevel)
        self.storage_options = storage_options or {}
        self.client = client
        self._cursors: dict[str, int] = {}
        self._start = 0.0
        self._code = ""

    def __enter__(self) -> performance_report:
        self._code = source_of(sys._getframe(self.stacklevel))
        self.client = default_client(self.client)
        self._begin(self.client._run(self.client._model(), asynchronous=False))
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._end(self.client._run(self._ask(), asynchronous=False))

    async def __aenter__(self) -> performance_report:
        self._code = source_of(sys._getframe(self.stacklevel))
        self.client = default_client(self.client)
        self._begin(await self.client._run(self.client._model(), asynchronous=True))
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        self._end(await self.client._run(self._ask(), asynchronous=True))

    def _begin(self, model: Model) -> None:
        self._cursors = dict(model.cursors)
        self._start = model.now

    async def _ask(self) -> Model:
        """What has happened since the beginning."""
        model: Model = await self.client._model(self._cursors)
        call = {"workers": None, "on_error": "return"}
        args = {"start": self._start}
        trees = await self.client._answer(
            "worker.call", {**call, "method": "profile", "args": args}
        )
        lines = await self.client._answer("worker.call", {**call, "method": "logs", "args": {}})
        tree = merge(tree for tree in trees.values() if "count" in tree)
        model.answers["profile"] = {"tree": tree}
        logs = {who: found for who, found in lines.items() if isinstance(found, list) and found}
        model.answers["logs"] = {
            "Scheduler": await self.client._answer("scheduler.logs", {}),
            **logs,
        }
        return model

    def _end(self, model: Model) -> None:
        for rows in (model.total, *model.samples.values()):
            while rows and rows[0][0] < self._start - 1.0:
                rows.popleft()
        model.rates.extend(rates_of(model, self._start))
        text = page_of("Performance Report", self._head(model), self._data(model))
        Figure(text).save(self.filename, **self.storage_options)

    def _data(self, model: Model) -> dict[str, Any]:
        args = span_of(model)
        return {name: PANELS[name].view(model, args) for name in PARTS}

    def _head(self, model: Model) -> str:
        """The summary, as HTML."""
        n = told(model, findings(model))
        rows = [
            ("Duration", format_time(model.now - self._start)),
            ("Tasks", f"{n['runs']:,}"),
            ("Computed", f"{format_time(n['busy_s'])} ({n['share']:.0%} of the threads' time)"),
            ("Moved", f"{format_bytes(n['moved'])} in {format_time(n['moved_s'])}"),
            ("Workers", str(len(model.workers))),
            ("Threads", str(n["threads"])),
            ("Memory", format_bytes(sum(w["limit"] for w in model.workers.values()))),
            ("Scheduler", str(self.client.scheduler.address)),
            ("shoal", sys.modules["shoal"].__version__),
            ("Python", platform.python_version()),
            ("System", platform.platform()),
        ]
        logs = any(model.answers["logs"].values())
        lines = "".join(f"<li>{name}: {html.escape(value)}</li>" for name, value in rows)
        when = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(self._start))
        code = html.escape(self._code)
        return (
            f'<div class="head"><h1>shoal Performance Report</h1><p>{when}</p><ul>{lines}</ul>'
            f"<p>{'' if logs else 'No logs to report'}</p>"
            f"<details open><summary>The code</summary><pre>{code}</pre></details></div>"
        )


def rates_of(model: Model, start: float) -> list[tuple[float, float, float, float]]:
    """Tasks that ended and bytes that arrived in each second, as in `Model.rates`.

    Parameters
    ----------
    model
        What is known.
    start
        Seconds since the epoch.

    Examples
    --------
    >>> rates_of(Model(now=5.0), 3.5)
    [(3.5, 0, 0, 0.0), (4.5, 0, 0, 0.0)]
    """
    ended: Counter[int] = Counter()
    moved: Counter[int] = Counter()
    for bar in model.bars:
        if bar.lane < 0:
            moved[int(bar.stop - start)] += bar.nbytes
        else:
            ended[int(bar.stop - start)] += bar.count
    seconds = range(int(model.now - start) + 1)
    return [(start + second, ended[second], moved[second], 0.0) for second in seconds]


def source_of(frame: FrameType | None) -> str:
    """The code of the function, or of the program, in which a frame is.

    Parameters
    ----------
    frame
        Of a call.

    Examples
    --------
    >>> source_of(None)
    ''
    """
    if frame is None:
        return ""
    try:
        lines, _ = inspect.getsourcelines(frame)
    except (OSError, TypeError):
        return ""
    return "".join(lines[:CODE_LINES])
