"""Products of a matrix with its own transpose."""

from __future__ import annotations

from typing import Any

from shoal.array.chunks import Chunks
from shoal.array.kernels.contract import GramBlock
from shoal.array.kernels.layout import permute_block
from shoal.array.nodes.base import ArrayNode
from shoal.array.program import call_of
from shoal.expr.lower import Lowering
from shoal.expr.node import Cost
from shoal.graph.layers import Blocks, Gather
from shoal.graph.task import Ref

__all__ = ["SymmetricProduct"]


class SymmetricProduct(ArrayNode):
    """``x @ x.T`` or ``x.T @ x``: blocks below the diagonal are those above it, transposed.

    Parameters
    ----------
    source
        A matrix.
    is_first
        Whether ``x`` comes first.
    kind
        The meta of the result.

    Examples
    --------
    >>> import numpy as np
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> x = HeldBlocks((np.ones((2, 3)),), ((2,), (3,)), np.ones((0, 0)))
    >>> SymmetricProduct(x, False, x.meta).array_shape
    (3, 3)
    """

    __slots__ = ()
    fields = ("source", "is_first", "kind")
    prefix = "product"

    def schema(self) -> tuple[Chunks, Any]:
        """The chunks of one axis, twice."""
        blocks = self.source.chunks[0 if self.is_first else 1]
        return (blocks, blocks), self.kind

    def place(self, lowering: Lowering) -> None:
        """A layer for the half with the diagonal, one that mirrors, and a name for both."""
        n = self.shape[0]
        rows, columns = self.source.shape
        if self.is_first:
            reads = [tuple(range(i * columns, (i + 1) * columns)) for i in range(n)]
        else:
            reads = [tuple(range(i, rows * columns, columns)) for i in range(n)]
        pairs = [(i, j) for i in range(n) for j in range(i, n)]
        half = f"{self.name}-half"
        inputs = [Gather(self.source.name, [reads[pair[k]] for pair in pairs]) for k in (0, 1)]
        lowering.add_grid(self, GramBlock(self.is_first), inputs, name=half, shape=(len(pairs),))
        numbers = dict(zip(pairs, lowering.graph.numbers(half), strict=True))
        above = [pair for pair in pairs if pair[0] < pair[1]]
        if above:
            lowering.graph.name_blocks(f"{self.name}-above", [numbers[pair] for pair in above])
            mirror, count = f"{self.name}-mirror", (len(above),)
            turn = call_of(permute_block, (Ref(0), (1, 0)))
            inner = Blocks(f"{self.name}-above", count, (0,))
            lowering.add_grid(self, turn, [inner], name=mirror, shape=count)
            mirrored = zip(above, lowering.graph.numbers(mirror), strict=True)
            numbers.update({(j, i): number for (i, j), number in mirrored})
        whole = [numbers[i, j] for i in range(n) for j in range(n)]
        lowering.graph.name_blocks(self.name, whole)

    def cost(self, layer: str) -> Cost | None:
        """A block; where several are added up, also the next product and blocks put together.

        Parameters
        ----------
        layer
            Its name.
        """
        is_sum = layer == f"{self.name}-half" and self.source.shape[1 if self.is_first else 0] > 1
        return Cost(self.block_bytes, 2 * self.block_bytes if is_sum else 0)

    def label(self) -> str:
        """Which of the two, and the work."""
        rows, columns = self.source.array_shape[:: 1 if self.is_first else -1]
        count = rows * (rows + 1) / 2 * columns
        work = "" if count != count else f", {count:.3g} products"
        return f"SymmetricProduct({'x @ x.T' if self.is_first else 'x.T @ x'}{work})"
