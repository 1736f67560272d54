"""From layers to a plan: cull, expand, number.

Two passes.  Backwards, from the wanted tasks to the sources, each layer learns which of its tasks
are needed: all of them (a flag), or a set.  Forwards, each layer's needed tasks become rows of
the plan; what they read is translated from "block 7 of layer x" to the id it got there.

Layers whose tasks are all needed and all read one block an argument are expanded without a
Python-level step a task.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from typing import Any

from shoal.graph.layers import Const, Each, Graph, GridLayer, TableLayer
from shoal.graph.plan import Plan, make_plan
from shoal.graph.task import Nest, Ref, Template
from shoal.types import Key

__all__ = ["assemble"]


def assemble(graph: Graph, wanted: Sequence[int]) -> Plan:
    """The plan that computes some tasks of a graph.

    Parameters
    ----------
    graph
        Layers.
    wanted
        Global numbers of the tasks whose results are asked for.

    Examples
    --------
    >>> from shoal.graph.layers import Blocks
    >>> graph = Graph()
    >>> _ = graph.add(GridLayer("x", None, (3,), (Each([1, -2, 3]),)))
    >>> start = graph.add(GridLayer("y", abs, (3,), (Blocks("x", (3,), (0,)),)))
    >>> plan = assemble(graph, [start + 1])
    >>> plan.deps, [plan.keys[i] for i in range(len(plan))]
    ([(), (0,)], [('x', 1), ('y', 1)])
    """
    needed = _cull(graph, wanted)
    rows = _Rows()
    ids: list[Sequence[int] | dict[int, int]] = []
    annotations: list[tuple[Sequence[int], dict[str, Any]]] = []
    for layer, tasks in zip(graph.layers, needed, strict=True):
        first = len(rows.deps)
        chosen = tasks if isinstance(tasks, range) else sorted(tasks)
        ids.append(
            range(first, first + len(chosen))
            if isinstance(chosen, range)
            else {task: first + i for i, task in enumerate(chosen)}
        )
        if isinstance(layer, GridLayer):
            _expand_grid(layer, chosen, rows, _Lookup(graph, ids))
            if layer.annotations and chosen:
                span = range(first, first + len(chosen))
                annotations.append((span, dict(layer.annotations)))
        else:
            _expand_table(layer, chosen, rows, _Lookup(graph, ids))
            here = ids[-1]
            for marked, mapping in layer.annotations:
                some = [here[row] for row in marked if row in tasks]
                if some:
                    annotations.append((some, dict(mapping)))
        rows.chosen.append(chosen)
    lookup = _Lookup(graph, ids)
    keys = _Keys(graph, rows.chosen)
    return make_plan(
        rows.funcs, rows.args, rows.deps, keys, [lookup.id(i) for i in wanted], annotations
    )


class _Rows:
    """The plan's lists while they grow."""

    __slots__ = ("args", "chosen", "deps", "funcs")

    def __init__(self) -> None:
        self.funcs: list[Any] = []
        self.args: list[Any] = []
        self.deps: list[tuple[int, ...]] = []
        self.chosen: list[Sequence[int]] = []


class _Keys(Sequence[Key]):
    """The key of each row, worked out when asked for."""

    __slots__ = ("chosen", "firsts", "graph")

    def __init__(self, graph: Graph, chosen: list[Sequence[int]]) -> None:
        self.graph = graph
        self.chosen = chosen
        self.firsts = [0]
        for tasks in chosen:
            self.firsts.append(self.firsts[-1] + len(tasks))

    def __len__(self) -> int:
        return self.firsts[-1]

    def __getitem__(self, i: Any) -> Any:
        if not 0 <= i < len(self):
            raise IndexError(f"the plan has {len(self)} tasks, no task {i}")
        where = bisect.bisect_right(self.firsts, i) - 1
        return self.graph.layers[where].key(self.chosen[where][i - self.firsts[where]])


