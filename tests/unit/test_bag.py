"""Bags: every method against plain Python, on several partitions."""

from __future__ import annotations

import functools
import importlib
import itertools
import math
import operator
import pickle
import statistics
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from operator import add
from typing import Any

import pytest

import shoal
import shoal.bag as db
from shoal.bag import Bag, Item
from shoal.bag.collection import check_split_every


@pytest.fixture(autouse=True)
def in_this_thread() -> Iterator[None]:
    with shoal.config.set(scheduler="sync"):
        yield


def odd(x: int) -> int:
    return x % 2


def numbers(n: int = 10, npartitions: int = 3) -> Bag[int]:
    return db.from_sequence(range(n), npartitions=npartitions)


def lengths(bag: Bag[Any]) -> list[int]:
    return bag.map_partitions(lambda part: [len(list(part))]).compute()


# -- making bags -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "npartitions", "wanted"),
    [(5, 3, [2, 2, 1]), (20, 3, [7, 7, 6]), (3, 10, [1, 1, 1]), (0, 4, [0]), (4, 1, [4])],
)
def test_from_sequence_cuts_evenly(n: int, npartitions: int, wanted: list[int]) -> None:
    bag = numbers(n, npartitions)
    assert lengths(bag) == wanted
    assert list(bag) == list(range(n))


def test_from_sequence_by_size() -> None:
    assert lengths(db.from_sequence("abcde", partition_size=2)) == [2, 2, 1]
    assert lengths(db.from_sequence(iter("abcde"))) == [1] * 5
    assert db.from_sequence(range(10_000)).npartitions == 1_000


def test_from_sequence_aims_at_the_setting() -> None:
    with shoal.config.set({"bag.npartitions": 4}):
        assert db.from_sequence(range(16)).npartitions == 8


@pytest.mark.parametrize(
    "options",
    [{"npartitions": 0}, {"partition_size": 1.5}, {"npartitions": 2, "partition_size": 2}],
)
def test_from_sequence_refuses(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="partition"):
        db.from_sequence([1, 2], **options)


def test_range() -> None:
    for npartitions in (1, 3, 28):
        bag = db.range(10, npartitions)
        assert bag.npartitions == npartitions
        assert list(bag) == list(range(10))
    with pytest.raises(ValueError, match="got 0"):
        db.range(10, npartitions=0)


def test_from_delayed() -> None:
    parts = [shoal.delayed(range)(n) for n in (1, 2, 3)]
    bag = db.from_delayed(parts)
    assert list(bag) == [0, 0, 1, 0, 1, 2]
    assert bag.name == db.from_delayed(parts).name
    assert list(db.from_delayed(parts[2])) == [0, 1, 2]
    with pytest.raises(TypeError, match="from_sequence"):
        db.from_delayed([1, 2])


@pytest.mark.parametrize(
    ("make", "kind"), [(tuple, "tuple"), (bytes, "bytes"), (dict.fromkeys, "dict"), (iter, "list")]
)
def test_a_partition_from_delayed_is_what_was_made(make: Any, kind: str) -> None:
    bag = db.from_delayed([shoal.delayed(make)([1, 2])])
    assert bag.map_partitions(lambda part: [type(part).__name__]).compute() == [kind]
    assert type(bag.to_delayed()[0].compute()).__name__ == kind
    assert list(bag) == [1, 2]


def test_from_delayed_reads_an_iterator_once() -> None:
    made = shoal.delayed(lambda: ({"n": [1, 2]} for _ in range(3)))
    bag = db.from_delayed([made() for _ in range(2)])
    plucked = bag.pluck("n")
    assert shoal.compute(bag.count(), plucked.count(), plucked.flatten().count()) == (6, 6, 12)


