"""What is recorded of a scheduler's inputs brings a new scheduler to where the old one was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shoal.distributed.core import scheduler as core
from shoal.distributed.core.compact import compacted
from shoal.distributed.core.effects import Send
from shoal.distributed.core.journal import Recorder, replay
from shoal.distributed.core.scheduler import Scheduler
from shoal.distributed.core.scheduler.names import find, key_of
from shoal.distributed.core.scheduler.state import clients_of
from shoal.distributed.core.scheduler.validate import validate
from shoal.distributed.protocol import (
    Answer,
    Call,
    Code,
    Finished,
    Goodbye,
    Grid,
    Heard,
    Hello,
    Listed,
    Options,
    Reconcile,
    Register,
    Release,
    Report,
    Reserve,
    Run,
    Submit,
    Want,
    Welcome,
)

CODE = Code(b"c" * 16, b"function")


class Cluster:
    """A scheduler with a recorder, driven by hand."""

    def __init__(self) -> None:
        self.state = Scheduler()
        self.recorder = Recorder()
        self.records: list[bytes] = []
        self.now = 0.0
        self.inboxes: dict[int, list[Any]] = {}

    def connect(self, party: int, role: str, hello: Any) -> None:
        core.connected(self.state, party, role, self.now)
        self.recorder.connected(party, role, self.now)
        self.say(party, hello)

    def say(self, party: int, message: Any, buffers: Any = ()) -> list[Any]:
        self.now += 0.01
        core.received(self.state, party, message, buffers, self.now)
        self.recorder.received(self.state, party, message, buffers, self.now)
        effects = core.drain(self.state, self.now)
        self.records += self.recorder.take()
        for effect in effects:
            if isinstance(effect, Send):
                self.inboxes.setdefault(effect.party, []).append(effect.message)
        return effects

    def close(self, party: int) -> None:
        core.closed(self.state, party, "", self.now)
        self.recorder.closed(party, self.now)
        self.records += self.recorder.take()

    def compact(self) -> None:
        self.records = compacted(self.state, self.recorder, self.now)

    def end(self, party: int) -> None:
        """A worker ends all that it was given."""
        for run in [m for m in self.inboxes.pop(party, []) if isinstance(m, Run)]:
            n = len(run.ids)
            self.say(
                party,
                Report(run.ids, run.runs, [8] * n, [0] * n, [0.1] * n, [b"v"] * n, ["int"]),
            )


def worker(name: str, held: Any = (), running: Any = ()) -> Register:
    """A worker's introduction."""
    return Register(
        name, f"sim://{name}", 1, 0, {}, {}, name, 1, held=list(held), running=list(running)
    )


def graph(options: list[Options] | None = None) -> Submit:
    """Two layers of three, one into one, and a sum; the sum and one of the second are wanted."""
    return Submit(
        [Grid("x", (3,)), Grid("y", (3,)), Listed(["total"])],
        [CODE],
        [0] * 7,
        [b"%d" % i for i in range(7)],
        [(), (), (), (0,), (1,), (2,), (3, 4, 5)],
        [],
        list(range(7)),
        [6, 4],
        options=options or [],
    )


def one(key: str, needs: list[str], wanted: bool = True) -> Submit:
    """One task that needs what is known already."""
    deps = tuple(range(1, 1 + len(needs)))
    return Submit(
        [Listed([key])], [CODE], [0], [key.encode()], [deps], needs, [0], [0] if wanted else []
    )


def picture(state: Scheduler) -> dict[Any, Any]:
    """What a scheduler knows of tasks, whatever their numbers."""
    table = state.table
    rows = [row for row, now in enumerate(table.states) if now]
    mask = (1 << 26) - 1
    return {
        key_of(table, row): (
            table.args[row],
            state.code_of[table.codes[row]].data if table.codes[row] >= 0 else None,
            [key_of(table, number & mask) for number in table.deps[row]],
            sorted(client.name for client in clients_of(state, row)),
            table.flags[row] & 1,
            table.options[row] and table.options[row].retries,
        )
        for row in rows
    }


