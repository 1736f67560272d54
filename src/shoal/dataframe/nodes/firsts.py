"""Rows that are the first of their like among all partitions, each where it was.

The keys of partial results are cut by hash, a task for each piece tells which are the first, and
each partial result keeps those (`shoal.dataframe.kernels.distinct`).  A shuffle there, and a small
one back.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.dataframe.kernels.distinct import KeySplit, Verdict, keep_first
from shoal.dataframe.nodes.base import FrameNode
from shoal.expr.lower import Lowering
from shoal.graph.layers import ALL, Blocks, Const

__all__ = ["KeepFirst"]


class KeepFirst(FrameNode):
    """What is left of each partial result.

    Parameters
    ----------
    source
        The partial results.
    reducer
        Whose they are.
    count
        Into how many pieces keys are cut.
    given_meta
        Of the result.
    final
        Whether the blocks are partitions of the result; else somebody puts them together.

    Examples
    --------
    >>> KeepFirst.fields
    ('source', 'reducer', 'count', 'given_meta', 'final')
    """

    __slots__ = ()
    fields = ("source", "reducer", "count", "given_meta", "final")
    prefix = "keep-first"

    def infer_meta(self) -> Any:
        """The given one."""
        return self.given_meta

    def infer_divisions(self) -> tuple[Any, ...]:
        """Unknown."""
        return (None,) * (int(self.source.size) + 1)

    def place(self, lowering: Lowering) -> None:
        """Tasks that cut each old partition, judge each piece, bring verdicts back, keep rows."""
        size, count = self.source.size, self.count
        keys, verdicts, told = (f"{self.name}-{what}" for what in ("keys", "verdicts", "told"))
        each = Blocks(self.source.name, (size,), (0,))
        lowering.add_grid(self, KeySplit(self.reducer, count), [each], name=keys, shape=(size,))
        pieces = Blocks(keys, (size,), (ALL,), parts=True)
        lowering.add_grid(self, Verdict(self.reducer), [pieces], name=verdicts, shape=(count,))
        # By tasks of their own: a task reads parts of all that it reads, or of nothing.
        said = Blocks(verdicts, (count,), (ALL,), parts=True)
        lowering.add_grid(self, np.concatenate, [said], name=told, shape=(size,))
        here = [each, Blocks(told, (size,), (0,))]
        rest = [Const(count), Const(self.reducer), Const(self.final)]
        lowering.add_grid(self, keep_first, [*here, *rest], shape=(size,))

    def label(self) -> str:
        """Of what, and how."""
        return f"KeepFirst({self.reducer.title}, keys in {self.count} pieces)"
