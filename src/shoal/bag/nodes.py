"""The nodes of bag expressions.

Nearly everything is a `Stage`: a run of steps on each partition by itself, from the source (a
value of its own for each partition, such as the name of a file to read) or from other bags.  What
needs several partitions is a node of its own, and says in `place` which blocks a task reads.

A node's blocks are the partitions of a bag, or one value (``npartitions`` None: an `Item`).
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from typing import Any

from shoal.bag import kernels
from shoal.bag.steps import Program, Step
from shoal.expr.call import Call
from shoal.expr.lower import Lowering, ends_in_token
from shoal.expr.node import Node
from shoal.graph.layers import ALL, Blocks, Each, Gather, Input, TableLayer, Window
from shoal.graph.token import tokenize

__all__ = [
    "Accumulate",
    "BagNode",
    "Calls",
    "Concat",
    "FromGraph",
    "Product",
    "Repartition",
    "Select",
    "Stage",
    "Tree",
]


class BagNode(Node):
    """An expression whose blocks are partitions, or one value.

    Its sources may also be calls of `delayed`.  The package's rules are set by
    `shoal.bag.collection`, for they need the classes here.

    Examples
    --------
    >>> BagNode.fields
    ()
    """

    __slots__ = ()
    prefix = "bag"

    @property
    def shape(self) -> tuple[int, ...]:
        """One axis, a block a partition; none for one value."""
        return () if self.npartitions is None else (self.npartitions,)


class Stage(BagNode):
    """A program run on each partition by itself.

    Parameters
    ----------
    inputs
        The program's arguments.  A node or `Each` of as many blocks as there are partitions gives
        each task its own; a node of one block, or a call, gives all the same.
    steps
        The program.  Without steps the only input is `Each`, and its values are the partitions.
    npartitions
        None for one value.

    Examples
    --------
    >>> Stage((Each([[1], [2]]),), (), 2).shape
    (2,)
    """

    __slots__ = ()
    fields = ("inputs", "steps", "npartitions")

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """The last step's title."""
        return operands[1][-1].title if operands[1] else "from_sequence"

    def place(self, lowering: Lowering) -> None:
        """One layer."""
        if not self.steps:
            lowering.add_data(self.name, self.inputs[0].values)
            return
        inputs = [self._input(i, item, lowering) for i, item in enumerate(self.inputs)]
        lowering.add_grid(self, Program(self.steps), inputs)

    def _input(self, i: int, item: Any, lowering: Lowering) -> Input:
        if isinstance(item, Each):
            return item
        if isinstance(item, Call):
            name = f"{self.name}-{i}"
            lowering.graph.name_blocks(name, lowering.numbers(item))
            return Blocks(name, (1,), (None,))
        axes = () if not item.shape else (None if item.size == 1 else 0,)
        return Blocks(item.name, item.shape, axes)

    def label(self) -> str:
        """The steps' titles."""
        return f"Stage({Program(self.steps).__name__ or 'from_sequence'})"


