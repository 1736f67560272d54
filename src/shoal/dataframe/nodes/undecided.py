"""Nodes that are planned when something has been computed.

An `Undecided` node stands above a logical one, which says what is computed.  What is watched, and
what takes its place then, is said by those that derive from it: `shoal.dataframe.nodes.open` and
`shoal.dataframe.nodes.opengroups`.  Nothing else of the optimiser knows of stages
(`shoal.expr.adapt`).
"""

from __future__ import annotations

from typing import Any

from shoal.dataframe.nodes.base import FrameNode, Logical
from shoal.expr.adapt import decision

__all__ = ["Undecided"]


class Undecided(Logical):
    """A node of which it is open how it is computed.

    Those that derive from it have the fields ``source``, what it is, and ``key``, its name as it
    was written.

    Examples
    --------
    >>> issubclass(Undecided, Logical)
    True
    """

    __slots__ = ()

    @property
    def row_roots(self) -> frozenset[str]:
        """Those of what it is."""
        roots: frozenset[str] = self.source.row_roots
        return roots

    def infer_divisions(self) -> tuple[Any, ...]:
        """As they are planned."""
        return tuple(self.source.divisions)

    def physical(self) -> FrameNode:
        """As it is planned, where nobody waits for sizes."""
        source: FrameNode = self.source
        return source

    def told_open(self) -> str:
        """What may change, and what was decided the last time, for `explain`."""
        last = decision(self.key)
        return self.label() + (f"; last time: {last}" if last else "")
