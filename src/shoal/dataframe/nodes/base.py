"""What every frame node knows, and the two kinds of nodes that most are.

A `FrameNode` knows its schema without computing anything: ``meta`` (an empty pandas object, or a
sample of a scalar), ``divisions`` (the bounds of its partitions, None where unknown), and how its
rows are spread over partitions (``partitioning``).  All three are worked out from the operands
when first asked for, and kept.

Nodes say what is computed, so that rules can look inside:

* A `PartitionWise` node computes a partition from the same partition of its sources.  It says how
  in one place, `PartitionWise.call`: a function and its arguments, with nodes standing for their
  partitions.  Meta inference, the pandas kernel and fusion all come from that; nothing else has to
  be written for a new row-wise operation.
* A `Logical` node says *what* and leaves *how* to `Logical.physical`, which a rule calls when
  everything has been pushed down: a reduction becomes partial results and a tree, a join becomes
  shuffles or a broadcast.
* What is left places its tasks itself.

For column pruning a node answers two questions: which columns of its sources it needs when some
of its own are wanted (`FrameNode.needs`), and what it would be with fewer columns
(`FrameNode.narrowed`).
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias

import pandas as pd

from shoal.dataframe.kernels.columns import dtypes_of
from shoal.dataframe.kernels.program import Program, Step
from shoal.expr.call import Call
from shoal.expr.lower import Lowering
from shoal.expr.node import Node
from shoal.graph.layers import Blocks, Each, Input
from shoal.graph.task import Ref, Template

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "ALL_COLUMNS",
    "Apply",
    "Columns",
    "FrameNode",
    "Hashed",
    "Instead",
    "Logical",
    "Part",
    "PartitionWise",
    "are_plain",
    "columns_of",
    "compile_program",
    "identity",
    "place_program",
    "replace_nodes",
]

Columns: TypeAlias = "frozenset[Any] | None"
"""Names of columns; None is all of them, and whatever else the node has."""

ALL_COLUMNS: Columns = None


@dataclasses.dataclass(frozen=True)
class Hashed:
    """Rows with equal values in some columns are in one partition, chosen by their hash.

    Parameters
    ----------
    columns
        Names, a tuple.
    npartitions
        How many partitions the hash chooses among.

    Examples
    --------
    >>> Hashed(("x",), 4) == Hashed(("x",), 4)
    True
    """

    columns: tuple[Any, ...]
    npartitions: int


class Part:
    """Stands in the arguments of an `Apply` for the node's own value for a partition.

    Examples
    --------
    >>> type(Part()).__name__
    'Part'
    """

    __slots__ = ()


@dataclasses.dataclass(frozen=True)
class Apply:
    """A function call on partitions: data, so that it can be fused, printed and sent.

    Parameters
    ----------
    func
        Called once a partition.
    args, kwargs
        Nodes and calls stand for their partition, `Part` for the value in ``node.parts``; anything
        else for itself.
    title
        For people.

    Examples
    --------
    >>> Apply(len, ("ab",)).func("ab")
    2
    """

    func: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    title: str = ""


class FrameNode(Node):
    """An expression whose blocks are the partitions of a frame, series, index or scalar.

    Examples
    --------
    >>> FrameNode.fields
    ()
    """

    __slots__ = ("__dict__",)
    prefix = "frame"

    narrow_sources: ClassVar[bool] = False
    """Whether moving data is dear enough to drop columns of the sources first."""

    @cached_property
    def frames(self) -> tuple[FrameNode, ...]:
        """The sources that are frames, series, indexes or scalars."""
        return tuple([source for source in self.sources if isinstance(source, FrameNode)])

    # ------------------------------------------------------------------------------ schema

    @cached_property
    def meta(self) -> Any:
        """An empty pandas object with the result's columns and dtypes, or a scalar like it."""
        return self.infer_meta()

    def infer_meta(self) -> Any:
        """Work out ``meta``; by default that of the first source."""
        return self.frames[0].meta

    @cached_property
    def dtypes(self) -> Mapping[Any, Any]:
        """The dtypes of a frame's columns, each of which has a name of its own."""
        return self.infer_dtypes()

    def infer_dtypes(self) -> Mapping[Any, Any]:
        """Work out ``dtypes``; from ``meta`` where a class does not know."""
        if type(self).infer_meta is FrameNode.infer_meta:
            dtypes: Mapping[Any, Any] = self.frames[0].dtypes
            return dtypes
        return dtypes_of(self.meta)

    @cached_property
    def divisions(self) -> tuple[Any, ...]:
        """The bounds of the partitions in the index, one more than there are; None: unknown."""
        return self.infer_divisions()

    def infer_divisions(self) -> tuple[Any, ...]:
        """Work out ``divisions``; by default those of the first source with most partitions."""
        return max((frame.divisions for frame in self.frames), key=len)

    @property
    def npartitions(self) -> int:
        """How many partitions there are."""
        return len(self.divisions) - 1

    @property
    def known_divisions(self) -> bool:
        """Whether the rows are sorted by the index and the bounds are known."""
        return len(self.divisions) > 0 and self.divisions[0] is not None

    @property
    def partitioning(self) -> Hashed | None:
        """How rows are spread over the partitions, as far as that is known."""
        return None

    @property
    def shape(self) -> tuple[int, ...]:
        """One axis, a block a partition."""
        return (self.npartitions,)

    @cached_property
    def ndim(self) -> int:
        """2 for frames, 1 for series and indexes, 0 for scalars."""
        return self.infer_ndim()

    def infer_ndim(self) -> int:
        """Work out ``ndim``; from ``meta``, which costs more, where a class does not know."""
        if type(self).infer_meta is FrameNode.infer_meta:
            ndim: int = self.frames[0].ndim
            return ndim
        return 1 if isinstance(self.meta, pd.Index) else getattr(self.meta, "ndim", 0)

    @cached_property
    def column_names(self) -> tuple[Any, ...]:
        """The names of a frame's columns; of anything else, none."""
        return self.infer_names() if self.ndim == 2 else ()

    def infer_names(self) -> tuple[Any, ...]:
        """Work out the names of a frame's columns; from ``meta`` where a class does not know.

        Rules ask for names much more often than for dtypes, and every frame that they make on the
        way would have to ask pandas for its ``meta``.
        """
        if type(self).infer_meta is FrameNode.infer_meta:
            names: tuple[Any, ...] = self.frames[0].column_names
            return names
        return tuple(self.meta.columns)

    @cached_property
    def row_roots(self) -> frozenset[str]:
        """The nodes whose partitions this one's rows are in; itself, where it moves rows."""
        return frozenset([self.name])

    @cached_property
    def row_key(self) -> str:
        """The same for nodes that have the same rows with the same labels, in the same places."""
        return self.name

    # -------------------------------------------------------------------------- pruning

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """Which columns of which source the node reads, when some of its own are wanted.

        Parameters
        ----------
        wanted
            Columns of the result that somebody reads.
        """
        for frame in self.frames:
            yield frame, ALL_COLUMNS

    def narrowed(self, wanted: frozenset[Any]) -> FrameNode:
        """The same with fewer columns, in their order; more than asked for is fine.

        Parameters
        ----------
        wanted
            Columns that are needed.
        """
        return self

    def label(self) -> str:
        """The node in a few words: its class, and operands that are short."""
        plain = (str, int, float)
        told = [
            f"{field}={operand!r}"
            for field, operand in zip(self.fields, self.operands, strict=True)
            if isinstance(operand, plain)
            or (
                type(operand) is tuple
                and operand
                and all(isinstance(o, plain) for o in operand[:9])
            )
        ]
        return f"{type(self).__name__}({', '.join(told)[:80]})"


