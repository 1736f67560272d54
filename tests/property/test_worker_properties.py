"""The worker's state machine under anything that a scheduler, other workers and its shell do."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.distributed.core.effects import Send
from shoal.distributed.core.worker import machine, table
from shoal.distributed.core.worker.table import Settings, Worker
from shoal.distributed.core.worker.validate import validate
from shoal.distributed.protocol import (
    ROW_BITS,
    CancelRuns,
    Data,
    Drop,
    Fetch,
    Frames,
    Get,
    GiveBack,
    Options,
    Peer,
    Put,
    Reconcile,
    Register,
    Report,
    Run,
    Welcome,
)

LIMIT = 1000
PEERS = (2, 3, 4)


def reachable(state, seen=()):
    """The states that may follow a state, at once or later."""
    found = {state, *seen}
    for after in table.TRANSITIONS[state]:
        if after not in found:
            found |= reachable(after, found)
    return found


REACHABLE = {state: reachable(state) for state in table.TRANSITIONS}


class Shell:
    """Does what a real shell would, when the test says so, and holds it to its word."""

    def __init__(self, data):
        self.data = data
        self.now = 0.0
        self.w = Worker(
            Settings("a", "a", 2, LIMIT, {"GPU": 2}, spillable_bytes=10, fetch_bytes=300)
        )
        self.party = 1
        self.runs = 0
        self.queued = {}
        self.values = set()
        self.disk = set()
        self.todo = []
        self.asked = {}
        self.states = {}
        self.rows = {}
        self.ended = {}
        self.given = set()
        """Numbers and runs that this scheduler has given."""
        self.named = set()
        """Numbers that it has spoken of."""
        self.base = 0
        machine.connected(self.w, 1, "scheduler", 0.0)
        machine.received(self.w, 1, Welcome(1, "one"), [], 0.0)
        self.perform()

    def draw(self, strategy):
        return self.data.draw(strategy)

    # --- what it does -------------------------------------------------------------------------

    def perform(self):
        for effect in machine.drain(self.w, self.now):
            handler = getattr(self, f"do_{type(effect).__name__.lower()}", None)
            if handler:
                handler(effect)
        validate(self.w)
        self.check()

    def check(self):
        self.states = {row.id: row.state for row in self.w.tasks.values()}
        self.check_transitions()
        held = {i for i, state in self.states.items() if state in table.IN_MEMORY}
        assert held <= self.values, f"{held - self.values} are in memory only in the table"
        on_disk = {i for i, state in self.states.items() if state == table.DISK}
        assert on_disk <= self.disk
        assert len(self.values - held) <= len(self.values & self.disk) + len(self.todo)

    def check_transitions(self):
        """A row's state is one that the table of transitions leads to from the last one."""
        rows, self.rows = self.rows, {id: (row, row.state) for id, row in self.w.tasks.items()}
        for id, (row, state) in self.rows.items():
            before = rows.get(id)
            if before is not None and before[0] is row:
                assert state in REACHABLE[before[1]], (table.NAMES[before[1]], table.NAMES[state])

    def do_send(self, effect: Send):
        message = effect.message
        if isinstance(message, Get):
            self.asked[message.request] = (effect.party, message.ids)
        if isinstance(message, Register):
            self.listed = message
        if isinstance(message, Report):
            self.check_report(message)

    def check_report(self, message):
        """It speaks of this scheduler's numbers and runs; one result is published a run."""
        pairs = list(zip(message.ids, message.runs))
        for pair in pairs:
            assert pair not in self.ended
            self.ended[pair] = True
        pairs += [*message.returned, *message.seceded, *message.rejoined]
        pairs += [failed[:2] for failed in message.failed]
        assert self.given.issuperset(pairs), f"{pairs} of {self.given}"
        spoken = {*message.added, *[number for number, _ in [*message.gone, *message.missing]]}
        assert spoken <= self.named, f"{spoken} of {self.named}"

    def do_ready(self, effect):
        for row in effect.tasks:
            assert all(dep in self.values for dep in row.deps), "an input is not there"
            self.queued[row.id] = row

    def do_withdraw(self, effect):
        begun = self.draw(st.booleans())
        if effect.force:
            row = self.queued.pop(effect.id, None)
            if row is not None and begun:
                self.todo.append(("late", row))
        elif not begun and self.queued.pop(effect.id, None) is not None:
            machine.withdrawn(self.w, effect.id, self.now)

    def do_hold(self, effect):
        self.values.update(effect.ids)

    def do_free(self, effect):
        self.values.difference_update(effect.ids)
        self.disk.difference_update(effect.ids)

    def do_spill(self, effect):
        self.todo += [("spill", id) for id in effect.ids]

    def do_evict(self, effect):
        self.values.difference_update(effect.ids)

    def do_load(self, effect):
        self.todo += [("load", id) for id in effect.ids]

    def do_dial(self, effect):
        self.todo.append(("dial", (effect.peer, effect.address)))

    def do_serve(self, effect):
        machine.served(self.w, effect.nbytes, self.now)

    # --- what may happen ----------------------------------------------------------------------

    def ids(self):
        return self.draw(st.lists(st.integers(1, 12), min_size=1, max_size=3, unique=True))

    def hear(self, message, party=None):
        machine.received(self.w, self.party if party is None else party, message, [], self.now)

    def run(self):
        self.runs += 1
        ids = self.ids()
        n = len(ids)
        deps = [
            tuple(
                d for d in self.draw(st.lists(st.integers(1, 12), max_size=2, unique=True)) if d < i
            )
            for i in ids
        ]
        here = self.w.numbering.rows
        remote = sorted({d for row in deps for d in row if d not in here and d not in ids})
        self.given.update((id, self.runs) for id in ids)
        self.named.update(ids, remote)
        chosen = st.lists(st.sampled_from(PEERS), min_size=1, max_size=3, unique=True)
        options = []
        if self.draw(st.integers(0, 3)) == 0:
            options = [(0, Options(resources={"GPU": self.draw(st.integers(1, 2))}, timeout_s=3.0))]
        self.hear(
            Run(
                ids,
                [self.runs] * n,
                [str(i) for i in ids],
                [-1] * n,
                [b""] * n,
                deps,
                [id << ROW_BITS for id in ids],
                [False] * n,
                remote=remote,
                where=[self.draw(chosen) for _ in remote],
                nbytes=[100] * len(remote),
                peers=self.peers(),
                options=options,
            )
        )

    def peers(self):
        """Workers, of whom another scheduler has other numbers."""
        names = [str((number + self.base) % len(PEERS)) for number in PEERS]
        return [Peer(number, name, name) for number, name in zip(PEERS, names)]

    def finish(self):
        if self.queued:
            key = self.draw(st.sampled_from(sorted(self.queued)))
            row = self.queued.pop(key)
            if self.draw(st.booleans()):
                machine.began(self.w, row.id, self.now)
            kind = self.draw(st.sampled_from(["", "", "raised", "returned"]))
            if not kind:
                self.values.add(row.id)
            self.complete(row, kind)

    def complete(self, row, kind):
        nbytes = self.draw(st.sampled_from([1, 100, 300]))
        machine.finished(self.w, [(row, kind, nbytes, "t", 0.1, 1.0, b"", None)], self.now)

    def do_something(self):
        if self.todo:
            position = self.draw(st.integers(0, len(self.todo) - 1))
            what, arg = self.todo.pop(position)
            getattr(self, f"now_{what}")(arg)

    def now_late(self, row):
        self.values.add(row.id)
        self.complete(row, "")

    def now_spill(self, id):
        if id not in self.values:
            return
        outcome = self.draw(st.integers(0, 4))
        if outcome < 2:
            machine.spill_failed(self.w, [id], "disk", bool(outcome), self.now)
        else:
            self.disk.add(id)
            machine.spilled(self.w, id, self.now)

    def now_load(self, id):
        if id not in self.disk:
            return
        self.disk.discard(id)
        if self.draw(st.booleans()):
            self.values.add(id)
            machine.loaded(self.w, id, self.now)
        else:
            machine.load_failed(self.w, id, "damaged", self.now)

    def now_dial(self, dial):
        peer, address = dial
        if self.draw(st.booleans()):
            machine.dialed(self.w, peer, address, 100 + peer, self.now)
        else:
            machine.unreachable(self.w, peer, address, "refused", self.now)

    def answer(self):
        if self.asked:
            request = self.draw(st.sampled_from(sorted(self.asked)))
            party, ids = self.asked.pop(request)
            came = [id for id in ids if self.draw(st.booleans())]
            busy = self.draw(st.integers(0, 4)) == 0
            frames = [Frames(b"x" * 50)] * len(came)
            machine.received(
                self.w,
                party,
                Data(request, [] if busy else came, [] if busy else frames, busy),
                [],
                self.now,
            )

    def put(self):
        ids = self.ids()
        n = len(ids)
        frames = [Frames(b"x")] * n
        self.named.update(ids)
        keys = [str(i) for i in ids]
        self.hear(Put(1, ids, [0] * n, keys, frames, [100] * n, self.w.numbering.scheduler), 50)

    def fetch(self):
        ids = self.ids()
        self.named.update(ids)
        self.hear(Fetch(ids, [[2, 3]] * len(ids), [100] * len(ids), self.peers()))

    def drop(self):
        self.hear(Drop(self.ids()))

    def pick_runs(self):
        rows = [row for row in self.w.numbering.rows.values() if row.state in table.TO_RUN]
        return [row.number for row in rows[:2]], [row.run for row in rows[:2]]

    def cancel(self):
        self.hear(CancelRuns(*self.pick_runs()))

    def give_back(self):
        self.hear(GiveBack(*self.pick_runs()))

    def secede(self):
        for id in self.queued:
            machine.seceded(self.w, id, self.now)
            break

    def rejoin(self):
        for id in self.queued:
            machine.rejoined(self.w, id, self.now)
            break

    def lose_peer(self):
        machine.closed(self.w, 100 + self.draw(st.sampled_from(PEERS)), "reset", self.now)

    def tick(self):
        self.now += self.draw(st.sampled_from([0.1, 1.0, 6.0]))
        machine.measured(self.w, self.draw(st.sampled_from([100, 750, 900])), 0.0, 1, self.now)
        machine.tick(self.w, self.now)

    def reconnect(self):
        machine.closed(self.w, self.party, "reset", self.now)
        self.perform()
        self.party += 1000
        machine.connected(self.w, self.party, "scheduler", self.now)
        self.perform()
        told = self.listed
        if self.queued and self.draw(st.booleans()):
            self.finish()  # before the scheduler has decided
            self.perform()
        self.given, self.named, self.ended = set(), set(), {}
        self.base += 1
        self.hear(Welcome(1, f"scheduler {self.base}"))
        if not told.held and not told.running:
            return
        numbers = self.draw(st.permutations(range(1, 30)))
        keep, go_on = [], []
        for position in range(len(told.held)):
            if self.draw(st.booleans()):
                keep.append((position, numbers.pop()))
        for position in range(len(told.running)):
            if self.draw(st.booleans()):
                self.runs += 1
                go_on.append((position, numbers.pop(), self.runs))
        self.given.update(pair[1:] for pair in go_on)
        self.named.update([number for _, number in keep], [number for _, number, _ in go_on])
        self.hear(Reconcile(keep, go_on))


ACTIONS = (
    ["run", "finish", "do_something", "answer"] * 3
    + ["put", "fetch", "drop", "cancel", "give_back", "secede", "rejoin", "lose_peer", "tick"]
    + ["reconnect"]
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_anything_may_happen(data):
    shell = Shell(data)
    for action in data.draw(st.lists(st.sampled_from(ACTIONS), max_size=40)):
        getattr(shell, action)()
        shell.perform()
