"""Blocks written elsewhere."""

from __future__ import annotations

from typing import Any

from shoal.array.chunks import Chunks
from shoal.array.grid import PerAxis
from shoal.array.kernels.store import load_block, store_block
from shoal.array.nodes.base import ArrayNode
from shoal.array.program import call_of
from shoal.expr.call import Call
from shoal.expr.lower import Lowering
from shoal.graph.layers import Blocks, Each, Input
from shoal.graph.task import Ref
from shoal.graph.token import tokenize

__all__ = ["Load", "Store"]


class Store(ArrayNode):
    """An array whose blocks are written to a target.

    Parameters
    ----------
    source
        The array.
    target
        Has ``__setitem__``; or a call of `delayed` that gives such an object.
    places
        For each axis where its blocks go, a tuple of tuples.
    whole
        As `shoal.array.kernels.store.store_block` has it.
    lock
        Held while writing; None for none.
    mode
        What the blocks are then: "nothing", "block" or "load".

    Examples
    --------
    >>> import numpy as np
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> x = HeldBlocks((np.ones(2),), ((2,),), np.ones(0))
    >>> Store(x, np.zeros(2), ((slice(0, 2),),), None, None, "load").chunks
    ((2,),)
    """

    __slots__ = ()
    fields = ("source", "target", "places", "whole", "lock", "mode")
    prefix = "store"

    @classmethod
    def make_name(cls, operands: tuple[Any, ...], annotations: dict[str, Any] | None) -> str:
        """Targets by identity: two that are equal are written to both."""
        source, target, *rest, lock, mode = operands
        told = target.key if isinstance(target, Call) else id(target)
        held = getattr(lock, "token", None) or (lock and id(lock))
        return f"store-{tokenize(source, told, rest, held, mode, annotations)}"

    def schema(self) -> tuple[Chunks, Any]:
        """Those of the source."""
        return self.source.chunks, self.source.meta

    def place(self, lowering: Lowering) -> None:
        """One layer."""
        own = Blocks(self.source.name, self.shape, tuple(range(len(self.shape))))
        inputs: list[Input] = [own, Each(PerAxis(self.places))]
        target: Any = self.target
        if isinstance(target, Call):
            name = f"{self.name}-target"
            lowering.graph.name_blocks(name, lowering.numbers(target))
            inputs.append(Blocks(name, (1,), (None,)))
            target = Ref(2)
        args = (Ref(0), Ref(1), target, self.whole, self.lock, self.mode)
        lowering.add_grid(self, call_of(store_block, args, (), len(inputs)), inputs)

    def label(self) -> str:
        """To what."""
        return f"Store(to {type(self.target).__name__})"


class Load(Store):
    """An array that was written to a target, read from there.

    Parameters
    ----------
    like
        The array's meta, in place of the array: it needs no blocks of it.
    target, places, whole, lock
        As `Store` has them.
    given
        The array's chunks.

    Examples
    --------
    >>> import numpy as np
    >>> Load(np.ones(0), np.zeros(2), ((slice(0, 2),),), None, None, ((2,),)).array_shape
    (2,)
    """

    __slots__ = ()
    fields = ("like", "target", "places", "whole", "lock", "given")
    prefix = "load"

    def schema(self) -> tuple[Chunks, Any]:
        """As given."""
        return self.given, self.like

    def place(self, lowering: Lowering) -> None:
        """One layer."""
        args = (Ref(0), self.target, self.whole, self.lock)
        func = call_of(load_block, args)
        lowering.add_grid(self, func, [Each(PerAxis(self.places))])
