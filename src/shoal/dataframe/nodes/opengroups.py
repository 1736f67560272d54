"""Aggregations by group of which nobody knows how many groups there are.

Combining partial results in a tree is best where many partitions have the same groups.  Where
nearly every row is a group of its own, each level of the tree has all of the data again, and the
last task more than a worker has memory.  So some partial results are made first; if the groups that
they announce are large, results are brought together by ranges of keys, each range by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shoal import config
from shoal.dataframe.kernels.groupcount import expected_bytes, sketch_groups
from shoal.dataframe.nodes.base import FrameNode, Logical
from shoal.dataframe.nodes.ordered import SortedExchange
from shoal.dataframe.nodes.partitions import Repartition
from shoal.dataframe.nodes.reduce import Partial, Tree
from shoal.expr.adapt import decision, note_decision
from shoal.expr.lower import Lowering
from shoal.units import format_bytes, parse_bytes

__all__ = ["OpenGroups", "Patched", "Some", "range_bytes"]

MOST_FIRST = 16
"""So many partial results are made first at most."""


def range_bytes() -> int:
    """How large the groups of one task may be.

    Examples
    --------
    >>> range_bytes() == 32 << 20
    True
    """
    return int(parse_bytes(config.get("dataframe.replan.group-limit")))


class Some(FrameNode):
    """Some blocks of a node.

    Parameters
    ----------
    source
        The node.
    places
        Their numbers.

    Examples
    --------
    >>> Some.fields
    ('source', 'places')
    """

    __slots__ = ()
    fields = ("source", "places")
    prefix = "some"
    measure = staticmethod(sketch_groups)

    def infer_divisions(self) -> tuple[Any, ...]:
        """Unknown."""
        return (None,) * (len(self.places) + 1)

    def place(self, lowering: Lowering) -> None:
        """Another name for blocks that are there."""
        numbers = lowering.numbers(self.source)
        lowering.graph.name_blocks(self.name, [numbers[i] for i in self.places])


class Patched(FrameNode):
    """A node some blocks of which are there already.

    Parameters
    ----------
    source
        The node.
    places
        The numbers of those blocks.
    held
        They.

    Examples
    --------
    >>> Patched.fields
    ('source', 'places', 'held')
    """

    __slots__ = ()
    fields = ("source", "places", "held")
    prefix = "patched"

    def infer_divisions(self) -> tuple[Any, ...]:
        """Unknown."""
        return (None,) * (int(self.source.size) + 1)

    def place(self, lowering: Lowering) -> None:
        """Another name for blocks of both; nobody makes the others then."""
        numbers = list(lowering.numbers(self.source))
        for place, number in zip(self.places, lowering.numbers(self.held), strict=True):
            numbers[place] = number
        lowering.graph.name_blocks(self.name, numbers)


class OpenGroups(Logical):
    """An aggregation by group that is planned when some partitions have been looked at.

    Parameters
    ----------
    source
        The aggregation, to one partition.
    key
        Its name, as it was written.
    resize
        Whether there may be more partitions.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"k": [1, 2], "x": [1, 2]}, npartitions=2)
    >>> OpenGroups(df.groupby("k").sum().expr, "key", True).label()
    'Reduce(groupby-sum); open: ranges of keys'
    """

    __slots__ = ()
    fields = ("source", "key", "resize")
    prefix = "open-groups"

    @property
    def row_roots(self) -> frozenset[str]:
        """Those of the aggregation."""
        roots: frozenset[str] = self.source.row_roots
        return roots

    def infer_divisions(self) -> tuple[Any, ...]:
        """As they are planned."""
        return tuple(self.source.divisions)

    def physical(self) -> FrameNode:
        """As it is planned, where nobody waits."""
        source: FrameNode = self.source
        return source

    def label(self) -> str:
        """What may change."""
        return f"{self.source.label()}; open: ranges of keys"

    def told_open(self) -> str:
        """What may change, and what was decided the last time, for `explain`."""
        last = decision(self.key)
        return self.label() + (f"; last time: {last}" if last else "")

    def _partial(self) -> Partial:
        node = self.source
        return Partial(node.args, node.reducer, annotations=node.annotations)

    def watched(self) -> tuple[FrameNode, ...]:
        """Some of the partial results, from all over the frame."""
        partial = self._partial()
        count = int(partial.size)
        first = min(MOST_FIRST, max(2, count // 8))
        return (Some(partial, tuple([i * count // first for i in range(first)])),)

    def settled(self, seen: Sequence[Any], fixed: bool) -> FrameNode:
        """A tree, or ranges of keys."""
        [one], [watched] = seen, self.watched()
        partial, node = self._partial(), self.source
        states = Patched(partial, watched.places, one.blocks)
        total = expected_bytes(one.measures, partial.size)
        count = min(-(-total // range_bytes()), int(partial.size))
        text = f"{one.blocks.size} of {partial.size} partitions announce {format_bytes(total)}"
        told: Any = {"annotations": node.annotations}
        if count < 2:
            note_decision(self.key, f"{text} of groups: as planned")
            return Tree(states, node.reducer, node.given_meta, node.split_every, **told)
        note_decision(self.key, f"{text} of groups: in {count} ranges of keys")
        unknown = (None,) * (count + 1)
        final = node.reducer.final
        ranges = SortedExchange(states, final, count, node.given_meta, unknown, **told)
        if self.resize and not fixed:
            return ranges
        return Repartition(ranges, (tuple(range(count)),), node.divisions)
