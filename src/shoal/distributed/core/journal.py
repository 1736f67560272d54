"""What a scheduler has to remember to come back after it was killed: records, and reading them.

Recorded is what clients said (graphs, wants, what they let go of, names that they gave to data and
queues), which tasks have failed, and which workers there are.  Nothing is recorded of results: the
workers hold them, and say so when they register again.  So the journal costs a fraction of what
the network does, and none of it grows with the number of runs.

`Recorder` makes records of events as they happen, `replay` feeds them to a new scheduler, and
`shoal.distributed.core.compact` says the same in fewer words.  How records are kept is the shell's
matter (`shoal.distributed.node.journal`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import msgspec

from shoal.distributed.core.facts import Answered, Fact, Forgotten, Held, Resumed, Settled
from shoal.distributed.core.scheduler.failures import fail
from shoal.distributed.core.scheduler.methods import (
    doubt_given,
    held_before,
    leased_before,
    renew_all,
)
from shoal.distributed.core.scheduler.methods.queues import settle
from shoal.distributed.core.scheduler.names import find, key_of
from shoal.distributed.core.scheduler.parties import (
    closed,
    connected,
    drain,
    forget_client,
    received,
)
from shoal.distributed.core.scheduler.recovery import begin_recovery
from shoal.distributed.core.scheduler.scatter import announce
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.core.scheduler.table import INLINE, MASK, NOTED
from shoal.distributed.core.scheduler.ticking import due, tick
from shoal.distributed.core.scheduler.transitions import ERRED, READY, WAITING
from shoal.distributed.core.session import say
from shoal.distributed.protocol import (
    Answer,
    Call,
    Cancel,
    Goodbye,
    Hello,
    Key,
    Message,
    Register,
    Release,
    Report,
    Reserve,
    Retry,
    Submit,
    Want,
    Withdraw,
)

__all__ = ["Recorder", "replay"]

Reason: TypeAlias = "tuple[str, Key, str, bytes]"


class _Entry(msgspec.Struct, array_like=True, tag=True):
    """What all records have in common."""


class Began(_Entry):
    """A scheduler begins to write: the connections of the one before are over."""


class Opened(_Entry):
    """A client has connected."""

    party: int
    now: float


class Heard(_Entry):
    """A client has said something."""

    party: int
    now: float
    message: Message
    buffers: list[bytes]


class Shut(_Entry):
    """A client's connection has ended."""

    party: int
    now: float


class Failed(_Entry):
    """Tasks have failed."""

    tasks: list[tuple[Key, Reason]]


class Joined(_Entry):
    """A worker is there."""

    name: str


class Left(_Entry):
    """A worker is there no more."""

    name: str


class Noted(_Entry):
    """What only some rows have: those a client waits for the values of, contexts of traces."""

    inline: list[Key]
    traces: list[tuple[Key, dict[str, str]]]


Entry: TypeAlias = Began | Opened | Heard | Shut | Failed | Joined | Left | Noted | Fact

ENCODE = msgspec.msgpack.Encoder().encode
DECODE = msgspec.msgpack.Decoder(Entry).decode

MESSAGES = frozenset([Hello, Submit, Want, Release, Cancel, Retry, Withdraw, Goodbye, Reserve])
"""What is recorded of what clients say."""

CALLS = (
    "datasets.",
    "event.clear",
    "event.set",
    "metadata.set",
    "plugin.",
    "queue.",
    "references.",
    "semaphore.close",
    "semaphore.create",
    "variable.",
    "workers.upload_file",
)
"""Beginnings of the methods whose calls are recorded.  Those that take locks and leases are not:
who holds one is a fact."""


