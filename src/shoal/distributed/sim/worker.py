"""A worker's shell, and its nanny's part in its life."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from shoal.distributed.core.worker import effects as e
from shoal.distributed.core.worker import machine
from shoal.distributed.core.worker.table import WHOLE, Settings, Worker, part_of_number
from shoal.distributed.core.worker.validate import validate
from shoal.distributed.protocol import Answer, Data, Frames
from shoal.distributed.sim.graphs import part_of
from shoal.distributed.sim.network import End
from shoal.distributed.sim.node import Node
from shoal.distributed.sim.storage import Storage
from shoal.distributed.sim.threads import Threads

if TYPE_CHECKING:
    from shoal.distributed.sim.world import World

__all__ = ["WorkerNode"]

MEASURE_S = 0.2

MOST_PARTS = 3
"""In one answer."""


class WorkerNode(Node):
    """A worker.

    Parameters
    ----------
    world, name, host
        As for `Node`.
    settings
        Of its state machine.

    Examples
    --------
    >>> WorkerNode.__name__
    'WorkerNode'
    """

    machine = machine
    state: Worker

    def __init__(self, world: World, name: str, host: str, settings: Settings) -> None:
        super().__init__(world, name, host, "worker")
        self.state = Worker(settings)
        self.storage = Storage(self)
        self.threads = Threads(self, settings.nthreads)
        self.plugins: set[str] = set()
        self.effects.update(
            {
                e.Ready: lambda effect: self.threads.give(effect.tasks),
                e.Withdraw: self.threads.withdraw,
                e.Hold: self.do_hold,
                e.Free: lambda effect: self.storage.free(effect.ids),
                e.Spill: lambda effect: self.storage.spill(effect.ids),
                e.Evict: lambda effect: self.storage.evict(effect.ids),
                e.Load: lambda effect: self.storage.load(effect.ids),
                e.Serve: self.do_serve,
                e.Invoke: self.do_invoke,
                e.Dial: self.do_dial,
                e.Reconnect: self.do_reconnect,
                e.Nudge: lambda effect: self.threads.nudge(),
                e.Pause: lambda effect: self.threads.pause(effect.on),
                e.Renumbered: lambda effect: None,
                e.Leave: self.do_leave,
            }
        )
        self.network.listening[settings.address] = (self, "worker")
        self.connect()
        if settings.memory_limit:
            self.clock.after(MEASURE_S, self.look)

    def connect(self) -> None:
        """Connect to the scheduler."""
        if self.is_alive:
            self.network.dial(self, "worker", self.world.scheduler_address, "scheduler")

    def look(self) -> None:
        """See how the process is doing; again and again."""
        if self.is_alive:
            self.measure()
            self.clock.after(MEASURE_S, self.look)

    def process_bytes(self) -> int:
        """What the operating system says of the process."""
        return 1000 + self.storage.bytes_in_memory

    def measure(self) -> None:
        """Tell the state machine how large the process is, and what it does."""

        def tell() -> None:
            busy = self.threads.busy
            machine.measured(self.state, self.process_bytes(), 50.0, busy, self.time())

        self.post(tell)

    def validate(self) -> None:
        """See `shoal.distributed.core.worker.validate`."""
        validate(self.state)

    # -- connections ---------------------------------------------------------------------------

    def opened(self, party: int, role: str, tag: Any) -> None:
        """A connection that was dialled, or made to this worker."""
        if tag == "scheduler" and self.state.scheduler:
            self.network.close(self.ends.pop(party), "there is a connection already")
        elif tag is None or tag == "scheduler":
            machine.connected(self.state, party, role, self.time())
        else:
            peer, address = tag
            machine.dialed(self.state, peer, address, party, self.time())

    def on_refused(self, tag: Any, why: str) -> None:
        """A connection could not be made."""
        if tag == "scheduler":
            self.post(lambda: machine.retry(self.state, self.time()))
        else:
            peer, address = tag
            self.post(lambda: machine.unreachable(self.state, peer, address, why, self.time()))

    def do_dial(self, effect: e.Dial) -> None:
        """Connect to another worker."""
        self.network.dial(self, "worker", effect.address, (effect.peer, effect.address))

    def do_reconnect(self, effect: e.Reconnect) -> None:
        """Connect to the scheduler again."""
        self.clock.after(effect.delay_s, self.connect)

    def do_leave(self, effect: e.Leave) -> None:
        """The process ends; its nanny may start another."""
        self.world.tell(self, "leaves", effect.reason, 0)
        self.die()
        self.world.worker_left(self, blame=False)

    # -- data ----------------------------------------------------------------------------------

    def do_hold(self, effect: e.Hold) -> None:
        """Values have come."""
        for number, frames in zip(effect.ids, effect.frames):
            value, nbytes = msgspec.msgpack.decode(frames.head)
            self.storage.keep(number, value, nbytes)

    def do_serve(self, effect: e.Serve) -> None:
        """Send values to somebody."""
        storage = self.storage
        ids: list[int] = []
        parts: list[int] = []
        frames: list[Frames] = []
        size, more = 0, False
        for key, number in effect.ids.items():
            id, part = key & WHOLE, part_of_number(key)
            more = part >= 0 and len(ids) >= MOST_PARTS
            if more:
                break
            value = storage.memory.get(id, storage.disk.get(id))
            if value is not None:
                nbytes = storage.sizes[id] if part < 0 else storage.sizes[id] // 8
                size += nbytes
                ids.append(number)
                parts.append(part)
                frames.append(Frames(msgspec.msgpack.encode((part_of(value, part), nbytes))))
        seconds = 1e-4 * self.slowness

        def served() -> None:
            if self.is_alive:
                answer = Data(effect.request, ids, frames, parts=parts, more=more)
                self.send(effect.party, answer, (), size)
                self.post(lambda: machine.served(self.state, effect.nbytes, self.time()))

        self.clock.after(seconds, served)

    def do_invoke(self, effect: e.Invoke) -> None:
        """A call of a method: plugins are noted; others are answered with the worker's name."""
        if effect.call.method == "plugin.setup":
            self.plugins.add(effect.call.args["name"])
        if effect.call.request:
            self.send(effect.party, Answer(effect.call.request, self.name))

    def on_closed(self, end: End, why: str) -> None:
        """A connection has ended."""
        super().on_closed(end, why)
