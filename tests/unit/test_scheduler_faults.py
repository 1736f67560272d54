"""The scheduler when things go wrong: failures, deaths, silence, timeouts, cancellation."""

from __future__ import annotations

import dataclasses

import pytest

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
from shoal.distributed.core.scheduler.names import find
from shoal.distributed.core.scheduler.table import Table
from shoal.distributed.core.scheduler.transitions import READY, Checked
from shoal.distributed.core.scheduler.validate import validate
from shoal.distributed.protocol import (
    Answer,
    Beat,
    Call,
    Cancel,
    CancelRuns,
    Code,
    Fetch,
    Finished,
    GiveBack,
    Goodbye,
    Hello,
    Listed,
    Options,
    Reconcile,
    Register,
    Release,
    Report,
    Retry,
    Run,
    Submit,
)

CLIENT = 1
QUIET = Settings(drop_delay_s=0.0, silence_s=0.0, heard_delay_s=float("inf"))


class Cluster:
    """A scheduler whose effects are asked for by kind."""

    def __init__(self, *names, settings=QUIET, threads=1, resources=None):
        self.state = Scheduler(settings, table=Table(Checked))
        self.now = 0.0
        self.party = {}
        self.connect(CLIENT, "client", Hello("me", {}))
        self.threads = threads
        self.resources = resources or {}
        for name in names:
            self.add(name)
        self.drain()

    def add(self, name, **more):
        party = self.party[name] = 1 + max(self.party.values(), default=9)
        m = Register(
            name, f"inproc://{name}", self.threads, 0, self.resources, {}, "host", 1, **more
        )
        self.connect(party, "worker", m)

    def connect(self, party, role, message):
        connected(self.state, party, role, self.now)
        self.hear(party, message)

    def hear(self, party, message):
        received(self.state, self.party.get(party, party), message, (), self.now)
        validate(self.state)

    def close(self, name):
        closed(self.state, self.party.pop(name), "", self.now)
        validate(self.state)

    def later(self, seconds):
        self.now += seconds
        tick(self.state, self.now)
        validate(self.state)
        return self.drain()

    def drain(self):
        effects = drain(self.state, self.now)
        validate(self.state)
        return effects

    def sent(self, kind=None):
        """[(who, message)] of a kind, of all that is sent now."""
        names = {party: name for name, party in self.party.items()} | {CLIENT: "me"}
        found = [(names.get(e.party, e.party), e.message) for e in self.drain() if type(e) is Send]
        return [(who, m) for who, m in found if kind is None or type(m) is kind]

    def submit(self, deps, wanted, *options, keys="abcdefghij"):
        n = len(deps)
        self.hear(
            CLIENT,
            Submit(
                [Listed(list(keys[:n]))],
                [Code(b"f", b"f")],
                [0] * n,
                [b""] * n,
                deps,
                [],
                list(range(n)),
                wanted,
                options=list(options),
            ),
        )

    def end(self, who, run, seconds=0.1):
        n = len(run.ids)
        columns = [8] * n, [0] * n, [seconds] * n, [None] * n
        self.hear(who, Report(run.ids, run.runs, *columns, ["int"]))

    def fail(self, who, run, kind="raised", data=b"error"):
        failed = [(n, r, kind, data, 0.1) for n, r in zip(run.ids, run.runs)]
        self.hear(who, Report([], [], [], [], [], [], [], failed=failed))


def one(pairs):
    """The only one."""
    [pair] = pairs
    return pair


def test_a_failure_takes_its_dependents_along_and_says_whose_fault_it_was():
    c = Cluster("a")
    c.submit([(), (0,), (1,)], [1, 2])
    who, run = one(c.sent(Run))
    c.fail(who, run)
    _, told = one(c.sent(Finished))
    assert told.failed == ["b", "c"] and told.errors == [0, 0]
    assert told.reasons == [("raised", "a", "inproc://a", b"error")]
    c.hear(CLIENT, Release(["b", "c"]))
    assert len(c.state.table) == 0


def test_a_task_is_tried_again_as_often_as_was_asked():
    c = Cluster("a")
    c.submit([()], [0], Options(retries=2))
    for _ in range(2):
        c.fail(*one(c.sent(Run)))
    c.fail(*one(c.sent(Run)))
    assert one(c.sent(Finished))[1].failed == ["a"]
    c.hear(CLIENT, Retry(["a"]))
    c.end(*one(c.sent(Run)))
    assert one(c.sent(Finished))[1].keys == ["a"]


