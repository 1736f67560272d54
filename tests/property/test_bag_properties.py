"""Bags against plain Python on lists: any chain of methods, any cutting into partitions."""

from __future__ import annotations

import itertools
import operator
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import shoal
import shoal.bag as db
from shoal.bag import Bag
from shoal.bag.partitions import pack
from shoal.bag.shuffle.disk import bucket_ranges
from shoal.bag.shuffle.hashing import hash_key

Parts = list[list[int]]

small = st.integers(-5, 5)
partitions = st.lists(st.lists(small, max_size=5), min_size=1, max_size=6)
split = st.sampled_from([None, 2, 3, False])


@pytest.fixture(autouse=True, scope="module")
def in_this_thread() -> Iterator[None]:
    with shoal.config.set(scheduler="sync"):
        yield


def bag_of(parts: Parts) -> Bag[int]:
    return Bag({("x", i): part for i, part in enumerate(parts)}, "x", len(parts))


def flat(parts: Parts) -> list[int]:
    return list(itertools.chain.from_iterable(parts))


def negate_some(x: int) -> int:
    return -x if x % 3 else x


def spread(x: int) -> list[int]:
    return [x] * (x % 3)


# Of each: the bag's way, and the same on a list of partitions.
STEPS: dict[str, tuple[Callable[[Any], Any], Callable[[Parts], Parts]]] = {
    "map": (lambda b: b.map(negate_some), lambda ps: [[negate_some(x) for x in p] for p in ps]),
    "filter": (lambda b: b.filter(None), lambda ps: [[x for x in p if x] for p in ps]),
    "remove": (
        lambda b: b.remove(lambda x: x > 2),
        lambda ps: [[x for x in p if x <= 2] for p in ps],
    ),
    "flatten": (
        lambda b: b.map(spread).flatten(),
        lambda ps: [[y for x in p for y in spread(x)] for p in ps],
    ),
    "pair": (
        lambda b: b.map(lambda x, y: x + y, b),
        lambda ps: [[x + x for x in p] for p in ps],
    ),
    "zip": (
        lambda b: db.zip(b.map(abs), b).starmap(operator.sub),
        lambda ps: [[abs(x) - x for x in p] for p in ps],
    ),
    "item": (
        lambda b: b.map(operator.add, b.count()),
        lambda ps: [[x + len(flat(ps)) for x in p] for p in ps],
    ),
    "partitions": (
        lambda b: b.map_partitions(lambda part: itertools.islice(part, 2)),
        lambda ps: [p[:2] for p in ps],
    ),
    "concat": (
        lambda b: db.concat([b, b.map(abs)]),
        lambda ps: ps + [list(map(abs, p)) for p in ps],
    ),
    "accumulate": (
        lambda b: b.accumulate(operator.add),
        lambda ps: recut(list(itertools.accumulate(flat(ps))), ps),
    ),
}


def recut(elements: list[int], like: Parts) -> Parts:
    rest = iter(elements)
    return [list(itertools.islice(rest, len(part))) for part in like]


@given(partitions, st.lists(st.sampled_from(sorted(STEPS)), max_size=5))
def test_chains(parts: Parts, steps: list[str]) -> None:
    bag: Any = bag_of(parts)
    for name in steps:
        bag, parts = STEPS[name][0](bag), STEPS[name][1](parts)
    assert list(shoal.compute(*bag.to_delayed())) == parts
    assert bag.compute() == bag.compute(optimize_graph=False) == flat(parts)


@given(partitions, split)
def test_reductions(parts: Parts, split_every: Any) -> None:
    bag, data = bag_of(parts).map(negate_some), [negate_some(x) for x in flat(parts)]
    results = shoal.compute(
        bag.sum(split_every),
        bag.count(split_every),
        bag.any(split_every),
        bag.all(split_every),
        bag.frequencies(split_every),
        bag.topk(3, split_every=split_every),
        bag.distinct(),
        bag.fold(operator.add, initial=0, split_every=split_every),
    )
    total, count, some, every, counts, largest, once, folded = results
    assert (total, count, some, every) == (sum(data), len(data), any(data), all(data))
    assert dict(counts) == Counter(data)
    assert largest == sorted(data, reverse=True)[:3]
    assert once == list(dict.fromkeys(data))
    assert folded == sum(data)
    if data:
        assert bag.max(split_every).compute() == max(data)
        assert bag.mean().compute() == pytest.approx(sum(data) / len(data))
        variance = sum((x - sum(data) / len(data)) ** 2 for x in data) / len(data)
        assert bag.var().compute() == pytest.approx(variance, abs=1e-12)


