"""Rows that were moved, taken back to where they were.

Rows go to where all rows of their group are, something is computed there for each, and `Homeward`
takes them back to the partition and place they came from, which they carry with them as a number.
So the result stands beside the frame, as pandas has it.
"""

from __future__ import annotations

from typing import Any

from shoal.dataframe.kernels.places import HomeJoin, HomeSplit
from shoal.dataframe.nodes.base import FrameNode, Logical
from shoal.dataframe.nodes.reduce import Exchange

__all__ = ["Homeward"]


class Homeward(Logical):
    """Rows taken back to the partition and the place that they came from.

    Parameters
    ----------
    source
        Frames with a column `shoal.dataframe.kernels.places.PLACE`.
    given_meta
        Of the result, without that column; a series where the frame has one other column.
    given_divisions
        Of where the rows came from.
    roots
        Names: `FrameNode.row_roots` of where they came from if all rows come back; else none.
    key
        `FrameNode.row_key` of where they came from if all rows come back; else "".

    Examples
    --------
    >>> Homeward.fields
    ('source', 'given_meta', 'given_divisions', 'roots', 'key')
    """

    __slots__ = ()
    fields = ("source", "given_meta", "given_divisions", "roots", "key")
    prefix = "homeward"

    def infer_meta(self) -> Any:
        """The given one."""
        return self.given_meta

    def infer_divisions(self) -> tuple[Any, ...]:
        """The given ones."""
        return tuple(self.given_divisions)

    @property
    def row_roots(self) -> frozenset[str]:
        """Where the rows came from."""
        return frozenset(self.roots) or frozenset([self.name])

    @property
    def row_key(self) -> str:
        """That of where the rows came from."""
        key: str = self.key or self.name
        return key

    def physical(self) -> FrameNode:
        """An exchange by the places."""
        count = self.npartitions
        join = HomeJoin(self.given_meta)
        return Exchange(
            self.source, HomeSplit(count), join, count, self.given_meta, self.divisions, None
        )

    def label(self) -> str:
        """To how many partitions."""
        return f"Homeward({self.npartitions})"