def test_from_graph() -> None:
    graph = {("x", 0): (range, "n"), ("x", 1): [7, 8], "n": 2}
    bag = Bag(graph, "x", 2)
    assert (bag.name, bag.npartitions, list(bag)) == ("x", 2, [0, 1, 7, 8])
    assert bag.map(abs).sum().compute() == 16
    # The same name says nothing about another graph.
    assert list(Bag({("x", 0): [5]}, "x", 1)) == [5]
    assert list(bag) == [0, 1, 7, 8]
    with pytest.raises(TypeError, match="from_sequence"):
        Bag([1, 2])


def test_concat() -> None:
    a, b = numbers(4), numbers(3)
    bag = db.concat([a, b.map(str)])
    assert list(bag) == [0, 1, 2, 3, "0", "1", "2"]
    assert bag.npartitions == a.npartitions + b.npartitions
    assert bag.name == db.concat([a, b.map(str)]).name
    assert list(bag.map(str)) == list(map(str, bag))
    assert list(db.concat([])) == []
    with pytest.raises(TypeError, match="concat takes bags, got list"):
        db.concat([a, [1]])


def test_zip() -> None:
    evens, odds = db.range(6, 2), db.range(6, 2).map(add, 10)
    assert list(db.zip(evens, odds)) == list(zip(range(6), range(10, 16)))
    # As the builtin: what is left over is dropped.
    assert list(db.zip(numbers(4, 2), numbers(6, 2))) == [(0, 0), (1, 1), (2, 3), (3, 4)]
    with pytest.raises(ValueError, match=r"2, 3 partitions.*repartition\(2\)"):
        db.zip(numbers(4, 2), numbers(4, 3))
    with pytest.raises(TypeError, match="zip takes bags"):
        db.zip(evens, [1])


# -- elements ----------------------------------------------------------------------------------


def total(a: int, b: int = 2, c: int = 3) -> int:
    return a + 10 * b + 100 * c


def test_map_with_other_arguments() -> None:
    a, b = numbers(7), numbers(7).map(add, 100)
    x, y = list(a), list(b)
    delayed = shoal.delayed(5)
    assert list(db.map(total, a)) == list(map(total, x))
    assert list(db.map(total, a=a)) == list(map(total, x))
    assert list(a.map(total, b)) == list(map(total, x, y))
    assert list(a.map(total, b, c=1)) == [total(i, j, 1) for i, j in zip(x, y)]
    assert list(db.map(total, 10, b=b)) == [total(10, j) for j in y]
    assert list(db.map(total, a, b=b, c=a)) == [total(i, j, i) for i, j in zip(x, y)]
    assert list(db.map(total, a.sum(), b=b)) == [total(sum(x), j) for j in y]
    assert list(a.map(total, b.max(), c=delayed)) == [total(i, max(y), 5) for i in x]
    assert list(db.map(total, 1, a, a)) == [total(1, i, i) for i in x]


def test_map_finds_lazy_values_inside_containers() -> None:
    bag = numbers(3)
    assert list(bag.map(lambda x, y: (x, y), [bag.sum(), {"d": shoal.delayed(1)}])) == [
        (x, [3, {"d": 1}]) for x in range(3)
    ]
    assert list(bag.map(lambda x, y: y[0], y=[bag])) == [[0, 1, 2]] * 3


def test_map_refuses_what_does_not_fit() -> None:
    bag = numbers(10, 2)
    with pytest.raises(ValueError, match="same number"):
        bag.map(add, numbers(10, 3))
    with pytest.raises(ValueError, match="at least one argument that is a Bag, got Item, int"):
        db.map(add, bag.sum(), 1)
    for other in (numbers(8, 2), numbers(12, 2)):
        for first, second in ((bag, other), (other, bag)):
            with pytest.raises(ValueError, match="different lengths"):
                first.map(add, second).compute()
    with pytest.raises(TypeError, match="map takes a function first, got int: 5"):
        bag.map(5)


def test_map_passes_on_the_users_own_value_error() -> None:
    def fail(x: int, y: int) -> int:
        raise ValueError("mine")

    with pytest.raises(ValueError, match=r"^mine"):
        numbers().map(fail, numbers()).compute()


