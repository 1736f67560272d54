"""Chains of elementwise functions as one task a block, and the reductions that end them.

What rules make of `Elementwise`, `Permute` and `BroadcastTo`: the arrays in between are never made.
A task runs over tiles of its block that fit the cache (`shoal.array.kernels.tiled`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from shoal.array.chunks import Chunks, broadcast_chunks
from shoal.array.kernels.tiled import Fold, Tiled
from shoal.array.meta import with_ndim
from shoal.array.nodes.base import ArrayNode
from shoal.array.nodes.reduction import Reduction
from shoal.array.nodes.sources import Inline, inlined_bytes, reading
from shoal.expr.lower import Lowering
from shoal.expr.node import Cost
from shoal.graph.layers import Blocks
from shoal.graph.naming import funcname

__all__ = ["AxisMap", "Fused", "FusedReduction"]

AxisMap = tuple[int | None, ...]
"""For each axis of the result that of an input, or None: the input is repeated along it."""


class Fused(ArrayNode):
    """A program of elementwise functions.

    Parameters
    ----------
    program
        A `Program`; its inputs are ``inputs``, seen through ``maps``.
    inputs
        Nodes whose chunks fit where they are seen, or `Inline`, seen as it is; a tuple.
    maps
        An `AxisMap` each.  Axes of an input that none of them names have length 1.
    engine
        What runs the program: "numpy", "numba" or "numexpr".
    kind
        The meta of the result.

    Examples
    --------
    >>> import numpy as np
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> from shoal.array.program import Program, Step
    >>> from shoal.graph.task import Ref
    >>> x = HeldBlocks((np.ones((2, 2)),), ((2,), (2,)), np.ones((0, 0)))
    >>> add = Program(2, (Step(np.add, (Ref(0), Ref(1))),))
    >>> Fused(add, (x, x), ((0, 1), (1, 0)), "numpy", x.meta).array_shape
    (2, 2)
    """

    __slots__ = ()
    fields = ("program", "inputs", "maps", "engine", "kind")

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """The last function's name."""
        steps = operands[0].steps
        return funcname(steps[-1].func) if steps else "tiles"

    def schema(self) -> tuple[Chunks, Any]:
        """Broadcast chunks of the inputs as they are seen."""
        seen = [
            tuple([(1,) if axis is None else node.chunks[axis] for axis in axes])
            for node, axes in zip(self.inputs, self.maps, strict=True)
        ]
        chunks = broadcast_chunks(*seen)
        return chunks, with_ndim(self.kind, len(chunks))

    def kernel(self, fold: Fold | None = None) -> tuple[Callable[..., Any], list[Any]]:
        """What makes a block, and what tasks are given for it.

        Parameters
        ----------
        fold
            A reduction to end with.
        """
        grid = self.shape
        seen = [
            node if type(node) is Inline else _seen(node, axes, grid)
            for node, axes in zip(self.inputs, self.maps, strict=True)
        ]
        views = [
            None if axes == tuple(range(node.ndim)) else axes
            for node, axes in zip(self.inputs, self.maps, strict=True)
        ]
        return reading(Tiled(self.program, tuple(views), self.engine, fold), seen)

    def place(self, lowering: Lowering) -> None:
        """One layer."""
        lowering.add_grid(self, *self.kernel())

    def label(self) -> str:
        """The functions."""
        return f"Fused({' | '.join(self.said())})"

    def cost(self, layer: str) -> Cost | None:
        """A block, and those that are read for it; tiles are small.

        Parameters
        ----------
        layer
            Its name.
        """
        return Cost(self.block_bytes, inlined_bytes(self.inputs))

    def said(self) -> list[str]:
        """What is done, in words."""
        reads = [node.label() for node in self.inputs if type(node) is Inline]
        return [*reads, *[funcname(step.func) for step in self.program.steps]]


def _seen(node: Any, axes: AxisMap, grid: tuple[int, ...]) -> Blocks:
    """The blocks of an input, by axes of the result's grid."""
    places: list[int | None] = [None] * node.ndim
    for place, axis in enumerate(axes):
        if axis is not None and (node.shape[axis] != 1 or grid[place] == 1):
            places[axis] = place
    return Blocks(node.name, node.shape, tuple(places))


class FusedReduction(Reduction):
    """A reduction of a fused program, whose blocks are reduced tile by tile and never made.

    Parameters
    ----------
    inputs
        The `Fused` that is reduced, alone in a tuple; its inputs are this node's sources.
    chunk, combine, aggregate, axes, keepdims, fan_in, concatenate, output_size, kind, title
        As of `Reduction`.

    Examples
    --------
    >>> import numpy as np
    >>> import shoal
    >>> import shoal.array as da
    >>> x = (da.arange(6, chunks=3) + 1).sum()
    >>> (out,) = shoal.optimize(x)
    >>> type(out._node).__name__, out.compute()
    ('FusedReduction', np.int64(21))
    """

    __slots__ = ()

    @property
    def fused(self) -> Fused:
        """What is reduced."""
        node: Fused = self.inputs[0]
        return node

    def _sources(self) -> Iterator[Any]:
        yield from self.fused.sources

    def map_sources(self, change: Callable[[Any], Any]) -> FusedReduction:
        """The same reduction of changed inputs."""
        fused = self.fused.map_sources(change)
        return self if fused is self.fused else self.replace(inputs=(fused,))

    def _working_bytes(self) -> float:
        return inlined_bytes(self.fused.inputs)

    def _first(self) -> tuple[Callable[..., Any], list[Any]]:
        fold = Fold(
            self._call(self.chunk, keepdims=True),
            self._call(self.combine, keepdims=True),
            self.axes,
            bool(self.concatenate),
        )
        return self.fused.kernel(fold)

    def label(self) -> str:
        """The functions, and the reduction."""
        done = " | ".join([*self.fused.said(), self.title])
        return f"FusedReduction({done}, axes={self.axes}, fan_in={self.fan_in})"
