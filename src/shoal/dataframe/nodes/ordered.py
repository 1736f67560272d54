"""Groups in the order of their keys, and counts of values in theirs, in several partitions.

`SortedExchange` brings partial results of groups together as `Exchange` does, but by ranges of the
first key: a task looks at a sample of the keys of all partial results and chooses the bounds, so
the partitions that come out are in the order of the keys, as pandas has groups.  `SortedCounts`
needs no sample: how often each count occurs says where each row goes.
"""

from __future__ import annotations

from typing import Any

from shoal.dataframe.kernels.counts import (
    CutByPlace,
    JoinedCounts,
    Places,
    placed,
    tally_of,
)
from shoal.dataframe.kernels.grouporder import RangeOfGroups, bounds_of_keys, sample_of_keys
from shoal.dataframe.nodes.base import FrameNode
from shoal.expr.lower import Lowering
from shoal.graph.layers import ALL, Blocks, Const

__all__ = ["SortedCounts", "SortedExchange"]


class SortedExchange(FrameNode):
    """Partial results of groups brought together by ranges of their first key.

    Parameters
    ----------
    source
        The partial results.
    join
        ``join(states) -> partition``.
    count
        How many partitions there will be.
    given_meta, given_divisions
        Of the result.

    Examples
    --------
    >>> SortedExchange.fields[:3]
    ('source', 'join', 'count')
    """

    __slots__ = ()
    fields = ("source", "join", "count", "given_meta", "given_divisions")
    prefix = "sorted-exchange"

    def infer_meta(self) -> Any:
        """The given one."""
        return self.given_meta

    def infer_divisions(self) -> tuple[Any, ...]:
        """The given ones."""
        return tuple(self.given_divisions)

    def place(self, lowering: Lowering) -> None:
        """Samples, bounds, a task that splits each old partition, one that joins each new one."""
        count = self.source.size
        names = [f"{self.name}-{what}" for what in ("sample", "bounds", "split")]
        each = Blocks(self.source.name, (count,), (0,))
        lowering.add_grid(self, sample_of_keys, [each], name=names[0], shape=(count,))
        lowering.add_grid(
            self,
            bounds_of_keys,
            [Blocks(names[0], (count,), (ALL,)), Const(self.count)],
            name=names[1],
            shape=(1,),
        )
        split = [each, Blocks(names[1], (1,), (None,))]
        lowering.add_grid(self, RangeOfGroups(self.count), split, name=names[2], shape=(count,))
        lowering.add_grid(self, self.join, [Blocks(names[2], (count,), (ALL,), parts=True)])

    def label(self) -> str:
        """From how many to how many."""
        return f"SortedExchange({self.source.size} to {self.count})"


class SortedCounts(FrameNode):
    """Counts of distinct values, each value in one partition, in the order of the counts.

    Parameters
    ----------
    source
        The counts, in the order of rows.
    count
        How many partitions there will be.
    ascending, normalize
        As `pandas.Series.value_counts` has them.
    given_meta
        Of the result.

    Examples
    --------
    >>> SortedCounts.fields[:3]
    ('source', 'count', 'ascending')
    """

    __slots__ = ()
    fields = ("source", "count", "ascending", "normalize", "given_meta")
    prefix = "sorted-counts"

    def infer_meta(self) -> Any:
        """The given one."""
        return self.given_meta

    def infer_divisions(self) -> tuple[Any, ...]:
        """Unknown: values are in no order."""
        return (None,) * (int(self.count) + 1)

    def place(self, lowering: Lowering) -> None:
        """Tallies, one task that places them, one that cuts each old partition, one that joins."""
        size = self.source.size
        tallies, places, told, split = (
            f"{self.name}-{what}" for what in ("tallies", "places", "told", "split")
        )
        each = Blocks(self.source.name, (size,), (0,))
        lowering.add_grid(self, tally_of, [each], name=tallies, shape=(size,))
        together = Blocks(tallies, (size,), (ALL,))
        lowering.add_grid(self, Places(self.ascending), [together], name=places, shape=(1,))
        # By tasks of their own: a task reads parts of all that it reads, or of nothing.
        own = Blocks(places, (1,), (ALL,), parts=True)
        lowering.add_grid(self, placed, [own], name=told, shape=(size,))
        cut = CutByPlace(self.count, self.ascending, self.normalize)
        here = [each, Blocks(told, (size,), (0,))]
        lowering.add_grid(self, cut, here, name=split, shape=(size,))
        pieces = Blocks(split, (size,), (ALL,), parts=True)
        lowering.add_grid(self, JoinedCounts(self.ascending), [pieces])

    def label(self) -> str:
        """From how many to how many."""
        return f"SortedCounts({self.source.size} to {self.count})"
