"""Lowering: from expressions to a graph of layers.

Sources first, each node once, with a stack of our own.  Nodes place themselves; calls are placed
in batches, as rows of tables, in the order of a depth-first walk.  The two kinds may feed each
other in any way.  A table ends where a call needs a block of a node that is not placed yet: the
rows so far are complete, the node is placed, and the walk goes on with another table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from shoal.expr.call import BlockOf, Call, call_key
from shoal.expr.node import Node
from shoal.graph.layers import Each, Graph, GridLayer, Input, TableLayer
from shoal.types import Key

__all__ = ["Lowering", "lower"]


class Lowering:
    """A graph under construction.

    Examples
    --------
    >>> from shoal.expr.node import Held
    >>> low = lower([Held((1, 2))])
    >>> low.graph, low.numbers(Held((1, 2)))
    (<Graph of 1 layers, 2 tasks>, range(0, 2))
    """

    def __init__(self) -> None:
        self.graph = Graph()
        self.placed: set[str] = set()
        self.calls: dict[Any, int] = {}
        """Global number of each call that is placed, by ident."""

    def add_grid(
        self,
        node: Any,
        func: Callable[..., Any],
        inputs: Sequence[Input],
        *,
        name: str | None = None,
        shape: tuple[int, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        """Add the layer of a node.

        Parameters
        ----------
        node
            Gives the name, the shape and the annotations.
        func, inputs, kwargs
            As `GridLayer` has them.
        name, shape
            Of a layer that a node needs besides its own.
        """
        self.graph.add(
            GridLayer(
                name or node.name,
                func,
                node.shape if shape is None else shape,
                tuple(inputs),
                kwargs,
                node.annotations,
            )
        )

    def add_data(self, name: str, values: Sequence[Any]) -> None:
        """Add a layer of values.

        Parameters
        ----------
        name
            Its name.
        values
            One a block.
        """
        self.graph.add(GridLayer(name, None, (len(values),), (Each(values),)))

    def numbers(self, item: Any) -> Sequence[int]:
        """Global numbers of the blocks of a node or a call.

        Parameters
        ----------
        item
            Must be placed.
        """
        if isinstance(item, BlockOf):
            return (self.graph.numbers(item.node.name)[item.block],)
        if isinstance(item, Call):
            return (self.calls[item._call[0]],)
        return self.graph.numbers(item.name)


def lower(roots: Iterable[Any]) -> Lowering:
    """Build the graph of some expressions.

    Parameters
    ----------
    roots
        Nodes and calls.

    Examples
    --------
    >>> from shoal.expr.node import Held
    >>> len(lower([Held((1, 2)), Held((1, 2))]).graph)
    2
    """
    lowering = Lowering()
    stack: list[Any] = []
    calls: list[Call] = []
    for root in roots:
        (calls if isinstance(root, Call) else stack).append(root)
    if calls:
        stack.append(calls)
    stack.reverse()
    while stack:
        item = stack.pop()
        if type(item) is list:
            wanted = place_calls(item, lowering)
            if wanted:
                stack.append(item)
                stack.extend(wanted)
        elif item.name not in lowering.placed:
            missing = _missing(item, lowering)
            if missing:
                stack.append(item)
                stack.extend(missing)
            else:
                lowering.placed.add(item.name)
                item.place(lowering)
    return lowering


def _missing(node: Any, lowering: Lowering) -> list[Any]:
    """Sources that have to be placed before a node: nodes, and its calls as one batch."""
    out: list[Any] = []
    calls: list[Call] = []
    for source in node.sources:
        if isinstance(source, BlockOf):
            if source.node.name not in lowering.placed:
                out.append(source.node)
        elif isinstance(source, Call):
            if source._call[0] not in lowering.calls:
                calls.append(source)
        elif source.name not in lowering.placed:
            out.append(source)
    if calls:
        out.append(calls)
    return out


def place_calls(roots: Sequence[Call], lowering: Lowering) -> list[Any]:
    """Add calls and what they need as one table.

    Parameters
    ----------
    roots
        Calls.
    lowering
        The graph under construction.

    Returns
    -------
    list
        Nodes that have to be placed first; then this has to be called again.
    """
    ids = lowering.calls
    table = _Table(lowering.graph.size)
    funcs, args, deps = table.funcs.append, table.args.append, table.deps.append
    at = table.start
    stack = list(roots)
    stack.reverse()
    pop, push = stack.pop, stack.append
    blocked: list[Any] = []
    while stack:
        call = pop()
        ident, func, arg, inputs, label, annotations, _, _ = call._call
        if ident in ids:
            continue
        if inputs:
            waiting = [source for source in inputs if source._call[0] not in ids]
            if waiting:
                push(call)
                waiting.reverse()
                stack += waiting
                continue
            deps(tuple([ids[source._call[0]] for source in inputs]))
        elif type(call) is BlockOf:
            node = call.node
            if node.name not in lowering.placed:
                blocked = _nodes_behind(roots, lowering)
                break
            ids[ident] = lowering.graph.numbers(node.name)[call.block]
            continue
        else:
            deps(())
        ids[ident] = at
        funcs(func)
        args(arg)
        table.names.append((ident, label))
        if annotations:
            # One mapping for all that a ``with`` block marked, so one entry for all of it.
            table.annotations.setdefault(id(annotations), ([], annotations))[0].append(
                at - table.start
            )
        at += 1
    if at > table.start:
        lowering.graph.add(table.layer())
    return blocked


class _Table:
    """Rows of a table while they are collected."""

    __slots__ = ("annotations", "args", "deps", "funcs", "names", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.funcs: list[Any] = []
        self.args: list[Any] = []
        self.deps: list[tuple[int, ...]] = []
        self.names: list[tuple[Any, str]] = []
        self.annotations: dict[int, tuple[list[int], Any]] = {}

    def layer(self) -> TableLayer:
        """The finished layer."""
        keys = _CallKeys(self.names)
        said = tuple(self.annotations.values())
        return TableLayer(keys, self.funcs, self.args, self.deps, said)


class _CallKeys(Sequence[Key]):
    """Keys of calls, made when asked for."""

    __slots__ = ("names",)

    def __init__(self, names: list[tuple[Any, str]]) -> None:
        self.names = names

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, row: Any) -> Any:
        return call_key(*self.names[row])


def _nodes_behind(roots: Sequence[Call], lowering: Lowering) -> list[Node]:
    """Every node that some calls need and that is not placed."""
    seen: set[Any] = set()
    found: dict[str, Node] = {}
    stack = list(roots)
    while stack:
        call = stack.pop()
        ident = call._call[0]
        if ident in seen or ident in lowering.calls:
            continue
        seen.add(ident)
        if type(call) is BlockOf:
            if call.node.name not in lowering.placed:
                found[call.node.name] = call.node
        else:
            stack += call._call[3]
    return list(found.values())
