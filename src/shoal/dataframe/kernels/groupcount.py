"""How many groups there will be, told by the partial results of a few partitions.

Each partial result gives a sketch: the smallest hashes of its keys (bottom-k sketches, Cohen and
Kaplan, PODC 2007).  Below the least of the sketches' largest hashes all sketches are complete, so
there it can be counted exactly how many keys each further partition adds to those before.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from shoal.dataframe.kernels.groups import State
from shoal.dataframe.kernels.hashing import hash_arrays
from shoal.dataframe.kernels.levels import levels_of
from shoal.sizeof import sizeof

__all__ = ["GroupSketch", "expected_bytes", "sketch_groups", "sketch_hashes"]

KEPT = 4096
"""Hashes in a sketch."""

ALL = 1 << 64
"""So many hashes there are."""


@dataclasses.dataclass(frozen=True)
class GroupSketch:
    """What a partial result tells of its groups.

    Parameters
    ----------
    rows
        How many there are.
    nbytes
        What it takes in memory.
    hashes
        The smallest hashes of keys, in order.

    Examples
    --------
    >>> GroupSketch(2, 16, np.array([3, 5], dtype=np.uint64)).rows
    2
    """

    rows: int
    nbytes: int
    hashes: Any


def sketch_groups(state: State) -> GroupSketch:
    """The sketch of a partial result.

    Parameters
    ----------
    state
        The partial result.

    Examples
    --------
    >>> import pandas as pd
    >>> state = State(pd.DataFrame({0: [1, 2]}, index=pd.Index([5, 9])), {})
    >>> sketch_groups(state).rows
    2
    """
    index = state.atoms.index
    hashes = hash_arrays([level.array for level in levels_of(index)])
    return sketch_hashes(hashes, sizeof(state.atoms) + sum(map(sizeof, state.rows.values())))


def sketch_hashes(hashes: Any, nbytes: int) -> GroupSketch:
    """The sketch of keys.

    Parameters
    ----------
    hashes
        Of each key, all distinct.
    nbytes
        What the partial result takes in memory.

    Examples
    --------
    >>> sketch_hashes(np.array([5, 3], dtype=np.uint64), 16).hashes.tolist()
    [3, 5]
    """
    rows = len(hashes)
    if rows > KEPT:
        hashes = np.partition(hashes, KEPT - 1)[:KEPT]
    return GroupSketch(rows, int(nbytes), np.unique(hashes))


def expected_bytes(sketches: Sequence[GroupSketch], count: int) -> int:
    """How large a state of all groups will probably be.

    Parameters
    ----------
    sketches
        Of some partial results.
    count
        How many partial results there will be.

    Examples
    --------
    >>> same = GroupSketch(2, 32, np.array([3, 5], dtype=np.uint64))
    >>> other = GroupSketch(2, 32, np.array([4, 6], dtype=np.uint64))
    >>> expected_bytes([same, same], 10), expected_bytes([same, other], 10)
    (32, 320)
    """
    rows = sum(one.rows for one in sketches)
    if not rows:
        return 0
    ends = [int(one.hashes[-1]) + 1 for one in sketches if one.rows > len(one.hashes)]
    end = min(ends, default=ALL)
    known: set[int] = set()
    totals = []
    for one in sketches:
        known.update(hash for hash in one.hashes.tolist() if hash < end)
        totals.append(len(known))
    groups = grown(totals, count) * (ALL / end)
    return int(groups * sum(one.nbytes for one in sketches) / rows)


def grown(totals: Sequence[int], count: int) -> float:
    """How many distinct keys there will be, from how many there were after each partition.

    Where all keys are equally frequent, each further partition adds a constant share of what the
    one before has added.  Where some are much more frequent than others, the number grows as a
    power of what was seen (Heaps' law).  The truth is mostly between the two; so is the answer.

    Parameters
    ----------
    totals
        After one partition, two, ...
    count
        How many partitions there are in all.

    Examples
    --------
    >>> grown([10, 20], 10), grown([10, 10], 10), round(grown([10, 15], 10))
    (100.0, 10.0, 28)
    """
    half = len(totals) // 2
    if not half or not totals[half - 1]:
        return totals[-1] * count / len(totals)
    before, now = totals[half - 1], totals[2 * half - 1]
    share = min(now / before - 1, 1.0)
    steps = count / half
    if share >= 1.0:
        return before * steps
    even: float = before * (1 - share**steps) / (1 - share)
    uneven: float = now * (count / (2 * half)) ** math.log2(now / before)
    return math.sqrt(even * uneven)
