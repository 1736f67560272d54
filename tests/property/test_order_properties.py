"""Order on random graphs: always valid, and on small ones compared with the best there is."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.graph.order import live_profile, order, peak_live

Deps = list[tuple[int, ...]]


@st.composite
def graphs(draw: st.DrawFn, most: int = 60) -> Deps:
    """Tasks that read some of the tasks before them: any, or near ones."""
    n = draw(st.integers(1, most))
    reach = draw(st.sampled_from([2, 5, n]))
    fan = draw(st.integers(0, 4))
    deps: Deps = [()]
    for i in range(1, n):
        inputs = st.integers(max(0, i - reach), i - 1)
        deps.append(tuple(draw(st.lists(inputs, max_size=fan, unique=True))))
    return deps


@st.composite
def forests(draw: st.DrawFn, most: int = 10) -> Deps:
    """Tasks each read by one other at most."""
    n = draw(st.integers(1, most))
    free: list[int] = []
    deps: Deps = []
    for i in range(n):
        taken = draw(st.lists(st.sampled_from(free), max_size=3, unique=True)) if free else []
        free = [*(j for j in free if j not in taken), i]
        deps.append(tuple(taken))
    return deps


def targets(deps: Deps) -> list[int]:
    read = {j for needs in deps for j in needs}
    return [i for i in range(len(deps)) if i not in read]


def least_peak(deps: Deps, wanted: Collection[int] = ()) -> int:
    """The lowest peak of all sequences, by the sets of tasks that can have run."""
    n = len(deps)
    needs = [sum(1 << j for j in row) for row in deps]
    readers = [sum(1 << i for i, row in enumerate(deps) if j in row) for j in range(n)]
    layer = {0: 0}
    for _ in range(n):
        after: dict[int, int] = {}
        for done, peak in layer.items():
            live = sum(1 for i in range(n) if done >> i & 1 and (i in wanted or readers[i] & ~done))
            for i in range(n):
                if not done >> i & 1 and not needs[i] & ~done:
                    after[done | 1 << i] = min(max(peak, live + 1), after.get(done | 1 << i, n + 1))
        layer = after
    return layer[(1 << n) - 1]


def assert_valid(deps: Deps, sequence: Sequence[int]) -> None:
    assert sorted(sequence) == list(range(len(deps)))
    place = {i: k for k, i in enumerate(sequence)}
    assert all(place[j] < place[i] for i, needs in enumerate(deps) for j in needs)


@given(graphs(), st.data())
def test_valid_and_the_same_again(deps: Deps, data: st.DataObject) -> None:
    wanted = data.draw(st.lists(st.integers(0, len(deps) - 1)))
    sequence = order(deps, None, wanted)
    assert_valid(deps, sequence)
    assert list(order(list(deps), None, wanted[::-1])) == list(sequence)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 2000), st.integers(1, 6), st.integers(2, 500))
def test_valid_on_larger_graphs(seed: int, n: int, fan: int, reach: int) -> None:
    rng = random.Random(seed)
    deps: Deps = [()]
    for i in range(1, n):
        near = range(max(0, i - reach), i)
        deps.append(tuple({rng.choice(near) for _ in range(rng.randint(0, fan))}))
    assert_valid(deps, order(deps))


@settings(deadline=None)
@given(forests())
def test_forests_are_optimal(deps: Deps) -> None:
    assert peak_live(deps, order(deps)) == least_peak(deps)
    wanted = targets(deps)
    assert peak_live(deps, order(deps, None, wanted), wanted) == least_peak(deps, wanted)


@settings(deadline=None)
@given(forests(), st.data())
def test_forests_with_kept_results_are_nearly_optimal(deps: Deps, data: st.DataObject) -> None:
    inner = data.draw(st.lists(st.integers(0, len(deps) - 1), unique=True))
    wanted = sorted({*inner, *targets(deps)})
    assert peak_live(deps, order(deps, None, wanted), wanted) <= least_peak(deps, wanted) + 2


@settings(deadline=None)
@given(graphs(most=10))
def test_small_graphs_are_near_the_optimum(deps: Deps) -> None:
    assert peak_live(deps, order(deps)) <= least_peak(deps) + 3


@given(graphs(), st.integers(1, 8))
def test_profile_against_its_definition(deps: Deps, workers: int) -> None:
    sequence = list(order(deps))
    wanted = targets(deps)
    profile = live_profile(deps, sequence, wanted, workers)
    # Play it again with sets.
    place = {i: k for k, i in enumerate(sequence)}
    readers = [{i for i, row in enumerate(deps) if j in row} for j in range(len(deps))]
    done: set[int] = set()
    alive: set[int] = set()
    expected = []
    while len(done) < len(deps):
        ready = [i for i in place if i not in done and done.issuperset(deps[i])]
        step = sorted(ready, key=place.__getitem__)[:workers]
        alive.update(step)
        expected.append(len(alive))
        done.update(step)
        alive = {i for i in alive if i in wanted or readers[i] - done}
    assert profile == expected
    assert peak_live(deps, sequence, wanted, workers) == max(expected)


@given(graphs())
def test_more_is_alive_when_more_is_kept(deps: Deps) -> None:
    sequence = order(deps)
    none = live_profile(deps, sequence)
    all_of_them = live_profile(deps, sequence, range(len(deps)))
    assert all(a <= b for a, b in zip(none, all_of_them, strict=True))
    assert all_of_them == list(range(1, len(deps) + 1))
