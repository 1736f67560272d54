"""Layers: many tasks described by a few words.

A `GridLayer` is a named grid of tasks that all call one function.  For each argument it says, as
an *index map*, which blocks of which other layer a task reads:

=====================  ==========================================================================
`Blocks`               by axes: the same index (elementwise, also transposed), the first
                       (broadcast), all (contraction), or a window (a level of a tree reduction)
`Gather`               an explicit list of blocks for each task
`Each`, `Const`        no block at all: a value for each task, or one for all
=====================  ==========================================================================

Concatenating, selecting and reordering blocks needs no task: it is a name for blocks that are
there already (`Graph.name_blocks`).

So an elementwise layer of a million tasks is a few hundred bytes until a plan is made from it.
A `TableLayer` is the other extreme, tasks with nothing in common: what `delayed` makes.

Blocks are numbered in C order within their layer ("flat index"); layers are numbered one after
the other in a `Graph`, sources first.  `shoal.graph.assemble` turns a graph into a plan.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from shoal.types import Key

__all__ = [
    "ALL",
    "Blocks",
    "Const",
    "Each",
    "Gather",
    "Graph",
    "GridLayer",
    "TableLayer",
    "Window",
]

ALL = "all"
"""Of a source axis: every block along it."""


@dataclasses.dataclass(frozen=True)
class Window:
    """Of a source axis: ``size`` blocks along it, at ``size`` times the task's index.

    Parameters
    ----------
    axis
        Axis of the task's own grid.
    size
        How many blocks a task reads; fewer at the end.

    Examples
    --------
    >>> Blocks("x", (5,), (Window(0, 2),)).rows((3,), range(3))
    [(0, 1), (2, 3), (4,)]
    """

    axis: int
    size: int


AxisMap: TypeAlias = "int | str | Window | None"


@dataclasses.dataclass(frozen=True)
class Blocks:
    """Blocks of one layer, by axes.

    Parameters
    ----------
    source
        Name of the layer read.
    shape
        Its shape in blocks.
    axes
        For each axis of the source: an int (that axis of the task's own index), None (the first
        block), `ALL`, or a `Window`.  With `ALL` or a window the argument is a list of blocks in
        C order, else one block.
    parts
        Whether each block is in `shoal.types.Parts`, and a task reads the one part of it that has
        the task's own flat index: a shuffle's edges, which nobody writes down one by one.

    Examples
    --------
    >>> Blocks("x", (2, 3), (1, 0)).rows((3, 2), range(6))  # transposed
    [0, 3, 1, 4, 2, 5]
    """

    source: str
    shape: tuple[int, ...]
    axes: tuple[AxisMap, ...]
    parts: bool = False

    @property
    def many(self) -> bool:
        """Whether the argument is a list of blocks."""
        return any(axis == ALL or isinstance(axis, Window) for axis in self.axes)

    def covers(self, shape: tuple[int, ...]) -> bool:
        """Whether all tasks of a grid together surely read every block of the source."""
        plain = [axis for axis in self.axes if isinstance(axis, int)]
        if len(set(plain)) < len(plain):
            return False
        return all(map(self._covers_axis, self.axes, self.shape, itertools.repeat(shape)))

    def _covers_axis(self, axis: AxisMap, length: int, shape: tuple[int, ...]) -> bool:
        if isinstance(axis, Window):
            return shape[axis.axis] * axis.size >= length
        if isinstance(axis, int):
            return shape[axis] >= length
        return axis == ALL or length == 1

    def rows(self, shape: tuple[int, ...], tasks: Sequence[int]) -> Sequence[Any]:
        """For each task the flat index of its block, or a tuple of them.

        Parameters
        ----------
        shape
            The grid of the tasks.
        tasks
            Flat indices of the tasks in question.
        """
        if isinstance(tasks, range) and len(tasks) == math.prod(shape):
            return self.whole(shape, range(math.prod(self.shape)))
        lists = [sums(self._choices(unravel(task, shape))) for task in tasks]
        return list(map(tuple, lists)) if self.many else [block for (block,) in lists]

    def whole(self, shape: tuple[int, ...], ids: Sequence[Any]) -> Sequence[Any]:
        """For each task of a whole grid the id of its block, or a tuple of ids.

        Slices and ``zip`` do the work: what is done in Python is done once for each line along
        the longest axis.

        Parameters
        ----------
        shape
            The grid of the tasks.
        ids
            What the blocks of the source are called; a list or a range.

        Examples
        --------
        >>> Blocks("x", (2, 3), (1, 0)).whole((3, 2), "abcdef")
        ['a', 'd', 'b', 'e', 'c', 'f']
        >>> Blocks("x", (5,), (Window(0, 2),)).whole((3,), "abcde")
        [('a', 'b'), ('c', 'd'), ('e',)]
        """
        if self.shape == shape and self.axes == tuple(range(len(shape))):
            return ids
        if not shape:
            return [self._pick(self._choices(()), ids)]
        fast = max(range(len(shape)), key=shape.__getitem__)
        skip = strides(shape)
        out: list[Any] = [None] * math.prod(shape)
        others = [range(n) if axis != fast else range(1) for axis, n in enumerate(shape)]
        for index in itertools.product(*others):
            first = sum(map(int.__mul__, index, skip))
            line = self._line(index, fast, shape[fast], ids)
            out[first : first + (shape[fast] - 1) * skip[fast] + 1 : skip[fast]] = line
        return out

    def _line(self, index: tuple[int, ...], fast: int, count: int, ids: Any) -> list[Any]:
        """What the tasks along one axis read, from the first of them on."""
        moving = [axis for axis in self.axes if fast in (axis, getattr(axis, "axis", None))]
        windows = [axis for axis in moving if isinstance(axis, Window)]
        if windows and len(moving) > 1:
            along = [(*index[:fast], i, *index[fast + 1 :]) for i in range(count)]
            return [self._pick(self._choices(i), ids) for i in along]
        step = 0
        full = count
        for axis, length, stride in zip(self.axes, self.shape, strides(self.shape), strict=True):
            if axis in moving:
                size = axis.size if isinstance(axis, Window) else 1
                step += stride * size
                full = min(full, length // size)
        if not full:
            return [self._pick(self._choices(index), ids)]
        starts = sums(self._choices(index))
        if not step:
            return [self._pick(self._choices(index), ids)] * count
        stop = (full - 1) * step + 1
        columns = [ids[start : start + stop : step] for start in starts]
        line = list(zip(*columns, strict=True)) if self.many else list(columns[0])
        if full < count:
            last = (*index[:fast], full, *index[fast + 1 :])
            line.append(self._pick(self._choices(last), ids))
        return line

    def _pick(self, choices: list[range], ids: Any) -> Any:
        blocks = sums(choices)
        return tuple([ids[block] for block in blocks]) if self.many else ids[blocks[0]]

    def _choices(self, index: tuple[int, ...]) -> list[range]:
        """Along each source axis, what one task reads, times the stride."""
        choices = []
        for axis, length, stride in zip(self.axes, self.shape, strides(self.shape), strict=True):
            if axis == ALL:
                choice = range(length)
            elif isinstance(axis, Window):
                start = index[axis.axis] * axis.size
                choice = range(start, min(start + axis.size, length))
            else:
                start = index[axis] if isinstance(axis, int) else 0
                choice = range(start, start + 1)
            choices.append(range(choice.start * stride, choice.stop * stride, stride))
        return choices


def sums(choices: Sequence[Sequence[int]]) -> list[int]:
    """Every sum of one of each, in C order.

    >>> sums([(0, 10), (1, 2, 3)])
    [1, 2, 3, 11, 12, 13]
    """
    out = [0]
    for choice in choices:
        out = [before + here for before in out for here in choice]
    return out


@dataclasses.dataclass(frozen=True)
class Gather:
    """An explicit list of blocks for each task.

    Parameters
    ----------
    source
        Name of the layer read.
    blocks
        Flat indices, a sequence of them a task.
    parts
        As of `Blocks`.

    Examples
    --------
    >>> Gather("x", [(0, 2), (1,)]).rows((2,), range(2))
    [(0, 2), (1,)]
    """

    source: str
    blocks: Sequence[Sequence[int]]
    parts: bool = False
    many = True

    def covers(self, shape: tuple[int, ...]) -> bool:
        """Unknown without looking, so no."""
        return False

    def rows(self, shape: tuple[int, ...], tasks: Sequence[int]) -> Sequence[Any]:
        """The blocks of each task."""
        return [tuple(self.blocks[task]) for task in tasks]


@dataclasses.dataclass(frozen=True)
class Each:
    """A value for each task, no block.

    Parameters
    ----------
    values
        One a task; anything with ``__getitem__``.

    Examples
    --------
    >>> GridLayer("x", abs, (2,), (Each([-1, -2]),)).size
    2
    """

    values: Sequence[Any]
    many = False
    parts = False


@dataclasses.dataclass(frozen=True)
class Const:
    """One value for all tasks, no block.

    Parameters
    ----------
    value
        Passed as it is.

    Examples
    --------
    >>> GridLayer("x", pow, (2,), (Each([2, 3]), Const(2))).size
    2
    """

    value: Any
    many = False
    parts = False


Input: TypeAlias = "Blocks | Gather | Each | Const"


class GridLayer:
    """A grid of tasks that call one function.

    Parameters
    ----------
    name
        Names the tasks: ``(name, i, j, ...)``, or ``name`` alone where the grid has no axes.
    func
        Called with the inputs in order.  None: the tasks are data, and the one input is `Each`.
    shape
        The grid; blocks along each axis.
    inputs
        Where the arguments come from.
    kwargs
        Keyword arguments, the same for all tasks.
    annotations
        What `shoal.annotate` said.

    Examples
    --------
    >>> layer = GridLayer("y", abs, (3,), (Blocks("x", (3,), (0,)),))
    >>> layer.size, layer.key(2)
    (3, ('y', 2))
    """

    __slots__ = ("annotations", "func", "inputs", "kwargs", "name", "shape", "size")

    def __init__(
        self,
        name: str,
        func: Callable[..., Any] | None,
        shape: tuple[int, ...],
        inputs: tuple[Input, ...],
        kwargs: Mapping[str, Any] | None = None,
        annotations: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.func = func
        self.shape = shape
        self.inputs = inputs
        self.kwargs = kwargs
        self.annotations = annotations
        self.size = math.prod(shape)

    def key(self, flat: int) -> Key:
        """The key of one task."""
        return (self.name, *unravel(flat, self.shape)) if self.shape else self.name

    def flat(self, key: Key) -> int:
        """The task that a key names."""
        if not self.shape:
            return 0
        flat = 0
        for index, length in zip(key[1:], self.shape, strict=True):  # type: ignore[index]
            flat = flat * length + index
        return flat

    def __repr__(self) -> str:
        return f"<GridLayer {self.name} {self.shape}>"

    def __reduce__(self) -> tuple[Any, ...]:
        parts = (self.name, self.func, self.shape, self.inputs, self.kwargs, self.annotations)
        return GridLayer, parts


class TableLayer:
    """Tasks with nothing in common, one row each.

    Parameters
    ----------
    keys
        Their names; anything with ``__getitem__``.
    funcs, args
        As a plan holds them.
    deps
        Global numbers in the graph (see `Graph`): rows of this table come after those they need.
    annotations
        ``(rows, mapping)`` pairs.

    Examples
    --------
    >>> graph = Graph()
    >>> graph.add(TableLayer(["a", "b"], [None, abs], [-3, None], [(), (0,)]))
    0
    """

    __slots__ = ("annotations", "args", "deps", "funcs", "keys", "name", "size")

    def __init__(
        self,
        keys: Sequence[Key],
        funcs: list[Any],
        args: list[Any],
        deps: list[tuple[int, ...]],
        annotations: Sequence[tuple[Sequence[int], Mapping[str, Any]]] = (),
    ) -> None:
        self.name = None
        self.keys = keys
        self.funcs = funcs
        self.args = args
        self.deps = deps
        self.annotations = annotations
        self.size = len(deps)

    def key(self, flat: int) -> Key:
        """The key of one task."""
        return self.keys[flat]

    def __repr__(self) -> str:
        return f"<TableLayer of {self.size} tasks>"


class Graph:
    """Layers, each after those it reads; tasks are numbered through all of them.

    Examples
    --------
    >>> graph = Graph()
    >>> graph.add(GridLayer("x", None, (3,), (Each([1, 2, 3]),)))
    0
    >>> graph.add(GridLayer("y", abs, (3,), (Blocks("x", (3,), (0,)),)))
    3
    >>> graph.size, graph.places["y"], graph.starts
    (6, 1, [0, 3])
    >>> graph.name_blocks("z", [5, 0])  # the last of y, then the first of x
    """

    __slots__ = ("layers", "named", "places", "size", "starts")

    def __init__(self) -> None:
        self.layers: list[GridLayer | TableLayer] = []
        self.places: dict[str, int] = {}
        """Position of each layer that has a name."""
        self.named: dict[str, Sequence[int]] = {}
        """Global numbers behind the names that are no layer of their own."""
        self.starts: list[int] = []
        """Global number of each layer's first task."""
        self.size = 0

    def add(self, layer: GridLayer | TableLayer) -> int:
        """Append a layer; the global number of its first task.

        Parameters
        ----------
        layer
            Everything it reads must be in the graph already.
        """
        start = self.size
        if layer.name is not None:
            if layer.name in self.places:
                raise ValueError(f"the graph has a layer {layer.name!r} already")
            self.places[layer.name] = len(self.layers)
        self.layers.append(layer)
        self.starts.append(start)
        self.size += layer.size
        return start

    def name_blocks(self, name: str, numbers: Sequence[int]) -> None:
        """Let a name stand for blocks of other layers, so that later layers can read them.

        Parameters
        ----------
        name
            What `Blocks` and `Gather` call it.
        numbers
            Global numbers, in the order of the blocks.
        """
        self.named[name] = numbers

    def numbers(self, name: str) -> Sequence[int]:
        """Global numbers of the blocks that a name stands for."""
        found = self.named.get(name)
        if found is not None:
            return found
        where = self.places[name]
        return range(self.starts[where], self.starts[where] + self.layers[where].size)

    def __len__(self) -> int:
        return self.size

    def __repr__(self) -> str:
        return f"<Graph of {len(self.layers)} layers, {self.size} tasks>"


def strides(shape: tuple[int, ...]) -> list[int]:
    """How far apart in flat order neighbours along each axis are.

    >>> strides((2, 3, 4))
    [12, 4, 1]
    """
    out = []
    step = 1
    for length in reversed(shape):
        out.append(step)
        step *= length
    return out[::-1]


def unravel(flat: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The index of a block from its place in C order.

    >>> unravel(7, (2, 3, 4))
    (0, 1, 3)
    """
    out = []
    for length in reversed(shape):
        flat, index = divmod(flat, length)
        out.append(index)
    return tuple(out[::-1])
