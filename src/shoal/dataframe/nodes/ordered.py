"""Groups in the order of their keys, in several partitions.

`SortedExchange` brings partial results of groups together as `Exchange` does, but by ranges of the
first key: a task looks at a sample of the keys of all partial results and chooses the bounds, so
the partitions that come out are in the order of the keys, as pandas has groups.
"""

from __future__ import annotations

from typing import Any

from shoal.dataframe.kernels.grouporder import RangeOfGroups, bounds_of_keys, sample_of_keys
from shoal.dataframe.nodes.base import FrameNode
from shoal.expr.lower import Lowering
from shoal.graph.layers import ALL, Blocks, Const

__all__ = ["SortedExchange"]


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