def again(cluster: Cluster) -> Scheduler:
    """A new scheduler from the records."""
    state = Scheduler(identity="second")
    replay(state, cluster.records, 100.0)
    validate(state)
    return state


Step = Callable[[Cluster], None]
STEPS: list[Step] = [
    lambda c: c.connect(1, "client", Hello("me", {})),
    lambda c: c.connect(2, "client", Hello("you", {"python": "3"})),
    lambda c: c.say(1, graph([Options(tasks=[4], priority=2.0, retries=3)])) and None,
    lambda c: c.say(2, graph()) and None,
    lambda c: c.say(2, Release(["total"])) and None,
    lambda c: c.say(1, Reserve(1, ["data"], [100])) and None,
    lambda c: c.say(1, Want(["late", "later"], ahead=True)) and None,
    lambda c: c.say(1, one("above", ["late", "later"])) and None,
    lambda c: c.say(1, one("later", ["total"], wanted=False)) and None,
    lambda c: c.close(2),
]


@pytest.mark.parametrize("compact_after", [None, *range(len(STEPS))])
def test_graphs_and_wants_come_back(compact_after: int | None) -> None:
    cluster = Cluster()
    cluster.connect(9, "worker", worker("a"))
    cluster.say(1, None)  # nobody: dropped
    for number, step in enumerate(STEPS):
        step(cluster)
        if number == compact_after:
            cluster.compact()
    state = again(cluster)
    assert picture(state) == picture(cluster.state)
    assert set(state.by_name) == {"me", "you"}
    assert state.awaited == {"a"}


@pytest.mark.parametrize("is_compact", [False, True])
def test_what_was_to_be_described_later_may_be_described_to_the_next_scheduler(
    is_compact: bool,
) -> None:
    cluster = Cluster()
    cluster.connect(1, "client", Hello("me", {}))
    cluster.say(1, Want(["late"], ahead=True))
    cluster.say(1, one("above", ["late"]))
    if is_compact:
        cluster.compact()
    cluster.state = again(cluster)
    cluster.connect(11, "client", Hello("me", {}, cluster.state.identity))
    cluster.connect(12, "worker", worker("a"))
    cluster.say(11, one("late", [], wanted=False))
    cluster.end(12)
    cluster.end(12)
    validate(cluster.state)
    assert {"late", "above"} == {
        k for m in cluster.inboxes[11] if type(m) is Finished for k in m.keys
    }


@pytest.mark.parametrize("is_compact", [False, True])
def test_what_results_refer_to_comes_back(is_compact: bool) -> None:
    cluster = Cluster()
    cluster.connect(1, "client", Hello("me", {}))
    for key in ("inner", "outer", "other"):
        cluster.say(1, one(key, []))
    add = {"holders": ["outer", "other"], "keys": ["inner"]}
    cluster.say(1, Call(0, "references.add", add))
    cluster.say(1, Release(["inner"]))
    if is_compact:
        cluster.compact()
    cluster.state = again(cluster)
    assert picture(cluster.state)["inner"][3] == ["references of results"]
    cluster.connect(11, "client", Hello("me", {}, cluster.state.identity))
    cluster.say(11, Want(["other"], anew=True, heard=0))
    validate(cluster.state)
    assert find(cluster.state.names, "inner") >= 0
    cluster.say(11, Release(["other"]))
    validate(cluster.state)
    assert not len(cluster.state.table)


def test_nothing_is_given_out_before_the_workers_have_spoken() -> None:
    cluster = Cluster()
    cluster.connect(8, "worker", worker("a"))
    cluster.connect(9, "worker", worker("b"))
    cluster.connect(1, "client", Hello("me", {}))
    cluster.say(1, graph())
    for _ in range(5):
        cluster.end(8)
        cluster.end(9)
    numbers = {
        key: cluster.state.table.numbers[find(cluster.state.names, key)]
        for key in ("total", ("y", 1))
    }
    state = again(cluster)
    second = Cluster()
    second.state = state
    second.connect(18, "worker", worker("a"))
    assert not [m for m in second.inboxes.get(18, []) if isinstance(m, Run)]
    held = [(number, 1, key, 8) for key, number in numbers.items()]
    second.connect(19, "worker", worker("b", held))
    second.connect(11, "client", Hello("me", {}, "the scheduler before", 5))
    second.say(11, Want(["total", ("y", 1)], anew=True, heard=0))
    assert [m.keep for m in second.inboxes[19] if isinstance(m, Reconcile)]
    [done] = [m for m in second.inboxes[11] if isinstance(m, Finished)]
    assert sorted(map(str, done.keys)) == sorted(map(str, numbers))
    assert not [m for m in second.inboxes[18] if isinstance(m, Run)]
    validate(state)


