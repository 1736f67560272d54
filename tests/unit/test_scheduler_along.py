"""Tasks that are sent together with those that make their inputs; and what such messages hold."""

from __future__ import annotations

import pytest

from shoal.distributed.core.effects import Send
from shoal.distributed.core.scheduler import Scheduler, Settings, connected, drain, received
from shoal.distributed.core.scheduler.along import border, stretch, whole
from shoal.distributed.core.scheduler.explain import explain
from shoal.distributed.core.scheduler.names import find, key_of
from shoal.distributed.core.scheduler.sources import Line
from shoal.distributed.core.scheduler.table import ALONE, BITS, MASK, Table
from shoal.distributed.core.scheduler.transitions import Checked
from shoal.distributed.core.scheduler.validate import validate
from shoal.distributed.core.streaming import streamed, unpacked
from shoal.distributed.protocol import (
    CancelRuns,
    Code,
    Drop,
    Finished,
    GiveBack,
    Grid,
    Hello,
    Listed,
    Options,
    Register,
    Release,
    Report,
    Run,
    Submit,
)

CLIENT, A, B = 1, 2, 3


def start(*workers):
    state = Scheduler(Settings(drop_delay_s=0.0, ahead_s=1.0), table=Table(Checked))
    connected(state, CLIENT, "client", 0.0)
    received(state, CLIENT, Hello("me", {}), (), 0.0)
    for party in workers:
        connected(state, party, "worker", 0.0)
        received(state, party, Register(f"w{party}", f"x://{party}", 1, 0, {}, {}, "h", 1), (), 0.0)
    drain(state, 0.0)
    return state


def submit(keys, deps, wanted, order=None, **more):
    count = len(keys)
    return Submit(
        [Listed(keys)],
        [Code(b"f", b"f")],
        [0] * count,
        [b""] * count,
        deps,
        [],
        order or list(range(count)),
        wanted,
        **more,
    )


def report(run, seconds=0.01, only=None):
    ids = run.ids if only is None else run.ids[:only]
    count = len(ids)
    return Report(
        ids, run.runs[:count], [8] * count, [0] * count, [seconds] * count, [None] * count, ["int"]
    )


def go(state, now=0.0):
    """What is sent, after a look at every invariant."""
    sent = [(e.party, e.message) for e in drain(state, now) if type(e) is Send]
    validate(state)
    return sent


def teach(state, workers, seconds=0.01):
    """A task of the kind that all others here are of has ended on each worker."""
    for party in workers:
        received(state, CLIENT, submit([("f", party)], [()], [0]), (), 0.0)
        for other, run in go(state):
            if type(run) is Run:
                received(state, other, report(run, seconds), (), 0.0)
        go(state)
    received(state, CLIENT, Release([("f", party) for party in workers]), (), 0.0)
    go(state)


def runs(sent):
    return {party: m for party, m in sent if type(m) is Run}


def tree_of_four():
    """Four leaves, their sums, and the sum of those: depth first."""
    keys = [("f", "a"), ("f", "b"), ("f", "ab"), ("f", "c"), ("f", "d"), ("f", "cd"), ("f", "sum")]
    return submit(keys, [(), (), (0, 1), (), (), (3, 4), (2, 5)], [6])


def test_a_subtree_is_one_message_and_one_report():
    state = start(A)
    teach(state, [A])
    received(state, CLIENT, tree_of_four(), (), 0.0)
    [(party, run)] = go(state)
    names = [name for _, name in run.keys]
    assert party == A and names == ["a", "b", "ab", "c", "d", "cd", "sum"] and not run.remote
    for i, deps in enumerate(run.deps):
        assert all(run.ids.index(dep) < i for dep in deps)
    received(state, A, report(run), (), 0.0)
    sent = go(state)
    assert [m.keys for _, m in sent if type(m) is Finished] == [[("f", "sum")]]
    # What was needed only by tasks of the same report is let go at once.
    assert [len(m.ids) for _, m in sent if type(m) is Drop] == [6]
    received(state, CLIENT, Release([("f", "sum")]), (), 0.0)
    go(state)
    assert len(state.table) == 0 and state.workers[0].nbytes == state.workers[0].held == 0


