"""The calls that the scheduler answers: coordination, names, information, calls passed on."""

from __future__ import annotations

import pytest

from shoal.distributed.core.effects import Send
from shoal.distributed.core.scheduler import (
    Scheduler,
    Settings,
    closed,
    connected,
    drain,
    received,
    tick,
)
from shoal.distributed.core.scheduler.explain import explain
from shoal.distributed.core.scheduler.table import Table
from shoal.distributed.core.scheduler.ticking import fence
from shoal.distributed.core.scheduler.transitions import Checked
from shoal.distributed.core.scheduler.validate import validate
from shoal.distributed.protocol import (
    Answer,
    Beat,
    Call,
    Cancel,
    Code,
    Finished,
    Goodbye,
    Heard,
    Hello,
    Listed,
    Options,
    Register,
    Release,
    Report,
    Run,
    Submit,
    Subscribe,
    Topic,
)

ME, YOU, A, B = 1, 2, 10, 11


@pytest.fixture
def state():
    state = Scheduler(
        Settings(drop_delay_s=0.0, silence_s=0.0, client_grace_s=0.0), table=Table(Checked)
    )
    for party, name in ((ME, "me"), (YOU, "you")):
        connected(state, party, "client", 0.0)
        received(state, party, Hello(name, {}), (), 0.0)
    for party, name in ((A, "a"), (B, "b")):
        connected(state, party, "worker", 0.0)
        told = Register(name, f"inproc://{name}", 1, 0, {}, {}, "host", 1)
        received(state, party, told, (), 0.0)
    drain(state, 0.0)
    return state


def sent(state, now=0.0):
    """[(party, message)]."""
    validate(state)
    said = [(e.party, e.message) for e in drain(state, now) if type(e) is Send]
    return [(party, message) for party, message in said if type(message) is not Heard]


def ask(state, party, method, /, now=0.0, **args):
    """The answer that a call gets at once; None for none, an error raised."""
    received(state, party, Call(7, method, args), (), now)
    answers = [m for p, m in sent(state, now) if p == party and type(m) is Answer]
    if not answers:
        return "later"
    [answer] = answers
    if answer.error is not None:
        raise RuntimeError(*answer.error)
    return answer.value


def compute(state, key):
    """A result of this name, wanted by ME."""
    m = Submit([Listed([key])], [Code(b"f", b"f")], [0], [b""], [()], [], [0], [0])
    received(state, ME, m, (), 0.0)
    [(party, run)] = [(p, m) for p, m in sent(state) if type(m) is Run]
    received(
        state, party, Report(run.ids, run.runs, [8], [0], [0.1], [None], ["int"], [5.0]), (), 0.0
    )
    sent(state)


def test_a_lock_goes_from_one_to_the_next(state):
    assert ask(state, ME, "lock.acquire", name="x", id="1") is True
    assert ask(state, YOU, "lock.acquire", name="x", id="2", timeout_s=0) is False
    assert ask(state, YOU, "lock.acquire", name="x", id="3") == "later"
    assert ask(state, ME, "lock.locked", name="x") is True
    received(state, ME, Call(8, "lock.release", {"name": "x", "id": "1"}), (), 0.0)
    assert sent(state) == [(YOU, Answer(7, True)), (ME, Answer(8, True))]
    with pytest.raises(RuntimeError, match="not held"):
        ask(state, ME, "lock.release", name="x", id="1")


def test_a_lock_is_given_back_by_whoever_is_gone(state):
    ask(state, ME, "lock.acquire", name="x", id="1")
    assert ask(state, YOU, "lock.acquire", name="x", id="2") == "later"
    received(state, ME, Goodbye(), (), 0.0)
    assert (YOU, Answer(7, True)) in sent(state)


def test_several_locks_are_taken_together_or_not_at_all(state):
    assert ask(state, ME, "multilock.acquire", names=["a", "b"], id="1") is True
    assert ask(state, YOU, "multilock.acquire", names=["b", "c"], id="2") == "later"
    assert ask(state, ME, "lock.locked", name="c") is False
    assert ask(state, ME, "multilock.acquire", names=["b", "c"], id="3", count=1) is True
    received(state, ME, Call(8, "multilock.release", {"names": ["a", "b"], "id": "1"}), (), 0.0)
    assert sent(state) == [(ME, Answer(8, True))]
    received(state, ME, Call(8, "multilock.release", {"names": ["b", "c"], "id": "3"}), (), 0.0)
    assert (YOU, Answer(7, True)) in sent(state)