def test_elementwise() -> None:
    bag = numbers()
    assert list(bag.filter(odd)) == [1, 3, 5, 7, 9]
    assert list(bag.remove(odd)) == [0, 2, 4, 6, 8]
    assert list(bag.filter(None)) == list(range(1, 10))
    pairs = db.from_sequence([(2, 5), (3, 2), (10, 3)], npartitions=2)
    assert list(pairs.starmap(pow)) == [32, 9, 1000]
    assert list(pairs.starmap(pow, mod=pairs.pluck(1).max())) == [2, 4, 0]
    assert list(pairs.pluck(0)) == [2, 3, 10]
    assert list(pairs.pluck([1, 0])) == [(5, 2), (2, 3), (3, 10)]
    assert list(pairs.pluck([1])) == [(5,), (2,), (3,)]
    assert list(pairs.flatten()) == [2, 5, 3, 2, 10, 3]
    first, second = pairs.unzip(2)
    assert (list(first), list(second)) == ([2, 3, 10], [5, 2, 3])


def test_pluck_with_default() -> None:
    bag = db.from_sequence(["Hello", "", "World"])
    with pytest.raises(IndexError):
        bag.pluck(0).compute()
    assert list(bag.pluck(0, None)) == ["H", None, "W"]
    records = db.from_sequence([{"a": 1}, {"b": 2}])
    assert list(records.pluck(["a", "b"], 0)) == [(1, 0), (0, 2)]


def test_iterators_among_elements_become_lists() -> None:
    bag = db.from_sequence([2, 3], npartitions=1).map(range).map(iter)
    assert bag.compute() == [[0, 1], [0, 1, 2]]
    assert bag.flatten().compute() == [0, 1, 0, 1, 2]


def test_map_partitions() -> None:
    bag = numbers(6, 2)
    assert list(bag.map_partitions(len)) == [3, 3]
    assert list(bag.map_partitions(lambda part: [sum(part)])) == [3, 12]
    assert list(bag.map_partitions(lambda a, b: zip(a, b), bag)) == [(x, x) for x in range(6)]
    shifted = bag.map_partitions(lambda part, by: [x + by for x in part], by=bag.max())
    assert list(shifted) == list(range(5, 11))
    assert bag.map_partitions(len, token="mine").name.startswith("mine-")


def test_join() -> None:
    bag = numbers(5)
    wanted = [(y, x) for x in range(5) for y in [1, 2, 3] if y % 2 == x % 2]
    for other in ([1, 2, 3], shoal.delayed([1, 2, 3]), db.from_sequence([1, 2, 3], npartitions=1)):
        assert list(bag.join(other, odd)) == wanted
    assert list(bag.join(iter([1, 2, 3]), odd, odd)) == wanted
    assert list(db.from_sequence(["ab"]).join(["b"], 1, 0)) == [("b", "ab")]
    with pytest.raises(NotImplementedError, match=r"3 partitions; \.repartition\(1\)"):
        bag.join(bag, odd)


def test_product() -> None:
    a, b = numbers(3, 2), db.from_sequence("xy", npartitions=2)
    bag = a.product(b)
    assert bag.npartitions == 4
    assert Counter(bag) == Counter(itertools.product(range(3), "xy"))
    with pytest.raises(TypeError, match="product takes a Bag, got list"):
        a.product([1])


def test_accumulate() -> None:
    parts = [[], [1, 2, 3], [4, 5], [], [6, 7]]
    bag = Bag({("x", i): part for i, part in enumerate(parts)}, "x", len(parts))
    assert list(bag.accumulate(add)) == [1, 3, 6, 10, 15, 21, 28]
    assert list(bag.accumulate(add, -1)) == [-1, 0, 2, 5, 9, 14, 20, 27]
    assert list(bag.accumulate(add).map(str)) == ["1", "3", "6", "10", "15", "21", "28"]
    assert list(db.from_sequence([]).accumulate(add, 3)) == [3]


