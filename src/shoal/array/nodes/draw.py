"""Random numbers."""

from __future__ import annotations

from typing import Any

from shoal.array.chunks import Chunks
from shoal.array.grid import block_shapes
from shoal.array.kernels.draw import draw_block
from shoal.array.meta import with_ndim
from shoal.array.nodes.base import ArrayNode
from shoal.array.nodes.elementwise import aligned_blocks
from shoal.array.program import Program, Step
from shoal.expr.lower import Lowering
from shoal.graph.layers import Blocks, Each, Input
from shoal.graph.task import Nest, Ref

__all__ = ["Draw"]


class Draw(ArrayNode):
    """Random numbers of a distribution.

    Parameters
    ----------
    stream
        Where they come from, a `shoal.array.kernels.draw.Stream`.
    method
        Of the generator.
    args
        Its arguments: constants, and ``Ref(i)`` for input ``i``.
    kwargs
        ``(name, constant)`` pairs.
    inputs
        Nodes, a tuple: each is broadcast to the result, or is a single block that every task gets.
    whole
        For each input whether it is the latter, a tuple.
    given
        Chunks of the result.
    inner
        How many axes at the end are not part of the size but of the distribution.
    kind
        The meta.

    Examples
    --------
    >>> import numpy as np
    >>> from shoal.array.kernels.draw import Stream
    >>> stream = Stream(np.random.Generator, np.random.PCG64, 5, (0,), 4)
    >>> Draw(stream, "random", (), (), (), (), ((2, 2),), 0, np.empty(0)).array_shape
    (4,)
    """

    __slots__ = ()
    fields = (*("stream", "method", "args", "kwargs", "inputs", "whole", "given", "inner", "kind"),)

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """The distribution."""
        title: str = operands[1]
        return title

    def schema(self) -> tuple[Chunks, Any]:
        """As given."""
        return self.given, with_ndim(self.kind, len(self.given))

    def place(self, lowering: Lowering) -> None:
        """One layer; each task is told its block's number and shape."""
        inputs: list[Input] = [Each(range(self.size)), Each(block_shapes(self.given))]
        for node, whole in zip(self.inputs, self.whole, strict=True):
            if whole:
                inputs.append(Blocks(node.name, node.shape, (None,) * node.ndim))
            else:
                inputs.append(aligned_blocks(node, self.given))
        args = [Ref(arg.position + 2) if isinstance(arg, Ref) else arg for arg in self.args]
        drawn = Nest(list, tuple(args))
        call = (Ref(0), Ref(1), self.stream, self.method, drawn, self.kwargs, self.inner)
        program = Program(len(inputs), (Step(draw_block, call),))
        lowering.add_grid(self, program, inputs)

    def label(self) -> str:
        """The distribution."""
        return f"Draw({self.method})"
