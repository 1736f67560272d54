"""The scheduler's core: one graph from its submission to its release, every effect asserted."""

from __future__ import annotations

from shoal.distributed.core.effects import Close, Send
from shoal.distributed.core.scheduler import Scheduler, Settings, closed, connected, drain, received
from shoal.distributed.core.scheduler.table import Table
from shoal.distributed.core.scheduler.transitions import Checked
from shoal.distributed.core.scheduler.validate import validate
from shoal.distributed.protocol import (
    Answer,
    Call,
    Code,
    Drop,
    Finished,
    Grid,
    Hello,
    Listed,
    Locate,
    Located,
    Lost,
    Peer,
    Register,
    Release,
    Report,
    Reserve,
    Run,
    Submit,
    Welcome,
)

CLIENT, A, B = 1, 2, 3


def register(name):
    return Register(name, f"inproc://{name}", 1, 0, {}, {}, "host", 1)


def start(*workers):
    state = Scheduler(Settings(drop_delay_s=0.0), table=Table(Checked))
    connected(state, CLIENT, "client", 0.0)
    received(state, CLIENT, Hello("me", {}), (), 0.0)
    for party in workers:
        connected(state, party, "worker", 0.0)
        received(state, party, register("ab"[party - 2]), (), 0.0)
    for effect in drain(state, 0.0):
        assert type(effect.message) is Welcome
    return state


def sums(**more):
    """c = a + b: two sources and their sum."""
    return Submit(
        [Listed(["a", "b", "c"])],
        [Code(b"1", b"one"), Code(b"+", b"add")],
        [0, 0, 1],
        [b"", b"", b""],
        [(), (), (0, 1)],
        [],
        [0, 1, 2],
        [2],
        **more,
    )


def report(run, value=None, size=8):
    count = len(run.ids)
    return Report(
        run.ids, run.runs, [size] * count, [0] * count, [0.5] * count, [value] * count, ["int"]
    )


def effects(state, now=0.0):
    """(party, message) of all effects."""
    return [(e.party, e.message) for e in drain(state, now) if type(e) is Send]


def test_one_worker_from_submit_to_release():
    state = start(A)
    received(state, CLIENT, sums(), (), 0.0)
    [(party, run)] = effects(state)
    assert party == A
    assert run.ids == [0, 1] and run.keys == ["a", "b"] and run.codes == [0, 0]
    assert run.new_codes == [(0, b"1", b"one")] and run.deps == [(), ()]
    assert run.inline == [False, False] and not run.remote  # no client waits for these
    received(state, A, report(run), (), 0.0)
    [(party, run)] = effects(state)
    assert run.ids == [2] and run.deps == [(0, 1)] and run.new_codes == [(1, b"+", b"add")]
    assert run.inline == [True] and not run.remote
    received(state, A, report(run, b"2"), (), 0.0)
    assert effects(state) == [
        (A, Drop([0, 1])),
        (CLIENT, Finished(["c"], [b"2"], [8], ["int"])),
    ]
    received(state, CLIENT, Release(["c"]), (), 0.0)
    assert effects(state) == [(A, Drop([2]))]
    assert len(state.table) == 0 and not state.names.rows
    assert effects(state) == []


def test_two_workers_share_sources_and_fetch():
    state = start(A, B)
    received(state, CLIENT, sums(), (), 0.0)
    (_, first), (_, second) = effects(state)
    assert (first.ids, second.ids) == ([0], [1])
    received(state, A, report(first), (), 0.0)
    assert effects(state) == []
    received(state, B, report(second, size=1000), (), 0.0)
    [(party, run)] = effects(state)
    assert party == B
    assert run.remote == [0] and run.where == [[0]] and run.nbytes == [8]
    assert run.peers == [Peer(0, "inproc://a", "a")]


def test_a_lost_worker_is_made_up_for():
    state = start(A, B)
    received(state, CLIENT, sums(), (), 0.0)
    (_, first), (_, second) = effects(state)
    received(state, A, report(first), (), 0.0)
    received(state, B, report(second), (), 0.0)
    [(party, run)] = effects(state)
    assert party == A and run.ids == [2]
    closed(state, A, "", 0.0)
    [(party, run)] = effects(state)
    assert party == B and run.keys == ["a"]
    received(state, B, report(run), (), 0.0)
    [(party, run)] = effects(state)
    assert party == B and run.keys == ["c"]
    received(state, B, report(run), (), 0.0)
    assert [type(m) for _, m in effects(state)] == [Drop, Finished]
    closed(state, B, "", 0.0)
    assert effects(state) == [(CLIENT, Lost(["c"]))]