@given(partitions, split)
def test_foldby(parts: Parts, split_every: Any) -> None:
    made = bag_of(parts).foldby(abs, operator.sub, 0, operator.add, split_every=split_every)
    groups: dict[int, list[int]] = defaultdict(list)
    for x in flat(parts):
        groups[abs(x)].append(x)
    assert dict(made) == {key: reduce(operator.sub, group, 0) for key, group in groups.items()}


@given(
    partitions, st.sampled_from(["disk", "tasks"]), st.integers(1, 8), st.sampled_from([2, 3, 32])
)
def test_groupby(parts: Parts, shuffle: str, npartitions: int, max_branch: int) -> None:
    made = bag_of(parts).groupby(
        abs, shuffle=shuffle, npartitions=npartitions, max_branch=max_branch
    )
    groups: dict[int, list[int]] = defaultdict(list)
    for x in flat(parts):
        groups[abs(x)].append(x)
    result = made.compute()
    assert len(result) == len(groups)
    assert dict(result) == groups
    assert made.npartitions == npartitions


@given(partitions, st.integers(1, 12))
def test_repartition(parts: Parts, npartitions: int) -> None:
    new = bag_of(parts).repartition(npartitions)
    assert new.npartitions == npartitions
    assert new.compute() == flat(parts)


@given(partitions, st.integers(0, 8), st.data())
def test_take(parts: Parts, k: int, data: Any) -> None:
    npartitions = data.draw(st.integers(1, len(parts)))
    bag = bag_of(parts).map(negate_some)
    wanted = [negate_some(x) for x in flat(parts[:npartitions])][:k]
    assert list(bag.take(k, npartitions=npartitions, warn=False)) == wanted


@given(st.lists(small, max_size=40), st.integers(1, 9))
def test_from_sequence(values: list[int], count: int) -> None:
    by_number = db.from_sequence(values, npartitions=count)
    by_size = db.from_sequence(values, partition_size=count)
    assert by_number.compute() == by_size.compute() == values
    assert by_number.npartitions == max(1, min(count, len(values)))
    assert by_size.npartitions == max(1, -(-len(values) // count))


@given(partitions, st.integers(0, 10), st.integers(0, 3))
def test_samples(parts: Parts, k: int, seed: int) -> None:
    labelled = list(enumerate(flat(parts)))
    rest = iter(labelled)
    bag = bag_of([list(itertools.islice(rest, len(part))) for part in parts])  # type: ignore[misc]
    if k <= len(labelled):
        chosen = db.random.sample(bag, k, split_every=2).compute()
        assert len(set(chosen)) == k
        assert set(chosen) <= set(labelled)
    if labelled:
        drawn = db.random.choices(bag, k, split_every=2).compute()
        assert len(drawn) == k
        assert set(drawn) <= set(labelled)


# -- the pieces --------------------------------------------------------------------------------

keys = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.text(),
        st.binary(),
        st.dates(),
        st.datetimes(),
        st.timedeltas(),
        st.decimals(allow_nan=False),
        st.fractions(),
        st.complex_numbers(allow_nan=False),
        st.uuids(),
    ),
    lambda inner: st.one_of(st.tuples(inner, inner), st.frozensets(inner, max_size=3)),
    max_leaves=5,
)


@given(keys, keys)
def test_equal_keys_have_equal_hashes(a: Any, b: Any) -> None:
    assert 0 <= hash_key(a) < 2**64
    if a == b:
        assert hash_key(a) == hash_key(b)


@given(st.integers(-(10**6), 10**6))
def test_numbers_hash_alike_in_all_types(n: int) -> None:
    assert len({hash_key(kind(n)) for kind in (int, float, complex)}) == 1


@given(st.lists(st.integers(0, 100), max_size=30), st.integers(1, 120))
def test_buckets_are_joined_in_order_and_below_the_limit(sizes: list[int], limit: int) -> None:
    ranges = bucket_ranges(sizes, limit)
    covered = [i for a, b, _ in ranges for i in range(a, b)]
    assert sorted(set(covered)) == covered
    assert {i for i, size in enumerate(sizes) if size} <= set(covered)
    for a, b, total in ranges:
        assert total == sum(sizes[a:b])
        assert total <= limit or sum(1 for s in sizes[a:b] if s) == 1


@given(st.lists(st.integers(0, 100), min_size=1, max_size=30), st.integers(1, 120))
def test_packing_keeps_the_order_and_the_limit(sizes: list[int], limit: int) -> None:
    packed = pack(sizes, limit)
    flat_pieces = [piece for part in packed for piece in part]
    assert flat_pieces == [
        (block, i, n)
        for block, n in {block: n for block, _, n in flat_pieces}.items()
        for i in range(n)
    ]
    assert {block for block, _, _ in flat_pieces} == set(range(len(sizes)))
    assert all(sum(sizes[b] / n for b, _, n in part) <= limit + 1e-9 for part in packed)