class _Lookup:
    """Ids of the plan for global numbers of the graph."""

    __slots__ = ("graph", "ids")

    def __init__(self, graph: Graph, ids: list[Any]) -> None:
        self.graph = graph
        self.ids = ids

    def id(self, number: int) -> int:
        """The id of one task."""
        starts = self.graph.starts
        where = bisect.bisect_right(starts, number) - 1
        found: int = self.ids[where][number - starts[where]]
        return found

    def of(self, name: str) -> Any:
        """Ids of the blocks behind a name: a range when all are there and in order."""
        numbers = self.graph.named.get(name)
        if numbers is None:
            return self.ids[self.graph.places[name]]
        return _Named(self, numbers)


class _Named:
    """Ids of blocks that have a name but no layer of their own."""

    __slots__ = ("lookup", "numbers")

    def __init__(self, lookup: _Lookup, numbers: Sequence[int]) -> None:
        self.lookup = lookup
        self.numbers = numbers

    def __getitem__(self, block: int) -> int:
        return self.lookup.id(self.numbers[block])


def _cull(graph: Graph, wanted: Sequence[int]) -> list[Any]:
    """Which tasks of each layer are needed: the full range, or a set."""
    starts = graph.starts
    needed: list[Any] = [set() for _ in graph.layers]

    def demand(number: int) -> None:
        where = bisect.bisect_right(starts, number) - 1
        if not isinstance(needed[where], range):
            needed[where].add(number - starts[where])

    if len(starts) == 1:
        needed[0] = set(wanted)
    else:
        for number in wanted:
            demand(number)
    for where in reversed(range(len(graph.layers))):
        layer, tasks = graph.layers[where], needed[where]
        if isinstance(layer, TableLayer):
            _cull_table(layer, starts[where], needed, where, demand)
            continue
        if len(tasks) == layer.size:
            tasks = needed[where] = range(layer.size)
        if not tasks:
            continue
        for source, blocks in _demands(layer, tasks):
            numbers = graph.named.get(source)
            if numbers is not None:
                for number in numbers if blocks is None else [numbers[b] for b in blocks]:
                    demand(number)
                continue
            at = graph.places[source]
            if blocks is None:
                needed[at] = range(graph.layers[at].size)
            elif not isinstance(needed[at], range):
                needed[at].update(blocks)
    return needed


def _demands(layer: GridLayer, tasks: Any) -> list[tuple[str, Any]]:
    """``(source, blocks)`` pairs that the tasks of a layer read; None is all blocks."""
    out: list[tuple[str, Any]] = []
    whole = isinstance(tasks, range)
    for part in layer.inputs:
        if isinstance(part, Each | Const):
            continue
        if whole and part.covers(layer.shape):
            out.append((part.source, None))
        else:
            rows = part.rows(layer.shape, tasks if whole else sorted(tasks))
            out.append((part.source, {b for row in rows for b in row} if part.many else rows))
    return out


def _cull_table(layer: TableLayer, start: int, needed: list[Any], where: int, demand: Any) -> None:
    """Close a table's needed rows under dependencies, and pass on what lies outside of it."""
    rows = needed[where]
    deps = layer.deps
    if not isinstance(rows, range):
        if not rows:
            return
        marks = bytearray(layer.size)
        for row in rows:
            marks[row] = 1
        for row in range(max(rows), -1, -1):
            if marks[row]:
                for number in deps[row]:
                    if number >= start:
                        marks[number - start] = 1
        if all(marks):
            rows = range(layer.size)
        else:
            rows = {row for row, mark in enumerate(marks) if mark}
        needed[where] = rows
    if start:
        for row in rows:
            for number in deps[row]:
                if number < start:
                    demand(number)


def _expand_table(layer: TableLayer, rows: Sequence[int], plan: _Rows, lookup: _Lookup) -> None:
    """Append the needed rows of a table."""
    whole = isinstance(rows, range)
    if whole and not plan.deps:
        # The first layer, all of it: global numbers are ids, and the lists can be taken over.
        plan.funcs, plan.args, plan.deps = layer.funcs, layer.args, layer.deps
        if len(lookup.graph.layers) > 1:
            plan.funcs, plan.args, plan.deps = plan.funcs[:], plan.args[:], plan.deps[:]
        return
    if whole:
        plan.funcs += layer.funcs
        plan.args += layer.args
    else:
        plan.funcs += [layer.funcs[row] for row in rows]
        plan.args += [layer.args[row] for row in rows]
    plan.deps += [tuple([lookup.id(number) for number in layer.deps[row]]) for row in rows]