def test_what_a_client_said_after_a_break_is_played_too() -> None:
    cluster = Cluster()
    cluster.connect(9, "worker", worker("a"))
    cluster.connect(1, "client", Hello("me", {}))
    cluster.say(1, graph())
    for number in range(3):
        cluster.say(1, Call(number + 1, "lock.locked", {"name": "x"}))
    cluster.say(1, Want(["total"], anew=True, heard=3))
    assert picture(again(cluster)) == picture(cluster.state)


def test_a_worker_that_does_not_come_back_is_not_waited_for_long() -> None:
    cluster = Cluster()
    cluster.connect(9, "worker", worker("a"))
    cluster.connect(1, "client", Hello("me", {}))
    cluster.say(1, graph())
    state = again(cluster)
    core.connected(state, 19, "worker", 100.1)
    core.received(state, 19, worker("b"), (), 100.1)
    assert not any(isinstance(getattr(e, "message", 0), Run) for e in core.drain(state, 100.1))
    due = core.due(state)
    assert due is not None and due <= 102.0
    core.tick(state, 102.0)
    assert any(isinstance(getattr(e, "message", 0), Run) for e in core.drain(state, 102.0))


@pytest.mark.parametrize("compact", [False, True])
def test_failures_come_back(compact: bool) -> None:
    cluster = Cluster()
    cluster.connect(9, "worker", worker("a"))
    cluster.connect(1, "client", Hello("me", {}))
    cluster.say(1, graph())
    [run] = [m for m in cluster.inboxes[9] if isinstance(m, Run)]
    failed = [(run.ids[0], run.runs[0], "raised", b"error", 0.1)]
    cluster.say(9, Report([], [], [], [], [], [], [], failed=failed))
    if compact:
        cluster.compact()
    state = again(cluster)
    row = find(state.names, "total")
    assert state.reasons[row][0] == "raised" and state.reasons[row][3] == b"error"
    assert picture(state) == picture(cluster.state)


@pytest.mark.parametrize("compact", [False, True])
def test_names_come_back(compact: bool) -> None:
    cluster = Cluster()
    cluster.connect(1, "client", Hello("me", {}))
    cluster.say(1, graph())
    calls = [
        ("datasets.publish", {"name": "d", "keys": ["total"], "data": b"how"}),
        ("queue.create", {"name": "q", "maxsize": 5}),
        ("queue.put", {"name": "q", "item": ["value", 7]}),
        ("queue.put", {"name": "q", "item": ["future", ("y", 1)]}),
        ("queue.get", {"name": "q"}),
        ("variable.set", {"name": "v", "item": ["value", 3]}),
        ("event.set", {"name": "go"}),
        ("metadata.set", {"keys": ["a", "b"], "value": 1}),
        ("plugin.register", {"kind": "worker", "name": "p", "data": b"plugin"}),
        ("lock.acquire", {"name": "l", "id": "1"}),
    ]
    for number, (method, args) in enumerate(calls):
        cluster.say(1, Call(number + 1, method, args))
    if compact:
        cluster.compact()
    cluster.say(1, Goodbye("done"))
    state = again(cluster)
    machines = state.machines
    assert set(machines["datasets"]) == {"d"}
    assert [list(item) for item in machines["queues"]["q"].items][0][0] == "future"
    assert machines["queues"]["q"].most == 5
    assert list(machines["variables"]["v"].item) == ["value", 3]
    assert "go" in machines["flags"]
    assert machines["metadata"] == {"a": {"b": 1}}
    assert ("worker", "plugin p") in machines["greetings"]
    # The client said goodbye; dataset and queue want what they name.
    assert find(state.names, "total") >= 0 and find(state.names, ("y", 1)) >= 0
    validate(state)


