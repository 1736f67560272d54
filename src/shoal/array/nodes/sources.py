"""Where elements come from: values made in place, and parts of arrays that are not ours.

A source says what its elements are (one value, a progression, a region of a reader), not only how
to get them, so that rules can take a part of it, cut it anew, or fold it into constants without a
task.  And it need not have tasks: by `Inline` the tasks of the node that reads it make or read
its blocks themselves, so that nobody holds them (docs/adr/0010).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from shoal.array.chunks import Chunks
from shoal.array.grid import PerAxis, block_indices, block_offsets, block_regions, block_shapes
from shoal.array.kernels.create import Reading, arange_block, full_block, read_region
from shoal.array.meta import with_ndim
from shoal.array.nodes.base import ArrayNode, HeldBlocks
from shoal.array.program import call_of
from shoal.expr.lower import Lowering
from shoal.expr.node import Node
from shoal.graph.layers import Const, Each, GridLayer
from shoal.graph.naming import funcname
from shoal.graph.task import Ref

__all__ = [
    "Arange",
    "FromArray",
    "Full",
    "Generated",
    "InMemory",
    "Inline",
    "inlined_bytes",
    "own_copy",
    "reading",
]

TOLD: dict[str, Callable[[Chunks], PerAxis]] = {
    "shape": block_shapes,
    "offset": block_offsets,
    "region": block_regions,
    "index": block_indices,
}
"""What the function of a `Generated` can be told about its block."""


class Full(ArrayNode):
    """One value everywhere.

    Parameters
    ----------
    value
        A scalar, or an array that broadcasts to a block.
    given
        The chunks.
    kind
        The meta.
    title
        Names the tasks.

    Examples
    --------
    >>> import numpy as np
    >>> Full(1, ((2, 2),), np.empty(0), "ones").array_shape
    (4,)
    """

    __slots__ = ()
    fields = ("value", "given", "kind", "title")

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """As given."""
        title: str = operands[3]
        return title

    def schema(self) -> tuple[Chunks, Any]:
        """As given."""
        return self.given, with_ndim(self.kind, len(self.given))

    def place(self, lowering: Lowering) -> None:
        """One layer; each task is told its block's shape."""
        lowering.add_grid(self, self.read(), [Each(block_shapes(self.chunks))])

    def read(self) -> Callable[..., Any]:
        """What makes a block, of its shape."""
        return call_of(full_block, (Ref(0), self.value, self.meta))  # type: ignore[no-any-return]

    def told(self) -> Const:
        """The shape of the blocks, which have the same one."""
        return Const(tuple([blocks[0] for blocks in self.given]))

    def label(self) -> str:
        """The value."""
        return f"Full({self.value!r}, {self.dtype})"


class Arange(ArrayNode):
    """``start + step * i`` for the ``i``-th element.

    Parameters
    ----------
    start, step
        Scalars.
    given
        The chunks, of one axis.
    kind
        The meta.

    Examples
    --------
    >>> import numpy as np
    >>> Arange(0, 2, ((2, 2),), np.empty(0, int)).array_shape
    (4,)
    """

    __slots__ = ()
    fields = ("start", "step", "given", "kind")
    prefix = "arange"

    def schema(self) -> tuple[Chunks, Any]:
        """As given."""
        return self.given, self.kind

    def place(self, lowering: Lowering) -> None:
        """One layer; each task is told its block's place and length."""
        func = call_of(arange_block, (Ref(0), Ref(1), self.start, self.step, self.kind), (), 2)
        told = [Each(block_offsets(self.given)), Each(block_shapes(self.given))]
        lowering.add_grid(self, func, told)

    def label(self) -> str:
        """From where, how far apart."""
        return f"Arange(start={self.start!r}, step={self.step!r}, {self.dtype})"