def test_a_poison_task_is_given_up_and_no_innocent_is_blamed():
    c = Cluster("w0", threads=4, settings=Settings(allowed_failures=2, silence_s=0.0))
    c.submit([()] * 8, list(range(8)))
    finished, failed = [], []
    for turn in range(1, 30):
        told = c.sent()
        failed += [m for _, m in told if type(m) is Finished and m.failed]
        finished += [k for _, m in told if type(m) is Finished for k in m.keys]
        runs = [(who, m) for who, m in told if type(m) is Run]
        if not runs:
            break
        for who, run in runs:
            if "a" in run.keys:
                c.close(who)
                c.add(f"w{turn}")
            else:
                c.end(who, run)
    assert sorted(finished) == list("bcdefgh")
    reason = failed[0].reasons[0]
    assert reason[0] == "killed" and b"3 workers died" in reason[3]


def test_a_result_whose_files_are_damaged_again_and_again_is_given_up():
    cluster = Cluster("x", "y")
    cluster.submit([(), (0,)], [0])
    times = QUIET.allowed_failures + 1
    for turn in range(times):
        who, run = one(cluster.sent(Run))
        cluster.end(who, run)
        cluster.drain()
        gone = Report([], [], [], [], [], [], [], gone=[(run.ids[0], f"checksum {turn}")])
        cluster.hear(cluster.party[who], gone)
        cluster.hear(cluster.party[who], gone)  # once is enough
    [(kind, key, _, data)] = one(cluster.sent(Finished))[1].reasons
    assert (kind, key) == ("lost", "a")
    text = data.decode()
    assert f"made {times} times" in text and "checksum 3" in text and "local_directory" in text
    assert not cluster.sent(Run)
    cluster.hear(CLIENT, Retry(["a"]))
    assert one(cluster.sent(Run))


def test_the_nanny_says_what_ended_a_worker_and_which_task_ran():
    c = Cluster("w", settings=Settings(allowed_failures=0, silence_s=0.0))
    connected(c.state, 50, "nanny", c.now)
    c.hear(50, Call(1, "nanny.hello", {"name": "w"}))
    c.submit([(), ()], [0, 1])
    _, run = one(c.sent(Run))
    c.close("w")
    assert c.sent(Finished) == []
    running = [[run.ids[1], run.runs[1]]]
    args = {"name": "w", "signal": 9, "exit": -9, "peak": 2000, "limit": 1000, "running": running}
    c.hear(50, Call(0, "nanny.died", args))
    _, told = one(c.sent(Finished))
    assert told.failed == ["b"]
    assert b"signal 9, 2,000 bytes of memory at most, of 1,000 allowed" in told.reasons[0][3]


@pytest.mark.parametrize("peak", [900, 100])
def test_whose_inputs_do_not_fit_is_blamed_where_nothing_ran(peak):
    c = Cluster("w", settings=Settings(allowed_failures=0, silence_s=0.0))
    connected(c.state, 50, "nanny", c.now)
    c.hear(50, Call(1, "nanny.hello", {"name": "w"}))
    c.submit([(), (0,)], [0, 1])
    dead = {"name": "w", "exit": 1, "peak": peak, "limit": 1000, "running": []}
    c.end("w", one(c.sent(Run))[1])
    assert one(c.sent(Run))[1].keys == ["b"]
    c.hear(50, Call(0, "nanny.died", dead))
    c.add("w")
    validate(c.state)
    failed = [key for _, told in c.sent(Finished) for key in told.failed]
    assert failed == (["b"] if peak == 900 else [])
    assert not c.state.deaths.get(find(c.state.names, "a")), "it had ended"


def test_a_nanny_that_says_nothing_is_not_waited_for_long():
    c = Cluster("w", "v")
    connected(c.state, 50, "nanny", c.now)
    c.hear(50, Call(1, "nanny.hello", {"name": "w"}))
    c.submit([()], [0])
    c.sent(Run)
    c.close("w")
    assert c.sent(Run) == []
    assert c.later(0.5) == [] and due(c.state) == 1.0
    assert [e.message.keys for e in c.later(0.5) if type(e) is Send] == [["a"]]