def test_what_needs_something_elsewhere_is_not_sent_along():
    state = start(A, B)
    teach(state, [A, B])
    received(
        state, CLIENT, submit([("f", "a"), ("f", "b"), ("f", "ab")], [(), (), (0, 1)], [2]), (), 0.0
    )
    first = runs(go(state))
    assert sorted(key for run in first.values() for key in run.keys) == [("f", "a"), ("f", "b")]
    for party, run in first.items():
        received(state, party, report(run), (), 0.0)
    [run] = runs(go(state)).values()
    assert run.keys == [("f", "ab")] and len(run.remote) == 1


def test_long_tasks_are_not_sent_along():
    state = start(A)
    teach(state, [A], seconds=30.0)
    received(state, CLIENT, submit([("f", "a"), ("f", "b")], [(), (0,)], [1]), (), 0.0)
    [run] = runs(go(state)).values()
    assert run.keys == [("f", "a")]


def test_why_names_the_input_for_which_what_was_sent_along_waits():
    state = start(A)
    teach(state, [A])
    received(state, CLIENT, submit([("f", "a"), ("f", "b")], [(), (0,)], [1]), (), 0.0)
    go(state)
    told = explain(state, ("f", "b"), 2.0)
    assert (told["state"], told["worker"], told["waits_for"]) == ("sent", "x://2", [("f", "a")])
    assert told["why"] == (
        "1 of 1 inputs are missing (1 sent): ('f', 'a'); "
        "it was sent to w2, which makes them, 2 s ago"
    )
    told = explain(state, ("f", "a"), 2.0)
    assert told["why"] == "it runs on w2, 2 s after it was sent there"
    assert "waits_for" not in told


def test_when_an_input_fails_what_was_sent_along_fails_with_it():
    state = start(A)
    teach(state, [A])
    received(state, CLIENT, tree_of_four(), (), 0.0)
    [(_, run)] = go(state)
    at = run.keys.index(("f", "a"))
    failed = Report([], [], [], [], [], [], [])
    failed.failed = [(run.ids[at], run.runs[at], "raised", b"", 0.1)]
    # The worker gives back what waited there.
    waited = run.keys.index(("f", "ab"))
    failed.returned = [(run.ids[waited], run.runs[waited])]
    received(state, A, failed, (), 0.0)
    sent = go(state)
    [told] = [m for _, m in sent if type(m) is Finished]
    assert told.failed == [("f", "sum")] and told.reasons[0][1] == ("f", "a")
    assert sum(len(m.ids) for _, m in sent if type(m) is CancelRuns) == 6
    received(state, CLIENT, Release([("f", "sum")]), (), 0.0)
    go(state)
    assert len(state.table) == 0


def test_what_was_sent_along_comes_back_when_its_input_does():
    state = start(A, B)
    teach(state, [A, B])
    options = Options(retries=1, tasks=[])
    received(
        state, CLIENT, submit([("f", "a"), ("f", "b")], [(), (0,)], [1], options=[options]), (), 0.0
    )
    [(party, run)] = runs(go(state)).items()
    assert run.keys == [("f", "a"), ("f", "b")]
    back = Report([], [], [], [], [], [], [])
    back.returned = [(run.ids[1], run.runs[1]), (run.ids[0], run.runs[0])]
    received(state, party, back, (), 0.0)
    [(party, run)] = runs(go(state)).items()
    assert run.keys == [("f", "a"), ("f", "b")]
    received(state, party, report(run, only=1), (), 0.0)
    go(state)
    received(
        state, party, Report(run.ids[1:], run.runs[1:], [8], [0], [0.1], [None], ["int"]), (), 0
    )
    assert [m.keys for _, m in go(state) if type(m) is Finished] == [[("f", "b")]]


def test_what_waits_for_a_fetch_is_not_asked_back_because_of_what_waits_for_it():
    """Its worker comes to it first, whatever the ranks: it would be sent there again, for ever."""
    state = start(A, B)
    teach(state, [A, B])
    keys = [("f", "a"), ("f", "b"), ("f", "ab"), ("f", "soon")]
    deps = [(), (), (0, 1), (2,)]
    received(state, CLIENT, submit(keys, deps, [3], order=[0, 1, 3, 2]), (), 0.0)
    for party, run in runs(go(state)).items():
        received(state, party, report(run), (), 0.0)
    [run] = runs(go(state)).values()
    assert run.keys == [("f", "ab"), ("f", "soon")] and run.remote
    assert run.priorities[1] < run.priorities[0]
    for now in (0.1, 0.2, 0.3):  # the fetch takes long, and the other worker idles
        assert not any(type(m) is GiveBack for _, m in go(state, now))