class Generated(ArrayNode):
    """Blocks that a function makes from what it is told about each.

    Parameters
    ----------
    func
        ``func(*told, **kwargs) -> block``.
    told
        Names of `TOLD`: "shape", "offset", "region" or "index" of the block in the array; a tuple.
        Each is a tuple with an entry for each axis.
    kwargs
        ``(name, constant)`` pairs.
    given
        The chunks.
    kind
        The meta.
    title
        Names the tasks.

    Examples
    --------
    >>> import numpy as np
    >>> Generated(np.ones, ("shape",), (), ((2, 2),), np.empty(0), "ones").array_shape
    (4,)
    """

    __slots__ = ()
    fields = ("func", "told", "kwargs", "given", "kind", "title")

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """As given."""
        title: str = operands[5]
        return title

    def schema(self) -> tuple[Chunks, Any]:
        """As given."""
        return self.given, with_ndim(self.kind, len(self.given))

    def place(self, lowering: Lowering) -> None:
        """One layer."""
        refs = tuple(map(Ref, range(len(self.told))))
        func = call_of(self.func, refs, self.kwargs, len(refs))
        lowering.add_grid(self, func, [Each(TOLD[name](self.given)) for name in self.told])

    def label(self) -> str:
        """The function."""
        return f"Generated({funcname(self.func)})"


class InMemory(ArrayNode):
    """An array of this process's memory, cut into blocks: views, which no task has to make.

    Parameters
    ----------
    array
        NumPy's, or another kind that is cheap to slice.
    given
        The chunks.
    kind
        The meta.
    title
        Names the tasks.

    Examples
    --------
    >>> import numpy as np
    >>> InMemory(np.arange(4), ((2, 2),), np.empty(0, int), "array").shape
    (2,)
    """

    __slots__ = ()
    fields = ("array", "given", "kind", "title")

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """As given."""
        title: str = operands[3]
        return title

    def schema(self) -> tuple[Chunks, Any]:
        """As given."""
        return self.given, self.kind

    def place(self, lowering: Lowering) -> None:
        """A layer of data."""
        views = _Views(self.array, block_regions(self.given))
        lowering.graph.add(GridLayer(self.name, None, self.shape, (Each(views),)))

    def label(self) -> str:
        """Of what kind."""
        return f"InMemory({type(self.array).__name__}, {self.dtype})"


class _Views(Sequence[Any]):
    """Parts of an array by block.

    A single block is a copy: it would be the very array that the user goes on to change, and the
    result of computing it too.
    """

    __slots__ = ("array", "regions")

    def __init__(self, array: Any, regions: PerAxis) -> None:
        self.array = array
        self.regions = regions

    def __len__(self) -> int:
        return len(self.regions)

    def __iter__(self) -> Iterator[Any]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, block: Any) -> Any:
        if len(self.regions) == 1:
            return self.array.copy()
        return self.array[self.regions[block]]


class FromArray(ArrayNode):
    """Parts of something that is sliced like an array: a dataset of a file, say.

    Parameters
    ----------
    reader
        Has ``shape``, ``dtype`` and ``__getitem__``.
    region
        Which part of it the array is: a slice for each axis, with start, stop and step.
    given
        The chunks.
    getitem
        ``getitem(reader, index, asarray, lock) -> block``; None for `read_region`.
    options
        ``(asarray, lock)``: whether blocks are made NumPy arrays; a lock to hold while reading.
    kind
        The meta.
    title
        Names the tasks.

    Examples
    --------
    >>> import numpy as np
    >>> whole = (slice(0, 4, 1),)
    >>> kind = np.empty(0, int)
    >>> FromArray(np.arange(4), whole, ((2, 2),), None, (True, None), kind, "array").shape
    (2,)
    """

    __slots__ = ()
    fields = ("reader", "region", "given", "getitem", "options", "kind", "title")

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """As given."""
        title: str = operands[6]
        return title

    def schema(self) -> tuple[Chunks, Any]:
        """As given."""
        return self.given, self.kind

    def place(self, lowering: Lowering) -> None:
        """One layer; each task is told what to read."""
        lowering.add_grid(self, self.read(), [self.told()])

    def read(self) -> Callable[..., Any]:
        """What gives a block, of its region."""
        return call_of(self.getitem or read_region, (self.reader, Ref(0), *self.options))  # type: ignore[no-any-return]

    def told(self) -> Each:
        """What each block is of the reader."""
        return Each(PerAxis(map(_regions, self.region, self.given)))

    def label(self) -> str:
        """Of what kind, and which part."""
        return f"FromArray({type(self.reader).__name__}, {self.array_shape})"


