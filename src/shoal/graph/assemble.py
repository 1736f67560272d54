"""From layers to a plan: cull, expand, number.

Two passes.  Backwards, from the wanted tasks to the sources, each layer learns which of its tasks
are needed: all of them (a flag), or a set.  Forwards, each layer's needed tasks become rows of
the plan; what they read is translated from "block 7 of layer x" to the id it got there.

Layers whose tasks are all needed are expanded without a Python-level step a task, as far as their
arguments are blocks by axes or the same for all.  The number of a task is one object for all that
mention it.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Iterator, Sequence
from operator import eq
from typing import Any

from shoal.graph.layers import Blocks, Const, Each, Graph, GridLayer, TableLayer
from shoal.graph.plan import Plan, make_plan
from shoal.graph.task import Nest, Portion, Ref, Template
from shoal.graph.tiles import order_by_tiles
from shoal.types import Key

__all__ = ["assemble"]

MOST_VALUES = 64
"""Different objects among the values of a layer, up to which tasks that are alike share what
describes their arguments."""


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
    lookup = _Lookup(graph, ids)
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
            _expand_grid(layer, chosen, rows, lookup)
            if any(part.parts for part in layer.inputs):
                rows.args[first:] = map(Portion, rows.args[first:], chosen)
            if layer.annotations and chosen:
                span = range(first, first + len(chosen))
                annotations.append((span, dict(layer.annotations)))
        else:
            _expand_table(layer, chosen, rows, lookup)
            here = ids[-1]
            for marked, mapping in layer.annotations:
                some = [here[row] for row in marked if row in tasks]
                if some:
                    annotations.append((some, dict(mapping)))
        rows.chosen.append(chosen)
    keys = _Keys(graph, rows.chosen)
    ends = lookup.all(wanted)
    order = None
    if len(rows.deps) == graph.size:
        order = order_by_tiles(graph, graph.starts, rows.deps, ends)
    return make_plan(rows.funcs, rows.args, rows.deps, keys, ends, annotations, order)


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

    def pieces(self) -> list[tuple[GridLayer | TableLayer, Sequence[int]]]:
        """``(layer, flat indices)`` of consecutive tasks: for whoever names whole layers."""
        return list(zip(self.graph.layers, self.chosen, strict=True))

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

    def all(self, numbers: Sequence[int]) -> list[int]:
        """The ids of some tasks."""
        if isinstance(numbers, range) and len(numbers) > 1:
            where = bisect.bisect_right(self.graph.starts, numbers[0]) - 1
            start = self.graph.starts[where]
            ids = self.of_layer(where)
            if isinstance(ids, list) and numbers.step == 1 and numbers[-1] - start < len(ids):
                return ids[numbers[0] - start : numbers[-1] - start + 1]
        return [self.id(number) for number in numbers]

    def of(self, name: str, whole: bool) -> Any:
        """Ids of the blocks behind a name: a list when all are there, else something like it."""
        numbers = self.graph.named.get(name)
        if numbers is None:
            return self.of_layer(self.graph.places[name])
        return self.all(numbers) if whole else _Named(self, numbers)

    def of_layer(self, where: int) -> Any:
        """Ids of the tasks of a layer."""
        found = self.ids[where]
        if isinstance(found, range):
            # Kept, so that all who read a task hold the same number.
            found = self.ids[where] = list(found)
        return found


class _Named:
    """Ids of blocks that have a name but no layer of their own, of which some may be missing."""

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
    elif not _demand_layer(graph, wanted, needed):
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
                some = numbers if blocks is None else [numbers[b] for b in blocks]
                if not _demand_layer(graph, some, needed):
                    for number in some:
                        demand(number)
                continue
            at = graph.places[source]
            if blocks is None:
                needed[at] = range(graph.layers[at].size)
            elif not isinstance(needed[at], range):
                needed[at].update(blocks)
    return needed


def _demand_layer(graph: Graph, numbers: Sequence[int], needed: list[Any]) -> bool:
    """Whether some numbers are those of a whole layer, which is needed then."""
    if not isinstance(numbers, range) or not numbers or numbers.step != 1:
        return False
    where = bisect.bisect_right(graph.starts, numbers[0]) - 1
    whole = graph.starts[where] == numbers[0] and graph.layers[where].size == len(numbers)
    if whole and isinstance(graph.layers[where], GridLayer):
        needed[where] = range(len(numbers))
        return True
    return False


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
    count = len(tasks)
    if not count:
        return
    plan.funcs += [layer.func] * count
    if layer.func is None:
        (each,) = layer.inputs
        assert isinstance(each, Each)
        plan.args += [each.values[task] for task in tasks]
        plan.deps += [()] * count
        return
    columns = [_column(part, layer, tasks, lookup) for part in layer.inputs]
    kinds = set(map(type, layer.inputs))
    if kinds <= {Each, Const}:
        _expand_values(layer, columns, count, plan, shared=Each not in kinds)
        return
    if kinds <= {Blocks, Const} or (kinds <= {Blocks, Const, Each} and _few(layer, columns)):
        first = len(plan.deps)
        repeats = _repeats(layer, columns, count)
        if 4 * len(repeats) <= count:
            _expand_blocks(layer, columns, count, plan)
            for i, deps, args in _general_rows(layer, columns, repeats):
                plan.deps[first + i], plan.args[first + i] = deps, args
            return
    for _, deps, args in _general_rows(layer, columns, range(count)):
        plan.deps.append(deps)
        plan.args.append(args)


def _expand_values(
    layer: GridLayer, columns: list[Any], count: int, plan: _Rows, shared: bool
) -> None:
    """Tasks that read nothing."""
    plan.deps += [()] * count
    rows: Iterable[tuple[Any, ...]]
    if shared:
        row = next(zip(*columns, strict=True), ())
        args = Template(row, layer.kwargs) if layer.kwargs else row
        plan.args += [args] * count
        return
    if len(columns) == 1 and count > 1 and columns[0][0] is columns[0][1]:
        # The same object many times, such as the shape of regular blocks: one tuple for it.
        made: dict[int, tuple[Any, ...]] = {}
        rows = [made.get(id(v)) or made.setdefault(id(v), (v,)) for v in columns[0]]
    else:
        rows = zip(*columns, strict=True)
    plan.args += [Template(row, layer.kwargs) for row in rows] if layer.kwargs else rows


def _few(layer: GridLayer, columns: list[Any]) -> bool:
    """Whether the values that tasks are given are the same few objects."""
    return all(
        len(set(map(id, column))) <= MOST_VALUES
        for part, column in zip(layer.inputs, columns, strict=True)
        if type(part) is Each
    )


def _repeats(layer: GridLayer, columns: list[Any], count: int) -> Sequence[int]:
    """The tasks that may read a block through two of their arguments, as on a diagonal."""
    blocks = [(p, c) for p, c in zip(layer.inputs, columns, strict=True) if type(p) is Blocks]
    found: set[int] = set()
    for (part, column), (other, beside) in itertools.combinations(blocks, 2):
        if part.source != other.source:
            continue
        if part.many or other.many:
            return range(count)
        found.update(itertools.compress(range(count), map(eq, column, beside)))
    return sorted(found)


def _expand_blocks(layer: GridLayer, columns: list[Any], count: int, plan: _Rows) -> None:
    """Tasks that read no block twice: how many they read, and which of a few values they are given,
    is all that tells them apart."""
    blocks = [
        (part.many, column)
        for part, column in zip(layer.inputs, columns, strict=True)
        if type(part) is Blocks
    ]
    values = [c for part, c in zip(layer.inputs, columns, strict=True) if type(part) is Each]
    plain = len(blocks) == len(columns) and not layer.kwargs
    if not any(many for many, _ in blocks):
        plan.deps += zip(*[column for _, column in blocks], strict=True)
        if not values:
            plan.args += [None if plain else _template_of(layer, (), ())] * count
            return
    else:
        lists = [column if many else zip(column, strict=True) for many, column in blocks]
        if len(lists) == 1:
            plan.deps += lists[0]
        else:
            rows = zip(*lists, strict=True)
            plan.deps += map(tuple, map(itertools.chain.from_iterable, rows))
    marks = [map(len, column) for many, column in blocks if many]
    marks += [map(id, column) for column in values]
    templates: dict[tuple[int, ...], Template] = {}
    for i, mark in enumerate(zip(*marks, strict=True)):
        template = templates.get(mark)
        if template is None:
            own = _template_of(layer, mark, [column[i] for column in values])
            template = templates[mark] = own
        plan.args.append(template)


def _template_of(layer: GridLayer, counts: Sequence[int], values: Sequence[Any]) -> Template:
    """The arguments of tasks whose lists of blocks are so long, and who are given these values."""
    lengths, given, at = iter(counts), iter(values), 0
    row: list[Any] = []
    signature: list[Any] = []
    for part in layer.inputs:
        row.append(None)
        if isinstance(part, Const | Each):
            row[-1] = part.value if isinstance(part, Const) else next(given)
            signature.append(None)
        elif part.many:
            length = next(lengths)
            signature.append(tuple(range(at, at + length)))
            at += length
        else:
            signature.append(at)
            at += 1
    return _template(layer, row, tuple(signature))


def _column(part: Any, layer: GridLayer, tasks: Sequence[int], lookup: _Lookup) -> Sequence[Any]:
    """One argument of each task: an id, a tuple of ids, or a value."""
    if isinstance(part, Const):
        return [part.value] * len(tasks)
    if isinstance(part, Each):
        if isinstance(tasks, range) and len(tasks) == layer.size:
            # The values may know a quicker way to say all of them than one by one.
            return list(itertools.islice(part.values, layer.size))
        return [part.values[task] for task in tasks]
    whole = type(part) is Blocks and isinstance(tasks, range)
    ids = lookup.of(part.source, whole and part.covers(layer.shape))
    if whole and isinstance(ids, list):
        return part.whole(layer.shape, ids)  # type: ignore[no-any-return]
    rows = part.rows(layer.shape, tasks)
    if part.many:
        return [tuple([ids[block] for block in row]) for row in rows]
    return [ids[block] for block in rows]


def _general_rows(
    layer: GridLayer, columns: list[Any], tasks: Iterable[int]
) -> Iterator[tuple[int, tuple[int, ...], Template]]:
    """Tasks that mix blocks, lists of blocks and values: a template each, shared where equal."""
    shared: dict[Any, Template] = {}
    values = any(isinstance(part, Each) for part in layer.inputs)
    for task in tasks:
        row = [column[task] for column in columns]
        deps: dict[int, int] = {}
        shape: list[Any] = []
        for part, item in zip(layer.inputs, row, strict=True):
            if isinstance(part, Each | Const):
                shape.append(None)
            elif part.many:
                shape.append(tuple([deps.setdefault(i, len(deps)) for i in item]))
            else:
                shape.append(deps.setdefault(item, len(deps)))
        signature = tuple(shape)
        template = None if values else shared.get(signature)
        if template is None:
            template = _template(layer, row, signature)
            if not values:
                shared[signature] = template
        yield task, tuple(deps), template


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
