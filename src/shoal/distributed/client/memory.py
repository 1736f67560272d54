"""`MemorySampler`: how much memory a cluster takes, while something runs."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from shoal.distributed.client.current import default_client
from shoal.units import parse_timedelta

__all__ = ["MemorySampler"]

MEASURES: dict[str, Callable[[dict[str, int]], int]] = {
    "process": lambda m: m["process"],
    "managed": lambda m: m["managed"],
    "unmanaged": lambda m: max(0, m["process"] - m["managed"]),
    "spilled": lambda m: m["spilled"],
    "managed_spilled": lambda m: m["spilled"],
    "managed_total": lambda m: m["managed"] + m["spilled"],
    "optimistic": lambda m: min(m["process"], m["managed"]),
}
"""What can be measured, from the sums over all workers."""


class MemorySampler:
    """Measures the memory of all workers together, now and then, under labels.

    Attributes
    ----------
    samples
        ``[(time, bytes)]`` by label; times are seconds since the epoch.

    Examples
    --------
    >>> from shoal.distributed import Client
    >>> sampler = MemorySampler()
    >>> with Client(n_workers=1, processes=False) as client:
    ...     with sampler.sample("a job", measure="managed", interval=0.01):
    ...         _ = client.gather(client.map(abs, [-1, -2]))
    >>> len(sampler.samples["a job"]) >= 1
    True
    """

    def __init__(self) -> None:
        self.samples: dict[str, list[tuple[float, int]]] = {}

    def sample(
        self,
        label: str | None = None,
        *,
        client: Any = None,
        measure: str = "process",
        interval: Any = 0.5,
    ) -> Any:
        """A context manager, also an asynchronous one, during which samples are taken.

        Parameters
        ----------
        label
            Default: a new one.
        client
            Default: the current one.
        measure
            ``"process"``: the processes; ``"managed"``: results in memory; ``"unmanaged"``: the
            processes without them; ``"spilled"``: results on disk; ``"managed_total"``: all
            results; ``"optimistic"``: what would be left after a restart.
        interval
            Between samples: seconds, or such as ``"100 ms"``.
        """
        if measure not in MEASURES:
            raise ValueError(f"measure={measure!r}; there are {', '.join(MEASURES)}")
        rows = self.samples.setdefault(label or str(uuid.uuid4()), [])
        return Sampling(rows, default_client(client), MEASURES[measure], parse_timedelta(interval))

    def to_pandas(self, *, align: bool = False) -> Any:
        """The samples as a frame: a column a label, NaN where a label has no sample.

        Parameters
        ----------
        align
            Let all labels begin at zero instead of when they did.
        """
        import pandas as pd

        columns = {}
        for label, rows in self.samples.items():
            when = pd.to_datetime([at for at, _ in rows], unit="s")
            if align:
                when -= when[0]
            column = pd.Series([size for _, size in rows], index=when, name=label)
            columns[label] = column[~column.index.duplicated()]
        frame = pd.DataFrame(columns)
        frame.index = frame.index.rename("time") if len(frame) else frame.index
        return frame.ffill() if align else frame

    def plot(self, *, align: bool = False, **kwargs: Any) -> Any:
        """The samples as lines, in GiB; needs matplotlib.

        Parameters
        ----------
        align
            As for `to_pandas`.
        **kwargs
            For ``DataFrame.plot``.
        """
        return self.to_pandas(align=align).div(2**30).plot(ylabel="GiB", **kwargs)


class Sampling:
    """One ``with`` block of a sampler.

    Parameters
    ----------
    rows
        Where samples go.
    client
        Asks for them.
    measure
        Takes one number of the answer.
    interval_s
        Between samples.

    Examples
    --------
    >>> Sampling([], None, MEASURES["process"], 0.5).interval_s
    0.5
    """

    def __init__(
        self,
        rows: list[tuple[float, int]],
        client: Any,
        measure: Callable[[dict[str, int]], int],
        interval_s: float,
    ) -> None:
        self.rows = rows
        self.client = client
        self.measure = measure
        self.interval_s = interval_s
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def _take(self) -> None:
        answer, _ = self.client._link.call("scheduler.memory").wait(10.0)
        self.rows.append((time.time(), self.measure(answer.value)))

    def __enter__(self) -> Sampling:
        self._take()
        self._thread = threading.Thread(target=self._run, name="shoal-memory", daemon=True)
        self._thread.start()
        return self

    def _run(self) -> None:
        while not self._ended.wait(self.interval_s):
            try:
                self._take()
            except Exception:
                return  # the cluster has gone; what was measured stays

    def __exit__(self, *exc_info: Any) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    async def __aenter__(self) -> Sampling:
        await asyncio.get_running_loop().run_in_executor(None, self.__enter__)
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.__exit__)
