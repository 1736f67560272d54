"""The scheduler's shell."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from shoal.distributed.core import scheduler as machine
from shoal.distributed.core.scheduler import Scheduler, Settings
from shoal.distributed.core.scheduler.validate import validate
from shoal.distributed.sim.node import Node

if TYPE_CHECKING:
    from shoal.distributed.sim.world import World

__all__ = ["SchedulerNode"]


class SchedulerNode(Node):
    """The scheduler.

    Parameters
    ----------
    world, name, host
        As for `Node`.
    settings
        Of its state machine.
    identity
        Of this run of it.

    Examples
    --------
    >>> SchedulerNode.__name__
    'SchedulerNode'
    """

    machine = machine
    state: Scheduler

    def __init__(
        self, world: World, name: str, host: str, settings: Settings, identity: str
    ) -> None:
        super().__init__(world, name, host, "scheduler")
        self.state = Scheduler(settings, identity, table=world.make_table())
        self.cpu_s = 0.0
        """Time spent in the state machine, if the world wants to know."""
        self.network.listening[world.scheduler_address] = (self, "scheduler")

    def turn(self) -> None:
        """As for all, and measured."""
        if not self.world.is_measuring:
            super().turn()
            return
        start = time.thread_time()
        super().turn()
        self.cpu_s += time.thread_time() - start

    def validate(self) -> None:
        """See `shoal.distributed.core.scheduler.validate`."""
        validate(self.state)