class Recorder:
    """Turns what happens to a scheduler into records.

    The shell tells it of each event after it has told the state machine.

    Examples
    --------
    >>> state, recorder = Scheduler(), Recorder()
    >>> connected(state, 1, "client", 0.0)
    >>> recorder.connected(1, "client", 0.0)
    >>> len(recorder.take())
    2
    """

    def __init__(self) -> None:
        self.clients: set[int] = set()
        self.workers: dict[int, str] = {}
        self.records = [ENCODE(Began())]
        self.facts: list[Fact] = []
        """The shell gives it to the state machine, which adds to it."""

    def take(self) -> list[bytes]:
        """The records of what has happened since the last time."""
        self.note()
        taken, self.records = self.records, []
        return taken

    def note(self) -> None:
        """Before anything that may rest on them: what was decided."""
        self.records += map(ENCODE, self.facts)
        self.facts.clear()

    def connected(self, party: int, role: str, now: float) -> None:
        """After `connected`."""
        self.note()
        if role == "client":
            self.clients.add(party)
            self.records.append(ENCODE(Opened(party, now)))

    def received(
        self, state: Scheduler, party: int, message: Any, buffers: Sequence[Any], now: float
    ) -> None:
        """After `received`."""
        self.note()
        kind = type(message)
        if kind is Report:
            if message.failed:
                self.failed(state, [number for number, *_ in message.failed])
        elif party in self.clients:
            if kind in MESSAGES or (kind is Call and message.method.startswith(CALLS)):
                octets = [bytes(buffer) for buffer in buffers]
                self.records.append(ENCODE(Heard(party, now, message, octets)))
        elif kind is Register:
            self.workers[party] = message.name
            self.records.append(ENCODE(Joined(message.name)))
        elif kind is Goodbye:
            self.left(party)

    def failed(self, state: Scheduler, numbers: list[int]) -> None:
        """Note the tasks that have failed for good."""
        table = state.table
        rows = [number & MASK for number in numbers]
        tasks = [
            (key_of(table, row), state.reasons[row]) for row in rows if table.states[row] == ERRED
        ]
        if tasks:
            self.records.append(ENCODE(Failed(tasks)))

    def closed(self, party: int, now: float) -> None:
        """After `closed`; also for connections that the scheduler closed."""
        self.note()
        if party in self.clients:
            self.clients.discard(party)
            self.records.append(ENCODE(Shut(party, now)))
        self.left(party)

    def left(self, party: int) -> None:
        """A worker's connection has ended; it may be back over another one already."""
        name = self.workers.pop(party, None)
        if name is not None and name not in self.workers.values():
            self.records.append(ENCODE(Left(name)))


# --- reading ----------------------------------------------------------------------------------

FIRST_PARTY = 1 << 40
"""Connections of the past get numbers that no connection has."""


def replay(state: Scheduler, records: Iterable[bytes], now: float) -> int:
    """Bring a new scheduler to where the one that wrote the records was.

    The workers that were there are waited for (`Settings.recover_s`) before any task is given to
    anybody, since they hold results; clients have as long as after any lost connection.

    Parameters
    ----------
    state
        A new one.
    records
        As they were written.
    now
        The time; the records' own may be of another clock.

    Returns
    -------
    int
        How many tasks are known.

    Examples
    --------
    >>> recorder = Recorder()
    >>> recorder.connected(1, "client", 0.0)
    >>> recorder.received(Scheduler(), 1, Hello("me", {}), (), 0.0)
    >>> state = Scheduler()
    >>> replay(state, recorder.take(), 7.0), list(state.by_name)
    (0, ['me'])
    """
    player = Player(state)
    state.is_replayed = True
    for count, record in enumerate(records):
        entry = DECODE(record)
        PLAY[type(entry)](player, entry)
        if count % 100 == 0:
            drain(state, player.now)
    player.began(Began())
    state.is_replayed = False
    state.knows_holders = True
    doubt_given(state)
    renew_all(state, now)
    drain(state, player.now)
    state.effects = []
    state.started = now
    for client in state.clients.values():
        if client.party < 0 and client.gone_since < float("inf"):
            client.gone_since = now
    begin_recovery(state, player.workers, now)
    return len(state.table)


