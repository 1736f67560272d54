"""The worker's state machine: every effect of every event."""

from __future__ import annotations

import pytest

from shoal.distributed.core.effects import Close, Log, Send
from shoal.distributed.core.worker import machine
from shoal.distributed.core.worker.effects import (
    Dial,
    Evict,
    Free,
    Hold,
    Invoke,
    Leave,
    Load,
    Nudge,
    Pause,
    Ready,
    Reconnect,
    Renumbered,
    Serve,
    Spill,
    Withdraw,
)
from shoal.distributed.core.worker.report import beat
from shoal.distributed.core.worker.table import (
    ASKED,
    MEMORY,
    NAMES,
    TRANSITIONS,
    WANTED,
    Settings,
    Worker,
)
from shoal.distributed.core.worker.validate import validate
from shoal.distributed.protocol import (
    ROW_BITS,
    Answer,
    Beat,
    Call,
    CancelRuns,
    Data,
    Drop,
    Fetch,
    Frames,
    Get,
    GiveBack,
    Goodbye,
    Options,
    Peer,
    Put,
    Reconcile,
    Register,
    Report,
    Run,
    Welcome,
)

SCHEDULER = 1
BIG = 100_000


BY_ID = frozenset(
    [
        machine.began,
        machine.damaged,
        machine.load_failed,
        machine.loaded,
        machine.rejoined,
        machine.seceded,
        machine.shelved,
        machine.spill_failed,
        machine.spilled,
        machine.withdrawn,
    ]
)


class Bench:
    """A worker, its clock, and short words for what happens to it.

    Its rows have ids that are nobody's numbers.  Here all is said by numbers, as the scheduler
    does, and translated for the shell's part.
    """

    def __init__(self, **settings):
        self.w = Worker(Settings("a", "inproc://a", 2, **settings))
        self.w.last_id = 1000
        self.now = 0.0
        self.rows = {}
        self.ids = {}
        self.numbers = {}
        machine.connected(self.w, SCHEDULER, "scheduler", self.now)
        machine.received(self.w, SCHEDULER, Welcome(1, "one"), [], self.now)
        (sent,) = self.drain()
        assert isinstance(sent.message, Register)

    def drain(self):
        self.look()
        effects = machine.drain(self.w, self.now)
        validate(self.w)
        self.look()
        for effect in effects:
            if isinstance(effect, Ready):
                self.rows.update({row.number: row for row in effect.tasks})
            elif isinstance(effect, Serve):
                effect.ids = list(effect.ids.values())
            elif hasattr(effect, "ids"):
                effect.ids = [self.numbers.get(id, id) for id in effect.ids]
            elif isinstance(effect, Withdraw):
                effect.id = self.numbers[effect.id]
        return effects

    def look(self):
        """Which ids are of which numbers."""
        for number, row in self.w.numbering.rows.items():
            self.ids[number], self.numbers[row.id] = row.id, number

    def row(self, number):
        return self.w.numbering.rows[number]

    def hear(self, message, buffers=(), party=SCHEDULER):
        machine.received(self.w, party, message, list(buffers), self.now)
        return self.drain()

    def run(self, *tasks, code=-1, **more):
        """Tasks ``(id, deps)`` or ids, of equal priority in order."""
        rows = [(task, ()) if isinstance(task, int) else task for task in tasks]
        n = len(rows)
        ids = [id for id, _ in rows]
        return self.hear(
            Run(
                ids,
                [1] * n,
                [f"k{id}" for id in ids],
                [code] * n,
                [b""] * n,
                [deps for _, deps in rows],
                [id << ROW_BITS for id in ids],
                [True] * n,
                **more,
            )
        )

    def finish(self, *ids, nbytes=28, kind=""):
        data = b"error" if kind else b"value"
        batch = [(self.rows[id], kind, nbytes, "int", 0.5, 1.0, data, None) for id in ids]
        machine.finished(self.w, batch, self.now)
        return self.drain()

    def tell(self, what, *args):
        if what in BY_ID:
            one = args[0]
            ids = (
                [self.ids.get(i, i) for i in one]
                if isinstance(one, list)
                else self.ids.get(one, one)
            )
            args = (ids, *args[1:])
        what(self.w, *args, self.now)
        return self.drain()

    def peer(self, number, party):
        """Another worker that is connected."""
        machine.received(self.w, SCHEDULER, Fetch([], [], [], [peer(number)]), [], self.now)
        machine.dialed(self.w, number, self.w.numbering.peers[number].address, party, self.now)
        assert self.drain() == []

    def again(self, scheduler):
        """Another scheduler is there; nothing is held."""
        machine.closed(self.w, SCHEDULER, "reset", self.now)
        machine.connected(self.w, SCHEDULER, "scheduler", self.now)
        machine.received(self.w, SCHEDULER, Welcome(1, scheduler), [], self.now)
        return self.drain()

    def hold(self, *ids, nbytes=BIG):
        """Results that are here."""
        self.run(*ids)
        self.finish(*ids, nbytes=nbytes)


