"""Nodes: what a collection computes, before anyone decides how.

A node is immutable and holds its operands: other nodes and plain values.  Its name is a prefix
and the token of its class and operands, so two nodes that say the same have the same name; and
because every node is looked up by name when it is made, they are then one object (hash-consing).
Common subexpressions are therefore shared without anybody looking for them.

What a node has to know is the grid of its blocks (`shape`), how it becomes a layer (`place`) and
how to say itself in a line (`label`).  The engine (`shoal.expr.rewrite`), lowering
(`shoal.expr.lower`) and `shoal.expr.explain` know nothing else, and no collection.

A loop of ten thousand ``x = x + 1`` is an ordinary program, so nothing here recurses over an
expression: shapes are worked out sources first and kept, and a node is pickled as a list of rows.
"""

from __future__ import annotations

import dataclasses
import math
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from shoal.expr.call import Call
from shoal.graph.token import tokenize

if TYPE_CHECKING:
    from shoal.expr.lower import Lowering

__all__ = ["Cost", "Held", "Node"]

N = TypeVar("N", bound="Node")

_interned: weakref.WeakValueDictionary[str, Node] = weakref.WeakValueDictionary()


class Node:
    """One operation on blocks.

    Parameters
    ----------
    *operands
        Nodes, calls of `delayed` and plain values that have a token, in the order of the class's
        ``fields``; a tuple may hold nodes and calls.
    name
        Use this name instead of the structural one: for values that came from elsewhere, or
        where a rewritten node has to keep the name its user knows.
    annotations
        What `shoal.annotate` said when the node was made.

    Notes
    -----
    A subclass sets ``fields`` and ``prefix`` and overrides ``shape``, ``place`` and, where it
    helps a reader, ``label``.  ``shape`` is written as a property that may ask the sources for
    theirs; it is called once for a node, after those of its sources.

    Examples
    --------
    >>> Held((1, 2)) is Held((1, 2))
    True
    >>> Held((1, 2)).shape
    (2,)
    """

    __slots__ = ("__weakref__", "_read", "_shape", "annotations", "name", "operands")

    fields: ClassVar[tuple[str, ...]] = ()
    prefix: ClassVar[str] = "node"
    rules: ClassVar[tuple[Any, ...]] = ()
    """The rewriting rules of the package that the node belongs to."""

    operands: tuple[Any, ...]
    name: str
    annotations: dict[str, Any] | None
    _shape: tuple[int, ...] | None
    _read: tuple[Any, ...] | None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = cls.__dict__.get("shape")
        if isinstance(own, property):
            # Behind the property of this class, which keeps what it says and does not recurse.
            cls._make_shape = own.fget  # type: ignore[method-assign, assignment]
            cls.shape = _shape_property(own)  # type: ignore[method-assign, assignment]

    def __new__(
        cls: type[N],
        *operands: Any,
        name: str | None = None,
        annotations: dict[str, Any] | None = None,
    ) -> N:
        if len(operands) != len(cls.fields):
            raise TypeError(
                f"{cls.__name__} takes {len(cls.fields)} operands {cls.fields}, got {len(operands)}"
            )
        given = name is not None
        if name is None:
            name = cls.make_name(operands, annotations)
        found = _interned.get(name)
        # A name that was given may stand for other values this time: persisting twice what
        # is not pure.
        if type(found) is cls and (not given or _same(found.operands, operands)):
            return found
        self = object.__new__(cls)
        self.operands = operands
        self.name = name
        self.annotations = annotations
        self._shape = None
        self._read = None
        if found is None:
            _interned[name] = self
        return self

    @classmethod
    def make_name(cls, operands: tuple[Any, ...], annotations: dict[str, Any] | None) -> str:
        """The structural name: equal for nodes that say the same, and for no others."""
        told = [annotations] if annotations else []
        return f"{cls.title_of(operands)}-{tokenize(cls.__qualname__, *operands, *told)}"

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """What the name begins with, and so those of the tasks.

        Parameters
        ----------
        operands
            Of the node.
        """
        return cls.prefix

    def __getattr__(self, field: str) -> Any:
        try:
            return self.operands[self.fields.index(field)]
        except ValueError:
            raise AttributeError(f"{type(self).__name__} has no attribute {field!r}") from None

    def __shoal_tokenize__(self) -> str:
        return self.name

    @property
    def sources(self) -> tuple[Any, ...]:
        """The nodes and calls among the operands."""
        read = self._read
        if read is None:
            # Kept: rules ask for it many times, and operands do not change.
            read = self._read = tuple(self._sources())
        return read

    def _sources(self) -> Iterator[Any]:
        for operand in self.operands:
            if isinstance(operand, Node | Call):
                yield operand
            elif type(operand) is tuple:
                yield from (part for part in operand if isinstance(part, Node | Call))

    def map_sources(self: N, change: Callable[[Any], Any]) -> N:
        """The same operation on changed sources; the node itself when none changed.

        Parameters
        ----------
        change
            ``change(source) -> node``.
        """
        operands = _with_sources(self, change)
        if all(old is new for old, new in zip(self.operands, operands, strict=True)):
            return self
        return type(self)(*operands, annotations=self.annotations)

    def replace(self: N, **fields: Any) -> N:
        """The same operation with some operands replaced.

        Parameters
        ----------
        **fields
            New operands by name.
        """
        named = dict(zip(self.fields, self.operands, strict=True)) | fields
        return type(self)(*named.values(), annotations=self.annotations)

    def _make_shape(self) -> tuple[int, ...]:
        raise NotImplementedError(f"{type(self).__name__} does not say its shape")

    @property
    def shape(self) -> tuple[int, ...]:
        """The grid of the node's blocks."""
        return shape_of(self)

    @property
    def size(self) -> int:
        """How many blocks there are."""
        return math.prod(self.shape)

    def place(self, lowering: Lowering) -> None:
        """Add the node's layers to the graph; its sources are there already.

        Parameters
        ----------
        lowering
            The graph under construction.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot be lowered")

    def watched(self) -> tuple[Node, ...]:
        """What is to be computed and measured before it is decided how this is computed.

        See `shoal.expr.adapt`.  Most nodes leave nothing open.
        """
        return ()

    def settled(self, seen: Sequence[Any], fixed: bool) -> Node:
        """What takes the place of a node that has decided.

        Parameters
        ----------
        seen
            `shoal.expr.adapt.Seen` of each that is watched.
        fixed
            Whether the number of blocks must stay what it is.
        """
        raise NotImplementedError(f"{type(self).__name__} leaves nothing open")

    def told_open(self) -> str:
        """What is open, and what was decided the last time, in words."""
        return self.label()

    def cost(self, layer: str) -> Cost | None:
        """What a task of one of the node's layers takes in memory, at most; None where unknown.

        Parameters
        ----------
        layer
            Its name: the node's, or one that begins with it.
        """
        return None

    def extent(self) -> str:
        """How large all results together are, in words, as far as that is known."""
        return ""

    def told_kernel(self) -> str:
        """What computes it, and why nothing faster does, in words, where there is a choice."""
        return ""

    def label(self) -> str:
        """The node in a few words, its sources left out."""
        parts = [
            f"{field}={_short(operand)}"
            for field, operand in zip(self.fields, self.operands, strict=True)
            if not _is_source(operand) and operand is not None and operand != ()
        ]
        return f"{type(self).__name__}({', '.join(parts)})"

    def __repr__(self) -> str:
        return f"<{self.name}: {self.label()} {self.shape}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (_rows(self),)


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a task takes in memory.

    Parameters
    ----------
    result_bytes
        Its result.
    working_bytes
        What it makes on the way, besides.
    in_parts
        Whether the result is in `shoal.types.Parts`, which may go to files.

    Examples
    --------
    >>> Cost(100, 50).task_bytes
    150
    """

    result_bytes: float
    working_bytes: float = 0
    in_parts: bool = False

    @property
    def task_bytes(self) -> float:
        """All of it."""
        return self.result_bytes + self.working_bytes


