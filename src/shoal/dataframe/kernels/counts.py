"""Counts of distinct values in their order, over partitions.

Where a row goes is known without looking at other rows: a count has few different values (of n
rows at most the root of 2 n), so a table of how often each occurs in each partition is small, and
says at which place of the whole result the first row of a count in a partition stands.  Equal
counts stand in the order of partitions and of their rows, as a stable sort has them, and the
partitions of the result are equally large, even where nearly all counts are 1.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from shoal.dataframe.kernels.reductions import concat_rows
from shoal.serialize.parts import Pieces, keep
from shoal.types import Parts

__all__ = ["CutByPlace", "JoinedCounts", "Places", "Tally", "placed", "tally_of"]


class Tally(NamedTuple):
    """How often each count occurs in a partition.

    Parameters
    ----------
    counts, times
        Arrays of whole numbers, equally long; the counts in ascending order.

    Examples
    --------
    >>> Tally(np.array([1, 5]), np.array([2, 1])).times.sum()
    np.int64(3)
    """

    counts: Any
    times: Any


class Starts(NamedTuple):
    """Where the rows of a partition stand in the whole result.

    Parameters
    ----------
    tally
        The partition's.
    places
        For each count of it the place of its first row.
    rows, total
        How many rows the result has, and the sum of all counts.
    """

    tally: Tally
    places: Any
    rows: int
    total: int


def tally_of(part: pd.Series) -> Tally:
    """How often each count occurs.

    Parameters
    ----------
    part
        Counts of values.

    Examples
    --------
    >>> [one.tolist() for one in tally_of(pd.Series([1, 5, 1]))]
    [[1, 5], [2, 1]]
    """
    return Tally(*np.unique(part.to_numpy(dtype=np.int64), return_counts=True))


@dataclasses.dataclass(frozen=True)
class Places:
    """Says of each partition where its rows go.

    Parameters
    ----------
    ascending
        Whether small counts come first.

    Examples
    --------
    >>> told = Places(False)([tally_of(pd.Series([1, 5])), tally_of(pd.Series([1]))])
    >>> [told.part(i).places.tolist() for i in range(2)]
    [[1, 0], [2]]
    """

    ascending: bool

    def __call__(self, tallies: Sequence[Tally]) -> Parts:
        """The places.

        Parameters
        ----------
        tallies
            Of all partitions.
        """
        counts = np.concatenate([one.counts for one in tallies])
        times = np.concatenate([one.times for one in tallies])
        order = np.argsort(counts if self.ascending else -counts, kind="stable")
        places = np.empty(len(counts), dtype=np.int64)
        places[order] = np.cumsum(times[order]) - times[order]
        bounds = np.cumsum([0, *[len(one.counts) for one in tallies]])
        rows, total = int(times.sum()), int(counts @ times)
        spans = zip(tallies, itertools.pairwise(bounds), strict=True)
        return keep(Pieces([Starts(one, places[a:b], rows, total) for one, (a, b) in spans]))


def placed(starts: Sequence[Starts]) -> Starts:
    """The one that a partition is told.

    Parameters
    ----------
    starts
        It, in a list.

    Examples
    --------
    >>> placed([3])
    3
    """
    (one,) = starts
    return one


@dataclasses.dataclass(frozen=True)
class CutByPlace:
    """Cuts counts into those that go to each partition of the result.

    Parameters
    ----------
    count
        How many partitions that are.
    ascending, normalize
        As `pandas.Series.value_counts` has them.

    Examples
    --------
    >>> part = pd.Series([1, 5], index=["a", "b"])
    >>> starts = placed([Places(False)([tally_of(part)]).part(0)])
    >>> CutByPlace(2, False, False)(part, starts).part(0).to_dict()
    {'b': 5}
    """

    count: int
    ascending: bool
    normalize: bool

    def __call__(self, part: pd.Series, starts: Starts) -> Parts:
        """Cut one.

        Parameters
        ----------
        part
            Counts of values, in the order of rows.
        starts
            Its own.
        """
        rows = part.sort_values(ascending=self.ascending, kind="stable")
        counts = rows.to_numpy(dtype=np.int64)
        tally = starts.tally
        # Rows of equal counts stand together: each is so far behind the first of them.
        kinds = np.searchsorted(tally.counts, counts)
        along = tally.times if self.ascending else tally.times[::-1]
        first = (np.cumsum(along) - along)[:: 1 if self.ascending else -1]
        places = starts.places[kinds] + np.arange(len(rows)) - first[kinds]
        targets = places * self.count // max(starts.rows, 1)
        bounds = np.searchsorted(targets, np.arange(self.count + 1))
        if self.normalize:
            rows = (rows / starts.total).rename("proportion")
        return keep(Pieces([rows.iloc[a:b] for a, b in itertools.pairwise(bounds)]))


@dataclasses.dataclass(frozen=True)
class JoinedCounts:
    """Puts a partition of the result together.

    Parameters
    ----------
    ascending
        Whether small counts come first.

    Examples
    --------
    >>> JoinedCounts(False)([pd.Series([2, 1]), pd.Series([2])]).tolist()
    [2, 2, 1]
    """

    ascending: bool

    def __call__(self, parts: Sequence[pd.Series]) -> pd.Series:
        """The partition.

        Parameters
        ----------
        parts
            What goes there of each old partition.
        """
        rows: pd.Series = concat_rows(parts)
        return rows.sort_values(ascending=self.ascending, kind="stable")