def peer(number):
    return Peer(number, f"inproc://{number}", str(number))


def ready(effects):
    """Ids of the tasks of the only effect."""
    (effect,) = effects
    assert isinstance(effect, Ready)
    return [row.number for row in effect.tasks]


def report(effects, party=SCHEDULER):
    (effect,) = effects
    assert effect.party == party and isinstance(effect.message, Report)
    return effect.message


def said(message):
    """The columns of a report that are not empty."""
    fields = {name: getattr(message, name) for name in message.__struct_fields__}
    return {name: value for name, value in fields.items() if value}


@pytest.fixture
def bench():
    return Bench()


# --- tasks ------------------------------------------------------------------------------------


def test_tasks_without_inputs_are_ready_at_once_and_reported_together(bench):
    assert ready(bench.run(1, 2, 3)) == [1, 2, 3]
    message = report(bench.finish(1, 3))
    assert said(message) == {
        "ids": [1, 3],
        "runs": [1, 1],
        "nbytes": [28, 28],
        "types": [0, 0],
        "seconds": [0.5, 0.5],
        "values": [b"value", b"value"],
        "type_names": ["int"],
        "starts": [1.0, 1.0],
        "sums": [(-1, 2, 1.0, 56)],
    } | {"types": [0, 0]}
    assert bench.drain() == []


def test_runs_are_added_up_by_function(bench):
    codes = [(4, b"digest", b"data"), (6, b"other", b"data")]
    bench.run(1, 2, code=4, new_codes=codes)
    bench.run(3, code=6)
    assert report(bench.finish(1, 2, 3)).sums == [(4, 2, 1.0, 56), (6, 1, 0.5, 28)]
    bench.run(5, code=4)
    bench.hear(Drop([], [4]))
    bench.hear(Drop([], [9]))  # one that never came
    assert report(bench.finish(5)).sums == [], "the scheduler knows the function no more"
    bench.run(7)
    assert report(bench.finish(7)).sums == [(-1, 1, 0.5, 28)]


def test_functions_are_learnt_before_they_are_used(bench):
    (effect,) = bench.run(1, code=0, new_codes=[(0, b"digest", b"data")])
    code = effect.tasks[0].code
    assert (code.digest, code.data) == (b"digest", b"data")
    assert bench.hear(Drop([], [0])) == []
    assert bench.w.numbering.codes == {-1: None}


def test_a_task_has_its_function_whatever_the_number_means_by_then(bench):
    bench.run(1, code=0, new_codes=[(0, b"one", b"1")])
    bench.tell(machine.closed, SCHEDULER, "reset")
    bench.tell(machine.connected, 2, "scheduler")
    machine.received(bench.w, 2, Welcome(5, "two"), [], 1.0)
    machine.received(bench.w, 2, Reconcile([], [(0, 7, 3)]), [], 1.0)
    bench.drain()
    assert bench.w.numbering.codes == {-1: None}
    run = Run([1], [1], ["k"], [0], [b""], [()], [0], [True], new_codes=[(0, b"two", b"2")])
    bench.hear(run, party=2)
    assert [bench.row(number).code.digest for number in (7, 1)] == [b"one", b"two"]


def test_a_task_waits_for_one_that_runs_here(bench):
    assert ready(bench.run(1, (2, (1,)))) == [1]
    effects = bench.finish(1)
    assert ready(effects[:1]) == [2]
    assert report(effects[1:]).ids == [1]


def test_a_failure_is_reported_and_what_waits_for_it_goes_back(bench):
    bench.run(1, (2, (1,)))
    assert said(report(bench.finish(1, kind="raised"))) == {
        "failed": [(1, 1, "raised", b"error", 0.5)],
        "returned": [(2, 1)],
        "tried": [(1, 1.0, 0.5)],
    }
    assert not bench.w.tasks


def test_an_input_that_should_be_here_and_is_not(bench):
    message = report(bench.run((2, (1,))))
    assert said(message) == {"missing": [(1, 1)], "returned": [(2, 1)]}


def test_a_late_result_of_a_cancelled_run_is_dropped(bench):
    bench.run(1)
    effects = bench.hear(CancelRuns([1], [1]))
    assert effects[0] == Withdraw(1, True)
    assert said(report(effects[1:])) == {"returned": [(1, 1)]}
    assert bench.finish(1) == [Free([1])]