def shape_of(node: Node) -> tuple[int, ...]:
    """The shape of a node; works out those of its sources first, with a stack of its own.

    >>> shape_of(Held((1, 2)))
    (2,)
    """
    shape = node._shape
    if shape is not None:
        return shape
    stack = [node]
    while stack:
        top = stack[-1]
        missing = [s for s in top.sources if isinstance(s, Node) and s._shape is None]
        if missing:
            stack += missing
        else:
            stack.pop()
            if top._shape is None:
                top._shape = top._make_shape()
    assert node._shape is not None
    return node._shape


def _shape_property(own: property) -> property:
    """`shape_of` under the docstring of a subclass."""
    return property(shape_of, doc=own.__doc__ or "The grid of the node's blocks.")


class _Row:
    """Stands for the node of an earlier row while an expression is pickled."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return _Row, (self.number,)


def _rows(root: Node) -> list[tuple[type[Node], tuple[Any, ...], str, Any]]:
    """An expression as ``(class, operands, name, annotations)``, sources first, the root last."""
    numbers: dict[Node, int] = {}
    rows: list[tuple[type[Node], tuple[Any, ...], str, Any]] = []
    stack = [root]
    while stack:
        node = stack[-1]
        missing = [s for s in node.sources if isinstance(s, Node) and s not in numbers]
        if missing:
            stack += missing
            continue
        stack.pop()
        if node not in numbers:
            operands = _with_sources(node, lambda source: _Row(numbers[source]))
            numbers[node] = len(rows)
            rows.append((type(node), operands, node.name, node.annotations))
    return rows


def _restore(rows: list[tuple[type[Node], tuple[Any, ...], str, Any]]) -> Node:
    """The node of the last row."""
    nodes: list[Node] = []
    for cls, operands, name, said in rows:
        found = [
            tuple([nodes[part.number] if type(part) is _Row else part for part in operand])
            if type(operand) is tuple
            else nodes[operand.number]
            if type(operand) is _Row
            else operand
            for operand in operands
        ]
        nodes.append(cls(*found, name=name, annotations=said))
    return nodes[-1]


def _with_sources(node: Node, change: Callable[[Any], Any]) -> tuple[Any, ...]:
    """The operands of a node, its sources changed."""
    return tuple([_changed(operand, change) for operand in node.operands])


def _same(these: tuple[Any, ...], those: tuple[Any, ...]) -> bool:
    """Whether operands are equal as far as that can be told without comparing values."""
    for this, that in zip(these, those, strict=True):
        if this is not that:
            if type(this) is not tuple or type(that) is not tuple or len(this) != len(that):
                return type(this) in (str, int) and this == that
            if any(a is not b for a, b in zip(this, that, strict=True)):
                return False
    return True


def _changed(operand: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(operand, Node):
        return change(operand)
    if type(operand) is tuple and any(isinstance(part, Node) for part in operand):
        parts = [change(p) if isinstance(p, Node) else p for p in operand]
        if any(old is not new for old, new in zip(operand, parts, strict=True)):
            return tuple(parts)
    return operand


def _is_source(operand: Any) -> bool:
    """Whether an operand is a node, or several: they say themselves, on lines of their own."""
    if type(operand) is tuple:
        return any(isinstance(part, Node) for part in operand)
    return isinstance(operand, Node)


def _short(value: Any, most: int = 40) -> str:
    name = getattr(value, "__name__", None)
    text = name if isinstance(name, str) else repr(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."


class Held(Node):
    """Blocks that are there already: what ``persist`` leaves, and data given by the user.

    Parameters
    ----------
    values
        The blocks, a tuple.

    Examples
    --------
    >>> Held(("a", "b")).size
    2
    """

    __slots__ = ()
    fields = ("values",)
    prefix = "held"

    @property
    def shape(self) -> tuple[int, ...]:
        """One axis, a block a value."""
        return (len(self.values),)

    def place(self, lowering: Lowering) -> None:
        """One layer of data."""
        lowering.add_data(self.name, self.values)

    def label(self) -> str:
        """How many blocks."""
        return f"Held({len(self.values)} blocks)"