def test_what_is_let_go_travels_with_the_next_tasks():
    state = start(A)
    teach(state, [A], seconds=30.0)
    keys = [("f", "a"), ("f", "b"), ("f", "c"), ("f", "d")]
    received(state, CLIENT, submit(keys, [(), (0,), (1,), (2,)], [3]), (), 0.0)
    for expected, gone in ((("f", "a"), 0), (("f", "b"), 0), (("f", "c"), 1), (("f", "d"), 1)):
        [run] = runs(sent := go(state)).values()
        assert run.keys == [expected] and len(run.drops) == gone
        assert not any(type(m) is Drop for _, m in sent)
        received(state, A, report(run, 30.0), (), 0.0)


def test_sources_are_cut_where_most_is_complete():
    """Rows 0 1 (2) 3 4 (5 6) 7 8 (9) 10: after four leaves more is complete than after six."""
    line = Line([0, 1, 3, 4, 7, 8, 10])
    assert whole(line, line.entries[:6], 1) == line.entries[:4]
    assert whole(line, line.entries[:6], 5) == line.entries[:6]
    assert whole(line, line.entries, 1) == line.entries
    line = Line([*range(9)])
    assert whole(line, line.entries[:6], 1) == line.entries[:6]


def test_a_region_ends_where_most_is_complete_about_where_it_should_end():
    """Leaves of pairs, and one of four whose sums stand behind it: 0 1 . 3 4 .. 7 8 . 10 11 ..."""
    line = Line([0, 1, 3, 4, 7, 8, 10, 11, 15, 16])
    assert border(line, 4) == 4, "5 is as near, but nothing is complete there"
    assert border(line, 7) == 8, "the largest part is complete a little later"
    assert border(line, 5) == 4, "or a little earlier"
    assert border(line, 8) == 10, "crumbs are not left over"
    assert border(Line([*range(9)]), 4) == 4, "nothing stands between any two"
    assert border(Line([0, 1, 3]), 7) == 3, "there are no more"
    line.take(2)
    assert border(line, 2) == 2 and line.next(2) == [3, 4]


def grid(side, wanted=True):
    """(x + x.T) by blocks, and the sum of all: the layers one behind the other."""
    size = side * side
    deps = [()] * size
    deps += [(i * side + j, j * side + i) for i in range(side) for j in range(side)]
    deps.append(tuple(range(size, 2 * size)))
    order, seen, stack = [0] * len(deps), [], [len(deps) - 1]
    while stack:
        i = stack[-1]
        lacking = [d for d in deps[i] if d not in seen]
        stack += lacking[::-1]
        if not lacking and stack.pop() not in seen:
            order[i] = len(seen)
            seen.append(i)
    keys = [("f", i) for i in range(len(deps))]
    return submit(keys, deps, [len(deps) - 1] if wanted else [], order)


def test_rows_stand_in_the_order_in_which_one_worker_comes_to_them():
    message = streamed(grid(3))
    assert all(d < i for i, needs in enumerate(message.deps) for d in needs)
    positions = [key[1] for key in message.names[0].keys]
    assert sorted(positions) == list(range(19))
    # Both sums of two blocks stand right behind the second block, though one has a late rank.
    assert positions[:6] == [0, 9, 1, 3, 10, 12]
    state = start(A)
    teach(state, [A])
    received(state, CLIENT, message, (), 0.0)
    [run] = runs(go(state)).values()
    assert [key[1] for key in run.keys] == positions
    assert run.ids == [*range(run.ids[0], run.ids[0] + 19)]