def test_who_restarts_workers_does_not_wait_for_those_that_were_sent_away_meanwhile():
    c = Cluster("u", "v", "w")
    for party, name in enumerate("uvw", 50):
        connected(c.state, party, "nanny", c.now)
        c.hear(party, Call(1, "nanny.hello", {"name": name}))
    c.hear(CLIENT, Call(7, "workers.restart", {"workers": None, "timeout_s": 30.0, "wait": True}))
    c.sent()
    for name in "uvw":
        c.close(name)
    c.add("u")  # as it should
    # The cluster wants fewer of them, and one cannot be started any more.
    closed(c.state, 51, "", c.now)
    assert not c.sent(Answer)
    c.hear(52, Call(0, "nanny.gave_up", {"name": "w", "text": "w stays down"}))
    closed(c.state, 52, "", c.now)
    _, told = one(c.sent(Answer))
    assert told.value == {"u": "OK", "v": "sent away", "w": "stays down"}


def test_who_has_the_name_of_another_worker_is_told_and_changes_nothing():
    c = Cluster("w")
    connected(c.state, 50, "nanny", c.now)
    c.hear(50, Call(1, "nanny.hello", {"name": "w", "id": "one"}))
    c.sent()
    c.submit([()], [0])
    run = one(c.sent(Run))
    connected(c.state, 51, "nanny", c.now)
    c.hear(51, Call(1, "nanny.hello", {"name": "w", "id": "two"}))
    [(_, told)] = c.sent(Answer)
    assert told.error == (
        "ValueError",
        "a worker named 'w' is there already, at inproc://w; give this one another name (--name)",
    )
    again = Register("w", "inproc://elsewhere", 1, 0, {}, {}, "host", 2)
    c.connect(52, "worker", again)
    assert [(type(m), "is there already" in m.reason) for _, m in c.sent()] == [(Goodbye, True)]
    # The first one's nanny is still who is asked, and may connect again.
    connected(c.state, 53, "nanny", c.now)
    c.hear(53, Call(1, "nanny.hello", {"name": "w", "id": "one"}))
    assert one(c.sent(Answer))[1].error is None
    assert c.state.nanny_parties == {"w": 53}
    c.end(*run)
    assert one(c.sent(Finished))[1].keys == ["a"]


def test_a_silent_worker_is_fenced_off():
    c = Cluster("a", "b", settings=Settings(silence_s=5.0))
    c.submit([()], [0])
    [(who, _)] = c.sent(Run)
    c.later(3.0)
    c.hear("b", Beat("running", 0, 0, 0, 0.0, 0, 0, 0))
    assert due(c.state) == 5.0
    effects = c.later(2.0)
    assert who == "a"
    assert [e.party for e in effects if type(e) is Close] == [c.party["a"]]
    assert [e.party for e in effects if type(e) is Send] == [c.party["b"]]


def test_a_run_that_exceeds_its_timeout_is_given_up_for_its_worker():
    c = Cluster("a", settings=Settings(silence_s=0.0, timeout_grace_s=1.0))
    c.submit([()], [0], Options(timeout_s=2.0))
    _, run = one(c.sent(Run))
    sent = [(e.party, e.message) for e in c.later(3.0) if type(e) is Send]
    assert CancelRuns(run.ids, run.runs, "it has exceeded its timeout") in [m for _, m in sent]
    assert [m.reasons[0][0] for _, m in sent if type(m) is Finished] == ["timeout"]
    c.hear("a", Report([], [], [], [], [], [], [], returned=[(run.ids[0], run.runs[0])]))
    assert not c.state.workers[0].zombies


def test_cancel_drops_what_waits_stops_what_runs_and_forgets():
    c = Cluster("a")
    c.submit([(), (0,)], [0, 1])
    _, run = one(c.sent(Run))
    c.hear(CLIENT, Cancel(["a"], reason="enough"))
    told = c.sent()
    assert ("a", CancelRuns(run.ids, run.runs, "cancelled")) in told
    # A cancelled run takes its slot until the worker says that it is free.
    c.submit([()], [0], keys="xyz")
    c.submit([()], [0], keys="yz")
    c.submit([()], [0], keys="z")
    assert [m.keys for _, m in c.sent(Run)] == [["x"]]
    c.hear("a", Report([], [], [], [], [], [], [], returned=[(run.ids[0], run.runs[0])]))
    assert [m.keys for _, m in c.sent(Run)] == [["y"]]


