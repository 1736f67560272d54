"""Lowering: from expressions to a graph of layers.

Sources first, each node once, with a stack of our own.  Nodes place themselves; calls are placed
in batches, as rows of tables, in the order of a depth-first walk.  The two kinds may feed each
other in any way: where calls need blocks of nodes that are not placed yet, these come first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Any

from shoal.expr.call import BlockOf, Call, call_key
from shoal.expr.node import Node
from shoal.graph.cull import dependencies_first
from shoal.graph.layers import Each, Graph, GridLayer, Input, TableLayer
from shoal.graph.legacy import rows_from_dict
from shoal.types import Key

__all__ = ["Lowering", "ends_in_token", "lower"]

TOKEN = re.compile("-[0-9a-f]{32}$")
"""How names end that are made from what they name."""


def ends_in_token(key: Key) -> bool:
    """Whether a key's name was made from what its task does.

    ``("x", 0)`` may be anything, in each graph something else.

    Parameters
    ----------
    key
        A name, or a tuple that begins with one.

    Examples
    --------
    >>> ends_in_token(("add-" + 32 * "0", 1)), ends_in_token(("x", 0)), ends_in_token(7)
    (True, False, False)
    """
    name = key[0] if isinstance(key, tuple) and key else key
    return isinstance(name, str) and TOKEN.search(name) is not None


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
        self.told: dict[Key, int] = {}
        """Global number of each task of a dict graph whose key tells what it does."""

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

    def add_tasks(
        self,
        name: str,
        graph: Mapping[Key, Any],
        wanted: Sequence[Key],
        tells: Callable[[Key], bool],
    ) -> None:
        """Add the tasks of a dict graph, without those that a graph before had.

        Parameters
        ----------
        name
            Of the node whose blocks they compute.
        graph
            Tasks by key.
        wanted
            The blocks' keys.
        tells
            Whether a key tells what its task does, in whatever graph it is.
        """
        keys, funcs, args, deps = rows_from_dict(graph, wanted)
        numbers = {key: self.told[key] for key in keys if key in self.told and tells(key)}
        new = [i for i, key in enumerate(keys) if key not in numbers]
        numbers.update(zip([keys[i] for i in new], count(self.graph.size)))
        if new:
            self.graph.add(
                TableLayer(
                    [keys[i] for i in new],
                    [funcs[i] for i in new],
                    [args[i] for i in new],
                    [tuple([numbers[keys[j]] for j in deps[i]]) for i in new],
                )
            )
        self.told.update([(keys[i], numbers[keys[i]]) for i in new if tells(keys[i])])
        self.graph.name_blocks(name, [numbers[key] for key in wanted])

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
    found: dict[Any, None] = {}
    calls: list[tuple[Any, ...]] = []
    blocked: dict[str, Node] = {}
    shared = False
    stack = list(roots)
    pop, add_call = stack.pop, calls.append
    # Each call is met before what it needs, so the sequence backwards is the numbering, unless a
    # call needs what was met before.
    while stack:
        call = pop()
        content = call._call
        ident, inputs = content[0], content[3]
        if ident in found:
            shared = True
            continue
        if ident in ids:
            continue
        if inputs:
            stack += inputs
        elif type(call) is BlockOf:
            node = call.node
            if node.name in lowering.placed:
                ids[ident] = lowering.graph.numbers(node.name)[call.block]
            else:
                blocked[node.name] = node
            continue
        found[ident] = None
        add_call(content)
    if found and not blocked:
        start = lowering.graph.size
        calls.reverse()
        ids.update(zip(reversed(found), range(start, start + len(found))))
        deps = [tuple([ids[i._call[0]] for i in c[3]]) if c[3] else () for c in calls]
        if shared:
            calls, deps = _dependencies_first(calls, deps, start)
            ids.update(zip([content[0] for content in calls], range(start, start + len(calls))))
        lowering.graph.add(_table(calls, deps))
    return list(blocked.values())


def _dependencies_first(
    calls: list[tuple[Any, ...]], deps: list[tuple[int, ...]], start: int
) -> tuple[list[tuple[Any, ...]], list[tuple[int, ...]]]:
    """Calls and their dependencies, numbered anew so that none comes before what it needs."""
    local = [tuple([i - start for i in needs if i >= start]) for needs in deps]
    sequence = dependencies_first(local, range(len(local)))
    assert sequence is not None
    numbers = [0] * len(local)
    for at, i in enumerate(sequence):
        numbers[i] = start + at
    moved = [tuple([numbers[j - start] if j >= start else j for j in deps[i]]) for i in sequence]
    return [calls[i] for i in sequence], moved


def _table(calls: list[tuple[Any, ...]], deps: list[tuple[int, ...]]) -> TableLayer:
    """The layer of some calls."""
    idents, funcs, args, _, labels, marks, _, _ = zip(*calls, strict=True)
    said: dict[int, tuple[list[int], Any]] = {}
    if any(marks):
        for row, annotations in enumerate(marks):
            if annotations:
                # One mapping for all that a ``with`` block marked, so one entry for all of it.
                said.setdefault(id(annotations), ([], annotations))[0].append(row)
    keys = _CallKeys(idents, labels)
    return TableLayer(keys, list(funcs), list(args), deps, tuple(said.values()))


class _CallKeys(Sequence[Key]):
    """Keys of calls, made when asked for."""

    __slots__ = ("idents", "labels")

    def __init__(self, idents: Sequence[Any], labels: Sequence[str]) -> None:
        self.idents = idents
        self.labels = labels

    def __len__(self) -> int:
        return len(self.idents)

    def __getitem__(self, row: Any) -> Any:
        return call_key(self.idents[row], self.labels[row])
