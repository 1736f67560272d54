"""What the shells have in common: connections with numbers, an inbox, turns, a clock of its own.

A node takes what has come to it in *turns*, as a process does: some events, then one `drain`,
whose effects are carried out in order.  How many events make a turn is up to chance, which is what
decides in a real process too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from shoal.distributed.core.effects import Close, Log, Send
from shoal.distributed.sim.network import End
from shoal.distributed.wire.codec import MESSAGES

if TYPE_CHECKING:
    from shoal.distributed.sim.world import World

__all__ = ["Node"]


class Node:
    """A process with a state machine in it.

    Parameters
    ----------
    world
        Where it lives.
    name, host
        Its name, and its machine's.
    role
        As others see it.

    Examples
    --------
    >>> Node.__name__
    'Node'
    """

    machine: Any
    """The module (or whatever has its functions) of the state machine."""
    state: Any

    turn_s = 20e-6
    """How long it takes until something that has come is looked at."""

    def __init__(self, world: World, name: str, host: str, role: str) -> None:
        self.world = world
        self.clock = world.clock
        self.network = world.network
        self.name = name
        self.host = host
        self.role = role
        self.random = Random(f"{world.seed} {name}")
        self.is_alive = True
        self.ends: dict[int, End] = {}
        self.last_party = 0
        self.inbox: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self.has_turn = False
        self.frozen_until = 0.0
        self.ahead_s = 0.0
        """How far its clock is ahead of the world's."""
        self.slowness = 1.0
        self.alarm = float("inf")
        self.effects: dict[type, Callable[[Any], object]] = {
            Send: self.do_send,
            Close: self.do_close,
            Log: self.do_log,
        }

    # -- time ----------------------------------------------------------------------------------

    def time(self) -> float:
        """What its clock says."""
        return self.clock.now + self.ahead_s

    def jump(self, seconds: float) -> None:
        """Its clock goes ahead at once, as when a virtual machine was suspended."""
        self.ahead_s += seconds
        self.soon()

    def freeze(self, seconds: float) -> None:
        """It is stopped for a while; what comes to it waits."""
        self.frozen_until = max(self.frozen_until, self.clock.now + seconds)

    # -- turns ---------------------------------------------------------------------------------

    def post(self, call: Callable[..., object], *args: Any) -> None:
        """Something has happened to it: ``call(*args)`` tells the state machine, in a turn."""
        self.inbox.append((call, args))
        self.soon()

    def soon(self) -> None:
        """A turn, when it gets to it."""
        if not self.has_turn and self.is_alive:
            self.has_turn = True
            delay = self.turn_s * self.slowness * (1 + self.random.random())
            self.clock.at(max(self.clock.now + delay, self.frozen_until), self.turn)

    def turn(self) -> None:
        """Some events, and what follows from them."""
        self.has_turn = False
        if not self.is_alive:
            return
        if self.clock.now < self.frozen_until:
            self.soon()
            return
        inbox = self.inbox
        count = len(inbox)
        if count > 1 and not self.world.is_plain:
            count = self.random.randint(1, count)
        for _ in range(count):
            call, args = inbox.popleft()
            call(*args)
            if self.is_gone():
                return
        now = self.time()
        due = self.due()
        if due is not None and due <= now:
            self.tick(now)
        effects = self.drain(now)
        self.world.after_turn(self)
        for effect in effects:
            self.effects[type(effect)](effect)
            if self.is_gone():
                return
        if inbox:
            self.soon()
        self.set_alarm()

    def set_alarm(self) -> None:
        """See to it that there is a turn when the state machine wants one."""
        due = self.due()
        if due is None:
            return
        when = max(due - self.ahead_s, self.clock.now + 1e-4)
        if when < self.alarm or self.alarm <= self.clock.now:
            self.alarm = when
            self.clock.at(when, self.ring)

    def ring(self) -> None:
        """Time for a turn."""
        if self.is_alive:
            self.soon()

    # -- what the state machine of each does ---------------------------------------------------

    def due(self) -> float | None:
        """When time matters to it."""
        found: float | None = self.machine.due(self.state)
        return found

    def tick(self, now: float) -> None:
        """Time has passed."""
        self.machine.tick(self.state, now)

    def drain(self, now: float) -> Sequence[Any]:
        """What is to be done."""
        effects: Sequence[Any] = self.machine.drain(self.state, now)
        return effects

    def validate(self) -> None:
        """Raise if the state is not as it should be."""

    # -- connections ---------------------------------------------------------------------------

    def on_open(self, end: End, tag: Any) -> None:
        """A connection is there."""
        self.last_party += 1
        end.number = self.last_party
        self.ends[end.number] = end
        self.post(self.opened, end.number, end.role, tag)

    def opened(self, party: int, role: str, tag: Any) -> None:
        """Tell the state machine of a connection."""
        self.machine.connected(self.state, party, role, self.time())

    def on_refused(self, tag: Any, why: str) -> None:
        """A connection could not be made."""

    def on_message(self, end: End, message: Any, buffers: Any) -> None:
        """A message is there."""
        self.post(self.received, end.number, message, buffers)

    def received(self, party: int, packed: Any, buffers: Any) -> None:
        """Tell the state machine of a message, unless its connection was closed meanwhile."""
        if party in self.ends:
            message = MESSAGES.decode(packed) if type(packed) is bytes else packed
            self.world.tell(self, "got", message, party)
            self.machine.received(self.state, party, message, buffers, self.time())
            self.understood(party, message, buffers)

    def understood(self, party: int, message: Any, buffers: Any) -> None:
        """The state machine has been told of a message."""

    def on_closed(self, end: End, why: str) -> None:
        """A connection has ended."""
        self.post(self.closed, end.number, why)

    def closed(self, party: int, why: str) -> None:
        """Tell the state machine of the end of a connection."""
        if self.ends.pop(party, None) is not None:
            self.world.tell(self, "closed", why, party)
            self.machine.closed(self.state, party, why, self.time())

    def is_gone(self) -> bool:
        """Whether it has died."""
        return not self.is_alive

    def die(self, silently: bool = False) -> None:
        """It is gone, and all that it had; ``silently``: with its machine."""
        self.is_alive = False
        self.network.leave(self, silently)

    # -- effects -------------------------------------------------------------------------------

    def do_send(self, effect: Send) -> None:
        """Send a message."""
        self.send(effect.party, effect.message, effect.buffers)

    def send(self, party: int, message: Any, buffers: Any = (), size: int = 0) -> None:
        """Send a message; ``size`` is that of data which is only thought of."""
        end = self.ends.get(party)
        if end is None:
            return
        self.world.tell(self, "sends", message, party)
        packed = message if self.world.is_plain else MESSAGES.pack(message)
        weight = 200 if self.world.is_plain else len(packed)
        self.network.send(end, packed, list(buffers), weight + size)

    def do_close(self, effect: Close) -> None:
        """Close a connection."""
        end = self.ends.pop(effect.party, None)
        if end is not None:
            self.world.tell(self, "closes", effect.reason, effect.party)
            self.network.close(end, effect.reason)

    def do_log(self, effect: Log) -> None:
        """Write to the log."""
        self.world.tell(self, "says", effect.text, 0)
