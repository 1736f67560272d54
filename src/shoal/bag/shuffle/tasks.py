"""Group-by through tasks alone: for a cluster, where there are no common files.

Every partition is cut into a part for each bucket, and a task for each bucket reads its part of all
partitions (`shoal.serialize.parts`): parts beyond their share of memory are in files, and only the
part that is read travels.

A partition on the way is a list of ``(bucket, key, elements)``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from shoal.bag.nodes import BagNode
from shoal.bag.shuffle.disk import add_by_key
from shoal.bag.shuffle.hashing import hash_key
from shoal.expr.lower import Lowering
from shoal.graph.layers import ALL, Blocks, Const, Input
from shoal.serialize.parts import Pieces, keep
from shoal.types import Parts

__all__ = ["TaskShuffle", "join_groups", "key_groups"]

Group: TypeAlias = "tuple[int, Any, list[Any]]"
"""Bucket, key and elements."""


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


def cut_groups(buckets: int, groups: Sequence[Group]) -> Parts:
    """A partition cut into a part for each bucket.

    Parameters
    ----------
    buckets
        How many there are.
    groups
        Of one partition.

    Examples
    --------
    >>> cut_groups(3, [(2, "a", [1]), (0, "b", [2])]).part(2)
    [(2, 'a', [1])]
    """
    parts: list[list[Group]] = [[] for _ in range(buckets)]
    for group in groups:
        parts[group[0]].append(group)
    return keep(Pieces(parts))


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


class TaskShuffle(BagNode):
    """Groups with buckets, each bucket brought into a partition of its own.

    Parameters
    ----------
    source
        Its partitions are results of `key_groups`.
    npartitions
        How many buckets there are.

    Examples
    --------
    >>> from shoal.expr.node import Held
    >>> TaskShuffle(Held(([], [])), 3).shape
    (3,)
    """

    __slots__ = ()
    fields = ("source", "npartitions")
    prefix = "groupby-tasks"

    def place(self, lowering: Lowering) -> None:
        """A task that cuts for each old partition, and one that joins for each new one."""
        count = (self.source.size,)
        split = f"{self.name}-split"
        inputs: list[Input] = [Const(self.npartitions), Blocks(self.source.name, count, (0,))]
        lowering.add_grid(self, cut_groups, inputs, name=split, shape=count)
        lowering.add_grid(self, concat_groups, [Blocks(split, count, (ALL,), parts=True)])