def test_a_run_number_fences_orders(bench):
    bench.run(1)
    assert bench.hear(CancelRuns([1], [7])) == []
    assert bench.hear(GiveBack([1], [7])) == []
    assert report(bench.finish(1)).ids == [1]


def test_giving_back(bench):
    bench.run(1, 2, (3, (1,)))
    effects = bench.hear(GiveBack([1, 2, 3], [1, 1, 1]))
    # 3 waits and can go at once; only the shell knows whether the others have begun.
    assert effects[:2] == [Withdraw(1, False), Withdraw(2, False)]
    assert said(report(effects[2:])) == {"returned": [(3, 1)]}
    assert said(report(bench.tell(machine.withdrawn, 2))) == {"returned": [(2, 1)]}
    assert report(bench.finish(1)).ids == [1]


def test_a_task_that_is_given_again_replaces_the_old_one(bench):
    bench.run(1)
    old = bench.rows[1]
    effects = bench.run(1)
    assert effects[0] == Withdraw(1, True)
    assert ready(effects[1:]) == [1]
    machine.finished(bench.w, [(old, "", 28, "int", 0.5, 1.0, None, None)], 0.0)
    assert bench.drain() == [Free([1])]
    assert report(bench.finish(1)).ids == [1]


def test_a_task_whose_result_is_here_is_not_run_again(bench):
    bench.hold(1)
    message = report(bench.run(1))
    assert (message.ids, message.nbytes, message.values) == ([1], [BIG], [None])


def test_dropping(bench):
    bench.hold(1, 2)
    assert bench.hear(Drop([1])) == [Free([1])]
    assert bench.hear(Drop([1])) == []
    # What a task needs stays until it has ended.
    bench.run((3, (2,)))
    assert bench.hear(Drop([2])) == []
    effects = bench.finish(3)
    assert effects[0] == Free([2])
    assert report(effects[1:]).ids == [3]


def test_resources_hold_tasks_back():
    bench = Bench(resources={"GPU": 1})
    options = [(0, Options(resources={"GPU": 1})), (1, Options(resources={"GPU": 1}))]
    assert ready(bench.run(1, 2, 3, options=options)) == [1, 3]
    effects = bench.finish(1)
    assert ready(effects[:1]) == [2]
    assert bench.hear(CancelRuns([2], [1]))[0] == Withdraw(2, True)
    assert bench.w.free_resources == {"GPU": 1}


def test_a_time_limit_counts_from_the_beginning(bench):
    bench.run(1, options=[(0, Options(timeout_s=2.0))])
    bench.now = 10.0
    assert bench.tell(machine.began, 1) == []
    assert list(bench.w.timed.values()) == [12.0]
    bench.w.next_beat = 100.0
    assert machine.due(bench.w) == 12.0
    bench.now = 12.0
    effects = bench.tell(machine.tick)
    assert effects[0] == Withdraw(1, True)
    (failed,) = report(effects[1:]).failed
    assert failed[:3] == (1, 1, "timeout") and b"'k1' ran longer than its timeout" in failed[3]


def test_seceding_and_rejoining(bench):
    bench.run(1)
    assert said(report(bench.tell(machine.seceded, 1))) == {"seceded": [(1, 1)]}
    assert bench.w.active == 0
    assert said(report(bench.tell(machine.rejoined, 1))) == {"rejoined": [(1, 1)]}
    bench.tell(machine.seceded, 1)
    assert report(bench.finish(1)).ids == [1]
    assert bench.w.active == 0


# --- fetching ---------------------------------------------------------------------------------


def needs(bench, *inputs, task=9):
    """A task that needs results of other workers: ``(id, workers)``."""
    ids = [id for id, _ in inputs]
    where = [list(workers) for _, workers in inputs]
    numbers = {number for workers in where for number in workers}
    return bench.run(
        (task, tuple(ids)),
        remote=ids,
        where=where,
        nbytes=[BIG] * len(ids),
        peers=[peer(number) for number in sorted(numbers)],
    )


def test_fetching_from_a_worker_that_is_not_connected(bench):
    assert needs(bench, (1, [2])) == [Dial(2, "inproc://2")]
    assert bench.tell(machine.dialed, 2, "inproc://2", 50) == [
        Send(50, Get(1, [1], numbering="one"))
    ]
    bench.now = 0.25
    effects = bench.hear(Data(1, [1], [Frames(b"x" * BIG)]), party=50)
    assert effects[0] == Hold([1], [Frames(b"x" * BIG)], [])
    assert ready(effects[1:2]) == [9]
    assert said(report(effects[2:])) == {
        "transfers": [(2, BIG, 0.25)],
        "added": [1],
        "added_nbytes": [BIG],
    }


