"""Order: what it promises on graphs whose best answer is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import pytest

from shoal.graph.order import live_profile, order, peak_live

Deps = list[tuple[int, ...]]


def is_topological(deps: Deps, sequence: Sequence[int]) -> bool:
    """Whether it holds every task once, after those it reads."""
    place = {i: k for k, i in enumerate(sequence)}
    return sorted(sequence) == list(range(len(deps))) and all(
        place[j] < place[i] for i, needs in enumerate(deps) for j in needs
    )


class Builder:
    """A graph under construction: ``add`` returns the number of the new task."""

    def __init__(self) -> None:
        self.deps: Deps = []

    def add(self, *needs: int) -> int:
        self.deps.append(needs)
        return len(self.deps) - 1

    def each(self, rows: list[tuple[int, ...]]) -> list[int]:
        return [self.add(*row) for row in rows]

    def tree(self, x: list[int], fan: int) -> int:
        while len(x) > 1:
            x = self.each([tuple(x[i : i + fan]) for i in range(0, len(x), fan)])
        return x[0]

    def tree_2d(self, x: list[list[int]]) -> int:
        while len(x) > 1 or len(x[0]) > 1:
            x = [
                self.each(
                    [
                        tuple(k for row in x[i : i + 2] for k in row[j : j + 2])
                        for j in range(0, len(x[0]), 2)
                    ]
                )
                for i in range(0, len(x), 2)
            ]
        return x[0][0]


def binary_tree(leaves: int) -> Deps:
    b = Builder()
    b.tree(b.each([()] * leaves), 2)
    return b.deps


def mean_std(rows: int, cols: int) -> Deps:
    """``(x - x.mean(0)).std()``, layer by layer."""
    b = Builder()
    x = [b.each([()] * cols) for _ in range(rows)]
    part = [b.each([(k,) for k in row]) for row in x]
    mean = [b.tree([row[j] for row in part], 4) for j in range(cols)]
    centred = [b.each(list(zip(row, mean, strict=True))) for row in x]
    b.tree_2d([b.each([(k,) for k in row]) for row in centred])
    return b.deps


def transposed_add(n: int, total: bool) -> Deps:
    b = Builder()
    x = [b.each([()] * n) for _ in range(n)]
    t = [b.each([(x[j][i],) for j in range(n)]) for i in range(n)]
    z = [b.each([(x[i][j], t[i][j]) for j in range(n)]) for i in range(n)]
    if total:
        b.tree_2d(z)
    return b.deps


def stencil(rows: int, cols: int, corners: bool = True, steps: int = 1) -> Deps:
    b = Builder()
    x = [b.each([()] * cols) for _ in range(rows)]
    for _ in range(steps):
        x = [
            [
                b.add(
                    *(
                        x[p][q]
                        for p in range(max(0, i - 1), min(rows, i + 2))
                        for q in range(max(0, j - 1), min(cols, j + 2))
                        if corners or p == i or q == j
                    )
                )
                for j in range(cols)
            ]
            for i in range(rows)
        ]
    return b.deps


def stores(n: int, k: int) -> Deps:
    """``k`` functions of each block, each stored, one function after the other."""
    b = Builder()
    x = b.each([()] * n)
    for _ in range(k):
        b.each([(i,) for i in b.each([(i,) for i in x])])
    return b.deps


def reductions(n: int, k: int) -> Deps:
    """``k`` trees over one array."""
    b = Builder()
    x = b.each([(i,) for i in b.each([()] * n)])
    for _ in range(k):
        b.tree(b.each([(i,) for i in x]), 4)
    return b.deps


def shuffle(n: int, m: int) -> Deps:
    b = Builder()
    x = b.each([()] * n)
    split = [b.each([(i,)] * m) for i in x]
    for j in range(m):
        b.add(*(row[j] for row in split))
    return b.deps


def independent_diamonds(n: int) -> Deps:
    b = Builder()
    x = b.each([()] * n)
    left, right = b.each([(i,) for i in x]), b.each([(i,) for i in x])
    b.each(list(zip(left, right, strict=True)))
    return b.deps


def deep_chain(n: int) -> Deps:
    """Each step reads the one before, an input of its own and one that all read."""
    b = Builder()
    common, step = b.add(), b.add()
    for _ in range(n):
        step = b.add(step, b.add(), common)
    return b.deps


SHAPES: list[tuple[Callable[..., Deps], tuple[object, ...], int]] = [
    # The peaks are those reached today; none may rise.
    (binary_tree, (1024,), 12),
    (mean_std, (10, 10), 33),
    (mean_std, (4, 4), 15),
    (mean_std, (30, 10), 90),
    (transposed_add, (10, False), 4),
    (transposed_add, (5, True), 10),
    (transposed_add, (30, True), 24),
    (stencil, (1, 500), 4),
    (stencil, (10, 10), 24),
    (stencil, (5, 40), 14),
    (stencil, (40, 5), 14),
    (stencil, (10, 10, False), 22),
    (stencil, (5, 40, False), 12),
    (stencil, (40, 5, False), 12),
    # A sweep that turned at the end of each diagonal would hold one more for each step.
    (stencil, (6, 20, False, 3), 38),
    (stores, (200, 3), 3),
    (reductions, (100, 1), 11),
    (reductions, (100, 2), 21),
    (reductions, (100, 3), 27),
    (reductions, (100, 8), 54),
    (shuffle, (20, 20), 41),
    (shuffle, (5, 40), 11),
    (shuffle, (40, 5), 81),
    (independent_diamonds, (100,), 3),
    (deep_chain, (1000,), 4),
]


@pytest.mark.parametrize(("build", "size", "peak"), SHAPES)
def test_reference_shapes(build: Callable[..., Deps], size: tuple[object, ...], peak: int) -> None:
    deps = build(*size)
    sequence = order(deps)
    assert is_topological(deps, sequence)
    assert peak_live(deps, sequence) <= peak


def test_nothing_to_decide_is_a_range() -> None:
    assert order([]) == range(0)
    assert order([()]) == range(1)
    assert order([()] * 5) == range(5)
    assert order([(), (0,), (1,), (2,)]) == range(4)


def test_almost_a_chain_is_not_taken_for_one() -> None:
    deps: Deps = [(), (0,), (0,), (2,)]
    sequence = order(deps)
    assert is_topological(deps, sequence)
    assert peak_live(deps, sequence) == 2


def test_layers_run_as_chains() -> None:
    assert order([(), (), (), (0,), (1,), (2,)]) == [0, 3, 1, 4, 2, 5]


def test_heavier_subtree_first() -> None:
    # 0 is one leaf, 4 the sum of three: with the leaf first, one more is alive.
    deps: Deps = [(), (), (), (), (1, 2, 3), (0, 4)]
    sequence = order(deps)
    assert sequence == [1, 2, 3, 4, 0, 5]
    assert peak_live(deps, sequence) == 4
    assert peak_live(deps, range(6)) == 5


def test_kept_results_inside_of_a_tree() -> None:
    # Both inputs of the last task need two at once, but the second leaves two kept ones behind.
    deps: Deps = [(), (0,), (), (2,), (1, 3)]
    sequence = order(deps, None, [2, 4])
    assert is_topological(deps, sequence)
    assert sequence == [0, 1, 2, 3, 4]
    assert peak_live(deps, sequence, [2, 4]) == 4


def test_several_wanted_repeats() -> None:
    deps = stencil(3, 3)
    assert order(deps, None, [17, 17, 0, 0]) == order(deps, None, [0, 17])


@pytest.mark.parametrize("build", [lambda: stencil(4, 9), lambda: reductions(30, 3)])
def test_dependents_may_be_given(build: Callable[[], Deps]) -> None:
    deps = build()
    dependents: list[list[int]] = [[] for _ in deps]
    for i, needs in enumerate(deps):
        for j in needs:
            dependents[j].append(i)
    assert order(deps, dependents) == order(deps)


def test_longest_path_first() -> None:
    # 0 feeds three tasks; the one that something waits for runs first.
    deps: Deps = [(), (0,), (0,), (0,), (2,), (4,)]
    sequence = list(order(deps))
    assert sequence.index(2) < sequence.index(5) < len(sequence)
    wide: Deps = [(), (), (), (0,), (3,), (4, 1, 2)]
    assert list(order(wide))[:3] == [0, 3, 4]


def test_groups_are_finished_before_new_data_is_loaded() -> None:
    deps: Deps = [(), (), (), (), (0, 2), (1, 3), (0, 2), (1, 3)]
    sequence = list(order(deps))
    assert set(sequence[:4]) in ({0, 2, 4, 6}, {1, 3, 5, 7})


def test_shared_source_does_not_release_a_flood() -> None:
    # 0 and 1 are split for each step of a chain; the parts are made when they are needed.
    b = Builder()
    left, right = b.add(), b.add()
    step = b.add(b.add(left), b.add(right))
    for _ in range(50):
        step = b.add(step, b.add(left), b.add(right))
    assert peak_live(b.deps, order(b.deps)) <= 6


def test_profile_counts_from_start_to_last_reader() -> None:
    deps: Deps = [(), (0,), (0, 1), (), (3,)]
    assert live_profile(deps, [0, 1, 2, 3, 4]) == [1, 2, 3, 1, 2]
    assert live_profile(deps, [0, 1, 2, 3, 4], wanted=[2, 4]) == [1, 2, 3, 2, 3]
    assert live_profile(deps, [0, 1, 2, 3, 4], wanted=[0]) == [1, 2, 3, 2, 3]


def test_profile_of_several_workers() -> None:
    deps: Deps = [(), (), (), (), (0, 1), (2, 3), (4, 5)]
    sequence = order(deps)
    assert list(sequence) == [0, 1, 4, 2, 3, 5, 6]
    assert live_profile(deps, sequence, workers=2) == [2, 4, 3, 4, 3]
    assert live_profile(deps, sequence, workers=100) == [4, 6, 3]
    assert peak_live(deps, sequence, workers=1) == 4
    assert peak_live([], []) == 0


def test_deep_graphs_need_no_recursion() -> None:
    for deps in (deep_chain(50_000), [(), *zip(range(100_000)), (0, 100_000)]):
        assert is_topological(deps, order(deps))


@pytest.mark.parametrize(
    "build",
    [
        lambda n: deep_chain(n),
        lambda n: stencil(1, n),
        lambda n: [(), *[(0,)] * n, tuple(range(1, n + 1))],
        # A chain whose inputs are all read again at the end: much is alive at each step.
        lambda n: [
            *[()] * (2 * n),
            *((2 * i, 2 * i + 1, *([2 * n + i - 1] if i else [])) for i in range(n)),
            *((2 * i, 3 * n - 1) for i in range(n)),
        ],
    ],
)
def test_time_is_linear(build: Callable[[int], Deps]) -> None:
    def spent(deps: Deps) -> float:
        times = []
        for _ in range(3):
            start = time.process_time()
            order(deps)
            times.append(time.process_time() - start)
        return min(times)

    assert spent(build(16_000)) < 40 * spent(build(2_000)) + 0.05