def test_reports_of_another_run_change_nothing():
    c = Cluster("a", "b")
    c.submit([()], [0])
    who, first = one(c.sent(Run))
    c.close(who)
    _, second = one(c.sent(Run))
    assert second.ids == first.ids and second.runs != first.runs
    c.end("b", first)
    assert c.sent(Finished) == []
    c.end("b", second)
    c.end("b", second)
    assert one(c.sent(Finished))[1].keys == ["a"]


def test_a_worker_that_comes_back_keeps_what_is_needed_and_goes_on():
    c = Cluster("a")
    c.submit([(), (), (0, 1)], [0, 2])
    _, run = one(c.sent(Run))
    assert run.ids == [0, 1]
    head = Run(run.ids[:1], run.runs[:1], [], [], [], [], [], [])
    c.end("a", head)
    c.close("a")
    c.sent()
    held, running = [(0, run.runs[0], "a", 8), (99, 3, "gone", 8)], [(1, run.runs[1], "b", 8)]
    c.add("a", held=held, running=running)
    sent = c.sent()
    answer = one([m for _, m in sent if type(m) is Reconcile])
    assert answer.keep == [(0, 0)]
    [(position, number, _)] = answer.go_on
    assert (position, number) == (0, 1)
    assert not [m for _, m in sent if type(m) is Run]


def test_of_what_a_worker_holds_twice_one_is_kept():
    c = Cluster("a")
    c.submit([()], [0])
    _, run = one(c.sent(Run))
    c.end("a", run)
    for held, scheduler, keep in (
        ([(7, 1, "a", 8), (8, 2, "a", 8)], "scheduler", [(0, 0)]),
        ([(7, 1, "a", 8), (0, 2, "a", 8)], "scheduler", [(1, 0)]),
        ([(7, 1, "a", 8), (0, 2, "b", 8)], "scheduler", [(0, 0)]),
        # What another scheduler called so says nothing.
        ([(7, 1, "a", 8), (0, 2, "a", 8)], "another", [(0, 0)]),
    ):
        c.close("a")
        c.sent()
        c.add("a", held=held, scheduler=scheduler)
        answer = one([m for _, m in c.sent() if type(m) is Reconcile])
        assert answer.keep == keep


def test_resources_are_taken_and_given_back():
    c = Cluster("a", threads=4, resources={"gpu": 1.0})
    c.submit([(), ()], [0, 1], Options(resources={"gpu": 1.0}))
    _, run = one(c.sent(Run))
    assert run.keys == ["a"]
    c.end("a", run)
    assert one(c.sent(Run))[1].keys == ["b"]


def test_a_task_that_no_worker_may_run_waits_for_one_and_says_so():
    c = Cluster("a")
    c.submit([()], [0], Options(workers=["b"]))
    assert c.sent(Run) == []
    c.hear(CLIENT, Call(1, "scheduler.explain", {"key": "a"}))
    why = c.sent()[0][1].value["why"]
    assert why == "no worker that is there and running satisfies workers=['b']"
    c.add("b")
    assert one(c.sent(Run))[0] == "b"


def test_spare_tasks_are_asked_back_for_an_idle_worker():
    c = Cluster("a")
    c.submit([(), ()], [0, 1])
    _, run = one(c.sent(Run))
    assert run.keys == ["a", "b"]
    c.add("b")
    assert c.sent(GiveBack) == []
    effects = [e for e in c.later(0.1) if type(e) is Send]
    assert [e.message for e in effects] == [GiveBack([run.ids[1]], [run.runs[1]])]
    c.hear("a", Report([], [], [], [], [], [], [], returned=[(run.ids[1], run.runs[1])]))
    assert one(c.sent(Run))[0] == "b"


def test_a_worker_that_had_begun_what_it_was_asked_for_is_asked_again():
    c = Cluster("a")
    c.submit([(), ()], [0, 1])
    _, run = one(c.sent(Run))
    c.add("b")
    c.sent()
    assert any(type(e.message) is GiveBack for e in c.later(0.1) if type(e) is Send)
    c.end("a", run)  # it had begun both
    c.close("b")
    c.drain()
    c.submit([(), ()], [0, 1], keys="cd")
    _, run = one(c.sent(Run))
    c.add("c")
    c.sent()
    effects = [e for e in c.later(0.1) if type(e) is Send]
    assert [e.message for e in effects] == [GiveBack([run.ids[1]], [run.runs[1]])]
    assert list(c.state.workers[0].wanted_back) == [run.runs[1]]


