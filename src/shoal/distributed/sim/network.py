"""Connections as TCP gives them, and what can happen to them.

Within a connection messages come whole, once and in order, or not at all; `net/` sees to that, so
nothing here reorders or doubles them.  What really happens, and happens here:

- A connection breaks, and what was on its way arrives up to some message and no further, in each
  direction by itself; and the two ends hear of it at different times.
- A new connection of the same two parties is there before the old one's end was noticed, and what
  was on its way in the old one arrives after the first messages of the new one.  So across
  connections messages are late, doubled (said again in `Register` and `Hello`) and reordered.
- Packets between two machines are dropped for a while, in both directions or in one: nothing is
  lost, everything comes late; or an end gives up (`net/` does when nothing was acknowledged for
  5 s, and so does keepalive), and the other hears nothing of that before the packets flow again.
- Packets are lost one by one: TCP sends them again, and everything behind them is late.
- A machine stops to exist: nobody hears anything.
- Processes that die with their machine alive: the other end hears of it at once.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from shoal.distributed.sim.clock import Clock

__all__ = ["End", "Network", "Weather"]

SILENCE_S = 5.0
"""After so long without an acknowledgement an end gives up."""

NEVER = float("inf")


class Party(Protocol):
    """Whoever has connections."""

    host: str
    is_alive: bool

    def on_open(self, end: End, tag: Any) -> None:
        """A connection that this party dialled, or that was made to it (tag None)."""

    def on_refused(self, tag: Any, why: str) -> None:
        """A connection could not be made."""

    def on_message(self, end: End, message: Any, buffers: Any) -> None:
        """A message has come."""

    def on_closed(self, end: End, why: str) -> None:
        """A connection has ended, not by this party."""


class End:
    """One party's end of a connection.

    Parameters
    ----------
    owner
        Whose.
    role
        That of the other end's owner.

    Examples
    --------
    >>> End(None, "client").is_open
    True
    """

    __slots__ = (
        "inbox",
        "is_open",
        "last_at",
        "number",
        "other",
        "owner",
        "role",
        "wait_until",
    )

    def __init__(self, owner: Any, role: str) -> None:
        self.owner = owner
        self.role = role
        self.other: End = self
        self.is_open = True
        self.number = 0
        """The owner's number for it."""
        self.inbox: deque[tuple[float, Any, Any]] = deque()
        """On its way to this end: when it arrives at the earliest, and what."""
        self.last_at = 0.0
        self.wait_until = 0.0


@dataclass
class Weather:
    """How the network is.

    Parameters
    ----------
    latency_s, jitter_s
        What a message takes at least, and how much more at most.
    bytes_s
        Bandwidth of a connection.
    loss
        Share of messages that are late by a retransmission.
    retransmit_s
        How late.

    Examples
    --------
    >>> Weather().loss
    0.0
    """

    latency_s: float = 0.0005
    jitter_s: float = 0.0005
    bytes_s: float = 1e9
    loss: float = 0.0
    retransmit_s: float = 0.2