def test_many_results_of_one_worker_are_one_request(bench):
    bench.peer(2, 50)
    assert needs(bench, (1, [2]), (2, [2]), (3, [2])) == [
        Send(50, Get(1, [1, 2, 3], numbering="one"))
    ]


def test_requests_are_spread_over_holders(bench):
    bench.peer(2, 50)
    bench.peer(3, 51)
    effects = needs(bench, (1, [2, 3]), (2, [2, 3]))
    assert sorted(effect.party for effect in effects) == [50, 51]


def test_a_holder_without_the_result_is_reported_and_the_next_one_asked(bench):
    bench.peer(2, 50)
    bench.peer(3, 51)
    (first,) = needs(bench, (1, [2, 3]))
    assert first == Send(50, Get(1, [1], numbering="one"))
    effects = bench.hear(Data(1, [], []), party=50)
    assert effects[0] == Send(51, Get(2, [1], numbering="one"))
    assert said(report(effects[1:])) == {"missing": [(1, 2)]}
    # Nobody is left: the scheduler has to think of something.
    effects = bench.hear(Data(2, [], []), party=51)
    assert said(report(effects)) == {"missing": [(1, 3)], "returned": [(9, 1)]}
    assert not bench.w.tasks


def test_what_one_answer_does_not_hold_is_asked_for_again(bench):
    bench.peer(2, 50)
    assert needs(bench, (1, [2]), (2, [2])) == [Send(50, Get(1, [1, 2], numbering="one"))]
    answer = Data(1, [1], [Frames(b"x" * BIG)], more=True)
    effects = bench.hear(answer, party=50)
    assert effects[0].ids == [1]
    assert effects[1] == Send(50, Get(2, [2], numbering="one"))
    assert not report(effects[2:]).missing


def test_a_busy_holder_is_left_alone_for_a_moment(bench):
    bench.peer(2, 50)
    needs(bench, (1, [2]))
    assert bench.hear(Data(1, [], [], True), party=50) == []
    due = machine.due(bench.w)
    assert 0 < due < 0.5
    bench.now = due
    assert bench.tell(machine.tick) == [Send(50, Get(2, [1], numbering="one"))]


def test_a_lost_connection_and_one_that_cannot_be_made(bench):
    bench.peer(2, 50)
    needs(bench, (1, [2, 3]))
    effects = bench.tell(machine.closed, 50, "reset")
    assert isinstance(effects[0], Log) and effects[1] == Dial(3, "inproc://3")
    assert said(report(effects[2:])) == {"missing": [(1, 2)]}
    effects = bench.tell(machine.unreachable, 3, "inproc://3", "refused")
    assert isinstance(effects[0], Log)
    gone = {"missing": [(1, 3)], "returned": [(9, 1)], "unreached": [3]}
    assert said(report(effects[1:])) == gone


def test_a_number_that_has_become_another_workers_while_it_was_dialed(bench):
    assert needs(bench, (1, [2])) == [Dial(2, "inproc://2")]
    bench.again("two")
    other = Peer(2, "inproc://other", "other")
    assert bench.hear(Fetch([1], [[2]], [BIG], [other])) == [Dial(2, "inproc://other")]
    assert [type(effect) for effect in bench.tell(machine.dialed, 2, "inproc://2", 70)] == [Close]
    assert bench.tell(machine.unreachable, 2, "inproc://2", "refused") == []
    asked = bench.tell(machine.dialed, 2, "inproc://other", 71)
    assert [effect.party for effect in asked] == [71]


def test_a_silent_holder_is_taken_for_lost(bench):
    bench.peer(2, 50)
    needs(bench, (1, [2]))
    bench.w.next_beat = 1000.0
    due = machine.due(bench.w)
    assert due == pytest.approx(5 + BIG / 1e6)
    bench.now = due
    effects = bench.tell(machine.tick)
    assert isinstance(effects[0], Close) and effects[0].party == 50
    assert isinstance(effects[1], Log)
    gone = {"missing": [(1, 2)], "returned": [(9, 1)], "unreached": [2]}
    assert said(report(effects[2:])) == gone


def test_bytes_on_the_way_are_bounded():
    bench = Bench(fetch_bytes=2 * BIG, request_bytes=BIG)
    bench.peer(2, 50)
    effects = needs(bench, (1, [2]), (2, [2]), (3, [2]))
    assert effects == [
        Send(50, Get(1, [1], numbering="one")),
        Send(50, Get(2, [2], numbering="one")),
    ]
    effects = bench.hear(Data(1, [1], [Frames(b"x" * BIG)]), party=50)
    assert effects[1] == Send(50, Get(3, [3], numbering="one"))


