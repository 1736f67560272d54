"""What a shuffle consists of, one by one: partitions cut, renumbered, put together.

`Exchange` places both layers of a shuffle at once.  Where it is decided between them how rows go on
(`shoal.dataframe.nodes.open`), its halves are nodes of their own: `Cut`, whose blocks are
`shoal.types.Parts`, and an `Exchange` that does not split.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shoal.dataframe.kernels.regroup import join_all, part_sizes, regroup
from shoal.dataframe.nodes.base import Columns, FrameNode
from shoal.dataframe.nodes.reduce import Split
from shoal.expr.lower import Lowering
from shoal.graph.layers import ALL, Blocks, Const, Each

__all__ = ["Cut", "Regroup", "Together"]


class _Halves(FrameNode):
    """A node of which nobody asks for columns: they were dropped before."""

    __slots__ = ()

    def infer_divisions(self) -> tuple[Any, ...]:
        """As many as the source has, unknown."""
        return (None,) * (int(self.source.size) + 1)

    def needs(self, wanted: Columns) -> Iterator[Any]:
        """Everything."""
        return ((frame, None) for frame in self.frames)


class Cut(_Halves):
    """Every partition cut into parts.

    Parameters
    ----------
    source
        The partitions.
    split
        ``split(block) -> list of pieces``.
    count
        How many each is cut into.

    Examples
    --------
    >>> Cut.fields
    ('source', 'split', 'count')
    """

    __slots__ = ()
    fields = ("source", "split", "count")
    prefix = "cut"
    measure = staticmethod(part_sizes)

    def place(self, lowering: Lowering) -> None:
        """A task a partition."""
        count = self.source.size
        blocks = Blocks(self.source.name, (count,), (0,))
        lowering.add_grid(self, Split(self.split), [blocks], shape=(count,))

    def label(self) -> str:
        """From how many, into how many."""
        return f"Cut({self.source.size} into {self.count})"


class Regroup(_Halves):
    """Results in parts under other numbers.

    Parameters
    ----------
    source
        Their node.
    groups
        For each result: the old numbers of each new part.

    Examples
    --------
    >>> Regroup.fields
    ('source', 'groups')
    """

    __slots__ = ()
    fields = ("source", "groups")
    prefix = "regroup"

    def place(self, lowering: Lowering) -> None:
        """A task a result."""
        count = self.source.size
        blocks = Blocks(self.source.name, (count,), (0,))
        lowering.add_grid(self, regroup, [blocks, Each(self.groups)], shape=(count,))

    def label(self) -> str:
        """Into how many."""
        return f"Regroup({self.source.size} into {len(self.groups[0])})"


class Together(_Halves):
    """All parts of all results in one partition.

    Parameters
    ----------
    source
        The node of the results.
    join
        ``join(pieces) -> partition``.
    given_meta
        Of the result.

    Examples
    --------
    >>> Together.fields
    ('source', 'join', 'given_meta')
    """

    __slots__ = ()
    fields = ("source", "join", "given_meta")
    prefix = "together"

    def infer_meta(self) -> Any:
        """The given one."""
        return self.given_meta

    def infer_divisions(self) -> tuple[Any, ...]:
        """One partition."""
        return (None, None)

    def place(self, lowering: Lowering) -> None:
        """One task."""
        count = self.source.size
        parts = Blocks(self.source.name, (count,), (ALL,))
        lowering.add_grid(self, join_all, [parts, Const(self.join)])

    def label(self) -> str:
        """Of how many."""
        return f"Together({self.source.size} to 1)"
