"""Sources that stand together are kept for one worker, as long as nothing speaks against it."""

from __future__ import annotations

from collections import Counter, deque

import pytest

from shoal.distributed.core.effects import Send
from shoal.distributed.core.scheduler import (
    Scheduler,
    Settings,
    closed,
    connected,
    drain,
    received,
)
from shoal.distributed.core.scheduler.outbox import in_line
from shoal.distributed.core.scheduler.retire import begin_retiring
from shoal.distributed.core.scheduler.sources import Sources
from shoal.distributed.core.scheduler.table import MASK, Table
from shoal.distributed.core.scheduler.transitions import Checked
from shoal.distributed.core.scheduler.validate import validate
from shoal.distributed.core.streaming import streamed
from shoal.distributed.core.worker.report import build
from shoal.distributed.core.worker.table import Settings as WorkerSettings
from shoal.distributed.core.worker.table import Task, Worker
from shoal.distributed.protocol import (
    Beat,
    Code,
    Drop,
    Finished,
    Hello,
    Listed,
    Options,
    Register,
    Release,
    Report,
    Run,
    Submit,
)

CLIENT = 1
WORKERS = range(2, 10)
LEAVES = 128


class Cluster:
    """A scheduler of eight workers, and a clock."""

    def __init__(self, limit=0, **settings):
        self.state = Scheduler(Settings(**settings), table=Table(Checked))
        self.now = 0.0
        self.messages = Counter()
        self.finished = []
        self.done = set()
        connected(self.state, CLIENT, "client", 0.0)
        received(self.state, CLIENT, Hello("me", {}), (), 0.0)
        for party in WORKERS:
            self.add_worker(party, limit)
        self.go()

    def add_worker(self, party, limit=0):
        connected(self.state, party, "worker", self.now)
        told = Register(f"w{party}", f"x://{party}", 1, limit, {}, {}, "h", 1)
        received(self.state, party, told, (), self.now)

    def hear(self, party, m):
        received(self.state, party, m, (), self.now)

    def go(self):
        """What workers are given, after a look at every invariant."""
        given = {}
        for effect in drain(self.state, self.now):
            if type(effect) is Send:
                self.messages[type(effect.message)] += 1
                if type(effect.message) is Run:
                    given[effect.party] = effect.message
                if type(effect.message) is Finished:
                    self.finished += effect.message.keys
        validate(self.state)
        return given

    def end(self, party, run, seconds=0.001, nbytes=8):
        """A worker has run all of this, and fetched what it lacked."""
        self.now += seconds
        n = len(run.ids)
        report = Report(run.ids, run.runs, [nbytes] * n, [0] * n, [seconds] * n, [None] * n, ["i"])
        report.starts = [self.now] * n
        report.added, report.added_nbytes = run.remote, run.nbytes
        self.done.update(run.ids)
        self.hear(party, report)
        return self.go()

    def finish(self, given, **ended):
        """All that workers are given ends; how often results were sent between workers."""
        fetched, line = 0, deque(given.items())
        while line:
            party, run = line.popleft()
            fetched += len(run.remote)
            line += self.end(party, run, **ended).items()
        assert not self.state.sources.regions and len(self.state.sources) == 0
        return fetched


def tree(leaves=LEAVES, name="t"):
    """Leaves and pairwise sums up to one."""
    deps, level = [()] * leaves, list(range(leaves))
    while len(level) > 1:
        above = []
        for pair in zip(level[::2], level[1::2]):
            above.append(len(deps))
            deps.append(pair)
        level = above
    place, order = {i: (i, 0) for i in range(leaves)}, [0] * len(deps)
    for i, needs in enumerate(deps):
        if needs:
            place[i] = (place[needs[1]][0], place[needs[1]][1] + 1)
    for rank, i in enumerate(sorted(place, key=place.__getitem__)):
        order[i] = rank
    keys = [f"{name}-{i}" for i in range(len(deps))]
    kinds = [Code(b"leaf", b"leaf"), Code(b"sum", b"sum")]
    codes = [int(bool(needs)) for needs in deps]
    args = [b""] * len(deps)
    return streamed(Submit([Listed(keys)], kinds, codes, args, deps, [], order, [len(deps) - 1]))


def shares(state):
    """Rows that are kept, by worker."""
    regions = state.sources.regions
    return {n: [entry & MASK for entry in line.next(len(line))] for n, line in regions.items()}