def test_str() -> None:
    bag = db.from_sequence(["Alice Smith", "Bob Jones"], npartitions=2)
    assert list(bag.str.lower()) == ["alice smith", "bob jones"]
    assert list(bag.str.split()) == [["Alice", "Smith"], ["Bob", "Jones"]]
    assert list(bag.str.match("*Smith")) == ["Alice Smith"]
    assert {"split", "match"} <= set(dir(bag.str))
    assert bag.str.upper().name.startswith("upper-")
    with pytest.raises(AttributeError, match="no method 'foo'"):
        bag.str.foo()


def test_an_element_is_let_go_before_the_next_is_made() -> None:
    class Thing:
        alive = 0

        def __init__(self, x: int) -> None:
            assert Thing.alive == 0
            Thing.alive += 1

        def __del__(self) -> None:
            Thing.alive -= 1

    bag = db.range(5, 1).map(Thing).map(id).map(Thing).map(bool)
    assert list(bag) == [True] * 5


# -- reductions --------------------------------------------------------------------------------


@pytest.mark.parametrize("npartitions", [1, 3, 20])
@pytest.mark.parametrize("split_every", [None, 2, False])
def test_numbers(npartitions: int, split_every: Any) -> None:
    data = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4]
    bag = db.from_sequence(data, npartitions=npartitions)
    assert bag.sum(split_every).compute() == sum(data)
    assert bag.max(split_every).compute() == 9
    assert bag.min(split_every).compute() == 1
    assert bag.count(split_every).compute() == 20
    assert bag.any(split_every).compute() is True
    assert bag.all(split_every).compute() is True
    assert bag.map(Fraction).mean().compute() == Fraction(sum(data), 20)
    assert bag.var().compute() == pytest.approx(statistics.pvariance(data))
    assert bag.var(ddof=1).compute() == pytest.approx(statistics.variance(data))
    assert bag.std().compute() == pytest.approx(statistics.pstdev(data))


def test_variance_of_large_numbers_keeps_its_digits() -> None:
    bag = db.from_sequence([1e9 + x for x in (4, 7, 13, 16)], npartitions=2)
    assert bag.var(ddof=1).compute() == pytest.approx(30.0)


def test_reductions_of_nothing() -> None:
    bag = numbers().filter(lambda x: x < 0)
    assert bag.sum().compute() == 0
    assert bag.count().compute() == 0
    assert (bag.any().compute(), bag.all().compute()) == (False, True)
    assert list(bag.frequencies()) == list(bag.topk(2)) == list(bag.distinct()) == []
    assert list(bag.foldby(odd, add)) == []
    assert bag.fold(add, initial=0).compute() == 0
    for item, match in (
        (bag.max(), "empty"),
        (bag.mean(), r"count\(\)"),
        (bag.var(), "at least 1"),
        (bag.std(ddof=1), "at least 2"),
    ):
        with pytest.raises(ValueError, match=match):
            item.compute()
    with pytest.raises(TypeError, match="initial="):
        bag.fold(add).compute()


def test_empty_partitions_are_left_out() -> None:
    bag = db.from_sequence([0, 0, 7, 3, 0, 0], npartitions=6).filter(None)
    assert bag.min(split_every=2).compute() == 3
    assert bag.fold(min, split_every=2).compute() == 3
    assert bag.mean().compute() == 5


def test_reduction() -> None:
    bag = numbers(10, 4)
    assert bag.reduction(sum, max).compute() == 17
    assert bag.map(abs).reduction(list, list, out_type=Bag).npartitions == 1
    assert bag.reduction(sum, sum, name="mine").key.startswith("mine-")
    assert isinstance(bag.reduction(list, iter, out_type=Bag).compute(), list)
    with pytest.raises(TypeError, match="out_type is Bag or Item"):
        bag.reduction(sum, sum, out_type=list)