def are_plain(names: Sequence[Any]) -> bool:
    """Whether a name stands for one column: all differ, and none has levels.

    Parameters
    ----------
    names
        Of a frame's columns.

    Examples
    --------
    >>> are_plain(("x", "y")), are_plain(("x", "x")), are_plain((("x", 1),))
    (True, False, False)
    """
    return len(set(names)) == len(names) and not any(type(name) is tuple for name in names)


def columns_of(node: FrameNode) -> tuple[Any, ...]:
    """The names of a frame's columns; of anything else, none.

    Parameters
    ----------
    node
        Any.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> columns_of(from_dict({"x": [1], "y": [2]}, npartitions=1).expr)
    ('x', 'y')
    """
    return node.column_names


class PartitionWise(FrameNode):
    """A node whose partition i is a function of partition i of its sources.

    Sources of one partition, and delayed values, are given to all partitions.

    Examples
    --------
    >>> issubclass(PartitionWise, FrameNode)
    True
    """

    __slots__ = ()

    keeps_rows: ClassVar[bool] = False
    """Each row of the result comes from the row of the source at the same place."""
    passes_columns: ClassVar[bool] = False
    """A column of the result needs the column of that name of each source that is a frame."""

    def call(self) -> Apply:
        """The function and its arguments."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it calls")

    keeps_labels: ClassVar[bool] = True
    """Each row of the result has the label of one of the source's, in their order."""

    def infer_divisions(self) -> tuple[Any, ...]:
        """The source's with most partitions; unknown where the labels become others."""
        known = super().infer_divisions()
        return known if self.keeps_labels else (None,) * len(known)

    has_parts: ClassVar[bool] = False
    """Whether `parts` has a value for each partition, for `Part` in the arguments."""

    @property
    def parts(self) -> Any:
        """A value for each partition, where `call` has `Part`."""
        return ()

    @cached_property
    def row_roots(self) -> frozenset[str]:
        """Those of its sources; itself, where it has none of as many partitions."""
        count = self.npartitions
        roots = [one.row_roots for one in self.frames if one.npartitions == count and one.ndim]
        return frozenset().union(*roots) if roots else frozenset([self.name])

    @cached_property
    def row_key(self) -> str:
        """That of its sources, where they agree and their rows stay as they are."""
        count = self.npartitions
        keys = {one.row_key for one in self.frames if one.npartitions == count and one.ndim}
        return keys.pop() if self.keeps_rows and self.keeps_labels and len(keys) == 1 else self.name

    def infer_meta(self) -> Any:
        """What the function makes of the sources' metas."""
        apply = self.call()
        args = [_meta_of(arg) for arg in apply.args]
        return apply.func(*args, **{name: _meta_of(arg) for name, arg in apply.kwargs.items()})

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """All columns, or those of the same names where the operation takes each by itself."""
        for frame in self.frames:
            yield frame, wanted if self.passes_columns and frame.ndim == 2 else ALL_COLUMNS

    def place(self, lowering: Lowering) -> None:
        """One layer of a program of one step."""
        inputs = {identity(item): item for item in self.sources}
        program, values = compile_program(list(inputs), [self])
        place_program(self, list(inputs.values()), program, values, lowering)

    def label(self) -> str:
        """What is called."""
        return self.call().title or super().label()


