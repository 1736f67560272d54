"""The same expression again, as other tasks: under new names, and after something else has run.

Equal expressions are one, which is what makes sharing free; here are the means to say that two
shall not be.  Only what has no sources is wrapped (`Cloned`).  All that stands on it is made anew
by its own class, and has another name because its sources have; so rules still see it.

To run after something is a matter of the tasks that read nothing else: if they wait, all do.
Where such a task reads results that are to stay as they are, these are passed on after it
(`Bound`).  What to wait for is a call or a node; of nodes it is made by `Checkpoint`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from shoal.expr.call import BlockOf, Call, ident_of_key
from shoal.expr.lower import Lowering
from shoal.expr.node import Node
from shoal.graph.layers import ALL, Blocks, Gather, GridLayer, Input, TableLayer, Window
from shoal.graph.naming import clone_key, key_split
from shoal.graph.task import Portion, Ref, Template, identity
from shoal.graph.token import tokenize
from shoal.types import Key

__all__ = [
    "After",
    "Afterwards",
    "Bound",
    "Checkpoint",
    "Cloned",
    "Kept",
    "forget",
    "make_call",
    "pass_on",
    "reach",
    "regenerate",
]

_set_call = Call.__dict__["_call"].__set__


def pass_on(after: Any, value: Any) -> Any:
    """The second argument: a result, once something else has run.

    Parameters
    ----------
    after
        Waited for.
    value
        Returned.

    Examples
    --------
    >>> pass_on(None, 5)
    5
    """
    return value


class After:
    """A function that waits for one more argument, and does not use it.

    Parameters
    ----------
    func
        What to call with the others.

    Examples
    --------
    >>> After(abs)(None, -1)
    1
    """

    __slots__ = ("func",)

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func

    def __call__(self, after: Any, *args: Any, **kwargs: Any) -> Any:
        return self.func(*args, **kwargs)

    @property
    def __name__(self) -> str:
        return getattr(self.func, "__name__", type(self.func).__name__)

    def __reduce__(self) -> tuple[Any, ...]:
        return After, (self.func,)


def forget(*values: Any) -> None:
    """None, whatever the arguments: the task that waits for others and keeps nothing of them.

    Parameters
    ----------
    *values
        Waited for.

    Examples
    --------
    >>> forget(1, 2) is None
    True
    """


def make_call(
    cls: type[Call],
    key: Key,
    func: Callable[..., Any] | None,
    args: Any,
    inputs: Sequence[Call],
    label: str,
    like: Call | None = None,
) -> Any:
    """A call under a given key.

    Parameters
    ----------
    cls
        Its class.
    key, func, args, inputs, label
        As `Call` has them.
    like
        A call whose annotations and number of results to take over.

    Examples
    --------
    >>> make_call(Call, "x", abs, (-1,), (), "abs").key
    'x'
    """
    call = object.__new__(cls)
    rest = (None, None, None) if like is None else like._call[5:]
    _set_call(call, (ident_of_key(key), func, args, tuple(inputs), label, *rest))
    return call


def cloned_key(key: Key, seed: Key) -> Key:
    """As `clone_key`, for any key.

    >>> cloned_key(5, 1) == cloned_key(5, 1) != cloned_key(5, 2)
    True
    """
    if isinstance(key, str) or (isinstance(key, tuple) and key and isinstance(key[0], str)):
        return clone_key(key, seed)
    return f"clone-{tokenize(key, seed)}"


# ----------------------------------------------------------------------------------------- nodes


class _Waiting(Node):
    """A node in place of another one; its sources may also be calls."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        # What its readers ask of the node that it stands for: the chunks of an array, say.
        if name in self.fields or name.startswith("_"):
            return super().__getattr__(name)
        return getattr(self.inner(), name)

    def inner(self) -> Node:
        """The node that it stands for."""
        node: Node = self.source
        return node


def _key(item: Any) -> Key:
    """What names a node or a call."""
    key: Key = item.key if isinstance(item, Call) else item.name
    return key


def _elementwise(node: Node) -> Blocks:
    return Blocks(node.name, node.shape, tuple(range(len(node.shape))))


def _block_after(node: Node, after: Any, lowering: Lowering) -> Blocks:
    """The argument of every task of a node that is the one result of something else."""
    name = f"{node.name}-after"
    lowering.graph.name_blocks(name, lowering.numbers(after))
    return Blocks(name, (1,), (None,))


