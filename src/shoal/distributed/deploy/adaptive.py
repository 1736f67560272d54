"""As many workers as the load needs.

Every so often the scheduler is asked for its load, and `core.demand` says what to do about it:
more workers at once, fewer only after several looks that agree, because a worker that ends takes
its results along to others.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import threading
import time
from collections import deque
from typing import Any

from shoal import config
from shoal.distributed.core.demand import Load, Recommend, superfluous, workers_wanted
from shoal.units import parse_timedelta

__all__ = ["Adaptive"]

log = logging.getLogger("distributed.deploy")


class Adaptive:
    """Starts and stops the workers of a cluster by its load, until it is stopped.

    A class of one's own may override `target`, `workers_to_close`, `scale_up` and `scale_down`, as
    functions or as coroutine functions.

    Parameters
    ----------
    cluster
        The cluster.
    interval
        How often to look: seconds, or such as ``"1 s"``.
    minimum, maximum
        The fewest and the most workers.
    wait_count
        Looks in a row in which a worker must be superfluous before it is stopped.
    target_duration
        How long the work that is there may take.
    worker_key
        Accepted.

    Attributes
    ----------
    log
        The last ``(time, what was done)``.

    Examples
    --------
    >>> from shoal.distributed import Client, LocalCluster
    >>> with LocalCluster(n_workers=0, processes=False, threads_per_worker=1) as cluster:
    ...     adaptive = cluster.adapt(maximum=2, interval="20 ms")
    ...     with Client(cluster) as client:
    ...         client.gather(client.map(abs, [-1, -2]))
    [1, 2]
    """

    def __init__(
        self,
        cluster: Any,
        interval: Any = None,
        minimum: int | None = None,
        maximum: float | None = None,
        wait_count: int | None = None,
        target_duration: Any = None,
        worker_key: Any = None,
    ) -> None:
        def setting(value: Any, name: str) -> Any:
            return config.get(f"distributed.adaptive.{name}") if value is None else value

        self.cluster = cluster
        self.interval_s: float = parse_timedelta(setting(interval, "interval"))
        self.minimum = int(setting(minimum, "minimum"))
        self.maximum = float(setting(maximum, "maximum"))
        self.target_duration_s: float = parse_timedelta(setting(target_duration, "target-duration"))
        if self.maximum < self.minimum:
            raise ValueError(f"maximum={self.maximum:g} is less than minimum={self.minimum}")
        self.log: deque[tuple[float, dict[str, Any]]] = deque(maxlen=1_000)
        self._rule = Recommend(int(setting(wait_count, "wait-count")))
        self._load = Load()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, name="shoal-adaptive", daemon=True)
        self._thread.start()

    @property
    def wait_count(self) -> int:
        """Looks in a row in which a worker must be superfluous."""
        return self._rule.wait_count

    def stop(self) -> None:
        """Look no more; the workers stay."""
        self._end.set()

    def _work(self) -> None:
        while not self._end.is_set():
            try:
                self.look()
            except Exception as error:
                if not self._end.is_set() and self.cluster.status == "running":
                    log.warning("the cluster's load cannot be asked for: %s", error)
            self._end.wait(self.interval_s)

    # -- what may be overridden ----------------------------------------------------------------

    def target(self) -> Any:
        """How many workers the load needs, without regard to the bounds."""
        return workers_wanted(self._load, self.target_duration_s)

    def workers_to_close(self, target: int) -> Any:
        """Names of workers to close, so that ``target`` are left, as far as they can be spared.

        Parameters
        ----------
        target
            How many there should be.
        """
        planned = {name: self.cluster._members_of(name) for name in self.cluster.plan}
        infos = self.cluster.scheduler_info["workers"]
        held = {str(info["name"]): info["nbytes"] for info in infos.values()}
        idle = {str(infos[at]["name"]) for at in self._load.idle if at in infos}
        return superfluous(len(planned) - target, planned, held, idle)

    def scale_up(self, n: int) -> Any:
        """Have so many workers.

        Parameters
        ----------
        n
            More than there are.
        """
        return self.cluster.scale_up(n)

    def scale_down(self, workers: list[Any]) -> Any:
        """Close workers.

        Parameters
        ----------
        workers
            Their names.
        """
        return self.cluster.scale_down(workers)

    # -- one look ------------------------------------------------------------------------------

    def recommendations(self, target: int) -> dict[str, Any]:
        """What should be done to have so many workers.

        Parameters
        ----------
        target
            How many.

        Returns
        -------
        dict
            ``{"status": "same"}``, ``{"status": "up", "n": ...}`` or
            ``{"status": "down", "workers": [...]}``.
        """
        planned = list(self.cluster.plan)
        spare = _finished(self.workers_to_close(target)) if target < len(planned) else []
        return self._rule(target, planned, spare)

    def look(self) -> dict[str, Any]:
        """Ask for the load once, and act on it; what was done."""
        demand = self.cluster._ask("scheduler.demand", target_s=self.target_duration_s)
        self._load = Load(**demand)
        wanted = int(_finished(self.target()))
        wanted = max(self.minimum, min(wanted, math.ceil(min(self.maximum, 10**9))))
        advice = self.recommendations(wanted)
        if self._end.is_set():
            return advice
        if advice["status"] == "up":
            _finished(self.scale_up(advice["n"]))
        elif advice["status"] == "down":
            _finished(self.scale_down(advice["workers"]))
        if advice["status"] != "same":
            self.log.append((time.time(), advice))
        return advice


def _finished(result: Any) -> Any:
    """What a function gave, or its coroutine."""
    return asyncio.run(result) if inspect.iscoroutine(result) else result