def test_a_client_that_does_not_come_back_is_forgotten() -> None:
    cluster = Cluster()
    cluster.connect(1, "client", Hello("me", {}))
    cluster.say(1, graph())
    state = again(cluster)
    assert len(state.table) == 7
    core.tick(state, 100.0 + state.settings.client_grace_s + 1)
    core.drain(state, 200.0)
    assert len(state.table) == 0 and not state.clients


def test_the_journal_of_finished_work_is_small() -> None:
    cluster = Cluster()
    cluster.connect(1, "client", Hello("me", {}))
    for i in range(20):
        name = f"x-{i}"
        cluster.say(
            1,
            Submit(
                [Grid(name, (50,))],
                [CODE],
                [0] * 50,
                [b"a"] * 50,
                [()] * 50,
                [],
                list(range(50)),
                list(range(50)),
            ),
        )
        cluster.say(1, Release([(name, k) for k in range(50)]))
    before = sum(map(len, cluster.records))
    cluster.compact()
    assert sum(map(len, cluster.records)) < before / 50


@pytest.mark.parametrize("is_compact", [False, True])
@pytest.mark.parametrize("has_come", [False, True])
def test_an_item_that_was_given_is_taken_or_stands_in_front_again(
    is_compact: bool, has_come: bool
) -> None:
    cluster = Cluster()
    cluster.connect(1, "client", Hello("me", {}))
    for number in (1, 2):
        cluster.say(1, Call(number, "queue.put", {"name": "q", "item": ["value", number]}))
    cluster.say(1, Call(3, "queue.get", {"name": "q", "id": 7}))
    if is_compact:
        cluster.compact()
    state = Scheduler(identity="another")
    replay(state, cluster.records, 0.0)
    core.connected(state, 5, "client", 1.0)
    core.received(state, 5, Hello("me", {}, "scheduler", 3, 2), (), 1.0)
    if has_come:
        core.received(state, 5, Call(0, "queue.taken", {"name": "q", "id": 7}), (), 1.0)
    core.received(state, 5, Want([], anew=True, heard=0), (), 1.0)
    queue = state.machines["queues"]["q"]
    assert [value for _, value in queue.items] == ([2] if has_come else [1, 2])
    assert not queue.given


def test_an_item_of_a_client_that_does_not_come_back_is_not_lost() -> None:
    cluster = Cluster()
    cluster.connect(1, "client", Hello("me", {}))
    cluster.say(1, Call(1, "queue.put", {"name": "q", "item": ["value", 1]}))
    cluster.say(1, Call(3, "queue.get", {"name": "q", "id": 7}))
    state = Scheduler()
    replay(state, cluster.records, 0.0)
    assert not state.machines["queues"]["q"].items
    core.tick(state, 100.0)
    assert len(state.machines["queues"]["q"].items) == 1


@pytest.mark.parametrize("is_compact", [False, True])
def test_who_waits_at_a_queue_is_served_by_what_comes_later(is_compact: bool) -> None:
    cluster = Cluster()
    cluster.connect(1, "client", Hello("me", {}))
    cluster.connect(2, "client", Hello("other", {}))
    cluster.say(1, Call(1, "queue.create", {"name": "q", "maxsize": 1}))
    for number, value in [(2, 7), (3, 8)]:  # the second has no room yet
        cluster.say(1, Call(number, "queue.put", {"name": "q", "item": ["value", value]}))
    cluster.say(2, Call(1, "queue.get", {"name": "empty", "id": 5, "timeout_s": 60.0}))
    if is_compact:
        cluster.compact()
    cluster.say(2, Call(2, "queue.get", {"name": "q", "id": 6}))
    cluster.say(2, Call(0, "queue.taken", {"name": "q", "id": 6}))
    cluster.say(1, Call(4, "queue.put", {"name": "empty", "item": ["value", 9]}))
    cluster.say(2, Call(0, "queue.taken", {"name": "empty", "id": 5}))
    state = Scheduler(identity="another")
    replay(state, cluster.records, 0.0)
    left = {name: list(queue.items) for name, queue in state.machines["queues"].items()}
    assert {name: [value for _, value in items] for name, items in left.items()} == {
        "q": [8],
        "empty": [],
    }
    assert not any(queue.given for queue in state.machines["queues"].values())