def _meta_of(arg: Any) -> Any:
    return arg.meta if isinstance(arg, FrameNode) else arg


def replace_nodes(node: FrameNode, new: Mapping[str, FrameNode]) -> FrameNode:
    """An expression with some nodes of it replaced.

    Parameters
    ----------
    node
        The expression.
    new
        Replacements by name.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df, other = (from_dict({"x": [i]}, npartitions=1) for i in range(2))
    >>> replace_nodes((df.x + 1).expr, {df.expr.name: other.expr}) is (other.x + 1).expr
    True
    """
    done: dict[str, Any] = dict(new)
    stack: list[Any] = [node]
    while stack:
        item = stack[-1]
        if not isinstance(item, FrameNode) or item.name in done:
            stack.pop()
            continue
        waiting = [s for s in item.frames if s.name not in done]
        if waiting:
            stack += waiting
            continue
        stack.pop()
        done[item.name] = item.map_sources(lambda s: done.get(getattr(s, "name", ""), s))
    found: FrameNode = done[node.name]
    return found


# --------------------------------------------------------------------------------- programs


def place_program(
    node: FrameNode,
    inputs: Sequence[Any],
    program: Callable[..., Any],
    values: Sequence[Any],
    lowering: Lowering,
) -> None:
    """Add a layer that runs a program on each partition.

    Parameters
    ----------
    node
        Gives the layer its name.
    inputs
        What is read from elsewhere: its first arguments.
    program
        Such as `compile_program` makes.
    values
        For each of its other arguments a value for each partition.
    lowering
        The graph under construction.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> node = from_dict({"x": [1]}, npartitions=1).expr
    >>> lowering = Lowering()
    >>> place_program(node, [], *compile_program([], [node]), lowering)
    >>> len(lowering.graph)
    1
    """
    columns = [_input(node, i, item, lowering) for i, item in enumerate(inputs)]
    columns += [Each(parts) for parts in values]
    lowering.add_grid(node, program, columns)


class Instead(NamedTuple):
    """A function that takes the place of some operations of a program.

    Parameters
    ----------
    func
        Called with ``inputs``, and the values of those of the operations that have parts; gives
        the results of ``outs``, as a list if there are several.
    title
        What people call it.
    inputs
        Identities of what it reads.
    inside
        Names of the operations.
    outs
        Names of those of them that others read, or that are the result.

    Examples
    --------
    >>> Instead(abs, "abs", ("x",), frozenset(["y"]), ("y",)).outs
    ('y',)
    """

    func: Callable[..., Any]
    title: str
    inputs: tuple[Any, ...]
    inside: Collection[str]
    outs: tuple[str, ...]