def test_bytes_of_one_request_are_bounded():
    bench = Bench(request_bytes=2 * BIG, streams_a_peer=10)
    bench.peer(2, 50)
    effects = needs(bench, (1, [2]), (2, [2]), (3, [2]))
    assert effects == [
        Send(50, Get(1, [1, 2], numbering="one")),
        Send(50, Get(2, [3], numbering="one")),
    ]


def test_streams_are_bounded():
    bench = Bench(streams=1)
    bench.peer(2, 50)
    bench.peer(3, 51)
    assert needs(bench, (1, [2]), (2, [3])) == [Send(50, Get(1, [1], numbering="one"))]


def test_the_input_of_a_cancelled_task_is_not_waited_for(bench):
    bench.peer(2, 50)
    needs(bench, (1, [2]))
    bench.hear(CancelRuns([9], [1]))
    assert not bench.w.tasks
    assert bench.hear(Data(1, [1], [Frames(b"x")]), party=50) == []


def test_a_result_that_cannot_be_pickled_fails_its_reader(bench):
    bench.peer(2, 50)
    needs(bench, (1, [2]))
    effects = bench.hear(Data(1, [1], [Frames(b"", 0, 1)]), [b"why"], party=50)
    assert said(report(effects)) == {"failed": [(9, 1, "raised", b"why", 0.0)]}
    assert not bench.w.tasks


def test_an_answer_that_was_asked_for_by_numbers_before_a_restart(bench):
    bench.peer(2, 50)
    assert needs(bench, (1, [2])) == [Send(50, Get(1, [1], numbering="one"))]
    closed = [effect for effect in bench.again("two") if isinstance(effect, Close)]
    assert [effect.party for effect in closed] == [50]
    # 1 is another result now, and 2 perhaps another worker.
    bench.peer(2, 50)
    assert needs(bench, (1, [2])) == [Send(50, Get(2, [1], numbering="two"))]
    assert bench.hear(Data(1, [1], [Frames(b"the other one")]), party=50) == []
    effects = bench.hear(Data(2, [1], [Frames(b"x" * BIG)]), party=50)
    assert effects[0] == Hold([1], [Frames(b"x" * BIG)], [])


def test_copies_that_the_scheduler_wants(bench):
    bench.hold(5)
    bench.peer(2, 50)
    effects = bench.hear(Fetch([1, 5], [[2], [2]], [BIG, BIG]))
    assert effects[0] == Send(50, Get(1, [1], numbering="one"))
    assert said(report(effects[1:])) == {"added": [5], "added_nbytes": [BIG]}
    effects = bench.hear(Data(1, [1], [Frames(b"x")]), party=50)
    assert effects[0] == Hold([1], [Frames(b"x")], [])
    assert report(effects[1:]).added == [1]


def test_serving(bench):
    bench.hold(1)
    machine.connected(bench.w, 60, "worker", 0.0)
    assert bench.hear(Get(4, [1, 2], numbering="one"), party=60) == [Serve(60, 4, [1], BIG)]
    # Numbers of another scheduler may be those of other results: not until both know of it.
    stale = bench.hear(Get(5, [1], numbering="another"), party=60)
    assert stale == [Send(60, Data(5, [], [], True))]
    bench.w.serving = bench.w.settings.serve_streams
    assert bench.hear(Get(5, [1], numbering="one"), party=60) == [Send(60, Data(5, [], [], True))]


def test_data_that_is_put_here(bench):
    machine.connected(bench.w, 60, "client", 0.0)
    frames = [Frames(b"x")]
    effects = bench.hear(Put(3, [1], [1], ["k"], frames, [BIG], "one"), party=60)
    assert effects[:2] == [Hold([1], frames, []), Send(60, Answer(3))]
    assert said(report(effects[2:])) == {"added": [1], "added_nbytes": [BIG]}


def test_old_values_go_before_new_ones_come(bench):
    bench.hold(1)
    machine.received(bench.w, SCHEDULER, Drop([1]), [], 0.0)
    effects = bench.hear(Put(0, [1], [2], ["k"], [Frames(b"x")], [BIG], "one"))
    assert effects[:2] == [Free([1]), Hold([1], [Frames(b"x")], [])]


# --- memory -----------------------------------------------------------------------------------


@pytest.fixture
def small():
    """A worker with a limit of ten results."""
    return Bench(memory_limit=10 * BIG)