@pytest.mark.parametrize("has_heard", [False, True])
def test_what_became_of_items_that_were_given_is_read_and_not_guessed(has_heard: bool) -> None:
    cluster = Cluster()
    cluster.state.facts = cluster.recorder.facts
    for party, name in ((1, "away"), (2, "here")):
        cluster.connect(party, "client", Hello(name, {}))
    for request, item in enumerate(("one", "two"), 1):
        args = {"name": "q", "item": ["value", item]}
        cluster.say(2, Call(request, "queue.put", args))
    cluster.say(1, Call(1, "queue.get", {"name": "q", "id": 1}))
    if has_heard:
        # It did not say that it has the item, but took the answer.
        cluster.say(1, Heard(1))
    cluster.close(1)
    cluster.now += 100.0
    core.tick(cluster.state, cluster.now)  # it is not waited for any longer
    assert "away" not in cluster.state.by_name
    cluster.say(2, Call(3, "queue.get", {"name": "q", "id": 2}))
    cluster.say(2, Call(0, "queue.taken", {"name": "q", "id": 2}))
    mine, left = ("two", []) if has_heard else ("one", [["value", "two"]])
    [got] = [m.value for m in cluster.inboxes[2] if isinstance(m, Answer) and m.request == 3]
    assert got == ["value", mine]
    for state in (cluster.state, again(cluster)):
        assert list(state.machines["queues"]["q"].items) == left
        assert not state.machines["queues"]["q"].given


@pytest.mark.parametrize("is_compact", [False, True])
def test_who_holds_locks_and_leases_comes_back(is_compact: bool) -> None:
    cluster = Cluster()
    cluster.state.facts = cluster.recorder.facts
    for party, name in ((1, "me"), (2, "you")):
        cluster.connect(party, "client", Hello(name, {}))
    calls = [
        (1, "lock.acquire", {"name": "given back", "id": "a"}),
        (1, "multilock.acquire", {"names": ["x", "y"], "id": "b"}),
        (2, "lock.acquire", {"name": "x", "id": "c", "timeout_s": 60.0}),
        (1, "semaphore.create", {"name": "seats", "max_leases": 2}),
        (1, "semaphore.acquire", {"name": "seats", "id": "d"}),
        (2, "semaphore.acquire", {"name": "seats", "id": "e"}),
    ]
    for number, (party, method, args) in enumerate(calls):
        cluster.say(party, Call(number + 1, method, args))
    if is_compact:
        cluster.compact()
    cluster.say(1, Call(7, "lock.release", {"name": "given back", "id": "a"}))
    cluster.say(2, Call(8, "semaphore.release", {"name": "seats", "id": "e"}))
    state = again(cluster)
    mine = ("b", "client me")
    assert state.machines["locks"].held == {"x": mine, "y": mine}
    assert state.machines["semaphores"]["seats"].leases == {"d": "client me"}
    # They last as long as their holder is waited for, and leases until they are not refreshed.
    ends = 100.0 + state.settings.lease_s
    assert state.machines["semaphores"]["seats"].until == {"d": ends}
    core.tick(state, 100.0 + state.settings.client_grace_s)
    assert not state.machines["locks"].held
    assert not state.machines["semaphores"]["seats"].leases


def test_clients_are_forgotten_as_they_were_and_not_as_the_times_say() -> None:
    cluster = Cluster()
    cluster.state.facts = cluster.recorder.facts
    for party, name in ((1, "slept"), (2, "forgotten")):
        cluster.connect(party, "client", Hello(name, {}))
    cluster.say(1, graph())
    cluster.close(1)
    # The scheduler's process was stopped for an hour, and hears of its return before it ticks.
    cluster.now += 3600.0
    cluster.connect(3, "client", Hello("slept", {}, "scheduler", 0, 1, 1))
    cluster.close(2)
    cluster.now += 3600.0
    core.tick(cluster.state, cluster.now)
    cluster.say(3, Want(["total"]))
    state = again(cluster)
    assert set(state.by_name) == set(cluster.state.by_name) == {"slept"}
    assert picture(state) == picture(cluster.state) != {}