def test_waiting_ends_in_time(state):
    ask(state, ME, "lock.acquire", name="x", id="1")
    assert ask(state, YOU, "lock.acquire", name="x", id="2", timeout_s=3) == "later"
    tick(state, 2.9)
    assert sent(state, 2.9) == []
    tick(state, 3.0)
    assert sent(state, 3.0) == [(YOU, Answer(7, False))]
    received(state, ME, Call(8, "lock.release", {"name": "x", "id": "1"}), (), 4.0)
    assert sent(state, 4.0) == [(ME, Answer(8, True))]


def test_a_semaphore_has_so_many_leases(state):
    assert ask(state, ME, "semaphore.create", name="s", max_leases=2) == 2
    assert ask(state, ME, "semaphore.acquire", name="s", id="1") is True
    assert ask(state, ME, "semaphore.acquire", name="s", id="2") is True
    assert ask(state, YOU, "semaphore.acquire", name="s", id="3") == "later"
    assert ask(state, ME, "semaphore.value", name="s") == 2
    received(state, ME, Call(8, "semaphore.release", {"name": "s", "id": "1"}), (), 0.0)
    assert sent(state) == [(YOU, Answer(7, True)), (ME, Answer(8, True))]
    assert ask(state, ME, "semaphore.refresh", name="s", ids=["1", "2"]) == ["2"]
    closed(state, YOU, "", 0.0)
    assert ask(state, ME, "semaphore.value", name="s") == 1
    ask(state, ME, "semaphore.close", name="s")
    with pytest.raises(RuntimeError, match="no semaphore 's'"):
        ask(state, ME, "semaphore.value", name="s")


def test_an_event_wakes_all_who_wait(state):
    assert ask(state, ME, "event.wait", name="e") == "later"
    assert ask(state, YOU, "event.wait", name="e", timeout_s=0) is False
    received(state, YOU, Call(8, "event.set", {"name": "e"}), (), 0.0)
    assert sent(state) == [(ME, Answer(7, True)), (YOU, Answer(8, None))]
    assert ask(state, ME, "event.is_set", name="e") is True
    ask(state, ME, "event.clear", name="e")
    assert ask(state, ME, "event.is_set", name="e") is False


def test_a_queue_passes_values_in_order(state):
    ask(state, ME, "queue.create", name="q", maxsize=2)
    ask(state, ME, "queue.put", name="q", item=["value", 1])
    ask(state, ME, "queue.put", name="q", item=["value", 2])
    assert ask(state, ME, "queue.put", name="q", item=["value", 3]) == "later"
    received(state, YOU, Call(8, "queue.get", {"name": "q"}), (), 0.0)
    assert sent(state) == [(ME, Answer(7, None)), (YOU, Answer(8, ["value", 1]))]
    assert ask(state, YOU, "queue.get", name="q", batch=0) == [["value", 2], ["value", 3]]
    assert ask(state, YOU, "queue.get", name="q") == "later"
    received(state, ME, Call(8, "queue.put", {"name": "q", "item": ["value", 4]}), (), 0.0)
    assert (YOU, Answer(7, ["value", 4])) in sent(state)
    assert ask(state, ME, "queue.size", name="q") == 0


def test_a_future_in_a_queue_is_kept_and_handed_over(state):
    compute(state, "x")
    ask(state, ME, "queue.put", name="q", item=["future", "x"])
    received(state, ME, Release(["x"]), (), 0.0)
    assert sent(state) == [] and len(state.table) == 1
    received(state, YOU, Call(8, "queue.get", {"name": "q"}), (), 0.0)
    told = sent(state)
    assert [m.keys for p, m in told if p == YOU and type(m) is Finished] == [["x"]]
    assert len(state.table) == 1
    received(state, YOU, Release(["x"]), (), 0.0)
    sent(state)
    assert len(state.table) == 0 and len(state.clients) == 2


