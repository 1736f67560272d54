"""What nodes of array expressions have in common, and nodes for blocks from elsewhere.

A node says what is computed (``add these two``, ``these elements of that``), not how: rules look at
its operands.  It knows the schema of its result, ``chunks`` and ``meta``, which a subclass derives
from its operands in ``schema``, once and when first asked, so a node that a rule has rebuilt needs
to be told nothing.
"""

from __future__ import annotations

import math
from typing import Any

from shoal.array.chunks import Chunks, has_unknown, shape_of
from shoal.expr.lower import Lowering, ends_in_token
from shoal.expr.node import Cost, Node
from shoal.graph.layers import Each, GridLayer
from shoal.graph.token import tokenize
from shoal.types import Key

__all__ = ["ArrayNode", "FromGraph", "HeldBlocks", "Wrapped"]


class ArrayNode(Node):
    """An expression whose blocks are those of an array.

    Subclasses set ``fields`` and ``prefix`` and say ``schema`` and ``place``.  Operands are nodes,
    calls of `delayed`, tuples of them, and values that have a token.

    Examples
    --------
    >>> import numpy as np
    >>> node = HeldBlocks((np.ones(2), np.ones(3)), ((2, 3),), np.ones(0))
    >>> node.shape, node.array_shape, node.dtype
    ((2,), (5,), dtype('float64'))
    """

    __slots__ = ("_schema",)
    prefix = "array"

    _schema: tuple[Chunks, Any]

    def schema(self) -> tuple[Chunks, Any]:
        """Chunks and meta of the result, from the operands."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it gives")

    def _known(self) -> tuple[Chunks, Any]:
        try:
            return self._schema
        except AttributeError:
            pass
        try:
            self._schema = self.schema()
        except AttributeError as error:
            # Inside of a property it would say that the property is missing.
            raise TypeError(f"{self.label()} cannot say what it gives: {error}") from error
        return self._schema

    @property
    def chunks(self) -> Chunks:
        """Lengths of the blocks along each axis; nan where unknown."""
        return self._known()[0]

    @property
    def meta(self) -> Any:
        """An array without elements, as the blocks are."""
        return self._known()[1]

    @property
    def dtype(self) -> Any:
        """Of the elements."""
        return self.meta.dtype

    @property
    def ndim(self) -> int:
        """How many axes."""
        return len(self.chunks)

    @property
    def shape(self) -> tuple[int, ...]:
        """The grid of the blocks, as every node has it; see `array_shape`."""
        return tuple(map(len, self.chunks))

    @property
    def array_shape(self) -> tuple[int, ...]:
        """The shape of the array, in elements."""
        return shape_of(self.chunks)

    @property
    def nbytes(self) -> float:
        """What the elements take; nan where the shape is unknown."""
        return math.prod(self.array_shape) * int(self.dtype.itemsize)

    @property
    def block_bytes(self) -> float:
        """What the largest block takes; nan where that is unknown."""
        longest = [
            math.nan if has_unknown((axis,)) else max(axis, default=0) for axis in self.chunks
        ]
        return math.prod(longest) * int(self.dtype.itemsize)

    def cost(self, layer: str) -> Cost | None:
        """A block, whatever the layer.

        Parameters
        ----------
        layer
            Its name.
        """
        return Cost(self.block_bytes)

    def __repr__(self) -> str:
        return f"<{self.name}: {self.label()} {self.array_shape}>"


class HeldBlocks(ArrayNode):
    """Blocks that are in memory: what ``persist`` leaves.

    Parameters
    ----------
    values
        The blocks in C order, a tuple.
    given
        Their chunks.
    kind
        Their meta.

    Examples
    --------
    >>> import numpy as np
    >>> HeldBlocks((np.ones(2),), ((2,),), np.ones(0)).size
    1
    """

    __slots__ = ()
    fields = ("values", "given", "kind")
    prefix = "held"

    def schema(self) -> tuple[Chunks, Any]:
        """As given."""
        return self.given, self.kind

    def place(self, lowering: Lowering) -> None:
        """A layer of data."""
        lowering.graph.add(GridLayer(self.name, None, self.shape, (Each(self.values),)))

    def label(self) -> str:
        """How many blocks."""
        return f"HeldBlocks({len(self.values)} blocks)"


class Wrapped(ArrayNode):
    """The blocks of an expression that knows nothing of arrays, or results of calls of `delayed`.

    Parameters
    ----------
    sources_
        Nodes and calls, a tuple; their blocks one after the other are those of the array, in C
        order.
    given
        The chunks.
    kind
        The meta.

    Examples
    --------
    >>> import numpy as np
    >>> import shoal
    >>> Wrapped((shoal.delayed(np.ones)(3),), ((3,),), np.ones(0)).array_shape
    (3,)
    """

    __slots__ = ()
    fields = ("parts", "given", "kind")
    prefix = "from-delayed"

    def schema(self) -> tuple[Chunks, Any]:
        """As given."""
        return self.given, self.kind

    def place(self, lowering: Lowering) -> None:
        """A name for blocks that are there already."""
        numbers = [number for part in self.parts for number in lowering.numbers(part)]
        lowering.graph.name_blocks(self.name, numbers)

    def label(self) -> str:
        """How many parts."""
        return f"Wrapped({len(self.parts)} parts)"


class FromGraph(ArrayNode):
    """Blocks that a dict graph computes.

    Parameters
    ----------
    graph
        Tasks by key; has the keys ``(title, i, j, ...)``.
    title
        What the user calls the array.
    given
        The chunks.
    kind
        The meta.

    Examples
    --------
    >>> import numpy as np
    >>> FromGraph({("x", 0): (np.ones, 3)}, "x", ((3,),), np.ones(0)).array_shape
    (3,)
    """

    __slots__ = ()
    fields = ("graph", "title", "given", "kind")

    @classmethod
    def make_name(cls, operands: tuple[Any, ...], annotations: dict[str, Any] | None) -> str:
        """By identity: a dict graph may hold anything, and a key is no proof of its content."""
        graph, title, given, kind = operands
        return f"{title}-{tokenize(given, kind, annotations)}-{id(graph):x}"

    def schema(self) -> tuple[Chunks, Any]:
        """As given."""
        return self.given, self.kind

    @property
    def keys(self) -> list[Key]:
        """Of the blocks, in C order."""
        keys: list[Any] = [(self.title,)]
        for length in self.shape:
            keys = [(*key, i) for key in keys for i in range(length)]
        return keys

    def place(self, lowering: Lowering) -> None:
        """The graph's tasks as a table."""
        lowering.add_tasks(self.name, self.graph, self.keys, ends_in_token)

    def label(self) -> str:
        """How many tasks."""
        return f"FromGraph({self.title}, {len(self.graph)} tasks)"
