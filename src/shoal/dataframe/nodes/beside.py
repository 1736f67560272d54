"""Frames as columns beside each other: `concat(axis=1)`.

pandas puts rows of equal labels beside each other.  Where the divisions of frames are known, or
their rows come from the same partitions, each partition has all rows of its labels.  Where they are
not, most frames still have the same labels in the same places, as two readers of data that was
written together; but nobody may assume it.  So labels are looked at first (`OpenBeside`), and rows
are moved by their labels where they differ.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

from shoal.dataframe.kernels import labels, rows
from shoal.dataframe.kernels.levels import levels_of
from shoal.dataframe.nodes.base import (
    ALL_COLUMNS,
    Apply,
    Columns,
    FrameNode,
    PartitionWise,
    columns_of,
)
from shoal.dataframe.nodes.moves import common_dtype
from shoal.dataframe.nodes.opengroups import Some
from shoal.dataframe.nodes.reduce import Partial
from shoal.dataframe.nodes.rowwise import Attribute
from shoal.dataframe.nodes.undecided import Undecided
from shoal.expr.adapt import note_decision

__all__ = ["OpenBeside", "SideBySide"]


class SideBySide(PartitionWise):
    """Partitions of the same number as columns beside each other.

    Parameters
    ----------
    members
        Frames and series, a tuple.
    options
        Of `pandas.concat`, pairs.
    given_meta
        Of the result.

    Examples
    --------
    >>> from shoal.dataframe import concat, from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=2)
    >>> concat([df, df + 1], axis=1).expr.label()
    'SideBySide(2 frames)'
    """

    __slots__ = ()
    fields = ("members", "options", "given_meta")
    prefix = "side-by-side"
    narrow_sources = True  # or there would be columns that the schema does not know

    def call(self) -> Apply:
        """pandas' own."""
        return Apply(labels.beside, (self.options, *self.members), title="concat")

    def infer_meta(self) -> Any:
        """The given one, with the columns that are still there."""
        meta = self.given_meta
        if not self._by_name:
            return meta
        gone = {
            name
            for name in meta.columns
            if all(name not in columns_of(one) for one in self.members if one.ndim == 2)
        } - {one.meta.name for one in self.members if one.ndim == 1}
        return meta if not gone else meta[[c for c in meta.columns if c not in gone]]

    @property
    def _by_name(self) -> bool:
        """Whether columns are called as they are in the parts, and one is called so."""
        plain = all(one.ndim == 2 or one.meta.name is not None for one in self.members)
        return (
            plain
            and {"join"} >= {name for name, _ in self.options}
            and (self.given_meta.columns.is_unique)
        )

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """The wanted columns of each part, and its labels."""
        some = wanted if self._by_name else ALL_COLUMNS
        for frame in self.members:
            yield frame, some if frame.ndim == 2 else ALL_COLUMNS

    def label(self) -> str:
        """How many frames."""
        return f"SideBySide({len(self.members)} frames)"


class OpenBeside(Undecided):
    """Frames beside each other, of which it is open whether rows have to be moved for that.

    Parameters
    ----------
    source, moved
        The result if they have not to be, and if they have.
    looked_at
        The parts with as few columns as possible, for their labels; none: nobody looks.
    key
        Its name, as it was written.

    Examples
    --------
    >>> OpenBeside.fields
    ('source', 'moved', 'looked_at', 'key')
    """

    __slots__ = ()
    fields = ("source", "moved", "looked_at", "key")
    prefix = "open-beside"

    def infer_meta(self) -> Any:
        """That of either."""
        return self.source.meta

    def infer_divisions(self) -> tuple[Any, ...]:
        """Unknown."""
        count: int = self.source.npartitions
        return (None,) * (count + 1)

    @property
    def row_roots(self) -> frozenset[str]:
        """Itself."""
        return frozenset([self.name])

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """The same of both."""
        yield self.source, wanted
        yield self.moved, wanted
        for one in self.looked_at:
            yield one, frozenset() if one.ndim == 2 else ALL_COLUMNS

    def watched(self) -> tuple[FrameNode, ...]:
        """The labels of all partitions, as numbers."""
        if not self.looked_at:
            return ()
        sides = [levels_of(one.meta.index) for one in self.looked_at]
        dtypes = tuple(
            [
                functools.reduce(common_dtype, [level.dtype for level in levels])
                for levels in zip(*sides, strict=True)
            ]
        )
        told = labels.LabelPrint(dtypes)
        prints = [Partial((Attribute(one, "index"),), told) for one in self.looked_at]
        every = tuple(range(self.source.npartitions))
        return tuple([Some(one, every, rows.itself) for one in prints])

    def settled(self, seen: Sequence[Any], fixed: bool) -> FrameNode:
        """Partition by partition, if each has the labels of its neighbours."""
        first, *others = [[tuple(told) for told in one.measures] for one in seen]
        same = all(one == first for one in others)
        text = "the same labels in all partitions" if same else "labels differ: rows are moved"
        note_decision(self.key, text)
        found: FrameNode = self.source if same else self.moved
        return found

    def physical(self) -> FrameNode:
        """Rows moved by their labels: what is right whatever they are."""
        moved: FrameNode = self.moved
        return moved

    def label(self) -> str:
        """What may change."""
        return f"{self.source.label()}; open: whether rows are moved by label"