def test_futures_inside_of_a_value_are_kept_and_handed_over(state):
    for key in "xy":
        compute(state, key)
    item = ["value", b"two of them", ["x", "y"]]
    ask(state, ME, "queue.put", name="q", item=item)
    received(state, ME, Release(["x", "y"]), (), 0.0)
    sent(state)
    assert keys_known(state) == ["x", "y"]
    assert ask(state, YOU, "queue.get", name="q", id=1) == item
    assert keys_known(state) == ["x", "y"]
    with pytest.raises(RuntimeError, match="'gone' is not known"):
        ask(state, YOU, "variable.set", name="v", item=["value", b"", ["x", "gone"]])
    received(state, YOU, Release(["x", "y"]), (), 0.0)
    sent(state)
    assert keys_known(state) == []


def test_a_future_stays_whose_last_holder_is_given_another_one_meanwhile(state):
    compute(state, "x")
    ask(state, ME, "queue.put", name="q", item=["future", "x"])
    ask(state, ME, "queue.get", name="q")
    received(state, ME, Release(["x"], heard=1), (), 0.0)  # said before the answer had come
    sent(state)
    assert len(state.table) == 1
    received(state, ME, Release(["x"], heard=2), (), 0.0)
    sent(state)
    assert len(state.table) == 0


@pytest.mark.parametrize("how", ["refused", "late", "gone", "closed"])
def test_a_future_that_found_no_room_is_let_go(state, how):
    compute(state, "x")
    ask(state, YOU, "queue.create", name="q", maxsize=1)
    ask(state, YOU, "queue.put", name="q", item=["value", 1])
    if how == "refused":
        with pytest.raises(RuntimeError, match="is full"):
            ask(state, ME, "queue.put", name="q", item=["future", "x"], timeout_s=0)
    else:
        assert ask(state, ME, "queue.put", name="q", item=["future", "x"], timeout_s=5) == "later"
    received(state, ME, Release(["x"]), (), 0.0)
    sent(state)
    assert len(state.table) == (how != "refused")
    if how == "late":
        tick(state, 6.0)
    elif how == "gone":
        received(state, ME, Goodbye(), (), 0.0)
        closed(state, ME, "", 0.0)
    elif how == "closed":
        ask(state, YOU, "queue.close", name="q")
    sent(state, 7.0)
    assert len(state.table) == 0 and "queue q" not in state.by_name


def test_more_may_be_taken_at_once_than_there_is_room_for(state):
    ask(state, ME, "queue.create", name="q", maxsize=2)
    for number in range(4):
        request = Call(10 + number, "queue.put", {"name": "q", "item": ["value", number]})
        received(state, ME, request, (), 0.0)
    sent(state)
    received(state, YOU, Call(8, "queue.get", {"name": "q", "batch": 5}), (), 0.0)
    assert [m.request for _, m in sent(state)] == [12, 13]
    received(state, ME, Call(14, "queue.put", {"name": "q", "item": ["value", 4]}), (), 0.0)
    values = [["value", number] for number in range(5)]
    assert (YOU, Answer(8, values)) in sent(state)
    for number in range(2):
        assert ask(state, ME, "queue.put", name="q", item=["value", number]) is None
    assert ask(state, ME, "queue.put", name="q", item=["value", 2]) == "later"


@pytest.mark.parametrize(
    ("method", "more"),
    [("queue.get", {}), ("event.wait", {}), ("variable.get", {}), ("lock.acquire", {"id": "me"})],
)
def test_who_asks_again_and_again_does_not_fill_the_line(state, method, more):
    ask(state, YOU, "lock.acquire", name="x", id="you")
    assert ask(state, YOU, method, name="x", **more) == "later"
    for now in range(300):
        received(state, ME, Call(7, method, {"name": "x", "timeout_s": 0.5, **more}), (), now)
        tick(state, now + 0.75)
        assert [m.request for _, m in sent(state, now + 0.75)] == [7]
    machines = state.machines
    line = {
        "queue.get": lambda: machines["queues"]["x"].getters,
        "event.wait": lambda: machines["flag lines"]["x"],
        "variable.get": lambda: machines["variables"]["x"].line,
        "lock.acquire": lambda: machines["locks"].line,
    }[method]()
    assert len(line) <= 4 and [w.party for w in line if not w.done] == [YOU]