def test_a_reduction_fetches_elements_one_by_one() -> None:
    seen: list[int] = []

    def part() -> Iterator[int]:
        for i in range(10):
            seen.append(i)
            yield i

    bag = Bag({("x", 0): part()}, "x", 1)
    assert bag.reduction(lambda elements: (len(seen), sum(elements)), list).compute() == [(1, 45)]


@pytest.mark.parametrize("split_every", [1, 0, -1, True, 2.5])
def test_split_every_is_at_least_two(split_every: Any) -> None:
    with pytest.raises(ValueError, match="split_every"):
        numbers().sum(split_every=split_every)


def test_split_every_by_default_is_a_setting() -> None:
    with shoal.config.set({"bag.split-every": 3}):
        assert check_split_every(None) == 3


def test_a_tree_has_the_levels_it_needs() -> None:
    bag = numbers(16, 16)
    tasks = [len(bag.sum(split_every=k).dask) for k in (2, 4, False)]
    assert tasks == [32 + 8 + 4 + 2 + 1, 32 + 4 + 1, 32 + 1]


def test_fold() -> None:
    bag = numbers(5)
    assert bag.fold(add).compute() == 10
    assert bag.fold(add, initial=10).compute() == 40
    assert bag.fold(lambda n, _: n + 1, add, initial=0).compute() == 5


def test_fold_may_change_its_totals_in_place() -> None:
    def collect(total: set[int], x: int) -> set[int]:
        total.add(x)
        return total

    def unite(a: set[int], b: set[int]) -> set[int]:
        a |= b
        return a

    initial: set[int] = set()
    bag = numbers(6)
    items = [bag.fold(collect, unite, initial, split_every=k) for k in (None, 2)]
    assert shoal.compute(*items) == ({*range(6)}, {*range(6)})
    assert initial == set()
    assert sorted(bag.fold(collect, unite, initial, out_type=Bag)) == list(range(6))


def test_foldby() -> None:
    bag = numbers(10, 5)
    wanted = {0: 20, 1: 25}
    for split_every in (None, 2, False):
        for args in ((), (0,), (0, add), (0, add, 0)):
            assert dict(bag.foldby(odd, add, *args, split_every=split_every)) == wanted
    lists = bag.foldby(odd, lambda seen, x: seen + [x], list, operator.add)
    assert dict(lists) == {0: [0, 2, 4, 6, 8], 1: [1, 3, 5, 7, 9]}
    shared = bag.foldby(odd, lambda seen, x: seen + [x], [], operator.iadd, split_every=2)
    assert dict(shared) == dict(lists)
    assert dict(db.from_sequence(["ab", "ac"]).foldby(0, lambda n, _: n + 1, 0, add)) == {"a": 2}


def test_frequencies() -> None:
    bag = db.from_sequence("abracadabra", npartitions=4)
    for split_every in (None, 2):
        assert dict(bag.frequencies(split_every)) == Counter("abracadabra")
    assert bag.frequencies(sort=True).compute()[0] == ("a", 5)
    with pytest.raises(TypeError, match="unhashable") as failed:
        db.from_sequence([[1]]).frequencies().compute()
    assert any("pluck" in note for note in failed.value.__notes__)


def test_topk() -> None:
    bag = db.from_sequence([3, 1, 4, 1, 5, 9], npartitions=3)
    assert list(bag.topk(3)) == [9, 5, 4]
    assert list(bag.topk(2, key=operator.neg, split_every=2)) == [1, 1]
    assert list(bag.topk(100)) == [9, 5, 4, 3, 1, 1]
    pairs = db.from_sequence([(1, 10), (2, 9), (3, 8)], npartitions=2)
    assert list(pairs.topk(2, key=1)) == [(1, 10), (2, 9)]
    assert list(pairs.topk(1, key=lambda a, b: a)) == [(3, 8)]


