"""Block algorithms: results whose blocks depend on each other as a loop says.

Factorisations are written as they stand in the books, as loops over blocks; a call in such a loop
records a task.  Nothing of an array goes through the loop, only the numbers of tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from shoal.array.chunks import Chunks
from shoal.array.meta import with_ndim
from shoal.array.nodes.base import ArrayNode
from shoal.expr.lower import Lowering
from shoal.graph.layers import TableLayer
from shoal.graph.naming import funcname

__all__ = ["Algorithm", "Tasks"]


class Tasks:
    """Records the tasks of an algorithm.

    Parameters
    ----------
    name
        What their keys begin with.
    start
        The number of the first.

    Examples
    --------
    >>> tasks = Tasks("x", 10)
    >>> block = tasks.call(np.sqrt, 3)
    >>> block, tasks.deps
    (10, [(3,)])
    """

    def __init__(self, name: str, start: int) -> None:
        self.name = name
        self.start = start
        self.keys: list[Any] = []
        self.funcs: list[Any] = []
        self.deps: list[tuple[int, ...]] = []

    def call(self, func: Callable[..., Any], *blocks: int) -> int:
        """A task; its number stands for its result.

        Parameters
        ----------
        func
            Called with the blocks; whatever else it needs is bound to it.
        *blocks
            Numbers of tasks.
        """
        number = self.start + len(self.keys)
        self.keys.append((f"{self.name}-{funcname(func)}", len(self.keys)))
        self.funcs.append(func)
        self.deps.append(tuple(blocks))
        return number


class Algorithm(ArrayNode):
    """The blocks that an algorithm over blocks makes.

    Parameters
    ----------
    steps
        ``steps(tasks, *grids, **options)``: records tasks, and returns the numbers of those that
        make the result's blocks, in C order.  A grid is an array of the numbers of an input's
        blocks.
    inputs
        Arrays, a tuple.
    given
        The chunks.
    kind
        The meta.
    options
        ``(name, constant)`` pairs.

    Examples
    --------
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> x = HeldBlocks((np.ones(2),), ((2,),), np.ones(0))
    >>> Algorithm(print, (x,), ((2,),), x.meta, ()).array_shape
    (2,)
    """

    __slots__ = ()
    fields = ("steps", "inputs", "given", "kind", "options")

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """The algorithm's name."""
        return funcname(operands[0]).strip("_")

    def schema(self) -> tuple[Chunks, Any]:
        """As given."""
        return self.given, with_ndim(self.kind, len(self.given))

    def place(self, lowering: Lowering) -> None:
        """A table of tasks."""
        grids = [_grid(lowering.numbers(source), source.shape) for source in self.inputs]
        tasks = Tasks(self.name, lowering.graph.size)
        made: Sequence[int] = self.steps(tasks, *grids, **dict(self.options))
        count = len(tasks.keys)
        told = [(range(count), self.annotations)] if self.annotations else []
        args = [None] * count
        lowering.graph.add(TableLayer(tasks.keys, tasks.funcs, args, tasks.deps, told))
        lowering.graph.name_blocks(self.name, list(made))

    def label(self) -> str:
        """Which one."""
        return f"Algorithm({self.title_of(self.operands)})"


def _grid(numbers: Sequence[int], shape: tuple[int, ...]) -> Any:
    out = np.empty(len(numbers), dtype=object)
    out[:] = list(numbers)
    return out.reshape(shape)