def test_scatter_locate_and_call():
    state = start(A)
    received(state, CLIENT, Reserve(1, ["x"], [100]), (), 0.0)
    [(_, reserved)] = effects(state)
    assert reserved.ids == [0] and reserved.where == [[0]] and reserved.error == ""
    received(state, CLIENT, Locate(2, ["x", "nothing"]), (), 0.0)
    assert effects(state) == []
    received(state, A, Report([], [], [], [], [], [], [], added=[0], added_nbytes=[100]), (), 0.0)
    assert effects(state) == [
        (CLIENT, Finished(["x"], [None], [100], [""])),
        (CLIENT, Located(2, [0, -1], [[0], []], [Peer(0, "inproc://a", "a")], "scheduler")),
    ]
    received(state, CLIENT, Call(3, "workers.wait", {"n": 2}), (), 0.0)
    assert effects(state) == []
    connected(state, B, "worker", 0.0)
    received(state, B, register("b"), (), 0.0)
    assert (CLIENT, Answer(3, 2)) in effects(state)
    received(state, CLIENT, Call(4, "scheduler.info"), (), 0.0)
    [(_, answer)] = effects(state)
    assert list(answer.value["workers"]) == ["inproc://a", "inproc://b"]
    closed(state, A, "", 0.0)
    [(_, finished)] = effects(state)
    assert finished.failed == ["x"] and finished.reasons[0][0] == "lost"


def test_grids_have_names_and_no_keys():
    state = start(A)
    grid = Submit(
        [Grid("x", (2, 2))], [Code(b"f", b"")], [0] * 4, [b""] * 4, [()] * 4, [], [*range(4)], [3]
    )
    received(state, CLIENT, grid, (), 0.0)
    [(_, run)] = effects(state)
    # Only what is wanted, or needed for it, is computed.
    assert run.spelled() == [("x", 1, 1)]
    assert len(state.table) == 1


def test_a_message_out_of_turn_closes_the_connection():
    state = start()
    connected(state, A, "worker", 0.0)
    received(state, A, Release(["x"]), (), 0.0)
    assert [e for e in drain(state, 0.0) if type(e) is Close]


def test_a_long_life_takes_no_more_memory_and_no_number_twice():
    state = start(A)
    seen = set()
    for turn in range(200):
        m = Submit(
            [Grid(f"g{turn}", (5,)), Listed([f"k{turn}"])],
            [Code(b"%d" % turn, b"")],
            [0] * 6,
            [b""] * 6,
            [(), (), (), (), (), (0, 1, 2, 3, 4)],
            [],
            list(range(6)),
            [5],
        )
        received(state, CLIENT, m, (), 0.0)
        for _ in range(10):
            runs = [run for _, run in effects(state) if type(run) is Run]
            if not runs:
                break
            for run in runs:
                assert seen.isdisjoint(run.ids)
                seen.update(run.ids)
                received(state, A, report(run), (), 0.0)
        received(state, CLIENT, Release([f"k{turn}"]), (), 0.0)
        effects(state)
    assert len(seen) == 1200
    assert len(state.table.states) == 6 and not state.names.layers and not state.names.rows
    assert len(state.codes) == 200 <= state.settings.idle_codes


def test_large_functions_that_nobody_needs_are_let_go_of():
    state = start(A)
    most = state.settings.idle_bytes
    dropped = []

    def calls(key, digests):
        """One task for each function but the last."""
        n = len(digests) - 1
        names = [f"{key}{i}" for i in range(n)]
        codes = [Code(digest, digest * (most // 4)) for digest in digests]
        args = [[b""] * n, [()] * n, [], [*range(n)], [*range(n)]]
        return names, Submit([Listed(names)], codes, [*range(n)], *args)

    for turn, digests in enumerate([b"abc", b"de", b"af", b"ag"]):
        names, m = calls(f"k{turn}", [bytes([digest]) for digest in digests])
        received(state, CLIENT, m, (), 0.0)
        for run in [run for _, run in effects(state) if type(run) is Run]:
            received(state, A, report(run), (), 0.0)
        received(state, CLIENT, Release(names), (), 0.0)
        for party, drop in effects(state):
            dropped += drop.codes if party == A and type(drop) is Drop else []
        validate(state)
    # "a" is used again and again; of the others, those that came last are kept.
    assert sorted(state.codes) == [b"a", b"d", b"f", b"g"]
    assert sorted(state.idle_codes) == sorted(state.codes)
    worker = next(iter(state.workers.values()))
    assert worker.codes == {state.codes[name].number for name in (b"a", b"d")}
    assert dropped == [1]  # it has no use for "b" any more


def test_clients_share_and_a_graph_of_one_client_runs_before_its_next():
    state = start(A)
    connected(state, B, "client", 0.0)
    received(state, B, Hello("you", {}), (), 0.0)

    def graph(name, n):
        keys = [f"{name}{i}" for i in range(n)]
        return Submit(
            [Listed(keys)],
            [Code(b"f", b"")],
            [0] * n,
            [b""] * n,
            [()] * n,
            [],
            [*range(n)],
            [*range(n)],
        )

    received(state, CLIENT, graph("a", 4), (), 0.0)
    received(state, CLIENT, graph("b", 2), (), 0.0)
    received(state, B, graph("c", 4), (), 0.0)
    ran = []
    for _ in range(20):
        runs = [run for _, run in effects(state) if type(run) is Run]
        if not runs:
            break
        for run in runs:
            ran += run.keys
            received(state, A, report(run), (), 0.0)
    mine = [key for key in ran if key[0] in "ab"]
    assert mine == ["a0", "a1", "a2", "a3", "b0", "b1"]
    assert ran.index("c1") < ran.index("a3")