def test_results_above_the_target_are_spilled_oldest_first(small):
    small.hold(1, 2, 3, 4, 5, 6)
    small.run(7, 8)
    effects = small.finish(7, 8, nbytes=BIG)
    assert effects[0] == Spill([1, 2])
    assert small.tell(machine.spilled, 1) == [Evict([1])]
    assert (small.w.managed, small.w.spilled) == (7 * BIG, BIG)
    assert small.tell(machine.spilled, 2) == [Evict([2])]


def test_inputs_stay_in_memory_and_come_back(small):
    small.hold(1, 2, 3, 4, 5, 6)
    small.hold(7)
    small.tell(machine.spilled, 1)
    # What a task needs is not spilled.
    assert ready(small.run((20, (2,)))) == [20]
    small.run(8)
    assert small.finish(8, nbytes=BIG)[0] == Spill([3])
    small.tell(machine.spilled, 3)
    # 1 is on disk; the task waits, though there is no room, for nothing would make any.
    small.finish(20)
    assert small.run((21, (1,))) == [Load([1])]
    effects = small.tell(machine.loaded, 1)
    assert isinstance(effects[0], Spill)
    assert ready(effects[1:]) == [21]


def test_a_result_that_came_to_be_needed_while_it_was_written_stays(small):
    small.hold(1, 2, 3, 4, 5, 6, 7)
    assert small.row(1).id not in small.w.spillable
    small.run((20, (1,)))
    # It stays; another one goes in its place.
    assert small.tell(machine.spilled, 1) == [Spill([2])]
    assert small.w.spilled == 0


def test_a_dropped_result_that_was_being_written(small):
    small.hold(1, 2, 3, 4, 5, 6, 7)
    assert small.hear(Drop([1])) == [Free([1])]
    assert small.tell(machine.spilled, 1) == [Free([1])]


def test_what_can_be_read_from_files_piece_by_piece_is_spilled_once_and_stays(small):
    small.hold(1, 2, 3, 4, 5, 6, 7)
    small.run((20, (1,)))
    assert small.tell(machine.shelved, 1, 50) == [Spill([2])]
    assert (small.w.managed, small.w.spilling, small.w.spilled) == (6 * BIG + 50, BIG, 0)
    assert small.row(1).state == MEMORY and small.row(1).id not in small.w.spillable
    assert small.tell(machine.shelved, 2, 50) == []
    assert small.tell(machine.shelved, 99, 50) == [Free([99])]


def test_nothing_is_fetched_that_would_have_the_worker_pause():
    bench = Bench(memory_limit=10 * BIG)
    bench.peer(2, 50)
    bench.run(1)
    bench.tell(machine.measured, int(6.5 * BIG), 0.0, 1)
    remote = {"remote": [5, 6], "where": [[2], [2]], "nbytes": [BIG, BIG]}
    assert bench.run((20, (5,)), (21, (6,)), **remote) == [Send(50, Get(1, [5], numbering="one"))]
    assert bench.hear(Data(1, [5], [Frames(b"x" * BIG)]), party=50)[0].ids == [5]
    assert bench.row(6).state == WANTED
    # What runs may make room; when nothing does, only a task that gets its inputs can.
    bench.finish(1, 20)
    assert bench.row(6).state == ASKED


def test_a_worker_without_room_fetches_for_one_task_at_a_time():
    bench = Bench(memory_limit=10 * BIG)
    bench.peer(2, 50)
    bench.tell(machine.measured, 9 * BIG, 0.0, 0)
    remote = {"remote": [5, 6, 7], "where": [[2]] * 3, "nbytes": [BIG] * 3}
    effects = bench.run((20, (5, 6)), (21, (7,)), **remote)
    assert effects[-1] == Send(50, Get(1, [5, 6], numbering="one"))
    assert bench.row(7).state == WANTED


def test_a_full_disk_is_said_and_left_alone_for_a_while(small):
    small.hold(1, 2, 3, 4, 5, 6, 7)
    effects = small.tell(machine.spill_failed, [1], "no space", True)
    (log,) = effects
    assert "no space" in log.text
    small.hold(8)
    assert small.w.spilling == 0
    small.now = 10.0
    assert small.drain() == [Spill([2, 3])]


def test_a_damaged_file_is_said_and_computed_again(small):
    small.hold(1, 2, 3, 4, 5, 6, 7)
    small.tell(machine.spilled, 1)
    small.run((20, (1,)))
    effects = small.tell(machine.load_failed, 1, "damaged")
    assert isinstance(effects[0], Log) and "'k1'" in effects[0].text
    assert effects[1] == Free([1])
    assert said(report(effects[2:])) == {"gone": [(1, "damaged")], "returned": [(20, 1)]}


