"""The scheduler against random events: its invariants after each, its results against a serial run.

`World` is a cluster in one thread: fake workers that compute, hold, fetch, lose and report, and
clients that submit, release and cancel.  Each step moves one message, or lets something happen to
somebody; all of it is drawn from one seed.  At the end everything is delivered, and then
every future must have ended as the serial run says, and nothing may be left.
"""

from __future__ import annotations

import random
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.distributed.core.effects import Close, Send
from shoal.distributed.core.scheduler import (
    Scheduler,
    Settings,
    closed,
    connected,
    drain,
    due,
    received,
    tick,
)
from shoal.distributed.core.scheduler.names import key_of
from shoal.distributed.core.scheduler.table import MASK, Table
from shoal.distributed.core.scheduler.transitions import Checked
from shoal.distributed.core.scheduler.validate import validate
from shoal.distributed.protocol import (
    Answer,
    Beat,
    Call,
    Cancel,
    CancelRuns,
    Code,
    Drop,
    Fetch,
    Finished,
    GiveBack,
    Goodbye,
    Grid,
    Heard,
    Hello,
    Listed,
    Locate,
    Located,
    Lost,
    Options,
    Register,
    Release,
    Report,
    Reserve,
    Reserved,
    Retry,
    Run,
    Submit,
    Want,
    Welcome,
)


class FakeWorker:
    """A worker that computes at once, when it is told to do a step."""

    def __init__(self, world, party, name, threads):
        self.world = world
        self.party = party
        self.name = name
        self.threads = threads
        self.number = -1
        self.inbox = deque()
        self.outbox = deque()
        self.queue = {}
        self.store = {}
        self.codes = {}
        self.note = self.blank()

    def blank(self):
        return Report([], [], [], [], [], [], ["int"])

    def report(self):
        """Send what has gathered."""
        if self.note != self.blank():
            self.outbox.append(self.note)
            self.note = self.blank()

    def hear(self):
        """Take one message from the scheduler."""
        m = self.inbox.popleft()
        if type(m) is Welcome:
            self.number = m.number
        elif type(m) is Run:
            for number in m.drops:
                self.store.pop(number, None)
            for number, _, data in m.new_codes:
                assert number not in self.codes
                self.codes[number] = data
            remote = dict(zip(m.remote, m.where))
            for i, number in enumerate(m.ids):
                assert number not in {n for n, _ in self.queue}, "sent twice"
                self.queue[number, m.runs[i]] = (m.codes[i], m.args[i], m.deps[i], remote)
        elif type(m) is Drop:
            for number in m.ids:
                self.store.pop(number, None)
            for code in m.codes:
                del self.codes[code]
        elif type(m) is CancelRuns or type(m) is GiveBack:
            for pair in zip(m.ids, m.runs):
                if self.queue.pop(pair, None) is not None:
                    self.note.returned.append(pair)
                    self.back_out(pair[0])
        elif type(m) is Fetch:
            for number, where in zip(m.ids, m.where):
                self.get(number, where)
        elif type(m) is Goodbye:
            self.world.dismiss(self)
        elif type(m) is not Call:
            raise AssertionError(m)

    def get(self, number, where):
        """Have a result here; False if it cannot be had."""
        if number in self.store:
            return True
        for holder in where:
            other = self.world.by_number(holder)
            if other is not None and number in other.store:
                self.store[number] = other.store[number]
                self.note.added.append(number)
                self.note.added_nbytes.append(8)
                return True
            self.note.missing.append((number, holder))
        return False

    def back_out(self, number):
        """What waits for a task that will not run here is given back."""
        for pair, (_, _, deps, _) in list(self.queue.items()):
            if number in deps and pair in self.queue:
                del self.queue[pair]
                self.note.returned.append(pair)
                self.back_out(pair[0])

    def work(self):
        """Run one task that was sent, and does not wait for another that was."""
        coming = {number for number, _ in self.queue}
        free = [pair for pair, task in self.queue.items() if coming.isdisjoint(task[2])]
        pair = self.world.random.choice(free[: self.threads])
        code, args, deps, remote = self.queue.pop(pair)
        number, run = pair
        lacking = [dep for dep in deps if not self.get(dep, remote.get(dep, ()))]
        if lacking:
            # What was not named as remote was thought to be here.
            self.note.missing += [(d, self.number) for d in lacking if d not in remote]
            self.note.returned.append(pair)
            self.back_out(number)
            return
        data = self.codes[code]
        if data == b"bad" or (data == b"shaky" and self.world.random.random() < 0.5):
            self.note.failed.append((number, run, "raised", args, 0.1))
            self.back_out(number)
            return
        value = compute(args, [self.store[dep] for dep in deps])
        self.store[number] = value
        self.note.ids.append(number)
        self.note.runs.append(run)
        self.note.nbytes.append(self.world.random.choice([8, 8, 1000, 10**6]))
        self.note.types.append(0)
        self.note.seconds.append(self.world.random.choice([1e-5, 1e-3, 0.1]))
        self.note.values.append(b"%d" % value)


