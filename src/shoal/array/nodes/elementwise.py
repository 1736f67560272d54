"""Functions that give each element from the elements at the same place."""

from __future__ import annotations

from typing import Any

from shoal.array.chunks import Chunks, broadcast_chunks
from shoal.array.meta import infer_dtype, infer_meta, with_dtype, with_ndim
from shoal.array.nodes.base import ArrayNode
from shoal.array.program import Program, call_of
from shoal.expr.lower import Lowering
from shoal.expr.node import Node
from shoal.graph.layers import Blocks
from shoal.graph.naming import funcname
from shoal.graph.task import Ref

__all__ = ["Elementwise", "aligned_blocks"]


class Elementwise(ArrayNode):
    """A function of elements, its operands broadcast against each other as in NumPy.

    Parameters
    ----------
    func
        Such as a ufunc, or a `Program` of several.
    operands
        Nodes whose chunks fit (see `shoal.array.elementwise.align`), and constants.
    kwargs
        ``(name, constant)`` pairs.
    given
        The dtype of the result; None to infer it.

    Examples
    --------
    >>> import numpy as np
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> x = HeldBlocks((np.ones(2),), ((2,),), np.ones(0))
    >>> Elementwise(np.add, (x, 1), (), None).dtype
    dtype('float64')
    """

    __slots__ = ()
    fields = ("func", "operands_", "kwargs", "given")

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """The function's name."""
        return funcname(operands[0])

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The operands that are arrays."""
        return tuple(self.sources)

    def schema(self) -> tuple[Chunks, Any]:
        """Broadcast chunks; the meta that the function makes of metas."""
        chunks = broadcast_chunks(*[array.chunks for array in self.arrays])
        args = [op.meta if isinstance(op, Node) else op for op in self.operands_]
        meta = infer_meta(self.func, args, dict(self.kwargs))
        if meta is None or not hasattr(meta, "dtype"):
            dtype = self.given
            if dtype is None:
                dtype = infer_dtype(self.func, args, dict(self.kwargs), "elemwise")
            meta = with_dtype(self.arrays[0].meta, dtype)
        return chunks, with_dtype(with_ndim(meta, len(chunks)), self.given)

    def place(self, lowering: Lowering) -> None:
        """One layer; constants are bound to the function."""
        args: list[Any] = []
        inputs: list[Blocks] = []
        for operand in self.operands_:
            if isinstance(operand, Node):
                args.append(Ref(len(inputs)))
                inputs.append(aligned_blocks(operand, self.chunks))
            else:
                args.append(operand)
        lowering.add_grid(self, call_of(self.func, args, self.kwargs, len(inputs)), inputs)

    def label(self) -> str:
        """The function, and constants."""
        if isinstance(self.func, Program):
            return f"Elementwise({' | '.join(funcname(s.func) for s in self.func.steps)})"
        constants = [repr(op) for op in self.operands_ if not isinstance(op, Node)]
        return f"Elementwise({', '.join([funcname(self.func), *constants])})"


def aligned_blocks(source: Any, chunks: Chunks) -> Blocks:
    """The blocks of an operand as a grid reads them that it is broadcast to.

    Parameters
    ----------
    source
        A node, aligned at the right.
    chunks
        Of the result.

    Examples
    --------
    >>> import numpy as np
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> x = HeldBlocks((np.ones(1),), ((1,),), np.ones(0))
    >>> aligned_blocks(x, ((2, 2), (3, 3))).axes
    (None,)
    """
    shift = len(chunks) - source.ndim
    axes = tuple(
        None if len(blocks) == 1 != len(chunks[i + shift]) else i + shift
        for i, blocks in enumerate(source.chunks)
    )
    return Blocks(source.name, source.shape, axes)