def test_a_seceded_task_is_not_asked_back():
    c = Cluster("a")
    c.submit([(), ()], [0, 1])
    _, run = one(c.sent(Run))
    c.hear("a", Report([], [], [], [], [], [], [], seceded=[(run.ids[1], run.runs[1])]))
    c.submit([()], [0], Options(priority=1), keys="c")
    assert one(c.sent(Run))[1].keys == ["c"]
    c.add("b")
    c.sent()
    effects = [e for e in c.later(0.1) if type(e) is Send]
    assert [e.message for e in effects] == [GiveBack([run.ids[0]], [run.runs[0]])]


def test_a_retiring_worker_hands_over_what_only_it_holds():
    c = Cluster("a", "b")
    c.submit([()], [0])
    who, run = one(c.sent(Run))
    c.end(who, run)
    c.sent()
    c.hear(CLIENT, Call(7, "workers.retire", {"workers": [who]}))
    other, fetch = one(c.sent())
    assert fetch.ids == run.ids and other != who
    c.hear(other, Report([], [], [], [], [], [], [], added=run.ids, added_nbytes=[8]))
    assert [type(m) for w, m in c.sent() if w == who] == [Goodbye]
    c.close(who)
    sent = c.sent()
    assert not [m for _, m in sent if type(m) is Finished]


def test_workers_that_come_back_retire_in_turn_and_lose_nothing():
    c = Cluster("a", "b")
    c.submit([(), ()], [0, 1])
    ran = dict(c.sent(Run))
    for who, run in ran.items():
        c.end(who, run)
    c.sent()
    retire = {"returns": True}
    c.hear(CLIENT, Call(7, "workers.retire", {"workers": ["a"], **retire}))
    c.hear(CLIENT, Call(8, "workers.retire", {"workers": ["b"], **retire}))
    # The one that can be rid of what it holds first goes first, and the other waits for it.
    c.sent()
    c.hear("b", Report([], [], [], [], [], [], [], added=ran["a"].ids, added_nbytes=[8]))
    assert [w for w, m in c.sent() if type(m) is Goodbye] == ["a"]
    c.close("a")
    assert not [m for _, m in c.sent() if type(m) in (Finished, Goodbye, Run)]
    c.add("a")
    fetched = [m for w, m in c.sent() if w == "a" and type(m) is Fetch]
    assert sorted(n for m in fetched for n in m.ids) == sorted([*ran["a"].ids, *ran["b"].ids])
    both = [*ran["a"].ids, *ran["b"].ids]
    c.hear("a", Report([], [], [], [], [], [], [], added=both, added_nbytes=[8, 8]))
    assert [w for w, m in c.sent() if type(m) is Goodbye] == ["b"]
    c.close("b")
    assert not [m for _, m in c.sent() if type(m) in (Finished, Run)]


def test_who_does_not_come_back_holds_up_nobody_for_ever():
    c = Cluster("a", "b")
    retire = [
        Call(7 + i, "workers.retire", {"workers": [n], "returns": True})
        for i, n in enumerate("abc")
    ]
    c.hear(CLIENT, retire[0])
    c.hear(CLIENT, retire[1])
    [gone] = [w for w, m in c.sent() if type(m) is Goodbye]
    c.close(gone)
    assert not c.sent(Goodbye)
    c.add("c")  # in the place of the one that has gone
    [last] = {"a", "b"} - {gone}
    assert [w for w, _ in c.sent(Goodbye)] == [last]
    c.close(last)
    c.add(last)
    c.close(last)
    c.hear(CLIENT, retire[2])
    assert [w for w, _ in c.sent(Goodbye)] == ["c"]


def test_the_last_worker_goes_though_nobody_takes_what_it_holds():
    c = Cluster("a")
    c.submit([()], [0])
    c.end(*one(c.sent(Run)))
    c.sent()
    c.hear(CLIENT, Call(7, "workers.retire", {"workers": ["a"], "returns": True}))
    assert [type(m) for w, m in c.sent() if w == "a"] == [Goodbye]