def compute(args, inputs):
    """What a task computes."""
    return (int(args) + 31 * sum(inputs)) % 1_000_003


class FakeClient:
    """A client and what it knows of its futures."""

    def __init__(self, party, name):
        self.party = party
        self.name = name
        self.state = {}
        self.located = None
        self.reserved = []
        self.asked = {}

    def hear(self, m):
        """Take a message."""
        if type(m) is Finished:
            for key in m.keys:
                # What it released may have been on the way.
                if key in self.state:
                    self.state[key] = "finished"
            for key, at in zip(m.failed, m.errors):
                if key in self.state:
                    self.state[key] = m.reasons[at]
        elif type(m) is Lost:
            for key in m.keys:
                # One that it released and wants again may be pending already.
                if key in self.state:
                    self.state[key] = "pending"
        elif type(m) is Located:
            self.located = m
        elif type(m) is Reserved:
            self.reserved.append(m)
            if m.error:
                for key in self.asked[m.request]:
                    self.state.pop(key, None)
        else:
            assert type(m) in (Welcome, Answer, Heard), m


class World:
    """Everything, and the dice."""

    def __init__(self, seed, faults=True):
        self.random = random.Random(seed)
        self.faults = faults
        self.settings = Settings(
            allowed_failures=1_000,
            drop_delay_s=self.random.choice([0.0, 0.02]),
            idle_codes=self.random.choice([0, 3]),
            idle_bytes=self.random.choice([0, 3, 1 << 20]),
            steal_s=self.random.choice([0.0, 0.02]),
            speculate=self.random.choice([0.0, 1.0]),
            region=self.random.choice([2, 64]),
            region_s=10.0,
            client_grace_s=0.0,
            silence_s=0.0,
        )
        self.state = Scheduler(self.settings, table=Table(Checked))
        self.now = 0.0
        self.parties = 0
        self.workers = {}
        self.clients = {}
        self.truth = {}
        self.failing = {}
        self.graphs = 0
        self.cancels = 0
        for _ in range(self.random.randint(1, 2)):
            self.add_client()
        for _ in range(self.random.randint(1, 4)):
            self.add_worker()

    def by_number(self, number):
        known = self.state.workers.get(number)
        return None if known is None else self.workers.get(known.party)

    def add_client(self):
        self.parties += 1
        client = self.clients[self.parties] = FakeClient(self.parties, f"client{self.parties}")
        connected(self.state, client.party, "client", self.now)
        self.event(client.party, Hello(client.name, {}))

    def add_worker(self):
        self.parties += 1
        threads = self.random.choice([1, 1, 2, 4])
        worker = FakeWorker(self, self.parties, f"w{self.parties}", threads)
        self.workers[self.parties] = worker
        connected(self.state, worker.party, "worker", self.now)
        limit = self.random.choice([0, 3_000_000])
        told = Register(
            worker.name, f"inproc://{worker.name}", threads, limit, {"gpu": 1.0}, {}, "host", 1
        )
        self.event(worker.party, told)

    def event(self, party, message):
        received(self.state, party, message, (), self.now)
        validate(self.state)

    def drain(self):
        self.now += self.random.choice([0.0, 0.001, 0.03, 0.2])
        when = due(self.state)
        if when is not None and when <= self.now:
            tick(self.state, self.now)
            validate(self.state)
        for effect in drain(self.state, self.now):
            if type(effect) is Send:
                if effect.party in self.workers:
                    self.workers[effect.party].inbox.append(effect.message)
                elif effect.party in self.clients:
                    self.clients[effect.party].hear(effect.message)
            else:
                assert type(effect) is not Close, effect
        validate(self.state)

    # -- what may happen --

    def submit(self):
        """A client submits a random graph."""
        client = self.random.choice(list(self.clients.values()))
        self.graphs += 1
        draw = self.random
        n = draw.randint(1, 12)
        held = [key for key in client.state if key in self.truth]
        externals = draw.sample(held, min(len(held), draw.randint(0, 2)))
        names, keys = [], []
        if draw.random() < 0.3 and n > 3:
            names.append(Grid(f"g{self.graphs}", (2, n)))
            keys += [(f"g{self.graphs}", i, j) for i in range(2) for j in range(n)]
        mine = [f"k{self.graphs}-{i}" for i in range(n)]
        names.append(Listed(mine))
        keys += mine
        n = len(keys)
        deps, codes, args = [], [], []
        for i in range(n):
            pool = list(range(i)) + list(range(n, n + len(externals)))
            deps.append(tuple(draw.sample(pool, min(len(pool), draw.choice([0, 0, 1, 1, 2, 3])))))
            codes.append(draw.choice([0, 0, 0, 0, 0, 1, 2] if self.faults else [0]))
            args.append(b"%d" % draw.randint(0, 1000))
        kinds = [Code(b"add%d" % (self.graphs % 4), b"add")]
        kinds += [Code(b"bad", b"bad") if draw.random() < 0.2 else Code(b"add", b"add")]
        kinds += [Code(b"shaky", b"shaky")]
        options = []
        if draw.random() < 0.5:
            options.append(
                Options(
                    draw.sample(range(n), n // 2),
                    priority=draw.choice([0.0, -1.0, 5.5]),
                    retries=draw.choice([0, 100]),
                    resources=draw.choice([None, {"gpu": 1.0}]),
                    workers=draw.choice([None, None, ["host"], ["w3"]]),
                    allow_other_workers=True,
                    speculative=draw.random() < 0.5,
                    timeout_s=draw.choice([None, None, 1e6]),
                )
            )
        wanted = draw.sample(range(n), draw.randint(1, n))
        order = list(range(n))
        for i, key in enumerate(keys):
            named = [(keys + externals)[d] for d in deps[i]]
            fails = set().union(*(self.failing[k] for k in named)) if named else set()
            if kinds[codes[i]].data == b"bad":
                fails = fails | {key}
            elif kinds[codes[i]].data == b"shaky":
                fails = fails | {key, "maybe"}
            self.failing[key] = fails
            self.truth[key] = compute(args[i], [self.truth[k] for k in named])
        for i in wanted:
            client.state[keys[i]] = "pending"
        m = Submit(names, kinds, codes, args, deps, externals, order, wanted, options=options)
        self.event(client.party, m)

    def release(self):
        """A client lets go of some futures."""
        client = self.random.choice(list(self.clients.values()))
        keys = [key for key in client.state if self.random.random() < 0.4]
        for key in keys:
            del client.state[key]
        self.event(client.party, Release(keys))

    def want(self):
        """A client comes to hold a future of another."""
        one, other = self.random.choices(list(self.clients.values()), k=2)
        for key in list(one.state)[:3]:
            if key not in other.state:
                other.state[key] = "pending"
                self.event(other.party, Want([key]))

    def cancel(self):
        """A client gives something up; all futures of it end."""
        client = self.random.choice(list(self.clients.values()))
        keys = [key for key in client.state if self.random.random() < 0.2]
        self.cancels += 1
        for key in keys:
            self.failing[key] = self.failing[key] | {"cancelled"}
            for other in self.truth:
                self.failing[other] = self.failing[other] | {"maybe", "cancelled"}
        self.event(client.party, Cancel(keys, force=self.random.random() < 0.5))
        for key in keys:
            client.state.pop(key, None)

    def retry(self):
        """A client has failed tasks tried again."""
        client = self.random.choice(list(self.clients.values()))
        keys = [key for key, now in client.state.items() if type(now) is tuple][:2]
        for key in keys:
            client.state[key] = "pending"
        self.event(client.party, Retry(keys))

    def kill(self):
        """A worker is gone, with all it held."""
        party = self.random.choice(list(self.workers))
        del self.workers[party]
        closed(self.state, party, "killed", self.now)
        validate(self.state)

    def leave(self):
        """A worker says goodbye."""
        party = self.random.choice(list(self.workers))
        received(self.state, party, Goodbye("enough"), (), self.now)
        validate(self.state)
        del self.workers[party]
        self.state.effects = [e for e in self.state.effects if type(e) is not Close]

    def lose_data(self):
        """A worker finds that something it held is gone."""
        worker = self.random.choice(list(self.workers.values()))
        for number in list(worker.store)[:1]:
            del worker.store[number]
            worker.note.gone.append((number, "a damaged file"))

    def scatter(self):
        """A client announces data; it is put when `put` is drawn, or at the end."""
        client = self.random.choice(list(self.clients.values()))
        self.graphs += 1
        keys = [f"d{self.graphs}-{i}" for i in range(self.random.randint(1, 3))]
        for key in keys:
            client.state[key] = "pending"
            self.truth[key] = self.random.randint(0, 1000)
            # It is lost with its workers.
            self.failing[key] = {key, "maybe"}
        client.asked[self.graphs] = keys
        m = Reserve(self.graphs, keys, [8] * len(keys), broadcast=self.random.choice([1, 2]))
        self.event(client.party, m)

    def put(self):
        """Data that was announced is put on its workers, as far as these are there."""
        for client in self.clients.values():
            while client.reserved:
                m = client.reserved.pop()
                for number, where in zip(m.ids, m.where):
                    key = self.key_of(number)
                    there = [w for w in map(self.by_number, where) if w is not None]
                    for worker in there:
                        worker.store[number] = self.truth.get(key, 0)
                        worker.note.added.append(number)
                        worker.note.added_nbytes.append(8)

    def key_of(self, number):
        """A key by its number; None if that is forgotten."""
        table = self.state.table
        row = number & MASK
        return key_of(table, row) if table.numbers[row] == number else None

    def administer(self):
        """Somebody has workers retired, paused, or results moved; or a run secedes."""
        draw = self.random
        client = draw.choice(list(self.clients))
        workers = list(self.workers.values())
        keys = draw.sample(list(self.truth), min(3, len(self.truth)))
        what = draw.randint(0, 4)
        if what == 0 and len(workers) > 1:
            names = [draw.choice(workers).name]
            self.event(client, Call(9, "workers.retire", {"workers": names}))
        elif what == 1:
            self.event(client, Call(9, "replicate", {"keys": keys, "n": draw.randint(1, 3)}))
        elif what == 2:
            self.event(client, Call(9, "rebalance", {"keys": None}))
        elif what == 3 and workers:
            status = draw.choice(["paused", "running", "running"])
            beat = Beat(status, draw.choice((0, 1 << 40)), 0, 0, 0.0, 0, 0, 0)
            self.event(draw.choice(workers).party, beat)
        elif workers:
            worker = draw.choice(workers)
            pairs = list(worker.queue)[:1]
            note = worker.blank()
            (note.seceded if draw.random() < 0.6 else note.rejoined).extend(pairs)
            self.event(worker.party, note)

    def dismiss(self, worker):
        """A worker was told to go, and goes: nothing of what it held may be missed."""
        self.workers.pop(worker.party, None)
        closed(self.state, worker.party, "it went", self.now)
        validate(self.state)

    def deliver(self):
        """One message reaches the scheduler; perhaps twice."""
        worker = self.random.choice(list(self.workers.values()))
        if worker.outbox:
            m = worker.outbox.popleft()
            self.event(worker.party, m)
            if self.faults and self.random.random() < 0.05:
                again = Report(m.ids, m.runs, m.nbytes, m.types, m.seconds, m.values, m.type_names)
                again.failed, again.returned = m.failed, m.returned
                self.event(worker.party, again)

    def step(self):
        """Something happens."""
        draw = self.random.random()
        workers = list(self.workers.values())
        if draw < 0.06:
            self.submit()
        elif draw < 0.068 and self.workers:
            self.scatter()
        elif draw < 0.072:
            self.put()
        elif draw < 0.08:
            self.release()
        elif draw < 0.09:
            self.want()
        elif draw < 0.10 and self.faults:
            self.cancel()
        elif draw < 0.105:
            self.retry()
        elif draw < 0.11:
            self.administer()
        elif draw < 0.12 and len(workers) < 6:
            self.add_worker()
        elif draw < 0.13 and workers and self.faults:
            self.kill()
        elif draw < 0.135 and workers and self.faults:
            self.leave()
        elif draw < 0.14 and workers and self.faults:
            self.lose_data()
        elif workers:
            worker = self.random.choice(workers)
            if draw < 0.40 and worker.inbox:
                worker.hear()
            elif draw < 0.70 and worker.queue:
                worker.work()
            elif draw < 0.80:
                worker.report()
            elif draw < 0.95:
                self.deliver()
            else:
                self.drain()

    def settle(self):
        """Deliver everything until nothing moves."""
        if not self.workers:
            self.add_worker()
        for _ in range(10_000):
            self.drain()
            self.put()
            busy = False
            for worker in list(self.workers.values()):
                while worker.inbox:
                    worker.hear()
                while worker.queue:
                    worker.work()
                worker.report()
                while worker.outbox:
                    busy = True
                    self.event(worker.party, worker.outbox.popleft())
            for worker in self.workers.values():
                if self.state.parties[worker.party].worker.status == "paused":
                    busy = True
                    self.event(worker.party, Beat("running", 0, 0, 0, 0.0, 0, 0, 0))
            if not self.workers:
                busy = True
                self.add_worker()
            if not busy and due(self.state) is None and not self.state.outgoing:
                return
        raise AssertionError("it never comes to rest")

    def check(self):
        """Every future has ended, as it should."""
        for client in self.clients.values():
            for key, now in client.state.items():
                assert now != "pending", f"{client.name} waits for {key!r} for ever"
                if type(now) is tuple:
                    kind, culprit = now[:2]
                    if kind == "lost" and culprit in self.failing[key]:
                        continue
                    if kind == "raised":
                        assert culprit in self.failing[key], (key, now)
                    else:
                        assert kind in ("cancelled", "lost"), now
                        assert self.cancels, (key, now)
                else:
                    firm = self.failing[key] - {"maybe", "cancelled"}
                    assert not firm or "maybe" in self.failing[key], key
            done = [key for key, now in client.state.items() if now == "finished"]
            self.event(client.party, Locate(1, done))
            self.drain()
            for key, number, where in zip(done, client.located.ids, client.located.where):
                assert where, f"{key!r} is nowhere"
                for holder in where:
                    assert self.by_number(holder).store[number] == self.truth[key]

    def empty(self):
        """Nothing is left when nobody wants anything."""
        for client in self.clients.values():
            self.event(client.party, Release(list(client.state)))
        self.now += 1
        self.settle()
        state = self.state
        assert len(state.table) == 0
        for worker in state.workers.values():
            assert not worker.sent and not worker.zombies and not worker.held, worker.name
            assert worker.nbytes == 0
        for worker in self.workers.values():
            assert not worker.store and not worker.queue, worker.store


def play(seed, faults=True, steps=150):
    """One world from its seed to its end."""
    world = World(seed, faults)
    for _ in range(steps):
        world.step()
    world.settle()
    world.check()
    world.empty()


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_random_events_with_faults(seed):
    play(seed)


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_random_events_without_faults(seed):
    play(seed, faults=False)


@pytest.mark.parametrize("seed", [1])
def test_the_same_events_have_the_same_effects(seed):
    worlds = [World(seed), World(seed)]
    for world in worlds:
        world.log = []
        for _ in range(100):
            world.step()
            world.log.append(repr(world.state.next_run))
            world.log += [repr(list(w.inbox)) for w in world.workers.values()]
    assert worlds[0].log == worlds[1].log
