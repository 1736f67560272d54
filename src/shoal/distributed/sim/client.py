"""A client's shell, and what its user can do with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from shoal.distributed.core.client import table as futures
from shoal.distributed.core.client.again import ONCE, Claims, say_all_again
from shoal.distributed.core.session import Session, confirm, say
from shoal.distributed.protocol import (
    Answer,
    Call,
    Cancel,
    Data,
    Finished,
    Frames,
    Get,
    Goodbye,
    Heard,
    Hello,
    Key,
    Locate,
    Located,
    Lost,
    Put,
    Release,
    Reserve,
    Reserved,
    Retry,
    Want,
    Welcome,
)
from shoal.distributed.sim.graphs import Graph, submit_message
from shoal.distributed.sim.node import Node

if TYPE_CHECKING:
    from shoal.distributed.sim.world import World

__all__ = ["ClientNode", "Wait"]

Wait: TypeAlias = "float | Callable[[], bool]"
"""What a user waits for: seconds, or until something is so."""

RETRY_S = 0.1


class ClientNode(Node):
    """A client.

    Parameters
    ----------
    world, name, host
        As for `Node`.
    user
        Makes what the user does, given the client: an iterator over what it waits for.

    Examples
    --------
    >>> ClientNode.__name__
    'ClientNode'
    """

    def __init__(
        self, world: World, name: str, host: str, user: Callable[[ClientNode], Iterator[Wait]]
    ) -> None:
        super().__init__(world, name, host, "client")
        self.table = futures.Table()
        self.entries: dict[Key, futures.Entry] = {}
        """One future a key is enough for this user."""
        self.scheduler = 0
        self.identity = ""
        """Of the scheduler that it spoke with last."""
        self.session = Session()
        self.session_number = -1
        self.is_welcome = False
        self.requests: dict[int, tuple[int, Callable[[Any], object], Any]] = {}
        """By number: to which party, what to do with the answer (None: the party is gone), and what
        the scheduler was asked."""
        self.claims = Claims()
        self.last_request = 0
        self.dialling: dict[str, list[Callable[[int], object]]] = {}
        self.workers: dict[str, int] = {}
        self.values: dict[Key, int] = {}
        """Results that the user has seen."""
        self.may_hear: Counter[Key] = Counter()
        """How often a key may still be said to have ended well, over this connection: once for
        each time that it was wanted, and once for each time that it was lost."""
        self.endings = 0
        """How often its connection to the scheduler has ended."""
        self.breaks = 0
        """How often the scheduler did not know it any more."""
        self.outbox: list[Any] = []
        self.is_done = False
        self.waits_for: Callable[[], bool] | None = None
        self.machine = SimpleNamespace(
            due=lambda state: None, tick=lambda state, now: None, drain=self.drain_outbox
        )
        self.state = None
        self.user = user(self)
        self.connect()
        self.post(self.go_on)

    def drain_outbox(self, state: Any, now: float) -> list[Any]:
        """The user goes on if what it waits for is so."""
        if self.waits_for is not None and self.waits_for():
            self.waits_for = None
            self.go_on()
        return []

    def go_on(self) -> None:
        """The user does its next thing."""
        if not self.is_alive or self.is_done:
            return
        for wait in self.user:
            if isinstance(wait, int | float):
                self.clock.after(wait, self.post, self.go_on)
                return
            if not wait():
                self.waits_for = wait
                return
        self.is_done = True
        self.world.client_done(self)

    # -- connections ---------------------------------------------------------------------------

    def connect(self) -> None:
        """Connect to the scheduler."""
        if self.is_alive and not self.is_done:
            self.network.dial(self, "client", self.world.scheduler_address, "scheduler")

    def opened(self, party: int, role: str, tag: Any) -> None:
        """A connection that was dialled."""
        if tag == "scheduler":
            self.scheduler = party
            # Parties are numbered in the order in which they were opened.
            heard, number = self.session.heard, self.session_number
            hello = Hello(self.name, {}, self.identity, heard, party, number)
            self.send(party, hello)
        else:
            self.workers[tag] = party
            for call in self.dialling.pop(tag, ()):
                call(party)

    def on_refused(self, tag: Any, why: str) -> None:
        """A connection could not be made."""
        if tag == "scheduler":
            self.clock.after(RETRY_S, self.connect)
        else:
            self.post(lambda: [call(0) for call in self.dialling.pop(tag, ())])

    def closed(self, party: int, why: str) -> None:
        """A connection has ended."""
        if self.ends.pop(party, None) is None:
            return
        self.world.tell(self, "closed", why, party)
        for address in [a for a, number in self.workers.items() if number == party]:
            del self.workers[address]
        if party != self.scheduler:
            for number in [n for n, (to, *_) in self.requests.items() if to == party]:
                self.requests.pop(number)[1](None)
        else:
            self.scheduler = 0
            self.endings += 1
            self.is_welcome = False
            self.clock.after(RETRY_S * self.random.random(), self.connect)

    def with_worker(self, address: str, call: Callable[[int], object]) -> None:
        """Call with the party of a worker, connected to if need be; with 0 if it cannot be."""
        if address in self.workers:
            call(self.workers[address])
            return
        waiting = self.dialling.setdefault(address, [])
        waiting.append(call)
        if len(waiting) == 1:
            self.network.dial(self, "client", address, address)

    def request(
        self,
        party: int,
        make: Callable[[int], Any],
        answered: Callable[[Any], object],
        size: int = 0,
    ) -> None:
        """Ask a worker for ``make(number)``, and call back with the answer, or None."""
        if party not in self.ends:
            self.post(answered, None)
            return
        self.last_request += 1
        self.requests[self.last_request] = (party, answered, None)
        self.send(party, make(self.last_request), (), size)

    def ask(self, make: Callable[[int], Any], answered: Callable[[Any], object]) -> None:
        """Ask the scheduler, and call back with the answer; None if it will never come."""
        self.last_request += 1
        message = make(self.last_request)
        self.requests[self.last_request] = (0, answered, message)
        self.say(message)

    def call(self, method: str, args: dict[str, Any]) -> None:
        """Call a method of the scheduler; what it answers does not matter."""
        self.ask(lambda n: Call(n, method, args), lambda answer: None)

    def say(self, message: Any) -> None:
        """Tell the scheduler something, now or when it is there again."""
        session = self.session
        say(session, message)
        if self.is_welcome:
            self.send(self.scheduler, message)
            session.sent = session.confirmed + len(session.said)

    # -- messages ------------------------------------------------------------------------------

    def received(self, party: int, packed: Any, buffers: Any) -> None:
        """A message has come."""
        self.machine.received = self.understand
        super().received(party, packed, buffers)

    def understand(self, state: Any, party: int, message: Any, buffers: Any, now: float) -> None:
        """What a message changes."""
        kind = type(message)
        if kind in (Answer, Located, Reserved, Data):
            if kind is not Data and party == self.scheduler:
                self.session.heard += 1
                if self.is_welcome and self.random.random() < 0.3:
                    self.send(party, Heard(self.session.heard))
            found = self.requests.pop(message.request, None)
            if found is not None and type(found[2]) is Call:
                self.claims.answered(found[2], message.error is None and message.value)
            if found is not None:
                found[1](message)
        elif party != self.scheduler:
            return
        elif kind is Finished:
            self.finished(message)
        elif kind is Lost:
            futures.lose(self.table, message)
            self.may_hear.update(message.keys)
        elif kind is Heard:
            confirm(self.session, message.count)
        elif kind is Welcome:
            self.welcomed(message)

    def welcomed(self, message: Welcome) -> None:
        """The scheduler is there, perhaps again, perhaps another one."""
        session, is_back = self.session, bool(self.identity)
        if message.heard >= 0:
            if message.heard < session.confirmed:
                text = f"{session.confirmed} messages were taken, and now only {message.heard}"
                self.world.complain(f"{self.name}: {text}")
            confirm(session, message.heard)
        elif is_back:
            self.breaks += 1
            self.start_anew(message.is_remembered)
        self.identity, self.session_number = message.scheduler, message.session
        if is_back:
            wants = futures.wants(self.table)
            say(session, Want(wants, anew=True, heard=session.heard))
            # Once for each that ends from now on, and once for those that have ended by then.
            self.may_hear.update(wants + wants)
        for said in session.said:
            self.send(self.scheduler, said.message)
        session.sent = session.confirmed + len(session.said)
        self.is_welcome = True

    def start_anew(self, is_remembered: bool) -> None:
        """What another scheduler has to be told; what it cannot answer any more has no answer."""
        for said in self.session.said:
            if type(said.message) is Release:
                # The journal has them wanted still, so their ends are told until this is heard.
                self.may_hear.update(said.message.keys)
        asked = {n: message for n, (to, _, message) in self.requests.items() if not to}
        self.last_request += 1
        first = self.claims.calls(self.last_request)
        for number in say_all_again(self.session, first, asked, is_remembered):
            _, no_answer, call = self.requests.pop(number)
            if is_remembered and type(call) is Call and call.method in ONCE:
                self.world.complain(f"{self.name} cannot know whether {call} was done")
            no_answer(None)
        self.requests[self.last_request] = (0, self.hear_of_claims, first[-1])

    def hear_of_claims(self, answer: Answer | None) -> None:
        """What it claimed and others have."""
        if answer is not None and answer.error is None:
            lost = [id for _, id in answer.value]
            self.claims.forget(lost)
            self.world.shared.lose(self, lost)

    def finished(self, message: Finished) -> None:
        """Tasks have ended."""
        for key, value in zip(message.keys, message.values):
            self.may_hear[key] -= 1
            if key not in self.table.entries:
                continue  # let go of, and perhaps wanted by a graph that is said again
            if self.may_hear[key] < 0:
                self.world.complain(f"{self.name} was told twice that {key!r} has ended well")
            if value is not None:
                self.see(key, msgspec.msgpack.decode(value))
        _, given_up = futures.finish(self.table, message)
        if given_up:
            self.say(Release(given_up, self.session.heard))

    def see(self, key: Key, value: int) -> None:
        """The user gets a result."""
        self.values[key] = value
        self.world.check_value(self, key, value)

    # -- what users do -------------------------------------------------------------------------

    def submit(self, graph: Graph) -> None:
        """Submit a graph, and want what it says."""
        message = submit_message(graph, self.random.random() < 0.7)
        for key in graph.wanted:
            self.want(key)
        self.say(message)

    def announce(self, graph: Graph) -> None:
        """Want what a graph makes that will be submitted later."""
        self.say(Want(list(graph.wanted), ahead=True))
        for key in graph.wanted:
            self.want(key)

    def want(self, key: Key) -> None:
        """A future of a key."""
        entry = self.entries.get(key)
        if entry is None or entry.status == futures.CANCELLED:
            # A future that was given up, or lost what it stood for, stays so: this is another.
            self.entries[key] = futures.want(self.table, key)
            self.may_hear[key] += 1

    def release(self, keys: Iterable[Key]) -> None:
        """No futures of keys any more."""
        keys = [key for key in keys if key in self.entries]
        gone = futures.release(self.table, [self.entries.pop(key) for key in keys])
        if gone:
            self.say(Release(gone, self.session.heard))

    def cancel(self, keys: Iterable[Key]) -> None:
        """Give up keys."""
        keys = [key for key in keys if key in self.entries]
        for key in keys:
            del self.entries[key]
        futures.cancel(self.table, keys, "the user has changed its mind")
        self.say(Cancel(keys, reason="the user has changed its mind"))

    def retry(self, keys: Iterable[Key]) -> None:
        """Run failed tasks again."""
        keys = list(keys)
        futures.retry(self.table, keys)
        self.may_hear.update(keys)
        self.say(Retry(keys))

    def status(self, key: Key) -> str:
        """How far a key is."""
        return self.entries[key].status

    def ended(self, keys: Iterable[Key]) -> bool:
        """Whether keys have ended."""
        return all(self.status(key) != futures.PENDING for key in keys)

    def goodbye(self) -> None:
        """Leave on purpose."""
        if self.is_welcome:
            self.send(self.scheduler, Goodbye("done"))

    def gather(self, keys: list[Key]) -> Iterator[Wait]:
        """Get results that did not come along; to be used with ``yield from``."""
        for attempt in range(1000):
            yield lambda: self.ended(keys)
            # As in the real client, what was lost in the meantime ends once more.
            missing = [
                key
                for key in keys
                if self.status(key) == futures.FINISHED and key not in self.values
            ]
            if not missing:
                return
            if attempt:
                yield 0.05
            yield Gathering(self, missing).ended
        self.world.complain(f"{self.name} cannot gather {missing[:3]}")

    def scatter(self, values: dict[Key, tuple[int, int]]) -> Iterator[Wait]:
        """Put data on workers; ``values``: for each key the value and its size."""
        is_done: list[bool] = []
        while not is_done:
            yield lambda: self.is_welcome
            yield from self._scatter(values, is_done)

    def _scatter(self, values: dict[Key, tuple[int, int]], is_done: list[bool]) -> Iterator[Wait]:
        """One attempt."""
        keys = list(values)
        got: list[Any] = []
        sizes = [values[key][1] for key in keys]
        copies = self.random.choice((1, 1, 2, 0))
        for key in keys:
            self.want(key)
        self.ask(lambda n: Reserve(n, keys, sizes, broadcast=copies), got.append)
        yield lambda: bool(got)
        reply = got[0]
        if reply is not None and not reply.error:
            answers: list[Any] = []
            count = self._put(reply, keys, values, answers)
            yield lambda: len(answers) >= count
            if None not in answers:
                is_done.append(True)
                return
        self.release(keys)
        yield 0.3

    def _put(
        self,
        reply: Reserved,
        keys: list[Key],
        values: dict[Key, tuple[int, int]],
        answers: list[Any],
    ) -> int:
        """Send data where it was said to go; how many answers are to come."""
        addresses = {peer.number: peer.address for peer in reply.peers}
        numbering = reply.numbering
        batches: dict[int, list[int]] = {}
        for i, where in enumerate(reply.where):
            for worker in where:
                batches.setdefault(worker, []).append(i)
        for worker, rows in batches.items():
            frames = [Frames(msgspec.msgpack.encode(values[keys[i]])) for i in rows]
            sizes = [values[keys[i]][1] for i in rows]
            ids, runs = [reply.ids[i] for i in rows], [reply.runs[i] for i in rows]
            names = [keys[i] for i in rows]

            def came(answer: Answer | None) -> None:
                answers.append(None if answer is None or answer.error else answer)

            what = (ids, runs, names, frames, sizes, numbering)

            def put(party: int, what: Any = what, size: int = sum(sizes)) -> None:
                self.request(party, lambda n: Put(n, *what), came, size)

            self.with_worker(addresses[worker], put)
        return len(batches)


class Gathering:
    """One attempt to get results from wherever they are."""

    def __init__(self, client: ClientNode, keys: list[Key]) -> None:
        self.client = client
        self.keys = keys
        self.is_over = False
        self.left = 0
        client.ask(lambda n: Locate(n, keys), self.located)

    def ended(self) -> bool:
        """Whether all that was asked for has come, or will not."""
        return self.is_over

    def located(self, message: Located | None) -> None:
        """It is known where they are."""
        if message is None:
            self.is_over = True
            return
        addresses = {peer.number: peer.address for peer in message.peers}
        batches: dict[str, list[tuple[int, Key]]] = {}
        for key, number, where in zip(self.keys, message.ids, message.where):
            if where:
                place = self.client.random.choice(where)
                batches.setdefault(addresses[place], []).append((number, key))
        self.left = len(batches)
        self.is_over = not batches
        for address, pairs in batches.items():
            self.client.with_worker(address, partial(self.ask, pairs, message.numbering))

    def ask(self, pairs: list[tuple[int, Key]], numbering: str, party: int) -> None:
        """Ask one worker."""
        ids = [number for number, _ in pairs]

        def came(message: Data | None) -> None:
            names = dict(pairs)
            if message is not None:
                for number, frames in zip(message.ids, message.frames):
                    self.client.see(names[number], msgspec.msgpack.decode(frames.head)[0])
            self.left -= 1
            self.is_over = self.left == 0

        self.client.request(party, lambda n: Get(n, ids, numbering=numbering), came)