@pytest.mark.parametrize("is_away", [False, True], ids=["", "has given up its slot"])
def test_a_slow_run_gets_a_twin_and_the_first_report_wins(is_away):
    c = Cluster("a", "b", settings=Settings(silence_s=0.0, drop_delay_s=0.0, speculate=2.0))
    c.submit([(), ()], [0, 1], Options(speculative=True))
    for who, run in c.sent(Run):
        if run.keys == ["b"]:
            c.end(who, run, 0.1)
        else:
            slow, first = who, run
    c.drain()
    sent = [(e.party, e.message) for e in c.later(1.0) if type(e) is Send]
    [(party, second)] = [(p, m) for p, m in sent if type(m) is Run]
    assert second.ids == first.ids and second.runs != first.runs
    fast = next(n for n, p in c.party.items() if p == party)
    assert fast != slow
    if is_away:
        gone = [(first.ids[0], first.runs[0])]
        c.hear(slow, Report([], [], [], [], [], [], [], seceded=gone))
    c.end(fast, second)
    told = c.sent()
    assert (slow, CancelRuns(first.ids, first.runs, "another run of it was faster")) in told
    assert [m.keys for _, m in told if type(m) is Finished] == [["a"]]


def test_what_runs_alone_gets_no_twin():
    settings = Settings(silence_s=0.0, drop_delay_s=0.0, speculate=2.0)
    c = Cluster("a", "b", settings=settings)
    c.submit([()], [0], Options(speculative=True))
    who, _ = one(c.sent(Run))
    c.close(who)
    who, run = one(c.sent(Run))
    c.add("c")
    c.sent()
    assert not [e for e in c.later(1.0) if type(e) is Send and type(e.message) is Run]
    c.end(who, run)
    assert [m.keys for _, m in c.sent(Finished)] == [["a"]]


def test_what_waits_to_run_alone_begins_when_a_twin_was_given_back():
    c = Cluster("a", "b", settings=Settings(silence_s=0.0, drop_delay_s=0.0, speculate=2.0))
    c.submit([()], [0], Options(speculative=True))
    slow, _ = one(c.sent(Run))
    c.drain()
    [second] = [e.message for e in c.later(1.0) if type(e) is Send and type(e.message) is Run]
    [other] = {"a", "b"} - {slow}
    c.add("w")
    c.submit([()], [0], Options(workers=["w", other]), keys="z")
    died, run = one(c.sent(Run))
    assert (died, run.keys) == ("w", ["z"])
    c.close("w")  # what it ran is to run alone, where the twin runs
    assert not c.sent(Run)
    columns = [], [], [], [], [], [], []
    c.hear(other, Report(*columns, returned=[(second.ids[0], second.runs[0])]))
    assert [(w, m.keys) for w, m in c.sent(Run)] == [(other, ["z"])]


def test_a_seceded_run_leaves_its_slot_to_others():
    c = Cluster("a")
    c.submit([()] * 4, [0, 1, 2, 3])
    _, run = one(c.sent(Run))
    assert run.keys == ["a", "b"]
    c.hear("a", Report([], [], [], [], [], [], [], seceded=[(run.ids[0], run.runs[0])]))
    assert one(c.sent(Run))[1].keys == ["c"]


@pytest.mark.parametrize("how", ["ends", "fails", "is given back"])
def test_what_is_to_run_alone_begins_when_a_cancelled_run_is_over(how):
    c = Cluster("a", "b", threads=2)
    c.submit([(), (), ()], [0, 1, 2])
    runs = c.sent(Run)
    [(a, first)] = [(who, run) for who, run in runs if len(run.ids) == 2]
    [(b, _)] = [(who, run) for who, run in runs if len(run.ids) == 1]
    c.close(b)  # its task is to run alone
    [there] = [key for key in "abc" if c.state.table.states[find(c.state.names, key)] == READY]
    c.hear(CLIENT, Cancel([key for key in "abc" if key != there]))
    assert not c.sent(Run)
    if how == "ends":
        c.end(a, first)
    elif how == "fails":
        c.fail(a, first)
    else:
        columns = [], [], [], [], [], [], []
        c.hear(a, Report(*columns, returned=list(zip(first.ids, first.runs))))
    assert one(c.sent(Run))[1].keys == [there]