class Checkpoint(_Waiting):
    """None, once all blocks of some nodes are there.

    Parameters
    ----------
    sources
        The nodes, and calls, a tuple.
    split
        How many results a task waits for, or None for all.

    Examples
    --------
    >>> from shoal.expr.lower import lower
    >>> from shoal.expr.node import Held
    >>> len(lower([Checkpoint((Held((1, 2, 3)),), 2)]).graph)
    9
    """

    __slots__ = ()
    fields = ("roots", "split")
    prefix = "checkpoint"

    @classmethod
    def make_name(cls, operands: tuple[Any, ...], annotations: Any) -> str:
        """By the names of the nodes."""
        return f"checkpoint-{tokenize(list(map(_key, operands[0])), operands[1])}"

    @property
    def shape(self) -> tuple[int, ...]:
        """One result."""
        return ()

    def place(self, lowering: Lowering) -> None:
        """A task for each block, which lets go of it; and a tree on top of these."""
        numbers: list[int] = []
        for i, node in enumerate(self.roots):
            if isinstance(node, Call):
                numbers += lowering.numbers(node)
            elif node.size:
                name = f"{self.name}-{i}"
                lowering.add_grid(self, forget, [_elementwise(node)], name=name, shape=node.shape)
                numbers += lowering.graph.numbers(name)
        name, count, level = f"{self.name}-blocks", len(numbers), 0
        lowering.graph.name_blocks(name, numbers)
        while self.split and count > self.split:
            part = Blocks(name, (count,), (Window(0, self.split),))
            count = -(-count // self.split)
            name, level = f"{self.name}-level-{level}", level + 1
            lowering.add_grid(self, forget, [part], name=name, shape=(count,))
        lowering.add_grid(self, forget, [Blocks(name, (count,), (ALL,))])


class Bound(_Waiting):
    """The blocks of a node, once something else has run.

    Parameters
    ----------
    source
        The node.
    after
        A node of one block, or a call.

    Examples
    --------
    >>> from shoal.expr.node import Held
    >>> Bound(Held((1, 2)), make_call(Call, "x", None, 1, (), "x")).shape
    (2,)
    """

    __slots__ = ()
    fields = ("source", "after")

    @classmethod
    def make_name(cls, operands: tuple[Any, ...], annotations: Any) -> str:
        """That of the node, another token."""
        name = operands[0].name
        return f"{key_split(name)}-{tokenize('bound', name, _key(operands[1]))}"

    @property
    def shape(self) -> tuple[int, ...]:
        """The node's."""
        shape: tuple[int, ...] = self.source.shape
        return shape

    def place(self, lowering: Lowering) -> None:
        """One layer."""
        after = _block_after(self, self.after, lowering)
        lowering.add_grid(self, pass_on, [after, _elementwise(self.source)])


class Kept(_Waiting):
    """The blocks of a node as they are, so that what stands on them is another expression.

    Parameters
    ----------
    source
        The node.
    seed
        Tells apart what stands on it.

    Examples
    --------
    >>> from shoal.expr.node import Held
    >>> Kept(Held((1, 2)), 5).shape
    (2,)
    """

    __slots__ = ()
    fields = ("source", "seed")

    @classmethod
    def make_name(cls, operands: tuple[Any, ...], annotations: Any) -> str:
        """That of the node, another token."""
        name = operands[0].name
        return f"{key_split(name)}-{tokenize('kept', name, operands[1])}"

    @property
    def shape(self) -> tuple[int, ...]:
        """The node's."""
        shape: tuple[int, ...] = self.source.shape
        return shape

    def place(self, lowering: Lowering) -> None:
        """Another name for blocks that are there."""
        lowering.graph.name_blocks(self.name, lowering.numbers(self.source))


class Cloned(_Waiting):
    """A node without sources, under another name.

    Parameters
    ----------
    kind, parts
        Its class and operands.  Not the node itself, which rewriting would find.
    origin
        Its name.
    seed
        The same node and seed are the same clone.
    after
        A node of one block or a call that has to run first, or None.

    Examples
    --------
    >>> from shoal.expr.node import Held
    >>> one = Held((1, 2))
    >>> clone = Cloned(Held, one.operands, one.name, 5, None)
    >>> clone.name != one.name, clone.shape
    (True, (2,))
    """

    __slots__ = ()
    fields = ("kind", "parts", "origin", "seed", "after")

    @classmethod
    def make_name(cls, operands: tuple[Any, ...], annotations: Any) -> str:
        """That of the node, another token."""
        _, _, origin, seed, after = operands
        return clone_key(str(origin), seed if after is None else (seed, _key(after)))

    def inner(self) -> Node:
        """The node under its new name."""
        node: Node = self.kind(*self.parts, name=self.name, annotations=self.annotations)
        return node

    @property
    def shape(self) -> tuple[int, ...]:
        """The node's."""
        return self.inner().shape

    def place(self, lowering: Lowering) -> None:
        """The node's layers, renamed; their first tasks wait."""
        alone = Lowering()
        self.inner().place(alone)
        after = None if self.after is None else _block_after(self, self.after, lowering)
        _Transfer(self, alone, lowering, after).run()

    def label(self) -> str:
        """Of what."""
        return f"Cloned({self.kind.__name__})"


class _Transfer:
    """Moves the layers of one lowering into another."""

    def __init__(self, node: Cloned, alone: Lowering, into: Lowering, after: Blocks | None) -> None:
        self.node = node
        self.graph = alone.graph
        self.into = into.graph
        self.after = after
        self.wait = () if node.after is None else tuple(into.numbers(node.after))
        self.offset = self.into.size

    def run(self) -> None:
        """All of them, and the names for blocks."""
        for layer in self.graph.layers:
            new = self.grid(layer) if isinstance(layer, GridLayer) else self.table(layer)
            self.into.add(new)
        for name, numbers in self.graph.named.items():
            self.into.name_blocks(self.rename(name), [self.offset + i for i in numbers])

    def rename(self, name: str) -> str:
        """A layer's new name: most are made of the node's, which is new already."""
        return name if name.startswith(self.node.name) else clone_key(name, self.node.seed)

    def grid(self, layer: GridLayer) -> GridLayer:
        """A grid with its inputs renamed."""
        inputs: list[Input] = [
            dataclasses.replace(part, source=self.rename(part.source))
            if isinstance(part, Blocks | Gather)
            else part
            for part in layer.inputs
        ]
        func = layer.func
        if self.after is not None and not any(isinstance(p, Blocks | Gather) for p in inputs):
            func = pass_on if func is None else After(func)
            inputs.insert(0, self.after)
        name = self.rename(layer.name)
        return GridLayer(name, func, layer.shape, tuple(inputs), layer.kwargs, layer.annotations)

    def table(self, layer: TableLayer) -> TableLayer:
        """A table with its keys renamed and its dependencies moved."""
        keys = [cloned_key(layer.keys[row], self.node.name) for row in range(layer.size)]
        funcs, args = list(layer.funcs), list(layer.args)
        deps = [tuple([self.offset + i for i in needs]) for needs in layer.deps]
        for row, needs in enumerate(deps):
            if self.wait and not needs:
                funcs[row], args[row] = waiting(funcs[row], args[row], 0)
                deps[row] = self.wait
        return TableLayer(keys, funcs, args, deps, layer.annotations)


def waiting(func: Any, args: Any, count: int) -> tuple[Callable[..., Any], Any]:
    """Function and arguments of a task that also waits for dependency number ``count``, its last.

    >>> waiting(abs, (-1,), 0)[1].fill([None])
    ((None, -1), {})
    >>> waiting(max, None, 2)[1].fill([3, 4, None])
    ((None, 3, 4), {})
    """
    if func is None:
        return pass_on, Template((Ref(count), args))
    if args is None:
        return After(func), Template([Ref(count), *map(Ref, range(count))])
    if type(args) is tuple:
        return After(func), Template((Ref(count), *args))
    if type(args) is Portion:
        func, template = waiting(func, args.args, count)
        return func, Portion(template, args.part)
    return After(func), Template((Ref(count), *args.args), args.kwargs)


# ---------------------------------------------------------------------------------- expressions


def _ident(item: Any) -> Any:
    """What identifies a node or a call among both."""
    return (Node, item.name) if isinstance(item, Node) else item._call[0]


def _sources(item: Any) -> Sequence[Any]:
    if isinstance(item, BlockOf):
        return (item.node,)
    return item._call[3] if isinstance(item, Call) else item.sources  # type: ignore[no-any-return]


def reach(roots: Iterable[Any]) -> set[Any]:
    """The identities of all nodes and calls that some expressions consist of.

    Parameters
    ----------
    roots
        Nodes and calls.

    Examples
    --------
    >>> one = make_call(Call, "x", None, 1, (), "x")
    >>> sorted(reach([make_call(Call, "y", abs, None, (one,), "y")]))
    ['x', 'y']
    """
    found: set[Any] = set()
    stack = list(roots)
    while stack:
        item = stack.pop()
        ident = _ident(item)
        if ident not in found:
            found.add(ident)
            stack += _sources(item)
    return found


@dataclasses.dataclass(frozen=True)
class Afterwards:
    """What new tasks wait for: the same thing as nodes and as calls refer to it.

    Parameters
    ----------
    node
        A node of one block, or a call.
    call
        A call.

    Examples
    --------
    >>> one = make_call(Call, "x", None, 1, (), "x")
    >>> Afterwards(one, one).call.key
    'x'
    """

    node: Any
    call: Call


def regenerate(
    roots: Sequence[Any],
    seed: Key,
    omit: set[Any] | frozenset[Any] = frozenset(),
    after: Afterwards | None = None,
    *,
    plain: type[Call] = Call,
) -> list[Any]:
    """The same expressions as other tasks.

    Parameters
    ----------
    roots
        Nodes and calls.
    seed
        The same expression and seed give the same new names.
    omit
        Identities (see `reach`) of what is to stay as it is.
    after
        What has to run before anything new.
    plain
        The class of calls that wait.

    Returns
    -------
    list
        New nodes and calls; a root that stays, as it is.

    Examples
    --------
    >>> one = make_call(Call, "x", None, 1, (), "x")
    >>> two = make_call(Call, "y", abs, None, (one,), "y")
    >>> new, same = regenerate([two, one], 5, omit={"x"})
    >>> new.key != "y", new._call[3][0] is one, same is one
    (True, True, True)
    """
    work = _Regeneration(seed, omit, after, plain)
    return [work.of(root) for root in roots]


class _Regeneration:
    """One call of `regenerate`; ``new`` has what was made so far."""

    def __init__(self, seed: Key, omit: Any, after: Afterwards | None, plain: Any) -> None:
        self.seed = seed
        self.omit = omit
        self.after = after
        self.plain = plain
        self.new: dict[Any, Any] = {}

    def of(self, root: Any) -> Any:
        """The new form of an expression; walks with a stack of its own, sources first."""
        stack = [root]
        while stack:
            item = stack[-1]
            ident = _ident(item)
            if ident in self.new:
                stack.pop()
            elif ident in self.omit:
                self.new[ident] = item
            else:
                waiting_for = [s for s in _sources(item) if _ident(s) not in self.new]
                if waiting_for:
                    stack += waiting_for
                else:
                    self.new[ident] = self.make(item)
        return self.new[_ident(root)]

    def make(self, item: Any) -> Any:
        """The new form of an item whose sources have theirs."""
        if isinstance(item, BlockOf):
            node = self.new[_ident(item.node)]
            return item if node is item.node else BlockOf(node, item.block)
        if isinstance(item, Call):
            return self.call(item)
        sources = item.sources
        if not sources:
            # The clone of a clone is one of the original, or it would be its own content.
            again = isinstance(item, Cloned)
            what = (item.kind, item.parts) if again else (type(item), item.operands)
            how = (item.name, self.seed, self.after.node if self.after else None)
            return Cloned(*what, *how, annotations=item.annotations)
        fresh = any(self.new[_ident(source)] is not source for source in sources)
        operands = [self.operand(operand, fresh) for operand in item.operands]
        return type(item)(*operands, annotations=item.annotations)

    def call(self, item: Call) -> Call:
        """A call on new inputs, or else after the call that has to run first."""
        _, func, args, old, label, *_ = item._call
        inputs = [self.new[_ident(source)] for source in old]
        cls = type(item)
        if self.after is not None and all(a is b for a, b in zip(inputs, old, strict=True)):
            func, args = waiting(func, args, len(inputs))
            inputs.append(self.after.call)
            cls = self.plain
        key = cloned_key(item.key, self.seed)
        return make_call(cls, key, func, args, inputs, label, item)  # type: ignore[no-any-return]

    def operand(self, operand: Any, fresh: bool) -> Any:
        """An operand of a node, its sources replaced."""
        if type(operand) is tuple:
            return tuple([self.operand(part, fresh) for part in operand])
        if not isinstance(operand, Node | Call):
            return operand
        new = self.new[_ident(operand)]
        if new is not operand:
            return new
        if isinstance(operand, Node):
            if fresh or self.after is None:
                return Kept(operand, self.seed)
            return Bound(operand, self.after.node)
        if fresh:
            return operand
        key = cloned_key(operand.key, self.seed)
        if self.after is None:
            return make_call(Call, key, identity, None, (operand,), "identity")
        return make_call(Call, key, pass_on, None, (self.after.call, operand), "pass_on")