def test_a_variable_waits_to_be_set(state):
    assert ask(state, YOU, "variable.get", name="v") == "later"
    received(state, ME, Call(8, "variable.set", {"name": "v", "item": ["value", 1]}), (), 0.0)
    assert sent(state) == [(YOU, Answer(7, ["value", 1])), (ME, Answer(8, None))]
    assert ask(state, YOU, "variable.get", name="v") == ["value", 1]
    ask(state, ME, "variable.delete", name="v")
    with pytest.raises(RuntimeError, match="has not been set"):
        ask(state, YOU, "variable.get", name="v", timeout_s=0)


def test_a_dataset_outlives_who_published_it(state):
    compute(state, "x")
    ask(state, ME, "datasets.publish", name="d", keys=["x"], data=b"recipe")
    with pytest.raises(RuntimeError, match="published already"):
        ask(state, ME, "datasets.publish", name="d", keys=["x"], data=b"")
    received(state, ME, Goodbye(), (), 0.0)
    sent(state)
    assert len(state.table) == 1
    assert ask(state, YOU, "datasets.get", name="d") == {"keys": ["x"], "data": b"recipe"}
    assert ask(state, YOU, "datasets.list") == ["d"]
    ask(state, YOU, "datasets.unpublish", name="d")
    assert len(state.table) == 1
    received(state, YOU, Release(["x"]), (), 0.0)
    sent(state)
    assert len(state.table) == 0


def keys_known(state):
    return sorted(state.names.rows)


def test_what_a_result_refers_to_stays_as_long_as_the_result(state):
    for key in ("inner", "outer", "other"):
        compute(state, key)
    add = {"holders": ["outer", "other", "nobody"], "keys": ["inner", "gone"]}
    for _ in range(2):
        received(state, ME, Call(0, "references.add", add), (), 0.0)
    alone = {"holders": ["outer"], "keys": ["inner"]}
    received(state, ME, Call(0, "references.add", alone), (), 0.0)
    received(state, ME, Release(["inner"]), (), 0.0)
    sent(state)
    assert keys_known(state) == ["inner", "other", "outer"]
    received(state, ME, Release(["outer"]), (), 0.0)
    sent(state)
    assert keys_known(state) == ["inner", "other"]
    received(state, ME, Release(["other"]), (), 0.0)
    sent(state)
    sent(state)
    assert not len(state.table) and not state.references
    assert {client.name for client in state.clients.values()} == {"me", "you"}


def test_a_chain_of_references_goes_at_once(state):
    for key in ("a", "b", "c"):
        compute(state, key)
    for holder, key in (("a", "b"), ("b", "c"), ("c", "c")):
        args = {"holders": [holder], "keys": [key]}
        received(state, ME, Call(0, "references.add", args), (), 0.0)
    received(state, ME, Release(["b", "c"]), (), 0.0)
    sent(state)
    assert keys_known(state) == ["a", "b", "c"]
    received(state, ME, Release(["a"]), (), 0.0)
    sent(state)
    assert not len(state.table)


def test_what_is_only_referred_to_can_be_cancelled(state):
    compute(state, "outer")
    m = Submit([Listed(["inner"])], [Code(b"f", b"f")], [0], [b""], [()], [], [0], [0])
    received(state, ME, m, (), 0.0)
    add = {"holders": ["outer"], "keys": ["inner"]}
    received(state, ME, Call(0, "references.add", add), (), 0.0)
    sent(state)
    received(state, ME, Cancel(["inner"]), (), 0.0)
    sent(state)
    assert keys_known(state) == ["outer"]
    received(state, ME, Release(["outer"]), (), 0.0)
    sent(state)
    assert not len(state.table) and not state.machines["references"]


def test_metadata_is_a_tree(state):
    ask(state, ME, "metadata.set", keys=["a", "b"], value=1)
    assert ask(state, YOU, "metadata.get", keys=["a"]) == {"b": 1}
    with pytest.raises(RuntimeError, match="no metadata"):
        ask(state, YOU, "metadata.get", keys=["a", "c"])