def test_what_runs_alone_and_waits_for_its_own_tasks_does_not_wait_for_ever():
    """After the death of a worker its tasks run alone; one that has seceded lets others run."""

    def secede(who, run):
        gone = [(run.ids[0], run.runs[0])]
        c.hear(who, Report([], [], [], [], [], [], [], seceded=gone))

    c = Cluster("w0", settings=dataclasses.replace(QUIET, allowed_failures=9))
    c.submit([()], [0], keys="p")
    for turn in range(2):
        who, run = one(c.sent(Run))
        assert run.keys == ["p"]
        secede(who, run)
        if not turn:
            c.submit([()], [0], keys="c")
        _, inner = one(c.sent(Run))
        assert inner.keys == ["c"]
        if not turn:
            c.close(who)
            c.add("w1")
    c.end(who, inner)
    c.end(who, run)
    assert [m.keys for _, m in c.sent(Finished)] == [["c", "p"]]


def test_a_lone_client_that_goes_takes_its_tasks_along():
    c = Cluster("a", settings=Settings(silence_s=0.0, client_grace_s=10.0))
    c.submit([()], [0])
    _, run = one(c.sent(Run))
    closed(c.state, CLIENT, "", c.now)
    assert c.later(1.0) == [] and len(c.state.table) == 1 and due(c.state) == 10.0
    sent = [e.message for e in c.later(9.0) if type(e) is Send]
    assert CancelRuns(run.ids, run.runs, "its client is gone") in sent
    assert len(c.state.table) == 0


@pytest.mark.parametrize("limit, count", [(0, 4), (1000, 3)])
def test_sources_are_held_back_by_bytes(limit, count):
    """Results of 400 bytes are expected: beyond 600 of 1000 bytes, a worker gets no more."""
    settings = Settings(silence_s=0.0, unknown_bytes=400, spare=3, target=0.6)
    c = Cluster(settings=settings)
    m = Register("a", "inproc://a", 1, limit, {}, {}, "host", 1)
    c.party["a"] = 10
    c.connect(10, "worker", m)
    c.drain()
    c.submit([(), (0,)], [1])
    _, run = one(c.sent(Run))
    c.end("a", run)
    # The dependent is active now, so memory may still come free.
    c.submit([()] * 8, list(range(8)), keys="klmnopqr")
    keys = [k for _, m in c.sent(Run) for k in m.keys]
    assert keys[0] == "b"
    assert len(keys) == count


def test_a_worker_that_another_cannot_reach_gets_no_work_for_a_while():
    c = Cluster("w", "v")
    preferred = Options(tasks=[0], workers=["w"], allow_other_workers=True)
    c.submit([(), (0,)], [1], preferred, Options(tasks=[1], workers=["v"]))
    [(who, run)] = c.sent(Run)
    assert who == "w"
    c.hear("w", Report(run.ids, run.runs, [8], [0], [0.1], [None], ["int"], [5.0]))
    [(who, reader)] = c.sent(Run)
    assert (who, reader.remote) == ("v", run.ids)
    there = next(w.number for w in c.state.workers.values() if w.name == "w")
    cut = Report([], [], [], [], [], [], [], missing=[(run.ids[0], there)], unreached=[there])
    cut.returned = [(reader.ids[0], reader.runs[0])]
    c.hear("v", cut)
    # It is made where it is needed, although the user would rather have it elsewhere.
    [(who, again)] = c.sent(Run)
    assert (who, again.ids) == ("v", run.ids)
    # Who accuses in turn is not believed: somebody has to work.
    other = next(w.number for w in c.state.workers.values() if w.name == "v")
    c.hear("w", Report([], [], [], [], [], [], [], unreached=[other]))
    assert {w.name: w.status for w in c.state.workers.values()} == {
        "w": "unreached",
        "v": "running",
    }
    c.later(c.state.settings.unreached_s)
    assert {w.status for w in c.state.workers.values()} == {"running"}


@pytest.mark.parametrize("much", [0.0, -1.0, float("nan")])
def test_amounts_that_cannot_be_taken_are_none(much):
    c = Cluster("a", resources={"GPU": 1})
    c.submit([(), ()], [0, 1], Options(resources={"GPU": much, "FPGA": much}))
    who, run = one(c.sent(Run))
    c.end(who, run)
    assert one(c.sent(Finished))[1].keys == ["a", "b"]
    [worker] = c.state.workers.values()
    assert worker.free == {"GPU": 1}


@pytest.mark.parametrize("priority", [float("inf"), -float("inf"), float("nan"), 1e300])
def test_any_number_is_a_priority(priority):
    c = Cluster("a")
    c.submit([()], [0], Options(priority=priority))
    assert one(c.sent(Run))[1].keys == ["a"]
