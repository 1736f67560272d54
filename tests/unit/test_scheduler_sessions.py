"""Clients whose connections break: what is said and given is lost never, and never twice."""

from __future__ import annotations

from typing import Any

import pytest

from shoal.distributed.core.effects import Send
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
from shoal.distributed.core.scheduler.table import Table
from shoal.distributed.core.scheduler.transitions import Checked
from shoal.distributed.core.scheduler.validate import validate
from shoal.distributed.protocol import (
    Answer,
    Call,
    Code,
    Finished,
    Goodbye,
    Heard,
    Hello,
    Listed,
    Locate,
    Located,
    Register,
    Release,
    Report,
    Run,
    Submit,
    Subscribe,
    Topic,
    Want,
    Welcome,
    Withdraw,
)

GRACE_S = 10.0
LEASE_S = 30.0


class Person:
    """A client as the scheduler sees it: what it says, and what reaches it."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name
        self.party = 0
        self.inbox: list[Any] = []
        self.heard = 0
        self.scheduler = ""
        self.session = -1
        self.request = 0

    def come(self) -> Welcome:
        self.cluster.parties += 1
        self.party = self.cluster.parties
        self.cluster.people[self.party] = self
        self.inbox = []
        connected(self.cluster.state, self.party, "client", self.cluster.now)
        self.say(Hello(self.name, {}, self.scheduler, self.heard, 0, self.session))
        [welcome] = [m for m in self.inbox if type(m) is Welcome]
        self.scheduler, self.session = welcome.scheduler, welcome.session
        self.heard = self.heard if welcome.heard >= 0 else 0
        return welcome

    def go(self) -> None:
        """The connection breaks; the client is to come back."""
        party, self.party = self.party, 0
        del self.cluster.people[party]
        closed(self.cluster.state, party, "broken", self.cluster.now)
        self.cluster.turn()

    def say(self, message: Any) -> None:
        received(self.cluster.state, self.party, message, (), self.cluster.now)
        self.cluster.turn()

    def call(self, method: str, **args: Any) -> int:
        self.request += 1
        self.say(Call(self.request, method, args))
        return self.request

    def answer(self, request: int) -> Any:
        found = [m for m in self.inbox if type(m) is Answer and m.request == request]
        if not found:
            return "none yet"
        [answer] = found
        return answer.value if answer.error is None else answer.error[0]


class Cluster:
    def __init__(self) -> None:
        settings = Settings(silence_s=0.0, client_grace_s=GRACE_S, lease_s=LEASE_S)
        self.state = Scheduler(settings, "one", Table(Checked))
        self.now = 0.0
        self.parties = 0
        self.people: dict[int, Person] = {}

    def person(self, name: str) -> Person:
        person = Person(self, name)
        person.come()
        return person

    def turn(self) -> None:
        validate(self.state)
        for effect in drain(self.state, self.now):
            if type(effect) is Send and effect.party in self.people:
                person = self.people[effect.party]
                person.inbox.append(effect.message)
                person.heard += type(effect.message) in (Answer, Located)

    def later(self, seconds: float) -> None:
        """Time passes, as a shell lets it pass."""
        end = self.now + seconds
        while (moment := due(self.state)) is not None and moment <= end:
            self.now = max(self.now, moment)
            tick(self.state, self.now)
            self.turn()
        self.now = end

    def compute(self, who: Person, key: str) -> None:
        """A result of this name, wanted by somebody."""
        connected(self.state, 100, "worker", self.now)
        told = Register("w", "inproc://w", 1, 0, {}, {}, "host", 1)
        received(self.state, 100, told, (), self.now)
        m = Submit([Listed([key])], [Code(b"f", b"f")], [0], [b""], [()], [], [0], [0])
        received(self.state, who.party, m, (), self.now)
        [run] = [e.message for e in drain(self.state, self.now) if type(e.message) is Run]
        report = Report(run.ids, run.runs, [8], [0], [0.1], [None], ["int"], [5.0])
        received(self.state, 100, report, (), self.now)
        self.turn()


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def test_the_scheduler_says_how_much_it_has_taken(cluster: Cluster) -> None:
    me = cluster.person("me")
    for _ in range(3):
        me.call("lock.locked", name="x")
    assert not [m for m in me.inbox if type(m) is Heard]
    cluster.later(1.0)
    assert [m.count for m in me.inbox if type(m) is Heard] == [3]
    assert due(cluster.state) is None
    me.go()
    assert me.come().heard == 3


def test_an_answer_that_the_connection_lost_comes_over_the_next_one(cluster: Cluster) -> None:
    me = cluster.person("me")
    request = me.call("lock.acquire", name="x", id="1")
    me.heard = 0  # it was on its way
    me.go()
    assert me.come().heard == 1
    # Before the welcome: whatever it gives, the client has it when it says what it wants.
    assert [type(m) for m in me.inbox] == [Answer, Welcome]
    assert me.answer(request) is True
    me.go()
    me.come()
    assert [type(m) for m in me.inbox] == [Welcome]


def test_a_place_in_a_line_outlives_the_connection(cluster: Cluster) -> None:
    me, you = cluster.person("me"), cluster.person("you")
    you.call("lock.acquire", name="x", id="yours")
    request = me.call("lock.acquire", name="x", id="mine")
    me.go()
    you.call("lock.release", name="x", id="yours")
    assert you.answer(you.call("lock.locked", name="x")) is True
    me.come()
    assert me.answer(request) is True


def test_a_client_that_does_not_come_back_holds_nothing(cluster: Cluster) -> None:
    me, you = cluster.person("me"), cluster.person("you")
    me.call("lock.acquire", name="x", id="mine")
    me.call("semaphore.create", name="s", max_leases=1)
    me.call("semaphore.acquire", name="s", id="mine")
    you.call("queue.put", name="q", item=["value", 1])
    me.call("queue.get", name="q")
    me.heard = 0
    me.go()
    waits = [
        you.call("lock.acquire", name="x", id="yours"),
        you.call("semaphore.acquire", name="s", id="yours"),
        you.call("queue.get", name="q"),
    ]
    assert [you.answer(request) for request in waits] == ["none yet"] * 3
    cluster.later(GRACE_S)
    assert [you.answer(request) for request in waits] == [True, True, ["value", 1]]
    # It comes back as somebody new.
    assert me.come().heard == -1


def test_what_was_heard_is_not_taken_back(cluster: Cluster) -> None:
    me, you = cluster.person("me"), cluster.person("you")
    you.call("queue.put", name="q", item=["value", 1])
    me.call("queue.get", name="q")
    me.say(Heard(1))
    me.go()
    cluster.later(GRACE_S)
    assert you.answer(you.call("queue.size", name="q")) == 0


def test_a_withdrawn_call_leaves_its_line(cluster: Cluster) -> None:
    me, you = cluster.person("me"), cluster.person("you")
    mine = me.call("queue.get", name="q")
    yours = you.call("queue.get", name="q")
    me.say(Withdraw(mine))
    assert me.answer(mine) == "ClusterError"
    you.call("queue.put", name="q", item=["value", 1])
    assert you.answer(yours) == ["value", 1]
    # Too late: it was answered, and the client puts back what it got.
    you.call("queue.put", name="q", item=["value", 2])
    you.call("queue.put", name="q", item=["value", 3])
    got = me.call("queue.get", name="q")
    me.say(Withdraw(got))
    me.call("queue.put_back", name="q", items=[me.answer(got)])
    assert you.answer(you.call("queue.get", name="q")) == ["value", 2]


@pytest.mark.parametrize("heard", [False, True])
def test_a_future_that_was_got_while_the_connection_broke_is_kept(
    cluster: Cluster, heard: bool
) -> None:
    me, you = cluster.person("me"), cluster.person("you")
    cluster.compute(you, "x")
    request = me.call("queue.get", name="q")
    me.go()
    you.call("queue.put", name="q", item=["future", "x"])
    you.say(Want([], heard=you.heard))  # it holds the future no more
    me.come()
    assert me.answer(request) == ["future", "x"]
    # Whether it says what it wants before it has seen the answer, or after.
    me.say(Want(["x"] if heard else [], anew=True, heard=me.heard if heard else me.heard - 1))
    assert len(cluster.state.table) == 1
    me.say(Heard(me.heard))
    me.say(Want([], heard=me.heard))
    assert len(cluster.state.table) == 0


@pytest.mark.parametrize("breaks", [1, 2])
def test_what_was_given_after_it_was_let_go_is_kept_when_that_is_said_again(
    cluster: Cluster, breaks: int
) -> None:
    me, you = cluster.person("me"), cluster.person("you")
    cluster.compute(me, "x")
    you.say(Want(["x"]))
    you.call("queue.put", name="q", item=["future", "x"])
    you.say(Want([], heard=you.heard))
    lost = Release(["x"], me.heard)  # the connection takes no more from me, and still gives me
    assert me.answer(me.call("queue.get", name="q")) == ["future", "x"]
    for _ in range(breaks):
        me.go()
        assert me.come().heard >= 0
    me.say(lost)
    me.say(Want(["x"], anew=True, heard=me.heard))
    assert len(cluster.state.table) == 1
    me.say(Release(["x"], me.heard))
    assert len(cluster.state.table) == 0


def test_a_future_that_nobody_heard_of_stands_in_the_queue_again(cluster: Cluster) -> None:
    me, you = cluster.person("me"), cluster.person("you")
    cluster.compute(you, "x")
    you.call("queue.put", name="q", item=["future", "x"])
    you.say(Want([], heard=you.heard))
    me.call("queue.get", name="q")
    me.heard = 0
    me.go()
    cluster.later(GRACE_S)
    assert you.answer(you.call("queue.get", name="q")) == ["future", "x"]
    assert len(cluster.state.table) == 1


def test_a_topic_is_heard_after_a_break(cluster: Cluster) -> None:
    me, you = cluster.person("me"), cluster.person("you")
    me.say(Subscribe("news"))
    me.go()
    me.come()
    you.call("events.log", topic="news", value="good")
    assert [m.events[0][1] for m in me.inbox if type(m) is Topic] == ["good"]


def test_where_results_are_is_answered_after_a_break(cluster: Cluster) -> None:
    me = cluster.person("me")
    m = Submit([Listed(["x"])], [Code(b"f", b"f")], [0], [b""], [()], [], [0], [0])
    me.say(m)
    me.say(Locate(7, ["x"]))
    me.go()
    connected(cluster.state, 100, "worker", cluster.now)
    told = Register("w", "inproc://w", 1, 0, {}, {}, "host", 1)
    received(cluster.state, 100, told, (), cluster.now)
    [run] = [e.message for e in drain(cluster.state, 0.0) if type(e.message) is Run]
    report = Report(run.ids, run.runs, [8], [0], [0.1], [None], ["int"], [5.0])
    received(cluster.state, 100, report, (), cluster.now)
    cluster.turn()
    me.come()
    assert [m.ids for m in me.inbox if type(m) is Located] == [run.ids]
    # The news that it has ended was lost with the connection; it comes with what is wanted.
    me.say(Want(["x"], anew=True, heard=me.heard))
    assert [m.keys for m in me.inbox if type(m) is Finished] == [["x"]]


def test_a_graph_that_is_said_twice_after_its_inputs_went_is_the_graph_that_is_there(
    cluster: Cluster,
) -> None:
    me = cluster.person("me")
    cluster.compute(me, "x")
    m = Submit([Listed(["y"])], [Code(b"f", b"f")], [0], [b""], [(1,)], ["x"], [0], [0])
    received(cluster.state, me.party, m, (), 0.0)
    [run] = [e.message for e in drain(cluster.state, 0.0) if type(e.message) is Run]
    report = Report(run.ids, run.runs, [8], [0], [0.1], [None], ["int"], [5.0])
    received(cluster.state, 100, report, (), cluster.now)
    me.say(Want(["y"], heard=0))
    cluster.later(60.0)
    me.inbox = []
    # As a client does that cannot know whether the scheduler before had taken it.
    me.say(m)
    me.say(Want(["y"], anew=True, heard=0))
    assert {key for n in me.inbox if type(n) is Finished for key in n.keys} == {"y"}
    assert not [key for n in me.inbox if type(n) is Finished for key in n.failed]


def test_leases_lapse_unless_they_are_refreshed(cluster: Cluster) -> None:
    me = cluster.person("me")
    me.call("semaphore.create", name="s", max_leases=2)
    me.call("semaphore.acquire", name="s", id="kept")
    me.call("semaphore.acquire", name="s", id="forgotten")
    waits = me.call("semaphore.acquire", name="s", id="next")
    cluster.later(LEASE_S * 0.6)
    assert me.answer(me.call("semaphore.refresh", name="s", ids=["kept"])) == ["kept"]
    assert me.answer(waits) == "none yet"
    cluster.later(LEASE_S * 0.6)
    assert me.answer(waits) is True
    both = me.call("semaphore.refresh", name="s", ids=["kept", "forgotten"])
    assert me.answer(both) == ["kept"]
    for lease in ("kept", "next"):
        me.call("semaphore.release", name="s", id=lease)
    cluster.later(LEASE_S)
    assert me.answer(me.call("semaphore.value", name="s")) == 0
    cluster.later(1.0)
    assert due(cluster.state) is None


def test_whoever_waits_for_many_is_not_overtaken(cluster: Cluster) -> None:
    me, you = cluster.person("me"), cluster.person("you")
    both = me.call("queue.get", name="q", batch=2)
    you.call("queue.put", name="q", item=["value", 1])
    one = you.call("queue.get", name="q")
    assert you.answer(one) == "none yet"
    assert you.answer(you.call("queue.get", name="q", timeout_s=0)) == "TimeoutError"
    you.call("queue.put", name="q", item=["value", 2])
    assert me.answer(both) == [["value", 1], ["value", 2]]
    you.call("queue.put", name="q", item=["value", 3])
    assert you.answer(one) == ["value", 3]


def test_whoever_leaves_in_order_keeps_what_it_has_taken(cluster: Cluster) -> None:
    me, you = cluster.person("me"), cluster.person("you")
    cluster.compute(you, "x")
    you.call("queue.put", name="q", item=["future", "x"])
    you.call("queue.put", name="q", item=["value", 2])
    me.call("queue.get", name="q")
    me.say(Heard(me.heard))
    me.say(Goodbye("done"))
    assert you.answer(you.call("queue.get", name="q")) == ["value", 2]
    # Or says nothing of it, when the future is let go of by everybody: it is not there to be kept.
    me.come()
    you.call("queue.put", name="q", item=["future", "x"])
    me.call("queue.get", name="q")
    you.say(Want([], heard=you.heard))
    me.say(Want([], heard=me.heard))
    assert len(cluster.state.table) == 0
    me.say(Goodbye("done"))
    assert you.answer(you.call("queue.size", name="q")) == 0


def test_a_welcome_to_a_new_session_that_was_lost_is_said_again(cluster: Cluster) -> None:
    me = cluster.person("me")
    for _ in range(5):
        me.call("lock.locked", name="x")
    me.go()
    cluster.later(GRACE_S)  # it is forgotten
    heard, session = me.heard, me.session
    assert me.come().heard == -1
    me.heard, me.session = heard, session  # of that it never heard
    me.go()
    assert me.come().heard == -1
    request = me.call("lock.acquire", name="x", id="1")
    assert me.answer(request) is True
    me.go()
    assert me.come().heard == 1


def test_a_welcome_to_the_same_session_that_was_lost_is_said_again(cluster: Cluster) -> None:
    me = cluster.person("me")
    me.call("lock.locked", name="x")
    me.go()
    session = me.session
    assert me.come().heard == 1
    me.session = session
    me.go()
    assert me.come().heard == 1


def test_a_hello_that_was_overtaken_by_a_later_connection_means_nothing(cluster: Cluster) -> None:
    me = cluster.person("me")
    me.say(Hello("me", {}, "one", 0, attempt=2, session=me.session))
    request = me.call("lock.acquire", name="x", id="1")
    assert me.answer(request) is True
    connected(cluster.state, 77, "client", 0.0)
    received(cluster.state, 77, Hello("me", {}, attempt=1), (), 0.0)
    cluster.turn()
    assert 77 not in cluster.state.parties
    assert me.answer(me.call("lock.locked", name="x")) is True


def claim(person: Person, **held: Any) -> Any:
    """What a client says first of all to a scheduler that does not know its session."""
    return person.answer(person.call("holdings.claim", **{"locks": [], "leases": [], **held}))


def test_who_comes_from_another_scheduler_has_what_it_held_before_others_are_served() -> None:
    cluster = Cluster()
    early = cluster.person("early")
    early.scheduler = "the one before"
    early.go()
    early.come()
    waits = [early.call("lock.acquire", name=name, id="a") for name in ("mine", "free")]
    early.call("semaphore.create", name="seats", max_leases=1)
    waits.append(early.call("semaphore.acquire", name="seats", id="b"))
    assert [early.answer(request) for request in waits] == ["none yet"] * 3
    late = cluster.person("late")
    assert claim(late, locks=[["c", ["mine"], 1]], leases=[["seats", "d"]]) == []
    cluster.later(cluster.state.settings.recover_s)
    assert [early.answer(request) for request in waits] == ["none yet", True, "none yet"]
    late.call("lock.release", name="mine", id="c")
    late.call("semaphore.release", name="seats", id="d")
    assert [early.answer(request) for request in waits] == [True, True, True]


def test_what_others_have_by_now_is_told_and_what_is_not_claimed_is_free(cluster: Cluster) -> None:
    me, you = cluster.person("me"), cluster.person("you")
    me.call("multilock.acquire", names=["x", "y"], id="1", count=1)
    me.call("lock.acquire", name="z", id="2")
    assert claim(you, locks=[["3", ["x"], 1]]) == [("the lock 'x'", "3")]
    waits = you.call("lock.acquire", name="z", id="4")
    assert claim(me, locks=[["1", ["x", "y"], 1]]) == []
    assert you.answer(waits) is True
    assert you.answer(you.call("lock.locked", name="y")) is False
    # What the scheduler before this one was told is told again, and is no mistake.
    assert me.answer(me.call("lock.release", name="z", id="2", again=True)) is True
    assert me.answer(me.call("lock.release", name="z", id="2")) == "ValueError"