def test_pausing_does_not_flicker():
    bench = Bench(memory_limit=1000)
    effects = bench.tell(machine.measured, 810, 0.0, 0)
    assert isinstance(effects[0], Log) and effects[1] == Pause(True)
    assert bench.tell(machine.measured, 790, 0.0, 0) == []
    effects = bench.tell(machine.measured, 740, 0.0, 0)
    assert effects[1] == Pause(False)


def test_a_large_process_spills_whatever_the_estimates_say(small):
    small.hold(1, 2)
    (effect,) = small.tell(machine.measured, int(7.5 * BIG), 0.0, 0)
    assert effect == Spill([1, 2])


def test_a_paused_worker_that_cannot_spill_lets_tasks_through_one_by_one():
    bench = Bench(memory_limit=1000)
    bench.run(1)
    bench.tell(machine.measured, 900, 0.0, 1)
    assert bench.tell(machine.measured, 900, 0.0, 1) == []
    assert bench.tell(machine.measured, 900, 0.0, 0) == [Nudge()]


def test_between_two_looks_the_process_grows_with_the_results():
    bench = Bench(memory_limit=10 * BIG)
    bench.tell(machine.measured, 4 * BIG, 0.0, 0)
    bench.run(1)
    effects = bench.finish(1, nbytes=5 * BIG)
    assert effects[1:3] == [Pause(True), Spill([1])]


def test_small_and_pinned_results_are_not_spilled(small):
    small.run(1, options=[(0, Options(actor=True))])
    small.finish(1, nbytes=9 * BIG)
    assert not small.w.spillable


# --- connections and time ---------------------------------------------------------------------


def test_signs_of_life(bench):
    assert machine.due(bench.w) == 0.5
    bench.now = 0.5
    (effect,) = bench.tell(machine.tick)
    assert isinstance(effect.message, Beat) and effect.message.status == "running"
    assert machine.due(bench.w) == 1.0


def test_reconnecting_to_the_same_scheduler(bench):
    bench.hold(1)
    bench.run(2, 3, (4, (2,)))
    bench.now = 1.0
    effects = bench.tell(machine.closed, SCHEDULER, "reset")
    assert isinstance(effects[0], Log)
    assert effects[1:] == [Withdraw(2, False), Withdraw(3, False), Reconnect(0.1)]
    bench.tell(machine.withdrawn, 3)
    assert sorted(bench.w.numbering.rows) == [1, 2]
    effects = bench.tell(machine.connected, 2, "scheduler")
    assert effects[0] == Renumbered() and bench.rows[2].number == -1
    message = effects[1].message
    assert message.scheduler == "one"
    assert (message.held, message.running) == ([(1, 1, "k1", BIG)], [(2, 1, "k2", 0)])
    # What ends in the meantime is told when it is known what counts.
    assert bench.finish(2) == []
    held = bench.w.tasks.copy()
    machine.received(bench.w, 2, Welcome(5, "two"), [], 1.0)
    machine.received(bench.w, 2, Reconcile([(0, 11)], [(0, 12, 7)]), [], 1.0)
    effects = bench.drain()
    assert effects[0] == Renumbered()
    assert effects[1].party == 2
    assert (effects[1].message.ids, effects[1].message.runs) == ([12], [7])
    assert sorted(bench.w.numbering.rows) == [11, 12]
    assert bench.w.tasks == held  # nobody else has to know


def test_a_run_that_fails_before_its_new_number_is_known_is_told_by_the_new_one(bench):
    bench.run(2)
    bench.run(3)
    bench.tell(machine.closed, SCHEDULER, "reset")
    bench.tell(machine.connected, 2, "scheduler")
    for id in (2, 3):
        assert bench.finish(id, kind="raised") == []
    machine.received(bench.w, 2, Welcome(5, "two"), [], 1.0)
    machine.received(bench.w, 2, Reconcile([], [(0, 12, 7)]), [], 1.0)
    [sent] = [e for e in bench.drain() if isinstance(e, Send)]
    assert [failed[:3] for failed in sent.message.failed] == [(12, 7, "raised")]


def test_a_run_that_ended_while_the_scheduler_decided_against_it_is_not_told(bench):
    """Its old number and run may be those of another task there."""
    bench.run(1)
    bench.tell(machine.closed, SCHEDULER, "reset")
    bench.tell(machine.connected, 2, "scheduler")
    assert bench.finish(1) == []
    machine.received(bench.w, 2, Welcome(5, "two"), [], 1.0)
    machine.received(bench.w, 2, Reconcile([], []), [], 1.0)
    (freed, _, sent) = bench.drain()
    assert freed == Free([1]) or isinstance(freed, Renumbered)
    assert (sent.message.ids, sent.message.runs) == ([], [])