def started(**settings):
    """A tree, of which each worker has its first leaves."""
    cluster = Cluster(**settings)
    cluster.hear(CLIENT, tree())
    given = cluster.go()
    assert len(given) == len(WORKERS) and all(len(run.ids) == 2 for run in given.values())
    return cluster, given


def test_each_worker_is_kept_what_follows_on_its_first_leaves():
    cluster, given = started()
    kept = shares(cluster.state)
    for party, run in given.items():
        mine = kept[cluster.state.parties[party].worker.number]
        assert len(mine) == LEAVES / len(WORKERS) - 2
        assert max(run.ids) < min(mine)
        assert not any(max(run.ids) < row < min(mine) for other in kept.values() for row in other)


def test_only_what_regions_make_is_sent_between_workers():
    cluster, given = started()
    kept = cluster.finish(given)
    cluster, given = started(region=0)
    shared = cluster.finish(given)
    assert len(WORKERS) - 1 <= kept < 0.6 * shared, (kept, shared)


def test_a_worker_of_which_no_region_is_left_gets_what_others_were_kept():
    cluster, given = started()
    slow, fast = list(given)[:2]
    run = given[fast]
    mine = cluster.state.parties[slow].worker.number
    kept = shares(cluster.state)[mine]
    while shares(cluster.state):
        run = cluster.end(fast, run)[fast]
    begun = cluster.done | {*run.ids}
    assert {*kept} & begun, "what was kept for the slow one"
    del given[fast]
    cluster.finish({**given, fast: run})
    assert len(cluster.finished) == 1


def test_long_tasks_are_begun_in_order():
    cluster, given = started()
    first = next(iter(given))
    more = cluster.end(first, given[first], seconds=1.0)
    assert not shares(cluster.state)
    line = cluster.state.sources.line
    assert line.entries == sorted(line.entries)
    begun = {*more[first].ids} | {i for run in given.values() for i in run.ids}
    leaves = [row for row, deps in enumerate(cluster.state.table.deps) if not deps]
    rest = [entry & MASK for entry in line.next(len(line))]
    assert rest == [row for row in leaves if row not in begun]
    cluster.finish({**given, **more}, seconds=1.0)


def test_large_results_are_made_in_order():
    cluster, given = started(limit=100_000_000)
    first = next(iter(given))
    more = cluster.end(first, given[first], nbytes=100_000)
    assert not shares(cluster.state)
    cluster.finish({**given, **more}, nbytes=100_000)


@pytest.mark.parametrize("how", ["paused", "gone", "retired"])
def test_what_is_kept_for_a_worker_that_does_no_more_is_there_for_all(how):
    cluster, given = started()
    party = next(iter(given))
    number = cluster.state.parties[party].worker.number
    kept = shares(cluster.state)[number]
    del given[party]
    if how == "paused":
        cluster.hear(party, Beat("paused", 0, 0, 0, 0.0, 0, 0, 0))
    elif how == "gone":
        closed(cluster.state, party, "killed", cluster.now)
    else:
        worker = cluster.state.workers[number]
        begin_retiring(cluster.state, worker, True)
    given |= cluster.go()
    assert not shares(cluster.state)
    assert {entry & MASK for entry in cluster.state.sources.line.next(LEAVES)} >= {*kept}
    if how == "gone":
        cluster.finish(given)
        assert len(cluster.finished) == 1


def test_all_workers_die_when_it_has_just_become_known_how_long_tasks_take():
    cluster = Cluster(region=2)
    count = 6 * len(WORKERS)
    deps = [(i - 1,) if i % 2 else () for i in range(count)]
    keys, codes = [f"k{i}" for i in range(count)], [Code(b"f", b"f")]
    order, ends = list(range(count)), list(range(1, count, 2))
    m = Submit([Listed(keys)], codes, [0] * count, [b""] * count, deps, [], order, ends)
    cluster.hear(CLIENT, m)
    given = cluster.go()
    assert not shares(cluster.state) and cluster.state.guessed is not None
    first, run = next(iter(given.items()))
    ended = Report(run.ids, run.runs, [8] * 2, [0] * 2, [0.1] * 2, [None] * 2, ["i"])
    cluster.hear(first, ended)
    for party in WORKERS:
        closed(cluster.state, party, "killed", cluster.now)
    cluster.go()
    cluster.add_worker(99)
    cluster.finish(cluster.go())
    assert len(cluster.finished) == count // 2