def test_names_of_a_graph_in_line_stay_those_of_its_tasks():
    plain = grid(3)
    layers = [Grid("x", (3, 3)), Grid("y", (3, 3)), Listed(["all"])]
    plain.names, plain.options = layers, [Options(tasks=[4, 18], retries=2)]
    plain.code, plain.codes = [0] * 9 + [1] * 10, [Code(b"f", b"f"), Code(b"g", b"g")]
    message = streamed(plain)
    assert message.names == layers and sorted(unpacked("i", message.stands.at)) == list(range(19))
    found = []
    for m, before in ((plain, 0), (message, 0), (message, 3)):
        state = start()
        if before:
            received(
                state,
                CLIENT,
                submit([f"b{i}" for i in range(before)], [()] * before, [*range(before)]),
                (),
                0.0,
            )
        received(state, CLIENT, m, (), 0.0)
        validate(state)
        table = state.table
        rows = {key_of(table, row): row for row in range(before, before + 19)}
        names = {table.numbers[row]: key for key, row in rows.items()}
        found.append(
            {
                key: (
                    [names[dep] for dep in table.deps[row]],
                    state.code_of[table.codes[row]].data,
                    table.prefixes[row].name,
                    (table.priorities[row] >> BITS) - before,
                    table.priorities[row] & MASK == row,
                    table.options[row] is not None,
                    table.owner[row],
                )
                for key, row in rows.items()
            }
        )
        assert all(find(state.names, key) == row for key, row in rows.items())
        # Said again, or with tasks that are known, it is the same graph.
        received(state, CLIENT, streamed(m), (), 0.0)
        validate(state)
        assert len(table) == before + 19
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("shared", [False, True])
def test_what_workers_add_up_by_function_is_what_runs_of_a_kind_took(shared):
    found = []
    for told in (False, True):
        state = start(A)
        message = submit([("f", 0), ("g", 1), ("f", 2), ("h", 3)], [()] * 4, [0, 1, 2, 3])
        message.codes += [Code(b"g", b"g"), Code(b"h", b"h")]
        message.code = [0, 1, 0, 0 if shared else 2]
        message.names = [Listed([("f", 0), ("g", 1), ("f", 2)]), Listed([("h", 3)])]
        received(state, CLIENT, message, (), 0.0)
        while new := runs(go(state)):
            [run] = new.values()
            m = report(run, 0.03)
            m.seconds = [0.01 * (number + 1) for number in run.ids]
            if told:
                totals = {}
                for code, second, size in zip(run.codes, m.seconds, m.nbytes):
                    count, took, made = totals.get(code, (0, 0.0, 0))
                    totals[code] = (count + 1, took + second, made + size)
                m.sums = [(code, *some) for code, some in totals.items()]
            received(state, A, m, (), 0.0)
        kinds = state.prefixes.values()
        found.append([(k.name, k.ended, k.total, k.seconds, k.nbytes) for k in kinds])
    assert found[0] == found[1]
    assert sum(count for _, count, *_ in found[0]) == 4


def test_ranks_need_not_be_all_numbers_from_0_nor_follow_the_graph():
    deps = [(), (0,), (), (2, 1)]
    keys = [("f", name) for name in "abcd"]
    for order in ([5, 9, 7, 20], [3, 2, 1, 0], [1, 1, 1, 1], [-4, 0, 2, 1]):
        message = streamed(submit(keys, deps, [3], order))
        assert sorted(message.names[0].keys) == keys
        state = start(A)
        teach(state, [A])
        received(state, CLIENT, message, (), 0.0)
        finished = []
        while new := go(state):
            for party, m in new:
                if type(m) is Run:
                    received(state, party, report(m), (), 0.0)
                elif type(m) is Finished:
                    finished += m.keys
        assert finished == [("f", "d")]


def test_what_needs_a_block_elsewhere_is_left_out_of_its_stretch():
    state = start(A, B)
    teach(state, [A, B], seconds=0.2)
    received(state, CLIENT, grid(3), (), 0.0)
    done, finished = set(), []
    while new := go(state):
        for party, m in new:
            if type(m) is Finished:
                finished += m.keys
            elif type(m) is Run:
                # Whatever a task needs it finds: at the worker, or it is told where.
                told, with_it = set(m.remote), set(m.ids)
                for needs in m.deps:
                    for dep in needs:
                        held = state.table.place[dep & ((1 << BITS) - 1)]
                        assert dep in with_it or dep in told or held == party - A
                done |= set(m.ids)
                received(state, party, report(m, 0.2), (), 0.0)
    assert finished == [("f", 18)] and len(done) == 19


def test_a_graph_that_nobody_needs_goes_as_a_whole():
    state = start(A)
    teach(state, [A])
    received(state, CLIENT, grid(3), (), 0.0)
    # Something of another graph needs a block of it.
    more = submit([("g", 0)], [(1,)], [0])
    more.externals = [("f", 4)]
    received(state, CLIENT, more, (), 0.0)
    while new := go(state):
        for party, m in new:
            if type(m) is Run:
                received(state, party, report(m), (), 0.0)
    received(state, CLIENT, Release([("f", 18)]), (), 0.0)
    go(state)
    assert len(state.table) == 2  # the block, and what needs it
    assert state.graphs == []
    received(state, CLIENT, Release([("g", 0)]), (), 0.0)
    go(state)
    assert len(state.table) == 0 and not state.names.layers and not state.names.rows


