"""Random elements of a bag, each choice of elements as likely as any other.

A partition gives a uniform sample of its elements and their number; samples of several partitions
are merged so that the result is a uniform sample of all of them.  Seeds are drawn when the bag is
made, so computing it twice gives the same elements, and `random.seed` makes them repeatable.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random as source_of_chance
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias

from shoal.bag.collection import Bag, check_split_every
from shoal.bag.kernels import make_seeds
from shoal.bag.nodes import Stage, Tree
from shoal.bag.steps import step
from shoal.expr.annotate import current_annotations
from shoal.graph.layers import Each
from shoal.graph.task import Ref

__all__ = ["choices", "sample"]

Random: TypeAlias = source_of_chance.Random

Part: TypeAlias = tuple[list[Any], int, int]
"""A sample, how many elements it stands for, and a seed for what comes next."""


def sample(population: Bag[Any], k: int, split_every: int | bool | None = None) -> Bag[Any]:
    """Some elements, none of them twice.

    Parameters
    ----------
    population
        What to choose from.
    k
        How many.
    split_every
        As for `Bag.reduction`.

    Returns
    -------
    Bag
        One partition.

    Raises
    ------
    ValueError
        When it is computed: there are fewer elements.

    Examples
    --------
    >>> import shoal.bag as db
    >>> chosen = db.random.sample(db.range(100, npartitions=3), 5).compute(scheduler="sync")
    >>> len(set(chosen))
    5
    """
    return _sampled(population, k, split_every, draw_some, merge_some, finish_some)


def choices(population: Bag[Any], k: int = 1, split_every: int | bool | None = None) -> Bag[Any]:
    """Some elements, drawn one by one from all of them, so that some may come twice.

    Parameters
    ----------
    population
        What to choose from.
    k
        How many.
    split_every
        As for `Bag.reduction`.

    Returns
    -------
    Bag
        One partition.

    Raises
    ------
    ValueError
        When it is computed: there are no elements.

    Examples
    --------
    >>> import shoal.bag as db
    >>> len(db.random.choices(db.range(3, npartitions=2), 5).compute(scheduler="sync"))
    5
    """
    return _sampled(population, k, split_every, draw_each, merge_each, finish_each)


def _sampled(
    population: Bag[Any],
    k: int,
    split_every: int | bool | None,
    draw: Callable[..., Part],
    merge: Callable[..., Part],
    finish: Callable[..., list[Any]],
) -> Bag[Any]:
    if k < 0:
        raise ValueError(f"a sample has at least 0 elements, got k={k}")
    seeds = make_seeds(None, population.npartitions)
    one = step(draw, k, Ref(1), Ref(0), title="sample")
    inputs = (population._node, Each(seeds))
    told = current_annotations()
    parts = Stage(inputs, (one,), population.npartitions, annotations=told)
    width = check_split_every(split_every)
    return type(population)(
        Tree(parts, partial(merge, k), partial(finish, k), width, "sample", 1, annotations=told)
    )


def draw_some(k: int, seed: int, elements: Iterable[Any]) -> Part:
    """A uniform sample without repetition of a partition, in one pass.

    Parameters
    ----------
    k
        How many.
    seed
        Decides which.
    elements
        A partition.

    Notes
    -----
    Algorithm L of K.-H. Li: Reservoir-Sampling Algorithms of Time Complexity O(n(1 + log(N/n)))
    (1994): it computes how many elements to pass over until the next one enters the sample.

    Examples
    --------
    >>> chosen, count, _ = draw_some(2, 0, range(10))
    >>> len(set(chosen)), count
    (2, 10)
    """
    rng = Random(seed)
    iterator = iter(elements)
    chosen = list(itertools.islice(iterator, k))
    count = len(chosen)
    if k and count == k:
        weight = 1.0
        while True:
            weight *= _uniform(rng) ** (1 / k)
            skip = int(math.log(_uniform(rng)) / math.log1p(-weight)) if weight < 1 else 0
            passed, found = _pass_over(iterator, skip)
            count += passed
            if not found:
                break
            count += 1
            chosen[rng.randrange(k)] = found[0]
    elif not k:
        count = sum(1 for _ in iterator)
    rng.shuffle(chosen)
    return chosen, count, rng.getrandbits(64)


def _uniform(rng: Random) -> float:
    """A random number above 0 and at most 1."""
    return 1.0 - rng.random()


def _pass_over(iterator: Iterator[Any], skip: int) -> tuple[int, list[Any]]:
    """How many of ``skip`` elements were there, and the one after them, if any."""
    numbers = itertools.count(1)
    passed = itertools.islice(iterator, min(skip, sys.maxsize))
    deque(itertools.compress(passed, numbers), maxlen=0)
    return next(numbers) - 1, list(itertools.islice(iterator, 1))


def merge_some(k: int, parts: Sequence[Part]) -> Part:
    """A uniform sample without repetition of several partitions, from samples of each.

    How many elements come from each partition is drawn as if all elements lay in one urn.

    Parameters
    ----------
    k
        How many, at most.
    parts
        Results of `draw_some`.

    Examples
    --------
    >>> chosen, count, _ = merge_some(3, [([1, 2], 2, 0), ([3, 4, 5], 3, 0)])
    >>> len(set(chosen)), count
    (3, 5)
    """
    rng = Random(sum(seed for *_, seed in parts))
    left = [count for _, count, _ in parts]
    total = sum(left)
    chosen: list[Any] = []
    samples = [iter(sample) for sample, _, _ in parts]
    for remaining in range(total, max(total - k, 0), -1):
        at = rng.randrange(remaining)
        i = 0
        while at >= left[i]:
            at -= left[i]
            i += 1
        left[i] -= 1
        chosen.append(next(samples[i]))
    rng.shuffle(chosen)
    return chosen, total, rng.getrandbits(64)


def finish_some(k: int, parts: Sequence[Part]) -> list[Any]:
    """The sample.

    Parameters
    ----------
    k
        How many.
    parts
        Results of `draw_some`.

    Raises
    ------
    ValueError
        There are fewer elements.

    Examples
    --------
    >>> finish_some(1, [([7], 1, 0)])
    [7]
    """
    chosen, total, _ = merge_some(k, parts)
    if len(chosen) < k:
        raise ValueError(
            f"Sample larger than population: {k} elements were asked for and the bag has {total}; "
            "ask for fewer, or use choices, which may take one twice"
        )
    return chosen


def draw_each(k: int, seed: int, elements: Iterable[Any]) -> Part:
    """Elements of a partition, each drawn from all of them, in one pass.

    Parameters
    ----------
    k
        How many.
    seed
        Decides which.
    elements
        A partition.

    Notes
    -----
    Each place holds a sample of one: element ``m`` takes it with probability ``1/m``, so having
    changed at ``t`` it next changes after ``t/u`` for a uniform ``u``.  A heap holds the next
    change of each place, so that the elements between are passed over.

    Examples
    --------
    >>> chosen, count, _ = draw_each(3, 0, "ab")
    >>> len(chosen), count
    (3, 2)
    """
    rng = Random(seed)
    iterator = iter(elements)
    chosen: list[Any] = [None] * k
    changes = [(1, place) for place in range(k)]
    count = 0
    while changes:
        number = changes[0][0]
        passed, found = _pass_over(iterator, number - count - 1)
        count += passed
        if not found:
            break
        count += 1
        while changes[0][0] == number:
            place = changes[0][1]
            chosen[place] = found[0]
            heapq.heapreplace(changes, (int(number / _uniform(rng)) + 1, place))
    return (chosen if count else []), count, rng.getrandbits(64)


def merge_each(k: int, parts: Sequence[Part]) -> Part:
    """Elements drawn from several partitions, from elements drawn from each.

    Parameters
    ----------
    k
        How many.
    parts
        Results of `draw_each`.

    Examples
    --------
    >>> chosen, count, _ = merge_each(2, [([1, 1], 1, 0), ([], 0, 0)])
    >>> chosen, count
    ([1, 1], 1)
    """
    rng = Random(sum(seed for *_, seed in parts))
    there = [part for part in parts if part[1]]
    total = sum(count for _, count, _ in there)
    owners = rng.choices(there, [count for _, count, _ in there], k=k) if there else []
    chosen = [owner[0][place] for place, owner in enumerate(owners)]
    return chosen, total, rng.getrandbits(64)


def finish_each(k: int, parts: Sequence[Part]) -> list[Any]:
    """The elements drawn.

    Parameters
    ----------
    k
        How many.
    parts
        Results of `draw_each`.

    Raises
    ------
    ValueError
        There are no elements.

    Examples
    --------
    >>> finish_each(2, [([7, 7], 1, 0)])
    [7, 7]
    """
    chosen, total, _ = merge_each(k, parts)
    if k and not total:
        raise ValueError(f"{k} elements were asked for and the bag has none; check count() first")
    return chosen
