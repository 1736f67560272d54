"""Any function of blocks whose axes have names: what einsum notation says, block by block."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from shoal.array.chunks import AxisChunks, Chunks
from shoal.array.kernels.assemble import assemble, nested
from shoal.array.kernels.contract import Accumulate
from shoal.array.nodes.base import ArrayNode
from shoal.array.program import call_of
from shoal.expr.lower import Lowering
from shoal.expr.node import Cost, Node
from shoal.graph.layers import ALL, Blocks, Each, Input
from shoal.graph.naming import funcname

__all__ = ["Blockwise", "Contraction"]


class Blockwise(ArrayNode):
    """A function of the blocks that an index names, in each operand.

    Parameters
    ----------
    func
        Called with a block of each operand, as ``args`` and ``kwargs`` say.
    out
        Labels of the result's axes, a tuple of int.
    inputs
        Nodes, calls of `delayed`, and `Each` (a value for each block of the result).
    labels
        For each input its axes' labels; None for a call or an `Each`.  A label that the result
        has not is contracted: the function gets all blocks along it, concatenated or in lists.
    args, kwargs
        The function's arguments: constants and ``Ref(i)`` for input ``i``; ``kwargs`` are pairs.
    new_axes
        ``(label, blocks)`` pairs of axes that no input has, or whose blocks the function changes.
    concatenate
        Whether contracted blocks are put together for the function, or stay in lists.
    kind
        The meta of the result.
    title
        Names the tasks.

    Examples
    --------
    >>> import numpy as np
    >>> from shoal.array.nodes.base import HeldBlocks
    >>> from shoal.graph.task import Ref
    >>> x = HeldBlocks((np.ones(2),), ((2,),), np.ones(0))
    >>> Blockwise(abs, (0,), (x,), ((0,),), (Ref(0),), (), (), True, x.meta, "abs").chunks
    ((2,),)
    """

    __slots__ = ()
    fields = (
        *("func", "out", "inputs", "labels", "args", "kwargs"),
        *("new_axes", "concatenate", "kind", "title"),
    )

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """As given."""
        title: str = operands[-1]
        return title

    def schema(self) -> tuple[Chunks, Any]:
        """Along each axis the blocks of the inputs, the most numerous of them."""
        found = blocks_by_label(self.inputs, self.labels)
        found.update(self.new_axes)
        return tuple([found[label] for label in self.out]), self.kind

    def place(self, lowering: Lowering) -> None:
        """One layer."""
        lengths = {
            label: len(blocks)
            for label, blocks in blocks_by_label(self.inputs, self.labels).items()
        }
        pairs = list(zip(self.inputs, self.labels, strict=True))
        inputs = [self._input(i, *pair, lengths, lowering) for i, pair in enumerate(pairs)]
        folds = [self._fold(*pair) for pair in pairs]
        func: Callable[..., Any] = call_of(self.func, self.args, self.kwargs, len(inputs))
        if any(fold is not None for fold in folds):
            func = Contraction(func, tuple(folds), bool(self.concatenate))
        lowering.add_grid(self, func, inputs)

    def _input(
        self, i: int, item: Any, labels: Any, lengths: dict[int, int], lowering: Lowering
    ) -> Input:
        if isinstance(item, Each):
            return item
        if not isinstance(item, Node):
            name = f"{self.name}-{i}"
            lowering.graph.name_blocks(name, lowering.numbers(item))
            return Blocks(name, (1,), (None,))
        axes: list[Any] = []
        for label, length in zip(labels, item.shape, strict=True):
            if label not in self.out:
                axes.append(ALL)
            else:
                axes.append(None if length == 1 != lengths[label] else self.out.index(label))
        return Blocks(item.name, item.shape, tuple(axes))

    def _fold(self, item: Any, labels: Any) -> tuple[int | None, ...] | None:
        """The grid of the blocks that a task gets of an input; None for an axis of one block that
        is not contracted."""
        if all(label in self.out for label in labels or ()):
            return None
        pairs = zip(labels, item.shape, strict=True)
        return tuple([None if label in self.out else n for label, n in pairs])

    def cost(self, layer: str) -> Cost | None:
        """A block; where several are added up, also the next product and blocks put together.

        Parameters
        ----------
        layer
            Its name.
        """
        lengths = blocks_by_label(self.inputs, self.labels)
        gone = [own for label, own in lengths.items() if label not in self.out]
        is_sum = type(self.func) is Accumulate and any(len(own) > 1 for own in gone)
        return Cost(self.block_bytes, 2 * self.block_bytes if is_sum else 0)

    def label(self) -> str:
        """The function, the labels where they are not those of the result, and the work."""
        told = [labels for labels in self.labels if labels is not None]
        names = "" if all(t == self.out for t in told) else f", {told} -> {self.out}"
        return f"Blockwise({funcname(self.func)}{names}{self._work()})"

    def _work(self) -> str:
        """How many products are summed."""
        if type(self.func) is not Accumulate:
            return ""
        lengths = blocks_by_label(self.inputs, self.labels)
        count = math.prod([sum(own) for own in lengths.values()])
        return f", {count:.3g} products" if count == count else ""


class Contraction:
    """A function whose arguments are lists of blocks for some inputs.

    Parameters
    ----------
    func
        Called with them as one array, or as lists within lists.
    folds
        For each input the grid of the blocks in its list, with None for axes along which there is
        always one; None where it is no list.
    concatenate
        Whether to make them one array.

    Examples
    --------
    >>> import numpy as np
    >>> Contraction(np.sum, ((2,),), True)([np.ones(2), np.ones(3)])
    np.float64(5.0)
    """

    __slots__ = ("concatenate", "folds", "func")

    def __init__(self, func: Callable[..., Any], folds: tuple[Any, ...], concatenate: bool) -> None:
        self.func = func
        self.folds = folds
        self.concatenate = concatenate

    @property
    def __name__(self) -> str:
        return funcname(self.func)

    def __call__(self, *inputs: Any) -> Any:
        return self.func(*map(self._folded, inputs, self.folds))

    def _folded(self, item: Any, grid: tuple[int | None, ...] | None) -> Any:
        if grid is None:
            return item
        if self.concatenate:
            return assemble(item, [1 if n is None else n for n in grid])
        return nested(item, [n for n in grid if n is not None])

    def __shoal_tokenize__(self) -> Any:
        return self.func, self.folds, self.concatenate

    def __reduce__(self) -> tuple[Any, ...]:
        return Contraction, (self.func, self.folds, self.concatenate)


def blocks_by_label(inputs: Sequence[Any], labels: Sequence[Any]) -> dict[int, AxisChunks]:
    """The blocks along each label that an input has, the most numerous where inputs differ."""
    found: dict[int, AxisChunks] = {}
    for item, own in zip(inputs, labels, strict=True):
        for label, blocks in zip(own or (), item.chunks if own else (), strict=True):
            before = found.get(label)
            if before is None or len(before) < len(blocks) or before == (1,):
                found[label] = blocks
    return found


def labelled(labels: Sequence[Any], known: dict[Any, int]) -> tuple[int, ...]:
    """Labels as small ints, in the order in which they are first met.

    >>> known = {}
    >>> labelled("ij", known), labelled("jk", known)
    ((0, 1), (1, 2))
    """
    return tuple([known.setdefault(label, len(known)) for label in labels])