def test_a_graph_of_which_a_row_was_used_again_does_not_go_as_a_whole():
    state = start(A)
    x, y, z, b, c, d, e = [("f", name) for name in "xyzbcde"]

    def run(message):
        received(state, CLIENT, message, (), 0.0)
        while new := runs(go(state)):
            for party, m in new.items():
                received(state, party, report(m), (), 0.0)

    def needs(key, other):
        message = submit([key], [(1,)], [0])
        message.externals.append(other)
        return message

    run(submit([x, y, z], [(), (0,), ()], [1, 2]))
    run(submit([e], [()], [0]))
    run(needs(b, z))
    run(needs(d, y))
    for key in (z, b):  # z goes with what needed it
        received(state, CLIENT, Release([key]), (), 0.0)
        go(state)
    run(needs(c, e))  # in b's row or z's
    run(submit([z], [()], [0]))
    for key in (y, e, c):
        received(state, CLIENT, Release([key]), (), 0.0)
        go(state)
    received(state, CLIENT, Release([z, d]), (), 0.0)
    go(state)
    assert not len(state.table)


def test_a_kind_that_was_not_tried_is_thought_to_take_what_others_do():
    state = start(A)
    message = submit([("f", 0), ("g", 1)], [(), (0,)], [1])
    message.codes.append(Code(b"g", b"g"))
    message.code = [0, 1]
    received(state, CLIENT, message, (), 0.0)
    kinds = state.prefixes
    assert kinds["f"].seconds == kinds["g"].seconds == state.settings.unknown_s
    [run] = runs(go(state)).values()
    assert run.keys[0] == ("f", 0)
    received(state, A, report(run, 0.03, only=1), (), 0.0)
    assert kinds["f"].seconds == kinds["g"].seconds == 0.03
    go(state)


def test_many_workers_have_more_ahead_each():
    state = Scheduler(Settings(message_s=0.002), table=Table(Checked))
    for party in range(2, 12):
        connected(state, party, "worker", 0.0)
        received(state, party, Register(f"w{party}", f"x://{party}", 1, 0, {}, {}, "h", 1), (), 0.0)
    go(state)
    assert state.least_ahead_s == 0.02


def test_a_cancelled_run_that_fails_makes_room_for_a_task_that_runs_alone():
    state = start(A)
    received(state, CLIENT, submit(["x"], [()], [0]), (), 0.0)
    [first] = runs(go(state)).values()
    received(state, CLIENT, Release(["x"]), (), 0.0)
    received(state, CLIENT, submit(["y"], [()], [0]), (), 0.0)
    [row] = [state.names.rows["y"]]
    state.table.flags[row] |= ALONE
    state.deaths[row] = ["a worker"]
    assert not runs(go(state))  # the cancelled run may take its slot still
    failed = Report([], [], [], [], [], [], [])
    failed.failed = [(first.ids[0], first.runs[0], "raised", b"", 0.1)]
    received(state, A, failed, (), 0.0)
    assert [run.keys for run in runs(go(state)).values()] == [["y"]]


def test_rows_that_were_used_before_need_not_be_in_the_order_of_the_line():
    """Between the rows of the first tasks is that of a later one: they are no stretch."""
    state = start(A)
    names = [("f", str(i)) for i in range(60)]
    received(state, CLIENT, submit(names, [()] * 60, [*range(60)]), (), 0.0)
    received(state, CLIENT, Release(names), (), 0.0)
    drain(state, 0.0)
    rows = [10, 20, 12, 30, 40, 50, 11]
    for row in reversed(rows):
        state.table.free_rows.remove(row)
        state.table.free_rows.append(row)  # the last one is taken first
    for row in rows:
        name = ("f", f"new {row}")
        received(state, CLIENT, submit([name], [()], [0]), (), 0.0)
        assert find(state.names, name) == row
    worker = state.workers[0]
    assert stretch(state, worker, 5, 3, 1.0) is None
    validate(state)
    ran = []
    while sent := runs(go(state)):
        ran += sent[A].keys
        received(state, A, report(sent[A]), (), 0.0)
    assert sorted(ran) == sorted(("f", f"new {row}") for row in rows)
