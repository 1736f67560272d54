"""Group-by through tasks alone: for a cluster, where there are no common files.

Cutting every one of n partitions into n parts takes n*n pieces.  So it is done in stages.  At the
start all partitions are in one interval, that of all buckets.  A stage cuts every interval into at
most ``max_branch`` smaller ones, and each partition that lies in it along with it; the pieces for
one smaller interval, from at most ``max_branch`` neighbouring partitions, make a partition of the
next stage.  So each stage has by that factor more intervals, and fewer partitions to each, until
an interval is one bucket and one partition holds it.

A partition on the way is a list of ``(bucket, key, elements)``.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from shoal.bag.nodes import BagNode
from shoal.bag.shuffle.disk import add_by_key
from shoal.bag.shuffle.hashing import hash_key
from shoal.expr.lower import Lowering
from shoal.graph.layers import Blocks, Each, Gather, Input

__all__ = ["TaskShuffle", "join_groups", "key_groups"]

Group: TypeAlias = "tuple[int, Any, list[Any]]"
"""Bucket, key and elements."""

Interval: TypeAlias = "tuple[int, int]"
"""First bucket, and the one after the last."""

Layout: TypeAlias = "list[tuple[Interval, Sequence[int]]]"
"""Intervals in order, and the partitions that lie in each."""


def key_groups(grouper: Callable[[Any], Any], buckets: int, elements: Iterable[Any]) -> list[Group]:
    """The elements of a partition by key, each key with its bucket.

    Parameters
    ----------
    grouper
        The key of an element.
    buckets
        How many there are.
    elements
        A partition.

    Examples
    --------
    >>> key_groups(len, 1, ["a", "b"])
    [(0, 1, ['a', 'b'])]
    """
    groups: defaultdict[Any, list[Any]] = defaultdict(list)
    add_by_key(groups, grouper, elements if isinstance(elements, list) else list(elements))
    return [(hash_key(key) * buckets >> 64, key, group) for key, group in groups.items()]


def split_groups(intervals: Sequence[Interval], groups: Sequence[Group]) -> list[list[Group]]:
    """A partition cut along intervals of buckets.

    Parameters
    ----------
    intervals
        Neighbours, in order.
    groups
        The partition.

    Examples
    --------
    >>> split_groups([(0, 1), (1, 3)], [(2, "b", []), (0, "a", [])])
    [[(0, 'a', [])], [(2, 'b', [])]]
    """
    where = {
        bucket: i for i, (first, stop) in enumerate(intervals) for bucket in range(first, stop)
    }
    parts: list[list[Group]] = [[] for _ in intervals]
    for group in groups:
        parts[where[group[0]]].append(group)
    return parts


def pick(split: Sequence[Sequence[Any]], i: int) -> Any:
    """One part of a partition.

    Parameters
    ----------
    split
        The partition in parts, in a list of one.
    i
        Which.

    Examples
    --------
    >>> pick(["ab"], 1)
    'b'
    """
    return split[0][i]


def concat_groups(parts: Sequence[Sequence[Group]]) -> list[Group]:
    """Several parts as one partition.

    Parameters
    ----------
    parts
        In order.

    Examples
    --------
    >>> concat_groups([[(0, "a", [])], [(0, "b", [])]])
    [(0, 'a', []), (0, 'b', [])]
    """
    return [group for part in parts for group in part]


def join_groups(groups: Iterable[Group]) -> Iterable[tuple[Any, list[Any]]]:
    """Groups with all their elements.

    Parameters
    ----------
    groups
        A key may come several times.

    Examples
    --------
    >>> list(join_groups([(0, "a", [1]), (0, "a", [2])]))
    [('a', [1, 2])]
    """
    whole: dict[Any, list[Any]] = {}
    own: set[Any] = set()
    for _, key, elements in groups:
        if key not in whole:
            whole[key] = elements
        elif key in own:
            whole[key] += elements
        else:
            # A new list: the first one belongs to a task whose result others may read.
            whole[key] = whole[key] + elements
            own.add(key)
    return iter(whole.items())


def cut_evenly(interval: Interval, parts: int) -> list[Interval]:
    """Smaller intervals, none of them empty, whose widths differ by one at most.

    Parameters
    ----------
    interval
        What to cut.
    parts
        Into how many at most.

    Examples
    --------
    >>> cut_evenly((0, 5), 2), cut_evenly((3, 4), 2)
    ([(0, 2), (2, 5)], [(3, 4)])
    """
    first, stop = interval
    parts = min(parts, stop - first)
    bounds = [first + (stop - first) * i // parts for i in range(parts + 1)]
    return list(itertools.pairwise(bounds))


def branching(outputs: int, inputs: int, max_branch: int) -> tuple[int, int, int]:
    """How many stages there are, and how they branch.

    Parameters
    ----------
    outputs, inputs
        Numbers of partitions.
    max_branch
        Most pieces of a partition, and most pieces that make one.

    Returns
    -------
    stages, cut, join
        Into how many intervals a stage cuts each, and how many partitions it joins.

    Examples
    --------
    >>> branching(100, 100, 32), branching(1, 1, 32), branching(1, 1000, 32)
    ((2, 10, 10), (0, 1, 1), (2, 1, 32))
    """
    stages = 0
    while max_branch**stages < max(outputs, inputs):
        stages += 1
    if not stages:
        return 0, 1, 1
    return stages, _root(outputs, stages), _root(inputs, stages)


def _root(number: int, degree: int) -> int:
    """The smallest number whose power is not below another."""
    root = 1
    while root**degree < number:
        root += 1
    return root


class TaskShuffle(BagNode):
    """Groups with buckets, each bucket brought into a partition of its own.

    Parameters
    ----------
    source
        Its partitions are results of `key_groups`.
    npartitions
        How many buckets there are.
    max_branch
        Into how many pieces a task cuts its input at most.

    Examples
    --------
    >>> from shoal.expr.node import Held
    >>> TaskShuffle(Held(([], [])), 3, 32).shape
    (3,)
    """

    __slots__ = ()
    fields = ("source", "npartitions", "max_branch")
    prefix = "groupby-tasks"

    def place(self, lowering: Lowering) -> None:
        """Three layers for each stage: cut, pick, join."""
        inputs = self.source.size
        stages, pieces, width = branching(self.npartitions, inputs, self.max_branch)
        layout: Layout = [((0, self.npartitions), range(inputs))]
        name = self.source.name
        for stage in range(stages):
            layout = self._stage(lowering, stage, name, layout, pieces, width)
            name = f"{self.name}-join-{stage}"
        numbers = lowering.graph.numbers(name)
        lowering.graph.name_blocks(self.name, [numbers[i] for _, (i,) in layout])

    def _stage(
        self,
        lowering: Lowering,
        stage: int,
        name: str,
        layout: Layout,
        pieces: int,
        width: int,
    ) -> Layout:
        """Add the layers of a stage; the layout after it."""
        split, picked = f"{self.name}-split-{stage}", f"{self.name}-pick-{stage}"
        cuts: list[Any] = [None] * sum(len(members) for _, members in layout)
        sources: list[tuple[int]] = []
        which: list[int] = []
        joins: list[range] = []
        after: Layout = []
        for interval, members in layout:
            smaller = cut_evenly(interval, pieces)
            for member in members:
                cuts[member] = smaller
            for i, child in enumerate(smaller):
                first_join = len(joins)
                for at in range(0, len(members), width):
                    chunk = members[at : at + width]
                    joins.append(range(len(sources), len(sources) + len(chunk)))
                    sources += [(member,) for member in chunk]
                    which += [i] * len(chunk)
                after.append((child, range(first_join, len(joins))))
        count = (len(cuts),)
        lowering.add_grid(
            self, split_groups, [Each(cuts), Blocks(name, count, (0,))], name=split, shape=count
        )
        reads: list[Input] = [Gather(split, sources), Each(which)]
        lowering.add_grid(self, pick, reads, name=picked, shape=(len(which),))
        lowering.add_grid(
            self,
            concat_groups,
            [Gather(picked, joins)],
            name=f"{self.name}-join-{stage}",
            shape=(len(joins),),
        )
        return after
