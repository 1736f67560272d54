"""On random plans: the same results with chains fused, and on processes, as one after the other."""

from __future__ import annotations

import random
import sys

import cloudpickle
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.graph.fuse import Chain, fuse
from shoal.graph.plan import make_plan
from shoal.graph.task import Nest, Ref, Template
from shoal.local.process_books import Books
from shoal.local.process_holdings import Away
from shoal.local.process_pace import Pace
from shoal.local.process_worker import STAY
from shoal.local.processes import run_processes
from shoal.local.sync import run_sync
from shoal.serialize.pickles import Frames

# The children need not find this module.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def text(*parts, **named):
    """A result that shows how it came about, short enough for large plans."""
    whole = repr((parts, sorted(named.items())))
    return whole if len(whole) < 200 else str(len(whole)) + whole[:100]


def data(*parts):
    """A result large enough to stay where it was made."""
    return text(*parts).encode() * 500


@st.composite
def plans(draw, most=40):
    n = draw(st.integers(1, most))
    funcs, args, deps = [], [], []
    for i in range(n):
        width = min(i, draw(st.sampled_from([0, 1, 1, 1, 2, 3])))
        needs = tuple(draw(st.permutations(range(max(0, i - 6), i)))[:width])
        form = draw(st.sampled_from(["plain", "plain", "template"]))
        if not needs and draw(st.booleans()):
            funcs.append(None)
            args.append(draw(st.sampled_from([0, "text", b"bytes" * 5_000, None])))
        elif not needs:
            funcs.append(text)
            args.append((i,))
        elif form == "plain":
            funcs.append(draw(st.sampled_from([text, data])))
            args.append(None)
        else:
            funcs.append(text)
            refs = [Ref(k) for k in range(len(needs))]
            args.append(Template((refs[0], i), {"rest": Nest(list, refs)}))
        deps.append(needs)
    wanted = draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=5))
    labels = draw(st.lists(st.integers(0, n - 1), max_size=5))
    return make_plan(funcs, args, deps, [f"t{i}" for i in range(n)], wanted, [(labels, {"a": 1})])


@given(plans())
def test_the_same_results(plan):
    fused = fuse(plan)
    assert run_sync(fused) == run_sync(plan)
    assert all(j < i for i, needs in enumerate(fused.deps) for j in needs)
    assert sorted(fused.order) == list(range(len(fused)))
    place = {i: k for k, i in enumerate(fused.order)}
    assert all(place[j] < place[i] for i, needs in enumerate(fused.deps) for j in needs)
    assert [fused.keys[i] for i in fused.wanted] == [plan.keys[i] for i in plan.wanted]


@given(plans())
def test_every_chain_that_may_be_joined_is(plan):
    fused = fuse(plan)
    assert fuse(fused) is fused
    steps = sum(len(f.funcs) if type(f) is Chain else 1 for f in fused.funcs)
    assert steps == len(plan)


@settings(max_examples=40)
@given(plans(), st.integers(1, 3), st.sampled_from([None, 1, 4]))
def test_processes_give_the_same_results(plan, workers, chunksize):
    results = run_processes(plan, num_workers=workers, chunksize=chunksize)
    assert results == run_sync(plan)


@given(plans(), st.integers(1, 4), st.sampled_from([None, 1, 4]), st.integers(0))
def test_books(plan, workers, chunksize, seed):
    """Workers played by hand: they have what they need, return tasks at will, end with nothing."""
    chance = random.Random(seed)
    pace = Pace()
    pace.learn("all", 1_000, 0.001)
    books = Books(plan, pace, chunksize, workers)
    workers = [(books.add_worker(), [], {}) for _ in range(workers)]
    coming = []
    while books.left:
        moves = 0
        for w, queue, values in chance.sample(workers, len(workers)):
            hungry = chance.random() < 0.5
            batch = books.take_batch(w, hungry) if len(queue) < 3 else None
            if batch is not None:
                queue.append(batch)
            moves += len(queue) + hungry
            if chance.random() < 0.2:
                # Not started: the tasks go back, what came along does not.
                books.give_back(w, [i for later in queue for i in later.ids][::-1])
                for later in queue:
                    for column in later.columns:
                        column.clear()
            if queue and chance.random() < 0.7:
                play(books, w, queue.pop(0), values, chance)
            coming += books.fetches
            books.fetches.clear()
            for holder, j in coming[:]:
                if chance.random() < 0.5:
                    assert workers[holder][2][j]
                    coming.remove((holder, j))
                    books.arrive(j, Frames(b"x" * 20_000))
        assert moves or coming or len(workers) > 1
    assert not coming
    wanted = set(plan.wanted)
    assert all(books.values[i] is None for i in range(len(plan)) if i not in wanted)
    assert not books.where.away
    assert not books.fetching
    for w, queue, values in workers:
        for batch in queue:
            play(books, w, batch, values, chance)
        left = set(values) - set(books.where.drops[w])
        assert all(i < 0 for i in left)
        assert books.where.held[w] == 0


def play(books, w, batch, values, chance):
    """Do with a batch what a worker does."""
    for i in batch.drops:
        values.pop(i, None)
    values.update(dict.fromkeys([*batch.raw, *batch.put], True))
    ids, _, _, needs, keeps = batch.columns
    for i, row, keep in list(zip(ids, needs, keeps, strict=True)):
        for j in row:
            assert values[j] if j >= 0 else values.pop(~j)
        if keep:
            values[i] = True
        stays = keep == STAY and chance.random() < 0.5
        books.finish(w, [i], [Away(20_000) if stays else Frames(b"x" * 20_000)])