def test_what_is_to_run_sooner_does_so():
    cluster, _ = started()
    soon = Submit(
        [Listed(["now"])],
        [Code(b"f", b"f")],
        [0],
        [b""],
        [()],
        [],
        [0],
        [0],
        options=[Options([0], priority=9.0)],
    )
    cluster.hear(CLIENT, soon)
    [(_, run)] = cluster.go().items()
    assert run.keys == ["now"] and not shares(cluster.state)


def test_a_second_graph_comes_behind_the_first_and_leaves_its_regions():
    cluster, given = started()
    kept = shares(cluster.state)
    cluster.hear(CLIENT, tree(name="u"))
    given |= cluster.go()
    assert shares(cluster.state) == kept
    cluster.finish(given)
    assert len(cluster.finished) == 2


def test_tasks_that_nothing_waits_for_are_in_no_region():
    cluster = Cluster()
    keys = [f"k{i}" for i in range(LEAVES)]
    every = list(range(LEAVES))
    m = Submit(
        [Listed(keys)],
        [Code(b"f", b"f")],
        [0] * LEAVES,
        [b""] * LEAVES,
        [()] * LEAVES,
        [],
        every,
        every,
    )
    cluster.hear(CLIENT, m)
    given = cluster.go()
    assert not shares(cluster.state)
    cluster.finish(given)


def test_copies_that_nobody_needs_cost_no_message_of_their_own():
    """What was fetched for a sum is let go with what else a worker hears."""
    cluster, given = started(drop_delay_s=1000.0)
    fetched = cluster.finish(given)
    assert fetched and not cluster.messages[Drop]
    cluster.hear(CLIENT, Release(cluster.finished))
    cluster.now += 2000.0
    cluster.go()
    cluster.now += 2000.0
    cluster.go()
    assert cluster.messages[Drop] and not len(cluster.state.table)
    assert all(not worker.held and not worker.nbytes for worker in cluster.state.workers.values())


def test_runs_are_remembered_when_their_tasks_are_forgotten():
    cluster, given = started()
    cluster.finish(given)
    cluster.hear(CLIENT, Release(cluster.finished))
    cluster.go()
    assert not len(cluster.state.table)
    told = [row for _, columns in cluster.state.stream.since(0) for row in zip(*columns)]
    keys, kinds = {row[0] for row in told}, {row[1] for row in told}
    assert keys == {f"t-{i}" for i in range(2 * LEAVES - 1)} and len(told) == len(keys)
    assert kinds == {"t"}


def test_pieces_of_a_message_are_one_range_where_they_stand_in_line():
    assert in_line([[3, 2], range(4, 6)]) == range(2, 6)
    assert in_line([[3], range(5, 7)]) == [3, 5, 6]
    assert in_line([[3, 5], [5]]) == [3, 5, 5], "twice the same, and a gap"


@pytest.mark.parametrize("inline", [True, False])
def test_results_that_nobody_waits_for_are_told_in_the_order_of_the_table(inline):
    w = Worker(WorkerSettings("a", "inproc://a", 1))
    numbers = [7, 3, 9, 1, 8, 2, 6, 4]
    for at, number in enumerate(numbers):
        task = Task(number, number, 10 + number, "k", None, b"", (), 0, inline, "held")
        w.numbering.columns.ended.append((task, "", number, "int", 0.5, float(at), None))
    m = build(w)
    assert m.ids == (numbers if inline else sorted(numbers))
    assert m.runs == [10 + number for number in m.ids] and m.nbytes == m.ids
    assert m.starts == [float(numbers.index(number)) for number in m.ids]


def test_lines_of_sources():
    sources = Sources(4)
    sources.add([1, 2, 3])
    assert not sources.is_new, "few"
    sources.add([4, 5, 6, 7])
    assert sources.is_new
    sources.keep(0, 3)
    sources.keep(1, 2)
    assert (sources.common, sources.reserved, len(sources), sources.until) == (2, 5, 7, 5)
    assert (sources.first(0), sources.first(1), sources.first(2)) == (1, 4, 6)
    assert sources.line_of(0).behind(3) == 4 and sources.line_of(1).behind(2) == 6
    sources.take(1, 2)
    assert 1 not in sources.regions and sources.reserved == 3
    sources.take(0, 1)
    sources.add([0])  # before what is kept
    assert not sources.regions and sources.line.next(9) == [2, 3, 6, 7] and sources.late == [0]
    assert len(sources) == 5 and not sources.is_new
