"""Rows that depend on all rows before them, or after: what they need is carried along.

A *run* says how: ``total(part)`` is what a partition passes on, ``starts(totals)`` what each one
begins with, and ``go_on(part, start)`` the result.  One task makes the starts of all of them, so
partitions are still computed side by side, and each reads no start but its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from shoal.dataframe.nodes.base import ALL_COLUMNS, Columns, FrameNode, columns_of
from shoal.dataframe.nodes.reduce import Split
from shoal.expr.lower import Lowering
from shoal.graph.layers import ALL, Blocks

__all__ = ["Carried"]


class Carried(FrameNode):
    """Partitions that go on where the ones before them, or after, have ended.

    Parameters
    ----------
    source
        A frame or series.
    run
        With methods ``total``, ``starts`` and ``go_on``.
    given_meta
        Of the result.
    title
        For people.
    same_rows
        Whether the result has a row for each of the source's; else it has some of them.
    by_column
        Whether a column of the result is made from the one of that name alone.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2]}, npartitions=2).x.cumsum().expr.label()
    'Carried(cumsum)'
    """

    __slots__ = ()
    fields = ("source", "run", "given_meta", "title", "same_rows", "by_column")

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """The given one."""
        title: str = operands[3]
        return title

    @cached_property
    def row_roots(self) -> frozenset[str]:
        """The source's: rows stay where they are."""
        roots: frozenset[str] = self.source.row_roots
        return roots if self.same_rows else frozenset([self.name])

    @cached_property
    def row_key(self) -> str:
        """The source's, where there are all of its rows."""
        key: str = self.source.row_key
        return key if self.same_rows else self.name

    def infer_meta(self) -> Any:
        """The given one, with the columns that are still there."""
        meta = self.given_meta
        if not self.by_column or meta.ndim < 2:
            return meta
        here = set(columns_of(self.source))
        return meta if here >= set(meta.columns) else meta.loc[:, meta.columns.isin(list(here))]

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """All, unless each column is by itself."""
        narrow = self.by_column and self.source.ndim == 2
        yield self.source, wanted if narrow else ALL_COLUMNS

    def place(self, lowering: Lowering) -> None:
        """Totals, then from what each partition starts, then each partition."""
        run = self.run
        count = self.source.size
        totals, starts = f"{self.name}-total", f"{self.name}-start"
        own = Blocks(self.source.name, (count,), (0,))
        lowering.add_grid(self, run.total, [own], name=totals, shape=(count,))
        before = Blocks(totals, (count,), (ALL,))
        lowering.add_grid(self, Split(run.starts), [before], name=starts, shape=(1,))
        lowering.add_grid(self, run.go_on, [own, Blocks(starts, (1,), (None,), parts=True)])

    def label(self) -> str:
        """Its title."""
        return f"Carried({self.title})"
