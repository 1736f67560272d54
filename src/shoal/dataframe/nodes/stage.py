"""Stages: many partition-wise operations as one task a partition.

A `Stage` is made by the rule `fuse_stages`, last of all.  It keeps the operations themselves
(`Body`), so that whoever runs it can choose how: the pandas kernel compiles them to a `Program`, a
step an operation; a columnar kernel can translate all of them at once and need not be asked about
each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shoal.dataframe.nodes.base import Columns, FrameNode, PartitionWise, place_program
from shoal.expr.lower import Lowering

__all__ = ["Body", "Stage"]


class Body:
    """The operations of a stage, in order; the last one gives the result.

    Parameters
    ----------
    nodes
        Partition-wise nodes.  What they read is among them, or has its identity in ``leaves``.
    leaves
        For each input of the stage, the identity under which the nodes refer to it.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> node = (from_dict({"x": [1]}, npartitions=1).x + 1).expr
    >>> Body((node,), (node.frames[0].name,)).root is node
    True
    """

    __slots__ = ("leaves", "nodes")

    def __init__(self, nodes: tuple[PartitionWise, ...], leaves: tuple[Any, ...]) -> None:
        self.nodes = nodes
        self.leaves = leaves

    @property
    def root(self) -> PartitionWise:
        """The last operation."""
        return self.nodes[-1]

    def __shoal_tokenize__(self) -> Any:
        return self.root.name, self.leaves

    def __reduce__(self) -> Any:
        return Body, (self.nodes, self.leaves)


class Stage(FrameNode):
    """Operations run one after the other on each partition.

    Parameters
    ----------
    inputs
        Nodes and calls, a tuple.
    body
        A `Body`.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> node = (from_dict({"x": [1]}, npartitions=1).x + 1).expr
    >>> Stage(node.frames, Body((node,), (node.frames[0].name,))).npartitions
    1
    """

    __slots__ = ()
    fields = ("inputs", "body")

    @classmethod
    def make_name(cls, operands: tuple[Any, ...], annotations: dict[str, Any] | None) -> str:
        """That of the last operation: it says all that the stage does."""
        return f"{operands[1].root.name}-stage"

    def infer_meta(self) -> Any:
        """The last operation's."""
        return self.body.root.meta

    def infer_divisions(self) -> tuple[Any, ...]:
        """The last operation's."""
        divisions: tuple[Any, ...] = self.body.root.divisions
        return divisions

    @property
    def partitioning(self) -> Any:
        """The last operation's."""
        return self.body.root.partitioning

    def needs(self, wanted: Columns) -> Iterator[Any]:
        """Everything: columns were dropped before."""
        return ((frame, None) for frame in self.frames)

    def place(self, lowering: Lowering) -> None:
        """One layer."""
        place_program(self, self.inputs, self.body.leaves, self.body.nodes, lowering)

    def label(self) -> str:
        """The operations."""
        return f"Stage({' | '.join(node.label() for node in self.body.nodes)})"