def test_events_are_kept_and_told(state):
    received(state, YOU, Subscribe("news"), (), 0.0)
    received(state, ME, Call(0, "events.log", {"topic": "news", "value": 1}), (), 1.5)
    assert sent(state) == [(YOU, Topic("news", [(1.5, 1)]))]
    assert ask(state, ME, "events.get", topic="news") == [(1.5, 1)]
    received(state, YOU, Subscribe("pubsub-p"), (), 0.0)
    received(state, ME, Call(0, "pubsub.publish", {"name": "p", "value": 2}), (), 2.0)
    assert sent(state) == [(YOU, Topic("pubsub-p", [(2.0, 2)]))]


def test_what_a_task_prints_goes_to_those_who_asked_for_it(state):
    codes = [Code(b"f", b"f")] * 2
    both = Submit([Listed(["x", "y"])], codes, [0, 1], [b""] * 2, [(), (0,)], [], [0, 1], [1])
    received(state, ME, both, (), 0.0)
    said = [["x", "stdout", "hello\n"], ["gone", "stdout", "who?\n"]]
    call = Call(0, "tasks.printed", {"said": said, "places": {}})
    sent(state)
    received(state, A, call, (), 1.5)
    assert sent(state) == []  # nobody wants to hear it
    for party in (ME, YOU):
        received(state, party, Subscribe("printed"), (), 0.0)
    received(state, A, call, (), 1.5)
    # Not the task itself is wanted, but what needs it.
    assert sent(state) == [(ME, Topic("printed", [(1.5, {"said": said[:1], "places": {}})]))]
    received(state, YOU, Submit([Listed(["x"])], codes, [0], [b""], [()], [], [0], [0]), (), 0.0)
    received(state, A, call, (), 1.5)
    assert sorted(party for party, _ in sent(state)) == [ME, YOU]


def test_calls_are_passed_on_and_their_answers_gathered(state):
    received(state, ME, Call(7, "worker.call", {"method": "versions", "args": {}}), (), 0.0)
    asked = sent(state)
    assert [p for p, _ in asked] == [A, B]
    assert all(m.method == "versions" for _, m in asked)
    received(state, A, Answer(asked[0][1].request, "1"), (), 0.0)
    assert sent(state) == []
    received(state, B, Answer(asked[1][1].request, "2"), (), 0.0)
    assert sent(state) == [(ME, Answer(7, {"inproc://a": "1", "inproc://b": "2"}))]


def test_nobody_is_asked_where_one_of_the_names_is_nobodys(state):
    args = {"method": "run", "args": {}, "workers": ["inproc://a", "nobody"], "all_there": True}
    received(state, ME, Call(7, "worker.call", args), (), 0.0)
    [(party, answer)] = sent(state)
    assert party == ME and answer.error[0] == "ValueError"
    assert answer.error[1].startswith(
        "no worker has the name 'nobody'; there are: a (inproc://a), b"
    )


def test_a_worker_that_goes_while_it_is_asked_is_an_error(state):
    args = {"method": "run", "args": {}, "on_error": "return", "workers": ["inproc://a"]}
    received(state, ME, Call(7, "worker.call", args), (), 0.0)
    sent(state)
    closed(state, A, "", 0.0)
    [answer] = [m for p, m in sent(state) if p == ME]
    assert answer.value == {"inproc://a": {"error": ["ConnectionError", "inproc://a is gone"]}}


@pytest.mark.parametrize("method", ["plugin.register", "plugin.unregister", "workers.upload_file"])
def test_a_worker_that_goes_while_it_is_set_up_is_none_of_those_that_are(state, method):
    args = {"name": "x", "kind": "worker", "data": b""}
    if method == "plugin.unregister":
        received(state, ME, Call(0, "plugin.register", args), (), 0.0)
        sent(state)
    received(state, ME, Call(7, method, args), (), 0.0)
    [number] = [m.request for p, m in sent(state) if p == B]
    closed(state, A, "", 0.0)
    received(state, B, Answer(number, None, ("ValueError", "no")), (), 0.0)
    [answer] = [m for p, m in sent(state) if p == ME]
    assert answer.value == {"inproc://b": {"error": ["ValueError", "no"]}}