class Network:
    """All connections there are.

    Parameters
    ----------
    clock
        Time.
    random
        Chance.
    weather
        How it is.

    Examples
    --------
    >>> network = Network(Clock(), Random(0))
    >>> network.cut("a", "b")
    >>> network.is_cut("a", "b"), network.is_cut("b", "a")
    (True, False)
    """

    def __init__(self, clock: Clock, random: Random, weather: Weather | None = None) -> None:
        self.clock = clock
        self.random = random
        self.weather = weather or Weather()
        self.listening: dict[str, tuple[Any, str]] = {}
        """Who answers at an address, and what it is."""
        self.ends: dict[End, None] = {}
        self.blocked: set[tuple[str, str]] = set()
        """Machines of which the first one's packets do not reach the second."""
        self.broken = 0

    def dial(self, owner: Any, role: str, address: str, tag: Any) -> None:
        """Connect a party (that is a ``role``) to an address; it is told what comes of that."""
        self.clock.after(2 * self.delay(), self._dialled, owner, role, address, tag)

    def delay(self) -> float:
        """What one message takes, apart from its bytes."""
        weather, random = self.weather, self.random
        delay = weather.latency_s + weather.jitter_s * random.random()
        if weather.loss and random.random() < weather.loss:
            delay += weather.retransmit_s * (1 + random.random())
        return delay

    def _dialled(self, owner: Any, role: str, address: str, tag: Any) -> None:
        if not owner.is_alive:
            return
        there, its_role = self.listening.get(address, (None, ""))
        if there is None:
            owner.on_refused(tag, f"nobody listens at {address}")
            return
        if self.is_blocked(owner.host, there.host):
            text = f"{address} does not answer"
            self.clock.after(SILENCE_S * 0.6, self._refused, owner, tag, text)
            return
        here, far = End(owner, its_role), End(there, role)
        here.other, far.other = far, here
        self.ends[here] = self.ends[far] = None
        there.on_open(far, None)
        owner.on_open(here, tag)

    def _refused(self, owner: Any, tag: Any, text: str) -> None:
        if owner.is_alive:
            owner.on_refused(tag, text)

    # -- messages ------------------------------------------------------------------------------

    def send(self, end: End, message: Any, buffers: Any, size: int) -> None:
        """Put a message on its way."""
        far = end.other
        if not end.is_open or not far.is_open or far.last_at == NEVER:
            # Nobody reads it; this end will hear so, or has been told.
            return
        arrival = max(self.clock.now + self.delay(), far.last_at) + size / self.weather.bytes_s
        far.last_at = arrival
        far.inbox.append((arrival, message, buffers))
        if len(far.inbox) == 1:
            self.clock.at(arrival, self._arrive, far)

    def _arrive(self, end: End) -> None:
        """The first message on its way to an end is there, unless something is in its way."""
        inbox = end.inbox
        if not inbox or not end.is_open:
            return
        if (end.other.owner.host, end.owner.host) in self.blocked:
            return
        due = max(inbox[0][0], end.wait_until)
        if due > self.clock.now:
            self.clock.at(due, self._arrive, end)
            return
        _, message, buffers = inbox.popleft()
        if inbox:
            self.clock.at(inbox[0][0], self._arrive, end)
        if end.owner.is_alive:
            end.owner.on_message(end, message, buffers)

    # -- ends ----------------------------------------------------------------------------------

    def close(self, end: End, why: str) -> None:
        """An end closes: what it has sent still arrives, and then the other end hears of it."""
        if not end.is_open:
            return
        self._shut(end)
        far = end.other
        if far.is_open:
            when = self.clock.now + self.delay()
            if far.last_at < NEVER:
                when = max(when, far.last_at)
            self.clock.at(when, self._hear, far, why)

    def _shut(self, end: End) -> None:
        end.is_open = False
        end.inbox.clear()
        self.ends.pop(end, None)

    def _hear(self, end: End, why: str) -> None:
        """An end learns that the connection is over, if anything gets through to it."""
        if not end.is_open:
            return
        if (end.other.owner.host, end.owner.host) in self.blocked:
            # It will give up by itself, or hear of it when packets flow again.
            self.clock.after(0.5, self._hear, end, why)
            return
        if end.inbox:
            later = max(end.inbox[-1][0], end.wait_until, self.clock.now + 1e-3)
            self.clock.at(later, self._hear, end, why)
            return
        self._end(end, why)

    def _end(self, end: End, why: str) -> None:
        if end.is_open:
            self._shut(end)
            if end.owner.is_alive:
                end.owner.on_closed(end, why)

    def snap(self, end: End) -> None:
        """The connection breaks, at any message on its way, and each end hears of it some time."""
        self.broken += 1
        random = self.random
        for one in (end, end.other):
            arrived = random.randint(0, len(one.inbox))
            while len(one.inbox) > arrived:
                one.inbox.pop()
            # Nothing more can be sent to it: the sender does not know that yet.
            one.last_at = NEVER
            late = random.choice((0.0, 0.0, 0.001, 0.1, 1.0, SILENCE_S))
            last = one.inbox[-1][0] if one.inbox else self.clock.now
            self.clock.at(max(last, self.clock.now) + late, self._end, one, "connection reset")

    def drop_end(self, end: End) -> None:
        """An end gives up by itself and its owner hears of it; the other end hears much later."""
        if end.is_open:
            self._end(end, "connection reset")
            self.clock.after(1.5, self._hear, end.other, "connection reset by peer")

    def stall(self, end: End, seconds: float) -> None:
        """What is on its way to an end arrives late."""
        end.wait_until = self.clock.now + seconds

    def leave(self, owner: Any, silently: bool) -> None:
        """A party is gone; ``silently``: with its machine, so that nobody hears of it."""
        for address in [a for a, (who, _) in self.listening.items() if who is owner]:
            del self.listening[address]
        for end in [end for end in self.ends if end.owner is owner]:
            if silently:
                self._shut(end)
                late = SILENCE_S * (1 + self.random.random())
                self.clock.after(late, self._end, end.other, "the other side is silent")
            else:
                self.close(end, "connection reset by peer")

    # -- partitions ----------------------------------------------------------------------------

    def is_cut(self, one: str, other: str) -> bool:
        """Whether packets of one machine do not reach another."""
        return (one, other) in self.blocked

    def is_blocked(self, one: str, other: str) -> bool:
        """Whether two machines cannot connect."""
        return (one, other) in self.blocked or (other, one) in self.blocked

    def cut(self, one: str, other: str) -> None:
        """From now on packets of one machine do not reach another."""
        self.blocked.add((one, other))
        for end in list(self.ends):
            if {end.owner.host, end.other.owner.host} == {one, other}:
                late = SILENCE_S * (1 + 0.3 * self.random.random())
                self.clock.after(late, self._give_up, end, one, other, self.clock.now)

    def _give_up(self, end: End, one: str, other: str, since: float) -> None:
        """Nothing has been acknowledged for too long."""
        if self.is_blocked(one, other) and end.is_open:
            self._end(end, "nothing was acknowledged for 5 s")
            self.clock.after(self.delay(), self._hear, end.other, "connection reset by peer")

    def heal(self, one: str, other: str) -> None:
        """Packets flow again: all that was held up arrives, in order."""
        self.blocked.discard((one, other))
        for end in list(self.ends):
            if end.owner.host == other and end.other.owner.host == one and end.inbox:
                self.clock.after(self.delay(), self._arrive, end)
