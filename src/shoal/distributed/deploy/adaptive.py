"""As many workers as the load needs.

Every so often the scheduler is asked for how many workers it has work: enough that what waits would
be done within `target_duration`, and no more than there are tasks.  More workers are started at
once; fewer only after several looks that agree, because a worker that ends takes its results along
to others.
"""

from __future__ import annotations

import logging
import math
import threading
from typing import Any

from shoal import config
from shoal.units import parse_timedelta

__all__ = ["Adaptive"]

log = logging.getLogger("distributed.deploy")


class Adaptive:
    """Starts and stops the workers of a cluster by its load, until it is stopped.

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
        How much work there should be for a worker that is started.
    **options
        Accepted.

    Examples
    --------
    >>> Adaptive.__name__
    'Adaptive'
    """

    def __init__(
        self,
        cluster: Any,
        interval: Any = None,
        minimum: int | None = None,
        maximum: float | None = None,
        wait_count: int | None = None,
        target_duration: Any = None,
        **options: Any,
    ) -> None:
        def setting(value: Any, name: str) -> Any:
            return config.get(f"distributed.adaptive.{name}") if value is None else value

        self.cluster = cluster
        self.interval_s: float = parse_timedelta(setting(interval, "interval"))
        self.minimum = int(setting(minimum, "minimum"))
        self.maximum = float(setting(maximum, "maximum"))
        self.wait_count = int(setting(wait_count, "wait-count"))
        self.target_duration_s: float = parse_timedelta(setting(target_duration, "target-duration"))
        if self.maximum < self.minimum:
            raise ValueError(f"maximum={self.maximum:g} is less than minimum={self.minimum}")
        self._superfluous = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, name="shoal-adaptive", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more; the workers stay."""
        self._end.set()

    def _work(self) -> None:
        while not self._end.is_set():
            try:
                self.look()
            except Exception as error:
                if not self._end.is_set():
                    log.warning("the cluster's load cannot be asked for: %s", error)
            self._end.wait(self.interval_s)

    def look(self) -> None:
        """Ask for the load once, and act on it."""
        wanted = self.cluster._ask("scheduler.demand", target_s=self.target_duration_s)
        self.act(int(wanted))

    def act(self, wanted: int) -> None:
        """Have as many workers as are wanted, within the bounds.

        Parameters
        ----------
        wanted
            How many the scheduler has work for.
        """
        wanted = max(self.minimum, min(wanted, math.ceil(min(self.maximum, 10**9))))
        there = len(self.cluster.workers)
        if wanted >= there:
            self._superfluous = 0
            if wanted > there:
                self.cluster._scale(wanted)
            return
        self._superfluous += 1
        if self._superfluous >= self.wait_count or there > self.maximum:
            self._superfluous = 0
            self.cluster._scale(wanted)