def test_a_worker_that_connects_again_keeps_its_plugins(state):
    args = {"name": "p", "kind": "worker", "data": b"plugin"}
    received(state, ME, Call(7, "plugin.register", args), (), 0.0)
    sent(state)
    closed(state, A, "cut", 0.0)
    connected(state, 20, "worker", 0.0)
    received(state, 20, Register("a", "inproc://a", 1, 0, {}, {}, "host", 1), (), 0.0)
    [call] = [m for p, m in sent(state) if p == 20 and type(m) is Call]
    assert call.method == "plugin.setup" and call.args["idempotent"]


def test_plugins_reach_workers_that_come_later(state):
    args = {"name": "p", "kind": "worker", "data": b"plugin"}
    received(state, ME, Call(7, "plugin.register", args), (), 0.0)
    assert len(sent(state)) == 2
    connected(state, 12, "worker", 0.0)
    received(state, 12, Register("c", "inproc://c", 1, 0, {}, {}, "host", 1), (), 0.0)
    assert [m.method for p, m in sent(state) if type(m) is Call] == ["plugin.setup"]


def test_what_there_is(state):
    compute(state, "x-1")
    assert ask(state, ME, "scheduler.nthreads") == {"inproc://a": 1, "inproc://b": 1}
    assert ask(state, ME, "scheduler.who_has") == [["x-1", ["inproc://a"]]]
    assert ask(state, ME, "scheduler.has_what") == {"inproc://a": ["x-1"], "inproc://b": []}
    assert ask(state, ME, "scheduler.nbytes", keys=None, summary=True) == {"x": 8}
    assert ask(state, ME, "scheduler.counts")["x"]["states"] == {"memory": 1}
    assert ask(state, ME, "scheduler.processing") == {"inproc://a": [], "inproc://b": []}
    [run] = ask(state, ME, "scheduler.task_stream")
    assert (run["key"], run["worker"], run["startstops"][0]["start"]) == ("x-1", "inproc://a", 5.0)
    told = ask(state, ME, "scheduler.explain", key="x-1")
    assert told["why"] == "its result is on a"
    assert [what for _, what, _ in told["story"]] == ["submitted", "sent", "ended"]
    assert ask(state, ME, "scheduler.demand")["ready"] == 0
    assert "x-1" in ask(state, ME, "scheduler.dump_state")["tasks"]


@pytest.mark.parametrize(
    ("managed", "said"),
    [
        (0, "of which 0 B by results, the rest by the interpreter and what libraries keep; raise"),
        (100 << 20, "of which 100.00 MiB by results; let go of results or raise memory_limit"),
    ],
)
def test_why_says_that_workers_are_paused_and_by_what(state, managed, said):
    for party in (A, B):
        received(state, party, Goodbye(), (), 0.0)
    connected(state, 12, "worker", 0.0)
    told = Register("c", "inproc://c", 1, 150 << 20, {}, {}, "host", 1)
    received(state, 12, told, (), 0.0)
    submit = Submit([Listed(["x"])], [Code(b"f", b"f")], [0], [b""], [()], [], [0], [0])
    received(state, ME, submit, (), 0.0)
    sent(state)
    paused = Beat("paused", managed, 0, 120 << 20, 0.0, 0, 1, 0)
    received(state, 12, paused, (), 1.0)
    sent(state)
    numbers = f"worker c is paused: 120.00 MiB of 150.00 MiB are used, {said}"
    why = explain(state, "x", 1.0)["why"]
    assert "it was sent to c 1 s ago" in why and numbers in why
    row = submit.names[0].keys[0]
    received(state, 12, Report([], [], [], [], [], [], [], returned=returned(state, row)), (), 1.0)
    sent(state)
    why = explain(state, "x", 1.0)["why"]
    assert "no worker has room for it yet" in why and numbers in why


def returned(state, key):
    row = state.names.rows[key]
    return [(state.table.numbers[row], state.table.runs[row])]


def test_results_are_replicated_and_moved(state):
    compute(state, "x")
    assert ask(state, ME, "replicate", keys=["x"], n=2) == 1
    note = Report([], [], [], [], [], [], [], added=[0], added_nbytes=[8])
    received(state, B, note, (), 0.0)
    assert ask(state, ME, "scheduler.who_has", keys=["x"]) == [["x", ["inproc://a", "inproc://b"]]]
    assert ask(state, ME, "replicate", keys=["x"], n=1) == 0
    assert len(ask(state, ME, "scheduler.who_has", keys=["x"])[0][1]) == 1