def test_distinct() -> None:
    bag = db.from_sequence([1, 2, 1, 3, 2, 1.0], npartitions=3)
    assert list(bag.distinct()) == [1, 2, 3]
    assert list(bag.distinct(key=odd)) == [1, 2]
    records = db.from_sequence([{"a": 1}, {"a": 2}, {"a": 1}], npartitions=2)
    assert list(records.distinct(key="a")) == [{"a": 1}, {"a": 2}]
    with pytest.raises(TypeError, match="unhashable") as failed:
        records.distinct().compute()
    assert any("key=" in note for note in failed.value.__notes__)


# -- partitions --------------------------------------------------------------------------------


def test_take() -> None:
    bag = numbers(10, 4)
    assert bag.take(2) == (0, 1)
    assert bag.take(4, npartitions=2) == (0, 1, 2, 3)
    assert bag.take(10, npartitions=-1) == tuple(range(10))
    lazy = bag.take(2, compute=False)
    assert (lazy.npartitions, list(lazy)) == (1, [0, 1])
    with pytest.warns(UserWarning, match="5 elements were asked for and 1 of 4 .* only 3"):
        assert bag.take(5) == (0, 1, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bag.take(5, warn=False)
    for npartitions in (5, 0, -2):
        with pytest.raises(ValueError, match="1 to 4 partitions"):
            bag.take(1, npartitions=npartitions)


def test_take_does_no_more_than_it_must() -> None:
    seen: list[int] = []
    bag = db.range(100, 4).map(lambda x: seen.append(x) or x).map(abs)
    assert bag.take(3) == (0, 1, 2)
    assert seen == [0, 1, 2]


@pytest.mark.parametrize("before", [1, 2, 7, 11, 23])
@pytest.mark.parametrize("after", [1, 2, 5, 12, 23])
def test_repartition_to_a_number(before: int, after: int) -> None:
    bag = db.from_sequence(range(100), npartitions=before)
    new = bag.repartition(npartitions=after)
    assert new.npartitions == after
    assert list(new) == list(range(100))
    assert all(lengths(new))
    assert (new is bag) == (before == after)


@pytest.mark.parametrize(("before", "pieces"), [(1, 1), (2, 1), (5, 2), (1, 5), (5, 5)])
def test_repartition_to_a_size(before: int, pieces: int) -> None:
    bag = db.from_sequence(["x" * 100] * 60, npartitions=before)
    size_bytes = sum(bag.map_partitions(lambda part: [149 * len(part)]))
    new = bag.repartition(partition_size=size_bytes // pieces)
    assert new.npartitions >= pieces
    assert list(new) == list(bag)
    assert bag.repartition(partition_size="1 GB").npartitions == 1


@pytest.mark.parametrize(
    "options",
    [{}, {"npartitions": 2, "partition_size": 5}, {"npartitions": 0}, {"partition_size": 0}],
)
def test_repartition_refuses(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        numbers().repartition(**options)


# -- chance ------------------------------------------------------------------------------------


def test_random_sample() -> None:
    bag = numbers(1000, 5)
    assert 50 < len(list(bag.random_sample(0.1, 42))) < 200
    assert list(bag.random_sample(0.5, 7)) == list(bag.random_sample(0.5, 7))
    once = bag.random_sample(0.5)
    assert list(once) == list(once)
    assert once.name != bag.random_sample(0.5).name
    parts = [list(part) for part in shoal.compute(*bag.map(odd).random_sample(0.5).to_delayed())]
    assert len({tuple(part) for part in parts}) == 5
    for prob in (-1, 1.1):
        with pytest.raises(ValueError, match="from 0 to 1"):
            bag.random_sample(prob)


@pytest.mark.parametrize("k", [0, 1, 2, 9, 10])
def test_sample_without_repetition(k: int) -> None:
    bag = db.from_sequence(range(10), partition_size=4)
    chosen = db.random.sample(bag, k, split_every=2).compute()
    assert len(chosen) == len(set(chosen)) == k
    assert set(chosen) <= set(range(10))


def test_sample_of_too_few() -> None:
    with pytest.raises(ValueError, match=r"Sample larger than population: 11 .* has 10"):
        db.random.sample(numbers(), 11).compute()
    with pytest.raises(ValueError, match="at least 0"):
        db.random.sample(numbers(), -1)
    with pytest.raises(ValueError, match="has none"):
        db.random.choices(db.from_sequence([]), 1).compute()


def test_choices_may_repeat() -> None:
    bag = db.from_sequence(range(3), npartitions=2)
    assert len(db.random.choices(bag, 50).compute()) == 50
    assert set(db.random.choices(bag, 200).compute()) == {0, 1, 2}
    once = db.random.choices(bag, 5)
    assert list(once) == list(once)


@pytest.mark.parametrize("choose", [db.random.sample, db.random.choices])
def test_every_element_is_as_likely(choose: Any) -> None:
    # Partitions of 1, 2, 6 and 3 elements, some larger and some smaller than the sample.
    sizes = [1, 2, 6, 3]
    starts = list(itertools.accumulate(sizes, initial=0))
    parts = {("x", i): list(range(s, s + n)) for i, (s, n) in enumerate(zip(starts, sizes))}
    bag = Bag(parts, "x", 4)
    rounds, k = 1500, 3
    found = Counter(x for _ in range(rounds) for x in choose(bag, k, split_every=2).compute())
    wanted = rounds * k / 12
    # Six standard deviations.
    assert all(abs(found[x] - wanted) < 6 * math.sqrt(wanted) for x in range(12)), found


# -- being a collection ------------------------------------------------------------------------


def test_names_follow_from_content() -> None:
    bag = numbers()
    for make in (
        lambda b: b.map(odd),
        lambda b: b.filter(lambda x: x > 1),
        lambda b: b.groupby(odd),
        lambda b: b.frequencies(split_every=2),
        lambda b: b.repartition(7),
        lambda b: b.accumulate(add),
        lambda b: b.join([1], odd),
    ):
        assert make(bag).name == make(numbers()).name
        assert make(bag).name != make(numbers(11)).name
    assert bag.accumulate(add).name != bag.accumulate(add, 1).name
    assert bag.pluck(0).name != bag.pluck(0, None).name
    assert bag.sum().key == numbers().sum().key != bag.max().key


def test_repr() -> None:
    assert repr(numbers()) == "shoal.bag<from_sequence, npartitions=3>"
    assert repr(numbers().map(odd)) == "shoal.bag<odd, npartitions=3>"
    assert repr(Bag({("x", 0): []}, "x", 1)) == "shoal.bag<x, npartitions=1>"
    assert repr(numbers().sum()) == "shoal.bag.Item<sum>"


def test_persist() -> None:
    seen: list[int] = []
    bag = numbers().map(lambda x: seen.append(x) or x).persist()
    assert len(seen) == 10
    assert (bag.npartitions, list(bag), bag.sum().compute()) == (3, list(range(10)), 45)
    assert len(seen) == 10
    item = bag.sum().persist()
    assert (item.compute(), item.apply(str).compute()) == (45, "45")


def test_compute_shares_what_is_common() -> None:
    seen: list[int] = []
    bag = numbers().map(lambda x: seen.append(x) or x)
    assert shoal.compute(bag.sum(), {"max": bag.max()}, bag.count()) == (45, {"max": 9}, 10)
    assert len(seen) == 10


def test_pickle() -> None:
    bag = numbers().map(odd)
    again = pickle.loads(pickle.dumps(bag))
    assert (again.name, list(again)) == (bag.name, list(bag))
    assert pickle.loads(pickle.dumps(bag.sum())).compute() == 5


def test_graph_has_the_keys_of_the_partitions() -> None:
    for bag in (
        numbers(),
        numbers().map(odd),
        db.concat([numbers(), numbers(5)]),
        numbers().repartition(2),
        numbers().product(numbers()),
        numbers().accumulate(add),
        numbers().groupby(odd, shuffle="tasks"),
    ):
        keys = [(bag.name, i) for i in range(bag.npartitions)]
        parts = shoal.get(bag.dask, keys)
        assert [x for part in parts for x in part] == list(bag)
        assert list(Bag(bag.dask, bag.name, bag.npartitions)) == list(bag)


class Records(Bag[Any]):
    """A bag with methods of its own."""

    def field(self, name: str) -> Any:
        return self.map(operator.itemgetter(name))


def test_subclasses_beget_themselves() -> None:
    bag = Records(*db.from_sequence([{"a": {"b": 1}}])._args)
    assert bag.field("a").field("b").compute() == [1]
    for made in (bag.filter(None), bag.repartition(2), db.concat([bag, bag]), bag.topk(1, key=len)):
        assert type(made) is Records


def test_to_delayed() -> None:
    bag = numbers(4, 2).map(odd)
    parts = bag.to_delayed()
    assert [part.compute() for part in parts] == [[0, 1], [0, 1]]
    assert [part.compute() for part in bag.to_delayed(optimize_graph=False)] == [[0, 1], [0, 1]]
    assert len(parts[0].dask) < len(bag.to_delayed(optimize_graph=False)[0].dask)
    assert shoal.delayed(sum)(parts[0]).compute() == 1
    assert (bag.sum().to_delayed() + 1).compute() == 3


def test_a_bag_is_an_argument_of_delayed() -> None:
    assert shoal.delayed(sorted)(numbers(4), reverse=True).compute() == [3, 2, 1, 0]


def test_item() -> None:
    item = numbers().sum()
    assert (int(item), float(item), complex(item), bool(item)) == (45, 45.0, 45 + 0j, True)
    assert item.apply(str).apply(len).compute() == 2
    delayed = shoal.delayed(3)
    wrapped = Item.from_delayed(delayed)
    assert (wrapped.compute(), wrapped.key, wrapped.to_delayed()) == (3, delayed.key, delayed)
    assert Item({"a": 1, "b": (add, "a", 2)}, "b").compute() == 3
    assert Item(*item._args).compute() == 45
    assert shoal.get(item.dask, item.key) == 45


def test_annotations_reach_the_plan() -> None:
    with shoal.annotate(priority=3):
        bag = numbers().map(odd).map(odd)
    plan = shoal.collection.make_plan(bag.sum())
    assert [mapping for _, mapping in plan.annotations] == [{"priority": 3}]


def test_other_executors() -> None:
    bag = numbers().map(odd).groupby(odd).map(functools.partial(map, str))
    with ThreadPoolExecutor(2) as pool:
        for scheduler in ("threads", "sync", pool):
            assert sorted(numbers().map(odd).frequencies().compute(scheduler=scheduler)) == [
                (0, 5),
                (1, 5),
            ]
    assert bag.count().compute(bogus_option=1) == 2


def test_a_long_chain() -> None:
    bag = numbers(4, 2)
    for _ in range(1_000):
        bag = bag.map(add, 1)
    assert list(bag) == [1000, 1001, 1002, 1003]


def test_to_dataframe_takes_meta_or_columns_and_another_maker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shoal.bag.frames._makers", [])
    with pytest.raises(ValueError, match="both"):
        numbers().to_dataframe(meta={"a": int}, columns=["a"])
    db.register_dataframe(lambda bag, meta, columns: (bag, meta, columns))
    bag = numbers()
    assert bag.to_dataframe(columns=["n"]) == (bag, None, ["n"])


@pytest.mark.parametrize("name", ["core", "text", "avro"])
def test_names_where_dask_has_them(name: str) -> None:
    module = importlib.import_module(f"shoal.bag.{name}")
    assert all(getattr(module, each) is getattr(db, each) for each in module.__all__)