class Player:
    """Feeds records to a scheduler."""

    def __init__(self, state: Scheduler) -> None:
        self.state = state
        self.now = 0.0
        self.open: dict[int, None] = {}
        self.resuming = ""
        self.workers: dict[str, None] = {}

    def pass_time(self, now: float) -> None:
        """It is later: what was waited for is over."""
        moment = due(self.state)
        if moment is not None and moment <= now:
            tick(self.state, now)
        self.now = now

    def began(self, entry: Began) -> None:
        """All connections are over."""
        for party in self.open:
            closed(self.state, party, "the scheduler was restarted", self.now)
        self.open = {}

    def opened(self, entry: Opened) -> None:
        """A client came."""
        self.pass_time(entry.now)
        self.open[FIRST_PARTY + entry.party] = None
        connected(self.state, FIRST_PARTY + entry.party, "client", entry.now)

    def heard(self, entry: Heard) -> None:
        """A client said something."""
        self.pass_time(entry.now)
        state, party, message = self.state, FIRST_PARTY + entry.party, entry.message
        who = state.parties.get(party)
        if type(message) is Reserve:
            # There are no workers to put the data on; those that have it will say so.
            if who is not None and who.client is not None:
                for key, size in zip(message.keys, message.nbytes):
                    announce(state, who.client, key, size)
        else:
            if type(message) is Want and message.heard > 0:
                # It counts answers of that scheduler's, most of which were not recorded.
                message.heard = 0
            if type(message) is Hello:
                message = self.introduced(message)
            received(state, party, message, entry.buffers, entry.now)

    def introduced(self, message: Hello) -> Hello:
        """What a client said, as it means the same to this scheduler: numbers are of that one's."""
        name, self.resuming = self.resuming, ""
        homes = self.state.homes.items()
        known = [party for party, client in homes if client.name == name == message.client]
        if not known:
            return message
        mine = self.state.identity
        return msgspec.structs.replace(message, scheduler=mine, heard=0, session=known[-1])

    def resumed(self, entry: Resumed) -> None:
        """A client that comes next goes on with its session."""
        self.resuming = entry.client

    def answered(self, entry: Answered) -> None:
        """A client may not have heard an answer."""
        client = self.state.by_name.get(entry.client)
        if client is not None:
            say(client.session, Answer(entry.request, entry.value, entry.error))

    def shut(self, entry: Shut) -> None:
        """A client went."""
        self.pass_time(entry.now)
        self.open.pop(FIRST_PARTY + entry.party, None)
        closed(self.state, FIRST_PARTY + entry.party, "", entry.now)

    def failed(self, entry: Failed) -> None:
        """Tasks failed."""
        for key, reason in entry.tasks:
            row = find(self.state.names, key)
            if row >= 0 and self.state.table.states[row] in (WAITING, READY):
                fail(self.state, row, reason)

    def joined(self, entry: Joined) -> None:
        """A worker came."""
        self.workers[entry.name] = None

    def left(self, entry: Left) -> None:
        """A worker went."""
        self.workers.pop(entry.name, None)

    def settled(self, entry: Settled) -> None:
        """Items have come, or not."""
        settle(self.state, entry.queue, (entry.client, entry.id), entry.is_back)

    def held(self, entry: Held) -> None:
        """Somebody had a lock or a lease, or nobody any more."""
        if entry.kind == "lock":
            held_before(self.state, entry.name, (entry.id, entry.holder))
        else:
            leased_before(self.state, entry.name, entry.id, entry.holder)

    def forgotten(self, entry: Forgotten) -> None:
        """A client was away for too long."""
        client = self.state.by_name.get(entry.client)
        # One that is there says goodbye next, and that is played as well.
        if client is not None and client.party < 0:
            forget_client(self.state, client, self.now)

    def noted(self, entry: Noted) -> None:
        """Some rows have what others have not."""
        flags = self.state.table.flags
        for key in entry.inline:
            row = find(self.state.names, key)
            if row >= 0:
                flags[row] |= INLINE
        for key, trace in entry.traces:
            row = find(self.state.names, key)
            if row >= 0:
                self.state.traces[row] = trace
                flags[row] |= NOTED


PLAY: dict[type, Any] = {
    Began: Player.began,
    Opened: Player.opened,
    Heard: Player.heard,
    Shut: Player.shut,
    Failed: Player.failed,
    Joined: Player.joined,
    Left: Player.left,
    Noted: Player.noted,
    Settled: Player.settled,
    Held: Player.held,
    Forgotten: Player.forgotten,
    Resumed: Player.resumed,
    Answered: Player.answered,
}
"""What each record leads to."""