def nanny(state, party, name):
    connected(state, party, "nanny", 0.0)
    received(state, party, Call(0, "nanny.hello", {"name": name}), (), 0.0)


def test_a_worker_that_stays_down_is_told_to_those_who_wait_for_it(state):
    received(state, ME, Subscribe("warn"), (), 0.0)
    nanny(state, 20, "a")
    closed(state, A, "it died", 0.0)
    received(state, 20, Call(0, "nanny.died", {"name": "a", "exit": 3, "running": []}), (), 0.0)
    options = [Options([0], workers=["a"])]
    m = Submit([Listed(["x"])], [Code(b"f", b"f")], [0], [b""], [()], [], [0], [0], options=options)
    received(state, ME, m, (), 0.0)
    received(state, 20, Call(0, "nanny.gave_up", {"name": "a", "text": "a stays down"}), (), 0.0)
    [(_, topic)] = [pair for pair in sent(state) if type(pair[1]) is Topic]
    assert "a stays down. 1 tasks may run nowhere else ('x')" in topic.events[0][1]["text"]
    assert "a stays down" in ask(state, ME, "scheduler.explain", key="x")["why"]


def test_a_cluster_without_workers_says_so_until_one_comes(state):
    received(state, ME, Subscribe("warn"), (), 0.0)
    received(state, B, Goodbye("retired"), (), 0.0)
    nanny(state, 20, "a")
    received(state, 20, Call(0, "nanny.died", {"name": "a", "exit": 3, "running": []}), (), 0.0)
    m = Submit([Listed(["x"])], [Code(b"f", b"f")], [0], [b""], [()], [], [0], [0])
    received(state, ME, m, (), 0.0)
    received(state, 20, Call(0, "nanny.gave_up", {"name": "a", "text": "a stays down"}), (), 0.0)
    [(_, topic)] = [pair for pair in sent(state) if type(pair[1]) is Topic]
    assert "No worker is left, and 1 tasks wait" in topic.events[0][1]["text"]
    assert ask(state, ME, "scheduler.explain", key="x")["why"] == "no worker is there; a stays down"
    connected(state, 30, "worker", 1.0)
    received(state, 30, Register("a", "inproc://a2", 1, 0, {}, {}, "host", 2), (), 1.0)
    assert [type(m) for p, m in sent(state) if p == 30][-1] is Run
    assert not state.down


def test_the_death_of_a_process_is_not_that_of_the_next_one(state):
    # The nanny, and its news of the first, come after the second has registered.
    closed(state, A, "it died", 0.0)
    connected(state, 30, "worker", 1.0)
    received(state, 30, Register("a", "inproc://a2", 1, 0, {}, {}, "host", 2), (), 1.0)
    nanny(state, 20, "a")
    for pid, left in [(1, 2), (2, 1)]:
        args = {"name": "a", "pid": pid, "exit": 3, "running": []}
        received(state, 20, Call(0, "nanny.died", args), (), 1.0)
        assert len(state.workers) == left


@pytest.mark.parametrize("how", ["its nanny says so", "it is silent", "it comes anew", "goodbye"])
def test_a_worker_that_is_gone_answers_no_more(state, how):
    nanny(state, 20, "a")
    call = Call(7, "worker.call", {"method": "run", "on_error": "return"})
    received(state, ME, call, (), 0.0)
    [number] = [m.request for p, m in sent(state) if p == B]
    received(state, B, Answer(number, "fine"), (), 0.0)
    if how == "its nanny says so":
        args = {"name": "a", "exit": 3, "running": []}
        received(state, 20, Call(0, "nanny.died", args), (), 0.0)
    elif how == "it is silent":
        fence(state, 0, 9.0)
    elif how == "it comes anew":
        connected(state, 30, "worker", 0.0)
        received(state, 30, Register("a", "inproc://a", 1, 0, {}, {}, "host", 1), (), 0.0)
    else:
        received(state, A, Goodbye("retired"), (), 0.0)
        closed(state, A, "", 0.0)
    [answer] = [m for p, m in sent(state) if p == ME and type(m) is Answer]
    assert answer.value["inproc://a"]["error"][0] == "ConnectionError"