class Inline:
    """A source as an operand whose blocks the reading node's own tasks read or make.

    Parameters
    ----------
    node
        A `FromArray`, or a `Full` whose blocks have one shape.

    Examples
    --------
    >>> import numpy as np
    >>> whole, kind = (slice(0, 4, 1),), np.empty(0, int)
    >>> x = FromArray(np.arange(4), whole, ((2, 2),), None, (True, None), kind, "array")
    >>> func, (regions,) = reading(np.sum, [Inline(x)])
    >>> regions.values[1], func(regions.values[1])
    ((slice(2, 4, None),), np.int64(5))
    """

    __slots__ = ("node",)

    def __init__(self, node: FromArray | Full) -> None:
        self.node = node

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "node"), name)

    def __shoal_tokenize__(self) -> Any:
        return "inline", self.node.name

    def __reduce__(self) -> tuple[Any, ...]:
        return Inline, (self.node,)

    def label(self) -> str:
        """What is read."""
        return f"{'makes' if type(self.node) is Full else 'reads'} {self.node.label()}"


def own_copy(block: Any, node: Any) -> Any:
    """A block that the user may write to: a copy, if an expression holds this one in memory.

    Parameters
    ----------
    block
        The only block of a result.
    node
        The expression.

    Examples
    --------
    >>> import numpy as np
    >>> held = np.ones(2)
    >>> own_copy(held, HeldBlocks((held,), ((2,),), held)) is held
    False
    """
    if not isinstance(block, np.ndarray):
        return block
    memory = id(_owner(block))
    waiting, seen = [node], set()
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        kept = part.values if type(part) is HeldBlocks else ()
        kept = (part.array,) if type(part) is InMemory else kept
        if any(id(_owner(one)) == memory for one in kept):
            return block.copy()
        if isinstance(part, Node):
            # A call of `delayed` is none: its result is its own.
            waiting += part.sources
    return block


def _owner(block: Any) -> Any:
    """The object whose memory an array is a view of."""
    while isinstance(block, np.ndarray) and isinstance(block.base, np.ndarray):
        block = block.base
    return block


def inlined_bytes(inputs: Sequence[Any]) -> float:
    """What blocks take that a task reads or makes itself.

    Parameters
    ----------
    inputs
        `Inline`, and others.

    Examples
    --------
    >>> import numpy as np
    >>> inlined_bytes([Inline(Full(1.0, ((2, 2),), np.empty(0), "ones"))])
    16.0
    """
    return float(sum(item.block_bytes for item in inputs if type(item) is Inline))


def reading(
    func: Callable[..., Any], inputs: Sequence[Any]
) -> tuple[Callable[..., Any], list[Any]]:
    """A function that reads the blocks of some inputs itself, and what it is given instead.

    Parameters
    ----------
    func
        Of blocks.
    inputs
        `Inline`, or what tasks are given.

    Examples
    --------
    >>> import numpy as np
    >>> func, told = reading(np.sum, [Inline(Full(1.0, ((2, 2),), np.empty(0), "ones"))])
    >>> told, func(told[0].value)
    ([Const(value=(2,))], np.float64(2.0))
    """
    readers = tuple([item.read() if type(item) is Inline else None for item in inputs])
    if not any(readers):
        return func, list(inputs)
    told = [item.told() if type(item) is Inline else item for item in inputs]
    return Reading(readers, func), told


def _regions(whole: slice, blocks: tuple[int, ...]) -> list[slice]:
    """The slices of the reader that the blocks of an axis are.

    >>> _regions(slice(10, 20, 2), (3, 2))
    [slice(10, 16, 2), slice(16, 20, 2)]
    """
    step = whole.step or 1
    ends = [whole.start + step * n for n in itertools.accumulate(blocks, initial=0)]
    stops = [*ends[1:-1], min(ends[-1], whole.stop)] if blocks else []
    parts = zip(ends, stops, strict=False)
    return [slice(a, b, None if step == 1 else step) for a, b in parts]