def test_who_says_goodbye_is_forgotten_once() -> None:
    cluster = Cluster()
    cluster.state.facts = cluster.recorder.facts
    cluster.connect(1, "client", Hello("me", {}))
    cluster.say(1, graph())
    cluster.say(1, Goodbye("done"))
    state = again(cluster)
    assert not state.clients and not len(state.table) and not state.hearing


def restarted(cluster: Cluster, identity: str) -> Cluster:
    """The scheduler that comes after a kill, which writes a journal as well."""
    after = Cluster()
    after.state = Scheduler(identity=identity)
    replay(after.state, cluster.records, cluster.now)
    after.state.facts = after.recorder.facts
    after.now = cluster.now
    after.compact()
    return after


def items(state: Scheduler, name: str = "q") -> list[Any]:
    return [value for _, value in state.machines["queues"][name].items]


def answers(cluster: Cluster, party: int) -> dict[int, Any]:
    found = [m for m in cluster.inboxes.get(party, []) if isinstance(m, Answer)]
    return {m.request: m.error or m.value for m in found}


@pytest.mark.parametrize("is_compact", [False, True])
def test_who_waited_while_a_connection_broke_waits_in_the_journal_too(is_compact: bool) -> None:
    cluster = Cluster()
    cluster.state.facts = cluster.recorder.facts
    cluster.connect(1, "client", Hello("getter", {}))
    cluster.connect(2, "client", Hello("putter", {}))
    cluster.say(1, Call(1, "queue.get", {"name": "q", "id": 5}))
    cluster.say(2, Call(1, "queue.create", {"name": "narrow", "maxsize": 1}))
    for number in (2, 3):  # the second has no room yet
        cluster.say(2, Call(number, "queue.put", {"name": "narrow", "item": ["value", number]}))
    for party, name in ((1, "getter"), (2, "putter")):
        cluster.close(party)
        if is_compact:
            cluster.compact()
        cluster.connect(party + 2, "client", Hello(name, {}, "scheduler", 0, 1, party))
        cluster.say(party + 2, Want([], anew=True, heard=0))
    cluster.say(4, Call(4, "queue.put", {"name": "q", "item": ["value", 7]}))
    cluster.say(3, Call(0, "queue.taken", {"name": "q", "id": 5}))
    cluster.say(3, Call(2, "queue.get", {"name": "narrow", "id": 6}))
    cluster.say(3, Call(0, "queue.taken", {"name": "narrow", "id": 6}))
    assert answers(cluster, 3) == {1: ["value", 7], 2: ["value", 2]}
    assert answers(cluster, 4)[3] is None
    for state in (cluster.state, again(cluster)):
        assert (items(state), items(state, "narrow")) == ([], [3])