def test_what_a_scheduler_does_not_want_goes(bench):
    bench.hold(1, 2)
    bench.run(3)
    bench.tell(machine.closed, SCHEDULER, "reset")
    bench.tell(machine.connected, 2, "scheduler")
    machine.received(bench.w, 2, Welcome(5, "two"), [], 1.0)
    machine.received(bench.w, 2, Reconcile([(0, 1)], []), [], 1.0)
    effects = bench.drain()
    assert effects == [Withdraw(3, True), Renumbered(), Free([2])]
    assert list(bench.w.numbering.rows) == [1]


def test_what_goes_on_keeps_inputs_that_the_scheduler_does_not_want(bench):
    bench.hold(1)
    bench.run((2, (1,)))
    bench.tell(machine.closed, SCHEDULER, "reset")
    bench.tell(machine.connected, 2, "scheduler")
    machine.received(bench.w, 2, Welcome(5, "two"), [], 1.0)
    machine.received(bench.w, 2, Reconcile([], [(0, 1, 1)]), [], 1.0)
    assert bench.drain() == [Renumbered()]
    # A result that was kept for a reader only is the scheduler's again when it wants it.
    bench.tell(machine.closed, 2, "reset")
    bench.tell(machine.connected, 3, "scheduler")
    machine.received(bench.w, 3, Welcome(6, "two"), [], 2.0)
    machine.received(bench.w, 3, Reconcile([(0, 9)], [(0, 1, 2)]), [], 2.0)
    bench.drain()
    effects = bench.finish(2)
    assert report(effects, party=3).ids == [1]
    assert sorted(bench.w.numbering.rows) == [1, 9]


def test_of_numbers_that_ended_before_a_scheduler_had_answered_the_last_that_counted_are_said(
    bench,
):
    bench.hold(1)
    for party in (2, 3):
        bench.tell(machine.closed, bench.w.scheduler, "reset")
        (effect,) = bench.tell(machine.connected, party, "scheduler")
        assert (effect.message.scheduler, effect.message.held) == ("one", [(1, 1, "k1", BIG)])
        machine.received(bench.w, party, Welcome(5, "two"), [], 1.0)


def test_a_worker_without_a_scheduler_leaves_after_a_while():
    bench = Bench(leave_s=1.0)
    bench.tell(machine.closed, SCHEDULER, "reset")
    delays = []
    while True:
        bench.now += 0.4
        machine.retry(bench.w, bench.now)
        (effect,) = bench.drain()
        if isinstance(effect, Leave):
            break
        delays.append(effect.delay_s)
    assert delays == [0.2, 0.4]


def test_goodbye(bench):
    (said_, effect) = bench.hear(Goodbye("enough"))
    assert said_ == Send(SCHEDULER, Goodbye("enough")) and effect == Leave("enough")


def test_calls_are_the_shells(bench):
    call = Call(1, "versions")
    assert bench.hear(call, party=9) == [Invoke(9, call, [])]


def test_orders_are_the_schedulers_only(bench):
    bench.hold(1)
    (effect,) = bench.hear(Drop([1]), party=60)
    assert isinstance(effect, Log) and "Drop" in effect.text
    assert list(bench.w.numbering.rows) == [1]


def test_the_table_of_transitions_is_whole():
    assert sorted(TRANSITIONS) == list(range(len(NAMES)))
    reached = {state for states in TRANSITIONS.values() for state in states}
    assert reached >= set(range(len(NAMES))) - {0, 4}


def test_parts_in_files_are_told_as_what_is_on_disk():
    worker = Worker(Settings("a", "inproc://a", 1))
    machine.measured(worker, 50 << 20, 10.0, 0, 0.0, 7000)
    assert beat(worker).spilled == worker.spilled + 7000


def test_what_is_damaged_is_told_and_who_waits_for_it_goes_back(bench):
    bench.hold(1)
    assert ready(bench.run((20, (1,)))) == [20]
    effects = bench.tell(machine.damaged, 1, "checksum")
    assert isinstance(effects[0], Log) and "'k1'" in effects[0].text
    assert said(report(effects[1:])) == {"gone": [(1, "checksum")]}
    # It is computed again here, while somebody is still about to read it.
    assert ready(bench.run(1)) == [1]
    effects = bench.finish(20, kind="returned")
    assert isinstance(effects[0], Free)
    assert said(report(effects[1:]))["returned"] == [(20, 1)]
    assert bench.tell(machine.damaged, 1, "once more") == []
