"""Nannies: each vouches for a worker, says what ended it, and starts it again, but not for ever.

A nanny's process is not its worker's, but its machine is.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from shoal.distributed.core.worker import machine
from shoal.distributed.protocol import Answer, Beat, Call
from shoal.distributed.sim.node import Node

if TYPE_CHECKING:
    from shoal.distributed.sim.worker import WorkerNode
    from shoal.distributed.sim.world import World

__all__ = ["NannyNode"]

BEAT_S = 0.5
RETRY_S = 1.0
RESTARTS = 4
"""A worker that has died more often stays down, and somebody starts another one some time."""

AGAIN_S = 3.0


class NannyNode(Node):
    """A nanny.

    Parameters
    ----------
    world, host
        As for `Node`.
    worker
        What it looks after at first.

    Examples
    --------
    >>> NannyNode.__name__
    'NannyNode'
    """

    def __init__(self, world: World, host: str, worker: WorkerNode) -> None:
        super().__init__(world, f"nanny of {worker.name}", host, "nanny")
        self.worker = worker
        self.scheduler = 0
        self.deaths = 0
        self.machine = SimpleNamespace(
            due=lambda state: None,
            tick=lambda state, now: None,
            drain=lambda state, now: [],
            received=self.understand,
        )
        self.state = None
        self.connect()
        self.clock.after(BEAT_S, self.beat)

    def connect(self) -> None:
        """Connect to the scheduler."""
        if self.is_alive:
            self.network.dial(self, "nanny", self.world.scheduler_address, "scheduler")

    def opened(self, party: int, role: str, tag: Any) -> None:
        """It says whose nanny it is."""
        self.scheduler = party
        self.tell("nanny.hello", name=self.worker.name)

    def on_refused(self, tag: Any, why: str) -> None:
        """Nobody is there: try again."""
        self.clock.after(RETRY_S, self.connect)

    def closed(self, party: int, why: str) -> None:
        """The connection has ended."""
        if self.ends.pop(party, None) is not None and party == self.scheduler:
            self.scheduler = 0
            self.clock.after(RETRY_S, self.connect)

    def tell(self, method: str, **args: Any) -> None:
        """Call a method of the scheduler's, if it is there."""
        if self.scheduler:
            self.send(self.scheduler, Call(0, method, args))

    def beat(self) -> None:
        """As long as its worker lives and runs, it says so."""
        if not self.is_alive:
            return
        self.clock.after(BEAT_S, self.beat)
        worker = self.worker
        runs = worker.is_alive and self.clock.now >= max(worker.frozen_until, self.frozen_until)
        if runs and self.scheduler:
            self.send(self.scheduler, Beat("running", 0, 0, 0, 0.0, 0, 0, 0, vouched=True))

    def understand(self, state: Any, party: int, message: Any, buffers: Any, now: float) -> None:
        """What it is asked to do."""
        if type(message) is not Call:
            return
        if message.method == "restart" and self.worker.is_alive:
            core = self.worker.state
            self.worker.post(machine.leave, core, "its nanny starts it anew")
        if message.request:
            self.send(party, Answer(message.request, "OK"))

    def worker_died(self, running: list[tuple[int, int]]) -> bool:
        """Its worker has died; whether it is to be started again."""
        name, text = self.worker.name, "it was ended by signal 9"
        pid = self.worker.state.settings.pid
        self.tell("nanny.died", name=name, pid=pid, exit=0, signal=9, text=text, running=running)
        self.deaths += 1
        if self.deaths <= RESTARTS:
            return True
        self.tell("nanny.gave_up", name=name, text=f"{name} died {self.deaths} times")
        self.die()
        return False