@pytest.mark.parametrize("heard", [False, True])
@pytest.mark.parametrize("is_compact", [False, True])
def test_what_a_client_asks_again_is_done_once(is_compact: bool, heard: bool) -> None:
    calls = [
        Call(1, "queue.put", {"name": "q", "item": ["value", 1]}),
        Call(2, "queue.put", {"name": "q", "item": ["future", "nobody's"]}),
        Call(3, "datasets.publish", {"name": "d", "keys": [], "data": b""}),
        Call(4, "variable.set", {"name": "v", "item": ["value", 4]}),
        Call(5, "event.set", {"name": "e"}),
    ]
    first = Cluster()
    first.connect(1, "client", Hello("me", {}))
    first.connect(2, "client", Hello("other", {}))
    for call in calls:
        first.say(1, call)
    said = answers(first, 1)
    assert said[2][0] == "KeyError"
    assert [said[number] for number in (1, 3, 4, 5)] == [None] * 4
    # Others change what it has made, and what it asks again is not to undo that.
    first.say(2, Call(1, "variable.set", {"name": "v", "item": ["value", 40]}))
    first.say(2, Call(2, "event.clear", {"name": "e"}))
    if is_compact:
        first.compact()
    cluster = first
    for life in range(3):
        cluster = restarted(cluster, f"life {life}")
        cluster.connect(1, "client", Hello("me", {}, "the one before", 0, life + 1, 1))
        [welcome] = [m for m in cluster.inboxes.pop(1) if isinstance(m, Welcome)]
        assert welcome.is_remembered
        assert welcome.heard == -1
        for call in calls:
            cluster.say(1, call)
        assert answers(cluster, 1) == said
        if heard or life == 1:  # else it is killed before it has heard all that is said again
            cluster.say(1, Want([], anew=True, heard=0))
        state = cluster.state
        assert items(state) == [1]
        assert state.machines["variables"]["v"].item == ["value", 40]
        assert not state.machines.get("flags", {}).get("e")
        assert list(state.machines["datasets"]) == ["d"]
    # What it has heard is not kept for ever.
    cluster.say(1, Want([], anew=True, heard=0))
    cluster.say(1, Heard(5))
    assert not cluster.state.by_name["me"].before
    assert not cluster.state.by_name["me"].session.said


def test_nobody_knows_what_was_done_for_a_client_that_was_forgotten() -> None:
    """Also when it says hello once more, as the first welcome was lost."""
    cluster = Cluster()
    for party, is_back in ((1, True), (2, True), (3, False)):
        cluster.connect(party, "client", Hello("me", {}, "before" * is_back, 0, 7, party))
        [welcome] = [m for m in cluster.inboxes.pop(party) if isinstance(m, Welcome)]
        assert welcome.is_remembered is not is_back
        if party == 2:  # with this it has said all again
            cluster.say(party, Want([], anew=True, heard=0))


def test_a_put_that_waits_is_done_once_whether_it_was_served_or_not() -> None:
    puts = [
        Call(number, "queue.put", {"name": "q", "item": ["value", number]}) for number in (2, 3, 4)
    ]
    cluster = Cluster()
    cluster.connect(1, "client", Hello("me", {}))
    cluster.connect(2, "client", Hello("other", {}))
    cluster.say(1, Call(1, "queue.create", {"name": "q", "maxsize": 1}))
    for put in puts:  # there is room for the first
        cluster.say(1, put)
    cluster = restarted(cluster, "second")
    cluster.connect(5, "client", Hello("other", {}, "scheduler", 0, 1, 2))
    cluster.say(5, Want([], anew=True, heard=0))
    cluster.say(5, Call(2, "queue.get", {"name": "q", "id": 1}))  # and now for the second
    cluster.say(5, Call(0, "queue.taken", {"name": "q", "id": 1}))
    assert items(cluster.state) == [3]
    cluster.connect(6, "client", Hello("me", {}, "scheduler", 0, 1, 1))
    for put in puts:
        cluster.say(6, put)
    cluster.say(6, Want([], anew=True, heard=0))
    assert answers(cluster, 6) == {2: None, 3: None}
    for request in (3, 4):
        cluster.say(5, Call(request, "queue.get", {"name": "q", "id": request}))
        cluster.say(5, Call(0, "queue.taken", {"name": "q", "id": request}))
    assert answers(cluster, 5) == {n: ["value", n] for n in (2, 3, 4)}
    assert answers(cluster, 6)[4] is None
    assert items(again(cluster)) == items(cluster.state) == []


def test_who_has_waited_long_enough_is_not_served_by_a_late_clock() -> None:
    cluster = Cluster()
    cluster.connect(1, "client", Hello("me", {}))
    cluster.connect(2, "client", Hello("other", {}))
    cluster.say(1, Call(1, "queue.get", {"name": "q", "id": 1, "timeout_s": 1.0}))
    cluster.now += 1.0  # nobody has told the scheduler that so much time has passed
    cluster.say(2, Call(1, "queue.put", {"name": "q", "item": ["value", 7]}))
    assert answers(cluster, 1)[1][0] == "TimeoutError"
    for state in (cluster.state, again(cluster)):
        assert items(state) == [7]
