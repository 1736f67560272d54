"""The scheduler's shell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shoal.distributed.core import scheduler as machine
from shoal.distributed.core.compact import compacted
from shoal.distributed.core.effects import Close, Send
from shoal.distributed.core.facts import Forgotten
from shoal.distributed.core.journal import Recorder, replay
from shoal.distributed.core.scheduler import Scheduler, Settings
from shoal.distributed.core.scheduler.validate import validate
from shoal.distributed.protocol import Welcome
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
        self.recorder: Recorder | None = None
        self.state.facts = []
        if world.keeps_journal:
            replay(self.state, world.journal, self.time())
            self.recorder = Recorder()
            self.state.facts = self.recorder.facts
            world.journal = compacted(self.state, self.recorder, self.time())
        self.network.listening[world.scheduler_address] = (self, "scheduler")

    # -- the journal ---------------------------------------------------------------------------

    def opened(self, party: int, role: str, tag: Any) -> None:
        """Tell the state machine, and the journal."""
        super().opened(party, role, tag)
        if self.recorder is not None:
            self.recorder.connected(party, role, self.time())

    def understood(self, party: int, message: Any, buffers: Any) -> None:
        """The state machine has been told."""
        if self.recorder is not None:
            self.recorder.received(self.state, party, message, buffers, self.time())

    def closed(self, party: int, why: str) -> None:
        """Tell the state machine, and the journal."""
        super().closed(party, why)
        if self.recorder is not None:
            self.recorder.closed(party, self.time())

    def do_send(self, effect: Send) -> None:
        """Send a message; a welcome may be the last thing of its connection, or not come."""
        super().do_send(effect)
        if type(effect.message) is Welcome and effect.party in self.ends:
            end, unwelcome = self.ends[effect.party], self.world.plan.unwelcome
            if unwelcome and end.role == "client" and self.random.random() < unwelcome:
                self.network.snap(end)

    def do_close(self, effect: Close) -> None:
        """Close a connection, and tell the journal."""
        super().do_close(effect)
        if self.recorder is not None:
            self.recorder.closed(effect.party, self.time())

    def drain(self, now: float) -> Sequence[Any]:
        """What is to be done, once it is in the journal what it rests on."""
        effects = super().drain(now)
        for fact in self.state.facts or ():
            if type(fact) is Forgotten:
                self.world.shared.lapse(fact.client)
        if self.recorder is None:
            self.state.facts = []
        if self.recorder is not None:
            self.world.journal += self.recorder.take()
            if self.random.random() < 0.02:
                self.world.journal = compacted(self.state, self.recorder, now)
        return effects

    def validate(self) -> None:
        """See `shoal.distributed.core.scheduler.validate`."""
        validate(self.state)