def compile_program(
    leaves: Sequence[Any],
    body: Sequence[PartitionWise],
    instead: Instead | None = None,
    outs: Sequence[str] = (),
) -> tuple[Program, list[Any]]:
    """The program of some nodes, and the values for each partition that it takes besides.

    Parameters
    ----------
    leaves
        Identities of the program's first arguments; the next are a value for each node that has
        parts.
    body
        In order.
    instead
        Computes some of them; the others are calls of pandas.
    outs
        Names of the nodes whose results are wanted, as a list; by default the last one's.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> node = from_dict({"x": [1, 2]}, npartitions=2).expr
    >>> program, (parts,) = compile_program([], [node])
    >>> program(parts[1]).x.tolist()
    [2]
    """
    places: dict[Any, int] = {leaf: i for i, leaf in enumerate(leaves)}
    parted = [one for one in body if one.has_parts]
    part_of = {one.name: len(leaves) + i for i, one in enumerate(parted)}
    first = len(leaves) + len(parted)
    steps: list[Step] = []

    def add(name: Any, step: Step) -> None:
        places[name] = first + len(steps)
        steps.append(step)

    for one in body:
        if instead is None or one.name not in instead.inside:
            add(one.name, _step(one.call(), places, part_of.get(one.name, -1)))
        elif instead.outs[0] not in places:
            read = [places[name] for name in instead.inputs]
            read += [place for name, place in part_of.items() if name in instead.inside]
            args = Template(tuple([Ref(place) for place in read]))
            made = instead.outs[0] if len(instead.outs) == 1 else instead
            add(made, Step(instead.func, args, instead.title))
            for i, name in enumerate(instead.outs if made is instead else ()):
                add(name, Step(operator.getitem, Template((Ref(places[made]), i)), ""))
    wanted = tuple([places[name] - first for name in outs])
    return Program(tuple(steps), wanted), [one.parts for one in parted]


def _step(apply: Apply, places: Mapping[Any, int], part: int) -> Step:
    def refer(arg: Any) -> Any:
        if isinstance(arg, Node | Call):
            return Ref(places[identity(arg)])
        return Ref(part) if type(arg) is Part else arg

    args = tuple([refer(arg) for arg in apply.args])
    kwargs = {name: refer(arg) for name, arg in apply.kwargs.items()}
    title = apply.title or getattr(apply.func, "__name__", "apply")
    return Step(apply.func, Template(args, kwargs), title)


def identity(item: Any) -> Any:
    """What tells a node or a call from others.

    Parameters
    ----------
    item
        One of them.

    Examples
    --------
    >>> import shoal
    >>> identity(shoal.delayed(1, name="x"))
    ('call', 'x')
    """
    return item.name if isinstance(item, Node) else ("call", item._call[0])


def _input(node: FrameNode, i: int, item: Any, lowering: Lowering) -> Input:
    if isinstance(item, Call):
        name = f"{node.name}-{i}"
        lowering.graph.name_blocks(name, lowering.numbers(item))
        return Blocks(name, (1,), (None,))
    axes = () if not item.shape else (None if item.size == 1 else 0,)
    return Blocks(item.name, item.shape, axes)


class Logical(FrameNode):
    """A node that says what is computed, and leaves to `physical` how.

    Examples
    --------
    >>> issubclass(Logical, FrameNode)
    True
    """

    __slots__ = ()

    def physical(self) -> FrameNode:
        """An expression that computes the same from nodes that have tasks, or are nearer to it."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is computed")

    def place(self, lowering: Lowering) -> None:
        """Where nothing was optimised: the tasks of the physical expression."""
        inner = self.physical()
        place_all([inner], lowering)
        lowering.graph.name_blocks(self.name, lowering.numbers(inner))


def place_all(roots: Iterable[FrameNode], lowering: Lowering) -> None:
    """Add what is not there yet of some expressions."""
    stack: list[Any] = list(roots)
    while stack:
        item = stack[-1]
        if item.name in lowering.placed:
            stack.pop()
            continue
        waiting = [s for s in item.sources if isinstance(s, Node) and s.name not in lowering.placed]
        if waiting:
            stack += waiting
            continue
        stack.pop()
        lowering.placed.add(item.name)
        item.place(lowering)