class Tree(BagNode):
    """The partitions of a node reduced to one value, a few at a time.

    Parameters
    ----------
    source
        Its blocks are partial results.
    combine
        ``combine(partials) -> partial``, for the levels below the last.
    final
        ``final(partials) -> result``.
    split_every
        How many partials a task takes in; None: all of them.
    title
        Names the tasks.
    npartitions
        1 for a bag of one partition, None for an item.

    Examples
    --------
    >>> Tree(Stage((Each([1, 2, 3]),), (), 3), sum, sum, 2, "sum", None).shape
    ()
    """

    __slots__ = ()
    fields = ("source", "combine", "final", "split_every", "title", "npartitions")

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """The given one."""
        title: str = operands[4]
        return title

    def place(self, lowering: Lowering) -> None:
        """A layer for each level; the last has one task."""
        name, count, level = self.source.name, self.source.size, 0
        while self.split_every and count > self.split_every:
            part = Blocks(name, (count,), (Window(0, self.split_every),))
            count = -(-count // self.split_every)
            name, level = f"{self.name}-{level}", level + 1
            lowering.add_grid(self, self.combine, [part], name=name, shape=(count,))
        lowering.add_grid(self, self.final, [Blocks(name, (count,), (ALL,))])

    def label(self) -> str:
        """What is computed at the end, and how wide the tree is."""
        last = self.final.__name__ if isinstance(self.final, Program) else self.title
        return f"Tree({last}, split_every={self.split_every})"


class Select(BagNode):
    """Some of the partitions of a bag; the others are not computed.

    Parameters
    ----------
    source
        The bag.
    blocks
        Numbers of the partitions, a tuple.

    Examples
    --------
    >>> Select(Stage((Each([[1], [2]]),), (), 2), (1,)).npartitions
    1
    """

    __slots__ = ()
    fields = ("source", "blocks")
    prefix = "select"

    @property
    def npartitions(self) -> int:
        """How many are selected."""
        return len(self.blocks)

    def place(self, lowering: Lowering) -> None:
        """A name for blocks that are there already."""
        numbers = lowering.numbers(self.source)
        lowering.graph.name_blocks(self.name, [numbers[block] for block in self.blocks])


class Concat(BagNode):
    """The partitions of several bags, one bag after the other.

    Parameters
    ----------
    parts
        The bags, a tuple.

    Examples
    --------
    >>> one = Stage((Each([[1], [2]]),), (), 2)
    >>> Concat((one, one)).npartitions
    4
    """

    __slots__ = ()
    fields = ("parts",)
    prefix = "concat"

    @property
    def npartitions(self) -> int:
        """Those of all bags."""
        return sum(part.size for part in self.parts)

    def place(self, lowering: Lowering) -> None:
        """A name for blocks that are there already."""
        numbers = [lowering.numbers(part) for part in self.parts]
        lowering.graph.name_blocks(self.name, list(itertools.chain.from_iterable(numbers)))

    def label(self) -> str:
        """How many bags."""
        return f"Concat({len(self.parts)} bags)"


class Calls(BagNode):
    """The results of calls of `delayed`, a block each.

    Parameters
    ----------
    calls
        A tuple.
    npartitions
        How many; None for one call whose result is an item.

    Examples
    --------
    >>> import shoal
    >>> Calls((shoal.delayed([1]), shoal.delayed([2])), 2).shape
    (2,)
    """

    __slots__ = ()
    fields = ("calls", "npartitions")
    prefix = "from-delayed"

    def place(self, lowering: Lowering) -> None:
        """A name for tasks that are there already."""
        numbers = [lowering.numbers(call)[0] for call in self.calls]
        lowering.graph.name_blocks(self.name, numbers)


class FromGraph(BagNode):
    """Partitions that a dict graph computes.

    Parameters
    ----------
    graph
        Tasks by key; has the keys ``(title, i)``.
    title
        What the user calls the bag.
    npartitions
        How many.

    Examples
    --------
    >>> FromGraph({("x", 0): [1]}, "x", 1).shape
    (1,)
    """

    __slots__ = ()
    fields = ("graph", "title", "npartitions")

    @classmethod
    def make_name(cls, operands: tuple[Any, ...], annotations: dict[str, Any] | None) -> str:
        """By identity: a dict graph may hold anything, and a key is no proof of its content."""
        return f"{operands[1]}-{tokenize(operands[2], annotations)}-{id(operands[0]):x}"

    @property
    def keys(self) -> list[tuple[str, int]]:
        """Of the partitions."""
        return [(self.title, i) for i in range(self.npartitions)]

    def place(self, lowering: Lowering) -> None:
        """The graph's tasks as a table."""
        lowering.add_tasks(self.name, self.graph, self.keys, ends_in_token)

    def label(self) -> str:
        """How many tasks."""
        return f"FromGraph({self.title}, {len(self.graph)} tasks)"


class Repartition(BagNode):
    """Partitions cut into pieces and put together anew, in the same order.

    Parameters
    ----------
    source
        The bag.
    pieces
        For each new partition a tuple of ``(block, i, n)``: piece ``i`` of ``n`` equal ones.

    Examples
    --------
    >>> one = Stage((Each([[1, 2]]),), (), 1)
    >>> Repartition(one, (((0, 0, 2),), ((0, 1, 2),))).npartitions
    2
    """

    __slots__ = ()
    fields = ("source", "pieces")
    prefix = "repartition"

    @property
    def npartitions(self) -> int:
        """How many there will be."""
        return len(self.pieces)

    def place(self, lowering: Lowering) -> None:
        """A task for each new partition reads the old ones it has pieces of."""
        blocks = [tuple([piece[0] for piece in part]) for part in self.pieces]
        cuts = [tuple([piece[1:] for piece in part]) for part in self.pieces]
        inputs: list[Input] = [Gather(self.source.name, blocks), Each(cuts)]
        lowering.add_grid(self, kernels.join_pieces, inputs)

    def label(self) -> str:
        """How many pieces there are on the way."""
        return f"Repartition({sum(map(len, self.pieces))} pieces)"


class Product(BagNode):
    """Every pair of elements of two bags; every pair of partitions is a partition.

    Parameters
    ----------
    left, right
        The bags.

    Examples
    --------
    >>> one = Stage((Each([[1], [2]]),), (), 2)
    >>> Product(one, one).npartitions
    4
    """

    __slots__ = ()
    fields = ("left", "right")
    prefix = "product"

    @property
    def npartitions(self) -> int:
        """One for each pair."""
        size: int = self.left.size * self.right.size
        return size

    def place(self, lowering: Lowering) -> None:
        """A grid of two axes, read as one."""
        left, right = self.left, self.right
        inputs = [Blocks(left.name, left.shape, (0,)), Blocks(right.name, right.shape, (1,))]
        grid = f"{self.name}-grid"
        shape = (left.size, right.size)
        lowering.add_grid(self, kernels.product, inputs, name=grid, shape=shape)
        lowering.graph.name_blocks(self.name, lowering.graph.numbers(grid))


class Accumulate(BagNode):
    """Running results of an operator; a partition begins where the one before it ended.

    Parameters
    ----------
    source
        The bag.
    binop
        ``binop(total, element) -> total``.
    initial
        A tuple with the value to begin with, or an empty one.

    Examples
    --------
    >>> Accumulate(Stage((Each([[1], [2]]),), (), 2), max, ()).npartitions
    2
    """

    __slots__ = ()
    fields = ("source", "binop", "initial")
    prefix = "accumulate"

    @property
    def npartitions(self) -> int:
        """As many as before."""
        size: int = self.source.size
        return size

    def place(self, lowering: Lowering) -> None:
        """A chain of tasks that hand on their last result, and one each that drops it."""
        scan: Callable[..., Any] = kernels.Scan(self.binop)
        keys: list[Any] = []
        deps: list[tuple[int, ...]] = []
        start = lowering.graph.size
        for i, block in enumerate(lowering.numbers(self.source)):
            keys += [(f"{self.name}-scan", i), (self.name, i)]
            deps += [(block, start + 2 * i - 2) if i else (block,), (start + 2 * i,)]
        first = kernels.Scan(self.binop, self.initial)
        funcs = [scan, operator.itemgetter(0)] * self.npartitions
        funcs[:1] = [first] if funcs else []
        lowering.graph.add(TableLayer(keys, funcs, [None] * len(keys), deps))
        numbers = [start + 2 * i + 1 for i in range(self.npartitions)]
        lowering.graph.name_blocks(self.name, numbers)


def one_step(source: Any, step: Step, annotations: dict[str, Any] | None = None) -> Stage:
    """One more step on each partition of a bag.

    Parameters
    ----------
    source
        The bag's node; the step's ``Ref(0)``.
    step
        What to do.
    annotations
        As `Node` has them.

    Examples
    --------
    >>> from shoal.bag.steps import step
    >>> from shoal.graph.task import Ref
    >>> one_step(Stage((Each([[1], [2]]),), (), 2), step(sum, Ref(0)))
    <sum-...: Stage(sum) (2,)>
    """
    return Stage((source,), (step,), source.size, annotations=annotations)