def _expand_grid(layer: GridLayer, tasks: Sequence[int], plan: _Rows, lookup: _Lookup) -> None:
    """Append the needed tasks of a grid."""
    if not tasks:
        return
    plan.funcs += [layer.func] * len(tasks)
    if layer.func is None:
        (each,) = layer.inputs
        assert isinstance(each, Each)
        plan.args += [each.values[task] for task in tasks]
        plan.deps += [()] * len(tasks)
        return
    columns = [_column(part, layer, tasks, lookup) for part in layer.inputs]
    if not layer.kwargs:
        if all(type(part) is Each for part in layer.inputs):
            plan.args += zip(*columns, strict=True) if columns else [()] * len(tasks)
            plan.deps += [()] * len(tasks)
            return
        if not any(part.many or isinstance(part, Each | Const) for part in layer.inputs):
            plan.args += [None] * len(tasks)
            plan.deps += zip(*columns, strict=True)
            if len(columns) > 1:
                _split_repeats(plan, len(plan.deps) - len(tasks))
            return
    _expand_general(layer, columns, len(tasks), plan)


def _split_repeats(plan: _Rows, first: int) -> None:
    """``f(x, x)``: a dependency stands once in ``deps`` and twice in the arguments."""
    for i in range(first, len(plan.deps)):
        row = plan.deps[i]
        if len(set(row)) != len(row):
            unique = tuple(dict.fromkeys(row))
            plan.deps[i] = unique
            plan.args[i] = Template([Ref(unique.index(dep)) for dep in row])


def _column(part: Any, layer: GridLayer, tasks: Sequence[int], lookup: _Lookup) -> Sequence[Any]:
    """One argument of each task: an id, a tuple of ids, or a value."""
    if isinstance(part, Const):
        return [part.value] * len(tasks)
    if isinstance(part, Each):
        return [part.values[task] for task in tasks]
    ids = lookup.of(part.source)
    rows = part.rows(layer.shape, tasks)
    if part.many:
        return [tuple([ids[block] for block in row]) for row in rows]
    if isinstance(rows, range) and isinstance(ids, range):
        return ids[rows.start : rows.stop]
    return [ids[block] for block in rows]


def _expand_general(
    layer: GridLayer, columns: list[Sequence[Any]], count: int, plan: _Rows
) -> None:
    """Tasks that mix blocks, lists of blocks and values: a template each, shared where equal."""
    shared: dict[Any, Template] = {}
    values = any(isinstance(part, Each) for part in layer.inputs)
    for row in zip(*columns, strict=True) if columns else [()] * count:
        deps: dict[int, int] = {}
        shape: list[Any] = []
        for part, item in zip(layer.inputs, row, strict=True):
            if isinstance(part, Each | Const):
                shape.append(None)
            elif part.many:
                shape.append(tuple([deps.setdefault(i, len(deps)) for i in item]))
            else:
                shape.append(deps.setdefault(item, len(deps)))
        plan.deps.append(tuple(deps))
        signature = tuple(shape)
        template = None if values else shared.get(signature)
        if template is None:
            template = _template(layer, row, signature)
            if not values:
                shared[signature] = template
        plan.args.append(template)


def _template(layer: GridLayer, row: Sequence[Any], signature: tuple[Any, ...]) -> Template:
    """The arguments of one task; ``signature`` holds positions among its dependencies."""
    args: list[Any] = []
    for item, where in zip(row, signature, strict=True):
        if where is None:
            args.append(item)
        elif type(where) is tuple:
            args.append(Nest(list, [Ref(i) for i in where]))
        else:
            args.append(Ref(where))
    return Template(args, layer.kwargs)
