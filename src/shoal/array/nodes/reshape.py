"""Blocks in another shape, one for one."""

from __future__ import annotations

from typing import Any

from shoal.array.chunks import Chunks
from shoal.array.grid import block_shapes
from shoal.array.kernels.layout import reshape_block
from shoal.array.meta import with_ndim
from shoal.array.nodes.base import ArrayNode
from shoal.expr.lower import Lowering
from shoal.graph.layers import Blocks, Each

__all__ = ["ReshapeBlocks"]


class ReshapeBlocks(ArrayNode):
    """Every block in another shape; the first block stays the first, and so on in C order.

    Parameters
    ----------
    source
        The array.
    given
        Chunks of the result, with as many blocks, of as many elements each.

    Examples
    --------
    >>> import numpy as np
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> x = HeldBlocks((np.ones((2, 3)),), ((2,), (3,)), np.ones((0, 0)))
    >>> ReshapeBlocks(x, ((6,),)).array_shape
    (6,)
    """

    __slots__ = ()
    fields = ("source", "given")
    prefix = "reshape"

    def schema(self) -> tuple[Chunks, Any]:
        """As given."""
        return self.given, with_ndim(self.source.meta, len(self.given))

    def place(self, lowering: Lowering) -> None:
        """One layer; each task is told its block's shape."""
        lowering.graph.name_blocks(f"{self.name}-of", lowering.numbers(self.source))
        same = Blocks(f"{self.name}-of", self.shape, tuple(range(len(self.shape))))
        lowering.add_grid(self, reshape_block, [same, Each(block_shapes(self.given))])

    def label(self) -> str:
        """From which shape to which."""
        return f"ReshapeBlocks({self.source.array_shape} -> {self.array_shape})"
